//! The file that has a run's reports, read again later than the run was opened: as much of it as there was then.

use super::Limits;
use crate::cancel::Cancel;
use crate::error::{Error, Result};
use crate::storage::{Blob, ETag, Location, StorageError};
use crate::value::Value;

/// Where the reports of a run are.
#[derive(Debug)]
pub(crate) enum Reports {
    /// Nothing was reported.
    None,
    /// One a line, as JSON.
    Rows(ReportFile),
    /// `progress.csv`.
    Csv(ReportFile),
    /// There are no others than those of the checkpoints: the metrics of each.
    Checkpoints(Vec<Value>),
}

/// A file of the run, as it was when the run was opened.
#[derive(Debug)]
pub(crate) struct ReportFile {
    pub name: &'static str,
    /// In bytes.
    pub size: u64,
    pub limits: Limits,
    etag: ETag,
}

impl ReportFile {
    pub(super) fn new(name: &'static str, blob: &dyn Blob, limits: &Limits) -> Self {
        ReportFile { name, size: blob.size(), limits: limits.clone(), etag: blob.etag().clone() }
    }

    /// Opens the file again, which may have grown since: what was added is left out.
    ///
    /// # Errors
    /// `Corrupt` if it became shorter, or another file stands in its place.
    pub(crate) fn open(&self, run: &Location, cancel: Option<&Cancel>) -> Result<Box<dyn Blob>> {
        let file = run.join(self.name);
        let blob = file.open(None, cancel)?;
        let changed =
            |how: &str| Err(Error::corrupt(format_args!("{file}: the file {how} since the run was opened")));
        if !blob.is_same_file(&self.etag) {
            return changed("was replaced");
        }
        if blob.size() < self.size {
            return changed("became shorter");
        }
        Ok(Box::new(Beginning { blob, size: self.size }))
    }
}

/// As much of a file as there was at some time.
struct Beginning {
    blob: Box<dyn Blob>,
    size: u64,
}

impl Blob for Beginning {
    fn size(&self) -> u64 {
        self.size
    }

    fn etag(&self) -> &ETag {
        self.blob.etag()
    }

    fn is_same_file(&self, earlier: &ETag) -> bool {
        self.blob.is_same_file(earlier)
    }

    fn is_settled(&self) -> Result<bool, StorageError> {
        self.blob.is_settled()
    }

    fn read_at(&self, offset: u64, into: &mut [u8], cancel: Option<&Cancel>) -> Result<usize, StorageError> {
        let most = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX).min(into.len());
        self.blob.read_at(offset, &mut into[..most], cancel)
    }
}
