//! A flat, typed table out of the values that any of the parsers makes, with the types that the library has.

use std::collections::HashMap;

use crate::digest;

/// A JSON value of some parser.
pub trait Json {
    fn look(&self) -> Look<'_>;
    fn items(&self, each: impl FnMut(&Self));
    fn members(&self, each: impl FnMut(&str, &Self));
    fn is_empty_object(&self) -> bool;
}

pub enum Look<'a> {
    Null,
    Bool(bool),
    Int(i64),
    /// Beyond `i64`, as digits.
    Large(String),
    Float(f64),
    Text(&'a str),
    List,
    Object,
}

#[derive(Default)]
pub struct Table {
    rows: usize,
    columns: Vec<Column>,
    /// The keys seen of each object, in the order in which they came; the first is that of the row itself.
    objects: Vec<Object>,
}

#[derive(Default)]
struct Object {
    prefix: String,
    keys: Vec<Key>,
    places: HashMap<String, usize>,
}

struct Key {
    name: String,
    column: Option<usize>,
    object: Option<usize>,
}

struct Column {
    name: String,
    rows: usize,
    nulls: Vec<usize>,
    cells: Cells,
}

enum Cells {
    Null,
    Bool(Vec<bool>),
    Int(Vec<i64>),
    Float(Vec<f64>),
    Text(Texts),
    Json(Texts),
    Mixed(Vec<Cell>),
}

#[derive(Default)]
struct Texts {
    ends: Vec<usize>,
    bytes: String,
}

#[derive(Clone)]
enum Cell {
    Missing,
    Bool(bool),
    Int(i64),
    Large(String),
    Float(f64),
    Text(String),
    Json(String),
}

impl Table {
    pub fn add<V: Json>(&mut self, row: &V) {
        if self.objects.is_empty() {
            self.objects.push(Object::default());
        }
        self.object(0, row);
        self.rows += 1;
    }

    fn object<V: Json>(&mut self, object: usize, value: &V) {
        let mut next = 0;
        value.members(|name, value| {
            let place = self.place(object, name, next);
            next = place + 1;
            if matches!(value.look(), Look::Object) && !value.is_empty_object() {
                let inner = self.inner(object, place);
                self.object(inner, value);
            } else {
                let column = self.column(object, place);
                if let Some(column) = self.columns.get_mut(column) {
                    column.push(self.rows, value);
                }
            }
        });
    }

    /// Keys come in the same order nearly always: `next` is where this one is then.
    fn place(&mut self, object: usize, name: &str, next: usize) -> usize {
        let object = &mut self.objects[object];
        if object.keys.get(next).is_some_and(|key| key.name == name) {
            return next;
        }
        *object.places.entry(name.to_owned()).or_insert_with(|| {
            object.keys.push(Key { name: name.to_owned(), column: None, object: None });
            object.keys.len() - 1
        })
    }

    fn inner(&mut self, object: usize, place: usize) -> usize {
        let new = self.objects.len();
        let Object { prefix, keys, .. } = &mut self.objects[object];
        let key = &mut keys[place];
        if let Some(known) = key.object {
            return known;
        }
        key.object = Some(new);
        let prefix = format!("{prefix}{}/", key.name);
        self.objects.push(Object { prefix, ..Object::default() });
        new
    }

    fn column(&mut self, object: usize, place: usize) -> usize {
        let Object { prefix, keys, .. } = &mut self.objects[object];
        let key = &mut keys[place];
        *key.column.get_or_insert_with(|| {
            let name = format!("{prefix}{}", key.name);
            self.columns.push(Column { name, rows: 0, nulls: Vec::new(), cells: Cells::Null });
            self.columns.len() - 1
        })
    }

    /// Nothing may be added any more.
    pub fn finish(&mut self) {
        for column in &mut self.columns {
            column.pad(self.rows);
            column.settle();
        }
    }

    pub fn size(&self) -> (usize, usize) {
        (self.rows, self.columns.len())
    }

    pub fn digest(&self) -> Vec<digest::Column> {
        self.columns.iter().map(Column::digest).collect()
    }
}

