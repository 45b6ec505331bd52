//! A part directory: where the files of a transfer are until all are whole. A later call goes on with what an earlier one
//! left there. Only one call at a time uses it.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::caller::{Caller, failed};
use super::manifest::{self, Manifest, Ranges};
use super::plan::{Plan, directories_above};
use crate::error::Result;
use crate::storage::disk::{self, Lock};

/// A part directory that this call has for itself.
pub(super) struct Staging {
    dir: PathBuf,
    lock: File,
    tree: PathBuf,
    old: PathBuf,
    /// Directories above that were made for it.
    above: Vec<PathBuf>,
}

impl Staging {
    /// What the part directory of a directory is called.
    pub(super) fn name_for(name: &OsStr) -> String {
        // A name may have 255 bytes. Those of two long ones must differ.
        let name = name.to_string_lossy();
        if name.len() <= 200 {
            return format!(".{name}.part");
        }
        let end = (0..=200).rev().find(|end| name.is_char_boundary(*end)).unwrap_or(0);
        format!(".{}-{:032x}.part", &name[..end], fingerprint(&name))
    }

    /// Waits until nobody else uses the part directory, which is made if it is not there.
    pub(super) fn open(dir: &Path, caller: &mut Caller) -> Result<Self> {
        let mut above = Vec::new();
        let lock = match lock(dir, caller, &mut above) {
            Ok(lock) => lock,
            Err(error) => {
                remove_empty(&above);
                return Err(error);
            }
        };
        Ok(Staging { dir: dir.to_owned(), lock, tree: dir.join("files"), old: dir.join("old"), above })
    }

    /// The directory with the files themselves.
    pub(super) fn tree(&self) -> &Path {
        &self.tree
    }

    /// Where the former content of a destination is for a moment.
    pub(super) fn old(&self) -> &Path {
        &self.old
    }

    /// Makes the tree ready for the files of a plan: with all their directories, and what is there of them, which is told.
    pub(super) fn begin(&self, uri: &str, plan: &Plan) -> Result<(Manifest, Vec<Ranges>)> {
        let path = self.dir.join("manifest");
        let prepare = || {
            remove_tree(&self.old)?;
            let there = self.keep(&path, plan)?;
            let mut made = HashSet::new();
            for file in &plan.files {
                for above in directories_above(&file.name).filter(|above| made.insert(*above)) {
                    make_directory(&self.tree.join(above))?;
                }
            }
            let tree = fs::metadata(&self.tree)?.ino();
            Ok((Manifest::create(&path, uri, tree, &plan.files, &there)?, there))
        };
        prepare().map_err(|error| failed(&self.dir, "it cannot be written to", &error))
    }

    /// Keeps what is there of files that are still wanted and still the same, and nothing else.
    fn keep(&self, manifest: &Path, plan: &Plan) -> io::Result<Vec<Ranges>> {
        let mut there = vec![Ranges::default(); plan.files.len()];
        let is_tree = |tree: u64| fs::symlink_metadata(&self.tree).is_ok_and(|found| found.ino() == tree);
        let Some(earlier) = manifest::read(manifest).filter(|earlier| is_tree(earlier.tree)) else {
            remove_tree(&self.tree)?;
            make_directory(&self.tree)?;
            return Ok(there);
        };
        let places = plan.files.iter().enumerate().map(|(index, file)| (file.name.as_str(), index));
        let places: HashMap<&str, usize> = places.collect();
        for file in earlier.files {
            let Some(index) = places.get(file.name.as_str()).copied() else { continue };
            let known = &plan.files[index].known;
            // Without an ETag nobody knows whether it is still the same.
            let is_same =
                known.size == file.size && known.etag.as_str() == file.etag && !file.etag.is_empty();
            if is_same && is_own_file(&self.tree.join(&file.name), file.size) {
                there[index] = file.ranges;
            }
        }
        let wanted = |name: &str| places.get(name).is_some_and(|index| !there[*index].is_empty());
        self.prune(&wanted, &plan.files.iter().flat_map(|file| directories_above(&file.name)).collect())?;
        Ok(there)
    }

    /// Removes all but some files and some directories from the tree.
    fn prune(&self, is_wanted: &dyn Fn(&str) -> bool, directories: &HashSet<&str>) -> io::Result<()> {
        let mut waiting = vec![String::new()];
        while let Some(above) = waiting.pop() {
            for entry in fs::read_dir(self.tree.join(&above))? {
                let (entry, path) = entry.map(|entry| (entry.file_name(), entry.path()))?;
                let name = match entry.to_str() {
                    Some(name) if above.is_empty() => Some(name.to_owned()),
                    Some(name) => Some([&above, "/", name].concat()),
                    None => None,
                };
                let is_directory = fs::symlink_metadata(&path)?.is_dir();
                match name {
                    Some(name) if is_directory && directories.contains(name.as_str()) => waiting.push(name),
                    Some(name) if !is_directory && is_wanted(&name) => {}
                    Some(_) | None if is_directory => fs::remove_dir_all(path)?,
                    Some(_) | None => fs::remove_file(path)?,
                }
            }
        }
        Ok(())
    }

