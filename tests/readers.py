#!/usr/bin/env python3
"""Holds what others make of our frames against the goldens of the corpus: of Arrow streams and Parquet files pyarrow, Polars, DuckDB and pandas,
of streams also nanoarrow from Python and C, of CSV files Python.

readers.py LIBRESULT_SO ARROW [--case PATTERN]

ARROW is tests/c/arrow.c. Runs in a Python that has readers/requirements.txt. The last line is `N passed, N failed`."""
import argparse
import collections
import csv
import dataclasses
import fnmatch
import json
import math
import os
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "readers"), os.path.join(HERE, "table")]
sys.dont_write_bytecode = True
import compare as table  # noqa: E402
import duckdb  # noqa: E402
import frames  # noqa: E402
import library  # noqa: E402
import nanoarrow  # noqa: E402
import pandas  # noqa: E402
import polars  # noqa: E402
import pyarrow  # noqa: E402
import pyarrow.parquet  # noqa: E402

ENDS = 5
# Batches so small that most begin within a byte of a bitmap.
BATCH_ROWS = 7
FEW_ROWS = 1_000
# What stands for a missing cell in CSV.
NULL = "<null>"
SHOWN_DIFFERENCES = 5


@dataclasses.dataclass
class Table:
    """What a reader made of a frame, in Python's values: the first and last rows, and the first columns of them."""
    columns: list
    rows: int
    cells: list
    types: list | None = None  # by our names; None where a reader has other types


def shown_rows(rows):
    return [row for row in range(rows) if row < ENDS or row + ENDS >= rows]


def transposed(columns, rows):
    return [list(row) for row in zip(*columns)] if columns else [[] for _ in range(rows)]


# ---- Readers ---------------------------------------------------------------------------------------------------------

PYARROW_TYPES = {"null": "null", "bool": "bool", "int64": "int64", "uint64": "uint64", "double": "float64", "string": "string",
                 "large_string": "string"}


def of_pyarrow(found):
    """A pyarrow.Table."""
    found.validate(full=True)
    rows = shown_rows(found.num_rows)
    shown = found.select(range(min(found.num_columns, frames.SHOWN_COLUMNS)))
    columns = [column.take(rows).to_pylist() for column in shown.columns]
    types = [PYARROW_TYPES[str(field.type)] for field in found.schema]
    return Table(found.column_names, found.num_rows, transposed(columns, len(rows)), types)


POLARS_TYPES = {"Null": "null", "Boolean": "bool", "Int64": "int64", "UInt64": "uint64", "Float64": "float64", "String": "string"}


def of_polars(found):
    """A polars.DataFrame."""
    rows = shown_rows(found.height)
    shown = found.select(found.columns[:frames.SHOWN_COLUMNS])
    columns = [shown[name].gather(rows).to_list() for name in shown.columns]
    return Table(found.columns, found.height, transposed(columns, len(rows)), [POLARS_TYPES.get(str(kind), str(kind)) for kind in found.dtypes])


def of_duckdb(found):
    """A DuckDB relation."""
    cells = [list(row[:frames.SHOWN_COLUMNS]) for row in found.fetchall()]
    return Table(found.columns, len(cells), [cells[row] for row in shown_rows(len(cells))])


def of_pandas(found):
    """A pandas.DataFrame."""
    shown = found.iloc[shown_rows(len(found)), :frames.SHOWN_COLUMNS]
    columns = [shown.iloc[:, place].tolist() for place in range(shown.shape[1])]
    return Table(list(found.columns), len(found), transposed(columns, len(shown)))


def of_nanoarrow(found):
    """A nanoarrow.Array of structs."""
    names = [field.name for field in found.schema.fields]
    rows = shown_rows(len(found))
    columns = []
    for place in range(min(len(names), frames.SHOWN_COLUMNS)):
        column = found.child(place).to_pylist()
        columns.append([column[row] for row in rows])
    return Table(names, len(found), transposed(columns, len(rows)))


