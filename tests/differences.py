#!/usr/bin/env python3
"""Holds libresult's answers against those of the real Ray, for every run of the corpus.

differences.py PROGRAM [--corpus DIR] [--scratch DIR] [--self-test]

A golden keeps, besides what libresult must answer, what the readers of Ray 2.60 answered. The layout decides which of them
judges: the reader of Train V1 and Tune, that of Train V2, or both where the directory is neither. Each place where libresult
answers otherwise is a difference, and a rule must explain it. A rule is a function below: its name is its id, its docstring
says what Ray and libresult do, and it holds only where the files are such that the rule applies, and both answers are
those that it says. No rule knows the name of a case. docs/differences.md lists the same rules, why they are so, and a case
that shows each.

PROGRAM answers as table/README.md says. The test fails if a difference has no rule, if page and code disagree, or if a rule
explains nothing in the corpus of this repository although the page names an example. The last line is `N passed, N failed`."""
import argparse
import collections
import contextlib
import copy
import csv
import dataclasses
import functools
import io
import json
import math
import os
import pathlib
import pickletools
import re
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "table"))
sys.dont_write_bytecode = True
import compare  # noqa: E402
from compare import MISSING, MODES, SNAPSHOT  # noqa: E402

CORPUS = os.path.join(HERE, "corpus")
PAGE = os.path.join(HERE, os.pardir, "docs", "differences.md")
RAY_VERSION = "2.60.0"  # of the readers that answered
SHOWN_UNEXPLAINED = 10

# The parts of an answer, in the order in which they are compared.
OPENS, METRICS, CHECKPOINT, CHECKPOINTS, CHECKPOINT_METRICS, BEST, ERROR, CONFIG, PATH, RETURN_VALUE = FACETS = (
    "whether it opens", "metrics", "checkpoint", "best_checkpoints", "metrics of a checkpoint", "best checkpoint", "error",
    "config", "path and filesystem", "return_value")

DIR_NAME = "checkpoint_dir_name"
KEPT_OF_A_TEXT = 600  # characters of an error that a golden keeps


# ---- What Ray's readers do with a run, as far as the rules need it --------------------------------------------------

# Cells that pandas takes for missing.
NA_WORDS = set("#N/A|#N/A N/A|#NA|-1.#IND|-1.#QNAN|-NaN|-nan|1.#IND|1.#QNAN|<NA>|N/A|NA|NULL|NaN|None|n/a|nan|null".split("|"))


def flattened(row):
    """A row as `pandas.json_normalize` makes it: no nested objects, no empty ones, what is nested behind what is not, and
    before it of one name."""
    flat = {key: value for key, value in row.items() if not isinstance(value, dict)}
    return flat | {name: value for key, member in row.items() if isinstance(member, dict) for name, value in leaves(member, key)}


def leaves(value, prefix):
    """What is in a nested object: (flat name, value)."""
    for key, member in value.items():
        # pandas leaves out the separator after an empty key.
        name = f"{prefix}/{key}" if prefix else key
        yield from leaves(member, name) if isinstance(member, dict) else [(name, member)]


def column_of_values(values):
    """What a pandas column makes of the values that JSON has; of one that a row lacks, and sometimes of null, NaN."""
    kinds = {type(value) for value in values if value is not MISSING and value is not None}
    gaps = any(value is MISSING or value is None for value in values)
    fits = all(-(1 << 63) <= value < 1 << 64 for value in values if type(value) is int)
    if kinds in ({int}, {float}, {int, float}) and fits and (gaps or float in kinds):
        return [math.nan if value is MISSING or value is None else float(value) for value in values]
    if kinds == {str} or (not kinds and MISSING in values):
        return [math.nan if value is MISSING or value is None else value for value in values]
    return [math.nan if value is MISSING else value for value in values]


def column_of_cells(cells):
    """What `pandas.read_csv` makes of the cells of a column, which are texts, or MISSING in a short row."""
    known = [cell for cell in cells if not is_na(cell)]
    for convert, holds in ((int, re.compile(r"\s*[+-]?[0-9]+\s*").fullmatch),
                           (float, re.compile(r"\s*[+-]?(([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|inf|infinity)\s*", re.IGNORECASE).fullmatch),
                           (lambda cell: cell.lower() == "true", lambda cell: cell.lower() in ("true", "false")),
                           (str, lambda cell: True)):
        if all(map(holds, known)):
            if convert is int and len(known) < len(cells):
                convert = float
            return [math.nan if is_na(cell) else convert(cell) for cell in cells]
    raise AssertionError("every cell is a text")


def is_na(cell):
    return cell is MISSING or cell == "" or cell in NA_WORDS


def csv_lines(text):
    """The rows of progress.csv, the header too, as lists of cells. Blank lines are none."""
    rows = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    return [row for row in rows if any(cell.strip() for cell in row) or len(row) > 1]


def table_of_csv(text):
    header, *lines = csv_lines(text) or [[]]
    return Table([dict(zip(header, line)) for line in lines], column_of_cells, header)


class Table:
    """The data frame in which Ray's V1 reader looks for the metrics of a checkpoint."""

    def __init__(self, rows, column, header=()):
        self.rows = rows  # as the file has them
        keys = dict.fromkeys([*header, *(key for row in rows for key in row)])
        self.columns = {key: column([row.get(key, MISSING) for row in rows]) for key in keys}

    def row(self, index):
        """A row as Ray shows it. One that has numbers only becomes a row of floats."""
        row = {key: values[index] for key, values in self.columns.items()}
        kinds = {type(values[index]) for values in self.columns.values()}
        return {key: float(value) for key, value in row.items()} if kinds == {int, float} else row

    def index_of(self, checkpoint):
        """The last row that names this checkpoint, or None."""
        names = self.columns.get(DIR_NAME, [])
        return next((index for index in reversed(range(len(names))) if names[index] == checkpoint), None)


def ray_look_up(metric, metrics):
    """`unflattened_lookup` with None for the default. It catches KeyErrors only."""
    if metric in metrics:
        return metrics[metric]
    found = metrics
    for key in metric.split("/"):
        if isinstance(found, dict):
            if key not in found:
                return None
            found = found[key]
        elif isinstance(found, (list, str)):
            found = found[int(key)]
        else:
            return None
    return found


@dataclasses.dataclass
class RayBest:
    """What `get_best_checkpoint` comes to."""
    name: str = None
    value: object = None
    raised: Exception = None
    in_look_up: bool = False


def ray_best(candidates, metric, mode):
    try:
        valued = [(name, ray_look_up(metric, metrics)) for name, metrics in candidates]
    except (ValueError, IndexError, TypeError) as e:
        return RayBest(raised=e, in_look_up=True)
    valued = [(name, value) for name, value in valued if value is not None]
    if not valued:
        return RayBest()
    try:
        name, value = (max if mode == "max" else min)(valued, key=lambda one: one[1])
    except TypeError as e:
        return RayBest(raised=e)
    return RayBest(name, value)


# ---- A run, what Ray answered, and what libresult answers -----------------------------------------------------------


