"""Odd runs: mostly regular rows, as a trainer writes them, with every oddity thrown in at random."""
import json
import math
import random

STYLES = [(", ", ": "), (", ", ": "), (", ", ": "), (",", ":"), (" , ", " : "), (",\t", ":\t"), (", ", ":")]
NAMES = ["loss", "acc", "epoch", "lr", "eval/loss", "step", "grad_norm", "δ", "名前", "🚀", "a b", "", "/", "a/", "/a", "k.1", "nan", "quote\"d", "back\\slash",
         "tab\t", "line\nend", "time_total_s", "pid", "done", "note", "date", "config", "x" * 70]
CONFIG_KEYS = ["lr", "layers", "opt", "seed", "name", "nested", "é"]
TEXTS = ["adam", "", "ok", "é", "🚀", "a\"b", "\\", "line\nend", "\u2028", "\x7f", "NaN", "nan", "inf", "-Infinity", "null", "true", "12", "2026-11-24_10-32-38",
         "/", "\0", "\t"]
BAD_LINES = [b"{", b"}", b"{}x", b"[]", b"[{}]", b"null", b"1", b"\"a\"", b"{\"a\":1", b"{\"a\":1}}", b"{'a':1}", b"{\"a\":01}", b"{\"a\":1,}", b"{\"a\":.5}",
             b"{\"a\":\"\x01\"}", b"{\"a\":\"\\x\"}", b"{\"a\":\"\\ud8\"}", b"{\"a\":nan}", b"{\"a\":+1}", b"{\"a\":1 \"b\":2}", b"{\"a\" 1}", b"{a:1}", b"\0\0\0\0",
             b"\x0b", b"{}{", b"{} 1", b"{\"a\":-}", b"{\"a\":1e}", b"{\"a\":1.}", b"{\"a\":Infinit}", b"{\"a\":[1,]}", b"Traceback (most recent call last):",
             b"\xff\xfe", b"{\"a\":tru}", b"{\"a\":\"\\u00g0\"}", b"{\"a\":\"b", b"\xc2\xa0{}", b"{\"a\":1}\0"]


# ---- Values ----------------------------------------------------------------------------------------------------------


def digits(rng, least, most):
    count = rng.randint(least, most)
    return str(rng.randint(1, 9)) + "".join(str(rng.randint(0, 9)) for _ in range(count - 1))


def odd_number(rng):
    sign = rng.choice(["", "", "-"])
    return rng.choice([
        lambda: rng.choice(["1E5", "1e-400", "1e400", "-1e999", "0.1000000000000000055511151231257827", "5e-324", "2.4703282292062327e-324",
                            "2.4703282292062328e-324", "1.7976931348623157e308", "1.7976931348623159e308", "9007199254740993", "9007199254740993.0",
                            "NaN", "Infinity", "-Infinity", "-0.0", "-0", "0.0", "0e0", "-0E-5", "1e23", "8.5e22", "1e22", "4.35", "0.3",
                            "2.2250738585072011e-308", "1" + "0" * 309, "1" + "0" * 308]),
        lambda: str(rng.choice([2**53, 2**63, 2**64, -(2**63), 2**65, 10**19, 10**18]) + rng.randint(-2, 2)),
        lambda: sign + digits(rng, 17, 40),
        lambda: sign + "0." + "0" * rng.choice([0, 0, 1, 5, 30]) + digits(rng, 17, 40),
        lambda: sign + digits(rng, 1, 20) + "." + digits(rng, 1, 30),
        lambda: f"{sign}{digits(rng, 1, 25)}{rng.choice('eE')}{rng.choice(['', '+', '-', '-'])}{rng.choice(['', '0'])}{rng.randint(0, 330)}",
        lambda: f"{sign}{rng.randint(0, 9)}.{digits(rng, 1, 25)}{rng.choice('eE')}{rng.choice(['', '+', '-'])}{rng.randint(0, 330)}",
        # Right between two doubles, and just beside.
        lambda: between(rng),
        lambda: sign + digits(rng, 300, 800) if rng.random() < 0.1 else "1.0",
    ])()


def between(rng):
    low = rng.choice([1.0, 2.0**53, 2.0**60, 1e16, 1e20]) * (1 + rng.random())
    middle = (int(low) + int(math.nextafter(low, math.inf))) // 2
    return str(middle) + rng.choice(["", ".0", ".0000000001", "e0", "." + "0" * 30 + "1"])


