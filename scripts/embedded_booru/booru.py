"""A booru at all times, of which each request sees one."""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import Protocol

from embedded_booru.history import read_history
from embedded_booru.moments import end_of_day
from embedded_booru.tables import read_tables, table_at
from embedded_booru.timeline import posts_at
from embedded_booru.view import PostsView, View

# A visitor may ask for any day; the views of more days than this are not kept.
MOST_VIEWS = 50


class Booru(Protocol):
    """Something that can be looked at as of any day."""

    def at(self, day: str | None) -> View:
        """Return what visitors see at the end of a day, or of all history."""


class StoredBooru:
    """A booru made of a corpus folder, by default of the pack."""

    def __init__(self, corpus: Path | None, cache: Path) -> None:
        self._history = read_history(corpus, cache)
        self._versions = read_tables(corpus)
        self._views: dict[str | None, View] = {}
        self._making = Lock()

    def at(self, day: str | None) -> View:
        """Return what visitors see at the end of a day, or of all history."""
        view = self._views.get(day)
        return view if view is not None else self._make(day)

    def _make(self, day: str | None) -> View:
        moment = end_of_day(day)
        with self._making:
            if len(self._views) >= MOST_VIEWS:
                self._views.clear()
            if day not in self._views:
                posts = posts_at(self._history, moment)
                self._views[day] = PostsView(
                    posts,
                    lambda table: table_at(table, self._versions, self._history, posts, moment),
                )
            return self._views[day]
