//! The fast way through a row. The rows of a run mostly have the same keys in the same order, so between two values
//! stand the same bytes as in the row before: `, "loss": `. Those bytes are taken apart once and remembered, as a step
//! from one path to the next; from then on a step is one comparison, and only values are parsed.
//!
//! A nested object that repeats the one of the row before, as `config` does, is one comparison as a whole; its columns
//! repeat their last cell, which they are told only when it changes.
//!
//! Whatever is odd about a row (a key twice, text that is not UTF-8, more than one row on a line, no JSON at all) is left
//! to the exact way: this one then says nothing, and no cell was put. So it never has to explain anything.

use super::column::Scalar;
use super::paths::{Column, NO_COLUMN, Node, Paths, ROW};
use super::rows::ITERATION_KEY;
use super::table::Table;
use crate::error::Result;
use crate::parse::decimal::{Decimal, decimal};
use crate::parse::pieces::{any_list, end_of_line, key, list, scan_text, skip_space, unescape, word_end};

/// A row that was read and can be put into the table.
pub(super) struct FastRow {
    /// Where the next line starts.
    pub end: usize,
    pub iteration: Option<i64>,
}

/// What is remembered of the rows so far.
pub(super) struct Fast {
    states: Vec<State>,
    groups: Vec<Group>,
    /// The groups whose last object may be repeated.
    live: Vec<u32>,
    /// The cells of the row that is being read.
    cells: Vec<Cell>,
    /// Texts of those that do not stand in the file as they are.
    texts: Vec<u8>,
    /// The number of the row, whether it counts in the end or not.
    stamp: u64,
    /// How many paths shared their name when that was looked at last.
    contests: usize,
    max_depth: usize,
}

/// What is known of a path.
struct State {
    column: Column,
    parent: Node,
    depth: u32,
    is_contested: bool,
    is_iteration: bool,
    /// The last row that has it.
    seen: u64,
    /// Its place among the groups, if it has one.
    group: u32,
    /// What may follow its value, and what may follow the `{` of its value.
    after: Vec<Step>,
    inside: Vec<Step>,
}

/// The bytes that lead from one value to the next.
struct Step {
    /// The first bytes, as words, zeros behind them.
    words: [u64; Step::WORDS],
    last_mask: u64,
    count: u32,
    length: u32,
    /// All bytes, if they are more.
    long: Option<Box<[u8]>>,
    to: Node,
}

/// In place of a path: the object ends.
const CLOSE: Node = Node::MAX;

const NO_GROUP: u32 = u32::MAX;
const NEVER: u32 = u32::MAX;

/// More steps than this are forgotten, the one that was not taken for longest first.
const MOST_STEPS: usize = 8;

/// Of a file with more paths than this, later rows are read the exact way.
const MOST_STATES: usize = 1 << 20;

/// An object of the row itself whose text may be that of the row before.
struct Group {
    text: Vec<u8>,
    /// The row in which the text may stand again: the one behind the last that has it.
    row: u32,
    /// The columns of its cells.
    columns: Vec<Column>,
    /// How many rows repeat those cells that were not put yet.
    pending: u32,
    /// How often in sequence it was another text.
    misses: u8,
    is_live: bool,
}

impl Group {
    /// An object that changes in every row is not worth remembering.
    const MOST_MISSES: u8 = 16;
}

#[derive(Clone, Copy)]
struct Cell {
    kind: Kind,
    column: Column,
    length: u32,
    /// The bits of a number, or where a text starts.
    word: u64,
}

impl Cell {
    /// A cell of no column yet.
    fn new(kind: Kind, word: u64, length: usize) -> Self {
        Cell { kind, column: NO_COLUMN, length: length as u32, word }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Null,
    Bool,
    Int,
    UInt,
    Float,
    /// Texts in the file.
    Big,
    Text,
    /// Texts that stand elsewhere.
    OtherText,
    OtherJson,
    /// The cells that follow are those of a group, up to `GroupEnd`; the column is the group.
    GroupStart,
    /// Where its text starts and ends is in the halves of `word`; `length` is the place of its first cell.
    GroupEnd,
    GroupRepeat,
}

impl Step {
    const WORDS: usize = 5;

