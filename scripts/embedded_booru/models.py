"""The values that a booru is made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

Json = dict[str, Any]

CATEGORIES = ("general", "artist", "copyright", "character", "meta")
CATEGORY_NUMBERS = {"general": 0, "artist": 1, "copyright": 3, "character": 4, "meta": 5}


@dataclass(frozen=True)
class Tags:
    """The tags of a post by category, each in alphabetical order."""

    general: tuple[str, ...] = ()
    artist: tuple[str, ...] = ()
    copyright: tuple[str, ...] = ()
    character: tuple[str, ...] = ()
    meta: tuple[str, ...] = ()

    @cached_property
    def names(self) -> tuple[str, ...]:
        """All tags in alphabetical order."""
        return tuple(
            sorted(self.general + self.artist + self.copyright + self.character + self.meta)
        )

    def by_category(self) -> Iterable[tuple[str, tuple[str, ...]]]:
        """Yield each category's name and tags."""
        return ((field.name, getattr(self, field.name)) for field in fields(self))

    def changed(
        self, add: Iterable[str], remove: Iterable[str], categories: Mapping[str, str]
    ) -> Tags:
        """Return these tags with some more and some less."""
        kept = {name: set(tags) - set(remove) for name, tags in self.by_category()}
        for tag in add:
            kept[categories.get(tag, "general")].add(tag)
        return Tags(**{name: tuple(sorted(tags)) for name, tags in kept.items()})


@dataclass(frozen=True)
class Asset:
    """A file of the site, with the facts that its media_asset tells."""

    id: int
    created_at: datetime
    updated_at: datetime
    md5: str
    ext: str
    size: int
    width: int
    height: int
    duration: float | None
    key: str
    pixel_hash: str
    path: Path
    slug: str = ""

    def as_of(self, asset_id: int, moment: datetime) -> Asset:
        """Return the same file as it was sent to the site at another moment."""
        return replace(self, id=asset_id, created_at=moment, updated_at=moment)


@dataclass(frozen=True)
class Post:
    """A post as it is at one moment."""

    id: int
    created_at: datetime
    updated_at: datetime
    rating: str
    tags: Tags
    asset: Asset
    source: str = ""
    uploader_id: int = 1
    approver_id: int | None = None
    parent_id: int | None = None
    pixiv_id: int | None = None
    score: int = 0
    up_score: int = 0
    down_score: int = 0
    fav_count: int = 0
    bit_flags: int = 0
    last_comment_bumped_at: str | None = None
    last_noted_at: str | None = None
    last_commented_at: str | None = None
    is_pending: bool = False
    is_flagged: bool = False
    is_deleted: bool = False
    is_banned: bool = False
    has_children: bool = False
    has_active_children: bool = False
