"""Frames: what is asked for, and what a golden expects of them. `compare.py` uses this."""
import json
import math

# The same frame, read by one thread and by four.
THREADS = ("1", "4")
COUNT = len(THREADS)
ASKED = [str(COUNT)] + [field for threads in THREADS for field in ("1", "threads", threads)]

SHOWN_COLUMNS = 200


class Columns(list):
    """Columns of which the golden keeps only the first."""


def expected(golden):
    """The columns, the number of rows, and the cells that a golden keeps."""
    columns = golden["columns"]
    if isinstance(columns, dict):
        columns = Columns(columns["first"])
        columns.total = golden["columns"]["count"]
    return {"rows": golden["rows"], "columns": columns,
            "cells": [[cell(value, kind) for value, (_, kind) in zip(row, columns)] for row in golden["cells"]]}


def cell(value, kind):
    """A cell as a program shows it: one of JSON is a value that strict JSON can say."""
    return strict(value) if kind == "json" else value


def strict(value):
    if isinstance(value, dict):
        return {key: strict(member) for key, member in value.items()}
    if isinstance(value, list):
        return [strict(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def no_constant(text):
    raise ValueError(f"{text} is not JSON")


def decoded(frame):
    """The cells that a program printed, those of JSON as values."""
    kinds = [kind for _, kind in frame["columns"][:SHOWN_COLUMNS]]
    return [[json.loads(value, parse_constant=no_constant) if kind == "json" and value is not None else value
             for value, kind in zip(row, kinds)] for row in frame["cells"]]
