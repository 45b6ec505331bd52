//! Inputs to start from: real files of the corpus.

use std::fs;
use std::path::{Path, PathBuf};

/// Seeds are cut to this length.
const LONGEST: usize = 64 * 1024;

/// The seeds of a target.
pub fn of(target: &str) -> Vec<Vec<u8>> {
    let wanted: &[&str] = match target {
        "json" | "json_differential" => {
            &["checkpoint_manager_snapshot.json", "params.json", ".metadata.json"]
        }
        "rows" | "named" => &["result.json"],
        "csv" => &["progress.csv"],
        "snapshot" => &["checkpoint_manager_snapshot.json"],
        "error_log" => &["error.txt"],
        "pickle" => &["error.pkl", ".tune_metadata", "params.pkl"],
        "events" => &["event_EXPORT_TRAIN_STATE.log"],
        _ => &["result.json", "checkpoint_manager_snapshot.json", "progress.csv", "error.pkl", "error.txt"],
    };
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/corpus");
    let mut files = Vec::new();
    find(&corpus, wanted, &mut files);
    files.sort();
    let mut seeds: Vec<Vec<u8>> = files.iter().filter_map(|file| seed(target, file)).collect();
    seeds.sort();
    seeds.dedup();
    seeds.push(Vec::new());
    seeds
}

fn seed(target: &str, file: &Path) -> Option<Vec<u8>> {
    let mut data = fs::read(file).ok()?;
    data.truncate(LONGEST);
    if target == "events" {
        return Some(String::from_utf8_lossy(&data).replace("${STORAGE}", "/storage").into_bytes());
    }
    if target == "run" {
        // Its place among the files of a run.
        let names =
            ["result.json", "checkpoint_manager_snapshot.json", "progress.csv", "error.pkl", "error.txt"];
        let place = names.iter().position(|name| file.ends_with(name))?;
        data.retain(|byte| *byte != 0xff);
        return Some([vec![0xff; place], data].concat());
    }
    Some(data)
}

fn find(directory: &Path, wanted: &[&str], files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            find(&path, wanted, files);
        } else if wanted.iter().any(|name| path.ends_with(name)) {
            files.push(path);
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
