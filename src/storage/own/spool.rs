//! A large file on its way into a store of the caller's own, which takes it whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::store::Own;
use crate::cancel::Cancel;
use crate::storage::{Condition, Fault, StorageError, Upload, sys};

/// A file on its way, in a temporary one, for the store wants it whole.
pub(super) struct OwnUpload {
    own: Arc<Own>,
    path: String,
    spool: File,
}

impl OwnUpload {
    pub(super) fn new(own: Arc<Own>, path: &str) -> Result<Self, StorageError> {
        let directory = std::env::temp_dir();
        let spool = spool(&directory).map_err(|error| {
            let what = format!("no temporary file in {}: {error}", directory.display());
            own.fault(Fault::Io(io::Error::other(what)), path)
        })?;
        Ok(OwnUpload { own, path: path.to_owned(), spool })
    }
}

impl Upload for OwnUpload {
    fn write(&mut self, data: &[u8]) -> Result<(), StorageError> {
        self.spool.write_all(data).map_err(|error| {
            let what = format!("its temporary file in {}: {error}", std::env::temp_dir().display());
            self.own.fault(Fault::Io(io::Error::other(what)), &self.path)
        })
    }

    fn commit(self: Box<Self>, condition: &Condition, cancel: Option<&Cancel>) -> Result<(), StorageError> {
        let map = sys::Map::new(&self.spool).map_err(|error| {
            let what = format!("its temporary file: {error}");
            self.own.fault(Fault::Io(io::Error::other(what)), &self.path)
        })?;
        self.own.write(&self.path, map.bytes(), condition, cancel)
    }
}

/// A file without a name.
fn spool(directory: &Path) -> io::Result<File> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    if let Ok(file) = options.clone().custom_flags(libc::O_TMPFILE).open(directory) {
        return Ok(file);
    }
    // Not every file system knows files without a name.
    loop {
        let unique = COUNTER.fetch_add(1, Ordering::Relaxed);
        let path = directory.join(format!(".libresult-{}-{unique}", std::process::id()));
        match options.clone().create_new(true).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            opened => return opened.and_then(|file| fs::remove_file(&path).map(|()| file)),
        }
    }
}
