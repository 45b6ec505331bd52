#!/usr/bin/env python3
"""libresult beside the floor and beside what people could pick instead, in one run: how much CPU, time and memory each takes.

bench.py [--rounds N] [--data DIRECTORY] [--python PYTHON] [--only SECTION]... [--scale F]

`make bench` builds what this needs and calls it. Programs run in turn, each in a fresh process, files in the page cache; one
that takes more than 5 s of CPU runs fewer times. Printed are medians: CPU (user and system), CPU without the start of the process
("work": without imports too), wall, peak memory, and ratios of CPU. The floor reads the same bytes and finds the newlines.

Before that each answers once and the answer is compared, tables value by value through a digest (digest.py): a time counts only
if it is right. Who refuses the run, or answers wrongly, is shown so. All of it goes to results.json too, for picture.py."""
import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time

import digest

HERE = os.path.dirname(os.path.abspath(__file__))
OURS, FLOOR = "libresult", "floor: read, find newlines"
SLOW_SECONDS, SLOW_ROUNDS = 5, 2
LONG_ROWS = 200_000

# ---- Who is measured -------------------------------------------------------------------------------------------------


def ours(name):
    return [os.path.join(HERE, "target", "release", name)]


def rust(name):
    return [os.path.join(HERE, "peers", "target", "release", "libresult-peers"), name]


class Contestant:
    """One program with its question. `digest`: what to add to be told the digest of its table; none: the answer is text."""

    def __init__(self, name, command, digest=(), before=None):
        self.name, self.command, self.digest, self.before = name, command, list(digest), before
        self.correct, self.note, self.measured, self.rounds = True, "", [], 0

    def there(self):
        return os.path.exists(self.command[0])


def python(options, question, peer, path, *more):
    return [options.python, os.path.join(HERE, "peers_python.py"), question, peer, path, *more]


PYTHON_TABLES = {
    "DuckDB read_json": "duckdb",
    "DataFusion read_json": "datafusion",
    "pyarrow.json": "pyarrow",
    "polars read_ndjson": "polars",
    "pandas read_json": "pandas",
    "orjson + json_normalize": "orjson",
    "Ray Result.from_path": "ray",
}
RUST_TABLES = {
    "sonic-rs + columns": "sonic-rs",
    "simd-json + columns": "simd-json",
    "jiter + columns": "jiter",
    "serde_json + columns": "serde_json",
    "arrow-json, schema of 1,000": "arrow-json-1000",
    "arrow-json, schema of all": "arrow-json",
}


def tables(options, run, all_rows=()):
    """All readers of a whole table, one thread each."""
    yield Contestant(OURS, [*ours("table"), run, "threads", "1"], ["digest"])
    yield Contestant(f"{OURS}, 2 threads", [*ours("table"), run, "threads", "2"], ["digest"])
    for name, parser in RUST_TABLES.items():
        yield Contestant(name, [*rust(parser), run], ["digest"])
    for name, peer in PYTHON_TABLES.items():
        more = all_rows if peer in ("duckdb", "datafusion") else ()
        yield Contestant(name, python(options, "table", peer, run, *more), ["--digest"])
    yield Contestant("DuckDB read_json, 2 threads", python(options, "table", "duckdb", run, "--threads", "2", *all_rows), ["--digest"])


def experiment_tables(options, path):
    yield Contestant(OURS, [*ours("experiment"), path, "threads", "1"], ["digest"])
    for name in ("DuckDB read_json", "pyarrow.json", "polars read_ndjson", "orjson + json_normalize", "Ray Result.from_path"):
        yield Contestant(name, python(options, "table", PYTHON_TABLES[name], path), ["--digest"])


def texts(options, program, question, path, peers):
    yield Contestant(OURS, [*ours(program), path])
    names = {"ray": "Ray Result.from_path", "duckdb": "DuckDB read_json", "pyarrow": "pyarrow.json", "orjson": "orjson, by hand"}
    for peer in peers:
        yield Contestant(names[peer], python(options, question, peer, path))


def parquets(options, run):
    def out(name):
        return os.path.join(options.data, f"{name}.parquet")

    yield Contestant(OURS, [*ours("parquet"), run, out("ours"), "threads", "1"], before=out("ours"))
    yield Contestant(f"{OURS}, 2 threads", [*ours("parquet"), run, out("ours"), "threads", "2"], before=out("ours"))
    for name, peer in (("DuckDB COPY", "duckdb"), ("polars write_parquet", "polars"), ("pyarrow write_table", "pyarrow")):
        yield Contestant(name, python(options, "parquet", peer, run, "--out", out(peer)), before=out(peer))


