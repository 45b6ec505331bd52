//! The small files that credentials are read from.

use std::fmt::{Display, Formatter};
use std::fs::File;
use std::io::{ErrorKind, Read};

const MOST_BYTES: u64 = 1024 * 1024;

/// Why a file was not read. Nothing of what it holds is told.
#[derive(Debug)]
pub(super) enum Unread {
    Absent,
    System(std::io::Error),
    NotText,
    TooLarge,
}

impl Display for Unread {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Unread::Absent => formatter.write_str("no such file"),
            Unread::System(error) => error.fmt(formatter),
            Unread::NotText => formatter.write_str("the file is not UTF-8"),
            Unread::TooLarge => write!(formatter, "the file is larger than {MOST_BYTES} bytes"),
        }
    }
}

impl From<std::io::Error> for Unread {
    fn from(error: std::io::Error) -> Self {
        match error.kind() == ErrorKind::NotFound || error.kind() == ErrorKind::NotADirectory {
            true => Unread::Absent,
            false => Unread::System(error),
        }
    }
}

pub(super) fn read(path: &str) -> Result<String, Unread> {
    let mut content = Vec::new();
    File::open(path)?.take(MOST_BYTES + 1).read_to_end(&mut content)?;
    if content.len() as u64 > MOST_BYTES {
        return Err(Unread::TooLarge);
    }
    String::from_utf8(content).map_err(|_| Unread::NotText)
}
