"""What the tests of remote runs have in common: how a test is declared, a proxy of its own, and checks."""
import contextlib
import dataclasses
import http.client
import json
import os
import re
import sys
import tempfile
import time
import types
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
CORPUS = os.path.join(HERE, os.pardir, "corpus")
sys.path.append(os.path.join(HERE, os.pardir, "servers"))
import libresult  # noqa: E402
import stores  # noqa: E402

HOST = "127.0.0.1"
STORES = ("s3", "gs", "abfs", "http")
BUCKETS = STORES[:3]
Failure = libresult.Failure


@dataclasses.dataclass
class Test:
    function: object
    store: str | None
    alone: bool
    quiet: bool
    environment: dict
    has_faults: bool

    @property
    def name(self):
        name = f"{self.function.__module__}.{self.function.__name__}"
        return f"{name}[{self.store}]" if self.store else name


TESTS = []


def test(*on, alone=False, quiet=False, environment=None, has_faults=False):
    """Declares a test; with stores, one for each, which is given a proxy before it as its argument.

    One that is `alone` runs in a process of its own, with that `environment` besides. A `quiet` one runs while no other does. One that
    `has_faults` must fail where the proxy does none: the self-test sees to that."""
    def declare(function):
        TESTS.extend(Test(function, store, alone, quiet, environment or {}, has_faults) for store in on or (None,))
        return function
    return declare


class Context:
    """What is one for all tests."""
    library = None
    path = None
    pyarrow = None
    self_test = False


def open_run(uri, **given):
    return Context.library.open(uri, **given)


def open_checkpoint(uri, **given):
    return Context.library.checkpoint(uri, **given)


# ---- The proxy -------------------------------------------------------------------------------------------------------


def ask(port, method, path, what=None):
    connection = http.client.HTTPConnection(HOST, port)
    body = b"" if what is None else json.dumps(what).encode()
    connection.request(method, path, body)
    response = connection.getresponse()
    answer = response.read()
    connection.close()
    if response.status != 200:
        raise RuntimeError(f"{method} {path}: {response.status} {answer!r}")
    return answer


class Proxy:
    """A proxy of a test's own before a store, and a directory of its own in it."""
    count = 0

    def __init__(self, store, name):
        self.store, self.variable = store, f"LIBRESULT_TEST_{store.upper()}"
        self.port = json.loads(ask(int(os.environ[f"{self.variable}_PROXY"]), "POST", "/__proxies"))["port"]
        self.direct = stores.STORES[store](int(os.environ[f"{self.variable}_PORT"]))
        self.home = re.sub(r"[^a-z0-9_]", "_", name) + f"_{os.getpid()}"
        self.faults = []

    def uri(self, path="", port=None, home=None):
        path = f"{self.home if home is None else home}/{path}".rstrip("/")
        return os.environ[self.variable].format(path=path, port=port or self.port)

    def shown(self, path):
        """The path in the bucket as errors have it."""
        return f"{self.home}/{path}"

    def put(self, path, data):
        self.direct.put(f"{self.home}/{path}", data)

    def get(self, path):
        return self.direct.get(f"{self.home}/{path}")

    def upload(self, case, below="run"):
        """Puts the run of a case of the corpus there. Returns its URI."""
        files = list(stores.files(os.path.join(CORPUS, case, "run")))
        check(files, f"the corpus has no run {case}")
        for key, path in files:
            with open(path, "rb") as f:
                self.put(f"{below}/{key}", f.read())
        return self.uri(below)

    def do(self, *rules):
        """From here on, the proxy does wrong as the rules say; its log is empty."""
        self.faults = list(rules)
        ask(self.port, "POST", "/__rules", [] if Context.self_test else self.faults)

    def clear(self):
        ask(self.port, "DELETE", "/__log")

    def log(self):
        """Requests since, as (method, path, query, range, status, bytes)."""
        return [tuple(line) for line in json.loads(ask(self.port, "GET", "/__log"))]

    def bytes(self):
        return sum(line[5] for line in self.log())

    def counts(self):
        return json.loads(ask(self.port, "GET", "/__counts"))

    def done(self):
        """How often each rule was followed."""
        return [rule["done"] for rule in json.loads(ask(self.port, "GET", "/__rules"))]

    def hole(self):
        return json.loads(ask(self.port, "POST", "/__holes"))["port"]

    def secure(self, how=True):
        """A proxy before the same store that speaks TLS: its port, and a file with its certificate."""
        about = json.loads(ask(self.port, "POST", "/__proxies", {"tls": how}))
        file = tempfile.NamedTemporaryFile(suffix=".pem")
        file.write(about["certificate"].encode())
        file.flush()
        return types.SimpleNamespace(port=about["port"], file=file.name, keep=file)

    def check_done(self):
        if self.faults and not Context.self_test:
            undone = [rule for rule, done in zip(self.faults, self.done(), strict=True) if not done]
            check(not undone, f"faults that did not happen: {undone}")


def is_listing(line):
    return any(word in line[2] for word in ("list-type=2", "comp=list"))


def reads(log):
    return [line for line in log if line[0] == "GET" and not is_listing(line)]


def names(log):
    """The names of the files that were read."""
    return sorted(urllib.parse.unquote(line[1]).rsplit("/", 1)[1] for line in reads(log))


# ---- Checks ----------------------------------------------------------------------------------------------------------


class Wrong(AssertionError):
    """A check found something wrong."""


def check(fact, what):
    if not fact:
        raise Wrong(what)


def equal(found, expected, what=""):
    check(found == expected, f"{what}: {found!r}, not {expected!r}")


@contextlib.contextmanager
def within(seconds, least=0):
    """Checks how long something takes."""
    start = time.monotonic()
    yield
    took = time.monotonic() - start
    check(least <= took <= seconds, f"took {took:.2f} s, not {least} to {seconds}")


def fails(code, *words, call, seconds=10, least=0):
    """Checks that a call fails with this code, in this time, with one line that has these words. Returns the message."""
    with within(seconds, least):
        try:
            call()
        except Failure as error:
            failure = error
        else:
            raise Wrong(f"succeeded instead of {code}")
    equal(failure.code, code, failure.message)
    missing = [word for word in words if word.lower() not in failure.message.lower()]
    check(not missing, f"the message lacks {missing}: {failure.message}")
    check("\n" not in failure.message and 10 < len(failure.message) < 800, f"no clear sentence: {failure.message!r}")
    for jargon in ("Generic", "object_store", "reqwest", "Error {", "Some("):
        check(jargon not in failure.message, f"jargon: {failure.message}")
    return failure.message


# ---- The checks themselves -------------------------------------------------------------------------------------------


def check_checks():
    """What the checks here must find wrong. Returns what they did not."""
    def nowhere():
        open_run("s4://SECRET@bucket/run")

    wrong = {
        "a success": lambda: fails("IO", call=lambda: None),
        "another code": lambda: fails("IO", call=nowhere),
        "a missing word": lambda: fails("INVALID_ARGUMENT", "no such word", call=nowhere),
        "a call that takes long": lambda: fails("INVALID_ARGUMENT", call=lambda: (time.sleep(0.02), nowhere()), seconds=0.01),
        "a call that ends too soon": lambda: fails("INVALID_ARGUMENT", call=nowhere, least=1),
        "another value": lambda: equal(1, 2),
        "something false": lambda: check([], "empty"),
    }
    fails("INVALID_ARGUMENT", "s3://", call=nowhere)
    missed = []
    for name, call in wrong.items():
        try:
            call()
            missed.append(name)
        except Wrong:
            pass
    return missed
