"""What a store refuses, and how: each one error that says why, with the right code."""
import runs
from harness import BUCKETS, HOST, STORES, check, equal, fails, open_checkpoint, open_run, test

SNAPSHOT = "checkpoint_manager_snapshot.json"
ROWS = runs.rows(3)


def xml(code, message, more=""):
    return f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message>{more}<RequestId>1</RequestId></Error>"


def run_of(proxy):
    proxy.put("run/result.json", ROWS)
    return proxy.uri("run")


@test(*BUCKETS)
def a_missing_bucket_is_named(proxy):
    for bucket in ("nosuchbucket", "nosuch-bucket"):
        uri = proxy.uri("run").replace("runs", bucket, 1)
        for call in (lambda uri=uri: open_run(uri), lambda uri=uri: open_checkpoint(uri + "").read()):
            fails("NOT_FOUND", f"called {bucket} at {HOST}:{proxy.port}", call=call)
    run = open_run(run_of(proxy))
    fails("NOT_FOUND", "nosuchbucket", call=lambda: run.write("csv", proxy.uri("out.csv").replace("runs", "nosuchbucket", 1)))


@test(*STORES)
def a_missing_run_is_named(proxy):
    message = fails("NOT_FOUND", proxy.home, "nothing_here", call=lambda: open_run(proxy.uri("nothing_here")))
    check(f"/{proxy.home}/nothing_here" in message, message)


@test(*BUCKETS)
def a_missing_checkpoint_is_named(proxy):
    checkpoint = open_checkpoint(proxy.uri("run/checkpoint_000007"))
    equal(checkpoint.is_present, False)
    fails("NOT_FOUND", "checkpoint_000007", call=checkpoint.read)
    fails("NOT_FOUND", "checkpoint_000007", call=lambda: checkpoint.update({"a": 1}))


@test(*BUCKETS)
def a_file_is_no_directory(proxy):
    run_of(proxy)
    fails("NOT_FOUND", "result.json", "file", call=lambda: open_run(proxy.uri("run/result.json")))


@test(*STORES, has_faults=True)
def forbidden(proxy):
    uri = run_of(proxy)
    proxy.do({"status": 403, "body": xml("AccessDenied", "Access Denied")})
    message = fails("PERMISSION", "run", "AccessDenied", call=lambda: open_run(uri))
    check(len(proxy.log()) <= 2, proxy.log())
    check(proxy.home in message, message)


@test(*STORES, has_faults=True)
def forbidden_without_a_word(proxy):
    uri = run_of(proxy)
    proxy.do({"status": 403})
    fails("PERMISSION", "403", proxy.home, call=lambda: open_run(uri))


@test(*BUCKETS, has_faults=True)
def a_refusal_of_several_lines_is_told_in_one(proxy):
    uri = run_of(proxy)
    proxy.do({"status": 403, "body": xml("AuthenticationFailed", "The signature\nis wrong.\r\n  RequestId:1-2\nTime:3")})
    fails("PERMISSION", "The signature is wrong. RequestId:1-2 Time:3", call=lambda: open_run(uri))


@test("abfs")
def credentials_of_the_call_count_before_those_of_the_environment(proxy):
    uri = run_of(proxy)
    equal(open_run(uri).rows(), 3)
    for given in ({"sas_token": "sv=2024-11-04&sig=eA%3D%3D"}, {"access_token": "x"}):
        fails("PERMISSION", "403", call=lambda given=given: open_run(uri, **given))


@test(*BUCKETS)
def a_directory_is_no_file_to_write(proxy):
    run = open_run(run_of(proxy))
    bucket = proxy.uri("").replace(proxy.home, "", 1)
    slash = proxy.uri("out").replace("/out", "/out/", 1)
    for uri in (slash, bucket):
        for given in ({}, {"on_exists": "replace"}):
            fails("INVALID_ARGUMENT", "name the file", call=lambda uri=uri, given=given: run.write("csv", uri, **given))


@test(*STORES, has_faults=True)
def forbidden_to_who_has_no_credentials(proxy):
    uri = run_of(proxy)
    proxy.do({"status": 403, "body": xml("AccessDenied", "Access Denied")})
    if proxy.store == "http":
        fails("PERMISSION", "no credentials were found", call=lambda: open_run(uri))
    else:
        fails("PERMISSION", "setting anonymous", call=lambda: open_run(uri, anonymous="true"))
    given = {"gs": {"access_token": "x"}, "http": {"access_token": "x"}, "abfs": {"sas_token": "sv=2024-11-04&sig=eA%3D%3D"}}
    uri = uri.replace("&anonymous=true", "")
    for settings in ({}, given.get(proxy.store, {})) if proxy.store in ("s3", "abfs") else (given[proxy.store],):
        message = fails("PERMISSION", "permission denied (403 AccessDenied", call=lambda settings=settings: open_run(uri, **settings))
        check("no credentials" not in message and "anonymous" not in message, message)


