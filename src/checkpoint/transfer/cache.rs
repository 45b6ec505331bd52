//! Copies of remote checkpoints that all who ask for the same one share, in threads and processes.
//!
//! In the cache directory, `KEY.lock` is locked by all who use the copy, shared, or by one who makes or removes it, alone;
//! the system takes back the locks of processes that die. `KEY/NAME` is the copy, which is there when it is whole; `KEY/about`
//! tells what it is a copy of, and `KEY/keep` that it is to stay when nobody uses it. The lock file holds its size, and was
//! modified when it was last asked for. Whoever removes a copy first renames it, so that nobody finds half of one.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use super::caller::{Caller, Stop, failed};
use super::destination::{Destination, is_taken};
use super::manifest::identity;
use super::options::{CacheOptions, Options};
use super::plan::{self, Plan};
use super::staging::{fingerprint, make_above, remove_tree};
use super::{Purpose, fetch_to};
use crate::error::{Error, Result};
use crate::storage::Location;
use crate::storage::disk::{self, Lock};

/// How long what a killed process has not finished can be gone on with.
const UNFINISHED: Duration = Duration::from_secs(24 * 60 * 60);
/// Hexadecimal digits of a key.
const KEY_LENGTH: usize = 32;

/// A copy, for as long as this lives.
pub(super) struct Held {
    entry: Entry,
    lock: File,
    copy: PathBuf,
    max_bytes: Option<u64>,
    /// Who holds it: a process that was forked off has inherited the lock, but does not hold it.
    pid: u32,
}

impl Held {
    pub(super) fn copy(&self) -> &Path {
        &self.copy
    }
}

#[cfg(test)]
impl Held {
    pub(super) fn into_inherited(mut self) -> Self {
        self.pid = 0;
        self
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.pid != process::id() {
            return;
        }
        // Whoever gets it for itself was the last one. If someone else looks at it just now, that one removes it.
        let is_last = |file| disk::try_lock(file, Lock::Exclusive).unwrap_or(false);
        if !self.entry.is_kept() && is_last(&self.lock) && !self.entry.is_kept() {
            self.entry.remove(&self.lock);
        }
        disk::unlock(&self.lock);
        if let Some(max_bytes) = self.max_bytes {
            tidy(&self.entry.cache, None, Some(max_bytes));
        }
    }
}

/// Makes a copy of the files of a plan, unless there is one, and holds it.
pub(super) fn hold(
    source: &Location,
    plan: &Plan,
    options: &Options,
    cache: &CacheOptions,
    caller: &mut Caller,
) -> Result<Held, Stop> {
    let Some(dir) = &cache.dir else {
        return Err(Error::invalid("setting cache_dir is needed: this user has no home directory").into());
    };
    make_cache(dir)?;
    let about = identity(&source.uri(), &plan.files);
    let entry = Entry::new(dir, &format!("{:0KEY_LENGTH$x}", fingerprint(&about)));
    let name = Some(source.name()).filter(|name| !name.starts_with('.') && plan::fault(name).is_none());
    let copy = entry.dir.join(name.unwrap_or("checkpoint"));
    let is_there = |lock: &File| disk::is_at(lock, &entry.lock) && entry.is_copy_of(&about, &copy);
    let try_lock = |lock: &File, how| disk::try_lock(lock, how).map_err(|error| entry.unlockable(&error));
    loop {
        let lock = entry.lock(caller)?;
        // Between two locks there is none for a moment, so everything may be otherwise after it.
        let mut is_held = is_there(&lock);
        if !is_held {
            if !try_lock(&lock, Lock::Exclusive)? {
                // Someone else is about to make it, or to leave.
                caller.wait()?;
                continue;
            }
            if disk::is_at(&lock, &entry.lock) && !is_there(&lock) {
                let room = cache.max_bytes.map(|max_bytes| max_bytes.saturating_sub(plan.bytes));
                tidy(dir, Some(&entry), room);
                let made = entry.make(&about, plan.bytes, &lock, || {
                    let destination = Destination::at(copy.clone());
                    fetch_to(source, plan, options, &destination, Purpose::Shared, caller)
                });
                if let Err(failure) = made {
                    match failure {
                        // Nobody will ask for what it was any more.
                        Stop::Changed(_) => entry.remove(&lock),
                        Stop::Failed(_) => entry.give_up(&lock),
                    }
                    disk::unlock(&lock);
                    return Err(failure);
                }
            }
            is_held = try_lock(&lock, Lock::Shared)? && is_there(&lock);
        }
        if is_held {
            let held =
                Held { entry: entry.clone(), lock, copy, max_bytes: cache.max_bytes, pid: process::id() };
            // A later process could take the copy for what is there by then.
            held.entry.touch(&held.lock, cache.keep && plan.is_told_apart())?;
            return Ok(held);
        }
    }
}

