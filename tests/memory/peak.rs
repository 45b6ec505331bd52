//! Opens a run and prints, in bytes: how far the peak of memory rose, and the length of what the run answers as JSON
//! (0 if it does not open). With a format, `csv` or `parquet`, and a path, it writes the reports there instead, and
//! prints the length of the file. For tests/memory.rs.

use std::fs;

use result::Run;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let path = arguments.first().map(String::as_str).unwrap_or_default();
    let before = peak();
    let run = Run::open(path, &[("retry_ms", "0")], None);
    let length = match (run, &arguments[..]) {
        (Ok(run), [_, format, to]) => {
            let written = match format.as_str() {
                "csv" => run.write_csv(to, &[], None, None),
                _parquet => run.write_parquet(to, &[], None, None),
            };
            written.map_or(0, |()| fs::metadata(to).map_or(0, |file| file.len()))
        }
        (run, _open) => {
            let risen = peak().saturating_sub(before);
            return println!("{risen} {}", run.map_or(0, |run| run.to_json().len()));
        }
    };
    println!("{} {length}", peak().saturating_sub(before));
}

/// The peak of this process, as Linux tells it.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or_default() * 1024
}
