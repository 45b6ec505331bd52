//! A try to carry a run through.

use crate::layout::{Attempt, Failure};

impl Attempt {
    /// How far the attempt is; as [`Run::status`](crate::Run::status).
    pub fn status(&self) -> &str {
        &self.status
    }

    /// What made the attempt fail; none if it did not, or nothing tells.
    pub fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    /// When the attempt started; as [`Run::start_time`](crate::Run::start_time).
    pub fn start_time(&self) -> Option<i64> {
        self.start
    }

    /// When the attempt ended; as [`Run::start_time`](crate::Run::start_time).
    pub fn end_time(&self) -> Option<i64> {
        self.end
    }

    /// How many workers the attempt had.
    pub fn worker_count(&self) -> usize {
        self.workers
    }
}
