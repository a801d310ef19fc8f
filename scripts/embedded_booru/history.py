"""The events of a booru: what happened to which post, and when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from embedded_booru.corpus import check_folder, check_rating, read_lines, read_posts
from embedded_booru.drawing_cache import Drawings
from embedded_booru.models import Asset, Json, Post, Tags
from embedded_booru.moments import parse_moment

PACK = Path(__file__).parent / "pack"
KINDS = ("upload", "retag", "rerate", "replace", "flag", "delete", "ban", "expunge", "score")


@dataclass(frozen=True)
class Event:
    """Something that happened to a post; the fields after `kind` depend on it."""

    moment: datetime
    post_id: int
    kind: str
    post: Post | None = None
    asset: Asset | None = None
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    rating: str = ""
    score: int = 0


@dataclass(frozen=True)
class History:
    """Everything that ever happens in a booru, in order, and the category of each tag."""

    events: tuple[Event, ...]
    categories: Mapping[str, str]


def read_history(corpus: Path | None, cache: Path) -> History:
    """Return the history of a corpus, by default of the pack."""
    folder = PACK if corpus is None else corpus
    check_folder(folder)
    posts = read_posts(folder)
    if not (folder / "history.jsonl").exists():
        return _uploads_only(posts)
    reader = _Reader(posts, Drawings(cache))
    events = tuple(read_lines(folder, "history.jsonl", reader.event))
    return History(events, _categories(event.post.tags for event in events if event.post))


def _uploads_only(posts: Sequence[Post]) -> History:
    uploads = (Event(post.created_at, post.id, "upload", post=post) for post in posts)
    in_order = sorted(uploads, key=lambda event: (event.moment, event.post_id))
    return History(tuple(in_order), _categories(post.tags for post in posts))


def _categories(all_tags: Iterable[Tags]) -> dict[str, str]:
    return {
        tag: category
        for tags in all_tags
        for category, names in tags.by_category()
        for tag in names
    }


class _Reader:
    """Makes events of the lines of a history, which name files by md5 or drawing."""

    def __init__(self, posts: Sequence[Post], drawings: Drawings) -> None:
        self._given = {post.asset.md5: post for post in posts}
        self._drawings = drawings
        # The posts of a corpus have other IDs in its history.
        self._new_ids: dict[int, int] = {}
        self._living: set[int] = set()
        self._assets = 0
        self._newest = datetime.min

    def event(self, line: Json) -> Event:
        """Read one line."""
        moment, kind = parse_moment(line["date"]), line["event"]
        self._check_order(moment)
        self._check_kind(line["post"], kind)
        return Event(
            moment,
            int(line["post"]),
            kind,
            post=self._upload(line, moment) if kind == "upload" else None,
            asset=self._asset(line, moment) if kind == "replace" else None,
            add=tuple(line.get("add", ())),
            remove=tuple(line.get("remove", ())),
            rating=check_rating(line["rating"]) if kind in ("upload", "rerate") else "",
            score=line.get("score", 0),
        )

    def _check_order(self, moment: datetime) -> None:
        naive = moment.replace(tzinfo=None)
        if naive < self._newest:
            raise ValueError(f"{moment} is earlier than the line before")
        self._newest = naive

    def _check_kind(self, post_id: int, kind: str) -> None:
        if kind not in KINDS:
            raise ValueError(f"event {kind!r} is none of {', '.join(KINDS)}")
        if (kind == "upload") == (post_id in self._living):
            state = "there already" if kind == "upload" else "not there"
            raise ValueError(f"{kind} of post {post_id}, which is {state}")
        if kind == "upload":
            self._living.add(post_id)
        if kind == "expunge":
            self._living.remove(post_id)

    def _asset(self, line: Json, moment: datetime) -> Asset:
        self._assets += 1
        if "drawing" in line:
            return self._drawings[line["drawing"]].asset.as_of(self._assets, moment)
        return self._given[line["md5"]].asset.as_of(self._assets, moment)

    def _upload(self, line: Json, moment: datetime) -> Post:
        drawn = "drawing" in line
        given = self._drawings[line["drawing"]] if drawn else self._given[line["md5"]]
        if not drawn:
            self._new_ids[given.id] = line["post"]
        return replace(
            given,
            id=line["post"],
            created_at=moment,
            updated_at=moment,
            rating=line["rating"],
            asset=self._asset(line, moment),
            uploader_id=line["post"] % 7 + 1,
            parent_id=self._new_ids.get(given.parent_id or 0),
            is_pending=line.get("pending", False),
            has_children=False,
            has_active_children=False,
        )
