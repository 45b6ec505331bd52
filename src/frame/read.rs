//! Reads the reports of a run, wherever its layout keeps them: into a frame, or batch by batch.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::column::{ColumnBuilder, Kinds};
use super::json::{Each, JsonFile};
use super::options::Options;
use super::paths::Paths;
use super::rows::{BATCH_BYTES, Budget, Iterations, Rows, Selection, too_much};
use super::table::{Batch, Part};
use super::{Column, ColumnType, Frame};
use crate::cancel::{self, Cancel};
use crate::error::{Error, Result};
use crate::layout::{CsvRows, Diagnostics, Finding, ReportFile, Reports};
use crate::storage::{Key, Location, Settings};
use crate::value::Value;

/// About how many cells there are between two looks at how much memory all take.
const CELLS: u64 = 65_536;

/// Where the reports of a run are.
pub(crate) struct Source<'a> {
    pub run: &'a Location,
    pub reports: &'a Reports,
}

/// What is asked for, and by whom.
pub(super) struct Request<'a> {
    pub options: &'a Options,
    pub selection: Selection,
    pub cancel: Option<&'a Cancel>,
}

impl Frame {
    /// Reads all reports.
    pub(crate) fn read(source: &Source, settings: &[(&str, &str)], cancel: Option<&Cancel>) -> Result<Frame> {
        let own = [Key::Count("max_memory", 1), Key::Count("batch_rows", 1)];
        let settings = Settings::new(settings, &[&Options::KEYS[..], &own].concat())?;
        Frame::read_as(source, &Options::new(&settings)?, cancel)
    }

    /// The same, without the fast way through rows.
    #[cfg(feature = "fuzzing")]
    pub(crate) fn read_exactly(source: &Source, settings: &[(&str, &str)]) -> Result<Frame> {
        let settings = Settings::new(settings, &Options::KEYS)?;
        Frame::read_as(source, &Options { is_exact: true, ..Options::new(&settings)? }, None)
    }

    fn read_as(source: &Source, options: &Options, cancel: Option<&Cancel>) -> Result<Frame> {
        cancel::check(cancel)?;
        let request = source.request(options, cancel)?;
        let mut joined = Joined::default();
        let budget = Budget::new(options.max_memory);
        let seen = match source.reports {
            Reports::Rows(file) => {
                let parts = source.json(file, &request, &budget).read(options.threads)?;
                let (mut seen, mut iterations) = (Seen::default(), Iterations::default());
                for mut part in parts {
                    cancel::check(cancel)?;
                    let found = std::mem::take(&mut part.rows.iterations);
                    iterations.append(found, seen.lines, file.name, &mut seen.diagnostics);
                    seen.diagnostics.append(part.diagnostics, seen.lines);
                    seen.lines += part.lines;
                    seen.left_out.extend_from_slice(part.rows.table.paths.left_out());
                    joined.append(part.rows.table.take())?;
                }
                seen
            }
            Reports::None | Reports::Csv(_) | Reports::Checkpoints(_) => {
                source.stream(&request, &budget, &mut |batch, _| joined.append(batch))?
            }
        };
        joined.finish(seen, options)
    }
}

