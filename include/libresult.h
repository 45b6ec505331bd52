// libresult: reads what a Ray Train run left behind. README.md says how to link it.
//
// Generated from src/ffi by cbindgen: `LIBRESULT_BLESS=1 cargo test --test header` writes it anew.
//
//   1. A function that can fail returns `libresult_error *`, which is NULL if it did not. The caller
//      frees it. No other function can fail. One whose name has a verb (open, read, write, update,
//      download) does I/O; no other does.
//   2. `const T *` is borrowed: it lives as long as what it was read from. `T *` is owned: whoever
//      receives it, as a result or in `*out`, frees it once with `T_free`; owned objects do not
//      depend on each other, so the order is free. On failure `*out` is NULL.
//   3. Every pointer may be NULL. A function that cannot fail answers as if nothing were there, and
//      where it fills `*out`, a NULL `out` just asks; one that can fails with
//      LIBRESULT_CODE_INVALID_ARGUMENT, unless it says that NULL is fine. A NULL `cancel` is always
//      fine. `T_free(NULL)` does nothing.
//   4. Strings are UTF-8. Those that go in end with NUL; those that come out have a length, and
//      those of runs, checkpoints and directories called uri, path or name end with NUL as well.
//   5. Objects never change, but for a `libresult_cancel`, which is triggered once. So any thread
//      may use them at any time, until one of them frees them.
//   6. A callback runs on the thread of the call, before it returns, and must not throw. The functions
//      of a store that was registered as `concurrent` may run on threads of the library as well,
//      before the call returns.
//   7. Later versions add functions, settings and values of enums, and change nothing else.


#ifndef LIBRESULT_H
#define LIBRESULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#define LIBRESULT_VERSION_MAJOR 0
#define LIBRESULT_VERSION_MINOR 1
#define LIBRESULT_VERSION_PATCH 0

/// Whether this header is at least version `major.minor.patch`.
#define LIBRESULT_VERSION_AT_LEAST(major, minor, patch)                                            \
  (LIBRESULT_VERSION_MAJOR > (major) ||                                                            \
   (LIBRESULT_VERSION_MAJOR == (major) && (LIBRESULT_VERSION_MINOR > (minor) ||                    \
    (LIBRESULT_VERSION_MINOR == (minor) && LIBRESULT_VERSION_PATCH >= (patch)))))

#if defined(__GNUC__) || defined(__clang__)
#define LIBRESULT_MUST_USE __attribute__((warn_unused_result))
#else
#define LIBRESULT_MUST_USE
#endif

// Enums may get more values later, which C++ allows only with a fixed type.
#ifdef __cplusplus
#define LIBRESULT_OPEN : int
#else
#define LIBRESULT_OPEN
#endif

/// An Arrow C stream: <https://arrow.apache.org/docs/format/CStreamInterface.html>.
struct ArrowArrayStream;


/// How the run is laid out in its directory.
typedef enum LIBRESULT_OPEN {
  /// Nothing is known: the argument was NULL.
  LIBRESULT_LAYOUT_UNKNOWN = 0,
  /// `result.json` and `progress.csv`: Ray Train before V2, and every trial of Ray Tune.
  LIBRESULT_LAYOUT_TRAIN_V1 = 1,
  /// `checkpoint_manager_snapshot.json`: Ray Train V2.
  LIBRESULT_LAYOUT_TRAIN_V2 = 2,
} libresult_layout;

/// Which end of a metric is best. There is no default: 0 is an error.
typedef enum LIBRESULT_OPEN {
  /// The smallest value, as for a loss.
  LIBRESULT_MODE_MIN = 1,
  /// The largest value, as for an accuracy.
  LIBRESULT_MODE_MAX = 2,
} libresult_mode;

/// Whether a run has something that its directory may or may not tell.
typedef enum LIBRESULT_OPEN {
  /// The directory does not record it, so nobody can tell.
  LIBRESULT_PRESENCE_UNKNOWN = 0,
  /// It is known not to exist.
  LIBRESULT_PRESENCE_ABSENT = 1,
  /// It exists, and was read.
  LIBRESULT_PRESENCE_PRESENT = 2,
} libresult_presence;

/// Why a checkpoint does not take part in a ranking.
typedef enum LIBRESULT_OPEN {
  /// Its report lacks the metric, or has `null` there.
  LIBRESULT_SKIPPED_MISSING = 0,
  /// The metric is NaN.
  LIBRESULT_SKIPPED_NAN = 1,
  /// The metric is no number.
  LIBRESULT_SKIPPED_NON_NUMERIC = 2,
  /// Its directory is gone.
  LIBRESULT_SKIPPED_NOT_ON_DISK = 3,
} libresult_skipped;

/// How bad a diagnostic is.
typedef enum LIBRESULT_OPEN {
  /// Ordinary, but good to know, such as a checkpoint that retention deleted.
  LIBRESULT_SEVERITY_NOTE = 1,
  /// Something is broken or lost; setting `strict` makes it an error.
  LIBRESULT_SEVERITY_DAMAGE = 2,
} libresult_severity;