impl Texts {
    fn push(&mut self, text: &str) {
        self.bytes.push_str(text);
        self.ends.push(self.bytes.len());
    }

    fn iter(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| &self.bytes[start..end])
    }
}

impl Column {
    fn push<V: Json>(&mut self, row: usize, value: &V) {
        self.pad(row);
        self.rows += 1;
        match (&mut self.cells, value.look()) {
            (_, Look::Null) => {
                self.rows -= 1;
                self.pad(row + 1);
            }
            (Cells::Bool(cells), Look::Bool(value)) => cells.push(value),
            (Cells::Int(cells), Look::Int(value)) => cells.push(value),
            (Cells::Float(cells), Look::Float(value)) => cells.push(value),
            (Cells::Text(cells), Look::Text(value)) => cells.push(value),
            (Cells::Json(cells), Look::List | Look::Object) => {
                write(value, &mut cells.bytes);
                cells.ends.push(cells.bytes.len());
            }
            (Cells::Mixed(cells), _) => cells.push(Cell::of(value)),
            (Cells::Null, look) => {
                self.cells = match look {
                    Look::Bool(_) => Cells::Bool(vec![false; row]),
                    Look::Int(_) => Cells::Int(vec![0; row]),
                    Look::Float(_) => Cells::Float(vec![0.0; row]),
                    Look::Text(_) => Cells::Text(Texts { ends: vec![0; row], ..Texts::default() }),
                    Look::List | Look::Object => {
                        Cells::Json(Texts { ends: vec![0; row], ..Texts::default() })
                    }
                    Look::Large(_) | Look::Null => Cells::Mixed(vec![Cell::Missing; row]),
                };
                self.rows -= 1;
                self.push(row, value);
            }
            (..) => {
                self.mix();
                self.rows -= 1;
                self.push(row, value);
            }
        }
    }

    /// Nulls, up to this row.
    fn pad(&mut self, row: usize) {
        while self.rows < row {
            self.nulls.push(self.rows);
            self.rows += 1;
            match &mut self.cells {
                Cells::Null => {}
                Cells::Bool(cells) => cells.push(false),
                Cells::Int(cells) => cells.push(0),
                Cells::Float(cells) => cells.push(0.0),
                Cells::Text(cells) | Cells::Json(cells) => cells.push(""),
                Cells::Mixed(cells) => cells.push(Cell::Missing),
            }
        }
    }

    fn mix(&mut self) {
        let mut cells: Vec<Cell> = match &self.cells {
            Cells::Null | Cells::Mixed(_) => return,
            Cells::Bool(cells) => cells.iter().map(|&value| Cell::Bool(value)).collect(),
            Cells::Int(cells) => cells.iter().map(|&value| Cell::Int(value)).collect(),
            Cells::Float(cells) => cells.iter().map(|&value| Cell::Float(value)).collect(),
            Cells::Text(cells) => cells.iter().map(|text| Cell::Text(text.to_owned())).collect(),
            Cells::Json(cells) => cells.iter().map(|text| Cell::Json(text.to_owned())).collect(),
        };
        for &row in &self.nulls {
            cells[row] = Cell::Missing;
        }
        self.cells = Cells::Mixed(cells);
    }

    /// Gives mixed cells the type that holds them all.
    fn settle(&mut self) {
        let Cells::Mixed(cells) = &mut self.cells else { return };
        let (mut numbers, mut all) = (false, true);
        for cell in &*cells {
            numbers |= matches!(cell, Cell::Int(_) | Cell::Float(_) | Cell::Large(_));
            all &= matches!(cell, Cell::Missing) || cell.number().is_some();
        }
        // Integers alone are here only if one is beyond i64, and no workload has such a column within u64.
        let floats = cells.iter().any(|cell| matches!(cell, Cell::Float(_) | Cell::Text(_)));
        if numbers && all && floats {
            self.cells = Cells::Float(cells.iter().map(|cell| cell.number().unwrap_or_default()).collect());
        } else {
            let mut texts = Texts::default();
            for cell in cells {
                cell.write(&mut texts.bytes);
                texts.ends.push(texts.bytes.len());
            }
            self.cells = Cells::Json(texts);
        }
    }

