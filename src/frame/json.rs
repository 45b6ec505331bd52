//! The rows of `result.json`: in blocks, and in as many parts at a time as there are threads. Parts are cut at line
//! ends, so that whatever their number the rows are the same.

use std::num::NonZeroUsize;
use std::ops::Range;

use memchr::{memchr, memrchr};

use super::fast::Fast;
use super::pick::Pick;
use super::rows::{BATCH_BYTES, Budget, Iterations, Rows, Selection};
use super::table::Batch;
use crate::cancel::{self, Cancel};
use crate::error::{Error, Result};
use crate::layout::{Diagnostics, JsonLines, Place, ReportFile};
use crate::parse::lines::check_length;
use crate::storage::{Blob, Location};

/// What is read at once: large enough that the calls do not count, small enough to stay in the cache. For the fuzzers, too
/// little for most rows.
const BLOCK: usize = if cfg!(feature = "fuzzing") { 64 } else { 256 * 1024 };

/// No thread is worth less than this, unless it is asked for.
pub(super) const LEAST_PART: u64 = 4 << 20;
const MOST_THREADS: u64 = 1_024;

/// Rows are handed on after so much of the file, however little memory their columns take: whoever watches sees progress.
const MOST_UNTOLD: u64 = 32 << 20;

/// What a part of the file holds.
pub(super) struct Part<'a> {
    pub rows: Rows<'a>,
    pub lines: u64,
    pub diagnostics: Diagnostics,
}

/// Takes rows, and how many bytes of the file were read for them.
pub(super) type Each<'a> = &'a mut dyn FnMut(Batch, u64) -> Result<()>;

/// A file of rows, and what is wanted of it.
pub(super) struct JsonFile<'a> {
    pub run: &'a Location,
    pub file: &'a ReportFile,
    pub pick: &'a Pick,
    pub selection: &'a Selection,
    pub budget: &'a Budget,
    pub cancel: Option<&'a Cancel>,
    /// Whether the fast way is not taken.
    pub is_exact: bool,
    /// Whether the iteration of each row is kept.
    pub keeps_iterations: bool,
}

