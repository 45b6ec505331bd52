"""Networks and servers that fail: each call ends in bounded time, with one clear error or the right answer."""
import os
import socket
import threading

import runs
from harness import BUCKETS, HOST, STORES, check, equal, fails, open_checkpoint, open_run, reads, test, within
from refusals_tests import xml

ROWS = runs.rows(3)
# Retries of one request end within this time, whatever the server answers.
MOST_SECONDS = 15


def run_of(proxy, rows=ROWS):
    proxy.put("run/result.json", rows)
    return proxy.uri("run")


def long_run_of(proxy):
    """A run whose file is larger than what one answer brings."""
    return run_of(proxy, runs.rows(90, 100_000))


def closed_port():
    with socket.socket() as one:
        one.bind((HOST, 0))
        return one.getsockname()[1]


class Raw:
    """A server that answers each request with the same bytes, and then closes, or not. `heads` is what it was asked."""

    def __init__(self, answer, closes=True):
        self.answer, self.closes, self.heads = answer, closes, []
        self.socket = socket.create_server((HOST, 0), backlog=64)
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            connection, _ = self.socket.accept()
            threading.Thread(target=self.talk, args=(connection,), daemon=True).start()

    def talk(self, connection):
        with connection:
            head = b""
            while b"\r\n\r\n" not in head:
                piece = connection.recv(65536)
                if not piece:
                    return
                head += piece
            self.heads.append(head.decode())
            connection.sendall(self.answer(head.decode()) if callable(self.answer) else self.answer)
            if not self.closes:
                connection.recv(1)


# ---- Nobody there ----------------------------------------------------------------------------------------------------


@test(*STORES)
def a_closed_port_is_told_at_once(proxy):
    port = closed_port()
    told = fails("IO", proxy.home, f"no answer from {HOST}:{port}:", "refused", call=lambda: open_run(proxy.uri("run", port=port)), seconds=3)
    check("(Connect)" not in told, told)


@test(*STORES)
def a_host_that_never_answers_is_given_up(proxy):
    port = proxy.hole()
    fails("IO", proxy.home, "timed out", call=lambda: open_run(proxy.uri("run", port=port), connect_timeout_ms=400), seconds=3, least=0.35)


@test("s3", "http")
def a_name_that_no_host_has(proxy):
    uri = proxy.uri("run").replace(HOST, "no-such-host.invalid")
    fails("IO", proxy.home, "no answer from no-such-host.invalid:", call=lambda: open_run(uri), seconds=8)


# ---- TLS -------------------------------------------------------------------------------------------------------------


def https(uri):
    return uri.replace("http://", "https://", 1).replace("scheme=http", "scheme=https").replace("enable_tls=false", "enable_tls=true")


@test(*STORES)
def tls_with_whom_speaks_none(proxy):
    fails("IO", proxy.home, "speaks no TLS", "scheme=http", call=lambda: open_run(https(run_of(proxy))), seconds=5)


@test(*STORES)
def a_certificate_that_nobody_trusts(proxy):
    run_of(proxy)
    secure = proxy.secure()
    fails("IO", proxy.home, "certificate", call=lambda: open_run(https(proxy.uri("run", port=secure.port))), seconds=5)


@test(*STORES)
def a_certificate_that_the_caller_trusts(proxy):
    run_of(proxy)
    secure = proxy.secure()
    run = open_run(https(proxy.uri("run", port=secure.port)), tls_ca_file_path=secure.file)
    equal(run.rows(), 3)
    again = open_run(run.uri)
    equal(again.uri, run.uri)
    if proxy.store != "http":
        run.write("csv", https(proxy.uri("out.csv", port=secure.port)), tls_ca_file_path=secure.file)
        equal(proxy.get("out.csv").count(b"\n"), 4)


@test("s3")
def a_certificate_for_another_host(proxy):
    run_of(proxy)
    secure = proxy.secure()
    uri = https(proxy.uri("run", port=secure.port)).replace(HOST, "localhost")
    fails("IO", "certificate", call=lambda: open_run(uri, tls_ca_file_path=secure.file), seconds=5)


@test(*STORES)
def a_certificate_of_an_authority_as_that_of_a_server(proxy):
    """As `openssl req -x509` makes it. OpenSSL, and so pyarrow, takes it where it is named itself."""
    run_of(proxy)
    secure, others = proxy.secure("authority"), proxy.secure("authority")
    uri = https(proxy.uri("run", port=secure.port))
    equal(open_run(uri, tls_ca_file_path=secure.file).rows(), 3)
    for file in ({}, {"tls_ca_file_path": others.file}):
        fails("IO", proxy.home, "certificate", call=lambda file=file: open_run(uri, **file))


