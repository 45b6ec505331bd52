//! Reports as Parquet. The rows of a row group wait until it is full, and are then encoded one column after the other:
//! the encoder of a column takes 80 kB, which are too many where columns are.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use parquet::arrow::arrow_writer::{ArrowRowGroupWriterFactory, compute_leaves};
use parquet::arrow::{ArrowSchemaConverter, add_encoded_arrow_schema_to_metadata};
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;

use super::arrow::{schema_of, to_batch};
use super::options::Options;
use super::read::Source;
use super::values::Values;
use super::write::{Destination, Output, TableWriter, Types, write};
use super::{Column, ColumnType};
use crate::cancel::Cancel;
use crate::error::{Code, Error, Result};
use crate::progress::Progress;
use crate::storage::{self, Key, Settings};

/// A row group is written when its rows take so much memory, however few they are.
const MOST_GROUP_BYTES: usize = 12 << 20;

/// The format numbers row groups with 16 bits.
const MOST_GROUPS: usize = i16::MAX as usize;

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
    let settings = Settings::new(settings, &[&Options::KEYS[..], &own, storage::KEYS].concat())?;
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
        // What is known of each page is kept until the file ends, which takes memory where columns are many.
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true);
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
    Begun(Box<Groups>),
    Failed,
}

impl ParquetWriter {
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
        let begun = Groups::begin(output, schema, properties.build(), self.group_rows);
        let begun = begun
            .map_err(|error| Error::new(Code::Io, format_args!("the file could not be begun: {error}")))?;
        self.state = State::Begun(Box::new(begun));
        Ok(())
    }
}

impl TableWriter for ParquetWriter {
    fn batch(&mut self, columns: &[Column], rows: usize) -> Result<()> {
        if let State::Waiting(_) = self.state {
            self.begin(columns)?;
        }
        let State::Begun(groups) = &mut self.state else { return Ok(()) };
        let batch = to_batch(columns, rows).map_err(|error| Error::new(Code::Internal, error))?;
        groups.add(&batch)
    }

    fn finish(self: Box<Self>) -> Result<Output> {
        let State::Begun(mut groups) = self.state else {
            return Err(Error::new(Code::Internal, "a file was finished that was not begun"));
        };
        groups.write_group()?;
        groups.file.into_inner().map_err(|error| Error::new(Code::Io, error))
    }
}

/// A file, and the rows of its next row group.
struct Groups {
    file: SerializedFileWriter<Output>,
    /// Each column alone.
    columns: Vec<SchemaRef>,
    most_rows: usize,
    waiting: Vec<RecordBatch>,
    rows: usize,
    bytes: usize,
}

impl Groups {
    fn begin(
        output: Output,
        schema: SchemaRef,
        mut properties: WriterProperties,
        most_rows: usize,
    ) -> std::result::Result<Self, ParquetError> {
        add_encoded_arrow_schema_to_metadata(&schema, &mut properties);
        let root = ArrowSchemaConverter::new().convert(&schema)?.root_schema_ptr();
        let file = SerializedFileWriter::new(output, root, Arc::new(properties))?;
        let alone = schema.fields().iter().map(|field| Arc::new(Schema::new(vec![field.clone()])));
        Ok(Groups { file, columns: alone.collect(), most_rows, waiting: Vec::new(), rows: 0, bytes: 0 })
    }

    fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        let row_bytes = batch.get_array_memory_size() / batch.num_rows().max(1);
        let mut start = 0;
        while start < batch.num_rows() {
            let count = (self.most_rows - self.rows).min(batch.num_rows() - start);
            self.waiting.push(batch.slice(start, count));
            self.rows += count;
            self.bytes += count * row_bytes;
            start += count;
            if self.rows == self.most_rows || self.bytes >= MOST_GROUP_BYTES {
                self.write_group()?;
            }
        }
        Ok(())
    }

    /// Writes the rows that wait, if there are any.
    fn write_group(&mut self) -> Result<()> {
        let batches = std::mem::take(&mut self.waiting);
        let rows = std::mem::take(&mut self.rows);
        self.bytes = 0;
        if rows == 0 || self.columns.is_empty() {
            return Ok(());
        }
        if self.file.flushed_row_groups().len() == MOST_GROUPS {
            let message =
                "a file of Parquet has at most 32,767 row groups: let setting row_group_rows be larger";
            return Err(Error::invalid(message));
        }
        self.encode(&batches).map_err(|error| self.file.inner_mut().error(error))
    }

    fn encode(&mut self, batches: &[RecordBatch]) -> std::result::Result<(), ParquetError> {
        let properties = self.file.properties().clone();
        let mut group = self.file.next_row_group()?;
        for (place, alone) in self.columns.iter().enumerate() {
            // The encoder of one column is only to be had through a file that has no other.
            let root = ArrowSchemaConverter::new().convert(alone)?.root_schema_ptr();
            let file = SerializedFileWriter::new(io::sink(), root, properties.clone())?;
            let encoders = ArrowRowGroupWriterFactory::new(&file, alone.clone()).create_column_writers(0)?;
            for mut encoder in encoders {
                for batch in batches {
                    for leaf in compute_leaves(alone.field(0), batch.column(place))? {
                        encoder.write(&leaf)?;
                    }
                }
                encoder.close()?.append_to_row_group(&mut group)?;
            }
        }
        group.close()?;
        Ok(())
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
