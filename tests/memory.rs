//! Opening takes 16 MB, what its answers hold, and twice the longest line or the snapshot, whatever a run holds. Prints the
//! runs that take most. Writing its reports to a file takes 64 MB, however long the run is.

#![allow(clippy::expect_used, reason = "a test may panic")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const BASE: u64 = 16_000_000;
/// A value takes 32 bytes, and as JSON with its comma at least 2.
const MEMORY_OF_JSON: u64 = 16;

/// The largest thing that is read at once: a line, or a file that is no list of lines.
fn largest_piece(run: &Path) -> u64 {
    let names = ["checkpoint_manager_snapshot.json", "params.json", "error.txt", "error.pkl"];
    let whole = names.iter().filter_map(|name| fs::metadata(run.join(name)).ok()).map(|file| file.len());
    let rows = ["result.json", "progress.csv"].iter().filter_map(|name| fs::read(run.join(name)).ok());
    let longest =
        rows.map(|rows| rows.split(|byte| *byte == b'\n').map(<[u8]>::len).max().unwrap_or_default() as u64);
    whole.chain(longest).max().unwrap_or_default()
}

/// Every run of the corpus, made in `scratch`.
fn runs(root: &Path, scratch: &Path) -> Vec<(String, PathBuf)> {
    let corpus = root.join("tests/corpus");
    let mut command = Command::new("python3");
    command.arg(corpus.join("materialise.py")).arg("--all").arg(&corpus).arg(scratch);
    let printed = command.output().expect("python3, which makes the runs");
    assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
    let text = String::from_utf8(printed.stdout).expect("UTF-8");
    let pairs = text
        .lines()
        .map(|line| serde_json::from_str::<(String, PathBuf)>(line).expect("a case and its path"));
    pairs.collect()
}

/// Runs that the corpus does not keep: much of what no answer needs.
fn wasteful(scratch: &Path) -> Vec<(String, PathBuf)> {
    let lists = vec!["[]"; 2_000_000].join(",");
    let files = [
        (
            "unknown field",
            "checkpoint_manager_snapshot.json",
            format!("{{\"checkpoint_results\":[],\"x\":[{lists}]}}"),
        ),
        ("row without a checkpoint", "result.json", format!("{{\"x\":[{lists}]}}\n{{\"a\":1}}\n")),
        ("pickle of lists", "error.pkl", "]".repeat(2_000_000)),
        ("bad lines", "result.json", "{\"checkpoint_dir_name\":\n".repeat(500_000) + "{\"a\":1}\n"),
    ];
    let made = files.into_iter().map(|(what, name, text)| {
        let run = scratch.join(what);
        fs::create_dir(&run).expect("a directory");
        fs::write(run.join(name), text).expect("a file");
        (what.to_owned(), run)
    });
    made.collect()
}

fn program() -> PathBuf {
    std::env::current_exe().expect("this test").ancestors().nth(2).expect("target").join("examples/peak")
}

/// The two numbers that the program prints.
fn measure(case: &str, command: &mut Command) -> (u64, u64) {
    let output = command.output().expect("the program that opens");
    assert!(output.status.success(), "{case}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let numbers: Vec<u64> = text.split_whitespace().map(|number| number.parse().expect("a number")).collect();
    (numbers[0], numbers[1])
}

#[test]
fn opening_takes_no_more_memory_than_promised() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let scratch = std::env::temp_dir().join(format!("libresult-memory-{}", std::process::id()));
    fs::create_dir_all(&scratch).expect("a directory");
    let mut measured = Vec::new();
    for (case, run) in runs(root, &scratch).into_iter().chain(wasteful(&scratch)) {
        let (risen, answers) = measure(&case, Command::new(program()).arg(&run));
        let allowed = BASE + 2 * largest_piece(&run) + MEMORY_OF_JSON * answers;
        measured.push((risen, allowed, answers, case));
    }
    fs::remove_dir_all(&scratch).expect("removing the runs");
    measured.sort_unstable_by(|a, b| b.cmp(a));
    println!("{:>12} {:>12} {:>12}  bytes: taken, allowed, answers as JSON", "", "", "");
    for (risen, allowed, answers, case) in measured.iter().take(12) {
        println!("{risen:>12} {allowed:>12} {answers:>12}  {case}");
    }
    let over: Vec<_> = measured.iter().filter(|(risen, allowed, ..)| risen > allowed).collect();
    assert!(over.is_empty(), "more than promised: {over:?}");
    assert!(measured.len() > 300);
}

/// What writing the reports of a run may take, however long it is.
const WRITING: u64 = 64_000_000;

/// Long runs, each as its file's name and text.
fn long_runs() -> Vec<(&'static str, &'static str, String)> {
    let mut late = String::new();
    for row in 0..300_000 {
        let widens = if row < 299_000 { "1" } else { "1.5" };
        let _ = write!(
            late,
            "{{\"step\": {row}, \"loss\": {row}.25, \"name\": \"worker {row}\", \"x\": {widens}"
        );
        late.push_str(if row < 299_990 { "}\n" } else { ", \"late\": true}\n" });
    }
    let (mut wide, mut texts, mut csv) = (String::new(), String::new(), String::new());
    for row in 0..500 {
        wide.push('{');
        for column in 0..2_000 {
            let comma = if column == 0 { "" } else { ", " };
            let _ = write!(wide, "{comma}\"metric/{column:04}\": {row}.{column:03}1");
        }
        wide.push_str("}\n");
    }
    for row in 0..3_000 {
        let text = format!("{row:08} ").repeat(1_000);
        let _ = writeln!(texts, "{{\"step\": {row}, \"text\": \"{text}\"}}");
    }
    for row in 0..1_500 {
        for column in 0..2_000 {
            let comma = if column == 0 { "" } else { "," };
            let _ = if row == 0 {
                write!(csv, "{comma}metric{column:04}")
            } else {
                write!(csv, "{comma}{row}.{column:03}1")
            };
        }
        csv.push_str("\r\n");
    }
    vec![
        ("a column and a type that come late", "result.json", late),
        ("2,000 columns", "result.json", wide),
        ("long texts", "result.json", texts),
        ("2,000 columns of CSV", "progress.csv", csv),
    ]
}

#[test]
fn writing_takes_no_more_memory_than_promised() {
    let scratch = std::env::temp_dir().join(format!("libresult-memory-writing-{}", std::process::id()));
    let mut measured = Vec::new();
    for (case, name, text) in long_runs() {
        assert!(text.len() > 10_000_000, "{case}: {} bytes", text.len());
        fs::create_dir_all(&scratch).expect("a directory");
        fs::write(scratch.join(name), text).expect("a file");
        for format in ["csv", "parquet"] {
            let mut command = Command::new(program());
            command.arg(&scratch).arg(format).arg(scratch.join("out"));
            let (risen, length) = measure(case, &mut command);
            assert!(length > 10_000, "{case} to {format}: {length} bytes");
            fs::remove_file(scratch.join("out")).expect("removing it");
            measured.push((risen, format, case));
        }
        fs::remove_dir_all(&scratch).expect("removing the run");
    }
    println!("{:>12}  bytes that were taken, of {WRITING}", "");
    measured.iter().for_each(|(risen, format, case)| println!("{risen:>12}  {case} to {format}"));
    assert!(measured.iter().all(|(risen, ..)| *risen <= WRITING), "more than promised: {measured:?}");
}
