"""Keys of every kind, markers of directories, very many files; and servers that leave out what others send."""
import gzip
import json
import re
import urllib.parse

import runs
from harness import BUCKETS, STORES, check, equal, fails, open_checkpoint, open_run, test, within
from network_tests import MOST_SECONDS, Raw

ROWS = runs.rows(3)
ODD = ("a b", "50%", "50%20", "%2F", "a+b", "x#y", "x?y=z", "größe", "模型", "a&b=c", "a:b", "a;b", "a,b", "~tilde", "[x]", "{x}",
       "'q'", '"q"', "a|b", "a^b",
       "`b`", "<b>", "e\u0301", "😀", "a@b", "-", "_", "...", ".hidden", "x" * 200)


@test(*BUCKETS)
def runs_of_every_name(proxy):
    for name in ODD:
        proxy.put(f"{name}/result.json", ROWS)
        run = open_run(proxy.uri(urllib.parse.quote(name, safe="")))
        equal(run.path, f"runs/{proxy.home}/{name}")
        again = open_run(run.uri)
        equal((again.uri, again.path, again.rows()), (run.uri, run.path, 3), name)


@test("http")
def every_name_is_asked_for_as_it_is(proxy):
    for name in ODD:
        proxy.clear()
        fails("NOT_FOUND", call=lambda name=name: open_run(proxy.uri(urllib.parse.quote(name, safe=""))))
        equal(urllib.parse.unquote(proxy.log()[0][1]), f"/runs/{proxy.home}/{name}/checkpoint_manager_snapshot.json")


@test(*BUCKETS)
def checkpoints_and_outputs_of_every_name(proxy):
    run = open_run(runs.put_v2(proxy, 1))
    for name in ODD[::2]:
        proxy.put(f"odd/{name}/model.bin", b"x")
        checkpoint = open_checkpoint(proxy.uri(f"odd/{urllib.parse.quote(name, safe='')}"))
        equal((checkpoint.is_present, checkpoint.name), (True, name))
        checkpoint.write({"name": name})
        equal(json.loads(proxy.get(f"odd/{name}/.metadata.json")), {"name": name}, name)
        equal(open_checkpoint(checkpoint.uri).read(), {"name": name}, name)
    run.write("csv", proxy.uri("out%20%25%23%3F%2B.csv"))
    check(proxy.get("out %#?+.csv").startswith(b"i,loss") or proxy.get("out %#?+.csv"), "the file")


@test(*BUCKETS)
def keys_that_are_no_paths_harm_nobody(proxy):
    uri = runs.put_v2(proxy, 2)
    for name in ("/x", "a//b", "../x", "a/../../b", "./x", "a/./b", "/", "//", "checkpoint_000001//x", "checkpoint_000000/../x"):
        proxy.direct.put(f"{proxy.home}/run/{name}", b"x")
    run = open_run(uri)
    equal([checkpoint.name for checkpoint in run.checkpoints()], ["checkpoint_000000", "checkpoint_000001"])
    check(all(checkpoint.is_present for checkpoint in run.checkpoints()), "present")
    run.json()
    run.checkpoints()[1].update({"a": 1})


@test(*BUCKETS)
def uris_that_name_no_file(proxy):
    for path in ("a//b", "a/../b", "a/./b", "..", "a%2F%2Fb", "%2E%2E/x"):
        fails("INVALID_ARGUMENT", call=lambda path=path: open_run(proxy.uri(path)))
    fails("INVALID_ARGUMENT", "control", call=lambda: open_run(proxy.uri("a%09b")))
    check(not proxy.log(), proxy.log())
    fails("INVALID_ARGUMENT", "UTF-8", call=lambda: open_run(proxy.uri("%ff")))


@test(*BUCKETS)
def a_marker_is_an_empty_directory(proxy):
    proxy.put("empty/", b"")
    checkpoint = open_checkpoint(proxy.uri("empty"))
    equal((checkpoint.is_present, checkpoint.read()), (True, {}))
    fails("NOT_FOUND", "empty", "not a run", call=lambda: open_run(proxy.uri("empty")))
    checkpoint.update({"a": 1})
    equal(checkpoint.read(), {"a": 1})


@test(*BUCKETS)
def markers_are_no_files(proxy):
    uri = runs.put_v2(proxy, 2)
    for name in ("run/", "run/checkpoint_000000/", "run/checkpoint_000001/", "run/checkpoint_000009/"):
        proxy.put(name, b"")
    run = open_run(uri)
    equal([len(run.checkpoints()), [one["name"] for one in run.json()["leftovers"]]], [2, ["checkpoint_000009"]])


@test(*BUCKETS)
def a_name_that_begins_like_another(proxy):
    runs.put_v2(proxy, 1, "run")
    proxy.put("run2/other", b"x")
    proxy.put("run-3/other", b"x")
    equal(len(open_run(proxy.uri("run")).checkpoints()), 1)
    fails("NOT_FOUND", call=lambda: open_run(proxy.uri("ru")))
    equal(open_checkpoint(proxy.uri("ru")).is_present, False)


@test(*BUCKETS)
def the_bucket_itself_is_listed(proxy):
    fails("NOT_FOUND", "not a run", call=lambda: open_run(proxy.uri(home="")), seconds=30)


