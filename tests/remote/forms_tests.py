"""Settings of the call, of the query and of the environment; forms of URIs."""
import base64
import http.server
import json
import os
import re
import subprocess
import tempfile
import threading
import urllib.parse

import runs
import stores
from harness import HOST, STORES, Context, check, equal, fails, open_checkpoint, open_run, test
from network_tests import Raw, closed_port

ROWS = runs.rows(3)
EMPTY = b"<?xml version='1.0'?><ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"
EMPTY_OF_AZURE = b"<?xml version='1.0'?><EnumerationResults><Blobs></Blobs><NextMarker></NextMarker></EnumerationResults>"
PLAIN = re.compile(r"\?.*")


def listens():
    """A server that tells of an empty bucket, and keeps what it was asked."""
    def answer(head):
        body = EMPTY_OF_AZURE if "comp=list" in head else EMPTY
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(body), body)
    return Raw(answer)


def head_of(uri, **given):
    """The first request for a run that is not there."""
    server = listens()
    given = {key: value.replace("PORT", str(server.port)) for key, value in given.items()}
    fails("NOT_FOUND", call=lambda: open_run(uri.replace("PORT", str(server.port)), **given))
    return server.heads[0]


def signed_by(head):
    """Who signed a request to S3, and for which region."""
    found = re.search(r"(?i)authorization: AWS4-HMAC-SHA256 Credential=([^/]*)/\d+/([^/]*)/s3", head)
    return found.groups() if found else None


AT = "endpoint_override=127.0.0.1:PORT&scheme=http"
REGIONS = {"AWS_DEFAULT_REGION": "of-default", "AWS_REGION": "of-region", "AWS_ACCESS_KEY_ID": "environment"}


@test(alone=True, environment=REGIONS)
def the_call_before_the_query_before_the_environment():
    equal(signed_by(head_of(f"s3://b/k?{AT}")), ("environment", "of-default"))
    equal(signed_by(head_of(f"s3://b/k?{AT}&region=of-query")), ("environment", "of-query"))
    equal(signed_by(head_of(f"s3://b/k?{AT}&region=of-query", region="of-call")), ("environment", "of-call"))
    equal(signed_by(head_of(f"s3://user:word@b/k?{AT}")), ("user", "of-default"))
    equal(signed_by(head_of(f"s3://user:word@b/k?{AT}&access_key=query&secret_key=x"))[0], "query")
    equal(signed_by(head_of(f"s3://user:word@b/k?{AT}&access_key=query&secret_key=x", access_key="call", secret_key="y"))[0], "call")
    equal(signed_by(head_of(f"s3://b/k?{AT}&anonymous=true")), None)


