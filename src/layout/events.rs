//! Ray's export events: what an operator who has them knows of a run beyond its directory. A run is found by the
//! storage path and the name that it was given.

mod log;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use memchr::memmem::Finder;

use super::diagnostic::Finding;
use super::names::normalised;
use super::record::{Attempt, Course, ScoreOrder};
use super::{Diagnostics, Fact, Failure, Limits, Record, failure_text};
use crate::cancel::Cancel;
use crate::error::{Error, Result};
use crate::storage::{Location, Settings, locate};
use crate::value::{Object, Value};
use log::{Event, Logs, Rank, Subject};

/// The setting that names the logs, and the source of what they tell.
const SOURCE: &str = "events";

/// Adds what the export events, in the directory or one file that setting `events` names, tell of the run at `run` to
/// its record, and returns what no directory tells. Setting `events_path` is where the run lay when it was written, if
/// it was moved.
pub(crate) fn join(
    record: &mut Record,
    run: &Location,
    settings: &Settings,
    limits: &Limits,
    cancel: Option<&Cancel>,
) -> Result<Course> {
    let (Some(events), was_at) = (settings.word(SOURCE), settings.word("events_path")) else {
        return Ok(Course::default());
    };
    let location = locate(events, settings).map_err(log::of_setting)?;
    join_logs(record, &Logs { location: &location, limits, cancel }, &paths(run, was_at))
}

/// The same for a run that lay at one of these paths.
fn join_logs(record: &mut Record, logs: &Logs, paths: &[String]) -> Result<Course> {
    let mut diagnostics = Diagnostics::default();
    let told = Told::read(logs, paths, &mut diagnostics)?;
    let course = told.map(|told| told.answer(record)).unwrap_or_default();
    record.diagnostics.append(&mut diagnostics.finish());
    Ok(course)
}

/// The paths that the run may have had when it was written.
fn paths(run: &Location, was_at: Option<&str>) -> Vec<String> {
    match was_at {
        Some(path) => vec![normalised(without_scheme(path))],
        None => {
            std::iter::once(run.path.clone()).chain(run.real_path()).map(|path| normalised(&path)).collect()
        }
    }
}

fn without_scheme(path: &str) -> &str {
    path.strip_prefix("file://").unwrap_or(path)
}

/// What an event of a run tells.
struct RunEvent {
    rank: Rank,
    is_ours: bool,
    status: Box<str>,
    detail: Box<str>,
    start: Option<i64>,
    end: Option<i64>,
    config: Fact<Value>,
    ray_version: Box<str>,
    metric: Box<str>,
    order: Option<ScoreOrder>,
    keep: Option<u64>,
    /// What made the run fail, unless it is told by an attempt.
    failure: Option<Failure>,
}

impl RunEvent {
    fn new(rank: Rank, data: &Object, paths: &[String]) -> Self {
        let settings = data.get("run_settings");
        let kept = settings.and_then(|settings| settings.get("run_config")?.get("checkpoint_config"));
        let in_kept = |key| kept.and_then(|kept| kept.get(key));
        let versions = data.get("framework_versions");
        let metric = text(in_kept("checkpoint_score_attribute"));
        RunEvent {
            rank,
            is_ours: is_ours(data, paths),
            status: status(data),
            detail: text(data.get("status_detail")).into(),
            start: nanoseconds(data.get("start_time_ns")),
            end: nanoseconds(data.get("end_time_ns")),
            config: match settings.and_then(|settings| settings.get("train_loop_config")) {
                Some(value @ Value::Object(_)) => Fact::Present { value: value.clone(), source: SOURCE },
                Some(Value::Null) | None => Fact::Absent,
                Some(_) => Fact::Unknown,
            },
            ray_version: text(versions.and_then(|versions| versions.get("ray"))).into(),
            metric: metric.into(),
            order: match text(in_kept("checkpoint_score_order")) {
                "MIN" if !metric.is_empty() => Some(ScoreOrder::Min),
                "MAX" if !metric.is_empty() => Some(ScoreOrder::Max),
                _ => None,
            },
            keep: in_kept("num_to_keep")
                .and_then(|count| count.as_u64().or_else(|| count.as_str()?.parse().ok())),
            failure: None,
        }
    }
}

/// Whether the run that an event is about lay at one of these paths. Its name alone says nothing.
fn is_ours(run: &Object, paths: &[String]) -> bool {
    let config = run.get("run_settings").and_then(|settings| settings.get("run_config"));
    let field = |key| text(config.and_then(|config| config.get(key)));
    let (storage, name) = (without_scheme(field("storage_path")), field("name"));
    // A text that is not set is an empty one, to Ray.
    !storage.is_empty() && !name.is_empty() && paths.contains(&normalised(&format!("{storage}/{name}")))
}

