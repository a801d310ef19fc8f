import datetime

import pytest
from booru_release.posts import MalformedPost, Post, end_of_day, id_of, parse_post, parse_time

MD5 = "d34e4cf0a437a5d65f8e82b7bcd02606"
# A post as /posts.json has it today, of the fields that a release reads.
TODAY = {
    "id": 2552401,
    "created_at": "2016-11-25T21:40:42.851-05:00",
    "rating": "g",
    "md5": MD5,
    "file_ext": "jpg",
    "file_size": 285_312,
    "file_url": f"https://cdn.donmai.us/original/d3/4e/{MD5}.jpg",
    "tag_string": "1girl blonde_hair  solo",
    "is_deleted": False,
    "is_banned": False,
}


def utc(*numbers):
    return datetime.datetime(*numbers, tzinfo=datetime.UTC)


def test_a_post_of_today_is_read():
    assert parse_post(TODAY) == Post(
        id=2552401,
        created_at=utc(2016, 11, 26, 2, 40, 42, 851_000),
        rating="g",
        md5=MD5,
        file_ext="jpg",
        size=285_312,
        url=f"https://cdn.donmai.us/original/d3/4e/{MD5}.jpg",
        tags=("1girl", "blonde_hair", "solo"),
        is_deleted=False,
        is_banned=False,
        is_pending=False,
        is_flagged=False,
        artists=("1girl", "blonde_hair", "solo"),
    )


def test_a_post_says_who_made_it_and_what_the_site_thinks_of_it():
    post = parse_post(
        {**TODAY, "tag_string_artist": "a  b_(c)", "is_pending": True, "is_flagged": "yes"}
    )
    assert (post.artists, post.is_pending, post.is_flagged) == (("a", "b_(c)"), True, False)
    assert parse_post({**TODAY, "tag_string_artist": ""}).artists == ()


@pytest.mark.parametrize("hostile", [None, 7, ["a"], {"a": "b"}])
def test_where_artists_are_not_told_apart_every_tag_may_be_one(hostile):
    post = parse_post({**TODAY, "tag_string_artist": hostile})
    assert post.artists == post.tags


def test_a_post_of_2018_with_a_relative_address_is_read():
    post = parse_post({**TODAY, "rating": "s", "file_url": f"/data/__someone__{MD5}.jpg"})
    assert (post.rating, post.url) == ("s", f"/data/__someone__{MD5}.jpg")


def test_a_banned_post_hides_its_file():
    hidden = {key: value for key, value in TODAY.items() if key not in {"md5", "file_url"}}
    post = parse_post({**hidden, "is_banned": True})
    assert (post.md5, post.url, post.is_banned) == (None, None, True)


def test_a_deleted_post_is_deleted():
    assert parse_post({**TODAY, "is_deleted": True}).is_deleted is True


def test_only_true_is_true():
    post = parse_post({**TODAY, "is_deleted": "false", "is_banned": 1})
    assert (post.is_deleted, post.is_banned) == (False, False)


def test_a_post_with_nothing_but_an_id_and_a_time_is_read():
    post = parse_post({"id": 1, "created_at": "2018-01-01T00:00:00Z"})
    assert post == Post(1, utc(2018, 1, 1), "?", None, None, None, None, (), False, False)


# Nothing of the site's text becomes a path


@pytest.mark.parametrize(
    "md5", [None, 7, "", MD5.upper(), MD5[:-1], MD5 + "0", f"{MD5}\n", "../" + MD5[3:], "x" * 32]
)
def test_what_is_no_md5_counts_as_hidden(md5):
    assert parse_post({**TODAY, "md5": md5}).md5 is None


@pytest.mark.parametrize(
    "ext", [None, 7, "", "JPG", ".jpg", "jpg/", "../x", "jp g", "jpg\n", "toolong"]
)
def test_what_is_no_extension_counts_as_none(ext):
    assert parse_post({**TODAY, "file_ext": ext}).file_ext is None


@pytest.mark.parametrize("size", [None, -1, 1.5, "7", True, float("inf")])
def test_what_is_no_size_counts_as_unknown(size):
    assert parse_post({**TODAY, "file_size": size}).size is None


@pytest.mark.parametrize("rating", [None, "", "safe", "G", 1, "\n"])
def test_what_is_no_rating_is_unknown(rating):
    assert parse_post({**TODAY, "rating": rating}).rating == "?"


@pytest.mark.parametrize("url", [None, 7, ["http://example.org/"]])
def test_what_is_no_address_counts_as_hidden(url):
    assert parse_post({**TODAY, "file_url": url}).url is None


@pytest.mark.parametrize("tags", [None, "", "  "])
def test_a_post_may_have_no_tags(tags):
    assert parse_post({**TODAY, "tag_string": tags}).tags == ()


# IDs


@pytest.mark.parametrize(("value", "number"), [(1, 1), ("7", 7), ("007", 7), (2**53, 2**53)])
def test_an_id_is_a_positive_whole_number(value, number):
    assert id_of({"id": value}) == number


@pytest.mark.parametrize(
    "value", [None, 0, -1, 1.0, True, "", "-1", "1.0", "٧", "²", " 7", "9" * 17, 2**53 + 1, [7], {}]
)
def test_what_is_no_id_is_refused(value):
    with pytest.raises(MalformedPost) as problem:
        id_of({"id": value})
    assert str(problem.value) == f"post: the ID is {value!r}"


@pytest.mark.parametrize("row", [None, 7, "post", [7], {}])
def test_what_is_no_row_has_no_id(row):
    with pytest.raises(MalformedPost, match=r"^post: the ID is None$"):
        id_of(row)


# Times


@pytest.mark.parametrize(
    "text",
    [
        "2018-12-31T18:59:59.999-05:00",
        "2018-12-31T19:59:59.999-04:00",
        "2019-01-01T08:59:59.999+09:00",
        "2018-12-31T23:59:59.999Z",
        "2018-12-31T23:59:59.999",
    ],
)
def test_times_of_all_zones_are_one_moment(text):
    assert parse_time(text, 7) == utc(2018, 12, 31, 23, 59, 59, 999_000)


@pytest.mark.parametrize(
    "value",
    [None, "", "yesterday", "2018-13-01T00:00:00Z", [], "0001-01-01T00:00:00+10:00"],
)
def test_what_is_no_time_is_named_with_its_post(value):
    with pytest.raises(MalformedPost) as problem:
        parse_time(value, 7)
    assert str(problem.value) == f"post: 7: uploaded at {value!r}"


def test_a_post_without_a_time_is_named():
    with pytest.raises(MalformedPost, match=r"^post: 7: uploaded at None$"):
        parse_post({"id": 7})


def test_a_day_ends_when_the_next_one_begins():
    assert end_of_day("2018-12-31") == utc(2019, 1, 1)
    assert end_of_day("2020-02-28") == utc(2020, 2, 29)


def test_a_post_of_the_last_millisecond_belongs_to_the_day():
    assert parse_time("2018-12-31T23:59:59.999Z", 7) < end_of_day("2018-12-31")
    assert not parse_time("2019-01-01T00:00:00.000Z", 7) < end_of_day("2018-12-31")
