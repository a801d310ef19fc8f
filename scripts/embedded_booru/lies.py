"""Answers that are wrong in themselves: parts of files that are others, rows that are none."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from embedded_booru.messages import Reply, Request, to_json
from embedded_booru.misdeeds import Honest, Misdeed, altered

PART = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
DEPTH = 100_000
MARK = "the text with the number {}"


def part_shifted(request: Request, honest: Honest, /, *, by: int = -1) -> Reply:
    """Send another part than was asked for, and say so."""
    reply = honest(request)
    first, last, size = _part(reply)
    whole = honest(_without_range(request)).body
    first = min(max(0, first + int(by)), max(0, size - 1))
    return _with_part(replace(reply, body=whole[first : last + 1]), f"{first}-{last}/{size}")


def part_altered(request: Request, honest: Honest, /) -> Reply:
    """Send wrong bytes under the right headers."""
    return altered(honest(request))


def part_ignored(request: Request, honest: Honest, /) -> Reply:
    """Send the whole file with 200."""
    return honest(_without_range(request))


def part_refused(request: Request, honest: Honest, /) -> Reply:
    """Say that there is no such part."""
    reply = honest(request)
    return _with_part(replace(reply, status=416, body=b""), f"*/{_part(reply)[2]}")


def part_of_another_size(request: Request, honest: Honest, /, *, by: int = 1) -> Reply:
    """Send the right bytes, and say that the whole has another size."""
    reply = honest(request)
    first, last, size = _part(reply)
    return _with_part(reply, f"{first}-{last}/{size + int(by)}")


def json_wrapped(request: Request, honest: Honest, /) -> Reply:
    """Send the rows inside an object, as other sites do."""
    reply = honest(request)
    return replace(reply, body=b'{"rows":' + reply.body + b"}")


def json_deep(request: Request, honest: Honest, /) -> Reply:
    """Send lists in lists in lists."""
    return replace(honest(request), body=b"[" * DEPTH + b"]" * DEPTH)


def json_repeated(request: Request, honest: Honest, /) -> Reply:
    """Send each row twice."""
    return _with_rows(honest(request), lambda rows: [*rows, *rows])


def json_fields(
    request: Request, honest: Honest, /, *, rows: Mapping[str, Mapping[str, str | None]]
) -> Reply:
    """Put texts that need not be JSON in fields of rows; None takes a field away.

    `rows` gives the fields of an ID, or of all others under "*".
    """
    texts: list[str] = []

    def changed(row: dict[str, Any]) -> dict[str, Any]:
        fields = rows.get(str(row.get("id")), rows.get("*", {}))
        marks = {name: text and _mark(text, texts) for name, text in fields.items()}
        taken = {name for name, text in fields.items() if text is None}
        return {name: value for name, value in {**row, **marks}.items() if name not in taken}

    reply = _with_rows(honest(request), lambda found: list(map(changed, found)))
    body = reply.body
    for number, text in enumerate(texts):
        body = body.replace(to_json(MARK.format(number)), text.encode())
    return replace(reply, body=body)


def _mark(text: str, texts: list[str]) -> str:
    """Return what stands for a text that comes into the JSON only in the end."""
    texts.append(text)
    return MARK.format(len(texts) - 1)


def _part(reply: Reply) -> tuple[int, int, int]:
    """Return first byte, last byte and whole size that an answer in part tells."""
    told = PART.fullmatch(dict(reply.headers).get("Content-Range", ""))
    return (int(told[1]), int(told[2]), int(told[3])) if told else (0, 0, 0)


def _with_part(reply: Reply, told: str) -> Reply:
    kept = tuple(header for header in reply.headers if header[0] != "Content-Range")
    return replace(reply, headers=(*kept, ("Content-Range", f"bytes {told}")))


def _without_range(request: Request) -> Request:
    kept = {name: value for name, value in request.headers.items() if name != "range"}
    return replace(request, headers=kept)


def _with_rows(reply: Reply, change: Callable[[list[Any]], list[Any]]) -> Reply:
    """Change the rows of an answer; one that is a single row stays one."""
    value = json.loads(reply.body)
    rows = change(value if isinstance(value, list) else [value])
    return replace(reply, body=to_json(rows if isinstance(value, list) else rows[0]))


ABOUT_PARTS: dict[str, Misdeed] = {
    "part_shifted": part_shifted,
    "part_altered": part_altered,
    "part_ignored": part_ignored,
    "part_refused": part_refused,
    "part_of_another_size": part_of_another_size,
}
ABOUT_ROWS: dict[str, Misdeed] = {
    "json_wrapped": json_wrapped,
    "json_deep": json_deep,
    "json_repeated": json_repeated,
    "json_fields": json_fields,
}
