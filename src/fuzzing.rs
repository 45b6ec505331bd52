//! The door through which the fuzzers in `fuzz/` reach parsers that are private. Not part of the API.

// It stands above all rooms, beside the functions of lib.rs.
use super::error::Result;
use super::frame::Frame;
use super::parse::error_log;
use super::parse::exception::{PickledException, pickled_exception};
use super::parse::json::{self, RowReader};
use super::parse::lines::{Blocks, LinesFromEnd, split};
use super::parse::pickle::Pickle;
use super::parse::python;
use super::run::Run;
use super::value::{Object, Value};

/// A line, and where it starts.
pub type Line = (u64, Vec<u8>);

/// A text that is one JSON value, and nothing else.
pub fn json(text: &str, max_depth: usize) -> Option<Value> {
    json::document(text, max_depth).ok().map(|(value, _)| value)
}

/// The members of a text that is one JSON object: keys and the texts of the values.
pub fn members(text: &str, max_depth: usize) -> Option<Vec<(String, &str)>> {
    let members = json::members(text, max_depth).ok()?;
    Some(members.into_iter().map(|member| (member.key.into_owned(), member.value_text)).collect())
}

/// The rows on each line, by one reader; none for a line that is no row.
pub fn rows<'a>(lines: impl Iterator<Item = &'a [u8]>, max_depth: usize) -> Vec<Option<Vec<Object>>> {
    let mut reader = RowReader::new(max_depth);
    lines.map(|line| reader.row(&super::parse::text(line)).ok().map(|(rows, _)| rows)).collect()
}

/// The frame of a run, read without the fast way through rows.
pub fn frame_exactly(run: &Run, settings: &[(&str, &str)]) -> Result<Frame> {
    run.read_frame_exactly(settings)
}

/// Whether two values say the same.
pub fn same(a: &Value, b: &Value) -> bool {
    a.same(b)
}

/// The lines of a file of which every read returns at most `piece` bytes.
pub fn lines_forwards(file: &[u8], piece: usize, max_line: u64) -> Result<Vec<Line>> {
    let mut blocks = Blocks::new(reader(file, piece), file.len() as u64, max_line);
    let mut lines = Vec::new();
    while let Some((offset, block)) = blocks.next()? {
        lines.extend(split(block).map(|(start, line)| (offset + start as u64, line.to_vec())));
    }
    Ok(lines)
}

/// The same lines, read from the end; the last one comes first.
pub fn lines_backwards(file: &[u8], piece: usize, max_line: u64) -> Result<Vec<Line>> {
    let mut from_end = LinesFromEnd::new(reader(file, piece), file.len() as u64, max_line);
    let mut lines = Vec::new();
    while let Some(line) = from_end.next()? {
        lines.push((line.offset, line.bytes.to_vec()));
    }
    Ok(lines)
}

fn reader(file: &[u8], piece: usize) -> impl FnMut(u64, &mut [u8]) -> Result<usize> + '_ {
    move |offset, into| {
        let rest = usize::try_from(offset).ok().and_then(|offset| file.get(offset..)).unwrap_or_default();
        let length = rest.len().min(into.len()).min(piece);
        into[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }
}

/// Hands out the records of a CSV file that are ended.
pub fn csv(file: &[u8], mut each: impl FnMut(Vec<String>)) {
    let mut record = super::parse::csv::Record::default();
    split(file).filter_map(|(_, line)| record.line(line)).for_each(&mut each);
}

/// Every text that is found in an error log, each a part of it.
pub fn error_log(text: &str) -> Vec<&str> {
    let log = error_log::error_log(text);
    let mut found = vec![log.last, error_log::told_failure(text)];
    found.extend(log.last_time);
    for block in error_log::worker_blocks(text) {
        found.push(block.text);
        block.ranks().for_each(drop);
    }
    let exceptions = [error_log::last_exception(log.last), error_log::last_exception_kept(text)];
    for exception in exceptions.into_iter().flatten() {
        found.extend([exception.module, exception.class, exception.message]);
    }
    found
}

/// What a pickle shows: how long all texts of the exception are that it holds, and how Python would show it; none
/// if it is no pickle.
pub fn pickle(bytes: &[u8]) -> Option<(usize, String)> {
    let pickle = Pickle::read(bytes).ok()?;
    let length = pickled_exception(&pickle).map_or(0, |exception| length(&exception));
    Some((length, python::repr(&pickle, pickle.root())))
}

fn length(exception: &PickledException) -> usize {
    let texts = [&exception.module, &exception.class, &exception.shown];
    let maybe = [&exception.text_argument, &exception.traceback];
    let texts = texts.into_iter().chain(maybe.into_iter().flatten()).map(String::len);
    texts.chain(exception.workers.iter().map(|(_, worker)| length(worker))).sum()
}
