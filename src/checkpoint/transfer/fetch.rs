//! Fetches the files of a plan into a tree, many parts at once, and gets them on the disk. Holds at most one part a thread in memory.

use std::fs::{self, File};
use std::ops::Range;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use super::caller::{Caller, Stop, failed};
use super::copy::{Buffer, Copy, Ways, link};
use super::crew::{self, Pause, lock};
use super::manifest::{Manifest, Ranges, Saving};
use super::options::Options;
use super::plan::{Plan, directories_above};
use crate::cancel::Cancel;
use crate::error::{Code, Error};
use crate::storage::{Location, disk};

/// What is fetched, and to where.
pub(super) struct Fetch<'a> {
    pub source: &'a Location,
    pub plan: &'a Plan,
    pub options: &'a Options<'a>,
    pub tree: &'a Path,
    pub manifest: &'a Manifest,
    /// Whether the files are to be read only.
    pub for_reading: bool,
}

impl Fetch<'_> {
    /// Fetches what is not there, until all files are whole and on the disk.
    pub(super) fn run(&self, there: Vec<Ranges>, caller: &mut Caller) -> Result<(), Stop> {
        let (cancel, total) = (caller.cancel, self.plan.bytes);
        let done = AtomicU64::new(there.iter().map(Ranges::bytes).sum());
        let part_bytes = if self.options.links { u64::MAX } else { self.options.part_bytes };
        let begun: Vec<bool> = there.iter().map(|ranges| !ranges.is_empty()).collect();
        let sizes = self.plan.files.iter().map(|file| file.known.size);
        let missing = there.iter().zip(sizes).map(|(ranges, size)| ranges.missing(size)).collect();
        let queue = Queue::new(missing, part_bytes);
        let files = begun.iter().zip(&queue.missing).map(|(begun, missing)| Slot {
            is_begun: *begun,
            copy: Mutex::new(None),
            left: AtomicU64::new(parts(missing, part_bytes)),
        });
        let files: Vec<Slot> = files.collect();
        let store = &self.source.store;
        let is_local = store.local_path(&self.source.path).is_some();
        // What is here does not keep a thread waiting, so one may as well be the caller's.
        let is_alone = self.options.parallel == 1 && (is_local || store.is_bound_to_caller());
        let threads = |pieces: u64| match usize::try_from(pieces) {
            _ if is_alone => 0,
            pieces => self.options.parallel.min(pieces.unwrap_or(usize::MAX)),
        };
        let pieces = files.iter().map(|file| file.left.load(Relaxed)).sum();
        let tell: Pause = &mut || caller.tell(done.load(Relaxed), total);
        tell()?;
        if pieces > 0 {
            let state = Shared { files, queue: Mutex::new(queue), done: &done, ways: Ways::default() };
            let work = |cancel: Option<&Cancel>, pause: Pause| self.fetch(&state, cancel, pause);
            let threads = if store.is_bound_to_caller() { 0 } else { threads(pieces) };
            crew::run(threads, cancel, &work, tell)?;
        }
        let (next, count) = (AtomicUsize::new(0), self.plan.files.len());
        let work = |_: Option<&Cancel>, pause: Pause| self.settle(&next, pause);
        if count > 0 {
            crew::run(threads(count as u64), cancel, &work, tell)?;
        }
        self.settle_directories()?;
        Ok(tell()?)
    }

    /// Takes parts from the queue until it is empty.
    fn fetch(&self, state: &Shared, cancel: Option<&Cancel>, pause: Pause) -> Result<(), Stop> {
        let mut buffer = Buffer::default();
        loop {
            pause()?;
            let Some(part) = lock(&state.queue).next() else { return Ok(()) };
            self.part(state, &part, &mut buffer, cancel)?;
            state.done.fetch_add(part.length, Relaxed);
        }
    }

    fn part(
        &self,
        state: &Shared,
        part: &Part,
        buffer: &mut Buffer,
        cancel: Option<&Cancel>,
    ) -> Result<(), Stop> {
        let wanted = &self.plan.files[part.file];
        if self.options.links {
            return link(self.source, wanted, &self.tree.join(&wanted.name));
        }
        let file = &state.files[part.file];
        let copy = {
            let mut open = lock(&file.copy);
            match &*open {
                Some(copy) => copy.clone(),
                None => {
                    let path = self.tree.join(&wanted.name);
                    let copy = Copy::open(self.source, wanted, path, file.is_begun, &state.ways, cancel)?;
                    open.insert(Arc::new(copy)).clone()
                }
            }
        };
        let range = part.offset..part.offset + part.length;
        copy.range(self.source, wanted, range, &state.ways, buffer, cancel)?;
        let is_last = file.left.fetch_sub(1, Relaxed) == 1;
        if is_last {
            copy.finish(wanted, cancel)?;
            *lock(&file.copy) = None;
        }
        let unwritable = |error| Stop::Failed(failed(self.tree, "it cannot be written", &error));
        let noted = self.manifest.add(part.file, part.offset, part.length).map_err(unwritable)?;
        noted.map_or(Ok(()), |saving| self.save(&saving))
    }

    /// Gets what was fetched so far on the disk.
    fn save(&self, saving: &Saving) -> Result<(), Stop> {
        for index in &saving.files {
            let path = self.tree.join(&self.plan.files[*index].name);
            let saved = File::open(&path).and_then(|file| file.sync_data());
            saved.map_err(|error| failed(&path, "it cannot be written to its disk", &error))?;
        }
        let saved = self.manifest.saved(saving);
        Ok(saved.map_err(|error| failed(self.tree, "it cannot be written", &error))?)
    }

    /// Takes one file after another: it must be as long as it should be, and gets on the disk.
    fn settle(&self, next: &AtomicUsize, pause: Pause) -> Result<(), Stop> {
        // A piece at a time, so that a large file can be given up in between.
        const PIECE: u64 = 32 << 20;
        loop {
            pause()?;
            let Some(wanted) = self.plan.files.get(next.fetch_add(1, Relaxed)) else { return Ok(()) };
            let path = self.tree.join(&wanted.name);
            let unwritable = |error| failed(&path, "it cannot be written to its disk", &error);
            let file = File::open(&path).map_err(unwritable)?;
            let (size, expected) = (file.metadata().map_err(unwritable)?.len(), wanted.known.size);
            if size != expected && self.options.links {
                return Err(Stop::Changed(wanted.name.clone()));
            }
            if size != expected {
                let message = format!("{}: it has {size} bytes instead of {expected}", path.display());
                return Err(Stop::Failed(Error::new(Code::Io, message)));
            }
            if self.options.links {
                continue;
            }
            let mut offset = 0;
            while expected > PIECE && offset < expected {
                pause()?;
                disk::write_out(&file, offset, PIECE.min(expected - offset)).map_err(unwritable)?;
                offset += PIECE;
            }
            if self.for_reading {
                file.set_permissions(fs::Permissions::from_mode(0o444)).map_err(unwritable)?;
            }
            file.sync_all().map_err(unwritable)?;
        }
    }

    fn settle_directories(&self) -> Result<(), Stop> {
        let mut directories: Vec<&str> =
            self.plan.files.iter().flat_map(|file| directories_above(&file.name)).collect();
        directories.push("");
        directories.sort_unstable();
        directories.dedup();
        for directory in directories {
            let path = self.tree.join(directory);
            let synced = File::open(&path).and_then(|directory| directory.sync_all());
            synced.map_err(|error| failed(&path, "it cannot be written to its disk", &error))?;
        }
        Ok(())
    }
}

