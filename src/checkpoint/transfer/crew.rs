//! Threads that share one job, while the caller's own one tells how far it is.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::caller::{PAUSE, Stop};
use crate::cancel::{self, Cancel};
use crate::error::Result;
use crate::storage::disk;

/// What is done between two pieces of work; fails if there is to be no further one.
pub(super) type Pause<'a> = &'a mut dyn FnMut() -> Result<()>;

/// A job that several threads can do together. It is given what cancels it.
pub(super) type Work<'a> = &'a (dyn Fn(Option<&Cancel>, Pause) -> Result<(), Stop> + Sync);

/// Runs `work` on so many threads at once until it ends on each; with none, on this thread alone. Meanwhile `tell` is called
/// on this thread, and ends all work when it fails, as does the first failure of any.
pub(super) fn run(threads: usize, cancel: Option<&Cancel>, work: Work, tell: Pause) -> Result<(), Stop> {
    let crew = Crew::default();
    std::thread::scope(|scope| {
        let start = || {
            lock(&crew.state).running += 1;
            let thread = std::thread::Builder::new().name("libresult".to_owned());
            let is_started = thread.spawn_scoped(scope, || crew.join_in(work)).is_ok();
            lock(&crew.state).running -= usize::from(!is_started);
            is_started
        };
        // As many as the system has will do.
        let started = disk::with_signals_blocked(|| (0..threads).take_while(|_| start()).count());
        if started == 0 { work(cancel, tell) } else { crew.wait(tell) }
    })
}

#[derive(Default)]
struct Crew {
    state: Mutex<State>,
    changed: Condvar,
    stop: Cancel,
}

#[derive(Default)]
struct State {
    running: usize,
    /// The first one: those that come later only say that they were stopped.
    failure: Option<Stop>,
}

impl Crew {
    fn join_in(&self, work: Work) {
        let _leaving = Leaving(self);
        if let Err(failure) = work(Some(&self.stop), &mut || cancel::check(Some(&self.stop))) {
            self.end(failure);
        }
    }

    fn wait(&self, tell: Pause) -> Result<(), Stop> {
        let mut state = lock(&self.state);
        while state.running > 0 {
            state = self.changed.wait_timeout(state, PAUSE).unwrap_or_else(PoisonError::into_inner).0;
            if !self.stop.is_triggered() {
                drop(state);
                if let Err(error) = tell() {
                    self.end(Stop::Failed(error));
                }
                state = lock(&self.state);
            }
        }
        state.failure.take().map_or(Ok(()), Err)
    }

    fn end(&self, failure: Stop) {
        lock(&self.state).failure.get_or_insert(failure);
        self.stop.trigger();
    }
}

/// A thread that is on its way out, by a panic even.
struct Leaving<'a>(&'a Crew);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        lock(&self.0.state).running -= 1;
        self.0.changed.notify_one();
    }
}

/// What a mutex guards here stays right, whatever panics.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
