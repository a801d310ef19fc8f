"""A web server that answers what a test tells it to, right or wrong, and remembers who asked."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from threading import Event, Thread
from urllib.parse import parse_qsl, urlsplit


@dataclass
class Asked:
    """A request as it arrived."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    moment: float


@dataclass
class Reply:
    """An answer; `length` is what it claims, `seconds` pass before the part `late` of its body."""

    status: int = 200
    body: bytes = b""
    kind: str = "application/json; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None
    seconds: float = 0
    late: bytes = b""
    chunked: bool = False


def rows(*found, **more):
    """An answer with rows, as the API sends them."""
    return Reply(body=json.dumps(found, separators=(",", ":")).encode(), **more)


def file(content, **more):
    """An answer with a file."""
    return Reply(body=content, kind="image/png", **more)


def refusal(status, error="Error", message="", **headers):
    """An error as the API words it."""
    body = {"success": False, "error": error, "message": message, "backtrace": None}
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, json.dumps(body).encode(), headers=names)


def redirect(address, status=302):
    """An answer that sends the visitor elsewhere."""
    return Reply(status, b"<p>elsewhere", "text/html", {"Location": address})


def page(status=200):
    """A page for people, as a shield in front of a site shows it."""
    return Reply(status, b"<!DOCTYPE html><title>Just a moment...</title>", "text/html")


class Web:
    """Answers of its own for each path, in turn; the last one is repeated."""

    def __init__(self):
        self.asked: list[Asked] = []
        self.ending = Event()
        self._replies: dict[str, list[Reply] | Callable[[Asked], Reply]] = {}

    def put(self, path, *replies):
        """Answer these, one request after another, or what a function makes of the request."""
        self._replies[path] = replies[0] if callable(replies[0]) else list(replies)

    def reply(self, asked):
        self.asked.append(asked)
        replies = self._replies.get(asked.path, [refusal(404, "ActiveRecord::RecordNotFound")])
        if callable(replies):
            return replies(asked)
        return replies.pop(0) if len(replies) > 1 else replies[0]

    @property
    def paths(self):
        return [asked.path for asked in self.asked]

    @property
    def host(self):
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def url(self):
        return f"http://{self.host}"

    def __enter__(self):
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.web = self
        self._thread = Thread(target=self._server.serve_forever, args=(0.005,))
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    web: Web

    def server_bind(self):
        # The library's own asks for the machine's name, which can take seconds.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.socket.getsockname()[1]

    def handle_error(self, request, client_address):
        """Visitors may go away in the middle of an answer."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self):
        web, parts = self.server.web, urlsplit(self.path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        reply = web.reply(Asked(parts.path, query, dict(self.headers), time.time()))
        content = self._chunks(reply) if reply.chunked else reply.body
        if not reply.late:
            web.ending.wait(reply.seconds)
        self.wfile.write(self._head(reply) + content)
        if reply.late:
            web.ending.wait(reply.seconds)
            self.wfile.write(reply.late)
        # What was promised and is not sent breaks off here.
        self.close_connection = reply.length is not None or self.close_connection

    def _head(self, reply):
        length = len(reply.body) + len(reply.late) if reply.length is None else reply.length
        framing = "Transfer-Encoding: chunked" if reply.chunked else f"Content-Length: {length}"
        lines = [f"HTTP/1.1 {reply.status} Said", f"Content-Type: {reply.kind}", framing]
        lines += [f"{name}: {value}" for name, value in reply.headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def _chunks(self, reply):
        return b"%x\r\n%s\r\n0\r\n\r\n" % (len(reply.body), reply.body)

    def log_message(self, *_):
        """Say nothing on standard error."""
