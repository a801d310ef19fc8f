"""What a release must hold of a bucket, against the release before it."""

import datetime
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from . import progress
from .exclusions import NO_EXCLUSIONS, Exclusions, Held
from .files import read_json
from .filetypes import EXTENSIONS
from .metadata import Snapshot, posts_of, read_snapshot
from .posts import Post, end_of_day, parse_post, start_of_day
from .receipts import (
    ON_REQUEST,
    Change,
    Original,
    Planned,
    Record,
    State,
    lines_by_id,
    write_receipt,
)

WHY = {
    Change.NEW: "no release before has published it",
    Change.REPLACED: "the site has another file than was published",
    Change.UNCHANGED: "the file is the one that the release before published",
}


@dataclass(frozen=True)
class Rules:
    """What belongs to a release: uploads before `end`, deleted posts only if asked for.

    Posts that were uploaded after `fresh_from` are under the embargo that `embargo` describes;
    `withdrawn` are the IDs of the bucket that are withdrawn on request.
    """

    end: datetime.datetime
    fetch_deleted: bool
    exclusions: Exclusions = NO_EXCLUSIONS
    withdrawn: frozenset[int] = frozenset()
    fresh_from: datetime.datetime | None = None
    embargo: str | None = None

    @classmethod
    def of(
        cls,
        settings: dict[str, Any],
        snapshot: Snapshot,
        exclusions: Exclusions,
        withdrawn: Iterable[int] = (),
    ) -> "Rules":
        """The rules that the plan's settings describe, for the site as a snapshot has read it."""
        end, days = end_of_day(settings["last_upload"]), settings["embargo_days"]
        rules = cls(end, settings["fetch_deleted"], exclusions, frozenset(withdrawn))
        if not days:
            return rules
        read = end if snapshot.read_on is None else start_of_day(snapshot.read_on)
        embargo = f"younger than the embargo of {days} days when the site was read"
        return replace(rules, fresh_from=read - datetime.timedelta(days=days), embargo=embargo)


def plan_bucket(
    metadata: Path,
    bucket: str,
    *,
    previous: Path | None,
    rules: Rules,
    receipt: Path,
    originals: Path | None = None,
) -> None:
    """Write what the release wants of each post of a bucket.

    `previous` is the bucket's last receipt of the release before, or None for the first release;
    `originals` is the one of its optimisation, read if a rule asks for the hashes in it.
    """
    before = lines_by_id(previous, Record)
    known = lines_by_id(originals if rules.exclusions.ask_sha256 else None, Original)
    now = {row["id"]: parse_post(row) for row in posts_of(metadata, bucket)}
    gone = _tombstones(metadata, before, rules.withdrawn)
    # A post that a snapshot of before its withdrawal still has is none for the plan.
    lines = [line for line in plan_posts(now, before, rules, known) if line.id not in gone]
    sizes = [line.size or 0 for line in lines if line.is_fetched]
    progress.count(progress.TO_FETCH, sum(sizes), posts=len(sizes))
    write_receipt(receipt, [*lines, *map(tombstone, gone)])


def tombstone(post_id: int) -> Planned:
    """The line of a post that is withdrawn on request: it says only that."""
    return _gone(post_id, ON_REQUEST, None)


def _tombstones(
    metadata: Path, before: dict[int, Record], withdrawn: frozenset[int]
) -> frozenset[int]:
    """The withdrawn posts that the release has IDs for, also where the site never had a post."""
    if not withdrawn:
        return withdrawn
    last_id = read_snapshot(metadata / "snapshot.json").last_id
    return frozenset(post_id for post_id in withdrawn if post_id <= last_id or post_id in before)


def plan_again(
    post: Post, *, settings: Path, snapshot: Path, exclusions: Exclusions, previous: Path | None
) -> Planned:
    """The plan for one post as the site has it now, by the rules and the receipt of its bucket."""
    record = lines_by_id(previous, Record).get(post.id)
    rules = Rules.of(read_json(settings), read_snapshot(snapshot), exclusions)
    return _excluded(post, record, None, rules) or _plan(post, record, rules)


def plan_posts(
    now: dict[int, Post],
    before: dict[int, Record],
    rules: Rules,
    known: Mapping[int, Original],
) -> Iterator[Planned]:
    """The plan for each post that the site has or that a release before had."""
    for post in now.values():
        record = before.get(post.id)
        yield _excluded(post, record, known.get(post.id), rules) or _plan(post, record, rules)
    for record in before.values():
        # Never published and no longer there: what is left is a hole, which needs no line.
        if record.id not in now and record.first_release is not None:
            yield _withdrawn(record, "expunged from the site")


def _excluded(
    post: Post, record: Record | None, known: Original | None, rules: Rules
) -> Planned | None:
    """The line of a post that is no part of the release, whatever the site says of its file."""
    if post.created_at >= rules.end:
        return _without(post, record, State.EXCLUDED, "uploaded after the release's last day")
    published = record is not None and record.state is State.PUBLISHED
    # What the site hides is lost already, and says so itself.
    if post.md5 is None:
        return None
    why = rules.exclusions.reason(post, _held(record, known) if published else None)
    if why is not None:
        # A list of what hash lists know would help whoever looks for it.
        return replace(_without(post, record, State.EXCLUDED, why), md5=None, size=None)
    if not published and rules.fresh_from is not None and post.created_at > rules.fresh_from:
        return _without(post, record, State.EXCLUDED, rules.embargo)
    return None


def _held(record: Record | None, known: Original | None) -> Held | None:
    if record is None or record.md5 is None:
        return None
    hashes = (known.served_sha256, known.sha256) if known is not None else ()
    return Held(record.md5, tuple(sha256 for sha256 in hashes if sha256 is not None))


def _plan(post: Post, record: Record | None, rules: Rules) -> Planned:
    published = record if record is not None and record.state is State.PUBLISHED else None
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
    # The reason of the first year stays, and nothing else of the post does.
    reason = record.reason if record.state is State.WITHDRAWN else why
    return _gone(record.id, reason, record.first_release)


def _gone(post_id: int, reason: str | None, first_release: str | None) -> Planned:
    return Planned(
        id=post_id,
        change=Change.GONE,
        state=State.WITHDRAWN,
        reason=reason,
        rating=None,
        file_ext=None,
        md5=None,
        size=None,
        url=None,
        first_release=first_release,
    )


def _without(post: Post, record: Record | None, state: State, reason: str | None) -> Planned:
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
