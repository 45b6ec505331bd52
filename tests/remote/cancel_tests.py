"""Calls that are cancelled by another thread, at many moments: they return soon, and leave nothing behind."""
import threading
import time

import runs
from harness import BUCKETS, STORES, Context, check, equal, open_run, test
from libresult import Cancel, Failure

# Much less than any of the faults lasts, and enough for a machine that has other things to do.
SOON = 2
LONG = runs.rows(120, 50_000)


def cancelled_after(seconds, call):
    """Lets a call run, and cancels it. Returns how it ended, and how long after that."""
    cancel = Cancel(Context.library)
    triggered = []

    def trigger():
        triggered.append(time.monotonic())
        cancel.trigger()

    timer = threading.Timer(seconds, trigger)
    timer.start()
    try:
        call(cancel)
        code = "OK"
    except Failure as error:
        code = error.code
    ended = time.monotonic()
    timer.join()
    return code, ended - triggered[0]


def cancel_often(call, moments, allowed=("CANCELLED",)):
    for moment in moments:
        code, late = cancelled_after(moment, call)
        check(code in allowed, f"{code} when cancelled after {moment} s")
        check(late < SOON, f"returned {late:.3f} s after it was cancelled, which was after {moment} s")


def moments(until, count=12):
    return [until * number / count for number in range(count)]


@test(*STORES, quiet=True, has_faults=True)
def silence_while_opening(proxy):
    proxy.put("run/result.json", LONG)
    proxy.do({"hang": True})
    cancel_often(lambda cancel: open_run(proxy.uri("run"), cancel=cancel), (0.3, 2))


@test(*BUCKETS, quiet=True)
def opening_at_any_moment(proxy):
    proxy.put("run/result.json", LONG)
    proxy.do({"path": "run.*result", "delay": 0.05, "throttle": 8_000_000}, {"delay": 0.05})
    cancel_often(lambda cancel: open_run(proxy.uri("run"), cancel=cancel), moments(0.6), allowed=("CANCELLED", "OK"))


@test(*STORES, quiet=True, has_faults=True)
def a_frame_at_any_moment(proxy):
    proxy.put("run/result.json", LONG)
    run = open_run(proxy.uri("run"))
    proxy.do({"throttle": 3_000_000})
    cancel_often(lambda cancel: run.rows(cancel=cancel), moments(0.9, 6), allowed=("CANCELLED",))
    proxy.do()
    equal(run.rows(), 120)


@test("s3", quiet=True, has_faults=True)
def a_host_that_never_answers(proxy):
    uri = proxy.uri("run", port=proxy.hole())
    proxy.do()
    cancel_often(lambda cancel: open_run(uri, cancel=cancel), (0, 0.1, 0.3))
    # Nothing here depends on what the proxy does.
    check(not Context.self_test, "no faults were done")


@test("s3", quiet=True)
def waiting_to_try_again(proxy):
    proxy.put("run/result.json", LONG)
    proxy.do({"status": 503})
    cancel_often(lambda cancel: open_run(proxy.uri("run"), cancel=cancel), (0.1, 0.3))


@test(*BUCKETS, quiet=True, has_faults=True)
def writing_a_small_file(proxy):
    proxy.put("run/result.json", runs.rows(50))
    run = open_run(proxy.uri("run"))
    proxy.do({"method": "PUT", "hang": True})
    cancel_often(lambda cancel: run.write("csv", proxy.uri("out.csv"), cancel=cancel), (0.05, 0.2))
    proxy.do()
    run.write("csv", proxy.uri("out.csv"))


@test("s3", quiet=True)
def writing_a_large_file(proxy):
    """Its parts never get there, nor does what gives them up. Cancelled when the first part is on its way."""
    proxy.put("run/result.json", runs.rows(340, 50_000))
    run = open_run(proxy.uri("run"))
    proxy.do({"method": "PUT|POST|DELETE", "hang": True})
    cancel, end = Cancel(Context.library), time.monotonic() + 20
    triggered = []

    def trigger():
        while time.monotonic() < end and not any(line[0] in ("PUT", "POST") for line in proxy.log()):
            time.sleep(0.05)
        time.sleep(0.1)
        triggered.append(time.monotonic())
        cancel.trigger()

    thread = threading.Thread(target=trigger)
    thread.start()
    try:
        run.write("csv", proxy.uri("out.csv"), cancel=cancel)
        code = "OK"
    except Failure as error:
        code = error.code
    ended = time.monotonic()
    thread.join()
    equal(code, "CANCELLED")
    check(ended - triggered[0] < SOON, f"returned {ended - triggered[0]:.3f} s after it was cancelled")


@test(*BUCKETS, quiet=True, has_faults=True)
def metadata(proxy):
    checkpoint = open_run(runs.put_v2(proxy, 1)).checkpoints()[0]
    checkpoint.write({"a": 1})
    proxy.do({"method": "GET", "hang": True})
    cancel_often(lambda cancel: checkpoint.read(cancel=cancel), (0, 0.1))
    cancel_often(lambda cancel: checkpoint.update({"b": 2}, cancel=cancel), (0, 0.1))
    proxy.do({"method": "PUT", "hang": True})
    cancel_often(lambda cancel: checkpoint.write({"c": 3}, cancel=cancel), (0.05, 0.1))
    proxy.do()
    equal(checkpoint.read(), {"a": 1})
