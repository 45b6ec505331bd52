//! Buckets of S3, Google Cloud Storage and Azure, and web servers: object_store speaks to them, on threads of our own.

mod address;
#[cfg(feature = "abfs")]
mod azure;
mod blob;
mod config;
mod connection;
#[cfg(any(feature = "s3", feature = "gs"))]
mod credentials;
mod fault;
#[cfg(feature = "gs")]
mod gcs;
mod listing;
mod runtime;
#[cfg(feature = "s3")]
mod s3;
mod state;
#[cfg(test)]
mod tests;
mod tls;
mod upload;
#[cfg(feature = "http")]
mod web;
mod wire;

use std::collections::HashMap;
use std::fmt::{Debug, Formatter};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::TryStreamExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ListResult, ObjectMeta, ObjectStore};

use self::blob::RemoteBlob;
use self::connection::Connection;
use self::listing::Odd;
use self::upload::RemoteUpload;
use super::per_process::PerProcess;
use super::{
    Blob, Condition, ETag, Entry, EntryKind, Fault, FileBelow, Known, Location, Settings, StorageError,
    Store, Upload,
};
use crate::cancel::Cancel;
use crate::error::Result;

pub(super) use self::config::Kind;

/// A bucket, or a web server.
pub(super) struct Remote {
    connection: Arc<Connection>,
    /// Such as `s3://`.
    prefix: String,
    /// What stands behind `?` of a URI, without secrets.
    query: String,
}

/// Finds the store and the path that `scheme://rest` names.
pub(super) fn locate(kind: Kind, scheme: &str, rest: &str, settings: &Settings) -> Result<Location> {
    let address = address::parse(kind, scheme, rest, settings)?;
    let remote = Remote {
        connection: Connection::to(address.config),
        prefix: format!("{scheme}://"),
        query: address.query,
    };
    Ok(Location { store: Arc::new(remote), path: address.path })
}

/// A bucket in the memory of this process, for tests.
fn memory(bucket: &str) -> Arc<dyn ObjectStore> {
    type Buckets = Mutex<HashMap<String, Arc<InMemory>>>;
    static BUCKETS: PerProcess<Buckets> = PerProcess::new();
    let mut buckets = BUCKETS.get_or_init(Buckets::default).lock().unwrap_or_else(PoisonError::into_inner);
    buckets.entry(bucket.to_owned()).or_default().clone()
}

impl Remote {
    fn kind(&self) -> Kind {
        self.connection.config.kind
    }

    fn shown(&self, path: &str) -> String {
        [&self.prefix, path].concat()
    }

    /// The key behind the bucket, or the path behind the host.
    fn key(&self, path: &str) -> Result<Path, Fault> {
        let key = path.split_once('/').map_or("", |(_, key)| key);
        Path::parse(key).map_err(|_| {
            let reason = "a part of it is empty, '.' or '..', or has a control character";
            Fault::Setup(format!("no path in a store can be so: {reason}"))
        })
    }

    /// Lists what `list` asks for. Returns its answer, keys without a path, and whether there was anything at all.
    fn listing<T: Send + 'static, L: Future<Output = object_store::Result<T>> + Send + 'static>(
        &self,
        path: &str,
        cancel: Option<&Cancel>,
        list: fn(Arc<dyn ObjectStore>, Option<Path>) -> L,
    ) -> Result<(T, Vec<Odd>, bool), StorageError> {
        let failed = |fault| StorageError::new(fault, &self.shown(path));
        if self.kind().is_web() {
            return Err(failed(Fault::CannotList));
        }
        let key = self.key(path).map_err(failed)?;
        let prefix = (!key.as_ref().is_empty()).then_some(key);
        let outcome = self.connection.again_elsewhere(|connection| {
            let prefix = prefix.clone();
            connection.run(cancel, move |store| list(store, prefix))
        });
        let (listed, seen) = outcome.map_err(failed)?;
        Ok((listed, seen.odd, seen.markers > 0))
    }
}

impl Store for Remote {
    fn filesystem(&self) -> &str {
        self.kind().filesystem()
    }

    fn prefix(&self) -> &str {
        &self.prefix
    }

    fn uri(&self, path: &str) -> String {
        let account = self.connection.config.get("account_name").filter(|_| self.filesystem() == "abfs");
        let account =
            account.map(|account| format!("{}@", address::encoded_user(account))).unwrap_or_default();
        let mark = if self.query.is_empty() { "" } else { "?" };
        [&*self.prefix, &account, &address::encoded(path), mark, &self.query].concat()
    }

