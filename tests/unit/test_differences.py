from functools import partial

import pytest
from booru_release.differences import diff_releases, write_difference
from booru_release.files import read_json, write_lines
from booru_release.snapshot import bucket_file, snapshot_site
from embedded_booru import truth
from making import Corpus, booru, md5, picture, tiny_history

ENDS = ("2018-12-31", "2019-12-31")


def post(post_id, **values):
    return {
        "id": post_id,
        "created_at": "2018-01-01T00:00:00Z",
        "rating": "g",
        "md5": md5(b"old"),
        "file_ext": "png",
        "file_size": 100,
        "file_url": "/1.png",
        "tag_string": "sky sea",
        "is_deleted": False,
        "is_banned": False,
        **values,
    }


@pytest.fixture
def diff(tmp_path):
    """Compare two snapshots that consist of these posts."""

    def diff(before, after, ends=ENDS):
        for name, posts in {"before": before, "after": after}.items():
            for number in range(2):
                own = [row for row in posts if row["id"] % 2 == number]
                write_lines(bucket_file(tmp_path / name, f"000{number}"), own)
        names = ("2018", "2019")
        return diff_releases(
            tmp_path / "before", tmp_path / "after", names=names, ends=ends, buckets=2
        ).values()

    return diff


NOTHING = {
    **dict.fromkeys(("added", "replaced", "retagged", "rerated", "deleted", "banned", "gone"), 0),
    "posts_to_fetch": 0,
    "bytes_to_fetch": 0,
}


def counts(found):
    return {name: found[name] for name in NOTHING}


def test_equal_snapshots_do_not_differ(diff):
    found = diff([post(1), post(2)], [post(1), post(2)])
    assert counts(found) == NOTHING
    assert (found["before"], found["after"]) == ("2018", "2019")


def test_a_new_post_is_added_and_its_file_fetched(diff):
    found = diff([], [post(1)])
    assert counts(found) == {**NOTHING, "added": 1, "posts_to_fetch": 1, "bytes_to_fetch": 100}
    assert found["ids"]["added"] == [1]


@pytest.mark.parametrize("hidden", [{"is_deleted": True}, {"is_banned": True, "md5": None}])
def test_a_new_post_that_shows_no_file_is_added_and_not_fetched(diff, hidden):
    assert counts(diff([], [post(1, **hidden)])) == {**NOTHING, "added": 1}


def test_another_file_is_a_replacement_and_is_fetched(diff):
    found = diff([post(1)], [post(1, md5=md5(b"new"), file_size=70)])
    assert counts(found) == {**NOTHING, "replaced": 1, "posts_to_fetch": 1, "bytes_to_fetch": 70}


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("retagged", {"tag_string": "sky"}),
        ("rerated", {"rating": "q"}),
        ("deleted", {"is_deleted": True}),
        ("banned", {"is_banned": True, "md5": None}),
    ],
)
def test_each_change_of_a_post_is_of_one_kind_and_fetches_nothing(diff, kind, values):
    found = diff([post(1), post(2)], [post(1, **values), post(2)])
    assert counts(found) == {**NOTHING, kind: 1}
    assert found["ids"][kind] == [1]


def test_the_order_of_tags_is_no_change(diff):
    assert counts(diff([post(1)], [post(1, tag_string="sea sky")])) == NOTHING


def test_a_score_is_no_change(diff):
    assert counts(diff([post(1)], [post(1, score=99, updated_at="2019-05-05")])) == NOTHING


def test_a_post_that_is_not_there_any_more_is_gone(diff):
    assert counts(diff([post(1), post(2)], [post(2)])) == {**NOTHING, "gone": 1}


def test_a_post_of_many_changes_counts_for_each(diff):
    changed = post(1, rating="q", tag_string="", md5=md5(b"new"), is_deleted=True)
    found = diff([post(1)], [changed])
    assert [found[kind] for kind in ("replaced", "retagged", "rerated", "deleted")] == [1] * 4


def test_posts_uploaded_after_the_last_day_count_for_neither(diff):
    late = post(1, created_at="2020-01-01T00:00:00Z")
    assert counts(diff([], [late])) == NOTHING
    between = post(1, created_at="2019-01-01T00:00:00Z")
    assert diff([between], [between])["added"] == 1


def test_ids_are_in_order_over_all_buckets(diff):
    found = diff([], [post(number) for number in (4, 3, 2, 1)])
    assert found["ids"]["added"] == [1, 2, 3, 4]


def test_the_report_is_for_machines_and_the_text_for_readers(tmp_path):
    for name in ("before", "after"):
        write_lines(bucket_file(tmp_path / name, "0000"), [post(1)] if name == "after" else [])
    difference = diff_releases(
        tmp_path / "before", tmp_path / "after", names=("2018", "2019"), ends=ENDS, buckets=1
    )
    write_difference(difference, tmp_path / "diff.json", tmp_path / "diff.txt")
    assert read_json(tmp_path / "diff.json") == difference.values()
    assert (tmp_path / "diff.txt").read_text() == (
        "from 2018 to 2019\n"
        "added             1\n"
        "replaced          0\n"
        "retagged          0\n"
        "rerated           0\n"
        "deleted           0\n"
        "banned            0\n"
        "gone              0\n"
        "to fetch: 1 files, 100 bytes\n"
    )


@pytest.fixture
def compare(tmp_path):
    """What a diff of two days says of a corpus that was read over HTTP, and what is true."""

    def compare(corpus, days):
        for day in days:
            with booru(corpus, as_of=day) as site:
                snapshot_site(
                    partial(opened, site),
                    settings={"source": {"kind": "embedded"}, "last_upload": day, "buckets": 3},
                    release=day,
                    receipt=tmp_path / day / "snapshot.json",
                )
        said = diff_releases(
            tmp_path / days[0], tmp_path / days[1], names=days, ends=days, buckets=3
        )
        return said.values(), truth(*days, corpus=corpus.folder, cache=tmp_path / "drawings")

    return compare


def opened(site, *, release, as_of):
    return site.open_site()


@pytest.mark.parametrize(
    "days",
    [("2018-12-31", "2019-12-31"), ("2016-09-15", "2019-07-01"), ("2016-01-01", "2016-01-02")],
)
def test_the_difference_is_what_really_happened(compare, tmp_path, days):
    said, happened = compare(tiny_history(Corpus(tmp_path / "corpus")), days)
    assert {name: said[name] for name in happened} == happened


def test_a_life_of_many_events_is_told_right(compare, tmp_path):
    corpus = Corpus(tmp_path / "corpus")
    corpus.upload(1, picture(10), day="2018-01-01")
    corpus.upload(2, picture(20), day="2019-01-01")
    corpus.upload(3, picture(30), day="2018-01-01")
    for day in ("2019-02-01", "2019-03-01"):
        corpus.replace(day, 1, picture(int(day[6])))
        corpus.replace(day, 2, picture(int(day[6]) + 100))
    corpus.happen("2019-04-01", 1, "delete")
    corpus.happen("2019-05-01", 2, "expunge")
    corpus.happen("2019-06-01", 3, "ban")
    said, happened = compare(corpus, ENDS)
    assert {name: said[name] for name in happened} == happened
    assert (said["replaced"], said["banned"], said["added"]) == (1, 1, 0)
