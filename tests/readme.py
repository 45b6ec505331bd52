#!/usr/bin/env python3
"""Follows README.md word by word, as a reader would, in an empty directory.

readme.py README [--have NAME=PATH]...

Each fenced block of sh, c, cpp, go, rust or toml must stand below a comment that says what becomes of it, so that none is
forgotten:

    <!-- test: write quickstart.c -->   the block is written to this file
    <!-- test: run -->                  the block is run with `sh -e`; directory and exported variables stay, as in a terminal
    <!-- test: none, WHY -->            nothing, and why

and the block below `<!-- output -->` must be what the `run` before it printed, with /home/you for the empty directory.
All blocks share that directory and come in order. `--have libresult=PATH` puts a link `libresult` there: what the reader
got before the first block that is run, such as a clone. The last line is `N passed, N failed`."""
import argparse
import difflib
import os
import re
import subprocess
import sys
import tempfile

MUST_SAY = {"sh", "c", "cpp", "go", "rust", "toml"}
BLOCK = re.compile(r"^(?P<fence>```+)(?P<language>\S*)[^\n]*\n(?P<text>.*?)^(?P=fence)[ \t]*$", re.MULTILINE | re.DOTALL)
COMMENT = re.compile(r"<!--\s*(?P<what>test:|output)\s*(?P<how>.*?)\s*-->\s*\Z")
# What a reader has not set yet.
UNSET = ("PKG_CONFIG_PATH", "LD_LIBRARY_PATH", "CGO_LDFLAGS", "MAKEFLAGS", "MAKELEVEL")
HOME = "/home/you"
# The library is built in one of them, optimised: many minutes where the machine has other things to do.
BLOCK_SECONDS = 2400


class Reader:
    """Does what the blocks say, in one directory, with one environment."""

    def __init__(self, directory):
        self.directory = os.path.realpath(directory)
        self.state = tempfile.NamedTemporaryFile("w+", suffix=".sh")  # what `export -p` printed last
        self.printed = None

    def write(self, name, text):
        path = os.path.join(self.directory, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)

    def run(self, text):
        """Returns what was wrong, or nothing."""
        script = f'. {self.state.name}\ncd "$PWD"\n{text}\nexport -p > {self.state.name}\n'
        environment = {key: value for key, value in os.environ.items() if key not in UNSET}
        done = subprocess.run(["sh", "-e", "-c", script], cwd=self.directory, env={**environment, "PWD": self.directory},
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=BLOCK_SECONDS, check=False)
        self.printed = done.stdout.replace(self.directory, HOME)
        return f"exit status {done.returncode}\n{done.stdout}{done.stderr}" if done.returncode else ""

    def compare(self, text):
        """Returns how what was printed differs from `text`."""
        if self.printed is None:
            return "no block was run before this output"
        lines = difflib.unified_diff(text.splitlines(), self.printed.splitlines(), "README", "printed", lineterm="")
        printed, self.printed = self.printed, None
        return "" if printed == text else "\n".join(lines) or "only the end of the last line differs"


def follow(reader, language, comment, text):
    """Does what one block says. Returns what was wrong, or None if the block asks for nothing."""
    if comment is None:
        return f"a block of {language} without a comment that says what becomes of it" if language in MUST_SAY else None
    if comment["what"] == "output":
        return reader.compare(text)
    how, _, name = comment["how"].partition(" ")
    if how == "write" and name:
        return reader.write(name, text) or ""
    if how == "run" and not name:
        return reader.run(text)
    if how == "none," and name:
        return None
    return f"not understood: {comment['how']!r}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("readme")
    parser.add_argument("--have", action="append", default=[], metavar="NAME=PATH")
    options = parser.parse_args()
    with open(options.readme, encoding="utf-8") as f:
        page = f.read()
    passed = failed = end = 0
    with tempfile.TemporaryDirectory() as directory:
        reader = Reader(directory)
        for name, _, path in (one.partition("=") for one in options.have):
            os.symlink(os.path.abspath(path), os.path.join(reader.directory, name))
        for block in BLOCK.finditer(page):
            comment, line = COMMENT.search(page[end : block.start()]), page.count("\n", 0, block.start()) + 1
            end = block.end()
            wrong = follow(reader, block["language"], comment, block["text"])
            passed += wrong == ""
            if wrong:
                failed += 1
                print(f"{options.readme}:{line}: {wrong}")
    if passed + failed == 0:
        failed = 1
        print(f"{options.readme}: no block to test")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