    fn list(&self, path: &str, cancel: Option<&Cancel>) -> Result<Vec<Entry>, StorageError> {
        let list = |store: Arc<dyn ObjectStore>, prefix: Option<Path>| async move {
            store.list_with_delimiter(prefix.as_ref()).await
        };
        let (listed, odd, is_marked) = self.listing(path, cancel, list)?;
        let ListResult { common_prefixes, objects, .. } = listed;
        if common_prefixes.is_empty() && objects.is_empty() && odd.is_empty() && !is_marked {
            return Err(StorageError::new(Fault::NotFound, &self.shown(path)));
        }
        let name = |path: &Path| path.filename().unwrap_or_default().to_owned();
        let mut entries = HashMap::new();
        for object in objects {
            let entry =
                Entry { name: name(&object.location), kind: EntryKind::File, known: Some(known(&object)) };
            entries.insert(entry.name.clone(), entry);
        }
        // Where a file and a directory have one name, the directory counts: some stores mark directories so.
        for directory in &common_prefixes {
            let entry = Entry { name: name(directory), kind: EntryKind::Directory, known: None };
            entries.insert(entry.name.clone(), entry);
        }
        for Odd { key, .. } in odd {
            let name = self.below(path, &key);
            entries.entry(name.clone()).or_insert(Entry { name, kind: EntryKind::Other, known: None });
        }
        Ok(entries.into_values().collect())
    }

    fn walk(&self, path: &str, cancel: Option<&Cancel>) -> Result<Vec<FileBelow>, StorageError> {
        let list = |store: Arc<dyn ObjectStore>, prefix: Option<Path>| async move {
            store.list(prefix.as_ref()).try_collect::<Vec<ObjectMeta>>().await
        };
        let (objects, odd, is_marked) = self.listing(path, cancel, list)?;
        if objects.is_empty() && odd.is_empty() && !is_marked {
            return Err(StorageError::new(Fault::NotFound, &self.shown(path)));
        }
        let mut files: Vec<FileBelow> = objects
            .iter()
            .map(|object| FileBelow {
                name: self.below(path, object.location.as_ref()),
                known: known(object),
            })
            .collect();
        // Names that no file can have are for the caller to refuse.
        files.extend(odd.into_iter().map(|Odd { key, size }| FileBelow {
            name: self.below(path, &key),
            known: Known { size, etag: ETag(String::new()) },
        }));
        files.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(files)
    }

    fn open(
        &self,
        path: &str,
        known: Option<&Known>,
        cancel: Option<&Cancel>,
    ) -> Result<Box<dyn Blob>, StorageError> {
        Ok(Box::new(RemoteBlob::open(self, path, known, cancel)?))
    }

    fn read_range(
        &self,
        path: &str,
        offset: u64,
        into: &mut [u8],
        cancel: Option<&Cancel>,
    ) -> Result<usize, StorageError> {
        if matches!(self.kind(), Kind::Memory) {
            // It does not tell a range behind the end from what else may be wrong.
            return self.open(path, None, cancel)?.read_at(offset, into, cancel);
        }
        let shown = self.shown(path);
        let failed = |fault| StorageError::new(fault, &shown);
        let key = self.key(path).map_err(failed)?;
        let read = |connection| blob::read_range(connection, &key, &shown, offset, into, cancel);
        self.connection.again_elsewhere(read).map_err(failed)
    }

    fn create(&self, path: &str, cancel: Option<&Cancel>) -> Result<Box<dyn Upload>, StorageError> {
        self.check_writable(path)?;
        Ok(Box::new(RemoteUpload::new(self, path, cancel)?))
    }

    fn write(
        &self,
        path: &str,
        data: &[u8],
        condition: &Condition,
        cancel: Option<&Cancel>,
    ) -> Result<(), StorageError> {
        self.check_writable(path)?;
        let failed = |fault| StorageError::new(fault, &self.shown(path));
        let key = self.key(path).map_err(failed)?;
        let data = bytes::Bytes::copy_from_slice(data);
        let put =
            |connection: Arc<Connection>| upload::put(&connection, &key, data.clone(), condition, cancel);
        self.connection.again_elsewhere(put).map_err(failed)
    }
}

impl Remote {
    fn check_writable(&self, path: &str) -> Result<(), StorageError> {
        if !self.kind().is_web() {
            return Ok(());
        }
        let fault = Fault::Unsupported("a web server is only read".to_owned());
        Err(StorageError::new(fault, &self.shown(path)))
    }

    /// A key, relative to the directory `path`.
    fn below(&self, path: &str, key: &str) -> String {
        let directory = path.split_once('/').map_or("", |(_, key)| key);
        let below = key.strip_prefix(directory).unwrap_or(key);
        if directory.is_empty() {
            below.to_owned()
        } else {
            below.strip_prefix('/').unwrap_or(below).to_owned()
        }
    }
}

impl Debug for Remote {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        // Nothing of the settings: some are secrets.
        formatter.debug_tuple("Remote").field(&self.shown(&self.connection.config.bucket)).finish()
    }
}

fn known(object: &ObjectMeta) -> Known {
    Known { size: object.size, etag: state::of(object) }
}
