#!/usr/bin/env python3
"""Draws what bench.py found, for README.md: picture.py RESULTS.json OUT.svg

Two groups of bars, W1 and W5: seconds of CPU for the whole table, on a logarithmic scale. Who answers wrongly has a pale bar
with the reason; who refuses has only that."""
import html
import json
import math
import sys

SECTIONS = {
    "w1": "200,000 reports, 34 columns, 189 MB: CPU seconds until all is a table in memory",
    "w5": "50,000 reports with NaN, large integers, types that change, columns that come late, 51 MB",
}
LEFT, WIDTH, BAR, STEP, NOTES = 210, 980, 15, 22, 350
LOW, HIGH = 0.01, 20.0
SCALE = (WIDTH - LEFT - NOTES) / math.log10(HIGH / LOW)
# Read on white and on black; viewers that know prefer-color-scheme get their own greys.
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #59636e }
.title { font-weight: 600; fill: #1f2328 }
.ours { fill: #0b7a75 } .peer { fill: #8c959f } .wrong { fill: #8c959f; fill-opacity: .3 } .floor { fill: #b8860b }
text.name-ours { fill: #0b7a75; font-weight: 600 }
line { stroke: #8c959f; stroke-opacity: .35 }
@media (prefers-color-scheme: dark) {
  text { fill: #9aa4ae } .title { fill: #e6edf3 } .ours, text.name-ours { fill: #2dd4bf } .floor { fill: #d4a72c }
}
"""


def x(seconds):
    return LEFT + SCALE * math.log10(max(seconds, LOW) / LOW)


def text(left, top, words, kind="", anchor="start"):
    return f'<text x="{left:.0f}" y="{top}" class="{kind}" text-anchor="{anchor}">{html.escape(words)}</text>'


def shorten(note):
    """A note without the examples and the count of rounds."""
    kept = "; ".join(part for part in note.split("; ") if not part.endswith(" rounds"))
    what, _, why = kept.partition(": ")
    if what == "refuses":
        word = "NaN" if any(sign in why for sign in ("column 10", "character 9", "Not valid")) else "mixed types" if "changed from" in why else "large integers" if "too big" in why.lower() else ""
        return f"refuses {word}".strip()
    reasons = [part.split(" (")[0] for part in why.split("), ")]
    return f"{what}: {', '.join(reasons[:3])}{', …' if len(reasons) > 3 else ''}"


def group(section, top):
    """The bars of one section; the place below them."""
    rows = [row for row in section["rows"] if ", 2 threads" not in row["name"]]
    rows.sort(key=lambda row: (not row["name"].startswith("floor"), row.get("cpu", math.inf)))
    out = [text(10, top, SECTIONS[section["key"]], "title")]
    bottom = top + 14 + STEP * len(rows)
    for mark in (0.01, 0.1, 1, 10):
        out.append(f'<line x1="{x(mark):.0f}" x2="{x(mark):.0f}" y1="{top + 10}" y2="{bottom}"/>')
        out.append(text(x(mark), bottom + 14, f"{mark:g} s", anchor="middle"))
    for place, row in enumerate(rows):
        y = top + 14 + STEP * place
        kind = "ours" if row["name"].startswith("libresult") else "floor" if row["name"].startswith("floor") else "peer" if row["correct"] else "wrong"
        out.append(text(LEFT - 8, y + 12, row["name"].split(":")[0], "name-ours" if kind == "ours" else "", "end"))
        end = LEFT
        if "cpu" in row:
            end = max(x(row["cpu"]), LEFT + 2)
            out.append(f'<rect x="{LEFT}" y="{y}" width="{end - LEFT:.0f}" height="{BAR}" rx="2" class="{kind}"/>')
        words = [f"{row['cpu']:.{3 if row['cpu'] < 1 else 1}f} s"] if "cpu" in row else []
        if not row["correct"]:
            words.append(shorten(row["note"]))
        out.append(text(end + 6, y + 12, " · ".join(words)))
    return out, bottom + 40


def main():
    with open(sys.argv[1], encoding="utf-8") as results:
        sections = {one["key"]: one for one in json.load(results)}
    parts, top = [], 22
    for key in SECTIONS:
        if key in sections:
            drawn, top = group(sections[key], top)
            parts += drawn
    page = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" width="{WIDTH}" height="{top}" role="img"'
            ' aria-label="CPU seconds of libresult and of other readers">', f"<style>{STYLE}</style>", *parts, "</svg>"]
    with open(sys.argv[2], "w", encoding="utf-8") as out:
        out.write("\n".join(page) + "\n")


if __name__ == "__main__":
    main()
