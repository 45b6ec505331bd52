//! Rows on their way into a table: which of them are wanted, and whether their iterations follow one another.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::pick::Pick;
use super::table::Table;
use crate::error::{Error, Result};
use crate::layout::{Diagnostics, Finding, Place};
use crate::value::{Object, Value};

/// Rows that are not kept are handed on when their columns take this much memory.
/// For the fuzzers, very little.
pub(super) const BATCH_BYTES: usize = if cfg!(feature = "fuzzing") { 256 } else { 6 << 20 };

/// The key of a V1 row that counts the iterations of the training.
pub(super) const ITERATION_KEY: &str = "training_iteration";

/// Which rows are wanted, by the number of their report.
#[derive(Debug, Clone)]
pub(super) struct Selection {
    from: u64,
    to: u64,
    /// The reports of a training iteration that a later one repeats.
    repeated: Option<Arc<[bool]>>,
}

impl Selection {
    pub(super) fn new(rows: Option<(u64, u64)>, repeated: Option<Arc<[bool]>>) -> Self {
        let (from, to) = rows.unwrap_or((0, u64::MAX));
        Selection { from, to, repeated }
    }

    /// Whether all rows are wanted, whatever their numbers.
    pub(super) fn is_all(&self) -> bool {
        self.from == 0 && self.to == u64::MAX && self.repeated.is_none()
    }

    #[inline]
    fn has(&self, number: u64) -> bool {
        let is_repeated = |repeated: &Arc<[bool]>| repeated.get(number as usize).copied().unwrap_or(false);
        (self.from..self.to).contains(&number) && !self.repeated.as_ref().is_some_and(is_repeated)
    }
}

/// How much memory the columns of all parts may take together.
#[derive(Debug)]
pub(super) struct Budget {
    most: Option<u64>,
    used: AtomicU64,
}

impl Budget {
    pub(super) fn new(most: Option<u64>) -> Self {
        Budget { most, used: AtomicU64::new(0) }
    }

    /// Fails if `bytes` more, where `before` were counted already, are too many.
    fn check(&self, before: u64, bytes: u64) -> Result<()> {
        let Some(most) = self.most else { return Ok(()) };
        self.used.fetch_sub(before, Ordering::Relaxed);
        let used = self.used.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if used <= most { Ok(()) } else { Err(too_much(most)) }
    }
}

/// The columns take more memory than setting `max_memory` allows.
pub(super) fn too_much(most: u64) -> Error {
    Error::corrupt(format_args!(
        "the columns take more than {most} bytes, which setting max_memory allows: ask for fewer with setting column"
    ))
}

/// Takes the rows of one part of the reports.
pub(super) struct Rows<'a> {
    pub table: Table,
    pub iterations: Iterations,
    selection: Selection,
    budget: &'a Budget,
    counted: u64,
    /// How many rows there were, wanted or not.
    pub count: u64,
}

impl<'a> Rows<'a> {
    pub(super) fn new(pick: Pick, selection: Selection, budget: &'a Budget) -> Self {
        let (table, iterations) = (Table::new(pick), Iterations::default());
        Rows { table, iterations, selection, budget, counted: 0, count: 0 }
    }

    /// Counts a row. Returns whether it is wanted.
    #[inline]
    pub(super) fn begin(&mut self) -> bool {
        self.count += 1;
        self.selection.has(self.count - 1)
    }

    /// Takes a row that was read as a whole.
    pub(super) fn add(&mut self, row: &Object) -> Result<()> {
        if self.begin() { self.table.add(row) } else { Ok(()) }
    }

    /// Fails if the columns take too much memory, with `more` bytes that they do not take yet.
    pub(super) fn check_memory(&mut self, more: usize) -> Result<()> {
        if self.budget.most.is_some() {
            let bytes = (self.table.bytes() + more) as u64;
            self.budget.check(self.counted, bytes)?;
            self.counted = bytes;
        }
        Ok(())
    }
}

/// The training iterations of rows, which grow by one from row to row unless a run was restored or rows were lost.
#[derive(Debug, Default)]
pub(super) struct Iterations {
    /// That of the first row, if it has one, and its line.
    first: Option<(Option<i64>, u64)>,
    last: Option<i64>,
    /// The iteration of each row, for whoever wants the last row of each.
    pub every: Option<Vec<Option<i64>>>,
}

impl Iterations {
    pub(super) fn of_row(row: &Object) -> Option<i64> {
        row.get(ITERATION_KEY).and_then(Value::as_i64)
    }

    /// Keeps the iteration of the next row, if that is wanted.
    #[inline]
    pub(super) fn keep(&mut self, iteration: Option<i64>) {
        if let Some(every) = &mut self.every {
            every.push(iteration);
        }
    }

    /// Takes the iteration of the next row.
    #[inline]
    pub(super) fn next(
        &mut self,
        iteration: Option<i64>,
        line: u64,
        file: &str,
        diagnostics: &mut Diagnostics,
    ) {
        self.keep(iteration);
        // A row between that has none says nothing of those beside it.
        let Some(iteration) = iteration else {
            self.first.get_or_insert((None, line));
            self.last = None;
            return;
        };
        match self.last {
            Some(last) if last.checked_add(1) == Some(iteration) => {}
            Some(last) => Self::note(last, iteration, line, file, diagnostics),
            None => {}
        }
        self.first.get_or_insert((Some(iteration), line));
        self.last = Some(iteration);
    }

    /// Takes those of a later part of the file, whose lines were counted from 1.
    pub(super) fn append(
        &mut self,
        later: Iterations,
        lines_before: u64,
        file: &str,
        diagnostics: &mut Diagnostics,
    ) {
        if let Some((iteration, line)) = later.first {
            self.next(iteration, lines_before + line, file, diagnostics);
            self.last = later.last;
        }
    }

    #[cold]
    fn note(last: i64, next: i64, line: u64, file: &str, diagnostics: &mut Diagnostics) {
        let (finding, why) = if next <= last {
            (Finding::RepeatedIteration, "the run was restored, or two wrote the file")
        } else {
            (Finding::IterationGap, "not every iteration was reported, or rows were lost")
        };
        let message = format!("{ITERATION_KEY} is {next} after {last}: {why}");
        diagnostics.add_at(finding, file, Place { line, byte: None }, message);
    }

    /// Which rows a later one of the same iteration repeats.
    pub(super) fn repeated(every: &[Option<i64>]) -> Arc<[bool]> {
        let mut last: HashMap<i64, usize> = HashMap::new();
        for (place, iteration) in every.iter().enumerate() {
            iteration.map(|iteration| last.insert(iteration, place));
        }
        let is_repeated = |(place, iteration): (usize, &Option<i64>)| {
            iteration.is_some_and(|iteration| last[&iteration] != place)
        };
        every.iter().enumerate().map(is_repeated).collect()
    }
}
