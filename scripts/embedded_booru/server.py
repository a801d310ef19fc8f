"""Speak HTTP/1.1 over threads, each answer in one send."""

from __future__ import annotations

import json
import os
import socket
import struct
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from threading import Event
from typing import Any

from embedded_booru.messages import Reply, Request

Respond = Callable[[Request], Reply]
# The site tells which version of its code answers; this one has no versions.
ALWAYS = f"Access-Control-Allow-Origin: *\r\nX-Git-Hash: {'0' * 40}\r\n"
LARGEST_BODY = 1 << 20
WITHOUT_LENGTH = (204, 304)
# To linger for no second makes the end of a connection a reset. Source: socket(7), SO_LINGER.
AT_ONCE = struct.pack("ii", 1, 0)


class BooruServer(ThreadingHTTPServer):
    """A server whose threads all end when it is closed."""

    daemon_threads = False
    request_queue_size = 128

    def __init__(self, port: int, respond: Respond, log: Path | None) -> None:
        self.respond = respond
        self.log = log
        self.ending = Event()
        self.resetting: set[socket.socket] = set()
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), Handler)

    def server_bind(self) -> None:
        """Take the port, without looking up the name of the machine, which can take seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.socket.getsockname()[1]

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        """Remember a connection while it is open."""
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401
        """Forget a connection when it is closed."""
        self._open.discard(request)
        if request in self.resetting:
            # An orderly end would come before the reset.
            self.resetting.discard(request)
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def close_connections(self) -> None:
        """End the connections that visitors keep open, so that their threads end."""
        self.ending.set()
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                # The visitor was faster.
                continue

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        """Say nothing when a visitor goes away in the middle of an answer."""


class Handler(BaseHTTPRequestHandler):
    """Reads the requests of one connection and writes the answers."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: BooruServer

    def answer(self) -> None:
        """Answer one request."""
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers)
        if request.has_body:
            self._skip_body(headers)
        reply = self.server.respond(request)
        body = b"" if self.command == "HEAD" else reply.body[: reply.delivery.sent]
        if self.server.log is not None:
            # Before the answer is sent, so that who has the answer finds the line.
            self._log(self.server.log, reply, len(body))
        for piece in self._pieces(reply, body):
            self.wfile.write(piece)
        self._end(reply)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = answer

    def _skip_body(self, headers: dict[str, str]) -> None:
        """Read a body that nobody wants; else it would be taken for the next request."""
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length) <= LARGEST_BODY:
            self.rfile.read(int(length))
        else:
            self.close_connection = True

    def _pieces(self, reply: Reply, body: bytes) -> Iterator[bytes]:
        """Yield what is sent at once, the head with the first bytes of the body."""
        delivery = reply.delivery
        if delivery.late:
            self.server.ending.wait(delivery.late)
        first = delivery.piece if delivery.seconds else len(body)
        if not delivery.silent:
            yield self._head(reply) + body[:first]
        for start in range(first, len(body), delivery.piece):
            self.server.ending.wait(delivery.seconds)
            yield body[start : start + delivery.piece]

    def _end(self, reply: Reply) -> None:
        """End the connection if the answer asks for it, without having announced it."""
        self.close_connection = self.close_connection or reply.delivery.ends
        if reply.delivery.reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
            self.server.resetting.add(self.connection)

    def _head(self, reply: Reply) -> bytes:
        lines = [
            f"HTTP/1.1 {reply.status} {_reason(reply.status)}",
            f"Date: {formatdate(usegmt=True)}",
            f"Content-Type: {reply.content_type}",
            *(f"{name}: {value}" for name, value in reply.headers),
        ]
        if reply.status not in WITHOUT_LENGTH:
            claimed = reply.delivery.length
            lines.append(f"Content-Length: {len(reply.body) if claimed is None else claimed}")
        if self.close_connection:
            lines.append("Connection: close")
        return ("\r\n".join(lines) + "\r\n" + ALWAYS + "\r\n").encode("latin-1")

    def _log(self, log: Path, reply: Reply, size: int) -> None:
        line = {
            "time": time.time(),
            "method": self.command,
            "path": self.path,
            "status": reply.status,
            "bytes": size,
            "user_agent": self.headers.get("User-Agent", ""),
            "range": self.headers.get("Range", ""),
            "cut": size < len(reply.body) and self.command != "HEAD",
            "misdeed": reply.misdeed,
        }
        # One write to a file open for appending: lines of several processes do not mix.
        descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(descriptor, json.dumps(line).encode() + b"\n")
        finally:
            os.close(descriptor)

    def log_message(self, *args: Any) -> None:  # noqa: ANN401
        """Write nothing to standard error."""


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"
