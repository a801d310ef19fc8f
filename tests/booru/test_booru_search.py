"""Searches, against the posts that match by a look at each of them."""

from datetime import datetime

import pytest


@pytest.fixture(scope="module")
def posts(site):
    return list(site.all_posts("2020-12-31").values())


def tags(post):
    return post["tag_string"].split()


def eastern_day(post):
    return post["created_at"][:10]


# Days are compared as texts here, which is right for one format and one offset only.
SEARCHES = {
    "hill": lambda p: "hill" in tags(p),
    "-hill": lambda p: "hill" not in tags(p),
    "hill -sun": lambda p: "hill" in tags(p) and "sun" not in tags(p),
    "HILL": lambda p: "hill" in tags(p),
    "*_sky": lambda p: any(tag.endswith("_sky") for tag in tags(p)),
    ":d": lambda p: ":d" in tags(p),
    "!": lambda p: "!" in tags(p),
    "steins;gate": lambda p: "steins;gate" in tags(p),
    "rock_%26_roll": lambda p: "rock_&_roll" in tags(p),
    "k:ro": lambda p: "k:ro" in tags(p),
    "no_such_tag": lambda p: False,
    "id:7": lambda p: p["id"] == 7,
    "id:1": lambda p: False,
    "id:>=180": lambda p: p["id"] >= 180,
    "id:>180": lambda p: p["id"] > 180,
    "id:<10": lambda p: p["id"] < 10,
    "id:<=10": lambda p: p["id"] <= 10,
    "id:10..20": lambda p: 10 <= p["id"] <= 20,
    "id:180..": lambda p: p["id"] >= 180,
    "id:..8": lambda p: p["id"] <= 8,
    "id:5,6,7": lambda p: p["id"] in (5, 6, 7),
    "-id:5..150": lambda p: not 5 <= p["id"] <= 150,
    "id:>5 id:<9": lambda p: 5 < p["id"] < 9,
    "id:x": lambda p: False,
    "rating:g": lambda p: p["rating"] == "g",
    "rating:s,q": lambda p: p["rating"] in "sq",
    "-rating:e": lambda p: p["rating"] != "e",
    "rating:explicit": lambda p: p["rating"] == "e",
    "rating:sfw": lambda p: p["rating"] in "gs",
    "date:2018-12-31": lambda p: eastern_day(p) == "2018-12-31",
    "date:2016-01-01..2016-06-30": lambda p: "2016-01-01" <= eastern_day(p) <= "2016-06-30",
    "date:<=2015-06-01": lambda p: eastern_day(p) <= "2015-06-01",
    "date:>=2019-06-01": lambda p: eastern_day(p) >= "2019-06-01",
    "date:yesterday": lambda p: False,
    "status:deleted": lambda p: p["is_deleted"],
    "status:banned": lambda p: p["is_banned"],
    "-status:banned": lambda p: not p["is_banned"],
    "status:pending": lambda p: p["is_pending"],
    "status:flagged": lambda p: p["is_flagged"],
    "status:active": lambda p: not (p["is_deleted"] or p["is_pending"] or p["is_flagged"]),
    "status:any": lambda p: True,
    "filetype:gif": lambda p: p["file_ext"] == "gif",
    "filetype:jpg,webp": lambda p: p["file_ext"] in ("jpg", "webp"),
    "width:>1000": lambda p: p["image_width"] > 1000,
    "parent:82": lambda p: p["parent_id"] == 82,
    "hill sun id:>5 rating:g status:any": lambda p: (
        {"hill", "sun"} <= set(tags(p)) and p["id"] > 5 and p["rating"] == "g"
    ),
}


@pytest.mark.parametrize("search", SEARCHES)
def test_a_search_finds_what_it_says(site, posts, search):
    wanted = sorted((p["id"] for p in posts if SEARCHES[search](p)), reverse=True)
    found = site.ids(f"limit=200&tags={search.replace(' ', '+')}")
    assert found == wanted
    count = site.json(f"/counts/posts.json?tags={search.replace(' ', '+')}")
    assert count == {"counts": {"posts": len(wanted)}}


