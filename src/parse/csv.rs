//! Comma-separated values, RFC 4180, as Python's `csv` writes them.

/// Puts a record together from lines: a quoted cell may hold line ends.
#[derive(Debug, Default)]
pub(crate) struct Record {
    cells: Vec<String>,
    cell: Vec<u8>,
    state: State,
    /// Whether a cell was not UTF-8; it has U+FFFD for what was not.
    pub invalid_utf8: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    CellStart,
    Bare,
    Quoted,
    /// Behind a quote in a quoted cell: its end, or the first of two that mean one.
    QuoteInQuoted,
}

impl Record {
    /// Takes one line, without its `\n`. Returns the cells if the record ends with it; a blank line between
    /// records is a record without cells.
    pub(crate) fn line(&mut self, line: &[u8]) -> Option<Vec<String>> {
        let fresh = self.cells.is_empty() && self.state == State::CellStart;
        if fresh && matches!(line, b"" | b"\r") {
            return Some(Vec::new());
        }
        for (place, &byte) in line.iter().enumerate() {
            self.state = match (self.state, byte) {
                (State::CellStart, b'"') => State::Quoted,
                (State::QuoteInQuoted, b'"') => {
                    self.cell.push(b'"');
                    State::Quoted
                }
                (State::Quoted, b'"') => State::QuoteInQuoted,
                (State::Quoted, byte) => {
                    self.cell.push(byte);
                    State::Quoted
                }
                (State::CellStart | State::Bare | State::QuoteInQuoted, b',') => {
                    self.end_cell();
                    State::CellStart
                }
                // The line end that RFC 4180 asks for.
                (state, b'\r') if place + 1 == line.len() => state,
                (State::CellStart | State::Bare | State::QuoteInQuoted, byte) => {
                    self.cell.push(byte);
                    State::Bare
                }
            };
        }
        if self.state == State::Quoted {
            self.cell.push(b'\n');
            return None;
        }
        self.end_cell();
        self.state = State::CellStart;
        Some(std::mem::take(&mut self.cells))
    }

    /// Whether lines were taken that did not end a record yet.
    pub(crate) fn is_open(&self) -> bool {
        self.state == State::Quoted
    }

    fn end_cell(&mut self) {
        let cell = String::from_utf8(std::mem::take(&mut self.cell)).unwrap_or_else(|error| {
            self.invalid_utf8 = true;
            String::from_utf8_lossy(error.as_bytes()).into_owned()
        });
        self.cells.push(cell);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(text: &str) -> Vec<Vec<String>> {
        let mut record = Record::default();
        text.split('\n').filter_map(|line| record.line(line.as_bytes())).collect()
    }

    #[test]
    fn reads_cells() {
        assert_eq!(records("a,b"), [["a", "b"]]);
        assert_eq!(records("a,\r\n,"), [["a", ""], ["", ""]]);
        assert_eq!(records(r#""a, b","say ""hi""",c"#), [["a, b", r#"say "hi""#, "c"]]);
        assert_eq!(records("\"two\nlines\",1"), [["two\nlines", "1"]]);
        assert_eq!(records("\"two\r\n\nlines\""), [["two\r\n\nlines"]]);
        assert_eq!(records("5\" disk,\"\""), [["5\" disk", ""]]);
        assert_eq!(records("\"\"\na"), [[""], ["a"]]);
    }

    #[test]
    fn blank_lines_have_no_cells() {
        assert_eq!(records("a\n\n\r\nb"), [vec!["a".to_owned()], vec![], vec![], vec!["b".to_owned()]]);
    }

    #[test]
    fn an_open_quote_goes_on() {
        let mut record = Record::default();
        assert!(record.line(b"1,\"x").is_none() && record.is_open());
        assert_eq!(record.line(b"y\",z").unwrap(), ["1", "x\ny", "z"]);
        assert!(!record.is_open());
    }

    #[test]
    fn replaces_what_is_not_utf8() {
        let mut record = Record::default();
        assert_eq!(record.line(b"caf\xe9,1").unwrap(), ["caf\u{fffd}", "1"]);
        assert!(record.invalid_utf8);
    }
}
