//! A store for tests, in memory, which counts what is asked of it, and can be slow, wrong or broken.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use super::{
    Blob, Condition, ETag, Entry, EntryKind, Fault, FileBelow, Known, Location, StorageError, Store, Upload,
};
use crate::cancel::Cancel;

/// Files by path; a directory is what a path of a file goes through, or a path that ends with `/`.
#[derive(Debug, Default)]
pub(crate) struct Double {
    files: Files,
    pub lists: AtomicUsize,
    pub opens: AtomicUsize,
    pub bytes: Arc<AtomicU64>,
    /// Whether only one thread may call.
    pub is_alone: AtomicBool,
    pub reads: Arc<Reads>,
}

type Files = Arc<Mutex<BTreeMap<String, DoubleFile>>>;

/// What happens to those who read.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    pub count: AtomicUsize,
    pub threads: Mutex<HashSet<ThreadId>>,
    /// How many there are now, and how many there were at once.
    pub now: AtomicUsize,
    pub most: AtomicUsize,
    pub delay_ms: AtomicU64,
    /// The number of the read that fails, from 1.
    pub fails_at: AtomicUsize,
    /// The number of the read that ends early.
    pub cut_at: AtomicUsize,
    /// Whether a file that was replaced cannot be read any more, and opening does not ask for it, as on a real store.
    pub is_strict: AtomicBool,
}

#[derive(Debug, Clone)]
struct DoubleFile {
    data: Arc<Vec<u8>>,
    etag: ETag,
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

    pub(crate) fn put(&self, path: &str, data: impl AsRef<[u8]>) {
        let data = data.as_ref().to_vec();
        // FNV-1a: the same content has the same one in another process.
        let hash = data.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
        });
        let file = DoubleFile { data: Arc::new(data), etag: ETag(format!("{hash:016x}")) };
        self.files.lock().unwrap().insert(path.to_owned(), file);
    }

    pub(crate) fn remove(&self, path: &str) {
        self.files.lock().unwrap().remove(path);
    }
}

impl Store for Double {
    fn filesystem(&self) -> &str {
        "double"
    }

    fn is_bound_to_caller(&self) -> bool {
        self.is_alone.load(Relaxed)
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
                known: Known { size: file.data.len() as u64, etag: file.etag.clone() },
            })
            .collect();
        if files.is_empty() { Err(StorageError::new(Fault::NotFound, path)) } else { Ok(files) }
    }

    fn open(
        &self,
        path: &str,
        known: Option<&Known>,
        _: Option<&Cancel>,
    ) -> Result<Box<dyn Blob>, StorageError> {
        self.opens.fetch_add(1, Relaxed);
        let file = self.files.lock().unwrap().get(path).cloned();
        let mut file = file.ok_or_else(|| StorageError::new(Fault::NotFound, path))?;
        let mut size = file.data.len() as u64;
        if let Some(known) = known.filter(|_| self.reads.is_strict.load(Relaxed)) {
            (file.etag, size) = (known.etag.clone(), known.size);
        }
        let (files, path) = (self.files.clone(), path.to_owned());
        let (bytes, reads) = (self.bytes.clone(), self.reads.clone());
        Ok(Box::new(DoubleBlob { file, size, path, files, bytes, reads }))
    }

    fn create(&self, path: &str, _: Option<&Cancel>) -> Result<Box<dyn Upload>, StorageError> {
        Err(StorageError::new(Fault::Permission, path))
    }

    fn write(&self, path: &str, _: &[u8], _: &Condition, _: Option<&Cancel>) -> Result<(), StorageError> {
        Err(StorageError::new(Fault::Permission, path))
    }
}

struct DoubleBlob {
    file: DoubleFile,
    size: u64,
    path: String,
    files: Files,
    bytes: Arc<AtomicU64>,
    reads: Arc<Reads>,
}

impl Blob for DoubleBlob {
    fn size(&self) -> u64 {
        self.size
    }

    fn etag(&self) -> &ETag {
        &self.file.etag
    }

    fn is_same_file(&self, earlier: &ETag) -> bool {
        self.file.etag == *earlier
    }

    fn is_settled(&self) -> Result<bool, StorageError> {
        Ok(true)
    }

    fn read_at(&self, offset: u64, into: &mut [u8], cancel: Option<&Cancel>) -> Result<usize, StorageError> {
        let reads = &self.reads;
        reads.threads.lock().unwrap().insert(std::thread::current().id());
        let number = reads.count.fetch_add(1, Relaxed) + 1;
        reads.most.fetch_max(reads.now.fetch_add(1, Relaxed) + 1, Relaxed);
        let outcome = self.read(number, offset, into, cancel);
        reads.now.fetch_sub(1, Relaxed);
        outcome
    }
}

impl DoubleBlob {
    fn read(
        &self,
        number: usize,
        offset: u64,
        into: &mut [u8],
        cancel: Option<&Cancel>,
    ) -> Result<usize, StorageError> {
        let (reads, failed) = (&self.reads, |fault| StorageError::new(fault, &self.path));
        let (begin, delay) = (Instant::now(), Duration::from_millis(reads.delay_ms.load(Relaxed)));
        while begin.elapsed() < delay {
            if cancel.is_some_and(Cancel::is_triggered) {
                return Err(failed(Fault::Cancelled));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        if number == reads.fails_at.load(Relaxed) {
            return Err(failed(Fault::Io(std::io::Error::other("the connection was reset"))));
        }
        let now = self.files.lock().unwrap().get(&self.path).map(|file| file.etag.clone());
        if reads.is_strict.load(Relaxed) && now.as_ref() != Some(&self.file.etag) {
            return Err(failed(Fault::Changed));
        }
        let rest = self.file.data.get(offset as usize..).unwrap_or_default();
        let mut length = rest.len().min(into.len());
        if number == reads.cut_at.load(Relaxed) {
            length /= 2;
        }
        into[..length].copy_from_slice(&rest[..length]);
        self.bytes.fetch_add(length as u64, Relaxed);
        Ok(length)
    }
}
