//! A checkpoint comes home: as a copy in a directory of the caller's, as a shared one, or file by file.
//!
//! A copy is made in a part directory (`staging.rs`) beside its place, by many ranged reads at once (`fetch.rs`), and put
//! there when it is whole and on the disk (`destination.rs`). A call that fails or is killed leaves the part directory, and
//! the next one goes on with what is surely there (`manifest.rs`).

mod cache;
mod caller;
mod copy;
mod crew;
mod destination;
mod directory;
mod fetch;
mod files;
mod manifest;
mod options;
mod plan;
mod staging;
#[cfg(test)]
mod tests;

use caller::{Caller, Stop};
use destination::Destination;
use fetch::Fetch;
use options::{CacheOptions, Options};
use plan::Plan;
use staging::Staging;

use super::Checkpoint;
use crate::cancel::{self, Cancel};
use crate::error::{Code, Error, Result};
use crate::progress::Progress;
use crate::storage::Location;

pub use directory::Directory;
pub use files::Files;

impl Checkpoint {
    /// Copies the checkpoint into the local directory `dest_dir`, as `Checkpoint.to_directory` of Ray. The directory is then
    /// whole or untouched, whenever the call or the process ends. Directories above it are made.
    ///
    /// Files are fetched in parts of `part_bytes` (8 MiB), `parallel` (16) at once, which is what it takes of memory. Until
    /// all are whole and on the disk, they are in `.NAME.part` beside the destination. If the call fails, is cancelled or
    /// killed after it finished some part, that stays, and the next download to the same place goes on with it: files that
    /// have still the same size and ETag. Two calls with the same destination wait for one another.
    ///
    /// `settings`: `include` and `exclude` (patterns for the names of files below the checkpoint: `*` stands for any text,
    /// `/` included, `?` for one character; may come more than once), `parallel`, `part_bytes`, `on_exists`, `link`.
    /// * `on_exists=fail`: a directory that is there must be empty. `replace`: it is exchanged for the new one, at once;
    ///   only where the file system cannot exchange (NFS) is there none for a moment, and a process that is killed just then
    ///   leaves it to the next download to put the old one back. `merge`: each file is whole or untouched, others stay.
    /// * `link=hard`: the files are hard links to those of a checkpoint of this machine. `copy`: they share its blocks where
    ///   the file system can do that.
    ///
    /// Files get the rights that new files get, and the time of the copy; a directory that was there keeps its rights.
    ///
    /// # Errors
    /// `InvalidArgument` for an `include` that no file of the checkpoint has, and a destination that is in the checkpoint or
    /// holds it; `NotFound` if the directory of the checkpoint is not there; `Io` if the destination is there or cannot be
    /// written, a name cannot be a file here, or the checkpoint changes all the time; `Permission`, `Unsupported`, and
    /// `Cancelled` if `cancel` or `progress` says so.
    pub fn download(
        &self,
        dest_dir: &str,
        settings: &[(&str, &str)],
        progress: Option<Progress>,
        cancel: Option<&Cancel>,
    ) -> Result<()> {
        let (options, on_exists) = Options::download(settings)?;
        cancel::check(cancel)?;
        let source = self.location();
        options.check(&source)?;
        let destination = Destination::new(dest_dir, on_exists, &source)?;
        let mut caller = Caller { progress, cancel };
        while_it_changes(&source, || {
            let plan = Plan::new(&source, &options.choice, cancel)?;
            fetch_to(&source, &plan, &options, &destination, Purpose::Own, &mut caller)
        })
    }

    /// Makes the checkpoint a local directory: itself if it is local, or else a copy in a cache, as
    /// `Checkpoint.as_directory` of Ray. All threads and processes that ask for the same files share one copy, made as
    /// [`Checkpoint::download`] makes it; the last [`Directory`] removes it.
    ///
    /// `settings`: those of `download` but `on_exists`; and
    /// * `cache_dir`: where the copies are; `libresult` in the user's cache directory (`XDG_CACHE_HOME`, `~/.cache`).
    /// * `keep=true`: the copy stays, for whoever asks for it next, also in later processes.
    /// * `cache_max_bytes`: before a copy is added, and when this one is not needed any more, copies that nobody uses are
    ///   removed, those first that were asked for least lately, until all take no more than that. One that is larger by
    ///   itself is served nevertheless.
    ///
    /// Copies that killed processes left are removed by whoever uses the cache next. Of a local checkpoint, all files are in
    /// the directory.
    ///
    /// # Errors
    /// As [`Checkpoint::download`].
    pub fn open_directory(
        &self,
        settings: &[(&str, &str)],
        progress: Option<Progress>,
        cancel: Option<&Cancel>,
    ) -> Result<Directory> {
        let (options, settings) = Options::directory(settings)?;
        let cache = CacheOptions::new(&settings)?;
        cancel::check(cancel)?;
        let source = self.location();
        if source.store.local_path(&source.path).is_some() {
            return Directory::local(&source, &options, cancel);
        }
        options.check(&source)?;
        let mut caller = Caller { progress, cancel };
        let held = while_it_changes(&source, || {
            let plan = Plan::new(&source, &options.choice, cancel)?;
            cache::hold(&source, &plan, &options, &cache, &mut caller)
        })?;
        Directory::shared(held)
    }
}

/// Whom a copy is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Own,
    /// Several, of whom none is to write to it.
    Shared,
}

/// Fetches the files of a plan and puts them in their place.
fn fetch_to(
    source: &Location,
    plan: &Plan,
    options: &Options,
    destination: &Destination,
    purpose: Purpose,
    caller: &mut Caller,
) -> Result<(), Stop> {
    let staging = Staging::open(destination.part(), caller)?;
    let mut begun = None;
    let mut attempt = || {
        destination.recover(&staging)?;
        destination.check()?;
        destination.check_merge(plan)?;
        let (manifest, there) = staging.begin(&source.uri(), plan)?;
        let manifest = begun.insert(manifest);
        destination.give_rights(staging.tree())?;
        let for_reading = purpose == Purpose::Shared;
        let fetch = Fetch { source, plan, options, tree: staging.tree(), manifest, for_reading };
        fetch.run(there, caller)?;
        Ok(destination.put(&staging, plan)?)
    };
    match attempt() {
        Ok(()) => {
            staging.remove();
            Ok(())
        }
        Err(stop) => {
            staging.leave(begun.as_ref());
            Err(stop)
        }
    }
}

/// Tries again if a file of the checkpoint was changed since it was listed: the next listing tells what it is now.
fn while_it_changes<T>(source: &Location, mut attempt: impl FnMut() -> Result<T, Stop>) -> Result<T> {
    const ATTEMPTS: usize = 3;
    let mut changed = String::new();
    for _ in 0..ATTEMPTS {
        match attempt() {
            Ok(made) => return Ok(made),
            Err(Stop::Failed(error)) => return Err(error),
            Err(Stop::Changed(name)) => changed = name,
        }
    }
    let file = source.join(&changed);
    Err(Error::new(Code::Io, format_args!("{file}: it was changed by someone else while it was fetched")))
}
