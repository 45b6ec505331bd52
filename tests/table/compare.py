#!/usr/bin/env python3
"""Holds the answers of a program against the goldens of the corpus.

README.md beside this file says how a program is asked and how it answers; a golden's `expected` is what libresult must
answer. Each difference is one line: case, field, expected, got. The last line is `N passed, N failed`.

Each run is also opened strictly, which must fail if there is any damage, and with its export events, if it has them. As root, a case
about file permissions is asked twice: as root, whom they do not bind, and without root's capabilities, as any other user who owns
the files."""
import argparse
import collections
import contextlib
import copy
import dataclasses
import fnmatch
import functools
import hashlib
import json
import math
import os
import re
import shlex
import subprocess
import sys
import tempfile
import threading
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, os.pardir, "corpus"))
sys.dont_write_bytecode = True
import frames  # noqa: E402
import materialise  # noqa: E402

# Found when a run is opened; the other codes may wait until the rows are read.
OPENING = set("""no_result_file used_progress_csv torn_last_line deleted_checkpoint missing_checkpoint uncommitted_checkpoint
    unjoined_checkpoint approximate_join unsafe_name bad_error_pickle both_layouts no_snapshot unknown_field wrong_type
    index_mismatch order_guessed duplicate_checkpoint latest_not_listed latest_missing latest_metrics_differ
    bad_event torn_last_event no_matching_event""".split())
OPENING_OF_SNAPSHOT = OPENING | {"bom", "invalid_utf8", "lone_surrogate", "duplicate_key"}
DAMAGE = set("""torn_last_line bad_line torn_last_event bad_event invalid_utf8 lone_surrogate ragged_row bad_error_pickle
    unreadable_file wrong_type index_mismatch duplicate_checkpoint latest_not_listed unsafe_name missing_checkpoint""".split())
SKIPPED = ("not_on_disk", "missing", "nan", "non_numeric")
MODES = ("min", "max")
SNAPSHOT = "checkpoint_manager_snapshot.json"

# Texts that count as numbers where the other values of a metric are numbers.
NUMBER_WORDS = {"nan": math.nan, "NaN": math.nan, "null": math.nan, "inf": math.inf, "Infinity": math.inf,
                "-inf": -math.inf, "-Infinity": -math.inf}

# Root is then bound by the permissions of its own files.
WITHOUT_CAPABILITIES = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")
PROGRAM_SECONDS = 900
SHOWN_DIFFERENCES = 10
SHOWN_CHARACTERS = 160
DEEPEST = 100_000
STACK_BYTES = 512 << 20


# ---- Values: one Python form for goldens and answers ----------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class LongText:
    """A text of which the golden keeps only the size, the hash and the beginning."""
    characters: int
    sha256: str
    head: str


class CutObject(dict):
    """An object of which the golden keeps only the first members."""
    total = 0


class Record(dict):
    """Members that must all be there, in any order: an object of the protocol, not of the run."""


@dataclasses.dataclass(frozen=True)
class Matches:
    """Any value that `holds`."""
    what: str
    holds: object

    def __repr__(self):
        return f"<{self.what}>"


ANY = Matches("anything", lambda _: True)


def list_of(*members):
    """Matches a list of objects that have these members and no others."""
    return Matches(f"a list of objects with {', '.join(members)}",
                   lambda got: isinstance(got, list) and all(isinstance(one, dict) and set(one) == set(members) for one in got))


def from_golden(value):
    """Decodes what JSON cannot say, or a golden would not repeat."""
    if isinstance(value, list):
        return [from_golden(one) for one in value]
    if not isinstance(value, dict):
        return value
    if "$f" in value:
        return float(value["$f"])
    if "$i" in value:
        return int(value["$i"])
    if "$long" in value:
        return LongText(value["$long"], value["sha256"], value["head"])
    if "$json" in value:
        return json.loads(value["$json"])
    members = dict(value["$pairs"]) if "$pairs" in value else {k: v for k, v in value.items() if k != "$keys"}
    members = {key: from_golden(member) for key, member in members.items()}
    if "$keys" in value:
        members = CutObject(members)
        members.total = value["$keys"]
    return members


def plain_object(pairs):
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError(f"an object names a member twice: {[key for key, _ in pairs]}")
    return members


def answered_object(pairs):
    """An object as a program writes it."""
    members = plain_object(pairs)
    if list(members) == ["$f"] and members["$f"] in ("nan", "inf", "-inf"):
        return float(members["$f"])
    if list(members) == ["$pairs"]:
        return plain_object([(key, value) for key, value in members["$pairs"]])
    if any(key.startswith("$") for key in members):
        raise ValueError(f"members that start with $ want $pairs: {list(members)}")
    return members


def no_constant(text):
    raise ValueError(f"{text} is not JSON")