fn text(value: Option<&Value>) -> &str {
    value.and_then(Value::as_str).unwrap_or_default()
}

fn status(data: &Object) -> Box<str> {
    text(data.get("status")).to_lowercase().into()
}

/// A time, which Ray writes as text.
fn nanoseconds(value: Option<&Value>) -> Option<i64> {
    let value = value?;
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

/// What an event of an attempt tells.
struct AttemptEvent {
    rank: Rank,
    attempt: Attempt,
}

impl AttemptEvent {
    fn new(rank: Rank, data: &Object) -> Self {
        let status = status(data);
        let failure =
            (*status == *"errored").then(|| failure_text::failure(text(data.get("status_detail")), SOURCE));
        let attempt = Attempt {
            status,
            start: nanoseconds(data.get("start_time_ns")),
            end: nanoseconds(data.get("end_time_ns")),
            workers: data.get("workers").and_then(Value::as_array).map_or(0, <[Value]>::len),
            failure,
        };
        AttemptEvent { rank, attempt }
    }
}

/// A run that may be ours, and its attempts, by id: of each the event that counts so far.
#[derive(Default)]
struct Candidate {
    event: Option<RunEvent>,
    attempts: HashMap<Box<str>, AttemptEvent>,
}

/// Runs by id.
type Candidates = HashMap<Box<str>, Candidate>;

/// Finds the runs of which any event says that they are ours. The attempts of a run may stand before all of
/// its events, and those of all other runs are not to be kept: so the logs are read again for them.
fn candidates(logs: &Logs, paths: &[String], diagnostics: &mut Diagnostics) -> Result<Candidates> {
    let mut found = Candidates::new();
    let files = logs.each(
        diagnostics,
        |_| true,
        |Event { subject, data, .. }| {
            let id = text(data.get("id"));
            if subject == Subject::Run && !id.is_empty() && is_ours(&data, paths) {
                found.entry(id.into()).or_default();
            }
            check_count(logs, found.len())
        },
    )?;
    if found.is_empty() {
        note_no_match(files, paths, &logs.location.to_string(), diagnostics);
    }
    Ok(found)
}

fn note_no_match(files: usize, paths: &[String], events: &str, diagnostics: &mut Diagnostics) {
    let paths = paths.join(" or ");
    let message = match files {
        0 => format!("there is no {}", log::NAME),
        _ => format!(
            "no event is about a run at {paths}; events of Ray 2.53 and older, and of Train V1, name no path, and \
             setting events_path tells where a run lay that was moved"
        ),
    };
    diagnostics.add(Finding::NoMatchingEvent, events, message);
}

/// Fails if more is to be kept than the settings allow.
fn check_count(logs: &Logs, count: usize) -> Result<()> {
    let (path, most) = (logs.location, logs.limits.checkpoints);
    if count <= most {
        return Ok(());
    }
    let message = format!("{path}: more than {most} attempts, which setting max_checkpoints allows");
    Err(Error::corrupt(message))
}

/// Fills in the events that count.
fn fill(candidates: &mut Candidates, logs: &Logs, paths: &[String]) -> Result<()> {
    let mut count = 0;
    let finders = finders(candidates);
    let wanted = |line: &[u8]| finders.is_empty() || finders.iter().any(|id| id.find(line).is_some());
    // What is wrong with a line was noted before.
    let mut noted = Diagnostics::default();
    logs.each(&mut noted, wanted, |Event { subject, rank, data }| match subject {
        Subject::Run => {
            if let Some(candidate) = candidates.get_mut(text(data.get("id"))) {
                if candidate.event.as_ref().is_none_or(|known| rank.compare(&known.rank).is_gt()) {
                    candidate.event = Some(RunEvent::new(rank, &data, paths));
                }
            }
            Ok(())
        }
        Subject::Attempt => {
            let id = text(data.get("attempt_id"));
            let candidate = candidates.get_mut(text(data.get("run_id"))).filter(|_| !id.is_empty());
            let Some(Candidate { attempts, .. }) = candidate else { return Ok(()) };
            match attempts.get_mut(id) {
                Some(known) if rank.compare(&known.rank).is_gt() => *known = AttemptEvent::new(rank, &data),
                Some(_) => {}
                None => {
                    count += 1;
                    attempts.insert(id.into(), AttemptEvent::new(rank, &data));
                }
            }
            check_count(logs, count)
        }
    })?;
    Ok(())
}

/// What finds the lines that may be about these runs; none if too many would have to look, or if an id might
/// be escaped.
fn finders(candidates: &Candidates) -> Vec<Finder<'static>> {
    const FEW: usize = 8;
    let can_find = |id: &str| id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if candidates.len() > FEW || !candidates.keys().all(|id| can_find(id)) {
        return Vec::new();
    }
    candidates.keys().map(|id| Finder::new(id.as_bytes()).into_owned()).collect()
}