@test("s3", "http", alone=True, environment={"SSL_CERT_FILE": "/nowhere", "SSL_CERT_DIR": "/nowhere"})
def a_system_without_certificates(proxy):
    """As a small container: what needs none is read, and what needs some says so."""
    equal(open_run(run_of(proxy)).rows(), 3)
    secure = proxy.secure()
    uri = https(proxy.uri("run", port=secure.port))
    fails("IO", "no certificates of authorities", "tls_ca_file_path", call=lambda: open_run(uri))
    equal(open_run(uri, tls_ca_file_path=secure.file).rows(), 3)


@test("s3", alone=True)
def certificates_of_a_variable(proxy):
    """As the tools of AWS take them; the call counts before it."""
    run_of(proxy)
    secure, others = proxy.secure(), proxy.secure()
    uri = https(proxy.uri("run", port=secure.port))
    os.environ["AWS_CA_BUNDLE"] = others.file
    fails("IO", "certificate", call=lambda: open_run(uri))
    equal(open_run(uri, tls_ca_file_path=secure.file).rows(), 3)
    os.environ["AWS_CA_BUNDLE"] = secure.file
    equal(open_run(uri).rows(), 3)
    for path, why in (("/nowhere", "No such file"), (__file__, "no certificate in PEM")):
        fails("INVALID_ARGUMENT", "setting tls_ca_file_path: " + path, why, call=lambda path=path: open_run(uri, tls_ca_file_path=path))
        os.environ["AWS_CA_BUNDLE"] = path
        fails("INVALID_ARGUMENT", "variable AWS_CA_BUNDLE: " + path, why, call=lambda: open_run(uri))


@test("s3")
def a_certificate_of_an_authority_for_another_host(proxy):
    run_of(proxy)
    secure = proxy.secure("authority")
    uri = https(proxy.uri("run", port=secure.port)).replace(HOST, "localhost")
    fails("IO", "certificate not valid for name", call=lambda: open_run(uri, tls_ca_file_path=secure.file))


@test("s3")
def a_certificate_of_an_authority_that_has_expired(proxy):
    run_of(proxy)
    secure = proxy.secure("expired")
    fails("IO", "certificate expired", call=lambda: open_run(https(proxy.uri("run", port=secure.port)), tls_ca_file_path=secure.file))


@test("s3")
def a_file_of_certificates_that_is_none(proxy):
    uri = https(run_of(proxy))
    fails("INVALID_ARGUMENT", "tls_ca_file_path", "/nowhere.pem", call=lambda: open_run(uri, tls_ca_file_path="/nowhere.pem"))
    fails("INVALID_ARGUMENT", "tls_ca_file_path", call=lambda: open_run(uri, tls_ca_file_path=__file__))
    fails("INVALID_ARGUMENT", "tls_ca_file_path", call=lambda: open_run(uri, tls_ca_file_path="/dev/null"))


# ---- Redirects -------------------------------------------------------------------------------------------------------


@test(*BUCKETS, has_faults=True)
def a_redirect_is_told_but_not_followed(proxy):
    uri = run_of(proxy)
    proxy.do({"redirect": "http://elsewhere.invalid/x?sig=SECRET&token=SECRET", "status": 302})
    message = fails("IO", "redirects", "elsewhere.invalid", call=lambda: open_run(uri))
    check("SECRET" not in message and len(proxy.log()) == 1, message)


@test("http", has_faults=True)
def a_web_server_may_redirect(proxy):
    run_of(proxy)
    place = f"http://{HOST}:{proxy.port}{proxy.direct.path(proxy.home + '/run/result.json')}"
    proxy.do({"path": "moved/result", "redirect": place, "times": 1})
    equal(open_run(proxy.uri("moved")).json()["metrics"]["loss"], 2.5)


@test("http", has_faults=True)
def redirects_in_a_circle(proxy):
    uri = run_of(proxy)
    proxy.do({"redirect": uri + "/result.json?sig=SECRET"})
    message = fails("IO", "redirect", call=lambda: open_run(uri))
    check("SECRET" not in message and len(proxy.log()) <= 20, message)


# ---- Busy ------------------------------------------------------------------------------------------------------------


