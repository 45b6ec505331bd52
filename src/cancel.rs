//! A switch that stops calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Code, Error, Result};

/// A switch that stops the calls it is given to. Once on, it stays on.
#[derive(Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Creates a switch, which is off.
    pub fn new() -> Self {
        Cancel::default()
    }

    /// Makes every call that was given this fail with [`Code::Cancelled`].
    pub fn trigger(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// The same switch, for what outlives the borrow of it.
    #[cfg(feature = "remote")]
    pub(crate) fn share(&self) -> Cancel {
        Cancel(self.0.clone())
    }

    /// Whether it is on.
    pub fn is_triggered(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Fails if the switch of this call, if it has one, is on.
pub(crate) fn check(cancel: Option<&Cancel>) -> Result<()> {
    match cancel {
        Some(cancel) if cancel.is_triggered() => Err(Error::new(Code::Cancelled, "the call was cancelled")),
        Some(_) | None => Ok(()),
    }
}