/// How far Ray had got with a checkpoint.
typedef enum LIBRESULT_OPEN {
  /// Nothing is known: it was opened without its run.
  LIBRESULT_STATUS_UNKNOWN = 0,
  /// A directory that no report names: an upload that never ended, or a leftover.
  LIBRESULT_STATUS_UNCOMMITTED = 1,
  /// Reported.
  LIBRESULT_STATUS_COMMITTED = 2,
  /// Reported, its validation still to come.
  LIBRESULT_STATUS_PENDING_VALIDATION = 3,
  /// Validated.
  LIBRESULT_STATUS_VALIDATED = 4,
  /// Its validation failed.
  LIBRESULT_STATUS_VALIDATION_FAILED = 5,
  /// Its validation took too long.
  LIBRESULT_STATUS_VALIDATION_TIMED_OUT = 6,
} libresult_status;

/// The type of a value.
typedef enum LIBRESULT_OPEN {
  /// `null`, or no value at all.
  LIBRESULT_KIND_NULL = 0,
  /// `true` or `false`.
  LIBRESULT_KIND_BOOL = 1,
  /// A whole number that fits 64 bits.
  LIBRESULT_KIND_INT = 2,
  /// Any other number: `NaN` and the infinities, and integers beyond 64 bits, whose digits
  /// `libresult_value_to_json` has.
  LIBRESULT_KIND_FLOAT = 3,
  /// A string.
  LIBRESULT_KIND_STR = 4,
  /// A list of values.
  LIBRESULT_KIND_ARRAY = 5,
  /// Values by key, in the order of the file.
  LIBRESULT_KIND_OBJECT = 6,
} libresult_kind;

/// The type of a column of a frame.
typedef enum LIBRESULT_OPEN {
  /// Every row is null.
  LIBRESULT_COLUMN_TYPE_NULL = 0,
  /// `bool`.
  LIBRESULT_COLUMN_TYPE_BOOL = 1,
  /// `int64_t`.
  LIBRESULT_COLUMN_TYPE_INT64 = 2,
  /// `uint64_t`: a value is above `INT64_MAX` and none is negative.
  LIBRESULT_COLUMN_TYPE_UINT64 = 3,
  /// `double`: numbers of which one at least is no integer.
  LIBRESULT_COLUMN_TYPE_FLOAT64 = 4,
  /// UTF-8.
  LIBRESULT_COLUMN_TYPE_STRING = 5,
  /// Rows of more than one kind, lists, or integers beyond 64 bits: each as JSON text.
  LIBRESULT_COLUMN_TYPE_JSON = 6,
} libresult_column_type;

/// What kind of failure an error is. Later versions may add codes.
typedef enum LIBRESULT_OPEN {
  /// No failure.
  LIBRESULT_CODE_OK = 0,
  /// An argument is NULL, not UTF-8, out of range, or names nothing: a bug in the caller.
  LIBRESULT_CODE_INVALID_ARGUMENT = 1,
  /// There is no run, no checkpoint, or none that the question is about.
  LIBRESULT_CODE_NOT_FOUND = 2,
  /// Storage could not be read or written.
  LIBRESULT_CODE_IO = 3,
  /// A file of the run does not parse.
  LIBRESULT_CODE_CORRUPT = 4,
  /// The call was cancelled.
  LIBRESULT_CODE_CANCELLED = 5,
  /// A bug in libresult.
  LIBRESULT_CODE_INTERNAL = 6,
  /// The store refused: no credentials, or not the right ones.
  LIBRESULT_CODE_PERMISSION = 7,
  /// The store cannot do this, or this build was made without it.
  LIBRESULT_CODE_UNSUPPORTED = 8,
} libresult_code;

/// One try of Ray to carry the run through: a run that fails may be tried again.
typedef struct libresult_attempt libresult_attempt;

/// A switch that stops the calls it is given to. Once on, it stays on.
typedef struct libresult_cancel libresult_cancel;

/// A directory that a run saved.
typedef struct libresult_checkpoint libresult_checkpoint;

/// Something in the directory that was damaged, skipped or guessed.
typedef struct libresult_diagnostic libresult_diagnostic;

/// A checkpoint as a local directory, for as long as this lives.
typedef struct libresult_directory libresult_directory;

/// Why a call failed.
typedef struct libresult_error libresult_error;

/// What made a run fail.
typedef struct libresult_failure libresult_failure;

/// The files of a checkpoint, by name.
typedef struct libresult_files libresult_files;

/// Every report of a run as typed columns: one row a report, nested metrics as `eval/loss`.
typedef struct libresult_frame libresult_frame;

/// What a directory of a store of the caller's own holds.
typedef struct libresult_listing libresult_listing;

/// Checkpoints in order of a metric, best first.
typedef struct libresult_ranking libresult_ranking;

