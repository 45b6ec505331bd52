"""Checkpoints as local directories: one copy for all who ask, in threads and processes, gone with the last one, whoever was killed."""
import contextlib
import os
import random
import tempfile
import threading
import time

from cancel_tests import cancel_often
from downloads_tests import SOME, forked, kinds, of_model, same
from harness import BUCKETS, check, equal, fails, open_checkpoint, reads, test, within
from refusals_tests import xml
from runs import CHECKPOINT, noise, put_checkpoint, tree

FILLED = sum(map(bool, SOME.values()))


@contextlib.contextmanager
def cache():
    with tempfile.TemporaryDirectory() as directory:
        yield os.path.join(directory, "cache")
        # Python cannot remove what nobody may write to.
        for where, below, _ in os.walk(directory):
            for name in below:
                os.chmod(os.path.join(where, name), 0o700)


def empty(where):
    equal(os.listdir(where), [], "left in the cache")


class Gate:
    """A pipe at which children wait, or this process for them."""

    def __init__(self):
        self.reading, self.writing = os.pipe()

    def pass_on(self):
        os.write(self.writing, b".")

    def wait(self):
        os.read(self.reading, 1)


@test(*BUCKETS)
def a_copy_goes_with_its_last_user(proxy):
    checkpoint = open_checkpoint(put_checkpoint(proxy, SOME))
    proxy.clear()
    with cache() as where:
        first = checkpoint.directory(cache_dir=where)
        equal(kinds(proxy.log()), (1, FILLED, []), proxy.log())
        equal(os.path.basename(first.path), os.path.basename(CHECKPOINT), "its name")
        check(os.path.realpath(first.path).startswith(os.path.realpath(where)), first.path)
        same(first.path, SOME)
        check(not os.stat(f"{first.path}/model.bin").st_mode & 0o222, "files that all share can be written to")
        proxy.clear()
        second = checkpoint.directory(cache_dir=where)
        equal(kinds(proxy.log()), (1, 0, []))
        equal(second.path, first.path, "path")
        other = checkpoint.directory(cache_dir=where, include="model.bin")
        check(other.path != first.path, "another choice has the same copy")
        same(other.path, {"model.bin": SOME["model.bin"]})
        first.free()
        same(second.path, SOME)
        second.free()
        same(other.path, {"model.bin": SOME["model.bin"]})
        other.free()
        empty(where)


@test(*BUCKETS)
def a_copy_that_is_to_stay_stays(proxy):
    checkpoint = open_checkpoint(put_checkpoint(proxy, SOME))
    with cache() as where:
        held = checkpoint.directory(cache_dir=where, keep="true")
        path = held.path
        held.free()
        same(path, SOME)
        for _ in range(2):
            proxy.clear()
            held = checkpoint.directory(cache_dir=where)
            equal((held.path, kinds(proxy.log())), (path, (1, 0, [])), "again")
            held.free()
            same(path, SOME)


@test(*BUCKETS)
def what_changed_is_another_copy(proxy):
    checkpoint = open_checkpoint(put_checkpoint(proxy, SOME))
    with cache() as where:
        old = checkpoint.directory(cache_dir=where)
        # As long as it was.
        new = {**SOME, "model.bin": noise(9, len(SOME["model.bin"]))}
        proxy.put(f"{CHECKPOINT}/model.bin", new["model.bin"])
        fresh = checkpoint.directory(cache_dir=where)
        same(old.path, SOME)
        same(fresh.path, new)
        old.free()
        same(fresh.path, new)
        fresh.free()
        empty(where)


@test(*BUCKETS)
def a_cache_takes_no_more_than_it_may(proxy):
    checkpoints = []
    for number in range(3):
        below = f"run/checkpoint_{number:06}"
        checkpoints.append(open_checkpoint(put_checkpoint(proxy, {"model.bin": noise(number, 40_000)}, below)))
    with cache() as where:
        paths = []
        for checkpoint in checkpoints:
            held = checkpoint.directory(cache_dir=where, keep="true", cache_max_bytes=100_000)
            paths.append(held.path)
            held.free()
        equal([os.path.exists(path) for path in paths], [False, True, True], "the one asked for least lately goes")
        held = checkpoints[1].directory(cache_dir=where)
        again = checkpoints[0].directory(cache_dir=where, keep="true", cache_max_bytes=50_000)
        equal([os.path.exists(path) for path in paths], [True, True, False], "the one in use stays")
        same(held.path, {"model.bin": noise(1, 40_000)})
        same(again.path, {"model.bin": noise(0, 40_000)})


