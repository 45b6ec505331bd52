//! `result.json`: one row a line, of which opening parses as few as it can.

use std::borrow::Cow;

use memchr::memmem::Finder;

use super::diagnostic::{Finding, Place};
use super::directory::Directory;
use super::{Diagnostics, Extent};
use crate::cancel;
use crate::error::{Error, Result};
use crate::parse;
use crate::parse::json::{JsonError, RowReader};
use crate::parse::lines::{Blocks, Line, LinesFromEnd, check_length, is_blank, split};
use crate::storage::Blob;
use crate::value::{Object, Value};

pub(super) const FILE: &str = "result.json";

/// The key of a row that names the checkpoint reported with it.
pub(super) const CHECKPOINT_KEY: &str = "checkpoint_dir_name";

/// A row, and where it stands.
pub(crate) struct Row {
    /// How many lines before it are not blank: the number of its report.
    pub number: u64,
    /// Its line, from 1; 0 if that is not known.
    pub line: u64,
    /// Where it starts in the file.
    pub byte: u64,
    pub values: Object,
}

/// Which rows are handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Every,
    /// The first one that has the key for a checkpoint, and all in which its value is not `null`.
    NamingCheckpoints,
}

/// The rows of a `result.json` as it was when it was opened.
pub(super) struct JsonRows<'a> {
    directory: &'a Directory<'a>,
    blob: Box<dyn Blob>,
    /// Looks for a key as Python writes it: it never escapes ASCII.
    checkpoint_key: Finder<'static>,
    config_key: Finder<'static>,
}

impl<'a> JsonRows<'a> {
    /// None if there is no such file.
    pub(super) fn open(directory: &'a Directory<'a>) -> Result<Option<Self>> {
        Ok(directory.open(FILE)?.map(|blob| JsonRows {
            directory,
            blob,
            checkpoint_key: Finder::new("\"checkpoint_dir_name\""),
            config_key: Finder::new("\"config\""),
        }))
    }

    /// Hands out every row.
    pub(super) fn every(&self, mut each: impl FnMut(Row)) -> Result<()> {
        // What is wrong with a line was noted before, or is once its rows are asked for.
        let mut noted = Diagnostics::default();
        self.scan(Wanted::Every, &mut noted, |row, _| {
            each(row);
            Ok(())
        })?;
        Ok(())
    }

    /// Hands out the rows that are wanted. Returns how many lines the file has.
    pub(super) fn scan(
        &self,
        wanted: Wanted,
        diagnostics: &mut Diagnostics,
        mut each: impl FnMut(Row, &mut Diagnostics) -> Result<()>,
    ) -> Result<u64> {
        let mut reader = JsonLines::new(self.directory.limits.depth);
        let mut blocks =
            Blocks::new(|at, into: &mut [u8]| self.read_at(at, into), self.blob.size(), self.most());
        let (mut lines, mut number) = (0, 0);
        let mut key_seen = false;
        while let Some((offset, block)) = blocks.next().map_err(|error| self.named(error))? {
            cancel::check(self.directory.cancel)?;
            for (start, line) in split(block) {
                lines += 1;
                let offset = offset + start as u64;
                check_length(line.len() as u64, offset, self.most()).map_err(|error| self.named(error))?;
                if is_blank(line) {
                    continue;
                }
                number += 1;
                let is_wanted = match wanted {
                    Wanted::Every => true,
                    Wanted::NamingCheckpoints if key_seen => has_value(&self.checkpoint_key, line),
                    Wanted::NamingCheckpoints => self.checkpoint_key.find(line).is_some(),
                };
                if !is_wanted {
                    continue;
                }
                let place = Place { line: lines, byte: Some(offset) };
                let is_ended = start + line.len() < block.len();
                match reader.rows(line, place, diagnostics) {
                    Ok(rows) => {
                        for values in rows {
                            key_seen |= values.get(CHECKPOINT_KEY).is_some();
                            each(Row { number: number - 1, line: lines, byte: offset, values }, diagnostics)?;
                        }
                    }
                    // A last line that is not ended is left to `last`.
                    Err(_) if !is_ended => {}
                    Err(error) => no_row(true, place, error, diagnostics),
                }
            }
        }
        Ok(lines)
    }

