//! JSON as Python's `json` reads and writes it: with NaN and infinities, integers of any size, the last of
//! equal keys. One pass, no recursion, bounded depth.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use super::decimal::{Decimal, decimal};
use crate::value::{Array, Keys, Object, Value};

/// Why a text is not JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{reason} at byte {offset}")]
pub(crate) struct JsonError {
    /// The byte at which it ceases to be JSON.
    pub offset: usize,
    pub reason: Reason,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Reason {
    #[error("{0}")]
    Syntax(&'static str),
    #[error("it nests deeper than max_depth allows")]
    TooDeep,
}

/// What was read other than it stands there.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Notes {
    /// A key that one object has twice; its last value counts.
    pub duplicate_key: Option<Box<str>>,
    /// Where half of a surrogate pair stands, which became U+FFFD.
    pub lone_surrogate: Option<usize>,
}

/// Reads JSON values one after another from a text.
struct JsonReader<'a> {
    text: &'a str,
    at: usize,
    max_depth: usize,
    /// The keys of objects that were read before, the last ones: most objects repeat them.
    shapes: Shapes,
    notes: Notes,
    /// Which members of the outermost object are kept; the values of all others are checked, and become null.
    wanted: fn(&str) -> bool,
}

/// A member of an object, as it stands in the text.
#[derive(Debug, Clone)]
pub(crate) struct Member<'a> {
    pub key: Cow<'a, str>,
    /// The key with its quotes and escapes.
    pub key_text: &'a str,
    pub value_text: &'a str,
}

/// A list or an object that is being read: where its children start on the stack of values, and its keys on
/// the stack of keys.
enum Open {
    Array { values: usize },
    Object { values: usize, keys: usize },
}

impl<'a> JsonReader<'a> {
    fn new(text: &'a str, max_depth: usize) -> Self {
        JsonReader {
            text,
            at: 0,
            max_depth,
            shapes: Shapes::default(),
            notes: Notes::default(),
            wanted: |_| true,
        }
    }

    /// Skips white space; whether the text ends there.
    fn at_end(&mut self) -> bool {
        self.skip_space();
        self.at == self.text.len()
    }

    /// Reads one value.
    fn value(&mut self) -> Result<Value, JsonError> {
        let mut open: Vec<Open> = Vec::new();
        let mut values: Vec<Value> = Vec::new();
        let mut keys: Vec<Cow<'a, str>> = Vec::new();
        // In a value that is not wanted, what is read is not kept.
        let mut is_kept = true;
        loop {
            // A value starts here.
            self.skip_space();
            if open.len() == 1 && keys.len() == 1 + values.len() {
                is_kept = keys.last().is_none_or(|key| (self.wanted)(key));
            }
            match self.peek() {
                Some(b'{') => {
                    self.deepen(open.len())?;
                    open.push(Open::Object { values: values.len(), keys: keys.len() });
                    self.skip_space();
                    if self.peek() != Some(b'}') {
                        keys.push(self.key()?);
                        continue;
                    }
                }
                Some(b'[') => {
                    self.deepen(open.len())?;
                    open.push(Open::Array { values: values.len() });
                    self.skip_space();
                    if self.peek() != Some(b']') {
                        continue;
                    }
                }
                Some(_) | None => {
                    let scalar = self.scalar()?;
                    if is_kept {
                        values.push(scalar);
                    }
                }
            }
            // A value, or an opening bracket right before its closing one, ends here.
            loop {
                if !is_kept && open.len() == 1 {
                    values.push(Value::Null);
                    is_kept = true;
                }
                let Some(parent) = open.last() else { return Ok(values.pop().unwrap_or_default()) };
                self.skip_space();
                match (parent, self.peek()) {
                    (Open::Array { .. }, Some(b',')) => {
                        self.at += 1;
                        break;
                    }
                    (Open::Object { .. }, Some(b',')) => {
                        self.at += 1;
                        self.skip_space();
                        keys.push(self.key()?);
                        break;
                    }
                    (&Open::Array { values: start }, Some(b']')) => {
                        self.at += 1;
                        open.pop();
                        if is_kept {
                            let items: Arc<[Value]> = values.drain(start..).collect();
                            values.push(Value::Array(Array::new(items)));
                        }
                    }
                    (&Open::Object { values: start, keys: first }, Some(b'}')) => {
                        self.at += 1;
                        open.pop();
                        if is_kept {
                            let object = self.object(&keys[first..], &mut values, start);
                            values.push(Value::Object(object));
                        }
                        keys.truncate(first);
                    }
                    (Open::Array { .. }, Some(_) | None) => return Err(self.syntax("expected ',' or ']'")),
                    (Open::Object { .. }, Some(_) | None) => return Err(self.syntax("expected ',' or '}'")),
                }
            }
        }
    }

