//! The directory of a run, listed once.

use std::cell::RefCell;
use std::collections::HashMap;

use super::diagnostic::Finding;
use super::{Diagnostics, Found, Limits, Presence, Status, detect, names};
use crate::cancel::Cancel;
use crate::error::{Code, Error, Result};
use crate::storage::{Blob, Entry, EntryKind, Fault, Location, StorageError, WholeFile};

/// A pickle is read up to this size.
const MOST_PICKLE_BYTES: u64 = 64 << 20;

type Entries = HashMap<String, Entry>;

/// The directory of a run: what it holds, and how its files are read.
pub(super) struct Directory<'a> {
    pub location: &'a Location,
    pub limits: &'a Limits,
    pub cancel: Option<&'a Cancel>,
    entries: Entries,
    /// Files of a store that lists none: they were opened to see whether they are there.
    tried: Option<RefCell<HashMap<&'static str, Box<dyn Blob>>>>,
    /// Directories below, for checkpoints in them: none if they could not be listed.
    below: RefCell<HashMap<String, Option<Entries>>>,
}

impl<'a> Directory<'a> {
    pub(super) fn list(
        location: &'a Location,
        limits: &'a Limits,
        cancel: Option<&'a Cancel>,
    ) -> Result<Self, StorageError> {
        let (entries, tried) = match entries(location, cancel) {
            Err(error) if matches!(error.fault, Fault::CannotList) => {
                let files = try_files(location, cancel)?;
                let entry = |name: &&str| {
                    let entry = Entry { name: name.to_string(), kind: EntryKind::File, known: None };
                    (name.to_string(), entry)
                };
                (files.keys().map(entry).collect(), Some(RefCell::new(files)))
            }
            entries => (entries?, None),
        };
        Ok(Directory { location, limits, cancel, entries, tried, below: RefCell::default() })
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = (&str, EntryKind)> {
        self.entries.iter().map(|(name, entry)| (name.as_str(), entry.kind))
    }

    pub(super) fn kind(&self, name: &str) -> Option<EntryKind> {
        self.entries.get(name).map(|entry| entry.kind)
    }

    /// Whether a file of this name is there; a directory or a dead link is none.
    pub(super) fn has_file(&self, name: &str) -> bool {
        self.kind(name) == Some(EntryKind::File)
    }

    /// Opens a file that the listing shows, without which there is no answer. None if it is not there.
    pub(super) fn open(&self, name: &str) -> Result<Option<Box<dyn Blob>>> {
        found(self.blob(name).transpose()).map(Option::flatten)
    }

    /// Opens a file that the listing shows.
    fn blob(&self, name: &str) -> Option<Result<Box<dyn Blob>, StorageError>> {
        let entry = self.entries.get(name).filter(|entry| entry.kind == EntryKind::File)?;
        let tried = self.tried.as_ref().and_then(|tried| tried.borrow_mut().remove(name));
        let open = || self.location.join(name).open(entry.known.as_ref(), self.cancel);
        Some(tried.map_or_else(open, Ok))
    }

    /// Reads a whole file without which there is no answer.
    pub(super) fn read(&self, name: &str) -> Result<Option<WholeFile>> {
        let Some(blob) = self.open(name)? else { return Ok(None) };
        let file = self.location.join(name);
        Ok(found(file.read_all(&*blob, self.limits.file_bytes, self.cancel))?.map(|data| (data, blob)))
    }

    /// Reads a file that only adds to the answers: one that cannot be read counts as empty.
    pub(super) fn read_or_empty(&self, name: &str, diagnostics: &mut Diagnostics) -> Result<Option<Vec<u8>>> {
        self.read_at_most(name, self.limits.file_bytes, diagnostics)
    }

    /// The same for a pickle: what Ray writes is small, so less is read of it.
    pub(super) fn read_pickle_or_empty(
        &self,
        name: &str,
        diagnostics: &mut Diagnostics,
    ) -> Result<Option<Vec<u8>>> {
        self.read_at_most(name, self.limits.file_bytes.min(MOST_PICKLE_BYTES), diagnostics)
    }

    /// Reads a pickle in a directory below, if it is there and can be read.
    pub(super) fn read_pickle_below(&self, below: &str, name: &str) -> Result<Option<Vec<u8>>> {
        let file = self.location.join(below).join(name);
        match file.read(self.limits.file_bytes.min(MOST_PICKLE_BYTES), self.cancel) {
            Err(error) if matches!(error.fault, Fault::Cancelled) => Err(error.into()),
            Err(_) => Ok(None),
            Ok((data, _)) => Ok(Some(data)),
        }
    }

    fn read_at_most(&self, name: &str, bytes: u64, diagnostics: &mut Diagnostics) -> Result<Option<Vec<u8>>> {
        let Some(blob) = self.blob(name) else { return Ok(None) };
        match blob.and_then(|blob| self.location.join(name).read_all(&*blob, bytes, self.cancel)) {
            Err(error) if matches!(error.fault, Fault::Cancelled) => Err(error.into()),
            Err(error) if matches!(error.fault, Fault::NotFound) => Ok(None),
            Err(error) => {
                let message = format!("{name} could not be read and counts as empty: {}", error.reason());
                diagnostics.add(Finding::UnreadableFile, name, message);
                Ok(Some(Vec::new()))
            }
            Ok(data) => Ok(Some(data)),
        }
    }

    /// An error about a line, with the file that it is in.
    pub(super) fn named(&self, file: &str, error: Error) -> Error {
        named(self.location, file, error)
    }

    /// Whether a directory of this name, which must be safe, is there. Costs one listing for each directory
    /// that such names lie in.
    pub(super) fn presence(&self, name: &str) -> Presence {
        if self.tried.is_some() {
            return Presence::Unknown;
        }
        let there = |entry: Option<&Entry>| match entry.map(|entry| entry.kind) {
            Some(EntryKind::Directory) => Presence::Present,
            Some(EntryKind::File | EntryKind::Other) | None => Presence::Absent,
        };
        let Some((parent, last)) = name.rsplit_once('/') else { return there(self.entries.get(name)) };
        let mut below = self.below.borrow_mut();
        let listed = below.entry(parent.to_owned()).or_insert_with(|| {
            match entries(&self.location.join(parent), self.cancel) {
                Ok(entries) => Some(entries),
                Err(error) if matches!(error.fault, Fault::NotFound | Fault::NotADirectory) => {
                    Some(Entries::default())
                }
                Err(_) => None,
            }
        });
        listed.as_ref().map_or(Presence::Unknown, |entries| there(entries.get(last)))
    }

    /// The directories whose name starts as a checkpoint's and is `wanted`, by number, then by name.
    pub(super) fn checkpoints(&self, wanted: impl Fn(&str) -> bool) -> Result<Vec<&str>> {
        let is_one = |(name, kind): &(&str, EntryKind)| {
            *kind == EntryKind::Directory && name.starts_with(names::PREFIX)
        };
        let mut found: Vec<&str> =
            self.entries().filter(is_one).map(|(name, _)| name).filter(|name| wanted(name)).collect();
        self.check_count(found.len())?;
        found.sort_unstable_by(|a, b| names::by_number(a, b));
        Ok(found)
    }

    /// Fails if the run has more checkpoints than the settings allow.
    pub(super) fn check_count(&self, checkpoints: usize) -> Result<()> {
        let most = self.limits.checkpoints;
        if checkpoints <= most {
            return Ok(());
        }
        let path = self.location;
        let message = format!("{path}: more than {most} checkpoints, which setting max_checkpoints allows");
        Err(Error::corrupt(message))
    }

    /// The checkpoint directories that are not `reported`, in order.
    pub(super) fn leftovers(
        &self,
        is_reported: impl Fn(&str) -> bool,
        diagnostics: &mut Diagnostics,
    ) -> Result<Vec<Found>> {
        let mut leftovers = Vec::new();
        for name in self.checkpoints(|name| !is_reported(name))? {
            let message = format!("no report names {name}: an upload that never ended, or a leftover");
            diagnostics.add(Finding::UncommittedCheckpoint, name, message);
            leftovers.push(Found {
                name: name.into(),
                report: None,
                presence: Presence::Present,
                status: Status::Uncommitted,
                metrics: None,
            });
        }
        Ok(leftovers)
    }
}

/// An error about a line, with the file of the run that it is in.
pub(crate) fn named(run: &Location, file: &str, error: Error) -> Error {
    let path = run.join(file).to_string();
    let is_named = error.message().starts_with(&path) || error.code() == Code::Cancelled;
    if is_named { error } else { Error::new(error.code(), format_args!("{path}: {error}")) }
}

fn entries(location: &Location, cancel: Option<&Cancel>) -> Result<Entries, StorageError> {
    Ok(location.list(cancel)?.into_iter().map(|entry| (entry.name.clone(), entry)).collect())
}

/// Tries the files that a run may have, by the layout whose files are found first.
fn try_files(
    location: &Location,
    cancel: Option<&Cancel>,
) -> Result<HashMap<&'static str, Box<dyn Blob>>, StorageError> {
    let mut files = HashMap::new();
    for names in detect::FILES {
        for name in names {
            match location.join(name).open(None, cancel) {
                Ok(blob) => _ = files.insert(*name, blob),
                Err(error) if matches!(error.fault, Fault::NotFound | Fault::NotAFile) => {}
                Err(error) => return Err(error),
            }
        }
        if !files.is_empty() {
            break;
        }
    }
    Ok(files)
}

/// A file may go between the listing and its reading.
fn found<T>(result: Result<T, StorageError>) -> Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if matches!(error.fault, Fault::NotFound) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