class Run:
    """A run with two answers. All that rules may look at."""

    def __init__(self, case, reader, ray, ours):
        self.case, self.path, self.reader = case, case.path, reader
        self.ray, self.ours = ray, ours
        self.ray_refuses = ray["outcome"] != "ok"
        self.we_refuse = "error" in ours

    @property
    def title(self):
        return self.case.title

    def answered(self, ours):
        """The same run, of which we answer otherwise."""
        return type(self)(self.case, self.reader, self.ray, ours)

    # What the files say. A file that cannot be read as asked makes these raise.

    def has(self, name):
        return os.path.exists(os.path.join(self.path, name))

    @functools.cache
    def read(self, name):
        """A file's bytes, or None if there is no such file."""
        if not os.path.isfile(os.path.join(self.path, name)):
            return None
        with open(os.path.join(self.path, name), "rb") as f:
            return f.read()

    @functools.cached_property
    def rows_file(self):
        """Where Ray's V1 reader finds the rows."""
        return next((name for name in ("result.json", "progress.csv") if self.has(name)), None)

    @functools.cached_property
    def text(self):
        """The rows, or the snapshot, as text."""
        name = self.rows_file if self.reader == "v1" else SNAPSHOT
        return self.read(name).decode("utf-8") if name else ""

    @property
    def json_lines(self):
        """The lines of result.json, as Ray divides it."""
        return [line for line in self.text.split("\n") if line]

    @functools.cached_property
    def rows(self):
        """The rows, as nested as they were reported."""
        return [json.loads(line) for line in self.json_lines] if self.rows_file == "result.json" else self.table.rows

    @functools.cached_property
    def table(self):
        if self.rows_file == "result.json":
            return Table([flattened(row or {}) for row in self.rows], column_of_values)
        return table_of_csv(self.text)

    @functools.cached_property
    def snapshot(self):
        return json.loads(self.text)

    @property
    def entries(self):
        """What the snapshot lists: (name, metrics)."""
        return [(entry[DIR_NAME], entry["metrics"]) for entry in self.snapshot["checkpoint_results"]]

    @functools.cached_property
    def directories(self):
        """The directories that Ray's V1 reader takes for checkpoints."""
        names = os.listdir(self.path)
        return sorted(name for name in names if name.startswith("checkpoint_") and os.path.isdir(os.path.join(self.path, name)))

    # What follows from the files and from an answer.

    @functools.cached_property
    def candidates(self):
        """Ray's checkpoints with the metrics that it looks at: (name, metrics)."""
        if self.reader == "v2":
            return self.entries
        rows = [(name, self.table.index_of(name)) for name in self.directories]
        return [(name, {} if index is None else self.table.row(index)) for name, index in rows]

    @functools.cached_property
    def checkpoints(self):
        """Our checkpoints, by name."""
        return {one["name"]: one for one in self.ours["checkpoints"]}

    def our_value(self, name, metric):
        return compare.look_up(self.checkpoints[name]["metrics"], metric) if name in self.checkpoints else MISSING

    def named_by_rows(self):
        """The checkpoints that rows name, in order of the last row of each. A line of a CSV file that is not ended is no row."""
        rows = self.table.rows[:-1] if self.ends_torn else self.table.rows
        names = [row.get(DIR_NAME) for row in rows]
        return list(dict.fromkeys(name for name in reversed(names) if isinstance(name, str) and name))[::-1]

    @property
    def ends_torn(self):
        """Whether the last line of progress.csv may be cut. A line of result.json that is cut, Ray does not read."""
        return self.rows_file == "progress.csv" and not self.text.endswith("\n")

    def cell(self, difference):
        """What the file has in a place of Ray's data frame, and what the frame makes of it."""
        name, key = difference.at
        index = len(self.table.rows) - 1 if name is None else self.table.index_of(name)
        if index is None or key not in self.table.columns:
            return MISSING, MISSING
        return self.table.rows[index].get(key, MISSING), self.table.row(index)[key]


@dataclasses.dataclass(frozen=True)
class Difference:
    facet: str
    at: tuple
    ray: object
    ours: object

    def __str__(self):
        where = ", ".join(str(part) for part in self.at if part is not None)
        return f"{self.facet}{f' ({where})' if where else ''}: Ray {compare.shown(self.ray)}, libresult {compare.shown(self.ours)}"

    @property
    def key(self):
        return self.facet, repr(self.at), repr(self.ray), repr(self.ours)


def same(one, other):
    return not any(compare.differences(one, other, ordered=False))


def runs_of(corpus, cases, answers, kind=Run):
    """Each run of the corpus, once for each reader that judges it."""
    for case, answer in zip(cases, answers):
        ray = golden_of(corpus, case.name)["ray"]
        readers = {"train_v1": ["v1"], "train_v2": ["v2"]}.get(answer.get("layout"), ["v1", "v2"])
        yield from (kind(case, reader, ray[reader], answer) for reader in readers)


def golden_of(corpus, name):
    """What the golden has of a run. A trial of an experiment has its own part."""
    golden = os.path.join(corpus, name, "golden.json")
    if os.path.exists(golden):
        with open(golden, encoding="utf-8") as f:
            return json.load(f)
    experiment, trial = os.path.split(name)
    return next(one for one in golden_of(corpus, experiment)["trials"] if one["dir"] == trial)


def judged_cases(corpus, scratch):
    """All cases but those that Ray opened as a user with fewer rights than we have."""
    cases = compare.load_cases(corpus, scratch)
    other_user = {case.name for case in cases if case.powerless}
    return [case for case in cases if case.powerless or case.name not in other_user]


# ---- Differences ----------------------------------------------------------------------------------------------------


def differences(run):
    if run.ray_refuses or run.we_refuse:
        if run.ray_refuses != run.we_refuse:
            yield Difference(OPENS, (), run.ray["outcome"], run.ours["error"]["code"] if run.we_refuse else "ok")
        return
    yield from metrics(run.ray["metrics"]["ok"], run.ours)
    yield from latest_checkpoint((run.ray["checkpoint"]["ok"] or {}).get("path"), run.ours)
    yield from checkpoints([name for name, _ in ray_list(run)], run.ours)
    for compared in (checkpoint_metrics, best, error, config, places, return_value):
        yield from compared(run)


def metrics(ray, ours):
    ray, ours = compare.from_golden(ray), ours["metrics"]
    if ray and ours:
        yield from by_key(METRICS, None, ray, ours)
    elif not same(ray, ours):
        yield Difference(METRICS, (None, None), ray, ours)


def by_key(facet, name, ray, ours):
    """Where the members of two objects differ. Of one that the golden cuts, only the first are known."""
    for key in ray if isinstance(ray, compare.CutObject) else {**ray, **ours}:
        one, other = ray.get(key, MISSING), ours.get(key, MISSING)
        if one is MISSING or other is MISSING or not same(one, other):
            yield Difference(facet, (name, key), one, other)


def latest_checkpoint(ray, ours):
    ray, ours = ray and name_in_run(ray), ours["checkpoint"] and ours["checkpoint"]["name"]
    if ray != ours:
        yield Difference(CHECKPOINT, (), ray, ours)


def name_in_run(path):
    """The name of a checkpoint of Ray's, by which libresult knows it."""
    return path.removeprefix("${RUN}").removeprefix("/")


def ray_list(run):
    """Ray's best_checkpoints: (name, metrics)."""
    return [(name_in_run(one["checkpoint"]["path"]), compare.from_golden(one["metrics"]))
            for one in run.ray["best_checkpoints"]["ok"] or []]


def checkpoints(ray, ours):
    ours = [one["name"] for one in ours["checkpoints"]]
    for name in dict.fromkeys(ray + ours):
        if ray.count(name) != ours.count(name):
            yield Difference(CHECKPOINTS, (name,), ray.count(name), ours.count(name))
    # The last of several entries stands for all.
    ray = list(dict.fromkeys(name for name in ray[::-1] if name in ours))[::-1]
    ours = [name for name in ours if name in ray]
    if ray != ours:
        yield Difference(CHECKPOINTS, ("order",), ray, ours)


def checkpoint_metrics(run):
    for name, ray in dict(ray_list(run)).items():
        if name not in run.checkpoints:
            continue
        ours = run.checkpoints[name]["metrics"]
        flat = flattened(ours) if run.reader == "v1" else ours
        if not same(flat, ours):
            yield Difference(CHECKPOINT_METRICS, (name, "as a whole"), "flat", "nested")
        yield from by_key(CHECKPOINT_METRICS, name, ray, flat)


def best(run):
    for named in run.ours["named"]:
        for mode in MODES:
            ray, ours = run.ray["best"][named["metric"]][mode], named["best"][mode]
            # That there is none, Ray says with a RuntimeError.
            none = ray.get("raised") == "builtins.RuntimeError"
            ray = None if none else ray.get("ok") or ray["raised"]
            ours = os.path.basename(ours["path"]) if "path" in ours else None
            if ray != ours:
                yield Difference(BEST, (named["metric"], mode), ray, ours)