/// The output directory of a training run, as it was when it was opened.
typedef struct libresult_run libresult_run;

/// A string that the caller owns.
typedef struct libresult_text libresult_text;

/// A JSON value: a metric, all metrics, the configuration, the metadata of a checkpoint.
///
/// Numbers keep what the file says: 3 is an integer, 3.0 is not, and NaN is allowed.
typedef struct libresult_value libresult_value;

/// A setting: a key and a value, both ending with NUL.
typedef struct {
  /// Which setting. README.md lists them.
  const char *key;
  /// Its value.
  const char *value;
} libresult_setting;

/// A borrowed UTF-8 string: `len` bytes at `data`. Only what `_uri`, `_path` and `_name` functions of
/// runs, checkpoints and directories return ends with NUL as well.
///
/// It lives as long as the object it was read from.
typedef struct {
  /// The first byte. Not NULL, even when `len` is 0.
  const char *data;
  /// The number of bytes.
  size_t len;
} libresult_str;

/// Receives progress: `done` of `total` bytes; `total` is 0 while it is unknown.
///
/// Returns whether to go on. If not, the call fails with `LIBRESULT_CODE_CANCELLED`.
typedef bool (*libresult_progress_fn)(void *user_data, uint64_t done, uint64_t total);

/// What a store of the caller's own can do. `path` is what stands behind `scheme://`, without the
/// slashes at its end; nothing in it is decoded.
///
/// Each returns NULL, or an error made by `libresult_error_new`, which the library then frees:
/// `LIBRESULT_CODE_NOT_FOUND` for what is not there.
typedef struct {
  /// `sizeof(libresult_store_functions)`: later versions may add functions at the end.
  size_t size;
  /// Whether several threads may call at once, of which some are the library's own.
  bool concurrent;
  /// Adds each entry right below the directory `path` to `into`.
  libresult_error *(*list)(void *user_data, const char *path, libresult_listing *into);
  /// Reads up to `len` bytes at `offset`; `*out` is how many: fewer only at the end of the file.
  libresult_error *(*read)(void *user_data,
                           const char *path,
                           uint64_t offset,
                           void *into,
                           size_t len,
                           size_t *out);
  /// Writes the whole file, all at once or not at all. NULL: the store is read-only.
  libresult_error *(*write)(void *user_data, const char *path, const void *data, size_t len);
} libresult_store_functions;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

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
LIBRESULT_MUST_USE
libresult_error *libresult_run_open(const char *uri,
                                    const libresult_setting *settings,
                                    size_t setting_count,
                                    const libresult_cancel *cancel,
                                    libresult_run **out);

/// Where the run is, so that it can be opened again, by whoever has its credentials.
libresult_str libresult_run_uri(const libresult_run *run);

/// Where the run is, as Ray shows it: without the scheme.
libresult_str libresult_run_path(const libresult_run *run);

/// The kind of store it is on, as Ray names it: `local`, `s3`, `gcs`, `abfs`; `http` for a web server,
/// and the scheme of a store that was registered.
libresult_str libresult_run_filesystem(const libresult_run *run);

/// How it is laid out.
libresult_layout libresult_run_layout(const libresult_run *run);

/// The version of Ray that wrote it; empty if nothing tells.
libresult_str libresult_run_ray_version(const libresult_run *run);

/// The last report: an object, nested as reported; NULL if there was none.
const libresult_value *libresult_run_metrics(const libresult_run *run);

/// The metric at `path`, such as `eval/loss`, in the last report; NULL if it is not there.
const libresult_value *libresult_run_metric(const libresult_run *run, const char *path);

/// The checkpoint reported last, even if its directory is gone; NULL if none was reported.
const libresult_checkpoint *libresult_run_latest_checkpoint(const libresult_run *run);

/// The checkpoint to resume from: the latest reported one whose directory is there and whose
/// validation did not fail; NULL if there is none.
const libresult_checkpoint *libresult_run_resume_checkpoint(const libresult_run *run);

/// How many reported checkpoints the run kept.
size_t libresult_run_checkpoint_count(const libresult_run *run);

/// Checkpoint `index` of the run, in the order of the reports; NULL past the end.
const libresult_checkpoint *libresult_run_checkpoint_at(const libresult_run *run, size_t index);

/// How many checkpoint directories no report names.
size_t libresult_run_leftover_count(const libresult_run *run);

/// Checkpoint directory `index` that no report names; NULL past the end.
const libresult_checkpoint *libresult_run_leftover_at(const libresult_run *run, size_t index);

/// Finds the checkpoint with the best metric at `path`, such as `eval/loss`.
///
/// `settings`: `ties` is `earliest` or `latest`. Checkpoints without the metric do not count: if
/// none has it, this fails with `LIBRESULT_CODE_NOT_FOUND` and tells how many were skipped, and
/// why, as it does if there is no checkpoint. A metric that neither a checkpoint nor the last report
/// names is `LIBRESULT_CODE_INVALID_ARGUMENT`, and so is NULL.
LIBRESULT_MUST_USE
libresult_error *libresult_run_best_checkpoint(const libresult_run *run,
                                               const char *path,
                                               libresult_mode mode,
                                               const libresult_setting *settings,
                                               size_t setting_count,
                                               libresult_checkpoint **out);

