#!/usr/bin/env python3
"""A proxy that stands before a server, passes on what it is asked, counts it, and does wrong where a rule says so.

proxy.py STORE PORT     STORE is s3, gs, abfs or http, PORT is where it listens; prints the port of the proxy

It is asked about itself on the same port, below `/__`. Other requests go to the server as they are, with the client's Host.

    POST   /__proxies       a proxy before the same server with no rules and an empty log: {"port": N}. Tests that run at the same
                            time take one each. With the body {"tls": true} it speaks TLS, with a certificate for 127.0.0.1 that nobody
                            trusts: {"port": N, "certificate": PEM}; with "authority" instead of true, that is one of an authority,
                            as `openssl req -x509` makes them, with "expired" one such of yesterday
    POST   /__rules         a JSON list of rules, which take the place of those before; the log is emptied
    GET    /__rules         the same list, with how often each rule was followed as "done": a fault that did not happen proves nothing
    GET    /__log           a JSON list of all requests since, in the order in which they came:
                            [method, path, query, the header Range or null, status or null, bytes of body that were sent]
    GET    /__counts        {"requests", "bytes", "connections", "peak": most requests at the same time}
    DELETE /__log           empties the log and the counts
    POST   /__holes         a port at which connecting never ends, as of a host behind a firewall: {"port": N}
    PUT GET DELETE /__objects/KEY   puts, reads, removes an object in the store, signed as the store wants it; headers that start
                            with x- come with it

A rule says which requests it is for; what it leaves out, is for all:

    "method" "path" "query" "range"   regular expressions that are searched for in that part of the request, as it was sent
    "nth"                             from the nth such request on (1 is the first)
    "times"                           for so many requests

and what to do with them; several at once, where that makes sense. The first rule that is for a request is followed, no other.

    "delay": seconds          before the first byte of the answer
    "throttle": bytes         of the answer's body in a second
    "status": 503             is answered, and the server is not asked; with "headers" (object) and "body" (text)
    "redirect": location      the same with the header Location; "status" is 302 if not said
    "set": {name: value}      headers of the server's answer that are changed, or removed if null ("set": {"ETag": "\\"old\\""})
    "unsend": [name]          headers of the request that the server does not see (Range: it sends the whole object)
    "length": n               is added to Content-Length. More than there is: the connection ends after what there is
    "cut": n                  the connection ends (FIN) after n bytes of the body
    "reset": n                the connection breaks (RST) after n bytes of the body; "before": before the server sees the request;
                              "after": when the server has done it, but before a byte of the answer
    "hang": true              nothing is ever answered, nor is the server asked; after "cut": n, no end either: n bytes, then silence
    "put": [key, text]        is put into the store before the request is passed on: the object changes while it is read
    "remove": key             the same, to remove it

Ready-made rules, which tests in any language write as JSON:

    wrong region    {"status": 301, "headers": {"x-amz-bucket-region": "eu-west-3"}, "body": "<Error><Code>PermanentRedirect</Code></Error>"}
    expired token   {"status": 400, "body": "<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>"}
    no permission   {"status": 403, "body": "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"}
    busy, twice     {"status": 503, "times": 2, "body": "<Error><Code>SlowDown</Code></Error>"}
    TLS failure     needs no rule: ask the proxy with https, or one that speaks TLS"""
import datetime
import ipaddress
import json
import re
import select
import socket
import ssl
import sys
import tempfile
import threading
import time
import urllib.parse

import plumbing
import stores

SELECTS = ("method", "path", "query", "range")
ACTIONS = {"delay": (int, float), "throttle": (int,), "status": (int,), "headers": (dict,), "body": (str,), "redirect": (str,),
           "set": (dict,), "unsend": (list,), "length": (int,), "cut": (int,), "reset": (int, str), "hang": (bool,), "put": (list,),
           "remove": (str,)}


