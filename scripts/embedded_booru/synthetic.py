"""Posts by the million that are made by formula, each only when somebody asks for it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from embedded_booru.models import Asset, Post, Tags
from embedded_booru.moments import end_of_day, on_the_wire
from embedded_booru.rows import Row, complete
from embedded_booru.synthetic_images import SyntheticImages
from embedded_booru.view import ImageName

OPENED, FULL = datetime(2015, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC)
# One ID in 199 was never a post.
HOLE_EVERY, FIRST_HOLE = 199, 57
SLUG = re.compile(r"__synthetic_(\d{1,12})__")
# Two primes that scatter consecutive numbers; the shares of the ratings are as on real sites.
SCATTER, SCATTER_MORE, RANGE = 2654435761, 40503, 2**32
RATINGS = "g" * 12 + "s" * 3 + "q" * 3 + "e" * 2
KINDS_OF_TAGS = {"general": (20, 5000), "artist": (1, 900), "character": (1, 400)}


def _share(number: int, salt: int) -> float:
    """Return a fraction of one that looks like chance."""
    return ((number * SCATTER) ^ (salt * SCATTER_MORE * 65537)) % RANGE / RANGE


def _tags(post_id: int, kind: str) -> tuple[str, ...]:
    """Return tags of which the n-th is used about a n-th as often as the first."""
    count, vocabulary = KINDS_OF_TAGS[kind]
    salts = range(len(kind) * 100, len(kind) * 100 + count)
    ranks = {int(vocabulary ** _share(post_id, salt)) for salt in salts}
    return tuple(sorted(f"{kind}_{rank:04d}" for rank in ranks))


class SyntheticBooru:
    """A booru of `count` IDs, uploaded at an even pace from 2015 to 2019."""

    def __init__(self, count: int, pixels: int) -> None:
        self._count, self._images = count, SyntheticImages(pixels)
        self._step = (FULL - OPENED) / count

    def at(self, day: str | None) -> SyntheticView:
        """Return what visitors see at the end of a day, or of all history."""
        passed = int((end_of_day(day) - OPENED) / self._step + 0.5)
        return SyntheticView(max(0, min(passed, self._count)), self)

    def post(self, post_id: int) -> Post:
        """Make a post."""
        moment = OPENED + (FULL - OPENED) * ((post_id - 0.5) / self._count)
        moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
        return Post(
            id=post_id,
            created_at=moment,
            updated_at=moment,
            rating=RATINGS[int(_share(post_id, 1) * len(RATINGS))],
            tags=Tags(**{kind: _tags(post_id, kind) for kind in KINDS_OF_TAGS}),
            asset=self._asset(post_id, moment),
            source=f"https://example.org/{post_id}",
            score=int(30 * _share(post_id, 2) ** 3),
        )

    def content(self, post_id: int) -> bytes:
        """Make the file of a post."""
        return self._images.content(post_id)

    def _asset(self, post_id: int, moment: datetime) -> Asset:
        content = self.content(post_id)
        md5 = hashlib.md5(content).hexdigest()
        width, height, ext = self._images.shape(post_id)
        return Asset(
            id=post_id,
            created_at=moment,
            updated_at=moment,
            md5=md5,
            ext=ext,
            size=len(content),
            width=width,
            height=height,
            duration=None,
            key=md5[:9],
            pixel_hash=md5,
            path=Path(),
            # Who asks for the file tells by this whose it is: no table of a million md5 is needed.
            slug=f"__synthetic_{post_id}__",
        )


class SyntheticView:
    """The posts that were made until some moment."""

    def __init__(self, last_id: int, booru: SyntheticBooru) -> None:
        self._last_id, self._booru = last_id, booru

    def _exists(self, post_id: int) -> bool:
        return 1 <= post_id <= self._last_id and post_id % HOLE_EVERY != FIRST_HOLE

    def post(self, post_id: int) -> Post | None:
        """Return the post of that ID, if there is one."""
        return self._booru.post(post_id) if self._exists(post_id) else None

    def ids(self, low: int, high: int) -> Iterator[int]:
        """Yield the IDs of the posts from low to high, both included."""
        return filter(self._exists, range(max(low, 1), min(high, self._last_id) + 1))

    def ids_down(self, low: int, high: int) -> Iterator[int]:
        """Yield the same IDs from high to low."""
        return filter(self._exists, range(min(high, self._last_id), max(low, 1) - 1, -1))

    def count(self) -> int:
        """Return how many posts there are."""
        return self._last_id - (self._last_id + HOLE_EVERY - FIRST_HOLE) // HOLE_EVERY

    def post_of(self, md5: str) -> Post | None:
        """Return nothing: a formula cannot be asked backwards."""
        return None

    def image(self, name: ImageName) -> bytes | None:
        """Return the bytes of an original, if its slug and md5 belong together."""
        slug = SLUG.fullmatch(name.slug)
        if not slug or not self._exists(int(slug[1])):
            return None
        content = self._booru.content(int(slug[1]))
        return content if hashlib.md5(content).hexdigest() == name.md5 else None

    def table(self, name: str) -> list[Row]:
        """Return the tags, with counts as they are to be expected; other tables are empty."""
        return _tag_rows() if name == "tags" else []


def _tag_rows() -> list[Row]:
    first_day = on_the_wire(OPENED)
    names = (
        f"{kind}_{rank:04d}"
        for kind, (_, vocabulary) in KINDS_OF_TAGS.items()
        for rank in range(1, vocabulary)
    )
    numbers = {"general": 0, "artist": 1, "character": 4}
    return [
        complete(
            "tags",
            {
                "id": tag_id,
                "name": name,
                "category": numbers[name.split("_")[0]],
                "created_at": first_day,
            },
        )
        for tag_id, name in enumerate(names, 1)
    ]
