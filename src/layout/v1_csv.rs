//! `progress.csv`, which counts where `result.json` has no row. CSV has no types: each column gets the
//! narrowest that fits all its cells.

use std::collections::{HashMap, HashSet};

use super::diagnostic::{Finding, Place};
use super::directory::{Directory, named};
use super::v1_rows::Row;
use super::{Diagnostics, Limits, ReportFile};
use crate::cancel::{self, Cancel};
use crate::error::Result;
use crate::number::word;
use crate::parse::csv::Record;
use crate::parse::json::whole_number;
use crate::parse::lines::{Blocks, check_length, split};
use crate::storage::{Blob, Location};
use crate::value::{Keys, Object, Value};

pub(super) const FILE: &str = "progress.csv";

/// Columns that are text even if their cells look like numbers; so are those that end in `_dir_name`.
const TEXT: [&str; 6] = ["trial_id", "date", "hostname", "node_ip", "experiment_id", "experiment_tag"];

/// What the cells of a column are, as far as they were seen.
#[derive(Debug, Clone, Copy)]
struct Column {
    all_integers: bool,
    all_numbers: bool,
    all_words: bool,
    all_bools: bool,
    /// Whether a word is none that Python writes for a float.
    has_odd_word: bool,
}

/// The rows of a `progress.csv` as it was when it was opened.
pub(crate) struct CsvRows<'a> {
    run: &'a Location,
    limits: &'a Limits,
    cancel: Option<&'a Cancel>,
    blob: Box<dyn Blob>,
    header: Vec<String>,
    columns: Vec<Column>,
    /// Where the cells of each column stand: of equal names the last counts, in the place of the first.
    places: Vec<Option<usize>>,
    rows: u64,
}

impl<'a> CsvRows<'a> {
    /// Reads the file once, for the types of its columns. None if it is not there.
    pub(super) fn open(directory: &'a Directory<'a>, diagnostics: &mut Diagnostics) -> Result<Option<Self>> {
        let Some(blob) = directory.open(FILE)? else { return Ok(None) };
        Self::read(directory.location, directory.limits, directory.cancel, blob, diagnostics).map(Some)
    }

    /// The same of a file that a run was opened with.
    pub(crate) fn again(
        run: &'a Location,
        file: &'a ReportFile,
        cancel: Option<&'a Cancel>,
        diagnostics: &mut Diagnostics,
    ) -> Result<Self> {
        let blob = file.open(run, cancel)?;
        Self::read(run, &file.limits, cancel, blob, diagnostics)
    }

    fn read(
        run: &'a Location,
        limits: &'a Limits,
        cancel: Option<&'a Cancel>,
        blob: Box<dyn Blob>,
        diagnostics: &mut Diagnostics,
    ) -> Result<Self> {
        let (header, columns, places) = Default::default();
        let mut rows = CsvRows { run, limits, cancel, blob, header, columns, places, rows: 0 };
        let mut header = Vec::new();
        let mut columns: Vec<Column> = Vec::new();
        let mut first = Vec::new();
        let mut count = 0;
        rows.scan(diagnostics, |place, cells, diagnostics| {
            if header.is_empty() {
                columns = cells.iter().map(|name| Column::new(name)).collect();
                header = cells;
                first = first_of_each_name(&header);
                let repeated =
                    header.iter().zip(&first).enumerate().filter(|(column, (_, first))| column != *first);
                for (_, (name, _)) in repeated {
                    let message = format!("column '{name}' is there more than once; the last counts");
                    diagnostics.add_at(Finding::DuplicateKey, FILE, place, message);
                }
            } else if cells == header {
                let message = "the header stands among the rows and does not count";
                diagnostics.add_at(Finding::RepeatedHeader, FILE, place, message);
            } else {
                if cells.len() != header.len() {
                    let message = format!("the row has {} cells for {} columns", cells.len(), header.len());
                    diagnostics.add_at(Finding::RaggedRow, FILE, place, message);
                }
                count += 1;
                for (column, cell) in columns.iter_mut().zip(&cells).filter(|(_, cell)| !cell.is_empty()) {
                    column.see(cell);
                }
            }
            Ok(())
        })?;
        rows.header = header;
        rows.columns = columns;
        rows.places = places_of(&first);
        rows.rows = count;
        Ok(rows)
    }