class Rule:
    def __init__(self, spec):
        self.spec = spec
        self.seen = self.done = 0
        for name, value in spec.items():
            kinds = (str,) if name in SELECTS else (int,) if name in ("nth", "times", "done") else ACTIONS.get(name, ())
            if not isinstance(value, kinds):
                raise ValueError(f"a rule has no {name!r} of this type: {value!r}")
        if spec.get("reset") not in ("before", "after") and isinstance(spec.get("reset"), str):
            raise ValueError(f'reset: "before", "after" or a number, not {spec["reset"]!r}')
        self.patterns = {name: re.compile(spec[name]) for name in SELECTS if name in spec}

    def follows(self, parts):
        """Whether the rule is for this request, which is counted."""
        if not all(pattern.search(parts[name]) for name, pattern in self.patterns.items()):
            return False
        self.seen += 1
        if self.seen < self.spec.get("nth", 1) or self.done >= self.spec.get("times", self.done + 1):
            return False
        self.done += 1
        return True


class Proxy(plumbing.Server):
    def __init__(self, store):
        super().__init__(Handler)
        self.store = store
        self.lock = threading.Lock()
        self.rules = []
        self.running = 0
        self.clear()

    def clear(self):
        self.log, self.peak, self.connections = [], self.running, 0

    def speak_tls(self, how):
        certificate, key = self_signed(is_authority=how in ("authority", "expired"), is_expired=how == "expired")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.NamedTemporaryFile() as f:
            f.write(certificate + key)
            f.flush()
            context.load_cert_chain(f.name)
        # Each connection's own thread shakes hands.
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        return {"certificate": certificate.decode()}

    def arrive(self, parts, header, first):
        """Notes a request. Returns its line of the log and the rule for it."""
        with self.lock:
            line = [parts["method"], parts["path"], parts["query"], header, None, 0]
            self.log.append(line)
            self.connections += first
            self.running += 1
            self.peak = max(self.peak, self.running)
            return line, next((rule.spec for rule in self.rules if rule.follows(parts)), {})

    def leave(self):
        with self.lock:
            self.running -= 1


