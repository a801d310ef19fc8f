"""What the pack's history does over the years, and what `truth` says of it."""

import json

import pytest
from embedded_booru import NotADay, truth
from embedded_booru.history import PACK

LINES = [json.loads(line) for line in (PACK / "history.jsonl").read_text().splitlines()]
UPLOADS = [line for line in LINES if line["event"] == "upload"]

# Read off the table by eye: the lines of 2019 about posts that 2018 had.
CHANGED_IN_2019 = {
    "replaced": [17, 74, 87, 131],
    "retagged": [19, 43, 45, 51, 60, 88, 110, 123],
    "rerated": [45, 65, 72, 117, 124],
    "deleted": [4, 122, 135],
    "banned": [14, 84],
    "gone": [9, 30],
}
# Uploaded in 2019: 34; post 159 was expunged in November. 148 was banned, 175 deleted.
ADDED_IN_2019 = 33


@pytest.fixture(scope="module")
def told(cache):
    return truth("2018-12-31", "2019-12-31", cache=cache)


@pytest.fixture(scope="module")
def before(site):
    return site.all_posts("2018-12-31")


@pytest.fixture(scope="module")
def after(site):
    return site.all_posts("2019-12-31")


def lines_of(year, kind):
    """The posts with such an event in a year, from the table's text alone."""
    return {
        line["post"] for line in LINES if line["event"] == kind and line["date"].startswith(year)
    }


def test_truth_is_what_the_table_says(told):
    assert {kind: told["ids"][kind] for kind in CHANGED_IN_2019} == CHANGED_IN_2019
    assert {kind: told[kind] for kind in CHANGED_IN_2019} == {
        kind: len(ids) for kind, ids in CHANGED_IN_2019.items()
    }
    assert told["added"] == len(told["ids"]["added"]) == ADDED_IN_2019


def test_what_was_added_are_the_uploads_of_the_year(told):
    uploaded = lines_of("2019", "upload") - lines_of("2019", "expunge")
    assert set(told["ids"]["added"]) == uploaded


def test_a_mirror_that_compares_two_snapshots_finds_the_truth(told, before, after):
    both = [(before[i], after[i]) for i in before if i in after]

    def differ(name):
        return sorted(old["id"] for old, new in both if old.get(name) != new.get(name))

    banned = differ("is_banned")
    assert told["ids"] == {
        "added": sorted(after.keys() - before.keys()),
        "replaced": [post_id for post_id in differ("md5") if post_id not in banned],
        "retagged": differ("tag_string"),
        "rerated": differ("rating"),
        "deleted": differ("is_deleted"),
        "banned": banned,
        "gone": sorted(before.keys() - after.keys()),
    }


def test_the_bytes_to_fetch_are_those_of_the_files_that_can_be_fetched(told, after):
    new = [after[post_id] for post_id in told["ids"]["added"]]
    files = [p for p in new if not (p["is_deleted"] or p["is_banned"])]
    files += [after[post_id] for post_id in told["ids"]["replaced"]]
    assert told["bytes_to_fetch"] == sum(post["file_size"] for post in files)
    assert len(files) == ADDED_IN_2019 - 2 + 4


def test_between_a_day_and_itself_nothing_happens(cache):
    told = truth("2019-06-30", "2019-06-30", cache=cache)
    assert not any(told["ids"].values())
    assert told["bytes_to_fetch"] == 0


def test_truth_holds_between_any_two_years(cache, site):
    for before, after in (("2015-12-31", "2017-12-31"), ("2016-12-31", "2020-12-31")):
        told = truth(before, after, cache=cache)
        old, new = site.all_posts(before), site.all_posts(after)
        assert told["ids"]["added"] == sorted(new.keys() - old.keys())
        assert told["ids"]["gone"] == sorted(old.keys() - new.keys())


def test_truth_of_another_corpus_knows_only_uploads(cache, make_corpus):
    posts = [
        {
            "id": number,
            "created_at": f"20{number}-01-01T00:00:00Z",
            "rating": "g",
            "md5": f"{number:032d}",
            "file_ext": "png",
            "file_size": 100 + number,
            "image_width": 5,
            "image_height": 5,
            "is_deleted": number == 19,
        }
        for number in (17, 18, 19, 20)
    ]
    told = truth("2017-06-30", "2019-06-30", corpus=make_corpus(*posts), cache=cache)
    assert told["ids"]["added"] == [18, 19]
    assert told["bytes_to_fetch"] == 118