# ---- Measuring -------------------------------------------------------------------------------------------------------


class Failed(Exception):
    """A program refused."""


def measure(command, before=None):
    """Runs a command; returns what it printed and what it used: CPU, work, wall in seconds, peak in bytes."""
    if before and os.path.exists(before):
        os.remove(before)
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    # Only one of the two is ever long.
    printed, errors = process.stdout.read(), process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.monotonic() - start
    if status:
        raise Failed(reason(errors) or f"exit status {process.returncode}")
    # A process inherits the peak of the one that starts it, so programs tell their own.
    peak, work = re.search(r"VmHWM:\s*(\d+) kB", errors), re.search(r"work: (\S+) s", errors)
    if not peak or not work:
        sys.exit(f"{' '.join(command)}: did not tell what it used\n{errors}")
    return printed.strip(), {"cpu": used.ru_utime + used.ru_stime, "work": float(work[1]), "wall": wall, "peak": int(peak[1]) * 1024}


def reason(errors):
    """Why a program stopped, in a few words."""
    lines = [line for line in errors.splitlines() if line.strip()]
    if not lines:
        return ""
    # Python says it in the last line, and first the class.
    said = re.sub(r"^[\w.]+: ", "", lines[-1]) if lines[0].startswith(("Traceback", "/")) or len(lines) > 3 else lines[0]
    return said if len(said) <= 70 else said[:67] + "…"


def parse_digest(text):
    size, *lines = text.splitlines()
    return size.split()[1], {name: rest for name, *rest in (line.split("\t") for line in lines)}


def differences(expected, found):
    """What is wrong about a table, in a few words; nothing if it is right. The order of columns is not compared."""
    (rows, columns), (found_rows, found_columns) = parse_digest(expected), parse_digest(found)
    if rows != found_rows:
        return f"{found_rows} of {rows} rows"
    wrong = {}
    for name, (kind, nulls, checksum) in columns.items():
        if name not in found_columns:
            wrong.setdefault("columns lost", []).append(name)
            continue
        found_kind, found_nulls, found_checksum = found_columns[name]
        if kind != found_kind:
            floats = kind in ("int64", "uint64") and found_kind == "float64"
            wrong.setdefault("ints as floats" if floats else f"{kind} as {found_kind}", []).append(name)
        elif int(found_nulls) < int(nulls):
            wrong.setdefault("missing as NaN" if kind == "float64" else "missing as values", []).append(name)
        elif found_nulls != nulls:
            wrong.setdefault("values lost", []).append(name)
        elif checksum != found_checksum:
            wrong.setdefault({"float64": "floats not exact", "int64": "ints not exact"}.get(kind, "other values"), []).append(name)
    if not wrong and len(found_columns) > len(columns):
        wrong["columns too many"] = sorted(set(found_columns) - set(columns))
    return ", ".join(f"{what} ({names[0]}{f' and {len(names) - 1} more' if len(names) > 1 else ''})" for what, names in wrong.items())


def same_text(expected, found):
    """The same words; floats may be spelled differently."""

    def word(text):
        try:
            return float(text)
        except ValueError:
            return text

    return list(map(word, expected.split())) == list(map(word, found.split()))


def check(options, contestant, expected):
    """Lets a program answer once, and notes whether that is right; what it used then, which also fills the page cache."""
    try:
        if contestant.before:
            _, used = measure(contestant.command, contestant.before)
            found, _ = measure(python(options, "digest-parquet", "pyarrow", contestant.before))
            wrong = differences(expected, found)
        elif contestant.digest:
            found, used = measure(contestant.command + contestant.digest)
            wrong = differences(expected, found)
            if used["cpu"] < 2 * SLOW_SECONDS:
                _, used = measure(contestant.command)
        else:
            found, used = measure(contestant.command)
            wrong = "" if expected is None or same_text(expected, found) else f"answers {found}"
    except Failed as why:
        contestant.correct, contestant.note = False, f"refuses: {why}"
        return None
    if wrong:
        contestant.correct, contestant.note = False, f"wrong: {wrong}"
    return used


