#!/usr/bin/env python3
"""Tests the servers that the tests of remote runs use, and the proxy before them: that each does what its docstring says.

test_servers.py [NAME…]     only the tests in whose name one of these is"""
import concurrent.futures
import contextlib
import hashlib
import html
import http.client
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.parse

sys.dont_write_bytecode = True
import plumbing  # noqa: E402
import servers  # noqa: E402
import stores  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
ODD_KEYS = ["a//b", "//", "../up", "x/../y", "./z", "dir/", "sp ace", "größe 🚀", "50%20#1", "two\nlines", "a+b&c=d", "what?",
            "q'u\"o", "<&>", "~", "back\\slash", "x" * 900]
BIG = 64 << 20
WRITERS, WRITES = 8, 5
TESTS = []


def test(*which):
    """Marks a test, which is run for each of these stores, or once."""
    def mark(function):
        TESTS.extend((f"{function.__name__} {store}".strip(), function, store) for store in which or ("",))
        return function
    return mark


def equal(got, expected, about=""):
    if got != expected:
        raise AssertionError(f"{about}: expected {str(expected)[:300]}, got {str(got)[:300]}")


@contextlib.contextmanager
def raises(*kinds):
    try:
        yield
    except kinds:
        return
    raise AssertionError(f"nothing was raised of {kinds}")


# ---- Servers ---------------------------------------------------------------------------------------------------------


def put(store, key, data, condition=None):
    """The status, and the tag by which a condition knows this version."""
    status, headers, _ = store.request("PUT", store.path(key), data, {**write_headers(store), **(condition or {})})
    return status, headers["x-goog-generation" if isinstance(store, stores.Gcs) else "ETag"]


def write_headers(store):
    return {"x-ms-blob-type": "BlockBlob"} if isinstance(store, stores.Azure) else {}


def if_new(store):
    return {"x-goog-if-generation-match": "0"} if isinstance(store, stores.Gcs) else {"If-None-Match": "*"}


def if_still(store, tag):
    return {"x-goog-if-generation-match" if isinstance(store, stores.Gcs) else "If-Match": tag}


@test("s3", "gs", "abfs", "http")
def keeps_what_is_put(store):
    store.put("kept", b"0123456789")
    equal(store.get("kept"), b"0123456789")
    _, head, body = store.request("HEAD", store.path("kept"))
    equal((head["Content-Length"], body), ("10", b""))
    equal(head["ETag"], store.request("GET", store.path("kept"))[1]["ETag"], "the tag of HEAD")
    equal(head["ETag"].startswith('"'), True, "quotes of the tag")
    store.put("empty", b"")
    equal(store.get("empty"), b"")
    store.delete("kept")
    equal(store.request("GET", store.path("kept"))[0], 404)


@test("s3", "gs", "abfs", "http")
def sends_ranges(store):
    store.put("ranges", b"0123456789")
    ranges = {"bytes=2-4": (206, b"234"), "bytes=7-": (206, b"789"), "bytes=8-99": (206, b"89"), "bytes=0-0": (206, b"0"),
              "bytes=-3": (206, b"789")}
    if isinstance(store, stores.Azure):
        del ranges["bytes=-3"]
    for header, expected in ranges.items():
        status, headers, body = store.request("GET", store.path("ranges"), headers={"Range": header})
        equal((status, body), expected, header)
        equal("Content-Range" in headers, status == 206, header)
    equal(store.request("GET", store.path("ranges"), headers={"Range": "bytes=99-"})[0], 416)


@test("s3", "gs", "abfs", "http")
def knows_odd_keys(store):
    for key in ODD_KEYS:
        store.put(f"odd/{key}", key.encode())
    for key in ODD_KEYS:
        equal(store.get(f"odd/{key}"), key.encode(), key)
    if not isinstance(store, stores.Web):
        keys = [f"odd/{key}" for key in ODD_KEYS]
        if isinstance(store, stores.Azure):
            keys = [key.replace("\\", "/") for key in keys]
        equal(sorted(listed(store, "odd/")), sorted(keys))


