//! A store of the caller's own, and a file in it.

use std::io;
use std::sync::Arc;

use super::spool::OwnUpload;
use super::turn::Turn;
use super::{Functions, Listing};
use crate::cancel::Cancel;
use crate::error::{Code, Result};
use crate::storage::per_process::PerProcess;
use crate::storage::{
    Blob, Condition, ETag, Entry, Fault, FileBelow, Known, Location, StorageError, Store, Upload,
};

/// A store that was registered; the last one who has it drops the functions.
pub(super) struct Own {
    scheme: String,
    prefix: String,
    functions: Box<dyn Functions>,
    /// None if it is concurrent. A child of a fork does not wait for threads that it does not have.
    turn: Option<PerProcess<Turn>>,
}

pub(super) struct OwnStore(Arc<Own>);

impl OwnStore {
    pub(super) fn of(own: Arc<Own>) -> Self {
        OwnStore(own)
    }
}

impl std::fmt::Debug for OwnStore {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("OwnStore").field(&self.0.scheme).finish()
    }
}

impl Own {
    pub(super) fn new(scheme: &str, is_concurrent: bool, functions: Box<dyn Functions>) -> Self {
        Own {
            scheme: scheme.to_owned(),
            prefix: format!("{scheme}://"),
            functions,
            turn: (!is_concurrent).then(PerProcess::new),
        }
    }

    pub(super) fn scheme(&self) -> &str {
        &self.scheme
    }

    fn name(&self, path: &str) -> String {
        [&self.prefix, path].concat()
    }

    pub(super) fn fault(&self, fault: Fault, path: &str) -> StorageError {
        StorageError::new(fault, &self.name(path))
    }

    /// An answer that no store may give.
    fn nonsense(&self, path: &str, what: String) -> StorageError {
        self.fault(Fault::Io(io::Error::other(what)), path)
    }

    /// Calls a function when it may be called.
    fn call<T>(
        &self,
        path: &str,
        cancel: Option<&Cancel>,
        function: impl FnOnce(&dyn Functions) -> Result<T>,
    ) -> Result<T, StorageError> {
        let cancelled = || self.fault(Fault::Cancelled, path);
        if cancel.is_some_and(Cancel::is_triggered) {
            return Err(cancelled());
        }
        let turn = self.turn.as_ref().map(|turn| turn.get_or_init(Turn::default));
        let turn = turn.map(|turn| turn.take(cancel).ok_or_else(cancelled)).transpose()?;
        let outcome = function(&*self.functions);
        drop(turn);
        outcome.map_err(|error| {
            let fault = match error.code() {
                Code::NotFound => Fault::NotFound,
                Code::Permission => Fault::Permission,
                Code::Cancelled => Fault::Cancelled,
                Code::Unsupported => Fault::Unsupported(error.to_string()),
                Code::Ok | Code::Io => Fault::Io(io::Error::other(error.to_string())),
                code @ (Code::InvalidArgument | Code::Corrupt | Code::Internal) => Fault::Failed(code),
            };
            match error.message() {
                "" => self.fault(fault, path),
                told => StorageError::told(fault, &self.name(path), told.to_owned()),
            }
        })
    }

    fn list(&self, path: &str, cancel: Option<&Cancel>) -> Result<Vec<Entry>, StorageError> {
        let mut listing = Listing::default();
        self.call(path, cancel, |functions| functions.list(path, &mut listing))?;
        match listing.bad {
            Some(bad) => Err(self.nonsense(path, format!("the store lists an entry called {bad:?}"))),
            None => Ok(listing.entries),
        }
    }

    /// What the directory of a file tells of it.
    fn look(&self, path: &str, cancel: Option<&Cancel>) -> Result<Known, StorageError> {
        let (parent, name) = match path.rsplit_once('/') {
            Some(("", name)) => ("/", name),
            Some((parent, name)) => (parent, name),
            None => ("", path),
        };
        if name.is_empty() {
            return Err(self.fault(Fault::NotAFile, path));
        }
        let entries = self.list(parent, cancel).map_err(|error| {
            let is_missing = matches!(error.fault, Fault::NotFound);
            if is_missing { self.fault(Fault::NotFound, path) } else { error }
        })?;
        match entries.into_iter().find(|entry| entry.name == name) {
            None => Err(self.fault(Fault::NotFound, path)),
            Some(Entry { known: Some(known), .. }) => Ok(known),
            Some(_) => Err(self.fault(Fault::NotAFile, path)),
        }
    }

    /// Writes a file if the condition holds: as far as its directory tells, and nobody writes meanwhile.
    pub(super) fn write(
        &self,
        path: &str,
        data: &[u8],
        condition: &Condition,
        cancel: Option<&Cancel>,
    ) -> Result<(), StorageError> {
        self.check_writable(path)?;
        if *condition != Condition::Always {
            let found = self.found(path, cancel)?.map(|known| known.etag);
            if !condition.holds(found.as_ref(), ETag::eq) {
                return Err(self.fault(Fault::Changed, path));
            }
        }
        self.call(path, cancel, |functions| functions.write(path, data))
    }

