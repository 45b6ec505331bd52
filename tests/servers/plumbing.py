"""What the servers here have in common: HTTP/1.1 with one thread per connection, and a connection onwards."""
import http.client
import http.server
import select
import signal
import socket
import ssl
import struct
import sys
import threading

HOST = "127.0.0.1"
PIECE = 1 << 16
# They belong to one connection, so they are not passed on.
HOP_BY_HOP = {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "expect"}


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, handler, port=0):
        super().__init__((HOST, port), handler)

    @property
    def port(self):
        return self.server_address[1]

    def handle_error(self, request, client_address):
        """A client that goes away is no error."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError, ssl.SSLError)):
            super().handle_error(request, client_address)

    def start(self):
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self


class Handler(http.server.BaseHTTPRequestHandler):
    """`serve` answers a request of any method."""
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self):
        super().setup()
        self.left = 0  # bytes of the request's body that are not read yet
        self.upstream = None

    def finish(self):
        if self.upstream:
            self.upstream.close()
        super().finish()

    def log_message(self, format, *args):  # noqa: A002 # the name that the base class has
        pass

    def __getattr__(self, name):
        if name.startswith("do_"):
            return self.do_any
        raise AttributeError(name)

    def do_any(self):
        self.left = int(self.headers.get("Content-Length") or 0)
        self.serve()
        # What is left of the body would be taken for the next request.
        while self.left and not self.close_connection:
            self.read_piece()

    def serve(self):
        raise NotImplementedError

    def read_piece(self):
        piece = self.rfile.read(min(self.left, PIECE))
        if not piece:
            raise ConnectionResetError("the client went away")
        self.left -= len(piece)
        return piece

    def body(self):
        """The whole body of the request."""
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return b"".join(self.chunks())
        pieces = []
        while self.left:
            pieces.append(self.read_piece())
        return b"".join(pieces)

    def chunks(self):
        while size := int(self.rfile.readline().split(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass

    def answer(self, status, body=b"", headers=()):
        """Answers with a whole body."""
        self.start(status, [*headers, ("Content-Length", str(len(body)))])
        if self.command != "HEAD":
            self.wfile.write(body)

    def start(self, status, headers):
        """Sends status and headers, and of those no others."""
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()

    def reset(self):
        """Ends the connection with RST."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # Whoever closes it in the usual way says FIN first.
        socket.close(self.connection.detach())

    # ---- Onwards ----

    def onwards(self, port, path=None, method=None, headers=None, body=None):
        """Passes the request on, or one that differs in some parts. Returns the response, of which the body is yet to be read."""
        if self.upstream and (self.upstream.port != port or ended(self.upstream.sock)):
            self.upstream.close()
            self.upstream = None
        if not self.upstream:
            self.upstream = http.client.HTTPConnection(HOST, port)
        if body is None and "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            body = self.body()
        headers = self.headers.items() if headers is None else headers
        length = self.left if body is None else len(body)
        self.upstream.putrequest(method or self.command, path or self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in headers:
            if name.lower() not in HOP_BY_HOP and name.lower() != "content-length":
                self.upstream.putheader(name, value)
        if length or "Content-Length" in self.headers or body is not None:
            self.upstream.putheader("Content-Length", str(length))
        self.upstream.endheaders()
        if body is not None:
            self.upstream.send(body)
        while body is None and self.left:
            self.upstream.send(self.read_piece())
        return self.upstream.getresponse()


def ended(connection):
    """Whether the other side has closed an idle connection, or says what nobody asked."""
    return connection is None or bool(select.select([connection], [], [], 0)[0])


def pieces(response, size=PIECE):
    """The body of a response as it comes, after which its connection may be used again."""
    while piece := response.read1(size):
        yield piece
    response.read()


def end_to_end(headers):
    return [(name, value) for name, value in headers if name.lower() not in HOP_BY_HOP]


def run(server):
    """Says on which port the server listens, and serves until the process is ended: by whoever started it, not by ^C."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    print(server.port, flush=True)
    server.serve_forever()