def string(rng, text):
    """One of the ways to write a text in JSON."""
    kind = rng.random()
    if kind < 0.6:
        return json.dumps(text)
    if kind < 0.9:
        return json.dumps(text, ensure_ascii=False)
    return '"' + "".join(f"\\u{unit:04x}" if rng.random() < 0.7 else f"\\u{unit:04X}"
                         for unit in memoryview(text.encode("utf-16-le", "surrogatepass")).cast("H")) + '"'


def odd_string(rng):
    if rng.random() < 0.5:
        return string(rng, "".join(rng.choice(TEXTS) for _ in range(rng.randint(0, 3))))
    pieces = ["a", "é", "\\ud83d\\ude80", "\\ud83d", "\\ude80", "\\uD83D\\uDE80", "\\u0000", "\\/", "\\b\\f\\n\\r\\t", "\\\"", "\\\\", "\ufffd", "\\ud83dx",
              "\\ud83d\\n", "\\ud83d\\u0061", "key", " ", "\\\\u0041", "\U0001f680"]
    return '"' + "".join(rng.choice(pieces) for _ in range(rng.randint(1, 5))) + '"'


def odd_value(rng, level=0):
    kind = rng.random()
    if kind < 0.3:
        return odd_number(rng)
    if kind < 0.5:
        return odd_string(rng)
    if kind < 0.7 or level > 3:
        return rng.choice(["null", "true", "false", "{}", "[]", "0", "1.5", '"nan"', '"inf"'])
    space = rng.choice(["", "", " ", "\t"])
    if kind < 0.83:
        return f"[{space}{f',{space}'.join(odd_value(rng, level + 1) for _ in range(rng.randint(0, 4)))}{space}]"
    keys = [odd_string(rng) if rng.random() < 0.5 else rng.choice(['"a"', '"b"', '"c"', '"a/b"']) for _ in range(rng.randint(0, 4))]
    return f"{{{space}{f',{space}'.join(f'{key}:{space}{odd_value(rng, level + 1)}' for key in keys)}{space}}}"


def usual(rng):
    """A function that gives the next value of a metric."""
    start = rng.randint(0, 1000)
    words = [json.dumps(rng.choice(TEXTS)) for _ in range(rng.randint(1, 3))]
    return rng.choice([
        lambda row: repr(rng.random()), lambda row: repr(rng.random() * 10.0 ** rng.randint(-12, 12)), lambda row: repr(1.0 / (row + 1)),
        lambda row: str(start + row), lambda row: str(start), lambda row: repr(float(start)), lambda row: rng.choice(["true", "false"]), lambda row: "false",
        lambda row: rng.choice(words), lambda row: words[0], lambda row: "null", lambda row: rng.choice(["null", repr(rng.random())]),
        lambda row: rng.choice(["NaN", repr(rng.random())]), lambda row: rng.choice(['"nan"', repr(rng.random()), "3"]),
        lambda row: str(2**63 - 5 + row), lambda row: str(2**64 - 20 + row), lambda row: f"[{row}, {rng.random()}]", lambda row: "{}",
        lambda row: odd_number(rng), lambda row: f"{rng.random():.3f}", lambda row: f"{rng.random():e}", lambda row: f"{rng.random():.17g}",
        lambda row: str(start + row) if row % 7 else repr(start + 0.5),
    ])


def config(rng, level=0):
    members = []
    for key in rng.sample(CONFIG_KEYS, rng.randint(0 if level else 1, 5)):
        value = config(rng, level + 1) if key in ("opt", "nested") and level < 3 else rng.choice(
            ["0.1", "[64, 32]", '"sgd"', "true", "1e-08", "null", "1099511627776", "{}", "[]", '"null"', str(rng.randint(0, 99))])
        members.append((json.dumps(key), value))
    return members


# ---- Rows of a trainer -----------------------------------------------------------------------------------------------