/// Our runs, oldest first, each with its attempts, oldest first; never empty.
struct Told(Vec<(RunEvent, Vec<Attempt>)>);

impl Told {
    fn read(logs: &Logs, paths: &[String], diagnostics: &mut Diagnostics) -> Result<Option<Self>> {
        let mut candidates = candidates(logs, paths, diagnostics)?;
        if candidates.is_empty() {
            return Ok(None);
        }
        fill(&mut candidates, logs, paths)?;
        let mut runs: Vec<(RunEvent, Vec<Attempt>)> = Vec::with_capacity(candidates.len());
        for Candidate { event, attempts } in candidates.into_values() {
            if let Some(event) = event.filter(|event| event.is_ours) {
                runs.push((event, in_order(attempts)));
            }
        }
        if runs.is_empty() {
            note_no_match(1, paths, &logs.location.to_string(), diagnostics);
            return Ok(None);
        }
        runs.sort_by(|(a, _), (b, _)| a.start.cmp(&b.start).then_with(|| a.rank.compare(&b.rank)));
        Ok(Some(Told(runs)))
    }

    /// Tells what is known: the run that started last for all, but for attempts and failures.
    fn answer(mut self, record: &mut Record) -> Course {
        let failure = self.failure();
        let attempts = self.0.iter_mut().flat_map(|(_, attempts)| attempts.drain(..)).collect();
        let Some((last, _)) = self.0.pop() else { return Course::default() };
        // What the directory itself records is nearer to the truth: events have it flattened and cut.
        if record.ray_version.is_empty() {
            record.ray_version = last.ray_version;
        }
        if matches!(record.config, Fact::Unknown) {
            record.config = last.config;
        }
        if matches!(record.failure, Fact::Unknown) {
            record.failure = failure;
        }
        Course {
            status: last.status,
            status_detail: last.detail,
            start: last.start,
            end: last.end,
            metric: last.metric,
            order: last.order,
            keep: last.keep,
            attempts,
        }
    }

    /// What made the runs fail, the last time. Every failure learns whether Ray went on after it.
    fn failure(&mut self) -> Fact<Failure> {
        let is_finished = self.0.last().is_some_and(|(run, _)| *run.status == *"finished");
        let last_start = self.0.iter().flat_map(|(_, attempts)| attempts).filter_map(|it| it.start).max();
        let went_on = |end: Option<i64>| is_finished || end.is_some_and(|end| last_start > Some(end));
        let mut occurrences = 0;
        for (run, attempts) in &mut self.0 {
            for attempt in &mut *attempts {
                if let Some(failure) = &mut attempt.failure {
                    failure.set_recovered(went_on(attempt.end));
                    occurrences += 1;
                }
            }
            let is_told = attempts.iter().any(|attempt| attempt.failure.is_some());
            if *run.status == *"aborted" || (*run.status == *"errored" && !is_told) {
                let mut told = failure_text::failure(&run.detail, SOURCE);
                told.set_recovered(went_on(run.end));
                run.failure = Some(told);
                occurrences += 1;
            }
        }
        let last = self.0.iter().rev().find_map(|(run, attempts)| {
            let of_attempts = || attempts.iter().rev().find_map(|attempt| attempt.failure.as_ref());
            run.failure.as_ref().or_else(of_attempts)
        });
        match last {
            Some(last) => Fact::Present { value: Failure { occurrences, ..last.clone() }, source: SOURCE },
            None if is_finished => Fact::Absent,
            None => Fact::Unknown,
        }
    }
}

/// Attempts by the time that they started.
fn in_order(attempts: HashMap<Box<str>, AttemptEvent>) -> Vec<Attempt> {
    let mut events: Vec<AttemptEvent> = attempts.into_values().collect();
    events.sort_by(|a, b| a.attempt.start.cmp(&b.attempt.start).then_with(|| a.rank.compare(&b.rank)));
    events.into_iter().map(|event| event.attempt).collect()
}
