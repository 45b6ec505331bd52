//! A directory that a run saved.

mod metadata;
mod transfer;

use std::fmt::{Debug, Formatter};
use std::sync::Arc;

use crate::cancel::Cancel;
use crate::error::{Error, Result};
use crate::layout::{Found, Presence, Status};
use crate::name::Name;
use crate::storage::{self, EntryKind, Fault, Location, Settings, Store, locate};
use crate::value::Value;

pub use transfer::{Directory, Files};

/// A directory that a run saved.
// A clone is another reference to the same checkpoint, and may outlive the run.
#[derive(Clone)]
pub struct Checkpoint(Arc<Inner>);

struct Inner {
    store: Arc<dyn Store>,
    path: Name,
    /// Unless it is the path, as of local ones.
    uri: Option<Name>,
    /// Its name is the end of its path, this long.
    name_length: usize,
    index: Option<usize>,
    report: Option<u64>,
    presence: Presence,
    status: Status,
    metrics: Option<Value>,
}

impl Checkpoint {
    /// Opens a checkpoint without its run. One that does not exist can be opened; its presence tells.
    ///
    /// # Errors
    /// `InvalidArgument` if `uri` or a setting is not one, `Unsupported` for a store that this build cannot
    /// read, `Io`, `Permission`, `Cancelled`.
    pub fn open(uri: &str, settings: &[(&str, &str)], cancel: Option<&Cancel>) -> Result<Self> {
        let settings = Settings::new(settings, storage::KEYS)?;
        let location = locate(uri, &settings)?;
        let presence = match location.list(cancel) {
            Ok(_) => Presence::Present,
            Err(error) if matches!(error.fault, Fault::NotFound | Fault::NotADirectory) => Presence::Absent,
            Err(error) if matches!(error.fault, Fault::CannotList) => Presence::Unknown,
            // A directory that may not be listed can still be seen in its own.
            Err(error) if matches!(error.fault, Fault::Permission) && is_directory(&location, cancel) => {
                Presence::Present
            }
            Err(error) => return Err(error.into()),
        };
        Ok(Checkpoint(Arc::new(Inner {
            name_length: location.name().len(),
            path: Name::new(&location.path),
            uri: own_uri(&location),
            store: location.store,
            index: None,
            report: None,
            presence,
            status: Status::Unknown,
            metrics: None,
        })))
    }

    /// A checkpoint of the run at `run`; `index` is its place among those that were reported.
    pub(crate) fn of_run(run: &Location, found: Found, index: Option<usize>) -> Self {
        let location = run.join(&found.name);
        Checkpoint(Arc::new(Inner {
            path: Name::new(&location.path),
            uri: own_uri(&location),
            store: run.store.clone(),
            name_length: found.name.len(),
            index,
            report: found.report,
            presence: found.presence,
            status: found.status,
            metrics: found.metrics,
        }))
    }

    /// Where the checkpoint is, so that it can be opened again.
    pub fn uri(&self) -> &str {
        self.0.uri.as_ref().unwrap_or(&self.0.path)
    }

    /// Where the checkpoint is, as Ray shows it (`Checkpoint.path`): without the scheme.
    pub fn path(&self) -> &str {
        &self.0.path
    }

    /// The kind of store it is on, as Ray names it: `local`, `s3`, `gcs`, `abfs`; `http`, and the scheme of a store of the
    /// caller's own.
    pub fn filesystem(&self) -> &str {
        self.0.store.filesystem()
    }

    /// The name of its directory; relative to the run, if it was opened with one.
    pub fn name(&self) -> &str {
        &self.0.path[self.0.path.len() - self.0.name_length..]
    }

    /// Its place among the reported checkpoints of its run, if it has one.
    pub fn index(&self) -> Option<usize> {
        self.0.index
    }

    /// The number of the report that it came with, from 0, if the run tells; lines that could not be read count.
    pub fn report(&self) -> Option<u64> {
        self.0.report
    }

    /// Whether its directory was there when the run was opened; unknown where a store cannot tell.
    pub fn presence(&self) -> Presence {
        self.0.presence
    }

    /// How far Ray had got with it.
    pub fn status(&self) -> Status {
        self.0.status
    }

    /// The metrics that were reported with it: an object, nested as reported; none if the run tells none.
    pub fn metrics(&self) -> Option<&Value> {
        self.0.metrics.as_ref()
    }

    /// Whether it can be expected to be there: a store that cannot tell gets the benefit of the doubt.
    pub(crate) fn is_on_disk(&self) -> bool {
        match self.0.presence {
            Presence::Present | Presence::Unknown => true,
            Presence::Absent => false,
        }
    }

    fn location(&self) -> Location {
        Location { store: self.0.store.clone(), path: self.path().to_owned() }
    }
}

impl Debug for Checkpoint {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Checkpoint").field(&self.path()).finish()
    }
}

fn own_uri(location: &Location) -> Option<Name> {
    let uri = location.uri();
    (uri != location.path).then(|| Name::new(&uri))
}

fn is_directory(location: &Location, cancel: Option<&Cancel>) -> bool {
    let siblings = location.parent().and_then(|parent| parent.list(cancel).ok()).unwrap_or_default();
    siblings.iter().any(|entry| entry.name == location.name() && entry.kind == EntryKind::Directory)
}

/// The error of something that needs the directory of a checkpoint, which is not there.
fn gone(location: &Location) -> Error {
    Error::not_found(format_args!("{location}: the directory of the checkpoint is not there"))
}
