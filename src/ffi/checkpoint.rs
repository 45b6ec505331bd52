//! A checkpoint, as C sees it.

use std::ffi::c_char;

use super::boundary::{self, Setting, Str, guard, object, produce, put, text};
use crate::cancel::Cancel;
use crate::checkpoint::Checkpoint;
use crate::error::Error;
use crate::layout::{Presence, Status};
use crate::value::Value;

/// Opens a checkpoint without its run. One that does not exist can be opened; its presence tells.
///
/// `settings` are those of stores, which docs/storage.md lists.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn libresult_checkpoint_open(
    uri: *const c_char,
    settings: *const Setting,
    setting_count: usize,
    cancel: Option<&Cancel>,
    out: *mut *mut Checkpoint,
) -> Option<Box<Error>> {
    produce(out, || {
        let settings = boundary::settings(settings, setting_count)?;
        Checkpoint::open(text(uri, "uri")?, &settings, cancel)
    })
}

/// Where the checkpoint is, so that it can be opened again.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_checkpoint_uri(checkpoint: Option<&Checkpoint>) -> Str {
    Str::new(checkpoint.map(Checkpoint::uri))
}

/// Where the checkpoint is, as Ray shows it: without the scheme.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_checkpoint_path(checkpoint: Option<&Checkpoint>) -> Str {
    Str::new(checkpoint.map(Checkpoint::path))
}

/// The kind of store it is on, as Ray names it.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_checkpoint_filesystem(checkpoint: Option<&Checkpoint>) -> Str {
    Str::new(checkpoint.map(Checkpoint::filesystem))
}

/// The name of its directory.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_checkpoint_name(checkpoint: Option<&Checkpoint>) -> Str {
    Str::new(checkpoint.map(Checkpoint::name))
}

/// Its place among the reported checkpoints of its run. Returns false, and leaves `*out` alone, if it
/// has none.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_checkpoint_index(checkpoint: Option<&Checkpoint>, out: *mut usize) -> bool {
    put(out, checkpoint.and_then(Checkpoint::index))
}

/// The number of the report that it came with, from 0; lines that could not be read count. Returns
/// false, and leaves `*out` alone, if the run does not tell.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_checkpoint_report(checkpoint: Option<&Checkpoint>, out: *mut u64) -> bool {
    put(out, checkpoint.and_then(Checkpoint::report))
}

/// Whether its directory was there when the run was opened; unknown where a store cannot tell.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_checkpoint_presence(checkpoint: Option<&Checkpoint>) -> Presence {
    checkpoint.map_or(Presence::Unknown, Checkpoint::presence)
}

/// How far Ray had got with it.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_checkpoint_status(checkpoint: Option<&Checkpoint>) -> Status {
    checkpoint.map_or(Status::Unknown, Checkpoint::status)
}

/// The metrics that were reported with the checkpoint: an object, nested as reported; NULL if the
/// run tells none.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_checkpoint_metrics(checkpoint: Option<&Checkpoint>) -> Option<&Value> {
    checkpoint?.metrics()
}

/// Reads the metadata of the checkpoint: an object, empty if it has none.
///
/// Fails with `LIBRESULT_CODE_NOT_FOUND` if its directory is not there, and with
/// `LIBRESULT_CODE_CORRUPT` if its `.metadata.json` is not an object.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn libresult_checkpoint_read_metadata(
    checkpoint: Option<&Checkpoint>,
    cancel: Option<&Cancel>,
    out: *mut *mut Value,
) -> Option<Box<Error>> {
    produce(out, || object(checkpoint, "checkpoint")?.read_metadata(cancel))
}

/// Replaces the metadata by `json`, an object, all at once or not at all.
///
/// What Python's `json` reads is allowed, `NaN` included. Anything but an object is
/// `LIBRESULT_CODE_INVALID_ARGUMENT`.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn libresult_checkpoint_write_metadata(
    checkpoint: Option<&Checkpoint>,
    json: *const c_char,
    cancel: Option<&Cancel>,
) -> Option<Box<Error>> {
    guard(|| object(checkpoint, "checkpoint")?.write_metadata(text(json, "json")?, cancel))
}

/// Adds the members of `json` to the metadata, replacing those of the same key.
///
/// The other members keep their text. If someone else changed the metadata meanwhile, it is read
/// and changed again, so that nothing is lost.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn libresult_checkpoint_update_metadata(
    checkpoint: Option<&Checkpoint>,
    json: *const c_char,
    cancel: Option<&Cancel>,
) -> Option<Box<Error>> {
    guard(|| object(checkpoint, "checkpoint")?.update_metadata(text(json, "json")?, cancel))
}

/// Makes another reference to `checkpoint`, which may outlive the run.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_checkpoint_clone(checkpoint: Option<&Checkpoint>) -> Option<Box<Checkpoint>> {
    checkpoint.cloned().map(Box::new)
}

/// Frees `checkpoint`.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_checkpoint_free(checkpoint: Option<Box<Checkpoint>>) {
    drop(checkpoint);
}
