//! What the corpus has no case of: logs that are made here, in memory.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::*;
use crate::error::Code;
use crate::layout::{Diagnostic, Extent, Presence, read};
use crate::storage::Key;
use crate::storage::double::Double;

const SNAPSHOT: &str = "{\"checkpoint_results\": []}";
const LOG: &str = "/events/event_EXPORT_TRAIN_STATE.log";

fn limits() -> Limits {
    Limits::new(&Settings::new(&[], &[]).unwrap())
}

/// A run at `/run`, and export events at `/events`.
fn store(logs: &[(&str, &str)]) -> (Arc<Double>, Location) {
    let (store, run) = Double::run(&[("checkpoint_manager_snapshot.json", SNAPSHOT)]);
    logs.iter().for_each(|(path, text)| store.put(path, text));
    (store, run)
}

fn join_with(
    run: &Location,
    events: &str,
    was_at: Option<&str>,
    limits: &Limits,
) -> Result<(Record, Course)> {
    let mut record = read(run, Extent::All, limits, None)?;
    let location = Location { store: run.store.clone(), path: events.to_owned() };
    let logs = Logs { location: &location, limits, cancel: None };
    let course = join_logs(&mut record, &logs, &paths(run, was_at))?;
    Ok((record, course))
}

fn join_text(text: &str) -> (Record, Course) {
    let (_, run) = store(&[(LOG, text)]);
    join_with(&run, "/events", None, &limits()).unwrap()
}

/// An event of a run at `/run`, with more fields.
fn run_event(time: u32, id: &str, fields: &str) -> String {
    run_event_at("", "run", time, id, fields)
}

fn run_event_at(storage: &str, name: &str, time: u32, id: &str, fields: &str) -> String {
    format!(
        "{{\"timestamp\":{time},\"source_type\":\"EXPORT_TRAIN_RUN\",\"event_data\":{{\"id\":\"{id}\",{fields},\
         \"run_settings\":{{\"run_config\":{{\"storage_path\":\"{storage}/\",\"name\":\"{name}\"}}}}}}}}\n"
    )
}

fn attempt_event(time: u32, run: &str, id: &str, fields: &str) -> String {
    format!(
        "{{\"timestamp\":{time},\"source_type\":\"EXPORT_TRAIN_RUN_ATTEMPT\",\
         \"event_data\":{{\"run_id\":\"{run}\",\"attempt_id\":\"{id}\",{fields}}}}}\n"
    )
}

fn status(word: &str) -> String {
    format!("\"status\":\"{word}\"")
}

/// The fields of something with a status, a start and an end.
fn span(word: &str, start: i64, end: i64) -> String {
    format!("\"status\":\"{word}\",\"start_time_ns\":\"{start}\",\"end_time_ns\":\"{end}\"")
}

fn codes(record: &Record) -> Vec<&'static str> {
    record.diagnostics.iter().map(Diagnostic::code).collect()
}

fn statuses(course: &Course) -> Vec<&str> {
    course.attempts.iter().map(|attempt| &*attempt.status).collect()
}

#[test]
fn attempts_may_stand_before_their_run() {
    let text = attempt_event(1, "a", "1", &span("ERRORED", 1, 2))
        + &attempt_event(1, "b", "1", &span("ERRORED", 1, 2))
        + &attempt_event(2, "a", "2", &span("FINISHED", 3, 4))
        + &run_event_at("/other", "run", 2, "b", &status("ERRORED"))
        + &run_event(2, "a", &span("FINISHED", 1, 5));
    let (record, course) = join_text(&text);
    assert_eq!((&*course.status, course.start, course.end), ("finished", Some(1), Some(5)));
    assert_eq!(statuses(&course), ["errored", "finished"]);
    let failure = record.failure.value().unwrap();
    assert_eq!((failure.occurrences, failure.recovered), (1, true));
    assert!(codes(&record).is_empty());
}

#[test]
fn a_log_is_read_twice_and_once_if_no_run_is_ours() {
    let ours = run_event(1, "a", &status("RUNNING"));
    let others = run_event_at("/other", "run", 1, "b", &status("RUNNING")).repeat(2_000);
    for (text, times) in [(others.clone() + &ours, 2), (others, 1)] {
        let (store, run) = store(&[(LOG, &text)]);
        join_with(&run, "/events", None, &limits()).unwrap();
        let read = store.bytes.load(Relaxed) - SNAPSHOT.len() as u64;
        assert_eq!(read, times * text.len() as u64);
    }
}

