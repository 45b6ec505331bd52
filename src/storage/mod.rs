//! Where files are: a URI leads to a store and a path in it. No other room knows what a store is made of.

pub(crate) mod disk;
#[cfg(test)]
pub(crate) mod double;
mod error;
mod local;
mod own;
mod per_process;
#[cfg(feature = "remote")]
mod remote;
mod settings;
mod sys;
mod uri;

use std::fmt::{Debug, Display, Formatter};
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use crate::cancel::Cancel;
use crate::error::Result;

pub(crate) use error::{Fault, StorageError};
pub(crate) use own::{Functions, Listing, register, unregister};
pub(crate) use settings::{KEYS, Key, Settings};
pub(crate) use uri::{local_path, locate, names_directory};

/// What a directory holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub name: String,
    pub kind: EntryKind,
    /// Of a file, if the listing tells: what need not be asked for again.
    pub known: Option<Known>,
}

/// What a listing tells of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    /// In bytes.
    pub size: u64,
    pub etag: ETag,
}

/// A file somewhere below a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileBelow {
    /// Relative to the directory.
    pub name: String,
    pub known: Known,
}

/// What an entry is, symbolic links followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntryKind {
    File,
    Directory,
    /// A device, a pipe, a link that leads nowhere.
    Other,
}

/// The state of a file: two equal ones mean that nobody wrote it in between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ETag(String);

impl ETag {
    /// Of a store that tells nothing.
    fn none() -> Self {
        ETag(String::new())
    }

    /// Empty if the store tells nothing.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// When a write may happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Condition {
    Always,
    /// Only if the file is not there.
    IfAbsent,
    /// Only if the file has not changed since.
    IfMatch(ETag),
}

impl Condition {
    /// Whether it holds for what was found, by what the store takes for the same state.
    fn holds(&self, found: Option<&ETag>, is_same: fn(&ETag, &ETag) -> bool) -> bool {
        match self {
            Condition::Always => true,
            Condition::IfAbsent => found.is_none(),
            Condition::IfMatch(expected) => found.is_some_and(|found| is_same(found, expected)),
        }
    }
}

/// A place that keeps files. Paths have `/` between their parts.
pub(crate) trait Store: Debug + Send + Sync {
    /// What Ray calls this kind of store: `type_name` of its file system.
    fn filesystem(&self) -> &str;

    /// What stands before a path where people read it, such as `s3://`; nothing for local paths.
    fn prefix(&self) -> &str {
        ""
    }

    /// Whether it is to be used, and the files that it opens read, by the thread of the call only, none of ours. What is
    /// created may be written to by any.
    fn is_bound_to_caller(&self) -> bool {
        false
    }

    /// The URI that leads to a path again, without secrets.
    fn uri(&self, path: &str) -> String {
        [self.prefix(), path].concat()
    }

    /// Where programs of this machine find the same file or directory, if this store is of this machine.
    fn local_path(&self, _path: &str) -> Option<PathBuf> {
        None
    }

    /// The path of the same file or directory, without links, if this store knows of links.
    fn real_path(&self, _path: &str) -> Option<String> {
        None
    }

    /// The entries right below a directory, in no particular order.
    fn list(&self, path: &str, cancel: Option<&Cancel>) -> Result<Vec<Entry>, StorageError>;

    /// All files below a directory, however deep, by name. Fails with [`Fault::NotFound`] if it is not there.
    fn walk(&self, path: &str, cancel: Option<&Cancel>) -> Result<Vec<FileBelow>, StorageError>;

    /// Opens a file for reading; with what a listing told, a store may need not ask for it.
    fn open(
        &self,
        path: &str,
        known: Option<&Known>,
        cancel: Option<&Cancel>,
    ) -> Result<Box<dyn Blob>, StorageError>;

    /// Reads a range of a file that need not be open: as `open` and [`Blob::read_at`].
    fn read_range(
        &self,
        path: &str,
        offset: u64,
        into: &mut [u8],
        cancel: Option<&Cancel>,
    ) -> Result<usize, StorageError> {
        self.open(path, None, cancel)?.read_at(offset, into, cancel)
    }

    /// Starts a file that nobody sees before it is committed.
    fn create(&self, path: &str, cancel: Option<&Cancel>) -> Result<Box<dyn Upload>, StorageError>;

    /// Writes a whole file, all at once or not at all. Fails with [`Fault::Changed`] if the condition
    /// does not hold.
    fn write(
        &self,
        path: &str,
        data: &[u8],
        condition: &Condition,
        cancel: Option<&Cancel>,
    ) -> Result<(), StorageError> {
        let mut upload = self.create(path, cancel)?;
        match upload.write(data) {
            Ok(()) => upload.commit(condition, cancel),
            Err(error) => {
                upload.abort();
                Err(error)
            }
        }
    }
}

