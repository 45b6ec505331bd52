//! A frame, as C sees it.

use std::ffi::{c_char, c_void};

use super::boundary::{
    self, ProgressFn, Setting, Str, fill, guard, object, produce, put, put_or, text, text_or_none,
};
use crate::cancel::Cancel;
use crate::error::Error;
use crate::frame::{ArrowStream, Column, ColumnType, Frame};
use crate::layout::Diagnostic;
use crate::progress::Progress;
use crate::run::Run;

/// Reads every report of the run into columns: one row a report, nested metrics as `eval/loss`.
///
/// Of V1, column `checkpoint_dir_name` names the checkpoint of a row; of V2, rows and checkpoints are
/// the same. `settings`: `column` (a name, or a pattern with `*` and `?`; may come more than once),
/// `config` (`false` leaves the columns `config/…` out), `dedupe` (`last`: of the reports of one
/// `training_iteration` only the last), `rows` (`FROM..TO`), `threads`, `batch_rows`, `max_memory`
/// (bytes). A run that was opened with `read=latest` has them as well. A `column` that no row has is
/// `LIBRESULT_CODE_INVALID_ARGUMENT`, unless there are no rows; a file that was replaced or became
/// shorter since the run was opened is `LIBRESULT_CODE_CORRUPT`, as is a limit that is exceeded.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn libresult_run_read_frame(
    run: Option<&Run>,
    settings: *const Setting,
    setting_count: usize,
    cancel: Option<&Cancel>,
    out: *mut *mut Frame,
) -> Option<Box<Error>> {
    produce(out, || {
        let settings = boundary::settings(settings, setting_count)?;
        object(run, "run")?.read_frame(&settings, cancel)
    })
}

/// How many reports.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_frame_row_count(frame: Option<&Frame>) -> usize {
    frame.map_or(0, Frame::row_count)
}

/// How many columns.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_frame_column_count(frame: Option<&Frame>) -> usize {
    frame.map_or(0, |frame| frame.columns().len())
}

fn column(frame: Option<&Frame>, index: usize) -> Option<&Column> {
    frame?.columns().get(index)
}

/// The name of column `index`, such as `eval/loss`; empty past the end.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_frame_column_name(frame: Option<&Frame>, index: usize) -> Str {
    Str::new(column(frame, index).map(Column::name))
}

/// The type of column `index`; `LIBRESULT_COLUMN_TYPE_NULL` past the end.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_frame_column_type(frame: Option<&Frame>, index: usize) -> ColumnType {
    column(frame, index).map_or(ColumnType::Null, Column::column_type)
}

/// Finds the column called `name`. Returns false, and leaves `*index` alone, if there is none.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_frame_find_column(
    frame: Option<&Frame>,
    name: *const c_char,
    index: *mut usize,
) -> bool {
    let find = |frame: &Frame| frame.find_column(text_or_none(name)?);
    put(index, frame.and_then(find))
}

/// The values of a column of this type, one a row, where a null may be any number; NULL only if its
/// type is another. They live as long as `frame`.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_frame_float64(frame: Option<&Frame>, index: usize) -> *const f64 {
    column(frame, index).and_then(Column::float64).map_or(std::ptr::null(), <[f64]>::as_ptr)
}

/// As `libresult_frame_float64`.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_frame_int64(frame: Option<&Frame>, index: usize) -> *const i64 {
    column(frame, index).and_then(Column::int64).map_or(std::ptr::null(), <[i64]>::as_ptr)
}

/// As `libresult_frame_float64`.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_frame_uint64(frame: Option<&Frame>, index: usize) -> *const u64 {
    column(frame, index).and_then(Column::uint64).map_or(std::ptr::null(), <[u64]>::as_ptr)
}

/// Copies a column of numbers or booleans as doubles, nulls as NaN. Returns false, and leaves `out`
/// alone, if the column is of another type or `len` is not the number of rows. A NULL `out` just asks.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_frame_copy_float64(
    frame: Option<&Frame>,
    index: usize,
    out: *mut f64,
    len: usize,
) -> bool {
    let Some(column) = column(frame, index) else { return false };
    let is_number = match column.column_type() {
        ColumnType::Bool | ColumnType::Int64 | ColumnType::Uint64 | ColumnType::Float64 => true,
        ColumnType::Null | ColumnType::String | ColumnType::Json => false,
    };
    let fits = is_number && frame.is_some_and(|frame| frame.row_count() == len);
    fits && fill(out, (0..len).map(|row| column.to_float64(row).unwrap_or(f64::NAN)))
}

