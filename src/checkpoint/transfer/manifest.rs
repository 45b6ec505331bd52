//! What a part directory says of itself, so that a later call can go on. Lines of JSON: first the files that are wanted and
//! where the tree with them is; then `[file,offset,length]` for each range that is there, and a number where so many of
//! these lines are true even if the machine has crashed since.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::ops::Range;
use std::path::Path;
use std::sync::Mutex;

use super::crew::lock;
use crate::json_writer::JsonWriter;
use crate::parse::json;
use crate::storage::{FileBelow, disk};
use crate::value::Value;

/// Ranges of one file that are there: sorted, and none next to another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ranges(Vec<Range<u64>>);

impl Ranges {
    fn sorted(mut ranges: Vec<Range<u64>>) -> Self {
        ranges.sort_unstable_by_key(|range| range.start);
        let mut whole: Vec<Range<u64>> = Vec::new();
        for range in ranges {
            match whole.last_mut() {
                Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
                Some(_) | None => whole.push(range),
            }
        }
        Ranges(whole)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.0.iter().map(|range| range.end - range.start).sum()
    }

    /// What a file of this size still lacks. An empty file lacks an empty range, unless that is there.
    pub(super) fn missing(&self, size: u64) -> Vec<Range<u64>> {
        if size == 0 && self.is_empty() {
            return vec![Range { start: 0, end: 0 }];
        }
        let (mut missing, mut at) = (Vec::new(), 0);
        for range in &self.0 {
            if at < range.start {
                missing.push(at..range.start);
            }
            at = range.end;
        }
        if at < size {
            missing.push(at..size);
        }
        missing
    }
}

/// What an earlier call left.
pub(super) struct Earlier {
    /// The number of the tree's directory: after it changed places with another one, that is not the tree.
    pub tree: u64,
    pub files: Vec<EarlierFile>,
}

pub(super) struct EarlierFile {
    pub name: String,
    pub size: u64,
    pub etag: String,
    pub ranges: Ranges,
}

/// Reads what an earlier call left; none if it left nothing of use.
pub(super) fn read(path: &Path) -> Option<Earlier> {
    let text = fs::read_to_string(path).ok()?;
    // A line that has no end was not written to its end.
    let mut lines = text.split_inclusive('\n').map_while(|line| line.strip_suffix('\n'));
    let (head, _) = json::document(lines.next()?, 10).ok()?;
    let tree = head.get("tree")?.as_u64()?;
    let mut files = Vec::new();
    for file in head.get("files")?.as_array()? {
        let [name, size, etag] = file.as_array()? else { return None };
        files.push((name.as_str()?.to_owned(), size.as_u64()?, etag.as_str()?.to_owned()));
    }
    let (mut lines, safe) = records(lines, &files);
    let boot = disk::boot();
    if boot.is_empty() || head.get("boot")?.as_str()? != boot {
        lines.truncate(safe);
    }
    let mut ranges = vec![Vec::new(); files.len()];
    for (file, range) in lines {
        ranges[file].push(range);
    }
    let files = files.into_iter().zip(ranges).map(|((name, size, etag), ranges)| EarlierFile {
        name,
        size,
        etag,
        ranges: Ranges::sorted(ranges),
    });
    Some(Earlier { tree, files: files.collect() })
}

/// The ranges up to the first line that does not make sense, and how many of them are safe from a crash.
fn records<'a>(
    lines: impl Iterator<Item = &'a str>,
    files: &[(String, u64, String)],
) -> (Vec<(usize, Range<u64>)>, usize) {
    let (mut ranges, mut safe) = (Vec::new(), 0);
    for line in lines {
        let Ok((value, _)) = json::document(line, 10) else { break };
        if let Some(count) = value.as_u64() {
            safe = usize::try_from(count).unwrap_or(0).min(ranges.len());
            continue;
        }
        let numbers: Option<Vec<u64>> =
            value.as_array().and_then(|items| items.iter().map(Value::as_u64).collect());
        let Some([file, offset, length]) = numbers.as_deref() else { break };
        let range = offset.checked_add(*length).map(|end| *offset..end);
        let file = usize::try_from(*file).ok().filter(|file| *file < files.len());
        let (Some(file), Some(range)) = (file, range) else { break };
        if range.end > files[file].1 {
            break;
        }
        ranges.push((file, range));
    }
    (ranges, safe)
}

/// The files of a checkpoint and where it is: the same text means the same content.
pub(super) fn identity(uri: &str, files: &[FileBelow]) -> String {
    let mut json = JsonWriter::new();
    json.begin('{');
    members(&mut json, uri, files);
    json.end('}');
    json.finish()
}

fn members(json: &mut JsonWriter, uri: &str, files: &[FileBelow]) {
    json.key("uri");
    json.string(uri);
    json.key("files");
    json.begin('[');
    for file in files {
        json.begin('[');
        json.string(&file.name);
        json.literal(file.known.size);
        json.string(file.known.etag.as_str());
        json.end(']');
    }
    json.end(']');
}

