"""Find the answer to a request."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from embedded_booru.errors import Refusal, no_such_page, not_found
from embedded_booru.messages import Reply, Request, json_reply, redirect_without_blanks
from embedded_booru.models import Json, Post
from embedded_booru.only import keep_only, parse_only
from embedded_booru.paging import parse_page
from embedded_booru.post_search import Search, parse_search
from embedded_booru.row_search import matching_rows
from embedded_booru.rows import COLUMNS, Row
from embedded_booru.view import View
from embedded_booru.wire import post_object

POSTS_A_PAGE, ROWS_A_PAGE = 200, 1000
FORMATS = (None, "html", "js", "json", "xml")
PATH = re.compile(r"/([a-z_0-9/]+?)(?:\.([a-z]+))?")
ONE_RECORD = re.compile(r"(\w+)/(\d{1,18})")
COMMENTARY = re.compile(r"posts/(\d{1,18})/artist_commentary")


class Endpoints:
    """The addresses of the site that answer in JSON."""

    def __init__(self, image_base: str = "") -> None:
        self._image_base = image_base
        self._lists: dict[str, Callable[[Request, View], Any]] = {
            "posts": self._posts,
            "counts/posts": self._count,
        }

    def answer(self, request: Request, view: View) -> Reply:
        """Return the answer to a request as of a view."""
        name = self._name(request)
        redirect = redirect_without_blanks(request)
        if redirect is not None:
            return redirect
        value = self._value(name, request, view)
        only = request.query.get("only")
        return json_reply(keep_only(value, parse_only(only)) if only else value)

    def _name(self, request: Request) -> str:
        """Return what the address names, which has to be wanted as JSON."""
        path = PATH.fullmatch(request.path)
        name, ext = (path[1], path[2]) if path else ("", None)
        if not self._exists(name) or ext not in FORMATS:
            raise no_such_page()
        accepted = request.headers.get("accept", "")
        if ext != "json" and (ext is not None or "application/json" not in accepted):
            message = f"{ext or 'html'} is not a supported format for this page"
            raise Refusal(406, "ActionController::UnknownFormat", message)
        return name

    def _exists(self, name: str) -> bool:
        table = name.split("/")[0]
        known = table == "posts" or table in COLUMNS
        return (
            name in self._lists
            or name in COLUMNS
            or bool(COMMENTARY.fullmatch(name) or (known and ONE_RECORD.fullmatch(name)))
        )

    def _value(self, name: str, request: Request, view: View) -> Any:  # noqa: ANN401
        if name in self._lists:
            return self._lists[name](request, view)
        commentary = COMMENTARY.fullmatch(name)
        if commentary:
            return _row(view, "artist_commentaries", "post_id", int(commentary[1]))
        record = ONE_RECORD.fullmatch(name)
        if record is None:
            return _rows(name, request, view)
        if record[1] == "posts":
            return self._object(view.post(int(record[2])))
        return _row(view, record[1], "id", int(record[2]))

    def _object(self, post: Post | None) -> Json:
        if post is None:
            raise not_found()
        return post_object(post, self._image_base)

    def _posts(self, request: Request, view: View) -> Json | list[Json]:
        if "md5" in request.query:
            return self._object(view.post_of(request.query["md5"].lower()))
        search = parse_search(request.query.get("tags", ""))
        return [post_object(post, self._image_base) for post in _page(search, request, view)]

    def _count(self, request: Request, view: View) -> Json:
        search = parse_search(request.query.get("tags", ""))
        return {"counts": {"posts": search.count(view)}}


def _page(search: Search, request: Request, view: View) -> list[Post]:
    page = parse_page(request.query, POSTS_A_PAGE, search.limit)
    if page.kind == "a":
        return page.first_upwards(search.up(view, page.value + 1))
    if page.kind == "b":
        return page.first_upwards(search.down(view, page.value - 1))[::-1]
    return page.cut(search.ordered(view))


def _rows(table: str, request: Request, view: View) -> list[Row]:
    rows = matching_rows(table, view.table(table), request.query)
    page = parse_page(request.query, ROWS_A_PAGE)
    if page.kind == "a":
        return page.first_upwards(row for row in rows if row["id"] > page.value)
    if page.kind == "b":
        return page.first_upwards(row for row in reversed(rows) if row["id"] < page.value)[::-1]
    if table == "pools":
        return page.cut(sorted(rows, key=lambda row: (row["updated_at"], row["id"]), reverse=True))
    return page.cut(reversed(rows))


def _row(view: View, table: str, column: str, value: int) -> Row:
    found = next((row for row in view.table(table) if row[column] == value), None)
    if found is None:
        raise not_found()
    return found
