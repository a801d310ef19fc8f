"""Which files travel in which torrent: ranges of buckets that every client can load.

Sources: the limits are those of qBittorrent and of libtorrent's defaults; BEP 52 for the order.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Literal

from .errors import ReleaseProblem
from .torrent_size import CLIENT_LIMITS, Limits, Load, Version, entry_bytes, piece_size_for

Limit = Literal["files", "bytes"]

by_bucket = attrgetter("bucket")
# A part that is empty, "." or "..", and what Windows takes for a slash.
UNSAFE = re.compile(r"(^|/)\.{0,2}(/|$)|\\")


class TorrentTooLarge(ReleaseProblem):
    """A torrent would be over a limit that clients have; `limit` is "files" or "bytes"."""

    hint = (
        "a range of buckets cannot be smaller than one bucket: "
        "configure more buckets, so that each holds fewer files"
    )

    def __init__(self, name: str, limit: Limit, actual: int, allowed: int) -> None:
        what = "files" if limit == "files" else "bytes of .torrent"
        super().__init__(f"{name}: {actual:,} {what}, at most {allowed:,} can be loaded everywhere")
        self.name, self.limit, self.actual, self.allowed = name, limit, actual, allowed


class UnsafePath(ReleaseProblem):
    """A path would leave the torrent's folder, or two files would have the same one."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"{path!r}: {why}")
        self.path = path


@dataclass(frozen=True)
class Content:
    """One file of a torrent: its path below the root, where it lies, and its size in bytes.

    `bucket` is None for a file that belongs to no bucket, as metadata does.
    """

    path: str
    file: Path
    size: int
    bucket: int | None


@dataclass(frozen=True)
class TorrentPlan:
    """A torrent before it is hashed: its files in their order, and the size of a piece in bytes."""

    name: str
    set: str
    release: str
    version: Version
    contents: tuple[Content, ...]
    piece_size: int
    limits: Limits

    @property
    def bytes(self) -> int:
        """The bytes of all files, without padding."""
        return sum(content.size for content in self.contents)

    @property
    def buckets(self) -> tuple[int, int] | None:
        """The first and the last bucket, or None when the files belong to none."""
        found = [content.bucket for content in self.contents if content.bucket is not None]
        return (min(found), max(found)) if found else None


def plan_torrents(
    contents: Iterable[Content],
    *,
    stem: str,
    set: str,
    release: str,
    version: Version = "v1",
    limits: Limits = CLIENT_LIMITS,
) -> list[TorrentPlan]:
    """Divide files into torrents of neighbouring buckets, each as full as the limits allow.

    A v1 torrent holds its files by bucket and then in the order given; the others have the order
    of their paths, which BEP 52 asks for. Names are `stem-0000-0099`, or `stem` without buckets.

    Raises:
        TorrentTooLarge: a bucket alone, or the files without one, are over a limit.
        UnsafePath: a path is absolute, contains "..", or is there twice.
    """
    ordered = in_order(contents)
    check_paths(ordered)
    plans = []
    for members, load in fill(ordered, version, limits):
        name = torrent_name(stem, members)
        check_load(name, load, version, limits)
        piece_size = piece_size_for(load.bytes, version)
        inside = tuple(members if version == "v1" else sorted(members, key=tree_order))
        plans.append(TorrentPlan(name, set, release, version, inside, piece_size, limits))
    return plans


def in_order(contents: Iterable[Content]) -> list[Content]:
    """The files without a bucket, then the others by bucket, otherwise as given."""
    given = list(contents)
    loose = [content for content in given if content.bucket is None]
    return loose + sorted((c for c in given if c.bucket is not None), key=by_bucket)


def fill(
    ordered: Iterable[Content], version: Version, limits: Limits
) -> Iterator[tuple[list[Content], Load]]:
    """Greedy ranges of whole buckets; a single bucket may be over a limit."""
    members: list[Content] = []
    load = Load()
    for _, group in groupby(ordered, key=by_bucket):
        batch = list(group)
        weight = weigh(batch, version)
        # The files without a bucket, which come first, share their torrent with no bucket.
        alone = bool(members) and members[0].bucket is None
        if members and (alone or not (load + weight).fits(version, limits)):
            yield members, load
            members, load = [], Load()
        members.extend(batch)
        load += weight
    if members:
        yield members, load


def weigh(contents: list[Content], version: Version) -> Load:
    """The load of some files."""
    return Load(
        files=len(contents),
        bytes=sum(content.size for content in contents),
        entries=sum(entry_bytes(content.path, content.size, version) for content in contents),
    )


def check_load(name: str, load: Load, version: Version, limits: Limits) -> None:
    """Raise TorrentTooLarge when these files are too many for one torrent."""
    if load.files > limits.files:
        raise TorrentTooLarge(name, "files", load.files, limits.files)
    if not load.fits(version, limits):
        raise TorrentTooLarge(name, "bytes", load.torrent_bytes(version), limits.torrent_bytes)


def check_paths(contents: list[Content]) -> None:
    """Raise UnsafePath for a path that is not plainly below the root, or is there twice."""
    seen: set[str] = set()
    for content in contents:
        if UNSAFE.search(content.path):
            raise UnsafePath(content.path, "is not a plain path below the torrent's root")
        if content.path in seen:
            raise UnsafePath(content.path, "is the path of two files")
        seen.add(content.path)


def torrent_name(stem: str, members: list[Content]) -> str:
    """The name of a torrent with these files, which are in order of bucket."""
    first, last = members[0].bucket, members[-1].bucket
    return stem if first is None else f"{stem}-{first:04d}-{last:04d}"


def tree_order(content: Content) -> list[bytes]:
    """The place of a file in a v2 file tree, whose keys are sorted as raw bytes."""
    return [part.encode() for part in content.path.split("/")]