/// The boolean at `row` of a column of booleans; false if it is null or of another type.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_frame_bool(frame: Option<&Frame>, index: usize, row: usize) -> bool {
    column(frame, index).and_then(|column| column.bool(row)).unwrap_or(false)
}

/// The value at `row` of a column of strings or JSON; empty if it is null.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_frame_string(frame: Option<&Frame>, index: usize, row: usize) -> Str {
    Str::new(column(frame, index).and_then(|column| column.string(row)))
}

/// Whether the value at `row` of column `index` is null: not reported, or reported as `null`. So is
/// whatever is past the end.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_frame_is_null(frame: Option<&Frame>, index: usize, row: usize) -> bool {
    let is_past = frame.is_none_or(|frame| row >= frame.row_count());
    is_past || column(frame, index).is_none_or(|column| column.is_null(row))
}

/// Which rows of column `index` are not null: Arrow's bitmap, bit `row % 8` of byte `row / 8`; NULL
/// if all are.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_frame_validity(frame: Option<&Frame>, index: usize) -> *const u8 {
    column(frame, index).and_then(Column::validity).map_or(std::ptr::null(), <[u8]>::as_ptr)
}

/// How many things in the reports were damaged, skipped or guessed.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_frame_diagnostic_count(frame: Option<&Frame>) -> usize {
    frame.map_or(0, |frame| frame.diagnostics().len())
}

/// Diagnostic `index`; NULL past the end.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_frame_diagnostic_at(frame: Option<&Frame>, index: usize) -> Option<&Diagnostic> {
    frame?.diagnostics().get(index)
}

/// Exports the frame as a stream of Arrow record batches, without a copy: of `batch_rows` rows each,
/// as the frame was read. Columns of JSON are text, whose field has the metadata
/// `libresult.type`: `json`.
///
/// The caller releases `*out` as Arrow says; it may outlive `frame`. On failure `out->release` is
/// NULL.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn libresult_frame_export(frame: Option<&Frame>, out: *mut ArrowStream) -> Option<Box<Error>> {
    put_or(out, ArrowStream::empty(), || object(frame, "frame")?.export())
}

/// Frees `frame`.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_frame_free(frame: Option<Box<Frame>>) {
    drop(frame);
}

/// Writes every report of the run to a Parquet file at `uri`, all at once or not at all.
///
/// Needs little memory, however long the run. `settings`: those of the store at `uri`
/// (docs/storage.md) and of `libresult_run_read_frame` without `batch_rows` and `max_memory`; `compression` (`zstd`, `snappy`, `none`), `row_group_rows`,
/// `on_exists` (`fail`, `replace`). Columns of JSON are text; the file's metadata has
/// `libresult.uri`, `libresult.layout`, `libresult.ray_version` and `libresult.config`. `progress` may
/// be NULL; it counts bytes read. A file that is there already is `LIBRESULT_CODE_IO` unless
/// `on_exists` is `replace`; all other errors are those of `libresult_run_read_frame`.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn libresult_run_write_parquet(
    run: Option<&Run>,
    uri: *const c_char,
    settings: *const Setting,
    setting_count: usize,
    progress: ProgressFn,
    user_data: *mut c_void,
    cancel: Option<&Cancel>,
) -> Option<Box<Error>> {
    guard(|| {
        let settings = boundary::settings(settings, setting_count)?;
        let (run, uri) = (object(run, "run")?, text(uri, "uri")?);
        let mut progress = boundary::progress(progress, user_data);
        run.write_parquet(uri, &settings, progress.as_mut().map(|told| told as Progress), cancel)
    })
}

/// Writes every report of the run to a CSV file (RFC 4180) at `uri`; as
/// `libresult_run_write_parquet`.
///
/// `settings`: `null`, the text of a missing cell, and `on_exists`, but nothing of Parquet's own. By
/// default a missing cell is empty, and an empty string `""`.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn libresult_run_write_csv(
    run: Option<&Run>,
    uri: *const c_char,
    settings: *const Setting,
    setting_count: usize,
    progress: ProgressFn,
    user_data: *mut c_void,
    cancel: Option<&Cancel>,
) -> Option<Box<Error>> {
    guard(|| {
        let settings = boundary::settings(settings, setting_count)?;
        let (run, uri) = (object(run, "run")?, text(uri, "uri")?);
        let mut progress = boundary::progress(progress, user_data);
        run.write_csv(uri, &settings, progress.as_mut().map(|told| told as Progress), cancel)
    })
}
