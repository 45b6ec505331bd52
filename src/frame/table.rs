//! Rows become columns: the table of one part of a run's reports.

use std::collections::HashMap;
use std::sync::Arc;

use super::column::{ColumnBuilder, Scalar};
use super::paths::{Column, NO_COLUMN, Node, Paths, ROW};
use super::pick::Pick;
use crate::error::{Error, Result};
use crate::value::{Object, Value};

/// The columns of the rows read so far.
#[derive(Debug)]
pub(super) struct Table {
    pub paths: Paths,
    columns: Vec<Slot>,
    rows: u32,
    /// How many columns some row has named.
    seen: u32,
}

/// A column, and what is known of it besides its cells.
#[derive(Debug, Default)]
struct Slot {
    builder: ColumnBuilder,
    /// Its place among the columns, by the first row that names it.
    order: u32,
    /// Whether a row had two values for it.
    has_conflict: bool,
}

/// A value of a row that is no object with members, and where it stands.
struct Leaf<'a> {
    node: Node,
    value: &'a Value,
}

/// Some rows, one behind the other.
pub(super) struct Batch {
    pub rows: u32,
    pub parts: Vec<Part>,
}

/// A column as some rows have it.
pub(super) struct Part {
    pub name: Arc<str>,
    pub builder: ColumnBuilder,
    pub has_conflict: bool,
}

impl Table {
    pub(super) fn new(pick: Pick) -> Self {
        Table { paths: Paths::new(pick), columns: Vec::new(), rows: 0, seen: 0 }
    }

    #[inline]
    pub(super) fn rows(&self) -> u32 {
        self.rows
    }

    /// Makes room for this many rows in all, as long as the columns take at most `bytes`: room is only asked for, so that
    /// what turns out to be too much costs nothing.
    pub(super) fn expect(&mut self, rows: u64, bytes: u64) {
        if rows.saturating_mul(8 * self.columns.len() as u64) <= bytes {
            self.columns.iter_mut().for_each(|slot| slot.builder.reserve(rows as usize));
        }
    }

    /// Ends a row, whose cells were all put.
    pub(super) fn end_row(&mut self) -> Result<()> {
        // The last number is kept free.
        if self.rows == u32::MAX - 1 {
            return Err(Error::corrupt("there are more than 4,294,967,294 rows"));
        }
        self.rows += 1;
        Ok(())
    }

    /// Puts a cell into the row that has not ended yet.
    #[inline]
    pub(super) fn put(&mut self, column: Column, value: Scalar) {
        let (rows, seen) = (self.rows, self.seen);
        let slot = self.slot(column);
        let is_first = slot.builder.is_unseen();
        if is_first {
            slot.order = seen;
        }
        slot.builder.push(rows, value);
        self.seen += u32::from(is_first);
    }

    /// A column that the paths know of, which may be new here.
    #[inline]
    fn slot(&mut self, column: Column) -> &mut Slot {
        if column as usize >= self.columns.len() {
            self.columns.resize_with(self.paths.columns().len(), Slot::default);
        }
        &mut self.columns[column as usize]
    }

    /// Repeats what the last row of a column has, `count` times.
    pub(super) fn repeat(&mut self, column: Column, count: u32) {
        if let Some(slot) = self.columns.get_mut(column as usize) {
            slot.builder.repeat(count);
        }
    }

    /// Adds a row that was read as a whole: nested objects are taken apart, and of two values of one name a key of the
    /// row itself counts before a nested one, else the later one.
    pub(super) fn add(&mut self, row: &Object) -> Result<()> {
        let mut leaves: Vec<Leaf> = Vec::with_capacity(row.len());
        // Objects that are being taken apart, and how many of their members are.
        let mut open: Vec<(Node, &Object, usize)> = vec![(ROW, row, 0)];
        while let Some((parent, object, place)) = open.last_mut() {
            let Some((key, value)) = object.member(*place) else {
                open.pop();
                continue;
            };
            *place += 1;
            let node = self.paths.child(*parent, key)?;
            match value.as_object() {
                Some(nested) if !nested.is_empty() => open.push((node, nested, 0)),
                Some(_) | None if self.paths.get(node).column == NO_COLUMN => {}
                Some(_) | None => leaves.push(Leaf { node, value }),
            }
        }
        if self.paths.contests() > 0 {
            self.settle(&mut leaves);
        }
        for Leaf { node, value } in leaves {
            self.put_value(self.paths.get(node).column, value);
        }
        self.end_row()
    }

    /// Leaves one value for each name.
    fn settle(&mut self, leaves: &mut Vec<Leaf>) {
        let mut places: HashMap<Column, usize> = HashMap::new();
        let mut settled: Vec<Leaf> = Vec::with_capacity(leaves.len());
        for leaf in leaves.drain(..) {
            let path = self.paths.get(leaf.node);
            let place = if path.is_contested {
                *places.entry(path.column).or_insert(settled.len())
            } else {
                settled.len()
            };
            if place == settled.len() {
                settled.push(leaf);
                continue;
            }
            let column = path.column;
            if self.paths.get(settled[place].node).depth > 1 {
                settled[place] = leaf;
            }
            self.slot(column).has_conflict = true;
        }
        *leaves = settled;
    }

    fn put_value(&mut self, column: Column, value: &Value) {
        match value {
            Value::Null => self.put(column, Scalar::Null),
            Value::Bool(bool) => self.put(column, Scalar::Bool(*bool)),
            Value::Int(number) => self.put(column, Scalar::Int(*number)),
            Value::UInt(number) => self.put(column, Scalar::UInt(*number)),
            Value::BigInt(digits) => self.put(column, Scalar::Big(digits.as_bytes())),
            Value::Float(number) => self.put(column, Scalar::Float(*number)),
            Value::Str(text) => self.put(column, Scalar::Text(text.as_bytes())),
            Value::Array(_) | Value::Object(_) => self.put(column, Scalar::Json(value.to_json().as_bytes())),
        }
    }

    /// About how many bytes the columns take.
    pub(super) fn bytes(&self) -> usize {
        self.columns.iter().map(|slot| slot.builder.bytes(self.rows)).sum()
    }

    /// Takes the columns that rows have named, in the order of the first of those. What comes next are the first rows of
    /// a further part, for which the paths are known.
    pub(super) fn take(&mut self) -> Batch {
        let rows = std::mem::take(&mut self.rows);
        self.seen = 0;
        let names = self.paths.columns();
        let mut parts: Vec<(u32, Part)> = Vec::with_capacity(self.columns.len());
        for (name, slot) in names.iter().zip(&mut self.columns) {
            let Slot { builder, order, has_conflict } = std::mem::take(slot);
            if !builder.is_unseen() {
                parts.push((order, Part { name: name.clone(), builder, has_conflict }));
            }
        }
        parts.sort_unstable_by_key(|(order, _)| *order);
        Batch { rows, parts: parts.into_iter().map(|(_, part)| part).collect() }
    }
}
