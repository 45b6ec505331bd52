//! Frames and files of long runs: the same for any number of threads, whatever is chosen of them, and however often the
//! run is read; and a call that is cancelled ends soon.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may panic")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use arrow_array::RecordBatchReader;
use arrow_array::ffi_stream::ArrowArrayStreamReader;
use result::{Cancel, Code, Column, ColumnType, Frame, Run};

const ROWS: usize = 60_000;
/// The run was restored so often: some iterations are reported twice.
const RESTORED_AFTER: usize = 10_000;
const REPEATED: usize = 5;

fn scratch(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("libresult-frame-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).expect("a directory");
    path
}

/// The iteration that row `row` reports.
fn iteration(row: usize) -> usize {
    1 + row - row / RESTORED_AFTER * REPEATED
}

/// A run of more than 10 MB with bad lines. All tests read it; the last one to run leaves it to the system.
fn long_run() -> Run {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    let path = PATH.get_or_init(|| {
        let path = scratch("long");
        let mut text = String::new();
        for row in 0..ROWS {
            let (step, flag, loss) = (iteration(row), row % 3 == 0, row as f64 / 7.0);
            let name = if row % 5 == 0 { "null".to_owned() } else { format!("\"worker {}\"", row % 11) };
            let _ = write!(text, "{{\"training_iteration\": {step}, \"loss\": {loss:?}, \"flag\": {flag}, ");
            let _ = write!(text, "\"eval\": {{\"top\": {{\"k1\": {row}, \"k5\": {row}.5}}, \"loss\": 1}}, ");
            let _ = write!(text, "\"name\": {name}, \"list\": [{row}, \"x\"], \"config\": {{\"lr\": 0.1}}");
            // Columns that come late, and one whose type does.
            let odd = if row == ROWS - 5 { "\"text\"" } else { "2" };
            let _ = write!(text, ", \"odd\": {odd}");
            if row > ROWS - 100 {
                let _ = write!(text, ", \"late\": 18446744073709551615");
            }
            text.push_str("}\n");
            match row {
                row if row % 997 == 0 => text.push_str("{\"loss\": 1, \"torn\n"),
                row if row % 1_501 == 0 => text.push_str("\n  \nno JSON at all\n"),
                _ => {}
            }
        }
        text.push_str("{\"training_iteration\": 7, \"lo");
        assert!(text.len() > 10_000_000, "{} bytes", text.len());
        fs::write(path.join("result.json"), text).expect("a file");
        path
    });
    open(path)
}

fn open(path: &Path) -> Run {
    Run::open(path.to_str().expect("UTF-8"), &[], None).expect("a run")
}

fn frame(run: &Run, settings: &[(&str, &str)]) -> Frame {
    run.read_frame(settings, None).unwrap_or_else(|error| panic!("{settings:?}: {error}"))
}

/// A cell as text; a double as its bits.
fn cell(column: &Column, row: usize) -> Option<String> {
    if column.is_null(row) {
        return None;
    }
    Some(match column.column_type() {
        ColumnType::Null => return None,
        ColumnType::Bool => format!("{:?}", column.bool(row)),
        ColumnType::Int64 => format!("{:?}", column.int64().map(|cells| cells[row])),
        ColumnType::Uint64 => format!("{:?}", column.uint64().map(|cells| cells[row])),
        ColumnType::Float64 => format!("{:x?}", column.float64().map(|cells| cells[row].to_bits())),
        ColumnType::String | ColumnType::Json => column.string(row)?.to_owned(),
        other => panic!("a test for {other:?}"),
    })
}

/// That `some` has the columns of `all`, and the rows of it that `rows` names.
fn assert_same(some: &Frame, all: &Frame, rows: &[usize], what: &str) {
    assert_eq!(some.row_count(), rows.len(), "{what}");
    let names = |frame: &Frame| -> Vec<(String, ColumnType)> {
        frame.columns().iter().map(|column| (column.name().to_owned(), column.column_type())).collect()
    };
    assert_eq!(names(some), names(all), "{what}");
    for (column, expected) in some.columns().iter().zip(all.columns()) {
        for (row, of_all) in rows.iter().enumerate() {
            let (found, wanted) = (cell(column, row), cell(expected, *of_all));
            assert_eq!(found, wanted, "{what}: row {row} of {}", column.name());
        }
    }
}

fn diagnostics(frame: &Frame) -> Vec<String> {
    frame.diagnostics().iter().map(|found| format!("{found:?}")).collect()
}

#[test]
fn any_number_of_threads_gives_the_same_frame() {
    let run = long_run();
    let one = frame(&run, &[("threads", "1")]);
    let all: Vec<usize> = (0..ROWS).collect();
    assert_eq!((one.row_count(), one.columns().len()), (ROWS, 11));
    assert_eq!(one.column("training_iteration").and_then(Column::int64).expect("integers")[ROWS - 1], 59_975);
    assert_eq!(one.column("odd").map(Column::column_type), Some(ColumnType::Json));
    assert_eq!(one.column("late").map(|column| column.null_count()), Some(ROWS - 99));
    let codes: Vec<&str> = one.diagnostics().iter().map(|found| found.code()).collect();
    for code in ["bad_line", "repeated_iteration", "torn_last_line"] {
        assert!(codes.contains(&code), "{code} is not in {codes:?}");
    }
    for threads in ["2", "3", "8", "61"] {
        let many = frame(&run, &[("threads", threads)]);
        assert_same(&many, &one, &all, threads);
        assert_eq!(diagnostics(&many), diagnostics(&one), "{threads} threads");
        let some = frame(&run, &[("threads", threads), ("column", "eval/*"), ("column", "late")]);
        assert_eq!(some.columns().len(), 4);
    }
    assert_same(&frame(&run, &[]), &one, &all, "as many as are worth it");
}

#[test]
fn columns_are_chosen_by_name_and_pattern() {
    let run = long_run();
    let names = |patterns: &[&str]| -> String {
        let settings: Vec<(&str, &str)> = patterns.iter().map(|pattern| ("column", *pattern)).collect();
        let frame = frame(&run, &settings);
        assert_eq!(frame.row_count(), ROWS, "{patterns:?}");
        frame.columns().iter().map(Column::name).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names(&["loss"]), "loss");
    assert_eq!(names(&["late"]), "late");
    assert_eq!(names(&["*loss"]), "loss eval/loss");
    assert_eq!(names(&["eval/*"]), "eval/top/k1 eval/top/k5 eval/loss");
    assert_eq!(names(&["eval/top/k?", "name"]), "eval/top/k1 eval/top/k5 name");
    assert_eq!(names(&["name", "*k1", "name"]), "eval/top/k1 name");
    assert_eq!(names(&["*"]).split(' ').count(), 11);
    let error = run.read_frame(&[("column", "eval/los")], None).expect_err("no such column");
    assert!(error.code() == Code::InvalidArgument && error.message().contains("'eval/loss'"), "{error}");
    let error = run.read_frame(&[("column", "loss"), ("column", "nowhere/*")], None).expect_err("none");
    assert!(error.message().contains("nowhere/*"), "{error}");
}

#[test]
fn rows_are_chosen_by_number_and_iteration() {
    let run = long_run();
    let columns = [("column", "training_iteration"), ("column", "eval/top/k1"), ("column", "name")];
    let with = |more: &[(&str, &str)]| frame(&run, &[&columns[..], more].concat());
    let all = with(&[]);
    for (rows, range) in [
        ("..2", 0..2),
        ("100..200", 100..200),
        ("59999..", ROWS - 1..ROWS),
        ("30000..45000", 30_000..45_000),
        ("..", 0..ROWS),
        ("1..18446744073709551615", 1..ROWS),
    ] {
        for threads in ["1", "3"] {
            let some = with(&[("rows", rows), ("threads", threads)]);
            assert_same(&some, &all, &range.clone().collect::<Vec<_>>(), rows);
        }
    }
    for nothing in ["60000..", "5..5"] {
        let none = with(&[("rows", nothing)]);
        assert_eq!((none.row_count(), none.columns().len()), (0, 0), "{nothing}");
    }

    let is_last =
        |row: &usize| (row + 1..ROWS.min(row + 10)).all(|later| iteration(later) != iteration(*row));
    let last: Vec<usize> = (0..ROWS).filter(is_last).collect();
    assert_eq!(last.len(), ROWS - 5 * REPEATED);
    assert_same(&with(&[("dedupe", "last")]), &all, &last, "dedupe");
    // The numbers are those of the reports, repeated or not.
    let (from, to) = (RESTORED_AFTER - 10, RESTORED_AFTER + 10);
    let some: Vec<usize> = last.iter().copied().filter(|row| (from..to).contains(row)).collect();
    assert_eq!(some.len(), 20 - REPEATED);
    let rows = format!("{from}..{to}");
    assert_same(&with(&[("dedupe", "last"), ("rows", &rows)]), &all, &some, "dedupe and rows");
}

#[test]
fn batches_have_as_many_rows_as_were_asked_for() {
    let run = long_run();
    for (batch_rows, expected) in [
        ("1000", vec![1_000; 60]),
        ("7777", [vec![7_777; 7], vec![ROWS - 7 * 7_777]].concat()),
        ("59999", vec![ROWS - 1, 1]),
        ("60000", vec![ROWS]),
        ("18446744073709551615", vec![ROWS]),
    ] {
        let stream =
            frame(&run, &[("batch_rows", batch_rows), ("column", "*loss")]).export().expect("a stream");
        let reader = ArrowArrayStreamReader::try_new(stream).expect("a reader");
        assert_eq!(reader.schema().fields().len(), 2);
        let lengths: Vec<usize> = reader.map(|batch| batch.expect("a batch").num_rows()).collect();
        assert_eq!(lengths, expected, "{batch_rows}");
    }
    let whole = frame(&run, &[]).export().expect("a stream");
    assert_eq!(ArrowArrayStreamReader::try_new(whole).expect("a reader").count(), 1);
    let none = frame(&run, &[("rows", "..0")]).export().expect("a stream");
    assert_eq!(ArrowArrayStreamReader::try_new(none).expect("a reader").count(), 0);
}

/// How long a call still takes that is cancelled from another thread, once it runs.
fn after_cancel(call: impl FnOnce(&Cancel) -> result::Result<()>) -> Duration {
    let cancel = Cancel::new();
    let (ended, triggered) = std::thread::scope(|scope| {
        let other = scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(20));
            cancel.trigger();
            Instant::now()
        });
        let error = call(&cancel).expect_err("a call that takes longer");
        assert_eq!(error.code(), Code::Cancelled, "{error}");
        (Instant::now(), other.join().expect("the other thread"))
    });
    ended.saturating_duration_since(triggered)
}

