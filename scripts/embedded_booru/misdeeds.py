"""What a site or its shield may answer instead of the truth, and how an answer gets lost."""

from __future__ import annotations

import struct
import time
import zlib
from collections.abc import Callable
from dataclasses import replace
from email.utils import formatdate
from typing import Any
from urllib.parse import quote, urlencode

from embedded_booru.admission import KNOWN_ERRORS
from embedded_booru.errors import Refusal
from embedded_booru.messages import Delivery, Reply, Request, refusal_reply

Honest = Callable[[Request], Reply]
# Makes an answer of a request, of who answers in earnest, and of parameters by name.
Misdeed = Callable[..., Reply]
PAGE = (
    "<!DOCTYPE html>\n<html lang=en><head><title>{title}</title></head>\n"
    "<body><h1>{title}</h1><p>Ray ID: {ray}</body></html>\n"
)
RAY = "0000000000000000-XXX"


def error(_: Request, __: Honest, /, *, status: int = 500, **when: Any) -> Reply:  # noqa: ANN401
    """Refuse in JSON, in the site's own words."""
    kind, message = KNOWN_ERRORS.get(int(status), ("StandardError", "Error"))
    reply = refusal_reply(Refusal(int(status), kind, message))
    return replace(reply, headers=_retry_after(**when))


def page(_: Request, __: Honest, /, *, status: int = 200, **when: Any) -> Reply:  # noqa: ANN401
    """Show people a page, as the shield in front of the site does."""
    shield = (("Server", "cloudflare"), ("CF-RAY", RAY))
    return _page(int(status), f"{int(status)}: Web server", (*shield, *_retry_after(**when)))


def challenge(_: Request, __: Honest, /, *, status: int = 403) -> Reply:
    """Ask the visitor to prove that he is human."""
    shield = (("Server", "cloudflare"), ("CF-RAY", RAY), ("cf-mitigated", "challenge"))
    return _page(int(status), "Just a moment...", shield)


def placeholder(_: Request, __: Honest, /) -> Reply:
    """Show a picture that says that there is none: one grey pixel."""
    return Reply(200, GREY_PIXEL, "image/png")


def redirect(request: Request, _: Honest, /, *, to: str, status: int = 302) -> Reply:
    """Lead elsewhere.

    In `to`, {path} is what was asked for, {host} where, and {authorization} the visitor's header.
    """
    words = {
        "path": request.target,
        "host": request.headers.get("host", ""),
        "authorization": quote(request.headers.get("authorization", ""), safe=""),
    }
    return Reply(int(status), b"", headers=(("Location", to.format(**words)),))


def as_of(request: Request, honest: Honest, /, *, day: str) -> Reply:
    """Answer as on another day: what was replaced or hidden until then has changed its address."""
    query = urlencode({**request.query, "as_of": day})
    return honest(replace(request, target=f"{request.path}?{query}"))


def reset(_: Request, __: Honest, /) -> Reply:
    """Reset the connection before the answer."""
    return Reply(0, b"", delivery=Delivery(silent=True, ends=True, reset=True))


def reset_midway(request: Request, honest: Honest, /, *, sent: int | None = None) -> Reply:
    """Reset the connection after so many bytes of the body, half of it unless told."""
    return _cut(honest(request), sent, reset=True)


def cut(request: Request, honest: Honest, /, *, sent: int | None = None) -> Reply:
    """End the connection in good order after so many bytes of the body, half of it unless told."""
    return _cut(honest(request), sent, reset=False)


def wrong_length(request: Request, honest: Honest, /, *, by: int) -> Reply:
    """Claim a longer body, which then ends early, or a shorter one, after which more comes."""
    reply = honest(request)
    length = max(0, len(reply.body) + int(by))
    return replace(reply, delivery=Delivery(length=length, ends=by > 0))


def truncate(request: Request, honest: Honest, /) -> Reply:
    """Send half of the body as if it were the whole."""
    reply = honest(request)
    return replace(reply, body=reply.body[: len(reply.body) // 2])


def alter(request: Request, honest: Honest, /) -> Reply:
    """Send as many bytes as promised, one of them another."""
    return altered(honest(request))


def late(request: Request, honest: Honest, /, *, seconds: float) -> Reply:
    """Be silent for so long, then answer."""
    return replace(honest(request), delivery=Delivery(late=float(seconds)))


def drip(request: Request, honest: Honest, /, *, piece: int = 1, seconds: float = 0.5) -> Reply:
    """Send the body in pieces of so many bytes, with so many seconds between them."""
    range(0, 1, piece)
    return replace(honest(request), delivery=Delivery(piece=piece, seconds=float(seconds)))


def altered(reply: Reply) -> Reply:
    """Return an answer in which the byte in the middle is another one."""
    middle = len(reply.body) // 2
    changed = bytes(byte ^ 0xFF for byte in reply.body[middle : middle + 1])
    return replace(reply, body=reply.body[:middle] + changed + reply.body[middle + 1 :])


def _retry_after(
    *, retry_after: float | None = None, as_date: bool = False
) -> tuple[tuple[str, str], ...]:
    """Return the header that names a wait in seconds, or the moment at its end (RFC 9110)."""
    if retry_after is None:
        return ()
    moment = formatdate(time.time() + retry_after, usegmt=True)
    return (("Retry-After", moment if as_date else f"{retry_after:g}"),)


def _page(status: int, title: str, headers: tuple[tuple[str, str], ...]) -> Reply:
    text = PAGE.format(title=title, ray=RAY)
    return Reply(status, text.encode(), "text/html; charset=UTF-8", headers)


def _cut(reply: Reply, sent: int | None, *, reset: bool) -> Reply:
    sent = len(reply.body) // 2 if sent is None else int(sent)
    return replace(reply, delivery=Delivery(sent=sent, ends=True, reset=reset))


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    checked = kind + data
    return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))


GREY_PIXEL = (
    b"\x89PNG\r\n\x1a\n"
    + _png_chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    + _png_chunk(b"IDAT", zlib.compress(b"\x00\x80"))
    + _png_chunk(b"IEND", b"")
)
INSTEAD: dict[str, Misdeed] = {
    "error": error,
    "page": page,
    "challenge": challenge,
    "placeholder": placeholder,
    "redirect": redirect,
    "as_of": as_of,
}
ON_THE_WAY: dict[str, Misdeed] = {
    "reset": reset,
    "reset_midway": reset_midway,
    "cut": cut,
    "wrong_length": wrong_length,
    "truncate": truncate,
    "alter": alter,
    "late": late,
    "drip": drip,
}
