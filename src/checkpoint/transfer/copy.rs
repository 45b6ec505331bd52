//! How the content of one file gets here: by ranged reads; from a file of this machine as its file system does it best.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use super::caller::{Stop, failed};
use super::crew::lock;
use crate::cancel::{self, Cancel};
use crate::error::{Code, Error};
use crate::storage::{Blob, Fault, FileBelow, Location, StorageError, disk};

/// What the file systems of a copy have shown that they cannot do.
#[derive(Default)]
pub(super) struct Ways {
    no_clone: AtomicBool,
    no_copy_range: AtomicBool,
}

/// From which size on it is worth knowing beforehand that the disk is full.
const RESERVE_FROM: u64 = 1 << 20;

/// A file that is being fetched.
pub(super) struct Copy {
    blob: Box<dyn Blob>,
    file: File,
    path: PathBuf,
    /// The kernel lets one thread write to a file at a time; the others would keep cores busy by waiting for it.
    writing: Mutex<()>,
    /// Whether it was all there at once.
    is_whole: bool,
}

impl Copy {
    /// Opens both ends. `is_begun` tells that an earlier call wrote a part of it; otherwise nothing is there.
    pub(super) fn open(
        source: &Location,
        wanted: &FileBelow,
        path: PathBuf,
        is_begun: bool,
        ways: &Ways,
        cancel: Option<&Cancel>,
    ) -> Result<Self, Stop> {
        let blob = open_blob(source, wanted, cancel)?;
        let size = wanted.known.size;
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).custom_flags(libc::O_NOFOLLOW);
        let unwritable = |error| Stop::Failed(failed(&path, "it cannot be written", &error));
        if is_begun {
            make_writable(&path).map_err(unwritable)?;
        }
        let file = options.create_new(!is_begun).open(&path).map_err(unwritable)?;
        let mut is_whole = false;
        match blob.file() {
            Some(from) if !is_begun && size > 0 && !ways.no_clone.load(Relaxed) => {
                is_whole = disk::clone_file(from, &file).map_err(unwritable)?;
                ways.no_clone.store(!is_whole, Relaxed);
            }
            Some(_) => {}
            None if size >= RESERVE_FROM => disk::reserve(&file, size).map_err(unwritable)?,
            None => {}
        }
        file.set_len(size).map_err(unwritable)?;
        Ok(Copy { blob, file, path, writing: Mutex::new(()), is_whole })
    }

    /// Fetches a range: in pieces, or by way of a buffer that is as long.
    pub(super) fn range(
        &self,
        source: &Location,
        wanted: &FileBelow,
        range: Range<u64>,
        ways: &Ways,
        buffer: &mut Buffer,
        cancel: Option<&Cancel>,
    ) -> Result<(), Stop> {
        let (offset, length) = (range.start, range.end - range.start);
        if self.is_whole || length == 0 {
            return Ok(());
        }
        let unwritable = |error| Stop::Failed(failed(&self.path, "it cannot be written", &error));
        if let Some(from) = self.blob.file().filter(|_| !ways.no_copy_range.load(Relaxed)) {
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            match disk::copy_range(from, &self.file, offset, length).map_err(unwritable)? {
                Some(copied) if copied == length => return Ok(()),
                Some(_) => return Err(Stop::Changed(wanted.name.clone())),
                None => ways.no_copy_range.store(true, Relaxed),
            }
        }
        let (mut at, mut failure) = (offset, None);
        let mut write = |bytes: &[u8]| {
            let _turn = lock(&self.writing);
            failure = self.file.write_all_at(bytes, at).err();
            at += bytes.len() as u64;
            failure.is_none()
        };
        let read = self.blob.read_pieces(offset, length, &mut write, cancel);
        failure.map_or(Ok(()), |error| Err(unwritable(error)))?;
        match read {
            Some(read) => read.map_err(|error| changed_or(error, wanted))?,
            None => self.by_buffer(source, wanted, range, buffer, cancel)?,
        }
        // The disk is busy with it while the next range comes.
        disk::begin_to_write_out(&self.file, offset, length).map_err(unwritable)
    }

    fn by_buffer(
        &self,
        source: &Location,
        wanted: &FileBelow,
        range: Range<u64>,
        buffer: &mut Buffer,
        cancel: Option<&Cancel>,
    ) -> Result<(), Stop> {
        let (offset, length) = (range.start, range.end - range.start);
        let buffer = buffer.of(length)?;
        let read = self.blob.read_at(offset, buffer, cancel).map_err(|error| changed_or(error, wanted))?;
        if read < buffer.len() {
            let (name, size) = (&wanted.name, wanted.known.size);
            let short = format!("{read} bytes at {offset} instead of {length}");
            let message = format!("{source}/{name}: the store gave {short}, of {size} in all");
            return Err(Stop::Failed(Error::new(Code::Io, message)));
        }
        let written = self.file.write_all_at(buffer, offset);
        written.map_err(|error| Stop::Failed(failed(&self.path, "it cannot be written", &error)))
    }

    /// Makes sure that a file of this machine was not written to while it was copied; a store looks itself, at each read.
    pub(super) fn finish(&self, wanted: &FileBelow, cancel: Option<&Cancel>) -> Result<(), Stop> {
        if self.blob.file().is_none() || self.blob.is_settled()? {
            return Ok(());
        }
        // It may just be young.
        cancel::check(cancel)?;
        std::thread::sleep(Duration::from_millis(25));
        if self.blob.is_settled()? { Ok(()) } else { Err(Stop::Changed(wanted.name.clone())) }
    }
}