impl<'a> JsonFile<'a> {
    /// Reads the file in this many parts, in order; if nothing says how many, in as many as are worth it.
    pub(super) fn read(&self, threads: Option<usize>) -> Result<Vec<Part<'a>>> {
        let blob = self.file.open(self.run, self.cancel)?;
        let size = self.file.size;
        // Rows have their numbers from the first one on; some stores want to be called by the caller's thread only.
        let wanted = match threads {
            _ if !self.selection.is_all() || self.run.store.is_bound_to_caller() => 1,
            Some(threads) => (threads as u64).min(size).min(MOST_THREADS),
            None => (cores() as u64).min(size / LEAST_PART),
        };
        let count = wanted.max(1);
        let cut = |part: u64| (u128::from(size) * u128::from(part) / u128::from(count)) as u64;
        let ranges: Vec<Range<u64>> = (0..count).map(|part| cut(part)..cut(part + 1)).collect();
        let read = |range: &Range<u64>| self.read_part(&*blob, range.clone(), None);
        let Some((first, others)) = ranges.split_first() else { return Ok(Vec::new()) };
        std::thread::scope(|scope| {
            let started: Vec<_> = others
                .iter()
                .map(|range| (range, std::thread::Builder::new().spawn_scoped(scope, move || read(range))))
                .collect();
            let mut parts = vec![read(first)];
            for (range, thread) in started {
                parts.push(match thread {
                    Ok(thread) => thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
                    // There may be no more threads to have.
                    Err(_) => read(range),
                });
            }
            parts.into_iter().collect()
        })
    }

    /// Reads the file in one part, and hands its rows on whenever they take enough memory; what is left is in the part.
    pub(super) fn stream(&self, each: Each) -> Result<Part<'a>> {
        let blob = self.file.open(self.run, self.cancel)?;
        self.read_part(&*blob, 0..self.file.size, Some(each))
    }

    /// Reads the lines that start in a range.
    fn read_part(&self, blob: &dyn Blob, range: Range<u64>, mut each: Option<Each>) -> Result<Part<'a>> {
        let mut reader = PartReader::new(self);
        let size = self.file.size;
        let most = self.file.limits.line_bytes;
        let mut buffer = vec![0; usize::try_from(size).map_or(BLOCK, |size| BLOCK.min(size + 1))];
        // The byte before tells whether a line starts with the range.
        let mut offset = range.start.saturating_sub(1);
        let mut is_in_line = range.start > 0;
        let mut filled = 0;
        loop {
            cancel::check(self.cancel)?;
            let place = offset + filled as u64;
            let room = size.saturating_sub(place).min((buffer.len() - filled) as u64) as usize;
            let read = blob.read_at(place, &mut buffer[filled..filled + room], self.cancel)?;
            if read < room {
                return Err(self.named(Error::corrupt("the file became shorter while it was read")));
            }
            filled += read;
            let is_end = offset + filled as u64 == size;
            let mut start = 0;
            if is_in_line {
                match memchr(b'\n', &buffer[..filled]) {
                    Some(newline) => {
                        start = newline + 1;
                        is_in_line = false;
                    }
                    None => start = filled,
                }
            }
            let whole = match memrchr(b'\n', &buffer[start..filled]) {
                _ if is_end => filled,
                Some(newline) => start + newline + 1,
                None => start,
            };
            let until = range.end.saturating_sub(offset).min(whole as u64) as usize;
            if start < until {
                reader.lines(&buffer[..whole], start, until, offset).map_err(|error| self.named(error))?;
                reader.rows.check_memory(reader.fast.pending_bytes())?;
                match &mut each {
                    Some(each) => reader.hand_on(each, offset + until as u64)?,
                    // Rows that are handed on soon need no room for all.
                    None => reader.expect(&range, offset + until as u64),
                }
            }
            if is_end || offset + whole as u64 >= range.end {
                return reader.finish();
            }
            check_length((filled - whole) as u64, offset + whole as u64, most)
                .map_err(|error| self.named(error))?;
            buffer.copy_within(whole..filled, 0);
            offset += whole as u64;
            filled -= whole;
            if filled == buffer.len() {
                buffer.resize(buffer.len() * 2, 0);
            }
        }
    }

    fn named(&self, error: Error) -> Error {
        crate::layout::named(self.run, self.file.name, error)
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// Takes the lines of one part.
struct PartReader<'a, 'b> {
    file: &'b JsonFile<'a>,
    rows: Rows<'a>,
    fast: Fast,
    exact: JsonLines,
    lines: u64,
    diagnostics: Diagnostics,
    /// Whether room was made for all rows.
    is_expected: bool,
    /// How much of the file the rows come from that were handed on.
    told: u64,
}

impl<'a, 'b> PartReader<'a, 'b> {
    fn new(file: &'b JsonFile<'a>) -> Self {
        let mut rows = Rows::new(file.pick.clone(), file.selection.clone(), file.budget);
        rows.iterations.every = file.keeps_iterations.then(Vec::new);
        let depth = file.file.limits.depth;
        let (fast, exact) = (Fast::new(depth), JsonLines::new(depth));
        PartReader {
            file,
            rows,
            fast,
            exact,
            lines: 0,
            diagnostics: Diagnostics::default(),
            is_expected: false,
            told: 0,
        }
    }

    fn finish(mut self) -> Result<Part<'a>> {
        self.fast.settle(&mut self.rows.table);
        self.rows.check_memory(0)?;
        Ok(Part { rows: self.rows, lines: self.lines, diagnostics: self.diagnostics })
    }

    /// Hands on the rows so far, if they take enough memory or much of the file.
    fn hand_on(&mut self, each: Each, done: u64) -> Result<()> {
        let bytes = self.rows.table.bytes() + self.fast.pending_bytes();
        if bytes < BATCH_BYTES && done - self.told < MOST_UNTOLD {
            return Ok(());
        }
        self.told = done;
        self.fast.settle(&mut self.rows.table);
        each(self.rows.table.take(), done)
    }

    /// Makes room for the rows to come, which likely are as long as those before the byte `at`.
    fn expect(&mut self, range: &Range<u64>, at: u64) {
        let rows = u64::from(self.rows.table.rows());
        if !self.is_expected && rows > 0 && at > range.start {
            let bytes = range.end - range.start;
            let all = u128::from(rows) * u128::from(bytes) / u128::from(at - range.start);
            self.rows.table.expect(all as u64 + all as u64 / 16, bytes);
            self.is_expected = true;
        }
    }

    /// Takes the lines that start from `start` on and before `until`; `data` holds whole lines and lies at `offset` of
    /// the file.
    fn lines(&mut self, data: &[u8], start: usize, until: usize, offset: u64) -> Result<()> {
        let mut at = start;
        while at < until {
            let row = self.rows.table.rows();
            let fast = match self.file.is_exact {
                true => None,
                false => self.fast.read(&mut self.rows.table.paths, row, data, at),
            };
            if let Some(row) = fast {
                self.lines += 1;
                let place = offset + at as u64;
                check_length((row.end - 1 - at) as u64, place, self.file.file.limits.line_bytes)?;
                self.rows.iterations.next(
                    row.iteration,
                    self.lines,
                    self.file.file.name,
                    &mut self.diagnostics,
                );
                if self.rows.begin() {
                    self.fast.put(&mut self.rows.table, data)?;
                }
                at = row.end;
                continue;
            }
            let end = memchr(b'\n', &data[at..]).map_or(data.len(), |length| at + length);
            self.lines += 1;
            let is_ended = end < data.len();
            self.line(&data[at..end], is_ended, Place { line: self.lines, byte: Some(offset + at as u64) })?;
            at = end + 1;
        }
        Ok(())
    }

    fn line(&mut self, line: &[u8], is_ended: bool, place: Place) -> Result<()> {
        check_length(line.len() as u64, place.byte.unwrap_or(0), self.file.file.limits.line_bytes)?;
        for row in self.exact.rows_or_none(line, is_ended, place, &mut self.diagnostics) {
            self.fast.settle(&mut self.rows.table);
            let iteration = Iterations::of_row(&row);
            self.rows.iterations.next(iteration, place.line, self.file.file.name, &mut self.diagnostics);
            self.rows.add(&row)?;
        }
        Ok(())
    }
}
