"""The bytes of images, whole and in part."""

import hashlib

import pytest

TYPES = {
    "jpg": "image/jpeg",
    "png": "image/png",
    "gif": "image/gif",
    "webp": "image/webp",
    "bmp": "image/bmp",
    "zip": "application/zip",
    "mp4": "video/mp4",
    "swf": "application/x-shockwave-flash",
}


@pytest.fixture(scope="module")
def post(site):
    return site.json("/posts/5.json")


@pytest.fixture(scope="module")
def content(site, post):
    return site.get(post["file_url"]).body


@pytest.mark.parametrize("year", ["2018", "2019", "2020"])
def test_every_file_is_what_the_site_promises(site, year):
    for post in site.all_posts(f"{year}-12-31").values():
        if "file_url" in post:
            answer = site.get(f"{post['file_url']}?as_of={year}-12-31")
            assert answer.status == 200
            assert hashlib.md5(answer.body).hexdigest() == post["md5"]
            assert len(answer.body) == post["file_size"]
            assert answer.headers["Content-Length"] == str(post["file_size"])
            assert answer.headers["Content-Type"] == TYPES[post["file_ext"]]
            assert answer.headers["ETag"] == f'"{post["md5"]}"'


def test_other_spellings_of_an_address_lead_to_the_same_file(site, post, content):
    url, name = post["file_url"], f"{post['md5']}.png"
    assert site.get(f"/data{url}").body == content
    assert site.get(url.replace(name, f"__a_b_(c)__{name}")).body == content


@pytest.mark.parametrize("change", ["jpg", "ending", "folder", "preview"])
def test_a_wrong_address_leads_nowhere(site, post, change):
    url = post["file_url"]
    wrong = {
        "jpg": url.replace(".png", ".jpg"),
        "ending": url.removesuffix(".png"),
        "folder": url.replace("/original/", "/original/00/"),
        "preview": url.replace("/original/", "/180x180/"),
    }
    assert site.get(wrong[change]).status == 404


@pytest.mark.parametrize(
    ("wanted", "part", "told"),
    [
        ("bytes=0-9", slice(0, 10), "bytes 0-9/{size}"),
        ("bytes=100-", slice(100, None), "bytes 100-{last}/{size}"),
        ("bytes=-7", slice(-7, None), None),
        ("bytes=0-99999999", slice(None), "bytes 0-{last}/{size}"),
        ("bytes=-99999999", slice(None), "bytes 0-{last}/{size}"),
    ],
)
def test_a_part_can_be_asked_for(site, post, content, wanted, part, told):
    answer = site.get(post["file_url"], Range=wanted)
    assert answer.status == 206
    assert answer.body == content[part]
    size = len(content)
    if told:
        assert answer.headers["Content-Range"] == told.format(size=size, last=size - 1)


@pytest.mark.parametrize("wanted", ["bytes={size}-", "bytes=99999999-", "bytes=-0"])
def test_a_part_beyond_the_end_is_refused(site, post, content, wanted):
    answer = site.get(post["file_url"], Range=wanted.format(size=len(content)))
    assert (answer.status, answer.body) == (416, b"")
    assert answer.headers["Content-Range"] == f"bytes */{len(content)}"


@pytest.mark.parametrize("wanted", ["bytes=-", "lines=1-2", "bytes=9-3", "bytes=0-1,4-5", "x"])
def test_a_range_that_makes_no_sense_is_ignored(site, post, content, wanted):
    answer = site.get(post["file_url"], Range=wanted)
    assert (answer.status, answer.body) == (200, content)


def test_a_part_of_another_file_is_not_sent(site, post, content):
    same = site.get(post["file_url"], Range="bytes=5-", If_Range=f'"{post["md5"]}"')
    other = site.get(post["file_url"], Range="bytes=5-", If_Range='"another"')
    assert (same.status, same.body) == (206, content[5:])
    assert (other.status, other.body) == (200, content)


def test_a_file_that_one_has_is_not_sent_again(site, post):
    answer = site.get(post["file_url"], If_None_Match=f'"{post["md5"]}"')
    assert (answer.status, answer.body) == (304, b"")


def test_a_head_request_tells_the_size(site, post):
    answer = site.get(post["file_url"], method="HEAD")
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["Content-Length"] == str(post["file_size"])


def test_files_of_deleted_posts_are_there_and_those_of_banned_ones_are_not(site):
    deleted, banned = site.json("/posts/11.json"), site.json("/posts/76.json?as_of=2017-12-31")
    assert deleted["is_deleted"] is True
    assert site.get(deleted["file_url"]).status == 200
    assert site.get(f"{banned['file_url']}?as_of=2017-12-31").status == 200
    assert site.get(banned["file_url"]).status == 404


def test_a_replaced_file_is_gone_when_the_new_one_is_there(site):
    old, new = site.json("/posts/17.json?as_of=2018-12-31"), site.json("/posts/17.json")
    assert old["md5"] != new["md5"]
    assert site.get(old["file_url"]).status == 404
    assert site.get(new["file_url"]).status == 200
    assert site.get(f"{new['file_url']}?as_of=2018-12-31").status == 404


def test_a_file_that_is_missing_on_disk_is_not_found(make_corpus, visiting, post):
    with visiting(make_corpus(post)) as visitor:
        assert visitor.get(post["file_url"]).status == 404
