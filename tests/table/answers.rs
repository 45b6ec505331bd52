//! Prints all answers about runs, value by value, through the Rust API. README.md here has the protocol.

use std::io::{self, Read, Write};

use result::{
    Attempt, Checkpoint, Code, Column, ColumnType, Diagnostic, Error, Failure, Kind, Layout, Mode, Presence,
    Run, Severity, Skipped, Status, Value,
};

/// What is shown of a frame.
const FIRST_ROWS: usize = 5;
const LAST_ROWS: usize = 5;
const SHOWN_COLUMNS: usize = 200;

fn main() -> io::Result<()> {
    let mut input = Vec::new();
    io::stdin().lock().read_to_end(&mut input)?;
    let mut fields = input.split(|byte| *byte == 0).map(|field| String::from_utf8_lossy(field).into_owned());
    let mut out = io::stdout().lock();
    // What follows the last NUL is no field.
    while let (Some(uri), Some(count)) = (fields.next(), fields.next()) {
        let count: usize = count.parse().unwrap_or(0);
        let settings: Vec<String> = fields.by_ref().take(2 * count).collect();
        let settings: Vec<(&str, &str)> =
            settings.chunks_exact(2).map(|pair| (pair[0].as_str(), pair[1].as_str())).collect();
        let count = fields.next().and_then(|count| count.parse().ok()).unwrap_or(0);
        let metrics: Vec<String> = fields.by_ref().take(count).collect();
        let count: usize = fields.next().and_then(|count| count.parse().ok()).unwrap_or(0);
        let of_frames: Vec<Vec<String>> = (0..count)
            .map(|_| {
                let count: usize = fields.next().and_then(|count| count.parse().ok()).unwrap_or(0);
                fields.by_ref().take(2 * count).collect()
            })
            .collect();
        let answers = match Run::open(&uri, &settings, None) {
            Ok(run) => answers(&run, &metrics, &of_frames),
            Err(error) => object(&[("error", error_json(&error))]),
        };
        writeln!(out, "{answers}")?;
        out.flush()?;
    }
    Ok(())
}

fn answers(run: &Run, metrics: &[String], of_frames: &[Vec<String>]) -> String {
    object(&[
        ("layout", text(layout(run.layout()))),
        ("ray_version", text(run.ray_version())),
        ("uri", text(run.uri())),
        ("path", text(run.path())),
        ("filesystem", text(run.filesystem())),
        ("metrics", option(run.metrics().map(value))),
        ("checkpoint", option(run.latest_checkpoint().map(checkpoint))),
        ("resume", option(run.resume_checkpoint().map(checkpoint))),
        ("checkpoints", list(run.checkpoints().iter().map(checkpoint))),
        ("leftovers", list(run.leftovers().iter().map(checkpoint))),
        ("named", list(metrics.iter().map(|metric| named(run, metric)))),
        ("failure", run_failure(run)),
        ("config", fact(run.config_presence(), run.config(), run.config_source())),
        ("return_value", fact(run.return_value_presence(), run.return_value(), run.return_value_source())),
        ("status", text(run.status())),
        ("status_detail", text(run.status_detail())),
        ("start_time_ns", number(run.start_time())),
        ("end_time_ns", number(run.end_time())),
        ("configured", configured(run)),
        ("attempts", list(run.attempts().iter().map(attempt))),
        ("diagnostics", diagnostics(run.diagnostics())),
        ("json", text(&run.to_json())),
        ("frames", list(of_frames.iter().map(|settings| frame(run, settings)))),
    ])
}

fn diagnostics(diagnostics: &[Diagnostic]) -> String {
    list(diagnostics.iter().map(|found| {
        object(&[
            ("code", text(found.code())),
            ("severity", text(severity(found.severity()))),
            ("file", text(found.file())),
            ("line", found.line().to_string()),
            ("message", text(found.message())),
        ])
    }))
}

fn frame(run: &Run, settings: &[String]) -> String {
    let settings: Vec<(&str, &str)> =
        settings.chunks_exact(2).map(|pair| (pair[0].as_str(), pair[1].as_str())).collect();
    let frame = match run.read_frame(&settings, None) {
        Ok(frame) => frame,
        Err(error) => return error_json(&error),
    };
    let names =
        frame.columns().iter().map(|column| list([text(column.name()), text(kind(column))].into_iter()));
    let rows = frame.row_count();
    let shown = (0..rows).filter(|row| *row < FIRST_ROWS || row + LAST_ROWS >= rows);
    let cells =
        shown.map(|row| list(frame.columns().iter().take(SHOWN_COLUMNS).map(|column| cell(column, row))));
    object(&[
        ("rows", rows.to_string()),
        ("columns", list(names)),
        ("cells", list(cells)),
        ("diagnostics", diagnostics(frame.diagnostics())),
    ])
}

