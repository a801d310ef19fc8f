"""Send only the fields that a visitor asks for: only=id,media_asset[md5,variants]."""

from __future__ import annotations

import re
from typing import Any

Wanted = dict[str, "Wanted | None"]
TOKEN = re.compile(r"[^,\[\]]+|[\[\]]")


def parse_only(text: str) -> Wanted:
    """Return the wanted fields; a value tells which fields of that field."""
    root: Wanted = {}
    open_fields: list[Wanted] = [root]
    name = ""
    for token in TOKEN.findall(text):
        if token == "[":
            inner: Wanted = {}
            open_fields[-1][name] = inner
            open_fields.append(inner)
        elif token == "]":
            # A bracket too many closes nothing.
            open_fields = open_fields[:-1] or [root]
        else:
            name = token.strip()
            open_fields[-1].setdefault(name, None)
    return root


def keep_only(value: Any, wanted: Wanted | None) -> Any:  # noqa: ANN401
    """Return a JSON value with only the wanted fields, in the order of the site."""
    if wanted is None:
        return value
    if isinstance(value, list):
        return [keep_only(item, wanted) for item in value]
    if not isinstance(value, dict):
        return value
    return {name: keep_only(inner, wanted[name]) for name, inner in value.items() if name in wanted}
