//! Stores of the caller's own: whoever embeds the library registers a scheme, and what is to be done for its URIs.
//!
//! A file has the size that the listing of its directory tells, and that is all that is known of its state.

mod schemes;
mod spool;
mod store;
#[cfg(test)]
mod tests;
mod turn;

use super::{ETag, Entry, EntryKind, Known};
use crate::error::Result;

pub(super) use self::schemes::{locate, schemes};
pub(crate) use self::schemes::{register, unregister};

/// What a store of the caller's own does. Each is called without any lock that others wait for, but for those of a store
/// that is not concurrent.
pub(crate) trait Functions: Send + Sync {
    /// Adds each entry right below a directory.
    fn list(&self, path: &str, into: &mut Listing) -> Result<()>;

    /// Reads from `offset` on; says how much there was.
    fn read(&self, path: &str, offset: u64, into: &mut [u8]) -> Result<usize>;

    /// Whether it can be written to at all.
    fn can_write(&self) -> bool;

    /// Writes a whole file, all at once or not at all.
    fn write(&self, path: &str, data: &[u8]) -> Result<()>;
}

/// What a directory of a store of the caller's own holds.
#[derive(Debug, Default)]
pub struct Listing {
    entries: Vec<Entry>,
    /// The first name that is none.
    bad: Option<String>,
}

impl Listing {
    /// Adds a file with its size, or a directory.
    pub(crate) fn add(&mut self, name: &str, size: u64, is_directory: bool) {
        if matches!(name, "" | "." | "..") || name.contains('/') {
            return self.refuse(name);
        }
        let (kind, known) = match is_directory {
            true => (EntryKind::Directory, None),
            false => (EntryKind::File, Some(known(size))),
        };
        self.entries.push(Entry { name: name.to_owned(), kind, known });
    }

    /// Makes the listing fail: an entry cannot have this name.
    pub(crate) fn refuse(&mut self, name: &str) {
        self.bad.get_or_insert_with(|| name.to_owned());
    }
}

fn known(size: u64) -> Known {
    Known { size, etag: ETag(size.to_string()) }
}
