//! What was damaged, skipped or guessed.

use crate::error::Error;

/// How bad a diagnostic is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
#[non_exhaustive]
pub enum Severity {
    /// Ordinary, but good to know, such as a checkpoint that retention deleted.
    Note = 1,
    /// Something is broken or lost; setting `strict` makes it an error.
    Damage = 2,
}

/// Something in the directory that was damaged, skipped or guessed.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    finding: Finding,
    message: String,
    file: String,
    place: Place,
}

/// Where in a file something was found.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Place {
    /// From 1; 0 if it is not known, or about the file as a whole.
    pub line: u64,
    /// From the start of the file.
    pub byte: Option<u64>,
}

impl Diagnostic {
    /// The error that this is for whoever wants no damage at all. `run` is the path of the run.
    pub(crate) fn as_error(&self, run: &str) -> Error {
        let mut place = match self.file.as_str() {
            "" => run.to_owned(),
            elsewhere if elsewhere.starts_with('/') || elsewhere.contains("://") => elsewhere.to_owned(),
            below => format!("{run}/{below}"),
        };
        if self.place.line > 0 {
            place += &format!(", line {}", self.place.line);
        }
        if let Some(byte) = self.place.byte {
            place += &format!(", byte {byte}");
        }
        Error::corrupt(format_args!(
            "{place}: {} ({}, and setting strict is true)",
            self.message,
            self.code()
        ))
    }

    /// Whether it is damage, or a note about what is ordinary.
    pub fn severity(&self) -> Severity {
        self.finding.severity()
    }

    /// A stable word for what was found, such as `torn_last_line`.
    pub fn code(&self) -> &'static str {
        self.finding.code()
    }

    /// One sentence for people.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The file, relative to the run, or the whole path of one elsewhere.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The line in the file, from 1; 0 if it is about the file as a whole.
    pub fn line(&self) -> u64 {
        self.place.line
    }
}

/// Declares the findings with their code and severity.
macro_rules! findings {
    ($($finding:ident $code:literal $severity:ident,)*) => {
        /// What can be found; docs/diagnostics.md explains each.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Finding { $($finding,)* }

        impl Finding {
            #[cfg(test)]
            pub(crate) const ALL: &[Finding] = &[$(Finding::$finding,)*];

            fn code(self) -> &'static str {
                match self { $(Finding::$finding => $code,)* }
            }

            fn severity(self) -> Severity {
                match self { $(Finding::$finding => Severity::$severity,)* }
            }
        }
    };
}

findings! {
    ApproximateJoin "approximate_join" Note,
    BadErrorPickle "bad_error_pickle" Damage,
    BadEvent "bad_event" Damage,
    BadLine "bad_line" Damage,
    Bom "bom" Note,
    BothLayouts "both_layouts" Note,
    DeletedCheckpoint "deleted_checkpoint" Note,
    DuplicateCheckpoint "duplicate_checkpoint" Damage,
    DuplicateKey "duplicate_key" Note,
    GluedObjects "glued_objects" Note,
    IndexMismatch "index_mismatch" Damage,
    InvalidUtf8 "invalid_utf8" Damage,
    IterationGap "iteration_gap" Note,
    KeyConflict "key_conflict" Note,
    LatestMetricsDiffer "latest_metrics_differ" Note,
    LatestMissing "latest_missing" Note,
    LatestNotListed "latest_not_listed" Damage,
    LoneSurrogate "lone_surrogate" Damage,
    MissingCheckpoint "missing_checkpoint" Damage,
    NanText "nan_text" Note,
    NoMatchingEvent "no_matching_event" Note,
    NoResultFile "no_result_file" Note,
    NoSnapshot "no_snapshot" Note,
    OrderGuessed "order_guessed" Note,
    RaggedRow "ragged_row" Damage,
    RepeatedHeader "repeated_header" Note,
    RepeatedIteration "repeated_iteration" Note,
    TornLastEvent "torn_last_event" Damage,
    TornLastLine "torn_last_line" Damage,
    UncommittedCheckpoint "uncommitted_checkpoint" Note,
    UnjoinedCheckpoint "unjoined_checkpoint" Note,
    UnknownField "unknown_field" Note,
    UnreadableFile "unreadable_file" Damage,
    UnsafeName "unsafe_name" Damage,
    UsedProgressCsv "used_progress_csv" Note,
    WrongType "wrong_type" Damage,
}

