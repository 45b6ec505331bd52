#!/usr/bin/env python3
"""moto's S3 server, in this process, with what it lacks.

A request with If-Match or If-None-Match that writes is alone: moto looks at the condition first and writes later, so that two
writers at once could both succeed. A range is read without a copy of the whole object, which moto makes from a file.
`POST /__many` makes many objects of one body quickly: JSON {"bucket", "keys"} or {"bucket", "prefix", "count"} (keys are prefix and
the number with 8 digits), and "body" (text); or {"bucket", "directory"}: all files below it."""
import json
import logging
import threading

import moto.backends
import moto.core
import moto.s3.models
from moto.moto_server import utilities, werkzeug_app
from werkzeug import serving

import plumbing
import stores

WRITES = ("PUT", "POST", "DELETE")


def many(what):
    backend = moto.backends.get_backend("s3")[moto.core.DEFAULT_ACCOUNT_ID]["aws"]
    if "directory" in what:
        found = list(stores.files(what["directory"]))
        for key, path in found:
            with open(path, "rb") as f:
                put(backend, what["bucket"], key, f.read())
        return len(found)
    keys = what.get("keys") or [f"{what['prefix']}{number:08}" for number in range(what["count"])]
    for key in keys:
        put(backend, what["bucket"], key, what.get("body", "").encode())
    return len(keys)


def put(backend, bucket, key, data):
    # moto finds the tag when it is first asked for it, and not safely if several ask.
    return backend.put_object(bucket, key, data, disable_notification=True).etag


def keep_whole(kind):
    """Keeps the bytes of an object beside the file that moto has for them."""
    slow = kind.value

    def write(key, data):
        slow.fset(key, data)
        key.whole = data.encode() if isinstance(data, str) else bytes(data)

    kind.value = property(lambda key: key.whole, write)


class AnyText(utilities.RegexConverter):
    """A part of a path, in which a newline is a character like others."""

    def __init__(self, url_map, pattern):
        super().__init__(url_map, f"(?s:{pattern})")


class Application:
    def __init__(self):
        werkzeug_app.RegexConverter = AnyText
        self.moto = werkzeug_app.DomainDispatcherApplication(werkzeug_app.create_backend_app)
        self.lock = threading.Lock()

    def __call__(self, environ, start_response):
        if environ["PATH_INFO"] == "/__many":
            made = many(json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))))
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [str(made).encode()]
        conditional = "HTTP_IF_MATCH" in environ or "HTTP_IF_NONE_MATCH" in environ
        if conditional and environ["REQUEST_METHOD"] in WRITES:
            with self.lock:
                return self.moto(environ, start_response)
        return self.moto(environ, start_response)


class Handler(werkzeug_app.MotoRequestHandler):
    disable_nagle_algorithm = True
    protocol_version = "HTTP/1.1"


def make():
    keep_whole(moto.s3.models.FakeKey)
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    serving.ThreadedWSGIServer.request_queue_size = 256
    return serving.make_server(plumbing.HOST, 0, Application(), threaded=True, request_handler=Handler)


if __name__ == "__main__":
    plumbing.run(make())
