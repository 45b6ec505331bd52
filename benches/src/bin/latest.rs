//! What is measured: the latest metrics of a run, without reading the rest; of an experiment, those of each run, and the
//! best of them. Prints the loss.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use result::Run;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn loss(path: &Path) -> Outcome<f64> {
    let run = Run::open(&path.display().to_string(), &[("read", "latest")], None)?;
    run.metric("loss").and_then(|loss| loss.as_f64()).ok_or_else(|| "no loss".into())
}

fn ask(path: &Path) -> Outcome<String> {
    if path.join("result.json").exists() {
        return Ok(format!("{:?}", loss(path)?));
    }
    let trials: Vec<PathBuf> = fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<Outcome<_>>()?;
    let mut losses = trials.iter().map(|trial| Ok((loss(trial)?, trial))).collect::<Outcome<Vec<_>>>()?;
    losses.sort_by(|(a, first), (b, second)| a.total_cmp(b).then(first.cmp(second)));
    let (best, trial) = losses.first().ok_or("no trials")?;
    let name = trial.file_name().unwrap_or_default().to_string_lossy();
    Ok(format!("{} trials, best {name} {best:?}", losses.len()))
}

fn main() -> ExitCode {
    let start = cpu_time::ProcessTime::now();
    let Some(path) = std::env::args().nth(1) else { return ExitCode::from(2) };
    match ask(Path::new(&path)) {
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
