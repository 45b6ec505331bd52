//! Calls of the operating system that the standard library lacks.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::ptr;

/// Locks an open directory against others that lock it, until it is closed. Fails with `WouldBlock` if one of
/// them has the lock.
pub(super) fn try_lock(directory: &File) -> io::Result<()> {
    // SAFETY: the descriptor is open as long as `directory` is borrowed.
    match unsafe { libc::flock(directory.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
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

/// Blocks all signals for this thread.
#[cfg(feature = "remote")]
pub(super) fn block_signals() {
    // SAFETY: all zero is a valid `sigset_t`; it is filled in below, and outlives the calls.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &all, ptr::null_mut());
    }
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
