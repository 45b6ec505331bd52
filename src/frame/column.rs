//! One column while it grows: cells of one kind stand in one vector, and cells of several kinds keep what each of them
//! was, since only the last row decides the type.

use std::io::Write;

use super::ColumnType;
use super::values::{Texts, Values, validity};
use crate::json_writer::{append_float, append_string};
use crate::number::word;

/// What stands in one row of a column.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scalar<'a> {
    Null,
    Bool(bool),
    Int(i64),
    /// Above `i64::MAX`.
    UInt(u64),
    /// The digits of an integer beyond 64 bits.
    Big(&'a [u8]),
    Float(f64),
    /// UTF-8, as all texts here.
    Text(&'a [u8]),
    /// A list or an empty object, as strict JSON.
    Json(&'a [u8]),
}

/// A column that rows are added to.
#[derive(Debug, Default)]
pub(super) struct ColumnBuilder {
    store: Store,
    rows: u32,
    /// The rows that are null: where each run of them starts, and how many they are.
    nulls: Vec<(u32, u32)>,
}

/// The cells so far. Where a row is null, a vector holds anything.
#[derive(Debug, Default)]
enum Store {
    /// No row has named the column yet.
    #[default]
    Unseen,
    Null,
    Bool(Vec<bool>),
    Int(Vec<i64>),
    Float(Vec<f64>),
    Text(Texts),
    Json(Texts),
    Mixed(Mixed),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tag {
    Null,
    Bool,
    Int,
    UInt,
    Big,
    Float,
    Text,
    Json,
}

/// Cells of several kinds: what each is, and its bits, or where its text stands.
#[derive(Debug, Default)]
struct Mixed {
    tags: Vec<Tag>,
    words: Vec<u64>,
    texts: Texts,
}

impl Mixed {
    fn null(rows: usize) -> Self {
        Mixed { tags: vec![Tag::Null; rows], words: vec![0; rows], texts: Texts::default() }
    }

    fn push(&mut self, value: Scalar) {
        let (tag, word) = match value {
            Scalar::Null => (Tag::Null, 0),
            Scalar::Bool(bool) => (Tag::Bool, u64::from(bool)),
            Scalar::Int(number) => (Tag::Int, number as u64),
            Scalar::UInt(number) => (Tag::UInt, number),
            Scalar::Float(number) => (Tag::Float, number.to_bits()),
            Scalar::Big(text) => (Tag::Big, self.texts.push(text)),
            Scalar::Text(text) => (Tag::Text, self.texts.push(text)),
            Scalar::Json(text) => (Tag::Json, self.texts.push(text)),
        };
        self.tags.push(tag);
        self.words.push(word);
    }

    fn cells(&self) -> impl Iterator<Item = Scalar<'_>> {
        self.tags.iter().zip(&self.words).map(|(tag, word)| match tag {
            Tag::Null => Scalar::Null,
            Tag::Bool => Scalar::Bool(*word != 0),
            Tag::Int => Scalar::Int(*word as i64),
            Tag::UInt => Scalar::UInt(*word),
            Tag::Float => Scalar::Float(f64::from_bits(*word)),
            Tag::Big => Scalar::Big(self.texts.at(*word as usize)),
            Tag::Text => Scalar::Text(self.texts.at(*word as usize)),
            Tag::Json => Scalar::Json(self.texts.at(*word as usize)),
        })
    }
}

impl ColumnBuilder {
    /// Whether no row has named the column yet.
    #[inline]
    pub(super) fn is_unseen(&self) -> bool {
        matches!(self.store, Store::Unseen)
    }

    /// Adds the cell of a row, which comes after all others; the rows between are null.
    #[inline]
    pub(super) fn push(&mut self, row: u32, value: Scalar) {
        if self.rows != row {
            self.push_nulls(row - self.rows);
        }
        match (&mut self.store, value) {
            (Store::Float(cells), Scalar::Float(number)) => cells.push(number),
            (Store::Int(cells), Scalar::Int(number)) => cells.push(number),
            (Store::Text(cells), Scalar::Text(text)) | (Store::Json(cells), Scalar::Json(text)) => {
                cells.push(text);
            }
            (Store::Bool(cells), Scalar::Bool(bool)) => cells.push(bool),
            (Store::Unseen, Scalar::Null) => {
                self.store = Store::Null;
                return self.push_nulls(1);
            }
            (_, Scalar::Null) => return self.push_nulls(1),
            (_, value) => self.push_unlike(value),
        }
        self.rows = row + 1;
    }

    /// Makes room for this many rows in all.
    pub(super) fn reserve(&mut self, rows: usize) {
        match &mut self.store {
            Store::Unseen | Store::Null | Store::Bool(_) | Store::Mixed(_) => {}
            Store::Int(cells) => cells.reserve(rows.saturating_sub(cells.len())),
            Store::Float(cells) => cells.reserve(rows.saturating_sub(cells.len())),
            Store::Text(texts) | Store::Json(texts) => texts.reserve(rows),
        }
    }

    /// Adds a cell of another kind than the store has.
    #[cold]
    fn push_unlike(&mut self, value: Scalar) {
        let rows = self.rows as usize;
        let is_empty = matches!(self.store, Store::Unseen | Store::Null);
        if !is_empty {
            let mut mixed = self.take_mixed();
            mixed.push(value);
            self.store = Store::Mixed(mixed);
            return;
        }
        self.store = match value {
            Scalar::Float(number) => Store::Float(behind(rows, number)),
            Scalar::Int(number) => Store::Int(behind(rows, number)),
            Scalar::Bool(bool) => Store::Bool(behind(rows, bool)),
            Scalar::Text(text) => Store::Text(Texts::behind(rows, text)),
            Scalar::Json(text) => Store::Json(Texts::behind(rows, text)),
            Scalar::Null | Scalar::UInt(_) | Scalar::Big(_) => {
                let mut mixed = self.take_mixed();
                mixed.push(value);
                Store::Mixed(mixed)
            }
        };
    }

    fn push_nulls(&mut self, count: u32) {
        self.note_nulls(self.rows, count);
        self.rows += count;
        let rows = self.rows as usize;
        match &mut self.store {
            Store::Unseen | Store::Null => {}
            Store::Bool(cells) => cells.resize(rows, false),
            Store::Int(cells) => cells.resize(rows, 0),
            Store::Float(cells) => cells.resize(rows, 0.0),
            Store::Text(texts) | Store::Json(texts) => texts.push_empty(count as usize),
            Store::Mixed(mixed) => {
                mixed.tags.resize(rows, Tag::Null);
                mixed.words.resize(rows, 0);
            }
        }
    }

    /// Adds a run of nulls to those before, or to the last of them if it goes on.
    fn note_nulls(&mut self, first: u32, count: u32) {
        match self.nulls.last_mut() {
            Some((start, length)) if *start + *length == first => *length += count,
            Some(_) | None => self.nulls.push((first, count)),
        }
    }

    /// Adds the last cell again, `count` times.
    pub(super) fn repeat(&mut self, count: u32) {
        if self.nulls.last().is_some_and(|(start, length)| start + length == self.rows) {
            return self.push_nulls(count);
        }
        self.rows += count;
        let rows = self.rows as usize;
        match &mut self.store {
            Store::Unseen | Store::Null => {}
            Store::Bool(cells) => again(cells, rows),
            Store::Int(cells) => again(cells, rows),
            Store::Float(cells) => again(cells, rows),
            Store::Text(texts) | Store::Json(texts) => texts.repeat(count as usize),
            Store::Mixed(mixed) => {
                again(&mut mixed.tags, rows);
                again(&mut mixed.words, rows);
            }
        }
    }

    /// Adds the rows of another part of the same column, the first of which is row `start`.
    pub(super) fn append(&mut self, start: u32, other: ColumnBuilder) {
        if self.rows != start {
            self.push_nulls(start - self.rows);
        }
        let is_empty = matches!(self.store, Store::Unseen | Store::Null);
        match other.store {
            Store::Unseen => return,
            Store::Null => {
                if is_empty {
                    self.store = Store::Null;
                }
                return self.push_nulls(other.rows);
            }
            store @ (Store::Bool(_)
            | Store::Int(_)
            | Store::Float(_)
            | Store::Text(_)
            | Store::Json(_)
            | Store::Mixed(_)) => {
                if is_empty && start == 0 {
                    self.store = store;
                } else {
                    self.append_cells(store, other.rows, &other.nulls);
                }
            }
        }
        for (first, length) in other.nulls {
            self.note_nulls(start + first, length);
        }
        self.rows = start + other.rows;
    }

    fn append_cells(&mut self, more: Store, more_rows: u32, more_nulls: &[(u32, u32)]) {
        let rows = self.rows as usize;
        if matches!(self.store, Store::Unseen | Store::Null) {
            self.store = match more {
                Store::Unseen | Store::Null => return,
                Store::Bool(_) => Store::Bool(vec![false; rows]),
                Store::Int(_) => Store::Int(vec![0; rows]),
                Store::Float(_) => Store::Float(vec![0.0; rows]),
                Store::Text(_) => Store::Text(Texts::empty(rows)),
                Store::Json(_) => Store::Json(Texts::empty(rows)),
                Store::Mixed(_) => Store::Mixed(Mixed::null(rows)),
            };
        }
        match (&mut self.store, more) {
            (Store::Bool(cells), Store::Bool(more)) => cells.extend_from_slice(&more),
            (Store::Int(cells), Store::Int(more)) => cells.extend_from_slice(&more),
            (Store::Float(cells), Store::Float(more)) => cells.extend_from_slice(&more),
            (Store::Text(texts), Store::Text(more)) | (Store::Json(texts), Store::Json(more)) => {
                texts.append(&more)
            }
            (_, store) => {
                let mut mixed = self.take_mixed();
                let mut more = ColumnBuilder { store, rows: more_rows, nulls: more_nulls.to_vec() };
                more.take_mixed().cells().for_each(|cell| mixed.push(cell));
                self.store = Store::Mixed(mixed);
            }
        }
    }

    /// The cells as those of several kinds; none are left.
    fn take_mixed(&mut self) -> Mixed {
        let rows = self.rows as usize;
        let mut mixed = Mixed::default();
        match std::mem::take(&mut self.store) {
            Store::Mixed(mixed) => return mixed,
            Store::Unseen | Store::Null => return Mixed::null(rows),
            Store::Bool(cells) => cells.into_iter().for_each(|cell| mixed.push(Scalar::Bool(cell))),
            Store::Int(cells) => cells.into_iter().for_each(|cell| mixed.push(Scalar::Int(cell))),
            Store::Float(cells) => cells.into_iter().for_each(|cell| mixed.push(Scalar::Float(cell))),
            Store::Text(texts) => (0..rows).for_each(|row| mixed.push(Scalar::Text(texts.at(row)))),
            Store::Json(texts) => (0..rows).for_each(|row| mixed.push(Scalar::Json(texts.at(row)))),
        }
        for (start, length) in &self.nulls {
            mixed.tags[*start as usize..(*start + *length) as usize].fill(Tag::Null);
        }
        mixed
    }

    /// About how many bytes the column takes once it has this many rows.
    pub(super) fn bytes(&self, rows: u32) -> usize {
        let rows = rows.max(self.rows) as usize;
        let store = match &self.store {
            Store::Unseen | Store::Null => 0,
            Store::Bool(_) => rows,
            Store::Int(_) | Store::Float(_) => rows * 8,
            Store::Text(texts) | Store::Json(texts) => texts.size() + rows * 4,
            Store::Mixed(mixed) => rows * 9 + mixed.texts.size(),
        };
        size_of::<Self>() + store + self.nulls.capacity() * 8
    }

    /// Of what kinds the cells are.
    pub(super) fn kinds(&self) -> Kinds {
        let mut kinds = Kinds::default();
        match &self.store {
            Store::Unseen | Store::Null => {}
            Store::Bool(_) => kinds.bools = true,
            Store::Int(cells) => {
                kinds.integers = true;
                kinds.negative = cells.iter().any(|number| *number < 0);
            }
            Store::Float(_) => kinds.floats = true,
            Store::Text(texts) => {
                let is_null = |row: u32| {
                    let before = self.nulls.partition_point(|(start, _)| *start <= row);
                    before > 0 && row < self.nulls[before - 1].0 + self.nulls[before - 1].1
                };
                let is_word = |row: u32| word(text_of(texts.at(row as usize))).is_some();
                kinds.texts = (0..self.rows).any(|row| !is_word(row) && !is_null(row));
                kinds.words = !kinds.texts || (0..self.rows).any(is_word);
            }
            Store::Json(_) => kinds.others = true,
            Store::Mixed(mixed) => mixed.cells().for_each(|cell| kinds.see(cell)),
        }
        kinds
    }

    /// The column of `rows` rows, and whether words such as `nan` were read as numbers.
    pub(super) fn finish(self, rows: u32) -> (ColumnType, Values, bool) {
        // The kinds of a column of one kind are not looked at: that would cost more than to finish it.
        let (kind, has_words) = match &self.store {
            Store::Unseen | Store::Null => (ColumnType::Null, false),
            Store::Bool(_) => (ColumnType::Bool, false),
            Store::Int(_) => (ColumnType::Int64, false),
            Store::Float(_) => (ColumnType::Float64, false),
            Store::Text(_) => (ColumnType::String, false),
            Store::Json(_) => (ColumnType::Json, false),
            Store::Mixed(_) => self.kinds().column_type(),
        };
        (kind, self.finish_as(kind, rows), has_words)
    }

    /// The column of `rows` rows, as a type that has room for all cells.
    pub(super) fn finish_as(mut self, kind: ColumnType, rows: u32) -> Values {
        if self.rows < rows {
            self.push_nulls(rows - self.rows);
        }
        let nulls = validity(rows as usize, &self.nulls);
        match (kind, std::mem::take(&mut self.store)) {
            (ColumnType::Null, _) => Values::null(rows as usize),
            (ColumnType::Bool, Store::Bool(cells)) => Values::bool(cells, nulls),
            (ColumnType::Int64, Store::Int(cells)) => Values::int64(cells, nulls),
            (ColumnType::Float64, Store::Float(cells)) => Values::float64(cells, nulls),
            (ColumnType::String, Store::Text(texts)) | (ColumnType::Json, Store::Json(texts)) => {
                Values::text(texts, nulls)
            }
            (kind, store) => {
                self.store = store;
                let mixed = self.take_mixed();
                match kind {
                    ColumnType::Null => Values::null(rows as usize),
                    ColumnType::Bool => Values::bool(
                        mixed.cells().map(|cell| matches!(cell, Scalar::Bool(true))).collect(),
                        nulls,
                    ),
                    ColumnType::Int64 => {
                        Values::int64(mixed.words.iter().map(|word| *word as i64).collect(), nulls)
                    }
                    ColumnType::Uint64 => Values::uint64(mixed.words, nulls),
                    ColumnType::Float64 => Values::float64(mixed.cells().map(as_float).collect(), nulls),
                    ColumnType::String => Values::text(mixed.as_texts(), nulls),
                    ColumnType::Json => Values::text(mixed.as_json(), nulls),
                }
            }
        }
    }
}

/// Of what kinds the cells of a column are.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Kinds {
    bools: bool,
    integers: bool,
    /// Whether an integer is below zero, above `i64::MAX`, beyond 64 bits.
    negative: bool,
    unsigned: bool,
    big: bool,
    floats: bool,
    /// Texts such as `nan`, and other texts.
    words: bool,
    texts: bool,
    others: bool,
}

impl Kinds {
    fn see(&mut self, cell: Scalar) {
        match cell {
            Scalar::Null => {}
            Scalar::Bool(_) => self.bools = true,
            Scalar::Int(number) => {
                self.integers = true;
                self.negative |= number < 0;
            }
            Scalar::UInt(_) => (self.integers, self.unsigned) = (true, true),
            Scalar::Big(_) => (self.integers, self.big) = (true, true),
            Scalar::Float(_) => self.floats = true,
            Scalar::Text(text) if word(text_of(text)).is_some() => self.words = true,
            Scalar::Text(_) => self.texts = true,
            Scalar::Json(_) => self.others = true,
        }
    }

    /// Adds those of more cells of the same column.
    pub(super) fn add(&mut self, more: Kinds) {
        self.bools |= more.bools;
        self.integers |= more.integers;
        self.negative |= more.negative;
        self.unsigned |= more.unsigned;
        self.big |= more.big;
        self.floats |= more.floats;
        self.words |= more.words;
        self.texts |= more.texts;
        self.others |= more.others;
    }

    /// The narrowest type that has room for all, and whether words among them count as numbers.
    pub(super) fn column_type(self) -> (ColumnType, bool) {
        let Kinds { bools, integers, negative, unsigned, big, floats, words, texts, others } = self;
        let kind = match (bools, integers || floats, words || texts, others) {
            (false, false, false, false) => ColumnType::Null,
            (true, false, false, false) => ColumnType::Bool,
            (false, false, true, false) => ColumnType::String,
            (false, true, false, false) if floats => ColumnType::Float64,
            (false, true, false, false) if big || (unsigned && negative) => ColumnType::Json,
            (false, true, false, false) if unsigned => ColumnType::Uint64,
            (false, true, false, false) => ColumnType::Int64,
            (false, true, true, false) if !texts => return (ColumnType::Float64, true),
            (_, _, _, _) => ColumnType::Json,
        };
        (kind, false)
    }
}

impl Mixed {
    fn as_texts(&self) -> Texts {
        let mut texts = Texts::default();
        for cell in self.cells() {
            texts.push(if let Scalar::Text(text) = cell { text } else { b"" });
        }
        texts
    }

    fn as_json(&self) -> Texts {
        let mut texts = Texts::default();
        for cell in self.cells() {
            texts.push_with(|out| write_json(cell, out));
        }
        texts
    }
}

/// Appends a cell as strict JSON; nothing where it is null.
fn write_json(cell: Scalar, out: &mut Vec<u8>) {
    // Writing to memory does not fail.
    let _ = match cell {
        Scalar::Null => Ok(()),
        Scalar::Bool(bool) => write!(out, "{bool}"),
        Scalar::Int(number) => write!(out, "{number}"),
        Scalar::UInt(number) => write!(out, "{number}"),
        Scalar::Float(number) => {
            append_float(out, number);
            Ok(())
        }
        Scalar::Text(text) => {
            append_string(out, text_of(text));
            Ok(())
        }
        Scalar::Big(text) | Scalar::Json(text) => {
            out.extend_from_slice(text);
            Ok(())
        }
    };
}

fn text_of(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

fn as_float(cell: Scalar) -> f64 {
    match cell {
        Scalar::Int(number) => number as f64,
        Scalar::UInt(number) => number as f64,
        Scalar::Float(number) => number,
        Scalar::Big(digits) => text_of(digits).parse().unwrap_or(f64::NAN),
        Scalar::Text(text) => word(text_of(text)).unwrap_or(f64::NAN),
        Scalar::Null | Scalar::Bool(_) | Scalar::Json(_) => 0.0,
    }
}

/// A vector of `rows` cells that nobody reads, and one more.
fn behind<T: Clone + Default>(rows: usize, cell: T) -> Vec<T> {
    let mut cells = vec![T::default(); rows];
    cells.push(cell);
    cells
}

fn again<T: Clone + Copy>(cells: &mut Vec<T>, rows: usize) {
    if let Some(last) = cells.last().copied() {
        cells.resize(rows, last);
    }
}