#[test]
fn a_call_that_is_cancelled_ends_soon() {
    let directory = scratch("cancelled");
    // So many rows that no call is through before it is cancelled.
    let rows =
        "{\"training_iteration\": 1, \"loss\": 0.25, \"name\": \"x\", \"list\": [1, 2]}\n".repeat(600_000);
    fs::write(directory.join("result.json"), rows).expect("a file");
    let run = open(&directory);
    let out = directory.join("out");
    let path = out.to_str().expect("UTF-8");
    let mut measured = Vec::new();
    for threads in ["1", "2", "8"] {
        let settings: &[(&str, &str)] = &[("threads", threads)];
        let read = after_cancel(|cancel| run.read_frame(settings, Some(cancel)).map(drop));
        let csv = after_cancel(|cancel| run.write_csv(path, settings, None, Some(cancel)));
        let parquet = after_cancel(|cancel| run.write_parquet(path, settings, None, Some(cancel)));
        measured.push((threads, read, csv, parquet));
    }
    println!("threads, then how long after it was cancelled: frame, CSV, Parquet: {measured:?}");
    // 50 ms are promised; tests are neither optimised nor alone.
    let is_soon = |time: &Duration| *time < Duration::from_secs(1);
    assert!(measured.iter().all(|(_, read, csv, parquet)| [read, csv, parquet].into_iter().all(is_soon)));
    assert_eq!(fs::read_dir(&directory).expect("a directory").count(), 1);
    fs::remove_dir_all(&directory).expect("removing it");
}

