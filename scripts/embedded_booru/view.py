"""What the site shows at one moment."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from embedded_booru.models import Asset, Post
from embedded_booru.rows import Row


@dataclass(frozen=True)
class ImageName:
    """The last part of an image's address, taken apart."""

    slug: str
    md5: str
    ext: str


class View(Protocol):
    """The posts, images and tables that a visitor can see."""

    def post(self, post_id: int) -> Post | None:
        """Return the post of that ID, if there is one."""

    def ids(self, low: int, high: int) -> Iterator[int]:
        """Yield the IDs of the posts from low to high, both included."""

    def ids_down(self, low: int, high: int) -> Iterator[int]:
        """Yield the same IDs from high to low."""

    def count(self) -> int:
        """Return how many posts there are."""

    def post_of(self, md5: str) -> Post | None:
        """Return the post with that file, unless it is hidden."""

    def image(self, name: ImageName) -> bytes | None:
        """Return the bytes of an original, if a visitor may see it."""

    def table(self, name: str) -> list[Row]:
        """Return the rows of a table in the order of their IDs."""


class PostsView:
    """A view of posts that are all in memory; their files are on disk."""

    def __init__(self, posts: dict[int, Post], make_table: Callable[[str], list[Row]]) -> None:
        self._posts, self._make_table = posts, make_table
        self._tables: dict[str, list[Row]] = {}
        self._ids = list(posts)
        self._by_md5 = {post.asset.md5: post for post in posts.values() if not post.is_banned}

    def post(self, post_id: int) -> Post | None:
        """Return the post of that ID, if there is one."""
        return self._posts.get(post_id)

    def ids(self, low: int, high: int) -> Iterator[int]:
        """Yield the IDs of the posts from low to high, both included."""
        return iter(self._ids[bisect_left(self._ids, low) : bisect_right(self._ids, high)])

    def ids_down(self, low: int, high: int) -> Iterator[int]:
        """Yield the same IDs from high to low."""
        return reversed(self._ids[bisect_left(self._ids, low) : bisect_right(self._ids, high)])

    def count(self) -> int:
        """Return how many posts there are."""
        return len(self._ids)

    def post_of(self, md5: str) -> Post | None:
        """Return the post with that file, unless it is hidden."""
        return self._by_md5.get(md5)

    def image(self, name: ImageName) -> bytes | None:
        """Return the bytes of an original, if a visitor may see it."""
        post = self._by_md5.get(name.md5)
        if post is None or post.asset.ext != name.ext:
            return None
        return _read(post.asset)

    def table(self, name: str) -> list[Row]:
        """Return the rows of a table in the order of their IDs."""
        if name not in self._tables:
            self._tables[name] = self._make_table(name)
        return self._tables[name]


def _read(asset: Asset) -> bytes | None:
    try:
        return asset.path.read_bytes()
    except FileNotFoundError:
        return None