def listed(store, prefix):
    """All keys, page by page."""
    azure, keys, token = isinstance(store, stores.Azure), [], ""
    while True:
        query = {"prefix": prefix, "max" + ("results" if azure else "-keys"): "3"}
        query |= {"restype": "container", "comp": "list"} if azure else {"list-type": "2"}
        query |= {"marker" if azure else "continuation-token": token} if token else {}
        text = store.checked("GET", f"{store.root}?{urllib.parse.urlencode(query)}")[1].decode()
        page = [html.unescape(key) for key in re.findall("<Name>(.*?)</Name>" if azure else "<Key>(.*?)</Key>", text, re.S)]
        equal(len(page) <= 3, True, "keys of a page")
        keys += page
        token = re.search("<Next(?:Marker|ContinuationToken)>(.*?)</", text, re.S)
        if not token:
            return keys
        token = html.unescape(token[1])


@test("s3", "gs")
def lists_after_a_key_and_by_directories(store):
    for key in ("one", "two/three", "two/four", "z"):
        store.put(f"by/{key}", b"")
    text = store.checked("GET", f"{store.root}?list-type=2&prefix=by/&delimiter=/")[1].decode()
    equal(re.findall("<Key>(.*?)</Key>", text), ["by/one", "by/z"])
    equal(re.findall("<CommonPrefixes><Prefix>(.*?)</Prefix>", text), ["by/two/"])
    text = store.checked("GET", f"{store.root}?list-type=2&prefix=by/&start-after=by/two/four")[1].decode()
    equal(re.findall("<Key>(.*?)</Key>", text), ["by/two/three", "by/z"])


@test("s3", "gs", "abfs")
def honours_conditions(store):
    status, first = put(store, "conditions", b"1", if_new(store))
    equal(status in (200, 201), True, status)
    equal(put(store, "conditions", b"2", if_new(store))[0] in (409, 412), True, "made a second time")
    status, second = put(store, "conditions", b"3", if_still(store, first))
    equal(status in (200, 201) and second != first, True, "changed")
    equal(put(store, "conditions", b"4", if_still(store, first))[0], 412, "changed by an old tag")
    equal(store.get("conditions"), b"3")


@test("s3", "gs", "abfs", "http")
def reads_only_the_version_that_is_asked_for(store):
    store.put("version", b"old")
    tag = store.request("HEAD", store.path("version"))[1]["ETag"]
    asked = {"If-Match": tag, "Range": "bytes=0-0"}
    equal(store.request("GET", store.path("version"), headers=asked)[0], 206)
    store.put("version", b"new one")
    equal(store.request("GET", store.path("version"), headers=asked)[0], 412)
    equal(store.get("version"), b"new one")


@test("s3", "gs", "abfs")
def loses_no_write_of_many_writers(store):
    put(store, "counter", b"0")

    def write(_):
        for _ in range(WRITES):
            while True:
                _, headers, body = store.request("GET", store.path("counter"))
                tag = headers["x-goog-generation" if isinstance(store, stores.Gcs) else "ETag"]
                status, _ = put(store, "counter", b"%d" % (int(body) + 1), if_still(store, tag))
                if status in (200, 201):
                    break
                # Azurite says 409 of a write at the same moment.
                equal(status in (409, 412), True, status)

    with concurrent.futures.ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, range(WRITERS)))
    equal(store.get("counter"), b"%d" % (WRITERS * WRITES))