/// That CSV whose cells need no quotes is the frame.
fn assert_is_frame(csv: &str, frame: &Frame) {
    let mut lines = csv.split_terminator("\r\n");
    let names: Vec<&str> = frame.columns().iter().map(Column::name).collect();
    assert_eq!(lines.next(), Some(&*names.join(",")));
    for row in 0..frame.row_count() {
        let line = lines.next().unwrap_or_else(|| panic!("row {row} is missing"));
        let cells: Vec<&str> = line.split(',').collect();
        assert_eq!(cells.len(), names.len(), "row {row}: {line}");
        for (column, cell) in frame.columns().iter().zip(cells) {
            let is_same = match column.column_type() {
                _ if column.is_null(row) => cell.is_empty(),
                ColumnType::Null => false,
                ColumnType::Bool => cell.parse().ok() == column.bool(row),
                ColumnType::Int64 => cell.parse().ok() == column.int64().map(|cells| cells[row]),
                ColumnType::Uint64 => cell.parse().ok() == column.uint64().map(|cells| cells[row]),
                ColumnType::Float64 => {
                    cell.contains(['.', 'e']) && cell.parse().ok() == column.float64().map(|cells| cells[row])
                }
                ColumnType::String => Some(cell) == column.string(row),
                // Texts among numbers: JSON has quotes, which are doubled within others.
                ColumnType::Json => {
                    let plain =
                        cell.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(cell);
                    column.string(row) == Some(&*plain.replace("\"\"", "\""))
                }
                other => panic!("a test for {other:?}"),
            };
            assert!(is_same, "row {row} of {}: {cell}", column.name());
        }
    }
    assert_eq!(lines.next(), None);
}

