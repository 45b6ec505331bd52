//! What a program used.

/// Prints what the process used, for bench.py: how much memory at most, as Linux tells it, and seconds of CPU since
/// `main` began, so without what the system does to start a process.
pub fn print_used(start: cpu_time::ProcessTime) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    for line in status.lines().filter(|line| line.starts_with("VmHWM:")) {
        eprintln!("{line}");
    }
    eprintln!("work: {:.6} s", start.elapsed().as_secs_f64());
}