@test()
def writes_with_a_condition_are_alone():
    """moto's own gap is too short to be met by chance."""
    import s3
    application, running, peaks = s3.Application(), [], []

    def slow(environ, start_response):
        running.append(environ)
        peaks.append(len(running))
        time.sleep(0.02)
        running.pop()

    application.moto = slow
    asked = {"PUT": {"HTTP_IF_NONE_MATCH": "*"}, "POST": {"HTTP_IF_MATCH": "x"}, "GET": {"HTTP_IF_MATCH": "x"}}
    for method, condition in asked.items():
        peaks.clear()
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: application({"REQUEST_METHOD": method, "PATH_INFO": "/", **condition}, None), range(4)))
        equal(max(peaks) > 1, method == "GET", method)


@test("s3", "gs", "abfs", "http")
def says_what_is_missing(store):
    codes = {"s3": ("NoSuchKey", "NoSuchBucket"), "gs": ("NoSuchKey", "NoSuchBucket"), "abfs": ("BlobNotFound", "ContainerNotFound")}
    name = next(name for name, kind in stores.STORES.items() if type(store) is kind)
    key, bucket = codes.get(name, ("no such file", "no such file"))
    status, _, body = store.request("GET", store.path("missing"))
    equal((status, key in body.decode()), (404, True), body)
    status, _, body = store.request("GET", store.path("missing").replace("/runs/", "/other/"))
    equal((status, bucket in body.decode()), (404, True), body)
    equal(store.request("HEAD", store.path("missing"))[::2], (404, b""))


@test("s3", "gs")
def says_that_the_listed_bucket_is_missing(store):
    status, _, body = store.request("GET", "/other?list-type=2")
    equal((status, b"NoSuchBucket" in body), (404, True), body)


@test("s3", "abfs")
def refuses_who_has_no_signature(store):
    store.put("private", b"")
    equal(unsigned(store, "private")[0], 403)


@test("s3")
def shows_everybody_what_is_public(store):
    store.put("public", b"text", {"x-amz-acl": "public-read"})
    equal(unsigned(store, "public"), (200, b"text"))


def unsigned(store, key):
    connection = http.client.HTTPConnection(plumbing.HOST, store.port)
    connection.request("GET", store.path(key))
    response = connection.getresponse()
    return response.status, response.read()


@test("s3", "gs")
def takes_uploads_in_parts(store):
    parts = [os.urandom(5 << 20), os.urandom(5 << 20), b"the end"]
    path = store.path("parts/größe")
    name = re.search("<UploadId>(.*?)</UploadId>", store.checked("POST", f"{path}?uploads=")[1].decode())[1]
    tags = [store.checked("PUT", f"{path}?partNumber={number}&uploadId={name}", part)[0]["ETag"]
            for number, part in enumerate(parts, 1)]
    body = "".join(f"<Part><PartNumber>{number}</PartNumber><ETag>{html.escape(tag)}</ETag></Part>" for number, tag in enumerate(tags, 1))
    body = f"<CompleteMultipartUpload>{body}</CompleteMultipartUpload>".encode()
    equal(b"<ETag>" in store.checked("POST", f"{path}?uploadId={name}", body)[1], True)
    equal(store.get("parts/größe") == b"".join(parts), True, "what was uploaded")


@test("s3", "gs", "abfs", "http")
def stands_big_bodies_and_many_connections(store):
    """Through the proxy."""
    proxy = type(store)(new_proxy(store))
    data = hashlib.shake_128(b"big").digest(BIG)
    proxy.put("big", data)
    size = BIG // 16

    def read(number):
        return proxy.request("GET", proxy.path("big"), headers={"Range": f"bytes={number * size}-{(number + 1) * size - 1}"})[2]

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        got = b"".join(pool.map(read, range(16)))
    equal(got == data, True, "what was read in parts")
    equal(proxy.get("big") == data, True, "what was read at once")
    store.delete("big")


@test("s3")
def makes_many_objects(store):
    equal(store.many(prefix="many/", count=2500, body="text"), 2500)
    equal(store.get("many/00002499"), b"text")
    page = store.checked("GET", f"{store.root}?list-type=2&prefix=many/")[1]
    equal((page.count(b"<Key>"), b"<IsTruncated>true" in page), (1000, True))