    pub(super) fn blob(&self) -> &dyn Blob {
        &*self.blob
    }

    pub(super) fn count(&self) -> u64 {
        self.rows
    }

    /// The columns of numbers that have words among them which Python does not write for numbers.
    pub(crate) fn columns_with_words(&self) -> impl Iterator<Item = &str> {
        let is_one = |column: &Column| column.all_numbers && !column.all_words && column.has_odd_word;
        let is_last = |place: usize, name| !self.header[place + 1..].contains(name);
        let columns = self.header.iter().zip(&self.columns).enumerate();
        columns
            .filter(move |(place, (name, column))| is_one(column) && is_last(*place, name))
            .map(|(_, (name, _))| name.as_str())
    }

    /// Hands out every row: an object of those cells that are not empty.
    pub(crate) fn every(&self, mut each: impl FnMut(Row) -> Result<()>) -> Result<()> {
        let mut noted = Diagnostics::default();
        let (mut is_header, mut number) = (true, 0);
        self.scan(&mut noted, |place, cells, _| {
            if std::mem::take(&mut is_header) || cells == self.header {
                return Ok(());
            }
            number += 1;
            let byte = place.byte.unwrap_or_default();
            each(Row { number: number - 1, line: place.line, byte, values: self.row(&cells) })
        })
    }

    fn row(&self, cells: &[String]) -> Object {
        // The first column of a name is never behind the last, so a short row has a place for each.
        let mut values: Vec<Option<Value>> = vec![None; self.header.len().min(cells.len())];
        for ((place, column), cell) in self.places.iter().zip(&self.columns).zip(cells) {
            if let Some(place) = place.filter(|_| !cell.is_empty()) {
                values[place] = Some(column.value(cell));
            }
        }
        let named = self
            .header
            .iter()
            .zip(values)
            .filter_map(|(name, value)| Some((Box::from(name.as_str()), value?)));
        let (names, values): (Vec<Box<str>>, Vec<Value>) = named.unzip();
        Object::new(Keys::new(names.into()).into(), values.into())
    }

    /// Hands out every record that is ended, with where it starts.
    fn scan(
        &self,
        diagnostics: &mut Diagnostics,
        mut each: impl FnMut(Place, Vec<String>, &mut Diagnostics) -> Result<()>,
    ) -> Result<()> {
        let read = |at, into: &mut [u8]| Ok(self.blob.read_at(at, into, self.cancel)?);
        let mut blocks = Blocks::new(read, self.blob.size(), self.limits.line_bytes);
        let mut record = Record::default();
        let (mut line_number, mut start) = (0, Place::default());
        let mut is_torn = false;
        while let Some((offset, block)) = blocks.next().map_err(|error| named(self.run, FILE, error))? {
            cancel::check(self.cancel)?;
            for (place, line) in split(block) {
                line_number += 1;
                if !record.is_open() {
                    start = Place { line: line_number, byte: Some(offset + place as u64) };
                }
                // A record may take several lines.
                let length = offset + (place + line.len()) as u64 - start.byte.unwrap_or(offset);
                check_length(length, start.byte.unwrap_or(offset), self.limits.line_bytes)
                    .map_err(|error| named(self.run, FILE, error))?;
                // A cell that is not ended by a line end may be cut, even if it is the last.
                is_torn = place + line.len() == block.len();
                if is_torn {
                    break;
                }
                let bom = if offset == 0 && place == 0 { line.strip_prefix(b"\xef\xbb\xbf") } else { None };
                if bom.is_some() {
                    diagnostics.add_line(Finding::Bom, FILE, 1, "a byte order mark stands at the start");
                }
                let cells = record.line(bom.unwrap_or(line));
                if std::mem::take(&mut record.invalid_utf8) {
                    let message = "bytes that are not UTF-8 were read as U+FFFD";
                    diagnostics.add_at(Finding::InvalidUtf8, FILE, start, message);
                }
                if let Some(cells) = cells.filter(|cells| !cells.is_empty()) {
                    each(start, cells, diagnostics)?;
                }
            }
        }
        if is_torn || record.is_open() {
            let message = "the last row is not ended, so it may be cut, and does not count";
            diagnostics.add_at(Finding::TornLastLine, FILE, start, message);
        }
        Ok(())
    }
}

