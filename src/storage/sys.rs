//! Calls of the operating system that the standard library lacks.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;

/// Whom a lock keeps out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lock {
    /// Those who want it for themselves.
    Shared,
    /// Everybody else.
    Exclusive,
}

/// Locks an open file or directory, until it is closed or unlocked. Fails with `WouldBlock` if someone else has a lock
/// that keeps this one out; a lock that this one had before is then gone.
pub(super) fn try_lock(file: &File, lock: Lock) -> io::Result<()> {
    let how = match lock {
        Lock::Shared => libc::LOCK_SH,
        Lock::Exclusive => libc::LOCK_EX,
    };
    // SAFETY: the descriptor is open as long as `file` is borrowed.
    outcome(unsafe { libc::flock(file.as_raw_fd(), how | libc::LOCK_NB) })
}

/// Takes back a lock, in all processes that inherited the file.
pub(super) fn unlock(file: &File) {
    // SAFETY: the descriptor is open as long as `file` is borrowed.
    unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_UN) };
}

/// Exchanges two files or directories, at once.
pub(super) fn exchange(a: &Path, b: &Path) -> io::Result<()> {
    let (a, b) = (CString::new(a.as_os_str().as_bytes())?, CString::new(b.as_os_str().as_bytes())?);
    let here = libc::AT_FDCWD;
    // SAFETY: both paths end with NUL and outlive the call.
    outcome(unsafe { libc::renameat2(here, a.as_ptr(), here, b.as_ptr(), libc::RENAME_EXCHANGE) })
}

/// Makes `to` share the content of `from` until one of them is written to.
pub(super) fn clone_file(from: &File, to: &File) -> io::Result<()> {
    // SAFETY: both descriptors are open as long as the files are borrowed.
    outcome(unsafe { libc::ioctl(to.as_raw_fd(), libc::FICLONE, from.as_raw_fd()) })
}

/// Copies up to `length` bytes at `offset` to the same place of another file. Returns how many, which is 0 at the end.
pub(super) fn copy_range(from: &File, to: &File, offset: u64, length: usize) -> io::Result<usize> {
    let Ok(start) = libc::off64_t::try_from(offset) else { return Ok(0) };
    let (mut read, mut written) = (start, start);
    let (from, to) = (from.as_raw_fd(), to.as_raw_fd());
    // SAFETY: both descriptors are open as long as the files are borrowed, and the offsets outlive the call.
    let copied = unsafe { libc::copy_file_range(from, &mut read, to, &mut written, length, 0) };
    usize::try_from(copied).map_err(|_| io::Error::last_os_error())
}

/// Takes the room that the first `size` bytes of a file need.
pub(super) fn reserve(file: &File, size: u64) -> io::Result<()> {
    let size = libc::off_t::try_from(size).map_err(|_| io::Error::from_raw_os_error(libc::EFBIG))?;
    // SAFETY: the descriptor is open as long as `file` is borrowed.
    outcome(unsafe { libc::fallocate(file.as_raw_fd(), 0, 0, size) })
}

/// Writes a range of a file to its disk, and waits until that is done.
pub(super) fn write_out(file: &File, offset: u64, length: u64) -> io::Result<()> {
    const ALL: libc::c_uint =
        libc::SYNC_FILE_RANGE_WAIT_BEFORE | libc::SYNC_FILE_RANGE_WRITE | libc::SYNC_FILE_RANGE_WAIT_AFTER;
    sync_range(file, offset, length, ALL)
}

/// Has a range of a file written to its disk, without waiting for that.
pub(super) fn begin_to_write_out(file: &File, offset: u64, length: u64) -> io::Result<()> {
    sync_range(file, offset, length, libc::SYNC_FILE_RANGE_WRITE)
}

fn sync_range(file: &File, offset: u64, length: u64, how: libc::c_uint) -> io::Result<()> {
    let range = (libc::off64_t::try_from(offset), libc::off64_t::try_from(length));
    let (Ok(offset), Ok(length)) = range else { return Ok(()) };
    // SAFETY: the descriptor is open as long as `file` is borrowed.
    outcome(unsafe { libc::sync_file_range(file.as_raw_fd(), offset, length, how) })
}

/// The signals that a thread lets wait.
pub(super) struct SignalMask(libc::sigset_t);

/// Lets all signals wait for this thread, and the threads that it starts. Returns what was before.
pub(super) fn block_signals() -> SignalMask {
    // SAFETY: all zero is a valid `sigset_t`; both are filled in below, and outlive the calls.
    unsafe {
        let (mut all, mut before): (libc::sigset_t, libc::sigset_t) = std::mem::zeroed();
        libc::sigfillset(&mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut before);
        SignalMask(before)
    }
}

/// Takes that back.
pub(super) fn unblock_signals(before: &SignalMask) {
    // SAFETY: the set outlives the call.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &before.0, ptr::null_mut()) };
}

fn outcome(status: libc::c_int) -> io::Result<()> {
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The home directory that the user database has for a user; for this one without a name.
pub(super) fn home(user: Option<&str>) -> Option<String> {
    let user = user.map(CString::new).transpose().ok()?;
    let mut buffer = vec![0; 16 * 1024];
    let mut found = ptr::null_mut();
    // SAFETY: all zero is a valid `passwd`; it is filled in below.
    let mut entry: libc::passwd = unsafe { std::mem::zeroed() };
    let (room, text) = (buffer.len(), buffer.as_mut_ptr());
    let status = match &user {
        // SAFETY: the name ends with NUL, and the rest points to what outlives the call.
        Some(user) => unsafe { libc::getpwnam_r(user.as_ptr(), &mut entry, text, room, &mut found) },
        // SAFETY: as above.
        None => unsafe { libc::getpwuid_r(libc::getuid(), &mut entry, text, room, &mut found) },
    };
    if status != 0 || found.is_null() || entry.pw_dir.is_null() {
        return None;
    }
    // SAFETY: a found entry points to text in `buffer` that ends with NUL.
    let home = unsafe { CStr::from_ptr(entry.pw_dir) };
    home.to_str().ok().map(str::to_owned)
}

/// Has functions called in the thread that forks: before it does, and afterwards in both processes.
pub(super) fn at_fork(before: extern "C" fn(), after: extern "C" fn()) {
    // SAFETY: the functions live as long as the process: the library is never unloaded. Without memory for them there is
    // no harm but in the child of a fork at the wrong moment.
    unsafe { libc::pthread_atfork(Some(before), Some(after), Some(after)) };
}

/// The content of a file, in memory that the system may take away and bring back.
pub(super) struct Map {
    start: *mut libc::c_void,
    len: usize,
}

impl Map {
    /// Maps a file that nobody changes as long as the map lives.
    pub(super) fn new(file: &File) -> io::Result<Self> {
        let len = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
        if len == 0 {
            return Ok(Map { start: ptr::null_mut(), len });
        }
        let (read, shared, descriptor) = (libc::PROT_READ, libc::MAP_SHARED, file.as_raw_fd());
        // SAFETY: the descriptor is open, and the system picks the place.
        match unsafe { libc::mmap(ptr::null_mut(), len, read, shared, descriptor, 0) } {
            libc::MAP_FAILED => Err(io::Error::last_os_error()),
            start => Ok(Map { start, len }),
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        if self.len == 0 {
            return &[];
        }
        // SAFETY: as many bytes are mapped as long as this lives, and whoever made it says that none changes.
        unsafe { std::slice::from_raw_parts(self.start.cast(), self.len) }
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        if self.len > 0 {
            // SAFETY: it was mapped, and nothing borrows it any more.
            unsafe { libc::munmap(self.start, self.len) };
        }
    }
}
