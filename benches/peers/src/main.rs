//! What people could read a run with instead, in Rust. `peers PARSER RUN [digest]` reads the rows of a run into a table in
//! memory, flat and typed, and prints its size, or its digest. PARSER is `serde_json`, `simd-json`, `sonic-rs`, `jiter`,
//! each a value a line and columns made of these, or `arrow-json`, which makes columns itself, in two passes, the first for
//! a schema of all rows (`arrow-json-1000`: of 1,000); not flat, so only the digest flattens.
//!
//! Each reads the whole file first.

mod arrow;
#[path = "../../src/digest.rs"]
mod digest;
mod parsers;
mod table;
#[path = "../../src/used.rs"]
mod used;

use std::error::Error;
use std::process::ExitCode;

use table::Table;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn fill(parser: &str, file: &mut [u8], table: &mut Table) -> Outcome<()> {
    let mut buffers = simd_json::Buffers::new(4096);
    for line in file.split_mut(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
        match parser {
            "serde_json" => table.add(&serde_json::from_slice::<serde_json::Value>(line)?),
            "simd-json" => table.add(&simd_json::value::borrowed::to_value_with_buffers(line, &mut buffers)?),
            "sonic-rs" => table.add(&sonic_rs::from_slice::<sonic_rs::Value>(line)?),
            "jiter" => table.add(&jiter::JsonValue::parse(line, true)?),
            _ => return Err("PARSER is serde_json, simd-json, sonic-rs, jiter or arrow-json".into()),
        }
    }
    table.finish();
    Ok(())
}

fn run(parser: &str, run: &str, with_digest: bool) -> Outcome<()> {
    let mut file = std::fs::read(format!("{run}/result.json"))?;
    match parser {
        "arrow-json" => return arrow::run(&file, None, with_digest),
        "arrow-json-1000" => return arrow::run(&file, Some(1000), with_digest),
        _ => {}
    }
    let mut table = Table::default();
    fill(parser, &mut file, &mut table)?;
    let (rows, columns) = table.size();
    if with_digest {
        digest::print(rows, &table.digest())?;
    } else {
        println!("rows {rows} columns {columns}");
    }
    Ok(())
}

fn main() -> ExitCode {
    let start = cpu_time::ProcessTime::now();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [parser, path, more @ ..] = &arguments[..] else { return ExitCode::from(2) };
    if let Err(error) = run(parser, path, more.iter().any(|word| word == "digest")) {
        eprintln!("{error}");
        return ExitCode::FAILURE;
    }
    used::print_used(start);
    ExitCode::SUCCESS
}
