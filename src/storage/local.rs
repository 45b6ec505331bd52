//! Files of this machine.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use super::{
    Blob, Condition, ETag, Entry, EntryKind, Fault, FileBelow, Known, StorageError, Store, Upload, sys,
};
use crate::cancel::Cancel;

/// The file systems of this machine.
#[derive(Debug)]
pub(super) struct Local;

impl Store for Local {
    fn filesystem(&self) -> &str {
        "local"
    }

    fn local_path(&self, path: &str) -> Option<PathBuf> {
        Some(PathBuf::from(path))
    }

    fn real_path(&self, path: &str) -> Option<String> {
        fs::canonicalize(path).ok()?.into_os_string().into_string().ok()
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
            entries.push(Entry { name, kind: kind.map_or(EntryKind::Other, EntryKind::from), known: None });
        }
        Ok(entries)
    }

    fn walk(&self, path: &str, cancel: Option<&Cancel>) -> Result<Vec<FileBelow>, StorageError> {
        let mut files = walk(path, cancel)?;
        files.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(files)
    }

    fn open(
        &self,
        path: &str,
        _: Option<&Known>,
        cancel: Option<&Cancel>,
    ) -> Result<Box<dyn Blob>, StorageError> {
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

/// Walks through a directory and all below it, links followed but into what lies above them.
fn walk(path: &str, cancel: Option<&Cancel>) -> Result<Vec<FileBelow>, StorageError> {
    let mut files = Vec::new();
    // Device and inode of each directory on the way.
    let mut above: Vec<(u64, u64)> = Vec::new();
    let mut waiting = vec![(path.to_owned(), String::new(), 0)];
    while let Some((path, below, depth)) = waiting.pop() {
        // Whoever writes there may remove what was listed a moment ago.
        let is_gone = |error: &io::Error| depth > 0 && error.kind() == io::ErrorKind::NotFound;
        let metadata = match fs::metadata(&path) {
            Err(error) if is_gone(&error) => continue,
            found => found.map_err(|error| StorageError::io(error, &path))?,
        };
        let identity = (metadata.dev(), metadata.ino());
        above.truncate(depth);
        if above.contains(&identity) {
            continue;
        }
        above.push(identity);
        let entries = match Local.list(&path, cancel) {
            Err(StorageError { fault: Fault::NotFound, .. }) if depth > 0 => continue,
            entries => entries?,
        };
        for entry in entries {
            let path = [&path, "/", &entry.name].concat();
            let name = if below.is_empty() { entry.name } else { [&below, "/", &entry.name].concat() };
            match entry.kind {
                EntryKind::Directory => waiting.push((path, name, depth + 1)),
                EntryKind::File => match fs::metadata(&path) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    found => {
                        let metadata = found.map_err(|error| StorageError::io(error, &path))?;
                        let known = Known { size: metadata.len(), etag: etag(&metadata) };
                        files.push(FileBelow { name, known });
                    }
                },
                EntryKind::Other => {}
            }
        }
    }
    Ok(files)
}

fn go_on(cancel: Option<&Cancel>, path: &str) -> Result<(), StorageError> {
    if cancel.is_some_and(Cancel::is_triggered) {
        return Err(StorageError::new(Fault::Cancelled, path));
    }
    Ok(())
}

/// How coarse the times of files may be.
const TICK: Duration = Duration::from_millis(20);

