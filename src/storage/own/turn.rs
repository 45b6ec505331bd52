//! One call at a time, for stores that want it.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use crate::cancel::Cancel;

/// The right to call a store that wants one call at a time. The thread that has it may take it again: a store may use
/// another one, which uses the first.
#[derive(Debug, Default)]
pub(super) struct Turn {
    owner: Mutex<Option<ThreadId>>,
    freed: Condvar,
}

/// The right itself, until it is dropped.
pub(super) struct Taken<'a>(Option<&'a Turn>);

impl Turn {
    /// How long a call that waits may not see that it is cancelled.
    const WAIT: Duration = Duration::from_millis(20);

    fn owner(&self) -> MutexGuard<'_, Option<ThreadId>> {
        // It is never half changed.
        self.owner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// None if the call was cancelled meanwhile.
    pub(super) fn take(&self, cancel: Option<&Cancel>) -> Option<Taken<'_>> {
        let me = thread::current().id();
        let mut owner = self.owner();
        loop {
            match *owner {
                None => break,
                Some(other) if other == me => return Some(Taken(None)),
                Some(_) if cancel.is_some_and(Cancel::is_triggered) => return None,
                Some(_) => {
                    let waited = self.freed.wait_timeout(owner, Self::WAIT);
                    owner = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
        *owner = Some(me);
        Some(Taken(Some(self)))
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if let Some(turn) = self.0 {
            *turn.owner() = None;
            turn.freed.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_taken_again_but_not_shared() {
        let (turn, cancel) = (Turn::default(), Cancel::new());
        let taken = turn.take(None);
        assert!(turn.take(Some(&cancel)).is_some());
        thread::scope(|scope| {
            let waits = scope.spawn(|| turn.take(Some(&cancel)).is_none());
            cancel.trigger();
            assert!(waits.join().unwrap());
        });
        drop(taken);
        thread::scope(|scope| assert!(scope.spawn(|| turn.take(None).is_some()).join().unwrap()));
    }
}
