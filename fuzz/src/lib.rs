//! What the fuzzers do with an input. Each target is a function; libFuzzer (`fuzz_targets/`) and a plain driver
//! (`src/bin/plain.rs`) call it. A target panics if something is wrong.

pub mod counting;
pub mod frame;
pub mod packed;
pub mod seeds;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use result::{Mode, Run, Value, fuzzing};

/// A target.
pub type Target = fn(&[u8]);

/// All targets by name.
pub const TARGETS: [(&str, Target); 11] = [
    ("json", json),
    ("rows", rows),
    ("named", named),
    ("csv", csv),
    ("snapshot", snapshot),
    ("error_log", error_log),
    ("pickle", pickle),
    ("events", events),
    ("run", run),
    ("frame", frame::frame),
    ("json_differential", json_differential),
];

const MAX_DEPTH: usize = 1_000;
const SNAPSHOT: &str = "checkpoint_manager_snapshot.json";

/// JSON in, JSON out, and in again: the same.
pub fn json(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let members = fuzzing::members(&text, MAX_DEPTH);
    let Some(value) = fuzzing::json(&text, MAX_DEPTH) else { return };
    let out = value.to_json();
    let again = fuzzing::json(&out, MAX_DEPTH).expect("what goes out can be read");
    assert_eq!(again.to_json(), out);
    assert!(fuzzing::same(&value, &value));
    let Some(object) = value.as_object() else { return };
    // Of equal keys the last counts.
    let last: HashMap<String, &str> = members.expect("an object has members").into_iter().collect();
    assert_eq!(last.len(), object.len());
    for (key, text) in last {
        let found = fuzzing::json(text, MAX_DEPTH).expect("a value");
        assert!(object.get(&key).is_some_and(|value| fuzzing::same(&found, value)));
    }
}

/// Lines forwards and backwards, whatever a read returns.
pub fn rows(data: &[u8]) {
    let mut expected = Vec::new();
    let mut offset = 0;
    for line in data.split_inclusive(|byte| *byte == b'\n') {
        expected.push((offset, line.strip_suffix(b"\n").unwrap_or(line).to_vec()));
        offset += line.len() as u64;
    }
    for piece in [1.max(data.len() / 7), usize::MAX] {
        assert_eq!(fuzzing::lines_forwards(data, piece, u64::MAX).expect("no limit"), expected);
        let mut backwards = fuzzing::lines_backwards(data, piece, u64::MAX).expect("no limit");
        backwards.reverse();
        assert_eq!(backwards, expected);
    }
    let _ = fuzzing::rows(expected.iter().map(|(_, line)| line.as_slice()), MAX_DEPTH);
}

/// Opening parses few rows, and yet finds the checkpoints that all rows tell.
pub fn named(data: &[u8]) {
    // An escaped key is not looked for: Python never writes one. A BOM is the first line's alone.
    if has_escaped_key(data) || data.starts_with(b"\xef\xbb\xbf") {
        return;
    }
    let there = ["checkpoint_000000", "checkpoint_000001", "a"];
    let Some(run) = open(&[("result.json", data)], &there, &[]) else { return };
    let rows = fuzzing::rows(data.split(|byte| *byte == b'\n'), MAX_DEPTH);
    let values: Vec<_> = rows.into_iter().flatten().flatten().collect();
    let last = values.last().map(|row| Value::Object(row.clone()).to_json());
    assert_eq!(run.metrics().map(Value::to_json), last);
    if !values.iter().any(|row| row.get("checkpoint_dir_name").is_some()) {
        return;
    }
    let is_safe =
        |name: &&str| !name.contains('\0') && name.split('/').all(|part| !matches!(part, "" | "." | ".."));
    let names = values.iter().filter_map(|row| row.get("checkpoint_dir_name")?.as_str()).filter(is_safe);
    let mut expected: Vec<&str> = Vec::new();
    for name in names {
        expected.retain(|known| *known != name);
        expected.push(name);
    }
    let latest = expected.last().copied();
    expected.retain(|name| there.contains(name) || Some(*name) == latest);
    let found: Vec<&str> = run.checkpoints().iter().map(|checkpoint| checkpoint.name()).collect();
    assert_eq!(found, expected);
}

