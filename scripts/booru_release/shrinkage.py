"""Which groups of published posts became smaller than a year explains."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping

from .exclusions import BY_RULE
from .inspection import NAMED_AT_MOST, SHRINKAGE, Finding
from .receipts import ON_REQUEST, Record, State

# A group may lose this many posts, or this share, before somebody has to say why.
POSTS_THAT_MAY_GO = 20
PER_MILLE_THAT_MAY_GO = 5

# What a published post counts for: its bucket, year of upload, rating or extension.
Group = tuple[str, str]


class Shrinkage:
    """Published posts by group, before and now, and those that are gone without an explanation."""

    def __init__(self) -> None:
        self._before: Counter[Group] = Counter()
        self._net: Counter[Group] = Counter()
        self._gone: defaultdict[Group, list[int]] = defaultdict(list)

    def compare(
        self,
        bucket: str,
        before: Iterable[tuple[Record, str]],
        now: Mapping[int, tuple[Record, str]],
    ) -> None:
        """Add a bucket: each record with the year of its upload; those of now by ID."""
        for record, year in before:
            if record.state is not State.PUBLISHED:
                continue
            later, later_year = now.get(record.id, (None, year))
            groups = _groups(bucket, record, year)
            self._before.update(groups)
            if later is None or not _is_explained(later):
                self._net.update(groups)
                self._name(groups - _groups_now(bucket, later, later_year), record.id)
        for record, year in now.values():
            self._net.subtract(_groups_now(bucket, record, year))

    def _name(self, groups: Iterable[Group], post: int) -> None:
        for group in groups:
            if len(self._gone[group]) < NAMED_AT_MOST:
                self._gone[group].append(post)

    def findings(self) -> Iterator[Finding]:
        """The groups that lost more than they may, in order."""
        for group, lost in sorted(self._net.items()):
            before = self._before[group]
            if shrank(before, lost):
                what = (
                    f"{' '.join(group)} loses {lost:,} of {before:,} published posts "
                    f"({100 * lost / before:.2f} %)"
                )
                named = [f"post {post}" for post in self._gone[group]]
                yield Finding(SHRINKAGE, what, (", ".join(named),))


def shrank(before: int, lost: int) -> bool:
    """Whether a group of published posts lost more than may go unexplained."""
    return lost > POSTS_THAT_MAY_GO and 1000 * lost > PER_MILLE_THAT_MAY_GO * before


def _groups(bucket: str, record: Record, year: str) -> set[Group]:
    return {
        ("bucket", bucket),
        ("year", year),
        ("rating", str(record.rating)),
        ("extension", str(record.file_ext)),
    }


def _groups_now(bucket: str, record: Record | None, year: str) -> set[Group]:
    if record is None or record.state is not State.PUBLISHED:
        return set()
    return _groups(bucket, record, year)


def _is_explained(record: Record) -> bool:
    """Whether a post is gone since a person or a rule wanted it so."""
    reason = record.reason or ""
    if record.state is State.EXCLUDED:
        return reason.startswith(BY_RULE)
    return record.state is State.WITHDRAWN and reason == ON_REQUEST
