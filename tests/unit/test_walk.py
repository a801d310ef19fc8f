import json
import multiprocessing
import os
import signal
import time
from collections import Counter

import embedded_booru
import pytest
from booru_release import walk
from booru_release.budget import Budget
from booru_release.errors import ReleaseProblem
from booru_release.patience import Manners
from booru_release.posts import MalformedPost
from booru_release.site import Site
from booru_release.site_problems import SiteDown, UnexpectedAnswer
from booru_release.transfer import Transfer
from booru_release.walk import NoPosts, RawSite, walk_site, windows
from web import Reply, page, refusal, rows
from witnesses import existing, files_in

ALL_OF_2018 = "2018-12-31"
NESTED = Reply(body=b'[{"id":1,"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}]")


class Booru:
    """A site with posts of these IDs, whose pages are as long as it likes."""

    def __init__(self, web, ids, *, size=200):
        self.web, self.ids, self.size = web, sorted(ids), size
        web.put("/posts.json", self.posts)
        web.put("/tags.json", rows())

    def posts(self, asked):
        tags = asked.query.get("tags", "")
        if tags.startswith("date:"):
            return rows(*({"id": post_id} for post_id in self.ids[-1:]))
        if tags.startswith("id:"):
            wanted = set(map(int, tags[3:].split(",")))
            return self.page(post_id for post_id in self.ids if post_id in wanted)
        after = int(asked.query["page"].removeprefix("a"))
        return self.page([post_id for post_id in self.ids if post_id > after][: self.size])

    def page(self, ids):
        return rows(*({"id": post_id} for post_id in sorted(ids, reverse=True)))

    @property
    def questions(self):
        """What was asked, without the addresses."""
        return [(asked.path, *sorted(asked.query.items())) for asked in self.web.asked]

    def pages_asked(self):
        queries = [asked.query for asked in self.web.asked if asked.path == "/posts.json"]
        return [query["page"] for query in queries if "page" in query]

    def names_asked(self):
        return [
            asked.query["tags"]
            for asked in self.web.asked
            if asked.query.get("tags", "").startswith("id:")
        ]


@pytest.fixture
def raw(tmp_path):
    return RawSite(tmp_path / "raw")


@pytest.fixture
def read(web, raw, tmp_path, monkeypatch):
    """Walk the hostile server, where the tags stand for all tables."""
    monkeypatch.setattr(walk, "TABLES", ("tags",))

    def read(into=raw):
        walk_site(site_at(web.url, tmp_path), into, last_upload=ALL_OF_2018)

    return read


def site_at(url, folder, per_second=None):
    manners = Manners(timeout=5, attempts=2, retry_wait=0, throttled_wait=0)
    return Site(Transfer(url, Budget(folder / "budget", per_second), manners=manners))


def ids_of(raw):
    return [post_id for _, found in raw.posts() for post_id in found]


# Windows


@pytest.mark.parametrize("last", [1, 2, 999, 1000, 1001, 2000, 2501])
def test_windows_tile_all_ids_up_to_the_last(last):
    assert [post_id for window in windows(last) for post_id in window] == [*range(1, last + 1)]


def test_windows_are_of_one_size_and_begin_at_fixed_ids():
    assert [*windows(2500)] == [range(1, 1001), range(1001, 2001), range(2001, 2501)]


def test_there_is_no_window_without_a_post():
    assert [*windows(0)] == []


# A real booru


def test_a_walk_finds_every_post_of_the_embedded_booru(raw, drawings, tmp_path):
    with embedded_booru.serving(as_of=ALL_OF_2018, cache=drawings) as url:
        walk_site(site_at(url, tmp_path), raw, last_upload=ALL_OF_2018)
    assert ids_of(raw) == existing(ALL_OF_2018)


def test_a_walk_of_many_pages_finds_every_post_and_every_row(raw, drawings, tmp_path):
    with embedded_booru.serving(synthetic=1200, cache=drawings) as url:
        walk_site(site_at(url, tmp_path), raw, last_upload="2019-12-31")
    # The formula leaves out one ID in 199.
    assert ids_of(raw) == [post_id for post_id in range(1, 1201) if post_id % 199 != 57]
    tags = [tag["id"] for tag in raw.rows("tags")]
    assert len(tags) > 5000
    assert tags == sorted(set(tags))


def test_two_walks_of_the_same_site_give_the_same_bytes(drawings, tmp_path):
    with embedded_booru.serving(as_of=ALL_OF_2018, cache=drawings) as url:
        for folder in ("first", "second"):
            site = site_at(url, tmp_path)
            walk_site(site, RawSite(tmp_path / folder), last_upload=ALL_OF_2018)
            time.sleep(0.01)
    assert files_in(tmp_path / "first") == files_in(tmp_path / "second")


def test_a_walk_that_was_killed_asks_nothing_twice(raw, drawings, tmp_path, monkeypatch):
    monkeypatch.setattr(walk, "WINDOW", 200)
    log = tmp_path / "log.jsonl"
    with embedded_booru.serving(synthetic=1600, cache=drawings, log=log) as url:
        slowly = site_at(url, tmp_path, per_second=50)
        child = multiprocessing.get_context("fork").Process(
            target=walk_site, args=(slowly, raw), kwargs={"last_upload": "2019-12-31"}
        )
        child.start()
        while len([*(raw.folder / "posts").glob("*.gz")]) < 3:
            time.sleep(0.005)
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        before = len(log.read_text().splitlines())
        walk_site(site_at(url, tmp_path), raw, last_upload="2019-12-31")
    asked = [json.loads(line)["path"] for line in log.read_text().splitlines()]
    assert 4 <= before < 10
    # Only the question that was on its way may come again.
    assert set(asked[:before]) & set(asked[before:]) <= {asked[before - 1]}
    assert len(asked) - len(set(asked)) <= 1
    assert ids_of(raw) == [post_id for post_id in range(1, 1601) if post_id % 199 != 57]


# Taking up a walk


def test_a_finished_walk_asks_nothing_again(web, raw, read):
    Booru(web, range(1, 2500, 10))
    read()
    before, bytes_before = len(web.asked), files_in(raw.folder)
    read()
    assert len(web.asked) == before
    assert files_in(raw.folder) == bytes_before


# The questions are: 1 the bound, 2 to 4 the windows, 5 to 7 their holes, 8 the tags.
@pytest.mark.parametrize("broken", range(1, 9))
def test_a_walk_that_broke_off_anywhere_asks_nothing_twice(
    web, raw, read, tmp_path, monkeypatch, broken
):
    monkeypatch.setattr(walk, "WINDOW", 200)
    booru = Booru(web, [post_id for post_id in range(1, 600) if post_id % 4])
    whole = RawSite(tmp_path / "whole")
    read(whole)
    questions, answer = booru.questions, web.reply
    assert len(questions) == 8
    web.asked.clear()

    def reply(asked):
        answered = answer(asked)
        return refusal(400) if len(web.asked) == broken else answered

    web.reply = reply
    with pytest.raises(ReleaseProblem):
        read()
    read()
    assert Counter(booru.questions) == Counter(questions) + Counter([questions[broken - 1]])
    assert files_in(raw.folder) == files_in(whole.folder)


def test_the_bound_stays_when_the_site_grows_meanwhile(web, raw, read):
    booru = Booru(web, [1, 2, 3])
    web.put("/tags.json", refusal(500))
    with pytest.raises(SiteDown):
        read()
    booru.ids += [4, 1004]
    web.put("/tags.json", rows())
    read()
    assert ids_of(raw) == [1, 2, 3]


def test_a_window_is_kept_only_when_it_is_complete(web, raw, read):
    booru = Booru(web, range(1, 1501))
    fifth = {"a800": refusal(500)}
    web.put("/posts.json", lambda asked: fifth.get(asked.query.get("page")) or booru.posts(asked))
    with pytest.raises(SiteDown):
        read()
    assert [*files_in(raw.folder)] == ["bound.json"]


# Questions


def test_the_day_after_bounds_the_walk_since_the_sites_days_are_of_another_zone(web, raw, read):
    Booru(web, [1, 2, 3])
    read()
    assert web.asked[0].query["tags"] == "date:<=2019-01-01"
    assert json.loads((raw.folder / "bound.json").read_text()) == {
        "last_id": 3,
        "read_on": "2019-01-01",
    }


def test_a_window_is_read_page_by_page_to_its_end(web, read):
    booru = Booru(web, range(1, 1501))
    read()
    assert booru.pages_asked() == [
        *("a0", "a200", "a400", "a600", "a800"),
        *("a1000", "a1200", "a1400"),
    ]


def test_each_hole_is_asked_for_by_name(web, read):
    booru = Booru(web, [2, 5, 6])
    read()
    assert booru.names_asked() == ["id:1,3,4"]


def test_holes_are_asked_for_a_hundred_at_a_time(web, read):
    booru = Booru(web, [251])
    read()
    assert booru.names_asked() == [
        "id:" + ",".join(map(str, range(1, 101))),
        "id:" + ",".join(map(str, range(101, 201))),
        "id:" + ",".join(map(str, range(201, 251))),
    ]


def test_a_site_without_holes_is_not_asked_for_any(web, read):
    booru = Booru(web, [1, 2, 3])
    read()
    assert booru.names_asked() == []


def test_a_post_that_the_pages_left_out_is_found_by_its_name(web, raw, read):
    booru = Booru(web, [1, 2, 3])
    without_2 = rows({"id": 3}, {"id": 1})
    web.put("/posts.json", lambda asked: without_2 if "page" in asked.query else booru.posts(asked))
    read()
    assert ids_of(raw) == [1, 2, 3]


def test_a_window_without_any_post_is_all_holes(web, raw, read):
    booru = Booru(web, [1, 2002])
    read()
    assert [len(found) for _, found in raw.posts()] == [1, 0, 1]
    assert len(booru.names_asked()) == 10 + 10 + 1


# Odd answers that are good enough


@pytest.mark.parametrize("size", [1, 7, 180])
def test_a_short_page_is_not_the_end(web, raw, read, size):
    Booru(web, range(1, 40), size=size)
    read()
    assert ids_of(raw) == [*range(1, 40)]


def test_posts_that_come_twice_are_there_once(web, raw, read):
    booru = Booru(web, range(1, 31))

    def overlapping(asked):
        if "page" not in asked.query:
            return booru.posts(asked)
        after = int(asked.query["page"][1:])
        near = [post_id for post_id in booru.ids if after - 3 < post_id <= after + 5]
        return booru.page(near + near)

    web.put("/posts.json", overlapping)
    read()
    assert ids_of(raw) == [*range(1, 31)]


def test_rows_that_come_twice_are_there_once(web, raw, read):
    Booru(web, [1])
    web.put("/tags.json", rows({"id": 2}, {"id": 1}), rows({"id": 3}, {"id": 2}), rows())
    read()
    assert [*raw.rows("tags")] == [{"id": 1}, {"id": 2}, {"id": 3}]


def test_posts_beyond_the_bound_are_left_out(web, raw, read):
    booru = Booru(web, [1, 2, 3])
    posts = booru.posts
    web.put(
        "/posts.json",
        lambda asked: (
            rows({"id": 9}, {"id": 2}, {"id": 1}) if "page" in asked.query else posts(asked)
        ),
    )
    read()
    assert ids_of(raw) == [1, 2, 3]


def test_whatever_the_site_says_beside_the_ids_is_kept(web, raw, read):
    Booru(web, [1])
    row = {"id": 7, "name": "名前", "words": ["\ud800", None, 1.5], "new": {"a": [1]}}
    web.put("/tags.json", rows(row), rows())
    read()
    assert [*raw.rows("tags")] == [row]


# Bad answers


def test_a_site_without_posts_of_that_time_is_said(web, read):
    Booru(web, [])
    with pytest.raises(NoPosts, match=f"^{web.url}: has no post uploaded until 2018-12-31$"):
        read()


@pytest.mark.parametrize("table", ["posts", "tags"])
def test_ids_that_do_not_advance_end_the_walk(web, raw, read, table):
    booru = Booru(web, [1, 2, 3, 400])
    stuck = rows({"id": 3}, {"id": 2}, {"id": 1})
    if table == "tags":
        web.put("/tags.json", stuck)
    else:
        web.put("/posts.json", lambda asked: stuck if "page" in asked.query else booru.posts(asked))
    with pytest.raises(UnexpectedAnswer, match="gives IDs up to 3 when asked for those > 3"):
        read()
    assert not raw.file(table, 3).exists()


BAD = {
    "no list": Reply(body=b'{"success":false,"message":"no"}'),
    "a page for people": page(),
    "too deep": NESTED,
}


@pytest.mark.parametrize("answer", BAD.values(), ids=BAD.keys())
@pytest.mark.parametrize("place", ["bound", "window", "holes", "table", "later page of a table"])
def test_a_bad_answer_is_not_kept_and_the_walk_goes_on_when_the_site_is_well(
    web, raw, read, place, answer
):
    booru = Booru(web, [1, 2, 4])
    ill = True

    def asked_in(asked):
        if asked.path == "/tags.json":
            return "table" if asked.query["page"] == "a0" else "later page of a table"
        tags = asked.query.get("tags", "")
        return "bound" if tags.startswith("date") else "holes" if tags else "window"

    def tags(asked):
        return rows({"id": 5}) if asked.query["page"] == "a0" else rows()

    def shown(well):
        return lambda asked: answer if ill and asked_in(asked) == place else well(asked)

    web.put("/posts.json", shown(booru.posts))
    web.put("/tags.json", shown(tags))
    with pytest.raises(UnexpectedAnswer):
        read()
    ill = False
    read()
    assert ids_of(raw) == [1, 2, 4]
    assert [*raw.rows("tags")] == [{"id": 5}]


@pytest.mark.parametrize("row_id", [None, 1.0, "x", 2**53 + 1])
@pytest.mark.parametrize("place", ["window", "holes", "table"])
def test_an_id_that_is_none_ends_the_walk_and_is_not_kept(web, raw, read, place, row_id):
    booru = Booru(web, [1, 2, 4])
    bad = rows({"id": row_id})

    def posts(asked):
        tags = asked.query.get("tags", "id")
        return bad if tags.startswith("id") and ("page" in asked.query) == first else well(asked)

    first, well = place == "window", booru.posts
    web.put("/tags.json" if place == "table" else "/posts.json", bad if place == "table" else posts)
    with pytest.raises(MalformedPost, match="the ID is "):
        read()
    kept = {"window": "posts", "holes": "confirmed", "table": "tags"}[place]
    assert not [*raw.folder.glob(f"{kept}/*")]
