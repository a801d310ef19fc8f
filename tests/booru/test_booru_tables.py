"""The tables beside the posts: the columns of the site, and rows that fit the posts."""

import json

import pytest
from embedded_booru.rows import words_of

# Columns in the order of the site (db/structure.sql and serialisers of danbooru/danbooru); the
# values of artists and pools were seen live (artists/288683, pools/7659).
SHAPES = {
    "notes": """{"id":2144,"post_id":1000,"x":10,"y":20,"width":120,"height":60,"is_active":true,
        "body":"<tn>sfx</tn> Hello","created_at":"2008-06-01T10:00:00.000-04:00",
        "updated_at":"2008-06-01T10:00:00.000-04:00","version":1}""",
    "artist_commentaries": """{"id":7,"post_id":1000,"original_title":"題",
        "original_description":"本文","translated_title":"Title","translated_description":"Body",
        "created_at":"2013-05-01T00:00:00.000-04:00",
        "updated_at":"2013-05-01T00:00:00.000-04:00"}""",
    "pools": """{"id":7659,"name":"Original_-_ある○人の島_(Ken_(Koala))","description":"A comic",
        "is_active":false,"post_ids":[1,2],"is_deleted":false,
        "created_at":"2013-11-08T21:44:54.588-05:00","updated_at":"2017-08-10T20:16:04.564-04:00",
        "category":"series","post_count":8}""",
    "tags": """{"id":470575,"name":"1girl","post_count":5000000,"category":0,
        "created_at":"2013-02-27T22:32:18.000-05:00","updated_at":"2019-08-24T16:06:08.000-04:00",
        "is_deprecated":false,"words":["1girl"]}""",
    "tag_aliases": """{"id":123,"antecedent_name":"test","consequent_name":"real",
        "creator_id":456,"forum_topic_id":null,"status":"active",
        "created_at":"2024-01-01T00:00:00.000-05:00","updated_at":"2024-01-01T00:00:00.000-05:00",
        "approver_id":789,"forum_post_id":null,"reason":"test"}""",
    "artists": """{"id":288683,"name":"kaori_(vuoian_appxv)","is_deleted":false,
        "is_banned":false,"group_name":"","created_at":"2022-05-12T16:00:40.852-04:00",
        "updated_at":"2022-05-12T22:10:51.917-04:00","other_names":["香","vuoian_appxv"]}""",
}
SHAPES["tag_implications"] = SHAPES["tag_aliases"]


@pytest.fixture(params=sorted(SHAPES))
def table(request):
    return request.param


def shape_of(row):
    return {name: type(value) for name, value in row.items()}


def test_rows_come_back_as_the_site_sends_them(table, make_corpus, visiting):
    sent = json.loads(SHAPES[table])
    row = {**sent, "post_count": 2} if table == "pools" else sent
    with visiting(make_corpus(**{table: [row]})) as visitor:
        assert list(visitor.json(f"/{table}.json")[0].items()) == list(row.items())
        assert visitor.json(f"/{table}/{row['id']}.json") == row


def test_rows_of_the_pack_have_the_columns_and_types_of_the_site(table, site):
    wanted = shape_of(json.loads(SHAPES[table]))
    nullable = {"forum_topic_id", "forum_post_id"}
    rows = site.json(f"/{table}.json?limit=1000")
    assert rows
    for row in rows:
        assert list(row) == list(wanted)
        shape = shape_of(row)
        assert {name for name in shape if shape[name] is not wanted[name]} <= nullable


def test_missing_fields_get_defaults(table, make_corpus, visiting):
    with visiting(make_corpus(**{table: [{"id": 5, "name": "a_(b)"}]})) as visitor:
        row = visitor.json(f"/{table}.json")[0]
        assert list(row) == list(json.loads(SHAPES[table]))
        assert row["created_at"] == row["updated_at"] == "2005-05-24T00:00:00.000-04:00"


def test_a_table_that_a_corpus_does_not_have_is_empty(table, make_corpus, visiting):
    with visiting(make_corpus()) as visitor:
        assert visitor.json(f"/{table}.json") == []


def test_notes_lie_inside_posts_that_are_there(site):
    for note in site.json("/notes.json?limit=1000"):
        post = site.json(f"/posts/{note['post_id']}.json")
        assert note["x"] + note["width"] <= post["image_width"]
        assert note["y"] + note["height"] <= post["image_height"]


def test_pools_hold_posts_that_are_there(site):
    for pool in site.json("/pools.json"):
        assert pool["post_count"] == len(pool["post_ids"])
        for post_id in pool["post_ids"]:
            assert site.get(f"/posts/{post_id}.json").status == 200


def test_commentaries_belong_to_posts_that_are_there(site):
    for commentary in site.json("/artist_commentaries.json"):
        assert site.get(f"/posts/{commentary['post_id']}.json").status == 200
        assert site.json(f"/posts/{commentary['post_id']}/artist_commentary.json") == commentary


def test_artists_are_tags_of_posts_unless_deleted(site):
    for artist in site.json("/artists.json"):
        found = site.json(f"/counts/posts.json?tags={artist['name'].replace('&', '%26')}")
        assert (found["counts"]["posts"] > 0) is not artist["is_deleted"]


def test_implications_name_tags_that_are_there(site):
    names = {row["name"] for row in site.json("/tags.json?limit=1000")}
    for row in site.json("/tag_implications.json"):
        assert {row["antecedent_name"], row["consequent_name"]} <= names


def test_tags_are_counted_without_deleted_posts(site):
    posts = site.all_posts("2019-12-31").values()
    for row in site.json("/tags.json?limit=1000&as_of=2019-12-31"):
        carriers = [p for p in posts if row["name"] in p["tag_string"].split()]
        assert row["post_count"] == sum(not post["is_deleted"] for post in carriers)


def test_tags_have_the_category_that_posts_give_them(site):
    numbers = {"general": 0, "artist": 1, "copyright": 3, "character": 4, "meta": 5}
    categories = {row["name"]: row["category"] for row in site.json("/tags.json?limit=1000")}
    for post in site.all_posts("2020-12-31").values():
        for category, number in numbers.items():
            for tag in post[f"tag_string_{category}"].split():
                assert categories[tag] == number


def test_a_tag_keeps_its_id_over_the_years(site):
    old = {row["name"]: row["id"] for row in site.json("/tags.json?limit=1000&as_of=2016-12-31")}
    new = {row["name"]: row["id"] for row in site.json("/tags.json?limit=1000")}
    assert old.items() <= new.items()
    assert len(old) < len(new)


@pytest.mark.parametrize(
    ("tag", "words"), [("star_(sky)", ["star", "sky"]), ("!", ["!"]), ("k-on!", ["k", "on"])]
)
def test_a_tag_is_found_by_its_words(tag, words):
    assert words_of(tag) == words