/// Only this user looks into a cache that is made here.
fn make_cache(dir: &Path) -> Result<()> {
    make_above(dir, &mut Vec::new())?;
    match DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && dir.is_dir() => Ok(()),
        made => made.map_err(|error| failed(dir, "the cache directory cannot be made", &error)),
    }
}

/// What a cache has under one key.
#[derive(Debug, Clone)]
struct Entry {
    cache: PathBuf,
    dir: PathBuf,
    lock: PathBuf,
}

impl Entry {
    fn new(cache: &Path, key: &str) -> Self {
        Entry { cache: cache.to_owned(), dir: cache.join(key), lock: cache.join(format!("{key}.lock")) }
    }

    /// Waits until nobody has it alone, and locks it together with others.
    fn lock(&self, caller: &mut Caller) -> Result<File> {
        loop {
            let opened =
                OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&self.lock);
            let file = opened.map_err(|error| failed(&self.lock, "it cannot be written", &error))?;
            while !disk::try_lock(&file, Lock::Shared).map_err(|error| self.unlockable(&error))? {
                caller.wait()?;
            }
            // Whoever removes it removes the lock as well.
            if disk::is_at(&file, &self.lock) {
                return Ok(file);
            }
        }
    }

    fn unlockable(&self, error: &io::Error) -> Error {
        failed(&self.lock, "it cannot be locked, so name another cache_dir", error)
    }

    fn is_copy_of(&self, about: &str, copy: &Path) -> bool {
        copy.is_dir() && fs::read_to_string(self.dir.join("about")).is_ok_and(|found| found == about)
    }

    fn is_kept(&self) -> bool {
        self.dir.join("keep").exists()
    }

    /// Makes the copy, as the only one who does.
    fn make(
        &self,
        about: &str,
        bytes: u64,
        lock: &File,
        fetch: impl FnOnce() -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        let prepare = || {
            let path = self.dir.join("about");
            if fs::read_to_string(&path).ok().as_deref() != Some(about) {
                // Another one of the same key, or nothing.
                self.remove_files();
                fs::create_dir(&self.dir)?;
                fs::write(&path, about)?;
            }
            lock.set_len(0)?;
            let mut lock = lock;
            lock.write_all(bytes.to_string().as_bytes())
        };
        prepare().map_err(|error| failed(&self.dir, "it cannot be written", &error))?;
        fetch()
    }

    /// After the copy could not be made: only what can be gone on with stays.
    fn give_up(&self, lock: &File) {
        let is_begun = fs::read_dir(&self.dir)
            .is_ok_and(|mut entries| entries.any(|entry| entry.is_ok_and(|entry| entry.path().is_dir())));
        if !is_begun {
            self.remove(lock);
        }
    }

    /// Notes that someone uses it, who may want it to stay.
    fn touch(&self, lock: &File, keep: bool) -> Result<()> {
        // Where this is not possible, it just seems older.
        let _ = lock.set_modified(SystemTime::now());
        if keep && !self.is_kept() {
            let path = self.dir.join("keep");
            File::create(&path).map_err(|error| failed(&path, "it cannot be written", &error))?;
        }
        Ok(())
    }

    /// Removes it and its lock, which this call has for itself.
    fn remove(&self, lock: &File) {
        if disk::is_at(lock, &self.lock) {
            self.remove_files();
            let _ = fs::remove_file(&self.lock);
        }
    }

    fn remove_files(&self) {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        loop {
            let unique = COUNTER.fetch_add(1, Relaxed);
            let gone = self.cache.join(format!(".{}-{unique}.gone", process::id()));
            match fs::rename(&self.dir, &gone) {
                Ok(()) => return drop(remove_tree(&gone)),
                // Of containers that share a cache, each may have a process of this number.
                Err(error) if is_taken(&error) => {}
                Err(_) => return,
            }
        }
    }

    /// Whether the copy was made to its end.
    fn is_whole(&self) -> bool {
        let is_copy = |entry: io::Result<fs::DirEntry>| {
            entry.is_ok_and(|entry| {
                !entry.file_name().as_encoded_bytes().starts_with(b".") && entry.path().is_dir()
            })
        };
        fs::read_dir(&self.dir).is_ok_and(|mut entries| entries.any(is_copy))
    }
}

