//! What is measured: opens a run, asks for the best checkpoint, and prints its name.

use std::process::ExitCode;

use result::{Mode, Run};

fn main() -> ExitCode {
    let start = cpu_time::ProcessTime::now();
    let Some(path) = std::env::args().nth(1) else { return ExitCode::from(2) };
    match Run::open(&path, &[], None).and_then(|run| run.best_checkpoint("loss", Mode::Min, &[])) {
        Ok(best) => {
            println!("{}", best.name());
            libresult_benches::print_used(start);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
