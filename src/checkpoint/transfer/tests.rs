//! Transfers from a store that is slow, wrong or broken, into directories that are full, in use, or half made by processes
//! that were killed.

mod cached;
mod downloaded;
mod killed;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::*;
use crate::layout::{Found, Presence, Status};
use crate::storage::double::Double;
use crate::storage::{Functions, Listing, register, unregister};

/// An empty directory that is gone at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static COUNTER: AtomicUsize = AtomicUsize::new(0);
        let unique = (std::process::id(), COUNTER.fetch_add(1, Relaxed));
        let path = std::env::temp_dir().join(format!("libresult-transfer-{}-{}", unique.0, unique.1));
        fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    /// The names right below it.
    fn names(&self) -> Vec<String> {
        names(&self.0)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn names(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// All files below a directory.
fn tree(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let (mut files, mut waiting) = (BTreeMap::new(), vec![path.to_owned()]);
    while let Some(above) = waiting.pop() {
        for entry in fs::read_dir(&above).unwrap() {
            let found = entry.unwrap().path();
            if found.is_dir() {
                waiting.push(found);
            } else {
                let name = found.strip_prefix(path).unwrap().to_str().unwrap().to_owned();
                files.insert(name, fs::read(found).unwrap());
            }
        }
    }
    files
}

/// Text of this length that repeats nowhere.
fn text(seed: usize, length: usize) -> Vec<u8> {
    (0..).flat_map(|number| format!("{seed}-{number} ").into_bytes()).take(length).collect()
}

/// A remote checkpoint with these files.
fn remote(files: &BTreeMap<String, Vec<u8>>) -> (Arc<Double>, Checkpoint) {
    let double = Arc::new(Double::default());
    double.reads.is_strict.store(true, Relaxed);
    for (name, data) in files {
        double.put(&format!("/run/checkpoint_000001/{name}"), data);
    }
    let run = Location { store: double.clone(), path: "/run".to_owned() };
    let found = Found {
        name: "checkpoint_000001".into(),
        report: None,
        presence: Presence::Present,
        status: Status::Unknown,
        metrics: None,
    };
    (double, Checkpoint::of_run(&run, found, None))
}

/// A store of the caller's own with one file of 20,000 bytes, all `content`, which can be read so often.
#[derive(Default)]
struct Own {
    content: AtomicUsize,
    reads_left: AtomicUsize,
}

impl Functions for Arc<Own> {
    fn list(&self, _: &str, into: &mut Listing) -> Result<()> {
        into.add("model.bin", 20_000, false);
        Ok(())
    }

    fn read(&self, _: &str, _: u64, into: &mut [u8]) -> Result<usize> {
        let is_read = self.reads_left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok();
        into.fill(self.content.load(Relaxed) as u8);
        if is_read { Ok(into.len()) } else { Err(Error::new(Code::Io, "enough")) }
    }

    fn can_write(&self) -> bool {
        false
    }

    fn write(&self, _: &str, _: &[u8]) -> Result<()> {
        Ok(())
    }
}

/// A checkpoint on it.
fn on_own(scheme: &str) -> (Arc<Own>, Checkpoint) {
    let own = Arc::new(Own::default());
    register(scheme, true, || Box::new(own.clone())).unwrap();
    (own, Checkpoint::open(&format!("{scheme}://run/checkpoint_000001"), &[], None).unwrap())
}

/// Files of several parts, of one, and of none.
fn some_files() -> BTreeMap<String, Vec<u8>> {
    let sizes = [("model.bin", 100_000), ("optim/rank_0.pt", 30_000), ("optim/deep/er/x", 1), ("empty", 0)];
    let files = sizes.iter().enumerate().map(|(seed, (name, size))| ((*name).to_owned(), text(seed, *size)));
    files.chain([(".metadata.json".to_owned(), b"{}".to_vec())]).collect()
}
