#!/usr/bin/env python3
"""Holds libresult's frame against the data frame of the real Ray (`Result.metrics_dataframe`), for every run of the corpus.

differences_frame.py PROGRAM [--corpus DIR] [--scratch DIR] [--self-test]

A golden keeps of Ray's data frame its shape, the names and types of its first 200 columns, and the cells of its first and last 5 rows.
Here both frames are also made anew from the files, Ray's as pandas makes it and ours as docs/frame.md says. Where the two differ a rule must say
why, in the way that differences.py says, and each must be as it was made. The rules stand in the section `The data frame` of
docs/differences.md."""
import collections
import copy
import functools
import math
import re
import sys

import differences
from differences import DIR_NAME, MISSING, NA_WORDS, Difference, compare, is_nan, same
from compare import NUMBER_WORDS, frames

FACETS = ROWS, COLUMNS, TYPES, CELLS = ("rows of the data frame", "columns of the data frame", "types of columns", "cells")
RULES = collections.defaultdict(list)
explains = functools.partial(differences.explains, rules=RULES)

ORDER = ("order",)
EDGE = 5  # rows of which the cells are shown, at either end
# Ours that Ray's types of columns may be; objects are anything.
ALIKE = {"int64": ["int64"], "uint64": ["uint64"], "float64": ["float64"], "bool": ["bool"], "str": ["string"], "object": ["json", "null"]}
ALTERED_COLUMNS = 20


# ---- Both frames, made from the files -------------------------------------------------------------------------------


def our_flat(row):
    """A row as libresult makes it flat: in the order of the file, empty objects as cells, a key of the row itself first."""
    flat = {}
    for name, value, nested in our_leaves(row, ""):
        if not nested or name not in row or is_filled(row[name]):
            flat[name] = value
    return flat


def our_leaves(value, prefix, nested=False):
    for key, member in value.items():
        name = f"{prefix}/{key}" if nested else key
        yield from our_leaves(member, name, True) if is_filled(member) else [(name, member, nested)]


def is_filled(value):
    return isinstance(value, dict) and bool(value)


def our_type(values):
    """The type of a column that has these values."""
    known = [value for value in values if value is not MISSING and value is not None]
    kinds = {type(value) for value in known}
    if not kinds:
        return "null"
    if kinds in ({bool}, {str}):
        return {bool: "bool", str: "string"}[kinds.pop()]
    if kinds == {int}:
        least, most = min(known), max(known)
        return "int64" if -(1 << 63) <= least and most < 1 << 63 else "uint64" if 0 <= least and most < 1 << 64 else "json"
    if kinds <= {int, float, str} and all(value in NUMBER_WORDS for value in known if isinstance(value, str)):
        return "float64"
    return "json"


def our_cell(value, kind):
    """A cell of a column of this type."""
    if value is MISSING or value is None:
        return None
    if kind == "float64":
        return NUMBER_WORDS[value] if isinstance(value, str) else float(value)
    return frames.cell(value, kind)


def our_cells_of_csv(name, cells):
    """The values of a column of progress.csv."""
    known = [cell for cell in cells if cell not in (MISSING, "")]
    is_text = name in ("trial_id", "date", "hostname", "node_ip", "experiment_id", "experiment_tag") or name.endswith("_dir_name")
    convert = str
    if is_text or not known:
        pass
    elif all(re.fullmatch("[+-]?[0-9]+", cell) for cell in known):
        convert = int
    elif all(map(is_number_of_csv, known)) and not all(cell in NUMBER_WORDS for cell in known):
        convert = lambda cell: NUMBER_WORDS.get(cell) if cell in NUMBER_WORDS else float(cell)  # noqa: E731
    elif set(known) <= {"True", "False"}:
        convert = lambda cell: cell == "True"  # noqa: E731
    return [MISSING if cell in (MISSING, "") else convert(cell) for cell in cells]


def is_number_of_csv(cell):
    return cell in NUMBER_WORDS or re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", cell)


def pandas_type(values):
    """The type of a column of pandas that has these values."""
    kinds = {type(value) for value in values}
    if kinds == {int}:
        return "int64" if all(-(1 << 63) <= value < 1 << 63 for value in values) \
            else "uint64" if all(0 <= value < 1 << 64 for value in values) else "object"
    if str in kinds and all(isinstance(value, str) or is_nan(value) for value in values):
        return "str"
    return {(float,): "float64", (bool,): "bool"}.get(tuple(kinds), "object")