/// A run of more than 20 MB, whose last rows have `last` besides.
fn run_that_ends_with(directory: &Path, last: &str) -> (Run, u64) {
    let mut text = String::new();
    let rows = 130_000;
    for row in 0..rows {
        let _ = write!(
            text,
            "{{\"step\": {row}, \"loss\": {:?}, \"name\": \"worker {row}\"",
            1.0 / (row + 1) as f64
        );
        let _ = write!(text, ", \"count\": {}, \"flag\": {}", row * 3, row % 2 == 0);
        let _ =
            write!(text, ", \"more\": {{\"a\": {row}, \"b\": 0.5, \"c\": \"the same text in every row\"}}");
        if row > rows - 50 {
            text.push_str(last);
        }
        text.push_str("}\n");
    }
    assert!(text.len() > 20_000_000, "{} bytes", text.len());
    fs::write(directory.join("result.json"), &text).expect("a file");
    (open(directory), text.len() as u64)
}

/// Writes with these settings, stopping at call `stop` of the progress function. Returns what that was told.
fn write_told(
    run: &Run,
    format: &str,
    path: &Path,
    threads: &str,
    stop: usize,
) -> (result::Result<()>, Vec<(u64, u64)>) {
    let mut told = Vec::new();
    let mut tell = |done, total| {
        told.push((done, total));
        told.len() != stop
    };
    let (path, settings) = (path.to_str().expect("UTF-8"), [("threads", threads)]);
    let written = match format {
        "csv" => run.write_csv(path, &settings, Some(&mut tell), None),
        _parquet => run.write_parquet(path, &settings, Some(&mut tell), None),
    };
    (written, told)
}

#[test]
fn a_file_is_the_frame_however_late_a_column_comes() {
    let directory = scratch("late");
    for (threads, last) in [
        ("1", ""),
        ("2", ", \"late\": 1"),
        // Of equal keys the last counts: integers become floats, JSON, and texts among numbers.
        ("2", ", \"step\": 1.5"),
        ("1", ", \"count\": \"many\""),
        ("2", ", \"name\": null, \"flag\": null"),
    ] {
        let (run, size) = run_that_ends_with(&directory, last);
        let out = directory.join("out.csv");
        let (written, told) = write_told(&run, "csv", &out, threads, 0);
        written.unwrap_or_else(|error| panic!("{last}: {error}"));
        assert_is_frame(&fs::read_to_string(&out).expect("UTF-8"), &frame(&run, &[]));
        fs::remove_file(&out).expect("removing it");
        let passes = if last.is_empty() || last.starts_with(", \"name") { 1 } else { 2 };
        assert_eq!(told.last(), Some(&(passes * size, passes * size)), "{last}");
        assert!(told.windows(2).all(|pair| pair[0].0 <= pair[1].0), "{last}: {told:?}");
        assert!(told.iter().all(|(done, total)| done <= total), "{last}: {told:?}");
        assert_eq!(fs::read_dir(&directory).expect("a directory").count(), 1, "{last}");
    }
    fs::remove_dir_all(&directory).expect("removing it");
}

#[test]
fn a_file_that_is_written_twice_can_be_stopped_in_between() {
    let directory = scratch("stopped");
    let (run, size) = run_that_ends_with(&directory, ", \"late\": 1");
    let out = directory.join("out");
    for format in ["csv", "parquet"] {
        for threads in ["1", "2"] {
            let (written, told) = write_told(&run, format, &out, threads, 0);
            written.expect("a file");
            assert!(fs::metadata(&out).expect("a file").len() > 100_000);
            fs::remove_file(&out).expect("removing it");
            assert!(told.len() >= 4 && told.last() == Some(&(2 * size, 2 * size)), "{told:?}");
            // The last call of the first reading, and the first one of the second.
            for stop in [told.len() / 2, told.len() / 2 + 1] {
                let (written, told) = write_told(&run, format, &out, threads, stop);
                let error = written.expect_err("it was stopped");
                assert_eq!(
                    error.code(),
                    Code::Cancelled,
                    "{format}, {threads} threads, call {stop}: {error}"
                );
                assert_eq!(told.len(), stop);
                assert_eq!(fs::read_dir(&directory).expect("a directory").count(), 1);
            }
        }
    }
    fs::remove_dir_all(&directory).expect("removing it");
}

#[test]
fn a_file_has_no_more_row_groups_than_the_format_can_count() {
    let directory = scratch("groups");
    let (out, run) = (directory.join("out"), long_run());
    let path = out.to_str().expect("UTF-8");
    let settings = [("row_group_rows", "1"), ("column", "late")];
    let error = run.write_parquet(path, &settings, None, None).expect_err("60,000 row groups");
    assert!(error.code() == Code::InvalidArgument && error.message().contains("row_group_rows"), "{error}");
    assert_eq!(fs::read_dir(&directory).expect("a directory").count(), 0);
    fs::remove_dir_all(&directory).expect("removing it");
}
