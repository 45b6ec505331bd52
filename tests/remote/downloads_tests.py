"""Checkpoints that come home: the same bytes, in as few requests as there are parts, whole or not at all whatever goes wrong."""
import contextlib
import json
import os
import random
import signal
import tempfile
import threading
import time

import runs
from cancel_tests import cancel_often
from harness import BUCKETS, Context, check, equal, fails, is_listing, open_checkpoint, reads, test, within
from libresult import Cancel
from refusals_tests import xml
from runs import CHECKPOINT, noise, put_checkpoint, tree

MIB = 1 << 20
# Names, of which some need escapes in URLs, in XML or in neither.
ODD_NAMES = ("a b.bin", "100%.txt", "50%25.bin", "%2e%2e", "größe/данные.pt", "a+b&c=d;e", "#x?y", "<&>'\"", "...", ".hidden/.metadata.json",
             "~(x)!*", "e\u0301", " lead", "trail ", "a:b|c", "comma,semi;@$")
SOME = {"model.bin": noise(1, 200_000), "optim/rank_0.pt": noise(2, 90_000), "optim/deep/er/x": b"1", "empty": b"", ".metadata.json": b"{}"}


@contextlib.contextmanager
def scratch():
    with tempfile.TemporaryDirectory() as directory:
        yield directory


@contextlib.contextmanager
def place():
    """A place for a download, beside which nothing may be left."""
    with scratch() as directory:
        yield os.path.join(directory, "dest")
        check(set(os.listdir(directory)) <= {"dest"}, f"left: {os.listdir(directory)}")


def same(destination, files):
    found = tree(destination)
    equal(sorted(found), sorted(files), "files")
    different = [name for name in files if found[name] != files[name]]
    check(not different, f"other bytes: {different}")


def kinds(log):
    """How many listings and reads there were, and other requests."""
    return sum(map(is_listing, log)), len(reads(log)), [line for line in log if line[0] != "GET"]


def nothing_there(destination):
    check(not os.path.exists(destination), f"there is {destination}")


# ---- What comes ------------------------------------------------------------------------------------------------------


@test(*BUCKETS)
def all_files_come_as_they_are(proxy):
    files = {**SOME, **{name: noise(number, 100 + number) for number, name in enumerate(ODD_NAMES)}}
    uri = put_checkpoint(proxy, {**files, "marker/": b"", "optim/": b"", "": b""})
    checkpoint = open_checkpoint(uri)
    proxy.clear()
    with place() as destination:
        checkpoint.download(destination)
        same(destination, files)
        equal(kinds(proxy.log()), (1, sum(map(bool, files.values())), []), proxy.log())
        check(not os.path.exists(f"{destination}/marker"), "a marker became something")
    equal(checkpoint.files(), {name: len(data) for name, data in files.items()})


@test(*BUCKETS)
def three_hundred_small_files(proxy):
    files = {f"shard_{number % 7}/{number:04}.bin": f"{number} is small".encode() for number in range(300)}
    checkpoint = open_checkpoint(put_checkpoint(proxy, files))
    proxy.clear()
    with place() as destination:
        checkpoint.download(destination)
        same(destination, files)
    equal(kinds(proxy.log()), (1, 300, []))


@test("s3", has_faults=True)
def more_files_than_a_page_has(proxy):
    names = [f"{number:05}" for number in range(1_100)]
    runs.many(proxy, [f"{CHECKPOINT}/{name}" for name in names])
    checkpoint = open_checkpoint(proxy.uri(CHECKPOINT))
    proxy.clear()
    with place() as destination:
        checkpoint.download(destination, include=["0109?", "00000"])
        same(destination, {name: b"weights" for name in ["00000", *names[-10:]]})
    equal(kinds(proxy.log()), (2, 11, []))
    proxy.do({"query": "continuation-token", "status": 403, "body": xml("AccessDenied", "Access Denied")})
    with place() as destination:
        fails("PERMISSION", proxy.shown(CHECKPOINT), call=lambda: checkpoint.download(destination))
        nothing_there(destination)
        proxy.do({"query": "continuation-token", "status": 503, "times": 1})
        checkpoint.download(destination, include="0109?")
        equal(sorted(os.listdir(destination)), names[-10:])