@test("s3")
def gives_credentials_as_an_instance_does(store):
    status, _, token = store.request("PUT", "/latest/api/token", headers={"X-aws-ec2-metadata-token-ttl-seconds": "60"})
    equal((status, bool(token)), (200, True))
    role = store.checked("GET", "/latest/meta-data/iam/security-credentials/")[1].decode()
    equal("SecretAccessKey" in json.loads(store.checked("GET", f"/latest/meta-data/iam/security-credentials/{role}")[1]), True)


@test("s3")
def gives_credentials_for_a_web_identity(store):
    ask = {"Action": "AssumeRoleWithWebIdentity", "Version": "2011-06-15", "RoleArn": "arn:aws:iam::123456789012:role/test",
           "RoleSessionName": "test", "WebIdentityToken": "token"}
    connection = http.client.HTTPConnection(plumbing.HOST, store.port)
    connection.request("POST", "/", urllib.parse.urlencode(ask), {"Content-Type": "application/x-www-form-urlencoded"})
    response = connection.getresponse()
    equal((response.status, b"<SessionToken>" in response.read()), (200, True))


@test("s3")
def serves_boto3_through_the_proxy(store):
    import boto3
    import botocore.exceptions
    client = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{new_proxy(store)}", region_name="us-east-1", aws_access_key_id="test",
                          aws_secret_access_key="test")
    made = client.put_object(Bucket="runs", Key="boto/größe", Body=b"text", IfNoneMatch="*")
    equal(client.get_object(Bucket="runs", Key="boto/größe", Range="bytes=1-2")["Body"].read(), b"ex")
    with raises(botocore.exceptions.ClientError):
        client.put_object(Bucket="runs", Key="boto/größe", Body=b"text", IfNoneMatch="*")
    client.put_object(Bucket="runs", Key="boto/größe", Body=b"2", IfMatch=made["ETag"])
    with raises(botocore.exceptions.ClientError):
        client.put_object(Bucket="runs", Key="boto/größe", Body=b"3", IfMatch=made["ETag"])
    equal([one["Key"] for one in client.list_objects_v2(Bucket="runs", Prefix="boto/")["Contents"]], ["boto/größe"])


# ---- Proxy -----------------------------------------------------------------------------------------------------------


def control(port, method, path, body=None, parse=json.loads):
    connection = http.client.HTTPConnection(plumbing.HOST, port)
    connection.request(method, path, body)
    response = connection.getresponse()
    text = response.read()
    equal(response.status, 200, text)
    return parse(text)


def new_proxy(store):
    return control(STARTED.proxies[next(name for name, kind in stores.STORES.items() if type(store) is kind)], "POST", "/__proxies")["port"]


class Asked:
    """A fresh proxy before the HTTP server, which has `/runs/digits`, and one connection to it."""

    def __init__(self, *rules):
        web = STARTED.store("http")
        web.put("digits", b"0123456789")
        self.port = new_proxy(web)
        self.rule(*rules)
        self.connection = http.client.HTTPConnection(plumbing.HOST, self.port, timeout=20)

    def rule(self, *rules):
        self.control("POST", "/__rules", json.dumps(rules))

    def control(self, *what):
        return control(self.port, *what)

    def ask(self, method="GET", path="/runs/digits", body=None, headers=None):
        self.connection.request(method, path, body, headers or {})
        return self.connection.getresponse()

    def get(self, **headers):
        response = self.ask(headers={name.replace("_", "-"): value for name, value in headers.items()})
        return response.status, response.read()

    def done(self):
        return [rule["done"] for rule in self.control("GET", "/__rules")]


