#!/usr/bin/env python3
"""A web server that publishes what was PUT into it: GET and HEAD with ETag, Last-Modified, one range, and the usual conditions.
Like most web servers it lists nothing. Objects are bytes in memory; the path, without its percent escapes, is the key."""
import email.utils
import hashlib
import re
import threading
import time
import urllib.parse

import plumbing


class Objects:
    def __init__(self):
        self.lock = threading.Lock()
        self.objects = {}

    def get(self, path):
        return self.objects.get(path)

    def put(self, path, data):
        with self.lock:
            self.objects[path] = (data, f'"{hashlib.md5(data).hexdigest()}"', email.utils.formatdate(time.time(), usegmt=True))

    def delete(self, path):
        with self.lock:
            return self.objects.pop(path, None)


def has(condition, tag):
    return condition.strip() == "*" or tag in (one.strip() for one in condition.split(","))


def part(text, size):
    """The range that the header asks for, as (first, end); None if it asks for none that can be had."""
    first, last = re.fullmatch(r"bytes=(\d*)-(\d*)", text).groups()
    if not first:
        return (max(size - int(last), 0), size) if int(last or 0) and size else None
    end = min(int(last) + 1, size) if last else size
    return (int(first), end) if int(first) < end else None


class Handler(plumbing.Handler):
    def serve(self):
        path = urllib.parse.unquote(self.path.partition("?")[0])
        objects = self.server.objects
        if self.command == "PUT":
            objects.put(path, self.body())
            self.answer(201)
        elif self.command == "DELETE":
            self.answer(204 if objects.delete(path) else 404)
        elif self.command in ("GET", "HEAD"):
            found = objects.get(path)
            if found:
                self.show(*found)
            else:
                self.answer(404, b"There is no such file.\n")
        else:
            self.answer(405, b"", [("Allow", "GET, HEAD, PUT, DELETE")])

    def show(self, data, tag, modified):
        about = [("ETag", tag), ("Last-Modified", modified), ("Accept-Ranges", "bytes"), ("Content-Type", "application/octet-stream")]
        if not has(self.headers.get("If-Match", "*"), tag):
            return self.answer(412, b"", about)
        if "If-None-Match" in self.headers and has(self.headers["If-None-Match"], tag):
            return self.start(304, about)
        wanted = self.headers.get("Range", "")
        # A header of another form, or for another version, is as none.
        if not re.fullmatch(r"bytes=(\d+-\d*|-\d+)", wanted) or self.headers.get("If-Range", tag) not in (tag, modified):
            return self.answer(200, data, about)
        bounds = part(wanted, len(data))
        if not bounds:
            return self.answer(416, b"", [*about, ("Content-Range", f"bytes */{len(data)}")])
        first, end = bounds
        return self.answer(206, memoryview(data)[first:end], [*about, ("Content-Range", f"bytes {first}-{end - 1}/{len(data)}")])


def make():
    server = plumbing.Server(Handler)
    server.objects = Objects()
    return server


if __name__ == "__main__":
    plumbing.run(make())