def error(run):
    ray, ours = compare.from_golden(run.ray["error"]["ok"]), run.ours["failure"]
    presence = "absent" if ray is None else "present"
    if presence != ours["presence"] or (ray and "not_an_exception" in ray):
        yield Difference(ERROR, ("presence",), ray and ray["type"], ours["presence"])
    elif ray:
        if ray["type"] != full_type(ours):
            yield Difference(ERROR, ("type",), ray["type"], full_type(ours))
        if not same(ray["str"], ours["message"]):
            yield Difference(ERROR, ("message",), ray["str"], ours["message"])


def full_type(failure):
    return ".".join(filter(None, (failure["module"], failure["type"])))


def config(run):
    ray, ours = run.ray["config"], run.ours["config"]
    answer = compare.from_golden(ray["ok"]) if "ok" in ray else ray["raised"]
    if "ok" not in ray or not same(answer, ours["value"]):
        yield Difference(CONFIG, (), answer, ours["value"])


def places(run):
    for field in ("path", "filesystem"):
        ray = run.ray[field]["ok"].replace("${RUN}", run.path)
        if ray != run.ours[field]:
            yield Difference(PATH, (field,), ray, run.ours[field])
    for one in run.ray["best_checkpoints"]["ok"] or []:
        name, ray = name_in_run(one["checkpoint"]["path"]), one["checkpoint"]["path"].replace("${RUN}", run.path)
        if name in run.checkpoints and ray != run.checkpoints[name]["path"]:
            yield Difference(PATH, (name,), ray, run.checkpoints[name]["path"])


def return_value(run):
    """The V1 reader has none."""
    if run.ray.get("return_value") is not None:
        yield Difference(RETURN_VALUE, (), run.ray["return_value"]["ok"], run.ours["return_value"]["presence"])


# ---- Rules ----------------------------------------------------------------------------------------------------------

RULES = collections.defaultdict(list)  # of a facet


def explains(*facets, rules=RULES):
    """Makes a function of a run and a difference a rule for these facets. One that cannot be asked does not hold."""
    def register(rule):
        @functools.wraps(rule)
        def holds(run, difference):
            try:
                return bool(rule(run, difference))
            except (ValueError, LookupError, TypeError, AttributeError, OSError, RecursionError):
                return False
        for facet in facets:
            rules[facet].append(holds)
        return holds
    return register


def sentence(rule):
    return " ".join(rule.__doc__.split())


def explanations(run, difference, rules=RULES):
    """The ids of all rules that explain this difference."""
    if difference.facet == BEST and not best_is_as_ruled(run, difference):
        return []
    return [rule.__name__ for rule in rules[difference.facet] if rule(run, difference)]


# Whether it opens: the rows of Train V1


def failing_line(run):
    """The number of the first line of result.json that Python's JSON refuses, counted from 0, and what it says."""
    for number, line in enumerate(run.json_lines):
        try:
            json.loads(line)
        except json.JSONDecodeError as e:
            return number, e
    return None, None


def refused_line(run, difference):
    """The number of the line for which Ray refuses the run, or None."""
    if difference.ray != "json.decoder.JSONDecodeError" or run.rows_file != "result.json":
        return None
    number, fault = failing_line(run)
    return number if fault and run.ray["message"].endswith(f"(char {fault.pos})") else None


@explains(OPENS)
def torn_last_line(run, difference):
    """Ray refuses a run whose last line of `result.json` is cut; here that line is not yet a row."""
    number = refused_line(run, difference)
    return number is not None and number == len(run.json_lines) - 1 and not run.text.endswith("\n")


@explains(OPENS)
def line_is_no_json(run, difference):
    """Ray refuses a run for a line of `result.json` that is not one JSON value, one of blanks too; here such a line is
    skipped, and several objects on one line are several rows."""
    number = refused_line(run, difference)
    return number is not None and (number < len(run.json_lines) - 1 or run.text.endswith("\n"))


@explains(OPENS)
def row_is_no_object(run, difference):
    """Ray refuses a run for a line of `result.json` that is JSON but no object; here it is skipped."""
    return difference.ray == "builtins.TypeError" and "must be of type dict" in run.ray["message"] \
        and not all(isinstance(row, dict) or row is None for row in run.rows)


@explains(OPENS)
def deep_nesting(run, difference):
    """Ray refuses values that nest deeper than Python's stack allows, between 400 and 1,000 levels; here 1,000 levels are
    read, and a deeper line is skipped."""
    lines = run.json_lines if run.reader == "v1" else [run.text]
    return difference.ray == "builtins.RecursionError" and max(map(depth, lines)) > 400


def depth(line):
    """How deep the brackets of a line nest, those in texts left out."""
    deepest = level = 0
    for bracket in re.findall(r"[][{}]", re.sub(r'"(\\.|[^"\\])*"', "", line)):
        level += 1 if bracket in "[{" else -1
        deepest = max(deepest, level)
    return deepest


@explains(OPENS)
def not_utf8(run, difference):
    """Ray refuses a run whose rows or snapshot are not UTF-8 throughout; here the bytes that are not become U+FFFD."""
    if difference.ray != "builtins.UnicodeDecodeError":
        return False
    try:
        run.text  # noqa: B018
    except UnicodeDecodeError as e:
        return f"in position {e.start}: {e.reason}" in run.ray["message"]
    return False


@explains(OPENS)
def lone_surrogate(run, difference):
    """Ray reads an escaped half of a surrogate pair and then refuses the whole run, because pandas cannot keep it; here it
    becomes U+FFFD."""
    value = run.rows if run.reader == "v1" else run.snapshot
    return difference.ray == "builtins.UnicodeEncodeError" and re.search("[\ud800-\udfff]", json.dumps(value, ensure_ascii=False))


@explains(OPENS)
def no_row_names_a_checkpoint(run, difference):
    """Ray raises a KeyError if there are checkpoint directories and no row has `checkpoint_dir_name`, as in runs up to Ray
    2.6, of Tune's class API, and without rows; here such directories are checkpoints."""
    return difference.ray == "builtins.KeyError" and run.ray["message"] == f"'{DIR_NAME}'" \
        and run.directories and DIR_NAME not in run.table.columns


def csv_header(run):
    return csv_lines(run.text)[0] if run.rows_file == "progress.csv" else []


@explains(OPENS)
def no_result_file(run, difference):
    """Ray refuses a V1 run without `result.json` and `progress.csv`; here its checkpoints, its configuration and its failure
    answer."""
    return run.reader == "v1" and difference.ray == "builtins.RuntimeError" and not run.rows_file and not run.has(SNAPSHOT) \
        and "Neither result.json nor progress.csv exists" in run.ray["message"] \
        and (run.directories or any(map(run.has, ("error.pkl", "error.txt", "params.json", "params.pkl"))))


@explains(OPENS)
def csv_that_pandas_refuses(run, difference):
    """Ray refuses a `progress.csv` with a row that is longer than the header, with an open quotation mark at its end, or
    without a header; here surplus cells are dropped, and the cut row does not count."""
    kind = difference.ray.removeprefix("pandas.errors.")
    if run.rows_file != "progress.csv" or kind not in ("ParserError", "EmptyDataError"):
        return False
    rows = csv_lines(run.text)
    if kind == "EmptyDataError":
        return not rows
    told = re.search(r"Expected (\d+) fields in line \d+, saw (\d+)", run.ray["message"])
    if told:
        return int(told[1]) == len(rows[0]) and int(told[2]) in map(len, rows)
    return "EOF inside string" in run.ray["message"] and run.text.count('"') % 2 == 1


@explains(OPENS)
def error_pickle_does_not_load(run, difference):
    """Ray loads `error.pkl`, which runs what it says, and refuses the run if that raises: a class that is not installed, a
    cut or empty file, sizes that do not exist, an old protocol; here nothing is imported or called, and `error.txt` serves
    where the pickle tells nothing."""
    return run.read("error.pkl") is not None and loading_raises(run.read("error.pkl"), difference.ray, run.ray["message"])


