//! The schemes that are registered.

use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};

use super::Functions;
use super::store::{Own, OwnStore};
use crate::error::{Error, Result};
use crate::storage::{Location, sys, uri};

static REGISTERED: Mutex<Vec<Arc<Own>>> = Mutex::new(Vec::new());

thread_local! {
    /// Held by a thread that forks: what another thread had locked would stay so in the child.
    static HELD: std::cell::RefCell<Option<MutexGuard<'static, Vec<Arc<Own>>>>> =
        const { std::cell::RefCell::new(None) };
}

fn registered() -> MutexGuard<'static, Vec<Arc<Own>>> {
    // It is never half changed.
    REGISTERED.lock().unwrap_or_else(PoisonError::into_inner)
}

extern "C" fn before_fork() {
    let guard = registered();
    // A thread that ends has no such place any more, and nothing to wait for.
    let _ = HELD.try_with(|held| *held.borrow_mut() = Some(guard));
}

extern "C" fn after_fork() {
    let _ = HELD.try_with(|held| drop(held.borrow_mut().take()));
}

/// Makes `scheme://…` mean a store, which is made only if the scheme is free. Whether its functions may be called by
/// several threads at once, and by threads of the library, is for `is_concurrent` to say.
pub(crate) fn register(
    scheme: &str,
    is_concurrent: bool,
    make: impl FnOnce() -> Box<dyn Functions>,
) -> Result<()> {
    static AT_FORK: Once = Once::new();
    let is_lower_case = !scheme.bytes().any(|byte| byte.is_ascii_uppercase());
    if !uri::is_scheme(scheme) || !is_lower_case {
        let rule = "a letter in lower case, then such letters, digits, '+', '-' and '.'";
        return Err(Error::invalid(format_args!("argument scheme is '{scheme}', not {rule}")));
    }
    if uri::is_built_in(scheme) {
        return Err(Error::invalid(format_args!("{scheme}:// is a store of libresult's own")));
    }
    AT_FORK.call_once(|| sys::at_fork(before_fork, after_fork));
    let mut registered = registered();
    if registered.iter().any(|other| other.scheme() == scheme) {
        return Err(Error::invalid(format_args!("{scheme}:// is registered already")));
    }
    registered.push(Arc::new(Own::new(scheme, is_concurrent, make())));
    Ok(())
}

/// Takes the scheme back. What is open goes on, and the last of it drops the functions.
pub(crate) fn unregister(scheme: &str) -> Result<()> {
    let mut registered = registered();
    let place = registered.iter().position(|own| own.scheme() == scheme);
    let own = place.map(|place| registered.swap_remove(place));
    // If that drops the functions, it may do whatever the caller does there, such as register another store.
    drop(registered);
    match own {
        Some(_) => Ok(()),
        None => Err(Error::invalid(format_args!("no store is registered for {scheme}://"))),
    }
}

/// The schemes that are registered.
pub(in crate::storage) fn schemes() -> Vec<String> {
    registered().iter().map(|own| own.scheme().to_owned()).collect()
}

/// What a URI of a registered scheme names. Nothing in it is decoded.
pub(in crate::storage) fn locate(scheme: &str, rest: &str) -> Option<Location> {
    let own = registered().iter().find(|own| own.scheme() == scheme)?.clone();
    let trimmed = rest.trim_end_matches('/');
    let path = if trimmed.is_empty() && !rest.is_empty() { "/" } else { trimmed };
    Some(Location { store: Arc::new(OwnStore::of(own)), path: path.to_owned() })
}