#[test]
fn of_several_events_the_final_one_counts_then_the_latest() {
    let count = |events: &[(u32, &str)]| {
        let text: String = events.iter().map(|(time, word)| run_event(*time, "a", &status(word))).collect();
        join_text(&text).1.status.to_string()
    };
    assert_eq!(count(&[(1, "FINISHED"), (9, "RUNNING")]), "finished");
    assert_eq!(count(&[(2, "RUNNING"), (1, "SCHEDULING")]), "running");
    assert_eq!(count(&[(1, "RUNNING"), (1, "Odd_Word")]), "odd_word");
    assert_eq!(count(&[(2, "ABORTED"), (1, "FINISHED")]), "aborted");
    // An event counts whole, even if it says less.
    let text = run_event(1, "a", &span("RUNNING", 1, 2)) + &run_event(2, "a", "\"status\":7");
    let (_, course) = join_text(&text);
    assert_eq!((&*course.status, course.start), ("", None));
}

#[test]
fn an_event_without_a_time_is_older_than_all_others() {
    let timeless = |time: &str, word: &str| {
        run_event(0, "a", &status(word)).replace("\"timestamp\":0", &format!("\"timestamp\":{time}"))
    };
    for time in ["null", "true", "\"9\"", "NaN", "[9]"] {
        let (_, course) = join_text(&(timeless("1.5", "RUNNING") + &timeless(time, "SCHEDULING")));
        assert_eq!(&*course.status, "running", "{time}");
    }
}

#[test]
fn files_count_from_the_highest_number_on_and_no_others() {
    let event = |word: &str| run_event(1, "a", &status(word));
    let (newest, number_9, number_10) = (event("RESTARTING"), event("RUNNING"), event("SCHEDULING"));
    let wrong = event("FINISHED");
    let names = ["9", "10", "x", "9.gz", "", "1/directory"].map(|end| format!("{LOG}.{end}"));
    let mut logs: Vec<(&str, &str)> = vec![(&names[1], &number_10), (&names[0], &number_9)];
    logs.extend(names[2..].iter().map(|name| (name.as_str(), wrong.as_str())));
    logs.push(("/events/event_EXPORT_TASK.log", &wrong));
    let (store, run) = store(&logs);
    let joined = || join_with(&run, "/events", None, &limits()).unwrap().1.status.to_string();
    assert_eq!(joined(), "running");
    store.put(LOG, &newest);
    assert_eq!(joined(), "restarting");
    // A file that is named itself may have any name.
    assert_eq!(&*join_with(&run, &names[3], None, &limits()).unwrap().1.status, "finished");
}

#[test]
fn a_run_is_ours_by_its_path_alone() {
    let ours = |storage: &str, name: &str, was_at: Option<&str>| {
        let (_, run) = store(&[(LOG, &run_event_at(storage, name, 1, "a", &status("RUNNING")))]);
        let (record, course) = join_with(&run, "/events", was_at, &limits()).unwrap();
        assert_eq!(course.status.is_empty(), codes(&record) == ["no_matching_event"]);
        !course.status.is_empty()
    };
    for (storage, name) in [("", "run"), ("file://", "run"), ("/x/./..", "run"), ("/x", "..//run")] {
        assert!(ours(storage, name, None), "{storage} {name}");
    }
    for (storage, name) in [("/x", "run"), ("x/..", "run"), ("", "runs"), ("/run", ""), ("s3://", "run")] {
        assert!(!ours(storage, name, None), "{storage} {name}");
    }
    assert!(ours("/old", "run", Some("/old/run/")) && ours("/old", "run", Some("file:///old//run")));
    assert!(ours("s3://bucket/exp", "run", Some("s3://bucket/exp/run")));
    assert!(!ours("", "run", Some("/old/run")));
}

#[test]
fn the_event_that_counts_says_whose_it_is() {
    let text = run_event(1, "a", &status("RUNNING"))
        + &run_event_at("/other", "run", 2, "a", &status("RUNNING"))
        + &attempt_event(1, "a", "1", &status("RUNNING"));
    let (record, course) = join_text(&text);
    assert_eq!(codes(&record), ["no_matching_event"]);
    assert!(course.attempts.is_empty() && course.status.is_empty());
}

