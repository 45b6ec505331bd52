//! A store for tests, in memory, which counts what is asked of it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use super::{
    Blob, Condition, ETag, Entry, EntryKind, Fault, FileBelow, Known, Location, StorageError, Store, Upload,
};
use crate::cancel::Cancel;

/// Files by path; a directory is what a path of a file goes through, or a path that ends with `/`.
#[derive(Debug, Default)]
pub(crate) struct Double {
    files: Mutex<BTreeMap<String, Arc<Vec<u8>>>>,
    pub lists: AtomicUsize,
    pub opens: AtomicUsize,
    pub bytes: Arc<AtomicU64>,
}

impl Double {
    /// A store with these files, and its directory `/run`.
    pub(crate) fn run(files: &[(&str, &str)]) -> (Arc<Double>, Location) {
        let double = Arc::new(Double::default());
        for (name, text) in files {
            double.put(&format!("/run/{name}"), text);
        }
        (double.clone(), Location { store: double, path: "/run".to_owned() })
    }

    pub(crate) fn put(&self, path: &str, text: &str) {
        self.files.lock().unwrap().insert(path.to_owned(), Arc::new(text.as_bytes().to_vec()));
    }
}

impl Store for Double {
    fn filesystem(&self) -> &str {
        "double"
    }

    fn list(&self, path: &str, _: Option<&Cancel>) -> Result<Vec<Entry>, StorageError> {
        self.lists.fetch_add(1, Relaxed);
        let prefix = format!("{path}/");
        let mut entries = BTreeMap::new();
        for below in self.files.lock().unwrap().keys().filter_map(|file| file.strip_prefix(&prefix)) {
            match below.split_once('/') {
                Some((directory, _)) => entries.insert(directory.to_owned(), EntryKind::Directory),
                None => entries.insert(below.to_owned(), EntryKind::File),
            };
        }
        if entries.is_empty() {
            return Err(StorageError::new(Fault::NotFound, path));
        }
        Ok(entries.into_iter().map(|(name, kind)| Entry { name, kind, known: None }).collect())
    }

    fn walk(&self, path: &str, _: Option<&Cancel>) -> Result<Vec<FileBelow>, StorageError> {
        self.lists.fetch_add(1, Relaxed);
        let prefix = format!("{path}/");
        let files = self.files.lock().unwrap();
        let below = files.iter().filter_map(|(name, file)| Some((name.strip_prefix(&prefix)?, file)));
        let files: Vec<FileBelow> = below
            .map(|(name, file)| FileBelow {
                name: name.to_owned(),
                known: Known { size: file.len() as u64, etag: etag(file) },
            })
            .collect();
        if files.is_empty() { Err(StorageError::new(Fault::NotFound, path)) } else { Ok(files) }
    }

    fn open(&self, path: &str, _: Option<&Known>, _: Option<&Cancel>) -> Result<Box<dyn Blob>, StorageError> {
        self.opens.fetch_add(1, Relaxed);
        let file = self.files.lock().unwrap().get(path).cloned();
        let file = file.ok_or_else(|| StorageError::new(Fault::NotFound, path))?;
        Ok(Box::new(DoubleBlob { etag: etag(&file), file, bytes: self.bytes.clone() }))
    }

    fn create(&self, path: &str, _: Option<&Cancel>) -> Result<Box<dyn Upload>, StorageError> {
        Err(StorageError::new(Fault::Permission, path))
    }

    fn write(&self, path: &str, _: &[u8], _: &Condition, _: Option<&Cancel>) -> Result<(), StorageError> {
        Err(StorageError::new(Fault::Permission, path))
    }
}

fn etag(file: &Arc<Vec<u8>>) -> ETag {
    ETag(format!("{:p}", Arc::as_ptr(file)))
}

struct DoubleBlob {
    file: Arc<Vec<u8>>,
    etag: ETag,
    bytes: Arc<AtomicU64>,
}

impl Blob for DoubleBlob {
    fn size(&self) -> u64 {
        self.file.len() as u64
    }

    fn etag(&self) -> &ETag {
        &self.etag
    }

    fn is_same_file(&self, earlier: &ETag) -> bool {
        self.etag == *earlier
    }

    fn is_settled(&self) -> Result<bool, StorageError> {
        Ok(true)
    }

    fn read_at(&self, offset: u64, into: &mut [u8], _: Option<&Cancel>) -> Result<usize, StorageError> {
        let rest = self.file.get(offset as usize..).unwrap_or_default();
        let length = rest.len().min(into.len());
        into[..length].copy_from_slice(&rest[..length]);
        self.bytes.fetch_add(length as u64, Relaxed);
        Ok(length)
    }
}