/// Ranks the checkpoints by the metric at `path`, best first; of equals, the earliest first.
///
/// As `libresult_run_best_checkpoint`, but if there is no checkpoint, or none can be ranked, the
/// ranking is empty; that is no error. A metric that neither a checkpoint nor the last report names
/// still is, so of many runs one that failed early may give `LIBRESULT_CODE_INVALID_ARGUMENT`.
LIBRESULT_MUST_USE
libresult_error *libresult_run_rank_checkpoints(const libresult_run *run,
                                                const char *path,
                                                libresult_mode mode,
                                                const libresult_setting *settings,
                                                size_t setting_count,
                                                libresult_ranking **out);

/// What made the run fail; NULL unless its presence is `LIBRESULT_PRESENCE_PRESENT`.
const libresult_failure *libresult_run_failure(const libresult_run *run);

/// Whether the run failed.
libresult_presence libresult_run_failure_presence(const libresult_run *run);

/// The configuration that the run was started with; NULL unless it is present.
const libresult_value *libresult_run_config(const libresult_run *run);

/// Whether the run had a configuration.
libresult_presence libresult_run_config_presence(const libresult_run *run);

/// The file that it came from, relative to the run, or `events` for Ray's export events; empty if
/// there is none.
libresult_str libresult_run_config_source(const libresult_run *run);

/// What the training function returned; NULL unless it is present.
const libresult_value *libresult_run_return_value(const libresult_run *run);

/// Whether the training function returned a value.
libresult_presence libresult_run_return_value_presence(const libresult_run *run);

/// The file that it came from, relative to the run; empty if there is none.
libresult_str libresult_run_return_value_source(const libresult_run *run);

/// How far the run is, in Ray's word in lower case, such as `running`, `finished`, `errored`,
/// `aborted`; empty if nothing tells. Ray's export events tell: setting `events` of
/// `libresult_run_open`.
libresult_str libresult_run_status(const libresult_run *run);

/// What Ray said about the status; empty if it said nothing.
libresult_str libresult_run_status_detail(const libresult_run *run);

/// When the run started, in nanoseconds since 1970 UTC. Returns false, and leaves `*out` alone, if
/// nothing tells.
bool libresult_run_start_time(const libresult_run *run, int64_t *out);

/// When the run ended; as `libresult_run_start_time`.
bool libresult_run_end_time(const libresult_run *run, int64_t *out);

/// The metric that the run was told to keep checkpoints by; empty if none or nothing tells.
libresult_str libresult_run_configured_metric(const libresult_run *run);

/// Which end of it is best. Returns false, and leaves `*out` alone, if there is none.
bool libresult_run_configured_mode(const libresult_run *run, libresult_mode *out);

/// How many checkpoints the run was told to keep. Returns false, and leaves `*out` alone, if all or
/// nothing tells.
bool libresult_run_configured_keep(const libresult_run *run, uint64_t *out);

/// How many attempts Ray's export events tell of.
size_t libresult_run_attempt_count(const libresult_run *run);

/// Attempt `index`, oldest first; NULL past the end.
const libresult_attempt *libresult_run_attempt_at(const libresult_run *run, size_t index);

/// How many things in the directory were damaged, skipped or guessed.
size_t libresult_run_diagnostic_count(const libresult_run *run);

/// Diagnostic `index`; NULL past the end.
const libresult_diagnostic *libresult_run_diagnostic_at(const libresult_run *run, size_t index);

/// Everything above as one JSON object, whose members docs/json.md lists; `null` if `run` is NULL. NaN
/// and the infinities are strings, as in protobuf's JSON.
libresult_text *libresult_run_to_json(const libresult_run *run);

/// Frees `run`, and with it everything that was borrowed from it.
void libresult_run_free(libresult_run *run);

/// How many checkpoints take part.
size_t libresult_ranking_count(const libresult_ranking *ranking);

/// The checkpoint at `index`, 0 being the best; NULL past the end.
const libresult_checkpoint *libresult_ranking_checkpoint_at(const libresult_ranking *ranking,
                                                            size_t index);

/// Its metric; NULL past the end.
const libresult_value *libresult_ranking_value_at(const libresult_ranking *ranking, size_t index);

/// How many checkpoints do not take part.
size_t libresult_ranking_skipped_count(const libresult_ranking *ranking);

/// Checkpoint `index` of those that do not take part, and why; NULL past the end.
const libresult_checkpoint *libresult_ranking_skipped_at(const libresult_ranking *ranking,
                                                         size_t index,
                                                         libresult_skipped *reason);

/// Frees `ranking`.
void libresult_ranking_free(libresult_ranking *ranking);

