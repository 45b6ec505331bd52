//! How Python shows values: `repr`, of what a pickle holds.

use std::collections::HashSet;
use std::fmt::Write;

use super::pickle::{Id, Object, Pickle};

/// What is shown is cut at this length: a small pickle can hold very much by sharing its parts.
pub(crate) const LONGEST: usize = 10_000;

/// What is still to be written.
enum Piece {
    Object(Id),
    Text(&'static str),
    /// The end of a collection, which may be shown again from here on.
    Leave(Id),
}

/// An object as Python's `repr` shows it.
pub(crate) fn repr(pickle: &Pickle, id: Id) -> String {
    let mut out = String::new();
    let mut inside: HashSet<Id> = HashSet::new();
    let mut waiting = vec![Piece::Object(id)];
    while let Some(piece) = waiting.pop() {
        if out.len() > LONGEST {
            out.push('…');
            break;
        }
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Leave(id) => {
                inside.remove(&id);
            }
            Piece::Object(id) if inside.contains(&id) => out.push_str("..."),
            Piece::Object(id) => {
                let parts = start(pickle, id, &mut out);
                if !parts.is_empty() {
                    inside.insert(id);
                    waiting.push(Piece::Leave(id));
                    waiting.extend(parts.into_iter().rev());
                }
            }
        }
    }
    out
}

/// Writes an object, or its first part, and returns what follows.
fn start(pickle: &Pickle, id: Id, out: &mut String) -> Vec<Piece> {
    match pickle.object(id) {
        Object::None => out.push_str("None"),
        Object::Bool(true) => out.push_str("True"),
        Object::Bool(false) => out.push_str("False"),
        Object::Int(number) => out.push_str(&number.to_string()),
        Object::LargeInt(bytes) => out.push_str(&large(bytes)),
        Object::Float(number) => out.push_str(&float(*number)),
        Object::Text(text) => out.push_str(&quoted(&text.chars().take(LONGEST).collect::<String>())),
        Object::Bytes(bytes) => out.push_str(&byte_string(&bytes[..bytes.len().min(LONGEST)])),
        Object::List(items) => return listed("[", items, "]"),
        Object::Tuple(items) if items.len() == 1 => return listed("(", items, ",)"),
        Object::Tuple(items) => return listed("(", items, ")"),
        Object::Set(items) if items.is_empty() => out.push_str("set()"),
        Object::Set(items) => return listed("{", items, "}"),
        Object::Dict(members) => {
            let mut pieces = vec![Piece::Text("{")];
            for (place, (key, value)) in members.iter().take(LONGEST).enumerate() {
                pieces.extend((place > 0).then_some(Piece::Text(", ")));
                pieces.extend([Piece::Object(*key), Piece::Text(": "), Piece::Object(*value)]);
            }
            pieces.push(Piece::Text("}"));
            return pieces;
        }
        Object::Global { module, name } => {
            let _ = write!(out, "<class '{module}.{name}'>");
        }
        Object::Call { callable, arguments, .. } => {
            let name =
                if let Object::Global { name, .. } = pickle.object(*callable) { Some(name) } else { None };
            out.push_str(name.map_or("<object>", |name| name));
            return listed("(", pickle.tuple(*arguments), ")");
        }
        Object::Opaque => out.push_str("<object>"),
    }
    Vec::new()
}

fn listed(open: &'static str, items: &[Id], close: &'static str) -> Vec<Piece> {
    let mut pieces = vec![Piece::Text(open)];
    for (place, item) in items.iter().take(LONGEST).enumerate() {
        pieces.extend((place > 0).then_some(Piece::Text(", ")));
        pieces.push(Piece::Object(*item));
    }
    pieces.push(Piece::Text(close));
    pieces
}

