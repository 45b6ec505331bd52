//! What opening costs, counted at a store, and what the corpus has no case of.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::*;
use crate::error::{Code, Error};
use crate::storage::double::Double;
use crate::value::Value;

fn limits() -> Limits {
    Limits {
        depth: 1_000,
        line_bytes: 1 << 30,
        file_bytes: 1 << 30,
        checkpoints: 1_000_000,
        retry: Duration::ZERO,
    }
}

fn open(location: &Location) -> Result<Record> {
    read(location, Extent::All, &limits(), None)
}

fn codes(record: &Record) -> Vec<&'static str> {
    record.diagnostics.iter().map(Diagnostic::code).collect()
}

fn rows(count: usize, every: usize) -> String {
    let row = |step: usize| {
        let saved = step % every == every - 1;
        let name = if saved { format!("\"checkpoint_{:06}\"", step / every) } else { "null".to_owned() };
        format!(
            "{{\"loss\": {step}.5, \"checkpoint_dir_name\": {name}, \"training_iteration\": {}, \
             \"should_checkpoint\": {saved}, \"config\": {{\"lr\": 0.1}}}}\n",
            step + 1
        )
    };
    (0..count).map(row).collect()
}

#[test]
fn a_snapshot_costs_one_listing_and_one_read() {
    let names: Vec<String> = (0..1000).map(|i| format!("checkpoint_2026-11-24_08-30-26.{i:06}")).collect();
    let entries: Vec<String> = names
        .iter()
        .map(|name| format!("{{\"checkpoint_dir_name\":\"{name}\",\"metrics\":{{\"loss\":1}}}}"))
        .collect();
    let snapshot = format!("{{\"checkpoint_results\":[{}]}}", entries.join(","));
    let (store, location) = Double::run(&[("checkpoint_manager_snapshot.json", &snapshot)]);
    for name in &names {
        store.put(&format!("/run/{name}/model"), "");
    }
    let record = open(&location).unwrap();
    assert_eq!(record.checkpoints.len(), 1000);
    assert!(record.checkpoints.iter().all(|found| found.presence == Presence::Present));
    assert_eq!((store.lists.load(Relaxed), store.opens.load(Relaxed)), (1, 1));
    assert_eq!(store.bytes.load(Relaxed), snapshot.len() as u64);
}

#[test]
fn rows_are_read_once_and_their_end_twice() {
    let text = rows(20_000, 100);
    let (store, location) = Double::run(&[("result.json", &text), ("checkpoint_000199/model", "")]);
    let record = open(&location).unwrap();
    assert_eq!(record.checkpoints.len(), 1);
    assert_eq!(record.checkpoints[0].report, Some(19_999));
    assert_eq!(codes(&record), ["deleted_checkpoint"]);
    assert_eq!((store.lists.load(Relaxed), store.opens.load(Relaxed)), (1, 1));
    let twice = 256 * 1024;
    assert!(store.bytes.load(Relaxed) <= text.len() as u64 + twice, "{:?} of {}", store.bytes, text.len());
}

#[test]
fn the_latest_report_costs_the_same_whatever_the_length() {
    let cost = |count| {
        let text = rows(count, 10);
        let (store, location) = Double::run(&[("result.json", &text)]);
        let record = read(&location, Extent::Latest, &limits(), None).unwrap();
        assert_eq!(
            record.metrics.unwrap().get("training_iteration").and_then(Value::as_i64),
            Some(count as i64)
        );
        assert!(record.checkpoints.is_empty() && record.latest.is_none());
        assert_eq!(record.config.source(), "result.json");
        store.bytes.load(Relaxed)
    };
    assert_eq!(cost(5_000), cost(20_000));
}