/// How far the attempt is; as `libresult_run_status`.
libresult_str libresult_attempt_status(const libresult_attempt *attempt);

/// What made the attempt fail; NULL if it did not, or nothing tells.
const libresult_failure *libresult_attempt_failure(const libresult_attempt *attempt);

/// When the attempt started; as `libresult_run_start_time`.
bool libresult_attempt_start_time(const libresult_attempt *attempt, int64_t *out);

/// When the attempt ended; as `libresult_run_start_time`.
bool libresult_attempt_end_time(const libresult_attempt *attempt, int64_t *out);

/// How many workers the attempt had.
size_t libresult_attempt_worker_count(const libresult_attempt *attempt);

/// The class of the exception, such as `ValueError`; empty if the run left no name.
libresult_str libresult_failure_type(const libresult_failure *failure);

/// The module of the class, such as `builtins`; empty if the run left no name.
libresult_str libresult_failure_module(const libresult_failure *failure);

/// The sentence that the exception carried.
libresult_str libresult_failure_message(const libresult_failure *failure);

/// The Python traceback; empty if the run left none.
libresult_str libresult_failure_traceback(const libresult_failure *failure);

/// The file that told, relative to the run, such as `error.pkl`; `events` for Ray's export events.
libresult_str libresult_failure_source(const libresult_failure *failure);

/// How many times the run failed, restarts included.
uint64_t libresult_failure_occurrences(const libresult_failure *failure);

/// Whether the run went on after it: Ray keeps the record of a failure that a retry overcame.
bool libresult_failure_recovered(const libresult_failure *failure);

/// How many workers failed.
size_t libresult_failure_worker_count(const libresult_failure *failure);

/// The failure of worker `index`; NULL past the end.
const libresult_failure *libresult_failure_worker_at(const libresult_failure *failure,
                                                     size_t index);

/// The rank of the worker that failed. Returns false, and leaves `*out` alone, if it is unknown.
bool libresult_failure_rank(const libresult_failure *failure, uint64_t *out);

/// Whether it is damage, or a note about what is ordinary.
libresult_severity libresult_diagnostic_severity(const libresult_diagnostic *diagnostic);

/// A stable word for what was found, such as `torn_last_line`.
libresult_str libresult_diagnostic_code(const libresult_diagnostic *diagnostic);

/// One sentence for people.
libresult_str libresult_diagnostic_message(const libresult_diagnostic *diagnostic);

/// The file, relative to the run, or the whole path of one elsewhere.
libresult_str libresult_diagnostic_file(const libresult_diagnostic *diagnostic);

/// The line in the file, from 1; 0 if it is about the file as a whole.
uint64_t libresult_diagnostic_line(const libresult_diagnostic *diagnostic);

/// Opens a checkpoint without its run. One that does not exist can be opened; its presence tells.
///
/// `settings` are those of stores, which docs/storage.md lists.
LIBRESULT_MUST_USE
libresult_error *libresult_checkpoint_open(const char *uri,
                                           const libresult_setting *settings,
                                           size_t setting_count,
                                           const libresult_cancel *cancel,
                                           libresult_checkpoint **out);

/// Where the checkpoint is, so that it can be opened again.
libresult_str libresult_checkpoint_uri(const libresult_checkpoint *checkpoint);

/// Where the checkpoint is, as Ray shows it: without the scheme.
libresult_str libresult_checkpoint_path(const libresult_checkpoint *checkpoint);

/// The kind of store it is on, as Ray names it.
libresult_str libresult_checkpoint_filesystem(const libresult_checkpoint *checkpoint);

/// The name of its directory.
libresult_str libresult_checkpoint_name(const libresult_checkpoint *checkpoint);

/// Its place among the reported checkpoints of its run. Returns false, and leaves `*out` alone, if it
/// has none.
bool libresult_checkpoint_index(const libresult_checkpoint *checkpoint,
                                size_t *out);

/// The number of the report that it came with, from 0; lines that could not be read count. Returns
/// false, and leaves `*out` alone, if the run does not tell.
bool libresult_checkpoint_report(const libresult_checkpoint *checkpoint, uint64_t *out);

/// Whether its directory was there when the run was opened; unknown where a store cannot tell.
libresult_presence libresult_checkpoint_presence(const libresult_checkpoint *checkpoint);

/// How far Ray had got with it.
libresult_status libresult_checkpoint_status(const libresult_checkpoint *checkpoint);

/// The metrics that were reported with the checkpoint: an object, nested as reported; NULL if the
/// run tells none.
const libresult_value *libresult_checkpoint_metrics(const libresult_checkpoint *checkpoint);

/// Reads the metadata of the checkpoint: an object, empty if it has none.
///
/// Fails with `LIBRESULT_CODE_NOT_FOUND` if its directory is not there, and with
/// `LIBRESULT_CODE_CORRUPT` if its `.metadata.json` is not an object.
LIBRESULT_MUST_USE
libresult_error *libresult_checkpoint_read_metadata(const libresult_checkpoint *checkpoint,
                                                    const libresult_cancel *cancel,
                                                    libresult_value **out);