    /// The members of the object that comes next, as they stand in the text.
    fn members(&mut self) -> Result<Vec<Member<'a>>, JsonError> {
        let mut members = Vec::new();
        self.skip_space();
        self.expect(b'{', "expected an object")?;
        self.skip_space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(members);
        }
        self.max_depth = self.max_depth.saturating_sub(1);
        loop {
            self.skip_space();
            let start = self.at;
            let key = self.key()?;
            let key_text = self.text[start..self.at].trim_end_matches(':').trim_end();
            self.skip_space();
            let start = self.at;
            self.value()?;
            members.push(Member { key, key_text, value_text: &self.text[start..self.at] });
            self.skip_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(members);
                }
                Some(_) | None => return Err(self.syntax("expected ',' or '}'")),
            }
        }
    }

    fn object(&mut self, keys: &[Cow<'a, str>], values: &mut Vec<Value>, start: usize) -> Object {
        if let Some(known) = self.shapes.find(keys) {
            return Object::new(known, values.drain(start..).collect());
        }
        // The last of equal keys counts, in the place of the first one.
        let mut places: HashMap<&str, usize> = HashMap::with_capacity(keys.len());
        let mut names: Vec<Box<str>> = Vec::with_capacity(keys.len());
        let mut kept: Vec<Value> = Vec::with_capacity(keys.len());
        for (key, value) in keys.iter().zip(values.drain(start..)) {
            let place = *places.entry(key).or_insert(names.len());
            if place == names.len() {
                names.push(key.as_ref().into());
                kept.push(value);
            } else {
                kept[place] = value;
                self.notes.duplicate_key.get_or_insert_with(|| key.as_ref().into());
            }
        }
        Object::new(self.shapes.add(Keys::new(names.into())), kept.into())
    }

    /// A key and the colon behind it.
    fn key(&mut self) -> Result<Cow<'a, str>, JsonError> {
        if self.peek() != Some(b'"') {
            return Err(self.syntax("expected a key in double quotes"));
        }
        let key = self.string()?;
        self.skip_space();
        self.expect(b':', "expected ':' after a key")?;
        Ok(key)
    }

    fn scalar(&mut self) -> Result<Value, JsonError> {
        match self.peek() {
            Some(b'"') => Ok(Value::Str(self.string()?.into())),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            Some(b'N') => self.word("NaN", Value::Float(f64::NAN)),
            Some(b'I') => self.word("Infinity", Value::Float(f64::INFINITY)),
            Some(_) => Err(self.syntax("expected a value")),
            None => Err(self.syntax("it ends where a value should be")),
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, JsonError> {
        if self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            Ok(value)
        } else {
            Err(self.syntax("expected a value"))
        }
    }

    fn number(&mut self) -> Result<Value, JsonError> {
        let start = self.at;
        let Some((number, end)) = decimal(self.text.as_bytes(), start) else {
            if self.peek() == Some(b'-') {
                self.at += 1;
                if self.peek() == Some(b'I') {
                    return self.word("Infinity", Value::Float(f64::NEG_INFINITY));
                }
            }
            return Err(self.syntax("expected a digit"));
        };
        self.at = end;
        Ok(match number {
            Decimal::Int(number) => Value::Int(number),
            Decimal::UInt(number) => Value::UInt(number),
            Decimal::Big => Value::BigInt(self.text[start..end].into()),
            Decimal::Float(number) => Value::Float(number),
        })
    }

    /// A string, from its opening to its closing quote.
    fn string(&mut self) -> Result<Cow<'a, str>, JsonError> {
        self.at += 1;
        let mut unescaped: Option<String> = None;
        loop {
            let start = self.at;
            let rest = &self.text.as_bytes()[start..];
            let Some(length) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f)) else {
                self.at = self.text.len();
                return Err(self.syntax("it ends in a string"));
            };
            self.at += length;
            let piece = &self.text[start..self.at];
            if rest[length] < 0x20 {
                return Err(self.syntax("control character in a string"));
            }
            if rest[length] == b'"' {
                self.at += 1;
                return Ok(match unescaped {
                    None => Cow::Borrowed(piece),
                    Some(text) => Cow::Owned(text + piece),
                });
            }
            let text = unescaped.get_or_insert_default();
            text.push_str(piece);
            let escaped = self.escape()?;
            text.push(escaped);
        }
    }

    /// The character that a backslash and what follows stand for.
    fn escape(&mut self) -> Result<char, JsonError> {
        let data = self.text.as_bytes();
        if let Some((char, end)) = escaped(data, self.at) {
            self.at = end;
            return Ok(char);
        }
        if self.byte(1) != Some(b'u') {
            return Err(self.syntax("not an escape"));
        }
        if code_unit(data, self.at).is_none() {
            return Err(self.syntax("expected four hex digits after \\u"));
        }
        self.notes.lone_surrogate.get_or_insert(self.at);
        self.at += 6;
        Ok(char::REPLACEMENT_CHARACTER)
    }

    fn deepen(&mut self, depth: usize) -> Result<(), JsonError> {
        if depth >= self.max_depth {
            return Err(JsonError { offset: self.at, reason: Reason::TooDeep });
        }
        self.at += 1;
        Ok(())
    }

    fn expect(&mut self, byte: u8, otherwise: &'static str) -> Result<(), JsonError> {
        if self.peek() != Some(byte) {
            return Err(self.syntax(otherwise));
        }
        self.at += 1;
        Ok(())
    }

    fn syntax(&self, what: &'static str) -> JsonError {
        JsonError { offset: self.at, reason: Reason::Syntax(what) }
    }

    fn peek(&self) -> Option<u8> {
        self.byte(0)
    }

    fn byte(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }
}

