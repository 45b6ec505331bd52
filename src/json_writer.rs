//! JSON that goes out: strict, in one line, and without recursion.

use std::io;

use crate::value::Value;

/// Writes one JSON text, piece by piece.
pub(crate) struct JsonWriter {
    out: Vec<u8>,
}

impl JsonWriter {
    pub(crate) fn new() -> Self {
        JsonWriter { out: Vec::new() }
    }

    pub(crate) fn finish(self) -> String {
        // Only whole strings and ASCII were written.
        String::from_utf8(self.out).unwrap_or_default()
    }

    /// How many bytes were written so far.
    pub(crate) fn len(&self) -> usize {
        self.out.len()
    }

    /// Opens an object or a list: `{` or `[`.
    pub(crate) fn begin(&mut self, bracket: char) {
        self.separate();
        self.out.push(bracket as u8);
    }

    /// Closes it: `}` or `]`.
    pub(crate) fn end(&mut self, bracket: char) {
        self.out.push(bracket as u8);
    }

    /// The key of the member that follows.
    pub(crate) fn key(&mut self, key: &str) {
        self.string(key);
        self.out.push(b':');
    }

    pub(crate) fn string(&mut self, text: &str) {
        self.separate();
        // Writing to memory does not fail.
        let _ = serde_json::to_writer(&mut self.out, text);
    }

    /// A number, `true`, `false` or `null`.
    pub(crate) fn literal(&mut self, literal: impl std::fmt::Display) {
        self.separate();
        self.out.extend_from_slice(literal.to_string().as_bytes());
    }

    /// A text; `null` if it is empty.
    pub(crate) fn text(&mut self, text: &str) {
        if text.is_empty() { self.literal("null") } else { self.string(text) }
    }

    /// A value, or `null`.
    pub(crate) fn option(&mut self, value: Option<&Value>) {
        self.value(value.unwrap_or(&Value::Null));
    }

    pub(crate) fn value(&mut self, value: &Value) {
        // Lists and objects that are being written, and how many of their children are.
        let mut open: Vec<(&Value, usize)> = Vec::new();
        let mut next = Some(value);
        loop {
            if let Some(value) = next.take() {
                match value {
                    Value::Array(_) => {
                        self.begin('[');
                        open.push((value, 0));
                    }
                    Value::Object(_) => {
                        self.begin('{');
                        open.push((value, 0));
                    }
                    Value::Null => self.literal("null"),
                    Value::Bool(bool) => self.literal(bool),
                    Value::Int(number) => self.literal(number),
                    Value::UInt(number) => self.literal(number),
                    Value::BigInt(digits) => self.literal(digits),
                    Value::Float(number) => self.float(*number),
                    Value::Str(text) => self.string(text),
                }
            }
            let Some((parent, written)) = open.last_mut() else { return };
            let place = *written;
            *written += 1;
            match parent.at(place) {
                Some(child) => {
                    if let Some(key) = parent.key_at(place) {
                        self.key(key);
                    }
                    next = Some(child);
                }
                None => {
                    self.end(if matches!(parent, Value::Object(_)) { '}' } else { ']' });
                    open.pop();
                }
            }
        }
    }

    fn float(&mut self, number: f64) {
        self.separate();
        write_float(&mut self.out, number);
    }

    /// The comma before whatever is not the first in its list or object.
    fn separate(&mut self) {
        if !matches!(self.out.last(), None | Some(b'[' | b'{' | b':')) {
            self.out.push(b',');
        }
    }
}

fn write_float(out: &mut impl io::Write, number: f64) {
    // Writing to memory does not fail.
    let _ = match number {
        number if number.is_nan() => out.write_all(b"\"NaN\""),
        f64::INFINITY => out.write_all(b"\"Infinity\""),
        f64::NEG_INFINITY => out.write_all(b"\"-Infinity\""),
        number => serde_json::to_writer(out, &number).map_err(io::Error::from),
    };
}

/// Appends a number as strict JSON.
pub(crate) fn append_float(out: &mut Vec<u8>, number: f64) {
    write_float(out, number);
}

/// Appends a text as a JSON string.
pub(crate) fn append_string(out: &mut Vec<u8>, text: &str) {
    let _ = serde_json::to_writer(out, text);
}