def race(options, key, title, floor, contestants, expected):
    """One table. `expected`: the digest, or the text, that is right."""
    contestants = [Contestant(FLOOR, ours("floor") + floor), *contestants]
    missing = [one.name for one in contestants if not one.there()]
    contestants = [one for one in contestants if one.there()]
    for one in contestants:
        used = check(options, one, None if one.name == FLOOR else expected)
        if used:
            one.rounds = options.rounds if used["cpu"] <= SLOW_SECONDS else min(options.rounds, SLOW_ROUNDS)
    for number in range(options.rounds):
        for one in contestants:
            if number < one.rounds:
                try:
                    one.measured.append(measure(one.command, one.before)[1])
                except Failed as why:
                    sys.exit(f"{title}: {one.name} answered before, but now: {why}")
    rows = [row(one, options.rounds) for one in contestants]
    report(title, rows, missing)
    return {"key": key, "title": title, "rows": rows, "missing": missing}


def row(contestant, rounds):
    medians = {what: statistics.median(one[what] for one in contestant.measured) for what in ("cpu", "work", "wall", "peak")} if contestant.measured else {}
    note = contestant.note
    if 0 < contestant.rounds < rounds:
        note = f"{note}; {contestant.rounds} rounds" if note else f"{contestant.rounds} rounds"
    return {"name": contestant.name, "correct": contestant.correct, "note": note, "rounds": contestant.rounds, **medians}


def seconds(value):
    return f"{value:.3f} s" if value >= 0.1 else f"{value * 1e3:.2f} ms"


def report(title, rows, missing):
    base = rows[0]["cpu"]
    mine = next((one for one in rows if one["name"] == OURS and "cpu" in one), None)
    print(f"\n{title}\n  {'':29}{'CPU':>11}{'work':>11}{'wall':>11}{'peak MB':>9}{'× floor':>9}{'× ours':>8}")
    for one in rows:
        if "cpu" not in one:
            print(f"  {one['name']:29}{one['note']}")
            continue
        against = f"{one['cpu'] / mine['cpu']:.1f}" if mine else ""
        print(f"  {one['name']:29}{seconds(one['cpu']):>11}{seconds(one['work']):>11}{seconds(one['wall']):>11}{one['peak'] / 1e6:9.1f}"
              f"{one['cpu'] / base:9.1f}{against:>8}  {one['note']}")
    peers = [one for one in rows[1:] if one["correct"] and "cpu" in one and not one["name"].startswith(OURS)]
    if peers and mine and mine["correct"]:
        for what, name in (("cpu", "CPU"), ("work", "work")):
            best = min(peers, key=lambda one: one[what])
            print(f"  = {name}: {best[what] / mine[what]:.1f} times less than the best right peer ({best['name']}), {mine[what] / rows[0][what]:.2f} times the floor")
    for name in missing:
        print(f"  {name:29}not built")
    sys.stdout.flush()


# ---- What is measured ------------------------------------------------------------------------------------------------


def reference(options, name):
    """The digest that a table must have: made once."""
    cached, source = os.path.join(options.data, f"{name}.digest"), os.path.join(options.data, name)
    newest = max(os.path.getmtime(path) for path in (source, digest.__file__))
    if not os.path.exists(cached) or os.path.getmtime(cached) < newest:
        with open(f"{cached}.new", "w", encoding="utf-8") as out:
            subprocess.run([sys.executable, digest.__file__, source], stdout=out, check=True)
        os.replace(f"{cached}.new", cached)
    with open(cached, encoding="utf-8") as lines:
        return lines.read()


def plain(question, path):
    """The answer of plain Python."""
    return measure([sys.executable, os.path.join(HERE, "peers_python.py"), question, "json", path])[0]


def copies(options, name, rows, whole):
    """A run like `long`, of its first rows, or of all of them several times."""
    source, folder = os.path.join(options.data, "long"), os.path.join(options.data, name)
    if not os.path.exists(folder):
        os.makedirs(f"{folder}.new")
        shutil.copy(os.path.join(source, "params.json"), f"{folder}.new")
        with open(os.path.join(f"{folder}.new", "result.json"), "wb") as out:
            for _ in range(whole):
                with open(os.path.join(source, "result.json"), "rb") as lines:
                    if rows:
                        out.writelines(line for line, _ in zip(lines, range(rows)))
                    else:
                        shutil.copyfileobj(lines, out, 1 << 20)
        os.rename(f"{folder}.new", folder)
    return folder


