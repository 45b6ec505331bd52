//! The rooms of the house: a module of src uses only modules below it, and unsafe code stands in two files.

#![allow(clippy::expect_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};

/// From top to bottom. What is not named here is the ground floor, whose modules may use one another.
const ROOMS: [&str; 7] = ["ffi", "run", "frame", "checkpoint", "layout", "parse", "storage"];
const GROUND: &str = "the ground floor";
const UNSAFE: [&str; 2] = ["ffi/boundary.rs", "storage/sys.rs"];

/// Every file of src, relative to it, without its tests and comments.
fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut waiting = vec![root.clone()];
    let mut sources = Vec::new();
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            let entries = fs::read_dir(&path).expect("a directory of src");
            waiting.extend(entries.map(|entry| entry.expect("an entry").path()));
            continue;
        }
        let text = fs::read_to_string(&path).expect("a source file");
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let code: Vec<&str> = code.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
        let name = path.strip_prefix(&root).map(PathBuf::from).expect("below src");
        sources.push((name.to_str().expect("UTF-8").to_owned(), code.join("\n")));
    }
    sources
}

fn room(module: &str) -> &str {
    ROOMS.into_iter().find(|room| *room == module).unwrap_or(GROUND)
}

fn floor(room: &str) -> usize {
    ROOMS.iter().position(|known| *known == room).unwrap_or(ROOMS.len())
}

/// The modules of the crate that a source names, as `crate::module`.
fn used(code: &str) -> impl Iterator<Item = &str> {
    code.split("crate::").skip(1).filter_map(|rest| {
        let end = rest.find(|char: char| !char.is_alphanumeric() && char != '_').unwrap_or(rest.len());
        rest.get(..end).filter(|module| !module.is_empty())
    })
}

fn violations(sources: &[(String, String)]) -> Vec<String> {
    let mut found = Vec::new();
    for (name, code) in sources.iter().filter(|(name, _)| name != "lib.rs") {
        let here = room(name.split(['/', '.']).next().unwrap_or_default());
        for module in used(code) {
            let there = room(module);
            if there != here && floor(there) <= floor(here) {
                found.push(format!("{name} in {here} uses {module}, which is not below it"));
            }
        }
    }
    found
}

#[test]
fn modules_use_only_what_is_below_them() {
    let sources = sources();
    for room in ROOMS {
        assert!(sources.iter().any(|(name, _)| name.starts_with(&format!("{room}/"))), "no room {room}");
    }
    assert_eq!(violations(&sources), Vec::<String>::new());
}

#[test]
fn this_test_finds_what_it_looks_for() {
    let wrong =
        [("parse/json.rs", "use crate::layout::Record;"), ("value.rs", "crate::parse::json::document()")];
    let right = [("run/mod.rs", "use crate::layout::Record;"), ("value.rs", "use crate::number;")];
    let owned = |pairs: [(&str, &str); 2]| pairs.map(|(name, code)| (name.to_owned(), code.to_owned()));
    assert_eq!(violations(&owned(wrong)).len(), 2);
    assert_eq!(violations(&owned(right)).len(), 0);
}

#[test]
fn unsafe_code_stands_in_two_files() {
    for (name, code) in sources() {
        let has_unsafe = ["unsafe {", "unsafe fn", "unsafe impl"].iter().any(|words| code.contains(words));
        assert_eq!(has_unsafe, UNSAFE.contains(&name.as_str()), "{name}");
    }
}
