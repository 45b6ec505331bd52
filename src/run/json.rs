//! A run as JSON; docs/json.md lists the members.

use std::sync::Arc;

use super::{Mode, Run};
use crate::checkpoint::Checkpoint;
use crate::json_writer::JsonWriter;
use crate::layout::{Attempt, Failure, Layout, Presence, Severity, Status};

/// How many bytes workers that failed alike may repeat, in the whole JSON: each rank that a short text names can share
/// a long one.
const MOST_REPEATED: usize = 1 << 20;

impl Run {
    /// Everything that the run answers as one JSON object, whose members docs/json.md lists. NaN and the
    /// infinities are strings, as in protobuf's JSON.
    pub fn to_json(&self) -> String {
        let mut json = JsonWriter::new();
        let mut room = MOST_REPEATED;
        json.begin('{');
        member(&mut json, "uri", self.uri());
        member(&mut json, "path", self.path());
        member(&mut json, "filesystem", self.filesystem());
        member(&mut json, "layout", layout(self.layout()));
        member(&mut json, "ray_version", self.ray_version());
        json.key("metrics");
        json.option(self.metrics());
        member(&mut json, "latest_checkpoint", self.latest_checkpoint().map_or("", Checkpoint::name));
        member(&mut json, "resume_checkpoint", self.resume_checkpoint().map_or("", Checkpoint::name));
        for (key, checkpoints) in [("checkpoints", self.checkpoints()), ("leftovers", self.leftovers())] {
            json.key(key);
            json.begin('[');
            checkpoints.iter().for_each(|found| checkpoint(&mut json, found));
            json.end(']');
        }
        json.key("failure");
        json.begin('{');
        member(&mut json, "presence", presence(self.failure_presence()));
        if let Some(found) = self.failure() {
            failure(&mut json, found, &mut room);
        }
        json.end('}');
        let values = [
            ("config", self.config_presence(), self.config(), self.config_source()),
            ("return_value", self.return_value_presence(), self.return_value(), self.return_value_source()),
        ];
        for (key, is_there, value, source) in values {
            json.key(key);
            json.begin('{');
            member(&mut json, "presence", presence(is_there));
            member(&mut json, "source", source);
            json.key("value");
            json.option(value);
            json.end('}');
        }
        course(&mut json, self, &mut room);
        json.key("diagnostics");
        json.begin('[');
        for found in self.diagnostics() {
            json.begin('{');
            member(&mut json, "code", found.code());
            member(&mut json, "severity", severity(found.severity()));
            member(&mut json, "file", found.file());
            json.key("line");
            json.literal(found.line());
            member(&mut json, "message", found.message());
            json.end('}');
        }
        json.end(']');
        json.end('}');
        json.finish()
    }
}

/// A member that is text; `null` if that is empty.
fn member(json: &mut JsonWriter, key: &str, text: &str) {
    json.key(key);
    json.text(text);
}

fn number(json: &mut JsonWriter, key: &str, number: Option<impl std::fmt::Display>) {
    json.key(key);
    match number {
        Some(number) => json.literal(number),
        None => json.literal("null"),
    }
}

fn checkpoint(json: &mut JsonWriter, checkpoint: &Checkpoint) {
    json.begin('{');
    member(json, "name", checkpoint.name());
    member(json, "uri", checkpoint.uri());
    number(json, "index", checkpoint.index());
    number(json, "report", checkpoint.report());
    member(json, "presence", presence(checkpoint.presence()));
    member(json, "status", status(checkpoint.status()));
    json.key("metrics");
    json.option(checkpoint.metrics());
    json.end('}');
}

/// What only export events tell.
fn course(json: &mut JsonWriter, run: &Run, room: &mut usize) {
    member(json, "status", run.status());
    member(json, "status_detail", run.status_detail());
    number(json, "start_time_ns", run.start_time());
    number(json, "end_time_ns", run.end_time());
    json.key("configured");
    json.begin('{');
    member(json, "metric", run.configured_metric());
    member(json, "mode", run.configured_mode().map_or("", mode));
    number(json, "keep", run.configured_keep());
    json.end('}');
    json.key("attempts");
    json.begin('[');
    run.attempts().iter().for_each(|found| attempt(json, found, room));
    json.end(']');
}