/// Collects diagnostics: of one kind a hundred, and how many more there were.
#[derive(Debug, Default)]
pub(crate) struct Diagnostics {
    kept: Vec<Diagnostic>,
    counts: Vec<(Finding, usize)>,
}

impl Diagnostics {
    const KEPT_OF_A_KIND: usize = 100;

    /// Notes something about a file as a whole.
    pub(crate) fn add(&mut self, finding: Finding, file: &str, message: impl Into<String>) {
        self.add_line(finding, file, 0, message);
    }

    /// Notes something about a line, counted from 1.
    pub(crate) fn add_line(&mut self, finding: Finding, file: &str, line: u64, message: impl Into<String>) {
        self.add_at(finding, file, Place { line, byte: None }, message);
    }

    /// Notes something about a place in a file.
    pub(crate) fn add_at(&mut self, finding: Finding, file: &str, place: Place, message: impl Into<String>) {
        let known = self.counts.iter().position(|(known, _)| *known == finding);
        let known = known.unwrap_or_else(|| {
            self.counts.push((finding, 0));
            self.counts.len() - 1
        });
        self.counts[known].1 += 1;
        if self.counts[known].1 <= Self::KEPT_OF_A_KIND {
            let (message, file) = (message.into(), file.to_owned());
            self.kept.push(Diagnostic { finding, message, file, place });
        }
    }

    /// Takes over what was found in a later part of the same file, whose lines were counted from 1.
    pub(crate) fn append(&mut self, later: Diagnostics, lines_before: u64) {
        let kept = |finding: Finding| later.kept.iter().filter(|found| found.finding == finding).count();
        let more: Vec<(Finding, usize)> =
            later.counts.iter().map(|(finding, count)| (*finding, count - kept(*finding))).collect();
        for Diagnostic { finding, message, file, place } in later.kept {
            let line = if place.line > 0 { place.line + lines_before } else { 0 };
            self.add_at(finding, &file, Place { line, ..place }, message);
        }
        for (finding, count) in more {
            if let Some(known) = self.counts.iter_mut().find(|(known, _)| *known == finding) {
                known.1 += count;
            }
        }
    }

    /// As [`Diagnostics::finish`], but by line, and of one line by code, in whatever order they were noted; what is about
    /// no line comes last.
    pub(crate) fn finish_by_line(self) -> Vec<Diagnostic> {
        let mut found = self.finish();
        let line = |found: &Diagnostic| if found.place.line > 0 { found.place.line } else { u64::MAX };
        found.sort_by_key(|found| (line(found), found.code()));
        found
    }

    pub(crate) fn finish(mut self) -> Vec<Diagnostic> {
        for (finding, count) in self.counts {
            if let Some(more @ 1..) = count.checked_sub(Self::KEPT_OF_A_KIND) {
                let message = format!("{more} more of this kind");
                self.kept.push(Diagnostic { finding, message, file: String::new(), place: Place::default() });
            }
        }
        self.kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_of_a_kind_a_hundred_are_kept_and_the_rest_counted() {
        let mut diagnostics = Diagnostics::default();
        for line in 1..=150 {
            diagnostics.add_line(Finding::BadLine, "result.json", line, "bad");
        }
        diagnostics.add(Finding::Bom, "result.json", "bom");
        let kept = diagnostics.finish();
        assert_eq!(kept.len(), 102);
        assert_eq!((kept[99].code(), kept[99].line()), ("bad_line", 100));
        assert_eq!((kept[101].code(), kept[101].message()), ("bad_line", "50 more of this kind"));
    }

    #[test]
    fn every_code_is_documented() {
        let page = include_str!("../../docs/diagnostics.md");
        for finding in Finding::ALL {
            let severity = if finding.severity() == Severity::Damage { "damage" } else { "note" };
            let row = format!("| `{}` | {severity} |", finding.code());
            assert!(page.contains(&row), "docs/diagnostics.md lacks {row}");
        }
    }
}
