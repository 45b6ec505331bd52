//! Reads the reports of a run, wherever its layout keeps them, into a frame.

use std::collections::HashMap;
use std::sync::Arc;

use super::column::ColumnBuilder;
use super::json::JsonFile;
use super::options::Options;
use super::paths::Paths;
use super::rows::{Budget, Iterations, Rows, Selection};
use super::table::Part;
use super::{Column, Frame};
use crate::cancel::{self, Cancel};
use crate::error::{Error, Result};
use crate::layout::{CsvRows, Diagnostics, Finding, ReportFile, Reports};
use crate::storage::{Key, Location, Settings};
use crate::value::Value;

/// Where the reports of a run are.
pub(crate) struct Source<'a> {
    pub run: &'a Location,
    pub reports: &'a Reports,
    /// The metrics of each checkpoint, where those are the reports.
    pub checkpoints: Vec<&'a Value>,
}

impl Frame {
    /// Reads all reports.
    pub(crate) fn read(source: &Source, settings: &[(&str, &str)], cancel: Option<&Cancel>) -> Result<Frame> {
        let own = [Key::Count("max_memory", 1), Key::Count("batch_rows", 1)];
        let settings = Settings::new(settings, &[&Options::KEYS[..], &own].concat())?;
        let options = Options::new(&settings)?;
        cancel::check(cancel)?;
        let budget = Budget::new(options.max_memory);
        let selection = Selection::new(options.rows, source.repeated(&options, cancel)?);
        source.read(&options, &selection, &budget, cancel)?.finish(&options)
    }
}

impl Source<'_> {
    fn json<'a>(
        &'a self,
        file: &'a ReportFile,
        options: &'a Options,
        selection: &'a Selection,
        budget: &'a Budget,
        cancel: Option<&'a Cancel>,
    ) -> JsonFile<'a> {
        let pick = &options.pick;
        JsonFile {
            run: self.run,
            file,
            pick,
            selection,
            budget,
            cancel,
            keeps_iterations: options.is_deduped,
        }
    }

    /// The reports that a later one of the same training iteration repeats, if those are to be left out.
    fn repeated(&self, options: &Options, cancel: Option<&Cancel>) -> Result<Option<Arc<[bool]>>> {
        if !options.is_deduped {
            return Ok(None);
        }
        // The rows are read twice: first for their iterations only.
        let (all, budget) = (Selection::new(None, None), Budget::new(None));
        let first = Options { pick: options.pick.none(), ..options.clone() };
        let joined = self.read(&first, &all, &budget, cancel)?;
        Ok(Some(Iterations::repeated(&joined.iterations)))
    }

    fn read(
        &self,
        options: &Options,
        selection: &Selection,
        budget: &Budget,
        cancel: Option<&Cancel>,
    ) -> Result<Joined> {
        let mut joined = Joined::default();
        let mut rows = Rows::new(options.pick.clone(), selection.clone(), budget);
        rows.iterations.every = options.is_deduped.then(Vec::new);
        match self.reports {
            Reports::None => {}
            Reports::Checkpoints => {
                for report in self.checkpoints.iter().filter_map(|metrics| metrics.as_object()) {
                    rows.iterations.keep(Iterations::of_row(report));
                    rows.add(report)?;
                }
                rows.check_memory()?;
            }
            Reports::Csv(file) => {
                let csv = CsvRows::again(self.run, file, cancel, &mut joined.diagnostics)?;
                csv.every(|row| {
                    let iteration = Iterations::of_row(&row.values);
                    rows.iterations.next(iteration, row.line, file.name, &mut joined.diagnostics);
                    rows.add(&row.values)?;
                    // As rarely as the other readers do, or the sum costs more than the rows.
                    if rows.count % 4_096 == 0 { rows.check_memory() } else { Ok(()) }
                })?;
                rows.check_memory()?;
                for name in csv.columns_with_words().filter(|name| options.pick.wants(name)) {
                    note_words(name, file.name, &mut joined.diagnostics);
                }
            }
            Reports::Rows(file) => {
                let parts = self.json(file, options, selection, budget, cancel).read(options.threads)?;
                let mut iterations = Iterations::default();
                let mut lines = 0;
                for mut part in parts {
                    cancel::check(cancel)?;
                    joined.iterations.extend(part.rows.iterations.every.take().into_iter().flatten());
                    let found = std::mem::take(&mut part.rows.iterations);
                    iterations.append(found, lines, file.name, &mut joined.diagnostics);
                    joined.diagnostics.append(part.diagnostics, lines);
                    joined.append(part.rows)?;
                    lines += part.lines;
                }
                return Ok(joined);
            }
        }
        joined.iterations.extend(rows.iterations.every.take().into_iter().flatten());
        joined.append(rows)?;
        Ok(joined)
    }
}

fn note_words(column: &str, file: &str, diagnostics: &mut Diagnostics) {
    let message = format!("texts such as 'nan' stand among the numbers of {column} and were read as such");
    diagnostics.add(Finding::NanText, file, message);
}

/// The parts of a frame, one behind the other.
#[derive(Default)]
struct Joined {
    rows: u32,
    columns: Vec<Part>,
    places: HashMap<Arc<str>, usize>,
    /// Names that nobody asked for.
    left_out: Vec<Arc<str>>,
    iterations: Vec<Option<i64>>,
    diagnostics: Diagnostics,
}

impl Joined {
    fn append(&mut self, rows: Rows) -> Result<()> {
        let count = rows.table.rows();
        let (parts, paths): (Vec<Part>, Paths) = rows.table.into_parts();
        for part in parts {
            let place = *self.places.entry(part.name.clone()).or_insert(self.columns.len());
            if place == self.columns.len() {
                let (name, builder) = (part.name, ColumnBuilder::default());
                self.columns.push(Part { name, builder, has_conflict: false });
            }
            let column = &mut self.columns[place];
            column.builder.append(self.rows, part.builder);
            column.has_conflict |= part.has_conflict;
        }
        self.left_out.extend_from_slice(paths.left_out());
        let sum = self.rows.checked_add(count);
        self.rows = sum.ok_or_else(|| Error::corrupt("there are more than 4,294,967,295 rows"))?;
        Ok(())
    }

    fn finish(self, options: &Options) -> Result<Frame> {
        let names = self.columns.iter().map(|part| &*part.name);
        options.pick.check(names, self.left_out.iter().map(|name| &**name))?;
        let mut diagnostics = self.diagnostics;
        let mut columns = Vec::with_capacity(self.columns.len());
        for Part { name, builder, has_conflict } in self.columns {
            let (kind, values, is_nan_text) = builder.finish(self.rows);
            if has_conflict {
                let message = format!(
                    "a report has more than one value for {name}: a key with slashes counts before keys within keys, else the last"
                );
                diagnostics.add(Finding::KeyConflict, "", message);
            }
            if is_nan_text {
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