@pytest.mark.parametrize("day", ["yesterday", "2019-02-30", ""])
def test_a_day_that_is_none_is_refused(cache, day):
    with pytest.raises(NotADay, match=r"not a day such as 2018-12-31"):
        truth(day, "2019-12-31", cache=cache)


def test_the_last_id_of_each_year(site):
    last = [max(site.all_posts(f"{year}-12-31"), default=0) for year in range(2014, 2021)]
    assert last == [0, 32, 69, 105, 145, 183, 189]


def test_the_history_is_in_order_of_date_and_so_are_the_ids():
    assert [line["date"] for line in LINES] == sorted(line["date"] for line in LINES)
    ids = [line["post"] for line in UPLOADS]
    assert ids == sorted(set(ids))


def test_some_ids_were_never_a_post(site):
    existing = {line["post"] for line in UPLOADS}
    holes = set(range(1, max(existing))) - existing
    assert 1 in holes
    assert len(holes) == 22
    assert all(site.get(f"/posts/{post_id}.json").status == 404 for post_id in holes)


def test_an_expunged_post_leaves_a_hole(site):
    assert site.get("/posts/3.json?as_of=2016-12-31").status == 200
    assert site.get("/posts/3.json?as_of=2017-12-31").status == 404


def test_every_file_of_the_pack_and_every_drawing_comes_to_the_site_once():
    named = [line.get("md5") or line.get("drawing") for line in LINES]
    files = sorted(name for name in named if name)
    drawings = (PACK.parent / "tables" / "drawings.jsonl").read_text().splitlines()
    pack = (PACK / "posts.jsonl").read_text().splitlines()
    assert files == sorted(
        [json.loads(line)["name"] for line in drawings] + [json.loads(line)["md5"] for line in pack]
    )


def test_no_event_undoes_another_one():
    """Each post has at most one event of a kind, so each of them can be seen afterwards."""
    seen = [(line["post"], line["event"]) for line in LINES]
    assert len(seen) == len(set(seen))


def test_the_ratings_are_mixed(before):
    shares = {r: sum(p["rating"] == r for p in before.values()) / len(before) for r in "gsqe"}
    assert 0.5 < shares["g"] < 0.7
    assert all(0.05 < shares[rating] < 0.25 for rating in "sqe")


def test_all_states_are_there_at_the_end_of_2018(before):
    found = {
        state: sorted(i for i, post in before.items() if post[f"is_{state}"])
        for state in ("deleted", "banned", "pending", "flagged")
    }
    assert found["deleted"] == [11, 50, 105]
    assert found["banned"] == [76]
    assert found["flagged"] == [101]
    assert len(found["pending"]) == 1


def test_a_changed_post_says_when(site, before, after):
    assert before[45]["updated_at"] == before[45]["created_at"]
    assert after[45]["updated_at"].startswith("2019-09-06T")
    assert after[89]["score"] == 7
    assert after[89]["updated_at"].startswith("2019-12-08T22:")


def test_a_replaced_file_is_a_new_asset_of_the_same_post(before, after):
    old, new = before[131], after[131]
    assert old["id"] == new["id"]
    assert old["md5"] != new["md5"]
    assert old["media_asset"]["id"] < new["media_asset"]["id"]
    assert new["media_asset"]["created_at"] == new["updated_at"] != new["created_at"]


def test_one_file_is_replaced_by_one_with_another_extension(before, after):
    replaced = CHANGED_IN_2019["replaced"]
    changes = [(before[i]["file_ext"], after[i]["file_ext"]) for i in replaced]
    assert ("png", "jpg") in changes


def test_both_sides_of_midnight_are_kept_apart_in_utc(before, after):
    assert 145 in before
    assert 146 not in before
    assert after[146]["created_at"] == "2018-12-31T21:12:44.000-05:00"


def test_tables_change_between_the_years(site):
    old, new = (site.json(f"/notes/3.json?as_of={year}-12-31") for year in (2018, 2019))
    assert (old["version"], new["version"]) == (1, 2)
    sizes = [
        site.json(f"/pools/1.json?as_of={day}")["post_count"]
        for day in ("2017-12-31", "2018-12-31", "2019-12-31")
    ]
    assert sizes == [3, 5, 7]
    assert site.get("/notes/7.json?as_of=2018-12-31").status == 404


def test_a_day_of_the_server_and_one_of_the_request_show_the_same(visiting, before):
    with visiting(as_of="2018-12-31") as visitor:
        last = visitor.json("/posts.json?limit=200")
        assert {post["id"]: post for post in last} == before
        assert max(visitor.all_posts("2015-12-31")) == 32
