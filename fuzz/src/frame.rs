//! The frame: the same whichever way rows are read, in however many parts, and written batch by batch.

use std::fmt::Write;
use std::fs;

use result::{Column, ColumnType, Error, Frame, Run, fuzzing};

use crate::Scratch;

/// What is asked for: the last byte of an input chooses.
const CHOICES: [&[(&str, &str)]; 8] = [
    &[],
    &[("column", "*a*")],
    &[("column", "loss"), ("column", "config/*")],
    &[("config", "false")],
    &[("dedupe", "last")],
    &[("rows", "1..3")],
    &[("rows", "2.."), ("dedupe", "last")],
    &[("column", "training_iteration")],
];

/// A `result.json`, and a byte that chooses what is asked for.
pub fn frame(data: &[u8]) {
    let (choice, file) = data.split_last().unwrap_or((&0, data));
    let settings = CHOICES[*choice as usize % CHOICES.len()];
    let scratch = Scratch::new();
    fs::create_dir_all(&scratch.0).expect("a directory");
    fs::write(scratch.0.join("result.json"), file).expect("a file");
    let Ok(run) = Run::open(scratch.0.to_str().expect("UTF-8"), &[("retry_ms", "0")], None) else { return };
    let exact = fuzzing::frame_exactly(&run, &[settings, &[("threads", "1")]].concat());
    let expected = told(&exact);
    for threads in ["1", "2", "7"] {
        let fast = run.read_frame(&[settings, &[("threads", threads)]].concat(), None);
        assert_eq!(told(&fast), expected, "{threads} threads");
    }
    let csv = scratch.0.join("frame.csv");
    let threads = [("threads", if choice & 8 == 0 { "1" } else { "2" }), ("null", "null")];
    let written = run.write_csv(csv.to_str().expect("UTF-8"), &[settings, &threads].concat(), None, None);
    match (&exact, written) {
        (Ok(frame), Ok(())) => assert_eq!(fs::read_to_string(&csv).expect("a file"), as_csv(frame)),
        (Err(frame), Err(csv)) => assert_eq!(without_hint(frame), without_hint(&csv)),
        (frame, csv) => panic!("{frame:?} {csv:?}"),
    }
}

/// What was meant may be a name of a row that does not count in the end.
fn without_hint(error: &Error) -> String {
    error.message().split(": did you mean").next().unwrap_or_default().to_owned()
}

/// All that a frame says, or the error.
fn told(frame: &Result<Frame, Error>) -> String {
    let frame = match frame {
        Ok(frame) => frame,
        Err(error) => return without_hint(error),
    };
    let mut told = format!("{} rows", frame.row_count());
    for column in frame.columns() {
        let _ = write!(told, "\n{:?} {:?}:", column.name(), column.column_type());
        (0..frame.row_count()).for_each(|row| {
            let _ = write!(told, " {:?}", cell(column, row));
        });
    }
    for found in frame.diagnostics() {
        let _ = write!(told, "\n{} {} {}", found.code(), found.line(), found.message());
    }
    told
}

fn cell(column: &Column, row: usize) -> Option<String> {
    if column.is_null(row) {
        return None;
    }
    let float = |number: f64| match number {
        number if number.is_nan() => "NaN".to_owned(),
        number if number.is_infinite() => if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned(),
        number => format!("{number:?}"),
    };
    Some(match column.column_type() {
        ColumnType::Bool => column.bool(row).expect("a bool").to_string(),
        ColumnType::Int64 => column.int64().expect("integers")[row].to_string(),
        ColumnType::Uint64 => column.uint64().expect("integers")[row].to_string(),
        ColumnType::Float64 => float(column.float64().expect("floats")[row]),
        _ => column.string(row).expect("a text").to_owned(),
    })
}

/// The frame as `write_csv` must write it; floats as here.
fn as_csv(frame: &Frame) -> String {
    let quoted = |text: &str| {
        let is_plain = !text.is_empty() && text != "null" && !text.contains([',', '"', '\r', '\n']);
        if is_plain { text.to_owned() } else { format!("\"{}\"", text.replace('"', "\"\"")) }
    };
    if frame.columns().is_empty() {
        return String::new();
    }
    let line = |cells: Vec<String>| cells.join(",") + "\r\n";
    let mut csv = line(frame.columns().iter().map(|column| quoted(column.name())).collect());
    for row in 0..frame.row_count() {
        let cells = frame.columns().iter().map(|column| match cell(column, row) {
            None => "null".to_owned(),
            Some(text) => match column.column_type() {
                ColumnType::String | ColumnType::Json => quoted(&text),
                ColumnType::Float64 if !text.contains(['N', 'I']) => number(&text),
                _ => text,
            },
        });
        csv += &line(cells.collect());
    }
    csv
}

/// A float as JSON has it, which writes exponents later and with a sign less.
fn number(text: &str) -> String {
    serde_json::to_string(&text.parse::<f64>().expect("a number")).expect("JSON")
}
