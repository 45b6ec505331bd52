//! Files that are written to a remote store: a small one by one request, a large one in parts.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use bytes::Bytes;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStoreExt, PutMode, PutOptions, PutPayload};

use super::connection::Connection;
use super::runtime::{self, Task};
use super::{Remote, fault, state, wire};
use crate::cancel::Cancel;
use crate::storage::{Condition, Fault, StorageError, Upload};

/// Stores take parts from 5 MiB on, and 10,000 of them.
const PART: usize = if cfg!(test) { 1024 } else { 16 << 20 };
/// Parts on their way at the same time.
const MOST_PARTS: usize = 3;

/// A file that is being written.
pub(super) struct RemoteUpload {
    connection: Arc<Connection>,
    key: Path,
    shown: String,
    waiting: Vec<u8>,
    parts: Option<Parts>,
}

/// A file that is too large for one request.
struct Parts {
    upload: Box<dyn MultipartUpload>,
    coming: VecDeque<Coming>,
}

type Coming = (Task, Receiver<Result<(), Fault>>);

impl RemoteUpload {
    pub(super) fn new(remote: &Remote, path: &str) -> Result<Self, StorageError> {
        let shown = remote.shown(path);
        let key = remote.key(path).map_err(|fault| StorageError::new(fault, &shown))?;
        let connection = remote.connection.current();
        Ok(RemoteUpload { connection, key, shown, waiting: Vec::new(), parts: None })
    }

    /// Sends what waits as a part.
    fn send_part(&mut self, cancel: Option<&Cancel>) -> Result<(), Fault> {
        let data = Bytes::from(std::mem::take(&mut self.waiting));
        if self.parts.is_none() {
            let (connection, key) = (self.connection.clone(), self.key.clone());
            let upload = runtime::run(cancel, async move {
                let store = connection.store().await?;
                let (upload, seen) = wire::watch(store.put_multipart(&key)).await;
                upload.map_err(|error| fault::fault(&error, seen.refusal, &connection.config))
            })?;
            self.parts = Some(Parts { upload, coming: VecDeque::new() });
        }
        let Some(parts) = &mut self.parts else { return Ok(()) };
        if parts.coming.len() == MOST_PARTS {
            parts.wait_for_one(cancel)?;
        }
        let part = parts.upload.put_part(PutPayload::from(data));
        let connection = self.connection.clone();
        let (sender, receiver) = channel();
        let task = runtime::spawn(async move {
            let (outcome, seen) = wire::watch(part).await;
            let outcome = outcome.map_err(|error| fault::fault(&error, seen.refusal, &connection.config));
            // Nobody waits any more for an upload that was given up.
            let _ = sender.send(outcome);
        })?;
        parts.coming.push_back((task, receiver));
        Ok(())
    }

    fn finish(&mut self, condition: &Condition, cancel: Option<&Cancel>) -> Result<(), Fault> {
        let Some(_) = &self.parts else {
            let data = std::mem::take(&mut self.waiting);
            return put(&self.connection, &self.key, data.into(), condition, cancel);
        };
        if !self.waiting.is_empty() {
            self.send_part(cancel)?;
        }
        while let Some(parts) = self.parts.as_mut().filter(|parts| !parts.coming.is_empty()) {
            parts.wait_for_one(cancel)?;
        }
        // Parts are joined without a condition, so this leaves a moment for somebody else to write the file.
        self.check(condition, cancel)?;
        let Some(Parts { mut upload, .. }) = self.parts.take() else { return Ok(()) };
        let connection = self.connection.clone();
        runtime::run(cancel, async move {
            let (outcome, seen) = wire::watch(upload.complete()).await;
            outcome.map(|_| ()).map_err(|error| fault::fault(&error, seen.refusal, &connection.config))
        })
    }

    fn check(&self, condition: &Condition, cancel: Option<&Cancel>) -> Result<(), Fault> {
        if *condition == Condition::Always {
            return Ok(());
        }
        let (connection, key) = (self.connection.clone(), self.key.clone());
        let found = runtime::run(cancel, async move {
            let store = connection.store().await?;
            let (found, seen) = wire::watch(store.head(&key)).await;
            match found.map_err(|error| fault::fault(&error, seen.refusal, &connection.config)) {
                Ok(meta) => Ok(Some(state::of(&meta))),
                Err(Fault::NotFound) => Ok(None),
                Err(fault) => Err(fault),
            }
        })?;
        let holds = match condition {
            Condition::Always => true,
            Condition::IfAbsent => found.is_none(),
            Condition::IfMatch(etag) => found.is_some_and(|found| state::is_same(&found, etag)),
        };
        if holds { Ok(()) } else { Err(Fault::Changed) }
    }
}

impl Parts {
    fn wait_for_one(&mut self, cancel: Option<&Cancel>) -> Result<(), Fault> {
        match self.coming.pop_front() {
            Some((task, receiver)) => runtime::receive(&receiver, &task, cancel)?,
            None => Ok(()),
        }
    }
}

impl Upload for RemoteUpload {
    fn write(&mut self, mut data: &[u8]) -> Result<(), StorageError> {
        while !data.is_empty() {
            let (now, later) = data.split_at(data.len().min(PART - self.waiting.len()));
            self.waiting.extend_from_slice(now);
            data = later;
            if self.waiting.len() == PART {
                self.send_part(None).map_err(|fault| StorageError::new(fault, &self.shown))?;
            }
        }
        Ok(())
    }

    fn commit(
        mut self: Box<Self>,
        condition: &Condition,
        cancel: Option<&Cancel>,
    ) -> Result<(), StorageError> {
        self.finish(condition, cancel).map_err(|fault| StorageError::new(fault, &self.shown))
    }
}

impl Drop for RemoteUpload {
    fn drop(&mut self) {
        // Parts that were never joined cost their owner money until somebody removes them.
        if let Some(Parts { mut upload, coming }) = self.parts.take() {
            drop(coming);
            let _ = runtime::run(None, async move {
                // Whoever gave up has an error to report already.
                let _ = upload.abort().await;
                Ok(())
            });
        }
    }
}

/// Writes a whole file by one request.
pub(super) fn put(
    connection: &Arc<Connection>,
    key: &Path,
    data: Bytes,
    condition: &Condition,
    cancel: Option<&Cancel>,
) -> Result<(), Fault> {
    let mode = match condition {
        Condition::Always => PutMode::Overwrite,
        Condition::IfAbsent => PutMode::Create,
        Condition::IfMatch(etag) => PutMode::Update(state::version(etag)),
    };
    let is_update = matches!(condition, Condition::IfMatch(_));
    let (connection, key) = (connection.clone(), key.clone());
    runtime::run(cancel, async move {
        let store = connection.store().await?;
        let put = store.put_opts(&key, data.into(), PutOptions { mode, ..PutOptions::default() });
        let (outcome, seen) = wire::watch(put).await;
        outcome.map(|_| ()).map_err(|error| {
            let fault = fault::fault(&error, seen.refusal, &connection.config);
            // The file that was to be replaced is gone.
            if is_update && matches!(fault, Fault::NotFound) { Fault::Changed } else { fault }
        })
    })
}
