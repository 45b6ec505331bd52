#!/usr/bin/env python3
"""Holds frames of odd runs, all cells, against an oracle in plain Python.

frame_oracle.py PROGRAM [--rows N] [--seed N] [--run N] [--keep DIR]

PROGRAM is tests/frame/dump.rs. Each run is read with one thread and with three, whole and with random settings. `--run` takes one run only, and
`--keep` leaves its files. The last line is `N passed, N failed`."""
import argparse
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "frame"), os.path.join(HERE, "table")]
sys.dont_write_bytecode = True
import compare  # noqa: E402
import expected  # noqa: E402
import odd_runs  # noqa: E402

THREADS = ("1", "3")
BATCH = 50
# Answers with fewer cells are also altered, which must be found.
ALTERED_CELLS = 300
SHOWN = 10
SHOWN_CHARACTERS = 300
PROGRAM_SECONDS = 600


class Run:
    """An odd run, what is expected of it, and with which settings it is read."""

    def __init__(self, seed, number):
        self.number = number
        self.files = odd_runs.run(f"{seed} {number}")
        self.reports = expected.reports(self.files)
        names = list(dict.fromkeys(name for cells, _ in self.reports.flat for name in cells))
        self.settings = [[], odd_runs.settings(f"{seed} {number}", names)]

    def write(self, scratch):
        self.path = os.path.join(scratch, str(self.number))
        os.makedirs(self.path, exist_ok=True)
        for name, data in self.files.items():
            with open(os.path.join(self.path, name), "wb") as f:
                f.write(data)

    def asked(self):
        """The fields that ask for its frames."""
        calls = [[("threads", threads), *settings] for settings in self.settings for threads in THREADS]
        return [self.path, str(len(calls)), *(field for call in calls for field in (str(len(call)), *sum(call, ())))]

    def check(self, lines):
        """Everything that is wrong with the lines that the program printed."""
        for settings in self.settings:
            one, other, *lines = lines
            one, other = json.loads(one), json.loads(other)
            for where, wanted, got in differences(expected.frame(self.reports, settings), one):
                yield settings, where, wanted, got
            for where, wanted, got in between_threads(one, other):
                yield settings, f"by threads, {where}", wanted, got
            if not settings and "error" not in one and len(one["columns"]) * one["rows"] < ALTERED_CELLS:
                wanted = expected.frame(self.reports, settings)
                for how, altered in alterations(one):
                    if not any(differences(wanted, altered)):
                        yield settings, "a wrong answer", how, "taken for a good one"


def differences(wanted, got):
    if isinstance(wanted, str) or "error" in got:
        if wanted != got.get("error"):
            yield "error", wanted if isinstance(wanted, str) else "none", got if "error" in got else "none"
        return
    columns, rows, codes = wanted
    if rows != got["rows"]:
        yield "rows", rows, got["rows"]
    if (names := [(name, kind) for name, kind, _ in columns]) != (found := [(name, kind) for name, kind, _, _ in got["columns"]]):
        extra = [column for column in found if column not in names]
        missing = [column for column in names if column not in found]
        yield "columns", missing or names, extra or found
        return
    for (name, kind, cells), (_, _, nulls, others) in zip(columns, got["columns"]):
        if nulls != cells.count(None):
            yield f"nulls of {name!r}", cells.count(None), nulls
        if kind == "Json":
            others = [None if cell is None else expected.strict(compare.strict_json(cell)) for cell in others]
        if cells != others or kind != "Json" and list(map(type, cells)) != list(map(type, others)):
            for row, (cell, other) in enumerate(zip(cells, others)):
                if cell != other or type(cell) is not type(other):
                    yield f"{name!r}, row {row}", cell, other
                    break
            else:
                yield f"{name!r}, its length", len(cells), len(others)
    found = {code for code, _, _ in got["diagnostics"] + got["opening"]}
    if codes != found:
        yield "diagnostics", sorted(codes - found), sorted(found - codes)


def alterations(got):
    """Ways in which a good frame could be wrong: a comparison that finds nothing wrong proves nothing."""
    columns = got["columns"]
    yield "a row more", {**got, "rows": got["rows"] + 1}
    yield "a code more", {**got, "diagnostics": [*got["diagnostics"], ["altered", 0, ""]]}
    if len(columns) > 1:
        yield "another order", {**got, "columns": columns[::-1]}
    for place, (name, kind, nulls, cells) in enumerate(columns):
        row = next((row for row, cell in enumerate(cells) if cell is not None), None)
        if row is None:
            continue
        other = {"Int64": lambda cell: float(cell), "Bool": lambda cell: int(cell), "Json": lambda cell: f'[{cell}]',
                 "Float64": lambda cell: f"{int(cell.replace('nan', '0'), 16) ^ 1:016x}"}.get(kind, lambda cell: f"{cell} ")(cells[row])
        altered = [name, kind, nulls, [*cells[:row], other, *cells[row + 1:]]]
        yield f"another cell of {name!r}", {**got, "columns": [*columns[:place], altered, *columns[place + 1:]]}


def between_threads(one, other):
    """Where frames differ that were read by different numbers of threads: nowhere, messages and their lines included."""
    if one.keys() != other.keys():
        yield "members", list(one), list(other)
    for key in one.keys() & other.keys():
        if one[key] != other[key]:
            pairs = zip(one[key], other[key]) if isinstance(one[key], list) else [(one[key], other[key])]
            yield key, *next((pair for pair in pairs if pair[0] != pair[1]), (len(one[key]), len(other[key])))


def ask(program, runs):
    """The lines that the program prints for each run."""
    fields = [field for run in runs for field in run.asked()]
    done = subprocess.run([program], input=b"".join(os.fsencode(field) + b"\0" for field in fields), stdout=subprocess.PIPE, check=True,
                          timeout=PROGRAM_SECONDS)
    lines = done.stdout.split(b"\n")
    each = len(THREADS) * 2
    if len(lines) != each * len(runs) + 1:
        raise SystemExit(f"the program printed {len(lines) - 1} lines for {each * len(runs)} frames")
    return [lines[start:start + each] for start in range(0, len(lines) - 1, each)]


def shown(value):
    text = repr(value)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}… ({len(text)} characters)"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("program")
    parser.add_argument("--rows", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--run", type=int)
    parser.add_argument("--keep", metavar="DIR")
    options = parser.parse_args()
    program = os.path.abspath(options.program)
    number, rows, frames, failed, found = options.run or 0, 0, 0, 0, 0
    while rows < options.rows:
        with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as scratch:
            runs = [Run(options.seed, number + place) for place in range(BATCH if options.run is None else 1)]
            for run in runs:
                run.write(options.keep or scratch)
            for run, lines in zip(runs, ask(program, runs)):
                wrong = list(run.check(lines))
                for settings, where, wanted, got in wrong[:2]:
                    if found < SHOWN:
                        print(f"run {run.number}, settings {settings}: {where}: expected {shown(wanted)}, got {shown(got)}")
                        found += 1
                failed += bool(wrong)
        number += len(runs)
        rows += sum(len(run.reports.rows) for run in runs)
        frames += sum(len(run.settings) * len(THREADS) for run in runs)
        if options.run is not None:
            break
    first = options.run or 0
    print(f"{rows} rows of {number - first} runs, in {frames} frames")
    print(f"{number - first - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(compare.in_deep_thread(main))
