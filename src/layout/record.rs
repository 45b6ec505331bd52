//! What a layout tells of a run, whichever layout it is.

use std::sync::Arc;

use super::{Diagnostic, Reports};
use crate::storage::ETag;
use crate::value::Value;

/// How the run is laid out in its directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
#[non_exhaustive]
pub enum Layout {
    /// Nothing is known: the argument was NULL.
    Unknown = 0,
    /// `result.json` and `progress.csv`: Ray Train before V2, and every trial of Ray Tune.
    TrainV1 = 1,
    /// `checkpoint_manager_snapshot.json`: Ray Train V2.
    TrainV2 = 2,
}

/// Whether a run has something that its directory may or may not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
#[non_exhaustive]
pub enum Presence {
    /// The directory does not record it, so nobody can tell.
    Unknown = 0,
    /// It is known not to exist.
    Absent = 1,
    /// It exists, and was read.
    Present = 2,
}

/// How far Ray had got with a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
#[non_exhaustive]
pub enum Status {
    /// Nothing is known: it was opened without its run.
    Unknown = 0,
    /// A directory that no report names: an upload that never ended, or a leftover.
    Uncommitted = 1,
    /// Reported.
    Committed = 2,
    /// Reported, its validation still to come.
    PendingValidation = 3,
    /// Validated.
    Validated = 4,
    /// Its validation failed.
    ValidationFailed = 5,
    /// Its validation took too long.
    ValidationTimedOut = 6,
}

/// Something that a run may or may not have, and the file that tells.
#[derive(Debug, Clone)]
pub(crate) enum Fact<T> {
    Unknown,
    Absent,
    Present { value: T, source: &'static str },
}

impl<T> Fact<T> {
    pub(crate) fn presence(&self) -> Presence {
        match self {
            Fact::Unknown => Presence::Unknown,
            Fact::Absent => Presence::Absent,
            Fact::Present { .. } => Presence::Present,
        }
    }

    pub(crate) fn value(&self) -> Option<&T> {
        match self {
            Fact::Unknown | Fact::Absent => None,
            Fact::Present { value, .. } => Some(value),
        }
    }

    pub(crate) fn source(&self) -> &'static str {
        match self {
            Fact::Unknown | Fact::Absent => "",
            Fact::Present { source, .. } => source,
        }
    }
}

/// What made a run fail.
// Very many workers may fail in the same way, so they share its texts.
#[derive(Debug, Clone, Default)]
pub struct Failure {
    pub(crate) class: Arc<str>,
    pub(crate) module: Arc<str>,
    pub(crate) message: Arc<str>,
    pub(crate) traceback: Arc<str>,
    pub(crate) source: &'static str,
    pub(crate) occurrences: u64,
    pub(crate) recovered: bool,
    pub(crate) workers: Vec<Failure>,
    pub(crate) rank: Option<u64>,
}

impl Failure {
    /// Says whether the run went on after it, whichever worker failed.
    pub(crate) fn set_recovered(&mut self, recovered: bool) {
        self.recovered = recovered;
        self.workers.iter_mut().for_each(|worker| worker.recovered = recovered);
    }
}

/// One try of Ray to carry the run through: a run that fails may be tried again.
#[derive(Debug, Clone)]
pub struct Attempt {
    pub(crate) status: Box<str>,
    pub(crate) start: Option<i64>,
    pub(crate) end: Option<i64>,
    pub(crate) workers: usize,
    pub(crate) failure: Option<Failure>,
}

/// Which end of a metric a run was told to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ScoreOrder {
    Min,
    Max,
}

/// How a run went, and what it was told: no directory tells that, only export events do.
#[derive(Debug, Default)]
pub(crate) struct Course {
    /// Ray's word in lower case.
    pub status: Box<str>,
    pub status_detail: Box<str>,
    /// Nanoseconds since 1970 UTC, as all times.
    pub start: Option<i64>,
    pub end: Option<i64>,
    /// The metric that checkpoints are kept by.
    pub metric: Box<str>,
    pub order: Option<ScoreOrder>,
    pub keep: Option<u64>,
    /// Oldest first.
    pub attempts: Vec<Attempt>,
}

/// A checkpoint that a run tells of.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    /// Its directory, relative to the run.
    pub name: Box<str>,
    /// The number of its report.
    pub report: Option<u64>,
    pub presence: Presence,
    pub status: Status,
    /// An object; none for a leftover, of which nothing is known.
    pub metrics: Option<Value>,
}

/// Everything that a directory tells of a run.
#[derive(Debug)]
pub(crate) struct Record {
    pub layout: Layout,
    /// Empty if the directory does not tell.
    pub ray_version: Box<str>,
    /// The last report: an object.
    pub metrics: Option<Value>,
    /// The reported checkpoints, in the order of the reports.
    pub checkpoints: Vec<Found>,
    /// The one reported last.
    pub latest: Option<usize>,
    /// Directories that no report names.
    pub leftovers: Vec<Found>,
    pub failure: Fact<Failure>,
    pub config: Fact<Value>,
    /// No layout records it.
    pub return_value: Fact<Value>,
    pub diagnostics: Vec<Diagnostic>,
    /// Where all reports can be read.
    pub reports: Reports,
    /// The state of the snapshot that was read.
    pub snapshot: Option<ETag>,
}
