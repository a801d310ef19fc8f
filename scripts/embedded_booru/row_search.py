"""Search the tables beside the posts: search[id]=>=5&search[name]=…"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

from embedded_booru.moments import parse_moment
from embedded_booru.ranges import Condition, condition
from embedded_booru.rows import COLUMNS, Row

SEARCH = re.compile(r"search\[(\w+)\]")
RowTest = Callable[[Row], bool]


def searches(query: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield name and value of each search[name]=value."""
    for key, value in query.items():
        match = SEARCH.fullmatch(key)
        if match:
            yield match[1], value


def matching_rows(table: str, rows: list[Row], query: Mapping[str, str]) -> list[Row]:
    """Return the rows that a query asks for; keys that mean nothing are ignored."""
    tests = [test for name, value in searches(query) if (test := _test(table, name, value))]
    return [row for row in rows if all(test(row) for test in tests)]


def _test(table: str, name: str, value: str) -> RowTest | None:
    columns = COLUMNS[table]
    if name == "name_matches" and "name" in columns:
        return lambda row: fnmatch.fnmatchcase(row["name"], value)
    if name == "hide_empty" and "post_count" in columns and _truth(value):
        return lambda row: row["post_count"] > 0
    if name in ("created_at", "updated_at"):
        return _on(name, condition(value, _moment), parse_moment)
    return _column_test(name, value, columns.get(name))


def _column_test(name: str, value: str, default: object) -> RowTest | None:
    # True and False are whole numbers, too, so they have to come first.
    if isinstance(default, bool):
        return lambda row: bool(row[name] == _truth(value))
    if isinstance(default, int):
        return _on(name, condition(value, int))
    if isinstance(default, str):
        return lambda row: bool(row[name] == value)
    return None


def _on(name: str, matches: Condition, read: Callable[[str], datetime] | None = None) -> RowTest:
    return lambda row: matches(read(row[name]) if read else row[name])


def _truth(value: str) -> bool:
    return value.lower() in ("true", "t", "yes", "y", "on", "1")


def _moment(text: str) -> datetime:
    # A plus that was not escaped arrives as a space.
    return parse_moment(re.sub(r" (\d\d:\d\d)$", r"+\1", text) if "T" in text else text)
