"""Danbooru's API: which questions give which rows.

Source of the paging rules: the site's PaginationExtension; `page=a<ID>` has the smallest IDs
above ID, in descending order.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .files import Json
from .posts import id_of
from .site_problems import UnexpectedAnswer
from .transfer import Transfer, joined

POSTS_A_PAGE = 200
ROWS_A_PAGE = 1000


@dataclass(frozen=True)
class Site:
    """A site with Danbooru's API; the raw answers keep whatever the site says beside the IDs."""

    transfer: Transfer

    @property
    def url(self) -> str:
        """The address, without a slash at its end."""
        return self.transfer.url.rstrip("/")

    def newest_post(self, day: str) -> int | None:
        """The ID of the newest post uploaded until a day (of the site's own time zone)."""
        rows = rows_of(self._ask("posts", {"tags": f"date:<={day}", "limit": "1"}), self.url)
        return max(map(id_of, rows), default=None)

    def posts_after(self, post_id: int) -> bytes:
        """The raw answer with the posts of the next IDs."""
        return self._ask("posts", {"page": f"a{post_id}", "limit": str(POSTS_A_PAGE)})

    def posts_with(self, ids: Sequence[int]) -> bytes:
        """The raw answer with those of these posts that exist; at most a page of them."""
        tags = "id:" + ",".join(map(str, ids))
        return self._ask("posts", {"tags": tags, "limit": str(POSTS_A_PAGE)})

    def rows_after(self, table: str, row_id: int) -> bytes:
        """The raw answer with the next rows of a table other than posts."""
        return self._ask(table, {"page": f"a{row_id}", "limit": str(ROWS_A_PAGE)})

    def post(self, post_id: int) -> dict[str, Any]:
        """One post as it is now.

        Raises:
            SiteRefuses: the site has no such post (status 404).
        """
        row = parsed(self._ask(f"posts/{post_id}", {}), self.url)
        if not isinstance(row, dict):
            raise UnexpectedAnswer(f"{self.url}/posts/{post_id}.json", "answers no post")
        return row

    def fetch(self, address: str, into: Path, *, md5: str, size: int | None) -> None:
        """Put the file at an address, which may be relative to the site's, into place.

        Raises:
            As Transfer.fetch.
        """
        self.transfer.fetch(joined(f"{self.url}/", address), into, md5=md5, size=size)

    def _ask(self, path: str, query: Mapping[str, str]) -> bytes:
        return self.transfer.json_body(f"{self.url}/{path}.json", query)


def rows_of(body: bytes, place: str) -> list[dict[str, Any]]:
    """The rows of a raw answer.

    Raises:
        UnexpectedAnswer: it is no list of objects.
    """
    rows = parsed(body, place)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise UnexpectedAnswer(place, "answers no list of rows")
    return rows


def parsed(body: bytes, place: str) -> Json:
    """The JSON value of a raw answer.

    Raises:
        UnexpectedAnswer: it is no JSON, nested beyond reason, or has a number that is none.
    """
    try:
        return json.loads(body, parse_constant=_finite, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise UnexpectedAnswer(place, f"answers broken JSON ({error})") from error


def _finite(text: str) -> float:
    """A number; NaN and Infinity are none in JSON, and what is as large would be written as one."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is no number")
    return value
