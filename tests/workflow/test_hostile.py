"""A site that misbehaves in every way: each post ends in its state, and nothing wrong gets in."""

import hashlib
import json
import os
import random
import re
import shutil
import struct
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pandas
import pytest
from booru_release.files import read_lines
from embedded_booru import serving

from .conftest import PACK, Run, Workshop, contents, free_port, write_lines

BUCKETS = 4
LARGE = 3 << 20
SECRET = "k3y-of-nobody"


@dataclass(frozen=True)
class Case:
    """What happens to one post: rules for its file or its row, and what must become of it.

    `state` and `says` are how the first release ends, `fails` what the first run says of the post
    if it cannot settle it. `later` is what the site does to the post after its metadata was read.
    """

    rules: tuple[dict, ...]
    state: str = "published"
    says: str | None = None
    fails: str | None = None
    later: dict = field(default_factory=dict)
    is_large: bool = False


def once(do, **more):
    """A rule for the first request for a post's file."""
    return {"do": do, "times": 1, **more}


def twice(do, **more):
    return {"do": do, "times": 2, **more}


def always(do, **more):
    return {"do": do, **more}


def told(name, text, **more):
    """A rule for a field of the post in the list of posts."""
    return {"do": "json_field", "field": name, "text": text, "path": "^/posts[.]json", **more}


ELSEWHERE = "http://elsewhere.example/"
GONE = "was replaced or hidden after its metadata was read"

PASSING = [
    Case((once("error", status=429, retry_after=1),)),
    Case((once("page", status=429, retry_after=1, as_date=True),)),
    Case((twice("error", status=429),)),
    Case((twice("error", status=500),)),
    Case((twice("page", status=502),)),
    Case((once("page", status=503, retry_after=0),)),
    Case((once("page", status=520), once("reset"))),
    Case((twice("page"),)),
    Case((twice("challenge", status=200),)),
    Case((twice("reset"),)),
    Case((twice("reset_midway"),)),
    Case((twice("cut"),)),
    Case((once("wrong_length", by=10),)),
    Case((once("wrong_length", by=-10),)),
    Case((once("truncate"),)),
    Case((once("alter"),)),
    Case((once("placeholder"),)),
    Case((once("drip", piece=100),)),
    Case((once("late", seconds=3),)),
    Case((always("redirect", to="/data{path}", path="^/original/"),)),
    Case((always("redirect", to="//{host}/data{path}", path="^/original/", status=307),)),
    Case((once("redirect", to="{path}", status=308),)),
    Case((told("file_size", "1e999"),)),
    Case((told("file_size", '"12"'),)),
    # Where the site sends ranges honestly, nothing that came is sent again.
    Case((once("cut"),), is_large=True),
    Case((once("reset_midway"),), is_large=True),
    Case((once("cut"), always("part_shifted")), is_large=True),
    Case((once("cut"), always("part_altered")), is_large=True),
    Case((once("cut"), always("part_ignored")), is_large=True),
    Case((once("cut"), always("part_refused")), is_large=True),
    Case((once("cut"), always("part_of_another_size")), is_large=True),
    Case((once("cut"), always("error", status=206)), is_large=True),
]
SETTLED = [
    Case((always("error", status=404),), "missing", "refuses (HTTP 404)"),
    Case((always("page", status=404),), "missing", "refuses (HTTP 404)"),
    Case((always("error", status=410),), "missing", "refuses (HTTP 410)"),
    Case((always("page"),), "mismatch", "a web page in place of the file (3 attempts)"),
    Case((always("alter"),), "mismatch", "md5 "),
    Case((always("truncate"),), "mismatch", " bytes instead of "),
    Case((always("placeholder"),), "mismatch", " bytes instead of "),
    Case((always("wrong_length", by=10),), "mismatch", "sends more than the promised "),
    Case((always("wrong_length", by=-10),), "mismatch", " bytes instead of "),
    Case((always("alter"),), "mismatch", "md5 ", is_large=True),
    Case((once("cut"), always("alter")), "mismatch", "md5 ", is_large=True),
    Case((told("file_size", "7"),), "mismatch", "sends more than the promised 7 bytes"),
    Case((told("md5", '"../../../../etc/x"'),), "banned", "the site hides its file"),
    Case((told("file_url", "null"),), "banned", "the site gives no address for its file"),
    Case((told("file_ext", '"../x"'),), "excluded", "its file has no type"),
    Case((told("file_ext", None),), "excluded", "its file has no type"),
    Case((), "published", later={"event": "replace"}),
    Case((), "banned", "banned on the site", later={"event": "ban"}),
    Case((), "missing", "the site has expunged the post", later={"event": "expunge"}),
]
FAILING = [
    Case((always("error", status=500),), fails="HTTP 500 (3 attempts)"),
    Case((always("page", status=503),), fails="HTTP 503 (3 attempts)"),
    Case((always("error", status=429),), fails="HTTP 429 (3 attempts)"),
    Case((always("reset"),), fails="no answer (3 attempts)"),
    Case((always("cut"),), fails="the answer broke off (3 attempts)"),
    Case((always("drip", piece=100),), fails="too slow (3 attempts)"),
    Case((always("late", seconds=3),), fails="too slow (3 attempts)"),
    Case((always("challenge"),), fails="refuses (HTTP 403)"),
    Case((always("error", status=403),), fails="refuses (HTTP 403)"),
    Case((always("redirect", to=ELSEWHERE),), fails="is not on a configured host"),
    Case(
        (always("redirect", to="//elsewhere.example{path}"),), fails="is not on a configured host"
    ),
    Case((always("redirect", to=f"{ELSEWHERE}?{{authorization}}"),), fails=f"{ELSEWHERE}?"),
    Case((always("redirect", to="{path}"),), fails="redirected more than 5 times"),
    Case((always("cut"),), fails="the answer broke off (3 attempts)", is_large=True),
]


def cases() -> dict[int, Case]:
    """The cases by ID; in no bucket do more than two posts in a row fail, as if all were down."""
    others, failing = iter(SETTLED + PASSING), iter(FAILING)
    rows = [kind for kind in (others, failing) for _ in range(BUCKETS)]
    in_order = [
        case for _ in range(len(SETTLED + PASSING)) for kind in rows for case in _next(kind)
    ]
    return dict(enumerate(in_order, 1))


def _next(cases: Iterator[Case]) -> Iterator[Case]:
    yield from (case for case in [next(cases, None)] if case is not None)


CASES = cases()


class Hostile:
    """A corpus with a post for each case, two files for some, and three more posts a year later."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        small = (json.loads(line) for line in (PACK / "posts.jsonl").open())
        ordered = sorted((row for row in small if row["file_ext"] == "png"), key=_size)
        self._small = [row for row in ordered if row["file_size"] > 2000]
        self.rows: dict[int, dict] = {}
        self.files: dict[str, bytes] = {}
        self.newer: dict[int, str] = {}
        self._events: list[dict] = []
        for post_id, case in CASES.items():
            self._upload(post_id, case, "2018-03-01")
        for post_id in range(len(CASES) + 1, len(CASES) + 4):
            self._upload(post_id, Case(()), "2019-03-01")
        write_lines(folder / "posts.jsonl", [*self._made])
        write_lines(folder / "history.jsonl", sorted(self._events, key=lambda row: row["date"]))

    def md5(self, post_id: int) -> str:
        return self.rows[post_id]["md5"]
