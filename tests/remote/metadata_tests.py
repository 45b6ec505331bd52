"""Many writers of one checkpoint's metadata: nothing is lost."""
import concurrent.futures
import subprocess
import sys

import runs
from harness import BUCKETS, HERE, Context, check, equal, open_checkpoint, test

WRITERS = 8
EACH = 4
PROCESS = f"""
import sys
sys.dont_write_bytecode = True
sys.path.insert(0, {HERE!r})
import libresult
checkpoint = libresult.Library(sys.argv[1]).checkpoint(sys.argv[2])
for number in range({EACH}):
    checkpoint.update({{f"{{sys.argv[3]}}-{{number}}": number}})
"""


def expected(kind, writers):
    return {f"{kind}{writer}-{number}": number for writer in range(writers) for number in range(EACH)}


@test(*BUCKETS)
def threads_lose_nothing(proxy):
    runs.put_v2(proxy, 1)
    uri = proxy.uri("run/checkpoint_000000")

    def work(writer):
        checkpoint = open_checkpoint(uri)
        for number in range(EACH):
            checkpoint.update({f"t{writer}-{number}": number})

    with concurrent.futures.ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(work, range(WRITERS)))
    equal(open_checkpoint(uri).read(), expected("t", WRITERS))
    check(any(line[4] in (412, 409) for line in proxy.log()), "the writers never met")


@test(*BUCKETS)
def processes_lose_nothing(proxy):
    runs.put_v2(proxy, 1)
    uri = proxy.uri("run/checkpoint_000000")
    writers = [subprocess.Popen([sys.executable, "-c", PROCESS, Context.path, uri, f"p{writer}"]) for writer in range(4)]
    equal([writer.wait(60) for writer in writers], [0] * 4)
    equal(open_checkpoint(uri).read(), expected("p", 4))


@test(*BUCKETS)
def the_first_is_not_overwritten(proxy):
    """Between reading that there is none, and writing, somebody writes it."""
    runs.put_v2(proxy, 1)
    checkpoint = open_checkpoint(proxy.uri("run/checkpoint_000000"))
    key = f"{proxy.home}/run/checkpoint_000000/.metadata.json"
    proxy.do({"method": "PUT", "put": [key, '{"first": 1}'], "times": 1})
    checkpoint.update({"second": 2})
    equal(checkpoint.read(), {"first": 1, "second": 2})


@test(*BUCKETS)
def what_was_removed_meanwhile_is_made_anew(proxy):
    runs.put_v2(proxy, 1)
    checkpoint = open_checkpoint(proxy.uri("run/checkpoint_000000"))
    checkpoint.write({"old": 0})
    key = f"{proxy.home}/run/checkpoint_000000/.metadata.json"
    proxy.do({"method": "PUT", "remove": key, "times": 1})
    checkpoint.update({"new": 1})
    equal(checkpoint.read(), {"new": 1})