    fn new(text: &[u8], to: Node) -> Self {
        let mut words = [0; Step::WORDS];
        for (word, chunk) in words.iter_mut().zip(text.chunks(8)) {
            let mut bytes = [0; 8];
            bytes[..chunk.len()].copy_from_slice(chunk);
            *word = u64::from_le_bytes(bytes);
        }
        let count = text.len().div_ceil(8).min(Step::WORDS);
        let long = (text.len() > Step::WORDS * 8).then(|| text.into());
        let last_mask = match text.len() % 8 {
            _ if long.is_some() => u64::MAX,
            0 => u64::MAX,
            rest => u64::MAX >> (64 - 8 * rest),
        };
        Step { words, last_mask, count: count as u32, length: text.len() as u32, long, to }
    }

    #[inline(always)]
    fn fits(&self, data: &[u8], at: usize) -> bool {
        let count = self.count as usize;
        let Some(there) = data.get(at..at + count * 8) else { return self.fits_at_end(data, at) };
        let mut differences = 0;
        for (place, chunk) in there.chunks_exact(8).enumerate() {
            let mut word = [0; 8];
            word.copy_from_slice(chunk);
            let mask = if place + 1 == count { self.last_mask } else { u64::MAX };
            differences |= (u64::from_le_bytes(word) ^ self.words[place]) & mask;
        }
        differences == 0 && self.long.as_ref().is_none_or(|long| data[at..].starts_with(long))
    }

    #[cold]
    fn fits_at_end(&self, data: &[u8], at: usize) -> bool {
        let bytes: Vec<u8> = self.words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let text = match &self.long {
            Some(long) => long,
            None => &bytes[..self.length as usize],
        };
        data.get(at..).is_some_and(|rest| rest.starts_with(text))
    }
}

/// The step that the bytes at `at` are, which then is the first to be tried.
#[inline]
fn take(steps: &mut [Step], data: &[u8], at: usize) -> Option<(usize, Node)> {
    let first = steps.first()?;
    if first.fits(data, at) {
        return Some((first.length as usize, first.to));
    }
    let place = 1 + steps[1..].iter().position(|step| step.fits(data, at))?;
    steps[..=place].rotate_right(1);
    Some((steps[0].length as usize, steps[0].to))
}

impl Fast {
    pub(super) fn new(max_depth: usize) -> Self {
        Fast {
            states: Vec::new(),
            groups: Vec::new(),
            live: Vec::new(),
            cells: Vec::new(),
            texts: Vec::new(),
            stamp: 0,
            contests: 0,
            max_depth,
        }
    }

    /// Reads the row that starts at `start` and will be row `row` of the table. None if it is not one to be read this
    /// way.
    pub(super) fn read(&mut self, paths: &mut Paths, row: u32, data: &[u8], start: usize) -> Option<FastRow> {
        if data.get(start) != Some(&b'{') || data.len() > u32::MAX as usize {
            return None;
        }
        if self.states.is_empty() || self.contests != paths.contests() {
            self.learn_paths(paths);
        }
        self.cells.clear();
        self.texts.clear();
        self.stamp += 1;
        let mut iteration = None;
        // The group that is being read: its node, its place, and where its text and its cells start.
        let mut open_group: Option<(Node, u32, usize, usize)> = None;
        let mut at = start + 1;
        let (mut node, mut is_inside) = (ROW, true);
        loop {
            let state = &mut self.states[node as usize];
            let steps = if is_inside { &mut state.inside } else { &mut state.after };
            let (length, to) = match take(steps, data, at) {
                Some(step) => step,
                None => self.learn(paths, node, is_inside, data, at)?,
            };
            at += length;
            if to == CLOSE {
                node = self.states[node as usize].parent;
                is_inside = false;
                if node == ROW {
                    return Some(FastRow { end: end_of_line(data, at)?, iteration });
                }
                if let Some((_, group, text, cells)) = open_group.filter(|(of, ..)| *of == node) {
                    let word = ((text as u64) << 32) | at as u64;
                    self.cells.push(Cell { kind: Kind::GroupEnd, column: group, length: cells as u32, word });
                    open_group = None;
                }
                continue;
            }
            node = to;
            let state = &mut self.states[node as usize];
            if state.seen == self.stamp || state.is_contested {
                return None;
            }
            state.seen = self.stamp;
            let (column, depth) = (state.column, state.depth);
            is_inside = false;
            if data.get(at) == Some(&b'{') && data.get(at + 1) != Some(&b'}') {
                if depth as usize >= self.max_depth {
                    return None;
                }
                if depth == 1 {
                    let place = self.group(node);
                    let group = &self.groups[place as usize];
                    if group.row == row && data[at..].starts_with(&group.text) {
                        at += group.text.len();
                        self.cells.push(Cell { kind: Kind::GroupRepeat, column: place, length: 0, word: 0 });
                        continue;
                    }
                    if group.pending > 0 || group.misses < Group::MOST_MISSES {
                        self.cells.push(Cell { kind: Kind::GroupStart, column: place, length: 0, word: 0 });
                    }
                    if group.misses < Group::MOST_MISSES {
                        open_group = Some((node, place, at, self.cells.len()));
                    }
                }
                at += 1;
                is_inside = true;
                continue;
            }
            let is_iteration = state.is_iteration;
            let (cell, end) = self.scalar(data, at, depth)?;
            at = end;
            if is_iteration && cell.kind == Kind::Int {
                iteration = Some(cell.word as i64);
            }
            if column != NO_COLUMN {
                self.cells.push(Cell { column, ..cell });
            }
        }
    }

