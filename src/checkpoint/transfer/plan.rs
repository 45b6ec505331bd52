//! Which files of a checkpoint are fetched. Their names come from a store, and become paths of this machine.

use std::collections::HashSet;

use super::options::Choice;
use crate::cancel::Cancel;
use crate::checkpoint::gone;
use crate::error::{Code, Error, Result};
use crate::storage::{Fault, FileBelow, Location};

/// The files to fetch, by name.
pub(super) struct Plan {
    pub files: Vec<FileBelow>,
    pub bytes: u64,
}

/// How many directories may lie in one another.
const MAX_DEPTH: usize = 128;

impl Plan {
    pub(super) fn new(source: &Location, choice: &Choice, cancel: Option<&Cancel>) -> Result<Self> {
        let mut files = files_of(source, cancel)?;
        choice.check(files.iter().map(|file| file.name.as_str()))?;
        files.retain(|file| choice.wants(&file.name));
        files.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        check(source, &files)?;
        let bytes = files.iter().fold(0, |sum: u64, file| sum.saturating_add(file.known.size));
        Ok(Plan { files, bytes })
    }

    /// Whether the store tells when one of the files is not the same any more.
    pub(super) fn is_told_apart(&self) -> bool {
        self.files.iter().all(|file| !file.known.etag.as_str().is_empty())
    }
}

/// All files of a checkpoint; fails with `NotFound` if its directory is not there.
pub(super) fn files_of(source: &Location, cancel: Option<&Cancel>) -> Result<Vec<FileBelow>> {
    source.walk(cancel).map_err(|error| {
        let is_missing = matches!(error.fault, Fault::NotFound | Fault::NotADirectory);
        if is_missing && error.path == source.to_string() { gone(source) } else { error.into() }
    })
}

/// What is wrong with a name of a file below a directory, if anything: it must stay below it, and be found again.
pub(super) fn fault(name: &str) -> Option<&'static str> {
    let has = |wrong: &str| name.split('/').any(|part| part == wrong);
    if name.contains('\0') {
        Some("it has a NUL in it")
    } else if name.starts_with('/') {
        Some("it is absolute")
    } else if has("") {
        Some("a part of it is empty")
    } else if has(".") || has("..") {
        Some("a part of it is '.' or '..'")
    } else if name.split('/').count() > MAX_DEPTH {
        Some("it has too many parts")
    } else {
        None
    }
}

/// Fails if the files, which are sorted by name, cannot all be files of one directory.
fn check(source: &Location, files: &[FileBelow]) -> Result<()> {
    let refuse = |name: &str, why: &str| {
        let message = format!("{source}: '{}' cannot be a file here: {why}", name.escape_debug());
        Err(Error::new(Code::Io, message))
    };
    let names: HashSet<&str> = files.iter().map(|file| file.name.as_str()).collect();
    for (index, FileBelow { name, .. }) in files.iter().enumerate() {
        if let Some(why) = fault(name) {
            return refuse(name, why);
        }
        if index > 0 && files[index - 1].name == *name {
            return refuse(name, "it is there twice");
        }
        if let Some(above) = directories_above(name).find(|above| names.contains(above)) {
            return refuse(above, "it is a directory as well");
        }
    }
    Ok(())
}

/// The directories that a file below a directory lies in, from the top.
pub(super) fn directories_above(name: &str) -> impl Iterator<Item = &str> {
    name.match_indices('/').map(|(end, _)| &name[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::double::Double;

    fn refused(names: &[&str]) -> String {
        let files: Vec<(&str, &str)> = names.iter().map(|name| (*name, "x")).collect();
        let (_, source) = Double::run(&files);
        let choice = Choice::default();
        let error = Plan::new(&source, &choice, None).err().unwrap();
        assert_eq!(error.code(), Code::Io);
        error.message().to_owned()
    }

    #[test]
    fn names_that_leave_the_directory_are_refused() {
        let deep = "d/".repeat(MAX_DEPTH) + "file";
        for name in ["../x", "a/../../x", "..", "a/./b", "/etc/passwd", "a//b", "a/", "a\0b", &deep] {
            let message = refused(&["fine", name]);
            assert!(message.contains(&format!("'{}'", name.escape_debug())), "{message}");
        }
        assert!(refused(&["a", "a-b", "a/b"]).contains("'a' cannot be a file here: it is a directory"));
        let (_, source) = Double::run(&[("...", "1"), ("a b/..c", "22"), ("größe", "")]);
        let plan = Plan::new(&source, &Choice::default(), None).unwrap();
        assert_eq!((plan.files.len(), plan.bytes), (3, 3));
    }

    #[test]
    fn what_is_not_wanted_may_have_any_name() {
        let (_, source) = Double::run(&[("weights/a", "1"), ("weights/../x", "2"), ("optim/b", "3")]);
        let choice = Choice { include: vec!["weights/*", "*b"], exclude: vec!["*..*", "optim/*"] };
        let plan = Plan::new(&source, &choice, None).unwrap();
        assert_eq!(plan.files.iter().map(|file| file.name.as_str()).collect::<Vec<_>>(), ["weights/a"]);
        let choice = Choice { include: vec!["weihgts/a"], exclude: vec![] };
        let error = Plan::new(&source, &choice, None).err().unwrap();
        assert_eq!(error.code(), Code::InvalidArgument);
        assert!(
            error.message().contains("'weihgts/a'") && error.message().contains("'weights/a'?"),
            "{error}"
        );
    }
}