/// What the threads share.
struct Shared<'a> {
    files: Vec<Slot>,
    queue: Mutex<Queue>,
    done: &'a AtomicU64,
    ways: Ways,
}

/// A file of the plan.
struct Slot {
    is_begun: bool,
    /// Open while parts of it are fetched.
    copy: Mutex<Option<Arc<Copy>>>,
    /// How many parts it lacks.
    left: AtomicU64,
}

/// A range of a file that is fetched at once.
#[derive(Debug, PartialEq, Eq)]
struct Part {
    file: usize,
    offset: u64,
    length: u64,
}

/// The parts that nobody has taken yet, in order.
struct Queue {
    /// Of each file.
    missing: Vec<Vec<Range<u64>>>,
    part_bytes: u64,
    file: usize,
    range: usize,
    /// How much of that range was taken.
    taken: u64,
}

impl Queue {
    fn new(missing: Vec<Vec<Range<u64>>>, part_bytes: u64) -> Self {
        Queue { missing, part_bytes, file: 0, range: 0, taken: 0 }
    }

    fn next(&mut self) -> Option<Part> {
        loop {
            let Some(range) = self.missing.get(self.file)?.get(self.range) else {
                (self.file, self.range) = (self.file + 1, 0);
                continue;
            };
            let offset = range.start + self.taken;
            let length = self.part_bytes.min(range.end - offset);
            let part = Part { file: self.file, offset, length };
            self.taken += length;
            if offset + length == range.end {
                (self.range, self.taken) = (self.range + 1, 0);
            }
            return Some(part);
        }
    }
}

/// How many parts these ranges make; an empty one makes one as well.
fn parts(ranges: &[Range<u64>], part_bytes: u64) -> u64 {
    ranges.iter().map(|range| (range.end - range.start).div_ceil(part_bytes).max(1)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::single_range_in_vec_init)]
    fn the_queue_has_each_part_once() {
        let missing = vec![vec![0..10], vec![], vec![0..0], vec![4..5, 8..16]];
        assert_eq!(missing.iter().map(|ranges| parts(ranges, 4)).collect::<Vec<_>>(), [3, 0, 1, 3]);
        let mut queue = Queue::new(missing, 4);
        let parts: Vec<(usize, u64, u64)> =
            std::iter::from_fn(|| queue.next()).map(|part| (part.file, part.offset, part.length)).collect();
        let expected = [(0, 0, 4), (0, 4, 4), (0, 8, 2), (2, 0, 0), (3, 4, 1), (3, 8, 4), (3, 12, 4)];
        assert_eq!(parts, expected);
    }
}