    fn found(&self, path: &str, cancel: Option<&Cancel>) -> Result<Option<Known>, StorageError> {
        match self.look(path, cancel) {
            Ok(known) => Ok(Some(known)),
            Err(error) if matches!(error.fault, Fault::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn check_writable(&self, path: &str) -> Result<(), StorageError> {
        if self.functions.can_write() {
            return Ok(());
        }
        let message = format!("the store {} is read-only", self.prefix);
        Err(self.fault(Fault::Unsupported(message), path))
    }
}

impl Store for OwnStore {
    fn filesystem(&self) -> &str {
        &self.0.scheme
    }

    fn prefix(&self) -> &str {
        &self.0.prefix
    }

    fn is_bound_to_caller(&self) -> bool {
        self.0.turn.is_some()
    }

    fn list(&self, path: &str, cancel: Option<&Cancel>) -> Result<Vec<Entry>, StorageError> {
        self.0.list(path, cancel)
    }

    fn walk(&self, path: &str, cancel: Option<&Cancel>) -> Result<Vec<FileBelow>, StorageError> {
        // Nothing tells whether two directories are the same one, so only depth shows that it goes in a circle.
        const DEEPEST: usize = 100;
        let mut files = Vec::new();
        let store = Arc::new(OwnStore(self.0.clone()));
        let mut waiting = vec![(Location { store, path: path.to_owned() }, String::new(), 0)];
        while let Some((here, below, depth)) = waiting.pop() {
            if depth > DEEPEST {
                let what = format!("its directories are more than {DEEPEST} deep: do they go in a circle?");
                return Err(self.0.nonsense(path, what));
            }
            for entry in here.list(cancel)? {
                let name =
                    if below.is_empty() { entry.name.clone() } else { [&below, "/", &entry.name].concat() };
                match entry.known {
                    // The same size is not yet the same content.
                    Some(Known { size, .. }) => {
                        files.push(FileBelow { name, known: Known { size, etag: ETag::none() } })
                    }
                    None => waiting.push((here.join(&entry.name), name, depth + 1)),
                }
            }
        }
        files.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(files)
    }

    fn open(
        &self,
        path: &str,
        known: Option<&Known>,
        cancel: Option<&Cancel>,
    ) -> Result<Box<dyn Blob>, StorageError> {
        let known = known.cloned().map_or_else(|| self.0.look(path, cancel), Ok)?;
        Ok(Box::new(OwnBlob { own: self.0.clone(), path: path.to_owned(), known }))
    }

    fn create(&self, path: &str, cancel: Option<&Cancel>) -> Result<Box<dyn Upload>, StorageError> {
        self.0.check_writable(path)?;
        if cancel.is_some_and(Cancel::is_triggered) {
            return Err(self.0.fault(Fault::Cancelled, path));
        }
        Ok(Box::new(OwnUpload::new(self.0.clone(), path)?))
    }

    fn write(
        &self,
        path: &str,
        data: &[u8],
        condition: &Condition,
        cancel: Option<&Cancel>,
    ) -> Result<(), StorageError> {
        self.0.write(path, data, condition, cancel)
    }
}

struct OwnBlob {
    own: Arc<Own>,
    path: String,
    known: Known,
}

impl Blob for OwnBlob {
    fn size(&self) -> u64 {
        self.known.size
    }

    fn etag(&self) -> &ETag {
        &self.known.etag
    }

    fn is_same_file(&self, _: &ETag) -> bool {
        // Nothing tells.
        true
    }

    fn is_settled(&self) -> Result<bool, StorageError> {
        // Nothing tells; a file that is written in place shows by its length or does not parse.
        Ok(true)
    }

    fn read_at(&self, offset: u64, into: &mut [u8], cancel: Option<&Cancel>) -> Result<usize, StorageError> {
        let (own, path) = (&self.own, &self.path);
        let rest = usize::try_from(self.known.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = rest.min(into.len());
        let mut filled = 0;
        while filled < wanted {
            let (at, room) = (offset + filled as u64, &mut into[filled..wanted]);
            let most = room.len();
            let read = own.call(path, cancel, |functions| functions.read(path, at, room))?;
            match read {
                0 => {
                    let message = format!("the file became shorter: {}", Fault::Changed);
                    return Err(StorageError::told(Fault::Changed, &own.name(path), message));
                }
                read if read > most => {
                    let what =
                        format!("the store says that it read {read} bytes where {most} were asked for");
                    return Err(own.nonsense(path, what));
                }
                read => filled += read,
            }
        }
        Ok(filled)
    }
}