/// The manifest of the call that goes on now.
pub(super) struct Manifest(Mutex<State>);

struct State {
    file: File,
    lines: u64,
    bytes: u64,
    /// What is only in the memory of this machine: files, and how many bytes.
    unsafe_files: BTreeSet<usize>,
    unsafe_bytes: u64,
    is_saving: bool,
}

/// Ranges that are to be written out: after that, so many lines are safe.
pub(super) struct Saving {
    pub files: BTreeSet<usize>,
    lines: u64,
}

/// How many bytes a crash of the machine may cost.
const SAVE_AFTER: u64 = 256 << 20;

impl Manifest {
    /// Begins a manifest, all at once, with what is there already of each file.
    pub(super) fn create(
        path: &Path,
        uri: &str,
        tree: u64,
        files: &[FileBelow],
        there: &[Ranges],
    ) -> io::Result<Self> {
        let mut json = JsonWriter::new();
        json.begin('{');
        json.key("tree");
        json.literal(tree);
        json.key("boot");
        json.string(&disk::boot());
        members(&mut json, uri, files);
        json.end('}');
        let mut text = json.finish();
        text.push('\n');
        let (mut lines, mut unsafe_files) = (0, BTreeSet::new());
        for (index, ranges) in there.iter().enumerate() {
            for range in &ranges.0 {
                text.push_str(&line(index, range.start, range.end - range.start));
                lines += 1;
                unsafe_files.insert(index);
            }
        }
        let new = path.with_extension("new");
        fs::write(&new, text)?;
        fs::rename(&new, path)?;
        let file = OpenOptions::new().append(true).open(path)?;
        let bytes = there.iter().map(Ranges::bytes).sum();
        let (unsafe_bytes, is_saving) = (bytes, false);
        Ok(Manifest(Mutex::new(State { file, lines, bytes, unsafe_files, unsafe_bytes, is_saving })))
    }

    /// Notes that a range is there. Now and then this asks for the files to be written out.
    pub(super) fn add(&self, file: usize, offset: u64, length: u64) -> io::Result<Option<Saving>> {
        let mut state = lock(&self.0);
        state.file.write_all(line(file, offset, length).as_bytes())?;
        state.lines += 1;
        state.bytes += length;
        state.unsafe_files.insert(file);
        state.unsafe_bytes += length;
        if state.is_saving || state.unsafe_bytes < SAVE_AFTER {
            return Ok(None);
        }
        state.is_saving = true;
        state.unsafe_bytes = 0;
        Ok(Some(Saving { files: std::mem::take(&mut state.unsafe_files), lines: state.lines }))
    }

    /// Notes that the files were written out.
    pub(super) fn saved(&self, saving: &Saving) -> io::Result<()> {
        let mut state = lock(&self.0);
        state.is_saving = false;
        state.file.write_all(format!("{}\n", saving.lines).as_bytes())
    }

    /// Whether there is anything to go on with.
    pub(super) fn has_bytes(&self) -> bool {
        lock(&self.0).bytes > 0
    }
}

fn line(file: usize, offset: u64, length: u64) -> String {
    format!("[{file},{offset},{length}]\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(of: &[(u64, u64)]) -> Ranges {
        Ranges::sorted(of.iter().map(|(start, end)| *start..*end).collect())
    }

    #[test]
    #[allow(clippy::single_range_in_vec_init)]
    fn what_is_missing_is_what_is_not_there() {
        assert_eq!(ranges(&[]).missing(10), [0..10]);
        assert_eq!(ranges(&[(4, 6), (0, 2), (2, 3)]).missing(10), [3..4, 6..10]);
        assert_eq!(ranges(&[(0, 10)]).missing(10), []);
        assert_eq!(ranges(&[]).missing(0), [0..0]);
        assert_eq!(ranges(&[(0, 0)]).missing(0), []);
        assert_eq!(ranges(&[(4, 6), (0, 2), (5, 9)]).bytes(), 7);
    }

    #[test]
    fn only_lines_that_make_sense_are_believed() {
        let files = [("a".to_owned(), 10, String::new()), ("b".to_owned(), 0, String::new())];
        let read = |text: &str| {
            let (ranges, safe) = records(text.lines(), &files);
            (ranges.len(), safe)
        };
        assert_eq!(read("[0,0,5]\n[1,0,0]\n2\n[0,5,5]"), (3, 2));
        assert_eq!(read("[0,0,5]\n9\n[0,0,11]\n[0,5,5]"), (1, 1));
        for wrong in ["[2,0,0]", "[0,0]", "[0,-1,1]", "x", "[0,18446744073709551615,2]", "{}", "[0,0,1.0]"] {
            assert_eq!(read(wrong), (0, 0), "{wrong}");
        }
    }
}