def loading_raises(pickle, kind, message):
    """Whether a pickle is such that loading it, from a stream of pyarrow, raises what Ray raised."""
    opcodes, whole = disassembled(pickle)
    names = {name for _, argument, _ in opcodes if isinstance(argument, str) for name in re.split("[ .]", argument)}
    told = set(re.findall(r"[\w]+", message))
    return {
        "builtins.EOFError": lambda: not pickle or not whole,
        "_pickle.UnpicklingError": lambda: not whole,
        # The module, the attribute or the class that the message names, the pickle names.
        "builtins.ModuleNotFoundError": lambda: names & told,
        "builtins.AttributeError": lambda: names & told,
        "builtins.TypeError": lambda: names & told or any(opcode.name in ("REDUCE", "NEWOBJ") for opcode, _, _ in opcodes),
        "builtins.MemoryError": lambda: any(size > len(pickle) for size in declared_sizes(pickle)),
        # The stream has no readline(), which the opcodes of old protocols want.
        "io.UnsupportedOperation": lambda: any(opcode.arg and opcode.arg.n == pickletools.UP_TO_NEWLINE
                                               for opcode, _, _ in opcodes),
    }.get(kind, lambda: False)()


def disassembled(pickle):
    """The opcodes up to where the pickle breaks off, and whether it is whole. Nothing is loaded."""
    opcodes = []
    try:
        for opcode in pickletools.genops(pickle):
            opcodes.append(opcode)
    except Exception:  # noqa: BLE001  What is no pickle fails in many ways.
        return opcodes, False
    return opcodes, True


def declared_sizes(pickle):
    """Sizes and memo places that the pickle declares; of the opcode at which it breaks off too."""
    opcodes, whole = disassembled(pickle)
    yield from (argument for opcode, argument, _ in opcodes if opcode.name == "LONG_BINPUT")
    if not whole:
        # The opcode that cannot be read: a letter, then its size in 4 or 8 bytes.
        at = next((at for at in range(len(pickle)) if len(disassembled(pickle[:at] + b".")[0]) > len(opcodes)), 0)
        at = max((position for _, _, position in opcodes), default=0) if not at else at
        yield from (int.from_bytes(pickle[start:start + 8], "little") for start in range(at, min(at + 32, len(pickle))))


# Whether it opens: the snapshot of Train V2

SCHEMA_FAULT = re.compile(r"^([\w.]+)\n  [^\n]*\[type=(\w+)", re.MULTILINE)
WANTED = {"list_type": list, "dict_type": dict, "model_type": dict, "string_type": str, "bool_type": bool, "bool_parsing": bool,
          "int_type": int, "int_parsing": int, "int_from_float": int}


def schema_faults(run):
    """What Ray's schema has against the snapshot, (place, kind), if all of it is true of the file."""
    faults = [(place.split("."), kind) for place, kind in SCHEMA_FAULT.findall(run.ray["cause"] or "")]
    return faults if all(is_fault(run.snapshot, place, kind) for place, kind in faults) else []


def is_fault(value, place, kind):
    for part in place:
        if isinstance(value, dict) and part not in value:
            return kind == "missing" and part == place[-1]
        # A part that is no key names one of several types that would do.
        if isinstance(value, dict) or (isinstance(value, list) and part.isdigit()):
            value = value[int(part) if isinstance(value, list) else part]
    return kind in WANTED and not (isinstance(value, WANTED[kind]) and not (WANTED[kind] is int and isinstance(value, bool)))


def refused_by_schema(run, difference):
    return run.reader == "v2" and difference.ray.endswith(".CheckpointManagerInitializationError") and schema_faults(run)


@explains(OPENS)
def snapshot_of_another_version(run, difference):
    """Ray refuses snapshots that another version wrote, if they lack one of its fields or a type is wrong: those of Ray 2.43
    to 2.55; here every schema is read, and all fields but the list of checkpoints are optional."""
    version = run.snapshot.get("ray_version", MISSING)
    told = "an unknown Ray version" if version is MISSING else f"Ray version {version}"
    return version != RAY_VERSION and refused_by_schema(run, difference) and f"saved with {told} but you are" in run.ray["message"]


@explains(OPENS)
def snapshot_lacks_a_field(run, difference):
    """Ray refuses a snapshot of its own version that lacks a field; here all fields but the list of checkpoints are
    optional."""
    faults = refused_by_schema(run, difference)
    return run.snapshot.get("ray_version") == RAY_VERSION and faults and all(kind == "missing" for _, kind in faults)


@explains(OPENS)
def snapshot_field_of_another_type(run, difference):
    """Ray refuses a snapshot of its own version in which a field has another type than it writes; here the field is ignored,
    an entry without a name left out."""
    faults = refused_by_schema(run, difference)
    return run.snapshot.get("ray_version") == RAY_VERSION and faults and any(kind != "missing" for _, kind in faults)


def first_gone(run):
    """The first name in the snapshot under which nothing lies, and the path that Ray makes of it; or None."""
    for name, _ in run.entries:
        path = pathlib.Path(run.path, name).as_posix()
        if "\0" in name or not os.path.exists(path):
            return name, path
    return None


def is_unsafe(name):
    """Whether a name could leave the run."""
    return "\0" in name or any(part in ("", ".", "..") for part in name.split("/"))


@explains(OPENS)
def listed_checkpoint_gone(run, difference):
    """Ray refuses a run if one checkpoint that the snapshot lists is gone; here that checkpoint is absent, never best, and
    all others answer."""
    name, path = first_gone(run)
    return run.reader == "v2" and not is_unsafe(name) and "does not exist anymore" in run.ray["message"] \
        and f"path={path.replace(run.path, '${RUN}')})" in run.ray["message"]


@explains(OPENS, CHECKPOINTS, BEST)
def unsafe_name(run, difference):
    """Ray follows names of checkpoints that lead out of the run (`..`, an absolute path, an empty part) and refuses the run
    if nothing lies there; here such entries are left out."""
    if run.reader != "v2":
        return False
    if difference.facet == OPENS:
        name, path = first_gone(run)
        told = f"path={path})" if "\0" not in name else f"Embedded NUL char in path: '{path}'"
        return is_unsafe(name) and told in run.ray["message"].replace("${RUN}", run.path)
    if difference.facet == BEST:
        return is_unsafe(ray_best(run.candidates, *difference.at).name)
    listed = [name for name, _ in run.entries if name_in_run(posix(run, name)) == difference.at[0]]
    return difference.ours == 0 and difference.ray == len(listed) and any(map(is_unsafe, listed))


def posix(run, name):
    """The path that Ray makes of a name, as the goldens write it."""
    return pathlib.PurePosixPath(run.path, name).as_posix().replace(run.path, "${RUN}", 1)


@explains(OPENS)
def lists_of_unequal_length(run, difference):
    """Ray refuses a snapshot with more checkpoints than report numbers, or more pending ones than validations; here the
    numbers are then ignored, and the order is that of the names or the list."""
    lengths = {key: len(run.snapshot[key]) for key in ("checkpoint_results", "checkpoint_report_indices",
                                                       "pending_training_results", "pending_validation_specs")}
    return difference.ray == "builtins.AssertionError" \
        and (lengths["checkpoint_results"] != lengths["checkpoint_report_indices"]
             or lengths["pending_training_results"] != lengths["pending_validation_specs"])


@explains(OPENS)
def unlisted_name(run, difference):
    """Ray refuses a snapshot whose latest or pending checkpoint is not in its list; here the latest is appended, and a
    pending one that is not listed does not count."""
    wanted = [entry[DIR_NAME] for entry in [run.snapshot.get("latest_checkpoint_result"),
                                            *run.snapshot["pending_training_results"]] if entry]
    unlisted = [name for name in wanted if name not in dict(run.entries)]
    return difference.ray == "builtins.KeyError" and unlisted and run.ray["message"] == repr(unlisted[0])


