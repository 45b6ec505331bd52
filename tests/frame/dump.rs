//! Prints frames whole, for tests/frame_oracle.py. Reads fields that each end with a NUL byte: for each run `uri`, the number of
//! frames, and for each frame the number of settings, their keys and values. Prints one line of JSON a frame, all cells of a
//! column together; a double is the hexadecimal digits of its bits.

use std::io::{self, BufWriter, Read, Write};

use result::{Column, ColumnType, Diagnostic, Error, Frame, Run};

/// A snapshot that is bad is bad at once.
const OPENING: [(&str, &str); 1] = [("retry_ms", "0")];

fn main() -> io::Result<()> {
    let mut input = Vec::new();
    io::stdin().lock().read_to_end(&mut input)?;
    let mut fields = input.split(|byte| *byte == 0).map(|field| String::from_utf8_lossy(field).into_owned());
    let mut out = BufWriter::new(io::stdout().lock());
    // What follows the last NUL is no field.
    while let (Some(uri), Some(count)) = (fields.next(), fields.next()) {
        let run = Run::open(&uri, &OPENING, None);
        for _ in 0..number(&count) {
            let fields_of_settings = 2 * fields.next().map_or(0, |count| number(&count));
            let settings: Vec<String> = fields.by_ref().take(fields_of_settings).collect();
            let settings: Vec<(&str, &str)> =
                settings.chunks_exact(2).map(|pair| (pair[0].as_str(), pair[1].as_str())).collect();
            let frame = run.as_ref().map_err(Clone::clone).and_then(|run| {
                let frame = run.read_frame(&settings, None)?;
                Ok((frame, run.diagnostics()))
            });
            match frame {
                Ok((frame, of_opening)) => write_frame(&mut out, &frame, of_opening)?,
                Err(error) => write_error(&mut out, &error)?,
            }
        }
    }
    out.flush()
}

fn number(text: &str) -> usize {
    text.parse().unwrap_or(0)
}

fn write_error(out: &mut impl Write, error: &Error) -> io::Result<()> {
    writeln!(out, "{{\"error\":\"{:?}\",\"message\":{}}}", error.code(), text(error.message()))
}

fn write_frame(out: &mut impl Write, frame: &Frame, of_opening: &[Diagnostic]) -> io::Result<()> {
    write!(out, "{{\"rows\":{},\"columns\":[", frame.row_count())?;
    for (place, column) in frame.columns().iter().enumerate() {
        let comma = if place > 0 { "," } else { "" };
        let (name, kind, nulls) = (text(column.name()), column.column_type(), column.null_count());
        write!(out, "{comma}[{name},\"{kind:?}\",{nulls},[")?;
        for row in 0..frame.row_count() {
            let comma = if row > 0 { "," } else { "" };
            write!(out, "{comma}{}", cell(column, row))?;
        }
        out.write_all(b"]]")?;
    }
    write!(out, "],\"diagnostics\":{}", diagnostics(frame.diagnostics()))?;
    writeln!(out, ",\"opening\":{}}}", diagnostics(of_opening))
}

fn cell(column: &Column, row: usize) -> String {
    if column.is_null(row) {
        return "null".to_owned();
    }
    let shown = match column.column_type() {
        ColumnType::Float64 => column.float64().map(|cells| bits(cells[row])),
        ColumnType::Int64 => column.int64().map(|cells| cells[row].to_string()),
        ColumnType::Uint64 => column.uint64().map(|cells| cells[row].to_string()),
        ColumnType::Bool => column.bool(row).map(|cell| cell.to_string()),
        ColumnType::String | ColumnType::Json => column.string(row).map(text),
        ColumnType::Null | _ => None,
    };
    shown.unwrap_or_else(|| "\"a value of another type than its column\"".to_owned())
}

fn bits(number: f64) -> String {
    if number.is_nan() { "\"nan\"".to_owned() } else { format!("\"{:016x}\"", number.to_bits()) }
}

fn diagnostics(found: &[Diagnostic]) -> String {
    let all: Vec<String> = found
        .iter()
        .map(|one| format!("[{},{},{}]", text(one.code()), one.line(), text(one.message())))
        .collect();
    format!("[{}]", all.join(","))
}

fn text(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}
