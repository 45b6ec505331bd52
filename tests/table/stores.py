#!/usr/bin/env python3
"""Holds a program's answers on the corpus in each of the test servers against those that it must give on disk.

Run by tests/servers/servers.py, which puts the corpus there: servers.py --corpus DIR --scratch SCRATCH -- stores.py PROGRAM --scratch SCRATCH.

A web server lists nothing: it is asked for runs whose checkpoints are all there, whose presence it then cannot tell. The last line of
each store is `LANGUAGE, STORE: N passed, M failed`."""
import argparse
import dataclasses
import os
import re
import sys
import urllib.parse

sys.dont_write_bytecode = True
import compare  # noqa: E402

# What the library leaves as it is in a URI.
PLAIN = "/!$&'()*+,;=:@[]^{|}~-._"

# Where a URI leads again, without credentials; {key} is the path in the bucket.
ANSWERED = {
    "s3": "s3://runs/{key}?region=us-east-1&endpoint_override=127.0.0.1:{port}&scheme=http",
    "gs": "gs://runs/{key}?endpoint_override=127.0.0.1:{port}&scheme=http&anonymous=true",
    "abfs": "abfs://devstoreaccount1@runs/{key}?blob_storage_authority=127.0.0.1:{port}&enable_tls=false",
    "http": "http://127.0.0.1:{port}/runs/{key}",
}
FILESYSTEMS = {"gs": "gcs"}

# Paths that cannot be in a store, and why.
IMPOSSIBLE = {
    "paths-newline": ("s3 gs abfs http", "object_store has no keys with control characters"),
    "paths-quotes": ("abfs", "Azurite makes a slash of a backslash"),
}


@dataclasses.dataclass(frozen=True)
class Server(compare.Store):
    """A test server, which has what lies below `root`."""
    scheme: str = ""
    port: str = ""
    root: str = ""

    def key(self, path):
        return os.path.relpath(path, self.root)

    def opened(self, path):
        return self.template.replace("{path}", urllib.parse.quote(self.key(path))).replace("{port}", self.port)

    def uri(self, path):
        return ANSWERED[self.scheme].format(key=urllib.parse.quote(self.key(path), safe=PLAIN), port=self.port)

    def path(self, path):
        bucket = f"127.0.0.1:{self.port}/runs" if self.scheme == "http" else "runs"
        return f"{bucket}/{self.key(path)}"

    def shown(self, path):
        return f"{self.scheme}://{self.path(path)}"

    @property
    def name(self):
        return FILESYSTEMS.get(self.scheme, self.scheme)


def server(scheme, root):
    variable = f"LIBRESULT_TEST_{scheme.upper()}"
    return Server(template=os.environ[variable], has_links=False, is_listed=scheme != "http", scheme=scheme,
                  port=os.environ[f"{variable}_PORT"], root=root)


def cases_for(store, cases):
    """The cases that the store can have, as it must answer them."""
    for case in cases:
        schemes, _ = IMPOSSIBLE.get(case.name.removesuffix(" strictly"), ("", ""))
        # Whoever uploads may read everything, so nothing is forbidden there.
        if case.powerless or store.scheme in schemes.split():
            continue
        if not store.is_listed:
            case = unlisted(case)
        if case:
            yield dataclasses.replace(case, store=store)


def unlisted(case):
    """The case where nothing lists files; None if its answers need a listing."""
    expected = case.expected
    if "error" in expected or case.events or expected["leftovers"] or not all(one["exists"] for one in expected["checkpoints"]):
        return None
    # Rows name checkpoints that were deleted since, and before Ray 2.7 none: directories tell which there are.
    is_told = expected["layout"] != "train_v1" or named(case.path) == {one["name"] for one in expected["checkpoints"]}
    return case if is_told else None


def named(run):
    """The checkpoints that the rows of a run name."""
    rows = os.path.join(run, "result.json")
    if not os.path.exists(rows):
        return set()
    with open(rows, encoding="utf-8", errors="replace") as f:
        return set(re.findall(r'"checkpoint_dir_name": ?"([^"]+)"', f.read()))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("program")
    parser.add_argument("--corpus", default=os.path.join(compare.HERE, os.pardir, "corpus"))
    parser.add_argument("--scratch", required=True)
    parser.add_argument("--language", default="")
    parser.add_argument("--only", default="s3,gs,abfs,http")
    parser.add_argument("--unordered", action="store_true")
    parser.set_defaults(under="", dump=None, against=None, self_test=False, by_family=False)
    options = parser.parse_args()
    scratch = os.path.realpath(options.scratch)
    cases = compare.load_cases(options.corpus, scratch, with_settings=True)
    failed = 0
    for scheme in options.only.split(","):
        passed, wrong = compare.compare_cases(options, scratch, list(cases_for(server(scheme, scratch), cases)))
        print(f"{options.language}, {scheme}: {passed} passed, {wrong} failed", flush=True)
        failed += wrong
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(compare.in_deep_thread(main))
