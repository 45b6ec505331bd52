//! Opens a run and prints what most people ask: `cargo run --example inspect -- RUN [METRIC [min|max]]`.

use result::{Mode, Run};

fn main() -> result::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let Some(path) = arguments.get(1) else {
        eprintln!("usage: inspect RUN [METRIC [min|max]]");
        std::process::exit(2);
    };
    let run = Run::open(path, &[], None)?;
    println!("{} ({:?}, Ray {})", run.path(), run.layout(), run.ray_version());
    if let Some(metrics) = run.metrics() {
        println!("metrics     {}", metrics.to_json());
    }
    if let Some(config) = run.config() {
        println!("config      {} from {}", config.to_json(), run.config_source());
    }
    if let Some(metric) = arguments.get(2) {
        let mode = if arguments.get(3).is_some_and(|mode| mode == "max") { Mode::Max } else { Mode::Min };
        let ranking = run.rank_checkpoints(metric, mode, &[])?;
        for (place, (checkpoint, value)) in ranking.ranked().iter().enumerate() {
            println!("{:>10}  {} {metric}={}", place + 1, checkpoint.name(), value.to_json());
        }
        for (checkpoint, reason) in ranking.skipped() {
            println!("   skipped  {} ({reason:?})", checkpoint.name());
        }
    }
    if let Some(failure) = run.failure() {
        println!("failure     {}: {}\n{}", failure.class(), failure.message(), failure.traceback());
    }
    for found in run.diagnostics() {
        println!("{:<11} {}", format!("{:?}", found.severity()).to_lowercase(), found.message());
    }
    Ok(())
}