fn etag(metadata: &fs::Metadata) -> ETag {
    let (changed, changed_ns) = (metadata.ctime(), metadata.ctime_nsec());
    let (written, written_ns) = (metadata.mtime(), metadata.mtime_nsec());
    let (device, inode, size) = (metadata.dev(), metadata.ino(), metadata.len());
    // Not every file system knows it.
    let born = metadata.created().ok().and_then(|born| born.duration_since(UNIX_EPOCH).ok());
    let born = born.map_or(0, |born| born.as_nanos());
    ETag(format!("{device}:{inode}:{born}:{size}:{written}.{written_ns}:{changed}.{changed_ns}"))
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

    fn file(&self) -> Option<&File> {
        Some(&self.file)
    }

    fn is_same_file(&self, earlier: &ETag) -> bool {
        // Device, inode, which a later file may get again, and birth; the file may have grown.
        let identity =
            |etag: &ETag| -> Vec<String> { etag.0.split(':').take(3).map(str::to_owned).collect() };
        identity(&self.etag) == identity(earlier)
    }

    fn is_settled(&self) -> Result<bool, StorageError> {
        let metadata = self.file.metadata().map_err(|error| StorageError::io(error, &self.path))?;
        let age = metadata.modified().ok().and_then(|written| written.elapsed().ok());
        Ok(etag(&metadata) == self.etag && age.is_none_or(|age| age >= TICK))
    }

    fn read_at(&self, offset: u64, into: &mut [u8], cancel: Option<&Cancel>) -> Result<usize, StorageError> {
        go_on(cancel, &self.path)?;
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
            match sys::try_lock(&directory, sys::Lock::Exclusive) {
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
        Ok(condition.holds(found.as_ref(), ETag::eq))
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

#[cfg(test)]
mod tests {
    use super::*;

    /// An empty directory that is gone at the end.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("libresult-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            fs::create_dir_all(&path).unwrap();
            Scratch(path)
        }

        fn path(&self, name: &str) -> String {
            self.0.join(name).to_str().unwrap().to_owned()
        }

        fn names(&self) -> Vec<String> {
            let names =
                Local.list(self.0.to_str().unwrap(), None).unwrap().into_iter().map(|entry| entry.name);
            let mut names: Vec<String> = names.collect();
            names.sort();
            names
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn fault(outcome: Result<(), StorageError>) -> Fault {
        outcome.expect_err("a fault").fault
    }

    #[test]
    fn a_stream_is_there_once_it_is_committed() {
        let scratch = Scratch::new("stream");
        let path = scratch.path("file");
        let mut upload = Local.create(&path, None).unwrap();
        upload.write(b"one ").unwrap();
        upload.write(b"two").unwrap();
        assert!(!Path::new(&path).exists());
        upload.commit(&Condition::Always, None).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one two");
        let mut upload = Local.create(&path, None).unwrap();
        upload.write(b"three").unwrap();
        upload.abort();
        assert_eq!(fs::read(&path).unwrap(), b"one two");
        assert_eq!(scratch.names(), ["file"]);
    }

    #[test]
    fn conditions_hold_or_nothing_is_written() {
        let scratch = Scratch::new("conditions");
        let path = scratch.path("file");
        Local.write(&path, b"1", &Condition::IfAbsent, None).unwrap();
        assert!(matches!(fault(Local.write(&path, b"2", &Condition::IfAbsent, None)), Fault::Changed));
        let etag = Local.open(&path, None, None).unwrap().etag().clone();
        let unchanged = Condition::IfMatch(etag);
        Local.write(&path, b"2", &unchanged, None).unwrap();
        assert!(matches!(fault(Local.write(&path, b"3", &unchanged, None)), Fault::Changed));
        assert_eq!(fs::read(&path).unwrap(), b"2");
        fs::remove_file(&path).unwrap();
        assert!(matches!(fault(Local.write(&path, b"3", &unchanged, None)), Fault::Changed));
        assert!(scratch.names().is_empty());
    }

    #[test]
    fn a_link_stays_a_link_and_rights_stay_as_they_are() {
        use std::os::unix::fs::PermissionsExt;
        let scratch = Scratch::new("links");
        let (file, link) = (scratch.path("file"), scratch.path("link"));
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink("file", &link).unwrap();
        Local.write(&link, b"new", &Condition::Always, None).unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
    }

    #[test]
    fn a_listing_follows_links() {
        let scratch = Scratch::new("listing");
        fs::create_dir(scratch.path("directory")).unwrap();
        fs::write(scratch.path("file"), "").unwrap();
        for (name, target) in [("to_directory", "directory"), ("to_file", "file"), ("to_nothing", "gone")] {
            std::os::unix::fs::symlink(target, scratch.path(name)).unwrap();
        }
        std::os::unix::fs::symlink("loop", scratch.path("loop")).unwrap();
        let mut entries = Local.list(scratch.0.to_str().unwrap(), None).unwrap();
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        let kinds: Vec<EntryKind> = entries.iter().map(|entry| entry.kind).collect();
        use EntryKind::{Directory, File, Other};
        assert_eq!(kinds, [Directory, File, Other, Directory, File, Other]);
    }

    #[test]
    fn a_walk_goes_on_although_files_go_meanwhile() {
        let scratch = Scratch::new("vanishing");
        let is_over = std::sync::atomic::AtomicBool::new(false);
        fs::write(scratch.path("stays"), "1").unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    fs::create_dir(scratch.path("deep")).unwrap();
                    for name in ["part", "deep/part"] {
                        fs::write(scratch.path(name), "")
                            .and_then(|()| fs::remove_file(scratch.path(name)))
                            .unwrap();
                    }
                    fs::remove_dir(scratch.path("deep")).unwrap();
                }
            });
            let walks: Vec<_> = (0..3_000).map(|_| Local.walk(scratch.0.to_str().unwrap(), None)).collect();
            is_over.store(true, Ordering::Relaxed);
            for files in walks {
                assert!(files.unwrap().iter().any(|file| file.name == "stays"));
            }
        });
        let gone = Local.walk(&scratch.path("gone"), None).unwrap_err().fault;
        assert!(matches!(gone, Fault::NotFound));
    }

    #[test]
    fn a_walk_needs_no_stack_for_its_depth() {
        let scratch = Scratch::new("deep");
        let deep = scratch.path(&"d/".repeat(1_900));
        fs::create_dir_all(&deep).and_then(|()| fs::write(deep + "file", "1")).unwrap();
        let path = scratch.path("d");
        let walk = move || Local.walk(&path, None).unwrap().remove(0).name.len();
        let small = std::thread::Builder::new().stack_size(128 << 10).spawn(walk);
        assert_eq!(small.unwrap().join().unwrap(), 1_899 * 2 + 4);
    }

    #[test]
    fn what_is_no_regular_file_is_not_read() {
        let scratch = Scratch::new("kinds");
        let pipe = scratch.path("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let opened = |path: &str| fault(Local.open(path, None, None).map(|_| ()));
        assert!(matches!(opened(&pipe), Fault::NotAFile));
        assert!(matches!(opened(scratch.0.to_str().unwrap()), Fault::NotAFile));
        assert!(matches!(opened(&scratch.path("nothing")), Fault::NotFound));
        assert!(matches!(opened(&scratch.path(&"x".repeat(300))), Fault::NotFound));
        std::os::unix::fs::symlink("loop", scratch.path("loop")).unwrap();
        assert!(matches!(opened(&scratch.path("loop/below")), Fault::NotFound));
        assert!(matches!(opened(&scratch.path("pipe/below")), Fault::NotADirectory));
    }

    #[test]
    fn many_writers_of_one_file_wait_for_one_another() {
        let scratch = Scratch::new("writers");
        let path = scratch.path("count");
        fs::write(&path, "0").unwrap();
        let increment = || loop {
            let blob = Local.open(&path, None, None).unwrap();
            let mut text = vec![0; 8];
            let length = blob.read_at(0, &mut text, None).unwrap();
            let count: u64 = std::str::from_utf8(&text[..length]).unwrap().parse().unwrap();
            let unchanged = Condition::IfMatch(blob.etag().clone());
            match Local.write(&path, (count + 1).to_string().as_bytes(), &unchanged, None) {
                Ok(()) => break,
                Err(error) => assert!(matches!(error.fault, Fault::Changed)),
            }
        };
        std::thread::scope(|scope| {
            (0..4).for_each(|_| {
                scope.spawn(|| (0..25).for_each(|_| increment()));
            });
        });
        assert_eq!(fs::read_to_string(&path).unwrap(), "100");
        assert_eq!(scratch.names(), ["count"]);
    }
}
