"""Threads of the library: when they start, what they leave alone, and what becomes of them after a fork, at exit, and with dlclose."""
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time

import runs
from harness import BUCKETS, CORPUS, HERE, STORES, Context, check, equal, fails, open_checkpoint, open_run, test, within
from network_tests import Raw

LOCAL = os.path.join(CORPUS, "r260v2-keep_min", "run")
# Faults send their own thread a signal, which nobody can block with use.
NEVER_BLOCKED = {signal.SIGKILL, signal.SIGSTOP}
PATIENCE = 20


def tasks():
    """The threads of this process, with their names."""
    found = {}
    for task in os.listdir("/proc/self/task"):
        with open(f"/proc/self/task/{task}/comm") as f:
            found[int(task)] = f.read().strip()
    return found


def ours():
    return [task for task, name in tasks().items() if name.startswith("libresult")]


def in_child(work):
    """Runs something in a fork of this process, which ends without cleaning up. Returns its exit code; -1 if it hangs."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        except BaseException as error:
            print(f"in the child: {error!r}", flush=True)
        finally:
            os._exit(code)
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return -1


@test(alone=True)
def nothing_starts_for_local_runs():
    before = tasks()
    run = open_run(LOCAL)
    run.rows()
    run.json()
    run.checkpoints()[0].read()
    equal([name for task, name in tasks().items() if task not in before and name.startswith("libresult")], [])
    equal(ours(), [])


@test("s3", alone=True)
def signals_are_blocked_on_our_threads(proxy):
    equal(ours(), [])
    open_run(runs.put_v2(proxy, 1))
    check(1 <= len(ours()) <= 8, tasks())
    for task in ours():
        with open(f"/proc/self/task/{task}/status") as f:
            mask = int(next(line.split()[1] for line in f if line.startswith("SigBlk")), 16)
        missing = [number for number in range(1, 32) if not mask >> (number - 1) & 1 and number not in NEVER_BLOCKED]
        check(not missing, f"{tasks()[task]} does not block {missing}")
    # What the host has is as it was.
    equal(signal.pthread_sigmask(signal.SIG_BLOCK, ()), set())


@test("s3", alone=True)
def threads_do_not_grow(proxy):
    uri = runs.put_v2(proxy, 1)
    open_run(uri)
    time.sleep(0.3)
    most = len(ours())
    workers = [threading.Thread(target=lambda: [open_run(uri).rows() for _ in range(3)]) for _ in range(12)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    check(len(ours()) <= most + 4, f"{most} threads became {len(ours())}")


@test(*STORES, alone=True)
def a_child_before_the_first_use(proxy):
    proxy.put("run/result.json", runs.rows(3))
    uri = proxy.uri("run")
    equal(in_child(lambda: equal(open_run(uri).rows(), 3)), 0)
    equal(open_run(uri).rows(), 3)


@test(*STORES, alone=True)
def a_child_after_the_first_use(proxy):
    """A run that is open in the parent goes on in both."""
    proxy.put("run/result.json", runs.rows(3))
    uri = proxy.uri("run")
    run = open_run(uri)
    equal(run.rows(), 3)

    def work():
        equal(open_run(uri).rows(), 3)
        equal(run.rows(), 3)
        if proxy.store != "http":
            run.write("csv", proxy.uri("child.csv"))
        # And a child of the child.
        equal(in_child(lambda: equal((run.rows(), open_run(uri).rows()), (3, 3))), 0)

    equal(in_child(work), 0)
    equal((run.rows(), open_run(uri).rows()), (3, 3))
    equal(in_child(work if proxy.store == "http" else lambda: equal(run.rows(), 3)), 0)


@test("s3", alone=True)
def a_child_of_a_busy_parent(proxy):
    """Other threads are in the middle of calls when it forks: no lock of theirs is in the way."""
    proxy.put("run/result.json", runs.rows(400, 2_000))
    uri = proxy.uri("run")
    end = threading.Event()

    def work():
        while not end.is_set():
            open_run(uri).rows()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    try:
        for _ in range(8):
            equal(in_child(lambda: equal(open_run(uri).rows(), 400)), 0)
    finally:
        end.set()
        for worker in workers:
            worker.join()


@test("s3", alone=True)
def a_child_that_frees_what_the_parent_opened(proxy):
    proxy.put("run/result.json", runs.rows(90, 100_000))
    run = open_run(proxy.uri("run"))
    run.rows()

    def work():
        nonlocal run
        del run

    equal(in_child(work), 0)
    equal(run.rows(), 90)


PROGRAM = f"""
import sys, threading
sys.dont_write_bytecode = True
sys.path.insert(0, {HERE!r})
import libresult
library = libresult.Library(sys.argv[1])
threading.Thread(target=lambda: library.open(sys.argv[2]), daemon=True).start()
sys.stdin.readline()
"""


@test("s3", has_faults=True)
def a_program_ends_while_a_request_hangs(proxy):
    proxy.put("run/result.json", runs.rows(3))
    proxy.do({"hang": True})
    # As a program in C does: exit runs destructors while our threads go on.
    for count, ending in enumerate(("", "\nimport ctypes; ctypes.CDLL(None).exit(0)"), 1):
        command = [sys.executable, "-c", PROGRAM + ending, Context.path, proxy.uri("run")]
        program = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        end = time.monotonic() + PATIENCE
        while len(proxy.log()) < count and time.monotonic() < end:
            time.sleep(0.02)
        check(all(line[4] is None for line in proxy.log()), "no request hangs")
        with within(3):
            said, _ = program.communicate("\n", timeout=PATIENCE)
        equal((program.returncode, said), (0, ""))
    equal(len(proxy.log()), 2)


@test("s3", alone=True)
def closed_and_opened_again(proxy):
    """dlclose of a library with threads must not take their code away."""
    uri = runs.put_v2(proxy, 1)
    open_run(uri)
    dlclose = ctypes.CDLL(None).dlclose
    dlclose.argtypes = [ctypes.c_void_p]
    for _ in range(3):
        equal(dlclose(Context.library.so._handle), 0)
        time.sleep(0.1)
        check(ours(), "the threads are gone")
        Context.library = type(Context.library)(Context.path)
        equal(len(open_run(uri).checkpoints()), 1)


def closes_at_once(head):
    return b""


@test(*BUCKETS, alone=True)
def a_server_that_closes_while_we_write(proxy):
    """With SIGPIPE as a C program has it."""
    proxy.put("run/result.json", runs.rows(60, 50_000))
    run = open_run(proxy.uri("run"))
    checkpoint = open_checkpoint(proxy.uri("run"))
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    server = Raw(closes_at_once)
    fails("IO", "out.csv", call=lambda: run.write("csv", proxy.uri("out.csv", port=server.port)), seconds=30)
    proxy.do({"method": "PUT", "reset": "before"})
    fails("IO", call=lambda: checkpoint.write({"a": "x" * 3_000_000}), seconds=30)
    equal(signal.getsignal(signal.SIGPIPE), signal.SIG_DFL)


@test("s3", alone=True)
def a_signal_of_the_host_reaches_its_own_thread(proxy):
    """A timer of the host that fires all the time disturbs no request."""
    proxy.put("run/result.json", runs.rows(400, 2_000))
    fired = []
    signal.signal(signal.SIGALRM, lambda *_: fired.append(threading.get_ident()))
    signal.setitimer(signal.ITIMER_REAL, 0.005, 0.005)
    try:
        for _ in range(3):
            equal(open_run(proxy.uri("run")).rows(), 400)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    check(fired and set(fired) == {threading.main_thread().ident}, "the timer")
