//! Pure functions on bytes: JSON as Python writes it, lines, numbers, CSV, error logs, pickles.

pub(crate) mod csv;
pub(crate) mod decimal;
pub(crate) mod error_log;
pub(crate) mod exception;
pub(crate) mod json;
pub(crate) mod lines;
pub(crate) mod pickle;
pub(crate) mod pieces;
pub(crate) mod python;

use std::borrow::Cow;

/// Bytes as text. What is not UTF-8 becomes U+FFFD, one for each maximal subpart; the text is then owned.
pub(crate) fn text(bytes: &[u8]) -> Cow<'_, str> {
    // The check of whole files is several times faster than the repair.
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}
