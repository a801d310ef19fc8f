"""Search posts by what a visitor writes into `tags=`."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from embedded_booru.errors import Refusal
from embedded_booru.metatags import Test, metatag
from embedded_booru.models import Post
from embedded_booru.ranges import NO_END, bounds
from embedded_booru.view import View

TAG_LIMIT = 2
FREE = re.compile(
    "status|rating|limit|is|id|date|age|filesize|filetype|parent|child|md5|width|height|duration|"
    "mpixels|ratio|score|upvote|downvotes|favcount|embedded|tagcount|pixiv_id|pixiv"
)
ONCE = ("order", "limit", "random")
SORT_KEYS: dict[str, Callable[[Post], tuple[float, int]]] = {
    "id": lambda post: (-post.id, 0),
    "id_desc": lambda post: (-post.id, 0),
    "id_asc": lambda post: (post.id, 0),
    "change": lambda post: (-post.updated_at.timestamp(), -post.id),
    "change_asc": lambda post: (post.updated_at.timestamp(), post.id),
    "score": lambda post: (-post.score, -post.id),
}


@dataclass(frozen=True)
class Search:
    """What a visitor looks for; only IDs from low to high can match."""

    tests: tuple[Test, ...] = ()
    low: int = 0
    high: int = NO_END
    order: str = "id"
    limit: str | None = None

    def up(self, view: View, low: int) -> Iterator[Post]:
        """Yield the matching posts from an ID upwards."""
        return self._matching(view, view.ids(max(low, self.low), self.high))

    def down(self, view: View, high: int) -> Iterator[Post]:
        """Yield the matching posts from an ID downwards."""
        return self._matching(view, view.ids_down(self.low, min(high, self.high)))

    def ordered(self, view: View) -> Iterator[Post]:
        """Yield the matching posts in the order that was asked for."""
        if self.order == "id_asc":
            return self.up(view, 0)
        if self.order in ("id", "id_desc"):
            return self.down(view, NO_END)
        return iter(sorted(self.up(view, 0), key=SORT_KEYS[self.order]))

    def count(self, view: View) -> int:
        """Return how many posts match."""
        if not self.tests:
            return view.count()
        return sum(1 for _ in self.up(view, 0))

    def _matching(self, view: View, ids: Iterator[int]) -> Iterator[Post]:
        for post_id in ids:
            post = view.post(post_id)
            if post is not None and all(test(post) for test in self.tests):
                yield post


@dataclass(frozen=True)
class _Term:
    """A word of a search: a tag, or a metatag with its value."""

    name: str
    value: str | None
    negated: bool

    def test(self) -> Test:
        """Return what tests a post for this term."""
        found = self._plain_test()
        return (lambda post: not found(post)) if self.negated else found

    def _plain_test(self) -> Test:
        known = metatag(self.name, self.value) if self.value is not None else None
        return known or _tag_test(self.text)

    @property
    def text(self) -> str:
        """The term as it was written, without its minus."""
        return self.name if self.value is None else f"{self.name}:{self.value}"


def _tag_test(tag: str) -> Test:
    if "*" in tag:
        return lambda post: bool(fnmatch.filter(post.tags.names, tag))
    return lambda post: tag in post.tags.names


def parse_search(text: str) -> Search:
    """Understand a search, or refuse it as the site does."""
    terms = [_term(word) for word in text.lower().split()]
    _check_single_use(terms)
    _check_tag_limit(terms)
    wanted = [term for term in terms if not (term.name in ONCE and term.value is not None)]
    ranges = [bounds(t.value or "") for t in wanted if t.name == "id" and not t.negated and t.value]
    order = _value_of("order", terms) or "id"
    return Search(
        tests=tuple(term.test() for term in wanted),
        low=max((low for low, _ in ranges), default=0),
        high=min((high for _, high in ranges), default=NO_END),
        order=order if order in SORT_KEYS else "id",
        limit=_value_of("limit", terms),
    )


def _term(word: str) -> _Term:
    negated = word.startswith("-") and len(word) > 1
    bare = word[1:] if negated else word
    name, colon, value = bare.partition(":")
    if colon and value and (FREE.fullmatch(name) or name in ONCE):
        return _Term(name, value, negated)
    return _Term(bare, None, negated)


def _value_of(name: str, terms: list[_Term]) -> str | None:
    return next((term.value for term in terms if term.name == name and term.value), None)


def _check_single_use(terms: list[_Term]) -> None:
    for name in ONCE:
        used = [term for term in terms if term.name == name and term.value is not None]
        if any(term.negated for term in used):
            _refuse(f"'{used[0].text}' can't be negated.")
        if len(used) > 1:
            _refuse(f"'{name}:' can't be used more than once.")


def _check_tag_limit(terms: list[_Term]) -> None:
    counted = [term for term in terms if term.value is None or not FREE.fullmatch(term.name)]
    if len(counted) > TAG_LIMIT:
        message = f"You cannot search for more than {TAG_LIMIT} tags at a time."
        raise Refusal(422, "PostQuery::TagLimitError", message)


def _refuse(message: str) -> None:
    raise Refusal(422, "PostQuery::Error", message)