@test()
def proxy_passes_on_and_counts():
    proxy = Asked()
    equal(proxy.get(), (200, b"0123456789"))
    equal(proxy.get(Range="bytes=1-3"), (206, b"123"))
    response = proxy.ask("HEAD", "/runs/digits?a=b%20c")
    equal((response.status, response.headers["Content-Length"], response.read()), (200, "10", b""))
    equal(proxy.ask("PUT", "/runs/put", b"text").read(), b"")
    equal(STARTED.store("http").get("put"), b"text")
    equal(proxy.control("GET", "/__log"),
          [["GET", "/runs/digits", "", None, 200, 10], ["GET", "/runs/digits", "", "bytes=1-3", 206, 3],
           ["HEAD", "/runs/digits", "a=b%20c", None, 200, 0], ["PUT", "/runs/put", "", None, 201, 0]])
    equal(proxy.control("GET", "/__counts"), {"requests": 4, "bytes": 13, "connections": 1, "peak": 1})
    proxy.control("DELETE", "/__log")
    equal(proxy.control("GET", "/__log"), [])


@test()
def proxy_counts_what_runs_at_the_same_time():
    proxy = Asked({"delay": 0.3})
    web = stores.Web(proxy.port)
    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        list(pool.map(lambda _: web.get("digits"), range(5)))
    counts = proxy.control("GET", "/__counts")
    equal((counts["peak"], counts["connections"]), (5, 5))


@test()
def proxy_passes_on_chunks():
    proxy = Asked()
    equal(proxy.ask("PUT", "/runs/chunks", iter([b"one ", b"two"])).status, 201)
    equal(STARTED.store("http").get("chunks"), b"one two")


@test()
def proxy_gives_each_test_its_own():
    one, two = Asked({"status": 500}), Asked()
    equal((one.get()[0], two.get()[0]), (500, 200))
    equal([len(each.control("GET", "/__log")) for each in (one, two)], [1, 1])


@test()
def rules_choose():
    proxy = Asked({"method": "HEAD", "status": 500}, {"path": "/other$", "status": 501}, {"query": "^a=", "status": 502},
                  {"range": "=5-", "status": 503}, {"nth": 2, "times": 2, "status": 504})
    equal(proxy.ask("HEAD").status, 500)
    asked = [proxy.ask(path=path) for path in ("/runs/other", "/runs/digits?a=1") if not proxy.connection.close()]
    equal([response.status for response in asked], [501, 502])
    proxy.connection.close()
    equal(proxy.get(Range="bytes=5-")[0], 503)
    equal([proxy.get()[0] for _ in range(4)], [200, 504, 504, 200])
    equal(proxy.done(), [1, 1, 1, 1, 2])


@test()
def rules_that_cannot_be_are_refused():
    proxy = Asked()
    for wrong in ('[{"delai": 1}]', '[{"delay": "1"}]', '[{"path": "("}]', "[1]", "{", '[{"reset": "never"}]'):
        with raises(AssertionError):
            proxy.control("POST", "/__rules", wrong)


@test()
def rule_delay_and_throttle():
    proxy = Asked({"times": 1, "delay": 0.4}, {"throttle": 20})
    start = time.monotonic()
    proxy.get()
    equal(0.4 <= time.monotonic() - start < 2, True, "delayed")
    start = time.monotonic()
    equal(proxy.get(), (200, b"0123456789"))
    equal(0.4 <= time.monotonic() - start < 2, True, "throttled")


@test()
def rule_status():
    proxy = Asked({"times": 2, "status": 503, "headers": {"Retry-After": "1"}, "body": "<Error>busy</Error>"})
    response = proxy.ask()
    equal((response.status, response.headers["Retry-After"], response.read()), (503, "1", b"<Error>busy</Error>"))
    equal(proxy.ask("PUT", body=b"lost").read(), b"<Error>busy</Error>")
    equal(proxy.get(), (200, b"0123456789"))


@test()
def rule_redirect():
    proxy = Asked({"times": 1, "redirect": "http://127.0.0.1:1/"}, {"redirect": "/x", "status": 307})
    response = proxy.ask()
    equal((response.status, response.headers["Location"], response.read()), (302, "http://127.0.0.1:1/", b""))
    response = proxy.ask()
    equal((response.status, response.headers["Location"]), (307, "/x"))


