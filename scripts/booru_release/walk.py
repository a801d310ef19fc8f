"""Reading a whole site: windows of IDs, page after page, each kept as it came.

A window's file appears when the window is complete, so a walk of days goes on where it stopped.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from . import progress
from .files import compressed, dump_json, read_json, read_raw_lines, replace_file, write_bytes
from .metadata import TABLES, Row
from .posts import end_of_day, id_of
from .site import Site, rows_of
from .site_problems import SiteProblem, UnexpectedAnswer

logger = logging.getLogger(__name__)

WINDOW = 1000
HOLES_A_QUESTION = 100


class NoPosts(SiteProblem):
    """The site has nothing that belongs to the release."""


@dataclass(frozen=True)
class RawSite:
    """The answers of a site as they came, in a folder; complete files only."""

    folder: Path

    def posts(self) -> Iterator[tuple[range, dict[int, Row]]]:
        """Each window of IDs with its posts, in order of ID; late ones of `confirmed` included."""
        last = read_json(self.folder / "bound.json")["last_id"]
        for window in windows(last):
            found = self._rows("posts", window.start, window)
            found |= self._rows("confirmed", window.start, window)
            yield window, dict(sorted(found.items()))

    def read_on(self) -> str | None:
        """The day (UTC) on which the walk began; None where an older version began it."""
        read_on: str | None = read_json(self.folder / "bound.json").get("read_on")
        return read_on

    def rows(self, table: str) -> Iterator[Row]:
        """The rows of another table, in order of ID."""
        last = 0
        for file in sorted((self.folder / table).glob("*.gz")):
            found = {id_of(row): row for row in _rows_in(file)}
            # A page may repeat what the pages before it had.
            yield from (row for row_id, row in sorted(found.items()) if row_id > last)
            last = max(found, default=last)

    def file(self, table: str, start: int) -> Path:
        """Where the answers of a window or page are kept."""
        return self.folder / table / f"{start:012d}.jsonl.gz"

    def forget(self, window: range) -> None:
        """Remove the answers of a window, so that the next walk asks for its posts again."""
        for table in ("posts", "confirmed"):
            self.file(table, window.start).unlink(missing_ok=True)

    def _rows(self, table: str, start: int, window: range) -> dict[int, Row]:
        file = self.file(table, start)
        if table == "confirmed" and not file.is_file():
            return {}
        return {post_id: row for row in _rows_in(file) if (post_id := id_of(row)) in window}


def _rows_in(file: Path) -> Iterator[Row]:
    for body in read_raw_lines(file):
        yield from rows_of(body, str(file))


def windows(last: int) -> Iterator[range]:
    """The ranges of IDs that tile 1 to `last`."""
    for start in range(1, last + 1, WINDOW):
        yield range(start, min(start + WINDOW, last + 1))


def walk_site(site: Site, raw: RawSite, *, last_upload: str, read_on: str | None = None) -> None:
    """Read everything that a release of the posts until a day needs, and does not have yet.

    `read_on` is today (UTC), kept when the walk begins; None for a site that is shown as of the
    end of `last_upload`.

    Raises:
        NoPosts: no post is that old.
        SiteProblem: the site is down, refuses, or answers what it may not.
    """
    last = _bound(site, raw, last_upload, read_on)
    tiles = [*windows(last)]
    progress.expect(2 * len(tiles))
    for window in tiles:
        _complete(raw.file("posts", window.start), _window_reader(site, window))
        progress.count(progress.READ)
        if window.start % (WINDOW * 100) == 1:
            logger.info("posts: IDs up to %d of %d", window.stop - 1, last)
    for window, found in raw.posts():
        holes = [post_id for post_id in window if post_id not in found]
        if holes:
            _complete(raw.file("confirmed", window.start), _hole_reader(site, holes))
        progress.count(progress.READ)
    for table in TABLES:
        _walk_table(site, raw, table)


def _bound(site: Site, raw: RawSite, last_upload: str, read_on: str | None) -> int:
    """The last ID to ask for, the same when the walk is taken up again."""
    file = raw.folder / "bound.json"
    if not file.is_file():
        # The site's days are of another time zone: the day after holds all of this one.
        day_after = end_of_day(last_upload).date().isoformat()
        last = site.newest_post(day_after)
        if last is None:
            raise NoPosts(site.url, f"has no post uploaded until {last_upload}")
        write_bytes(file, dump_json({"last_id": last, "read_on": read_on or day_after}))
    bound: int = read_json(file)["last_id"]
    return bound


def _complete(file: Path, read: Callable[[], Iterator[bytes]]) -> None:
    if file.is_file():
        return
    with replace_file(file) as out, compressed(out) as lines:
        for body in read():
            lines.write(body + b"\n")
            progress.asked()


def _window_reader(site: Site, window: range) -> Callable[[], Iterator[bytes]]:
    def read() -> Iterator[bytes]:
        after = window.start - 1
        while after < window.stop - 1:
            body = site.posts_after(after)
            ids = _ids_in(body, site)
            yield body
            # A short page is no sign of the end; only an empty one is.
            if not ids:
                return
            after = _advance(site, after, max(ids))

    return read


def _hole_reader(site: Site, holes: list[int]) -> Callable[[], Iterator[bytes]]:
    def read() -> Iterator[bytes]:
        for first in range(0, len(holes), HOLES_A_QUESTION):
            body = site.posts_with(holes[first : first + HOLES_A_QUESTION])
            # What is kept is never asked for again, so it must be an answer.
            _ids_in(body, site)
            yield body

    return read


def _table_reader(site: Site, table: str, after: int) -> Callable[[], Iterator[bytes]]:
    def read() -> Iterator[bytes]:
        body = site.rows_after(table, after)
        if ids := _ids_in(body, site):
            _advance(site, after, max(ids))
        yield body

    return read


def _walk_table(site: Site, raw: RawSite, table: str) -> None:
    after = 0
    while True:
        file = raw.file(table, after)
        _complete(file, _table_reader(site, table, after))
        ids = [id_of(row) for row in _rows_in(file)]
        if not ids:
            return
        after = max(ids)


def _ids_in(body: bytes, site: Site) -> list[int]:
    return [id_of(row) for row in rows_of(body, site.url)]


def _advance(site: Site, after: int, newest: int) -> int:
    if newest <= after:
        raise UnexpectedAnswer(site.url, f"gives IDs up to {newest} when asked for those > {after}")
    return newest
