//! Files of this machine.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::{Blob, Condition, ETag, Entry, EntryKind, Fault, StorageError, Store, Upload, sys};
use crate::cancel::Cancel;

/// The file systems of this machine.
#[derive(Debug)]
pub(super) struct Local;

impl Store for Local {
    fn filesystem(&self) -> &'static str {
        "local"
    }

    fn list(&self, path: &str, cancel: Option<&Cancel>) -> Result<Vec<Entry>, StorageError> {
        go_on(cancel, path)?;
        let mut entries = Vec::new();
        for entry in fs::read_dir(path).map_err(|error| StorageError::io(error, path))? {
            let entry = entry.map_err(|error| StorageError::io(error, path))?;
            // Ray writes no names that are not UTF-8, and nothing could name them through this library.
            let Ok(name) = entry.file_name().into_string() else { continue };
            // The listing itself tells what an entry is; only links are looked up one by one.
            let kind = match entry.file_type() {
                Ok(kind) if kind.is_symlink() => fs::metadata(entry.path()).map(|found| found.file_type()),
                kind => kind,
            };
            entries.push(Entry { name, kind: kind.map_or(EntryKind::Other, EntryKind::from) });
        }
        Ok(entries)
    }

    fn open(&self, path: &str, cancel: Option<&Cancel>) -> Result<Box<dyn Blob>, StorageError> {
        go_on(cancel, path)?;
        // A pipe without a writer would make the call wait for ever.
        let opened = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path);
        let file = opened.map_err(|error| StorageError::io(error, path))?;
        let metadata = file.metadata().map_err(|error| StorageError::io(error, path))?;
        if !metadata.is_file() {
            return Err(StorageError::new(Fault::NotAFile, path));
        }
        Ok(Box::new(LocalBlob { file, size: metadata.len(), etag: etag(&metadata), path: path.to_owned() }))
    }

    fn create(&self, path: &str, cancel: Option<&Cancel>) -> Result<Box<dyn Upload>, StorageError> {
        go_on(cancel, path)?;
        Ok(Box::new(LocalUpload::new(path)?))
    }
}

impl From<fs::FileType> for EntryKind {
    fn from(kind: fs::FileType) -> Self {
        match kind {
            kind if kind.is_dir() => EntryKind::Directory,
            kind if kind.is_file() => EntryKind::File,
            _ => EntryKind::Other,
        }
    }
}

fn go_on(cancel: Option<&Cancel>, path: &str) -> Result<(), StorageError> {
    if cancel.is_some_and(Cancel::is_triggered) {
        return Err(StorageError::new(Fault::Cancelled, path));
    }
    Ok(())
}

fn etag(metadata: &fs::Metadata) -> ETag {
    let (changed, changed_ns) = (metadata.ctime(), metadata.ctime_nsec());
    let (written, written_ns) = (metadata.mtime(), metadata.mtime_nsec());
    let (device, inode, size) = (metadata.dev(), metadata.ino(), metadata.len());
    ETag(format!("{device}:{inode}:{size}:{written}.{written_ns}:{changed}.{changed_ns}"))
}

struct LocalBlob {
    file: File,
    size: u64,
    etag: ETag,
    path: String,
}

impl Blob for LocalBlob {
    fn size(&self) -> u64 {
        self.size
    }

    fn etag(&self) -> &ETag {
        &self.etag
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<usize, StorageError> {
        let mut filled = 0;
        while filled < into.len() {
            match self.file.read_at(&mut into[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(StorageError::io(error, &self.path)),
            }
        }
        Ok(filled)
    }
}

/// A temporary file beside the one that it will replace.
struct LocalUpload {
    path: String,
    /// The file that `path` means, links followed: a link stays one.
    target: PathBuf,
    directory: PathBuf,
    temporary: PathBuf,
    file: File,
}

impl LocalUpload {
    fn new(path: &str) -> Result<Self, StorageError> {
        let failed = |error| StorageError::io(error, path);
        let target = fs::canonicalize(path).unwrap_or_else(|_| PathBuf::from(path));
        let (Some(directory), Some(name)) = (target.parent(), target.file_name()) else {
            return Err(StorageError::new(Fault::NotAFile, path));
        };
        let directory = directory.to_owned();
        let (temporary, file) = create_beside(&directory, name.as_encoded_bytes()).map_err(failed)?;
        let upload = LocalUpload { path: path.to_owned(), target, directory, temporary, file };
        // Who may read the file stays as it is.
        if let Ok(metadata) = fs::metadata(&upload.target) {
            upload.file.set_permissions(metadata.permissions()).map_err(failed)?;
        }
        Ok(upload)
    }

    /// Locks the directory: a condition that was checked must still hold when the file is renamed. Only other
    /// users of libresult take that lock; a file system without locks goes without.
    fn lock(&self, cancel: Option<&Cancel>) -> Result<File, StorageError> {
        let directory = File::open(&self.directory).map_err(|error| StorageError::io(error, &self.path))?;
        loop {
            match sys::try_lock(&directory) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    go_on(cancel, &self.path)?;
                    std::thread::sleep(Duration::from_millis(2));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(()) | Err(_) => return Ok(directory),
            }
        }
    }

    fn holds(&self, condition: &Condition) -> Result<bool, StorageError> {
        let found = match fs::metadata(&self.target) {
            Ok(metadata) => Some(etag(&metadata)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(StorageError::io(error, &self.path)),
        };
        Ok(match condition {
            Condition::Always => true,
            Condition::IfAbsent => found.is_none(),
            Condition::IfMatch(expected) => found.as_ref() == Some(expected),
        })
    }
}

impl Upload for LocalUpload {
    fn write(&mut self, data: &[u8]) -> Result<(), StorageError> {
        self.file.write_all(data).map_err(|error| StorageError::io(error, &self.path))
    }

    fn commit(self: Box<Self>, condition: &Condition, cancel: Option<&Cancel>) -> Result<(), StorageError> {
        let failed = |error| StorageError::io(error, &self.path);
        self.file.sync_all().map_err(failed)?;
        let directory = self.lock(cancel)?;
        go_on(cancel, &self.path)?;
        if !self.holds(condition)? {
            return Err(StorageError::new(Fault::Changed, &self.path));
        }
        fs::rename(&self.temporary, &self.target).map_err(failed)?;
        directory.sync_all().map_err(failed)
    }
}

impl Drop for LocalUpload {
    fn drop(&mut self) {
        // After a commit it is not there any more.
        let _ = fs::remove_file(&self.temporary);
    }
}

/// A new file in `directory` whose name nothing else takes for a file of Ray's.
fn create_beside(directory: &Path, name: &[u8]) -> io::Result<(PathBuf, File)> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    // A name may have 255 bytes.
    let name = String::from_utf8_lossy(&name[..name.len().min(200)]).trim_start_matches('.').to_owned();
    loop {
        let unique = COUNTER.fetch_add(1, Ordering::Relaxed);
        let temporary = directory.join(format!(".{name}.part-{}-{unique}", std::process::id()));
        match OpenOptions::new().write(true).create_new(true).open(&temporary) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            created => return created.map(|file| (temporary, file)),
        }
    }
}