def pandas_names(header):
    """The columns that pandas makes of the first line of a CSV file."""
    names = []
    for index, name in enumerate(header):
        name = name or f"Unnamed: {index}"
        later = (f"{name}.{count}" for count in range(1, len(header) + 1))
        names.append(name if name not in names else next(one for one in later if one not in names))
    return names


class Run(differences.Run):
    """A run with Ray's data frame and our frame. A row is known by its number in Ray's data frame."""

    def answered(self, ours):
        """What was made from the files does not depend on our answer."""
        run = copy.copy(self)
        run.ours, run.we_refuse = ours, "error" in ours
        return run

    @functools.cached_property
    def ray_frame(self):
        frame = compare.from_golden(self.ray["dataframe"]["ok"])
        return frame | {"types": dict(frame["columns"])}

    @property
    def frame(self):
        return self.ours["frames"][0]

    @functools.cached_property
    def table(self):
        """Ray's data frame, made from the files."""
        if self.reader == "v2":
            return differences.Table([metrics for _, metrics in self.entries], differences.column_of_values)
        if self.rows_file == "progress.csv":
            header, *lines = differences.csv_lines(self.text) or [[]]
            names = pandas_names(header)
            return differences.Table([dict(zip(names, line)) for line in lines], differences.column_of_cells, names)
        return super().table

    @functools.cached_property
    def left_out(self):
        """The rows of Ray's data frame that are none here, by the rule that says why."""
        if self.reader == "v2":
            names = [name for name, _ in self.entries]
            return {index: "checkpoint_has_one_row" if name in names[index + 1:] else "unsafe_name_has_no_row"
                    for index, name in enumerate(names) if name in names[index + 1:] or differences.is_unsafe(name)}
        if self.rows_file == "result.json":
            return {index: "null_is_a_row" for index, row in enumerate(self.rows) if row is None}
        header = self.header
        again = {index: "header_is_a_row" for index, line in enumerate(differences.csv_lines(self.text)[1:]) if line == header}
        return again | ({len(self.table.rows) - 1: "cut_row_is_a_row"} if self.ends_torn and self.table.rows else {})

    @property
    def header(self):
        return (differences.csv_lines(self.text) or [[]])[0]

    @functools.cached_property
    def our_rows(self):
        """The rows that must be here, in order."""
        kept = [index for index in range(len(self.table.rows)) if index not in self.left_out]
        if self.reader == "v1":
            return kept + [f"progress.csv, {index}" for index in range(len(self.rows_of_csv))]
        names = [name for name, _ in self.entries]
        return sorted(kept, key=lambda index: self.checkpoints[names[index]]["index"])

    @functools.cached_property
    def rows_of_csv(self):
        """Those of progress.csv if result.json has none, of which Ray knows nothing."""
        if self.rows_file != "result.json" or self.rows or not self.has("progress.csv"):
            return []
        return differences.read_csv(self).rows

    @functools.cached_property
    def values(self):
        """Our frame, made from the files, before values become cells: {column: {row: value}}."""
        if self.rows_of_csv or self.rows_file == "progress.csv":
            lines = differences.csv_lines(self.text)[1:] if self.rows_file == "progress.csv" else None
            rows = self.rows_of_csv or [dict(zip(self.header, lines[index])) for index in self.our_rows]
            names = dict.fromkeys(name for row in rows for name, cell in row.items() if cell != "")
            columns = {name: our_cells_of_csv(name, [row.get(name, MISSING) for row in rows]) for name in names}
            return {name: dict(zip(self.our_rows, values)) for name, values in columns.items()}
        nested = self.rows if self.reader == "v1" else self.table.rows
        columns = {}
        for index in self.our_rows:
            for name, value in our_flat(nested[index]).items():
                columns.setdefault(name, {})[index] = value
        return columns

    @functools.cached_property
    def our_types(self):
        return {name: our_type(values.values()) for name, values in self.values.items()}

    def value(self, difference):
        """What the file has in a place of our frame."""
        row, name = difference.at
        return self.values.get(name, {}).get(row, MISSING)

    def column(self, name):
        """A column of Ray's, as the file has it: values, cells of a CSV file, or MISSING."""
        return [row.get(name, MISSING) for row in self.table.rows]

    def told_rows(self):
        """Rows of which Ray's cells are kept: (row, cells by column, objects flat as ours are)."""
        for row, cells in zip(self.ray_frame["index"], self.ray_frame["rows"]):
            yield row, our_flat(dict(zip(self.ray_frame["types"], cells)))

    def modelled_cell(self, row, name):
        """A cell of Ray's data frame, made from the files."""
        return our_flat({name: values[row] for name, values in self.table.columns.items()}).get(name, MISSING)