READERS = {
    "pyarrow": lambda stream: of_pyarrow(pyarrow.RecordBatchReader._import_from_c(stream.address).read_all()),
    "pyarrow, capsule": lambda stream: of_pyarrow(pyarrow.table(stream)),
    "polars": lambda stream: of_polars(polars.DataFrame(stream)),
    "duckdb": lambda stream: of_duckdb(duckdb.from_arrow(stream)),
    "pandas": lambda stream: of_pandas(pandas.DataFrame.from_arrow(stream)),
    "nanoarrow": lambda stream: of_nanoarrow(nanoarrow.Array(stream)),
}

OF_PARQUET = {
    "pyarrow, Parquet": lambda path: of_pyarrow(pyarrow.parquet.read_table(path)),
    "polars, Parquet": lambda path: of_polars(polars.read_parquet(path)),
    "duckdb, Parquet": lambda path: of_duckdb(duckdb.read_parquet(path)),
    "pandas, Parquet": lambda path: of_pandas(pandas.read_parquet(path)),
}

FORMATS = {"n": "null", "b": "bool", "l": "int64", "L": "uint64", "g": "float64", "u": "string", "U": "string"}


def of_c(line):
    """What the C program printed."""
    found = table.strict_json(line, table.answered_object)
    types = [FORMATS[layout] for _, layout in found["columns"]]
    return Table([name for name, _ in found["columns"]], found["rows"], found["cells"], types)


def of_csv(path):
    """A CSV file: all cells are texts."""
    with open(path, encoding="utf-8", newline="") as f:
        columns, *cells = list(csv.reader(f)) or [[]]
    shown = [cells[row][:frames.SHOWN_COLUMNS] for row in shown_rows(len(cells))]
    return Table(columns, len(cells), [[None if cell == NULL else cell for cell in row] for row in shown])


# ---- Comparison ------------------------------------------------------------------------------------------------------


def compare(reader, found, golden):
    """Every difference between what a reader has of a frame and what a golden expects of it, as (where, expected, got)."""
    expected = frames.expected(golden)
    columns = expected["columns"]
    names = [name for name, _ in columns]
    if reader.startswith("duckdb"):
        names = as_duckdb(names, "C" if "Parquet" in reader else "v")
    total = getattr(columns, "total", len(columns))
    if (total, names) != (len(found.columns), found.columns[:len(names)]):
        return [("columns", (total, names), (len(found.columns), found.columns[:len(names)]))]
    if expected["rows"] != found.rows:
        return [("rows", expected["rows"], found.rows)]
    kinds = [kind for _, kind in columns]
    # To a reader that does not know columns of JSON they are text.
    if found.types is not None and any((kind, got) != ("json", "string") and kind != got for kind, got in zip(kinds, found.types)):
        return [("types", kinds, found.types[:len(kinds)])]
    cells = [[cell(value, kind) for value, kind in zip(row, kinds)] for row in found.cells]
    if reader == "csv":
        cells = [[from_text(value, kind) for value, kind in zip(row, kinds)] for row in cells]
    if reader.startswith("pandas"):
        expected["cells"] = as_pandas(expected["cells"], kinds)
        cells = as_pandas(cells, kinds)
    return list(table.differences(expected["cells"], cells, True, "cells"))


def cell(value, kind):
    """A reader's cell; JSON as a value."""
    return json.loads(value, parse_constant=table.no_constant) if kind == "json" and isinstance(value, str) else value


def from_text(text, kind):
    """A cell of CSV, all of which are texts."""
    number = {"float64": float, "int64": int, "uint64": int, "bool": lambda text: {"true": True, "false": False}.get(text, text)}.get(kind)
    try:
        return number(text) if number and text is not None else text
    except ValueError:
        return text


def as_duckdb(names, letter):
    """The columns as DuckDB calls them, which tells no upper from lower case and has no empty names: those are a letter and a place."""
    seen, found = set(), []
    for place, name in enumerate(names):
        new = name = name or f"{letter}{place}"
        count = 0
        while new.lower() in seen:
            count += 1
            new = f"{name}_{count}"
        seen.add(new.lower())
        found.append(new)
    return found