/// The character that the backslash at `at` and what follows stand for, and where that ends. None if it is no escape, or
/// half of a surrogate pair.
pub(crate) fn escaped(data: &[u8], at: usize) -> Option<(char, usize)> {
    let char = match *data.get(at + 1)? {
        byte @ (b'"' | b'\\' | b'/') => byte as char,
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => {
            let first = code_unit(data, at)?;
            if let Some(char) = char::from_u32(first) {
                return Some((char, at + 6));
            }
            let second = code_unit(data, at + 6)
                .filter(|second| (0xdc00..0xe000).contains(second) && first < 0xdc00)?;
            return Some((char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00))?, at + 12));
        }
        _ => return None,
    };
    Some((char, at + 2))
}

/// The number in `\uXXXX`, if that stands at `at`.
fn code_unit(data: &[u8], at: usize) -> Option<u32> {
    let digits = data.get(at..at + 6)?.strip_prefix(b"\\u")?;
    digits.iter().try_fold(0, |number, &digit| Some(number * 16 + (digit as char).to_digit(16)?))
}

/// The members of a text that is one JSON object, with white space around it.
pub(crate) fn members(text: &str, max_depth: usize) -> Result<Vec<Member<'_>>, JsonError> {
    let mut reader = JsonReader::new(text, max_depth);
    let members = reader.members()?;
    if reader.at_end() { Ok(members) } else { Err(reader.syntax("text after the end")) }
}

