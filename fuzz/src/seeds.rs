//! Inputs to start from: real files of the corpus, and few that it has none like.

use std::fs;
use std::path::{Path, PathBuf};

use crate::packed;

/// Seeds are cut to this length.
const LONGEST: usize = 64 * 1024;

/// The seeds of a target.
pub fn of(target: &str) -> Vec<Vec<u8>> {
    let wanted: &[&str] = match target {
        "json" | "json_differential" => {
            &["checkpoint_manager_snapshot.json", "params.json", ".metadata.json"]
        }
        "rows" | "named" | "frame" => &["result.json"],
        "csv" => &["progress.csv"],
        "snapshot" => &["checkpoint_manager_snapshot.json"],
        "error_log" => &["error.txt"],
        "pickle" => &["error.pkl", ".tune_metadata", "params.pkl"],
        "events" => &["event_EXPORT_TRAIN_STATE.log"],
        _ => return whole_runs(),
    };
    let mut files = Vec::new();
    find(&corpus(), &mut |path| {
        if wanted.iter().any(|name| path.ends_with(name)) {
            files.push(path.to_owned());
        }
    });
    files.sort();
    let mut seeds: Vec<Vec<u8>> = files.iter().filter_map(|file| data(file, LONGEST)).collect();
    if target == "pickle" {
        seeds.extend(pickles());
    }
    seeds.sort();
    seeds.dedup();
    seeds.push(Vec::new());
    seeds
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/corpus")
}

/// What a file begins with. Events are of a run at `/storage/run`.
fn data(file: &Path, longest: usize) -> Option<Vec<u8>> {
    let mut data = fs::read(file).ok()?;
    if file.ends_with("event_EXPORT_TRAIN_STATE.log") {
        let case = file.parent()?.parent()?.file_name()?.to_str()?;
        let text = String::from_utf8_lossy(&data).replace("${STORAGE}", "/storage");
        data = text.replace(&format!("\"name\": \"{case}\""), "\"name\": \"run\"").into_bytes();
    }
    data.truncate(longest);
    Some(data)
}

/// Every run of the corpus with all its files, which are cut so that a few fit; each with another choice of options.
fn whole_runs() -> Vec<Vec<u8>> {
    let mut directories = Vec::new();
    find(&corpus(), &mut |path| directories.extend(path.parent().map(Path::to_owned)));
    directories.sort();
    directories.dedup();
    let mut seeds = vec![Vec::new()];
    for directory in directories {
        let found = packed::NAMES.iter().enumerate().filter_map(|(place, name)| {
            let beside = directory.with_file_name("events").join(name);
            let file = if name.starts_with("event_") { beside } else { directory.join(name) };
            Some((place, data(&file, LONGEST / 5)?))
        });
        let found: Vec<(usize, Vec<u8>)> = found.collect();
        if !found.is_empty() {
            seeds.push(packed::pack(seeds.len() as u8 % 8, &found));
        }
    }
    seeds
}

/// Exceptions that the corpus has none of: workers, wrappers, shared parts, what protocol 2 writes.
fn pickles() -> [Vec<u8>; 4] {
    [
        b"\x80\x04cray.train\nWorkerGroupError\n(\x8c\x03two}(K\x00cbuiltins\nKeyError\n\x8c\x01a\x85R\x94K\x01h\x00utR.".to_vec(),
        b"\x80\x05\x8c\x1bray.train.v2.api.exceptions\x94\x8c\x10WorkerGroupError\x94\x93)R}(\x8c\x0fworker_failures}(K\x00cray.exceptions\nRayTaskError\n(\x8c\x01f\x8c\x10  File \"a\", line 1cbuiltins\nOSError\nK\x02\x8c\x02no\x8c\x02/a\x87RtR}\x8c\x05causecmod\nBoomError\n\x8c\x01b\x85Rsbq\x07K\x02h\x07uub.".to_vec(),
        b"\x80\x02cray.exceptions\nActorDiedError\n)\x81}q\x01(U\x09error_msgX\x04\x00\x00\x00diedq\x02X\x0d\x00\x00\x00traceback_strh\x02ub.".to_vec(),
        b"(ibuiltins\nValueError\np0\n.".to_vec(),
    ]
}

/// Hands out every file below a directory.
fn find(directory: &Path, each: &mut impl FnMut(&Path)) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            find(&path, each);
        } else {
            each(&path);
        }
    }
}

/// The words of dictionary.txt.
pub fn words() -> Vec<Vec<u8>> {
    let lines = include_str!("../dictionary.txt").lines().filter(|line| line.starts_with('"'));
    lines.map(|line| unquoted(line.trim_matches('"'))).collect()
}

fn unquoted(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match if byte == b'\\' { bytes.next() } else { None } {
            None => out.push(byte),
            Some(b'x') => {
                let digits = [bytes.next().unwrap_or_default(), bytes.next().unwrap_or_default()];
                out.push(u8::from_str_radix(&String::from_utf8_lossy(&digits), 16).expect("hex digits"));
            }
            Some(other) => out.push(other),
        }
    }
    out
}