def strict_json(text, object_hook=plain_object):
    """Reads JSON as the standard has it: no NaN, no member twice, no half of a surrogate pair."""
    value = json.loads(text, object_pairs_hook=object_hook, parse_constant=no_constant)
    json.dumps(value, ensure_ascii=False).encode("utf-8")
    return value


def differences(expected, got, ordered, where=""):
    """Each place where `got` is not `expected`, as (where, expected, got). Types count: 3 is not 3.0, nor is true 1."""
    if isinstance(expected, Matches):
        if not expected.holds(got):
            yield where, expected, got
    elif isinstance(expected, LongText):
        if not isinstance(got, str) or expected != summary(got, len(expected.head)):
            yield where, expected, got
    elif isinstance(expected, dict) and isinstance(got, dict):
        if not same_members(expected, got, ordered):
            yield f"{where}, its members", list(expected), list(got)
        for key in expected:
            if key in got:
                yield from differences(expected[key], got[key], ordered, f"{where}.{key}".lstrip("."))
    elif isinstance(expected, list) and isinstance(got, list):
        if len(expected) != len(got):
            yield f"{where}, its length", len(expected), len(got)
        for index, (one, other) in enumerate(zip(expected, got)):
            yield from differences(one, other, ordered, f"{where}[{index}]")
    # repr tells -0.0 from 0.0, and finds NaN equal to itself.
    elif type(expected) is not type(got) or (repr(expected) != repr(got) if isinstance(got, float) else expected != got):
        yield where, expected, got


def summary(text, head):
    return LongText(len(text), hashlib.sha256(text.encode("utf-8")).hexdigest(), text[:head])


def same_members(expected, got, ordered):
    wanted, there = list(expected), list(got)
    if isinstance(expected, CutObject):
        same = wanted == there[: len(wanted)] if ordered else set(wanted) <= set(there)
        return same and len(there) == expected.total
    return wanted == there if ordered and not isinstance(expected, Record) else set(wanted) == set(there)


# ---- Cases ----------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Store:
    """How the paths of this machine are called in a store that has the same files."""
    template: str = "{path}"  # of a URI; {quoted} is the path with percent escapes, and a query follows what is answered
    filesystem: str = ""  # what Ray calls it, if not as the scheme
    has_links: bool = True  # whether it shows links that lead nowhere
    is_listed: bool = True  # whether it tells which files and directories there are

    def opened(self, path):
        return self.template.format(path=path, quoted=urllib.parse.quote(path))

    def uri(self, path):
        """What leads there again."""
        return self.shown(path)

    def shown(self, path):
        """What messages call it."""
        return Store(self.template.split("?")[0]).opened(path)

    def path(self, path):
        return self.template.split("://", 1)[-1].split("?")[0].replace("{quoted}", "{path}").format(path=path)

    @property
    def name(self):
        return self.filesystem or (self.template.split("://")[0] if "://" in self.template else "local")


@dataclasses.dataclass
class Case:
    name: str
    family: str
    path: str  # where it is on this machine
    expected: dict
    powerless: bool = False  # whether it is opened without the capabilities of root
    events: str = ""  # the setting `events`
    strict: bool = False  # whether the setting `strict` is true
    store: "Store" = dataclasses.field(default_factory=lambda: Store())  # where it is opened

    @property
    def opened(self):
        return self.store.opened(self.path)

    @property
    def settings(self):
        events = [("events", self.store.opened(self.events)), ("events_path", self.path)] if self.events else []
        return events[: 2 if self.store.path(self.path) != self.path else 1] + [("strict", "true")] * self.strict

    @property
    def title(self):
        return f"{self.name} (without root's capabilities)" if self.powerless else self.name

    @property
    def metrics(self):
        """The names to ask for. A name with a NUL cannot be said in C."""
        return [name for name in self.expected.get("best", {}) if "\0" not in name]


def strictly(expected):
    """What is expected of a run that is opened strictly: an error if it has any damage, be it in a row."""
    damage = DAMAGE & set(expected["diagnostics"])
    return {"error": "damaged", "damage": damage} if damage else expected


