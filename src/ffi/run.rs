//! A run, as C sees it.

use std::ffi::{c_char, c_int};
use std::mem::MaybeUninit;

use super::boundary::{self, Member, Setting, Str, member, object, produce, put, text, text_or_none};
use super::text::Text;
use crate::cancel::Cancel;
use crate::checkpoint::Checkpoint;
use crate::error::Error;
use crate::layout::{Attempt, Diagnostic, Failure, Layout, Presence};
use crate::run::{Mode, Ranking, Run};
use crate::value::Value;

impl Member for Mode {
    const ALL: &[Mode] = &[Mode::Min, Mode::Max];

    fn number(self) -> c_int {
        self as c_int
    }
}

/// Opens the run at `uri`: a local path, absolute, relative or with `~`, or `file://`, `s3://`,
/// `gs://`, `abfs://`, `az://`, `http://`, `https://`, or the scheme of a store that was registered.
///
/// Reads what it needs once; nothing else does I/O unless its name says so. `settings` are credentials
/// and the like, which docs/storage.md lists; `read` (`all` or `latest`), `strict` (`true`: fails at the first damage), `retry_ms` (how long a run that is
/// being written is read again), `max_depth`, `max_line_bytes`, `max_file_bytes`, `max_checkpoints`,
/// `events` (a directory of Ray's export events), `events_path` (where the run lay when it was
/// written); it may be NULL if `setting_count` is 0. An unknown key is an error; of one key the last
/// value counts. `LIBRESULT_CODE_NOT_FOUND` means that there is no run at `uri`, and nothing else;
/// `LIBRESULT_CODE_CORRUPT` that a file without which there is no answer does not parse, or that it
/// exceeds a limit; `LIBRESULT_CODE_PERMISSION` that it may not be read;
/// `LIBRESULT_CODE_INVALID_ARGUMENT` also that nothing is where `events` says.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn libresult_run_open(
    uri: *const c_char,
    settings: *const Setting,
    setting_count: usize,
    cancel: Option<&Cancel>,
    out: *mut *mut Run,
) -> Option<Box<Error>> {
    produce(out, || {
        let settings = boundary::settings(settings, setting_count)?;
        Run::open(text(uri, "uri")?, &settings, cancel)
    })
}

/// Where the run is, so that it can be opened again, by whoever has its credentials.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_run_uri(run: Option<&Run>) -> Str {
    Str::new(run.map(Run::uri))
}

/// Where the run is, as Ray shows it: without the scheme.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_run_path(run: Option<&Run>) -> Str {
    Str::new(run.map(Run::path))
}

/// The kind of store it is on, as Ray names it: `local`, `s3`, `gcs`, `abfs`; `http` for a web server,
/// and the scheme of a store that was registered.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_run_filesystem(run: Option<&Run>) -> Str {
    Str::new(run.map(Run::filesystem))
}

/// How it is laid out.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_run_layout(run: Option<&Run>) -> Layout {
    run.map_or(Layout::Unknown, Run::layout)
}

/// The version of Ray that wrote it; empty if nothing tells.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_run_ray_version(run: Option<&Run>) -> Str {
    Str::new(run.map(Run::ray_version))
}

/// The last report: an object, nested as reported; NULL if there was none.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_run_metrics(run: Option<&Run>) -> Option<&Value> {
    run?.metrics()
}

/// The metric at `path`, such as `eval/loss`, in the last report; NULL if it is not there.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_run_metric(run: Option<&Run>, path: *const c_char) -> Option<&Value> {
    run?.metric(text_or_none(path)?)
}

/// The checkpoint reported last, even if its directory is gone; NULL if none was reported.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_run_latest_checkpoint(run: Option<&Run>) -> Option<&Checkpoint> {
    run?.latest_checkpoint()
}

/// The checkpoint to resume from: the latest reported one whose directory is there and whose
/// validation did not fail; NULL if there is none.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_run_resume_checkpoint(run: Option<&Run>) -> Option<&Checkpoint> {
    run?.resume_checkpoint()
}

/// How many reported checkpoints the run kept.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_run_checkpoint_count(run: Option<&Run>) -> usize {
    run.map_or(0, |run| run.checkpoints().len())
}

/// Checkpoint `index` of the run, in the order of the reports; NULL past the end.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_run_checkpoint_at(run: Option<&Run>, index: usize) -> Option<&Checkpoint> {
    run?.checkpoints().get(index)
}

/// How many checkpoint directories no report names.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_run_leftover_count(run: Option<&Run>) -> usize {
    run.map_or(0, |run| run.leftovers().len())
}

/// Checkpoint directory `index` that no report names; NULL past the end.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_run_leftover_at(run: Option<&Run>, index: usize) -> Option<&Checkpoint> {
    run?.leftovers().get(index)
}

/// Finds the checkpoint with the best metric at `path`, such as `eval/loss`.
///
/// `settings`: `ties` is `earliest` or `latest`. Checkpoints without the metric do not count: if
/// none has it, this fails with `LIBRESULT_CODE_NOT_FOUND` and tells how many were skipped, and
/// why, as it does if there is no checkpoint. A metric that neither a checkpoint nor the last report
/// names is `LIBRESULT_CODE_INVALID_ARGUMENT`, and so is NULL.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn libresult_run_best_checkpoint(
    run: Option<&Run>,
    path: *const c_char,
    mode: MaybeUninit<Mode>,
    settings: *const Setting,
    setting_count: usize,
    out: *mut *mut Checkpoint,
) -> Option<Box<Error>> {
    produce(out, || {
        let (run, path, mode) = (object(run, "run")?, text(path, "path")?, member(mode, "mode")?);
        run.best_checkpoint(path, mode, &boundary::settings(settings, setting_count)?)
    })
}