impl Source<'_> {
    /// What `options` ask for.
    pub(super) fn request<'a>(
        &self,
        options: &'a Options,
        cancel: Option<&'a Cancel>,
    ) -> Result<Request<'a>> {
        let repeated = if options.is_deduped { Some(self.repeated(options, cancel)?) } else { None };
        Ok(Request { options, selection: Selection::new(options.rows, repeated), cancel })
    }

    /// The reports that a later one of the same training iteration repeats: for those, all rows are looked at first.
    fn repeated(&self, options: &Options, cancel: Option<&Cancel>) -> Result<Arc<[bool]>> {
        let options = Options { pick: options.pick.none(), ..options.clone() };
        let request = Request { options: &options, selection: Selection::new(None, None), cancel };
        let seen = self.stream(&request, &Budget::new(None), &mut |_, _| Ok(()))?;
        Ok(Iterations::repeated(&seen.iterations))
    }

    /// How many bytes there are to be read; 0 if that is not known.
    pub(super) fn size(&self) -> u64 {
        match self.reports {
            Reports::Rows(file) | Reports::Csv(file) => file.size,
            Reports::None | Reports::Checkpoints(_) => 0,
        }
    }

    fn json<'a>(&'a self, file: &'a ReportFile, request: &'a Request, budget: &'a Budget) -> JsonFile<'a> {
        let Request { options, selection, cancel } = request;
        let (pick, keeps_iterations) = (&options.pick, options.is_deduped);
        let (run, cancel, is_exact) = (self.run, *cancel, options.is_exact);
        JsonFile { run, file, pick, selection, budget, cancel, is_exact, keeps_iterations }
    }

    /// Hands all rows on, batch by batch.
    pub(super) fn stream(&self, request: &Request, budget: &Budget, each: Each) -> Result<Seen> {
        let mut seen = Seen::default();
        if let Reports::Rows(file) = self.reports {
            let mut part = self.json(file, request, budget).stream(each)?;
            seen.diagnostics = part.diagnostics;
            seen.take(&mut part.rows);
            each(part.rows.table.take(), file.size)?;
            return Ok(seen);
        }
        let mut rows = Rows::new(request.options.pick.clone(), request.selection.clone(), budget);
        rows.iterations.every = request.options.is_deduped.then(Vec::new);
        match self.reports {
            Reports::None | Reports::Rows(_) => {}
            Reports::Checkpoints(metrics) => {
                for report in metrics.iter().filter_map(Value::as_object) {
                    rows.iterations.keep(Iterations::of_row(report));
                    rows.add(report)?;
                    rows.hand_on(each, 0)?;
                }
            }
            Reports::Csv(file) => {
                let diagnostics = &mut seen.diagnostics;
                let csv = CsvRows::again(self.run, file, request.cancel, diagnostics)?;
                csv.every(|row| {
                    let iteration = Iterations::of_row(&row.values);
                    rows.iterations.next(iteration, row.line, file.name, diagnostics);
                    rows.add(&row.values)?;
                    rows.hand_on(each, row.byte)
                })?;
                for name in csv.columns_with_words().filter(|name| request.options.pick.wants(name)) {
                    note_words(name, file.name, diagnostics);
                }
            }
        }
        rows.check_memory(0)?;
        seen.take(&mut rows);
        each(rows.table.take(), self.size())?;
        Ok(seen)
    }
}

impl Rows<'_> {
    /// Hands on the rows so far, if they take enough memory.
    fn hand_on(&mut self, each: Each, done: u64) -> Result<()> {
        // The sum over all columns costs more than a row, and rows of many columns fill a batch soon.
        if self.count % (1 + CELLS / self.table.paths.columns().len().max(1) as u64) > 0 {
            return Ok(());
        }
        self.check_memory(0)?;
        if self.table.bytes() < BATCH_BYTES { Ok(()) } else { each(self.table.take(), done) }
    }
}

/// What is known once all rows were seen.
#[derive(Default)]
pub(super) struct Seen {
    pub diagnostics: Diagnostics,
    /// Names that nobody asked for, part by part.
    left_out: Vec<Arc<str>>,
    /// The training iteration of each row, if somebody wanted that.
    iterations: Vec<Option<i64>>,
    lines: u64,
}

impl Seen {
    fn take(&mut self, rows: &mut Rows) {
        self.left_out.extend_from_slice(rows.table.paths.left_out());
        self.iterations = rows.iterations.every.take().unwrap_or_default();
    }

    /// Names that nobody asked for: as many as one part keeps, so that they are the same for any number of threads.
    pub fn left_out(&self) -> impl Iterator<Item = &str> {
        let mut known = HashSet::new();
        let names = self.left_out.iter().map(|name| &**name);
        names.filter(move |name| known.insert(*name)).take(Paths::MOST_LEFT_OUT)
    }
}