def load_cases(corpus, scratch, with_settings=False):
    """Makes all run directories below `scratch`, unless an earlier run has, and reads what is expected of each; with settings also
    of a case that is opened strictly, and of one with export events, where it has them."""
    made = os.path.join(scratch, "cases.json")
    if not os.path.exists(made):
        paths = {os.path.relpath(where, corpus): materialise.materialise(where, scratch) for where in materialise.cases(corpus)}
        with open(made, "w", encoding="utf-8") as f:
            json.dump(paths, f)
    with open(made, encoding="utf-8") as f:
        paths = json.load(f)
    cases = []
    for name, path in paths.items():
        with open(os.path.join(corpus, name, "golden.json"), encoding="utf-8") as f:
            golden = json.load(f)
        family, expected = golden["family"], from_golden(golden["expected"])
        if "needs_non_root" in golden["tags"] and os.geteuid() == 0:
            cases.append(Case(name, family, path, from_golden(golden["expected_as_root"])))
            cases.append(Case(name, family, path, expected, powerless=True))
        else:
            cases.append(Case(name, family, path, expected))
        if with_settings and "error" not in expected:
            cases.append(Case(f"{name} strictly", family, path, strictly(expected), strict=True))
        if with_settings and golden.get("events"):
            events = os.path.join(scratch, golden["case"].replace("/", "."), "events")
            expected = {**expected, **from_golden(golden["expected_with_events"])}
            cases.append(Case(f"{name} with events", family, path, expected, events=events))
        for trial in golden.get("trials", []):
            where = os.path.join(path, trial["dir"])
            cases.append(Case(f"{name}/{trial['dir']}", family, where, from_golden(trial["expected"])))
    return cases


def size_of(path):
    """The bytes of all files below `path`."""
    return sum(os.lstat(os.path.join(where, name)).st_size for where, _, names in os.walk(path) for name in names)


# ---- Asking ---------------------------------------------------------------------------------------------------------


def ask(program, cases):
    """The line that the program prints for each case, and what was wrong with the way it ended."""
    lines, faults = {}, []
    # Cases that are asked in one way stand together, so that few processes do.
    for powerless in (False, True):
        waiting = [case for case in cases if case.powerless == powerless]
        while waiting:
            answered, fault = run([*WITHOUT_CAPABILITIES, *program] if powerless else program, waiting)
            lines.update(zip((case.title for case in waiting), answered))
            waiting = waiting[len(answered):]
            if fault and waiting:
                lines[waiting.pop(0).title] = fault
            elif fault:
                faults.append(fault)
    return [lines[case.title] for case in cases], faults


def run(command, cases):
    """Asks one process. Returns the lines that it printed, and how it failed, if it did."""
    fields = []
    for case in cases:
        settings = [text for setting in case.settings for text in setting]
        fields += [case.opened, str(len(case.settings)), *settings, str(len(case.metrics)), *case.metrics, *frames.ASKED]
    try:
        done = subprocess.run(command, input=b"".join(os.fsencode(field) + b"\0" for field in fields), stdout=subprocess.PIPE,
                              timeout=PROGRAM_SECONDS, check=False)
        output, status = done.stdout, done.returncode
    except subprocess.TimeoutExpired as late:
        output, status = late.stdout or b"", f"none after {PROGRAM_SECONDS} s"
    lines = output.split(b"\n")
    rest = lines.pop()
    if len(lines) > len(cases) or (len(lines) == len(cases) and rest):
        return lines[: len(cases)], "the program printed more than one line for each case"
    if status != 0 or len(lines) < len(cases):
        return lines, f"the program ended, exit status {status}"
    return lines, ""


# ---- What must be answered ------------------------------------------------------------------------------------------


def check(case, line, ordered):
    """Everything that is wrong with the line a program printed for `case`."""
    if isinstance(line, str):
        return [("the program", "an answer", line)]
    try:
        answer = strict_json(line.decode("utf-8"), answered_object)
    except (ValueError, RecursionError) as e:
        return [("the line", "JSON", f"{e}: {line!r}")]
    return check_answer(case, answer, ordered)


def check_answer(case, answer, ordered):
    if "error" in case.expected:
        return list(differences(expected_error(case), answer, ordered))
    # How the members agree is asked only of an answer that is whole.
    found = list(differences(expected_answer(case), answer, ordered))
    return found or [*check_named(case, answer, ordered), *check_diagnostics(case, answer), *check_json(answer, ordered),
                     *check_frames(case, answer, ordered)]


def expected_error(case):
    code = case.expected["error"]
    where = case.store.shown(case.path)
    words = {"not_a_run": lambda: words_for_no_run(case), "corrupt": lambda: [SNAPSHOT],
             "permission": lambda: [SNAPSHOT], "damaged": lambda: ["strict"], "not_found": list}[code]()

    def holds(message):
        if not isinstance(message, str) or where not in message:
            return False
        rest = message.replace(where, "")
        if code == "not_found":
            return not any(word in rest for word in (SNAPSHOT, "result.json", "experiment"))
        if code == "damaged" and not any(f"({damage}, " in rest for damage in case.expected["damage"]):
            return False
        return all(word in rest for word in words)

    what = f"a message that names {where}" + "".join(f", {word}" for word in words)
    code_in_c = {"not_a_run": "not_found", "damaged": "corrupt"}.get(code, code)
    return Record(error=Record(code=code_in_c, message=Matches(what, holds)))