@test(*STORES, has_faults=True)
def busy_for_a_moment(proxy):
    uri = run_of(proxy)
    for status in (503, 500, 429):
        proxy.do({"status": status, "times": 2, "body": xml("SlowDown", "Reduce your request rate.")})
        with within(MOST_SECONDS):
            open_run(uri)
        equal([line[4] for line in proxy.log()][:2], [status] * 2)


@test(*STORES, has_faults=True)
def busy_for_ever(proxy):
    uri = run_of(proxy)
    proxy.do({"status": 503, "body": xml("SlowDown", "Reduce your request rate.")})
    fails("IO", "503", "SlowDown", call=lambda: open_run(uri), seconds=MOST_SECONDS)
    check(2 < len(proxy.log()) < 12, proxy.log())


@test(*STORES, has_faults=True)
def busy_for_as_long_as_the_caller_waits(proxy):
    uri = run_of(proxy)
    busy = {"status": 503, "body": xml("SlowDown", "Reduce your request rate.")}
    proxy.do(busy)
    fails("IO", "503", call=lambda: open_run(uri, retry_limit_seconds=0))
    equal(len(proxy.log()), 1)
    with within(MOST_SECONDS, least=3):
        fails("IO", "503", call=lambda: open_run(uri, retry_limit_seconds=3), seconds=MOST_SECONDS)
    # Once more than without a limit.
    proxy.do({**busy, "times": 6})
    with within(60):
        open_run(uri, retry_limit_seconds=60.5)
    equal([line[4] for line in proxy.log()][:6], [503] * 6)


@test(*BUCKETS, has_faults=True)
def busy_while_writing(proxy):
    run = open_run(run_of(proxy))
    proxy.do({"method": "PUT", "status": 503, "times": 2, "body": xml("SlowDown", "Reduce your request rate.")})
    run.write("csv", proxy.uri("out.csv"), on_exists="replace")
    equal(proxy.get("out.csv").count(b"\n"), 4)
    equal([line[4] for line in proxy.log() if line[0] == "PUT"][:2], [503] * 2)


@test("s3", has_faults=True)
def a_listing_that_fails_on_its_second_page(proxy):
    uri = runs.put_v2(proxy, 1_100)
    proxy.do({"query": "continuation-token", "status": 500, "body": xml("InternalError", "We encountered an internal error.")})
    fails("IO", "500", "InternalError", call=lambda: open_run(uri), seconds=MOST_SECONDS)
    proxy.do({"query": "continuation-token", "status": 500, "times": 1})
    equal(len(open_run(uri).checkpoints()), 1_100)


# ---- Slow and silent -------------------------------------------------------------------------------------------------


@test(*STORES, has_faults=True)
def slow_is_no_fault(proxy):
    uri = run_of(proxy)
    proxy.do({"path": "run.*result", "delay": 0.7})
    with within(MOST_SECONDS, least=0.7):
        open_run(uri, idle_timeout_ms=3_000)


@test("s3", "http", has_faults=True)
def a_slow_line_is_no_fault(proxy):
    """The file takes longer than the time in which something must come."""
    uri = run_of(proxy, runs.rows(40, 10_000))
    proxy.do({"path": "run.*result", "throttle": 160_000})
    with within(MOST_SECONDS, least=2):
        equal(open_run(uri, idle_timeout_ms=1_500).json()["metrics"]["loss"], 39.5)


@test(*STORES, has_faults=True)
def silence_is_given_up(proxy):
    uri = run_of(proxy)
    proxy.do({"hang": True})
    fails("IO", "timed out", call=lambda: open_run(uri, idle_timeout_ms=500), seconds=MOST_SECONDS, least=0.5)
    proxy.clear()
    fails("IO", "timed out", call=lambda: open_run(uri, idle_timeout_ms=500, retry_limit_seconds=0))
    equal(len(proxy.log()), 1)


@test(*BUCKETS, has_faults=True)
def silence_while_writing_is_given_up(proxy):
    run = open_run(run_of(proxy))
    proxy.do({"method": "PUT", "hang": True})
    fails("IO", "timed out", call=lambda: run.write("csv", proxy.uri("out.csv"), idle_timeout_ms=500), seconds=MOST_SECONDS, least=0.5)


