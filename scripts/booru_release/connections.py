"""HTTP as it comes off the wire: one connection a host, no answer too slow or without end."""

import http.client
import io
import math
import select
import ssl
import time
import zlib
from collections.abc import Iterator, Mapping
from functools import cached_property
from socket import socket
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, quote, urlsplit

from .patience import TryAgain

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

# Bytes a second, measured over the time in which one byte at least has to come.
SLOWEST = 1024
LONGEST_HEAD = 1 << 18
BUFFER = 1 << 16
# A chunked body may take so many bytes to send one.
WORST_FRAMING = 8
NETWORK_TROUBLES = (OSError, http.client.HTTPException)


class _Wire(io.RawIOBase):
    """The bytes of one answer, which must come fast enough and end."""

    def __init__(self, raw: io.RawIOBase, seconds: float) -> None:
        super().__init__()
        self.left = LONGEST_HEAD
        self._raw, self._seconds = raw, seconds
        self._came, self._waited = 0, 0.0
        self._has_begun = False

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """Receive what is there; TimeoutError if it trickles."""
        before = time.monotonic()
        count = self._raw.readinto(buffer) or 0
        self.left -= count
        if self.left < 0:
            raise http.client.HTTPException("an answer without end")
        # The silence before the first byte has a limit of its own; a slow disk of ours has none.
        if self._has_begun:
            self._came += count
            self._waited += time.monotonic() - before
        self._has_begun = True
        if self._waited > self._seconds:
            if self._came < SLOWEST * self._waited:
                raise TimeoutError("too slow")
            self._came, self._waited = 0, 0.0
        return count

    def close(self) -> None:
        """Let the connection go."""
        self._raw.close()
        super().close()


class Answer(http.client.HTTPResponse):
    """An answer whose body is read block by block; `place` is its address without the query."""

    place = ""

    def __init__(
        self, sock: socket, debuglevel: int = 0, method: str | None = None, url: str | None = None
    ) -> None:
        super().__init__(sock, debuglevel, method, url)
        self._wire = _Wire(self.fp.detach(), sock.gettimeout() or math.inf)
        self.fp = io.BufferedReader(self._wire, BUFFER)

    @property
    def is_packed(self) -> bool:
        """Whether the body is compressed, so that its length says nothing of what is in it."""
        return self.headers.get("Content-Encoding", "identity") != "identity"

    def blocks(self, most: int) -> Iterator[bytes]:
        """The body, unpacked; what comes beyond `most` bytes is the caller's to refuse.

        Raises:
            TryAgain: it breaks off, is too slow, or cannot be unpacked.
        """
        self._wire.left = LONGEST_HEAD + WORST_FRAMING * most
        blocks = self._raw_blocks()
        try:
            yield from _unpacked(blocks, most) if self.is_packed else blocks
        except TimeoutError as error:
            raise TryAgain("too slow") from error
        except (*NETWORK_TROUBLES, zlib.error) as error:
            raise TryAgain("the answer broke off") from error

    def _raw_blocks(self) -> Iterator[bytes]:
        while block := self.read1(BUFFER):
            yield block
        if self.length:
            raise http.client.IncompleteRead(b"", self.length)
        # Only now does the connection know that it is free for the next request.
        self.read()


def _unpacked(blocks: Iterator[bytes], most: int) -> Iterator[bytes]:
    unpacking = zlib.decompressobj(zlib.MAX_WBITS | 32)
    for block in blocks:
        # No more than one byte above what is wanted, however much is packed in there.
        yield unpacking.decompress(block, most + 1)
    if not unpacking.eof:
        raise zlib.error("the packed body has no end")


class _Plain(http.client.HTTPConnection):
    response_class = Answer
    # Its debugging output shows every header, credentials among them.
    debuglevel = 0


class _Encrypted(http.client.HTTPSConnection):
    response_class = Answer
    debuglevel = 0


class Connections:
    """At most one connection to each host, kept open from one request to the next."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._open: dict[tuple[str, str], http.client.HTTPConnection] = {}

    def get(self, url: str, headers: Mapping[str, str]) -> Answer:
        """The beginning of an answer, which is to be read or closed before the next request.

        Raises:
            TryAgain: none comes in time, or the connection breaks.
        """
        parts = urlsplit(url)
        connection = self._connection(parts)
        try:
            connection.request("GET", _target(parts), headers=dict(headers))
            answer = connection.getresponse()
        except NETWORK_TROUBLES as error:
            connection.close()
            raise TryAgain(_plainly(error)) from error
        assert isinstance(answer, Answer)
        answer.place = url.split("?")[0]
        return answer

    def release(self, answer: Answer, url: str) -> None:
        """Be done with an answer; a body that was not read to its end takes its connection."""
        if not answer.isclosed():
            answer.close()
            self._connection(urlsplit(url)).close()

    def _connection(self, parts: SplitResult) -> http.client.HTTPConnection:
        host = parts.scheme, parts.netloc
        if host not in self._open:
            self._open[host] = self._made(*host)
        connection = self._open[host]
        # An idle connection that has something to say has been closed by the other side.
        if connection.sock is not None and _has_something_to_say(connection.sock):
            connection.close()
        return connection

    def _made(self, scheme: str, netloc: str) -> http.client.HTTPConnection:
        if scheme == "https":
            return _Encrypted(netloc, timeout=self._timeout, context=self._trust)
        return _Plain(netloc, timeout=self._timeout)

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        """The machine's own certificates, or those that SSL_CERT_FILE names."""
        return ssl.create_default_context()


def _has_something_to_say(sock: socket) -> bool:
    waiting = select.poll()
    waiting.register(sock, select.POLLIN)
    return bool(waiting.poll(0))


def _plainly(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return f"no safe connection ({error.reason or error})"
    return "too slow" if isinstance(error, TimeoutError) else "no answer"


def _target(parts: SplitResult) -> str:
    """What a request asks a host for: path and query, with what may not stand there escaped."""
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    escaped = quote(target, safe="%!$&'()*+,/:;=?@[]~", errors="replace")
    return escaped if escaped.startswith("/") else f"/{escaped}"