def words_for_no_run(case):
    """What a message must say of what is there instead of a run."""
    path = case.path
    if os.path.islink(path) and not os.path.exists(path):
        return ["link"] if case.store.has_links else []
    if os.path.isfile(path):
        return ["file"]
    names = os.listdir(path)
    if any(name.startswith("experiment_state-") for name in names):
        trials = [name for name in sorted(names) if os.path.isdir(os.path.join(path, name))]
        return ["experiment", trials[0]]
    if os.path.basename(path).startswith("checkpoint_"):
        return ["checkpoint"]
    return [SNAPSHOT, "result.json"]


def expected_answer(case):
    """The answer, with a `Matches` where the golden leaves room or another check looks closer."""
    e, store, path = case.expected, case.store, case.path
    present = "present" if store.is_listed else "unknown"
    checkpoints = [expected_checkpoint(case, one["name"], one["index"], one["report_index"],
                                       present if one["exists"] else "absent", one["status"], one["metrics"])
                   for one in e["checkpoints"]]
    by_name = {one["name"]: one for one in checkpoints}
    return Record(
        layout=e["layout"], ray_version=e["ray_version"] or "", uri=store.uri(path), path=store.path(path),
        filesystem=store.name,
        metrics=e["metrics"],
        checkpoint=by_name.get(e["checkpoint"]), resume=by_name.get(e["resume"]),
        checkpoints=checkpoints,
        leftovers=[expected_checkpoint(case, name, None, None, "present", "uncommitted", None) for name in e["leftovers"]],
        named=[expected_named(store.path(path), name, e["best"][name]) for name in case.metrics],
        failure=expected_failure(e["failure"], failed_workers(case)),
        config=Record(presence=e["config"]["presence"], value=e["config"]["value"], source=source_of(e["config"])),
        return_value=Record(presence=e["return_value"]["presence"], value=None, source=""),
        **expected_course(case),
        diagnostics=list_of("code", "severity", "file", "line", "message"), json=ANY, frames=ANY)


def expected_checkpoint(case, name, index, report_index, presence, status, metrics):
    store, where = case.store, f"{case.path}/{name}"
    # In the API it is a uint64_t.
    if report_index is not None and not 0 <= report_index < 1 << 64:
        report_index = None
    return Record(name=name, uri=store.uri(where), path=store.path(where), filesystem=store.name, index=index, report_index=report_index,
                  presence=presence, status=status, metrics=metrics)


def expected_named(path, metric, golden):
    def best(one):
        if "name" in one:
            return Record(name=one["name"], path=f"{path}/{one['name']}")
        return refusal("not_found" if "none" in one else "invalid_argument")

    def rank(one):
        return refusal("invalid_argument") if "unnamed" in one else Record(
            ranked=list_of("name", "value"), skipped=list_of("name", "reason"))

    def refusal(code):
        names = lambda message: isinstance(message, str) and metric in message  # noqa: E731
        return Record(code=code, message=Matches(f"a message that names {metric!r}", names))

    return Record(metric=metric, value=ANY, best=Record({mode: best(golden[mode]) for mode in MODES}),
                  rank=Record({mode: rank(golden[mode]) for mode in MODES}))


def source_of(golden):
    """The source of what is absent is not in the API."""
    return golden["source"] or "" if golden["presence"] == "present" else ""


def expected_failure(golden, workers):
    present = golden["presence"] == "present"
    told = {name: golden[name] or "" for name in ("type", "module", "message")}
    return Record(told, presence=golden["presence"], source=source_of(golden),
                  traceback=expected_traceback(golden) if present else "",
                  count=golden["count"] if present else None, recovered=golden["recovered"], workers=workers)


def expected_traceback(golden):
    return Matches("a traceback" if golden["has_traceback"] else "no traceback",
                   lambda got: isinstance(got, str) and ('File "' in got) == golden["has_traceback"])


def expected_course(case):
    """What only export events tell."""
    e = case.expected
    configured = e.get("configured", dict.fromkeys(("metric", "mode", "num_to_keep")))
    texts = failed_attempts(case.events) if case.events else {}
    return {
        "status": e.get("status") or "", "status_detail": e.get("status_detail") or "",
        "start_time_ns": e.get("start_time_ns"), "end_time_ns": e.get("end_time_ns"),
        "configured": Record(metric=configured["metric"] or "", mode=configured["mode"], keep=configured["num_to_keep"]),
        "attempts": [
            Record(status=one["status"] or "", start_time_ns=one["start_time_ns"], end_time_ns=one["end_time_ns"],
                   workers=one["workers"], failure=expected_incident(one, e, texts.get(one["start_time_ns"], "")))
            for one in e.get("attempts", [])]}


