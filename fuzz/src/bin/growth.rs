//! Work grows no faster than the input: four times the input may allocate five times as much, all together and at one time.
//! Counted, not timed; comparisons, which allocate nothing, are counted as instructions by valgrind if that is there
//! (`growth SHAPE SIZE` runs one shape, which the script tests/growth.py asks it to).

use std::fs;
use std::process::ExitCode;

use libresult_fuzz::counting::{Counting, measure};
use result::{Run, Value, fuzzing};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const SIZE: usize = 4_000;
const MOST_GROWTH: f64 = 5.0;

/// A shape of input, from its size.
type Shape = fn(usize) -> Vec<(String, Vec<u8>)>;

const SHAPES: [(&str, Shape); 14] = [
    ("rows with many keys", |n| rows(&[object(n, |i| format!("\"k{i}\":{i}"))])),
    ("keys that repeat", |n| rows(&[object(n, |i| format!("\"k{}\":{i}", i % 7))])),
    ("rows of many shapes", |n| {
        rows(&(0..n).map(|i| format!("{{\"checkpoint_dir_name\":\"c\",\"k{i}\":1}}")).collect::<Vec<_>>())
    }),
    ("many named checkpoints", |n| {
        rows(
            &(0..n).map(|i| format!("{{\"checkpoint_dir_name\":\"checkpoint_{i:06}\"}}")).collect::<Vec<_>>(),
        )
    }),
    ("glued objects", |n| rows(&["{\"checkpoint_dir_name\":\"c\"}".repeat(n)])),
    ("bad lines before the last good one", |n| {
        rows(
            &std::iter::once("{\"a\":1}".to_owned())
                .chain((0..n).map(|_| "{\"a\":".to_owned()))
                .collect::<Vec<_>>(),
        )
    }),
    ("long strings with escapes", |n| {
        rows(&[format!("{{\"s\":\"{}\"}}", "\\n\\u00e9\\ud83d\\ude80".repeat(n * 8))])
    }),
    ("deep nesting", |n| {
        rows(
            &(0..n / 900 + 1)
                .map(|_| {
                    format!("{{\"checkpoint_dir_name\":\"c\",\"d\":{}{}}}", "[".repeat(900), "]".repeat(900))
                })
                .collect::<Vec<_>>(),
        )
    }),
    ("many columns", |n| csv(&[list(n, |i| format!("c{i}")), list(n, |i| i.to_string())])),
    ("columns of one name", |n| csv(&[list(n, |i| format!("c{}", i % 7)), list(n, |i| i.to_string())])),
    ("config columns", |n| csv(&[list(n, |i| format!("config/a/c{i}")), list(n, |i| i.to_string())])),
    ("a snapshot with one name", |n| {
        snapshot(&list(n, |_| "{\"checkpoint_dir_name\":\"c\",\"metrics\":{}}".to_owned()))
    }),
    ("a snapshot with unknown fields", |n| {
        snapshot(&list(n, |i| format!("{{\"checkpoint_dir_name\":\"c{i}\",\"metrics\":{{}},\"u{i}\":1}}")))
    }),
    ("a pickle with a large memo", |n| {
        vec![("error.pkl".to_owned(), [b"]\x94".repeat(n), b".".to_vec()].concat())]
    }),
];

fn list(count: usize, item: impl Fn(usize) -> String) -> String {
    (0..count).map(item).collect::<Vec<_>>().join(",")
}

fn object(count: usize, member: impl Fn(usize) -> String) -> String {
    format!("{{\"checkpoint_dir_name\":\"c\",{}}}", list(count, member))
}

fn rows(rows: &[String]) -> Vec<(String, Vec<u8>)> {
    vec![("result.json".to_owned(), (rows.join("\n") + "\n").into_bytes())]
}

fn csv(lines: &[String]) -> Vec<(String, Vec<u8>)> {
    vec![("progress.csv".to_owned(), (lines.join("\n") + "\n").into_bytes())]
}

fn snapshot(results: &str) -> Vec<(String, Vec<u8>)> {
    let name = "checkpoint_manager_snapshot.json".to_owned();
    vec![(name, format!("{{\"checkpoint_results\":[{results}]}}").into_bytes())]
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [shape, size] = arguments.as_slice() {
        work(shape.parse().expect("a number"), size.parse().expect("a number"));
        return ExitCode::SUCCESS;
    }
    if !arguments.is_empty() {
        SHAPES.iter().for_each(|(name, _)| println!("{name}"));
        println!("{}", SLASHES.0);
        return ExitCode::SUCCESS;
    }
    let mut failed = 0;
    for (place, (name, _)) in SHAPES.iter().chain([&SLASHES]).enumerate() {
        // Vectors grow by doubling, so that twice the input tells little.
        let (peaks, totals): (Vec<usize>, Vec<usize>) =
            [2 * SIZE, 8 * SIZE].map(|size| work(place, size)).into_iter().unzip();
        let growth = |counts: &[usize]| counts[1] as f64 / counts[0].max(1) as f64;
        let (peak, total) = (growth(&peaks), growth(&totals));
        let is_fine = peak < MOST_GROWTH && total < MOST_GROWTH;
        println!(
            "{name:<36} at one time × {peak:.2}, all together × {total:.2}{}",
            if is_fine { "" } else { "  TOO FAST" }
        );
        failed += usize::from(!is_fine);
    }
    println!("{} passed, {failed} failed", SHAPES.len() + 1 - failed);
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Looks up a name of many slashes, in an object that has none of its parts.
const SLASHES: (&str, Shape) = ("a name with many slashes", |n| vec![("a/".to_owned(), vec![b'/'; n])]);

/// Opens a run of this shape and size and asks it. Returns what that allocated.
fn work(place: usize, size: usize) -> (usize, usize) {
    let Some((_, shape)) = SHAPES.get(place) else {
        let value = fuzzing::json("{\"a\":{\"a\":{\"b\":1}}}", 10).expect("a value");
        let name = "a/".repeat(size / 2);
        return measure(|| assert!(value.find(&name).is_none()));
    };
    let run = std::env::temp_dir().join(format!("libresult-growth-{}", std::process::id()));
    let _ = fs::remove_dir_all(&run);
    fs::create_dir_all(run.join("c")).expect("a directory");
    for (name, data) in shape(size) {
        fs::write(run.join(name), data).expect("a file");
    }
    let path = run.to_str().expect("UTF-8");
    let counted = measure(|| {
        let opened = Run::open(path, &[("retry_ms", "0")], None).expect("a run");
        let last = opened.metrics().map(Value::len).unwrap_or_default();
        assert!(opened.to_json().len() > last);
    });
    fs::remove_dir_all(&run).expect("removing the run");
    counted
}