@explains(OPENS)
def no_snapshot(run, difference):
    """Ray refuses a V2 run that has not reported a checkpoint, of which there is nothing but the marker of its storage; here
    it is a run without checkpoints."""
    return run.reader == "v2" and difference.ray == "builtins.RuntimeError" and not run.has(SNAPSHOT) \
        and run.has(".validate_storage_marker") and f"{SNAPSHOT} doesn't exist" in run.ray["message"]


@explains(OPENS)
def broken_snapshot_beside_rows(run, difference):
    """Ray's V1 reader does not look at the snapshot; here one that cannot be read makes the run CORRUPT even beside
    `result.json`."""
    try:
        readable = isinstance(json.loads(run.read(SNAPSHOT))["checkpoint_results"], list)
    except (ValueError, LookupError, TypeError):
        readable = False
    return run.reader == "v1" and difference.ours == "corrupt" and run.rows_file and not readable


# Metrics


@explains(METRICS)
def no_rows(run, difference):
    """Ray's metrics of a run without rows are `{}`, even if `result.json` is empty and `progress.csv` is not; here they are
    none, or those of `progress.csv`."""
    if run.reader != "v1" or run.rows or difference.ray != {}:
        return False
    table = read_csv(run) if run.rows_file == "result.json" and run.has("progress.csv") else None
    last = table.rows[-1] if table and table.rows else {}
    return not last if difference.ours is None else last and all(says(last.get(key), one) for key, one in difference.ours.items())


def read_csv(run):
    return table_of_csv(run.read("progress.csv").decode("utf-8"))


