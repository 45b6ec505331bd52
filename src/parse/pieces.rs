//! Pieces of JSON read right from the bytes of a row, for whoever knows what comes next: texts, words, lists. Where one
//! is odd they say nothing, and leave the row to `json.rs`, which tells why.

use std::borrow::Cow;

use super::decimal::{Decimal, decimal};
use super::json;
use crate::json_writer::append_float;

/// Behind the blanks at `at`, which are not line ends.
pub(crate) fn skip_space(data: &[u8], mut at: usize) -> usize {
    while matches!(data.get(at), Some(b' ' | b'\t' | b'\r')) {
        at += 1;
    }
    at
}

/// Behind the end of the line, if nothing but white space is left on it.
#[inline]
pub(crate) fn end_of_line(data: &[u8], at: usize) -> Option<usize> {
    let end = if data.get(at) == Some(&b'\n') { at } else { skip_space(data, at) };
    (data.get(end) == Some(&b'\n')).then_some(end + 1)
}

/// Where a word ends, if it stands at `at`.
#[inline]
pub(crate) fn word_end(data: &[u8], at: usize, word: &[u8]) -> Option<usize> {
    data.get(at..)?.starts_with(word).then_some(at + word.len())
}

/// Where a text ends that starts at `start`, behind its quote: at its other quote, or at its first backslash. None if it
/// holds what no text may.
#[inline]
pub(crate) fn scan_text(data: &[u8], start: usize) -> Option<(usize, bool)> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let mut at = start;
    let mut others = 0;
    while let Some(chunk) = data.get(at..at + 8) {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        let word = u64::from_le_bytes(word);
        let quote = word ^ (ONES * u64::from(b'"'));
        let slash = word ^ (ONES * u64::from(b'\\'));
        // The lowest bit that is set tells the first byte; those above it may be wrong.
        let hits = (quote.wrapping_sub(ONES) & !quote)
            | (slash.wrapping_sub(ONES) & !slash)
            | (word.wrapping_sub(ONES * 0x20) & !word);
        let hits = hits & HIGH;
        if hits != 0 {
            let place = hits.trailing_zeros() / 8;
            others |= word & HIGH & ((1_u64 << (place * 8)) - 1);
            at += place as usize;
            break;
        }
        others |= word & HIGH;
        at += 8;
    }
    // Near the end of the data byte by byte.
    while !matches!(*data.get(at)?, b'"' | b'\\' | 0..=0x1f) {
        others |= u64::from(data[at] & 0x80);
        at += 1;
    }
    if data[at] < 0x20 || (others != 0 && std::str::from_utf8(&data[start..at]).is_err()) {
        return None;
    }
    Some((at, data[at] == b'\\'))
}

/// Reads a text with escapes, the first at `at`, and tells where what follows it starts.
#[cold]
pub(crate) fn unescape(data: &[u8], start: usize, mut at: usize, text: &mut Vec<u8>) -> Option<usize> {
    text.extend_from_slice(&data[start..at]);
    loop {
        if data[at] == b'"' {
            return Some(at + 1);
        }
        let (char, end) = json::escaped(data, at)?;
        text.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
        let (next, _) = scan_text(data, end)?;
        text.extend_from_slice(&data[end..next]);
        at = next;
    }
}

/// The key whose quote stands at `at`, and where what follows it starts.
pub(crate) fn key(data: &[u8], at: usize) -> Option<(Cow<'_, str>, usize)> {
    if *data.get(at)? != b'"' {
        return None;
    }
    let (end, has_escape) = scan_text(data, at + 1)?;
    if !has_escape {
        return Some((Cow::Borrowed(std::str::from_utf8(&data[at + 1..end]).ok()?), end + 1));
    }
    let mut key = Vec::new();
    let end = unescape(data, at + 1, end, &mut key)?;
    Some((Cow::Owned(String::from_utf8(key).ok()?), end))
}

