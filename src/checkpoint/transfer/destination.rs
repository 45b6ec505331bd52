//! Where a download goes, and how a whole tree is put there: all at once, or file by file where it is merged.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use super::caller::failed;
use super::options::OnExists;
use super::plan::{Plan, directories_above};
use super::staging::Staging;
use crate::error::{Code, Error, Result};
use crate::storage::{Location, disk, local_path};

/// The directory that a download is to become, links followed.
pub(super) struct Destination {
    path: PathBuf,
    parent: PathBuf,
    on_exists: OnExists,
    part: PathBuf,
}

/// What is there already.
enum Found {
    Nothing,
    EmptyDirectory,
    Directory,
}

impl Destination {
    /// Fails if nothing can be put there: before anything is asked of a store.
    pub(super) fn new(text: &str, on_exists: OnExists, source: &Location) -> Result<Self> {
        let asked = local_path(text, "argument dest_dir")?;
        let path = resolve(&asked)?;
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(Error::invalid(format_args!("{}: it cannot be a destination", path.display())));
        };
        keep_apart(&path, source)?;
        let mut part_in = parent;
        if is_mount_point(&path, parent) {
            if on_exists != OnExists::Merge {
                return Err(mounted(&path));
            }
            part_in = &path;
        }
        let part = part_in.join(Staging::name_for(name));
        let destination = Destination { parent: parent.to_owned(), on_exists, part, path };
        destination.check()?;
        Ok(destination)
    }

    /// A place that nothing is at.
    pub(super) fn at(path: PathBuf) -> Self {
        let (parent, name) = (path.parent().unwrap_or(&path), path.file_name().unwrap_or_default());
        let part = parent.join(Staging::name_for(name));
        Destination { parent: parent.to_owned(), on_exists: OnExists::Fail, part, path }
    }

    /// Where the files are until all are there: beside the destination, so that they can be moved.
    pub(super) fn part(&self) -> &Path {
        &self.part
    }

    /// Fails if what is there is in the way.
    pub(super) fn check(&self) -> Result<()> {
        match (self.found()?, self.on_exists) {
            (Found::Directory, OnExists::Fail) => Err(self.exists()),
            (Found::Nothing | Found::EmptyDirectory | Found::Directory, _) => Ok(()),
        }
    }

    /// Fails if files of the plan cannot be merged into what is there.
    pub(super) fn check_merge(&self, plan: &Plan) -> Result<()> {
        if self.on_exists != OnExists::Merge {
            return Ok(());
        }
        let mut seen = BTreeSet::new();
        for file in &plan.files {
            let is_directory = |name: &str| fs::metadata(self.path.join(name)).map(|found| found.is_dir());
            if is_directory(&file.name).is_ok_and(|is_directory| is_directory) {
                return Err(self.in_the_way(&file.name, "a directory"));
            }
            for above in directories_above(&file.name).filter(|above| seen.insert(*above)) {
                if is_directory(above).is_ok_and(|is_directory| !is_directory) {
                    return Err(self.in_the_way(above, "a file"));
                }
            }
        }
        Ok(())
    }

    /// Puts back what was there before, if a process was killed while it put something else there.
    pub(super) fn recover(&self, staging: &Staging) -> Result<()> {
        let old = staging.old();
        self.found()?;
        if !old.is_dir() {
            return Ok(());
        }
        // This takes the place of an empty directory as well: many make sure that there is one.
        match fs::rename(old, &self.path) {
            Err(error) if !is_taken(&error) => Err(self.failed("cannot be put back", &error)),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Lets those look into a tree who may look into what it is to replace, and nobody else.
    pub(super) fn give_rights(&self, tree: &Path) -> Result<()> {
        let rights = |path: &Path| fs::metadata(path).map(|found| (found.uid(), found.gid(), found.mode()));
        let Some((there, here)) = rights(&self.path).ok().zip(rights(tree).ok()) else { return Ok(()) };
        if here == there {
            return Ok(());
        }
        // Who is not root gives nothing away, but maybe to a group.
        let _ = chown(tree, Some(there.0), Some(there.1)).or_else(|_| chown(tree, None, Some(there.1)));
        // Without these, nothing could be put there.
        let mode = fs::Permissions::from_mode(there.2 | 0o700);
        fs::set_permissions(tree, mode).map_err(|error| failed(tree, "its rights cannot be set", &error))
    }

    /// Makes a whole tree, which is on the disk, the destination.
    pub(super) fn put(&self, staging: &Staging, plan: &Plan) -> Result<()> {
        loop {
            let (found, tree) = (self.found()?, staging.tree());
            let put = match (&found, self.on_exists) {
                // This takes the place of an empty directory as well, but of no other.
                (Found::Nothing | Found::EmptyDirectory, _) | (Found::Directory, OnExists::Fail) => {
                    fs::rename(tree, &self.path)
                }
                (Found::Directory, OnExists::Replace) => self.replace(staging),
                (Found::Directory, OnExists::Merge) => return self.merge(tree, plan),
            };
            match put {
                Ok(()) => return self.sync(&self.parent),
                Err(error) if is_taken(&error) && self.on_exists == OnExists::Fail => {
                    return Err(self.exists());
                }
                // Someone else has just put it there.
                Err(error) if is_taken(&error) && !matches!(found, Found::Directory) => {}
                Err(error) if error.kind() == ErrorKind::ResourceBusy => return Err(mounted(&self.path)),
                Err(error) if error.kind() == ErrorKind::CrossesDevices => return Err(fixed(&self.path)),
                Err(error) => return Err(self.failed("it cannot be put in place", &error)),
            }
        }
    }

    fn replace(&self, staging: &Staging) -> io::Result<()> {
        if disk::exchange(staging.tree(), &self.path)? {
            return Ok(());
        }
        // The file system cannot exchange. A process that is killed in between leaves what `recover` puts back.
        fs::rename(&self.path, staging.old())?;
        fs::rename(staging.tree(), &self.path).inspect_err(|_| {
            let _ = fs::rename(staging.old(), &self.path);
        })?;
        // Now it is nothing that is to be put back, even if it is never removed to its end.
        let _ = fs::rename(staging.old(), staging.tree());
        Ok(())
    }

    fn merge(&self, tree: &Path, plan: &Plan) -> Result<()> {
        self.check_merge(plan)?;
        let mut touched = BTreeSet::from([""]);
        for file in &plan.files {
            for above in directories_above(&file.name).filter(|above| touched.insert(*above)) {
                match fs::create_dir(self.path.join(above)) {
                    Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                        return Err(failed(&self.path.join(above), "cannot be made", &error));
                    }
                    Ok(()) | Err(_) => {}
                }
            }
            let to = self.path.join(&file.name);
            fs::rename(tree.join(&file.name), &to)
                .map_err(|error| failed(&to, "cannot be put in place", &error))?;
        }
        touched.into_iter().try_for_each(|directory| self.sync(&self.path.join(directory)))
    }

    fn sync(&self, directory: &Path) -> Result<()> {
        let synced = File::open(directory).and_then(|directory| directory.sync_all());
        synced.map_err(|error| failed(directory, "cannot be written to its disk", &error))
    }

    fn found(&self) -> Result<Found> {
        let unreadable = |error| self.failed("it cannot be read", &error);
        match fs::metadata(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Found::Nothing),
            Err(error) => return Err(unreadable(error)),
            Ok(metadata) if !metadata.is_dir() => return Err(not_a_directory(&self.path)),
            Ok(_) => {}
        }
        if self.on_exists == OnExists::Replace {
            return Ok(Found::Directory);
        }
        // A part directory in it is ours.
        let is_other =
            |entry: &io::Result<fs::DirEntry>| entry.as_ref().is_ok_and(|entry| entry.path() != self.part);
        let mut entries = fs::read_dir(&self.path).map_err(unreadable)?;
        let in_it = self.part.starts_with(&self.path);
        Ok(if entries.any(|entry| is_other(&entry)) || in_it {
            Found::Directory
        } else {
            Found::EmptyDirectory
        })
    }

    fn exists(&self) -> Error {
        let message = format!(
            "{}: it exists already and is not empty; setting on_exists can be replace or merge",
            self.path.display()
        );
        Error::new(Code::Io, message)
    }

    fn in_the_way(&self, name: &str, what: &str) -> Error {
        let path = self.path.join(name);
        Error::new(Code::Io, format_args!("{}: {what} is there, which cannot be merged with", path.display()))
    }

    fn failed(&self, what: &str, error: &io::Error) -> Error {
        failed(&self.path, what, error)
    }
}