@test(*BUCKETS)
def a_large_file_comes_in_parts(proxy):
    files = {"model.bin": noise(3, 40 * MIB + 17), "small": b"small"}
    checkpoint = open_checkpoint(put_checkpoint(proxy, files))
    proxy.clear()
    told = []
    with place() as destination:
        checkpoint.download(destination, part_bytes=MIB, parallel=6, progress=lambda done, total: told.append((done, total)) or True)
        same(destination, files)
    log = proxy.log()
    equal(kinds(log), (1, 42, []), [line[3] for line in reads(log)])
    equal(sum(line[5] for line in reads(log)), sum(map(len, files.values())), "bytes")
    equal(told, sorted(told), "progress")
    equal(told[-1], (40 * MIB + 22, 40 * MIB + 22), "progress")


@test(*BUCKETS)
def only_what_is_asked_for_comes(proxy):
    checkpoint = open_checkpoint(put_checkpoint(proxy, SOME))
    proxy.clear()
    with place() as destination:
        checkpoint.download(destination, include=["*.bin", "optim/*"], exclude="*/x")
        same(destination, {name: SOME[name] for name in ("model.bin", "optim/rank_0.pt")})
    equal(kinds(proxy.log()), (1, 2, []))
    with place() as destination:
        fails("INVALID_ARGUMENT", "include", "modle.bin", "model.bin", call=lambda: checkpoint.download(destination, include="modle.bin"))


@test(*BUCKETS, has_faults=True)
def as_many_requests_at_once_as_are_set(proxy):
    files = {**{f"{number}": b"x" * 10 for number in range(8)}, "large": noise(4, 9_000)}
    checkpoint = open_checkpoint(put_checkpoint(proxy, files))
    for parallel in (1, 5):
        proxy.do({"path": "checkpoint", "hang": True})
        cancel = Cancel(Context.library)

        def trigger(cancel=cancel, parallel=parallel):
            end = time.monotonic() + 10
            while len(reads(proxy.log())) < parallel and time.monotonic() < end:
                time.sleep(0.02)
            time.sleep(0.2)
            cancel.trigger()

        thread = threading.Thread(target=trigger)
        thread.start()
        with place() as destination:
            fails("CANCELLED", call=lambda: checkpoint.download(destination, cancel=cancel, parallel=parallel, part_bytes=1_000), seconds=15)
            nothing_there(destination)
        thread.join()
        equal(len(reads(proxy.log())), parallel, "requests at once")


@test(*BUCKETS, quiet=True)
def parts_of_one_file_come_at_once(proxy):
    files = {"large": noise(4, 16_000)}
    checkpoint = open_checkpoint(put_checkpoint(proxy, files))
    proxy.do({"path": "checkpoint", "delay": 0.3})
    with place() as destination, within(2.5, least=0.6):
        checkpoint.download(destination, parallel=8, part_bytes=1_000)
        same(destination, files)
    check(6 <= proxy.counts()["peak"] <= 9, proxy.counts())


@test("s3", "abfs", alone=True)
def memory_is_what_the_parts_take(proxy):
    parallel, part, size = 4, MIB, 48 * MIB
    proxy.put(f"{CHECKPOINT}/large", noise(5, size))
    checkpoint = open_checkpoint(put_checkpoint(proxy, SOME))

    def child(queue):
        with place() as destination:
            checkpoint.download(destination, exclude="large", parallel=parallel)
        # Of this process alone, since it was forked.
        with open("/proc/self/clear_refs", "w") as f:
            f.write("5")
        before = peak()
        with place() as destination:
            checkpoint.download(destination, parallel=parallel, part_bytes=part)
            equal(os.path.getsize(f"{destination}/large"), size)
        grown = peak() - before
        os.write(queue, str(grown).encode())

    reading, writing = os.pipe()
    equal(forked(lambda: child(writing)).wait(), 0, "child")
    grown = int(os.read(reading, 100))
    check(parallel * part // 2 <= grown <= parallel * part + 12 * MIB, f"took {grown / MIB:.1f} MiB")


def peak():
    """The most memory that this process had in use."""
    with open("/proc/self/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmHWM")) * 1024


@test(*BUCKETS)
def what_is_not_there_is_not_found(proxy):
    checkpoint = open_checkpoint(proxy.uri("run/checkpoint_000009"))
    with place() as destination:
        fails("NOT_FOUND", proxy.shown("run/checkpoint_000009"), call=lambda: checkpoint.download(destination))
        nothing_there(destination)
    proxy.put("run/checkpoint_000009/", b"")
    with place() as destination:
        checkpoint.download(destination)
        equal(os.listdir(destination), [], "an empty checkpoint")


