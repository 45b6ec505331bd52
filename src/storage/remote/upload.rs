//! Files that are written to a remote store: a small one by one request, a large one in parts.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use tokio::sync::Mutex;

use super::connection::{Coming, Connection};
use super::{Remote, runtime, state};
use crate::cancel::Cancel;
use crate::storage::{Condition, Fault, StorageError, Upload};

/// Stores take parts from 5 MiB on, and 10,000 of them.
const PART: usize = if cfg!(test) { 1024 } else { 16 << 20 };
/// Parts on their way at the same time.
const MOST_PARTS: usize = 3;

/// How long whoever gives up waits for the store to hear of it, which goes on meanwhile.
const LEAST_FOR_ABORT: Duration = Duration::from_millis(100);

/// A file that is being written.
pub(super) struct RemoteUpload {
    connection: Arc<Connection>,
    key: Path,
    shown: String,
    waiting: Vec<u8>,
    parts: Option<Parts>,
    /// Of the call that writes it.
    cancel: Option<Cancel>,
}

/// A file that is too large for one request.
struct Parts {
    upload: Box<dyn MultipartUpload>,
    coming: VecDeque<Coming<()>>,
}

impl RemoteUpload {
    pub(super) fn new(remote: &Remote, path: &str, cancel: Option<&Cancel>) -> Result<Self, StorageError> {
        let shown = remote.shown(path);
        let key = remote.key(path).map_err(|fault| StorageError::new(fault, &shown))?;
        let connection = remote.connection.clone();
        Ok(RemoteUpload {
            connection,
            key,
            shown,
            waiting: Vec::new(),
            parts: None,
            cancel: cancel.map(Cancel::share),
        })
    }

    /// Sends what waits as a part.
    fn send_part(&mut self, cancel: Option<&Cancel>) -> Result<(), Fault> {
        let data = Bytes::from(std::mem::take(&mut self.waiting));
        if self.parts.is_none() {
            let (upload, _) = self.connection.again_elsewhere(|connection| {
                let key = self.key.clone();
                connection.run(cancel, async move |store| store.put_multipart(&key).await)
            })?;
            self.parts = Some(Parts { upload, coming: VecDeque::new() });
        }
        let Some(parts) = &mut self.parts else { return Ok(()) };
        if parts.coming.len() == MOST_PARTS {
            parts.wait_for_one(cancel)?;
        }
        let part = parts.upload.put_part(PutPayload::from(data));
        parts.coming.push_back(self.connection.current().start(async move |_| part.await)?);
        Ok(())
    }

    fn finish(&mut self, condition: &Condition, cancel: Option<&Cancel>) -> Result<(), Fault> {
        let Some(_) = &self.parts else {
            let data = Bytes::from(std::mem::take(&mut self.waiting));
            let put = |connection| put(&connection, &self.key, data.clone(), condition, cancel);
            return self.connection.again_elsewhere(put);
        };
        if !self.waiting.is_empty() {
            self.send_part(cancel)?;
        }
        while let Some(parts) = self.parts.as_mut().filter(|parts| !parts.coming.is_empty()) {
            parts.wait_for_one(cancel)?;
        }
        // Parts are joined without a condition, so this leaves a moment for somebody else to write the file.
        self.check(condition, cancel)?;
        let Some(Parts { upload, .. }) = self.parts.take() else { return Ok(()) };
        let upload = Arc::new(Mutex::new(upload));
        let joined = upload.clone();
        let complete = async move |_| joined.lock().await.complete().await;
        self.connection.current().run(cancel, complete).map(|_| ()).inspect_err(|_| {
            runtime::run_on(LEAST_FOR_ABORT, async move { _ = upload.lock().await.abort().await });
        })
    }

    fn check(&self, condition: &Condition, cancel: Option<&Cancel>) -> Result<(), Fault> {
        if *condition == Condition::Always {
            return Ok(());
        }
        let key = self.key.clone();
        let found = match self.connection.current().run(cancel, async move |store| store.head(&key).await) {
            Ok((meta, _)) => Some(state::of(&meta)),
            Err(Fault::NotFound) => None,
            Err(fault) => return Err(fault),
        };
        if condition.holds(found.as_ref(), state::is_same) { Ok(()) } else { Err(Fault::Changed) }
    }
}

impl Parts {
    fn wait_for_one(&mut self, cancel: Option<&Cancel>) -> Result<(), Fault> {
        match self.coming.pop_front() {
            Some(coming) => coming.wait(cancel).map(|_| ()),
            None => Ok(()),
        }
    }
}

impl Upload for RemoteUpload {
    fn write(&mut self, mut data: &[u8]) -> Result<(), StorageError> {
        let cancel = self.cancel.as_ref().map(Cancel::share);
        while !data.is_empty() {
            let (now, later) = data.split_at(data.len().min(PART - self.waiting.len()));
            self.waiting.extend_from_slice(now);
            data = later;
            if self.waiting.len() == PART {
                self.send_part(cancel.as_ref()).map_err(|fault| StorageError::new(fault, &self.shown))?;
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
            // Whoever gave up has an error to report already.
            runtime::run_on(LEAST_FOR_ABORT, async move { _ = upload.abort().await });
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
    let (key, options) = (key.clone(), PutOptions { mode, ..PutOptions::default() });
    match connection.run(cancel, async move |store| store.put_opts(&key, data.into(), options).await) {
        Ok(_) => Ok(()),
        // The file that was to be replaced is gone.
        Err(Fault::NotFound) if is_update => Err(Fault::Changed),
        Err(fault) => Err(fault),
    }
}