/// The path without links, of what need not be there yet.
fn resolve(path: &Path) -> Result<PathBuf> {
    let mut missing = Vec::new();
    let mut above = path;
    loop {
        match fs::canonicalize(above) {
            Ok(real) => return Ok(missing.into_iter().rev().fold(real, |path, name| path.join(name))),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) if error.kind() == ErrorKind::NotADirectory => return Err(not_a_directory(path)),
            Err(error) => return Err(failed(path, "it cannot be written to", &error)),
        }
        if fs::symlink_metadata(above).is_ok() {
            let message = format!("{}: it is a link that leads nowhere", above.display());
            return Err(Error::new(Code::Io, message));
        }
        let (Some(name), Some(parent)) = (above.file_name(), above.parent()) else {
            let message = format!("argument dest_dir has '..' below what is not there: {}", path.display());
            return Err(Error::invalid(message));
        };
        missing.push(name);
        above = parent;
    }
}

/// Fails if one of a destination and a local source is in the other.
fn keep_apart(path: &Path, source: &Location) -> Result<()> {
    let Some(source) = source.store.local_path(&source.path).and_then(|path| fs::canonicalize(path).ok())
    else {
        return Ok(());
    };
    let how = if path == source {
        "is"
    } else if path.starts_with(&source) {
        "is in"
    } else if source.starts_with(path) {
        "holds"
    } else {
        return Ok(());
    };
    let (path, source) = (path.display(), source.display());
    Err(Error::invalid(format_args!("argument dest_dir is {path}, which {how} the checkpoint {source}")))
}

pub(super) fn is_taken(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists)
}

fn is_mount_point(path: &Path, parent: &Path) -> bool {
    let device = |path| fs::metadata(path).map(|found| found.dev()).ok();
    device(path).zip(device(parent)).is_some_and(|(here, above)| here != above)
}

fn mounted(path: &Path) -> Error {
    let what =
        "a mount point cannot be put in place as a whole; name a directory in it, or set on_exists=merge";
    Error::new(Code::Io, format_args!("{}: {what}", path.display()))
}

/// As one that is in the image of a container.
fn fixed(path: &Path) -> Error {
    let what = "its file system cannot move it; remove it before, or set on_exists=merge";
    Error::new(Code::Io, format_args!("{}: {what}", path.display()))
}

fn not_a_directory(path: &Path) -> Error {
    Error::new(Code::Io, format_args!("{}: it is not a directory", path.display()))
}
