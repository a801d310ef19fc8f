"""What changes between two releases, from their snapshots alone: no image is needed."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .files import dump_json, write_bytes
from .metadata import posts_of
from .posts import Post, end_of_day, parse_post

KINDS = ("added", "replaced", "retagged", "rerated", "deleted", "banned", "gone")


@dataclass
class Difference:
    """The posts of each kind of change, and what the later release has to fetch in bytes."""

    before: str
    after: str
    ids: dict[str, list[int]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    posts_to_fetch: int = 0
    bytes_to_fetch: int = 0

    def note(self, kind: str, post: Post, *, fetched: bool = False) -> None:
        """Add a post; `fetched` when the later release needs its file."""
        self.ids[kind].append(post.id)
        if fetched:
            self.posts_to_fetch += 1
            self.bytes_to_fetch += post.size or 0

    def values(self) -> dict[str, Any]:
        """The difference as JSON values: a count of each kind, and the IDs."""
        return {
            "before": self.before,
            "after": self.after,
            **{kind: len(self.ids[kind]) for kind in KINDS},
            "posts_to_fetch": self.posts_to_fetch,
            "bytes_to_fetch": self.bytes_to_fetch,
            "ids": {kind: sorted(ids) for kind, ids in self.ids.items()},
        }

    def text(self) -> str:
        """The difference for a reader."""
        width = max(map(len, KINDS))
        lines = [f"{kind:<{width}} {len(self.ids[kind]):>10,}" for kind in KINDS]
        fetch = f"to fetch: {self.posts_to_fetch:,} files, {self.bytes_to_fetch:,} bytes"
        return "\n".join([f"from {self.before} to {self.after}", *lines, fetch, ""])


def diff_releases(
    before: Path, after: Path, *, names: tuple[str, str], ends: tuple[str, str], buckets: int
) -> Difference:
    """What changes between two snapshots, given by their metadata folders.

    `ends` are the last days of the two releases; posts uploaded later count for neither.
    """
    difference = Difference(*names)
    for number in range(buckets):
        bucket = f"{number:04d}"
        old = {post.id: post for post in _posts(before, bucket, ends[0])}
        for post in _posts(after, bucket, ends[1]):
            _compare(old.pop(post.id, None), post, difference)
        for post in old.values():
            difference.note("gone", post)
    return difference


def _posts(metadata: Path, bucket: str, last_upload: str) -> Iterator[Post]:
    end = end_of_day(last_upload)
    return (
        post for row in posts_of(metadata, bucket) if (post := parse_post(row)).created_at < end
    )


def _compare(old: Post | None, new: Post, difference: Difference) -> None:
    if old is None:
        difference.note("added", new, fetched=new.md5 is not None and not new.is_deleted)
        return
    if new.md5 is not None and new.md5 != old.md5:
        difference.note("replaced", new, fetched=True)
    if set(new.tags) != set(old.tags):
        difference.note("retagged", new)
    if new.rating != old.rating:
        difference.note("rerated", new)
    if new.is_deleted and not old.is_deleted:
        difference.note("deleted", new)
    if new.is_banned and not old.is_banned:
        difference.note("banned", new)


def write_difference(difference: Difference, report: Path, text: Path) -> None:
    """Write a difference for machines and for readers."""
    write_bytes(text, difference.text().encode())
    write_bytes(report, dump_json(difference.values()))
