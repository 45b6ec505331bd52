//! What is done to files of this machine beyond what a store does: locks that die with their holder, copies that the kernel
//! makes, directories that change places.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::{sys, uri};

pub(crate) use sys::Lock;

/// Locks a file until it is closed, by all who inherited it, or unlocked. Returns whether it could: someone else may have a
/// lock that keeps this one out, and then one that this file had before is gone.
pub(crate) fn try_lock(file: &File, lock: Lock) -> io::Result<bool> {
    loop {
        match sys::try_lock(file, lock) {
            Ok(()) => return Ok(true),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Takes back the lock of a file.
pub(crate) fn unlock(file: &File) {
    sys::unlock(file);
}

/// Whether the file is still the one at this path.
pub(crate) fn is_at(file: &File, path: &Path) -> bool {
    let identity = |found: fs::Metadata| (found.dev(), found.ino());
    let (here, there) = (file.metadata().map(identity), fs::symlink_metadata(path).map(identity));
    here.ok().zip(there.ok()).is_some_and(|(here, there)| here == there)
}

/// Lets two directories change places, at once. Returns false where the file system cannot.
pub(crate) fn exchange(a: &Path, b: &Path) -> io::Result<bool> {
    where_possible(sys::exchange(a, b))
}

/// Makes `to`, which is empty, share what `from` holds. Returns false where the file system cannot.
pub(crate) fn clone_file(from: &File, to: &File) -> io::Result<bool> {
    where_allowed(sys::clone_file(from, to))
}

/// Copies a range of a file to the same place of another one, within the kernel. Returns how many bytes, which are fewer
/// only at the end of the file; none where the file systems cannot.
pub(crate) fn copy_range(from: &File, to: &File, offset: u64, length: usize) -> io::Result<Option<usize>> {
    let mut copied = 0;
    while copied < length {
        match sys::copy_range(from, to, offset + copied as u64, length - copied) {
            Ok(0) => break,
            Ok(more) => copied += more,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if is_of_disk(&error) => return Err(error),
            Err(_) => return Ok(None),
        }
    }
    Ok(Some(copied))
}

/// Takes the room that a file of this size needs, so that a full disk is known before it is written. Does nothing where the
/// file system cannot.
pub(crate) fn reserve(file: &File, size: u64) -> io::Result<()> {
    where_allowed(sys::reserve(file, size)).map(|_| ())
}

/// Writes a range of a file to its disk: a piece of what `File::sync_all` does at once.
pub(crate) fn write_out(file: &File, offset: u64, length: u64) -> io::Result<()> {
    where_allowed(sys::write_out(file, offset, length)).map(|_| ())
}

/// Starts threads that no signal handler of the host ever runs on: they get what this thread lets wait.
pub(crate) fn with_signals_blocked<T>(start: impl FnOnce() -> T) -> T {
    struct Blocked(sys::SignalMask);
    impl Drop for Blocked {
        fn drop(&mut self) {
            sys::unblock_signals(&self.0);
        }
    }
    let _blocked = Blocked(sys::block_signals());
    start()
}

/// Has a range of a file written to its disk, without waiting for that.
pub(crate) fn begin_to_write_out(file: &File, offset: u64, length: u64) -> io::Result<()> {
    where_allowed(sys::begin_to_write_out(file, offset, length)).map(|_| ())
}

/// The directory where this user's programs keep what can be had again.
pub(crate) fn user_cache() -> Option<PathBuf> {
    let set = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    set.or_else(|| Some(PathBuf::from(uri::home("")?).join(".cache")))
}

/// What tells one run of this machine from the next one, when files may lack what was written last; empty if nothing does.
pub(crate) fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|id| id.trim().to_owned()).unwrap_or_default()
}

fn where_possible(outcome: io::Result<()>) -> io::Result<bool> {
    match outcome {
        Ok(()) => Ok(true),
        Err(error) if is_unsupported(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The same of a call that only saves work: sandboxes and file systems of networks refuse it in many ways, and a signal may end it.
fn where_allowed(outcome: io::Result<()>) -> io::Result<bool> {
    match outcome {
        Ok(()) => Ok(true),
        Err(error) if is_of_disk(&error) => Err(error),
        Err(_) => Ok(false),
    }
}

/// Whether whatever else is tried fails for the same reason.
fn is_of_disk(error: &io::Error) -> bool {
    const CODES: [i32; 5] = [libc::EIO, libc::ENOSPC, libc::EDQUOT, libc::EFBIG, libc::EROFS];
    error.raw_os_error().is_some_and(|code| CODES.contains(&code))
}

/// Whether a call failed because these files are not of a kind that it takes.
pub(crate) fn is_unsupported(error: &io::Error) -> bool {
    const CODES: [i32; 7] =
        [libc::EOPNOTSUPP, libc::ENOSYS, libc::EINVAL, libc::EXDEV, libc::ENOTTY, libc::ESPIPE, libc::ENOLCK];
    error.raw_os_error().is_some_and(|code| CODES.contains(&code))
}