def says(cell, value):
    """Whether a cell of a CSV file has this value."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return cell == str(value)
    try:
        return float(cell) == value or int(cell) == value
    except ValueError:
        return isinstance(value, float) and math.isnan(value)


@explains(CHECKPOINT_METRICS)
def flat_metrics(run, difference):
    """Ray's metrics of a V1 checkpoint are a row of a data frame, flat and without empty objects; here they are nested, as
    reported."""
    ours = run.checkpoints[difference.at[0]]["metrics"]
    return run.reader == "v1" and difference.at[1] == "as a whole" and any(isinstance(value, dict) for value in ours.values())


def in_frame(run, difference):
    """(what the file has, what Ray's data frame makes of it), if Ray's answer is that; else Nones."""
    if run.reader != "v1" or (difference.facet == METRICS and run.rows_file == "result.json"):
        return None, None
    cell, framed = run.cell(difference)
    return (cell, framed) if framed is not MISSING and same(difference.ray, framed) else (None, None)


def is_nan(value):
    return isinstance(value, float) and math.isnan(value)


def is_number(value):
    return isinstance(value, (int, float))


@explains(METRICS, CHECKPOINT_METRICS)
def missing_becomes_nan(run, difference):
    """In Ray's data frame a metric that a row lacks, that is null or an empty cell, is NaN if other rows have it; here it is
    missing, or null."""
    cell, framed = in_frame(run, difference)
    if not is_nan(framed):
        return False
    return cell in (MISSING, "") and difference.ours is MISSING or cell is None and difference.ours is None


@explains(METRICS, CHECKPOINT_METRICS)
def integer_becomes_float(run, difference):
    """In Ray's data frame integers become floats if another row lacks the metric or has a float, and lose what a float cannot
    hold; here they stay integers."""
    cell, framed = in_frame(run, difference)
    return type(framed) is float and type(difference.ours) is int and int(cell) == difference.ours \
        and framed == float(difference.ours)


@explains(METRICS, CHECKPOINT_METRICS)
def csv_word_becomes_nan(run, difference):
    """Ray takes cells of `progress.csv` such as `NA` and `null` for missing; here they are texts where the column has texts."""
    cell, framed = in_frame(run, difference)
    return cell in NA_WORDS and is_nan(framed) and difference.ours == cell


@explains(METRICS, CHECKPOINT_METRICS)
def csv_identifier_becomes_number(run, difference):
    """Ray reads a `trial_id` of digits in `progress.csv` as a number and drops its zeros; here identifiers, names and dates
    are texts."""
    cell, framed = in_frame(run, difference)
    identifiers = ("trial_id", "date", "hostname", "node_ip", "experiment_id", "experiment_tag")
    return (difference.at[1] in identifiers or difference.at[1].endswith("_dir_name")) \
        and is_number(framed) and not is_nan(framed) and difference.ours == cell and float(cell) == framed


@explains(METRICS, CHECKPOINT_METRICS)
def csv_repeated_header(run, difference):
    """If the header of `progress.csv` comes again, as after a restart, every column is text in Ray; here that line is
    skipped."""
    cell, framed = in_frame(run, difference)
    header = csv_header(run)
    repeated = dict(zip(header, header)) in run.table.rows
    return repeated and isinstance(framed, str) and framed == cell and says(cell, difference.ours)


@explains(METRICS, CHECKPOINT, CHECKPOINTS)
def csv_torn_row_counts(run, difference):
    """Ray takes a last line of `progress.csv` that is cut for a row; here it is not yet one, because its last number may be
    cut too."""
    if run.reader != "v1" or not run.ends_torn:
        return False
    if difference.facet == METRICS:
        _, framed = in_frame(run, difference)
        before = run.table.rows[-2].get(difference.at[1], MISSING)
        return framed is not None and (before == "" if difference.ours is MISSING else says(before, difference.ours))
    name = difference.ray if difference.facet == CHECKPOINT else difference.at[0]
    return run.table.rows[-1].get(DIR_NAME) == name and is_uncommitted(run, name)


@explains(METRICS)
def latest_has_its_own_metrics(run, difference):
    """Ray gives the latest checkpoint the metrics that the list has for it; here the run's metrics are those of
    `latest_checkpoint_result`."""
    latest, key = run.snapshot["latest_checkpoint_result"], difference.at[1]
    listed = dict(run.entries)[latest[DIR_NAME]]
    return run.reader == "v2" and same(difference.ours, latest["metrics"].get(key, MISSING) if key else latest["metrics"] or None) \
        and same(difference.ray, listed.get(key, MISSING) if key else listed)


@explains(METRICS, CHECKPOINT)
def latest_not_named(run, difference):
    """If the snapshot does not name the latest checkpoint, Ray has neither metrics nor a checkpoint; here the last by report
    order is the latest."""
    last = run.ours["checkpoints"][-1]
    return run.reader == "v2" and run.snapshot.get("latest_checkpoint_result") is None and difference.ray is None \
        and same(difference.ours, last["metrics"] if difference.facet == METRICS else last["name"])


# Checkpoint and best_checkpoints


def is_uncommitted(run, name):
    """Whether a directory is there that no row names, and libresult sets it apart."""
    return name in run.directories and name not in run.named_by_rows() and name not in run.checkpoints \
        and name in [one["name"] for one in run.ours["leftovers"]]


@explains(CHECKPOINT, CHECKPOINTS)
def uncommitted_directory(run, difference):
    """Ray takes every directory `checkpoint_*` of a V1 run for a checkpoint, the last by name even for the latest; here one
    that no row names is a leftover."""
    if run.reader != "v1":
        return False
    if difference.facet == CHECKPOINTS:
        return (difference.ray, difference.ours) == (1, 0) and is_uncommitted(run, difference.at[0])
    return difference.ray == run.directories[-1] and is_uncommitted(run, difference.ray) \
        and difference.ours == (run.named_by_rows() or [None])[-1]


@explains(CHECKPOINT, CHECKPOINTS)
def latest_directory_gone(run, difference):
    """Ray lists the directories that are there, so if the one reported last is gone, an earlier checkpoint is the latest; here
    it is listed, and absent."""
    last = run.named_by_rows()[-1]
    name = difference.at[0] if difference.facet == CHECKPOINTS else difference.ours
    return run.reader == "v1" and name == last and last not in run.directories and run.checkpoints[last]["presence"] == "absent" \
        and difference.ray in (0, (run.directories or [None])[-1])


@explains(CHECKPOINT, CHECKPOINTS)
def order_of_names(run, difference):
    """Ray sorts the checkpoints of a V1 run by name, so that `checkpoint_1000000` comes before `checkpoint_999999`; here they
    stand in the order of their reports."""
    if run.reader != "v1":
        return False
    if difference.facet == CHECKPOINT:
        return difference.ray == run.directories[-1] in run.checkpoints and difference.ours == run.named_by_rows()[-1]
    return difference.at == ("order",) and difference.ray == sorted(difference.ray) \
        and difference.ours == [name for name in run.named_by_rows() if name in difference.ray]


@explains(CHECKPOINTS)
def order_of_scores(run, difference):
    """Ray lists V2 checkpoints as the snapshot does, by score if the run ranks them; here they stand in the order of their
    reports, and a name that is listed twice where its last entry stands."""
    numbers = run.snapshot["checkpoint_report_indices"]
    numbered = [(int(number), name) for number, (name, _) in zip(numbers, run.entries)]
    by_report = [name for _, name in sorted(numbered, key=lambda one: one[0])]
    return run.reader == "v2" and difference.at == ("order",) \
        and difference.ray == last_of_each(name for _, name in numbered if name in difference.ray) \
        and difference.ours == last_of_each(name for name in by_report if name in difference.ray)


def last_of_each(names):
    return list(dict.fromkeys(list(names)[::-1]))[::-1]


@explains(CHECKPOINTS, BEST)
def listed_twice(run, difference):
    """If the snapshot lists a name twice, Ray has two checkpoints of one directory; here the last entry counts."""
    names = [name for name, _ in run.entries]
    if difference.facet == BEST:
        winner = ray_best(run.candidates, *difference.at)
        return names.count(winner.name) > 1 and not same(winner.value, run.our_value(winner.name, difference.at[0]))
    return run.reader == "v2" and difference.ray == names.count(difference.at[0]) > 1 and difference.ours == 1


# The best checkpoint. Both answers must be what the two ways of ranking give; the rules say why they differ.


def best_is_as_ruled(run, difference):
    metric, mode = difference.at
    ray, ours = ray_best(run.candidates, metric, mode), our_best(run, metric, mode)
    told = f"builtins.{type(ray.raised).__name__}" if ray.raised else ray.name and os.path.basename(posix(run, ray.name))
    return difference.ray == told and difference.ours == (ours and os.path.basename(ours))


def our_best(run, metric, mode):
    ranked, _ = compare.rank(run.ours["checkpoints"], metric, mode)
    return ranked[0]["name"] if ranked else None


def winner_of(run, difference):
    """The checkpoint that Ray chose: its name, the value that Ray saw, and the value that libresult has for it."""
    winner = ray_best(run.candidates, *difference.at)
    return winner.name, winner.value, run.our_value(winner.name, difference.at[0])


@explains(BEST)
def nan_wins(run, difference):
    """In Ray a NaN is best, in both modes, if it is the first; here it is never best."""
    _, value, ours = winner_of(run, difference)
    return is_nan(value) and is_nan(ours)


@explains(BEST)
def missing_wins(run, difference):
    """In Ray a V1 checkpoint that lacks the metric, or has null or an object there, has NaN, and is best if it is the first;
    here it is never best."""
    name, value, ours = winner_of(run, difference)
    return run.reader == "v1" and is_nan(value) and name in run.checkpoints and (ours is MISSING or ours is None or isinstance(ours, dict))


@explains(BEST)
def no_number_wins(run, difference):
    """Ray compares texts and lists, `"9"` after `"10"`, and takes an object if it is alone; here only numbers rank, and texts
    such as `"nan"` and `"inf"` among them."""
    _, value, ours = winner_of(run, difference)
    return isinstance(value, (str, list, dict)) and same(value, ours)


@explains(BEST)
def part_of_text_wins(run, difference):
    """Ray looks for `name/0` in a text as in a list, and finds its first character; here texts have no elements."""
    _, value, ours = winner_of(run, difference)
    return isinstance(value, str) and ours is MISSING


@explains(BEST)
def values_do_not_compare(run, difference):
    """Ray raises a TypeError if the values of a metric are of several types, or objects; here those that are no numbers are
    left out."""
    winner = ray_best(run.candidates, *difference.at)
    return isinstance(winner.raised, TypeError) and not winner.in_look_up


@explains(BEST)
def look_up_raises(run, difference):
    """Ray raises a ValueError or an IndexError if one checkpoint has a list or a text where the name has a key, or too few
    elements; here that checkpoint lacks the metric."""
    return ray_best(run.candidates, *difference.at).in_look_up


@explains(BEST)
def key_with_slash(run, difference):
    """Ray finds a key that holds a `/` only at the top, and below it divides the name at each; here every way to divide it is
    tried, the longest key first."""
    metric, _ = difference.at
    ours, seen = our_best(run, *difference.at), dict(run.candidates)
    otherwise = [one for one in seen.values() if not same(ray_look_up(metric, one), compare.look_up(one, metric))]
    return ours and "/" in metric and otherwise and all(keys_with_slash(one) for one in otherwise)


def keys_with_slash(value):
    """Whether an object below the top has a key with a `/`."""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(isinstance(one, dict) and any("/" in key for key in one) or keys_with_slash(one) for one in inside)


@explains(BEST)
def odd_index(run, difference):
    """Ray takes whatever Python reads as an integer for the place in a list, `-1` and ` 1` too; here it is digits."""
    _, value, ours = winner_of(run, difference)
    metric, _ = difference.at
    return is_number(value) and ours is MISSING \
        and any(not re.fullmatch("[0-9]+", part) and re.fullmatch(r"\s*[+-]?[\d_]+\s*", part) for part in metric.split("/"))


@explains(BEST)
def floats_hide_the_better(run, difference):
    """Integers that became floats in Ray's data frame may be equal there; here they compare exactly, at any size."""
    _, value, ours = winner_of(run, difference)
    better = run.our_value(our_best(run, *difference.at), difference.at[0])
    return run.reader == "v1" and type(value) is float and type(ours) is int and ours != better and value == float(ours) == float(better)


@explains(BEST)
def first_of_equals(run, difference):
    """Of equal values the first is best in both, but the lists differ in order; here it is the one reported first."""
    _, value, ours = winner_of(run, difference)
    return is_number(value) and value == ours == run.our_value(our_best(run, *difference.at), difference.at[0])


@explains(BEST)
def file_in_place_of_directory(run, difference):
    """Ray's V2 reader takes a file for a checkpoint; here it is absent, and never best."""
    name, value, ours = winner_of(run, difference)
    return run.reader == "v2" and same(value, ours) and run.checkpoints[name]["presence"] == "absent" \
        and os.path.isfile(os.path.join(run.path, name))


@explains(BEST)
def csv_word_wins(run, difference):
    """A cell such as `NA`, which Ray takes for NaN, is best if it is the first; here it is a text, and never best."""
    _, value, ours = winner_of(run, difference)
    return run.rows_file == "progress.csv" and is_nan(value) and isinstance(ours, str) and ours in NA_WORDS


@explains(BEST)
def csv_torn_row_wins(run, difference):
    """The checkpoint of a last line of `progress.csv` that is cut may be Ray's best; here no whole row names it."""
    name, _, ours = winner_of(run, difference)
    return run.reader == "v1" and run.ends_torn and ours is MISSING and is_uncommitted(run, name) \
        and run.table.index_of(name) == len(run.table.rows) - 1


# Error


@explains(ERROR)
def error_unknown_in_v2(run, difference):
    """Ray's error of a V2 run that was opened again is None, whatever happened; here it is unknown, because the directory does
    not record it."""
    return run.reader == "v2" and difference.ray is None and difference.ours == "unknown" and is_empty(run.ours["failure"])


def is_empty(failure):
    return not any(failure[key] for key in ("type", "module", "message", "traceback", "source", "count"))


def no_error_file(run):
    return not run.has("error.pkl") and not run.has("error.txt")


@explains(ERROR)
def error_unknown_without_rows(run, difference):
    """Ray's error of a V1 run without an error file is None; here it is unknown if there is no row either, because the run may
    have died."""
    return run.reader == "v1" and difference.ray is None and difference.ours == "unknown" and is_empty(run.ours["failure"]) \
        and no_error_file(run) and not run.rows


def told_by_text(run):
    """Whether our failure is what the last block of error.txt says, or nothing."""
    failure = run.ours["failure"]
    if not failure["type"]:
        return not failure["message"]
    block = re.split(r"^Failure # .*$", run.read("error.txt").decode("utf-8", "replace"), flags=re.MULTILINE)[-1]
    said = full_type(failure).removeprefix("builtins.") + (f": {failure['message']}" if failure["message"] else "")
    return failure["source"] == "error.txt" and said in block


@explains(ERROR)
def error_txt_is_read(run, difference):
    """Ray does not read `error.txt`, so a run that has nothing else has no error; here its last block gives type and message."""
    return run.reader == "v1" and difference.ray is None and difference.ours == "present" \
        and run.has("error.txt") and not run.has("error.pkl") and told_by_text(run)


@explains(ERROR)
def pickle_that_ran(run, difference):
    """A pickle can call anything while Ray loads it, and come to nothing at the end; here it is data that tells of no
    exception."""
    opcodes, whole = disassembled(run.read("error.pkl"))
    calls = whole and any(opcode.name in ("REDUCE", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX") for opcode, _, _ in opcodes)
    return difference.at == ("presence",) and difference.ray is None and difference.ours == "present" and calls and told_by_text(run)


@explains(ERROR)
def pickle_is_no_exception(run, difference):
    """If `error.pkl` holds something else than an exception, that is Ray's error; here the failure is what `error.txt` says,
    or has no type."""
    opcodes, whole = disassembled(run.read("error.pkl"))
    return difference.at == ("presence",) and "not_an_exception" in run.ray["error"]["ok"] and difference.ours == "present" \
        and whole and opcodes and told_by_text(run)


def cause_of(error):
    """What stands behind Ray's errors of tasks, of which one may be the cause of another."""
    while error and "RayTaskError" in error["type"]:
        error = error.get("cause")
    return error


@explains(ERROR)
def cause_of_task_error(run, difference):
    """Ray's error is a `RayTaskError(X)` whose text is the traceback; here type and message are those of the X inside."""
    ray = compare.from_golden(run.ray["error"]["ok"])
    cause = cause_of(ray)
    if cause is ray or cause is None:
        return False
    if difference.at == ("type",):
        return difference.ours == cause["type"]
    return difference.ours == cause["str"] or len(cause["str"]) == KEPT_OF_A_TEXT and difference.ours.startswith(cause["str"])


@explains(ERROR)
def message_is_argument(run, difference):
    """Ray's message is what the exception's own `__str__` makes of it; here, where no code runs, it is the single text that it
    was raised with."""
    cause = cause_of(compare.from_golden(run.ray["error"]["ok"]))
    return difference.at == ("message",) and not same(cause["str"], difference.ours) and same(cause["args"], [difference.ours])


# Config and return value


@explains(CONFIG)
def config_is_gone_in_v2(run, difference):
    """Ray raises a DeprecationWarning for the config of a V2 run; here it is unknown, because the directory does not record
    it."""
    return run.reader == "v2" and difference.ray == "builtins.DeprecationWarning" and difference.ours is None \
        and run.ours["config"]["presence"] == "unknown"


def config_of_rows(run):
    """The config of the last row that has an object for it, or None."""
    found = [row["config"] for row in run.rows if isinstance(row, dict) and isinstance(row.get("config"), dict)]
    return found[-1] if run.rows_file == "result.json" and found else None


@explains(CONFIG)
def config_of_an_earlier_row(run, difference):
    """Ray looks for the config in the last row only; here the last row that has one counts."""
    return run.reader == "v1" and not isinstance(run.rows[-1].get("config"), dict) and same(difference.ray, run.rows[-1].get("config")) \
        and same(config_of_rows(run), difference.ours) and run.ours["config"]["source"] == "result.json"


@explains(CONFIG)
def config_of_params(run, difference):
    """Ray does not read `params.json`; here it gives the config if no row does."""
    return run.reader == "v1" and not isinstance(difference.ray, dict) and config_of_rows(run) is None \
        and same(json.loads(run.read("params.json")), difference.ours) and run.ours["config"]["source"] == "params.json"


@explains(CONFIG)
def config_of_columns(run, difference):
    """Ray has no config of a run that has `progress.csv` only; here the columns `config/…` of its last row give it, if
    `params.json` does not."""
    cells = read_csv(run).rows[-2 if run.ends_torn else -1]
    ours = flattened(difference.ours)
    return run.reader == "v1" and difference.ray is None and ours and run.ours["config"]["source"] == "progress.csv" \
        and all(says(cells.get(f"config/{key}"), value) for key, value in ours.items())


@explains(RETURN_VALUE)
def return_value_unknown(run, difference):
    """Ray's return value of a V2 run that was opened again is None; here it is unknown, because the directory does not record
    it."""
    return run.reader == "v2" and difference.ray is None and difference.ours == "unknown"


# ---- The page -------------------------------------------------------------------------------------------------------

# The sections of others, which stand last.
DATA_FRAME, LIVE = "The data frame", "Beside the live Ray"
ROW = re.compile(r"^\| `(\w+)` \| (.*?) \| (.*?) \| (.*?) \|$", re.MULTILINE)
ELSEWHERE = "only seen elsewhere"


def read_page(section):
    """The rules in a section of the page: {id: (sentence, why, example)}; the example is None for a rule only seen elsewhere."""
    with open(PAGE, encoding="utf-8") as f:
        first, *others = re.split(f"^## ({DATA_FRAME}|{LIVE})$", f.read(), flags=re.MULTILINE)
    rows = ROW.findall({None: first, **dict(zip(others[::2], others[1::2]))}[section])
    rules = {rule: (text, why, None if example == ELSEWHERE else example.strip("`")) for rule, text, why, example in rows}
    assert len(rules) == len(rows), f"docs/differences.md has a rule twice: {[row[0] for row in rows]}"
    return rules


def check_page(page, rules, explained):
    """What is wrong with the page. `explained`: the titles of the runs with differences that each rule explains; None if that
    is not to be checked."""
    for name in sorted(set(rules) ^ set(page)):
        yield f"{name}: a rule in {'code, but not on the page' if name in rules else 'the page, but not in code'}"
    for name in set(rules) & set(page):
        text, why, example = page[name]
        if text != sentence(rules[name]):
            yield f"{name}: the page says {text!r}, the code {sentence(rules[name])!r}"
        if not why:
            yield f"{name}: the page does not say why"
        if explained is None:
            continue
        if example and not explained[name]:
            yield f"{name}: unused; it explains nothing in the corpus, and the page does not say `{ELSEWHERE}`"
        elif example and example not in explained[name]:
            yield f"{name}: it explains nothing in {example}, but in {explained[name][0]}"
        elif not example and explained[name]:
            yield f"{name}: not {ELSEWHERE}, as the page says, but in {explained[name][0]}"


# ---- Self-test: a test that explains everything proves nothing ------------------------------------------------------


def altered_answers(run):
    """Ways in which our answer could be wrong: (what is wrong, the answer). Every place is altered of which Ray tells something: not
    the metrics of a checkpoint that Ray does not list, objects that its data frame drops, a row that it takes from a cut line,
    a return value that its V1 reader does not have."""
    answer, told = run.ours, dict(ray_list(run))
    def altered(change, *path):
        changed = copy.deepcopy(answer)
        place = functools.reduce(lambda value, key: value[key], path, changed)
        change(place)
        return changed

    if "error" in answer:
        return
    names = [one["name"] for one in answer["checkpoints"]]
    for index, named in enumerate(answer["named"]):
        for mode in MODES:
            was = named["best"][mode].get("name")
            for name in [name for name in names if name != was][:3]:
                path = f"{answer['path']}/{name}"
                yield f"another best checkpoint ({named['metric']}, {mode})", altered(
                    lambda place, name=name, path=path: place.update(name=name, path=path), "named", index, "best", mode)
            if was:
                yield f"no best checkpoint ({named['metric']}, {mode})", altered(
                    lambda place, mode=mode: place.update({mode: {"code": "not_found", "message": ""}}), "named", index, "best")
    for index, name in enumerate(names):
        yield f"no {name}", altered(lambda place, index=index: place.pop(index), "checkpoints")
        if name not in told:
            continue
        metrics_told = {key: value for key, value in answer["checkpoints"][index]["metrics"].items() if value != {}}
        for key, value in list(metrics_told.items())[:20]:
            yield f"another value ({name}, {key})", altered(
                lambda place, key=key, value=value: place.update({key: another(value)}), "checkpoints", index, "metrics")
            yield f"a value less ({name}, {key})", altered(lambda place, key=key: place.pop(key), "checkpoints", index, "metrics")
        yield f"a value more ({name})", altered(lambda place: place.update(altered=1), "checkpoints", index, "metrics")
    yield "a checkpoint more", altered(
        lambda place: place.append({"name": "checkpoint_altered", "path": "", "presence": "present", "metrics": {}}), "checkpoints")
    if len(names) > 1:
        yield "another order", altered(lambda place: place.reverse(), "checkpoints")
        yield "another latest checkpoint", {**answer, "checkpoint": answer["checkpoints"][0 if answer["checkpoint"]["name"] != names[0] else 1]} \
            if answer["checkpoint"] else {**answer, "checkpoint": answer["checkpoints"][0]}
    if answer["checkpoint"]:
        yield "no latest checkpoint", {**answer, "checkpoint": None}
    for key, value in list((answer["metrics"] or {}).items())[: 0 if run.ends_torn else 20]:
        yield f"another metric ({key})", altered(lambda place, key=key, value=value: place.update({key: another(value)}), "metrics")
        yield f"a metric less ({key})", altered(lambda place, key=key: place.pop(key), "metrics")
    yield "other metrics", {**answer, "metrics": {"altered": 1}}
    for presence in {"present", "absent", "unknown"} - {answer["failure"]["presence"]}:
        yield f"a failure that is {presence}", altered(lambda place, presence=presence: place.update(presence=presence), "failure")
    for key in ("type", "message"):
        if answer["failure"]["presence"] == "present":
            yield f"a failure of another {key}", altered(lambda place, key=key: place.update({key: "Altered"}), "failure")
    yield "another config", altered(lambda place: place.update(value={"altered": 1}), "config")
    for key in ("path", "filesystem"):
        yield f"another {key}", {**answer, key: "altered"}
    if run.ray.get("return_value") is not None:
        yield "a return value", altered(lambda place: place.update(presence="absent"), "return_value")
    yield "no answer", {"error": {"code": "internal", "message": ""}}


def another(value):
    """A value of the same type, but another."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return 0.25 if math.isnan(value) or math.isinf(value) else math.nextafter(value, math.inf)
    return "altered" if isinstance(value, str) else [value]


def self_test(runs, comparison):
    """Alters every answer in every way. Returns how many alterations were found, and those that were not: an altered answer
    has a difference that no rule explains, or fewer differences, because it became Ray's."""
    found, missed = 0, []
    for run in runs:
        if run.ray_refuses:
            continue  # nothing to compare with
        before = {one.key for one in comparison.differences(run)}
        for how, answer in comparison.altered_answers(run):
            altered = run.answered(answer)
            now = list(comparison.differences(altered))
            if {one.key for one in now} < before:
                continue
            if all(comparison.explanations(altered, one) for one in now):
                missed.append(f"{run.title}: not found: {how}")
            else:
                found += 1
    return found, missed


# ---- Report ---------------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Comparison:
    """What is held against Ray, and what explains where it differs."""
    title: str
    description: str
    section: str  # of the page, in which its rules stand; None for those before
    facets: tuple
    rules: dict
    cases: object  # (corpus, scratch) -> cases
    runs_of: object  # (corpus, cases, answers) -> runs
    differences: object  # run -> differences
    explanations: object  # (run, difference) -> ids of rules
    altered_answers: object  # run -> (what is wrong, answer)

    @property
    def all_rules(self):
        """In the order of the facets."""
        return {rule.__name__: rule for facet in self.facets for rule in self.rules[facet]}


def judge(comparison, options, scratch):
    """Runs the whole test. Returns how many runs passed and how many things are wrong."""
    cases = comparison.cases(options.corpus, scratch)
    lines, wrong = compare.ask([os.path.abspath(options.program)], cases)
    for case, line in zip(cases, lines):
        if isinstance(line, str):
            wrong.append(f"{case.title}: {line}")
    answers = [compare.strict_json(line.decode("utf-8"), compare.answered_object) for line in lines if not isinstance(line, str)]
    if wrong or not cases:
        print(*wrong, sep="\n")
        return 0, len(wrong) or 1

    runs = list(comparison.runs_of(options.corpus, cases, answers))
    used, explained, failed = collections.Counter(), collections.defaultdict(list), set()
    for run in runs:
        unexplained = []
        for difference in comparison.differences(run):
            rules = comparison.explanations(run, difference)
            used.update(rules)
            for rule in rules:
                explained[rule].append(run.title)
            unexplained += [] if rules else [difference]
        for difference in unexplained[:SHOWN_UNEXPLAINED]:
            print(f"{run.title}: no rule explains: {difference}")
        if len(unexplained) > SHOWN_UNEXPLAINED:
            print(f"{run.title}: {len(unexplained) - SHOWN_UNEXPLAINED} more that no rule explains")
        failed |= {run.title} if unexplained else set()

    print_rules(comparison, used)
    own_corpus = os.path.realpath(options.corpus) == os.path.realpath(CORPUS)
    wrong += check_page(read_page(comparison.section), comparison.all_rules, explained if own_corpus else None)
    if options.self_test:
        found, missed = self_test((run for run in runs if run.title not in failed), comparison)
        print(f"{found} alterations of answers were found, {len(missed)} were not")
        wrong += missed
    print(*wrong, sep="\n", end="\n" if wrong else "")
    return len(cases) - len(failed), len(failed) + len(wrong)


def print_rules(comparison, used):
    for facet in comparison.facets:
        print(f"{facet}:")
        for rule in comparison.rules[facet]:
            if facet == next(facet for facet in comparison.facets if rule in comparison.rules[facet]):
                print(f"  {rule.__name__:<32} {used[rule.__name__] or 'unused':>6}")


def parse_options(description):
    parser = argparse.ArgumentParser(description=description.split("\n", maxsplit=1)[0])
    parser.add_argument("program", help="the program that answers")
    parser.add_argument("--corpus", default=CORPUS, metavar="DIR")
    parser.add_argument("--scratch", metavar="DIR", help="where the run directories are, or are made and stay for later runs")
    parser.add_argument("--self-test", action="store_true", help="also demands that alterations of the answers are found")
    return parser.parse_args()


def main(comparison):
    options = parse_options(comparison.description)
    with contextlib.ExitStack() as stack:
        scratch = os.path.realpath(options.scratch or stack.enter_context(tempfile.TemporaryDirectory()))
        os.makedirs(scratch, exist_ok=True)
        # Whoever else is to open the runs must reach them.
        os.chmod(scratch, 0o755)
        passed, failed = judge(comparison, options, scratch)
    print(f"{comparison.title}: {passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    RAY = Comparison("differences from Ray", __doc__, None, FACETS, RULES, judged_cases, runs_of, differences, explanations, altered_answers)
    sys.exit(compare.in_deep_thread(functools.partial(main, RAY)))