fn attempt(json: &mut JsonWriter, attempt: &Attempt, room: &mut usize) {
    json.begin('{');
    member(json, "status", attempt.status());
    number(json, "start_time_ns", attempt.start_time());
    number(json, "end_time_ns", attempt.end_time());
    number(json, "workers", Some(attempt.worker_count()));
    json.key("failure");
    match attempt.failure() {
        Some(found) => {
            json.begin('{');
            failure(json, found, room);
            json.end('}');
        }
        None => json.literal("null"),
    }
    json.end('}');
}

/// A failure and its workers. `room` is how much workers may still repeat.
fn failure(json: &mut JsonWriter, failure: &Failure, room: &mut usize) {
    details(json, failure);
    json.key("workers");
    json.begin('[');
    let mut written: Option<(usize, &Failure)> = None;
    for (place, worker) in failure.workers().iter().enumerate() {
        json.begin('{');
        number(json, "rank", worker.rank());
        match written.filter(|(_, before)| is_alike(before, worker)) {
            Some((first, _)) if *room == 0 => number(json, "same_as", Some(first)),
            Some(_) => {
                let start = json.len();
                details(json, worker);
                *room = room.saturating_sub(json.len() - start);
            }
            None => {
                written = Some((place, worker));
                details(json, worker);
            }
        }
        json.end('}');
    }
    json.end(']');
}

fn is_alike(a: &Failure, b: &Failure) -> bool {
    // Workers that an error log tells of together share their texts.
    let same = |a: &Arc<str>, b: &Arc<str>| Arc::ptr_eq(a, b) || a == b;
    same(&a.class, &b.class)
        && same(&a.module, &b.module)
        && same(&a.message, &b.message)
        && same(&a.traceback, &b.traceback)
        && (a.source, a.occurrences, a.recovered) == (b.source, b.occurrences, b.recovered)
}

fn details(json: &mut JsonWriter, failure: &Failure) {
    member(json, "type", failure.class());
    member(json, "module", failure.module());
    // An exception may carry an empty message, but one without a name is not known at all.
    json.key("message");
    if failure.class().is_empty() {
        json.text(failure.message())
    } else {
        json.string(failure.message())
    }
    member(json, "traceback", failure.traceback());
    member(json, "source", failure.source());
    number(json, "occurrences", Some(failure.occurrences()));
    json.key("recovered");
    json.literal(failure.recovered());
}

pub(super) fn layout(layout: Layout) -> &'static str {
    match layout {
        Layout::Unknown => "unknown",
        Layout::TrainV1 => "train_v1",
        Layout::TrainV2 => "train_v2",
    }
}

fn presence(presence: Presence) -> &'static str {
    match presence {
        Presence::Unknown => "unknown",
        Presence::Absent => "absent",
        Presence::Present => "present",
    }
}

fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Min => "min",
        Mode::Max => "max",
    }
}

fn status(status: Status) -> &'static str {
    match status {
        Status::Unknown => "unknown",
        Status::Uncommitted => "uncommitted",
        Status::Committed => "committed",
        Status::PendingValidation => "pending_validation",
        Status::Validated => "validated",
        Status::ValidationFailed => "validation_failed",
        Status::ValidationTimedOut => "validation_timed_out",
    }
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Note => "note",
        Severity::Damage => "damage",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_that_failed_alike_say_so_once_much_was_repeated() {
        let text = "x".repeat(100_000);
        let one = Failure { message: text.as_str().into(), ..Failure::default() };
        let worker = |rank| Failure { rank: Some(rank), ..one.clone() };
        let other = Failure { rank: Some(100), message: "another".into(), ..Failure::default() };
        let again = Failure { rank: Some(101), ..other.clone() };
        let workers = (0..100).map(worker).chain([other, again]).collect();
        let failed = Failure { workers, ..one.clone() };
        let mut room = MOST_REPEATED;
        let written = |room: &mut usize| {
            let mut json = JsonWriter::new();
            json.begin('{');
            failure(&mut json, &failed, room);
            json.end('}');
            json.finish()
        };
        let json: serde_json::Value = serde_json::from_str(&written(&mut room)).unwrap();
        let workers = json["workers"].as_array().unwrap();
        // The first one, and its like until the room is full.
        assert!(workers[..12].iter().all(|worker| worker["message"] == text));
        assert!((12..100).all(|rank| workers[rank] == serde_json::json!({"rank": rank, "same_as": 0})));
        assert_eq!(workers[100]["message"], "another");
        assert_eq!(workers[101], serde_json::json!({"rank": 101, "same_as": 100}));
        // What further attempts repeat counts with it.
        assert!(written(&mut room).len() < 3 * text.len());
    }
}