def linearity(options):
    """Rows and columns: what each takes from ours, beside the floor of the same file."""
    quarter, fourfold = int(LONG_ROWS * options.scale) // 4, copies(options, "rows16", 0, 4)
    sizes = [("1×", copies(options, "rows1", quarter, 1)), ("4×", os.path.join(options.data, "long")), ("16×", fourfold)]
    for size, run in sizes:
        yield f"rows {size}", [run], Contestant(OURS, [*ours("table"), run, "threads", "1"])
    columns = list(parse_digest(reference(options, "long"))[1])
    for count in (1, 4, 16):
        asked = [word for name in columns[:count] for word in ("column", name)]
        run = os.path.join(options.data, "long")
        yield f"columns {count}", [run], Contestant(OURS, [*ours("table"), run, "threads", "1", *asked])


def sections(options):
    def at(name):
        return os.path.join(options.data, name)

    for key, name, title, all_rows in (
        ("w1", "long", "W1 table: 200,000 rows of Train V1, 34 columns, 189 MB", ()),
        ("w2", "config", "W2 table: 20,000 rows that repeat a config of 4 KB, 147 columns, 93 MB", ()),
        ("w5", "dirtyfull", "W5 table: 50,000 rows, NaN, large integers, changing types, late columns, 51 MB", ("--all-rows",)),
    ):
        yield key, title, [at(name)], lambda name=name, all_rows=all_rows: tables(options, at(name), all_rows), lambda name=name: reference(options, name)
    path = at("experiment")
    yield "w4", "W4 table: 2,000 trials of 100 rows, 121 MB", [path], lambda: experiment_tables(options, path), lambda: reference(options, "experiment")
    for key, title, name, program, question, peers, tail in (
        ("w4-latest", "W4, the latest of each of 2,000 trials", "experiment", "latest", "latest", ("orjson", "ray"), False),
        ("w3", "W3, open and the best of 10,000 checkpoints of Train V2", "snapshot", "open", "best", ("orjson", "ray"), False),
        ("w6", "W6, open a run of 100 rows, and its best checkpoint", "small", "open", "best", ("orjson", "pyarrow", "duckdb", "ray"), False),
        ("w1-best", "W1, open and the best of 200 checkpoints", "long", "open", "best", ("orjson", "duckdb", "ray"), False),
        ("latest-1mb", "The latest metrics of a run of 1 MB (floor: its last 64 KiB)", "bytes1m", "latest", "latest", ("orjson", "ray"), True),
        ("latest-1gb", "The latest metrics of a run of 1.1 GB (floor: its last 64 KiB)", "bytes1g", "latest", "latest", ("orjson",), True),
    ):
        floor = [at(name), "tail"] if tail else [at(name)]
        yield (key, title, floor, lambda name=name, program=program, question=question, peers=peers: texts(options, program, question, at(name), peers),
               lambda name=name, question=question: plain(question, at(name)))
    yield "w1-parquet", "W1 to Parquet, zstd", [at("long")], lambda: parquets(options, at("long")), lambda: reference(options, "long")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--data", default=os.path.join(HERE, "..", "build", "bench"))
    parser.add_argument("--python", default=sys.executable, help="a Python that has the peers")
    parser.add_argument("--only", action="append", help="w1 w2 w5 w4 w4-latest w3 w6 w1-best latest-1mb latest-1gb w1-parquet linear")
    parser.add_argument("--scale", type=float, default=1.0, help="smaller workloads, to try this script")
    options = parser.parse_args()
    # Not the file that a link leads to: a virtual environment is where its link is.
    options.python, options.data = os.path.abspath(options.python), os.path.abspath(options.data)
    names = ["long", "config", "snapshot", "experiment", "dirtyfull", "small"]
    subprocess.run([sys.executable, os.path.join(HERE, "generate.py"), options.data, *names, "--scale", str(options.scale)], check=True)
    copies(options, "bytes1m", 1060, 1)
    copies(options, "bytes1g", 0, 6)
    results = []
    for key, title, floor, contestants, expected in sections(options):
        if not options.only or key in options.only:
            results.append(race(options, key, title, floor, contestants(), expected()))
    if (not options.only or "linear" in options.only) and os.path.exists(ours("table")[0]):
        for what, floor, contestant in linearity(options):
            results.append(race(options, f"linear {what}", f"Cost in rows and columns: {what}", floor, [contestant], None))
    # Sections that were not asked for keep what an earlier run found.
    path = os.path.join(options.data, "results.json")
    kept = {}
    if options.only and os.path.exists(path):
        with open(path, encoding="utf-8") as old:
            kept = {one["key"]: one for one in json.load(old)}
    kept.update((one["key"], one) for one in results)
    with open(path, "w", encoding="utf-8") as out:
        json.dump(list(kept.values()), out, indent=1, ensure_ascii=False)


if __name__ == "__main__":
    main()