def expected_incident(attempt, e, text):
    """The failure of an attempt; None if it did not fail."""
    if attempt["status"] != "errored":
        return None
    end = attempt["end_time_ns"]
    later = end is not None and any((one["start_time_ns"] or 0) > end for one in e["attempts"])
    recovered = later or e["status"] == "finished"
    return Record(**expected_details(attempt), recovered=recovered, workers=expected_workers(text, {**attempt, "recovered": recovered}))


def expected_details(golden):
    told = {name: golden[name] or "" for name in ("type", "module", "message")}
    return {**told, "traceback": expected_traceback(golden), "source": "events", "count": 1}


def failed_workers(case):
    """The workers of the failure of the run: those that the text names which tells it."""
    e = case.expected
    if not case.events or e["failure"]["presence"] != "present":
        return []
    texts = failed_attempts(case.events)
    errored = [texts.get(one["start_time_ns"], "") for one in e["attempts"] if one["status"] == "errored"]
    told = e["status_detail"] if e["status"] in ("errored", "aborted") else errored[-1] if errored else ""
    return expected_workers(told or "", e["failure"])


def expected_workers(text, golden):
    """Each rank that a heading in the text names. Goldens tell the details of the first block only."""
    workers = []
    for place, ranks in enumerate(re.findall(r"^\[Rank ([0-9, ]+) Error Snippet\]:$", text, re.M)):
        details = expected_details(golden) if place == 0 else dict.fromkeys(
            ("type", "module", "message", "traceback", "source", "count"), ANY)
        workers += [Record(**details, recovered=golden["recovered"], rank=int(rank)) for rank in ranks.split(",")]
    return workers


def failed_attempts(events):
    """What the logs say of each attempt that failed, by the time at which it started."""
    texts = {}
    for name in os.listdir(events):
        with open(os.path.join(events, name), "rb") as f:
            for line in f:
                try:
                    data = json.loads(line)["event_data"]
                    if data["status"] == "ERRORED" and "attempt_id" in data:
                        texts[int(data["start_time_ns"])] = data["status_detail"]
                except (ValueError, TypeError, KeyError):
                    continue
    return texts


# ---- How the members of an answer agree -----------------------------------------------------------------------------

MISSING = object()


def look_up(value, path):
    """An exact key; else a split at `/`, from the right; elements of lists by index."""
    heads = [(path, None)] + [(path[:i], path[i + 1:]) for i in range(len(path) - 1, -1, -1) if path[i] == "/"]
    for head, rest in heads:
        if isinstance(value, dict):
            found = value.get(head, MISSING)
        elif isinstance(value, list) and re.fullmatch("[0-9]+", head) and int(head) < len(value):
            found = value[int(head)]
        else:
            found = MISSING
        if found is not MISSING and rest is not None:
            found = look_up(found, rest)
        if found is not MISSING:
            return found
    return MISSING


def rank(checkpoints, metric, mode):
    """The ranking that these checkpoints have: (ranked, why each other is skipped)."""
    values = [look_up(one["metrics"], metric) for one in checkpoints]
    types = {type(value) for value in values if value is not MISSING and value is not None and not is_word(value)}
    words_count = bool(types) and types <= {int, float}
    ranked, skipped = [], {}
    for checkpoint, value in zip(checkpoints, values):
        if words_count and is_word(value):
            value = NUMBER_WORDS[value]
        if checkpoint["presence"] == "absent":
            reason = "not_on_disk"
        elif value is MISSING or value is None:
            reason = "missing"
        elif not isinstance(value, (int, float)):
            reason = "non_numeric"
        elif math.isnan(value) if isinstance(value, float) else False:
            reason = "nan"
        else:
            ranked.append({"name": checkpoint["name"], "value": value})
            continue
        skipped[checkpoint["name"]] = reason
    # Python compares integers with floats exactly, and keeps the order of equals in either direction.
    return sorted(ranked, key=lambda one: one["value"], reverse=mode == "max"), skipped


def is_word(value):
    return isinstance(value, str) and value in NUMBER_WORDS


def check_named(case, answer, ordered):
    for named in answer["named"]:
        metric, field = named["metric"], f"named[{named['metric']!r}]"
        value = look_up(answer["metrics"], metric)
        yield from differences(None if value is MISSING else value, named["value"], ordered, f"{field}.value")
        for mode in MODES:
            golden, got = case.expected["best"][metric][mode], named["rank"][mode]
            if "unnamed" in golden:
                continue
            where = f"{field}.rank.{mode}"
            ranked, skipped = rank(answer["checkpoints"], metric, mode)
            yield from differences(ranked, got["ranked"], ordered, f"{where}.ranked")
            reasons = {one["name"]: one["reason"] for one in got["skipped"]}
            yield from differences(Record(skipped), reasons, ordered, f"{where}.skipped")
            counts = collections.Counter(one["reason"] for one in got["skipped"])
            yield from differences(Record(golden.get("none", golden.get("skipped"))),
                                   {reason: counts[reason] for reason in SKIPPED}, ordered, f"{where}, skipped")
            first = [{"name": golden["name"], "value": golden["value"]}] if "name" in golden else []
            yield from differences(first, got["ranked"][:1], ordered, f"{where}, best")


