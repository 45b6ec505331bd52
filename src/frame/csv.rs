//! Reports as CSV, RFC 4180.

use std::io::Write;

use super::Column;
use super::options::Options;
use super::read::Source;
use super::values::Values;
use super::write::{Destination, Output, TableWriter, Types, write};
use crate::cancel::Cancel;
use crate::error::{Error, Result};
use crate::json_writer::append_float;
use crate::progress::Progress;
use crate::storage::{self, Key, Settings};

/// What is written at once.
const BLOCK: usize = 64 * 1024;

/// What a cell has in quotes only.
const SPECIAL: [char; 4] = [',', '"', '\r', '\n'];

/// Writes all reports to a CSV file at `uri`.
pub(crate) fn write_csv(
    source: &Source,
    uri: &str,
    settings: &[(&str, &str)],
    progress: Option<Progress>,
    cancel: Option<&Cancel>,
) -> Result<()> {
    let own = [Destination::KEY, Key::AnyText("null")];
    let keys = [&Options::KEYS[..], &own, storage::KEYS].concat();
    let settings = Settings::new(settings, &keys)?;
    let options = Options::new(&settings)?;
    let destination = Destination::new(uri, &settings, cancel)?;
    let null = settings.word("null").unwrap_or_default();
    if null.contains(SPECIAL) {
        return Err(Error::invalid(
            "setting null has a comma, a quote or a line end, which stands between cells",
        ));
    }
    let start = |types: &Types, output| -> Result<Box<dyn TableWriter>> {
        let mut writer = CsvWriter { output, null: null.to_owned(), text: Vec::new() };
        for (place, (name, _)) in types.iter().enumerate() {
            writer.separate(place);
            writer.cell(name);
        }
        writer.end_row(types.len());
        Ok(Box::new(writer))
    };
    write(source, &options, &destination, &start, progress, cancel)
}

struct CsvWriter {
    output: Output,
    /// What stands for a missing cell.
    null: String,
    /// What was not written yet.
    text: Vec<u8>,
}

impl CsvWriter {
    fn separate(&mut self, place: usize) {
        if place > 0 {
            self.text.push(b',');
        }
    }

    fn end_row(&mut self, cells: usize) {
        // A row without cells would be none for a reader.
        if cells > 0 {
            self.text.extend_from_slice(b"\r\n");
        }
    }

    /// A text, in quotes where it would be taken for something else without them.
    fn cell(&mut self, text: &str) {
        let is_plain = !text.is_empty() && text != self.null && !text.contains(SPECIAL);
        if is_plain {
            self.text.extend_from_slice(text.as_bytes());
            return;
        }
        self.text.push(b'"');
        self.text.extend_from_slice(text.replace('"', "\"\"").as_bytes());
        self.text.push(b'"');
    }

    fn value(&mut self, column: &Column, row: usize) {
        if column.is_null(row) {
            let null = std::mem::take(&mut self.null);
            self.text.extend_from_slice(null.as_bytes());
            self.null = null;
            return;
        }
        // Writing to memory does not fail.
        let _ = match &column.values {
            Values::Null(..) => Ok(()),
            Values::Bool(array) => write!(self.text, "{}", array.value(row)),
            Values::Int64(array) => write!(self.text, "{}", array.value(row)),
            Values::UInt64(array) => write!(self.text, "{}", array.value(row)),
            Values::Float64(array) => {
                self.float(array.value(row));
                Ok(())
            }
            Values::Text(array) => {
                self.cell(array.value(row));
                Ok(())
            }
            Values::LargeText(array) => {
                self.cell(array.value(row));
                Ok(())
            }
        };
    }

    fn float(&mut self, number: f64) {
        match number {
            number if number.is_nan() => self.text.extend_from_slice(b"NaN"),
            f64::INFINITY => self.text.extend_from_slice(b"Infinity"),
            f64::NEG_INFINITY => self.text.extend_from_slice(b"-Infinity"),
            number => append_float(&mut self.text, number),
        }
    }

    fn write_out(&mut self) -> Result<()> {
        let text = std::mem::take(&mut self.text);
        self.output.write_all(&text).map_err(|error| self.output.error(error))?;
        self.text = text;
        self.text.clear();
        Ok(())
    }
}

impl TableWriter for CsvWriter {
    fn batch(&mut self, columns: &[Column], rows: usize) -> Result<()> {
        for row in 0..rows {
            for (place, column) in columns.iter().enumerate() {
                self.separate(place);
                self.value(column, row);
            }
            self.end_row(columns.len());
            if self.text.len() >= BLOCK {
                self.write_out()?;
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<Output> {
        self.write_out()?;
        Ok(self.output)
    }
}