#[test]
fn the_run_that_started_last_tells_all_but_attempts_and_failures() {
    let text = run_event(1, "new", &span("FINISHED", 20, 30))
        + &run_event(2, "old", &span("ABORTED", 1, 10))
        + &attempt_event(1, "old", "2", &span("ABORTED", 5, 9))
        + &attempt_event(1, "new", "1", &span("FINISHED", 21, 29))
        + &attempt_event(1, "old", "1", &span("ERRORED", 2, 4));
    let (record, course) = join_text(&text);
    assert_eq!((&*course.status, course.start), ("finished", Some(20)));
    assert_eq!(statuses(&course), ["errored", "aborted", "finished"]);
    let failure = record.failure.value().unwrap();
    assert_eq!((failure.occurrences, failure.recovered, &*failure.message), (2, true, ""));
}

#[test]
fn incidents() {
    let failed = |run: &str, attempts: &[String]| {
        let text: String = attempts.iter().map(String::as_str).collect();
        join_text(&(run_event(1, "a", run) + &text)).0.failure
    };
    let attempt = |id: &str, fields: &str| attempt_event(1, "a", id, fields);
    let shown = |fact: &Fact<Failure>| {
        let failure = fact.value().unwrap();
        (failure.message.to_string(), failure.occurrences, failure.recovered)
    };
    let detail = |word: &str, text: &str| format!("{},\"status_detail\":\"{text}\"", span(word, 1, 2));
    let errored = detail("ERRORED", "[Rank 0 Error Snippet]:\\nof the attempt\\n");

    // A run that failed without an attempt that did, and one whose attempt tells.
    let of_run = detail("ERRORED", "Training failed due to controller error:\\nof the run");
    assert_eq!(shown(&failed(&of_run, &[])), ("of the run".to_owned(), 1, false));
    let found = failed(&of_run, &[attempt("1", &errored)]);
    assert_eq!(shown(&found), ("of the attempt".to_owned(), 1, false));
    assert_eq!(found.value().unwrap().workers[0].rank, Some(0));
    // One that was aborted counts besides.
    let aborted = detail("ABORTED", "stopped");
    assert_eq!(shown(&failed(&aborted, &[attempt("1", &errored)])), ("stopped".to_owned(), 2, false));
    // An attempt that started later, but not at the same time.
    let later = |start| attempt("2", &span("RUNNING", start, start));
    let going = status("RUNNING");
    assert!(shown(&failed(&going, &[attempt("1", &errored), later(3)])).2);
    assert!(!shown(&failed(&going, &[attempt("1", &errored), later(2)])).2);
    // Nothing failed.
    assert_eq!(failed(&status("FINISHED"), &[]).presence(), Presence::Absent);
    assert_eq!(failed(&going, &[later(1)]).presence(), Presence::Unknown);
}

#[test]
fn configuration_and_what_was_configured() {
    let joined = |settings: &str| {
        let plain = "\"run_config\":{\"storage_path\":\"/\",\"name\":\"run\"}";
        let kept = "\"run_config\":{\"storage_path\":\"/\",\"name\":\"run\",\"checkpoint_config\":";
        let text = run_event(1, "a", &status("RUNNING"));
        join_text(&text.replace(plain, &settings.replace("KEPT", kept).replace("PLAIN", plain)))
    };
    let (record, course) = joined("\"train_loop_config\":{\"lr\":0.5},PLAIN");
    assert_eq!(
        (record.config.source(), record.config.value().unwrap().to_json()),
        ("events", "{\"lr\":0.5}".into())
    );
    assert_eq!((&*course.metric, course.order, course.keep), ("", None, None));
    assert_eq!(joined("\"train_loop_config\":[1],PLAIN").0.config.presence(), Presence::Unknown);
    assert_eq!(joined("PLAIN").0.config.presence(), Presence::Absent);

    let kept = |config: &str| {
        let (_, course) = joined(&format!("KEPT{{{config}}}}}"));
        (course.metric.to_string(), course.order, course.keep)
    };
    let metric = "\"checkpoint_score_attribute\":\"loss\"";
    let full = format!("{metric},\"checkpoint_score_order\":\"MIN\",\"num_to_keep\":\"2\"");
    assert_eq!(kept(&full), ("loss".to_owned(), Some(ScoreOrder::Min), Some(2)));
    assert_eq!(kept("\"checkpoint_score_order\":\"MAX\",\"num_to_keep\":3"), (String::new(), None, Some(3)));
    let odd = format!("{metric},\"checkpoint_score_order\":\"ODD\",\"num_to_keep\":[]");
    assert_eq!(kept(&odd), ("loss".to_owned(), None, None));
}