@test(*STORES, has_faults=True)
def silence_in_the_middle_goes_on(proxy):
    uri = run_of(proxy, runs.rows(40, 10_000))
    proxy.do({"path": "run.*result", "cut": 100_000, "hang": True, "times": 1})
    with within(MOST_SECONDS, least=1):
        run = open_run(uri, idle_timeout_ms=1_000)
    check(len([line for line in reads(proxy.log()) if line[4] == 206]) >= 2, proxy.log())
    equal(run.json()["metrics"]["loss"], 39.5)


@test("s3", has_faults=True)
def silence_in_the_middle_for_ever(proxy):
    uri = run_of(proxy, runs.rows(40, 10_000))
    proxy.do({"path": "run.*result", "cut": 100, "hang": True})
    fails("IO", "result.json", "timed out", call=lambda: open_run(uri, idle_timeout_ms=500), seconds=MOST_SECONDS)


# ---- Broken answers --------------------------------------------------------------------------------------------------


@test(*STORES, has_faults=True)
def a_body_that_is_cut_is_taken_up_again(proxy):
    uri = run_of(proxy, runs.rows(40, 10_000))
    for how in ("cut", "reset"):
        proxy.do({"path": "run.*result", how: 100_000, "times": 1})
        with within(MOST_SECONDS):
            equal(open_run(uri).json()["metrics"]["loss"], 39.5)
        check(len([line for line in reads(proxy.log()) if line[4] == 206]) >= 2, proxy.log())


@test(*STORES, has_faults=True)
def a_body_that_is_always_cut(proxy):
    uri = run_of(proxy, runs.rows(40, 10_000))
    proxy.do({"path": "run.*result", "cut": 0})
    fails("IO", "result.json", call=lambda: open_run(uri), seconds=MOST_SECONDS)


@test(*STORES, has_faults=True)
def a_connection_that_breaks(proxy):
    uri = run_of(proxy)
    proxy.do({"reset": "before", "times": 1})
    with within(MOST_SECONDS):
        open_run(uri)
    proxy.do({"reset": "after"})
    fails("IO", proxy.home, call=lambda: open_run(uri), seconds=MOST_SECONDS)


@test(*BUCKETS, has_faults=True)
def a_connection_that_breaks_when_the_metadata_is_written(proxy):
    """The server has written it, but nobody hears of that: whether the update fails or not, it is there, and once more does no harm."""
    runs.put_v2(proxy, 1)
    checkpoint = open_checkpoint(proxy.uri("run/checkpoint_000000"))
    checkpoint.write({"a": 1})
    proxy.do({"method": "PUT", "reset": "after", "times": 1})
    fails("IO", ".metadata.json", call=lambda: checkpoint.update({"b": 2}))
    equal(checkpoint.read(), {"a": 1, "b": 2})
    checkpoint.update({"b": 2})
    equal(checkpoint.read(), {"a": 1, "b": 2})


@test(*STORES, has_faults=True)
def a_length_that_is_too_long(proxy):
    uri = run_of(proxy)
    proxy.do({"path": "run.*result", "length": 7})
    fails("IO", "result.json", call=lambda: open_run(uri), seconds=MOST_SECONDS)


@test(*STORES, has_faults=True)
def a_length_that_is_too_short(proxy):
    uri = run_of(proxy)
    proxy.do({"path": "run.*result", "length": -7})
    fails("IO", "result.json", call=lambda: open_run(uri), seconds=MOST_SECONDS)


@test(*BUCKETS, has_faults=True)
def a_file_that_changes_between_listing_and_reading_is_read_anew(proxy):
    uri = run_of(proxy)
    rows = runs.rows(5).decode()
    proxy.do({"path": "run.*result", "put": [f"{proxy.home}/run/result.json", rows], "times": 1})
    equal(open_run(uri, retry_ms=5_000).json()["metrics"]["loss"], 4.5)


@test("s3", has_faults=True)
def a_change_far_away_is_read_anew_too(proxy):
    """Each request takes longer than setting retry_ms lets a run settle."""
    uri = run_of(proxy)
    rows = runs.rows(5).decode()
    proxy.do({"path": "run.*result", "put": [f"{proxy.home}/run/result.json", rows], "delay": 0.2, "times": 1}, {"delay": 0.2})
    equal(open_run(uri).json()["metrics"]["loss"], 4.5)


@test(*BUCKETS, has_faults=True)
def a_file_that_always_changes(proxy):
    uri = run_of(proxy)
    proxy.do({"path": "run.*result", "set": {"ETag": '"other"'}})
    fails("IO", "result.json", "changed", call=lambda: open_run(uri, retry_ms=300), seconds=5)


