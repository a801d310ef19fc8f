"""The conditions that a search for posts can name with a colon: id:5, rating:g, status:banned."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import partial

from embedded_booru.models import Post
from embedded_booru.moments import eastern_day
from embedded_booru.ranges import condition

Test = Callable[[Post], bool]

RATING_ALIASES = {"safe": "s", "sfw": "g,s", "nsfw": "q,e"}
STATES: dict[str, Test] = {
    "deleted": lambda post: post.is_deleted,
    "banned": lambda post: post.is_banned,
    "pending": lambda post: post.is_pending,
    "flagged": lambda post: post.is_flagged,
    "modqueue": lambda post: post.is_pending or post.is_flagged,
    "active": lambda post: not (post.is_deleted or post.is_pending or post.is_flagged),
    "any": lambda post: True,
    "all": lambda post: True,
}
NUMBERS: dict[str, Callable[[Post], int | None]] = {
    "id": lambda post: post.id,
    "width": lambda post: post.asset.width,
    "height": lambda post: post.asset.height,
    "filesize": lambda post: post.asset.size,
    "score": lambda post: post.score,
    "favcount": lambda post: post.fav_count,
    "tagcount": lambda post: len(post.tags.names),
    "parent": lambda post: post.parent_id,
    "pixiv_id": lambda post: post.pixiv_id,
}


def metatag(name: str, value: str) -> Test | None:
    """Return the test of a metatag; None means there is no such metatag."""
    if name in NUMBERS:
        return partial(_number, NUMBERS[name], value=condition(value, int))
    make = MAKERS.get(name)
    return make(value) if make else None


def _number(get: Callable[[Post], int | None], post: Post, value: Callable[..., bool]) -> bool:
    return value(get(post))


def _rating(value: str) -> Test:
    letters = {name[:1] for name in RATING_ALIASES.get(value, value).lower().split(",")}
    return lambda post: post.rating in letters


def _date(value: str) -> Test:
    matches = condition(value, date.fromisoformat)
    return lambda post: matches(eastern_day(post.created_at))


def _md5(value: str) -> Test:
    wanted = set(value.lower().split(","))
    return lambda post: post.asset.md5 in wanted and not post.is_banned


def _filetype(value: str) -> Test:
    wanted = set(value.lower().split(","))
    return lambda post: post.asset.ext in wanted


def _status(value: str) -> Test:
    return STATES.get(value.lower(), lambda post: False)


MAKERS: dict[str, Callable[[str], Test]] = {
    "rating": _rating,
    "date": _date,
    "md5": _md5,
    "filetype": _filetype,
    "status": _status,
}