def page_of_keys(head):
    """A page of a listing of 100,000 keys."""
    token = re.search(r"continuation-token=(\d+)", head)
    page = int(token[1]) if token else 0
    prefix = urllib.parse.unquote(re.search(r"prefix=([^& ]*)", head)[1])
    more = "<IsTruncated>false</IsTruncated>"
    if page < 99:
        more = f"<IsTruncated>true</IsTruncated><NextContinuationToken>{page + 1}</NextContinuationToken>"
    date = "2026-01-01T00:00:00.000Z"
    keys = "".join(f"<Contents><Key>{prefix}{number:08}</Key><LastModified>{date}</LastModified><ETag>&quot;{number}&quot;</ETag>"
                   f"<Size>7</Size></Contents>" for number in range(page * 1_000, page * 1_000 + 1_000))
    body = f"<?xml version='1.0'?><ListBucketResult><Name>runs</Name>{more}{keys}</ListBucketResult>".encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(body), body)


@test("s3")
def a_hundred_thousand_files(proxy):
    server = Raw(page_of_keys)
    with within(60):
        checkpoint = open_checkpoint(proxy.uri("run", port=server.port))
    equal((checkpoint.is_present, len(server.heads)), (True, 100))


# ---- Servers that leave out headers ----------------------------------------------------------------------------------


def http_run(proxy, **rule):
    proxy.put("run/result.json", ROWS)
    proxy.do({"path": "run/result", **rule})
    return proxy.uri("run")


def equals_rows(uri):
    run = open_run(uri)
    equal((run.json()["metrics"]["loss"], run.rows()), (2.5, 3))


@test("http", has_faults=False)
def no_etag(proxy):
    equals_rows(http_run(proxy, set={"ETag": None}))


@test("http")
def no_etag_nor_date(proxy):
    equals_rows(http_run(proxy, set={"ETag": None, "Last-Modified": None}))


@test("http")
def weak_etags(proxy):
    equals_rows(http_run(proxy, set={"ETag": 'W/"abc"'}))


@test("http")
def etags_that_are_none(proxy):
    equals_rows(http_run(proxy, set={"ETag": "abc"}))
    equals_rows(http_run(proxy, set={"ETag": ""}))


@test("http")
def dates_that_are_none(proxy):
    for date in ("yesterday", "0"):
        uri = http_run(proxy, set={"Last-Modified": date})
        fails("IO", "result.json", "modified", date, call=lambda uri=uri: open_run(uri))


# Azure's signature has the range in it.
@test("s3", "gs", "http")
def a_server_without_ranges(proxy):
    proxy.put("run/result.json", runs.rows(90, 100_000))
    proxy.do({"path": "run.*result", "unsend": ["Range"]})
    run = open_run(proxy.uri("run"))
    equal((run.json()["metrics"]["loss"], run.rows()), (89.5, 90))
    check(any(line[3] for line in proxy.log()), "ranges were asked for")


@test("http")
def chunks_without_a_length(proxy):
    """Whoever sends no length and no range cannot be read in pieces: the error says what is missing."""
    def answer(head):
        if "result.json" not in head:
            return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(ROWS), ROWS)
    server = Raw(answer)
    fails("IO", "result.json", "length", call=lambda: open_run(proxy.uri("run", port=server.port)), seconds=MOST_SECONDS)


@test("http")
def chunks_of_a_range(proxy):
    def answer(head):
        if "result.json" not in head:
            return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        return (b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-%d/%d\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
                b"%x\r\n%b\r\n0\r\n\r\n" % (len(ROWS) - 1, len(ROWS), len(ROWS), ROWS))
    server = Raw(answer)
    equals_rows(proxy.uri("run", port=server.port))


@test(*STORES)
def ranges_that_nobody_asked_for(proxy):
    for there in ("bytes 5-9/300", "bytes 0-2/3", "bytes */3", "nonsense", "bytes 9-5/10", "bytes 0-18446744073709551615/18446744073709551616"):
        proxy.put("run/result.json", ROWS)
        proxy.do({"path": "run.*result", "set": {"Content-Range": there}})
        fails("IO", "result.json", call=lambda: open_run(proxy.uri("run"), retry_ms=100), seconds=MOST_SECONDS)


@test("http")
def the_end_of_a_file_is_found_without_ranges(proxy):
    proxy.put("checkpoint_000000/file", ROWS)
    checkpoint = open_checkpoint(proxy.uri("checkpoint_000000"))
    proxy.do({"unsend": ["Range"]})
    for offset in (0, 7, len(ROWS) - 1, len(ROWS), len(ROWS) + 1):
        equal(checkpoint.read_file("file", offset, len(ROWS)), ROWS[offset:])


@test("http")
def what_is_compressed_on_the_way_is_told(proxy):
    """Nobody asked for that, so what comes is not the file."""
    proxy.put("run/result.json", gzip.compress(ROWS))
    proxy.do({"path": "run.*result", "set": {"Content-Encoding": "gzip"}})
    fails("IO", "result.json", "gzip", call=lambda: open_run(proxy.uri("run")))
