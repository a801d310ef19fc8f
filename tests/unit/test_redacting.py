import pytest
from booru_release.files import dump_line, read_lines, sha256_of, write_lines
from booru_release.metadata import TABLES, bucket_file, read_snapshot, table_file
from booru_release.redacting import mentions, redact_metadata
from booru_release.redaction import Redaction
from booru_release.snapshot import describe_tables
from making import contents, inodes, killed

POSTS = [{"id": 1, "md5": "a" * 32}, {"id": 2, "parent_id": 1}, {"id": 3}, {"id": 4}]
ROWS = {"notes": [{"id": 8, "post_id": 1}, {"id": 9, "post_id": 3, "body": "not of post #1"}]}
REDACTION = Redaction([1], ["a" * 32])


def write_metadata(folder):
    """Three buckets of posts, and the other tables."""
    tables = {table: ROWS.get(table, []) for table in TABLES}
    for table, rows in {"posts": POSTS, **tables}.items():
        write_lines(table_file(folder, table), rows)
    for number in range(3):
        rows = [row for row in POSTS if row["id"] % 3 == number]
        write_lines(bucket_file(folder, f"{number:04d}"), rows)
    rows = {name: len(rows) for name, rows in tables.items()}
    describe_tables(folder, 4, {"posts": 4, **rows}, "2020-01-05")
    return folder


@pytest.fixture
def metadata(tmp_path):
    return write_metadata(tmp_path / "metadata")


def rows_of(file):
    return [*read_lines(file)]


def test_tables_lose_what_is_withdrawn(metadata):
    redact_metadata(metadata, REDACTION, buckets=3)
    assert rows_of(table_file(metadata, "posts")) == [{"id": 2, "parent_id": None}, *POSTS[2:]]
    [note] = rows_of(table_file(metadata, "notes"))
    assert note["id"] == 9
    assert "#1" not in note["body"]


def test_buckets_lose_it_too_and_those_of_children(metadata):
    redact_metadata(metadata, REDACTION, buckets=3)
    buckets = [rows_of(bucket_file(metadata, f"{number:04d}")) for number in range(3)]
    assert buckets == [[{"id": 3}], [{"id": 4}], [{"id": 2, "parent_id": None}]]


def test_the_description_says_what_the_tables_hold_then(metadata):
    redact_metadata(metadata, REDACTION, buckets=3)
    snapshot = read_snapshot(metadata / "snapshot.json")
    assert (snapshot.last_id, snapshot.posts, snapshot.holes) == (4, 3, 1)
    assert snapshot.rows["notes"] == 1
    for table, digest in snapshot.sha256.items():
        assert sha256_of(table_file(metadata, table)) == digest


def test_files_without_a_mention_are_not_written_again(metadata):
    before = inodes(metadata)
    redact_metadata(metadata, REDACTION, buckets=3)
    after = inodes(metadata)
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {
        *("posts.jsonl.gz", "notes.jsonl.gz", "snapshot.json"),
        *("posts/0001.jsonl.gz", "posts/0002.jsonl.gz"),
    }


def test_the_lines_with_a_mention_are_told(metadata):
    found = [*mentions(table_file(metadata, "posts"), "posts", REDACTION)]
    assert found == [dump_line(row) for row in POSTS[:2]]


@pytest.mark.parametrize("step", range(1, 12))
def test_killed_anywhere_it_does_the_rest_when_it_is_called_again(tmp_path, step):
    one, two = write_metadata(tmp_path / "one"), write_metadata(tmp_path / "two")
    redact_metadata(one, REDACTION, buckets=3)
    killed(lambda: redact_metadata(two, REDACTION, buckets=3), at=step, below=two)
    redact_metadata(two, REDACTION, buckets=3)
    assert contents(two) == contents(one)