/// A text that is one JSON value, with white space around it.
pub(crate) fn document(text: &str, max_depth: usize) -> Result<(Value, Notes), JsonError> {
    document_of(text, max_depth, |_| true)
}

/// The same; if it is an object, only the members of the keys that are `wanted` are kept, and all others are null.
pub(crate) fn document_of(
    text: &str,
    max_depth: usize,
    wanted: fn(&str) -> bool,
) -> Result<(Value, Notes), JsonError> {
    let mut reader = JsonReader { wanted, ..JsonReader::new(text, max_depth) };
    let value = reader.value()?;
    if reader.at_end() { Ok((value, reader.notes)) } else { Err(reader.syntax("text after the end")) }
}

/// Reads the objects on a line, for one line after another: rows mostly have the same keys.
pub(crate) struct RowReader {
    max_depth: usize,
    shapes: Shapes,
}

impl RowReader {
    pub(crate) fn new(max_depth: usize) -> Self {
        RowReader { max_depth, shapes: Shapes::default() }
    }

    /// The objects on a line, of which there is mostly one. Anything else on it is an error.
    pub(crate) fn row(&mut self, text: &str) -> Result<(Vec<Object>, Notes), JsonError> {
        let mut reader = JsonReader::new(text, self.max_depth);
        reader.shapes = std::mem::take(&mut self.shapes);
        let mut rows = Vec::new();
        let outcome = loop {
            if reader.at_end() {
                break Ok(());
            }
            if reader.peek() != Some(b'{') {
                break Err(reader.syntax("expected an object"));
            }
            match reader.value() {
                Ok(Value::Object(row)) => rows.push(row),
                Ok(_) => {}
                Err(error) => break Err(error),
            }
        };
        self.shapes = reader.shapes;
        outcome.map(|()| (rows, reader.notes))
    }
}

/// An integer in decimal digits, with a minus before it if it is negative; `-0` is 0.
pub(crate) fn whole_number(digits: &str) -> Value {
    if let Ok(number) = digits.parse() {
        return Value::Int(number);
    }
    digits.parse().map_or_else(|_| Value::BigInt(digits.into()), Value::UInt)
}

/// The keys of objects read lately.
#[derive(Default)]
struct Shapes {
    known: Vec<Arc<Keys>>,
    /// Which one is forgotten next.
    oldest: usize,
}

impl Shapes {
    /// Rows and snapshots have few kinds of objects; more than this are not worth the search.
    const KEPT: usize = 32;

    fn find(&self, keys: &[Cow<str>]) -> Option<Arc<Keys>> {
        let same = |known: &&Arc<Keys>| {
            let names = known.names();
            names.len() == keys.len() && names.iter().zip(keys).all(|(name, key)| **name == **key)
        };
        self.known.iter().find(same).cloned()
    }