/// Appends the list that starts at `start` as strict JSON, and tells where it ends. None if it holds anything but numbers,
/// plain texts, words and lists of them.
pub(crate) fn list(data: &[u8], start: usize, max_depth: usize, json: &mut Vec<u8>) -> Option<usize> {
    let mut depth = 0;
    let mut at = start;
    loop {
        // A value starts here.
        match *data.get(at)? {
            b'[' => {
                depth += 1;
                if depth > max_depth {
                    return None;
                }
                json.push(b'[');
                at = skip_space(data, at + 1);
                if data.get(at) != Some(&b']') {
                    continue;
                }
            }
            b'"' => {
                let (end, has_escape) = scan_text(data, at + 1)?;
                if has_escape {
                    return None;
                }
                json.extend_from_slice(&data[at..=end]);
                at = end + 1;
            }
            b'n' => at = same_word(data, at, b"null", json)?,
            b't' => at = same_word(data, at, b"true", json)?,
            b'f' => at = same_word(data, at, b"false", json)?,
            _ => {
                let (number, end) = decimal(data, at)?;
                match number {
                    Decimal::Float(number) => append_float(json, number),
                    // It stands there as it would be written.
                    Decimal::Int(1..) | Decimal::UInt(_) | Decimal::Big => {
                        json.extend_from_slice(&data[at..end])
                    }
                    Decimal::Int(0) => json.push(b'0'),
                    Decimal::Int(_) => json.extend_from_slice(&data[at..end]),
                }
                at = end;
            }
        }
        // And ends here, with those that it is the last of.
        loop {
            at = skip_space(data, at);
            match *data.get(at)? {
                b',' => {
                    json.push(b',');
                    at = skip_space(data, at + 1);
                    break;
                }
                b']' => {
                    json.push(b']');
                    at += 1;
                    depth -= 1;
                    if depth == 0 {
                        return Some(at);
                    }
                }
                _ => return None,
            }
        }
    }
}

fn same_word(data: &[u8], at: usize, word: &[u8], json: &mut Vec<u8>) -> Option<usize> {
    json.extend_from_slice(word);
    word_end(data, at, word)
}

/// The same of any list.
#[cold]
pub(crate) fn any_list(data: &[u8], start: usize, max_depth: usize, json: &mut Vec<u8>) -> Option<usize> {
    let end = end_of_list(data, start)?;
    let text = std::str::from_utf8(&data[start..end]).ok()?;
    let (list, notes) = json::document(text, max_depth).ok()?;
    json.extend_from_slice(list.to_json().as_bytes());
    (notes == json::Notes::default()).then_some(end)
}

/// Where a list that starts at `at` ends, as far as its brackets tell.
fn end_of_list(data: &[u8], start: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = start;
    loop {
        match *data.get(at)? {
            b'[' => depth += 1,
            b']' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            b'"' => {
                at += 1;
                while *data.get(at)? != b'"' {
                    at += if data[at] == b'\\' { 2 } else { 1 };
                }
            }
            b'\n' => return None,
            _ => {}
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_end_at_their_quote_or_first_escape() {
        let scan = |text: &str| scan_text(text.as_bytes(), 0);
        assert_eq!(scan("abc\" and more text"), Some((3, false)));
        assert_eq!(scan("twelve bytes\", \"x\": 1"), Some((12, false)));
        assert_eq!(scan("ab\\n\""), Some((2, true)));
        assert_eq!(scan("é🚀 café\" 12345678"), Some(("é🚀 café".len(), false)));
        assert_eq!(scan("never ends"), None);
        assert_eq!(scan("a\tb\""), None);
        assert_eq!(scan_text(b"\xff\" 12345678", 0), None);
    }

    #[test]
    fn escapes_become_what_they_stand_for() {
        let mut text = Vec::new();
        let data = br#"a\n\u00e9\ud83d\ude80\/" "#;
        let (first, has_escape) = scan_text(data, 0).unwrap();
        assert!(has_escape);
        assert_eq!(unescape(data, 0, first, &mut text), Some(data.len() - 1));
        assert_eq!(text, "a\né🚀/".as_bytes());
        assert_eq!(unescape(br#"\ud83d" "#, 0, 0, &mut text), None);
    }

    #[test]
    fn lists_are_written_as_values_are() {
        let texts = [
            "[]",
            r#"[[], [1, -0, 2.50], "x"]"#,
            "[1e5, 0.1, 12345678901234567890123, true, null]",
            r#"[{"a": [NaN]}]"#,
            r#"["\u00e9"]"#,
        ];
        for text in texts {
            let (expected, _) = json::document(text, 10).unwrap();
            let mut found = Vec::new();
            let data = format!("{text}, 1");
            let end = list(data.as_bytes(), 0, 10, &mut found).or_else(|| {
                found.clear();
                any_list(data.as_bytes(), 0, 10, &mut found)
            });
            let found = String::from_utf8(found).unwrap();
            assert_eq!((end, found), (Some(text.len()), expected.to_json()), "{text}");
        }
        for text in ["[1", "[1 2]", "[,]", "[1,]", "[1}", "[[[1]]]", "[\"a", "[nul]"] {
            assert_eq!(list(text.as_bytes(), 0, 2, &mut Vec::new()), None, "{text}");
            assert_eq!(any_list(text.as_bytes(), 0, 2, &mut Vec::new()), None, "{text}");
        }
    }
}
