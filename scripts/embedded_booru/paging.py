"""Cut lists into pages as the site does: by number, or before and after an ID."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from embedded_booru.errors import Refusal

DEFAULT_LIMIT = 20
LAST_PAGE = 1000
CURSOR = re.compile(r"([ab])(\d{1,18})", re.IGNORECASE)
LEADING_NUMBER = re.compile(r"\s*([+-]?\d{1,18})")

T = TypeVar("T")


@dataclass(frozen=True)
class Page:
    """Which part of a list is wanted: `kind` is a(fter), b(efore) or n(umber)."""

    kind: str
    value: int
    limit: int

    def cut(self, items: Iterable[T]) -> list[T]:
        """Return the page of that number."""
        skipped = (self.value - 1) * self.limit
        return list(islice(items, skipped, skipped + self.limit))

    def first_upwards(self, items: Iterator[T]) -> list[T]:
        """Return the first items of an ascending list, the last of them first."""
        return list(islice(items, self.limit))[::-1]


def to_i(text: str) -> int:
    """Return the number that a text begins with, or 0, as Ruby does."""
    match = LEADING_NUMBER.match(text)
    return int(match[1]) if match else 0


def parse_limit(text: str | None, most: int) -> int:
    """Return how many items a page has."""
    if not text:
        return DEFAULT_LIMIT
    return max(1, min(to_i(text), most))


def parse_page(query: Mapping[str, str], most: int, limit: str | None = None) -> Page:
    """Read `page` and `limit`; a limit in the query goes before the one of a search."""
    size = parse_limit(query.get("limit") or limit, most)
    text = query.get("page", "")
    cursor = CURSOR.fullmatch(text)
    if cursor:
        return Page(cursor[1].lower(), int(cursor[2]), size)
    number = max(1, to_i(text))
    if number > LAST_PAGE:
        message = f"You cannot go beyond page {LAST_PAGE}."
        raise Refusal(410, "PaginationExtension::PaginationError", message)
    return Page("n", number, size)