@test(alone=True, environment={"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""})
def credentials_that_come_later_are_found():
    """As of who logs in after a call was refused."""
    refused = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    listed = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(EMPTY), EMPTY)
    server = Raw(lambda head: listed if signed_by(head) else refused)
    uri = f"s3://b/k?{AT}".replace("PORT", str(server.port))
    with tempfile.NamedTemporaryFile("w") as file:
        os.environ["AWS_SHARED_CREDENTIALS_FILE"] = file.name
        fails("PERMISSION", call=lambda: open_run(uri))
        file.write("[default]\naws_access_key_id = late\naws_secret_access_key = secret\n")
        file.flush()
        fails("NOT_FOUND", call=lambda: open_run(uri))
    equal(signed_by(server.heads[-1])[0], "late")


@test(alone=True, environment={"AWS_REGION": "of-region"})
def the_other_variable_for_a_region():
    equal(signed_by(head_of(f"s3://b/k?{AT}")), ("test", "of-region"))


@test()
def a_region_that_nobody_names():
    equal(signed_by(head_of(f"s3://b/k?{AT}")), ("test", "us-east-1"))


@test()
def a_token_comes_with_its_keys():
    head = head_of(f"s3://b/k?{AT}", access_key="a", secret_key="b", session_token="token-of-session")
    check("x-amz-security-token: token-of-session" in head.lower(), head)


@test("s3", alone=True, environment={"AWS_ENDPOINT_URL": f"http://{HOST}:1"})
def an_endpoint_of_the_environment(proxy):
    """That of S3 counts before the one for all services."""
    proxy.put("run/result.json", ROWS)
    fails("IO", "refused", call=lambda: open_run(PLAIN.sub("", proxy.uri("run"))))
    os.environ["AWS_ENDPOINT_URL_S3"] = f"http://{HOST}:{proxy.port}"
    run = open_run(PLAIN.sub("", proxy.uri("run")))
    equal((run.uri, run.rows()), (f"s3://runs/{proxy.home}/run", 3))
    equal(open_run(proxy.uri("run")).rows(), 3)


@test("gs", "abfs", alone=True)
def endpoints_of_other_stores(proxy):
    proxy.put("run/result.json", ROWS)
    name, path = {"gs": ("CLOUD_STORAGE_EMULATOR_ENDPOINT", ""), "abfs": ("AZURE_STORAGE_ENDPOINT", f"/{stores.AZURE_ACCOUNT}")}[proxy.store]
    os.environ[name] = f"http://{HOST}:{proxy.port}{path}"
    run = open_run(PLAIN.sub("", proxy.uri("run")))
    equal(run.rows(), 3)
    check(len(proxy.log()) >= 2, "asked elsewhere")


@test("abfs", alone=True, environment={"AZURE_STORAGE_ACCOUNT_KEY": None, "AZURE_STORAGE_ACCOUNT_NAME": None})
def every_form_of_azure(proxy):
    proxy.put("run/result.json", ROWS)
    account, key, home = stores.AZURE_ACCOUNT, urllib.parse.quote(stores.AZURE_KEY, safe=""), proxy.home
    at = f"blob_storage_authority={HOST}:{proxy.port}&enable_tls=false"
    for uri in (f"abfs://runs@{account}.dfs.core.windows.net/{home}/run?{at}&account_key={key}",
                f"abfss://runs@{account}.dfs.core.windows.net/{home}/run?{at}&account_key={key}",
                f"abfs://runs@{account}.blob.core.windows.net/{home}/run?{at}&account_key={key}",
                f"abfs://{account}:{key}@runs/{home}/run?{at}",
                f"abfs://:{key}@{account}.dfs.core.windows.net/runs/{home}/run?{at}",
                f"abfs://{account}:{key}@{HOST}:{proxy.port}/runs/{home}/run?enable_tls=false",
                f"az://runs/{home}/run?{at}&account_name={account}&account_key={key}"):
        run = open_run(uri)
        equal((run.path, run.rows()), (f"runs/{home}/run", 3), uri)
        os.environ["AZURE_STORAGE_ACCOUNT_KEY"] = stores.AZURE_KEY
        again = open_run(run.uri)
        equal((again.uri, again.path), (run.uri, run.path))
        del os.environ["AZURE_STORAGE_ACCOUNT_KEY"]
    fails("INVALID_ARGUMENT", "account", call=lambda: open_run(f"abfs://runs/{home}/run?{at}"))


class TokenService(http.server.BaseHTTPRequestHandler):
    forms = []

    def do_POST(self):
        self.forms.append(dict(urllib.parse.parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode())))
        answer = b'{"access_token": "exchanged", "expires_in": 3600}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