    /// The last row, and the last `config` of a row that is an object; of the latest report, of that row alone.
    /// `lines` is the number of lines that a scan counted, if there was one.
    pub(super) fn last(
        &self,
        extent: Extent,
        lines: Option<u64>,
        diagnostics: &mut Diagnostics,
    ) -> Result<(Option<Object>, Option<Value>)> {
        let read = |at, into: &mut [u8]| self.read_at(at, into);
        let mut from_end = LinesFromEnd::new(read, self.blob.size(), self.most());
        let mut reader = JsonLines::new(self.directory.limits.depth);
        let mut last: Option<Object> = None;
        let mut config = None;
        let mut behind = 0;
        while let Some(line) = from_end.next().map_err(|error| self.named(error))? {
            cancel::check(self.directory.cancel)?;
            let Line { offset, bytes, ended } = line;
            let place = Place { line: lines.map_or(0, |lines| lines - behind), byte: Some(offset) };
            behind += 1;
            if is_blank(bytes) || (last.is_some() && !has_value(&self.config_key, bytes)) {
                continue;
            }
            // What the scan read, it also noted.
            let scanned = extent == Extent::Every || self.checkpoint_key.find(bytes).is_some();
            let noted = ended && lines.is_some() && scanned;
            let mut unnoted = Diagnostics::default();
            let notes = if noted || last.is_some() { &mut unnoted } else { &mut *diagnostics };
            match reader.rows(bytes, place, notes) {
                Ok(rows) => {
                    config = rows.iter().rev().find_map(config_of);
                    last = last.or(rows.into_iter().next_back());
                }
                Err(error) => no_row(ended, place, error, notes),
            }
            if last.is_some() && (config.is_some() || extent == Extent::Latest) {
                break;
            }
        }
        Ok((last, config))
    }

    pub(super) fn blob(&self) -> &dyn Blob {
        &*self.blob
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<usize> {
        Ok(self.blob.read_at(offset, into, self.directory.cancel)?)
    }

    fn most(&self) -> u64 {
        self.directory.limits.line_bytes
    }

    fn named(&self, error: Error) -> Error {
        self.directory.named(FILE, error)
    }
}

/// Reads lines into rows, and notes what is odd about them.
pub(crate) struct JsonLines {
    reader: RowReader,
}

impl JsonLines {
    pub(crate) fn new(max_depth: usize) -> Self {
        JsonLines { reader: RowReader::new(max_depth) }
    }

    /// The rows on a line, of which there is mostly one. Anything else on it is an error.
    fn rows(
        &mut self,
        line: &[u8],
        place: Place,
        diagnostics: &mut Diagnostics,
    ) -> Result<Vec<Object>, JsonError> {
        let bom = if place.byte == Some(0) { line.strip_prefix(b"\xef\xbb\xbf") } else { None };
        let text = parse::text(bom.unwrap_or(line));
        let (rows, notes) = self.reader.row(&text)?;
        let mut note = |finding, message: String| diagnostics.add_at(finding, FILE, place, message);
        if bom.is_some() {
            note(Finding::Bom, "a byte order mark stands at the start".to_owned());
        }
        if matches!(text, Cow::Owned(_)) {
            note(Finding::InvalidUtf8, "bytes that are not UTF-8 were read as U+FFFD".to_owned());
        }
        if let Some(key) = notes.duplicate_key {
            let message = format!("an object has the key '{key}' more than once; the last counts");
            note(Finding::DuplicateKey, message);
        }
        if notes.lone_surrogate.is_some() {
            note(Finding::LoneSurrogate, "half of a surrogate pair was read as U+FFFD".to_owned());
        }
        if rows.len() > 1 {
            note(Finding::GluedObjects, format!("{} rows stand on one line", rows.len()));
        }
        Ok(rows)
    }

    /// The same for whoever reads every line: a line that is none of rows has none, which is noted.
    pub(crate) fn rows_or_none(
        &mut self,
        line: &[u8],
        is_ended: bool,
        place: Place,
        diagnostics: &mut Diagnostics,
    ) -> Vec<Object> {
        if is_blank(line) {
            return Vec::new();
        }
        self.rows(line, place, diagnostics).unwrap_or_else(|error| {
            no_row(is_ended, place, error, diagnostics);
            Vec::new()
        })
    }
}

/// Notes that a line is no row.
fn no_row(is_ended: bool, place: Place, error: JsonError, diagnostics: &mut Diagnostics) {
    let JsonError { reason, offset } = error;
    if is_ended {
        let message = format!("the line is no row and does not count: {reason} at its byte {offset}");
        diagnostics.add_at(Finding::BadLine, FILE, place, message);
    } else {
        let message = format!("the last line is torn and does not count: {reason}");
        diagnostics.add_at(Finding::TornLastLine, FILE, place, message);
    }
}

fn config_of(row: &Object) -> Option<Value> {
    row.get("config").filter(|config| config.as_object().is_some()).cloned()
}

/// Whether a line has a key with a value that is not `null`, as far as a look at its text can tell.
fn has_value(key: &Finder, line: &[u8]) -> bool {
    let mut rest = line;
    while let Some(place) = key.find(rest) {
        rest = &rest[place + key.needle().len()..];
        let value = rest.trim_ascii_start().strip_prefix(b":").map(<[u8]>::trim_ascii_start);
        if value.is_some_and(|value| !value.starts_with(b"null")) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_keys_that_have_a_value() {
        let key = Finder::new("\"k\"");
        for line in [r#"{"k": 1}"#, r#"{"k":null,"k" : "x"}"#, r#"{"a":{"k":[]}}"#] {
            assert!(has_value(&key, line.as_bytes()), "{line}");
        }
        for line in ["{}", r#"{"k": null}"#, r#"{"k":null}"#, r#"["k", 1]"#, r#"{"key": 1}"#] {
            assert!(!has_value(&key, line.as_bytes()), "{line}");
        }
    }
}