/// Whether a name is that of an entry.
fn is_key(name: &str) -> bool {
    name.len() == KEY_LENGTH && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether a name is that of an entry that is being removed.
fn is_gone(name: &str) -> bool {
    let numbers = name.strip_prefix('.').and_then(|name| name.strip_suffix(".gone")?.split_once('-'));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    numbers.is_some_and(|(process, unique)| is_number(process) && is_number(unique))
}

/// Removes what nobody uses: copies that are not to stay, what was left unfinished long ago, and of those that are to stay
/// the ones asked for least lately, until all take no more than `room`.
fn tidy(cache: &Path, except: Option<&Entry>, room: Option<u64>) {
    let Ok(found) = fs::read_dir(cache) else { return };
    let (mut kept, mut total) = (Vec::new(), 0_u64);
    for found in found.flatten() {
        let (name, path) = (found.file_name(), found.path());
        let Some(name) = name.to_str() else { continue };
        if is_gone(name) {
            let _ = remove_tree(&path);
        }
        // Others may keep their own files there.
        let Some(key) = name.strip_suffix(".lock").filter(|key| is_key(key)) else { continue };
        let entry = Entry::new(cache, key);
        if except.is_some_and(|except| except.lock == entry.lock) {
            continue;
        }
        let Ok((modified, bytes)) = about_lock(&entry.lock) else { continue };
        let is_unused = with_lock(&entry, |lock| {
            let is_old = modified.elapsed().is_ok_and(|age| age > UNFINISHED);
            let is_whole = entry.is_whole();
            if is_whole && !entry.is_kept() || !is_whole && is_old {
                entry.remove(lock);
            }
        });
        if entry.is_whole() {
            total = total.saturating_add(bytes);
            if is_unused {
                kept.push((modified, bytes, entry));
            }
        }
    }
    kept.sort_by_key(|(modified, ..)| *modified);
    for (_, bytes, entry) in kept {
        if room.is_none_or(|room| total <= room) {
            break;
        }
        if with_lock(&entry, |lock| entry.remove(lock)) {
            total = total.saturating_sub(bytes);
        }
    }
}

/// When an entry was last asked for, and its size.
fn about_lock(path: &Path) -> io::Result<(SystemTime, u64)> {
    let mut file = File::open(path)?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok((file.metadata()?.modified()?, text.trim().parse().unwrap_or(0)))
}

/// Does something to an entry that nobody uses. Returns whether nobody does.
fn with_lock(entry: &Entry, body: impl FnOnce(&File)) -> bool {
    let Ok(lock) = OpenOptions::new().read(true).write(true).open(&entry.lock) else { return false };
    let is_ours = disk::try_lock(&lock, Lock::Exclusive).unwrap_or(false) && disk::is_at(&lock, &entry.lock);
    if is_ours {
        body(&lock);
    }
    disk::unlock(&lock);
    is_ours
}