# ---- Names that no directory can have --------------------------------------------------------------------------------


@test(*BUCKETS)
def names_that_are_none_are_refused(proxy):
    for number, (name, more) in enumerate({"a//b": {}, "../../x": {}, "x/../y": {}, "./z": {}, "/abs": {}, "a": {"a/b": b"2"}}.items()):
        below = f"run/checkpoint_{number:06}"
        put_checkpoint(proxy, {"fine": b"1", **more}, below)
        proxy.put(f"{below}/{name}", b"evil")
        checkpoint = open_checkpoint(proxy.uri(below))
        with scratch() as directory:
            message = fails("IO", proxy.shown(below), call=lambda: checkpoint.download(f"{directory}/deep/er/dest"))
            check(f"'{name}'" in message, message)
            equal(tree(directory), {}, "files")
            checkpoint.download(f"{directory}/deep/er/dest", include="fine")
            equal(tree(directory), {"deep/er/dest/fine": b"1"}, "files")


# ---- Faults ----------------------------------------------------------------------------------------------------------


MODEL = "model"


def of_model(**rule):
    return {"method": "GET", "path": MODEL, **rule}


@test(*BUCKETS, has_faults=True)
def what_passes_is_gone_through(proxy):
    checkpoint = open_checkpoint(put_checkpoint(proxy, SOME))
    busy = {"status": 503, "times": 2, "body": xml("SlowDown", "Slow down.")}
    for rule in (busy, of_model(cut=70_000, times=1), of_model(reset=70_000, times=1), of_model(reset="before", times=1),
                 of_model(reset="after", times=1), of_model(delay=0.2), of_model(throttle=800_000)):
        proxy.do(rule)
        with place() as destination, within(12):
            checkpoint.download(destination)
            same(destination, SOME)
        if "cut" in rule:
            ranges = [line[3] for line in reads(proxy.log()) if MODEL in line[1]]
            check(len(ranges) == 2 and ranges[1].startswith("bytes=70000-"), f"not resumed: {ranges}")
        proxy.check_done()
    proxy.do(*[of_model(cut=9_000, times=1, range=f"={offset}-") for offset in range(0, 200_000, 20_000)])
    with place() as destination:
        checkpoint.download(destination, part_bytes=20_000)
        same(destination, SOME)


@test(*BUCKETS, has_faults=True)
def a_long_body_that_breaks_is_taken_up_again(proxy):
    """The time that bytes came is not time in which none did."""
    checkpoint = open_checkpoint(put_checkpoint(proxy, SOME), retry_limit_seconds=0.5)
    proxy.do(of_model(throttle=60_000, cut=70_000, times=2))
    with place() as destination, within(12):
        checkpoint.download(destination)
        same(destination, SOME)
    ranges = [line[3] for line in reads(proxy.log()) if MODEL in line[1]]
    check([text.partition("-")[0] for text in ranges] == ["bytes=0", "bytes=70000", "bytes=140000"], f"not resumed: {ranges}")


@test(*BUCKETS, has_faults=True)
def what_does_not_pass_is_told(proxy):
    checkpoint = open_checkpoint(put_checkpoint(proxy, SOME))
    denied = xml("AccessDenied", "Access Denied")
    for code, words, rule in (("PERMISSION", ("AccessDenied",), of_model(status=403, body=denied)), ("IO", (), of_model(length=100)),
                              ("IO", (), of_model(length=-100)), ("IO", ("changed",), of_model(set={"ETag": '"another"'})),
                              ("IO", (), of_model(status=200, body="<html>")), ("IO", ("redirects",), of_model(redirect="http://elsewhere.invalid"))):
        proxy.do(rule)
        with scratch() as directory:
            destination = f"{directory}/dest"
            fails(code, proxy.shown(f"{CHECKPOINT}/model.bin"), *words, call=lambda: checkpoint.download(destination), seconds=15)
            nothing_there(destination)
            proxy.check_done()
            proxy.do()
            checkpoint.download(destination)
            same(destination, SOME)
            equal(os.listdir(directory), ["dest"], "left")