def as_pandas(cells, kinds):
    """Cells as pandas has them: what is missing is NaN, and integers beside it are doubles."""
    def one(value, kind):
        if value is None or value is pandas.NA or isinstance(value, float) and math.isnan(value):
            return None
        return float(value) if kind in ("int64", "uint64") and isinstance(value, int) else value

    return [[one(value, kind) for value, kind in zip(row, kinds)] for row in cells]


def alterations(found):
    """Ways in which a good table could be wrong: a comparison that finds nothing wrong proves nothing."""
    yield "a row more", dataclasses.replace(found, rows=found.rows + 1)
    yield "a column less", dataclasses.replace(found, columns=found.columns[:-1] or ["x"])
    for row in range(0, len(found.cells), 4):
        for place in range(row % 3, len(found.cells[row]), 3):
            cells = [list(cells) for cells in found.cells]
            cells[row][place] = '"altered"'
            yield f"another cell, row {row}, column {place}", dataclasses.replace(found, cells=cells)


def batch_rows(case):
    return BATCH_ROWS if case.expected["rows"] < FEW_ROWS else 65_536


def read_by_c(program, cases):
    """What the C program has of each case."""
    fields = "".join(f"{case.path}\0{batch_rows(case)}\0" for case in cases)
    done = subprocess.run([program], input=os.fsencode(fields), stdout=subprocess.PIPE, check=True)
    return done.stdout.splitlines()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("library")
    parser.add_argument("arrow")
    parser.add_argument("--case", default="*", metavar="PATTERN")
    options = parser.parse_args()
    so = library.Library(os.path.abspath(options.library))
    passed, failed, seconds = collections.Counter(), collections.Counter(), collections.Counter()

    def count(reader, case, read):
        # DuckDB has no tables without columns.
        if reader.startswith("duckdb") and not case.expected["columns"]:
            return
        start = time.monotonic()
        try:
            answer = read()
            found = compare(reader, answer, case.expected)
            missed = [] if found else [how for how, altered in alterations(answer) if not compare(reader, altered, case.expected)]
            found += [("a wrong answer", how, "taken for a good one") for how in missed]
        except Exception as problem:  # whatever a reader raises, the others are to be asked
            found = [("the reader", "a frame", f"{type(problem).__name__}: {problem}")]
        seconds[reader] += time.monotonic() - start
        table.report(case, found[:SHOWN_DIFFERENCES], f"{reader}: ")
        (failed if found else passed)[reader] += 1

    with tempfile.TemporaryDirectory() as scratch:
        everything = table.load_cases(os.path.join(HERE, "corpus"), scratch)
        cases = [case for case in everything if "error" not in case.expected and not case.powerless and fnmatch.fnmatchcase(case.name, options.case)]
        for case, line in zip(cases, read_by_c(options.arrow, cases), strict=True):
            count("nanoarrow, C", case, lambda line=line: of_c(line))
        for case in cases:
            run = so.open(case.path)
            frame = run.read_frame([("batch_rows", batch_rows(case))])
            parquet, text = (os.path.join(scratch, f"frame.{ending}") for ending in ("parquet", "csv"))
            run.write("parquet", parquet, [("on_exists", "replace")])
            run.write("csv", text, [("on_exists", "replace"), ("null", NULL)])
            for reader, read in READERS.items():
                count(reader, case, lambda read=read, frame=frame: read(library.Stream(frame)))
            for reader, read in OF_PARQUET.items():
                count(reader, case, lambda read=read, path=parquet: read(path))
            count("csv", case, lambda path=text: of_csv(path))
    for reader in seconds:
        print(f"  {reader:<20} {passed[reader]:>4} passed {failed[reader]:>4} failed {seconds[reader]:6.1f} s")
    print(f"{passed.total()} passed, {failed.total()} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(table.in_deep_thread(main))
