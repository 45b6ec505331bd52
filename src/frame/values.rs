//! The cells of a finished column, as Arrow lays them out.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BooleanArray, Float64Array, Int64Array, LargeStringArray, NullArray, StringArray,
    UInt64Array,
};
use arrow_buffer::{BooleanBuffer, Buffer, MutableBuffer, NullBuffer, OffsetBuffer, ScalarBuffer};

/// Texts one behind another, in UTF-8.
#[derive(Debug, Default)]
pub(super) struct Texts {
    bytes: Vec<u8>,
    ends: Ends,
}

/// Where each text ends: in 32 bits, as most readers of Arrow like it best, as long as that is enough.
#[derive(Debug)]
enum Ends {
    Short(Vec<i32>),
    Long(Vec<i64>),
}

impl Default for Ends {
    fn default() -> Self {
        Ends::Short(vec![0])
    }
}

impl Ends {
    #[inline]
    fn push(&mut self, end: usize) {
        match self {
            Ends::Short(ends) => match i32::try_from(end) {
                Ok(end) => ends.push(end),
                Err(_) => self.widen(end),
            },
            Ends::Long(ends) => ends.push(end as i64),
        }
    }

    #[cold]
    fn widen(&mut self, end: usize) {
        let ends = (0..self.len()).map(|place| self.at(place) as i64);
        *self = Ends::Long(ends.chain([end as i64]).collect());
    }

    fn at(&self, place: usize) -> usize {
        match self {
            Ends::Short(ends) => ends.get(place).map_or(0, |end| *end as usize),
            Ends::Long(ends) => ends.get(place).map_or(0, |end| *end as usize),
        }
    }

    fn len(&self) -> usize {
        match self {
            Ends::Short(ends) => ends.len(),
            Ends::Long(ends) => ends.len(),
        }
    }

    fn repeat_last(&mut self, count: usize) {
        match self {
            Ends::Short(ends) => ends.resize(ends.len() + count, ends.last().copied().unwrap_or(0)),
            Ends::Long(ends) => ends.resize(ends.len() + count, ends.last().copied().unwrap_or(0)),
        }
    }
}

impl Texts {
    /// Adds a text, and tells its place.
    #[inline]
    pub(super) fn push(&mut self, text: &[u8]) -> u64 {
        self.bytes.extend_from_slice(text);
        self.ends.push(self.bytes.len());
        self.ends.len() as u64 - 2
    }

    /// Adds a text that is written right into its place.
    pub(super) fn push_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.bytes);
        self.ends.push(self.bytes.len());
    }

    /// So many empty texts.
    pub(super) fn empty(count: usize) -> Self {
        let mut texts = Texts::default();
        texts.push_empty(count);
        texts
    }

    /// A text behind so many empty ones.
    pub(super) fn behind(count: usize, text: &[u8]) -> Self {
        let mut texts = Texts::empty(count);
        texts.push(text);
        texts
    }

    /// Makes room for this many texts in all.
    pub(super) fn reserve(&mut self, count: usize) {
        if let Ends::Short(ends) = &mut self.ends {
            ends.reserve((count + 1).saturating_sub(ends.len()));
        }
        let each = self.bytes.len().div_ceil(self.ends.len());
        self.bytes.reserve((each * count).saturating_sub(self.bytes.len()));
    }

    pub(super) fn push_empty(&mut self, count: usize) {
        self.ends.repeat_last(count);
    }

    /// Adds the last text again, `count` times.
    pub(super) fn repeat(&mut self, count: usize) {
        let last = self.ends.len().saturating_sub(2);
        let text = self.at(last).to_owned();
        self.bytes.reserve(text.len() * count);
        (0..count).for_each(|_| {
            self.push(&text);
        });
    }

    pub(super) fn append(&mut self, more: &Texts) {
        let before = self.bytes.len();
        self.bytes.extend_from_slice(&more.bytes);
        for place in 1..more.ends.len() {
            self.ends.push(before + more.ends.at(place));
        }
    }

    pub(super) fn at(&self, place: usize) -> &[u8] {
        self.bytes.get(self.ends.at(place)..self.ends.at(place + 1)).unwrap_or_default()
    }

    /// How many bytes they have together.
    pub(super) fn size(&self) -> usize {
        self.bytes.len()
    }
}

