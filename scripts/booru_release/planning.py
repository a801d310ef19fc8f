"""What a release must hold of a bucket, against the release before it."""

import datetime
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from .files import read_json
from .filetypes import EXTENSIONS
from .metadata import posts_of, read_snapshot
from .posts import Post, end_of_day, parse_post
from .receipts import ON_REQUEST, Change, Planned, Record, State, lines_by_id, write_receipt

WHY = {
    Change.NEW: "no release before has published it",
    Change.REPLACED: "the site has another file than was published",
    Change.UNCHANGED: "the file is the one that the release before published",
}


@dataclass(frozen=True)
class Rules:
    """What belongs to a release: uploads before `end`, deleted posts only if asked for.

    `withdrawn` are the IDs of the bucket's posts that are withdrawn on request.
    """

    end: datetime.datetime
    fetch_deleted: bool
    withdrawn: frozenset[int] = frozenset()

    @classmethod
    def of(cls, settings: dict[str, object], withdrawn: Iterable[int] = ()) -> "Rules":
        """The rules that the plan's settings describe, and the posts that are withdrawn."""
        end, fetch_deleted = end_of_day(str(settings["last_upload"])), settings["fetch_deleted"]
        return cls(end, bool(fetch_deleted), frozenset(withdrawn))


def plan_bucket(
    metadata: Path, bucket: str, *, previous: Path | None, rules: Rules, receipt: Path
) -> None:
    """Write what the release wants of each post of a bucket.

    `previous` is the bucket's last receipt of the release before, or None for the first release.
    """
    before = lines_by_id(previous, Record)
    now = {row["id"]: parse_post(row) for row in posts_of(metadata, bucket)}
    gone = _tombstones(metadata, before, rules.withdrawn)
    # A post that a snapshot of before its withdrawal still has is none for the plan.
    lines = [line for line in plan_posts(now, before, rules) if line.id not in gone]
    write_receipt(receipt, [*lines, *map(tombstone, gone)])


def tombstone(post_id: int) -> Planned:
    """The line of a post that is withdrawn on request: it says only that."""
    return Planned(
        id=post_id,
        change=Change.GONE,
        state=State.WITHDRAWN,
        reason=ON_REQUEST,
        rating=None,
        file_ext=None,
        md5=None,
        size=None,
        url=None,
        first_release=None,
    )


def _tombstones(
    metadata: Path, before: dict[int, Record], withdrawn: frozenset[int]
) -> frozenset[int]:
    """The withdrawn posts that the release has IDs for, also where the site never had a post."""
    if not withdrawn:
        return withdrawn
    last_id = read_snapshot(metadata / "snapshot.json").last_id
    return frozenset(post_id for post_id in withdrawn if post_id <= last_id or post_id in before)


def plan_again(post: Post, *, settings: Path, previous: Path | None) -> Planned:
    """The plan for one post as the site has it now; `settings` and `previous` are the bucket's."""
    record = lines_by_id(previous, Record).get(post.id)
    return _plan(post, record, Rules.of(read_json(settings)))


def plan_posts(now: dict[int, Post], before: dict[int, Record], rules: Rules) -> Iterator[Planned]:
    """The plan for each post that the site has or that a release before had."""
    for post in now.values():
        yield _plan(post, before.get(post.id), rules)
    for record in before.values():
        # Never published and no longer there: what is left is a hole, which needs no line.
        if record.id not in now and record.first_release is not None:
            yield _withdrawn(record, "expunged from the site")


def _plan(post: Post, record: Record | None, rules: Rules) -> Planned:
    published = record if record is not None and record.state is State.PUBLISHED else None
    if post.created_at >= rules.end:
        return _without(post, record, State.EXCLUDED, "uploaded after the release's last day")
    if post.md5 is None:
        why = "banned on the site" if post.is_banned else "the site hides its file"
        return _lost(post, record, State.BANNED, why)
    if post.is_deleted and published is None and not rules.fetch_deleted:
        why = "deleted on the site before it was ever published"
        return _lost(post, record, State.DELETED, why)
    if post.file_ext not in EXTENSIONS and published is not None:
        return _kept(post, published, f"the site's newer file: {_unknown(post.file_ext)}")
    if post.file_ext not in EXTENSIONS:
        return _without(post, record, State.EXCLUDED, _unknown(post.file_ext))
    if post.url is None:
        return _lost(post, record, State.BANNED, "the site gives no address for its file")
    return _wanted(post, record)


def _unknown(file_ext: str | None) -> str:
    return f"files of type {file_ext} are not known" if file_ext else "its file has no type"


def _kept(post: Post, record: Record, reason: str) -> Planned:
    """A post that goes on with the file that it has."""
    line = _line(post, Change.UNCHANGED, None, reason, record.first_release)
    return replace(line, file_ext=record.file_ext, md5=record.md5, size=None, url=None)


def _lost(post: Post, record: Record | None, state: State, why: str) -> Planned:
    """A post whose file is not to be had: withdrawn if it was ever published, else in a state."""
    if record is not None and record.first_release is not None:
        return _withdrawn(record, why)
    return _without(post, record, state, why)


def _withdrawn(record: Record, why: str) -> Planned:
    return Planned(
        id=record.id,
        change=Change.GONE,
        state=State.WITHDRAWN,
        # The reason of the first year stays, and nothing else of the post does.
        reason=record.reason if record.state is State.WITHDRAWN else why,
        rating=None,
        file_ext=None,
        md5=None,
        size=None,
        url=None,
        first_release=record.first_release,
    )


def _without(post: Post, record: Record | None, state: State, reason: str) -> Planned:
    # Torrents hold what was once published: what may follow it must not look new.
    first_release = record.first_release if record is not None else None
    return replace(_line(post, Change.EXCLUDED, state, reason, first_release), url=None)


def _wanted(post: Post, record: Record | None) -> Planned:
    if record is None:
        return _line(post, Change.NEW, None, WHY[Change.NEW], None)
    if (record.md5, record.file_ext) == (post.md5, post.file_ext):
        if record.state is State.CORRUPT:
            # The bytes were as promised, and no image: fetching them again would tell nothing.
            return _line(post, Change.UNCHANGED, State.CORRUPT, record.reason, record.first_release)
        if record.state is State.PUBLISHED:
            change = Change.UNCHANGED
            return _line(post, change, None, WHY[change], record.first_release)
    change = Change.NEW if record.first_release is None else Change.REPLACED
    return _line(post, change, None, WHY[change], record.first_release)


def _line(
    post: Post,
    change: Change,
    state: State | None,
    reason: str | None,
    first_release: str | None,
) -> Planned:
    return Planned(
        id=post.id,
        change=change,
        state=state,
        reason=reason,
        rating=post.rating,
        file_ext=post.file_ext,
        md5=post.md5,
        size=post.size,
        url=post.url,
        first_release=first_release,
    )