@test(*STORES, has_faults=True)
def a_file_that_changes_while_it_is_read(proxy):
    run = open_run(long_run_of(proxy))
    rows = runs.rows(91, 100_000).decode()
    proxy.do({"path": "run.*result", "nth": 2, "put": [f"{proxy.home}/run/result.json", rows], "times": 1})
    fails("IO", "result.json", "changed", call=run.rows)


@test(*BUCKETS, has_faults=True)
def a_file_that_goes_between_listing_and_reading(proxy):
    """As if it had gone before."""
    uri = proxy.upload("r260v2-keep_min")
    proxy.do({"method": "GET", "path": "snapshot", "remove": f"{proxy.home}/run/checkpoint_manager_snapshot.json", "times": 1})
    equal(open_run(uri).checkpoints(), [])


@test(*STORES, has_faults=True)
def range_not_satisfiable(proxy):
    uri = run_of(proxy)
    proxy.do({"path": "run.*result", "status": 416, "headers": {"Content-Range": "bytes */0"}})
    fails("IO", "416", "result.json", call=lambda: open_run(uri), seconds=MOST_SECONDS)


@test(*STORES)
def a_file_without_bytes(proxy):
    run = open_run(run_of(proxy, b""))
    equal(run.json()["metrics"], None)
    equal(run.rows(), 0)


GARBAGE = ("", "<ListBucketResult><Contents><Key>a", "not xml & no <b", "<html><body>Welcome to the hotel's network</body></html>", "{}", "\0\1\2")


@test(*BUCKETS, has_faults=True)
def a_listing_that_is_none(proxy):
    uri = run_of(proxy)
    for garbage in GARBAGE:
        proxy.do({"status": 200, "body": garbage, "headers": {"Content-Type": "text/html"}})
        fails("IO", proxy.home, call=lambda: open_run(uri), seconds=MOST_SECONDS)
        check(len(proxy.log()) < 12, proxy.log())


@test(*BUCKETS, has_faults=True)
def a_listing_that_never_ends(proxy):
    """Each page names the same next one."""
    uri = run_of(proxy)
    page = ("<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>x</NextContinuationToken></ListBucketResult>"
            if proxy.store != "abfs" else
            "<EnumerationResults><Blobs></Blobs><NextMarker>x</NextMarker></EnumerationResults>")
    proxy.do({"status": 200, "body": page})
    fails("IO", proxy.home, call=lambda: open_run(uri), seconds=MOST_SECONDS)


@test("s3")
def a_page_of_a_listing_that_never_ends(proxy):
    server = Raw(b"HTTP/1.1 200 OK\r\n\r\n<ListBucketResult>" + b" " * (66 << 20), closes=False)
    fails("IO", proxy.home, "without end", call=lambda: open_run(proxy.uri("run", port=server.port)), seconds=MOST_SECONDS)


@test(*STORES, has_faults=True)
def a_page_of_html_as_a_refusal(proxy):
    uri = run_of(proxy)
    proxy.do({"status": 502, "body": "<html><title>502 Bad Gateway</title>" + "<p>x</p>" * 50_000 + "</html>"})
    fails("IO", "502", call=lambda: open_run(uri), seconds=MOST_SECONDS)


@test("s3")
def what_speaks_no_http(proxy):
    for answer in (b"SSH-2.0-OpenSSH_9.2\r\n", b"", b"\0" * 4096, b"HTTP/1.1 200\r\nContent-Length: x\r\n\r\n", b"HTTP/9.9 200 OK\r\n\r\n"):
        server = Raw(answer)
        fails("IO", proxy.home, call=lambda server=server: open_run(proxy.uri("run", port=server.port)), seconds=MOST_SECONDS)


@test("s3")
def headers_without_end(proxy):
    server = Raw(b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-Pad-%d: %s\r\n" % (number, b"y" * 1_000) for number in range(2_000)))
    fails("IO", proxy.home, call=lambda: open_run(proxy.uri("run", port=server.port)), seconds=MOST_SECONDS)


def refusal_without_end(head):
    return b"HTTP/1.1 403 Forbidden\r\nContent-Length: 1000000000\r\n\r\n" + b"<Error><Code>AccessDenied</Code></Error>" + b" " * 100_000


@test("s3")
def a_refusal_without_end(proxy):
    server = Raw(refusal_without_end, closes=False)
    fails("PERMISSION", "AccessDenied", call=lambda: open_run(proxy.uri("run", port=server.port)), seconds=5)
