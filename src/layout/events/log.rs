//! The logs of Ray's export events: which files they are, and the events on their lines.

use std::cmp::Ordering;

use super::SOURCE;
use crate::cancel::{self, Cancel};
use crate::error::{Code, Error, Result};
use crate::layout::diagnostic::{Finding, Place};
use crate::layout::{Diagnostics, Limits};
use crate::parse;
use crate::parse::json::RowReader;
use crate::parse::lines::{Blocks, check_length, is_blank, split};
use crate::storage::{Blob, EntryKind, Fault, Location};
use crate::value::{Object, Value};

/// The file that Ray writes; those that are full have a number behind the name, the oldest the highest.
pub(super) const NAME: &str = "event_EXPORT_TRAIN_STATE.log";

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    Run,
    Attempt,
}

/// An event about a run or an attempt.
pub(super) struct Event {
    pub subject: Subject,
    pub rank: Rank,
    pub data: Object,
}

/// Which of several events about one thing counts: the greatest.
pub(super) struct Rank {
    /// Whether its status is one that nothing follows.
    is_final: bool,
    /// A number, in seconds.
    timestamp: Option<Value>,
    /// How many files are newer.
    newer: usize,
    offset: u64,
}

impl Rank {
    pub(super) fn compare(&self, other: &Rank) -> Ordering {
        let by_time = match (&self.timestamp, &other.timestamp) {
            (Some(a), Some(b)) => a.compare_numbers(b).unwrap_or(Ordering::Equal),
            (a, b) => a.is_some().cmp(&b.is_some()),
        };
        let by_status = self.is_final.cmp(&other.is_final).then(by_time);
        by_status.then(other.newer.cmp(&self.newer)).then(self.offset.cmp(&other.offset))
    }
}

/// The logs at a place: those in a directory, or one file of any name.
pub(super) struct Logs<'a> {
    pub location: &'a Location,
    pub limits: &'a Limits,
    pub cancel: Option<&'a Cancel>,
}

impl Logs<'_> {
    /// Hands out the events about runs and attempts, on lines that are `wanted`. Returns how many files there are.
    ///
    /// The newest file comes first: Ray renames its files, the oldest first, when one is full. What moves
    /// meanwhile is then read twice rather than never.
    pub(super) fn each(
        &self,
        diagnostics: &mut Diagnostics,
        wanted: impl Fn(&[u8]) -> bool,
        mut each: impl FnMut(Event) -> Result<()>,
    ) -> Result<usize> {
        let files = self.files()?;
        for (newer, file) in files.iter().enumerate() {
            let Some(blob) = self.open(file, diagnostics)? else { continue };
            let lines = Lines { logs: self, blob, path: &file.to_string(), newer };
            lines.each(diagnostics, &wanted, &mut each)?;
        }
        Ok(files.len())
    }

    /// The files, the newest first.
    fn files(&self) -> Result<Vec<Location>> {
        let entries = match self.location.list(self.cancel) {
            Ok(entries) => entries,
            // No directory: a file, or nothing, which opening it tells.
            Err(error) if matches!(error.fault, Fault::NotADirectory | Fault::NotFound) => {
                return Ok(vec![self.location.clone()]);
            }
            Err(error) => return Err(of_setting(error.into())),
        };
        let mut names: Vec<(&str, &str)> = entries
            .iter()
            .filter(|entry| entry.kind == EntryKind::File)
            .filter_map(|entry| Some((number(&entry.name)?, entry.name.as_str())))
            .collect();
        names.sort_unstable_by(|(a, x), (b, y)| a.len().cmp(&b.len()).then(a.cmp(b)).then(x.cmp(y)));
        Ok(names.into_iter().map(|(_, name)| self.location.join(name)).collect())
    }

    /// Opens a log. One of a directory that cannot be read counts as empty.
    fn open(&self, file: &Location, diagnostics: &mut Diagnostics) -> Result<Option<Box<dyn Blob>>> {
        let is_alone = file.path == self.location.path;
        match file.open(None, self.cancel) {
            Ok(blob) => Ok(Some(blob)),
            Err(error) if is_alone || matches!(error.fault, Fault::Cancelled) => {
                Err(of_setting(error.into()))
            }
            Err(error) if matches!(error.fault, Fault::NotFound) => Ok(None),
            Err(error) => {
                let message = format!("the log could not be read and counts as empty: {}", error.reason());
                diagnostics.add(Finding::UnreadableFile, &file.to_string(), message);
                Ok(None)
            }
        }
    }
}