class Trainer:
    """Writes rows of one shape: a row is a list of (key as JSON, value as JSON or a list of members)."""

    def __init__(self, rng):
        self.rng = rng
        self.style = rng.choice(STYLES)
        self.oddness = rng.choice([0, 0.01, 0.05, 0.2, 0.5])
        self.fields = self.make_fields(rng.randint(1, 14), 0)
        self.config = config(rng) if rng.random() < 0.6 else None
        self.row = 0
        self.iteration = rng.choice([1, 1, 1, 0, 17]) if rng.random() < 0.8 else None
        self.has_checkpoints = rng.random() < 0.3

    def make_fields(self, count, level):
        fields = []
        for name in self.rng.sample(NAMES, count):
            is_nested = self.rng.random() < 0.2 and level < 3
            fields.append((json.dumps(name), self.make_fields(self.rng.randint(1, 4), level + 1) if is_nested else usual(self.rng)))
        return fields

    def usual(self, fields):
        return [(key, self.usual(field) if isinstance(field, list) else field(self.row)) for key, field in fields]

    def next(self):
        """The text of the next row, odd or not."""
        row = self.usual(self.fields)
        if self.iteration is not None:
            row.append(('"training_iteration"', str(self.iteration)))
            self.iteration += 1
        if self.has_checkpoints:
            row.append(('"checkpoint_dir_name"', f'"checkpoint_{self.row:06}"' if self.row % 3 == 0 else "null"))
        if self.config is not None:
            row.append(('"config"', copied(self.config)))
        style, rng = self.style, self.rng
        if rng.random() < self.oddness:
            for _ in range(rng.choice([1, 1, 1, 2, 5])):
                self.disturb(row)
            if rng.random() < 0.1:
                style = rng.choice(STYLES)
        self.row += 1
        return self.text(row, style)

    def text(self, members, style):
        comma, colon = style
        return "{" + comma.join(f"{key}{colon}{value if isinstance(value, str) else self.text(value, style)}" for key, value in members) + "}"

    def disturb(self, row):
        """Makes one thing odd about a row."""
        rng = self.rng
        members = row
        # Somewhere in the row, at any depth.
        while (nested := [value for _, value in members if isinstance(value, list) and value]) and rng.random() < 0.4:
            members = rng.choice(nested)
        place = rng.randrange(len(members)) if members else 0
        key, value = members[place] if members else ('"k"', "1")
        new_key = json.dumps(rng.choice(NAMES))

        def put(key, value):
            members[place:place + 1] = [(key, value)]

        def flat_beside_nested():
            outer = json.loads(key)
            inner = [(inner, value) for inner, value in value if isinstance(value, str)] if isinstance(value, list) else []
            if inner:
                name = outer + "/" + json.loads(rng.choice(inner)[0])
                members.insert(rng.randint(0, len(members)), (string(rng, name), odd_value(rng)))
            elif "/" in outer:
                head, tail = rng.choice([outer.split("/", 1), outer.rsplit("/", 1)])
                members.insert(rng.randint(0, len(members)), (string(rng, head), [(string(rng, tail), odd_value(rng))]))

        def odd_iteration():
            row[:] = [member for member in row if member[0] != '"training_iteration"']
            last = self.iteration or 5
            found = rng.choice([str(last - 2), str(last - 1), str(last + 3), "1.0", "true", '"7"', "null", str(2**63), str(2**70), "[]", None, "-5"])
            if found:
                row.insert(rng.randint(0, len(row)), ('"training_iteration"', found))
            if rng.random() < 0.5:
                self.iteration = rng.choice([1, last, last + 5])

        def odd_checkpoint():
            row[:] = [member for member in row if member[0] != '"checkpoint_dir_name"']
            row.append(('"checkpoint_dir_name"', rng.choice(['"a/b"', '"../x"', '""', "3", "[]", "null", '"checkpoint_000000"', '"é"', '"a//b"', "{}"])))

        def other_config():
            if rng.random() < 0.3:
                row[:] = [member for member in row if member[0] != '"config"']
            else:
                self.config = config(rng)

        def deep():
            put(key, nest(rng, rng.choice([3, 900, 997, 998, 999, 1000, 1001])))

        rng.choice([
            lambda: put(key, odd_value(rng)), lambda: put(key, odd_value(rng)), lambda: put(key, odd_number(rng)), lambda: put(key, "null"),
            lambda: put(key, "{}"), lambda: members.pop(place) if members else None, lambda: members.clear() if rng.random() < 0.3 else None,
            lambda: members.insert(place, (new_key, odd_value(rng))), lambda: members.append((odd_string(rng), odd_value(rng))),
            lambda: rng.shuffle(members), lambda: put(string(rng, json.loads(key)) if "\\ud" not in key else key, value),
            lambda: members.insert(rng.randint(0, len(members)), (key, odd_value(rng))), lambda: put(key, [(new_key, odd_value(rng)), (key, "1")]),
            lambda: members.append((key, [(key, odd_value(rng))])), flat_beside_nested, flat_beside_nested, odd_iteration, odd_iteration, odd_checkpoint,
            other_config, other_config, deep if rng.random() < 0.1 else flat_beside_nested,
            lambda: put(key, '"' + "long " * rng.choice([500, 5_000, 70_000]) + '"') if rng.random() < 0.1 else None,
            lambda: members.insert(place, (json.dumps(f"new_{rng.randint(0, 40)}"), odd_value(rng))),
        ])()


