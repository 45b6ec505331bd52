"""The frame of a run by the rules of CORPUS.md, in plain Python on top of Python's own `json`: an oracle that shares no code with libresult."""
import dataclasses
import json
import math
import re
import struct

WORDS = {"nan": math.nan, "NaN": math.nan, "null": math.nan, "inf": math.inf, "Infinity": math.inf, "-inf": -math.inf,
         "-Infinity": -math.inf}
ORDINARY_WORDS = {"nan", "inf", "-inf"}  # as Python's csv writes floats
BLANK = b" \t\r"
BOM = b"\xef\xbb\xbf"
DEEPEST = 1_000
SURROGATE = re.compile("[\ud800-\udfff]")
SNAPSHOT = "checkpoint_manager_snapshot.json"
INTEGER = re.compile(r"[+-]?[0-9]+")
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
ALWAYS_TEXT = {"trial_id", "date", "hostname", "node_ip", "experiment_id", "experiment_tag"}


# ---- JSON ------------------------------------------------------------------------------------------------------------


class Json:
    """Reads JSON, and notes what is odd about it."""

    def __init__(self):
        self.notes = set()
        self.may_have_surrogates = False
        self.decoder = json.JSONDecoder(object_pairs_hook=self.members)

    def members(self, pairs):
        if self.may_have_surrogates:
            pairs = [(self.whole(key), self.whole(value)) for key, value in pairs]
        found = dict(pairs)
        if len(found) < len(pairs):
            self.notes.add("duplicate_key")
        return found

    def whole(self, value):
        if isinstance(value, list):
            return [self.whole(one) for one in value]
        if not isinstance(value, str) or not SURROGATE.search(value):
            return value
        self.notes.add("lone_surrogate")
        return SURROGATE.sub("\ufffd", value)

    def objects(self, data, is_start):
        """The objects that the bytes hold, one behind the other, and what is odd about them; none if there is anything else."""
        self.notes = set()
        if is_start and data.startswith(BOM):
            data = data[len(BOM):]
            self.notes.add("bom")
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            text = data.decode("utf-8", "replace")
            self.notes.add("invalid_utf8")
        self.may_have_surrogates = "\\ud" in text or "\\uD" in text
        if text.count("{") + text.count("[") > DEEPEST and depth(text) > DEEPEST:
            return None
        found, at = [], 0
        while at := skip_space(text, at):
            if at > len(text):
                return found
            at -= 1
            if text[at] != "{":
                return None
            try:
                value, at = self.decoder.raw_decode(text, at)
            except ValueError:
                return None
            found.append(value)
        return found


def skip_space(text, at):
    """One more than where the next character stands that is no white space; beyond the end if there is none."""
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at + 1


def depth(text):
    """How deep brackets nest in a text, at most."""
    without_strings = re.sub(r'"(\\.|[^"\\])*"', "", text)
    deepest = now = 0
    for bracket in re.findall(r"[][{}]", without_strings):
        now += 1 if bracket in "[{" else -1
        deepest = max(deepest, now)
    return deepest


# ---- Rows ------------------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Reports:
    """The rows of a run, and what is odd about them."""
    rows: list
    codes: set
    # Of CSV, the columns of numbers with words that Python does not write for numbers.
    odd_words: set = dataclasses.field(default_factory=set)
    # Why the run does not open.
    error: str = ""

    def __post_init__(self):
        self.flat = [flattened(row) for row in self.rows]


def reports(files):
    """What a run reported; `files` are those of its directory, by name."""
    if SNAPSHOT in files:
        return of_snapshot(files[SNAPSHOT])
    rows, codes = of_lines(files["result.json"]) if "result.json" in files else ([], set())
    odd_words = set()
    if not rows and "progress.csv" in files:
        if "result.json" in files:
            codes.add("used_progress_csv")
        rows, more, odd_words = of_csv(files["progress.csv"])
        codes |= more
    elif "result.json" not in files:
        codes.add("no_result_file")
    return Reports(rows, codes | iterations(rows) | checkpoints(rows), odd_words)


def of_lines(data):
    reader, rows, codes = Json(), [], set()
    *ended, last = data.split(b"\n")
    for place, line in enumerate([*ended, last]):
        if not line.strip(BLANK):
            continue
        found = reader.objects(line, place == 0)
        if found is None:
            codes.add("bad_line" if place < len(ended) else "torn_last_line")
            continue
        codes |= reader.notes | ({"glued_objects"} if len(found) > 1 else set())
        rows += found
    return rows, codes