@test("s3", "gs", alone=True, environment={"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}, has_faults=True)
def forbidden_where_no_credentials_are_found(proxy):
    uri = run_of(proxy).replace("&anonymous=true", "")
    proxy.do({"status": 403, "body": xml("AccessDenied", "Access Denied")})
    fails("PERMISSION", "no credentials were found", "AccessDenied", call=lambda: open_run(uri))


@test(*STORES, has_faults=True)
def unauthorized(proxy):
    uri = run_of(proxy)
    proxy.do({"status": 401, "headers": {"WWW-Authenticate": "Bearer"}, "body": xml("AuthenticationRequired", "Anonymous caller")})
    fails("PERMISSION", "401", proxy.home, call=lambda: open_run(uri))


@test(*BUCKETS, has_faults=True)
def forbidden_file_in_a_listing_that_is_not(proxy):
    proxy.upload("r260v2-keep_min")
    proxy.do({"path": SNAPSHOT.replace("_", "(_|%5F)").replace(".", r"(\.|%2E)"), "status": 403, "body": xml("AccessDenied", "Access Denied")})
    fails("PERMISSION", SNAPSHOT, call=lambda: open_run(proxy.uri("run")))


@test(*BUCKETS, has_faults=True)
def forbidden_write(proxy):
    run = open_run(runs.put_v2(proxy, 1))
    proxy.do({"method": "PUT", "status": 403, "body": xml("AccessDenied", "Access Denied")})
    fails("PERMISSION", ".metadata.json", call=lambda: run.checkpoints()[0].write({"a": 1}))
    fails("PERMISSION", "out.csv", call=lambda: run.write("csv", proxy.uri("out.csv")))


@test("http")
def a_web_server_is_only_read(proxy):
    run = open_run(run_of(proxy))
    fails("UNSUPPORTED", "out.csv", "only read", call=lambda: run.write("csv", proxy.uri("out.csv")))
    fails("UNSUPPORTED", ".metadata.json", call=lambda: open_checkpoint(proxy.uri("run")).write({"a": 1}))


@test("s3", has_faults=True)
def expired_token(proxy):
    uri = run_of(proxy)
    for status in (400, 403):
        body = xml("ExpiredToken", "The provided token has expired.")
        proxy.do({"status": status, "body": body, "headers": {"x-amz-bucket-region": "us-east-1"}})
        fails("PERMISSION", "expired", call=lambda: open_run(uri))


@test("s3", has_faults=True)
def forbidden_in_the_right_region(proxy):
    """S3 says where the bucket is in every answer, refusals too."""
    uri = run_of(proxy)
    for region in ("&region=us-east-1", ""):
        proxy.do({"status": 403, "body": xml("AccessDenied", "Access Denied"), "headers": {"x-amz-bucket-region": "us-east-1"}})
        fails("PERMISSION", "AccessDenied", call=lambda region=region: open_run(uri.replace("&region=us-east-1", region)))


@test("s3", has_faults=True)
def forbidden_in_another_region(proxy):
    uri = run_of(proxy).replace("&region=us-east-1", "")
    proxy.do({"status": 403, "body": xml("InvalidAccessKeyId", "The key does not exist."), "headers": {"x-amz-bucket-region": "eu-west-3"}})
    fails("PERMISSION", "InvalidAccessKeyId", call=lambda: open_run(uri))


WRONG_REGION = (
    {"status": 301, "headers": {"x-amz-bucket-region": "eu-west-3"}, "body": xml("PermanentRedirect", "Use the other endpoint.")},
    {"status": 301, "headers": {"x-amz-bucket-region": "eu-west-3"}},
    {"status": 307, "headers": {"x-amz-bucket-region": "eu-west-3", "Location": "https://runs.s3.eu-west-3.amazonaws.com/"}},
    {"status": 400, "body": xml("AuthorizationHeaderMalformed", "The region 'us-east-1' is wrong.", "<Region>eu-west-3</Region>")},
    {"status": 400, "headers": {"x-amz-bucket-region": "eu-west-3"}},
)


@test("s3", has_faults=True)
def another_region_than_the_one_asked_for(proxy):
    uri = run_of(proxy)
    for rule in WRONG_REGION:
        proxy.do(rule)
        fails("IO", "eu-west-3", "us-east-1", call=lambda: open_run(uri))
        proxy.check_done()


@test("s3", has_faults=True)
def another_region_is_followed_unless_one_was_asked_for(proxy):
    for place, rule in enumerate(WRONG_REGION):
        # Another home for each: what is known of a bucket is known.
        proxy.put(f"{place}/result.json", ROWS)
        uri = proxy.uri(str(place)).replace("&region=us-east-1", f"&connect_timeout_ms={9_000 + place}")
        proxy.do({**rule, "times": 1})
        run = open_run(uri)
        equal([line[4] for line in proxy.log()], [rule["status"], 200, 206], proxy.log())
        proxy.clear()
        open_run(uri)
        equal([line[4] for line in proxy.log()], [200, 206], "the region is known now")
        equal(run.rows(), 3)


@test("s3", has_faults=True)
def regions_in_a_circle(proxy):
    uri = run_of(proxy).replace("&region=us-east-1", "")
    proxy.do({"status": 301, "headers": {"x-amz-bucket-region": "eu-west-3"}})
    fails("IO", "eu-west-3", call=lambda: open_run(uri))
    check(len(proxy.log()) == 2, proxy.log())


@test("s3", has_faults=True)
def a_region_of_the_environment_is_followed_to_another(proxy):
    run = open_run(run_of(proxy).replace("&region=us-east-1", "&connect_timeout_ms=9100"))
    proxy.do({**WRONG_REGION[0], "method": "PUT", "times": 1})
    run.write("csv", proxy.uri("out.csv").replace("&region=us-east-1", "&connect_timeout_ms=9101"))
    equal(proxy.get("out.csv").count(b"\n"), 4)


@test(*BUCKETS, has_faults=True)
def precondition_failed_is_no_loss(proxy):
    runs.put_v2(proxy, 1)
    checkpoint = open_checkpoint(proxy.uri("run/checkpoint_000000"))
    checkpoint.write({"a": 1})
    code = {"s3": "PreconditionFailed", "gs": "PreconditionFailed", "abfs": "ConditionNotMet"}[proxy.store]
    proxy.do({"method": "PUT", "status": 412, "times": 2, "body": xml(code, "No.")})
    checkpoint.update({"b": 2})
    equal([line[0] for line in proxy.log()], ["GET", "PUT"] * 3)
    equal(checkpoint.read(), {"a": 1, "b": 2})


@test("s3", has_faults=True)
def conflicting_writers_are_tried_again(proxy):
    runs.put_v2(proxy, 1)
    checkpoint = open_checkpoint(proxy.uri("run/checkpoint_000000"))
    proxy.do({"method": "PUT", "status": 409, "times": 2, "body": xml("ConditionalRequestConflict", "Try again.")})
    checkpoint.update({"b": 2})
    equal(checkpoint.read(), {"b": 2})
    check(len([line for line in proxy.log() if line[0] == "PUT"]) == 3, proxy.log())


@test(*BUCKETS, has_faults=True)
def a_condition_that_never_holds_is_given_up(proxy):
    """As where something between changes the ETags that are read."""
    runs.put_v2(proxy, 1)
    checkpoint = open_checkpoint(proxy.uri("run/checkpoint_000000"))
    checkpoint.write({"a": 1})
    proxy.do({"method": "PUT", "status": 412, "body": xml("PreconditionFailed", "No.")})
    fails("IO", ".metadata.json", "changed", call=lambda: checkpoint.update({"b": 2}), seconds=15)
    equal(checkpoint.read(), {"a": 1})


@test("abfs", has_faults=True)
def a_conflict_that_stays_is_no_other_writer(proxy):
    runs.put_v2(proxy, 1)
    uri = proxy.uri("run/checkpoint_000000")
    checkpoint = open_checkpoint(uri)
    conflicts = [(409, "BlobImmutableDueToPolicy", "PERMISSION"), (412, "LeaseIdMissing", "IO"), (409, "InvalidBlobType", "IO")]
    for status, code, expected in conflicts:
        proxy.do({"method": "PUT", "status": status, "body": xml(code, "No.")})
        fails(expected, str(status), code, call=lambda: checkpoint.update({"b": 2}), seconds=15)
    proxy.do({"status": 409, "body": xml("PublicAccessNotPermitted", "Public access is not permitted on this storage account.")})
    fails("PERMISSION", "Public access", call=lambda: open_checkpoint(uri))


@test(*BUCKETS)
def an_output_that_is_there_is_kept(proxy):
    run = open_run(run_of(proxy))
    run.write("csv", proxy.uri("out.csv"))
    fails("IO", "out.csv", "exists", call=lambda: run.write("csv", proxy.uri("out.csv")))
    run.write("csv", proxy.uri("out.csv"), on_exists="replace")
