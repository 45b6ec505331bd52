//! The settings of a call that reads reports.

use super::pick::Pick;
use crate::error::{Error, Result};
use crate::storage::{Key, Settings};

/// What a call asked for.
#[derive(Debug, Clone)]
pub(super) struct Options {
    pub pick: Pick,
    /// The numbers of the first report and of the one behind the last, if not all are wanted.
    pub rows: Option<(u64, u64)>,
    /// Whether only the last report of each training iteration is wanted.
    pub is_deduped: bool,
    /// None leaves it to the size of the file.
    pub threads: Option<usize>,
    pub max_memory: Option<u64>,
    pub batch_rows: usize,
    /// Whether the fast way is not to be taken: for the fuzzers, which hold one against the other.
    pub is_exact: bool,
}

impl Options {
    /// The settings that whoever reads reports takes.
    pub(super) const KEYS: [Key; 5] = [
        Key::Text("column"),
        Key::Word("config", &["true", "false"]),
        Key::Word("dedupe", &["none", "last"]),
        Key::Text("rows"),
        Key::Count("threads", 1),
    ];

    pub(super) fn new(settings: &Settings) -> Result<Self> {
        let count = |key| settings.count(key).map(|count| usize::try_from(count).unwrap_or(usize::MAX));
        Ok(Options {
            pick: Pick::new(settings.all("column"), settings.word("config") != Some("false")),
            rows: settings.word("rows").map(rows).transpose()?,
            is_deduped: settings.word("dedupe") == Some("last"),
            threads: count("threads"),
            max_memory: settings.count("max_memory"),
            batch_rows: count("batch_rows").unwrap_or(65_536),
            is_exact: false,
        })
    }
}

/// `FROM..TO`, of which either may lack.
fn rows(text: &str) -> Result<(u64, u64)> {
    let bound = |text: &str, default| if text.is_empty() { Some(default) } else { text.parse().ok() };
    let parsed = text.split_once("..").and_then(|(from, to)| Some((bound(from, 0)?, bound(to, u64::MAX)?)));
    parsed.filter(|(from, to)| from <= to).ok_or_else(|| {
        let what =
            "FROM..TO, such as 100..200: the numbers of the first report and of the one behind the last";
        Error::invalid(format_args!("setting rows is '{text}', not {what}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_a_range() {
        assert_eq!(rows("3..5").unwrap(), (3, 5));
        assert_eq!(rows("..5").unwrap(), (0, 5));
        assert_eq!(rows("3..").unwrap(), (3, u64::MAX));
        assert_eq!(rows("..").unwrap(), (0, u64::MAX));
        for text in ["", "3", "5..3", "a..b", "-1..2", "1..=2"] {
            assert!(rows(text).unwrap_err().message().contains("FROM..TO"), "{text}");
        }
    }
}
