//! A checkpoint, as C sees it.

use std::ffi::{c_char, c_void};

use super::boundary::{self, ProgressFn, Setting, Str, guard, object, produce, put, put_or, text};
use crate::cancel::Cancel;
use crate::checkpoint::{Checkpoint, Directory, Files};
use crate::error::Error;
use crate::layout::{Presence, Status};
use crate::progress::Progress;
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

/// Copies the checkpoint into the local directory `dest_dir`, which is then whole or untouched.
///
/// Many parts are fetched at once. Until all files are whole, they are in `.NAME.part` beside
/// `dest_dir`; after a failure, the next call goes on with what is there. `settings`: `include` and
/// `exclude` (patterns for the names of files: `*` is any text, `/` included, `?` one character; may
/// come more than once), `on_exists` is `fail` (a directory that is there and not empty), `replace` or
/// `merge`, `link` is `copy` or `hard` (links to the files of a local checkpoint), `parallel`,
/// `part_bytes`. `progress` may be NULL. An `include` that no file has is
/// `LIBRESULT_CODE_INVALID_ARGUMENT`, no checkpoint `LIBRESULT_CODE_NOT_FOUND`, and what is in the way
/// at `dest_dir` `LIBRESULT_CODE_IO`.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn libresult_checkpoint_download(
    checkpoint: Option<&Checkpoint>,
    dest_dir: *const c_char,
    settings: *const Setting,
    setting_count: usize,
    progress: ProgressFn,
    user_data: *mut c_void,
    cancel: Option<&Cancel>,
) -> Option<Box<Error>> {
    guard(|| {
        let settings = boundary::settings(settings, setting_count)?;
        let (checkpoint, dest_dir) = (object(checkpoint, "checkpoint")?, text(dest_dir, "dest_dir")?);
        let mut progress = boundary::progress(progress, user_data);
        checkpoint.download(dest_dir, &settings, progress.as_mut().map(|told| told as Progress), cancel)
    })
}

/// Makes the checkpoint a local directory: itself if it is local, or else a copy, shared by all who
/// ask for the same one, in threads and processes. Nobody sees half of it, and nobody is to write to
/// it.
///
/// `settings`: those of `libresult_checkpoint_download` but `on_exists`; `cache_dir` (where copies
/// are), `keep` (`true`: the copy stays for whoever asks for it next), `cache_max_bytes` (copies that
/// nobody uses are removed until all take no more). `progress` may be NULL.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn libresult_checkpoint_open_directory(
    checkpoint: Option<&Checkpoint>,
    settings: *const Setting,
    setting_count: usize,
    progress: ProgressFn,
    user_data: *mut c_void,
    cancel: Option<&Cancel>,
    out: *mut *mut Directory,
) -> Option<Box<Error>> {
    produce(out, || {
        let settings = boundary::settings(settings, setting_count)?;
        let checkpoint = object(checkpoint, "checkpoint")?;
        let mut progress = boundary::progress(progress, user_data);
        checkpoint.open_directory(&settings, progress.as_mut().map(|told| told as Progress), cancel)
    })
}

/// Lists the files of the checkpoint, by name.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn libresult_checkpoint_read_files(
    checkpoint: Option<&Checkpoint>,
    cancel: Option<&Cancel>,
    out: *mut *mut Files,
) -> Option<Box<Error>> {
    produce(out, || object(checkpoint, "checkpoint")?.read_files(cancel))
}

/// Reads up to `len` bytes of a file of the checkpoint into `into`, from `offset` on. `*out` is how
/// many there were; fewer than `len` only at the end of the file, and 0 on failure.
///
/// `into` may be NULL if `len` is 0. A `name` that leaves the checkpoint is
/// `LIBRESULT_CODE_INVALID_ARGUMENT`, one that is not there `LIBRESULT_CODE_NOT_FOUND`.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn libresult_checkpoint_read_file(
    checkpoint: Option<&Checkpoint>,
    name: *const c_char,
    offset: u64,
    into: *mut c_void,
    len: usize,
    cancel: Option<&Cancel>,
    out: *mut usize,
) -> Option<Box<Error>> {
    put_or(out, 0, || {
        let (checkpoint, name) = (object(checkpoint, "checkpoint")?, text(name, "name")?);
        checkpoint.read_file(name, offset, boundary::room(into, len)?, cancel)
    })
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
