//! The files of a checkpoint, and one of them without the others.

use std::fmt::{Debug, Formatter};

use super::plan::{fault, files_of};
use crate::cancel::Cancel;
use crate::checkpoint::Checkpoint;
use crate::error::{Error, Result};
use crate::name::Name;

/// The files of a checkpoint, by name.
pub struct Files(Box<[(Name, u64)]>);

impl Files {
    /// How many files.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// File `index`: its name below the checkpoint, such as `optim/rank_0.pt`, and its size in bytes.
    pub fn get(&self, index: usize) -> Option<(&str, u64)> {
        self.0.get(index).map(|(name, size)| (&**name, *size))
    }

    /// All names and sizes.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, u64)> {
        self.0.iter().map(|(name, size)| (&**name, *size))
    }
}

impl Debug for Files {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        formatter.debug_list().entries(self.iter()).finish()
    }
}

impl Checkpoint {
    /// Lists the files of the checkpoint.
    ///
    /// # Errors
    /// `NotFound` if the directory of the checkpoint is not there, `Unsupported` on a web server, which lists nothing, `Io`,
    /// `Permission`, `Cancelled`.
    pub fn read_files(&self, cancel: Option<&Cancel>) -> Result<Files> {
        let mut files = files_of(&self.location(), cancel)?;
        files.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(Files(files.iter().map(|file| (Name::new(&file.name), file.known.size)).collect()))
    }

    /// Reads a range of one file of the checkpoint, whose name is as [`Checkpoint::read_files`] has it. Returns how many
    /// bytes there were; fewer than `into` holds only at the end of the file.
    ///
    /// # Errors
    /// `InvalidArgument` if the name leaves the checkpoint, `NotFound` if there is no such file, `Io`, `Permission`,
    /// `Cancelled`.
    pub fn read_file(
        &self,
        name: &str,
        offset: u64,
        into: &mut [u8],
        cancel: Option<&Cancel>,
    ) -> Result<usize> {
        if let Some(why) = fault(name) {
            let name = name.escape_debug();
            return Err(Error::invalid(format_args!(
                "argument name is no file of a checkpoint: '{name}': {why}"
            )));
        }
        crate::cancel::check(cancel)?;
        let file = self.location().join(name);
        Ok(file.store.read_range(&file.path, offset, into, cancel)?)
    }
}