# ---- Differences ----------------------------------------------------------------------------------------------------


def found_differences(run):
    if run.ray_refuses or run.we_refuse:
        return
    if "rows" not in run.frame:
        yield Difference(ROWS, (), run.ray_frame["shape"], run.frame)
        return
    keys = our_keys(run)
    yield from presence(ROWS, dict.fromkeys(range(run.ray_frame["shape"][0]), "a row"), dict.fromkeys(keys, "a row"))
    yield from columns(run)
    yield from cells(run, keys)


def our_keys(run):
    """Of each row of our frame which it must be."""
    keys, count = run.our_rows, run.frame["rows"]
    return keys[:count] + [f"one more, {index}" for index in range(len(keys), count)]


def presence(facet, ray, ours):
    """Members that only one of two has, and whether those that both have stand in the same order."""
    for name in {**ray, **ours}:
        if (name in ray) != (name in ours):
            yield Difference(facet, (name,), ray.get(name, MISSING), ours.get(name, MISSING))
    ray_order, our_order = [name for name in ray if name in ours], [name for name in ours if name in ray]
    if ray_order != our_order:
        yield Difference(facet, ORDER, ray_order, our_order)


def columns(run):
    ray, ours = run.ray_frame["types"], dict(run.frame["columns"])
    _, count = run.ray_frame["shape"]
    if count == len(ray):
        yield from presence(COLUMNS, ray, ours)
    else:
        # The names that the golden does not keep can only be those that pandas makes of the files.
        yield from presence(COLUMNS, {**ray, **dict.fromkeys(run.table.columns, "not kept")}, ours)
        if count != len(run.table.columns):
            yield Difference(COLUMNS, ("number",), count, len(run.table.columns))
    for name in ray:
        if name in ours and ours[name] not in ALIKE[ray[name]]:
            yield Difference(TYPES, (name,), ray[name], ours[name])


def cells(run, keys):
    """Where Ray tells a cell, and we show the row and the column."""
    shown = {keys[place]: row for place, row in zip(places(len(keys)), frames.decoded(run.frame))}
    names = [name for name, _ in run.frame["columns"][:frames.SHOWN_COLUMNS]]
    for row, ray in run.told_rows():
        if row in shown:
            ours = dict(zip(names, shown[row]))
            for name, one in ray.items():
                if name in ours and not same(one, ours[name]):
                    yield Difference(CELLS, (row, name), one, ours[name])


def places(count):
    """The rows of a frame that are shown."""
    return range(count) if count <= 2 * EDGE else [*range(EDGE), *range(count - EDGE, count)]


# ---- Rules ----------------------------------------------------------------------------------------------------------


def is_as_made(run, difference):
    """Whether both answers are what the files make of them."""
    return {ROWS: rows_are_as_made, COLUMNS: columns_are_as_made, TYPES: types_are_as_made, CELLS: cells_are_as_made}[
        difference.facet](run, difference)


def rows_are_as_made(run, difference):
    if difference.at == ORDER:
        return difference.ours == [row for row in run.our_rows if row in difference.ours] \
            and difference.ray == [row for row in range(len(run.table.rows)) if row in difference.ray]
    row, = difference.at
    return (row in run.our_rows) == (difference.ours is not MISSING) and (row in range(len(run.table.rows))) == (difference.ray is not MISSING)


def columns_are_as_made(run, difference):
    if difference.at == ORDER:
        return difference.ours == [name for name in run.values if name in difference.ours] \
            and difference.ray == [name for name in run.table.columns if name in difference.ray]
    name, = difference.at
    return (name in run.values) == (difference.ours is not MISSING) and (name in run.table.columns) == (difference.ray is not MISSING)


def types_are_as_made(run, difference):
    name, = difference.at
    return difference.ours == run.our_types[name] and difference.ray == pandas_type(run.table.columns[name])


