//! An attempt, as C sees it.

use super::boundary::{Str, put};
use crate::layout::{Attempt, Failure};

/// How far the attempt is; as `libresult_run_status`.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_attempt_status(attempt: Option<&Attempt>) -> Str {
    Str::new(attempt.map(Attempt::status))
}

/// What made the attempt fail; NULL if it did not, or nothing tells.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_attempt_failure(attempt: Option<&Attempt>) -> Option<&Failure> {
    attempt?.failure()
}

/// When the attempt started; as `libresult_run_start_time`.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_attempt_start_time(attempt: Option<&Attempt>, out: *mut i64) -> bool {
    put(out, attempt.and_then(Attempt::start_time))
}

/// When the attempt ended; as `libresult_run_start_time`.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_attempt_end_time(attempt: Option<&Attempt>, out: *mut i64) -> bool {
    put(out, attempt.and_then(Attempt::end_time))
}

/// How many workers the attempt had.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_attempt_worker_count(attempt: Option<&Attempt>) -> usize {
    attempt.map_or(0, Attempt::worker_count)
}