    fn digest(&self) -> digest::Column {
        let (kind, words): (_, Vec<u64>) = match &self.cells {
            Cells::Null => ("null", vec![0; self.rows]),
            Cells::Bool(cells) => ("bool", cells.iter().map(|&value| u64::from(value)).collect()),
            Cells::Int(cells) => ("int64", cells.iter().map(|&value| value.cast_unsigned()).collect()),
            Cells::Float(cells) => ("float64", cells.iter().map(|&value| digest::float(value)).collect()),
            Cells::Text(cells) => ("string", cells.iter().map(digest::string).collect()),
            Cells::Json(cells) => ("json", cells.iter().map(digest::json).collect()),
            Cells::Mixed(_) => unreachable!("settled"),
        };
        let mut column = digest::Column::new(&self.name, kind);
        let mut nulls = self.nulls.iter().peekable();
        for (row, word) in words.into_iter().enumerate() {
            if nulls.next_if_eq(&&row).is_none() {
                column.add(row, word);
            }
        }
        column
    }
}

impl Cell {
    fn of<V: Json>(value: &V) -> Self {
        match value.look() {
            Look::Null => Self::Missing,
            Look::Bool(value) => Self::Bool(value),
            Look::Int(value) => Self::Int(value),
            Look::Large(digits) => Self::Large(digits),
            Look::Float(value) => Self::Float(value),
            Look::Text(text) => Self::Text(text.to_owned()),
            Look::List | Look::Object => {
                let mut text = String::new();
                write(value, &mut text);
                Self::Json(text)
            }
        }
    }

    /// As a float; so are the words that Ray writes for odd ones.
    fn number(&self) -> Option<f64> {
        match self {
            Self::Int(value) => Some(*value as f64),
            Self::Large(digits) => digits.parse().ok(),
            Self::Float(value) => Some(*value),
            Self::Text(text) => match text.as_str() {
                "nan" | "NaN" | "null" => Some(f64::NAN),
                "inf" | "Infinity" => Some(f64::INFINITY),
                "-inf" | "-Infinity" => Some(f64::NEG_INFINITY),
                _ => None,
            },
            Self::Missing | Self::Bool(_) | Self::Json(_) => None,
        }
    }

    fn write(&self, out: &mut String) {
        match self {
            Self::Missing => {}
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Int(value) => out.push_str(itoa::Buffer::new().format(*value)),
            Self::Large(text) | Self::Json(text) => out.push_str(text),
            Self::Float(value) => write_float(*value, out),
            Self::Text(text) => write_text(text, out),
        }
    }
}

/// As strict JSON.
fn write<V: Json>(value: &V, out: &mut String) {
    match value.look() {
        Look::Null => out.push_str("null"),
        Look::Bool(value) => out.push_str(if value { "true" } else { "false" }),
        Look::Int(value) => out.push_str(itoa::Buffer::new().format(value)),
        Look::Large(digits) => out.push_str(&digits),
        Look::Float(value) => write_float(value, out),
        Look::Text(text) => write_text(text, out),
        Look::List => {
            out.push('[');
            let mut first = true;
            value.items(|item| {
                if !std::mem::take(&mut first) {
                    out.push(',');
                }
                write(item, out);
            });
            out.push(']');
        }
        Look::Object => {
            out.push('{');
            let mut first = true;
            value.members(|name, value| {
                if !std::mem::take(&mut first) {
                    out.push(',');
                }
                write_text(name, out);
                out.push(':');
                write(value, out);
            });
            out.push('}');
        }
    }
}

fn write_float(value: f64, out: &mut String) {
    match value {
        value if value.is_nan() => out.push_str("\"NaN\""),
        f64::INFINITY => out.push_str("\"Infinity\""),
        f64::NEG_INFINITY => out.push_str("\"-Infinity\""),
        value => out.push_str(ryu::Buffer::new().format_finite(value)),
    }
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\0'..'\x20' => out.push_str(&format!("\\u{:04x}", u32::from(character))),
            _ => out.push(character),
        }
    }
    out.push('"');
}
