"""The tables beside the posts: tags, pools, notes and so on at some moment.

A row is in its file once for each version of it, with the moment of the change as `updated_at`.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from functools import partial
from pathlib import Path

from embedded_booru.corpus import read_lines
from embedded_booru.history import PACK, History
from embedded_booru.models import CATEGORY_NUMBERS, Post
from embedded_booru.moments import on_the_wire, parse_moment
from embedded_booru.rows import COLUMNS, Row, complete

DATES = ("created_at", "updated_at")
OWN_TABLES = Path(__file__).parent / "tables"


def read_tables(corpus: Path | None) -> dict[str, list[Row]]:
    """Return all versions of all rows that a corpus has; the pack's are beside it."""
    folder = OWN_TABLES if corpus in (None, PACK) else corpus
    assert folder is not None
    return {
        table: list(read_lines(folder, f"{table}.jsonl", partial(_version, table)))
        for table in COLUMNS
        if (folder / f"{table}.jsonl").exists()
    }


def _version(table: str, given: Row) -> Row:
    row = complete(table, given)
    return row | {name: parse_moment(row[name]) for name in DATES}


def table_at(
    table: str,
    versions: dict[str, list[Row]],
    history: History,
    posts: dict[int, Post],
    moment: datetime,
) -> list[Row]:
    """Return the rows of a table as they are at a moment."""
    if table == "tags" and table not in versions:
        return _tags(history, posts, moment)
    return _newest(versions.get(table, []), moment)


def _newest(versions: list[Row], moment: datetime) -> list[Row]:
    """Return the last version of each row that was made until then."""
    shown: dict[int, Row] = {}
    for row in sorted(versions, key=lambda row: row["updated_at"]):
        if row["updated_at"] <= moment:
            shown[row["id"]] = _in_eastern_time(row)
    return [shown[row_id] for row_id in sorted(shown)]


def _in_eastern_time(row: Row) -> Row:
    return row | {name: on_the_wire(row[name]) for name in DATES}


def _tags(history: History, posts: dict[int, Post], moment: datetime) -> list[Row]:
    """Make the table of tags: each has the ID of its first use, in all of history."""
    counts = Counter(tag for p in posts.values() if not p.is_deleted for tag in p.tags.names)
    rows = []
    for tag_id, (tag, (first, last)) in enumerate(_uses(history, moment).items(), 1):
        row = {
            "id": tag_id,
            "name": tag,
            "post_count": counts[tag],
            "category": CATEGORY_NUMBERS[history.categories.get(tag, "general")],
            "created_at": on_the_wire(first),
            "updated_at": on_the_wire(last),
        }
        rows.append(complete("tags", row))
    return rows


def _uses(history: History, moment: datetime) -> dict[str, tuple[datetime, datetime]]:
    """Return when each tag was first and last given to a post."""
    uses: dict[str, tuple[datetime, datetime]] = {}
    for event in history.events:
        if event.moment <= moment:
            for tag in event.post.tags.names if event.post else event.add:
                first = uses.get(tag, (event.moment,))[0]
                uses[tag] = (first, event.moment)
    return uses
