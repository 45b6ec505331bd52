//! What is measured: every row of every trial, as one table a trial, in the order of their names.
//! `experiment DIRECTORY [threads N] [digest]` prints the size, or the digest, of all rows.

use std::collections::HashSet;
use std::process::ExitCode;

use libresult_benches::frame;
use result::Run;

fn main() -> ExitCode {
    frame::main(|words| {
        let [path, more @ ..] = words else { return Err("experiment DIRECTORY [threads N] [digest]".into()) };
        let arguments = frame::Arguments::new(more);
        let entries = std::fs::read_dir(path)?.collect::<Result<Vec<_>, _>>()?;
        let mut trials: Vec<String> =
            entries.iter().map(|entry| entry.path().display().to_string()).collect();
        trials.sort();
        let (mut rows, mut digests, mut tables) =
            (0, frame::Digests::default(), Vec::with_capacity(trials.len()));
        for trial in &trials {
            // Their checkpoints are not asked for.
            let run = Run::open(trial, &[("read", "latest")], None)?;
            let table = run.read_frame(&arguments.settings(), None)?;
            if arguments.digest {
                digests.add(&table);
            }
            rows += table.row_count();
            tables.push(table);
        }
        if arguments.digest {
            digests.print()?;
        } else {
            let names = tables.iter().flat_map(|table| table.columns().iter().map(|column| column.name()));
            println!("rows {rows} columns {}", names.collect::<HashSet<_>>().len());
        }
        Ok(())
    })
}