    fn add(&mut self, keys: Keys) -> Arc<Keys> {
        let keys = Arc::new(keys);
        if self.known.len() < Self::KEPT {
            self.known.push(keys.clone());
        } else {
            self.known[self.oldest] = keys.clone();
            self.oldest = (self.oldest + 1) % Self::KEPT;
        }
        keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Result<String, JsonError> {
        document(text, 1000).map(|(value, _)| value.to_json())
    }

    #[test]
    fn reads_what_python_writes() {
        let same = [
            "null",
            "true",
            "false",
            "0",
            "-1",
            "3",
            "3.0",
            "-0.0",
            "1e+300",
            "\"\"",
            "[]",
            "{}",
            "[[],{}]",
            r#"{"a":1,"b":{"c":[1,2.5,"x"]}}"#,
            "123456789012345678901234567890",
            "18446744073709551615",
            "-9223372036854775808",
            r#""\"\\\n\u0001""#,
            "0.1",
            "5e-324",
            "1.7976931348623157e+308",
        ];
        for text in same {
            assert_eq!(json(text).as_deref(), Ok(text));
        }
        let others = [
            (" [ 1 , 2 ]\r\n\t", "[1,2]"),
            ("-0", "0"),
            ("1E5", "100000.0"),
            ("1e999", r#""Infinity""#),
            ("[NaN,Infinity,-Infinity]", r#"["NaN","Infinity","-Infinity"]"#),
            (r#""\u00e9\ud83d\ude80\/""#, r#""é🚀/""#),
            (r#""\ud83dx\ude80""#, "\"\u{fffd}x\u{fffd}\""),
            (r#""\ud83d\u0041""#, "\"\u{fffd}A\""),
            (r#"{"a":1,"b":2,"a":3}"#, r#"{"a":3,"b":2}"#),
        ];
        for (text, expected) in others {
            assert_eq!(json(text).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn refuses_what_python_refuses() {
        for text in [
            "",
            " ",
            "nul",
            "+1",
            "01",
            "1.",
            ".5",
            "1e",
            "-",
            "- 1",
            "[1,]",
            "{,}",
            "{\"a\"}",
            "{\"a\":}",
            "{a:1}",
            "{\"a\":1,}",
            "[1 2]",
            "\"\t\"",
            "\"\\x\"",
            "\"\\u12g4\"",
            "\"",
            "[",
            "{",
            "]",
            "1 2",
            "nan",
            "-NaN",
            "'a'",
            "\"\\",
            "{\"a\":1",
            "\u{feff}1",
        ] {
            assert!(json(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn says_where_and_notes_what() {
        let error = document("[1, x]", 1000).unwrap_err();
        assert_eq!((error.offset, error.reason), (4, Reason::Syntax("expected a value")));
        let (_, notes) = document(r#"{"k":0,"k":"\udead"}"#, 1000).unwrap();
        assert_eq!(notes, Notes { duplicate_key: Some("k".into()), lone_surrogate: Some(12) });
    }

    #[test]
    fn nests_as_deep_as_allowed_and_no_deeper() {
        let lists = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(document(&lists(1000), 1000).is_ok());
        assert_eq!(document(&lists(1001), 1000).unwrap_err().reason, Reason::TooDeep);
        let deep = |text: String| {
            let small = std::thread::Builder::new().stack_size(128 * 1024);
            let thread =
                small.spawn(move || document(&text, usize::MAX).map(|(value, _)| value.to_json().len()));
            thread.unwrap().join().unwrap()
        };
        assert_eq!(deep(lists(100_000)), Ok(200_000));
        assert_eq!(deep("{\"a\":".repeat(100_000) + "0" + &"}".repeat(100_000)), Ok(600_001));
    }

    #[test]
    fn what_is_not_wanted_is_checked_and_left_out() {
        let read = |text| document_of(text, 10, |key| key == "a").map(|(value, _)| value.to_json());
        let text = r#"{"x":[[],{"a":[1,{}]}],"a":{"x":[2]},"y":"\n","z":{"a":1}}"#;
        assert_eq!(read(text).as_deref(), Ok(r#"{"x":null,"a":{"x":[2]},"y":null,"z":null}"#));
        assert_eq!(read(r#"[{"x":1},{}]"#).as_deref(), Ok(r#"[{"x":1},{}]"#));
        for wrong in [
            r#"{"x":[1,]}"#,
            r#"{"x":nul}"#,
            r#"{"x":{"a":}}"#,
            r#"{"x":[}"#,
            r#"{"x":[[[[[[[[[[]]]]]]]]]]}"#,
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn equal_shapes_share_their_keys() {
        let wide = |value: usize| {
            let members: Vec<String> = (0..100).map(|key| format!("\"k{key}\":{value}")).collect();
            format!("{{{}}}", members.join(","))
        };
        let text = format!("[{},{}]", wide(1), wide(2));
        let (value, _) = document(&text, 1000).unwrap();
        assert_eq!(value.to_json(), text);
        assert_eq!(value.find("1/k99").and_then(Value::as_i64), Some(2));
    }
}
