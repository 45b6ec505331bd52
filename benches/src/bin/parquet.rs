//! What is measured: a run written to Parquet, zstd. `parquet RUN FILE [threads N]`

use std::process::ExitCode;

use libresult_benches::frame;
use result::Run;

fn main() -> ExitCode {
    frame::main(|words| {
        let [run, file, more @ ..] = words else { return Err("parquet RUN FILE [threads N]".into()) };
        Run::open(run, &[], None)?.write_parquet(
            file,
            &frame::Arguments::new(more).settings(),
            None,
            None,
        )?;
        println!("written");
        Ok(())
    })
}
