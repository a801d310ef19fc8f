"""What each step says of each post: one line a post, ordered by ID."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol, TypeVar

from .files import UnreadableFile, read_lines, write_lines

# The reason of a tombstone: of its post, nothing else is said.
ON_REQUEST = "withdrawn on request"


class State(StrEnum):
    """What became of a post; every ID of a release is in exactly one."""

    PUBLISHED = "published"
    HOLE = "hole"
    DELETED = "deleted"
    BANNED = "banned"
    MISSING = "missing"
    MISMATCH = "mismatch"
    CORRUPT = "corrupt"
    EXCLUDED = "excluded"
    WITHDRAWN = "withdrawn"
    FAILED = "failed"


class Change(StrEnum):
    """What a plan asks for: new and replaced files are fetched, the rest costs nothing."""

    NEW = "new"
    REPLACED = "replaced"
    UNCHANGED = "unchanged"
    GONE = "gone"
    EXCLUDED = "excluded"


FETCHED = frozenset({Change.NEW, Change.REPLACED})


@dataclass(frozen=True)
class Planned:
    """What a release wants of a post, and why; `state` is None where fetching it will tell."""

    id: int
    change: Change
    state: State | None
    reason: str | None
    rating: str | None
    file_ext: str | None
    md5: str | None
    size: int | None
    url: str | None
    first_release: str | None

    @property
    def is_tombstone(self) -> bool:
        """Whether the post is withdrawn on request: nothing of it may be in any product."""
        return self.reason == ON_REQUEST

    @property
    def is_fetched(self) -> bool:
        """Whether the release needs the post's file, and no release before has it."""
        return self.state is None and self.change in FETCHED

    def place(self, bucket: str) -> tuple[str, int, str, str]:
        """What the library finds a fetched post's file by: bucket, ID, md5 and extension."""
        assert self.md5 is not None
        assert self.file_ext is not None
        return bucket, self.id, self.md5, self.file_ext


@dataclass(frozen=True)
class Downloaded:
    """What came of fetching a post's file; `state` is None where it arrived.

    The last fields are None unless the post was looked up again and planned anew: then they, and
    `md5`, are the new plan's, and `instead_of` is the md5 of the old one. `amended` brings them
    into the plan. `rules` names those by which the bytes were kept out, if they were.
    """

    id: int
    md5: str
    state: State | None
    reason: str | None
    file_ext: str | None = None
    size: int | None = None
    url: str | None = None
    change: Change | None = None
    instead_of: str | None = None
    rules: str | None = None

    @property
    def key(self) -> tuple[int, str]:
        """ID and md5 of the line of the plan that this came of."""
        return self.id, self.instead_of or self.md5


def amended(planned: Planned, downloaded: Downloaded | None) -> Planned:
    """A plan's line as it stands after the download, which may have planned the post anew."""
    if downloaded is None or downloaded.change is None:
        return planned
    is_gone = downloaded.change is Change.GONE
    return replace(
        planned,
        change=downloaded.change,
        # What came of fetching is no part of a plan.
        state=None if downloaded.change in FETCHED else downloaded.state,
        reason=downloaded.reason,
        rating=None if is_gone else planned.rating,
        md5=None if is_gone else downloaded.md5,
        file_ext=downloaded.file_ext,
        size=downloaded.size,
        url=downloaded.url,
    )


@dataclass(frozen=True)
class Original:
    """A post's file in the library: as served, as published, and the proof between them.

    Sizes are bytes; `first_release` is the one that first published these bytes, and `replaces`
    says that another file had the post's place before.
    """

    id: int
    md5: str
    file_ext: str
    state: State
    reason: str | None
    kind: str | None
    width: int | None
    height: int | None
    frames: int | None
    served_size: int
    served_sha256: str
    size: int | None
    sha256: str | None
    tool: str | None
    proof: str | None
    first_release: str | None = None
    replaces: bool = False


@dataclass(frozen=True)
class Derived:
    """A resized image of a subset; one that has `left` stays known, since torrents hold it."""

    id: int
    md5: str
    settings: str
    path: str
    size: int
    sha256: str
    background: str
    flags: tuple[str, ...]
    first_release: str
    replaces: bool
    left: bool


@dataclass(frozen=True)
class Published:
    """A file of a release: where the stage has it, and where the library does."""

    set: str
    path: str
    library: str
    size: int
    sha256: str
    first_release: str
    replaces: bool


@dataclass(frozen=True)
class Record:
    """All that a release says of a post; `change` tells new, replaced and unchanged apart."""

    id: int
    state: State
    change: Change
    reason: str | None
    rating: str | None
    file_ext: str | None
    md5: str | None
    first_release: str | None
    files: tuple[Published, ...] = ()


class HasId(Protocol):
    """A line of a receipt."""

    @property
    def id(self) -> int:
        """The post's ID."""


Line = TypeVar("Line")
KINDS = {"state": State, "change": Change}


def write_receipt(path: Path, lines: Iterable[Any]) -> int:
    """Write a receipt, ordered by ID, so that equal runs give equal bytes; returns its lines."""
    ordered = sorted(lines, key=lambda line: line.id)
    return write_lines(path, map(_row, ordered))


def _row(line: object) -> dict[str, Any]:
    row = vars(line)
    return {**row, "files": [*map(vars, row["files"])]} if "files" in row else row


def read_receipt(path: Path, kind: type[Line]) -> Iterator[Line]:
    """The lines of a receipt.

    Raises:
        UnreadableFile: it is missing, damaged, or of another kind.
    """
    for row in read_lines(path):
        try:
            line = line_of(row, kind)
        except (TypeError, ValueError) as error:
            why = f"is no receipt of {kind.__name__} lines ({error})"
            raise UnreadableFile(path, why) from error
        yield line


def line_of(row: dict[str, Any], kind: type[Line]) -> Line:
    """A line from its plain values.

    Raises:
        TypeError, ValueError: they are not those of such a line.
    """
    values = dict(row)
    for name, enum in KINDS.items():
        if values.get(name) is not None:
            values[name] = enum(values[name])
    if "files" in values:
        values["files"] = tuple(Published(**file) for file in values["files"])
    if "flags" in values:
        values["flags"] = tuple(values["flags"])
    return kind(**values)


def lines_by_id(path: Path | None, kind: type[Line]) -> dict[int, Line]:
    """The lines of a receipt by ID; none where there is no receipt before the first."""
    return {} if path is None else {line.id: line for line in read_receipt(path, kind)}  # type: ignore[attr-defined]
