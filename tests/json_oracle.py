#!/usr/bin/env python3
"""Python's `json` as oracle: what it reads, libresult reads as the same value; what it refuses, libresult refuses.

json_oracle.py PROGRAM [--texts N] [--seed N]

Makes odd JSON texts, puts each as a metric into a snapshot of its own, and asks PROGRAM (an answers program; table/README.md) for all of them. The
exceptions: half of a surrogate pair becomes U+FFFD here, and nesting is allowed to 1,000 levels where Python's stack ends somewhere below. The
last line is `N passed, N failed`."""
import argparse
import json
import math
import os
import random
import re
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "table"))
sys.dont_write_bytecode = True
import compare  # noqa: E402

SNAPSHOT = "checkpoint_manager_snapshot.json"
SHOWN = 10


def number(rng):
    return rng.choice([
        lambda: str(rng.randint(-10, 10)), lambda: str(rng.randint(-(2**70), 2**70)), lambda: repr(rng.uniform(-1e3, 1e3)),
        lambda: repr(float(f"{rng.random():.17f}e{rng.randint(-320, 310)}")), lambda: f"{rng.randint(0, 9)}.{rng.getrandbits(80)}",
        lambda: f"{rng.randint(-9, 9)}{rng.choice('eE')}{rng.choice(['', '+', '-'])}{rng.randint(0, 400)}",
        lambda: rng.choice(["-0", "-0.0", "0.0", "1E400", "-1e999", "5e-324", "1.7976931348623157e308", "9007199254740993", "NaN",
                            "Infinity", "-Infinity", str(2**63), str(2**64), str(-(2**63)), "1" * 400]),
        lambda: rng.choice(["01", "1.", ".5", "+1", "1e", "1e+", "-", "--1", "0x10", "1_000", "nan", "inf", "-NaN", "Inf", "1.e5", "٣"]),
    ])()


def string(rng):
    pieces = ["a", "key", "é", "🚀", "\u2028", "/", "\\n", "\\t", "\\\"", "\\\\", "\\/", "\\u00e9", "\\ud83d\\ude80", "\\ud83d", "\\ude80", "\\u0000",
              " ", "\x7f", "\\b\\f\\r"]
    bad = ["\n", "\t", "\x00", "\x1f", "\\x41", "\\u12g4", "\\u123", "\\", "\\U0001f680", "'"]
    text = "".join(rng.choice(pieces) for _ in range(rng.randint(0, 6)))
    return f'"{text}{rng.choice(bad) if rng.random() < 0.1 else ""}"'


def value(rng, depth=0):
    kind = rng.random()
    if kind < 0.3:
        return number(rng)
    if kind < 0.5:
        return string(rng)
    if kind < 0.6:
        return rng.choice(["null", "true", "false", "None", "True", "undefined"]) if rng.random() < 0.2 else rng.choice(["null", "true", "false"])
    if depth > 4:
        return "[]"
    space = rng.choice(["", "", " ", "\n", "\t\r", "\u00a0" if rng.random() < 0.02 else " ", "/**/" if rng.random() < 0.02 else ""])
    comma = rng.choice([",", ", ", " ,"]) if rng.random() < 0.98 else rng.choice([",,", "", ";"])
    if kind < 0.8:
        items = [value(rng, depth + 1) for _ in range(rng.randint(0, 4))]
        return f"[{space}{comma.join(items)}{',' if rng.random() < 0.02 else ''}{space}]"
    members = [f"{string(rng)}{space}:{space}{value(rng, depth + 1)}" for _ in range(rng.randint(0, 4))]
    if members and rng.random() < 0.2:
        members.append(members[0].rsplit(":", 1)[0] + ":" + number(rng))
    return f"{{{space}{comma.join(members)}{space}}}"


def mangled(rng, text):
    """The text, or what a slip would make of it."""
    if rng.random() < 0.85 or not text:
        return text
    place = rng.randrange(len(text))
    return rng.choice([text[:place], text[:place] + text[place + 1 :], text[:place] + rng.choice('{}[],:"\\ 0-e.\n') + text[place:]])


def expected(text):
    """(whether Python reads the snapshot, the metrics)."""
    try:
        snapshot = json.loads(text)
        return True, snapshot["checkpoint_results"][0]["metrics"]
    except (ValueError, RecursionError):
        return False, None


def without_surrogates(found):
    """As libresult reads it: what is left of a pair is U+FFFD. Keys that become the same are one, the last value in the first place."""
    if isinstance(found, str):
        return re.sub("[\ud800-\udfff]", "\ufffd", found)
    if isinstance(found, list):
        return [without_surrogates(item) for item in found]
    if isinstance(found, dict):
        return {without_surrogates(key): without_surrogates(item) for key, item in found.items()}
    return found


def same(one, other):
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float):
        return (math.isnan(one) and math.isnan(other)) or (one == other and math.copysign(1, one) == math.copysign(1, other))
    return one == other


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("program")
    parser.add_argument("--texts", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    sys.set_int_max_str_digits(0)
    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as scratch:
        texts, cases = [], []
        for index in range(options.texts):
            text = f'{{"checkpoint_results":[{{"checkpoint_dir_name":"a","metrics":{{"v":{mangled(rng, value(rng))}}}}}]}}'
            run = os.path.join(scratch, str(index))
            os.mkdir(run)
            with open(os.path.join(run, SNAPSHOT), "w", encoding="utf-8", newline="") as f:
                f.write(text)
            # A snapshot that is half written would be read again.
            cases.append(Asked(run))
            texts.append(text)
        lines, faults = compare.run([os.path.abspath(options.program)], cases)
        wrong = [faults] if faults else []
        accepted = 0
        for text, line in zip(texts, lines):
            answer = compare.strict_json(line.decode("utf-8"), compare.answered_object)
            is_read, metrics = expected(text)
            accepted += is_read
            if is_read != ("error" not in answer):
                wrong.append(f"Python {'reads' if is_read else 'refuses'} it, libresult does not: {text!r}")
            elif is_read and isinstance(metrics, dict) and not same(without_surrogates(metrics), answer["metrics"]):
                wrong.append(f"another value: {text!r}: {metrics!r}, {answer['metrics']!r}")
    print(*wrong[:SHOWN], sep="\n", end="\n" if wrong else "")
    print(f"{accepted} texts were read by Python, {len(texts) - accepted} refused")
    print(f"{len(lines) - len(wrong)} passed, {len(wrong)} failed")
    return 1 if wrong or not lines else 0


class Asked:
    """A run to ask for, as compare.run takes it."""

    settings = [("retry_ms", "0")]
    metrics = ()

    def __init__(self, path):
        self.opened = path


if __name__ == "__main__":
    sys.exit(main())