/// Whether a `\u` may stand in a key: behind it, the next quote ends a string that a colon follows.
fn has_escaped_key(data: &[u8]) -> bool {
    let escapes = (0..data.len()).filter(|place| data[*place..].starts_with(b"\\u"));
    let mut ends = escapes.map(|place| {
        let mut behind = data[place + 2..].iter();
        while let Some(byte) = behind.next() {
            match byte {
                b'\\' => drop(behind.next()),
                b'"' => break,
                _ => {}
            }
        }
        behind.find(|byte| !byte.is_ascii_whitespace())
    });
    ends.any(|next| next == Some(&b':'))
}

/// Records of a CSV file: the same again once every cell is quoted.
pub fn csv(data: &[u8]) {
    let mut records = Vec::new();
    fuzzing::csv(data, |record| records.push(record));
    records.retain(|record| !record.is_empty());
    let mut quoted = String::new();
    for record in &records {
        let cells: Vec<String> = record.iter().map(|cell| cell.replace('"', "\"\"")).collect();
        quoted += &format!("\"{}\"\n", cells.join("\",\""));
    }
    let mut again = Vec::new();
    fuzzing::csv(quoted.as_bytes(), |record| again.push(record));
    assert_eq!(again, records);
    if let Some(run) = open(&[("progress.csv", data)], &["checkpoint_000000"], &[]) {
        ask(&run, "earliest");
    }
}

/// A snapshot of Train V2.
pub fn snapshot(data: &[u8]) {
    if let Some(run) = open(&[(SNAPSHOT, data)], &["checkpoint_000000", "a"], &[]) {
        ask(&run, "earliest");
    }
}

/// An error log: what is found in it stands in it.
pub fn error_log(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for found in fuzzing::error_log(&text) {
        assert!(found == "builtins" || text.contains(found), "{found:?}");
    }
}

/// A pickle is data, whatever it says.
pub fn pickle(data: &[u8]) {
    if let Some((exception, shown)) = fuzzing::pickle(data) {
        // Texts of workers and their names have a limit each; what is not UTF-8 takes three times its place.
        assert!(
            shown.len() < 200_000 && exception < (9 << 20) + 8 * data.len(),
            "{exception}, {}",
            shown.len()
        );
    }
}

/// Export events of a run.
pub fn events(data: &[u8]) {
    let log = "event_EXPORT_TRAIN_STATE.log";
    let snapshot = b"{\"checkpoint_results\": []}";
    if let Some(run) = open(&[(SNAPSHOT, snapshot), (log, data)], &[], &[]) {
        ask(&run, "earliest");
    }
}

/// A whole run: options and files as `packed` holds them, opened and asked everything on a small stack.
pub fn run(data: &[u8]) {
    let (options, files) = packed::unpack(data);
    let choices = [("strict", "true"), ("read", "latest")];
    let settings: Vec<(&str, &str)> =
        (0..).zip(choices).filter(|(bit, _)| options >> bit & 1 == 1).map(|(_, choice)| choice).collect();
    let ties = if options >> 2 & 1 == 1 { "latest" } else { "earliest" };
    // As callers may have it.
    let small = std::thread::Builder::new().stack_size(128 * 1024);
    std::thread::scope(|scope| {
        let work = || {
            let run = open(&files, &["checkpoint_000000", "checkpoint_000001"], &settings);
            run.iter().for_each(|run| ask(run, ties));
        };
        small.spawn_scoped(scope, work).expect("a thread").join().expect("no panic");
    });
}

/// What serde_json accepts must be read here as the same value.
pub fn json_differential(data: &[u8]) {
    // With arbitrary_precision serde_json takes an object with this key for a number.
    if data.windows(9).any(|part| part == b"private::") {
        return;
    }
    let Ok(theirs) = serde_json::from_slice::<serde_json::Value>(data) else { return };
    let text = std::str::from_utf8(data).expect("serde_json demands UTF-8");
    let ours = fuzzing::json(text, MAX_DEPTH).expect("what serde_json accepts");
    assert!(same(&ours, &theirs), "{} {theirs}", ours.to_json());
}