impl Column {
    fn new(name: &str) -> Self {
        let is_text = TEXT.contains(&name) || name.ends_with("_dir_name");
        Column {
            all_integers: !is_text,
            all_numbers: !is_text,
            all_words: true,
            all_bools: !is_text,
            has_odd_word: false,
        }
    }

    fn see(&mut self, cell: &str) {
        let is_word = word(cell).is_some();
        self.all_integers &= is_integer(cell);
        self.all_numbers &= is_word || is_number(cell);
        self.all_words &= is_word;
        self.has_odd_word |= is_word && !matches!(cell, "nan" | "inf" | "-inf");
        self.all_bools &= matches!(cell, "True" | "False");
    }

    fn value(&self, cell: &str) -> Value {
        if self.all_integers {
            let negative = cell.starts_with('-');
            let digits = cell.trim_start_matches(['+', '-']).trim_start_matches('0');
            let digits = if digits.is_empty() { "0" } else { digits };
            whole_number(&format!("{}{digits}", if negative { "-" } else { "" }))
        } else if self.all_numbers && !self.all_words {
            Value::Float(word(cell).or_else(|| cell.parse().ok()).unwrap_or(f64::NAN))
        } else if self.all_bools {
            Value::Bool(cell == "True")
        } else {
            Value::from(cell)
        }
    }
}

fn first_of_each_name(header: &[String]) -> Vec<usize> {
    let mut known = HashMap::new();
    header.iter().enumerate().map(|(column, name)| *known.entry(name).or_insert(column)).collect()
}

/// The place of each column that is the last of its name.
fn places_of(first: &[usize]) -> Vec<Option<usize>> {
    let mut seen = HashSet::new();
    let mut places: Vec<Option<usize>> =
        first.iter().rev().map(|place| seen.insert(*place).then_some(*place)).collect();
    places.reverse();
    places
}

fn is_integer(cell: &str) -> bool {
    let digits = cell.strip_prefix(['+', '-']).unwrap_or(cell);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_number(cell: &str) -> bool {
    // Rust also reads words such as `infinity` as numbers.
    cell.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte)) && cell.parse::<f64>().is_ok()
}

/// The columns `config/…` of a row as an object, nested at every `/`; none if there are none.
pub(super) fn config(row: &Object, max_depth: usize) -> Option<Value> {
    struct Node<'a> {
        children: Vec<(&'a str, usize)>,
        value: Option<&'a Value>,
    }
    let mut nodes = vec![Node { children: Vec::new(), value: None }];
    let mut known: HashMap<(usize, &str), usize> = HashMap::new();
    for (name, value) in row.iter() {
        let Some(path) = name.strip_prefix("config/") else { continue };
        if path.split('/').count() > max_depth {
            continue;
        }
        let mut node = 0;
        for key in path.split('/') {
            let child = *known.entry((node, key)).or_insert(nodes.len());
            if child == nodes.len() {
                nodes[node].children.push((key, child));
                nodes.push(Node { children: Vec::new(), value: None });
            }
            node = child;
        }
        nodes[node].value = Some(value);
    }
    if nodes[0].children.is_empty() {
        return None;
    }
    // Children stand behind their parents, so that from the end on they are made first.
    let mut made: Vec<Value> = vec![Value::Null; nodes.len()];
    for (place, node) in nodes.iter().enumerate().rev() {
        made[place] = match node.value {
            Some(value) if node.children.is_empty() => value.clone(),
            Some(_) | None => {
                let names = node.children.iter().map(|(key, _)| Box::from(*key)).collect();
                let values =
                    node.children.iter().map(|(_, child)| std::mem::take(&mut made[*child])).collect();
                Value::Object(Object::new(Keys::new(names).into(), values))
            }
        };
    }
    made.into_iter().next()
}