/// The number behind the name of a log, without leading zeros; empty for the file that Ray writes now.
fn number(name: &str) -> Option<&str> {
    let rest = name.strip_prefix(NAME)?;
    let digits =
        if rest.is_empty() { rest } else { rest.strip_prefix('.').filter(|digits| !digits.is_empty())? };
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.trim_start_matches('0'))
}

/// An error about the place that a setting names.
pub(super) fn of_setting(error: Error) -> Error {
    if error.code() == Code::Cancelled {
        return error;
    }
    // `NotFound` is kept for the run itself.
    let is_nothing = error.code() == Code::NotFound;
    let code = if is_nothing { Code::InvalidArgument } else { error.code() };
    Error::new(code, format_args!("setting {SOURCE}: {error}"))
}

/// The lines of one log, as it was when it was opened.
struct Lines<'a> {
    logs: &'a Logs<'a>,
    blob: Box<dyn Blob>,
    path: &'a str,
    newer: usize,
}

impl Lines<'_> {
    fn each(
        &self,
        diagnostics: &mut Diagnostics,
        wanted: &impl Fn(&[u8]) -> bool,
        each: &mut impl FnMut(Event) -> Result<()>,
    ) -> Result<()> {
        let mut reader = RowReader::new(self.logs.limits.depth);
        let read = |at, into: &mut [u8]| Ok(self.blob.read_at(at, into, self.logs.cancel)?);
        let mut blocks = Blocks::new(read, self.blob.size(), self.logs.limits.line_bytes);
        let mut number = 0;
        while let Some((offset, block)) = blocks.next().map_err(|error| self.named(error))? {
            cancel::check(self.logs.cancel)?;
            for (start, line) in split(block) {
                number += 1;
                let offset = offset + start as u64;
                check_length(line.len() as u64, offset, self.logs.limits.line_bytes)
                    .map_err(|error| self.named(error))?;
                if is_blank(line) || !wanted(line) {
                    continue;
                }
                match self.event(&mut reader, line, offset) {
                    Ok(Some(event)) => each(event)?,
                    Ok(None) => {}
                    Err(reason) => {
                        let place = Place { line: number, byte: Some(offset) };
                        let is_ended = start + line.len() < block.len();
                        self.no_event(place, is_ended, &reason, diagnostics);
                    }
                }
            }
        }
        Ok(())
    }

    /// The event on a line; none if it is about something else.
    fn event(&self, reader: &mut RowReader, line: &[u8], offset: u64) -> Result<Option<Event>, String> {
        let bom = if offset == 0 { line.strip_prefix(b"\xef\xbb\xbf") } else { None };
        let text = parse::text(bom.unwrap_or(line));
        let (objects, _) = reader.row(&text).map_err(|error| error.to_string())?;
        let object = match objects.as_slice() {
            [] => return Ok(None),
            [object] => object,
            [_, _, ..] => return Err("it holds more than one object".to_owned()),
        };
        let data = object.get("event_data").and_then(Value::as_object);
        let data = data.ok_or_else(|| "it has no object called event_data".to_owned())?;
        let subject = match object.get("source_type").and_then(Value::as_str) {
            Some("EXPORT_TRAIN_RUN") => Subject::Run,
            Some("EXPORT_TRAIN_RUN_ATTEMPT") => Subject::Attempt,
            Some(_) | None => return Ok(None),
        };
        let status = data.get("status").and_then(Value::as_str).unwrap_or_default();
        let rank = Rank {
            is_final: matches!(status, "FINISHED" | "ERRORED" | "ABORTED"),
            timestamp: object.get("timestamp").filter(|value| is_time(value)).cloned(),
            newer: self.newer,
            offset,
        };
        Ok(Some(Event { subject, rank, data: data.clone() }))
    }

    fn no_event(&self, place: Place, is_ended: bool, reason: &str, diagnostics: &mut Diagnostics) {
        let (finding, message) = match is_ended {
            true => (Finding::BadEvent, format!("the line is no event and does not count: {reason}")),
            false => (Finding::TornLastEvent, format!("the last line is torn and does not count: {reason}")),
        };
        diagnostics.add_at(finding, self.path, place, message);
    }

    /// The error of a line, with the file that it is in.
    fn named(&self, error: Error) -> Error {
        let is_named = error.message().starts_with(self.path);
        if is_named { error } else { Error::new(error.code(), format_args!("{}: {error}", self.path)) }
    }
}

fn is_time(value: &Value) -> bool {
    value.as_f64().is_some_and(|seconds| !seconds.is_nan())
}
