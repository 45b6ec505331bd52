//! The behaviour table in Rust: tests/table/compare.py holds the answers of the Rust API against every golden.
//! The Makefile does the same for C, C++ and Go.

#![allow(clippy::expect_used, reason = "a test may panic")]

use std::path::Path;
use std::process::Command;

#[test]
fn rust_answers_as_the_corpus_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let built = std::env::current_exe()
        .expect("this test")
        .ancestors()
        .nth(2)
        .expect("target")
        .join("examples/answers");
    let script = root.join("tests/table/compare.py");
    let output =
        Command::new("python3").arg(script).arg(built).args(["--language", "Rust", "--self-test"]).output();
    let output = output.expect("python3, which the table needs");
    let printed = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}{error}");
}
