//! A run that is opened while Ray writes it: another process writes as Ray does, this one opens again and again, and
//! never sees a wrong answer.

#![allow(clippy::expect_used, clippy::panic, reason = "a test may panic")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use result::{Checkpoint, Presence, Run, Value};

const SECONDS: &str = "5";
const SETTINGS: &[(&str, &str)] = &[("retry_ms", "2000")];

/// Opens a run of this layout until its writer ends. Returns how many times, and the number of steps written.
fn open_while_written(layout: &str, check: impl Fn(&Run) -> i64) -> (usize, i64) {
    let run = std::env::temp_dir().join(format!("libresult-race-{layout}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&run);
    fs::create_dir_all(&run).expect("a directory");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/race_writer.py");
    let mut command = Command::new("python3");
    command.arg(script).arg(layout).arg(&run).arg(SECONDS).stdout(Stdio::piped());
    let mut writer = command.spawn().expect("python3");
    let mut told = BufReader::new(writer.stdout.take().expect("its output")).lines();
    assert_eq!(told.next().expect("a line").expect("text"), "started");
    let path = run.to_str().expect("UTF-8");
    let (mut opened, mut latest) = (0, 0);
    while writer.try_wait().expect("the writer").is_none() {
        let run = Run::open(path, SETTINGS, None).unwrap_or_else(|error| panic!("after {opened}: {error}"));
        let step = check(&run);
        assert!(step >= latest, "step {step} after step {latest}");
        latest = step;
        opened += 1;
    }
    let steps: i64 = told.next().expect("a line").expect("text").parse().expect("a number");
    let at_end = check(&Run::open(path, SETTINGS, None).expect("the whole run"));
    assert_eq!(at_end, steps - 1);
    remove(&run);
    (opened, steps)
}

fn remove(run: &PathBuf) {
    fs::remove_dir_all(run).expect("removing the run");
}

fn step(metrics: Option<&Value>) -> i64 {
    metrics.and_then(|metrics| metrics.get("step")).and_then(Value::as_i64).expect("a step")
}

/// The steps of the checkpoints follow one another and end with the latest.
fn check_checkpoints(run: &Run, latest: i64) {
    let steps: Vec<i64> = run.checkpoints().iter().map(|checkpoint| step(checkpoint.metrics())).collect();
    let first = latest + 1 - steps.len() as i64;
    assert_eq!(steps, (first..=latest).collect::<Vec<i64>>());
    assert_eq!(run.latest_checkpoint().map(|checkpoint| step(checkpoint.metrics())), Some(latest));
}

fn is_there(checkpoint: &Checkpoint) -> bool {
    checkpoint.presence() == Presence::Present
}

#[test]
fn a_snapshot_that_is_written_in_place() {
    let (opened, steps) = open_while_written("v2", |run| {
        let latest = step(run.metrics());
        check_checkpoints(run, latest);
        assert!(run.checkpoints().iter().all(is_there), "{:?}", run.diagnostics());
        assert!(run.checkpoints().len() >= 3.min(latest as usize + 1));
        latest
    });
    println!("{opened} times opened in {steps} steps");
    assert!(opened > 100 && steps > 100, "opened {opened} times in {steps} steps");
}

#[test]
fn rows_that_are_appended() {
    let (opened, steps) = open_while_written("v1", |run| {
        let latest = step(run.metrics());
        check_checkpoints(run, latest);
        assert!(run.latest_checkpoint().is_some_and(is_there), "{:?}", run.diagnostics());
        latest
    });
    println!("{opened} times opened in {steps} steps");
    assert!(opened > 100 && steps > 100, "opened {opened} times in {steps} steps");
}