fn same(ours: &Value, theirs: &serde_json::Value) -> bool {
    use serde_json::Value as Theirs;
    match theirs {
        Theirs::Null => ours.is_null(),
        Theirs::Bool(bool) => ours.as_bool() == Some(*bool),
        Theirs::String(text) => ours.as_str() == Some(text),
        Theirs::Array(items) => {
            let ours = ours.as_array().unwrap_or_default();
            ours.len() == items.len() && ours.iter().zip(items).all(|(a, b)| same(a, b))
        }
        Theirs::Object(members) => ours.as_object().is_some_and(|ours| {
            let equal = |((a, x), (b, y)): ((&str, &Value), (&String, &Theirs))| a == b && same(x, y);
            ours.len() == members.len() && ours.iter().zip(members).all(equal)
        }),
        Theirs::Number(number) => {
            let text = number.to_string();
            let is_whole = !text.contains(['.', 'e', 'E']);
            match ours {
                // -0 is the integer 0, as in Python.
                Value::Int(0) => text == "0" || text == "-0",
                Value::Int(_) | Value::UInt(_) | Value::BigInt(_) => is_whole && ours.to_json() == text,
                Value::Float(float) => {
                    let same = |theirs: f64| theirs.to_bits() == float.to_bits();
                    !is_whole && text.parse().is_ok_and(same)
                }
                _ => false,
            }
        }
    }
}

/// Opens a run of these files and directories. A file of events lies beside it.
fn open(files: &[(&str, &[u8])], directories: &[&str], settings: &[(&str, &str)]) -> Option<Run> {
    let scratch = Scratch::new();
    let run = scratch.0.join("run");
    let events = scratch.0.join("events");
    fs::create_dir_all(&run).expect("a directory");
    fs::create_dir_all(&events).expect("a directory");
    for name in directories {
        fs::create_dir_all(run.join(name)).expect("a directory");
    }
    for (name, data) in files {
        let directory = if name.starts_with("event_") { &events } else { &run };
        fs::write(directory.join(name), data).expect("a file");
    }
    let mut settings = [settings, &[("retry_ms", "0")]].concat();
    if files.iter().any(|(name, _)| name.starts_with("event_")) {
        settings.extend([("events", events.to_str().expect("UTF-8")), ("events_path", "/storage/run")]);
    }
    Run::open(run.to_str().expect("UTF-8"), &settings, None).ok()
}

/// Asks a run everything, and for a metric that it may not have.
fn ask(run: &Run, ties: &str) {
    let json = run.to_json();
    assert!(fuzzing::json(&json, usize::MAX).is_some());
    let ties = [("ties", ties)];
    let metrics = run.metrics().and_then(Value::as_object);
    let keys: Vec<&str> = metrics.into_iter().flat_map(|it| it.iter()).map(|(key, _)| key).take(20).collect();
    for key in keys.iter().copied().chain(["no/such metric", ""]) {
        for mode in [Mode::Min, Mode::Max] {
            let ranking = run.rank_checkpoints(key, mode, &ties);
            let best = run.best_checkpoint(key, mode, &ties);
            match (&ranking, &best) {
                (Ok(ranking), Ok(best)) => {
                    assert_eq!(ranking.ranked().first().map(|(first, _)| first.path()), Some(best.path()));
                    assert_eq!(ranking.ranked().len() + ranking.skipped().len(), run.checkpoints().len());
                }
                (Ok(ranking), Err(_)) => assert!(ranking.ranked().is_empty()),
                (Err(_), best) => assert!(best.is_err()),
            }
        }
    }
    assert!(keys.iter().all(|key| run.metric(key).is_some()));
    if let Some(resume) = run.resume_checkpoint() {
        assert!(resume.path().starts_with(run.path()));
    }
}

/// A directory of this thread, emptied at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        let memory = Path::new("/dev/shm");
        let base = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let name = format!("libresult-fuzz-{}-{:?}", std::process::id(), std::thread::current().id());
        let path = base.join(name.replace(['(', ')'], ""));
        let _ = fs::remove_dir_all(&path);
        Scratch(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