@test(*BUCKETS, has_faults=True)
def a_part_that_never_comes_is_given_up_or_asked_for_again(proxy):
    # The servers themselves may be slow while other tests run.
    checkpoint = open_checkpoint(put_checkpoint(proxy, SOME), idle_timeout_ms=1_000)
    for rule in (of_model(hang=True, times=1), of_model(cut=70_000, hang=True, times=1)):
        proxy.do(rule)
        with place() as destination, within(10, least=1):
            checkpoint.download(destination)
            same(destination, SOME)
        proxy.check_done()
    proxy.do(of_model(hang=True))
    with scratch() as directory:
        fails("IO", "model.bin", "timed out", call=lambda: checkpoint.download(f"{directory}/dest"), seconds=20, least=1)
        nothing_there(f"{directory}/dest")


@test(*BUCKETS, has_faults=True)
def what_changes_meanwhile_comes_in_one_version(proxy):
    """Longer, shorter, as long, or gone, while parts of it are on the way."""
    old = {"model.txt": b"".join(b"old %06d\n" % line for line in range(2_000)), "other": b"1"}
    for size in (3_000, 500, 2_000, None):
        put_checkpoint(proxy, old)
        checkpoint = open_checkpoint(proxy.uri(CHECKPOINT))
        key = f"{proxy.home}/{CHECKPOINT}/model.txt"
        new = "".join(f"new {line:06}\n" for line in range(size or 0))
        proxy.do(of_model(nth=8, times=1, **({"put": [key, new]} if size else {"remove": key})))
        with place() as destination:
            checkpoint.download(destination, part_bytes=1_000, parallel=2)
            same(destination, {"model.txt": new.encode(), "other": b"1"} if size else {"other": b"1"})
        proxy.check_done()


@test(*BUCKETS, has_faults=True)
def what_changes_all_the_time_is_told(proxy):
    checkpoint = open_checkpoint(put_checkpoint(proxy, {"model.txt": b"x" * 5_000, "other": b"1"}))
    key = f"{proxy.home}/{CHECKPOINT}/model.txt"
    proxy.do(*[of_model(range="=3000-", times=1, put=[key, f"{number}" * 5_000]) for number in range(3)])
    with scratch() as directory:
        destination = f"{directory}/dest"
        fails("IO", "model.txt", "changed", call=lambda: checkpoint.download(destination, part_bytes=1_000, parallel=1))
        nothing_there(destination)
        checkpoint.download(destination)
        same(destination, {"model.txt": b"2" * 5_000, "other": b"1"})


@test(*BUCKETS, quiet=True, has_faults=True)
def it_ends_soon_when_it_is_cancelled(proxy):
    checkpoint = open_checkpoint(put_checkpoint(proxy, {**SOME, "large": noise(7, 3 * MIB)}))
    proxy.do({"path": "checkpoint", "throttle": 200_000})
    with scratch() as directory:
        cancel_often(lambda cancel: checkpoint.download(f"{directory}/dest", cancel=cancel), (0, 0.05, 0.3))
        nothing_there(f"{directory}/dest")
    for rule in ({"path": "large", "hang": True}, {"path": "large", "status": 503}, {"query": "list", "hang": True}):
        proxy.do(rule)
        with scratch() as directory:
            cancel_often(lambda cancel: checkpoint.download(f"{directory}/dest", cancel=cancel), (0.3,))


@test(*BUCKETS, quiet=True)
def it_ends_soon_when_progress_says_so(proxy):
    checkpoint = open_checkpoint(put_checkpoint(proxy, {"large": noise(7, 3 * MIB)}))
    proxy.do({"path": "checkpoint", "throttle": 1_000_000})
    told = []

    def progress(done, total):
        told.append((time.monotonic(), threading.get_ident()))
        return done < 2 * 65_536

    with scratch() as directory:
        fails("CANCELLED", call=lambda: checkpoint.download(f"{directory}/dest", progress=progress, part_bytes=65_536, parallel=2))
        late = time.monotonic() - told[-1][0]
        check(late < 0.2, f"returned {late:.3f} s after it was told to stop")
        equal({thread for _, thread in told}, {threading.get_ident()}, "threads that progress is told by")
        nothing_there(f"{directory}/dest")
        proxy.do()
        checkpoint.download(f"{directory}/dest")
        check(sum(line[5] for line in reads(proxy.log())) <= 3 * MIB - 2 * 65_536, "what was there came again")


