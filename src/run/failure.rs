//! What made a run fail.

use crate::layout::Failure;

impl Failure {
    /// The class of the exception, such as `ValueError`; empty if the run left no name.
    pub fn class(&self) -> &str {
        &self.class
    }

    /// The module of the class, such as `builtins`; empty if the run left no name.
    pub fn module(&self) -> &str {
        &self.module
    }

    /// The sentence that the exception carried.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The Python traceback; empty if the run left none.
    pub fn traceback(&self) -> &str {
        &self.traceback
    }

    /// The file that told, relative to the run, such as `error.pkl`; `events` for Ray's export events.
    pub fn source(&self) -> &str {
        self.source
    }

    /// How many times the run failed, restarts included.
    pub fn occurrences(&self) -> u64 {
        self.occurrences
    }

    /// Whether the run went on after it: Ray keeps the record of a failure that a retry overcame.
    pub fn recovered(&self) -> bool {
        self.recovered
    }

    /// The failures of workers, where the run tells them apart.
    pub fn workers(&self) -> &[Failure] {
        &self.workers
    }

    /// The rank of the worker that failed, if it is known.
    pub fn rank(&self) -> Option<u64> {
        self.rank
    }
}