    /// The cell that the value at `start` is, and where that ends: a number, a text, a word, a list or an empty object.
    #[inline(always)]
    fn scalar(&mut self, data: &[u8], start: usize, depth: u32) -> Option<(Cell, usize)> {
        let word = |kind, word, text: &[u8]| Some((Cell::new(kind, word, 0), word_end(data, start, text)?));
        let here = start as u64;
        match *data.get(start)? {
            b'-' | b'0'..=b'9' => {
                let Some((number, end)) = decimal(data, start) else {
                    return word(Kind::Float, f64::NEG_INFINITY.to_bits(), b"-Infinity");
                };
                let cell = match number {
                    Decimal::Float(number) => Cell::new(Kind::Float, number.to_bits(), 0),
                    Decimal::Int(number) => Cell::new(Kind::Int, number as u64, 0),
                    Decimal::UInt(number) => Cell::new(Kind::UInt, number, 0),
                    Decimal::Big => Cell::new(Kind::Big, here, end - start),
                };
                Some((cell, end))
            }
            b'"' => {
                let (end, has_escape) = scan_text(data, start + 1)?;
                if !has_escape {
                    return Some((Cell::new(Kind::Text, here + 1, end - start - 1), end + 1));
                }
                let place = self.texts.len();
                let end = unescape(data, start + 1, end, &mut self.texts)?;
                Some((Cell::new(Kind::OtherText, place as u64, self.texts.len() - place), end))
            }
            b'{' => {
                let end = ((depth as usize) < self.max_depth).then_some(start + 2)?;
                let place = self.texts.len();
                self.texts.extend_from_slice(b"{}");
                Some((Cell::new(Kind::OtherJson, place as u64, 2), end))
            }
            b'[' => {
                let place = self.texts.len();
                let most = self.max_depth.checked_sub(depth as usize)?;
                let end = list(data, start, most, &mut self.texts).or_else(|| {
                    self.texts.truncate(place);
                    any_list(data, start, most, &mut self.texts)
                })?;
                Some((Cell::new(Kind::OtherJson, place as u64, self.texts.len() - place), end))
            }
            b'n' => word(Kind::Null, 0, b"null"),
            b't' => word(Kind::Bool, 1, b"true"),
            b'f' => word(Kind::Bool, 0, b"false"),
            b'N' => word(Kind::Float, f64::NAN.to_bits(), b"NaN"),
            b'I' => word(Kind::Float, f64::INFINITY.to_bits(), b"Infinity"),
            _ => None,
        }
    }