# ---- Web servers -----------------------------------------------------------------------------------------------------


@test("http")
def of_a_web_server_only_files_by_name(proxy):
    checkpoint = open_checkpoint(put_checkpoint(proxy, SOME))
    with place() as destination:
        for call in (lambda: checkpoint.download(destination), checkpoint.files, lambda: checkpoint.directory(cache_dir=destination)):
            fails("UNSUPPORTED", proxy.shown(CHECKPOINT), "web server", "list", call=call)
    equal(checkpoint.read_file("optim/rank_0.pt", 10, 1_000), SOME["optim/rank_0.pt"][10:1_010])
    equal(checkpoint.read_file("empty"), b"")
    fails("NOT_FOUND", "nothing", call=lambda: checkpoint.read_file("nothing"))


# ---- One file --------------------------------------------------------------------------------------------------------


@test(*BUCKETS)
def a_file_is_read_by_one_request(proxy):
    data = noise(8, 6 * MIB)
    checkpoint = open_checkpoint(put_checkpoint(proxy, {**SOME, "large": data}))
    for offset, length, found in ((0, 10, 10), (100, 1_000, 1_000), (5 * MIB, 500, 500), (0, 6 * MIB, 6 * MIB), (6 * MIB - 5, 100, 5)):
        proxy.clear()
        check(checkpoint.read_file("large", offset, length) == data[offset:offset + length], f"{length} bytes at {offset}")
        equal(kinds(proxy.log()), (0, 1, []), proxy.log())
        equal(proxy.bytes(), found, "bytes")
    proxy.clear()
    equal(checkpoint.read_file("large", 7 * MIB, 10), b"")
    equal(checkpoint.read_file("large", 6 * MIB, 10), b"")
    equal(checkpoint.read_file("large", 3, 0), b"")
    equal(checkpoint.read_file("empty", 0, 10), b"")
    equal(checkpoint.read_file("empty", 5, 10), b"")
    check(proxy.bytes() < 10_000, proxy.log())
    for name, length in (("nothing", 10), ("optim", 10), ("nothing", 0)):
        fails("NOT_FOUND", proxy.shown(f"{CHECKPOINT}/{name}"), call=lambda name=name, length=length: checkpoint.read_file(name, 0, length))
    for name in ("../x", "/x", "a//b", "", "a/../../b"):
        fails("INVALID_ARGUMENT", "name", call=lambda name=name: checkpoint.read_file(name))


@test(*BUCKETS)
def files_are_told_by_one_listing(proxy):
    checkpoint = open_checkpoint(put_checkpoint(proxy, {**SOME, "optim/": b""}))
    proxy.clear()
    equal(list(checkpoint.files().items()), sorted((name, len(data)) for name, data in SOME.items()))
    equal(kinds(proxy.log()), (1, 0, []))
    missing = open_checkpoint(proxy.uri("run/checkpoint_000009"))
    fails("NOT_FOUND", "checkpoint_000009", call=missing.files)


@test(*BUCKETS, has_faults=True)
def one_file_through_faults(proxy):
    checkpoint = open_checkpoint(put_checkpoint(proxy, SOME))
    data = SOME["model.bin"]
    for rule in (of_model(status=503, times=1), of_model(cut=70_000, times=1), of_model(reset="before", times=1)):
        proxy.do(rule)
        check(checkpoint.read_file("model.bin", 100, 150_000) == data[100:150_100], f"{rule}")
        proxy.check_done()
    proxy.do(of_model(status=403, body=xml("AccessDenied", "No.")))
    fails("PERMISSION", "model.bin", call=lambda: checkpoint.read_file("model.bin"))


# ---- Processes that are killed ---------------------------------------------------------------------------------------


class Child:
    """A fork of this process that does something, and is killed or ends by itself."""

    def __init__(self, work):
        self.pid = os.fork()
        if self.pid == 0:
            code = 1
            try:
                work()
                code = 0
            except BaseException as error:  # noqa: BLE001 # whatever it is, it is told
                print(f"in the child: {error!r}", flush=True)
            finally:
                os._exit(code)

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)

    def wait(self, patience=30):
        """Its exit code; -1 if it does not end."""
        end = time.monotonic() + patience
        while time.monotonic() < end:
            done, status = os.waitpid(self.pid, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.005)
        self.kill()
        return -1


def forked(work):
    return Child(work)


