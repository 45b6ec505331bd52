//! A diagnostic, as C sees it.

use super::boundary::Str;
use crate::layout::{Diagnostic, Severity};

/// Whether it is damage, or a note about what is ordinary.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_diagnostic_severity(diagnostic: Option<&Diagnostic>) -> Severity {
    diagnostic.map_or(Severity::Note, Diagnostic::severity)
}

/// A stable word for what was found, such as `torn_last_line`.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_diagnostic_code(diagnostic: Option<&Diagnostic>) -> Str {
    Str::new(diagnostic.map(Diagnostic::code))
}

/// One sentence for people.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_diagnostic_message(diagnostic: Option<&Diagnostic>) -> Str {
    Str::new(diagnostic.map(Diagnostic::message))
}

/// The file, relative to the run, or the whole path of one elsewhere.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_diagnostic_file(diagnostic: Option<&Diagnostic>) -> Str {
    Str::new(diagnostic.map(Diagnostic::file))
}

/// The line in the file, from 1; 0 if it is about the file as a whole.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_diagnostic_line(diagnostic: Option<&Diagnostic>) -> u64 {
    diagnostic.map_or(0, Diagnostic::line)
}