    /// Puts the row that was read last into the table.
    pub(super) fn put(&mut self, table: &mut Table, data: &[u8]) -> Result<()> {
        let row = table.rows();
        for (place, Cell { kind, column, length, word }) in self.cells.iter().copied().enumerate() {
            let start = word as usize;
            let end = start + length as usize;
            let in_file = |start, end| data.get(start..end).unwrap_or_default();
            match kind {
                Kind::Float => table.put(column, Scalar::Float(f64::from_bits(word))),
                Kind::Int => table.put(column, Scalar::Int(word as i64)),
                Kind::Text => table.put(column, Scalar::Text(in_file(start, end))),
                Kind::Null => table.put(column, Scalar::Null),
                Kind::Bool => table.put(column, Scalar::Bool(word != 0)),
                Kind::UInt => table.put(column, Scalar::UInt(word)),
                Kind::Big => table.put(column, Scalar::Big(in_file(start, end))),
                Kind::OtherText => {
                    table.put(column, Scalar::Text(self.texts.get(start..end).unwrap_or_default()))
                }
                Kind::OtherJson => {
                    table.put(column, Scalar::Json(self.texts.get(start..end).unwrap_or_default()))
                }
                Kind::GroupStart => self.groups[column as usize].put_pending(table),
                Kind::GroupRepeat => {
                    let group = &mut self.groups[column as usize];
                    group.pending += 1;
                    group.row = row + 1;
                    group.misses = 0;
                }
                Kind::GroupEnd => {
                    let group = &mut self.groups[column as usize];
                    group.text.clear();
                    group.text.extend_from_slice(in_file((word >> 32) as usize, word as u32 as usize));
                    group.columns.clear();
                    let cells = &self.cells[length as usize..place];
                    group.columns.extend(cells.iter().map(|cell| cell.column));
                    group.row = row + 1;
                    group.misses += 1;
                    if !group.is_live {
                        group.is_live = true;
                        self.live.push(column);
                    }
                }
            }
        }
        table.end_row()
    }

    /// Puts all cells that were not put yet, before rows are put in another way.
    pub(super) fn settle(&mut self, table: &mut Table) {
        for place in self.live.drain(..) {
            let group = &mut self.groups[place as usize];
            group.put_pending(table);
            group.row = NEVER;
            group.is_live = false;
        }
    }

    /// About how many bytes those cells will take.
    pub(super) fn pending_bytes(&self) -> usize {
        let groups = self.live.iter().map(|place| &self.groups[*place as usize]);
        groups.map(|group| group.pending as usize * group.columns.len() * 8).sum()
    }

    fn group(&mut self, node: Node) -> u32 {
        let state = &mut self.states[node as usize];
        if state.group == NO_GROUP {
            state.group = self.groups.len() as u32;
            let (text, columns) = (Vec::new(), Vec::new());
            self.groups.push(Group { text, row: NEVER, columns, pending: 0, misses: 0, is_live: false });
        }
        state.group
    }

    /// Takes the bytes between two values apart, and remembers them.
    #[cold]
    fn learn(
        &mut self,
        paths: &mut Paths,
        node: Node,
        is_inside: bool,
        data: &[u8],
        start: usize,
    ) -> Option<(usize, Node)> {
        let mut at = skip_space(data, start);
        let mut to = CLOSE;
        let mut object = node;
        if !is_inside {
            object = self.states[node as usize].parent;
            if !matches!(*data.get(at)?, b',' | b'}') {
                return None;
            }
            at += 1;
        }
        if is_inside || data[at - 1] == b',' {
            at = skip_space(data, at);
            let (key, end) = key(data, at)?;
            at = skip_space(data, end);
            if *data.get(at)? != b':' || self.states.len() >= MOST_STATES {
                return None;
            }
            at = skip_space(data, at + 1);
            // An error is the exact way's to tell.
            to = paths.child(object, &key).ok()?;
            self.learn_paths(paths);
        }
        let state = &mut self.states[node as usize];
        let steps = if is_inside { &mut state.inside } else { &mut state.after };
        steps.insert(0, Step::new(&data[start..at], to));
        steps.truncate(MOST_STEPS);
        Some((at - start, to))
    }

    /// Takes over what is new among the paths.
    #[cold]
    fn learn_paths(&mut self, paths: &Paths) {
        for node in self.states.len()..paths.len() {
            let path = paths.get(node as Node);
            self.states.push(State {
                column: path.column,
                parent: path.parent,
                depth: path.depth,
                is_contested: path.is_contested,
                is_iteration: path.depth == 1 && path.name() == ITERATION_KEY,
                seen: 0,
                group: NO_GROUP,
                after: Vec::new(),
                inside: Vec::new(),
            });
        }
        if self.contests != paths.contests() {
            self.contests = paths.contests();
            for (node, state) in self.states.iter_mut().enumerate() {
                state.is_contested = paths.get(node as Node).is_contested;
            }
            // An object may hold such a path, and is then not to be repeated.
            self.groups.iter_mut().for_each(|group| group.row = NEVER);
        }
    }
}

impl Group {
    fn put_pending(&mut self, table: &mut Table) {
        if self.pending > 0 {
            self.columns.iter().for_each(|column| table.repeat(*column, self.pending));
            self.pending = 0;
        }
    }
}