/// Replaces the metadata by `json`, an object, all at once or not at all.
///
/// What Python's `json` reads is allowed, `NaN` included. Anything but an object is
/// `LIBRESULT_CODE_INVALID_ARGUMENT`.
LIBRESULT_MUST_USE
libresult_error *libresult_checkpoint_write_metadata(const libresult_checkpoint *checkpoint,
                                                     const char *json,
                                                     const libresult_cancel *cancel);

/// Adds the members of `json` to the metadata, replacing those of the same key.
///
/// The other members keep their text. If someone else changed the metadata meanwhile, it is read
/// and changed again, so that nothing is lost.
LIBRESULT_MUST_USE
libresult_error *libresult_checkpoint_update_metadata(const libresult_checkpoint *checkpoint,
                                                      const char *json,
                                                      const libresult_cancel *cancel);

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
LIBRESULT_MUST_USE
libresult_error *libresult_checkpoint_download(const libresult_checkpoint *checkpoint,
                                               const char *dest_dir,
                                               const libresult_setting *settings,
                                               size_t setting_count,
                                               libresult_progress_fn progress,
                                               void *user_data,
                                               const libresult_cancel *cancel);

/// Makes the checkpoint a local directory: itself if it is local, or else a copy, shared by all who
/// ask for the same one, in threads and processes. Nobody sees half of it, and nobody is to write to
/// it.
///
/// `settings`: those of `libresult_checkpoint_download` but `on_exists`; `cache_dir` (where copies
/// are), `keep` (`true`: the copy stays for whoever asks for it next), `cache_max_bytes` (copies that
/// nobody uses are removed until all take no more). `progress` may be NULL.
LIBRESULT_MUST_USE
libresult_error *libresult_checkpoint_open_directory(const libresult_checkpoint *checkpoint,
                                                     const libresult_setting *settings,
                                                     size_t setting_count,
                                                     libresult_progress_fn progress,
                                                     void *user_data,
                                                     const libresult_cancel *cancel,
                                                     libresult_directory **out);

/// Lists the files of the checkpoint, by name.
LIBRESULT_MUST_USE
libresult_error *libresult_checkpoint_read_files(const libresult_checkpoint *checkpoint,
                                                 const libresult_cancel *cancel,
                                                 libresult_files **out);

/// Reads up to `len` bytes of a file of the checkpoint into `into`, from `offset` on. `*out` is how
/// many there were; fewer than `len` only at the end of the file, and 0 on failure.
///
/// `into` may be NULL if `len` is 0. A `name` that leaves the checkpoint is
/// `LIBRESULT_CODE_INVALID_ARGUMENT`, one that is not there `LIBRESULT_CODE_NOT_FOUND`.
LIBRESULT_MUST_USE
libresult_error *libresult_checkpoint_read_file(const libresult_checkpoint *checkpoint,
                                                const char *name,
                                                uint64_t offset,
                                                void *into,
                                                size_t len,
                                                const libresult_cancel *cancel,
                                                size_t *out);

/// Makes another reference to `checkpoint`, which may outlive the run.
libresult_checkpoint *libresult_checkpoint_clone(const libresult_checkpoint *checkpoint);

/// Frees `checkpoint`.
void libresult_checkpoint_free(libresult_checkpoint *checkpoint);

/// The path of the directory.
libresult_str libresult_directory_path(const libresult_directory *directory);

/// Frees `directory`; the last one of a copy removes it.
void libresult_directory_free(libresult_directory *directory);

/// How many files.
size_t libresult_files_count(const libresult_files *files);

/// The name of file `index` below the checkpoint, such as `optim/rank_0.pt`; empty past the end.
libresult_str libresult_files_name_at(const libresult_files *files, size_t index);

/// Its size in bytes; 0 past the end.
uint64_t libresult_files_size_at(const libresult_files *files, size_t index);

/// Frees `files`.
void libresult_files_free(libresult_files *files);

/// The type of `value`.
libresult_kind libresult_value_kind(const libresult_value *value);

/// Reads `true` or `false`. Returns false, and leaves `*out` alone, if `value` is neither.
bool libresult_value_as_bool(const libresult_value *value, bool *out);

/// Reads a whole number. Returns false, and leaves `*out` alone, if it does not fit, or is no such.
bool libresult_value_as_i64(const libresult_value *value, int64_t *out);

/// Reads a whole number. Returns false, and leaves `*out` alone, if it does not fit, or is no such.
bool libresult_value_as_u64(const libresult_value *value, uint64_t *out);

/// Reads a number as a double. Returns false, and leaves `*out` alone, if `value` is no number.
bool libresult_value_as_f64(const libresult_value *value, double *out);

/// Reads a string. Returns false, and leaves `*out` alone, if `value` is no string.
bool libresult_value_as_str(const libresult_value *value, libresult_str *out);

