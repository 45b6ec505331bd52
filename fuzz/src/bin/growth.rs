//! Work grows no faster than the input: four times the input may allocate five times as much, all together and at one time.
//! Counted, not timed; comparisons, which allocate nothing, are counted as instructions by valgrind if that is there
//! (`growth SHAPE SIZE` runs one shape, which the script tests/growth.py asks it to).

use std::fs;
use std::process::ExitCode;

use libresult_fuzz::counting::{Counting, measure};
use result::{Mode, Run};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const SIZE: usize = 4_000;
const MOST_GROWTH: f64 = 5.0;

/// A run to open and ask.
struct Case {
    files: Vec<(&'static str, Vec<u8>)>,
    /// A metric to rank by, beside the first one of the last report.
    metric: String,
    /// Whether it is read as a frame and written as one.
    is_frame: bool,
}

impl Case {
    fn ranked_by(self, metric: String) -> Self {
        Case { metric, ..self }
    }
}

/// A shape of input, from its size.
type Shape = fn(usize) -> Case;

const SHAPES: &[(&str, Shape)] = &[
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
    ("short rows below a wide header", |n| {
        csv(&[vec![list(n, |i| format!("c{i}"))], vec!["1".to_owned(); n]].concat())
    }),
    ("a pickle with a large memo", |n| pickle(&[&b"]\x94".repeat(n), b"."])),
    ("workers that share a text", |n| {
        pickle(&[WORKERS, b"(K\x00cb\nE\n", &text(n), b"\x85Rq\x00", &ranks(n), b"utR."])
    }),
    ("wrapped workers that share a state", |n| {
        let state = [b"}(".to_vec(), b"K\x00K\x01".repeat(n), b"uq\x00".to_vec()].concat();
        let worker = b"cray.exceptions\nRayTaskError\n)Rh\x00bq\x00";
        pickle(&[&state, b"0", WORKERS, b"(K\x00", worker, &ranks(n), b"utR."])
    }),
    ("wrappers in wrappers", |n| {
        let wide = [b"}(".to_vec(), b"K\x00K\x01".repeat(16)].concat();
        let open = [b"cray.exceptions\nRayTaskError\n)R".to_vec(), wide, b"\x8c\x05cause".to_vec()].concat();
        pickle(&[&open.repeat(n / 16), b"cb\nE\n)R", &b"ub".repeat(n / 16), b"."])
    }),
    ("arguments that share a text", |n| {
        pickle(&[b"cb\nE\n(", &text(n), b"q\x00", &b"h\x00".repeat(n), b"tR."])
    }),
    ("arguments that share arguments", |n| {
        let doubled = b"q\x00h\x00h\x00\x86";
        pickle(&[b"cb\nE\n)", &doubled.repeat(n), b"\x85R."])
    }),
    ("names that are not UTF-8", |n| {
        let name = [b"X".to_vec(), (n as u32).to_le_bytes().to_vec(), vec![0xff; n]].concat();
        pickle(&[&name, b"q\x00", &b"h\x00h\x00\x93".repeat(n), b"."])
    }),
    ("texts that are not UTF-8", |n| {
        let text = [b"X".to_vec(), (n as u32).to_le_bytes().to_vec(), vec![0xff; n]].concat();
        pickle(&[WORKERS, b"(K\x00cb\nE\n", &text, b"\x85Rq\x00", &ranks(n), b"utR."])
    }),
    ("an error log with many ranks", |n| error_log(&of_ranks(n))),
    ("an error log with many workers", |n| {
        error_log(&(0..n).map(|i| format!("[Rank {i} Error Snippet]:\n{FRAME}E: {i}\n")).collect::<String>())
    }),
    ("an error log with many failures", |n| error_log(&format!("{FAILURE}{FRAME}E: e\n").repeat(n))),
    ("an attempt with many ranks", |n| events(&[attempt(0, &of_ranks(n))])),
    ("attempts with many ranks", |n| {
        events(&(0..n / 100).map(|i| attempt(i, &of_ranks(100))).collect::<Vec<_>>())
    }),
    ("many attempts", |n| events(&(0..n).map(|i| attempt(i, "e")).collect::<Vec<_>>())),
    ("many runs in the events", |n| events(&(0..n).map(run_event).collect::<Vec<_>>())),
    ("many ranked checkpoints", |n| {
        let value = |i| if i % 3 == 0 { "\"nan\"".to_owned() } else { format!("{}.5", i % 100) };
        let row =
            |i| format!("{{\"checkpoint_dir_name\":\"checkpoint_{i:06}\",\"a\":{{\"m\":{}}}}}", value(i));
        rows(&(0..n).map(row).collect::<Vec<_>>()).ranked_by("a/m".to_owned())
    }),
    ("a hint below a long key", |n| {
        rows(&[format!("{{\"checkpoint_dir_name\":\"c\",\"{}\":{{{}}}}}", "x".repeat(n), numbers(n))])
    }),
    ("a hint below nested keys", |n| {
        let nested = format!("{}{}", "{\"xxxxxxxx\":".repeat(900), "1");
        let row = format!("{{\"checkpoint_dir_name\":\"c\",\"d\":{nested}{}}}", "}".repeat(900));
        rows(&vec![row; n / 900 + 1])
    }),
    ("a name with many slashes", |n| {
        rows(&["{\"checkpoint_dir_name\":\"c\",\"a\":{\"a\":{\"b\":1}}}".to_owned()])
            .ranked_by("a/".repeat(n / 2))
    }),
    ("slashes among many keys", |n| {
        rows(&[format!("{{\"checkpoint_dir_name\":\"c\",\"{}\":1,{}}}", "x".repeat(n + 1), numbers(20))])
            .ranked_by("/".repeat(n))
    }),
    ("slashes behind a number", |n| {
        rows(&["{\"checkpoint_dir_name\":\"c\",\"a\":[[1]]}".to_owned()]).ranked_by(format!(
            "a/{}{}",
            "0".repeat(n),
            "/".repeat(n)
        ))
    }),
    ("frame: regular rows", |n| {
        frame(&each(n, |i| format!("{{\"a\":{i},\"b\":{{\"c\":{i}.5,\"d\":[1,{i}]}},\"e\":\"x{i}\"}}")))
    }),
    ("frame: one wide row after another", |n| {
        frame(&each(4, |row| object(n / 4, |i| format!("\"k{i}\":{row}"))))
    }),
    ("frame: a config that repeats", |n| {
        let config = object(20, |i| format!("\"k{i}\":{i}"));
        frame(&each(n / 20 + 1, |i| format!("{{\"a\":{i},\"config\":{config}}}")))
    }),
    ("frame: objects that change or lack", |n| {
        let of = |i: usize| match i % 3 {
            0 => format!("{{\"a\":{i}}}"),
            1 => format!("{{\"config\":{{\"x\":{i},\"y\":[]}}}}"),
            _ => format!("{{\"config\":{{\"x\":1}},\"a\":\"{i}\"}}"),
        };
        frame(&each(n, of))
    }),
    ("frame: rows that go both ways", |n| {
        let config = object(20, |i| format!("\"k{i}\":{i}"));
        let of =
            |i| if i % 2 == 0 { format!("{{\"config\":{config}}}") } else { "{\"a\":1,\"a\":2}".to_owned() };
        frame(&each(n / 10 + 1, of))
    }),
    ("frame: names that are contested", |n| {
        frame(&each(n, |i| format!("{{\"a/b\":{i},\"a\":{{\"b\":{i}.5}},\"c\":1}}")))
    }),
    ("frame: steps of many kinds", |n| {
        frame(&each(n, |i| format!("{{\"a\":1,{}\"b\":2}}", " ".repeat(i % 50))))
    }),
    ("frame: bad and glued lines", |n| {
        let of = |i: usize| ["{\"a\":1", "{\"a\":1}{\"a\":2}", "{\"a\":1}", "nothing"][i % 4].to_owned();
        frame(&each(n, of))
    }),
    ("frame: one kind after another", |n| {
        let of = |i| {
            format!("{{\"a\":{}}}", ["1", "1.5", "\"nan\"", "[1]", "null", "12345678901234567890123"][i % 6])
        };
        frame(&each(n, of))
    }),
    ("frame: long lists and texts", |n| {
        frame(&[format!("{{\"l\":[{}],\"t\":\"{}\"}}", "[1.5],".repeat(n) + "2", "\\n\\u00e9".repeat(n))])
    }),
    ("frame: csv", |n| case_of_frame(csv(&each(n, |i| format!("{i},x{i},{}.5", i * 7))))),
    ("frame: a snapshot", |n| {
        let of =
            |i| format!("{{\"checkpoint_dir_name\":\"c{i}\",\"metrics\":{{\"a\":{i},\"b\":{{\"c\":0.5}}}}}}");
        case_of_frame(snapshot(&each(n, of).join(",")))
    }),
];

/// An exception of Train V2 whose second argument, a dict, is begun.
const WORKERS: &[u8] = b"cray.train\nWorkerGroupError\n(\x8c\x01m}";
const FAILURE: &str = "Failure # 1 (occurred at 2026-11-24_10-00-00)\n";
const FRAME: &str = "  File \"a.py\", line 1, in f\n";

fn list(count: usize, item: impl Fn(usize) -> String) -> String {
    (0..count).map(item).collect::<Vec<_>>().join(",")
}

fn numbers(count: usize) -> String {
    list(count, |i| format!("\"k{i}\":{i}"))
}

fn object(count: usize, member: impl Fn(usize) -> String) -> String {
    format!("{{\"checkpoint_dir_name\":\"c\",{}}}", list(count, member))
}

/// A text in a pickle.
fn text(length: usize) -> Vec<u8> {
    [b"X".to_vec(), (length as u32).to_le_bytes().to_vec(), vec![b'x'; length]].concat()
}

/// Further members of a dict in a pickle: by rank, what the memo has first.
fn ranks(count: usize) -> Vec<u8> {
    let rank =
        |rank: usize| [b"M".to_vec(), (rank as u16).to_le_bytes().to_vec(), b"h\x00".to_vec()].concat();
    (1..count).flat_map(rank).collect()
}

/// What Train V2 says of so many workers that failed alike.
fn of_ranks(count: usize) -> String {
    let ranks = list(count, |i| i.to_string());
    format!("[Rank {ranks} Error Snippet]:\n{FRAME}E: {}\n", "x".repeat(count))
}

fn case(name: &'static str, data: Vec<u8>) -> Case {
    Case { files: vec![(name, data)], metric: "no/such metric".to_owned(), is_frame: false }
}

fn rows(rows: &[String]) -> Case {
    case("result.json", (rows.join("\n") + "\n").into_bytes())
}

/// The same, read as a frame too.
fn frame(lines: &[String]) -> Case {
    case_of_frame(rows(lines))
}

fn case_of_frame(case: Case) -> Case {
    Case { is_frame: true, ..case }
}

fn each(count: usize, line: impl FnMut(usize) -> String) -> Vec<String> {
    (0..count).map(line).collect()
}

fn csv(lines: &[String]) -> Case {
    case("progress.csv", (lines.join("\n") + "\n").into_bytes())
}

fn snapshot(results: &str) -> Case {
    case(SNAPSHOT, format!("{{\"checkpoint_results\":[{results}]}}").into_bytes())
}

fn pickle(parts: &[&[u8]]) -> Case {
    case("error.pkl", parts.concat())
}

fn error_log(text: &str) -> Case {
    case("error.txt", format!("{FAILURE}{text}").into_bytes())
}

fn events(events: &[String]) -> Case {
    let mut case = snapshot("");
    case.files.push((EVENTS, (run_event(0) + &events.concat()).into_bytes()));
    case
}

fn run_event(id: usize) -> String {
    format!(
        "{{\"timestamp\":1,\"source_type\":\"EXPORT_TRAIN_RUN\",\"event_data\":{{\"id\":\"{id}\",\"status\":\"ERRORED\",\
         \"status_detail\":\"d\",\"run_settings\":{{\"run_config\":{{\"storage_path\":\"/storage\",\"name\":\"run\"}}}}}}}}\n"
    )
}

/// An attempt of the first run.
fn attempt(id: usize, detail: &str) -> String {
    let detail = detail.replace('\n', "\\n").replace('"', "\\\"");
    format!(
        "{{\"timestamp\":1,\"source_type\":\"EXPORT_TRAIN_RUN_ATTEMPT\",\"event_data\":{{\"run_id\":\"0\",\
         \"attempt_id\":\"{id}\",\"status\":\"ERRORED\",\"status_detail\":\"{detail}\"}}}}\n"
    )
}

const SNAPSHOT: &str = "checkpoint_manager_snapshot.json";
const EVENTS: &str = "event_EXPORT_TRAIN_STATE.log";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [shape, size] = arguments.as_slice() {
        work(shape.parse().expect("a number"), size.parse().expect("a number"));
        return ExitCode::SUCCESS;
    }
    if !arguments.is_empty() {
        SHAPES.iter().for_each(|(name, _)| println!("{name}"));
        return ExitCode::SUCCESS;
    }
    let mut failed = 0;
    for (place, (name, _)) in SHAPES.iter().enumerate() {
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
    println!("{} passed, {failed} failed", SHAPES.len() - failed);
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Opens a run of this shape and size and asks it. Returns what that allocated.
fn work(place: usize, size: usize) -> (usize, usize) {
    let case = SHAPES[place].1(size);
    let scratch = std::env::temp_dir().join(format!("libresult-growth-{}", std::process::id()));
    let _ = fs::remove_dir_all(&scratch);
    fs::create_dir_all(scratch.join("run/c")).expect("a directory");
    let mut settings = vec![("retry_ms", "0")];
    for (name, data) in case.files {
        let directory = if name == EVENTS { &scratch } else { &scratch.join("run") };
        fs::write(directory.join(name), data).expect("a file");
        if name == EVENTS {
            settings.push(("events", scratch.to_str().expect("UTF-8")));
            settings.push(("events_path", "/storage/run"));
        }
    }
    let run = scratch.join("run");
    let run = run.to_str().expect("UTF-8");
    let counted = measure(|| {
        let opened = Run::open(run, &settings, None).expect("a run");
        assert!(opened.to_json().len() > run.len());
        let reported = opened.metrics().and_then(|metrics| metrics.key_at(0));
        for metric in reported.into_iter().chain([case.metric.as_str()]) {
            for mode in [Mode::Min, Mode::Max] {
                let _ = opened.rank_checkpoints(metric, mode, &[]);
                let _ = opened.best_checkpoint(metric, mode, &[("ties", "latest")]);
            }
        }
        if case.is_frame {
            let frame = opened.read_frame(&[("threads", "1")], None).expect("a frame");
            assert!(frame.row_count() > 0);
            let csv = [run, "/out.csv"].concat();
            opened.write_csv(&csv, &[("threads", "1")], None, None).expect("a file");
        }
    });
    fs::remove_dir_all(&scratch).expect("removing the run");
    counted
}
