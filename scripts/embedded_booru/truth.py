"""What really happened between two days, told by the events alone.

A program that compares two snapshots of the site has to find the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from embedded_booru.history import Event, read_history
from embedded_booru.models import Asset
from embedded_booru.moments import end_of_day


@dataclass(frozen=True)
class _Life:
    """What happened to one post until the second day."""

    post_id: int
    events: Sequence[Event]
    before: datetime

    def had(self, kind: str) -> bool:
        """Tell whether something happened at any time."""
        return any(event.kind == kind for event in self.events)

    def had_since(self, kind: str) -> bool:
        """Tell whether something happened between the days."""
        return any(event.kind == kind for event in self.events if event.moment > self.before)

    @property
    def is_new(self) -> bool:
        """Whether the post was uploaded between the days."""
        return self.events[0].moment > self.before

    @property
    def was_there(self) -> bool:
        """Whether the post existed on the first day."""
        left = self.had("expunge") and not self.had_since("expunge")
        return not self.is_new and not left

    @property
    def size(self) -> int:
        """The bytes of the file that the post has in the end."""
        return [asset.size for event in self.events if (asset := _asset(event))][-1]

    @property
    def is_deleted(self) -> bool:
        """Whether the post is deleted in the end."""
        post = self.events[0].post
        return self.had("delete") or bool(post and post.is_deleted)

    @property
    def is_hidden(self) -> bool:
        """Whether the post's file is hidden in the end."""
        post = self.events[0].post
        return self.had("ban") or bool(post and post.is_banned)


def _asset(event: Event) -> Asset | None:
    return event.post.asset if event.post else event.asset


def truth(before: str, after: str, *, corpus: Path | None = None, cache: Path) -> dict[str, Any]:
    """Return how many posts changed between the ends of two days, in which way, and which."""
    lives = list(_lives(read_history(corpus, cache).events, before, after))
    kept = [life for life in lives if life.was_there and not life.had("expunge")]
    added = [life for life in lives if life.is_new and not life.had("expunge")]
    replaced = [life for life in kept if life.had_since("replace") and not life.is_hidden]
    ids = {
        "added": _ids(added),
        "replaced": _ids(replaced),
        "retagged": _ids(life for life in kept if life.had_since("retag")),
        "rerated": _ids(life for life in kept if life.had_since("rerate")),
        "deleted": _ids(life for life in kept if life.had_since("delete")),
        "banned": _ids(life for life in kept if life.had_since("ban")),
        "gone": _ids(life for life in lives if life.was_there and life.had_since("expunge")),
    }
    shown = [life for life in added if not (life.is_deleted or life.is_hidden)]
    to_fetch = sum(life.size for life in (*shown, *replaced))
    counts = {kind: len(posts) for kind, posts in ids.items()}
    return {**counts, "bytes_to_fetch": to_fetch, "ids": ids}


def _ids(lives: Iterable[_Life]) -> list[int]:
    return sorted(life.post_id for life in lives)


def _lives(events: Iterable[Event], before: str, after: str) -> Iterator[_Life]:
    first, last = end_of_day(before), end_of_day(after)
    by_post: dict[int, list[Event]] = {}
    for event in events:
        if event.moment <= last:
            by_post.setdefault(event.post_id, []).append(event)
    for post_id, own in by_post.items():
        yield _Life(post_id, own, first)
