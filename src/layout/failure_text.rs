//! A failure, from the text in which Train V2 tells of it.

use super::Failure;
use crate::parse::error_log::{WorkerBlock, is_frame, last_exception_kept, told_failure, worker_blocks};

/// More workers than any run of Ray has.
const MOST_WORKERS: usize = 100_000;

/// The failure that a text tells of; `source` is where it stands.
pub(super) fn failure(text: &str, source: &'static str) -> Failure {
    Failure { workers: workers(text, source), ..details(told_failure(text), source) }
}

/// The workers that the headings in a text name, each with what stands below its heading.
pub(super) fn workers(text: &str, source: &'static str) -> Vec<Failure> {
    let in_block = |block: WorkerBlock| {
        let details = details(block.text, source);
        let ranks: Vec<u64> = block.ranks().take(MOST_WORKERS).collect();
        ranks.into_iter().map(move |rank| Failure { rank: Some(rank), ..details.clone() })
    };
    worker_blocks(text).flat_map(in_block).take(MOST_WORKERS).collect()
}

/// The exception that a text ends with; if it ends with none, all of it is the message.
fn details(text: &str, source: &'static str) -> Failure {
    let mut failure = Failure { source, occurrences: 1, ..Failure::default() };
    if text.lines().any(is_frame) {
        failure.traceback = text.into();
    }
    match last_exception_kept(text) {
        Some(exception) => {
            failure.class = exception.class.into();
            failure.module = exception.module.into();
            failure.message = exception.message.into();
        }
        None => failure.message = text.trim_end_matches('\n').into(),
    }
    failure
}