    /// Ends an attempt that failed: what a later call can go on with stays, and nothing else.
    pub(super) fn leave(self, manifest: Option<&Manifest>) {
        let is_of_use = match manifest {
            Some(manifest) => manifest.has_bytes(),
            // It was not looked at.
            None => self.dir.join("manifest").exists() || self.old.exists(),
        };
        if is_of_use {
            disk::unlock(&self.lock);
        } else {
            self.remove();
            remove_empty(&self.above);
        }
    }

    /// Removes the part directory, whose files are in their place. What cannot be removed disturbs nobody.
    pub(super) fn remove(&self) {
        let _ = remove_tree(&self.tree);
        let _ = remove_tree(&self.old);
        for name in ["manifest", "manifest.new", "lock"] {
            let _ = fs::remove_file(self.dir.join(name));
        }
        let _ = fs::remove_dir(&self.dir);
        disk::unlock(&self.lock);
    }
}

/// Makes a part directory, and those above it, and locks it.
fn lock(dir: &Path, caller: &mut Caller, above: &mut Vec<PathBuf>) -> Result<File> {
    let path = dir.join("lock");
    let unusable = |error: &io::Error| failed(dir, "it cannot be written to", error);
    loop {
        make_above(dir, above)?;
        match make_directory(dir) {
            Ok(()) => {}
            // Whoever made the directory above has just removed it. Some file systems say the same of what they never allow.
            Err(error) if error.kind() == ErrorKind::NotFound && !is_below_something(dir) => {
                caller.tell(0, 0)?;
                continue;
            }
            Err(error) => return Err(unusable(&error)),
        }
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let file = match open {
            Ok(file) => file,
            // Whoever had it has just removed it.
            Err(error) if error.kind() == ErrorKind::NotFound => {
                caller.tell(0, 0)?;
                continue;
            }
            Err(error) => {
                let _ = fs::remove_dir(dir);
                return Err(unusable(&error));
            }
        };
        loop {
            match disk::try_lock(&file, Lock::Exclusive) {
                Ok(true) => break,
                Ok(false) => caller.wait()?,
                // A file system without locks goes without.
                Err(error) if disk::is_unsupported(&error) => break,
                Err(error) => return Err(failed(&path, "it cannot be locked", &error)),
            }
        }
        if disk::is_at(&file, &path) {
            return Ok(file);
        }
    }
}

/// Makes the directories above another one, and adds those that were not there.
pub(super) fn make_above(dir: &Path, made: &mut Vec<PathBuf>) -> Result<()> {
    let missing: Vec<&Path> = dir.ancestors().skip(1).take_while(|above| !above.exists()).collect();
    for above in missing.into_iter().rev() {
        match fs::create_dir(above) {
            Ok(()) => made.push(above.to_owned()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists && above.is_dir() => {}
            Err(error) => return Err(failed(above, "it cannot be made", &error)),
        }
    }
    Ok(())
}

/// Removes directories that were made for nothing.
pub(super) fn remove_empty(made: &[PathBuf]) {
    for directory in made.iter().rev() {
        let _ = fs::remove_dir(directory);
    }
}

/// Makes a directory, unless it is there. A link to one is none: whoever may write here too could lead us elsewhere.
fn make_directory(path: &Path) -> io::Result<()> {
    let is_there = || fs::symlink_metadata(path).is_ok_and(|found| found.is_dir());
    match fs::create_dir(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && is_there() => Ok(()),
        made => made,
    }
}

fn is_below_something(path: &Path) -> bool {
    path.parent().is_some_and(Path::exists)
}

fn unless_gone(error: io::Error) -> io::Result<()> {
    if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// Removes a directory with all that is in it, if it is there.
pub(super) fn remove_tree(path: &Path) -> io::Result<()> {
    fs::remove_dir_all(path).or_else(unless_gone)
}

/// Whether a file is one that an earlier call made: a link to a file that others have must not be written to.
fn is_own_file(path: &Path, size: u64) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_file() && found.nlink() == 1 && found.len() == size)
}

/// A number that differs where the text does (FNV-1a).
pub(super) fn fingerprint(text: &str) -> u128 {
    const START: u128 = 0x6c62272e07bb014262b821756295c58d;
    const PRIME: u128 = 0x0000000001000000000000000000013b;
    text.bytes().fold(START, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME))
}