fn cell(column: &Column, row: usize) -> String {
    if column.is_null(row) {
        return "null".to_owned();
    }
    let number = column.float64().map(|values| finite_or_not(values[row]));
    let number = number.or_else(|| column.int64().map(|values| values[row].to_string()));
    let number = number.or_else(|| column.uint64().map(|values| values[row].to_string()));
    let other = || column.bool(row).map(|found| found.to_string());
    number.or_else(other).unwrap_or_else(|| text(column.string(row).unwrap_or_default()))
}

fn kind(column: &Column) -> &'static str {
    match column.column_type() {
        ColumnType::Null => "null",
        ColumnType::Bool => "bool",
        ColumnType::Int64 => "int64",
        ColumnType::Uint64 => "uint64",
        ColumnType::Float64 => "float64",
        ColumnType::String => "string",
        ColumnType::Json => "json",
        _ => "a type that this program does not know",
    }
}

fn checkpoint(checkpoint: &Checkpoint) -> String {
    object(&[
        ("name", text(checkpoint.name())),
        ("uri", text(checkpoint.uri())),
        ("path", text(checkpoint.path())),
        ("filesystem", text(checkpoint.filesystem())),
        ("index", number(checkpoint.index())),
        ("report_index", number(checkpoint.report())),
        ("presence", text(presence(checkpoint.presence()))),
        ("status", text(status(checkpoint.status()))),
        ("metrics", option(checkpoint.metrics().map(value))),
    ])
}

fn named(run: &Run, metric: &str) -> String {
    let best = |mode| match run.best_checkpoint(metric, mode, &[]) {
        Ok(best) => object(&[("name", text(best.name())), ("path", text(best.path()))]),
        Err(error) => error_json(&error),
    };
    let rank = |mode| match run.rank_checkpoints(metric, mode, &[]) {
        Ok(ranking) => object(&[
            (
                "ranked",
                list(ranking.ranked().iter().map(|(checkpoint, found)| {
                    object(&[("name", text(checkpoint.name())), ("value", value(found))])
                })),
            ),
            (
                "skipped",
                list(ranking.skipped().iter().map(|(checkpoint, reason)| {
                    object(&[("name", text(checkpoint.name())), ("reason", text(skipped(*reason)))])
                })),
            ),
        ]),
        Err(error) => error_json(&error),
    };
    object(&[
        ("metric", text(metric)),
        ("value", option(run.metric(metric).map(value))),
        ("best", object(&[("min", best(Mode::Min)), ("max", best(Mode::Max))])),
        ("rank", object(&[("min", rank(Mode::Min)), ("max", rank(Mode::Max))])),
    ])
}

fn run_failure(run: &Run) -> String {
    let nothing = [
        ("type", text("")),
        ("module", text("")),
        ("message", text("")),
        ("traceback", text("")),
        ("source", text("")),
        ("count", option(None)),
        ("recovered", false.to_string()),
        ("workers", list(std::iter::empty())),
    ];
    let mut members = vec![("presence", text(presence(run.failure_presence())))];
    members.extend(run.failure().map_or_else(|| nothing.to_vec(), failure));
    object(&members)
}

fn failure(failure: &Failure) -> Vec<(&'static str, String)> {
    let mut members = details(failure);
    members.push(("workers", list(failure.workers().iter().map(worker))));
    members
}

fn worker(worker: &Failure) -> String {
    let mut members = vec![("rank", number(worker.rank()))];
    members.extend(details(worker));
    object(&members)
}

fn details(failure: &Failure) -> Vec<(&'static str, String)> {
    vec![
        ("type", text(failure.class())),
        ("module", text(failure.module())),
        ("message", text(failure.message())),
        ("traceback", text(failure.traceback())),
        ("source", text(failure.source())),
        ("count", failure.occurrences().to_string()),
        ("recovered", failure.recovered().to_string()),
    ]
}

fn configured(run: &Run) -> String {
    object(&[
        ("metric", text(run.configured_metric())),
        ("mode", option(run.configured_mode().map(|found| text(mode(found))))),
        ("keep", number(run.configured_keep())),
    ])
}

