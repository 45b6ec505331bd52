//! A failure, as C sees it.

use super::boundary::{Str, put};
use crate::layout::Failure;

/// The class of the exception, such as `ValueError`; empty if the run left no name.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_failure_type(failure: Option<&Failure>) -> Str {
    Str::new(failure.map(Failure::class))
}

/// The module of the class, such as `builtins`; empty if the run left no name.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_failure_module(failure: Option<&Failure>) -> Str {
    Str::new(failure.map(Failure::module))
}

/// The sentence that the exception carried.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_failure_message(failure: Option<&Failure>) -> Str {
    Str::new(failure.map(Failure::message))
}

/// The Python traceback; empty if the run left none.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_failure_traceback(failure: Option<&Failure>) -> Str {
    Str::new(failure.map(Failure::traceback))
}

/// The file that told, relative to the run, such as `error.pkl`; `events` for Ray's export events.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_failure_source(failure: Option<&Failure>) -> Str {
    Str::new(failure.map(Failure::source))
}

/// How many times the run failed, restarts included.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_failure_occurrences(failure: Option<&Failure>) -> u64 {
    failure.map_or(0, Failure::occurrences)
}

/// Whether the run went on after it: Ray keeps the record of a failure that a retry overcame.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_failure_recovered(failure: Option<&Failure>) -> bool {
    failure.is_some_and(Failure::recovered)
}

/// How many workers failed.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_failure_worker_count(failure: Option<&Failure>) -> usize {
    failure.map_or(0, |failure| failure.workers().len())
}

/// The failure of worker `index`; NULL past the end.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_failure_worker_at(failure: Option<&Failure>, index: usize) -> Option<&Failure> {
    failure?.workers().get(index)
}

/// The rank of the worker that failed. Returns false, and leaves `*out` alone, if it is unknown.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_failure_rank(failure: Option<&Failure>, out: *mut u64) -> bool {
    put(out, failure.and_then(Failure::rank))
}
