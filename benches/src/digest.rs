//! The digest of a table, by which the answers of all readers are compared value by value; `digest.py` is its twin.
//!
//! One line for the table, `rows N columns M`, then one a column, separated by tabs: name, type, nulls, checksum. Types:
//! `null bool int64 uint64 float64 string json`. The checksum is the sum, modulo 2^64, over the cells that are not
//! null, of `mix(word + (row + 1) * STEP)`, so the order of the rows counts. The word of a cell:
//!
//! * bool: 0 or 1; int64, uint64: its 64 bits; float64: its bits, any NaN as 0x7ff8000000000000
//! * string: FNV-1a of its UTF-8
//! * json: FNV-1a of its values, one after the other: `n t f`; `i` and the digits of an integer, then `;`; `d` and the
//!   bits of a float, lowest byte first; `s`, the text's UTF-8, then 0xff; `[` items `]`; `{` keys as texts, each with its
//!   value, `}`. NaN and the infinities are the texts `NaN Infinity -Infinity`.

use std::io::Write;

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

fn mix(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// The line of one column. Rows come in order; what is not told of is null.
pub struct Column {
    name: String,
    kind: &'static str,
    values: u64,
    sum: u64,
}

impl Column {
    /// `kind` is the type.
    pub fn new(name: &str, kind: &'static str) -> Self {
        Self { name: name.to_owned(), kind, values: 0, sum: 0 }
    }

    /// A cell that is not null.
    pub fn add(&mut self, row: usize, word: u64) {
        self.values += 1;
        self.sum = self.sum.wrapping_add(mix(word.wrapping_add((row as u64 + 1).wrapping_mul(STEP))));
    }
}

/// The word of a float.
pub fn float(value: f64) -> u64 {
    if value.is_nan() { 0x7ff8_0000_0000_0000 } else { value.to_bits() }
}

/// The word of a string.
pub fn string(text: &str) -> u64 {
    let mut hash = Fnv::new();
    hash.bytes(text.as_bytes());
    hash.0
}

/// The word of a json cell, given as strict JSON text.
pub fn json(text: &str) -> u64 {
    let mut hash = Fnv::new();
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = match first {
            b'"' => hash.text(after),
            b'-' | b'0'..=b'9' => hash.number(rest),
            b't' | b'f' | b'n' => {
                hash.bytes(&[first]);
                after.get(if first == b'f' { 4 } else { 3 }..).unwrap_or_default()
            }
            b'[' | b']' | b'{' | b'}' => {
                hash.bytes(&[first]);
                after
            }
            _ => after, // separators and blanks
        };
    }
    hash.0
}

struct Fnv(u64);

impl Fnv {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn bytes(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    /// What follows the opening quote; returns what follows the closing one.
    fn text<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        self.bytes(b"s");
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            match byte {
                b'"' => break,
                b'\\' => {
                    let escape = bytes.get(at + 1).copied().unwrap_or_default();
                    at += if escape == b'u' { self.escaped(bytes, at) } else { 2 };
                    match escape {
                        b'n' => self.bytes(b"\n"),
                        b't' => self.bytes(b"\t"),
                        b'r' => self.bytes(b"\r"),
                        b'b' => self.bytes(b"\x08"),
                        b'f' => self.bytes(b"\x0c"),
                        b'u' => {}
                        _ => self.bytes(&[escape]),
                    }
                }
                _ => {
                    self.bytes(&[byte]);
                    at += 1;
                }
            }
        }
        self.bytes(b"\xff");
        bytes.get(at + 1..).unwrap_or_default()
    }

    /// `\uXXXX`, or a pair of them; returns its length.
    fn escaped(&mut self, bytes: &[u8], at: usize) -> usize {
        let unit = |at: usize| {
            let digits = bytes.get(at..at + 6).and_then(|escape| escape.strip_prefix(b"\\u"))?;
            u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
        };
        let units: Vec<u16> = [unit(at), unit(at + 6)].into_iter().map_while(|unit| unit).collect();
        let first =
            char::decode_utf16(units).next().and_then(Result::ok).unwrap_or(char::REPLACEMENT_CHARACTER);
        self.bytes(first.encode_utf8(&mut [0; 4]).as_bytes());
        6 * first.len_utf16()
    }

    fn number<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let end = bytes.iter().position(|byte| !b"+-.eE0123456789".contains(byte)).unwrap_or(bytes.len());
        let (digits, rest) = bytes.split_at(end);
        if digits.iter().any(|byte| b".eE".contains(byte)) {
            let value =
                std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok()).unwrap_or(f64::NAN);
            self.bytes(b"d");
            self.bytes(&float(value).to_le_bytes());
        } else {
            self.bytes(b"i");
            self.bytes(digits);
            self.bytes(b";");
        }
        rest
    }
}

/// Prints the digest of a table.
pub fn print(rows: usize, columns: &[Column]) -> std::io::Result<()> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    writeln!(out, "rows {rows} columns {}", columns.len())?;
    for Column { name, kind, values, sum } in columns {
        writeln!(out, "{name}\t{kind}\t{}\t{sum:016x}", rows as u64 - values)?;
    }
    out.flush()
}