def of_snapshot(data):
    """The data is a snapshot whose checkpoints have no directories; it may only nest too deep."""
    reader = Json()
    found = reader.objects(data, True)
    if found is None:
        return Reports([], set(), error="Corrupt")
    (snapshot,) = found
    codes = set(reader.notes)
    entries = snapshot["checkpoint_results"]
    rows = [entry.get("metrics") for entry in entries]
    if any(not isinstance(row, dict) for row in rows):
        codes.add("wrong_type")
    if entries:
        codes.add("missing_checkpoint")
    return Reports([row if isinstance(row, dict) else {} for row in rows], codes)


def iterations(rows):
    codes, last = set(), None
    for row in rows:
        now = iteration(row)
        if now is not None and last is not None and now != last + 1:
            codes.add("repeated_iteration" if now <= last else "iteration_gap")
        last = now
    return codes


def iteration(row):
    found = row.get("training_iteration")
    return found if type(found) is int and -(2**63) <= found < 2**63 else None


def checkpoints(rows):
    """None of their directories is there."""
    names = [row["checkpoint_dir_name"] for row in rows if isinstance(row.get("checkpoint_dir_name"), str)]
    safe = [name for name in names if "\0" not in name and not set(name.split("/")) & {"", ".", ".."}]
    codes = {"unsafe_name"} if len(safe) < len(names) else set()
    return codes | ({"missing_checkpoint"} if safe else set()) | ({"deleted_checkpoint"} if len(set(safe)) > 1 else set())


# ---- progress.csv ----------------------------------------------------------------------------------------------------


def of_csv(data):
    codes = set()
    if data.startswith(BOM) and b"\n" in data:
        data = data[len(BOM):]
        codes.add("bom")
    records, rest = csv_records(data)
    if rest:
        codes.add("torn_last_line")
    if "\ufffd" in data[:len(data) - len(rest)].decode("utf-8", "replace"):
        codes.add("invalid_utf8")
    if not records:
        return [], codes, set()
    header, *records = records
    if len(set(header)) < len(header):
        codes.add("duplicate_key")
    rows = [cells for cells in records if cells != header]
    if len(rows) < len(records):
        codes.add("repeated_header")
    if any(len(cells) != len(header) for cells in rows):
        codes.add("ragged_row")
    columns, odd_words = {}, set()
    for place, name in enumerate(header):
        cells = [cells[place] if place < len(cells) else "" for cells in rows]
        values, is_odd = csv_column(name, cells)
        columns[name] = values
        odd_words.discard(name)
        if is_odd:
            odd_words.add(name)
    return [{name: values[row] for name, values in columns.items() if values[row] is not None}
            for row in range(len(rows))], codes, odd_words


def csv_records(data):
    """The records that are ended, and the bytes behind them."""
    records, cells, cell, start = [], [], bytearray(), 0
    is_quoted = was_quote = False
    at_start = True  # of a cell
    for place, byte in enumerate(data):
        char = bytes([byte])
        if is_quoted and not was_quote:
            if char == b'"':
                was_quote = True
            else:
                cell += char
        elif was_quote and char == b'"':
            cell += char
            was_quote = False
        elif char in b",\n":
            if char == b"\n" and cell.endswith(b"\r"):
                del cell[-1:]
            is_blank = char == b"\n" and not cells and not cell and data[start:place].strip(b"\r") == b""
            cells.append(cell.decode("utf-8", "replace"))
            cell, is_quoted, was_quote, at_start = bytearray(), False, False, True
            if char == b"\n":
                if not is_blank:
                    records.append(cells)
                cells, start = [], place + 1
            continue
        elif at_start and char == b'"':
            is_quoted = True
        else:
            cell += char
            is_quoted = was_quote = False
        at_start = False
    return records, data[start:]


def csv_column(name, cells):
    """The values of a column, and whether words stand among its numbers that Python does not write for numbers."""
    there = [cell for cell in cells if cell]
    words = [cell for cell in there if cell in WORDS]
    is_text = name in ALWAYS_TEXT or name.endswith("_dir_name")
    if not is_text and all(INTEGER.fullmatch(cell) for cell in there):
        return [int(cell) if cell else None for cell in cells], False
    if not is_text and len(words) < len(there) and all(cell in WORDS or NUMBER.fullmatch(cell) for cell in there):
        numbers = [None if not cell else WORDS[cell] if cell in WORDS else float(cell) for cell in cells]
        return numbers, not set(words) <= ORDINARY_WORDS
    if not is_text and all(cell in ("True", "False") for cell in there):
        return [cell == "True" if cell else None for cell in cells], False
    return [cell or None for cell in cells], False