@test(alone=True)
def a_federated_identity_of_google():
    service = http.server.ThreadingHTTPServer((HOST, 0), TokenService)
    threading.Thread(target=service.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as home:
        subject, file = f"{home}/subject", f"{home}/identity.json"
        with open(subject, "w") as f:
            f.write("vouched\n")
        identity = {"type": "external_account", "audience": "//iam/pool", "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
                    "token_url": f"http://{HOST}:{service.server_port}/v1/token", "credential_source": {"file": subject}}
        with open(file, "w") as f:
            json.dump(identity, f)
        os.environ["GOOGLE_APPLICATION_CREDENTIALS"] = file
        head = head_of(f"gs://b/k?{AT}")
        check("authorization: bearer exchanged" in head.lower(), head)
        equal((len(TokenService.forms), TokenService.forms[0]["subject_token"]), (1, "vouched"))
        os.unlink(subject)
        fails("INVALID_ARGUMENT", file, subject, "no such file", call=lambda: open_run(f"gs://b/k?{AT.replace('PORT', '1')}"))


@test(*STORES)
def a_uri_leads_back(proxy):
    proxy.upload("r260v2-keep_min")
    run = open_run(proxy.uri("run"))
    again = open_run(run.uri)
    equal((again.uri, again.json()), (run.uri, run.json()))
    checkpoint = run.checkpoints()[0]
    found = open_checkpoint(checkpoint.uri)
    equal((found.uri, found.name), (checkpoint.uri, checkpoint.name))
    equal(open_run(proxy.uri("run") + "/" if "?" not in proxy.uri("run") else proxy.uri("run").replace("?", "/?")).uri, run.uri)


@test("s3")
def endpoints_of_every_form(proxy):
    proxy.put("run/result.json", ROWS)
    path, at = f"s3://runs/{proxy.home}/run", f"{HOST}:{proxy.port}"
    for query in (f"endpoint_override={at}&scheme=http", f"endpoint_override=http://{at}", f"endpoint_override=http%3A%2F%2F{HOST}%3A{proxy.port}%2F",
                  f"scheme=http&endpoint_override={at}/&allow_bucket_creation=true&background_writes=false&allow_delayed_open=0"):
        run = open_run(f"{path}?{query}")
        equal((run.path, open_run(run.uri).rows()), (f"runs/{proxy.home}/run", 3), query)
    equal(open_run(path, endpoint_override=at, scheme="http").rows(), 3)
    fails("IO", call=lambda: open_run(f"{path}?endpoint_override={at}"))
    fails("IO", "refused", call=lambda: open_run(f"{path}?endpoint_override={HOST}:{closed_port()}&scheme=http"))
    fails("INVALID_ARGUMENT", "regoin", "region", call=lambda: open_run(f"{path}?regoin=x"))


@test()
def a_bucket_in_the_name_of_the_host():
    head = head_of("s3://b/k", endpoint_override=f"http://{HOST}:PORT")
    check("\r\nhost: 127.0.0.1" in head.lower() and head.startswith("GET /b?"), head)
    fails("IO", call=lambda: open_run("s3://b/k?force_virtual_addressing=true&endpoint_override=http://localhost.invalid:1"))


ASK_PYARROW = """
import json, sys
import pyarrow.fs
def path(uri):
    try:
        return pyarrow.fs.FileSystem.from_uri(uri)[1]
    except Exception as error:
        return f"{type(error).__name__}: {error}"
print(json.dumps([path(uri) for uri in json.load(sys.stdin)]))
"""
FORMS = {
    "s3": ("s3://b/k", "s3://b/k/", "s3://b/k/l/", "s3://b/a%20b", "s3://b/50%25", "s3://b/a%23b%3Fc", "s3://b/a+b", "s3://b/gr%C3%B6%C3%9Fe",
           "s3://b/a%2Fb", "s3://user:word@b/k", "s3://b/k=v&w", "s3://b.with.dots/k"),
    "gs": ("gs://b/k", "gs://b/k/", "gcs://b/a%20b", "gs://anonymous@b/k", "gs://b/a+b%25"),
    "abfs": ("abfs://c@account.dfs.core.windows.net/k", "abfss://c@account.dfs.core.windows.net/k/l/", "abfs://account.dfs.core.windows.net/c/k",
             "abfs://account.blob.core.windows.net/c/a%20b"),
}


@test()
def paths_are_those_of_pyarrow():
    """Ray opens a URI through pyarrow: what it calls the path of the run, so do we, but for slashes at its ends."""
    server = listens()
    ours, theirs = [], []
    for store, uris in FORMS.items():
        for uri in uris:
            given = {"s3": {"endpoint_override": f"{HOST}:{server.port}", "scheme": "http", "region": "us-east-1"},
                     "gs": {"endpoint_override": f"{HOST}:{server.port}", "scheme": "http", "anonymous": "true"},
                     "abfs": {"blob_storage_authority": f"{HOST}:{server.port}", "enable_tls": "false"}}[store]
            ours.append(open_checkpoint(uri, **given).path)
            theirs.append(uri + ("?region=us-east-1" if store == "s3" else ""))
    done = subprocess.run([Context.pyarrow, "-B", "-c", ASK_PYARROW], input=json.dumps(theirs), capture_output=True, text=True, timeout=60)
    equal(done.returncode, 0, done.stderr)
    wrong = [(uri, our, their) for uri, our, their in zip(theirs, ours, json.loads(done.stdout), strict=True) if our != their.strip("/")]
    equal(wrong, [])


@test("http")
def a_name_and_a_password(proxy):
    proxy.put("run/result.json", ROWS)

    def authorization(uri, **given):
        server = Raw(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        fails("NOT_FOUND", call=lambda: open_run(uri.format(server.port), **given))
        found = re.search(r"(?i)authorization: (.*)\r\n", server.heads[0])
        return found and found[1]

    basic = "Basic " + base64.b64encode("us er:p@ss:wörd".encode()).decode()
    equal(authorization(f"http://us%20er:p%40ss%3Aw%C3%B6rd@{HOST}:{{}}/run"), basic)
    equal(authorization(f"http://{HOST}:{{}}/run", access_token="abc"), "Bearer abc")
    equal(authorization(f"http://{HOST}:{{}}/run"), None)


@test("http", has_faults=True)
def credentials_do_not_follow_a_redirect_to_another_host(proxy):
    proxy.put("run/result.json", ROWS)
    server = Raw(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    proxy.do({"redirect": f"http://localhost:{server.port}/x"})
    fails("NOT_FOUND", call=lambda: open_run(proxy.uri("run"), access_token="abc"))
    check(server.heads and not any("authorization" in head.lower() for head in server.heads), server.heads)