def check_diagnostics(case, answer):
    text = Matches("a text", lambda got: isinstance(got, str))
    for index, one in enumerate(answer["diagnostics"]):
        severity = "damage" if one["code"] in DAMAGE else "note"
        line = Matches("a line number, or 0", lambda got: type(got) is int and got >= 0)
        yield from differences(
            Record(code=text, severity=severity, file=text, line=line, message=Matches("a sentence", bool)),
            one, True, f"diagnostics[{index}]")
    got, expected = {one["code"] for one in answer["diagnostics"]}, set(case.expected["diagnostics"])
    opening = OPENING_OF_SNAPSHOT if answer["layout"] == "train_v2" else OPENING
    if missing := sorted((expected & opening) - got):
        yield "diagnostics", missing, sorted(got)
    if extra := sorted(got - expected):
        yield "diagnostics", sorted(expected), extra


def check_frames(case, answer, ordered):
    """Every frame has the columns, the cells and the diagnostics of the golden, however many threads read it."""
    got = answer["frames"]
    if not isinstance(got, list) or len(got) != frames.COUNT:
        yield "frames, their number", frames.COUNT, got
        return
    # How they agree with others is asked only of frames that are whole.
    found = [one for other in got[1:] for one in differences(got[0], other, True, "frames, by threads")]
    if found:
        yield from found
        return
    one = got[0]
    shown = one if "cells" not in one else {**one, "cells": frames.decoded(one)}
    yield from differences(Record(frames.expected(case.expected), diagnostics=ANY), shown, ordered, "frames")
    codes = {found["code"] for found in [*one.get("diagnostics", []), *answer["diagnostics"]]}
    if codes != set(case.expected["diagnostics"]):
        yield "frames, their diagnostics", sorted(case.expected["diagnostics"]), sorted(codes)


def check_json(answer, ordered):
    """`run_to_json` says the same, in strict JSON."""
    try:
        got = strict_json(answer["json"])
    except (ValueError, TypeError, RecursionError) as e:
        return [("json", "JSON", f"{e}: {answer['json']!r}")]
    return list(differences(expected_json(answer), got, ordered, "json"))


def expected_json(answer):
    text = lambda value: value or None  # noqa: E731
    name = lambda checkpoint: checkpoint and checkpoint["name"]  # noqa: E731

    def checkpoint(one):
        return {"name": one["name"], "uri": one["uri"], "index": one["index"], "report": one["report_index"],
                "presence": one["presence"], "status": one["status"], "metrics": outgoing(one["metrics"])}

    def source_and_value(one):
        return {"presence": one["presence"], "source": text(one["source"]), "value": outgoing(one["value"])}

    def details(told):
        # A class may have no message, but a message that is unknown is no text.
        return {"type": text(told["type"]), "module": text(told["module"]),
                "message": told["message"] if told["type"] else text(told["message"]),
                "traceback": text(told["traceback"]), "source": text(told["source"]), "occurrences": told["count"],
                "recovered": told["recovered"]}

    def whole(told):
        return {**details(told), "workers": [{"rank": one["rank"], **details(one)} for one in told["workers"]]}

    def attempt(one):
        return {**one, "status": text(one["status"]), "failure": one["failure"] and whole(one["failure"])}

    failure = {"presence": answer["failure"]["presence"]}
    if failure["presence"] == "present":
        failure |= whole(answer["failure"])
    return {
        **{key: text(answer[key]) for key in ("uri", "path", "filesystem", "layout", "ray_version")},
        "metrics": outgoing(answer["metrics"]),
        "latest_checkpoint": name(answer["checkpoint"]), "resume_checkpoint": name(answer["resume"]),
        **{key: [checkpoint(one) for one in answer[key]] for key in ("checkpoints", "leftovers")},
        "failure": failure,
        **{key: source_and_value(answer[key]) for key in ("config", "return_value")},
        **{key: text(answer[key]) for key in ("status", "status_detail")},
        **{key: answer[key] for key in ("start_time_ns", "end_time_ns")},
        "configured": {**answer["configured"], "metric": text(answer["configured"]["metric"])},
        "attempts": [attempt(one) for one in answer["attempts"]],
        "diagnostics": [{**one, "file": text(one["file"])} for one in answer["diagnostics"]]}


