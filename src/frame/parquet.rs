//! Reports as Parquet.

use std::collections::HashSet;
use std::sync::Arc;

use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;

use super::arrow::{schema_of, to_batch};
use super::options::Options;
use super::read::Source;
use super::values::Values;
use super::write::{Destination, Output, Progress, TableWriter, Types, write};
use super::{Column, ColumnType};
use crate::cancel::Cancel;
use crate::error::{Code, Error, Result};
use crate::storage::{Key, Settings};

/// What a row group may take in memory before it is written, however few rows it has.
const MOST_GROUP_BYTES: usize = 16 << 20;

/// So many values tell whether a column repeats its values.
const SAMPLE: usize = 4_096;

/// Writes all reports to a Parquet file at `uri`, whose metadata holds `about`.
pub(crate) fn write_parquet(
    source: &Source,
    uri: &str,
    about: &[(&str, String)],
    settings: &[(&str, &str)],
    progress: Option<Progress>,
    cancel: Option<&Cancel>,
) -> Result<()> {
    let compression = Key::Word("compression", &["zstd", "snappy", "none"]);
    let own = [Destination::KEY, compression, Key::Count("row_group_rows", 1)];
    let settings = Settings::new(settings, &[&Options::KEYS[..], &own].concat())?;
    let options = Options::new(&settings)?;
    let destination = Destination::new(uri, &settings, cancel)?;
    let compression = match settings.word("compression") {
        Some("snappy") => Compression::SNAPPY,
        Some("none") => Compression::UNCOMPRESSED,
        Some(_) | None => Compression::ZSTD(ZstdLevel::default()),
    };
    let rows =
        settings.count("row_group_rows").map_or(131_072, |rows| usize::try_from(rows).unwrap_or(usize::MAX));
    let about = about.iter().map(|(key, value)| KeyValue::new((*key).to_owned(), value.clone())).collect();
    let properties = WriterProperties::builder()
        .set_created_by(concat!("libresult ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_key_value_metadata(Some(about))
        .set_compression(compression)
        .set_dictionary_enabled(false)
        .set_max_row_group_row_count(Some(rows))
        .set_max_row_group_bytes(Some(MOST_GROUP_BYTES));
    let start = |types: &Types, output| -> Result<Box<dyn TableWriter>> {
        let state = State::Waiting(Box::new((output, properties.clone())));
        Ok(Box::new(ParquetWriter { types: types.to_vec(), group_rows: rows, state }))
    };
    write(source, &options, &destination, &start, progress, cancel)
}

struct ParquetWriter {
    types: Vec<(Arc<str>, ColumnType)>,
    group_rows: usize,
    state: State,
}

/// The file begins with the first batch, whose values tell how they are best written.
enum State {
    Waiting(Box<(Output, WriterPropertiesBuilder)>),
    Begun(Box<ArrowWriter<Output>>),
    Failed,
}

impl ParquetWriter {
    fn write(&mut self, columns: &[Column], rows: usize) -> Result<()> {
        if let State::Waiting(_) = self.state {
            self.begin(columns)?;
        }
        let State::Begun(writer) = &mut self.state else { return Ok(()) };
        let batch = to_batch(columns, rows).map_err(|error| Error::new(Code::Internal, error))?;
        let mut start = 0;
        while start < rows {
            // No more than the row group has room for: the writer would split it by recursion.
            let room = self.group_rows - writer.in_progress_rows() % self.group_rows;
            let count = room.min(rows - start);
            let written = writer.write(&batch.slice(start, count));
            written.map_err(|error| writer.inner_mut().error(error))?;
            start += count;
        }
        Ok(())
    }

    fn begin(&mut self, columns: &[Column]) -> Result<()> {
        let State::Waiting(waiting) = std::mem::replace(&mut self.state, State::Failed) else {
            return Ok(());
        };
        let (output, mut properties) = *waiting;
        for column in columns.iter().filter(|column| repeats(column)) {
            let path = ColumnPath::new(vec![column.name().to_owned()]);
            properties = properties.set_column_dictionary_enabled(path, true);
        }
        let schema = schema_of(self.types.iter().map(|(name, kind)| (&**name, *kind, false)));
        let begun = ArrowWriter::try_new(output, schema, Some(properties.build()));
        let begun = begun
            .map_err(|error| Error::new(Code::Io, format_args!("the file could not be begun: {error}")))?;
        self.state = State::Begun(Box::new(begun));
        Ok(())
    }
}

impl TableWriter for ParquetWriter {
    fn batch(&mut self, columns: &[Column], rows: usize) -> Result<()> {
        self.write(columns, rows)
    }

    fn finish(self: Box<Self>) -> Result<Output> {
        let State::Begun(mut writer) = self.state else {
            return Err(Error::new(Code::Internal, "a file was finished that was not begun"));
        };
        if let Err(error) = writer.flush() {
            return Err(writer.inner_mut().error(error));
        }
        writer.into_inner().map_err(|error| Error::new(Code::Io, error))
    }
}

/// Whether the first values of a column repeat so much that a dictionary makes the file smaller.
fn repeats(column: &Column) -> bool {
    let rows = 0..SAMPLE;
    let (seen, different) = match &column.values {
        Values::Null(..) | Values::Bool(_) => return false,
        Values::Text(_) | Values::LargeText(_) => {
            let texts: Vec<&str> = rows.filter_map(|row| column.string(row)).collect();
            (texts.len(), texts.iter().collect::<HashSet<_>>().len())
        }
        Values::Int64(_) | Values::UInt64(_) | Values::Float64(_) => {
            let is_there = |row: &usize| !column.is_null(*row);
            let numbers = rows.filter(is_there).map_while(|row| column.to_float64(row)).map(f64::to_bits);
            let numbers: Vec<u64> = numbers.collect();
            (numbers.len(), 8 * numbers.iter().collect::<HashSet<_>>().len())
        }
    };
    different * 4 <= seen
}
