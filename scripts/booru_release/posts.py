"""Posts as the site describes them, read without trusting a word."""

import datetime
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import ReleaseProblem

MD5 = re.compile(r"[0-9a-f]{32}")
EXTENSION = re.compile(r"[a-z0-9]{1,5}")
RATING = re.compile(r"[a-z]")
LARGEST_ID = 2**53


class MalformedPost(ReleaseProblem):
    """The site sent something that is no post."""

    def __init__(self, what: str) -> None:
        super().__init__(f"post: {what}")


@dataclass(frozen=True)
class Post:
    """What a release needs to know of a post; `md5`, `url` None where the site hides the file."""

    id: int
    created_at: datetime.datetime
    rating: str
    md5: str | None
    file_ext: str | None
    size: int | None
    url: str | None
    tags: tuple[str, ...]
    is_deleted: bool
    is_banned: bool
    is_pending: bool = False
    is_flagged: bool = False
    artists: tuple[str, ...] = ()


def id_of(row: object) -> int:
    """The ID of a row of any table.

    Raises:
        MalformedPost: the row is no object, or its ID no positive integer.
    """
    value = row.get("id") if isinstance(row, Mapping) else None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 17:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= LARGEST_ID:
        raise MalformedPost(f"the ID is {value!r}")
    return value


def md5_in(row: Mapping[str, Any]) -> str | None:
    """The md5 of a row, None where it has none."""
    return _matching(MD5, row.get("md5"))


def parse_post(row: Mapping[str, Any]) -> Post:
    """A post from its object in /posts.json, of today or of 2018.

    What is not of the right form counts as hidden, so that it can never become a path.

    Raises:
        MalformedPost: it has no ID or no upload time.
    """
    post_id = id_of(row)
    tags = tuple(str(row.get("tag_string") or "").split())
    artists = row.get("tag_string_artist")
    return Post(
        id=post_id,
        created_at=parse_time(row.get("created_at"), post_id),
        rating=_matching(RATING, row.get("rating")) or "?",
        md5=md5_in(row),
        file_ext=_matching(EXTENSION, row.get("file_ext")),
        size=_size(row.get("file_size")),
        url=row["file_url"] if isinstance(row.get("file_url"), str) else None,
        tags=tags,
        is_deleted=row.get("is_deleted") is True,
        is_banned=row.get("is_banned") is True,
        is_pending=row.get("is_pending") is True,
        is_flagged=row.get("is_flagged") is True,
        # Where the site does not say which tags name artists, each of them may.
        artists=tuple(artists.split()) if isinstance(artists, str) else tags,
    )


def parse_time(value: object, post_id: int) -> datetime.datetime:
    """An ISO 8601 time with an offset, in UTC.

    Raises:
        MalformedPost: it is not one.
    """
    try:
        moment = datetime.datetime.fromisoformat(str(value))
        zone = moment.tzinfo or datetime.UTC
        return moment.replace(tzinfo=zone).astimezone(datetime.UTC)
    except (ValueError, OverflowError) as error:
        raise MalformedPost(f"{post_id}: uploaded at {value!r}") from error


def end_of_day(day: str) -> datetime.datetime:
    """The first moment (UTC) that no longer belongs to a day."""
    return start_of_day(day) + datetime.timedelta(days=1)


def start_of_day(day: str) -> datetime.datetime:
    """The first moment (UTC) of a day."""
    return datetime.datetime.fromisoformat(day).replace(tzinfo=datetime.UTC)


def _matching(pattern: re.Pattern[str], value: object) -> str | None:
    return value if isinstance(value, str) and pattern.fullmatch(value) else None


def _size(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
