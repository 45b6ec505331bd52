//! Lines of a file that is read in blocks, from its start or from its end, in bounded memory.

use memchr::{memchr_iter, memrchr};

use crate::error::{Error, Result};

/// What is read at once: large enough that the calls do not count, small enough to stay in the cache.
const BLOCK: usize = 256 * 1024;

/// Fails if a line is longer than the setting `max_line_bytes` allows.
pub(crate) fn check_length(length: u64, offset: u64, max_line: u64) -> Result<()> {
    if length > max_line { Err(too_long(offset, max_line)) } else { Ok(()) }
}

/// A line longer than the setting `max_line_bytes`.
fn too_long(offset: u64, max_line: u64) -> Error {
    Error::corrupt(format_args!(
        "the line at byte {offset} is longer than {max_line} bytes, which setting max_line_bytes allows"
    ))
}

/// Reads whole lines, many at once, from the start of a file to `length`.
pub(crate) struct Blocks<R> {
    read: R,
    length: u64,
    max_line: u64,
    buffer: Vec<u8>,
    /// Where in the file the buffer starts, and how much of it holds bytes of the file.
    offset: u64,
    filled: usize,
    /// How much of that was handed out already.
    done: usize,
}

impl<R: FnMut(u64, &mut [u8]) -> Result<usize>> Blocks<R> {
    /// `read` fills a buffer from an offset, and returns less than asked for only at the end.
    pub(crate) fn new(read: R, length: u64, max_line: u64) -> Self {
        // Of a small file all is read at once; less memory is asked for then, which is there already.
        let most = usize::try_from(length).map_or(BLOCK, |length| BLOCK.min(length + 1));
        Blocks { read, length, max_line, buffer: vec![0; most], offset: 0, filled: 0, done: 0 }
    }

    /// The next lines, each with its `\n`, and where in the file they start. The last line of the file may
    /// lack its `\n`.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, &[u8])>> {
        // What follows the last whole line moves to the front, and more of the file behind it.
        self.buffer.copy_within(self.done..self.filled, 0);
        self.offset += self.done as u64;
        self.filled -= self.done;
        self.done = 0;
        loop {
            if self.filled == self.buffer.len() {
                self.buffer.resize(self.buffer.len() * 2, 0);
            }
            let place = self.offset + self.filled as u64;
            let room = (self.buffer.len() - self.filled) as u64;
            let wanted = self.filled + self.length.saturating_sub(place).min(room) as usize;
            let read = (self.read)(place, &mut self.buffer[self.filled..wanted])?;
            let fresh = self.filled..self.filled + read;
            self.filled += read;
            if fresh.is_empty() {
                self.done = self.filled;
            } else if let Some(newline) = memrchr(b'\n', &self.buffer[fresh.clone()]) {
                self.done = fresh.start + newline + 1;
            }
            // Whole lines are measured by whoever takes them apart.
            check_length((self.filled - self.done) as u64, self.offset + self.done as u64, self.max_line)?;
            if self.done > 0 || fresh.is_empty() {
                let lines = &self.buffer[..self.done];
                return Ok((!lines.is_empty()).then_some((self.offset, lines)));
            }
        }
    }
}

/// A line read from the end of a file.
pub(crate) struct Line<'a> {
    /// Where it starts in the file.
    pub offset: u64,
    /// Without its `\n`.
    pub bytes: &'a [u8],
    /// Whether it has one.
    pub ended: bool,
}

/// Reads lines one by one, the last one first.
pub(crate) struct LinesFromEnd<R> {
    read: R,
    max_line: u64,
    /// The bytes of the file from `offset` on that were not handed out yet.
    buffer: Vec<u8>,
    offset: u64,
    at_end: bool,
}

impl<R: FnMut(u64, &mut [u8]) -> Result<usize>> LinesFromEnd<R> {
    /// As [`Blocks::new`].
    pub(crate) fn new(read: R, length: u64, max_line: u64) -> Self {
        LinesFromEnd { read, max_line, buffer: Vec::new(), offset: length, at_end: true }
    }