/// A file of a shared copy may have been made one for reading before the machine crashed, and lack some of its bytes since.
fn make_writable(path: &Path) -> io::Result<()> {
    let mode = fs::metadata(path)?.permissions().mode();
    if mode & 0o200 != 0 {
        return Ok(());
    }
    fs::set_permissions(path, fs::Permissions::from_mode(mode | 0o200))
}

/// Makes a hard link to a file of a local checkpoint.
pub(super) fn link(source: &Location, wanted: &FileBelow, path: &Path) -> Result<(), Stop> {
    // A link to a symbolic link would be one itself.
    match fs::canonicalize(source.join(&wanted.name).path).and_then(|from| fs::hard_link(from, path)) {
        Err(error) if error.kind() == ErrorKind::NotFound => Err(Stop::Changed(wanted.name.clone())),
        linked => linked.map_err(|error| Stop::Failed(failed(path, "it cannot be a hard link", &error))),
    }
}

fn open_blob(source: &Location, wanted: &FileBelow, cancel: Option<&Cancel>) -> Result<Box<dyn Blob>, Stop> {
    let opened = source.join(&wanted.name).open(Some(&wanted.known), cancel);
    let blob = opened.map_err(|error| changed_or(error, wanted))?;
    if blob.size() != wanted.known.size || *blob.etag() != wanted.known.etag {
        return Err(Stop::Changed(wanted.name.clone()));
    }
    Ok(blob)
}

/// A file that is not there any more has changed, too.
fn changed_or(error: StorageError, wanted: &FileBelow) -> Stop {
    let has_changed =
        matches!(error.fault, Fault::Changed | Fault::NotFound | Fault::NotADirectory | Fault::NotAFile);
    if has_changed { Stop::Changed(wanted.name.clone()) } else { error.into() }
}

/// Room for one part, which a thread uses again and again.
#[derive(Default)]
pub(super) struct Buffer(Vec<u8>);

impl Buffer {
    fn of(&mut self, length: u64) -> Result<&mut [u8], Stop> {
        let too_large = || {
            Stop::Failed(Error::invalid(format_args!(
                "setting part_bytes: there is no memory for a part of {length} bytes"
            )))
        };
        let length = usize::try_from(length).map_err(|_| too_large())?;
        if self.0.len() < length {
            self.0.try_reserve_exact(length - self.0.len()).map_err(|_| too_large())?;
            self.0.resize(length, 0);
        }
        Ok(&mut self.0[..length])
    }
}
