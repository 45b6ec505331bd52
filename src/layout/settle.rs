//! A run may be read while Ray writes it. Ray V2 writes its snapshot in place, so that a reader may find half of
//! it; a checkpoint may come, or go, between the listing and the reading of what names it.

use std::time::{Duration, Instant};

use super::detect::SNAPSHOT;
use super::directory::Directory;
use super::{Limits, Presence, Record};
use crate::cancel::{self, Cancel};
use crate::error::{Code, Error, Result};
use crate::storage::{ETag, Fault, Location};

/// How long something is tried again.
pub(super) struct Patience {
    limit: Duration,
    /// From the first wait on: what comes before may take longer than the limit, as on a store far away.
    until: Option<Instant>,
    pause: Duration,
}

impl Patience {
    const LONGEST_PAUSE: Duration = Duration::from_millis(10);

    pub(super) fn new(limit: Duration) -> Self {
        Patience { limit, until: None, pause: Duration::from_millis(1) }
    }

    /// Waits a little. Returns whether to try again.
    pub(super) fn wait(&mut self, cancel: Option<&Cancel>) -> Result<bool> {
        cancel::check(cancel)?;
        let now = Instant::now();
        let until = *self.until.get_or_insert(now + self.limit);
        let left = until.saturating_duration_since(now);
        std::thread::sleep(left.min(self.pause));
        self.pause = (self.pause * 2).min(Self::LONGEST_PAUSE);
        Ok(!left.is_zero())
    }
}

/// Whether what was read was not in the middle of a change.
pub(super) fn is_settled(
    location: &Location,
    outcome: &Result<Record>,
    limits: &Limits,
    cancel: Option<&Cancel>,
) -> Result<bool> {
    let record = match outcome {
        Ok(record) => record,
        Err(error) => return Ok(!is_of_a_change(error)),
    };
    let is_missing = |name: &&str, directory: &Directory| directory.presence(name) == Presence::Absent;
    let absent = record.checkpoints.iter().filter(|found| found.presence == Presence::Absent);
    let absent: Vec<&str> = absent.map(|found| &*found.name).collect();
    if absent.is_empty() {
        return Ok(true);
    }
    // Ray writes a checkpoint before what names it, and forgets its name before it deletes it. So if a
    // checkpoint is still missing and the snapshot is still the same, it is gone for good.
    let Ok(directory) = Directory::list(location, limits, cancel) else { return Ok(true) };
    let still_missing = absent.iter().all(|name| is_missing(name, &directory));
    Ok(still_missing && record.snapshot == snapshot_state(&directory)?)
}

/// Half of a snapshot, or a file that was written between its listing and its reading.
fn is_of_a_change(error: &Error) -> bool {
    let is_half = error.code() == Code::Corrupt && error.message().contains(SNAPSHOT);
    is_half || (error.code() == Code::Io && error.message().ends_with(&Fault::Changed.to_string()))
}

fn snapshot_state(directory: &Directory) -> Result<Option<ETag>> {
    Ok(directory.open(SNAPSHOT)?.map(|blob| blob.etag().clone()))
}
