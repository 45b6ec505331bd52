//! Every report of a run as typed columns.

mod arrow;
mod column;
mod csv;
mod fast;
mod json;
mod options;
mod parquet;
mod paths;
mod pick;
mod read;
mod rows;
mod table;
mod values;
mod write;

use std::collections::HashMap;
use std::fmt::{Debug, Formatter};
use std::sync::Arc;

use arrow_array::Array;
use arrow_buffer::NullBuffer;

use crate::layout::Diagnostic;
use values::Values;

pub use arrow::ArrowStream;
pub(crate) use csv::write_csv;
pub(crate) use parquet::write_parquet;
pub(crate) use read::Source;

/// The type of a column of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
#[non_exhaustive]
pub enum ColumnType {
    /// Every row is null.
    Null = 0,
    /// `bool`.
    Bool = 1,
    /// `int64_t`.
    Int64 = 2,
    /// `uint64_t`: a value is above `INT64_MAX` and none is negative.
    Uint64 = 3,
    /// `double`: numbers of which one at least is no integer.
    Float64 = 4,
    /// UTF-8.
    String = 5,
    /// Rows of more than one kind, lists, or integers beyond 64 bits: each as JSON text.
    Json = 6,
}

/// Every report of a run as typed columns: one row a report, nested metrics as `eval/loss`.
pub struct Frame {
    rows: usize,
    columns: Vec<Column>,
    /// Where each name is.
    places: HashMap<Arc<str>, usize>,
    diagnostics: Vec<Diagnostic>,
    batch_rows: usize,
}

/// A column of a frame.
pub struct Column {
    name: Arc<str>,
    kind: ColumnType,
    values: Values,
}

impl Frame {
    /// How many reports.
    pub fn row_count(&self) -> usize {
        self.rows
    }

    /// The columns, in the order in which the reports first name them.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The place of the column called `name`.
    pub fn find_column(&self, name: &str) -> Option<usize> {
        self.places.get(name).copied()
    }

    /// The column called `name`.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.get(self.find_column(name)?)
    }

    /// What was damaged, skipped or guessed in the reports.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }
}

impl Column {
    /// Its name, such as `eval/loss`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its type.
    pub fn column_type(&self) -> ColumnType {
        self.kind
    }

    /// The values of a column of this type, one a row.
    pub fn float64(&self) -> Option<&[f64]> {
        if let Values::Float64(array) = &self.values { Some(array.values()) } else { None }
    }

    /// The values of a column of this type, one a row.
    pub fn int64(&self) -> Option<&[i64]> {
        if let Values::Int64(array) = &self.values { Some(array.values()) } else { None }
    }

    /// The values of a column of this type, one a row.
    pub fn uint64(&self) -> Option<&[u64]> {
        if let Values::UInt64(array) = &self.values { Some(array.values()) } else { None }
    }

    /// The value at `row` of a column of booleans; none if it is null.
    pub fn bool(&self, row: usize) -> Option<bool> {
        let Values::Bool(array) = &self.values else { return None };
        (row < array.len() && array.is_valid(row)).then(|| array.value(row))
    }

    /// The value at `row` of a column of strings or JSON; none if it is null.
    pub fn string(&self, row: usize) -> Option<&str> {
        match &self.values {
            Values::Text(array) => (row < array.len() && array.is_valid(row)).then(|| array.value(row)),
            Values::LargeText(array) => (row < array.len() && array.is_valid(row)).then(|| array.value(row)),
            Values::Null(..) | Values::Bool(_) | Values::Int64(_) => None,
            Values::UInt64(_) | Values::Float64(_) => None,
        }
    }

    /// The number or boolean at `row` as a double; NaN if it is null. None if the column is of another type.
    pub fn to_float64(&self, row: usize) -> Option<f64> {
        let number = match &self.values {
            Values::Float64(array) => *array.values().get(row)?,
            Values::Int64(array) => *array.values().get(row)? as f64,
            Values::UInt64(array) => *array.values().get(row)? as f64,
            Values::Bool(array) => f64::from(u8::from(row < array.len() && array.value(row))),
            Values::Null(..) | Values::Text(_) | Values::LargeText(_) => return None,
        };
        Some(if self.is_null(row) { f64::NAN } else { number })
    }

    /// Whether the value at `row` is null: not reported, or reported as `null`.
    pub fn is_null(&self, row: usize) -> bool {
        self.values.validity().is_some_and(|valid| row < valid.len() && valid.is_null(row))
    }

    /// How many values are null.
    pub fn null_count(&self) -> usize {
        self.values.validity().map_or(0, NullBuffer::null_count)
    }

    /// Which rows are not null: Arrow's bitmap, bit `row % 8` of byte `row / 8`; none if all are.
    pub fn validity(&self) -> Option<&[u8]> {
        self.values.validity().map(|valid| valid.buffer().as_slice())
    }
}

impl Debug for Frame {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Frame({} rows, {} columns)", self.rows, self.columns.len())
    }
}

impl Debug for Column {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Column({}: {:?})", self.name, self.kind)
    }
}
