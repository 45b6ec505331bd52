//! Reads the whole table of a run, and prints its size.
use result::Run;
fn main() -> result::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let run = Run::open(&arguments[1], &[], None)?;
    let start = std::time::Instant::now();
    let threads = arguments.get(2).map_or("1", String::as_str);
    let frame = run.read_frame(&[("threads", threads)], None)?;
    eprintln!("{:?}", start.elapsed());
    println!("{} rows, {} columns", frame.row_count(), frame.columns().len());
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().filter(|line| line.starts_with("VmHWM")).for_each(|line| eprintln!("{line}"));
    Ok(())
}