#[test]
fn what_is_of_a_wrong_type_is_missing() {
    let text =
        attempt_event(1, "a", "1", "\"status\":[],\"start_time_ns\":{},\"end_time_ns\":1.5,\"workers\":3")
            + &attempt_event(
                1,
                "a",
                "2",
                "\"status\":null,\"start_time_ns\":5,\"end_time_ns\":\"x\",\"workers\":[1]",
            )
            + &attempt_event(1, "a", "", &status("ERRORED"))
            + &attempt_event(1, "a", "1", &status("ERRORED")).replace("\"a\"", "1")
            + &run_event(1, "a", "\"framework_versions\":[],\"status_detail\":3")
            + &run_event(1, "", &status("ERRORED"))
            + "{\"source_type\":[],\"event_data\":{}}\n{\"event_data\":{}}\n";
    let (record, course) = join_text(&text);
    let shown: Vec<_> = course.attempts.iter().map(|it| (it.start, it.end, it.workers)).collect();
    assert_eq!(shown, [(None, None, 0), (Some(5), None, 1)]);
    assert_eq!(statuses(&course), ["", ""]);
    assert!(codes(&record).is_empty() && record.ray_version.is_empty());
}

#[test]
fn lines_that_are_no_events() {
    let text = format!(
        "\u{feff}{}\n  \t\r\n{{\"event_data\":{{}}}}{{\"event_data\":{{}}}}\n[1]\n{{\"event_data\":1}}\nx\n{{\"event",
        run_event(1, "a", &status("RUNNING")).trim_end()
    );
    let (record, course) = join_text(&text);
    assert_eq!(&*course.status, "running");
    assert_eq!(codes(&record), ["bad_event", "bad_event", "bad_event", "bad_event", "torn_last_event"]);
    let found: Vec<(&str, u64)> = record.diagnostics.iter().map(|it| (it.file(), it.line())).collect();
    assert_eq!((found[0], found[4]), ((LOG, 3), (LOG, 7)));
}

#[test]
fn many_runs_of_ours_and_ids_that_json_escapes() {
    for ids in [(0..20).map(|id| format!("id{id}")).collect::<Vec<_>>(), vec!["\\u0041\\\"ß".to_owned()]] {
        let text: String = ids
            .iter()
            .map(|id| run_event(1, id, &status("RUNNING")) + &attempt_event(1, id, "1", &status("RUNNING")))
            .collect();
        assert_eq!(join_text(&text).1.attempts.len(), ids.len());
    }
}

#[test]
fn errors_name_the_setting_or_the_limit() {
    let text = run_event(1, "a", &status("RUNNING"))
        + &attempt_event(1, "a", "1", &status("RUNNING"))
        + &attempt_event(1, "a", "2", &status("RUNNING"));
    let (_, run) = store(&[(LOG, text.trim_end())]);
    let error = |events: &str, limits: Limits| join_with(&run, events, None, &limits).expect_err("an error");
    let missing = error("/none", limits());
    assert_eq!(
        (missing.code(), missing.message()),
        (Code::InvalidArgument, "setting events: /none: no such file or directory")
    );
    let long = error("/events", Limits { line_bytes: 30, ..limits() });
    assert_eq!(long.code(), Code::Corrupt);
    assert!(long.message().contains(LOG) && long.message().contains("max_line_bytes"), "{long}");
    let many = error("/events", Limits { checkpoints: 1, ..limits() });
    assert!(many.message().contains("/events") && many.message().contains("max_checkpoints"), "{many}");
    let settings = Settings::new(&[("events", "flie:///events")], &[Key::Text("events")]).unwrap();
    let mut record = read(&run, Extent::All, &limits(), None).unwrap();
    let elsewhere = join(&mut record, &run, &settings, &limits(), None).expect_err("an error");
    assert_eq!(elsewhere.code(), Code::InvalidArgument);
    assert!(elsewhere.message().starts_with("setting events: "), "{elsewhere}");
}

#[test]
fn what_the_directory_itself_records_stays() {
    let rows = "{\"config\":{\"lr\":1},\"loss\":1}\n";
    let (store, run) = Double::run(&[("result.json", rows), ("error.txt", "ValueError: own\n")]);
    let fields = "\"status\":\"FINISHED\",\"framework_versions\":{\"ray\":\"2.60.0\"}";
    store.put(LOG, run_event(1, "a", fields));
    let (record, course) = join_with(&run, "/events", None, &limits()).unwrap();
    assert_eq!((&*course.status, &*record.ray_version), ("finished", "2.60.0"));
    assert_eq!((record.config.source(), record.failure.source()), ("result.json", "error.txt"));
}
