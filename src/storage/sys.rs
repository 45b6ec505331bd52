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
