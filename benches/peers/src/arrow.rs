//! arrow-json: structs, not flat columns.

use std::io::Cursor;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, RecordBatch, StructArray};
use arrow_json::ReaderBuilder;
use arrow_json::reader::infer_json_schema_from_seekable;
use arrow_schema::DataType;

use crate::Outcome;
use crate::digest;

pub fn run(file: &[u8], schema_rows: Option<usize>, with_digest: bool) -> Outcome<()> {
    let mut file = Cursor::new(file);
    let (schema, _) = infer_json_schema_from_seekable(&mut file, schema_rows)?;
    let reader = ReaderBuilder::new(Arc::new(schema.clone())).with_batch_size(8192).build(file)?;
    let batches = reader.collect::<Result<Vec<RecordBatch>, _>>()?;
    let rows = batches.iter().map(RecordBatch::num_rows).sum();
    if !with_digest {
        println!("rows {rows} columns {}", schema.fields().len());
        return Ok(());
    }
    let mut columns = Vec::new();
    for (place, field) in schema.fields().iter().enumerate() {
        let pieces: Vec<ArrayRef> = batches.iter().map(|batch| batch.column(place).clone()).collect();
        flatten(field.name(), field.data_type(), &pieces, &mut columns)?;
    }
    digest::print(rows, &columns)?;
    Ok(())
}

fn flatten(name: &str, kind: &DataType, pieces: &[ArrayRef], out: &mut Vec<digest::Column>) -> Outcome<()> {
    if let DataType::Struct(fields) = kind {
        for (place, field) in fields.iter().enumerate() {
            let child = |piece: &ArrayRef| piece.as_struct().column(place).clone();
            let inner: Vec<ArrayRef> = pieces.iter().map(child).collect();
            flatten(&format!("{name}/{}", field.name()), field.data_type(), &inner, out)?;
        }
        return Ok(());
    }
    let mut column = digest::Column::new(name, type_name(kind));
    let mut row = 0;
    for piece in pieces {
        for place in 0..piece.len() {
            if !piece.is_null(place) && !matches!(kind, DataType::Null) {
                column.add(row, word(piece, place)?);
            }
            row += 1;
        }
    }
    out.push(column);
    Ok(())
}

fn type_name(kind: &DataType) -> &'static str {
    match kind {
        DataType::Null => "null",
        DataType::Boolean => "bool",
        DataType::Int64 => "int64",
        DataType::Float64 => "float64",
        DataType::Utf8 => "string",
        _ => "json",
    }
}

fn word(array: &ArrayRef, place: usize) -> Outcome<u64> {
    Ok(match array.data_type() {
        DataType::Boolean => u64::from(array.as_boolean().value(place)),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(place).cast_unsigned(),
        DataType::Float64 => digest::float(array.as_primitive::<Float64Type>().value(place)),
        DataType::Utf8 => digest::string(array.as_string::<i32>().value(place)),
        _ => digest::json(&json(array, place)?),
    })
}

/// A cell of a list as JSON text.
fn json(array: &ArrayRef, place: usize) -> Outcome<String> {
    let one = StructArray::try_from(vec![("v", array.slice(place, 1))])?;
    let mut writer = arrow_json::ArrayWriter::new(Vec::new());
    writer.write(&RecordBatch::from(one))?;
    writer.finish()?;
    let text = String::from_utf8(writer.into_inner())?;
    Ok(text.trim_start_matches("[{\"v\":").trim_end_matches("}]").to_owned())
}
