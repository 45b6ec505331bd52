//! A checkpoint as a directory of this machine.

use std::fmt::{Debug, Formatter};
use std::fs;

use super::cache::Held;
use super::options::Options;
use super::plan::files_of;
use crate::cancel::{self, Cancel};
use crate::checkpoint::gone;
use crate::error::{Error, Result};
use crate::name::Name;
use crate::storage::{Location, StorageError};

/// A checkpoint as a local directory, for as long as this lives.
pub struct Directory {
    path: Name,
    /// None if it is the checkpoint itself.
    _held: Option<Held>,
}

impl Directory {
    /// The path of the directory. Other users may share it, so nothing is to be written there.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// A checkpoint of this machine, as it is.
    pub(super) fn local(source: &Location, options: &Options, cancel: Option<&Cancel>) -> Result<Self> {
        cancel::check(cancel)?;
        if options.choice.is_all() {
            match fs::metadata(&source.path) {
                Ok(found) if found.is_dir() => {}
                Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                    return Err(StorageError::io(error, &source.path).into());
                }
                Ok(_) | Err(_) => return Err(gone(source)),
            }
        } else {
            options.choice.check(files_of(source, cancel)?.iter().map(|file| file.name.as_str()))?;
        }
        Ok(Directory { path: Name::new(&source.path), _held: None })
    }

    /// A copy of one that is elsewhere.
    pub(super) fn shared(held: Held) -> Result<Self> {
        let path = held.copy().to_str().map(Name::new);
        let not_utf8 = || Error::invalid(format_args!("{}: the path is not UTF-8", held.copy().display()));
        Ok(Directory { path: path.ok_or_else(not_utf8)?, _held: Some(held) })
    }
}

#[cfg(test)]
impl Directory {
    /// As a process has it that was forked off.
    pub(super) fn into_inherited(mut self) -> Self {
        self._held = self._held.map(Held::into_inherited);
        self
    }
}

impl Debug for Directory {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Directory").field(&self.path()).finish()
    }
}
