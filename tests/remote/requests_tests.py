"""How many requests a call makes, and how many bytes come: counted at the server."""
import threading
import time

import runs
from harness import BUCKETS, Context, check, equal, fails, is_listing, names, open_checkpoint, open_run, reads, test, within
from libresult import Cancel
from refusals_tests import xml

SNAPSHOT = "checkpoint_manager_snapshot.json"
PAGE = 1000
CHUNK = 4 << 20


def opened(proxy, uri, **given):
    """A run, and the requests that opening it took."""
    proxy.clear()
    run = open_run(uri, **given)
    return run, proxy.log()


def ask_everything(proxy, run, metric, count):
    """Asks all that costs no request."""
    proxy.clear()
    run.best(metric, "min")
    equal(run.ranked(metric, "min"), count, "ranked")
    equal(len(run.checkpoints()), count, "checkpoints")
    run.json()
    run.diagnostics()
    equal(proxy.log(), [], "requests of questions")


@test(*BUCKETS)
def v2_takes_a_listing_and_a_read(proxy):
    run, log = opened(proxy, runs.put_v2(proxy, 3))
    equal((sum(map(is_listing, log)), names(log), len(log)), (1, [SNAPSHOT], 2), log)
    ask_everything(proxy, run, "loss", 3)
    equal(run.best("loss", "min").name, "checkpoint_000002")


