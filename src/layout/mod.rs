//! How a run lies in its directory: finds out which layout it has, and reads what it tells into one record.

mod detect;
mod diagnostic;
mod directory;
mod error_file;
mod events;
mod failure_text;
mod names;
mod record;
mod reports;
mod settle;
#[cfg(test)]
mod tests;
mod v1;
mod v1_csv;
mod v1_old;
mod v1_rows;
mod v2;

use std::time::Duration;

use crate::cancel::Cancel;
use crate::error::Result;
use crate::storage::{Key, Location, Settings};

pub use diagnostic::{Diagnostic, Severity};
pub(crate) use diagnostic::{Diagnostics, Finding, Place};
pub(crate) use directory::named;
pub(crate) use events::join as join_events;
pub use record::{Attempt, Failure, Layout, Presence, Status};
pub(crate) use record::{Course, Fact, Found, Record, ScoreOrder};
pub(crate) use reports::{ReportFile, Reports};
pub(crate) use v1_csv::CsvRows;
pub(crate) use v1_rows::JsonLines;

use detect::{Detected, detect};
use directory::Directory;
use settle::Patience;

/// Bounds on what is read, against files that were made to harm.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// Levels of lists and objects, the row or snapshot being the first.
    pub depth: usize,
    pub line_bytes: u64,
    pub file_bytes: u64,
    pub checkpoints: usize,
    /// How long a run that is being written is read again.
    pub retry: Duration,
}

impl Limits {
    /// The settings that change them.
    pub(crate) const KEYS: [Key; 5] = [
        Key::Count("max_depth", 1),
        Key::Count("max_line_bytes", 1),
        Key::Count("max_file_bytes", 1),
        Key::Count("max_checkpoints", 1),
        Key::Count("retry_ms", 0),
    ];

    pub(crate) fn new(settings: &Settings) -> Self {
        let count = |key, default| settings.count(key).unwrap_or(default);
        Limits {
            depth: usize::try_from(count("max_depth", 1_000)).unwrap_or(usize::MAX),
            line_bytes: count("max_line_bytes", 1 << 30),
            file_bytes: count("max_file_bytes", 1 << 30),
            checkpoints: usize::try_from(count("max_checkpoints", 1_000_000)).unwrap_or(usize::MAX),
            retry: Duration::from_millis(count("retry_ms", 100)),
        }
    }
}

/// How much of a run is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Everything that its answers need.
    All,
    /// Every row as well, for whoever wants to know of all damage.
    Every,
    /// The last report only: no checkpoints.
    Latest,
}

/// Reads what the directory at `location` tells of a run.
pub(crate) fn read(
    location: &Location,
    extent: Extent,
    limits: &Limits,
    cancel: Option<&Cancel>,
) -> Result<Record> {
    let mut patience = Patience::new(limits.retry);
    loop {
        let outcome = read_once(location, extent, limits, cancel);
        if settle::is_settled(location, &outcome, limits, cancel)? || !patience.wait(cancel)? {
            return outcome;
        }
    }
}

fn read_once(
    location: &Location,
    extent: Extent,
    limits: &Limits,
    cancel: Option<&Cancel>,
) -> Result<Record> {
    let directory = match Directory::list(location, limits, cancel) {
        Ok(directory) => directory,
        Err(error) => return Err(detect::explain_no_listing(location, error, cancel)),
    };
    match detect(&directory)? {
        Some(Detected::V1) => v1::read(&directory, extent),
        Some(Detected::V2Snapshot) => v2::read(&directory, extent),
        Some(Detected::V2Marker) => v2::without_snapshot(&directory, extent),
        None => Err(detect::explain_no_run(&directory)),
    }
}
