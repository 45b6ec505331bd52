//! Who waits for a transfer, and why one ends early.

use std::fmt::Display;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::Duration;

use crate::cancel::{self, Cancel};
use crate::error::{Code, Error, Result};
use crate::progress::{self, Progress};
use crate::storage::StorageError;

/// How long a call that waits goes without looking whether it is still wanted.
pub(super) const PAUSE: Duration = Duration::from_millis(50);

/// The caller, who wants to know how far it is, and may have had enough.
pub(super) struct Caller<'p, 'a> {
    pub progress: Option<Progress<'p>>,
    pub cancel: Option<&'a Cancel>,
}

impl Caller<'_, '_> {
    /// Tells that `done` of `total` bytes are there, and fails if that is enough.
    pub(super) fn tell(&mut self, done: u64, total: u64) -> Result<()> {
        cancel::check(self.cancel)?;
        progress::tell(&mut self.progress, done, total)
    }

    /// Waits a moment for someone else.
    pub(super) fn wait(&mut self) -> Result<()> {
        self.tell(0, 0)?;
        std::thread::sleep(PAUSE / 5);
        Ok(())
    }
}

/// Why a transfer ended early.
pub(super) enum Stop {
    /// A file, which this names, is not what the listing said.
    Changed(String),
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Stop::Failed(error)
    }
}

impl From<StorageError> for Stop {
    fn from(error: StorageError) -> Self {
        Stop::Failed(error.into())
    }
}

/// The error of something that this machine's file system would not do.
pub(super) fn failed(path: &Path, what: impl Display, error: &io::Error) -> Error {
    let is_refused = matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem);
    let code = if is_refused { Code::Permission } else { Code::Io };
    Error::new(code, format_args!("{}: {what}: {error}", path.display()))
}
