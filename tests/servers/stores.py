"""The four stores as a test's own client sees them, without the library under test: put, get and delete of one object, and the upload
of directories. A key is text, and goes into the request as it is: with `//`, `..` or whatever."""
import base64
import concurrent.futures
import email.utils
import hashlib
import hmac
import http.client
import json
import os
import threading
import urllib.parse

import plumbing

BUCKET = "runs"
# Azurite knows this account and no other; everybody knows its key.
AZURE_ACCOUNT = "devstoreaccount1"
AZURE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


class Store:
    """A store at a port. Each thread has its own connection."""
    root = f"/{BUCKET}"
    created = None  # how the bucket is made: method, path, body

    def __init__(self, port):
        self.port = port
        self.own = threading.local()

    def request(self, method, path, body=b"", headers=None):
        """The status, the headers and the body of what is answered."""
        headers = {"Content-Length": str(len(body)), **(headers or {})}
        headers.update(self.signature(method, path, headers))
        for _ in range(2):
            connection = getattr(self.own, "connection", None) or http.client.HTTPConnection(plumbing.HOST, self.port)
            self.own.connection = connection
            try:
                connection.request(method, path, body, headers)
                response = connection.getresponse()
                return response.status, response.headers, response.read()
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                # The server may have ended a connection that was idle.
                connection.close()
        raise ConnectionError(f"{method} {path}: the server ends each connection")

    def signature(self, method, path, headers):
        return {}

    def path(self, key):
        return f"{self.root}/{urllib.parse.quote(key, safe='/')}"

    def create(self):
        if self.created:
            self.checked(*self.created)

    def checked(self, method, path, body=b"", headers=None):
        status, headers, answer = self.request(method, path, body, headers)
        if status >= 300:
            raise OSError(f"{method} {path}: {status} {answer[:300]!r}")
        return headers, answer

    def put(self, key, data, headers=None):
        """Returns the headers of the answer."""
        return self.checked("PUT", self.path(key), data, headers)[0]

    def upload(self, directory, parallel=8):
        """Puts all files below a directory. Returns their number."""
        with concurrent.futures.ThreadPoolExecutor(parallel) as pool:
            return len([done.result() for done in [pool.submit(self.put_file, *one) for one in files(directory)]])

    def put_file(self, key, path):
        with open(path, "rb") as f:
            self.put(key, f.read())

    def get(self, key):
        return self.checked("GET", self.path(key))[1]

    def delete(self, key):
        self.checked("DELETE", self.path(key))


class S3(Store):
    created = ("PUT", f"/{BUCKET}", b"", {})

    def signature(self, method, path, headers):
        # moto looks at who asks, not at the signature.
        return {"Authorization": "AWS4-HMAC-SHA256 Credential=test/20200101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"}

    def many(self, **what):
        """Makes many objects in one request, as s3.py says."""
        return int(self.checked("POST", "/__many", json.dumps({"bucket": BUCKET, **what}).encode())[1])

    def upload(self, directory, parallel=8):
        return self.many(directory=os.path.abspath(directory))


class Gcs(Store):
    created = ("POST", "/storage/v1/b?project=test", b'{"name": "%s"}' % BUCKET.encode(), {"Content-Type": "application/json"})


class Web(Store):
    def put_file(self, key, path):
        # It has no markers of directories.
        if not key.endswith("/"):
            super().put_file(key, path)


class Azure(Store):
    root = f"/{AZURE_ACCOUNT}/{BUCKET}"
    created = ("PUT", f"{root}?restype=container", b"", {})

    def put(self, key, data, headers=None):
        return super().put(key, data, {"x-ms-blob-type": "BlockBlob", **(headers or {})})

    def signature(self, method, path, headers):
        """Signs with the account's key, in the way that Azure calls SharedKey."""
        path, _, query = path.partition("?")
        ours = {"x-ms-date": email.utils.formatdate(usegmt=True), "x-ms-version": "2021-12-02"}
        headers = {name.lower(): value for name, value in {**headers, **ours}.items()}
        length = headers.get("content-length", "")
        headers["content-length"] = "" if length == "0" else length
        plain = ("content-encoding", "content-language", "content-length", "content-md5", "content-type", "date", "if-modified-since",
                 "if-match", "if-none-match", "if-unmodified-since", "range")
        lines = [method, *(headers.get(name, "") for name in plain)]
        lines += [f"{name}:{headers[name]}" for name in sorted(headers) if name.startswith("x-ms-")]
        lines.append(f"/{AZURE_ACCOUNT}{path}")
        lines += [f"{name}:{value}" for name, value in sorted(urllib.parse.parse_qsl(query, keep_blank_values=True))]
        signed = hmac.new(base64.b64decode(AZURE_KEY), "\n".join(lines).encode(), hashlib.sha256).digest()
        return {**ours, "Authorization": f"SharedKey {AZURE_ACCOUNT}:{base64.b64encode(signed).decode()}"}


STORES = {"s3": S3, "gs": Gcs, "abfs": Azure, "http": Web}


def files(directory):
    """The files below a directory that may be read, links followed, as (key, path). An empty directory is a marker, as pyarrow makes one."""
    for where, below, names in os.walk(directory, followlinks=True):
        if not below and not names and where != directory:
            yield os.path.relpath(where, directory) + "/", os.devnull
        for name in names:
            path = os.path.join(where, name)
            if os.path.isfile(path) and os.access(path, os.R_OK):
                yield os.path.relpath(path, directory), path


def upload(stores, directory):
    """Puts all files below a directory into each store, all at the same time."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for done in [pool.submit(store.upload, directory) for store in stores]:
            done.result()