/// What lies at `path`, such as `eval/loss` or `layers/0`; NULL if nothing does.
///
/// A key that holds `/` itself is found too: the longest key that fits is tried first.
const libresult_value *libresult_value_find(const libresult_value *value, const char *path);

/// The member of an object called `key`; NULL if there is none.
const libresult_value *libresult_value_get(const libresult_value *value, const char *key);

/// How many members an object has, or elements an array; 0 for every other kind.
size_t libresult_value_len(const libresult_value *value);

/// Member `index` of an object, or element `index` of an array; NULL past the end.
const libresult_value *libresult_value_at(const libresult_value *value, size_t index);

/// The key of member `index` of an object; empty if there is none.
libresult_str libresult_value_key_at(const libresult_value *value, size_t index);

/// `value` as JSON; `null` if it is NULL. NaN and the infinities are strings, as in protobuf's JSON.
libresult_text *libresult_value_to_json(const libresult_value *value);

/// Frees `value`, if it is owned.
void libresult_value_free(libresult_value *value);

/// The bytes of `text`.
libresult_str libresult_text_str(const libresult_text *text);

/// Frees `text`.
void libresult_text_free(libresult_text *text);

/// Reads every report of the run into columns: one row a report, nested metrics as `eval/loss`.
///
/// Of V1, column `checkpoint_dir_name` names the checkpoint of a row; of V2, rows and checkpoints are
/// the same. `settings`: `column` (a name, or a pattern with `*` and `?`; may come more than once),
/// `config` (`false` leaves the columns `config/…` out), `dedupe` (`last`: of the reports of one
/// `training_iteration` only the last), `rows` (`FROM..TO`), `threads`, `batch_rows`, `max_memory`
/// (bytes). A run that was opened with `read=latest` has them as well. A `column` that no row has is
/// `LIBRESULT_CODE_INVALID_ARGUMENT`, unless there are no rows; a file that was replaced or became
/// shorter since the run was opened is `LIBRESULT_CODE_CORRUPT`, as is a limit that is exceeded.
LIBRESULT_MUST_USE
libresult_error *libresult_run_read_frame(const libresult_run *run,
                                          const libresult_setting *settings,
                                          size_t setting_count,
                                          const libresult_cancel *cancel,
                                          libresult_frame **out);

/// How many reports.
size_t libresult_frame_row_count(const libresult_frame *frame);

/// How many columns.
size_t libresult_frame_column_count(const libresult_frame *frame);

/// The name of column `index`, such as `eval/loss`; empty past the end.
libresult_str libresult_frame_column_name(const libresult_frame *frame, size_t index);

/// The type of column `index`; `LIBRESULT_COLUMN_TYPE_NULL` past the end.
libresult_column_type libresult_frame_column_type(const libresult_frame *frame, size_t index);

/// Finds the column called `name`. Returns false, and leaves `*index` alone, if there is none.
bool libresult_frame_find_column(const libresult_frame *frame, const char *name, size_t *index);

/// The values of a column of this type, one a row, where a null may be any number; NULL only if its
/// type is another. They live as long as `frame`.
const double *libresult_frame_float64(const libresult_frame *frame, size_t index);

/// As `libresult_frame_float64`.
const int64_t *libresult_frame_int64(const libresult_frame *frame, size_t index);

/// As `libresult_frame_float64`.
const uint64_t *libresult_frame_uint64(const libresult_frame *frame, size_t index);

/// Copies a column of numbers or booleans as doubles, nulls as NaN. Returns false, and leaves `out`
/// alone, if the column is of another type or `len` is not the number of rows. A NULL `out` just asks.
bool libresult_frame_copy_float64(const libresult_frame *frame,
                                  size_t index,
                                  double *out,
                                  size_t len);

/// The boolean at `row` of a column of booleans; false if it is null or of another type.
bool libresult_frame_bool(const libresult_frame *frame, size_t index, size_t row);

/// The value at `row` of a column of strings or JSON; empty if it is null.
libresult_str libresult_frame_string(const libresult_frame *frame, size_t index, size_t row);

/// Whether the value at `row` of column `index` is null: not reported, or reported as `null`. So is
/// whatever is past the end.
bool libresult_frame_is_null(const libresult_frame *frame, size_t index, size_t row);

/// Which rows of column `index` are not null: Arrow's bitmap, bit `row % 8` of byte `row / 8`; NULL
/// if all are.
const uint8_t *libresult_frame_validity(const libresult_frame *frame, size_t index);

/// How many things in the reports were damaged, skipped or guessed.
size_t libresult_frame_diagnostic_count(const libresult_frame *frame);

/// Diagnostic `index`; NULL past the end.
const libresult_diagnostic *libresult_frame_diagnostic_at(const libresult_frame *frame,
                                                          size_t index);

