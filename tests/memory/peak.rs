//! Opens a run and prints, in bytes: how far the peak of memory rose, and the length of what the run answers as JSON
//! (0 if it does not open). For tests/memory.rs.

use std::fs;

use result::Run;

fn main() {
    let path = std::env::args().nth(1).unwrap_or_default();
    let before = peak();
    let run = Run::open(&path, &[("retry_ms", "0")], None);
    let risen = peak().saturating_sub(before);
    println!("{risen} {}", run.map_or(0, |run| run.to_json().len()));
}

/// The peak of this process, as Linux tells it.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or_default() * 1024
}