def copied(members):
    return [(key, copied(value) if isinstance(value, list) else value) for key, value in members]


def nest(rng, levels):
    return "[" * levels + "]" * levels if rng.random() < 0.5 else '{"d":' * levels + "1" + "}" * levels


# ---- Files -----------------------------------------------------------------------------------------------------------


def lines(rng, count):
    """A `result.json`."""
    trainer = Trainer(rng)
    line_oddness = rng.choice([0, 0, 0.005, 0.03, 0.2])
    end = b"\r\n" if rng.random() < 0.05 else b"\n"
    data = [b"\xef\xbb\xbf"] if rng.random() < 0.04 else []
    for _ in range(count):
        line = trainer.next().encode("utf-8", "surrogatepass")
        if rng.random() < line_oddness:
            data.append(odd_line(rng, trainer, line))
        else:
            data.append(line + end)
    data = b"".join(data)
    kind = rng.random()
    if kind < 0.1:
        data = data.rstrip(b"\r\n")
    elif kind < 0.2:
        data = data[:rng.randint(max(0, len(data) - 300), len(data))]
    elif kind < 0.23:
        data += rng.choice([b" ", b"\t\r", b"{", b"{}", b"\0" * 40, b"\n\n", b'{"a": 1}{"a": 2}', b'{"a": "\xc3'])
    return data


def odd_line(rng, trainer, line):
    place = rng.randrange(len(line) + 1)
    quote = line.find(b'"') + 1
    return rng.choice([
        lambda: b"\n" + line + b"\n", lambda: b" \t\r\n\r\n" + line + b"\r\n", lambda: rng.choice(BAD_LINES) + b"\n" + line + b"\n",
        lambda: line + trainer.next().encode("utf-8", "surrogatepass") + b"\n", lambda: line + b" \t" + b"{}" + b"\n", lambda: b"  " + line + b"\t \n",
        lambda: line + rng.choice(BAD_LINES) + b"\n", lambda: line[:place] + b"\n", lambda: line[:place] + line[place + 1:] + b"\n",
        lambda: line[:place] + rng.choice([b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b" ", b"0", b"-", b"e", b".", b"\0", b"\x0c"]) + line[place:] + b"\n",
        lambda: line[:place] + line + b"\n",
        lambda: line[:quote] + rng.choice([b"\xff", b"\xc3", b"\xe2\x82", b"\xed\xa0\x80", b"\xf0\x9f\x9a", b"\xf5\x80", b"\xc0\xaf", b"\x80"]) + line[quote:] + b"\n",
        lambda: line[:place] + rng.choice([b"\xff", b"\xe2\x82", b"\xef\xbb\xbf"]) + line[place:] + b"\n",
        lambda: b"\xef\xbb\xbf" + line + b"\n", lambda: b"", lambda: line,
    ])()


def snapshot(rng, count):
    """A `checkpoint_manager_snapshot.json`, of Train V2."""
    trainer = Trainer(rng)
    trainer.has_checkpoints = False
    entries = []
    for place in range(count):
        metrics = trainer.next()
        if rng.random() < trainer.oddness / 10:
            metrics = rng.choice(["null", "[]", "3", "{}"])
        entries.append(f'{{"checkpoint_dir_name":"checkpoint_{place:06}","metrics":{metrics}}}')
    latest = entries[-1] if entries else "null"
    space = rng.choice(["", "", "\n", " "])
    text = (f'{{{space}"ray_version":"2.59.0",{space}"checkpoint_results":[{f",{space}".join(entries)}],'
            f'"checkpoint_report_indices":{list(range(count))},{space}"latest_checkpoint_result":{latest}}}{space}')
    data = text.encode("utf-8", "surrogatepass")
    if rng.random() < 0.05:
        data = b"\xef\xbb\xbf" + data
    if rng.random() < 0.05:
        data = data.replace(b'"loss', b'"l\xffoss')
    return data


def odd_cell(rng):
    return rng.choice(["", "nan", "null", "inf", "-inf", "NaN", "True", "x", '"a, b"', '"say ""hi"""', '"two\nlines"', "1e5", "007", "+5", "-0", "3.", ".5", "1e", "é",
                       '"3"', 'a"b', '"a"b', " 1", "1_000", "infinity", "0x10", str(2**64), "1e999", '""', "-", "+", ".", "1.5.2", '"x\r\ny"'])