class Handler(plumbing.Handler):
    first = True  # request of this connection

    def serve(self):
        if self.path.startswith("/__"):
            return self.control()
        path, _, query = self.path.partition("?")
        header = self.headers.get("Range") or self.headers.get("x-ms-range")
        parts = {"method": self.command, "path": path, "query": query, "range": header or ""}
        self.line, rule = self.server.arrive(parts, header, self.first)
        self.first = False
        try:
            self.follow(rule)
        finally:
            self.server.leave()

    # ---- Doing wrong ----

    def follow(self, rule):
        if "delay" in rule:
            time.sleep(rule["delay"])
        if "put" in rule:
            self.server.store.put(rule["put"][0], rule["put"][1].encode())
        if "remove" in rule:
            self.server.store.delete(rule["remove"])
        if rule.get("reset") == "before":
            self.reset()
        elif rule.get("hang") and "cut" not in rule:
            self.hang()
        elif "status" in rule or "redirect" in rule:
            self.instead(rule)
        else:
            self.pass_on(rule)

    def hang(self):
        """Waits until the client goes away."""
        self.close_connection = True
        while select.select([self.connection], [], []) and self.connection.recv(plumbing.PIECE):
            pass

    def instead(self, rule):
        self.body()
        status = rule.get("status", 302)
        headers = list(rule.get("headers", {}).items())
        if "redirect" in rule:
            headers.append(("Location", rule["redirect"]))
        body = rule.get("body", "").encode()
        self.line[4:] = status, 0 if self.command == "HEAD" else len(body)
        self.answer(status, body, headers)

    def pass_on(self, rule):
        unsent = {name.lower() for name in rule.get("unsend", ())}
        try:
            response = self.onwards(self.server.store.port,
                                    headers=[one for one in self.headers.items() if one[0].lower() not in unsent])
        except (OSError, plumbing.http.client.HTTPException) as error:
            self.upstream = None
            self.close_connection = True
            self.line[4] = 502
            return self.answer(502, f"The server behind this proxy does not answer: {error!r}\n".encode())
        if rule.get("reset") == "after":
            response.read()
            return self.reset()
        changed = {name.lower(): (name, value) for name, value in rule.get("set", {}).items()}
        headers = [one for one in plumbing.end_to_end(response.getheaders()) if one[0].lower() not in changed]
        headers += [(name, value) for name, value in changed.values() if value is not None]
        if "length" in rule:
            headers = [(name, str(int(value) + rule["length"]) if name.lower() == "content-length" else value) for name, value in headers]
        chunked = response.headers.get("Content-Length") is None and has_body(self.command, response.status)
        if chunked:
            headers.append(("Transfer-Encoding", "chunked"))
        self.line[4] = response.status
        self.start(response.status, headers)
        if not has_body(self.command, response.status):
            return response.read()
        return self.send_body(response, chunked, rule)

    def send_body(self, response, chunked, rule):
        end = rule.get("cut", rule.get("reset"))
        piece_size = min(plumbing.PIECE, max(rule["throttle"] // 20, 1)) if "throttle" in rule else plumbing.PIECE
        if "length" in rule:
            self.close_connection = True
        for piece in plumbing.pieces(response, piece_size):
            piece = piece if end is None else piece[:end - self.line[5]]
            if not piece:
                break
            self.line[5] += len(piece)
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            if "throttle" in rule:
                time.sleep(len(piece) / rule["throttle"])
        if end is not None and self.line[5] == end:
            self.close_connection = True
            self.upstream.close()
            self.upstream = None
            if "reset" in rule:
                return self.reset()
            return self.hang() if rule.get("hang") else None
        if chunked:
            self.wfile.write(b"0\r\n\r\n")
        return None

    # ---- Being asked about itself ----

    def control(self):
        proxy = self.server
        match self.command, self.path:
            case "POST", "/__proxies":
                another = Proxy(proxy.store)
                tls = json.loads(self.body() or b"{}").get("tls")
                about = another.speak_tls(tls) if tls else {}
                self.tell({"port": another.start().port, **about})
            case "POST", "/__holes":
                self.tell({"port": hole()})
            case "POST", "/__rules":
                try:
                    rules = [Rule(spec) for spec in json.loads(self.body())]
                except (ValueError, AttributeError, re.error) as error:
                    return self.answer(400, f"{error}\n".encode())
                with proxy.lock:
                    proxy.rules = rules
                    proxy.clear()
                self.tell({})
            case "GET", "/__rules":
                self.tell([{**rule.spec, "done": rule.done} for rule in proxy.rules])
            case "GET", "/__log":
                self.tell(proxy.log)
            case "GET", "/__counts":
                self.tell({"requests": len(proxy.log), "bytes": sum(line[5] for line in proxy.log),
                           "connections": proxy.connections, "peak": proxy.peak})
            case "DELETE", "/__log":
                with proxy.lock:
                    proxy.clear()
                self.tell({})
            case method, path if path.startswith("/__objects/"):
                self.handle_object(method, urllib.parse.unquote(path.removeprefix("/__objects/")))
            case _:
                self.answer(404, b"The proxy knows no such thing; its docstring lists what it knows.\n")
        return None

    def handle_object(self, method, key):
        store = self.server.store
        try:
            if method == "PUT":
                store.put(key, self.body(), {name: value for name, value in self.headers.items() if name.lower().startswith("x-")})
                self.tell({})
            elif method == "DELETE":
                store.delete(key)
                self.tell({})
            elif method == "GET":
                self.answer(200, store.get(key))
            else:
                self.answer(405)
        except OSError as error:
            self.answer(404, f"{error}\n".encode())

    def tell(self, what):
        self.answer(200, json.dumps(what).encode(), [("Content-Type", "application/json")])


def has_body(method, status):
    return method != "HEAD" and status not in (204, 304)


def self_signed(is_authority, is_expired):
    """A certificate for this host and its key, as PEM."""
    from cryptography import x509  # what moto needs has it
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "libresult test")])
    now = datetime.datetime.now(datetime.timezone.utc)
    day = datetime.timedelta(days=1)
    made = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(now - 3 * day)
            .not_valid_after(now - day if is_expired else now + day)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(plumbing.HOST))]), False)
            .add_extension(x509.BasicConstraints(is_authority, None), True).sign(key, hashes.SHA256()))
    return (made.public_bytes(serialization.Encoding.PEM),
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))


HOLES = []


def hole():
    """A port whose queue of connections is full: whoever connects waits."""
    listening = socket.socket()
    listening.bind((plumbing.HOST, 0))
    listening.listen(0)
    HOLES.append(listening)
    for _ in range(2):
        waiting = socket.socket()
        waiting.setblocking(False)
        waiting.connect_ex(listening.getsockname())
        HOLES.append(waiting)
    return listening.getsockname()[1]


if __name__ == "__main__":
    plumbing.run(Proxy(stores.STORES[sys.argv[1]](int(sys.argv[2]))))