def at_rest(proxy):
    """Waits until nothing that a killed process had asked for is on its way any more."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        proxy.clear()
        time.sleep(0.05)
        if not proxy.counts()["peak"]:
            return
    check(False, "the proxy is never at rest")


def noted(directory):
    """How many bytes a part directory says that it has."""
    try:
        with open(f"{directory}/.dest.part/manifest") as f:
            lines = f.read().split("\n")[1:-1]
    except FileNotFoundError:
        return 0
    return sum(json.loads(line)[2] for line in lines if line.startswith("["))


def remove_all(directory):
    for where, below, names in os.walk(directory, topdown=False):
        for name in names:
            os.unlink(os.path.join(where, name))
        for name in below:
            os.rmdir(os.path.join(where, name))


def kill_within(child, moments, directory, most):
    """Kills a child at some moment: of the clock, or of its progress."""
    if moments.random() < 0.3:
        time.sleep(moments.random() * 0.2)
    else:
        goal, end = noted(directory) + moments.randrange(most), time.monotonic() + 5
        while noted(directory) < goal and time.monotonic() < end and not os.path.exists(f"{directory}/dest"):
            time.sleep(0.002)
        time.sleep(moments.random() * 0.01)
    child.kill()


@test("s3", "abfs", alone=True)
def killed_at_any_moment_it_is_whole_or_absent(proxy):
    files = {**SOME, **{f"shard_{number}": noise(number, 60_000) for number in range(5)}}
    total, part, parallel = sum(map(len, files.values())), 16_384, 3
    checkpoint = open_checkpoint(put_checkpoint(proxy, files))
    slow = {"path": "checkpoint", "throttle": 700_000}
    kills, went_on = 25, 0
    moments = random.Random(proxy.store)
    with scratch() as directory:
        destination = f"{directory}/dest"

        def download():
            checkpoint.download(destination, part_bytes=part, parallel=parallel)

        proxy.do(slow)
        for _ in range(kills):
            before = noted(directory)
            kill_within(forked(download), moments, directory, 150_000)
            if os.path.exists(destination):
                same(destination, files)
                remove_all(directory)
                continue
            check(noted(directory) >= before, f"{before} bytes became {noted(directory)}")
            went_on += noted(directory) > before
        check(went_on >= kills // 3, f"only {went_on} of {kills} got further")
        # From whatever is there, and from the middle.
        for _ in range(2):
            at_rest(proxy)
            there = noted(directory)
            proxy.do()
            download()
            same(destination, files)
            equal(os.listdir(directory), ["dest"], "left")
            equal(sum(line[5] for line in reads(proxy.log())), total - there, f"bytes that came, of {total} where {there} were there")
            remove_all(directory)
            proxy.do(slow)
            child, end = forked(download), time.monotonic() + 10
            while noted(directory) < total // 4 and time.monotonic() < end:
                time.sleep(0.002)
            child.kill()
            check(noted(directory) >= total // 4 and not os.path.exists(destination), "not in the middle")


@test("s3", alone=True)
def killed_at_any_moment_a_replaced_directory_is_old_or_new(proxy):
    versions = [{name: bytes([version]) * 3_000 for name in ("a", "b", f"only_{version}")} for version in range(2)]
    checkpoints = [open_checkpoint(put_checkpoint(proxy, files, f"run/checkpoint_{number:06}")) for number, files in enumerate(versions)]
    moments, seen = random.Random(7), [0, 0]
    with scratch() as directory:
        destination = f"{directory}/dest"

        def replace(version):
            checkpoints[version].download(destination, on_exists="replace")

        start = time.monotonic()
        equal(forked(lambda: replace(0)).wait(), 0)
        took, there = time.monotonic() - start, 0
        for _ in range(25):
            child = forked(lambda there=there: replace(1 - there))
            time.sleep(moments.random() * 1.6 * took)
            child.kill()
            found = tree(destination)
            check(found in versions, f"a mix: {sorted(found)}")
            is_done = versions.index(found) != there
            seen[is_done] += 1
            # However long it takes meanwhile, half of the kills are to come before it is done.
            took *= 0.8 if is_done else 1.25
            there = versions.index(found)
        check(min(seen) > 2, f"killed before and after: {seen}")
        replace(1 - there)
        same(destination, versions[1 - there])
        equal(os.listdir(directory), ["dest"], "left")