def outgoing(value):
    """A value as strict JSON can say it."""
    if isinstance(value, dict):
        return {key: outgoing(member) for key, member in value.items()}
    if isinstance(value, list):
        return [outgoing(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


# ---- Self-test: a comparer that finds nothing wrong proves nothing --------------------------------------------------

ANOTHER_ORDER = "another order"
# Lists that are sets.
FREE_ORDER = {"named.*.rank.min.skipped", "named.*.rank.max.skipped"}
# Members whose value is the run's own: any type, any depth, and in order.
VALUES = re.compile(r"metrics|(checkpoint|resume|checkpoints\.\*)\.metrics|config\.value|named\.\*\.value"
                    r"|named\.\*\.rank\.(min|max)\.ranked\.\*\.value")


def self_test(cases, lines, ordered):
    """Alters each field of good answers, in each way, once. Returns how many alterations were found, and the others."""
    seen, missed = set(), []
    for case, line in zip(cases, lines):
        answer = strict_json(line.decode("utf-8"), answered_object)
        for field, how, altered in altered_answers(answer, ordered):
            if (field, how) not in seen:
                seen.add((field, how))
                if not check_answer(case, altered(), ordered):
                    missed.append(f"{case.title}: {field}: not found: {how}")
    return len(seen) - len(missed), missed


def altered_answers(answer, ordered):
    """Ways in which this answer could be wrong: (field, what is wrong, function that makes the answer)."""
    for field, path, value in places(answer):
        for how, altered in alterations(value, ordered and VALUES.match(field)):
            if how != ANOTHER_ORDER or field not in FREE_ORDER:
                yield field, how, functools.partial(replaced, answer, path, altered)
    if "json" in answer:
        inside = strict_json(answer["json"])
        for field, path, value in places(inside):
            for how, altered in alterations(value, ordered):
                yield f"json, {field}", how, lambda path=path, altered=altered: {
                    **answer, "json": json.dumps(replaced(inside, path, altered))}


def places(value, field="", path=()):
    """Every place in an answer: (field, path, what is there). All elements of a list are one field, as are all places in
    a value of the run that have one type."""
    if path:
        yield f"{field}: {type(value).__name__}" if ": " not in field and VALUES.fullmatch(field) else field, path, value
    inside = f"{field}: " if VALUES.fullmatch(field) else field
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in members:
        if ": " in inside:
            yield from places(member, f"{inside.split(': ')[0]}: {type(member).__name__}", (*path, key))
        else:
            yield from places(member, f"{field}.{'*' if isinstance(value, list) else key}".lstrip("."), (*path, key))


def alterations(value, members_in_order):
    """Ways in which this value could be wrong."""
    if value is None:
        yield "null became 0", 0
    elif isinstance(value, bool):
        yield "the other bool", not value
        yield "a bool became an integer", int(value)
    elif isinstance(value, int):
        yield "one more", value + 1
        if abs(value) < 1 << 53:
            yield "an integer became a float", float(value)
    elif isinstance(value, float):
        yield "another float", 0.0 if math.isnan(value) else -value if math.isinf(value) else math.nextafter(value, math.inf)
        if value == 0.0:
            yield "the other zero", -value
        elif value.is_integer():
            yield "a float became an integer", int(value)
    elif isinstance(value, str):
        yield "another text", "altered"
        yield "no text", None
    elif isinstance(value, list):
        yield "one element more", [*value, None]
        if value:
            yield "one element less", value[:-1]
        if len(value) > 1 and repr(value) != repr(value[::-1]):
            yield ANOTHER_ORDER, value[::-1]
    else:
        yield "one member more", {**value, "altered": None}
        if value:
            yield "one member less", dict(list(value.items())[:-1])
        if len(value) > 1 and members_in_order:
            yield "members in another order", dict(list(value.items())[::-1])


def replaced(answer, path, altered):
    answer = copy.deepcopy(answer)
    holder = answer
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = altered
    return answer


# ---- Languages against each other -----------------------------------------------------------------------------------


def dump(file, cases, lines, scratch):
    """Writes what the program answered, for `against`."""
    with open(file, "w", encoding="utf-8") as f:
        for case, line in zip(cases, lines):
            text = line if isinstance(line, str) else line.decode("utf-8", "replace")
            f.write(json.dumps([case.title, text.replace(scratch, "${SCRATCH}")]) + "\n")


def against(file, cases, lines, scratch, ordered):
    """Where this program answers otherwise than the one whose answers lie in `file`: by case, differences."""
    with open(file, encoding="utf-8") as f:
        others = dict(json.loads(one) for one in f)
    for case, line in zip(cases, lines):
        text = line if isinstance(line, str) else line.decode("utf-8", "replace")
        other = others.get(case.title, "not asked").replace("${SCRATCH}", scratch)
        try:
            mine, theirs = (strict_json(one, answered_object) for one in (text, other))
        except ValueError:
            mine, theirs = text, other
        yield case, list(differences(theirs, mine, ordered))


# ---- Report ---------------------------------------------------------------------------------------------------------


def shown(value):
    text = repr(value)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}… ({len(text)} characters)"


def report(case, found, about=""):
    for where, expected, got in found[:SHOWN_DIFFERENCES]:
        print(f"{about}{case.title}: {where}: expected {shown(expected)}, got {shown(got)}")
    if len(found) > SHOWN_DIFFERENCES:
        print(f"{about}{case.title}: {len(found) - SHOWN_DIFFERENCES} differences more")


def print_families(passed, failed):
    for family in sorted(set(passed) | set(failed)):
        print(f"  {family:<20} {passed[family]:>4} passed {failed[family]:>4} failed")


def compare(options, scratch):
    """Runs the whole comparison. Returns how many cases passed and how many things are wrong."""
    everything = load_cases(options.corpus, scratch, with_settings=True)
    cases = [case for case in everything if fnmatch.fnmatchcase(case.name, options.case)
             and (options.max_size is None or size_of(case.path) + size_of(case.events) <= options.max_size)]
    return compare_cases(options, scratch, [dataclasses.replace(case, store=store_of(options)) for case in cases])


def store_of(options):
    return Store(options.uri, options.filesystem, has_links="://" not in options.uri)


def compare_cases(options, scratch, cases):
    lines, faults = ask([*shlex.split(options.under), os.path.abspath(options.program)], cases)
    if options.dump:
        dump(options.dump, cases, lines, scratch)

    passed, failed, good = collections.Counter(), collections.Counter(), []
    for case, line in zip(cases, lines):
        found = check(case, line, not options.unordered)
        report(case, found)
        (failed if found else passed)[case.family] += 1
        if not found:
            good.append((case, line))

    wrong = list(faults)
    if options.against:
        for case, found in against(options.against, cases, lines, scratch, not options.unordered):
            report(case, found, "against the other language: ")
            wrong += [f"{case.title}: answered otherwise"] if found else []
    altered = 0
    if options.self_test:
        altered, missed = self_test(*zip(*good), not options.unordered) if good else (0, ["no good answer to alter"])
        wrong += missed
        print(f"{altered} alterations of good answers were found, {len(missed)} were not")
    if not cases:
        wrong.append("no case was asked")

    print(*wrong, sep="\n", end="\n" if wrong else "")
    if options.by_family:
        print_families(passed, failed)
    return passed.total(), failed.total() + len(wrong)


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("program", help="the program that answers")
    parser.add_argument("--corpus", default=os.path.join(HERE, os.pardir, "corpus"), metavar="DIR")
    parser.add_argument("--scratch", metavar="DIR", help="where the run directories are, or are made and stay for later runs")
    parser.add_argument("--language", default="", metavar="NAME", help="stands before the last line")
    parser.add_argument("--under", default="", metavar="COMMAND", help="what runs the program, such as valgrind")
    parser.add_argument("--uri", default="{path}", metavar="TEMPLATE",
                        help="opens this instead of a path, such as own://{path} or s3://bucket{quoted}?region=eu-1")
    parser.add_argument("--filesystem", default="", metavar="NAME", help="what Ray calls that store, if not as its scheme")
    parser.add_argument("--case", default="*", metavar="PATTERN", help="only the cases of this name")
    parser.add_argument("--max-size", type=int, metavar="BYTES", help="only the cases with at most so many bytes of files")
    parser.add_argument("--unordered", action="store_true", help="the members of objects have no order in this language")
    parser.add_argument("--dump", metavar="FILE", help="writes all answers")
    parser.add_argument("--against", metavar="FILE", help="demands the answers that --dump wrote, messages and all")
    parser.add_argument("--by-family", action="store_true", help="prints how each family of cases did")
    parser.add_argument("--self-test", action="store_true", help="also demands that alterations of the answers are found")
    return parser.parse_args()


def main():
    options = parse_options()
    with contextlib.ExitStack() as stack:
        scratch = options.scratch or stack.enter_context(tempfile.TemporaryDirectory())
        scratch = os.path.realpath(scratch)
        os.makedirs(scratch, exist_ok=True)
        passed, failed = compare(options, scratch)
    print(f"{options.language + ': ' if options.language else ''}{passed} passed, {failed} failed")
    return 1 if failed else 0


def in_deep_thread(function):
    """Runs `function` where values may nest deep and integers be long. Returns what it returns."""
    sys.setrecursionlimit(DEEPEST)
    sys.set_int_max_str_digits(0)
    threading.stack_size(STACK_BYTES)
    results = []
    thread = threading.Thread(target=lambda: results.append(function()))
    thread.start()
    thread.join()
    return results[0] if results else 1


if __name__ == "__main__":
    sys.exit(in_deep_thread(main))
