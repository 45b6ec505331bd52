"""Secrets are planted wherever a caller can give them; then everything goes wrong that can, and nobody finds them."""
import base64
import contextlib
import re
import threading

import runs
from harness import BUCKETS, HOST, STORES, Context, check, equal, open_checkpoint, open_run, test
from libresult import Failure
from network_tests import Raw, closed_port
from refusals_tests import WRONG_REGION, xml

WORD = "PlantedSecret"
KEY = base64.b64encode(b"PlantedSecretOfAnAccount").decode()
# In any form: as it is, encoded, in part.
PATTERN = re.compile(r"planted|cGxhbnRlZ|UGxhbnRlZ", re.IGNORECASE)
SETTINGS = {
    "s3": {"access_key": WORD + "1", "secret_key": WORD + "2/+=", "session_token": WORD + "3"},
    "gs": {"access_token": WORD + "4"},
    "abfs": {"account_key": KEY},
    "http": {"access_token": WORD + "5"},
}
OTHERS = {"abfs": ({"sas_token": f"sv=2024-11-04&sig={WORD}6"}, {"access_token": WORD + "7"},
                   {"client_secret": WORD + "8", "client_id": "a", "tenant_id": "b"}),
          "http": ({"access_key": "user", "secret_key": WORD + "9"},)}
ENVIRONMENT = {"AWS_ACCESS_KEY_ID": WORD + "a", "AWS_SECRET_ACCESS_KEY": WORD + "b", "AWS_SESSION_TOKEN": WORD + "c",
               "AZURE_STORAGE_ACCOUNT_KEY": KEY, "AZURE_CLIENT_SECRET": WORD + "d"}
LEAKY = {"Location": f"https://{WORD}:{WORD}@elsewhere.invalid/?X-Amz-Signature={WORD}&sig={WORD}", "x-amz-request-id": WORD,
         "WWW-Authenticate": f"Bearer {WORD}", "x-ms-error-code": "Odd"}
LEAKED_URL = f"https://u:{WORD}@elsewhere.invalid/?token={WORD}"
RULES = (
    {"status": 403, "body": xml("AccessDenied", "No."), "headers": LEAKY},
    {"status": 401, "headers": LEAKY},
    {"status": 403, "body": xml("SignatureDoesNotMatch", f"see {LEAKED_URL}", f"<StringToSign>{WORD}</StringToSign><AWSAccessKeyId>{WORD}1</AWSAccessKeyId>")},
    {"status": 400, "body": xml("ExpiredToken", "Expired.", f"<Token-0>{WORD}3</Token-0>")},
    {"status": 302, "headers": LEAKY}, {"status": 307, "headers": LEAKY}, {"status": 301, "headers": LEAKY},
    {"status": 404, "headers": LEAKY}, {"status": 409, "headers": LEAKY}, {"status": 412, "headers": LEAKY}, {"status": 418, "headers": LEAKY},
    {"status": 500, "times": 1, "headers": LEAKY}, {"reset": "before", "times": 1}, {"status": 200, "body": "<html>", "headers": LEAKY},
    {"status": 200, "body": "", "headers": LEAKY},
    *WRONG_REGION,
)


def everything_told(call):
    """Does something, and asks whatever comes of it for all that it tells."""
    with contextlib.suppress(Failure):
        run = call()
        run.json()
        run.diagnostics()
        equal(bool(run.uri and run.path), True)
        for checkpoint in run.checkpoints():
            check(checkpoint.uri, "uri")
            with contextlib.suppress(Failure):
                checkpoint.read()


def check_said(start):
    said = [text for thread, text in Context.library.said[start:] if thread == threading.get_ident()]
    check(said, "the library said nothing")
    for text in said:
        check(not PATTERN.search(text), text)


def everything_goes_wrong(proxy, uri, given, rules=RULES):
    start = len(Context.library.said)
    for rule in ({"method": "NONE", "status": 200}, *rules):
        proxy.do(rule)
        everything_told(lambda: open_run(uri, **given))
        with contextlib.suppress(Failure):
            open_checkpoint(uri + "", **given).update({"a": 1})
    proxy.faults = []
    for port in (closed_port(), Raw(b"HTTP/1.1 403 x\r\n\r\n" + LEAKED_URL.encode()).port):
        everything_told(lambda port=port: open_run(uri.replace(str(proxy.port), str(port)), **given))
    for wrong in ({"regoin": WORD}, {"region": ""}, {"connect_timeout_ms": "0"}, {"tls_ca_file_path": "/nowhere"}):
        everything_told(lambda wrong=wrong: open_run(uri, **given, **wrong))
    check_said(start)


@test(*STORES)
def in_settings(proxy):
    runs.put_v2(proxy, 1)
    uri = proxy.uri("run").replace("&anonymous=true", "")
    everything_goes_wrong(proxy, uri, SETTINGS[proxy.store])
    for given in OTHERS.get(proxy.store, ()):
        everything_goes_wrong(proxy, uri, given, RULES[::4])


@test(*STORES)
def in_the_query(proxy):
    runs.put_v2(proxy, 1)
    uri = proxy.uri("run").replace("&anonymous=true", "")
    for given in (SETTINGS[proxy.store], *OTHERS.get(proxy.store, ())):
        pairs = "&".join(f"{key}={value.replace('%', '%25').replace('&', '%26').replace('+', '%2B')}" for key, value in given.items())
        everything_goes_wrong(proxy, f"{uri}{'&' if '?' in uri else '?'}{pairs}", {}, RULES[::3])


@test(*STORES)
def in_front_of_the_host(proxy):
    runs.put_v2(proxy, 1)
    scheme, rest = proxy.uri("run").split("://")
    if proxy.store == "abfs":
        # As pyarrow has it: account and key.
        rest = "devstoreaccount1:" + KEY.replace("/", "%2F").replace("=", "%3D") + "@" + rest.split("@")[0] + "/" + rest.split("/", 1)[1]
    else:
        rest = f"{WORD}1:{WORD}2@{rest}"
    everything_goes_wrong(proxy, f"{scheme}://{rest}", {})


@test(*BUCKETS, alone=True, environment=ENVIRONMENT)
def in_the_environment(proxy):
    runs.put_v2(proxy, 1)
    everything_goes_wrong(proxy, proxy.uri("run").replace("&anonymous=true", ""), {})


@test("s3")
def in_an_endpoint(proxy):
    runs.put_v2(proxy, 1)
    uri = proxy.uri("run").replace(f"endpoint_override={HOST}", f"endpoint_override=http://u:{WORD}@{HOST}")
    check(WORD in uri, uri)
    everything_goes_wrong(proxy, uri, {})


@test()
def in_uris_that_are_none():
    start = len(Context.library.said)
    for uri in (f"s3://{WORD}:{WORD}@", f"s3://{WORD}:{WORD}@/k", f"s4://{WORD}:{WORD}@b/k", f"s3://b/k?token={WORD}", f"http://u:{WORD}@",
                f"s3://u:{WORD}@b/%ff", f"s3://u:{WORD}@b/a//b", f"abfs://{WORD}@", f"s3://b/k?secret_key=",
                f"s3://u:{WORD}@{HOST}:1/k?endpoint_override=http://x:{WORD}@{HOST}:1", f"s3://b/k?endpoint_override=http://u:{WORD}@{HOST}:1",
                f"s3://b/k?endpoint_override={HOST}:1&scheme=http&secret_key={WORD}&access_key={WORD}"):
        everything_told(lambda uri=uri: open_run(uri, connect_timeout_ms=300))
    check_said(start)
