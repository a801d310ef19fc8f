"""Rules that keep posts out, compiled: which rule, if any, a post or its bytes match."""

import hashlib
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .files import dump_json
from .hash_lists import read_hashes
from .posts import Post

# How the reason of a post starts that a rule keeps out.
BY_RULE = "rule "

STATUS: Mapping[str, Callable[[Post], bool]] = {
    "deleted": lambda post: post.is_deleted,
    "pending": lambda post: post.is_pending,
    "flagged": lambda post: post.is_flagged,
    "banned": lambda post: post.is_banned,
}

Check = Callable[[Post], bool]


@dataclass(frozen=True)
class Held:
    """The file that a release published of a post: its md5, and the SHA-256 of its bytes.

    There are two of the second: of the bytes as served, and as published.
    """

    md5: str
    sha256: tuple[str, ...] = ()


@dataclass(frozen=True)
class Look:
    """Perceptual hashes of 64 bits, and in how many of them a picture may differ."""

    hashes: tuple[int, ...]
    distance: int

    def matches(self, look: int) -> bool:
        """Whether a picture's hash is near to one of these."""
        return any((look ^ known).bit_count() <= self.distance for known in self.hashes)


@dataclass(frozen=True)
class Rule:
    """A rule: every criterion that it has must match. `checks` are those that metadata answers."""

    reason: str
    checks: tuple[Check, ...] = ()
    md5: frozenset[str] | None = None
    sha256: frozenset[str] | None = None
    look: Look | None = None

    @classmethod
    def of(cls, rule: Mapping[str, Any], folder: Path) -> "Rule":
        """A rule of the settings; `folder` is the one that its hash lists count from.

        Raises:
            UnusableList: a list is gone, damaged, or another one than the settings know.
        """
        hashes = [
            _listed(rule[f"{kind}_files"], folder, kind) if f"{kind}_files" in rule else None
            for kind in ("md5", "sha256")
        ]
        md5 = frozenset(rule["md5"]) if "md5" in rule else None
        return cls(
            reason=f"{BY_RULE}{rule['name']}: {rule['why']}",
            checks=tuple(_checks(rule)),
            md5=md5 if hashes[0] is None else (md5 or frozenset()) | hashes[0],
            sha256=hashes[1],
            look=_look(rule["perceptual"], folder) if "perceptual" in rule else None,
        )

    @property
    def needs_bytes(self) -> bool:
        """Whether metadata alone cannot tell."""
        return self.sha256 is not None or self.look is not None

    def fits(self, post: Post, held: Held | None = None) -> bool:
        """Whether a post's metadata match; the md5 may be that of the file `held`, too."""
        # A loop rather than all(): twelve million posts pass here.
        for check in self.checks:
            if not check(post):
                return False
        if self.md5 is None:
            return True
        return post.md5 in self.md5 or (held is not None and held.md5 in self.md5)

    def fits_bytes(self, sha256: Collection[str], look: Callable[[], int | None]) -> bool:
        """Whether a file's bytes match; `look` is asked only where nothing else decides."""
        if self.sha256 is not None and self.sha256.isdisjoint(sha256):
            return False
        if self.look is None:
            return True
        seen = look()
        return seen is not None and self.look.matches(seen)


@dataclass(frozen=True)
class Exclusions:
    """The rules of a release: those that metadata decide, and those that need bytes, too.

    `version` names what all of them say.
    """

    at_plan: tuple[Rule, ...] = ()
    on_arrival: tuple[Rule, ...] = ()
    version: str = ""

    @classmethod
    def of(cls, settings: Mapping[str, Any], folder: Path) -> "Exclusions":
        """The rules of settings/exclude.json.

        Raises:
            As Rule.of.
        """
        rules = [Rule.of(rule, folder) for rule in settings["rules"]]
        return cls(
            tuple(rule for rule in rules if not rule.needs_bytes),
            tuple(rule for rule in rules if rule.needs_bytes),
            hashlib.sha256(dump_json(settings)).hexdigest(),
        )

    def reason(self, post: Post, held: Held | None = None) -> str | None:
        """Why a post is excluded by what is known before its file is fetched, or None.

        A file that was published before is known by its SHA-256, and not by its look.
        """
        for rule in self.at_plan:
            if rule.fits(post, held):
                return rule.reason
        if held is not None:
            for rule in self.on_arrival:
                if rule.fits(post, held) and rule.fits_bytes(held.sha256, _unseen):
                    return rule.reason
        return None

    @property
    def ask_sha256(self) -> bool:
        """Whether any rule asks for the SHA-256 of files."""
        return any(rule.sha256 is not None for rule in self.on_arrival)


NO_EXCLUSIONS = Exclusions()


def _unseen() -> None:
    """Nobody has looked at the picture."""


def _listed(files: Iterable[Mapping[str, str]], folder: Path, kind: str) -> frozenset[str]:
    lists = (read_hashes(folder / file["path"], kind, sha256=file["sha256"]) for file in files)
    return frozenset().union(*lists)


def _look(perceptual: Mapping[str, Any], folder: Path) -> Look:
    hashes = _listed(perceptual["files"], folder, "perceptual")
    return Look(tuple(sorted(int(text, 16) for text in hashes)), perceptual["distance"])


def _checks(rule: Mapping[str, Any]) -> Iterable[Check]:
    """The criteria of a rule that metadata answer, the cheap ones first."""
    if "ratings" in rule:
        ratings = frozenset(rule["ratings"])
        yield lambda post: post.rating in ratings
    if "ids" in rule:
        yield _ids_check(rule["ids"])
    if "status" in rule:
        asked = [STATUS[word] for word in rule["status"]]
        yield lambda post: any(ask(post) for ask in asked)
    if "artists" in rule:
        has_artist = names_check(rule["artists"])
        yield lambda post: has_artist(post.artists)
    if "tags" in rule:
        has_tag = names_check(rule["tags"])
        yield lambda post: has_tag(post.tags)
    if "not_tags" in rule:
        has_other = names_check(rule["not_tags"])
        yield lambda post: not has_other(post.tags)


def _ids_check(ranges: Sequence[Sequence[int]]) -> Check:
    merged: list[list[int]] = []
    for first, last in ranges:
        if merged and first <= merged[-1][1] + 1:
            merged[-1][1] = max(merged[-1][1], last)
        else:
            merged.append([first, last])
    firsts = [first for first, _ in merged]

    def check(post: Post) -> bool:
        place = bisect_right(firsts, post.id) - 1
        return place >= 0 and post.id <= merged[place][1]

    return check


def names_check(patterns: Sequence[str]) -> Callable[[Sequence[str]], bool]:
    """A question to a post's tags: is any of these among them? `*` first or last is any text."""
    plain = {pattern for pattern in patterns if "*" not in pattern}
    # No tag holds a space: between spaces, each is found whole, or at its beginning or end.
    needles = [f" {pattern} ".replace(" *", "").replace("* ", "") for pattern in patterns]
    wild = [needle for needle, pattern in zip(needles, patterns, strict=True) if "*" in pattern]
    if not wild:
        return lambda tags: not plain.isdisjoint(tags)

    def check(tags: Sequence[str]) -> bool:
        if not plain.isdisjoint(tags):
            return True
        text = f" {' '.join(tags)} "
        return any(needle in text for needle in wild)

    return check
