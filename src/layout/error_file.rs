//! The failure of a run of Train V1 or Tune: `error.pkl` and `error.txt`.

use super::directory::Directory;
use super::{Diagnostics, Fact, Failure};
use crate::error::Result;
use crate::parse;
use crate::parse::error_log::{error_log, is_frame, last_exception};

const PICKLE: &str = "error.pkl";
const TEXT: &str = "error.txt";

/// What made the run fail. `last_date` is when the last row was written, as Ray writes times; a run without
/// rows may have died before it could leave an error.
pub(super) fn read(
    directory: &Directory,
    has_rows: bool,
    last_date: Option<&str>,
    diagnostics: &mut Diagnostics,
) -> Result<Fact<Failure>> {
    let has_pickle = directory.has_file(PICKLE);
    let text = directory.read_or_empty(TEXT, diagnostics)?;
    if !has_pickle && text.is_none() {
        return Ok(if has_rows { Fact::Absent } else { Fact::Unknown });
    }
    let has_text = text.is_some();
    let text = text.unwrap_or_default();
    let text = parse::text(&text);
    let log = error_log(&text);
    let mut failure = Failure { occurrences: log.count, ..Failure::default() };
    failure.recovered = match (last_date, log.last_time) {
        (Some(row), Some(failed)) => is_time(row) && is_time(failed) && row > failed,
        (Some(_) | None, None) | (None, Some(_)) => false,
    };
    let exception = last_exception(log.last);
    failure.source = if has_pickle && (exception.is_none() || !has_text) { PICKLE } else { TEXT };
    if let Some(exception) = exception {
        failure.class = exception.class.into();
        failure.module = exception.module.into();
        failure.message = exception.message.into();
    }
    if log.has_traceback {
        let last_has_frames = log.last.lines().any(is_frame);
        failure.traceback = if last_has_frames { log.last } else { &*text }.into();
    }
    let source = failure.source;
    Ok(Fact::Present { value: failure, source })
}

/// Whether a text has the form of Ray's times, `2026-11-24_10-36-44`, which sort as text.
fn is_time(text: &str) -> bool {
    const FORM: &[u8] = b"0000-00-00_00-00-00";
    let fits = |(byte, form): (u8, &u8)| if *form == b'0' { byte.is_ascii_digit() } else { byte == *form };
    text.len() == FORM.len() && text.bytes().zip(FORM).all(fits)
}
