"""Metadata without the posts that are withdrawn: their rows, and every mention of them.

Tables are millions of lines, and nearly all are none of ours: a line is parsed only when a number
or a hash in it is one that is looked for.
"""

import json
import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any

from .files import dump_line

WORD = "(withdrawn)"
# Blanks for all but digits, and for all but hex digits: what is left are numbers and hashes.
NUMBERS = bytes(byte if chr(byte) in "0123456789" else 32 for byte in range(256))
HASHES = bytes(byte if chr(byte) in "0123456789abcdef" else 32 for byte in range(256))
# post #1, /posts/1, /post/show/1, and the searches id:1 and parent:1.
MENTION = re.compile(
    r"(post ?#|\bposts?/(?:show/)?|\b(?:id|parent)(?::|%3A))([1-9][0-9]*)", re.IGNORECASE
)


class Redaction:
    """Takes the posts with these IDs, and the md5s that they ever had, out of metadata."""

    def __init__(self, ids: Iterable[int] = (), md5s: Iterable[str] = ()) -> None:
        self.ids, self.md5s = frozenset(ids), frozenset(md5s)
        self._tokens = frozenset(str(post_id).encode() for post_id in self.ids)
        self._hashes = frozenset(md5.encode() for md5 in self.md5s)

    def with_md5s(self, md5s: Iterable[str]) -> "Redaction":
        """The same for further md5s of the posts."""
        return Redaction(self.ids, self.md5s.union(md5s))

    def lines(self, table: str, lines: Iterable[bytes]) -> Iterator[bytes]:
        """The lines of a table that stay, each as it was unless it mentioned a withdrawn post."""
        for line in lines:
            kept = self.line(table, line)
            if kept is not None:
                yield kept

    def line(self, table: str, line: bytes) -> bytes | None:
        """A line of a table as `dump_line` wrote it; None if it belongs to a withdrawn post."""
        if not self.ids or not self._may_concern(line):
            return line
        row = json.loads(line)
        if not isinstance(row, dict):
            return line
        kept = self.row(table, row)
        if kept is None:
            return None
        return line if kept == row else dump_line(kept)

    def row(self, table: str, row: dict[str, Any]) -> dict[str, Any] | None:
        """A row of a table without every mention; None if it belongs to a withdrawn post."""
        owner = row.get("id") if table == "posts" else row.get("post_id")
        if self._is_withdrawn(owner):
            return None
        if isinstance(row.get("md5"), str) and row["md5"] in self.md5s:
            # Another post has the file now, and stays what it is until it is withdrawn itself.
            return Redaction(self.ids, self.md5s - {row["md5"]}).row(table, row)
        kept = {key: self._value(key, value) for key, value in row.items()}
        lost = _length(row.get("post_ids")) - _length(kept.get("post_ids"))
        if lost and isinstance(row.get("post_count"), int):
            kept["post_count"] = row["post_count"] - lost
        return kept

    def _may_concern(self, line: bytes) -> bool:
        # Faster than any pattern, however many IDs there are.
        if not self._tokens.isdisjoint(line.translate(NUMBERS).split()):
            return True
        return not self._hashes.isdisjoint(line.lower().translate(HASHES).split())

    @cached_property
    def _md5_pattern(self) -> re.Pattern[str]:
        return re.compile("|".join(sorted(self.md5s)), re.IGNORECASE)

    def _value(self, key: str, value: object) -> object:
        if key.endswith(("post_ids", "children_ids")):
            return self._without_ids(value)
        if key.endswith(("post_id", "parent_id")):
            return None if self._is_withdrawn(value) else value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {inner: self._value(inner, part) for inner, part in value.items()}
        return [self._value(key, part) for part in value] if isinstance(value, list) else value

    def _without_ids(self, value: object) -> object:
        if isinstance(value, str):
            # The site once sent these as text, with a space between two.
            return " ".join(part for part in value.split(" ") if not self._is_withdrawn(part))
        if isinstance(value, list):
            return [part for part in value if not self._is_withdrawn(part)]
        return value

    def text(self, value: str) -> str:
        """A text without mentions of the posts and their md5s."""
        shown = MENTION.sub(self._replaced, value)
        return self._md5_pattern.sub(WORD, shown) if self.md5s else shown

    def _replaced(self, match: re.Match[str]) -> str:
        return WORD if self._is_withdrawn(match[2]) else match[0]

    def _is_withdrawn(self, value: object) -> bool:
        if isinstance(value, str) and value.isascii() and value.isdigit():
            return value.encode() in self._tokens
        return isinstance(value, int) and value in self.ids


def _length(value: object) -> int:
    if isinstance(value, str):
        return len(value.split())
    return len(value) if isinstance(value, list) else 0