def test_the_day_of_a_date_is_eastern(site):
    # 146 came on 2019-01-01 at 02:12 UTC, which is the evening before in New York.
    assert site.ids("tags=date:2018-12-31") == [146, 145]


def test_posts_are_ordered_as_asked(site, posts):
    ascending = sorted(p["id"] for p in posts)
    assert site.ids("limit=200&tags=order:id_asc") == ascending
    assert site.ids("limit=200&tags=order:id") == ascending[::-1]
    assert site.ids("limit=200&tags=order:id_desc") == ascending[::-1]
    changed = site.json("/posts.json?limit=200&only=updated_at&tags=order:change")
    moments = [datetime.fromisoformat(post["updated_at"]) for post in changed]
    assert moments == sorted(moments, reverse=True)
    assert (
        site.ids("limit=200&tags=order:change_asc") == site.ids("limit=200&tags=order:change")[::-1]
    )


def test_a_file_is_found_by_its_md5(site):
    post = site.json("/posts/5.json")
    assert site.ids(f"tags=md5:{post['md5']}") == [5]
    assert site.json(f"/posts.json?md5={post['md5']}") == post


def test_a_hidden_file_is_not_found_by_its_md5(site):
    # Post 76 had this file until it was banned.
    md5 = "008a1f460a"
    shown = site.json("/posts/76.json?as_of=2017-12-31")["md5"]
    assert shown.startswith(md5)
    assert site.ids(f"tags=md5:{shown}") == []
    assert site.get(f"/posts.json?md5={shown}").status == 404


def test_two_tags_are_the_limit(site):
    assert site.get("/posts.json?tags=hill+-sun").status == 200
    answer = site.get("/posts.json?tags=hill+sun+sky")
    assert answer.status == 422
    assert answer.json["error"] == "PostQuery::TagLimitError"
    assert answer.json["message"] == "You cannot search for more than 2 tags at a time."


def test_order_counts_as_a_tag(site):
    assert site.get("/posts.json?tags=hill+sun+order:id").status == 422


@pytest.mark.parametrize(
    ("search", "message"),
    [
        ("limit:3 limit:4", "'limit:' can't be used more than once."),
        ("order:id order:id_asc", "'order:' can't be used more than once."),
        ("-order:id", "'order:id' can't be negated."),
    ],
)
def test_bad_use_of_a_metatag_is_refused(site, search, message):
    answer = site.get(f"/posts.json?tags={search.replace(' ', '+')}")
    assert (answer.status, answer.json["message"]) == (422, message)
    assert answer.json["error"] == "PostQuery::Error"


@pytest.mark.parametrize(
    ("search", "ids"),
    [
        ("search[id]=2", [2]),
        ("search[id]=>=6", [7, 6]),
        ("search[id]=2..4", [4, 3, 2]),
        ("search[id]=1,7", [7, 1]),
        ("search[post_id]=2", [2, 1]),
        ("search[updated_at]=>=2019-06-01", [7, 4]),
        ("search[updated_at]=>=2019-06-01T00:00:00-04:00", [7, 4]),
        ("search[updated_at]=>=2019-08-30T21:00:00.000+00:00", [4]),
        ("search[is_active]=false", [4]),
        ("search[nonsense]=1", [7, 6, 4, 3, 2, 1]),
    ],
)
def test_tables_can_be_searched(site, search, ids):
    assert [row["id"] for row in site.json(f"/notes.json?{search}")] == ids


def test_names_can_be_searched(site):
    assert [row["id"] for row in site.json("/artists.json?search[name]=k:ro")] == [3]
    names = [row["name"] for row in site.json("/tags.json?search[name_matches]=lemon*")]
    assert names == ["lemon_theme_icon", "lemon-theme", "lemon"]


def test_empty_tags_can_be_left_out(site):
    rows = site.json("/tags.json?limit=1000&as_of=2020-12-31")
    used = site.json("/tags.json?limit=1000&search[hide_empty]=true")
    assert [row for row in rows if row["post_count"]] == used
    assert len(used) < len(rows)