/// Which rows are not null; none if all are.
pub(super) fn validity(rows: usize, nulls: &[(u32, u32)]) -> Option<NullBuffer> {
    if nulls.is_empty() {
        return None;
    }
    let mut bits = MutableBuffer::new(rows.div_ceil(8)).with_bitset(rows.div_ceil(8), true);
    for (start, length) in nulls {
        let (start, end) = (*start as usize, (*start + *length) as usize);
        // Whole bytes at once: a run may be long.
        let (first, last) = (start.div_ceil(8) * 8, end / 8 * 8);
        if first >= last {
            (start..end).for_each(|row| bits[row / 8] &= !(1 << (row % 8)));
        } else {
            (start..first).chain(last..end).for_each(|row| bits[row / 8] &= !(1 << (row % 8)));
            bits[first / 8..last / 8].fill(0);
        }
    }
    Some(NullBuffer::new(BooleanBuffer::new(bits.into(), 0, rows)))
}

/// The cells of a column.
#[derive(Debug, Clone)]
pub(super) enum Values {
    Null(NullArray, Option<NullBuffer>),
    Bool(BooleanArray),
    Int64(Int64Array),
    UInt64(UInt64Array),
    Float64(Float64Array),
    Text(StringArray),
    /// Texts of more than 2 GiB together.
    LargeText(LargeStringArray),
}

impl Values {
    pub(super) fn null(rows: usize) -> Self {
        let nulls = u32::try_from(rows).ok().filter(|rows| *rows > 0).map(|rows| [(0, rows)]);
        Values::Null(NullArray::new(rows), validity(rows, nulls.as_ref().map_or(&[], |nulls| &nulls[..])))
    }

    pub(super) fn bool(cells: Vec<bool>, nulls: Option<NullBuffer>) -> Self {
        Values::Bool(BooleanArray::new(BooleanBuffer::from(cells), nulls))
    }

    pub(super) fn int64(cells: Vec<i64>, nulls: Option<NullBuffer>) -> Self {
        Values::Int64(Int64Array::new(ScalarBuffer::from(cells), nulls))
    }

    pub(super) fn uint64(cells: Vec<u64>, nulls: Option<NullBuffer>) -> Self {
        Values::UInt64(UInt64Array::new(ScalarBuffer::from(cells), nulls))
    }

    pub(super) fn float64(cells: Vec<f64>, nulls: Option<NullBuffer>) -> Self {
        Values::Float64(Float64Array::new(ScalarBuffer::from(cells), nulls))
    }

    pub(super) fn text(texts: Texts, nulls: Option<NullBuffer>) -> Self {
        let text = Buffer::from_vec(texts.bytes);
        match texts.ends {
            Ends::Short(ends) => {
                Values::Text(StringArray::new(OffsetBuffer::new(ScalarBuffer::from(ends)), text, nulls))
            }
            Ends::Long(ends) => Values::LargeText(LargeStringArray::new(
                OffsetBuffer::new(ScalarBuffer::from(ends)),
                text,
                nulls,
            )),
        }
    }

    pub(super) fn array(&self) -> ArrayRef {
        match self {
            Values::Null(array, _) => Arc::new(array.clone()),
            Values::Bool(array) => Arc::new(array.clone()),
            Values::Int64(array) => Arc::new(array.clone()),
            Values::UInt64(array) => Arc::new(array.clone()),
            Values::Float64(array) => Arc::new(array.clone()),
            Values::Text(array) => Arc::new(array.clone()),
            Values::LargeText(array) => Arc::new(array.clone()),
        }
    }

    pub(super) fn validity(&self) -> Option<&NullBuffer> {
        match self {
            Values::Null(_, nulls) => nulls.as_ref(),
            Values::Bool(array) => array.nulls(),
            Values::Int64(array) => array.nulls(),
            Values::UInt64(array) => array.nulls(),
            Values::Float64(array) => array.nulls(),
            Values::Text(array) => array.nulls(),
            Values::LargeText(array) => array.nulls(),
        }
    }
}
