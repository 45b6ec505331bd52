//! What is measured: opens a run, and prints the name of the best checkpoint, its loss, and the loss of the last report.

use std::process::ExitCode;

use result::{Mode, Result, Run, Value};

fn ask(uri: &str) -> Result<String> {
    let run = Run::open(uri, &[], None)?;
    let best = run.best_checkpoint("loss", Mode::Min, &[])?;
    let loss = |value: Option<&Value>| value.and_then(Value::as_f64).unwrap_or(f64::NAN);
    Ok(format!(
        "{} {:?} {:?}",
        best.name(),
        loss(best.metrics().and_then(|metrics| metrics.get("loss"))),
        loss(run.metric("loss"))
    ))
}

fn main() -> ExitCode {
    let start = cpu_time::ProcessTime::now();
    let Some(uri) = std::env::args().nth(1) else { return ExitCode::from(2) };
    match ask(&uri) {
        Ok(answer) => {
            println!("{answer}");
            libresult_benches::print_used(start);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
