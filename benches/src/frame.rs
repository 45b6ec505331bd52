//! The digest of the library's own frames, and how the measured programs are told what to do.

use std::collections::HashMap;
use std::error::Error;
use std::process::ExitCode;

use result::{Column, ColumnType, Frame};

use crate::digest;

/// The digests of the columns of one frame, or of several whose rows stand below each other; columns are joined by name.
#[derive(Default)]
pub struct Digests {
    rows: usize,
    places: HashMap<String, usize>,
    columns: Vec<digest::Column>,
}

impl Digests {
    pub fn add(&mut self, frame: &Frame) {
        for column in frame.columns() {
            let place = *self.places.entry(column.name().to_owned()).or_insert_with(|| {
                self.columns.push(digest::Column::new(column.name(), kind(column)));
                self.columns.len() - 1
            });
            let Some(digest) = self.columns.get_mut(place) else { continue };
            for row in (0..frame.row_count()).filter(|&row| !column.is_null(row)) {
                if let Some(word) = word(column, row) {
                    digest.add(self.rows + row, word);
                }
            }
        }
        self.rows += frame.row_count();
    }

    pub fn print(&self) -> std::io::Result<()> {
        digest::print(self.rows, &self.columns)
    }
}

fn kind(column: &Column) -> &'static str {
    match column.column_type() {
        ColumnType::Null => "null",
        ColumnType::Bool => "bool",
        ColumnType::Int64 => "int64",
        ColumnType::Uint64 => "uint64",
        ColumnType::Float64 => "float64",
        ColumnType::String => "string",
        ColumnType::Json => "json",
        _ => "unknown",
    }
}

fn word(column: &Column, row: usize) -> Option<u64> {
    match column.column_type() {
        ColumnType::Bool => column.bool(row).map(u64::from),
        ColumnType::Int64 => Some(*column.int64()?.get(row)? as u64),
        ColumnType::Uint64 => column.uint64()?.get(row).copied(),
        ColumnType::Float64 => column.float64()?.get(row).copied().map(digest::float),
        ColumnType::String => column.string(row).map(digest::string),
        ColumnType::Json => column.string(row).map(digest::json),
        _ => None, // null
    }
}

/// What stands behind the paths: `digest`, and settings of the library as pairs of key and value.
pub struct Arguments {
    pub digest: bool,
    settings: Vec<(String, String)>,
}

impl Arguments {
    pub fn new(words: &[String]) -> Self {
        let digest = words.iter().any(|word| word == "digest");
        let words: Vec<&String> = words.iter().filter(|word| *word != "digest").collect();
        let pairs = words.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone()));
        Self { digest, settings: pairs.collect() }
    }

    pub fn settings(&self) -> Vec<(&str, &str)> {
        self.settings.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect()
    }
}

/// Runs a program with the words behind its name; then tells what it used.
pub fn main(program: impl FnOnce(&[String]) -> Result<(), Box<dyn Error>>) -> ExitCode {
    let start = cpu_time::ProcessTime::now();
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let Err(error) = program(&words) {
        eprintln!("{error}");
        return ExitCode::FAILURE;
    }
    crate::print_used(start);
    ExitCode::SUCCESS
}