@test()
def rule_set_and_unsend():
    proxy = Asked({"set": {"ETag": '"old"', "Last-Modified": None}, "unsend": ["Range"]})
    response = proxy.ask(headers={"range": "bytes=1-2"})
    equal((response.status, response.headers.get_all("ETag"), response.headers["Last-Modified"], response.read()),
          (200, ['"old"'], None, b"0123456789"))


@test()
def rule_length():
    proxy = Asked({"times": 1, "length": 5}, {"times": 1, "length": -4}, {"method": "HEAD", "length": 1})
    with raises(http.client.IncompleteRead):
        proxy.get()
    proxy.connection.close()
    equal(proxy.get(), (200, b"012345"))
    proxy.connection.close()
    equal(proxy.ask("HEAD").headers["Content-Length"], "11")


@test()
def rule_cut():
    proxy = Asked({"cut": 4, "times": 1}, {"cut": 0, "times": 1}, {"cut": 3, "hang": True})
    for size in (4, 0):
        with raises(http.client.IncompleteRead):
            proxy.get()
        equal(proxy.control("GET", "/__log")[-1][5], size)
        proxy.connection.close()
    response = proxy.ask()
    equal(response.read(3), b"012")
    proxy.connection.sock.settimeout(0.3)
    with raises(TimeoutError):
        response.read(1)


@test()
def rule_reset():
    proxy = Asked({"times": 1, "reset": 4}, {"times": 1, "path": "new$", "reset": "before"}, {"times": 1, "path": "new$", "reset": "after"})
    response = proxy.ask()
    with raises(ConnectionResetError):
        equal(response.read(4), b"0123")
        response.read(1)
    for stored in (404, 200):
        proxy.connection.close()
        with raises(ConnectionResetError):
            proxy.ask("PUT", "/runs/new", b"text")
        equal(STARTED.store("http").request("GET", "/runs/new")[0], stored)


@test()
def rule_hang():
    proxy = Asked({"hang": True})
    proxy.connection.timeout = 0.3
    with raises(TimeoutError):
        proxy.get()
    equal(proxy.control("GET", "/__log"), [["GET", "/runs/digits", "", None, None, 0]])


@test("s3", "gs", "abfs", "http")
def rule_put_and_remove(store):
    """An object changes while it is read."""
    store.put("changes", b"first")
    port = new_proxy(store)
    control(port, "POST", "/__rules", json.dumps([{"nth": 2, "times": 1, "put": ["changes", "second"]}, {"nth": 2, "remove": "changes"}]))
    proxy = type(store)(port)
    equal([proxy.get("changes") for _ in range(2)], [b"first", b"second"])
    equal(proxy.request("GET", proxy.path("changes"))[0], 404)


@test("s3", "gs", "abfs", "http")
def proxy_handles_objects(store):
    port = new_proxy(store)
    control(port, "PUT", "/__objects/by%20hand//x", b"text")
    equal(store.get("by hand//x"), b"text")
    equal(control(port, "GET", "/__objects/by%20hand//x", parse=bytes), b"text")
    control(port, "DELETE", "/__objects/by%20hand//x")
    equal(store.request("GET", store.path("by hand//x"))[0], 404)
    equal(control(port, "GET", "/__log"), [])


@test()
def hole_lets_nobody_in():
    port = control(STARTED.proxies["http"], "POST", "/__holes")["port"]
    with raises(TimeoutError):
        socket.create_connection((plumbing.HOST, port), 0.3)