@test(*BUCKETS, has_faults=True)
def what_fails_leaves_nothing_that_is_half(proxy):
    checkpoint = open_checkpoint(put_checkpoint(proxy, SOME))
    with cache() as where:
        proxy.do(of_model(status=403, body=xml("AccessDenied", "No.")))
        fails("PERMISSION", proxy.shown(f"{CHECKPOINT}/model.bin"), call=lambda: checkpoint.directory(cache_dir=where, parallel=1))
        proxy.do(of_model(cut=50_000, times=1), of_model(status=503, times=1))
        held = checkpoint.directory(cache_dir=where)
        same(held.path, SOME)
        held.free()
        empty(where)
        fails("NOT_FOUND", "checkpoint_000009", call=lambda: open_checkpoint(proxy.uri("run/checkpoint_000009")).directory(cache_dir=where))
        empty(where)


@test(*BUCKETS, has_faults=True)
def what_changes_meanwhile_is_one_version(proxy):
    old, new = {"model.txt": b"old " * 3_000, "other": b"1"}, {"model.txt": b"new " * 3_000, "other": b"1"}
    checkpoint = open_checkpoint(put_checkpoint(proxy, old))
    key = f"{proxy.home}/{CHECKPOINT}/model.txt"
    with cache() as where:
        proxy.do(of_model(nth=6, times=1, put=[key, new["model.txt"].decode()]))
        held = checkpoint.directory(cache_dir=where, part_bytes=1_000, parallel=2)
        same(held.path, new)
        held.free()
        empty(where)


@test(*BUCKETS, alone=True)
def processes_and_threads_share_one_copy(proxy):
    checkpoint = open_checkpoint(put_checkpoint(proxy, SOME))
    # So slow that all come before it is whole.
    proxy.do({"path": "checkpoint", "delay": 0.3})
    with cache() as where:
        opened, gates = Gate(), [Gate(), Gate()]

        def work(gate):
            wrong = []
            barrier = threading.Barrier(9)

            def one():
                try:
                    held = checkpoint.directory(cache_dir=where)
                    same(held.path, SOME)
                    barrier.wait(20)
                    barrier.wait(20)
                    same(held.path, SOME)
                    held.free()
                except BaseException as error:  # noqa: BLE001 # whatever it is, it is told
                    wrong.append(error)
                    barrier.abort()

            threads = [threading.Thread(target=one) for _ in range(8)]
            for thread in threads:
                thread.start()
            try:
                barrier.wait(20)
                opened.pass_on()
                gate.wait()
                barrier.wait(20)
            except threading.BrokenBarrierError:
                opened.pass_on()
            for thread in threads:
                thread.join()
            check(not wrong, f"{wrong}")

        children = [forked(lambda gate=gate: work(gate)) for gate in gates]
        for _ in children:
            opened.wait()
        listings, gets, others = kinds(proxy.log())
        equal((gets, others, listings), (FILLED, [], 16), "requests of all")
        gates[0].pass_on()
        equal(children[0].wait(), 0, "the child that leaves first")
        check(os.listdir(where), "the copy is gone while others use it")
        gates[1].pass_on()
        equal(children[1].wait(), 0, "the child that leaves last")
        empty(where)


@test("s3", "abfs", alone=True)
def who_was_killed_is_cleaned_up_after(proxy):
    checkpoint = open_checkpoint(put_checkpoint(proxy, SOME))
    another = open_checkpoint(put_checkpoint(proxy, {"x": b"1"}, "run/checkpoint_000002"))

    def killed_with_it(where, **given):
        opened = Gate()

        def work():
            held = checkpoint.directory(cache_dir=where, **given)
            opened.pass_on()
            time.sleep(30)
            held.free()

        child = forked(work)
        opened.wait()
        child.kill()

    with cache() as where:
        # The next one uses what is there.
        killed_with_it(where)
        check(os.listdir(where), "the copy of who was killed")
        proxy.clear()
        held = checkpoint.directory(cache_dir=where)
        equal(kinds(proxy.log()), (1, 0, []))
        same(held.path, SOME)
        held.free()
        empty(where)
        # Or removes it.
        killed_with_it(where)
        another.directory(cache_dir=where).free()
        empty(where)
        # In the middle, the next one goes on.
        proxy.do({"path": "checkpoint", "throttle": 300_000})
        child = forked(lambda: checkpoint.directory(cache_dir=where, part_bytes=20_000, parallel=2))
        end = time.monotonic() + 10
        while part_of(where) < 100_000 and time.monotonic() < end:
            time.sleep(0.005)
        child.kill()
        time.sleep(0.2)
        proxy.do()
        held = checkpoint.directory(cache_dir=where, part_bytes=20_000)
        same(held.path, SOME)
        fetched = sum(line[5] for line in reads(proxy.log()))
        check(0 < fetched <= sum(map(len, SOME.values())) - 100_000, f"{fetched} bytes came")
        held.free()
        empty(where)