# ---- Frame -----------------------------------------------------------------------------------------------------------


def flattened(row):
    """The cells of a row by flat name, and the names that had two values."""
    cells, conflicts = {}, set()

    def walk(members, prefix, level):
        for key, value in members.items():
            name = prefix + key
            if isinstance(value, dict) and value:
                walk(value, name + "/", level + 1)
                continue
            before = cells.get(name)
            if before:
                conflicts.add(name)
            if not before or before[0] > 1:
                cells[name] = (level, value)

    walk(row, "", 1)
    return {name: value for name, (_, value) in cells.items()}, conflicts


def frame(found, settings):
    """The columns as (name, type, cells), how many rows, and the codes of all that is odd; or the code of the error."""
    if found.error:
        return found.error
    patterns = [glob(value) for key, value in settings if key == "column"]
    given = dict(settings)
    numbers = range(len(found.rows))
    if "rows" in given:
        first, last = (int(bound) if bound else None for bound in given["rows"].split(".."))
        numbers = numbers[first:last]
    if given.get("dedupe") == "last":
        last_of = {iteration(row): number for number, row in enumerate(found.rows)}
        numbers = [number for number in numbers
                   if (now := iteration(found.rows[number])) is None or last_of[now] == number]

    def is_wanted(name):
        if given.get("config") == "false" and (name == "config" or name.startswith("config/")):
            return False
        return not patterns or any(pattern(name) for pattern in patterns)

    columns, codes, wanted = {}, set(found.codes), {}
    for row, number in enumerate(numbers):
        cells, conflicts = found.flat[number]
        for name, value in cells.items():
            if name not in wanted:
                wanted[name] = is_wanted(name)
            if wanted[name]:
                column = columns.setdefault(name, [])
                column += [None] * (row - len(column))
                column.append(value)
        if any(wanted[name] for name in conflicts):
            codes.add("key_conflict")
    if numbers and any(not any(map(pattern, columns)) for pattern in patterns):
        return "InvalidArgument"
    typed = []
    for name, cells in columns.items():
        cells += [None] * (len(numbers) - len(cells))
        kind, has_words = kind_of(cells)
        typed.append((name, kind, [shown(cell, kind) for cell in cells]))
        if has_words:
            codes.add("nan_text")
    if any(map(is_wanted, found.odd_words)):
        codes.add("nan_text")
    return typed, len(numbers), codes


def glob(pattern):
    """Whether a name is the pattern, or fits it."""
    regex = re.compile("".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in pattern), re.DOTALL)
    return lambda name: name == pattern or regex.fullmatch(name) is not None


def kind_of(cells):
    """The type of a column, and whether words among its numbers are numbers too."""
    there = [cell for cell in cells if cell is not None]
    kinds = set(map(type, there))
    if not kinds:
        return "Null", False
    if kinds == {bool}:
        return "Bool", False
    if kinds == {str}:
        return "String", False
    if kinds == {int}:
        least, most = min(there), max(there)
        if -(2**63) <= least and most < 2**63:
            return "Int64", False
        return ("Uint64" if least >= 0 and most < 2**64 else "Json"), False
    if kinds <= {int, float}:
        return "Float64", False
    if kinds <= {int, float, str} and all(cell in WORDS for cell in there if isinstance(cell, str)):
        return "Float64", True
    return "Json", False


def shown(cell, kind):
    """A cell as the program shows it; one of JSON as a value that strict JSON can say."""
    if cell is None or kind in ("Bool", "String", "Int64", "Uint64"):
        return cell
    return strict(cell) if kind == "Json" else bits(as_float(cell))


def as_float(cell):
    if isinstance(cell, str):
        return WORDS[cell]
    try:
        return float(cell)
    except OverflowError:
        return math.inf if cell > 0 else -math.inf


def bits(number):
    return "nan" if math.isnan(number) else struct.pack(">d", number).hex()


def strict(value):
    """A value in which lists, objects and floats are told apart from whatever else compares as equal."""
    if isinstance(value, dict):
        return ("object", [(key, strict(member)) for key, member in value.items()])
    if isinstance(value, list):
        return ("list", [strict(one) for one in value])
    if isinstance(value, float):
        if not math.isfinite(value):
            return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        return ("float", bits(value))
    return ("bool", value) if isinstance(value, bool) else value