/// A file that is open for reading: the same content, or an error, however long it is read.
pub(crate) trait Blob: Send + Sync {
    /// Its size in bytes when it was opened.
    fn size(&self) -> u64;

    /// Its state when it was opened.
    fn etag(&self) -> &ETag;

    /// The file itself, if it is one of this machine.
    fn file(&self) -> Option<&File> {
        None
    }

    /// Whether this is the file that was in this state before, and not another one in its place.
    fn is_same_file(&self, earlier: &ETag) -> bool;

    /// Whether it is still in that state, and was not written so lately that one more write might not show.
    fn is_settled(&self) -> Result<bool, StorageError>;

    /// Reads from `offset` on; less than `into` holds only at the end of the file.
    fn read_at(&self, offset: u64, into: &mut [u8], cancel: Option<&Cancel>) -> Result<usize, StorageError>;

    /// Hands on `length` bytes from `offset` on, in pieces as they come, until `take` refuses one. None if they do not come
    /// in pieces: then `read_at` is the way.
    fn read_pieces(
        &self,
        _offset: u64,
        _length: u64,
        _take: &mut dyn FnMut(&[u8]) -> bool,
        _cancel: Option<&Cancel>,
    ) -> Option<Result<(), StorageError>> {
        None
    }
}

/// The content of a file, which is still open.
pub(crate) type WholeFile = (Vec<u8>, Box<dyn Blob>);

/// A file that is being written. Dropped before it is committed, it leaves nothing behind.
pub(crate) trait Upload: Send {
    /// Appends to the file.
    fn write(&mut self, data: &[u8]) -> Result<(), StorageError>;

    /// Puts the file in its place, all at once.
    fn commit(self: Box<Self>, condition: &Condition, cancel: Option<&Cancel>) -> Result<(), StorageError>;

    /// Gives up: nothing was written.
    fn abort(self: Box<Self>) {}
}

/// A directory or file of a store.
#[derive(Debug, Clone)]
pub(crate) struct Location {
    pub store: Arc<dyn Store>,
    pub path: String,
}

impl Location {
    /// What lies below this directory under a relative path.
    pub(crate) fn join(&self, below: &str) -> Location {
        let above = self.path.trim_end_matches('/');
        // The root of a store may have no name at all.
        let path = if self.path.is_empty() { below.to_owned() } else { [above, "/", below].concat() };
        Location { store: self.store.clone(), path }
    }

    /// The last part of the path.
    pub(crate) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// The directory that this lies in.
    pub(crate) fn parent(&self) -> Option<Location> {
        let (parent, name) = self.path.trim_end_matches('/').rsplit_once('/')?;
        let path = if parent.is_empty() { "/" } else { parent };
        (!name.is_empty()).then(|| Location { store: self.store.clone(), path: path.to_owned() })
    }

    /// The path without links; none if it has none, or the store knows of none.
    pub(crate) fn real_path(&self) -> Option<String> {
        self.store.real_path(&self.path)
    }

    pub(crate) fn list(&self, cancel: Option<&Cancel>) -> Result<Vec<Entry>, StorageError> {
        self.store.list(&self.path, cancel)
    }

    pub(crate) fn walk(&self, cancel: Option<&Cancel>) -> Result<Vec<FileBelow>, StorageError> {
        self.store.walk(&self.path, cancel)
    }

    pub(crate) fn open(
        &self,
        known: Option<&Known>,
        cancel: Option<&Cancel>,
    ) -> Result<Box<dyn Blob>, StorageError> {
        self.store.open(&self.path, known, cancel)
    }

    /// The URI that leads here again, without secrets.
    pub(crate) fn uri(&self) -> String {
        self.store.uri(&self.path)
    }

    /// Reads a whole file, of at most `max_bytes`.
    pub(crate) fn read(
        &self,
        max_bytes: u64,
        cancel: Option<&Cancel>,
    ) -> Result<(Vec<u8>, ETag), StorageError> {
        let blob = self.open(None, cancel)?;
        Ok((self.read_all(&*blob, max_bytes, cancel)?, blob.etag().clone()))
    }

    /// Reads all of the file that was opened here, of at most `max_bytes`.
    pub(crate) fn read_all(
        &self,
        blob: &dyn Blob,
        max_bytes: u64,
        cancel: Option<&Cancel>,
    ) -> Result<Vec<u8>, StorageError> {
        let too_large = || StorageError::new(Fault::TooLarge(max_bytes), &self.to_string());
        if blob.size() > max_bytes {
            return Err(too_large());
        }
        let mut data = Vec::new();
        data.try_reserve_exact(blob.size() as usize).map_err(|_| too_large())?;
        data.resize(blob.size() as usize, 0);
        let read = blob.read_at(0, &mut data, cancel)?;
        data.truncate(read);
        Ok(data)
    }
}

/// The path as people read it: with the scheme, without secrets.
impl Display for Location {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.store.prefix())?;
        formatter.write_str(&self.path)
    }
}