fn note_words(column: &str, file: &str, diagnostics: &mut Diagnostics) {
    let message = format!("texts such as 'nan' stand among the numbers of {column} and were read as such");
    diagnostics.add(Finding::NanText, file, message);
}

/// The columns that all batches have together, in order of their first rows, and of what kinds their cells are.
#[derive(Debug, Default)]
pub(super) struct Columns {
    columns: Vec<(Arc<str>, Kinds)>,
    places: HashMap<Arc<str>, usize>,
}

impl Columns {
    /// Adds those of a batch.
    pub(super) fn add(&mut self, batch: &Batch) {
        for part in &batch.parts {
            let place = *self.places.entry(part.name.clone()).or_insert(self.columns.len());
            if place == self.columns.len() {
                self.columns.push((part.name.clone(), Kinds::default()));
            }
            self.columns[place].1.add(part.builder.kinds());
        }
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.columns.iter().map(|(name, _)| &**name)
    }

    /// Their names and types.
    pub(super) fn types(&self) -> Vec<(Arc<str>, ColumnType)> {
        self.columns.iter().map(|(name, kinds)| (name.clone(), kinds.column_type().0)).collect()
    }
}

impl Batch {
    /// The batch as columns of these types, which have room for all of its cells.
    pub(super) fn finish_as(self, types: &[(Arc<str>, ColumnType)]) -> Vec<Column> {
        let mut parts: HashMap<Arc<str>, ColumnBuilder> =
            self.parts.into_iter().map(|part| (part.name, part.builder)).collect();
        let column = |(name, kind): &(Arc<str>, ColumnType)| {
            let builder = parts.remove(name).unwrap_or_default();
            Column { name: name.clone(), kind: *kind, values: builder.finish_as(*kind, self.rows) }
        };
        types.iter().map(column).collect()
    }
}

/// The batches of a frame, one behind the other.
#[derive(Default)]
struct Joined {
    rows: u32,
    columns: Vec<Part>,
    places: HashMap<Arc<str>, usize>,
}

impl Joined {
    fn append(&mut self, batch: Batch) -> Result<()> {
        for Part { name, builder, has_conflict } in batch.parts {
            let place = *self.places.entry(name.clone()).or_insert(self.columns.len());
            if place == self.columns.len() {
                let builder = ColumnBuilder::default();
                self.columns.push(Part { name, builder, has_conflict });
            }
            let column = &mut self.columns[place];
            column.builder.append(self.rows, builder);
            column.has_conflict |= has_conflict;
        }
        let sum = self.rows.checked_add(batch.rows);
        self.rows = sum.ok_or_else(|| Error::corrupt("there are more than 4,294,967,295 rows"))?;
        Ok(())
    }

    fn finish(self, seen: Seen, options: &Options) -> Result<Frame> {
        let names = self.columns.iter().map(|part| &*part.name);
        options.pick.check(u64::from(self.rows), names, seen.left_out())?;
        // Each column gets as many rows as there are, however few name it.
        let bytes: usize = self.columns.iter().map(|part| part.builder.bytes(self.rows)).sum();
        if let Some(most) = options.max_memory.filter(|most| bytes as u64 > *most) {
            return Err(too_much(most));
        }
        let mut diagnostics = seen.diagnostics;
        let mut columns = Vec::with_capacity(self.columns.len());
        for Part { name, builder, has_conflict } in self.columns {
            let (kind, values, has_words) = builder.finish(self.rows);
            if has_conflict {
                let rule = "a key with slashes counts before keys within keys, else the last";
                let message = format!("a report has more than one value for {name}: {rule}");
                diagnostics.add(Finding::KeyConflict, "", message);
            }
            if has_words {
                note_words(&name, "", &mut diagnostics);
            }
            columns.push(Column { name, kind, values });
        }
        Ok(Frame {
            rows: self.rows as usize,
            columns,
            places: self.places,
            diagnostics: diagnostics.finish_by_line(),
            batch_rows: options.batch_rows,
        })
    }
}
