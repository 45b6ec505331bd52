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
    /// text with the extension type `arrow.json`.
    ///
    /// # Errors
    /// `Internal`, a bug in libresult.
    pub fn export(&self) -> Result<ArrowStream> {
        let whole = self.to_batch().map_err(|error| Error::new(Code::Internal, error))?;
        let (schema, rows, most) = (whole.schema(), self.rows, self.batch_rows.max(1));
        let batch = move |start| Ok(whole.slice(start, most.min(rows - start)));
        let batches = (0..rows).step_by(most).map(batch);
        Ok(ArrowStream::new(Box::new(RecordBatchIterator::new(batches, schema))))
    }

    fn to_batch(&self) -> Result<RecordBatch, ArrowError> {
        let columns: Vec<ArrayRef> = self.columns.iter().map(|column| column.values.array()).collect();
        // Without columns the number of rows stands nowhere else.
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        RecordBatch::try_new_with_options(schema(&self.columns), columns, &options)
    }
}

fn schema(columns: &[Column]) -> SchemaRef {
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<Field>>()))
}

fn field(column: &Column) -> Field {
    let is_long = matches!(column.values, Values::LargeText(_));
    let kind = match column.kind {
        ColumnType::Null => DataType::Null,
        ColumnType::Bool => DataType::Boolean,
        ColumnType::Int64 => DataType::Int64,
        ColumnType::Uint64 => DataType::UInt64,
        ColumnType::Float64 => DataType::Float64,
        ColumnType::String | ColumnType::Json if is_long => DataType::LargeUtf8,
        ColumnType::String | ColumnType::Json => DataType::Utf8,
    };
    let field = Field::new(column.name.as_ref(), kind, true);
    if column.kind != ColumnType::Json {
        return field;
    }
    let extension = [("ARROW:extension:name", "arrow.json"), ("ARROW:extension:metadata", "")];
    let extension: HashMap<String, String> =
        extension.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    field.with_metadata(extension)
}