fn attempt(attempt: &Attempt) -> String {
    object(&[
        ("status", text(attempt.status())),
        ("start_time_ns", number(attempt.start_time())),
        ("end_time_ns", number(attempt.end_time())),
        ("workers", attempt.worker_count().to_string()),
        ("failure", option(attempt.failure().map(|found| object(&failure(found))))),
    ])
}

fn fact(is_there: Presence, found: Option<&Value>, source: &str) -> String {
    object(&[
        ("presence", text(presence(is_there))),
        ("value", option(found.map(value))),
        ("source", text(source)),
    ])
}

fn error_json(error: &Error) -> String {
    object(&[("code", text(code(error.code()))), ("message", text(error.message()))])
}

fn value(found: &Value) -> String {
    match found.kind() {
        Kind::Null => "null".to_owned(),
        Kind::Bool => format!("{:?}", found.as_bool() == Some(true)),
        Kind::Int => found
            .as_i64()
            .map_or_else(|| found.as_u64().unwrap_or_default().to_string(), |number| number.to_string()),
        Kind::Float => float(found),
        Kind::Str => text(found.as_str().unwrap_or_default()),
        Kind::Array => list((0..found.len()).filter_map(|place| found.at(place)).map(value)),
        Kind::Object => {
            let members: Vec<(&str, String)> = (0..found.len())
                .filter_map(|place| Some((found.key_at(place)?, value(found.at(place)?))))
                .collect();
            if members.iter().any(|(key, _)| key.starts_with('$')) {
                let pairs = members.iter().map(|(key, value)| list([text(key), value.clone()].into_iter()));
                return object(&[("$pairs", list(pairs))]);
            }
            object(&members)
        }
        _ => text("a kind that this program does not know"),
    }
}

fn float(found: &Value) -> String {
    let number = found.as_f64().unwrap_or_default();
    let digits = found.to_json();
    if digits.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit()) {
        return digits;
    }
    finite_or_not(number)
}

fn finite_or_not(number: f64) -> String {
    let special = |name: &str| object(&[("$f", text(name))]);
    match number {
        _ if number.is_nan() => special("nan"),
        f64::INFINITY => special("inf"),
        f64::NEG_INFINITY => special("-inf"),
        _ => format!("{number:?}"),
    }
}

fn object(members: &[(&str, String)]) -> String {
    let members: Vec<String> = members.iter().map(|(key, value)| format!("{}:{value}", text(key))).collect();
    format!("{{{}}}", members.join(","))
}

fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(","))
}

fn option(value: Option<String>) -> String {
    value.unwrap_or_else(|| "null".to_owned())
}

fn number(number: Option<impl ToString>) -> String {
    option(number.map(|number| number.to_string()))
}

fn text(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

fn code(code: Code) -> &'static str {
    match code {
        Code::Ok => "ok",
        Code::InvalidArgument => "invalid_argument",
        Code::NotFound => "not_found",
        Code::Io => "io",
        Code::Corrupt => "corrupt",
        Code::Cancelled => "cancelled",
        Code::Internal => "internal",
        Code::Permission => "permission",
        Code::Unsupported => "unsupported",
        _ => "a code that this program does not know",
    }
}

fn layout(layout: Layout) -> &'static str {
    match layout {
        Layout::Unknown => "unknown",
        Layout::TrainV1 => "train_v1",
        Layout::TrainV2 => "train_v2",
        _ => "a layout that this program does not know",
    }
}

fn presence(presence: Presence) -> &'static str {
    match presence {
        Presence::Unknown => "unknown",
        Presence::Absent => "absent",
        Presence::Present => "present",
        _ => "a presence that this program does not know",
    }
}

fn status(status: Status) -> &'static str {
    match status {
        Status::Unknown => "unknown",
        Status::Uncommitted => "uncommitted",
        Status::Committed => "committed",
        Status::PendingValidation => "pending_validation",
        Status::Validated => "validated",
        Status::ValidationFailed => "validation_failed",
        Status::ValidationTimedOut => "validation_timed_out",
        _ => "a status that this program does not know",
    }
}

fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Min => "min",
        Mode::Max => "max",
        _ => "a mode that this program does not know",
    }
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Note => "note",
        Severity::Damage => "damage",
        _ => "a severity that this program does not know",
    }
}

fn skipped(reason: Skipped) -> &'static str {
    match reason {
        Skipped::Missing => "missing",
        Skipped::Nan => "nan",
        Skipped::NonNumeric => "non_numeric",
        Skipped::NotOnDisk => "not_on_disk",
        _ => "a reason that this program does not know",
    }
}
