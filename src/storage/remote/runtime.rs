//! The threads that speak to servers: started when first needed, with all signals blocked, never stopped. A process that
//! was forked starts its own.

use std::future::Future;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use crate::cancel::Cancel;
use crate::storage::per_process::PerProcess;
use crate::storage::{Fault, disk};

static RUNTIME: PerProcess<Runtime> = PerProcess::new();

/// How often a call that waits looks whether it was cancelled.
const LOOK: Duration = Duration::from_millis(20);

fn runtime() -> Result<&'static Runtime, Fault> {
    RUNTIME.get_or_try_init(start).map_err(Fault::Io)
}

fn start() -> io::Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    builder.thread_name("libresult-io").worker_threads(2).enable_io().enable_time();
    // A host's handlers must not run on these, and a closed connection must not end the host by SIGPIPE. The threads have
    // what this one has from their first moment on, and so have those that they start themselves.
    disk::with_signals_blocked(|| builder.build())
}

/// A task that ends when this is dropped.
pub(super) struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

pub(super) fn spawn(future: impl Future<Output = ()> + Send + 'static) -> Result<Task, Fault> {
    Ok(Task(runtime()?.spawn(future)))
}

/// Lets `future` go on, however long it takes, and waits for `most` at most.
pub(super) fn run_on(most: Duration, future: impl Future<Output = ()> + Send + 'static) {
    let Ok(runtime) = runtime() else { return };
    let (sender, receiver) = std::sync::mpsc::channel();
    // Not a `Task`, which would end with its owner.
    drop(runtime.spawn(async move {
        future.await;
        // Nobody may wait any more.
        let _ = sender.send(());
    }));
    let _ = receiver.recv_timeout(most);
}

/// Waits for what a task sends.
pub(super) fn receive<T>(receiver: &Receiver<T>, _: &Task, cancel: Option<&Cancel>) -> Result<T, Fault> {
    loop {
        if cancel.is_some_and(Cancel::is_triggered) {
            return Err(Fault::Cancelled);
        }
        match receiver.recv_timeout(LOOK) {
            Ok(value) => return Ok(value),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Err(Fault::Io(io::Error::other(
                    "a bug: the task of a request ended without an answer",
                )));
            }
        }
    }
}