def cells_are_as_made(run, difference):
    row, name = difference.at
    ours = our_cell(run.values[name].get(row), run.our_types[name])
    return same(difference.ray, run.modelled_cell(row, name)) and same(ours, difference.ours)


def explanations(run, difference):
    try:
        made = is_as_made(run, difference)
    except (ValueError, LookupError, TypeError, OSError):
        made = False
    return differences.explanations(run, difference, rules=RULES) if made else []


def file_has_gaps(run, name):
    """Whether a column lacks a value somewhere; what pandas drops counts, and what it takes for missing."""
    is_cell = run.rows_file == "progress.csv" and run.reader == "v1"
    return any(differences.is_na(value) if is_cell else value is MISSING or value is None for value in run.column(name))


# Rows


def explained_by_row(run, difference, rule):
    """Whether a row that is none here is so by this rule, or the type of the column another without such rows."""
    if difference.facet == ROWS:
        return run.left_out.get(difference.at[0]) == rule
    name = difference.at[-1]
    values = [value for row, value in enumerate(run.column(name)) if run.left_out.get(row) != rule]
    return rule in run.left_out.values() and pandas_type(differences.column_of_cells(values)) != run.ray_frame["types"][name]


@explains(ROWS, TYPES, CELLS)
def cut_row_is_a_row(run, difference):
    """Ray takes a last line of `progress.csv` that is cut for a row, and what it has and lacks tells of the types; here it is not
    yet one."""
    return explained_by_row(run, difference, "cut_row_is_a_row")


@explains(ROWS, TYPES, CELLS)
def header_is_a_row(run, difference):
    """If the header of `progress.csv` comes again, as after a restart, it is a row in Ray and every column is text; here that line
    is skipped."""
    return explained_by_row(run, difference, "header_is_a_row")


@explains(ROWS)
def null_is_a_row(run, difference):
    """A line of `result.json` that is `null` is a row without values in Ray; here it is no row."""
    return explained_by_row(run, difference, "null_is_a_row")


@explains(ROWS)
def checkpoint_has_one_row(run, difference):
    """If the snapshot lists a name twice, Ray has two rows; here the last entry counts."""
    return explained_by_row(run, difference, "checkpoint_has_one_row")


@explains(ROWS)
def unsafe_name_has_no_row(run, difference):
    """Ray has a row for a checkpoint whose name leads out of the run, if it is there; here such entries are left out."""
    return explained_by_row(run, difference, "unsafe_name_has_no_row")


@explains(ROWS, COLUMNS)
def rows_of_progress_csv(run, difference):
    """Ray has no rows if `result.json` has none; here those of `progress.csv` then count."""
    return bool(run.rows_of_csv) and difference.ray is MISSING


@explains(ROWS)
def rows_by_report(run, difference):
    """Ray's rows of a V2 run stand as the snapshot lists the checkpoints, by score if the run ranks them; here they stand in the order
    of their reports."""
    return run.reader == "v2" and difference.at == ORDER


# Columns


@explains(COLUMNS)
def nested_columns_are_last(run, difference):
    """Ray puts the columns of nested objects behind all others of the row; here each stands where it was reported."""
    nested = any(is_filled(value) for row in run.rows for value in (row or {}).values())
    return run.reader == "v1" and run.rows_file == "result.json" and difference.at == ORDER and nested


@explains(COLUMNS)
def columns_by_report(run, difference):
    """Columns stand as the rows first name them in both, but the rows of a V2 run differ in order; here those of the earlier reports
    are first."""
    return run.reader == "v2" and difference.at == ORDER and run.our_rows != sorted(run.our_rows)


@explains(COLUMNS, TYPES, CELLS)
def objects_are_cells_in_v2(run, difference):
    """Ray's data frame of a V2 run has nested objects as cells; here they are columns, `eval/loss`, as in V1."""
    name = difference.at[-1]
    if run.reader != "v2":
        return False
    nested = {flat for row in run.table.rows for flat in our_flat(row) if flat not in row}
    if difference.at == ORDER:
        return not nested.isdisjoint(difference.ours)
    return name in nested or any(map(is_filled, run.column(name)))


@explains(COLUMNS, TYPES, CELLS)
def empty_object_is_dropped(run, difference):
    """Ray's data frame of a V1 run drops empty objects: there is no column, a later one, or no value; here they are cells."""
    name = difference.at[-1]
    if run.reader != "v1":
        return False
    if difference.at == ORDER:
        return any({} in run.values[one].values() for one in difference.ours)
    return run.value(difference) == {} if difference.facet == CELLS else {} in run.values[name].values()


