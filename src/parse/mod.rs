//! Pure functions on bytes: JSON as Python writes it, lines, CSV, error logs.

pub(crate) mod csv;
pub(crate) mod error_log;
pub(crate) mod json;
pub(crate) mod lines;
