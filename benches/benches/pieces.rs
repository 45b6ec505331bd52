//! The pieces one by one, on a run of some thousand rows: `cargo bench --manifest-path benches/Cargo.toml`. What a change does to one of
//! them shows here; how libresult stands beside others is `make bench`.

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use result::{Mode, Run};

const ROWS: usize = 5_000;

/// A run of Train V1 whose rows are like those that Ray writes.
fn make_run() -> (PathBuf, u64) {
    let run = std::env::temp_dir().join(format!("libresult-pieces-{}", std::process::id()));
    let mut rows = String::new();
    for row in 0..ROWS {
        let (checkpoint, loss) = (row / 500, 1.0 / (row as f64 + 1.7));
        let _ = fs::create_dir_all(run.join(format!("checkpoint_{checkpoint:06}")));
        let _ = writeln!(
            rows,
            "{{\"loss\": {loss:?}, \"eval\": {{\"loss\": {:?}, \"top5\": {:?}}}, \"epoch\": {}, \"histogram\": [1, 22, {row}], \
             \"checkpoint_dir_name\": {}, \"training_iteration\": {}, \"trial_id\": \"00000_00000\", \"date\": \"2026-11-25_18-16-06\", \
             \"config\": {{\"lr\": 0.001, \"layers\": [64, 32], \"name\": \"adam\"}}}}",
            loss * 1.1,
            1.0 - loss,
            row / 100,
            if row % 500 == 499 { format!("\"checkpoint_{checkpoint:06}\"") } else { "null".to_owned() },
            row + 1,
        );
    }
    fs::write(run.join("result.json"), &rows).expect("a file");
    (run, rows.len() as u64)
}

fn pieces(criterion: &mut Criterion) {
    let (path, bytes) = make_run();
    let uri = path.to_str().expect("UTF-8");
    let run = Run::open(uri, &[], None).expect("a run");
    let mut rows = criterion.benchmark_group("rows");
    rows.throughput(Throughput::Bytes(bytes));
    rows.bench_function("open", |bench| bench.iter(|| Run::open(uri, &[], None)));
    rows.bench_function("open strictly: every row as a value", |bench| {
        bench.iter(|| Run::open(uri, &[("strict", "true")], None))
    });
    for (what, settings) in [
        ("frame", &[("threads", "1")][..]),
        ("frame of one column", &[("threads", "1"), ("column", "loss")]),
        ("frame in two parts", &[("threads", "2")]),
    ] {
        rows.bench_function(what, |bench| bench.iter(|| run.read_frame(settings, None)));
    }
    let replace = [("on_exists", "replace"), ("threads", "1")];
    let (csv, parquet) = (path.join("out.csv"), path.join("out.parquet"));
    let (csv, parquet) = (csv.to_str().expect("UTF-8"), parquet.to_str().expect("UTF-8"));
    rows.bench_function("CSV", |bench| bench.iter(|| run.write_csv(csv, &replace, None, None)));
    rows.bench_function("Parquet", |bench| bench.iter(|| run.write_parquet(parquet, &replace, None, None)));
    rows.finish();
    let mut answers = criterion.benchmark_group("answers");
    answers.bench_function("open for the latest report", |bench| {
        bench.iter(|| Run::open(uri, &[("read", "latest")], None))
    });
    answers.bench_function("best checkpoint", |bench| {
        bench.iter(|| run.best_checkpoint("eval/loss", Mode::Min, &[]))
    });
    answers.bench_function("the run as JSON", |bench| bench.iter(|| run.to_json()));
    let frame = run.read_frame(&[], None).expect("a frame");
    answers.bench_function("frame as an Arrow stream", |bench| bench.iter(|| frame.export()));
    answers.finish();
    let _ = fs::remove_dir_all(path);
}

criterion_group!(all, pieces);
criterion_main!(all);
