"""What is wrong with a release's records by themselves: failed, doubled or out of place."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from .receipts import Record, State

NAMED_AT_MOST = 20
FAILED, SHRINKAGE, DUPLICATES, PATHS = "failed", "shrinkage", "duplicates", "paths"


@dataclass(frozen=True)
class Finding:
    """Something that closes a gate: what is wrong, the first posts, and their buckets."""

    gate: str
    what: str
    posts: tuple[str, ...]
    buckets: tuple[str, ...] = ()

    def text(self) -> str:
        """The finding as lines for a person."""
        return f"{self.gate}: {self.what}" + "".join(f"\n    {post}" for post in self.posts)


@dataclass
class Named:
    """Posts that have one trouble: how many, the first of them, and the buckets they are in."""

    count: int = 0
    first: list[str] = field(default_factory=list)
    buckets: dict[str, None] = field(default_factory=dict)

    def add(self, post: str, bucket: str) -> None:
        """Add a post, as a person reads it."""
        self.count += 1
        self.buckets[bucket] = None
        if len(self.first) < NAMED_AT_MOST:
            self.first.append(post)

    def found(self, gate: str, what: str) -> Iterator[Finding]:
        """A finding, if there is any such post."""
        more = (
            [f"and {self.count - len(self.first):,} more"] if self.count > len(self.first) else []
        )
        if self.count:
            what = f"{self.count:,} {what}"
            yield Finding(gate, what, (*self.first, *more), tuple(self.buckets))


class Inspection:
    """What is wrong with the records of a release by themselves.

    `folders` are those of the stage, by set of images.
    """

    def __init__(self, folders: Mapping[str, str], buckets: int) -> None:
        self._folders, self._buckets = folders, buckets
        self.failed, self.duplicates, self.paths = Named(), Named(), Named()
        # In a bucket that is not theirs; their own may have them, too.
        self._strayed: dict[int, str] = {}

    def look_at(self, bucket: str, records: Iterable[Record]) -> None:
        """Add a bucket."""
        seen: set[int] = set()
        for record in records:
            if record.state is State.FAILED:
                self.failed.add(f"post {record.id}: {record.reason}", bucket)
            if record.id in seen or record.id in self._strayed:
                self.add_double(record.id, bucket)
            seen.add(record.id)
            self._check_place(bucket, record)

    def _check_place(self, bucket: str, record: Record) -> None:
        home = self._home(record.id)
        if home != bucket:
            self.paths.add(f"post {record.id}: in bucket {bucket} instead of {home}", bucket)
            self._strayed[record.id] = bucket
        for file in record.files:
            name, _, ext = file.path.rpartition(".")
            is_right = name == f"{self._folders.get(file.set)}/{home}/{record.id}" and ext.isalnum()
            if not is_right or (file.set == "original" and ext != record.file_ext):
                self.paths.add(f"post {record.id}: its file of {file.set} is {file.path}", bucket)

    def _home(self, post: int) -> str:
        return f"{post % self._buckets:04d}"

    def strayed(self) -> dict[str, set[int]]:
        """The posts that are in another bucket than their own, by the one where they belong."""
        homes: defaultdict[str, set[int]] = defaultdict(set)
        for post, bucket in self._strayed.items():
            home = self._home(post)
            # A bucket that came later has been looked at with the stray in mind.
            if home < bucket:
                homes[home].add(post)
        return homes

    def add_double(self, post: int, bucket: str) -> None:
        """Add a record whose ID another has."""
        self.duplicates.add(f"post {post}: twice, last in bucket {bucket}", bucket)

    def findings(self) -> Iterator[Finding]:
        """What was found, gate by gate."""
        yield from self.failed.found(FAILED, "posts could not be fetched")
        yield from self.duplicates.found(DUPLICATES, "records have an ID that another has")
        yield from self.paths.found(PATHS, "records or files are not where their ID says")
