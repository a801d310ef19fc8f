"""A release's metadata on disk: the tables, the posts by bucket, and what the snapshot says."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .files import read_json, read_lines

TABLES = (
    "tags",
    "tag_aliases",
    "tag_implications",
    "pools",
    "notes",
    "artist_commentaries",
    "artists",
)

Row = dict[str, Any]


@dataclass(frozen=True)
class Snapshot:
    """What a snapshot holds: `holes` are the IDs up to `last_id` that the site does not have.

    `read_on` is the day (UTC) on which the reading began; None where an older version read it.
    """

    last_id: int
    posts: int
    holes: int
    rows: dict[str, int]
    sha256: dict[str, str]
    read_on: str | None = None


def read_snapshot(path: Path) -> Snapshot:
    """The snapshot that a receipt describes."""
    return Snapshot(**read_json(path))


def bucket_file(metadata: Path, bucket: str) -> Path:
    """The file with the posts of a bucket."""
    return metadata / "posts" / f"{bucket}.jsonl.gz"


def table_file(metadata: Path, table: str) -> Path:
    """The file with all rows of a table."""
    return metadata / f"{table}.jsonl.gz"


def posts_of(metadata: Path, bucket: str) -> Iterator[Row]:
    """The posts of a bucket, in order of ID, as the site sent them."""
    return read_lines(bucket_file(metadata, bucket))