def part_of(where):
    """How many bytes the part directories in a cache say that they have."""
    total = 0
    for above, _, names in os.walk(where):
        if "manifest" in names:
            with contextlib.suppress(FileNotFoundError), open(f"{above}/manifest") as f:
                total += sum(int(line.strip("[]\n").split(",")[2]) for line in f.readlines()[1:] if line.endswith("]\n"))
    return total


@test("s3", "abfs", alone=True)
def many_processes_are_killed_and_nobody_sees_half(proxy):
    checkpoint = open_checkpoint(put_checkpoint(proxy, {"model.bin": SOME["model.bin"], "x": b"1"}))
    another = open_checkpoint(put_checkpoint(proxy, {"x": b"1"}, "run/checkpoint_000002"))
    proxy.do({"path": "checkpoint", "throttle": 4_000_000})
    expected = {"model.bin": SOME["model.bin"], "x": b"1"}
    moments = random.Random(proxy.store)
    with cache() as where:
        def work():
            while True:
                held = checkpoint.directory(cache_dir=where, part_bytes=30_000, parallel=3)
                check(tree(held.path) == expected, "half a copy")
                held.free()

        children = [forked(work) for _ in range(3)]
        for count in range(25):
            time.sleep(moments.random() * 0.12)
            place = count % len(children)
            equal([os.waitpid(child.pid, os.WNOHANG)[0] for child in children], [0] * len(children), "a child ended")
            children[place].kill()
            children[place] = forked(work)
        for child in children:
            child.kill()
        for one in (checkpoint, another):
            with within(10):
                one.directory(cache_dir=where).free()
        empty(where)


@test("s3", alone=True, has_faults=True)
def who_waits_for_another_process_can_be_cancelled(proxy):
    checkpoint = open_checkpoint(put_checkpoint(proxy, SOME))
    proxy.do({"path": "checkpoint", "hang": True})
    with cache() as where:
        for call in (lambda **given: checkpoint.directory(cache_dir=where, **given), lambda **given: checkpoint.download(f"{where}.dest", **given)):
            proxy.clear()
            child = forked(call)
            end = time.monotonic() + 10
            while not reads(proxy.log()) and time.monotonic() < end:
                time.sleep(0.01)
            came = len(reads(proxy.log()))
            cancel_often(lambda cancel, call=call: call(cancel=cancel), (0.1, 0.3))
            check(len(reads(proxy.log())) <= max(came, FILLED), "it did not wait")
            child.kill()


@test(*BUCKETS, alone=True)
def a_fork_does_not_remove_what_its_parent_holds(proxy):
    checkpoint = open_checkpoint(put_checkpoint(proxy, SOME))
    with cache() as where:
        held = checkpoint.directory(cache_dir=where)

        def free_it():
            held.free()

        def use_it():
            same(held.path, SOME)
            own = checkpoint.directory(cache_dir=where)
            equal(own.path, held.path, "path")
            own.free()
            same(held.path, SOME)

        for work in (free_it, use_it, lambda: None):
            equal(forked(work).wait(), 0, "child")
            same(held.path, SOME)
        # A child that lives on, and never asked for it, does not keep it.
        gate = Gate()
        child = forked(gate.wait)
        held.free()
        empty(where)
        gate.pass_on()
        equal(child.wait(), 0, "child")


@test("s3", alone=True)
def a_cache_of_the_user(proxy):
    checkpoint = open_checkpoint(put_checkpoint(proxy, SOME))
    with tempfile.TemporaryDirectory() as home:
        def work():
            os.environ["XDG_CACHE_HOME"] = home
            held = checkpoint.directory()
            check(held.path.startswith(f"{home}/libresult/"), held.path)
            equal(os.stat(f"{home}/libresult").st_mode & 0o077, 0, "others may look into it")
            held.free()

        equal(forked(work).wait(), 0, "child")
        equal(os.listdir(f"{home}/libresult"), [], "left")
