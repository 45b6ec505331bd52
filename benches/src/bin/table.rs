//! What is measured: a run as a table. `table RUN [threads N] [column C]… [digest]` prints its size, or its digest.

use std::process::ExitCode;

use libresult_benches::frame;
use result::Run;

fn main() -> ExitCode {
    frame::main(|words| {
        let [run, more @ ..] = words else {
            return Err("table RUN [threads N] [column C]… [digest]".into());
        };
        let arguments = frame::Arguments::new(more);
        // Its checkpoints are not asked for.
        let table = Run::open(run, &[("read", "latest")], None)?.read_frame(&arguments.settings(), None)?;
        if arguments.digest {
            let mut digests = frame::Digests::default();
            digests.add(&table);
            digests.print()?;
        } else {
            println!("rows {} columns {}", table.row_count(), table.columns().len());
        }
        Ok(())
    })
}
