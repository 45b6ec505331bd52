//! Which layout a directory has; if it has none, what it is instead.

use super::Directory;
use super::names;
use crate::cancel::Cancel;
use crate::error::{Error, Result};
use crate::storage::{EntryKind, Fault, Location, StorageError};

pub(super) const SNAPSHOT: &str = "checkpoint_manager_snapshot.json";
const MARKER: &str = ".validate_storage_marker";
/// Files that Ray Tune writes for each trial, and Ray Train V1 for each run.
const V1_FILES: [&str; 6] =
    ["result.json", "progress.csv", "params.json", "params.pkl", "error.pkl", "error.txt"];
/// What is looked for where nothing lists files, one layout after the other.
pub(super) const FILES: [&[&str]; 3] = [&[SNAPSHOT], &V1_FILES, &[MARKER]];

/// What makes a directory a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detected {
    V1,
    V2Snapshot,
    /// Train V2 before its first checkpoint writes nothing but its marker.
    V2Marker,
}

pub(super) fn has_v1_rows(directory: &Directory) -> bool {
    directory.has_file("result.json") || directory.has_file("progress.csv")
}

pub(super) fn detect(directory: &Directory) -> Result<Option<Detected>> {
    match directory.kind(SNAPSHOT) {
        Some(EntryKind::File) => return Ok(Some(Detected::V2Snapshot)),
        Some(EntryKind::Directory) => {
            let path = directory.location.join(SNAPSHOT);
            return Err(Error::corrupt(format_args!("{path}: a directory, not a file")));
        }
        Some(EntryKind::Other) | None => {}
    }
    let is_v1_checkpoint = |(name, kind)| kind == EntryKind::Directory && names::is_v1(name);
    if V1_FILES.iter().any(|name| directory.has_file(name)) || directory.entries().any(is_v1_checkpoint) {
        return Ok(Some(Detected::V1));
    }
    let is_marked = directory.has_file(MARKER) && !is_experiment(directory);
    Ok(is_marked.then_some(Detected::V2Marker))
}

fn is_experiment(directory: &Directory) -> bool {
    let is_state = |name: &str| {
        let starts = name.starts_with("experiment_state-") || name.starts_with("basic-variant-state-");
        (starts && name.ends_with(".json")) || matches!(name, "tuner.pkl" | "trainer.pkl")
    };
    directory.entries().any(|(name, _)| is_state(name))
}

/// The error for a directory that is no run: says what it is, and what a run would have had.
pub(super) fn explain_no_run(directory: &Directory) -> Error {
    let path = directory.location;
    let runs = runs_below(directory);
    if is_experiment(directory) {
        let message = format!("{path} is a Ray Tune experiment, not a run: open one of its trials");
        return Error::not_found(message + &examples(&runs));
    }
    if let Some(run) = run_around(directory) {
        return Error::not_found(format_args!(
            "{path} is not a run but lies in one, as a checkpoint does: open its run, {run}, or open it as a \
             checkpoint"
        ));
    }
    if is_checkpoint(directory) {
        return Error::not_found(format_args!("{path} is a checkpoint, not a run: open it as a checkpoint"));
    }
    let looked_for = format!(
        "{path} is not a run: neither {SNAPSHOT} (Ray Train V2) nor {} or {}NNNNNN (Ray Train V1, \
         Ray Tune) is there",
        V1_FILES.join(", "),
        names::PREFIX
    );
    let found = if runs.is_empty() {
        String::new()
    } else {
        format!("; open one of the runs in it{}", examples(&runs))
    };
    Error::not_found(looked_for + &found)
}

/// The error for a path that cannot be listed.
pub(super) fn explain_no_listing(location: &Location, error: StorageError, cancel: Option<&Cancel>) -> Error {
    if !matches!(error.fault, Fault::NotFound | Fault::NotADirectory) {
        return error.into();
    }
    // Its own directory knows more: a file, or a link that leads nowhere.
    let siblings = location.parent().and_then(|parent| parent.list(cancel).ok()).unwrap_or_default();
    let kind = siblings.iter().find(|entry| entry.name == location.name()).map(|entry| entry.kind);
    let path = location;
    match kind {
        Some(EntryKind::File) => {
            Error::not_found(format_args!("{path} is a file, not the directory of a run"))
        }
        Some(EntryKind::Other | EntryKind::Directory) => {
            Error::not_found(format_args!("{path} is a link that leads nowhere, or no directory"))
        }
        None => Error::not_found(format_args!("{path}: no such file or directory")),
    }
}

fn is_checkpoint(directory: &Directory) -> bool {
    // Files that Ray itself writes into checkpoints, of any version.
    let marks = [".metadata.json", ".is_checkpoint", ".tune_metadata", "dict_checkpoint.pkl"];
    directory.location.name().starts_with(names::PREFIX) || marks.iter().any(|name| directory.has_file(name))
}

/// The run that this directory lies right below.
fn run_around(directory: &Directory) -> Option<String> {
    let parent = directory.location.parent()?;
    let listed = Directory::list(&parent, directory.limits, directory.cancel).ok()?;
    // A trial lies in an experiment, which may hold such files too.
    let is_run = matches!(detect(&listed), Ok(Some(_))) && !is_experiment(&listed);
    is_run.then(|| parent.to_string())
}

/// The names of runs right below, in order. Looks into the first directories only.
fn runs_below(directory: &Directory) -> Vec<String> {
    const MOST: usize = 50;
    let is_directory = |&(_, kind): &(&str, EntryKind)| kind == EntryKind::Directory;
    let mut names: Vec<&str> = directory.entries().filter(is_directory).map(|(name, _)| name).collect();
    names.sort_unstable();
    let is_run = |name: &&&str| {
        let below = directory.location.join(name);
        let listed = Directory::list(&below, directory.limits, directory.cancel);
        listed.is_ok_and(|listed| matches!(detect(&listed), Ok(Some(_))))
    };
    names.iter().take(MOST).filter(is_run).map(|name| (*name).to_owned()).collect()
}

/// `, such as a, b, c`, or nothing.
fn examples(names: &[String]) -> String {
    const FEW: usize = 3;
    if names.is_empty() {
        return String::new();
    }
    let more = if names.len() > FEW { ", …" } else { "" };
    format!(", such as {}{more}", names[..names.len().min(FEW)].join(", "))
}
