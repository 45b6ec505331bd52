#!/usr/bin/env python3
"""Holds Parquet and CSV files of odd runs, all cells, against the oracle of frame_oracle.py, as pyarrow and Python read them.

frame_files.py LIBRESULT_SO [--rows N] [--seed N]

Runs in a Python that has readers/requirements.txt. The last line is `N passed, N failed`."""
import argparse
import csv
import os
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, name) for name in ("frame", "readers", "table")]
sys.dont_write_bytecode = True
import compare  # noqa: E402
import expected  # noqa: E402
import library  # noqa: E402
import pyarrow.parquet  # noqa: E402
from frame_oracle import SHOWN, Run, differences, shown  # noqa: E402

NULL = "<null>"
# So few that most files have several.
GROUP_ROWS = 50
TYPES = {"null": "Null", "bool": "Bool", "int64": "Int64", "uint64": "Uint64", "double": "Float64", "string": "String"}


def of_parquet(path, wanted):
    """The file in the form of the oracle's program; `wanted` has the columns as they should be."""
    found = pyarrow.parquet.read_table(path)
    columns = []
    for place, (field, column) in enumerate(zip(found.schema, found.columns)):
        kind, cells = TYPES[str(field.type)], column.to_pylist()
        # Text may be JSON, of which the file need not know.
        kind = "Json" if kind == "String" and place < len(wanted) and wanted[place][1] == "Json" else kind
        if kind == "Float64":
            cells = [None if cell is None else expected.bits(cell) for cell in cells]
        columns.append([field.name, kind, cells.count(None), cells])
    return {"rows": found.num_rows, "columns": columns}


def of_csv(path, wanted):
    """The same; cells of CSV have the types that they should have, if they can."""
    with open(path, encoding="utf-8", newline="") as f:
        header, *rows = list(csv.reader(f)) or [[]]
    kinds = [kind for _, kind, _ in wanted[:len(header)]] + ["String"] * (len(header) - len(wanted))
    columns = []
    for place, (name, kind) in enumerate(zip(header, kinds)):
        cells = [None if row[place] == NULL else typed(row[place], kind) for row in rows]
        columns.append([name, kind, cells.count(None), cells])
    return {"rows": len(rows), "columns": columns}


def typed(text, kind):
    try:
        if kind == "Float64":
            return expected.bits(float(text))
        if kind in ("Int64", "Uint64"):
            return int(text)
        return {"true": True, "false": False}[text] if kind == "Bool" else text
    except (ValueError, KeyError):
        return text


def check(so, run, scratch):
    """Everything that is wrong with the files of a run."""
    for settings in run.settings:
        wanted = expected.frame(run.reports, settings)
        for ending, read in (("parquet", of_parquet), ("csv", of_csv)):
            path = os.path.join(scratch, f"{run.number}.{ending}")
            own = [("row_group_rows", GROUP_ROWS)] if ending == "parquet" else [("null", NULL)]
            try:
                so.open(run.path).write(ending, path, [*settings, *own, ("on_exists", "replace")])
            except library.Failure as failure:
                if wanted != failure.code:
                    yield settings, ending, "a file" if isinstance(wanted, tuple) else wanted, str(failure)
                continue
            if isinstance(wanted, str):
                yield settings, ending, wanted, "a file"
                continue
            columns, rows, _ = wanted
            # Neither kind of file has rows without columns.
            rows = rows if columns else 0
            got = {**read(path, columns), "diagnostics": [], "opening": []}
            for where, one, other in differences((columns, rows, set()), got):
                yield settings, f"{ending}, {where}", one, other


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("library")
    parser.add_argument("--rows", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    csv.field_size_limit(1 << 30)
    so = library.Library(os.path.abspath(options.library))
    number, rows, failed, printed = 0, 0, 0, 0
    while rows < options.rows:
        with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as scratch:
            run = Run(options.seed, number)
            run.write(scratch)
            wrong = list(check(so, run, scratch))
        for settings, where, wanted, got in wrong[:2]:
            if printed < SHOWN:
                print(f"run {run.number}, settings {settings}: {where}: expected {shown(wanted)}, got {shown(got)}")
                printed += 1
        failed += bool(wrong)
        rows += len(run.reports.rows)
        number += 1
    print(f"{rows} rows of {number} runs")
    print(f"{number - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(compare.in_deep_thread(main))