@test("s3")
def many_checkpoints_take_the_pages_of_a_listing_and_a_read(proxy):
    count = 1_500
    run, log = opened(proxy, runs.put_v2(proxy, count))
    pages = -(-(count + 1) // PAGE)
    equal((sum(map(is_listing, log)), names(log), len(log)), (pages, [SNAPSHOT], pages + 1), log)
    ask_everything(proxy, run, "loss", count)


@test("abfs", "gs")
def some_hundred_checkpoints_take_no_more(proxy):
    run, log = opened(proxy, runs.put_v2(proxy, 150))
    equal(len(log), 2, log)
    ask_everything(proxy, run, "loss", 150)


@test(*BUCKETS)
def v1_reads_each_file_of_use_once(proxy):
    run, log = opened(proxy, proxy.upload("r243v1-basic"))
    equal((sum(map(is_listing, log)), names(log)), (1, ["result.json"]), log)
    ask_everything(proxy, run, "loss", len(run.checkpoints()))


@test(*BUCKETS)
def v1_that_failed_reads_what_tells_of_it_once(proxy):
    _, log = opened(proxy, proxy.upload("r260v1-fail_chain"))
    equal(sum(map(is_listing, log)), 1, log)
    found = names(log)
    check(set(found) <= {"result.json", "error.pkl", "error.txt", "params.json"}, found)
    check({"result.json", "error.pkl"} <= set(found) and len(found) == len(set(found)), found)


@test("http")
def a_web_server_is_asked_for_no_file_twice(proxy):
    for case in ("r260v2-keep_min", "r260v1-fail_chain"):
        _, log = opened(proxy, proxy.upload(case, case))
        found = [line[1] for line in log]
        check(len(found) == len(set(found)) <= 7, found)


@test("s3", "http")
def latest_of_a_long_file_reads_its_tail(proxy):
    line = runs.rows(1, 10_000)
    count = 50_000_000 // len(line)
    proxy.put("run/result.json", line * (count - 1) + b'{"loss": 7.25, "training_iteration": 2, "config": {}}\n')
    run, log = opened(proxy, proxy.uri("run"), read="latest")
    equal(run.json()["metrics"]["loss"], 7.25)
    # A web server does not tell the size, so the beginning comes first.
    most = CHUNK * (2 if proxy.store == "http" else 1) + 100_000
    check(proxy.bytes() <= most, log)
    run, log = opened(proxy, proxy.uri("run"))
    check(all(line[3] for line in reads(log) if line[1].endswith("result.json")), log)
    equal(run.json()["metrics"]["loss"], 7.25)
    size = len(line) * (count - 1)
    check(size <= proxy.bytes() <= size + CHUNK, (size, proxy.bytes()))


@test(*BUCKETS)
def a_frame_reads_its_file_once(proxy):
    proxy.put("run/result.json", runs.rows(500))
    run = open_run(proxy.uri("run"))
    proxy.clear()
    equal(run.rows(), 500)
    check(len(proxy.log()) <= 1, proxy.log())


@test(*BUCKETS)
def a_small_file_is_written_by_one_request(proxy):
    proxy.put("run/result.json", runs.rows(500))
    run = open_run(proxy.uri("run"))
    for ending in ("parquet", "csv"):
        proxy.clear()
        run.write(ending, proxy.uri(f"out.{ending}"), on_exists="replace")
        writes = [line for line in proxy.log() if line[0] != "GET"]
        equal([line[0] for line in writes], ["PUT"], writes)
    check(proxy.get("out.parquet").startswith(b"PAR1") and proxy.get("out.csv").count(b"\n") == 501, "the files")


@test(*BUCKETS)
def a_large_file_is_written_in_parts(proxy):
    proxy.put("run/result.json", runs.rows(1_000, 18_000))
    run = open_run(proxy.uri("run"))
    proxy.clear()
    with within(40):
        run.write("csv", proxy.uri("out.csv"))
    log = [line for line in proxy.log() if line[0] in ("PUT", "POST")]
    check(len(log) >= 3, log)
    data = proxy.get("out.csv")
    equal((data.count(b"\n"), len(data) > 16 << 20), (1_001, True))


def until(is_so, seconds=60):
    end = time.monotonic() + seconds
    while not is_so():
        check(time.monotonic() < end, "it never happens")
        time.sleep(0.02)


@test("s3", has_faults=True)
def parts_that_cannot_be_joined_are_given_up(proxy):
    """Whoever owns the bucket pays for them."""
    proxy.put("run/result.json", runs.rows(500, 40_000))
    run = open_run(proxy.uri("run"))
    proxy.do({"method": "POST", "query": "uploadId", "status": 403, "body": xml("AccessDenied", "Access Denied")})
    fails("PERMISSION", "out.csv", "AccessDenied", call=lambda: run.write("csv", proxy.uri("out.csv")), seconds=60)
    equal([line[0] for line in proxy.log() if "uploadId" in line[2] and line[0] != "PUT"], ["POST", "DELETE"])
    # Cancelled while they are joined.
    proxy.do({"method": "POST", "query": "uploadId", "hang": True})
    asked = lambda method: any(line[0] == method and "uploadId" in line[2] for line in proxy.log())  # noqa: E731
    cancel = Cancel(Context.library)
    thread = threading.Thread(target=lambda: (until(lambda: asked("POST")), cancel.trigger()))
    thread.start()
    fails("CANCELLED", call=lambda: run.write("csv", proxy.uri("out.csv"), cancel=cancel), seconds=60)
    thread.join()
    until(lambda: asked("DELETE"))


@test(*BUCKETS)
def metadata_takes_one_request(proxy):
    run = open_run(runs.put_v2(proxy, 2))
    checkpoint = run.checkpoints()[1]
    proxy.clear()
    checkpoint.write({"epoch": 3})
    equal([line[0] for line in proxy.log()], ["PUT"])
    proxy.clear()
    equal(checkpoint.read(), {"epoch": 3})
    equal([(line[0], is_listing(line)) for line in proxy.log()], [("GET", False)])
    proxy.clear()
    checkpoint.update({"best": True})
    equal([line[0] for line in proxy.log()], ["GET", "PUT"])
    equal(checkpoint.read(), {"epoch": 3, "best": True})


@test(*BUCKETS)
def a_checkpoint_by_itself_takes_a_listing(proxy):
    runs.put_v2(proxy, 2)
    proxy.clear()
    checkpoint = open_checkpoint(proxy.uri("run/checkpoint_000001"))
    equal([is_listing(line) for line in proxy.log()], [True])
    check(checkpoint.is_present, "present")
    check(open_checkpoint(proxy.uri("run/checkpoint_000009")).is_present is False, "absent")
