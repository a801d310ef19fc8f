"""Pages of posts and of tables."""

import pytest


@pytest.fixture(scope="module")
def ids(site):
    """All IDs of the pack, ascending."""
    return sorted(site.all_posts("2020-12-31"))


def test_a_page_has_twenty_posts_the_newest_first(site, ids):
    assert site.ids("") == ids[:-21:-1]


def test_pages_have_numbers(site, ids):
    assert site.ids("limit=10&page=3") == ids[-21:-31:-1]


@pytest.mark.parametrize("page", ["0", "-3", "abc", "a", "", "b"])
def test_a_page_that_makes_no_sense_is_the_first(site, ids, page):
    assert site.ids(f"limit=2&page={page}") == ids[:-3:-1]


def test_a_page_after_an_id_holds_the_next_ones_in_descending_order(site, ids):
    assert site.ids("page=a0&limit=3") == ids[2::-1]
    assert site.ids(f"page=a{ids[2]}&limit=3") == ids[5:2:-1]


def test_a_page_before_an_id_holds_the_next_lower_ones(site, ids):
    assert site.ids(f"page=b{ids[10]}&limit=3") == ids[9:6:-1]


def test_cursors_may_be_upper_case(site, ids):
    assert site.ids("page=A0&limit=1") == ids[:1]
    assert site.ids(f"page=B{ids[1]}&limit=1") == ids[:1]


def test_before_zero_and_after_the_last_there_is_nothing(site, ids):
    assert site.ids("page=b0") == []
    assert site.ids(f"page=a{ids[-1]}") == []


def test_a_cursor_throws_away_the_order(site, ids):
    assert site.ids("page=a0&limit=3&tags=order:id_asc") == ids[2::-1]
    assert site.ids("page=b999&limit=2&tags=order:change_asc") == ids[:-3:-1]


@pytest.mark.parametrize(
    ("limit", "sent"), [("0", 1), ("-5", 1), ("abc", 1), ("1", 1), ("7", 7), ("7x", 7), ("", 20)]
)
def test_a_limit_is_a_number_from_1(site, limit, sent):
    assert len(site.ids(f"limit={limit}")) == sent


def test_at_most_200_posts_are_sent(visiting):
    with visiting(synthetic=1000) as visitor:
        assert len(visitor.ids("limit=201")) == 200
        assert len(visitor.ids("limit=1000")) == 200


def test_at_most_1000_rows_of_a_table_are_sent(visiting):
    with visiting(synthetic=10) as visitor:
        assert len(visitor.json("/tags.json?limit=5000")) == 1000
        assert len(visitor.json("/tags.json?limit=0")) == 1
        assert len(visitor.json("/tags.json")) == 20


def test_page_1000_is_the_last(site):
    assert site.ids("page=1000") == []
    answer = site.get("/posts.json?page=1001")
    assert (answer.status, answer.json["message"]) == (410, "You cannot go beyond page 1000.")
    assert answer.json["error"] == "PaginationExtension::PaginationError"


def test_page_1001_of_a_table_is_refused_too(site):
    assert site.get("/tags.json?page=1001").status == 410


def test_tables_have_cursors(site):
    tag_ids = [row["id"] for row in site.json("/tags.json?limit=3&page=a0")]
    assert tag_ids == [3, 2, 1]
    assert [row["id"] for row in site.json("/tags.json?limit=2&page=b3")] == [2, 1]


def test_tables_are_sent_with_the_newest_first(site):
    rows = site.json("/notes.json")
    assert [row["id"] for row in rows] == [7, 6, 4, 3, 2, 1]


def test_pools_are_sent_with_the_last_changed_first(site):
    assert [row["id"] for row in site.json("/pools.json")] == [1, 5, 4, 2]


def test_a_limit_can_be_part_of_a_search(site):
    assert len(site.ids("tags=limit:3")) == 3
    assert len(site.ids("tags=limit:3&limit=5")) == 5
