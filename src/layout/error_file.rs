//! The failure of a run of Train V1 or Tune: `error.pkl` and `error.txt`.

use super::diagnostic::Finding;
use super::directory::Directory;
use super::{Diagnostics, Fact, Failure, failure_text};
use crate::error::Result;
use crate::parse;
use crate::parse::error_log::{Exception, error_log, is_frame, last_exception};
use crate::parse::exception::{PickledException, pickled_exception};
use crate::parse::pickle::Pickle;

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
    let pickle = read_pickle(directory, diagnostics)?;
    let text = directory.read_or_empty(TEXT, diagnostics)?;
    if pickle.is_none() && text.is_none() {
        return Ok(if has_rows { Fact::Absent } else { Fact::Unknown });
    }
    let text = parse::text(text.as_deref().unwrap_or_default()).into_owned();
    let log = error_log(&text);
    let mut failure = Failure { occurrences: log.count, ..Failure::default() };
    failure.recovered = match (last_date, log.last_time) {
        (Some(row), Some(failed)) => is_time(row) && is_time(failed) && row > failed,
        (Some(_) | None, None) | (None, Some(_)) => false,
    };
    if log.has_traceback {
        let last_has_frames = log.last.lines().any(is_frame);
        failure.traceback = if last_has_frames { log.last } else { &*text }.into();
    }
    failure.source = if pickle.is_some() { PICKLE } else { TEXT };
    let printed = last_exception(log.last);
    match (pickle.flatten(), printed) {
        (Some(raised), printed) => tell(&mut failure, raised, printed.as_ref()),
        (None, Some(printed)) => {
            failure.source = TEXT;
            failure.class = printed.class.into();
            failure.module = printed.module.into();
            failure.message = printed.message.into();
        }
        (None, None) => {}
    }
    // Train V2 in a trial of Tune: its error tells of workers.
    if failure.workers.is_empty() {
        failure.workers = failure_text::workers(log.last, TEXT);
    }
    failure.set_recovered(failure.recovered);
    let source = failure.source;
    Ok(Fact::Present { value: failure, source })
}

/// What `error.pkl` holds: nothing if it cannot be used. None if there is no such file.
fn read_pickle(
    directory: &Directory,
    diagnostics: &mut Diagnostics,
) -> Result<Option<Option<PickledException>>> {
    let Some(bytes) = directory.read_pickle_or_empty(PICKLE, diagnostics)? else { return Ok(None) };
    let exception = match Pickle::read(&bytes) {
        Ok(pickle) => pickled_exception(&pickle).ok_or_else(|| "it holds no exception".to_owned()),
        Err(error) => Err(error.to_string()),
    };
    if let Err(reason) = &exception {
        let message = format!("{PICKLE} tells no exception, so {TEXT} counts: {reason}");
        diagnostics.add(Finding::BadErrorPickle, PICKLE, message);
    }
    Ok(Some(exception.ok()))
}

/// Puts what a pickle tells into a failure. `printed` is what Python printed of it.
fn tell(failure: &mut Failure, raised: PickledException, printed: Option<&Exception>) {
    let printed =
        printed.filter(|printed| printed.class == raised.class).map(|printed| printed.message.to_owned());
    failure.message = raised.text_argument.or(printed).unwrap_or(raised.shown).into();
    failure.class = raised.class.into();
    failure.module = raised.module.into();
    if let Some(traceback) = raised.traceback.filter(|_| failure.traceback.is_empty()) {
        failure.traceback = traceback.into();
    }
    let workers = raised.workers.into_iter().map(|(rank, raised)| {
        let mut worker = Failure { source: PICKLE, occurrences: 1, rank: Some(rank), ..Failure::default() };
        tell(&mut worker, raised, None);
        worker
    });
    failure.workers = workers.collect();
}

/// Whether a text has the form of Ray's times, `2026-11-24_10-36-44`, which sort as text.
fn is_time(text: &str) -> bool {
    const FORM: &[u8] = b"0000-00-00_00-00-00";
    let fits = |(byte, form): (u8, &u8)| if *form == b'0' { byte.is_ascii_digit() } else { byte == *form };
    text.len() == FORM.len() && text.bytes().zip(FORM).all(fits)
}