/// Exports the frame as a stream of Arrow record batches, without a copy: of `batch_rows` rows each,
/// as the frame was read. Columns of JSON are text, whose field has the metadata
/// `libresult.type`: `json`.
///
/// The caller releases `*out` as Arrow says; it may outlive `frame`. On failure `out->release` is
/// NULL.
LIBRESULT_MUST_USE
libresult_error *libresult_frame_export(const libresult_frame *frame,
                                        struct ArrowArrayStream *out);

/// Frees `frame`.
void libresult_frame_free(libresult_frame *frame);

/// Writes every report of the run to a Parquet file at `uri`, all at once or not at all.
///
/// Needs little memory, however long the run. `settings`: those of the store at `uri`
/// (docs/storage.md) and of `libresult_run_read_frame` without `batch_rows` and `max_memory`; `compression` (`zstd`, `snappy`, `none`), `row_group_rows`,
/// `on_exists` (`fail`, `replace`). Columns of JSON are text; the file's metadata has
/// `libresult.uri`, `libresult.layout`, `libresult.ray_version` and `libresult.config`. `progress` may
/// be NULL; it counts bytes read. A file that is there already is `LIBRESULT_CODE_IO` unless
/// `on_exists` is `replace`; all other errors are those of `libresult_run_read_frame`.
LIBRESULT_MUST_USE
libresult_error *libresult_run_write_parquet(const libresult_run *run,
                                             const char *uri,
                                             const libresult_setting *settings,
                                             size_t setting_count,
                                             libresult_progress_fn progress,
                                             void *user_data,
                                             const libresult_cancel *cancel);

/// Writes every report of the run to a CSV file (RFC 4180) at `uri`; as
/// `libresult_run_write_parquet`.
///
/// `settings`: `null`, the text of a missing cell, and `on_exists`, but nothing of Parquet's own. By
/// default a missing cell is empty, and an empty string `""`.
LIBRESULT_MUST_USE
libresult_error *libresult_run_write_csv(const libresult_run *run,
                                         const char *uri,
                                         const libresult_setting *settings,
                                         size_t setting_count,
                                         libresult_progress_fn progress,
                                         void *user_data,
                                         const libresult_cancel *cancel);

/// Makes `scheme://…` mean a store of the caller's own, wherever a URI goes in.
///
/// `scheme` is a letter, then letters, digits, `+`, `-` and `.`, all in lower case; one that is taken is
/// `LIBRESULT_CODE_INVALID_ARGUMENT`. `functions` is copied. Its functions may be called from then on,
/// by calls that are given such a URI and by those on what they opened: one at a time and on their
/// threads, or if `concurrent` says so, from several at once and on threads of the library, too. They
/// may call the library themselves, but must not throw.
///
/// The size of a file is what the listing of its directory says, and all that tells whether it has
/// changed: two writers who update metadata at the same time may lose what one of them wrote. Large
/// files are written to a temporary one first.
///
/// `destroy`, which may be NULL, is called once, with `user_data`, when the store is unregistered and
/// the last object on it is gone, on the thread that frees it; not if this fails.
LIBRESULT_MUST_USE
libresult_error *libresult_store_register(const char *scheme,
                                          const libresult_store_functions *functions,
                                          void *user_data,
                                          void (*destroy)(void *user_data));

/// Takes the scheme back: no URI can be opened with it any more; what is open goes on.
///
/// A scheme that is not registered is `LIBRESULT_CODE_INVALID_ARGUMENT`.
LIBRESULT_MUST_USE libresult_error *libresult_store_unregister(const char *scheme);

/// Adds an entry to a listing: a file with its size, or a directory.
///
/// A name that is NULL, not UTF-8, empty, `.`, `..` or has a `/` makes the listing fail. `listing` lives
/// until the function that was given it returns.
void libresult_listing_add(libresult_listing *listing,
                           const char *name,
                           uint64_t size,
                           bool is_directory);

/// Creates a switch, which is off.
libresult_cancel *libresult_cancel_new(void);

/// Makes every call that was given `cancel` fail with `LIBRESULT_CODE_CANCELLED`.
void libresult_cancel_trigger(const libresult_cancel *cancel);

/// Frees `cancel`.
void libresult_cancel_free(libresult_cancel *cancel);

/// Makes an error, for the functions of a store: one sentence about what went wrong.
///
/// A `code` that this version does not know is `LIBRESULT_CODE_IO`, and so is `LIBRESULT_CODE_OK`.
LIBRESULT_MUST_USE libresult_error *libresult_error_new(libresult_code code, const char *message);

/// The kind of failure; `LIBRESULT_CODE_OK` if `error` is NULL.
libresult_code libresult_error_code(const libresult_error *error);

/// One sentence that names the file or the argument at fault.
libresult_str libresult_error_message(const libresult_error *error);

/// Frees `error`.
void libresult_error_free(libresult_error *error);

/// Whether this build has `feature`: `s3`, `gs`, `abfs`, `http`, `arrow`, `parquet`.
bool libresult_supports(const char *feature);

/// The version of the library in use, such as `0.1.0`.
libresult_str libresult_version(void);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* LIBRESULT_H */
