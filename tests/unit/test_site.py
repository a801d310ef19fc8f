import json

import pytest
from booru_release.budget import Budget
from booru_release.patience import Manners
from booru_release.posts import MalformedPost
from booru_release.site import Site, parsed, rows_of
from booru_release.site_problems import ForeignAddress, SiteRefuses, UnexpectedAnswer
from booru_release.transfer import Transfer
from embedded_booru import serving
from web import Reply, file, rows

# printf picture | md5sum
MD5 = "5456fc54c74a297ce994998c2873b370"


def site_at(url, folder, **more):
    manners = Manners(timeout=5, attempts=2, retry_wait=0, throttled_wait=0)
    return Site(Transfer(url, Budget(folder / "budget", None), manners=manners, **more))


@pytest.fixture
def site(web, tmp_path):
    """The site of the hostile server."""
    return site_at(web.url, tmp_path)


@pytest.fixture(scope="module")
def booru(drawings, tmp_path_factory):
    """The embedded booru as of the end of 2018."""
    with serving(as_of="2018-12-31", cache=drawings) as url:
        yield site_at(url, tmp_path_factory.mktemp("booru"))


def ids_in(body):
    return [row["id"] for row in json.loads(body)]


# Questions, as the server's log has them


def test_the_newest_post_is_asked_for_by_day(web, site):
    web.put("/posts.json", rows({"id": 7}))
    assert site.newest_post("2018-12-31") == 7
    assert web.asked[0].query == {"tags": "date:<=2018-12-31", "limit": "1"}


def test_posts_are_asked_for_in_pages_after_an_id(web, site):
    web.put("/posts.json", rows({"id": 8}))
    assert site.posts_after(7) == b'[{"id":8}]'
    assert web.asked[0].query == {"page": "a7", "limit": "200"}


def test_posts_are_asked_for_by_name(web, site):
    web.put("/posts.json", rows({"id": 8}))
    assert site.posts_with([7, 8]) == b'[{"id":8}]'
    assert web.asked[0].query == {"tags": "id:7,8", "limit": "200"}


def test_rows_of_a_table_are_asked_for_in_pages_after_an_id(web, site):
    web.put("/tags.json", rows({"id": 8}))
    assert site.rows_after("tags", 7) == b'[{"id":8}]'
    assert web.asked[0].query == {"page": "a7", "limit": "1000"}


def test_a_post_is_asked_for_alone(web, site):
    web.put("/posts/7.json", Reply(body=b'{"id":7}'))
    assert site.post(7) == {"id": 7}
    assert web.asked[0].query == {}


def test_an_address_may_have_a_path_and_a_slash_at_its_end(web, tmp_path):
    web.put("/booru/posts/7.json", Reply(body=b'{"id":7}'))
    site = site_at(f"{web.url}/booru/", tmp_path)
    assert site.url == f"{web.url}/booru"
    assert site.post(7) == {"id": 7}


# Answers of a booru with Danbooru's API


def test_the_newest_post_of_a_booru_is_the_last_of_that_day(booru):
    assert booru.newest_post("2015-02-10") == 4


def test_a_booru_without_posts_of_a_day_has_no_newest_post(booru):
    assert booru.newest_post("2014-12-31") is None


def test_pages_of_a_booru_come_backwards(booru):
    found = ids_in(booru.posts_after(0))
    assert found == sorted(found, reverse=True)
    assert min(found) == 2


def test_a_booru_knows_which_of_some_posts_it_has(booru):
    assert sorted(ids_in(booru.posts_with([1, 4, 5]))) == [4, 5]


def test_a_booru_refuses_a_post_that_it_does_not_have(booru):
    with pytest.raises(SiteRefuses, match=r"/posts/1.json: refuses \(HTTP 404\)") as problem:
        booru.post(1)
    assert problem.value.status == 404


def test_a_file_of_a_booru_is_fetched_by_its_relative_address(booru, tmp_path):
    post = booru.post(5)
    assert post["file_url"].startswith("/")
    place = tmp_path / "5.png"
    booru.fetch(post["file_url"], place, md5=post["md5"], size=post["file_size"])
    assert place.stat().st_size == post["file_size"]


# Addresses of files


@pytest.mark.parametrize("address", ["/data/7.png", "data/7.png", "//HOST/data/7.png"])
def test_an_address_may_be_relative(web, site, tmp_path, address):
    web.put("/data/7.png", file(b"picture"))
    site.fetch(address.replace("HOST", web.host), tmp_path / "7.png", md5=MD5, size=7)
    assert (tmp_path / "7.png").read_bytes() == b"picture"


def test_a_relative_address_on_another_host_is_refused(web, site, tmp_path):
    with pytest.raises(ForeignAddress, match=r"http://example.org/7.png: is not on a configured"):
        site.fetch("//example.org/7.png", tmp_path / "7.png", md5=MD5, size=7)
    assert web.asked == []


@pytest.mark.parametrize("address", ["http://[", "//[::1", "http://℀/7.png"])
def test_what_is_no_address_is_refused(web, site, tmp_path, address):
    with pytest.raises(ForeignAddress) as problem:
        site.fetch(address, tmp_path / "7.png", md5=MD5, size=7)
    assert str(problem.value).startswith(f"{address}: is no address (")
    assert web.asked == []


# Answers that are none


@pytest.mark.parametrize("body", ["{}", "null", "7", '"rows"', "[7]", "[[]]", '[{"id":7},null]'])
def test_what_is_no_list_of_rows_is_refused(body):
    with pytest.raises(UnexpectedAnswer, match=r"^here: answers no list of rows\n  hint: "):
        rows_of(body.encode(), "here")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[",
        b'[{"id":7}',
        b"<html>",
        b'["\xff"]',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"9" * 5000,
        b'[{"id":7,"score":NaN}]',
        b'[{"id":7,"score":-Infinity}]',
        b'[{"id":7,"score":1e999}]',
    ],
)
def test_what_is_no_json_is_refused(body):
    with pytest.raises(UnexpectedAnswer, match=r"^here: answers broken JSON \("):
        parsed(body, "here")


def test_a_post_that_is_no_object_is_refused(web, site):
    web.put("/posts/7.json", rows({"id": 7}))
    with pytest.raises(UnexpectedAnswer, match=r"/posts/7.json: answers no post\n"):
        site.post(7)


def test_a_newest_post_without_an_id_is_refused(web, site):
    web.put("/posts.json", rows({"md5": "…"}))
    with pytest.raises(MalformedPost, match="the ID is None"):
        site.newest_post("2018-12-31")
