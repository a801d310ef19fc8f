"""Make the booru misbehave as real sites do, by a list of rules that are plain data."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

from embedded_booru.errors import NotMischief
from embedded_booru.lies import ABOUT_PARTS, ABOUT_ROWS
from embedded_booru.messages import Reply, Request
from embedded_booru.misdeeds import INSTEAD, ON_THE_WAY, Honest, Misdeed

MISDEEDS: dict[str, Misdeed] = {**INSTEAD, **ON_THE_WAY, **ABOUT_PARTS, **ABOUT_ROWS}
TRIAL = Request("GET", "/posts.json", {"range": "bytes=1-"})
WORDS = ("path", "do", "after", "times")
# An honest answer that any misdeed can be tried on.
ON_TRIAL = Reply(206, b'[{"id":1}]', headers=(("Content-Range", "bytes 1-10/11"),))


@dataclass(frozen=True)
class Rule:
    """A misdeed, and to which requests it happens: all but the first `after`, `times` of them.

    Requests are counted for each path of its own; `times` None means always.
    """

    path: re.Pattern[str]
    name: str
    misdeed: Misdeed
    after: int
    times: int | None

    def concerns(self, request: Request) -> bool:
        """Tell whether a request is one of those that count; lies about parts need a Range."""
        asked_in_part = "range" in request.headers
        return bool(self.path.search(request.target)) and (
            self.name not in ABOUT_PARTS or asked_in_part
        )

    def is_due(self, number: int) -> bool:
        """Tell whether the request with this number, from 1, is to suffer."""
        return number > self.after and (self.times is None or number <= self.after + self.times)


class Mischief:
    """Rules in an order: the first that is due has its way, and later ones do not count it."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = rules
        self._met: Counter[tuple[int, str]] = Counter()
        self._counting = Lock()

    def respond(self, request: Request, honest: Honest) -> Reply:
        """Return what `honest` answers, or what a misdeed makes of it."""
        rule = self._due(request)
        if rule is None:
            return honest(request)
        return replace(rule.misdeed(request, honest), misdeed=rule.name)

    def _due(self, request: Request) -> Rule | None:
        with self._counting:
            for place, rule in enumerate(self._rules):
                if rule.concerns(request):
                    self._met[place, request.path] += 1
                    if rule.is_due(self._met[place, request.path]):
                        return rule
        return None


def read_mischief(given: Path | Sequence[Mapping[str, Any]]) -> Mischief:
    """Return the mischief that a list describes, or a file with it.

    NotMischief names the rule that makes no sense.
    """
    name = str(given) if isinstance(given, Path) else "mischief"
    rows = _rows_in(given) if isinstance(given, Path) else given
    if not isinstance(rows, Sequence):
        raise NotMischief(name, "is no list of rules")
    return Mischief([_rule(row, f"{name}: rule {number}") for number, row in enumerate(rows, 1)])


def _rows_in(file: Path) -> Any:  # noqa: ANN401
    try:
        return json.loads(file.read_bytes())
    except ValueError as error:
        raise NotMischief(str(file), f"is no JSON ({error})") from error


def _rule(row: Mapping[str, Any], place: str) -> Rule:
    try:
        more = {name: value for name, value in row.items() if name not in WORDS}
        rule = Rule(
            path=re.compile(row["path"]),
            name=row["do"],
            misdeed=partial(MISDEEDS[row["do"]], **more),
            after=int(row.get("after", 0)),
            times=None if row.get("times") is None else int(row["times"]),
        )
        # A wrong parameter is told now, not to the visitor who meets it.
        rule.misdeed(TRIAL, lambda _: ON_TRIAL)
    except KeyError as error:
        missing = error.args[0] in ("path", "do")
        what = f"has no {error.args[0]}" if missing else f"{error.args[0]} is no misdeed"
        raise NotMischief(place, what) from error
    except (AttributeError, TypeError, ValueError, OverflowError, re.error) as error:
        raise NotMischief(place, str(error)) from error
    return rule