    /// The line before the one handed out last.
    pub(crate) fn next(&mut self) -> Result<Option<Line<'_>>> {
        if self.at_end {
            self.at_end = false;
            self.extend()?;
        } else if let Some(newline) = self.buffer.iter().rposition(|&byte| byte == b'\n') {
            // The line handed out last stands behind this one's `\n`.
            self.buffer.truncate(newline + 1);
        } else {
            self.buffer.clear();
        }
        loop {
            let ended = self.buffer.last() == Some(&b'\n');
            let text = self.buffer.len() - usize::from(ended);
            let newline = memrchr(b'\n', &self.buffer[..text]);
            let start = newline.map_or(0, |newline| newline + 1);
            check_length((text - start) as u64, self.offset + start as u64, self.max_line)?;
            if newline.is_some() || self.offset == 0 {
                if self.buffer.is_empty() {
                    return Ok(None);
                }
                let offset = self.offset + start as u64;
                if ended {
                    self.buffer.truncate(text);
                }
                return Ok(Some(Line { offset, bytes: &self.buffer[start..], ended }));
            }
            self.extend()?;
        }
    }

    /// Reads what stands before the buffer: as much as it holds, so that the work stays linear.
    fn extend(&mut self) -> Result<()> {
        let more = (self.buffer.len().max(BLOCK) as u64).min(self.offset);
        let mut buffer = vec![0; more as usize + self.buffer.len()];
        buffer[more as usize..].copy_from_slice(&self.buffer);
        let start = self.offset - more;
        let mut filled = 0;
        while filled < more as usize {
            match (self.read)(start + filled as u64, &mut buffer[filled..more as usize])? {
                0 => return Err(Error::corrupt("the file became shorter while it was read")),
                read => filled += read,
            }
        }
        self.buffer = buffer;
        self.offset = start;
        Ok(())
    }
}

/// Whether a line holds nothing but white space.
pub(crate) fn is_blank(line: &[u8]) -> bool {
    line.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r'))
}

/// The lines of a block, without their `\n`, and where each starts in it.
pub(crate) fn split(block: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut start = 0;
    memchr_iter(b'\n', block).chain(std::iter::once(block.len())).filter_map(move |end| {
        let line = (start, block.get(start..end)?);
        start = end + 1;
        (end < block.len() || !line.1.is_empty()).then_some(line)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file in memory that hands out at most `piece` bytes a call.
    fn reader(file: &[u8], piece: usize) -> impl FnMut(u64, &mut [u8]) -> Result<usize> + '_ {
        move |offset, into| {
            let rest = file.get(offset as usize..).unwrap_or_default();
            let length = rest.len().min(into.len()).min(piece);
            into[..length].copy_from_slice(&rest[..length]);
            Ok(length)
        }
    }

    fn forwards(file: &[u8], piece: usize) -> Vec<(u64, Vec<u8>)> {
        let mut blocks = Blocks::new(reader(file, piece), file.len() as u64, 1 << 30);
        let mut lines = Vec::new();
        while let Some((offset, block)) = blocks.next().unwrap() {
            lines.extend(split(block).map(|(start, line)| (offset + start as u64, line.to_vec())));
        }
        lines
    }

    fn backwards(file: &[u8], piece: usize) -> Vec<(u64, Vec<u8>)> {
        let mut from_end = LinesFromEnd::new(reader(file, piece), file.len() as u64, 1 << 30);
        let mut lines = Vec::new();
        while let Some(line) = from_end.next().unwrap() {
            assert_eq!(line.ended, file.get(line.offset as usize + line.bytes.len()) == Some(&b'\n'));
            lines.push((line.offset, line.bytes.to_vec()));
        }
        lines.reverse();
        lines
    }

    #[test]
    fn both_ways_give_the_lines_of_the_file() {
        let long = "x".repeat(BLOCK * 3 + 7);
        let files = [
            String::new(),
            "\n".into(),
            "\n\n".into(),
            "a".into(),
            "a\n".into(),
            "a\nb".into(),
            "a\n\nbc\n".into(),
            format!("{long}\nb\n{long}"),
            format!("a\n{long}{long}\nb\n"),
            "line\n".repeat(BLOCK / 2),
        ];
        for file in files {
            let mut expected = Vec::new();
            let mut offset = 0;
            for line in file.split_inclusive('\n') {
                expected.push((offset, line.trim_end_matches('\n').as_bytes().to_vec()));
                offset += line.len() as u64;
            }
            for piece in [1000, 65_536, usize::MAX] {
                assert!(forwards(file.as_bytes(), piece) == expected);
                assert!(backwards(file.as_bytes(), piece) == expected);
            }
        }
    }

    #[test]
    fn refuses_a_line_that_is_too_long() {
        let file = format!("a\n{}\nb\n", "x".repeat(BLOCK * 2));
        let read = reader(file.as_bytes(), usize::MAX);
        let mut blocks = Blocks::new(read, file.len() as u64, BLOCK as u64);
        assert_eq!(blocks.next().unwrap().unwrap().1, b"a\n");
        let error = blocks.next().unwrap_err();
        assert!(error.message().contains("max_line_bytes"), "{error}");
        let mut lines =
            LinesFromEnd::new(reader(file.as_bytes(), usize::MAX), file.len() as u64, BLOCK as u64);
        assert_eq!(lines.next().unwrap().unwrap().bytes, b"b");
        assert!(lines.next().is_err());
    }
}
