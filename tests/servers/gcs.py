#!/usr/bin/env python3
"""What fake-gcs-server lacks of Google's XML interface, which libraries use: it stands before it and turns that into JSON requests.

gcs.py PORT     PORT is where fake-gcs-server listens; prints the port of this

Whole PUT with x-goog-if-generation-match; uploads in parts (POST ?uploads, PUT ?partNumber&uploadId, POST and DELETE ?uploadId);
listings in pages, with max-keys, start-after and continuation-token; If-Match of GET and HEAD; errors as XML, with their codes.
All else is passed on as it is."""
import hashlib
import html
import json
import re
import sys
import urllib.parse
import uuid

import plumbing

JSON_PATHS = ("/storage/", "/upload/", "/download/", "/batch/", "/_internal/")
PAGE = 1000
ERRORS = {400: "InvalidArgument", 404: "NoSuchKey", 412: "PreconditionFailed", 416: "InvalidRange"}
ABOUT = {"cache-control": "cacheControl", "content-disposition": "contentDisposition", "content-encoding": "contentEncoding",
         "content-language": "contentLanguage", "content-type": "contentType"}
META = "x-goog-meta-"


class Handler(plumbing.Handler):
    def serve(self):
        path, _, query = self.path.partition("?")
        self.query = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        if path.startswith(JSON_PATHS):
            return self.pass_on(self.ask())
        bucket, _, key = path[1:].partition("/")
        self.bucket, self.key = urllib.parse.unquote(bucket), urllib.parse.unquote(key)
        match self.command:
            case "GET" if not self.key:
                self.listing()
            case "GET" | "HEAD":
                self.read()
            case "PUT" if "uploadId" in self.query:
                self.put_part()
            case "PUT":
                self.put(self.body(), self.headers)
            case "POST" if "uploads" in self.query:
                self.begin()
            case "POST" if "uploadId" in self.query:
                self.complete()
            case "DELETE" if "uploadId" in self.query:
                self.server.uploads.pop(self.query["uploadId"], None)
                self.answer(204)
            case _:
                self.pass_on(self.ask())
        return None

    # ---- Asking fake-gcs-server ----

    def ask(self, path=None, method=None, headers=None, body=None):
        headers = [one for one in self.headers.items() if one[0].lower() != "host"] if headers is None else headers
        return self.onwards(self.server.behind, path, method, [("Host", f"{plumbing.HOST}:{self.server.behind}"), *headers], body)

    def pass_on(self, response):
        if response.status >= 400 and not self.path.startswith(JSON_PATHS):
            response.read()
            return self.refuse(response.status)
        headers = plumbing.end_to_end(response.getheaders())
        chunked = response.headers.get("Content-Length") is None and self.command != "HEAD" and response.status not in (204, 304)
        self.start(response.status, headers + [("Transfer-Encoding", "chunked")] * chunked)
        for piece in plumbing.pieces(response):
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        if chunked:
            self.wfile.write(b"0\r\n\r\n")
        return None

    def refuse(self, status):
        code = ERRORS.get(status, "InternalError")
        if status == 404 and not self.has_bucket():
            code = "NoSuchBucket"
        self.answer_xml(f"<Error><Code>{code}</Code><Message>{code}: {html.escape(self.bucket)}/{html.escape(self.key)}</Message></Error>",
                        status)

    def has_bucket(self):
        response = self.ask(f"/storage/v1/b/{urllib.parse.quote(self.bucket, safe='')}", "GET", [], b"")
        response.read()
        return response.status == 200

    def answer_xml(self, text, status=200, headers=()):
        self.answer(status, f'<?xml version="1.0" encoding="UTF-8"?>{text}'.encode(), [("Content-Type", "application/xml"), *headers])

    # ---- Reading ----

    def read(self):
        wanted = self.headers.get("If-Match")
        response = self.ask()
        tags = [one.strip() for one in (wanted or "").split(",")]
        if wanted and response.status < 300 and "*" not in tags and response.headers["ETag"] not in tags:
            # What comes is another version, so the connection to it is of no more use.
            self.upstream.close()
            self.upstream = None
            return self.refuse(412)
        return self.pass_on(response)

    def listing(self):
        size = int(self.query.get("max-keys", PAGE))
        after = self.query.get("start-after", "")
        ask = {"prefix": self.query.get("prefix", ""), "delimiter": self.query.get("delimiter", ""),
               "maxResults": str(min(size, PAGE)), "startOffset": after, "pageToken": self.query.get("continuation-token", "")}
        ask = urllib.parse.urlencode({name: value for name, value in ask.items() if value})
        response = self.ask(f"/storage/v1/b/{urllib.parse.quote(self.bucket, safe='')}/o?{ask}", headers=[])
        body = response.read()
        if response.status != 200:
            return self.refuse(response.status)
        page = json.loads(body)
        # startOffset is the first key, start-after the last that is not wanted.
        items = [item for item in page.get("items", []) if item["name"] != after]
        prefixes, token = page.get("prefixes", []), page.get("nextPageToken", "")
        text = [f"<Name>{html.escape(self.bucket)}</Name><KeyCount>{len(items) + len(prefixes)}</KeyCount>"
                f"<IsTruncated>{'true' if token else 'false'}</IsTruncated>"]
        text += [f"<NextContinuationToken>{html.escape(token)}</NextContinuationToken>"] * bool(token)
        text += [f"<Contents><Key>{html.escape(item['name'])}</Key><Generation>{item['generation']}</Generation>"
                 f"<LastModified>{item['updated']}</LastModified><ETag>{html.escape(quoted(item['etag']))}</ETag>"
                 f"<Size>{item['size']}</Size></Contents>" for item in items]
        text += [f"<CommonPrefixes><Prefix>{html.escape(prefix)}</Prefix></CommonPrefixes>" for prefix in prefixes]
        return self.answer_xml(f"<ListBucketResult>{''.join(text)}</ListBucketResult>")

    # ---- Writing ----

    def upload(self, data, headers):
        """Uploads by JSON. Returns the status and what fake-gcs-server says of the object."""
        about = {"name": self.key, "contentType": "application/octet-stream"}
        about.update({ABOUT[name.lower()]: value for name, value in headers.items() if name.lower() in ABOUT})
        about["metadata"] = {name.lower().removeprefix(META): value for name, value in headers.items() if name.lower().startswith(META)}
        border = uuid.uuid4().hex.encode()
        body = b"".join((b"--", border, b"\r\nContent-Type: application/json\r\n\r\n", json.dumps(about).encode(), b"\r\n--", border,
                         b"\r\nContent-Type: ", about["contentType"].encode(), b"\r\n\r\n", data, b"\r\n--", border, b"--\r\n"))
        path = f"/upload/storage/v1/b/{urllib.parse.quote(self.bucket, safe='')}/o?uploadType=multipart"
        if "x-goog-if-generation-match" in headers:
            path += f"&ifGenerationMatch={headers['x-goog-if-generation-match']}"
        response = self.ask(path, "POST", [("Content-Type", f"multipart/related; boundary={border.decode()}")], body)
        answer = response.read()
        return response.status, json.loads(answer) if response.status == 200 else {}

    def put(self, data, headers):
        status, made = self.upload(data, headers)
        if status != 200:
            return self.refuse(status)
        return self.answer(200, b"", [("ETag", quoted(made["etag"])), ("x-goog-generation", made["generation"])])

    def begin(self):
        name = uuid.uuid4().hex
        self.server.uploads[name] = (dict(self.headers.items()), {})
        self.answer_xml(f"<InitiateMultipartUploadResult><Bucket>{html.escape(self.bucket)}</Bucket><Key>{html.escape(self.key)}</Key>"
                        f"<UploadId>{name}</UploadId></InitiateMultipartUploadResult>")

    def put_part(self):
        data = self.body()
        upload = self.server.uploads.get(self.query["uploadId"])
        if not upload:
            return self.refuse(404)
        tag = f'"{hashlib.md5(data).hexdigest()}"'
        upload[1][int(self.query["partNumber"])] = (tag, data)
        return self.answer(200, b"", [("ETag", tag)])

    def complete(self):
        wanted = re.findall(r"<Part>(.*?)</Part>", html.unescape(self.body().decode()), re.S)
        upload = self.server.uploads.get(self.query["uploadId"])
        if not upload:
            return self.refuse(404)
        data = []
        for part in wanted:
            number, tag = (re.search(rf"<{name}>\s*(.*?)\s*</{name}>", part, re.S)[1] for name in ("PartNumber", "ETag"))
            stored = upload[1].get(int(number))
            if not stored or stored[0].strip('"') != tag.strip('"'):
                return self.refuse(400)
            data.append(stored[1])
        status, made = self.upload(b"".join(data), upload[0])
        if status != 200:
            return self.refuse(status)
        self.server.uploads.pop(self.query["uploadId"], None)
        text = (f"<Bucket>{html.escape(self.bucket)}</Bucket><Key>{html.escape(self.key)}</Key>"
                f"<ETag>{html.escape(quoted(made['etag']))}</ETag>")
        return self.answer_xml(f"<CompleteMultipartUploadResult>{text}</CompleteMultipartUploadResult>",
                               headers=[("x-goog-generation", made["generation"])])


def quoted(tag):
    return tag if tag.startswith('"') else f'"{tag}"'


def make(behind):
    server = plumbing.Server(Handler)
    server.behind = behind
    server.uploads = {}
    return server


if __name__ == "__main__":
    plumbing.run(make(int(sys.argv[1])))