@test()
def proxy_speaks_tls_only_if_asked_to():
    with raises(ssl.SSLError):
        ask_by_tls(Asked().port, ssl.create_default_context())
    proxy = control(STARTED.proxies["http"], "POST", "/__proxies", '{"tls": true}')
    with raises(ssl.SSLCertVerificationError):
        ask_by_tls(proxy["port"], ssl.create_default_context())
    trusting = ssl.create_default_context(cadata=proxy["certificate"])
    equal(ask_by_tls(proxy["port"], trusting), b"0123456789")
    rules = json.dumps([{"times": 1, "reset": 4}, {"times": 1, "cut": 4}])
    equal(ask_by_tls(proxy["port"], trusting, "POST", "/__rules", rules), b"{}")
    for _ in range(2):
        with raises(ConnectionResetError, http.client.IncompleteRead):
            ask_by_tls(proxy["port"], trusting)


def ask_by_tls(port, context, *request):
    connection = http.client.HTTPSConnection(plumbing.HOST, port, timeout=5, context=context)
    connection.request(*request or ("GET", "/runs/digits"))
    return connection.getresponse().read()


# ---- The command -----------------------------------------------------------------------------------------------------


def command(*arguments, **options):
    program = [sys.executable, "-B", os.path.join(HERE, "servers.py")]
    return subprocess.Popen([*program, *arguments], stdout=subprocess.PIPE, text=True, **options)


def nobody_listens(*ports):
    """Waits a little: a process that is killed takes a moment."""
    for port in ports:
        with raises(ConnectionRefusedError):
            for _ in range(100):
                socket.create_connection((plumbing.HOST, int(port)), 1).close()
                time.sleep(0.02)


SHOW_PORTS = 'echo "$LIBRESULT_TEST_HTTP_PORT $LIBRESULT_TEST_HTTP_PROXY"'


@test()
def command_tells_the_exit_code_and_ends_the_servers():
    child = command("--only", "http", "--", "sh", "-c", f"{SHOW_PORTS}; exit 7")
    ports = child.communicate()[0].split()
    equal(child.returncode, 7)
    equal(len(ports), 2)
    nobody_listens(*ports)


@test()
def command_leaves_nothing_when_it_is_killed():
    for how, code in ((signal.SIGTERM, 128 + signal.SIGTERM), (signal.SIGKILL, -signal.SIGKILL)):
        child = command("--only", "http", "--", "sh", "-c", f"{SHOW_PORTS}; exec sleep 60")
        ports = child.stdout.readline().split()
        child.send_signal(how)
        equal(child.wait(10), code)
        child.stdout.close()
        nobody_listens(*ports)


@test()
def command_uploads_and_hides_what_the_user_has():
    with tempfile.TemporaryDirectory() as directory:
        os.makedirs(os.path.join(directory, "run", "empty"))
        with open(os.path.join(directory, "run", "new\nline"), "w", encoding="utf-8") as f:
            f.write("text")
        child = command("--only", "s3", "--upload", directory, "--", "sh", "-c",
                        'echo "$LIBRESULT_TEST_S3_PORT $AWS_PROFILE $AWS_ACCESS_KEY_ID"; read end', stdin=subprocess.PIPE,
                        env={**os.environ, "AWS_PROFILE": "mine", "AWS_ACCESS_KEY_ID": "mine"})
        port, *rest = child.stdout.readline().split()
        equal(rest, ["test"])
        equal(stores.S3(int(port)).get("run/new\nline"), b"text")
        child.communicate("\n")
        equal(child.returncode, 0)


# ---- Main ------------------------------------------------------------------------------------------------------------


def run(name, function, store):
    start = time.monotonic()
    try:
        function(*([STARTED.store(store)] if store else []))
    except Exception:  # pylint: disable=broad-except # whatever went wrong, the others are still run
        print(f"{name}: FAILED\n{traceback.format_exc()}")
        return False
    took = time.monotonic() - start
    if took > 2:
        print(f"{name}: {took:.1f} s")
    return True


if __name__ == "__main__":
    with servers.Servers() as STARTED:
        results = [run(*one) for one in TESTS if not sys.argv[1:] or any(name in one[0] for name in sys.argv[1:])]
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    sys.exit(0 if results and all(results) else 1)
