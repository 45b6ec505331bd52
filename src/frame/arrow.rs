//! A frame as Arrow record batches, which share its memory.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{ArrayRef, RecordBatch, RecordBatchIterator, RecordBatchOptions};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};

use super::values::Values;
use super::{Column, ColumnType, Frame};
use crate::error::{Code, Error, Result};

/// A stream of Arrow record batches, as C has it.
pub type ArrowStream = FFI_ArrowArrayStream;

impl Frame {
    /// The frame as a stream of Arrow record batches of `batch_rows` rows, without a copy: columns of JSON are those of
    /// text, whose field has the metadata `libresult.type`: `json`.
    ///
    /// # Errors
    /// `Internal`, a bug in libresult.
    pub fn export(&self) -> Result<ArrowStream> {
        let whole = to_batch(&self.columns, self.rows).map_err(|error| Error::new(Code::Internal, error))?;
        let (schema, rows, most) = (with_c_names(&whole.schema()), self.rows, self.batch_rows.max(1));
        let batch = move |start| Ok(whole.slice(start, most.min(rows - start)));
        let batches = (0..rows).step_by(most).map(batch);
        Ok(ArrowStream::new(Box::new(RecordBatchIterator::new(batches, schema))))
    }
}

/// The same schema with names that are C strings.
fn with_c_names(schema: &Schema) -> SchemaRef {
    let fields = schema.fields().iter();
    let named = fields.map(|field| field.as_ref().clone().with_name(field.name().replace('\0', "\u{fffd}")));
    Arc::new(Schema::new(named.collect::<Vec<Field>>()))
}

/// Columns as one record batch.
pub(super) fn to_batch(columns: &[Column], rows: usize) -> Result<RecordBatch, ArrowError> {
    let arrays: Vec<ArrayRef> = columns.iter().map(|column| column.values.array()).collect();
    let is_long = |column: &Column| matches!(column.values, Values::LargeText(_));
    let schema = schema_of(columns.iter().map(|column| (column.name(), column.kind, is_long(column))));
    // Without columns the number of rows stands nowhere else.
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(schema, arrays, &options)
}

/// The schema of columns, each with its name and type, and whether its texts take more than 2 GiB.
pub(super) fn schema_of<'a>(columns: impl Iterator<Item = (&'a str, ColumnType, bool)>) -> SchemaRef {
    Arc::new(Schema::new(
        columns.map(|(name, kind, is_long)| field(name, kind, is_long)).collect::<Vec<Field>>(),
    ))
}

fn field(name: &str, kind: ColumnType, is_long: bool) -> Field {
    let arrow = match kind {
        ColumnType::Null => DataType::Null,
        ColumnType::Bool => DataType::Boolean,
        ColumnType::Int64 => DataType::Int64,
        ColumnType::Uint64 => DataType::UInt64,
        ColumnType::Float64 => DataType::Float64,
        ColumnType::String | ColumnType::Json if is_long => DataType::LargeUtf8,
        ColumnType::String | ColumnType::Json => DataType::Utf8,
    };
    let field = Field::new(name, arrow, true);
    if kind != ColumnType::Json {
        return field;
    }
    // Not Arrow's extension type `arrow.json`: Polars and pyarrow then can neither compare nor sort nor write the column.
    field.with_metadata(HashMap::from([("libresult.type".to_owned(), "json".to_owned())]))
}

#[cfg(test)]
mod tests {
    use arrow_array::RecordBatchReader;
    use arrow_array::ffi_stream::ArrowArrayStreamReader;

    use super::*;

    #[test]
    fn a_name_with_a_nul_does_not_keep_a_frame_from_readers() {
        let column = Column { name: "a\0b".into(), kind: ColumnType::Null, values: Values::null(1) };
        let (places, diagnostics) = (HashMap::new(), Vec::new());
        let frame = Frame { rows: 1, columns: vec![column], places, diagnostics, batch_rows: 1 };
        let reader = ArrowArrayStreamReader::try_new(frame.export().unwrap()).unwrap();
        assert_eq!(reader.schema().field(0).name(), "a\u{fffd}b");
    }
}
