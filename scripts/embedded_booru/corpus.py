"""Read a corpus folder: the posts that somebody collected, with their files."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from embedded_booru.errors import NotACorpus
from embedded_booru.models import CATEGORIES, Asset, Json, Post, Tags
from embedded_booru.moments import parse_moment

MD5 = re.compile(r"[0-9a-f]{32}")
RATINGS = ("g", "s", "q", "e")
EXTENSION = re.compile(r"[a-z0-9]{1,5}")
# Fields that a post takes over as they are; a post that lacks one gets the default.
COPIED = (
    "source",
    "uploader_id",
    "approver_id",
    "parent_id",
    "pixiv_id",
    "score",
    "up_score",
    "down_score",
    "fav_count",
    "bit_flags",
    "last_comment_bumped_at",
    "last_noted_at",
    "last_commented_at",
    "is_pending",
    "is_flagged",
    "is_deleted",
    "is_banned",
    "has_children",
    "has_active_children",
)

T = TypeVar("T")


def check_folder(folder: Path) -> None:
    """Raise NotACorpus unless the folder has what every corpus has."""
    if not folder.is_dir():
        raise NotACorpus(folder, "no such folder")
    if not (folder / "posts.jsonl").is_file():
        raise NotACorpus(folder, "no posts.jsonl in it")
    if not (folder / "original").is_dir():
        raise NotACorpus(folder, "no folder original/ in it")


def read_lines(folder: Path, name: str, read: Callable[[Json], T]) -> Iterator[T]:
    """Yield what `read` makes of each line of a file; NotACorpus names the bad line."""
    with (folder / name).open("rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                yield read(json.loads(line))
            except KeyError as error:
                raise NotACorpus(folder, f"{name} line {number}: no {error.args[0]}") from error
            except (ValueError, TypeError, AttributeError) as error:
                raise NotACorpus(folder, f"{name} line {number}: {error}") from error


def read_posts(folder: Path) -> list[Post]:
    """Return the posts of a corpus in the order of its file."""
    check_folder(folder)
    return list(read_lines(folder, "posts.jsonl", lambda given: _post(folder, given)))


def file_key(md5: str) -> str:
    """Make up the nine letters by which the site names a file."""
    return hashlib.sha256(md5.encode()).hexdigest()[:9]


def check_rating(rating: str) -> str:
    """Return a rating that is one."""
    if rating not in RATINGS:
        raise ValueError(f"rating {rating!r} is none of {', '.join(RATINGS)}")
    return rating


def tags_from(given: Json) -> Tags:
    """Read the tags of a post; those of no category are general."""
    known = {name: _sorted_words(given.get(f"tag_string_{name}")) for name in CATEGORIES}
    if not any(known.values()):
        known["general"] = _sorted_words(given.get("tag_string"))
    return Tags(**known)


def _sorted_words(text: str | None) -> tuple[str, ...]:
    return tuple(sorted(set(text.split()))) if text else ()


def _post(folder: Path, given: Json) -> Post:
    created = parse_moment(given["created_at"])
    return Post(
        id=int(given["id"]),
        created_at=created,
        updated_at=parse_moment(given.get("updated_at") or given["created_at"]),
        rating=check_rating(given["rating"]),
        tags=tags_from(given),
        asset=_asset(folder, given),
        **{name: given[name] for name in COPIED if name in given},
    )


def _asset(folder: Path, given: Json) -> Asset:
    asset: Json = given.get("media_asset") or {}
    md5, ext = _file_name(given)
    created = parse_moment(asset.get("created_at") or given["created_at"])
    return Asset(
        id=int(asset.get("id") or given["id"]),
        created_at=created,
        updated_at=parse_moment(asset["updated_at"]) if "updated_at" in asset else created,
        md5=md5,
        ext=ext,
        size=int(given["file_size"]),
        width=int(given["image_width"]),
        height=int(given["image_height"]),
        duration=asset.get("duration"),
        key=asset.get("file_key") or file_key(md5),
        pixel_hash=asset.get("pixel_hash") or md5,
        path=folder / "original" / md5[:2] / md5[2:4] / f"{md5}.{ext}",
    )


def _file_name(given: Json) -> tuple[str, str]:
    """Return md5 and extension, which become a path: nothing else may stand there."""
    # A banned post that was collected from the site has no md5, and shows none here either.
    md5 = given.get("md5", "") if given.get("is_banned") else given["md5"]
    if md5 and not MD5.fullmatch(md5):
        raise ValueError(f"md5 {md5!r} is not 32 hexadecimal digits")
    if not EXTENSION.fullmatch(given["file_ext"]):
        raise ValueError(f"file_ext {given['file_ext']!r} is not an extension")
    return md5, given["file_ext"]
