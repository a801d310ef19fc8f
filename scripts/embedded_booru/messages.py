"""Requests as the booru sees them and its answers, apart from any socket."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, urlencode

from embedded_booru.errors import Refusal

JSON_TYPE = "application/json; charset=utf-8"


@dataclass(frozen=True)
class Request:
    """What a visitor asks for."""

    method: str
    target: str
    headers: Mapping[str, str]

    @cached_property
    def path(self) -> str:
        """The address without its query."""
        return self.target.partition("?")[0]

    @cached_property
    def query(self) -> dict[str, str]:
        """The parameters of the query; of equal names the last one counts."""
        text = self.target.partition("?")[2]
        return dict(parse_qsl(text, keep_blank_values=True)) if text else {}

    @property
    def has_body(self) -> bool:
        """Whether something comes after the headers."""
        length = self.headers.get("content-length", "0")
        return length.strip() != "0" or "transfer-encoding" in self.headers


@dataclass(frozen=True)
class Delivery:
    """How an answer goes over the wire: by default whole, at once, and under its true length.

    `length` is what Content-Length claims. After `sent` bytes of the body the connection ends if
    `ends` is set, by a TCP reset if `reset` is; a `silent` answer has no head either. It begins
    after `late` seconds; where `seconds` is set, that many pass between pieces of `piece` bytes.
    """

    length: int | None = None
    sent: int | None = None
    ends: bool = False
    reset: bool = False
    silent: bool = False
    late: float = 0
    piece: int = 1
    seconds: float = 0


PLAINLY = Delivery()


@dataclass(frozen=True)
class Reply:
    """What a visitor gets; `misdeed` names what was done to it on purpose."""

    status: int
    body: bytes
    content_type: str = JSON_TYPE
    headers: tuple[tuple[str, str], ...] = ()
    delivery: Delivery = PLAINLY
    misdeed: str = ""


def to_json(value: Any) -> bytes:  # noqa: ANN401
    """Write JSON as the site does: without spaces, letters as they are."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def json_reply(value: Any, status: int = 200) -> Reply:  # noqa: ANN401
    """Return an answer in JSON."""
    return Reply(status, to_json(value))


def refusal_reply(refusal: Refusal) -> Reply:
    """Return the answer to a request that is refused."""
    return json_reply(
        {
            "success": False,
            "error": refusal.ruby_class,
            "message": refusal.message,
            "backtrace": None,
        },
        refusal.status,
    )


def redirect_without_blanks(request: Request) -> Reply | None:
    """Return what sends a visitor to the same address without its empty search fields."""
    kept = {k: v for k, v in request.query.items() if v or not k.startswith("search[")}
    if len(kept) == len(request.query):
        return None
    query = urlencode(kept)
    location = f"{request.path}?{query}" if query else request.path
    return Reply(302, b"", headers=(("Location", location),))