@explains(COLUMNS)
def column_without_values(run, difference):
    """Ray has all columns that the first line of `progress.csv` names, in that order; here columns stand where a whole row first has
    a value."""
    if run.rows_file != "progress.csv":
        return False
    if difference.at == ORDER:
        return any("" in run.column(name) for name in difference.ours)
    return difference.ours is MISSING and {run.column(difference.at[0])[row] for row in run.our_rows} <= {"", MISSING}


@explains(COLUMNS, TYPES, CELLS)
def csv_names_are_numbered(run, difference):
    """Ray has `a` and `a.1` if a `progress.csv` names two columns `a`, and `Unnamed: 1` if one has no name; here the last of one
    name counts, and no name is a name."""
    header, name = run.header, difference.at[-1]
    made = dict(zip(pandas_names(header), header))
    if difference.facet == COLUMNS:
        return run.rows_file == "progress.csv" and (made.get(name, name) != name or name == "" in header)
    return run.rows_file == "progress.csv" and header.count(name) > 1


@explains(COLUMNS)
def empty_key_has_no_slash(run, difference):
    """Ray names a column of an object with an empty key `a`; here it is `/a`."""
    name = difference.at[0]
    if run.reader != "v1" or run.rows_file != "result.json":
        return False
    return name.startswith("/") and name.lstrip("/") in run.table.columns if difference.ray is MISSING \
        else any(one.startswith("/") and one.lstrip("/") == name for one in run.values)


# Types and cells


@explains(TYPES, CELLS)
def nothing_is_nan(run, difference):
    """What a row lacks, has as null, or as an empty cell, is NaN in Ray, and a column of nothing else floats; here it is null."""
    if difference.facet == TYPES:
        return difference.ours == "null" and difference.ray == "float64"
    return is_nan(difference.ray) and difference.ours is None and run.value(difference) in (MISSING, None)


@explains(TYPES, CELLS)
def integers_beside_gaps(run, difference):
    """Integers of a column are floats in Ray if one is missing, and lose what a float cannot hold; here they stay integers."""
    ray, ours = difference.ray, difference.ours
    if not file_has_gaps(run, difference.at[-1]):
        return False
    if difference.facet == TYPES:
        return ray == "float64" and ours in ("int64", "uint64")
    return type(ray) is float and type(ours) is int and ray == float(ours)


@explains(TYPES)
def bools_beside_gaps(run, difference):
    """A column of bools of which one is missing has objects in Ray; here it is of bools."""
    return difference.ray == "object" and difference.ours == "bool" and file_has_gaps(run, difference.at[0])


@explains(TYPES, CELLS)
def words_are_numbers(run, difference):
    """Texts such as `nan` and `inf` beside numbers stay texts in Ray, and the column has objects; here they are numbers, and so is
    the column."""
    name = difference.at[-1]
    known = [value for value in run.values[name].values() if value is not None]
    return run.our_types[name] == "float64" and pandas_type(run.table.columns[name]) == "object" \
        and any(isinstance(value, str) for value in known)


@explains(TYPES, CELLS)
def large_integers_are_objects(run, difference):
    """Integers beyond 64 bits beside floats stay integers in Ray, as objects; here the column is of floats, each the nearest."""
    name = difference.at[-1]
    return run.our_types[name] == "float64" and pandas_type(run.table.columns[name]) == "object" \
        and any(type(value) is int and not -(1 << 63) <= value < 1 << 64 for value in run.values[name].values())


@explains(CELLS)
def nested_key_wins(run, difference):
    """If a row has a key `a/b`, and `b` within `a`, the nested one is Ray's; here that of the row itself."""
    row, name = difference.at
    return run.reader == "v1" and run.rows_file == "result.json" and "/" in name and same(run.rows[row][name], difference.ours)


@explains(CELLS)
def json_is_strict(run, difference):
    """In lists and in columns of several types Ray's NaN and infinities are floats; here such cells are strict JSON, which has
    them as texts."""
    value = run.value(difference)
    return run.our_types[difference.at[1]] == "json" and same(value, difference.ray) and not same(frames.strict(value), value)