def table(rng, count):
    """A `progress.csv`."""
    header = [name for name in rng.sample(NAMES, rng.randint(1, 9)) if name not in ("",)] or ["loss"]
    header += rng.sample(["trial_id", "checkpoint_dir_name", "config/lr", "config/opt/name", "training_iteration"], rng.randint(0, 4))
    if rng.random() < 0.1:
        header.append(rng.choice(header))
    kinds = [rng.choice([
        lambda row: repr(rng.random()), lambda row: str(row), lambda row: rng.choice(["True", "False"]), lambda row: rng.choice(["adam", "sgd"]),
        lambda row: rng.choice(["nan", repr(rng.random())]), lambda row: "", lambda row: rng.choice(["", "5"]), lambda row: str(2**63 + row),
        lambda row: rng.choice(["null", "1.5"]), lambda row: rng.choice(["nan", "inf"]), lambda row: odd_number(rng),
    ]) for _ in header]
    kinds = [(lambda row: str(row + 1)) if name == "training_iteration" else kind for name, kind in zip(header, kinds)]
    oddness = rng.choice([0, 0, 0.02, 0.2])
    end = rng.choice(["\n", "\r\n", "\r\n"])
    first = ",".join('"' + name.replace('"', '""') + '"' if set(name) & set('",\n') else name for name in header)
    data = [rng.choice(["", "", "", "\n", "\ufeff"]) + first + end]
    for row in range(count):
        cells = [kind(row) for kind in kinds]
        if rng.random() < oddness:
            place = rng.randrange(len(cells))
            rng.choice([
                lambda: cells.__setitem__(place, odd_cell(rng)), lambda: cells.__setitem__(place, odd_cell(rng)), lambda: cells.append(odd_cell(rng)),
                lambda: cells.pop() if len(cells) > 1 else None, lambda: data.append(end), lambda: data.append(first + end),
            ])()
        data.append(",".join(cells) + end)
    text = "".join(data)
    kind = rng.random()
    if kind < 0.1:
        text = text.rstrip("\r\n")
    elif kind < 0.2:
        text = text[:rng.randint(max(0, len(text) - 100), len(text))]
    data = text.encode()
    if rng.random() < 0.1:
        place = rng.randrange(len(data) // 2 + 1)
        data = data[:place] + rng.choice([b"\xff", b"\xe2\x82", b"\xc3"]) + data[place:]
    return data


def run(seed):
    """The files of a run, by name; the same for the same seed."""
    rng = random.Random(seed)
    count = rng.choice([0, 1, 2, 3, rng.randint(4, 30), rng.randint(4, 30), rng.randint(30, 150), rng.randint(30, 150), rng.randint(100, 600)])
    kind = rng.random()
    if kind < 0.12:
        return {"checkpoint_manager_snapshot.json": snapshot(rng, min(count, 100))}
    if kind < 0.2:
        return {"progress.csv": table(rng, count)}
    if kind < 0.24:
        return {"progress.csv": table(rng, count), "result.json": rng.choice([b"", b"\n", b"\0\0", b"{", b"bad\n", b"{\n{\n", b"\xef\xbb\xbf", b"[]\n"])}
    return {"result.json": lines(rng, count)}


def settings(seed, names):
    """Settings of a call that reads a frame with columns of these names."""
    rng = random.Random(f"{seed} settings")
    found = []
    if names and rng.random() < 0.7:
        for _ in range(rng.randint(1, 3)):
            name = rng.choice(names)
            cut = rng.randint(0, len(name))
            pattern = rng.choice([name, name, name[:cut] + "*", "*" + name[cut:], name[:cut] + "?" + name[cut + 1:], "*/*", name + "x", "*"])
            # C has no texts with a NUL, and no setting is empty.
            if pattern and "\0" not in pattern:
                found.append(("column", pattern))
    if rng.random() < 0.3:
        found.append(("config", rng.choice(["true", "false", "false"])))
    if rng.random() < 0.3:
        found.append(("dedupe", "last"))
    if rng.random() < 0.3:
        first = rng.choice([0, 1, 3, 10, 50, 1000])
        found.append(("rows", rng.choice([f"{first}..", f"..{first}", f"{first}..{first + rng.choice([0, 1, 5, 40])}"])))
    rng.shuffle(found)
    return found
