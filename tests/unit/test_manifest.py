import pandas
import pytest
from booru_release.manifest import (
    MANIFEST,
    SUBSET,
    Accounts,
    WrongSum,
    derived_of,
    manifest_row,
    subset_row,
    write_table,
)
from booru_release.receipts import Change, Derived, State, write_receipt
from making import md5, published, record, sha256

COLUMNS = [
    "id",
    "bucket",
    "state",
    "reason",
    "file_ext",
    "rating",
    "path",
    "size",
    "sha256",
    "md5",
    "first_release",
]
DATA = b"data"
PUBLISHED = record(4123, DATA, files=(published(4123, DATA), published(4123, b"x", set="sfw")))
DERIVED = Derived(
    id=4,
    md5=md5(DATA),
    settings="a91cddba97",
    path="512px/0004/4.jpg",
    size=9,
    sha256=sha256(DATA),
    background="#ffffff",
    flags=("animated", "tiny"),
    first_release="2018",
    replaces=False,
    left=False,
)


@pytest.fixture
def table(tmp_path):
    """Write a table and read it as a user does."""

    def table(rows, schema):
        write_table(tmp_path / "table.parquet", rows, schema)
        return pandas.read_parquet(tmp_path / "table.parquet")

    return table


def test_pandas_reads_the_manifest_with_its_columns_in_order(table):
    frame = table([manifest_row(PUBLISHED, 1000)], MANIFEST)
    assert list(frame.columns) == COLUMNS
    row = frame.loc[0].to_dict()
    assert pandas.isna(row.pop("reason"))
    assert row == {
        "id": 4123,
        "bucket": "0123",
        "state": "published",
        "file_ext": "png",
        "rating": "g",
        "path": "original/0000/4123.png",
        "size": 4,
        "sha256": sha256(DATA),
        "md5": md5(DATA),
        "first_release": "2018",
    }
    assert frame.dtypes["id"] == "int64"


def test_a_manifest_of_nothing_has_its_columns(table):
    assert list(table([], MANIFEST).columns) == COLUMNS


def test_a_withdrawn_post_says_nothing_but_that():
    gone = record(7, DATA, state=State.WITHDRAWN, reason="banned on the site")
    assert manifest_row(gone, 8) == {
        "id": 7,
        "state": "withdrawn",
    }


def test_what_a_row_lacks_is_null(table):
    gone = record(7, state=State.WITHDRAWN, reason="banned on the site")
    frame = table([manifest_row(gone, 8)], MANIFEST)
    assert list(frame.columns[frame.notna().loc[0]]) == ["id", "state"]


@pytest.mark.parametrize(
    "state", [State.DELETED, State.CORRUPT, State.MISSING, State.MISMATCH, State.EXCLUDED]
)
def test_a_post_that_is_not_published_has_no_path(state):
    row = manifest_row(record(7, DATA, state=state, reason="why"), 8)
    assert (row["state"], row["md5"]) == (state.value, md5(DATA))
    assert row.keys().isdisjoint({"path", "size", "sha256", "first_release"})


def test_a_bucket_has_four_digits_however_many_there_are():
    assert manifest_row(record(12_345, state=State.BANNED), 1000)["bucket"] == "0345"
    assert manifest_row(record(16, state=State.BANNED), 8)["bucket"] == "0000"


def test_the_same_rows_give_the_same_bytes(tmp_path):
    for name in ("one", "other"):
        write_table(tmp_path / name, [manifest_row(PUBLISHED, 8)] * 3, MANIFEST)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_a_table_appears_whole_or_not_at_all(tmp_path):
    def rows():
        yield manifest_row(PUBLISHED, 8)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_table(tmp_path / "table.parquet", rows(), MANIFEST)
    assert list(tmp_path.iterdir()) == []


def test_a_table_of_more_rows_than_a_group_holds_them_all(table):
    rows = ({"id": n, "bucket": "0000", "state": "hole"} for n in range(1, 50_003))
    frame = table(rows, MANIFEST)
    assert list(frame["id"]) == list(range(1, 50_003))


def test_the_table_of_a_subset_says_where_each_image_is(table):
    frame = table([subset_row(DERIVED)], SUBSET)
    row = frame.loc[0].to_dict()
    assert list(row.pop("flags")) == ["animated", "tiny"]
    assert row == {
        "id": 4,
        "path": "512px/0004/4.jpg",
        "size": 9,
        "sha256": sha256(DATA),
        "md5": md5(DATA),
        "background": "#ffffff",
        "first_release": "2018",
    }
    assert list(frame.columns)[:4] == ["id", "path", "size", "sha256"]


def test_images_that_left_are_not_in_the_table(tmp_path):
    left = Derived(**{**vars(DERIVED), "id": 6, "left": True})
    write_receipt(tmp_path / "0000.jsonl.gz", [left, DERIVED])
    write_receipt(tmp_path / "0001.jsonl.gz", [])
    assert list(derived_of(tmp_path, 2)) == [DERIVED]


def accounts(*records):
    counted = Accounts()
    for each in records:
        counted.count(each)
    return counted


def test_every_state_is_in_the_accounts_and_their_sum_is_the_last_id():
    found = accounts(
        PUBLISHED,
        record(2, change=Change.REPLACED, rating="q", file_ext="jpg"),
        record(3, state=State.DELETED),
        record(4, state=State.WITHDRAWN),
    ).closed(9, holes=5)
    states = {state.value: found[state.value] for state in State}
    assert states == {
        **dict.fromkeys(states, 0),
        "published": 2,
        "deleted": 1,
        "withdrawn": 1,
        "hole": 5,
    }
    assert sum(states.values()) == 9
    assert found["by_change"] == {"new": 1, "replaced": 1}
    assert found["by_rating"] == {"g": 1, "q": 1}
    assert found["by_extension"] == {"jpg": 1, "png": 1}


def test_a_withdrawn_post_may_be_a_hole_of_the_snapshot():
    found = accounts(record(1), record(2, state=State.WITHDRAWN)).closed(3, holes=2)
    assert (found["published"], found["withdrawn"], found["hole"]) == (1, 1, 1)


@pytest.mark.parametrize("holes", [0, 2, 5])
def test_accounts_that_do_not_add_up_are_refused(holes):
    with pytest.raises(WrongSum) as problem:
        accounts(record(1), record(2)).closed(3, holes=holes)
    assert str(problem.value) == (
        f"accounts: 2 posts and {holes} holes do not add up to the last ID, 3"
    )


def test_more_posts_than_ids_are_refused():
    with pytest.raises(WrongSum, match="2 posts and 0 holes do not add up to the last ID, 1"):
        accounts(record(1), record(2)).closed(1, holes=0)