#[test]
fn limits_are_errors_that_name_their_setting() {
    let text = rows(10, 2);
    let (_, v1) = Double::run(&[("result.json", &text), ("checkpoint_000001/model", "")]);
    let snapshot = "{\"checkpoint_results\":[{\"checkpoint_dir_name\":\"a\",\"metrics\":{\"deep\":[[1]]}},\
                    {\"checkpoint_dir_name\":\"b\",\"metrics\":{}}]}";
    let (_, v2) = Double::run(&[("checkpoint_manager_snapshot.json", snapshot)]);
    let error = |location: &Location, limits: Limits| -> Error {
        read(location, Extent::All, &limits, None).expect_err("an error")
    };
    let cases = [
        (error(&v1, Limits { line_bytes: 50, ..limits() }), "max_line_bytes"),
        (error(&v1, Limits { checkpoints: 1, ..limits() }), "max_checkpoints"),
        (error(&v2, Limits { checkpoints: 1, ..limits() }), "max_checkpoints"),
        (error(&v2, Limits { depth: 5, ..limits() }), "max_depth"),
        (error(&v2, Limits { file_bytes: 20, ..limits() }), "max_file_bytes"),
    ];
    for (error, setting) in cases {
        assert_eq!(error.code(), Code::Corrupt);
        assert!(error.message().contains(setting) && error.message().contains("/run"), "{error}");
    }
}

#[test]
fn a_triggered_cancel_stops_at_once() {
    let text = rows(10, 2);
    let (store, location) = Double::run(&[("result.json", &text)]);
    let cancel = Cancel::new();
    cancel.trigger();
    let error = read(&location, Extent::All, &limits(), Some(&cancel)).expect_err("an error");
    assert_eq!(error.code(), Code::Cancelled);
    assert!(store.bytes.load(Relaxed) <= text.len() as u64);
}

#[test]
fn a_bom_glued_rows_and_broken_lines() {
    let text = "\u{feff}{\"checkpoint_dir_name\": \"checkpoint_000000\", \"a\": 1}{\"a\": 2}\n\
                {\"checkpoint_dir_name\": \"checkpoint_000001\", broken\n\n\
                {\"checkpoint_dir_name\": \"checkpoint_000002\", \"a\": 3}\n{\"a\": 4";
    let files = [("result.json", text), ("checkpoint_000000/x", ""), ("checkpoint_000002/x", "")];
    let record = open(&Double::run(&files).1).unwrap();
    assert_eq!(codes(&record), ["bom", "glued_objects", "bad_line", "torn_last_line"]);
    let lines: Vec<u64> = record.diagnostics.iter().map(Diagnostic::line).collect();
    assert_eq!(lines, [1, 1, 2, 5]);
    let reports: Vec<Option<u64>> = record.checkpoints.iter().map(|found| found.report).collect();
    assert_eq!(reports, [Some(0), Some(2)]);
    assert_eq!(record.metrics.unwrap().to_json(), r#"{"checkpoint_dir_name":"checkpoint_000002","a":3}"#);
}

#[test]
fn glued_rows_name_a_checkpoint_each() {
    let text = "{\"checkpoint_dir_name\": \"b\"} {\"checkpoint_dir_name\": \"a\"}\n";
    let record = open(&Double::run(&[("result.json", text), ("a/x", ""), ("b/x", "")]).1).unwrap();
    let names: Vec<&str> = record.checkpoints.iter().map(|found| &*found.name).collect();
    assert_eq!((names, record.latest), (vec!["b", "a"], Some(1)));
}

#[test]
fn checkpoints_in_directories_below_cost_one_listing_each() {
    let text: String =
        ["a/1", "a/2", "b/1"].map(|name| format!("{{\"checkpoint_dir_name\": \"{name}\"}}\n")).concat();
    let (store, location) = Double::run(&[("result.json", &text), ("a/1/x", ""), ("a/2/x", "")]);
    let record = open(&location).unwrap();
    let found: Vec<(&str, Presence)> = record.checkpoints.iter().map(|it| (&*it.name, it.presence)).collect();
    let expected = [("a/1", Presence::Present), ("a/2", Presence::Present), ("b/1", Presence::Absent)];
    assert_eq!(found, expected);
    // The run, a and b; and since one is missing, the run and b once more.
    assert_eq!(store.lists.load(Relaxed), 5);
}
