//! What is measured: `download URI DIRECTORY [SETTING VALUE]…` copies a checkpoint.

use std::process::ExitCode;

use result::Checkpoint;

fn main() -> ExitCode {
    let start = cpu_time::ProcessTime::now();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [uri, directory, settings @ ..] = &arguments[..] else { return ExitCode::from(2) };
    let settings: Vec<(&str, &str)> =
        settings.chunks_exact(2).map(|pair| (pair[0].as_str(), pair[1].as_str())).collect();
    match Checkpoint::open(uri, &[], None)
        .and_then(|checkpoint| checkpoint.download(directory, &settings, None, None))
    {
        Ok(()) => {
            libresult_benches::print_used(start);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