/// Ranks the checkpoints by the metric at `path`, best first; of equals, the earliest first.
///
/// As `libresult_run_best_checkpoint`, but if there is no checkpoint, or none can be ranked, the
/// ranking is empty; that is no error. A metric that neither a checkpoint nor the last report names
/// still is, so of many runs one that failed early may give `LIBRESULT_CODE_INVALID_ARGUMENT`.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn libresult_run_rank_checkpoints(
    run: Option<&Run>,
    path: *const c_char,
    mode: MaybeUninit<Mode>,
    settings: *const Setting,
    setting_count: usize,
    out: *mut *mut Ranking,
) -> Option<Box<Error>> {
    produce(out, || {
        let (run, path, mode) = (object(run, "run")?, text(path, "path")?, member(mode, "mode")?);
        run.rank_checkpoints(path, mode, &boundary::settings(settings, setting_count)?)
    })
}

/// What made the run fail; NULL unless its presence is `LIBRESULT_PRESENCE_PRESENT`.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_run_failure(run: Option<&Run>) -> Option<&Failure> {
    run?.failure()
}

/// Whether the run failed.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_run_failure_presence(run: Option<&Run>) -> Presence {
    run.map_or(Presence::Unknown, Run::failure_presence)
}

/// The configuration that the run was started with; NULL unless it is present.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_run_config(run: Option<&Run>) -> Option<&Value> {
    run?.config()
}

/// Whether the run had a configuration.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_run_config_presence(run: Option<&Run>) -> Presence {
    run.map_or(Presence::Unknown, Run::config_presence)
}

/// The file that it came from, relative to the run, or `events` for Ray's export events; empty if
/// there is none.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_run_config_source(run: Option<&Run>) -> Str {
    Str::new(run.map(Run::config_source))
}

/// What the training function returned; NULL unless it is present.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_run_return_value(run: Option<&Run>) -> Option<&Value> {
    run?.return_value()
}

/// Whether the training function returned a value.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_run_return_value_presence(run: Option<&Run>) -> Presence {
    run.map_or(Presence::Unknown, Run::return_value_presence)
}

/// The file that it came from, relative to the run; empty if there is none.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_run_return_value_source(run: Option<&Run>) -> Str {
    Str::new(run.map(Run::return_value_source))
}

/// How far the run is, in Ray's word in lower case, such as `running`, `finished`, `errored`,
/// `aborted`; empty if nothing tells. Ray's export events tell: setting `events` of
/// `libresult_run_open`.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_run_status(run: Option<&Run>) -> Str {
    Str::new(run.map(Run::status))
}

/// What Ray said about the status; empty if it said nothing.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_run_status_detail(run: Option<&Run>) -> Str {
    Str::new(run.map(Run::status_detail))
}

/// When the run started, in nanoseconds since 1970 UTC. Returns false, and leaves `*out` alone, if
/// nothing tells.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_run_start_time(run: Option<&Run>, out: *mut i64) -> bool {
    put(out, run.and_then(Run::start_time))
}

/// When the run ended; as `libresult_run_start_time`.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_run_end_time(run: Option<&Run>, out: *mut i64) -> bool {
    put(out, run.and_then(Run::end_time))
}

/// The metric that the run was told to keep checkpoints by; empty if none or nothing tells.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_run_configured_metric(run: Option<&Run>) -> Str {
    Str::new(run.map(Run::configured_metric))
}

/// Which end of it is best. Returns false, and leaves `*out` alone, if there is none.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_run_configured_mode(run: Option<&Run>, out: *mut Mode) -> bool {
    put(out, run.and_then(Run::configured_mode))
}

/// How many checkpoints the run was told to keep. Returns false, and leaves `*out` alone, if all or
/// nothing tells.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_run_configured_keep(run: Option<&Run>, out: *mut u64) -> bool {
    put(out, run.and_then(Run::configured_keep))
}

/// How many attempts Ray's export events tell of.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_run_attempt_count(run: Option<&Run>) -> usize {
    run.map_or(0, |run| run.attempts().len())
}

/// Attempt `index`, oldest first; NULL past the end.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_run_attempt_at(run: Option<&Run>, index: usize) -> Option<&Attempt> {
    run?.attempts().get(index)
}

/// How many things in the directory were damaged, skipped or guessed.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_run_diagnostic_count(run: Option<&Run>) -> usize {
    run.map_or(0, |run| run.diagnostics().len())
}

/// Diagnostic `index`; NULL past the end.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_run_diagnostic_at(run: Option<&Run>, index: usize) -> Option<&Diagnostic> {
    run?.diagnostics().get(index)
}

/// Everything above as one JSON object, whose members docs/json.md lists; `null` if `run` is NULL. NaN
/// and the infinities are strings, as in protobuf's JSON.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_run_to_json(run: Option<&Run>) -> Option<Box<Text>> {
    Some(Text::boxed(run.map_or_else(|| "null".to_owned(), Run::to_json)))
}

/// Frees `run`, and with it everything that was borrowed from it.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_run_free(run: Option<Box<Run>>) {
    drop(run);
}