/// A text in quotes, with escapes for what is not printed.
fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut out = String::from(quote);
    for char in text.chars() {
        let is_shown = char == ' ' || !(char.is_control() || char.is_whitespace());
        let _ = match char {
            '\n' => write!(out, "\\n"),
            '\r' => write!(out, "\\r"),
            '\t' => write!(out, "\\t"),
            '\\' => write!(out, "\\\\"),
            char if char == quote => write!(out, "\\{char}"),
            char if is_shown => write!(out, "{char}"),
            char if (char as u32) < 0x100 => write!(out, "\\x{:02x}", char as u32),
            char => write!(out, "\\u{:04x}", char as u32),
        };
    }
    out.push(quote);
    out
}

fn byte_string(bytes: &[u8]) -> String {
    let mut out = String::from("b'");
    for byte in bytes {
        let _ = match byte {
            b'\n' => write!(out, "\\n"),
            b'\r' => write!(out, "\\r"),
            b'\t' => write!(out, "\\t"),
            b'\\' | b'\'' => write!(out, "\\{}", char::from(*byte)),
            b' '..=b'~' => write!(out, "{}", char::from(*byte)),
            other => write!(out, "\\x{other:02x}"),
        };
    }
    out + "'"
}

/// The shortest digits that give the same number, as in Rust, but with Python's exponents.
fn float(number: f64) -> String {
    if number.is_nan() {
        return "nan".to_owned();
    }
    let text = format!("{number:?}");
    match text.split_once('e') {
        None => text,
        Some((digits, exponent)) => {
            let (sign, exponent) =
                exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
            format!("{digits}e{sign}{exponent:0>2}")
        }
    }
}

/// An integer beyond 64 bits, in decimal up to 128 bits.
fn large(bytes: &[u8]) -> String {
    let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
    let mut all = if negative { [0xff; 16] } else { [0; 16] };
    match all.get_mut(..bytes.len()) {
        Some(low) => {
            low.copy_from_slice(bytes);
            i128::from_le_bytes(all).to_string()
        }
        None => format!("<integer of {} bytes>", bytes.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(bytes: &[u8]) -> String {
        let pickle = Pickle::read(bytes).unwrap();
        repr(&pickle, pickle.root())
    }

    #[test]
    fn shows_as_python_does() {
        assert_eq!(
            shown(b"(K\x01\x8c\x02it\x88N)]}\x8f(K\x02\x90t."),
            "(1, 'it', True, None, (), [], {}, {2})"
        );
        assert_eq!(shown(b"\x8c\x01a\x85."), "('a',)");
        assert_eq!(shown(b"}(K\x01K\x02\x8c\x01b]u."), "{1: 2, 'b': []}");
        assert_eq!(shown(b"C\x03a'\xff."), "b'a\\'\\xff'");
        assert_eq!(shown(b"\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01."), "18446744073709551616");
        assert_eq!(shown(b"cbuiltins\nKeyError\n\x8c\x01x\x85R\x85."), "(KeyError('x'),)");
        for (number, text) in
            [(1e16, "1e+16"), (1e-5, "1e-05"), (0.1, "0.1"), (3.0, "3.0"), (f64::INFINITY, "inf")]
        {
            assert_eq!(float(number), text);
        }
        assert_eq!(quoted("it's"), "\"it's\"");
        assert_eq!(quoted("'\"\n\u{7f}\u{2028}é"), "'\\'\"\\n\\x7f\\u2028é'");
    }

    #[test]
    fn what_contains_itself_or_very_much_is_cut() {
        assert_eq!(shown(b"]\x94h\x00a."), "[...]");
        // Each list holds the one before twice.
        let mut bomb = b"]q\x00".to_vec();
        for place in 0..100 {
            bomb.extend([b']', b'q', place + 1, b'h', place, b'a', b'h', place, b'a']);
        }
        bomb.push(b'.');
        assert!(shown(&bomb).len() < LONGEST + 100);
        let deep = [vec![b']'; 1], b"\x85".repeat(50_000), b".".to_vec()].concat();
        assert!(shown(&deep).ends_with('…'));
    }
}