@explains(TYPES, CELLS)
def csv_words_are_missing(run, difference):
    """Ray takes cells of `progress.csv` such as `NA` for missing, whatever the column; here, where they are no numbers, the column is
    of texts."""
    name = difference.at[-1]
    words = [cell for cell in run.column(name) if cell in NA_WORDS]
    if run.rows_file != "progress.csv" or run.our_types[name] != "string" or not words:
        return False
    return difference.facet == TYPES or difference.ours == run.table.rows[difference.at[0]][name]


@explains(TYPES, CELLS)
def csv_identifiers_are_numbers(run, difference):
    """Ray reads a `trial_id` of digits in `progress.csv` as a number and drops its zeros; here identifiers, names and dates are
    texts."""
    name = difference.at[-1]
    known = [cell for cell in run.column(name) if cell not in (MISSING, "")]
    return run.rows_file == "progress.csv" and run.our_types[name] == "string" and all(map(is_number_of_csv, known)) \
        and not any(cell in NUMBER_WORDS for cell in known)


@explains(TYPES, CELLS)
def csv_spellings(run, difference):
    """Ray reads ` 1`, `infinity` and `TRUE` in `progress.csv` as numbers and bools; here, where Ray never wrote them, they are
    texts."""
    name = difference.at[-1]
    odd = [cell for cell in run.column(name) if cell not in (MISSING, "", "True", "False", *NA_WORDS) and not is_number_of_csv(cell)]
    return run.rows_file == "progress.csv" and run.our_types[name] == "string" and bool(odd) \
        and pandas_type(run.table.columns[name]) != "str"


# ---- Self-test ------------------------------------------------------------------------------------------------------


def altered_answers(run):
    """Ways in which our frame could be wrong, in every row, and in every column of which Ray tells something."""
    if run.we_refuse or "rows" not in run.frame:
        return
    frame = run.frame
    def altered(**members):
        return {**run.ours, "frames": [frame | members]}

    rows, kept, types = frame["rows"], frame["cells"], frame["columns"]
    yield "no frame", {**run.ours, "frames": [{"code": "internal", "message": ""}]}
    yield "a row more", altered(rows=rows + 1, cells=[*kept, [None] * len(types[:frames.SHOWN_COLUMNS])])
    yield "a column more", altered(columns=[*types, ["altered", "null"]], cells=[[*row, None] for row in kept])
    if rows:
        yield "a row less", altered(rows=rows - 1, cells=kept[:-1])
    if len(kept) > 1 and kept[0] != kept[-1]:
        yield "rows in another order", altered(cells=kept[::-1])
    told, keys = dict(run.told_rows()), our_keys(run)
    before = None  # the last column that Ray tells too
    for column, (name, kind) in enumerate(types[:ALTERED_COLUMNS]):
        def with_column(new, row=None, value=None, column=column):
            """Another name or type, or another cell."""
            return altered(columns=types[:column] + [new] + types[column + 1:], cells=[
                [*cells[:column], value, *cells[column + 1:]] if number == row else cells for number, cells in enumerate(kept)])

        if name in run.ray_frame["types"]:
            yield f"another name ({name})", with_column([f"altered {name}", kind])
            yield f"another type ({name})", with_column([name, "string" if kind != "string" else "bool"])
            if before is not None:
                yield f"another order ({name})", altered(
                    columns=exchanged(types, before, column), cells=[exchanged(cells, before, column) for cells in kept])
            before = column
        for row, place in enumerate(places(len(keys))):
            # One row of each column, another of the next, will do.
            if row == column % max(len(kept), 1) and name in told.get(keys[place], {}):
                cell = kept[row][column]
                yield f"another cell ({row}, {name})", with_column([name, kind], row, another(cell, kind))
                if cell is not None:
                    yield f"no cell ({row}, {name})", with_column([name, kind], row, None)


def exchanged(members, one, other):
    members = list(members)
    members[one], members[other] = members[other], members[one]
    return members


def another(cell, kind):
    return '"altered"' if kind == "json" else differences.another(1 if cell is None else cell)


if __name__ == "__main__":
    FRAME = differences.Comparison(
        "differences from Ray's data frame", __doc__, differences.DATA_FRAME, FACETS, RULES, differences.judged_cases,
        functools.partial(differences.runs_of, kind=Run), found_differences, explanations, altered_answers)
    sys.exit(compare.in_deep_thread(functools.partial(differences.main, FRAME)))
