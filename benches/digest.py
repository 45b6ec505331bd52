"""The digest of a table, by which the answers of all readers are compared value by value; src/digest.rs says what it is.

`digest.py RUN` prints the digest that a reader must give: plain Python, a list of values a column, types as the library has
them. It takes a while and a lot of memory."""
import json
import math
import os
import struct
import sys

STEP, MASK = 0x9E3779B97F4A7C15, (1 << 64) - 1
WORDS = {"nan": math.nan, "NaN": math.nan, "null": math.nan, "inf": math.inf, "Infinity": math.inf, "-inf": -math.inf, "-Infinity": -math.inf}


def mix(word):
    word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9 & MASK
    word = (word ^ word >> 27) * 0x94D049BB133111EB & MASK
    return word ^ word >> 31


def fnv(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & MASK
    return value


def float_bits(value):
    return 0x7FF8000000000000 if value != value else struct.unpack("<Q", struct.pack("<d", value))[0]


def tokens(value):
    """A json cell as the bytes that are hashed."""
    if value is None:
        return b"n"
    if isinstance(value, bool):
        return b"t" if value else b"f"
    if isinstance(value, int):
        return b"i%d;" % value
    if isinstance(value, float):
        if math.isfinite(value):
            return b"d" + struct.pack("<d", value)
        value = "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, str):
        return b"s" + value.encode("utf-8", "surrogatepass") + b"\xff"
    if isinstance(value, dict):
        return b"{" + b"".join(tokens(key) + tokens(item) for key, item in value.items()) + b"}"
    return b"[" + b"".join(map(tokens, value)) + b"]"


class Memo(dict):
    """A function of one thing; most cells are seen before."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def __missing__(self, key):
        return self.setdefault(key, self.function(key))


def line(name, kind, rows, words):
    """Of one column: `words` are pairs of row and word."""
    total = values = 0
    for row, word in words:
        total += mix(word + (row + 1) * STEP & MASK)
        values += 1
    return f"{name}\t{kind}\t{rows - values}\t{total & MASK:016x}"


def kind_of(values):
    """The type of a column, from its values that are not null."""
    kinds = set(map(type, values))
    if not kinds:
        return "null"
    if kinds == {bool}:
        return "bool"
    if kinds == {str}:
        return "string"
    if kinds == {int}:
        low, high = min(values), max(values)
        return "int64" if -(2**63) <= low and high < 2**63 else "uint64" if low >= 0 and high < 2**64 else "json"
    if kinds <= {int, float}:
        return "float64"
    if kinds <= {int, float, str} and all(value in WORDS for value in values if isinstance(value, str)):
        return "float64"
    return "json"


def column(name, cells, rows):
    """The line of a column of plain Python values: pairs of row and value, none of them None."""
    kind = kind_of([value for _, value in cells])
    if kind in ("bool", "int64", "uint64"):
        words = ((row, value & MASK) for row, value in cells)
    elif kind == "float64":
        words = ((row, float_bits(WORDS[value] if isinstance(value, str) else float(value))) for row, value in cells)
    elif kind == "string":
        memo = Memo(lambda text: fnv(text.encode("utf-8", "surrogatepass")))
        words = ((row, memo[value]) for row, value in cells)
    else:
        memo = Memo(fnv)
        words = ((row, memo[tokens(value)]) for row, value in cells)
    return line(name, kind, rows, words)


def flatten(value, prefix, add):
    for key, item in value.items():
        if isinstance(item, dict) and item:
            flatten(item, f"{prefix}{key}/", add)
        else:
            add(prefix + key, item)


def table(rows):
    """The digest of an iterable of objects, as lines."""
    columns, count = {}, 0
    for row in rows:
        def add(name, value):
            cells = columns.setdefault(name, [])
            if value is not None:
                cells.append((count, value))
        flatten(row, "", add)
        count += 1
    return [f"rows {count} columns {len(columns)}"] + [column(name, cells, count) for name, cells in columns.items()]


def read_rows(run):
    """All rows of a trial, or of all trials of an experiment, by the names of their directories."""
    folders = [run] if os.path.exists(os.path.join(run, "result.json")) else sorted(os.path.join(run, one) for one in os.listdir(run))
    for folder in folders:
        with open(os.path.join(folder, "result.json"), "rb") as lines:
            for text in lines:
                try:
                    yield json.loads(text)
                except json.JSONDecodeError:
                    pass  # a torn last line


if __name__ == "__main__":
    print("\n".join(table(read_rows(sys.argv[1]))))
