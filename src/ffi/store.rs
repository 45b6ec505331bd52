//! Stores of the caller's own, as C sees them.

use std::ffi::{c_char, c_void};

use super::boundary::{self, StoreFunctions, guard, text, text_lossy};
use crate::error::Error;
use crate::storage::{self, Listing};

/// Makes `scheme://…` mean a store of the caller's own, wherever a URI goes in.
///
/// `scheme` is a letter, then letters, digits, `+`, `-` and `.`, all in lower case; one that is taken is
/// `LIBRESULT_CODE_INVALID_ARGUMENT`. `functions` is copied. Its functions may be called from then on,
/// by calls that are given such a URI and by those on what they opened: one at a time and on their
/// threads, or if `concurrent` says so, from several at once and on threads of the library, too. They
/// may call the library themselves, but must not throw.
///
/// The size of a file is what the listing of its directory says, and all that tells whether it has
/// changed: two writers who update metadata at the same time may lose what one of them wrote. Large
/// files are written to a temporary one first.
///
/// `destroy`, which may be NULL, is called once, with `user_data`, when the store is unregistered and
/// the last object on it is gone, on the thread that frees it; not if this fails.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn libresult_store_register(
    scheme: *const c_char,
    functions: *const StoreFunctions,
    user_data: *mut c_void,
    destroy: Option<unsafe extern "C" fn(user_data: *mut c_void)>,
) -> Option<Box<Error>> {
    guard(|| {
        let scheme = text(scheme, "scheme")?;
        let (is_concurrent, make) = boundary::store(functions, user_data, destroy)?;
        storage::register(scheme, is_concurrent, make)
    })
}

/// Takes the scheme back: no URI can be opened with it any more; what is open goes on.
///
/// A scheme that is not registered is `LIBRESULT_CODE_INVALID_ARGUMENT`.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn libresult_store_unregister(scheme: *const c_char) -> Option<Box<Error>> {
    guard(|| storage::unregister(text(scheme, "scheme")?))
}

/// Adds an entry to a listing: a file with its size, or a directory.
///
/// A name that is NULL, not UTF-8, empty, `.`, `..` or has a `/` makes the listing fail. `listing` lives
/// until the function that was given it returns.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_listing_add(
    listing: Option<&mut Listing>,
    name: *const c_char,
    size: u64,
    is_directory: bool,
) {
    let Some(listing) = listing else { return };
    match text(name, "name") {
        Ok(name) => listing.add(name, size, is_directory),
        Err(_) => listing.refuse(&text_lossy(name)),
    }
}
