"""Boorus on real sockets, and a visitor who asks them."""

import http.client
import json
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import quote

import pytest
from embedded_booru import serving


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


class Visitor:
    """Asks a booru over one connection that stays open; follows no redirect."""

    def __init__(self, url):
        self.url = url
        self._connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)

    def get(self, path, *, method="GET", body=None, **headers):
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        self._connection.request(method, quote(path, safe="/?&=%[]+"), body=body, headers=sent)
        response = self._connection.getresponse()
        return Answer(response.status, response.headers, response.read())

    def json(self, path):
        answer = self.get(path)
        assert answer.status == 200, answer.body
        return answer.json

    def ids(self, query):
        return [post["id"] for post in self.json(f"/posts.json?only=id&{query}")]

    def all_posts(self, as_of):
        """Return all posts of a day by ID, read as a mirror reads them."""
        posts, last = {}, 0
        while True:
            page = self.json(f"/posts.json?page=a{last}&limit=200&as_of={as_of}")
            if not page:
                return posts
            posts |= {post["id"]: post for post in page}
            last = max(posts)

    def close(self):
        self._connection.close()


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    """A folder with the drawings, drawn once for all tests."""
    return tmp_path_factory.mktemp("booru-cache")


@pytest.fixture(scope="session")
def visiting(cache):
    """A block in which a visitor can ask a booru."""

    @contextmanager
    def visit(corpus=None, **options):
        with serving(corpus, cache=cache, **options) as url:
            visitor = Visitor(url)
            yield visitor
            visitor.close()

    return visit


@pytest.fixture(scope="session")
def site(visiting):
    """The pack at the end of its history."""
    with visiting() as visitor:
        yield visitor


@pytest.fixture
def make_corpus(tmp_path):
    """A corpus folder with these posts, whose files hold what they are named for."""

    def make(*posts, history=(), **tables):
        folder = tmp_path / "corpus"
        (folder / "original").mkdir(parents=True)
        write_lines(folder / "posts.jsonl", posts)
        if history:
            write_lines(folder / "history.jsonl", history)
        for name, rows in tables.items():
            write_lines(folder / f"{name}.jsonl", rows)
        return folder

    return make


def write_lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
