import json

import pytest
from booru_release.files import dump_line
from booru_release.redaction import WORD, Redaction

MD5 = "d41d8cd98f00b204e9800998ecf8427e"
REDACTION = Redaction([123], [MD5])


def redacted(table, **row):
    kept = REDACTION.line(table, dump_line(row))
    return kept and json.loads(kept)


def test_the_row_of_a_withdrawn_post_is_dropped():
    assert redacted("posts", id=123, tag_string="sky") is None


@pytest.mark.parametrize("table", ["notes", "artist_commentaries", "a_table_of_tomorrow"])
def test_rows_that_belong_to_a_withdrawn_post_are_dropped(table):
    assert redacted(table, id=5, post_id=123, body="its note") is None


def test_an_id_of_another_table_is_another_thing():
    row = {"id": 123, "name": "sky", "post_count": 123}
    assert redacted("tags", **row) == row


def test_a_pool_loses_the_post_and_counts_one_less():
    row = {"id": 9, "post_ids": [1, 123, 1234], "post_count": 3}
    assert redacted("pools", **row) == {"id": 9, "post_ids": [1, 1234], "post_count": 2}


def test_a_pool_of_old_has_its_posts_as_text():
    assert redacted("pools", id=9, post_ids="1 123 1234")["post_ids"] == "1 1234"


def test_a_child_loses_its_parent_and_nothing_else():
    row = {"id": 7, "parent_id": 123, "has_children": False, "tag_string": "sky"}
    assert redacted("posts", **row) == {**row, "parent_id": None}


def test_a_parent_no_longer_names_its_child():
    assert redacted("posts", id=7, children_ids="5 123")["children_ids"] == "5"


@pytest.mark.parametrize(
    "mention",
    [
        *(
            "post #123",
            "Post #123",
            "/posts/123",
            "/post/show/123",
            "https://b.example/posts/123?q=1",
        ),
        *("/posts?tags=id%3A123", "id:123", "parent:123", MD5, MD5.upper(), f"x_{MD5}.jpg"),
    ],
)
def test_a_mention_in_any_text_is_replaced(mention):
    body = redacted("notes", id=1, post_id=7, body=f"as in {mention}, too")["body"]
    assert "123" not in body
    assert MD5 not in body.lower()
    assert WORD in body
    assert body.startswith("as in ")
    assert body.endswith(", too")


@pytest.mark.parametrize(
    "text", ["post #1234", "/posts/1230", "123 skies", "pool #123", "/artists/123", f"1{MD5}"]
)
def test_what_is_no_mention_stays(text):
    row = {"id": 1, "post_id": 7, "body": text}
    assert redacted("notes", **row) == row


def test_mentions_are_found_at_any_depth():
    row = {"id": 7, "media": {"variants": [{"url": f"/original/{MD5}.jpg"}, {"post_id": 123}]}}
    variants = redacted("posts", **row)["media"]["variants"]
    assert variants == [{"url": f"/original/{WORD}.jpg"}, {"post_id": None}]


def test_a_line_without_a_mention_is_the_very_same():
    line = dump_line({"id": 1234, "md5": "0" * 32, "score": 12})
    assert REDACTION.line("posts", line) is line
    # A number that is no ID: the line is parsed, and stays.
    line = dump_line({"id": 7, "score": 123})
    assert REDACTION.line("posts", line) is line


def test_without_withdrawals_lines_are_not_looked_at():
    assert Redaction().line("posts", b"no JSON at all 123") == b"no JSON at all 123"


def test_another_post_that_has_the_file_now_keeps_its_md5():
    row = {"id": 7, "md5": MD5, "file_url": f"/{MD5}.png", "parent_id": 123}
    assert redacted("posts", **row) == {**row, "parent_id": None}


@pytest.mark.parametrize(
    "row",
    [
        {"id": 7, "md5": ["x", 123]},
        {"id": 7, "post_ids": {"a": 123}},
        {"id": 7, "post_ids": None, "post_count": "123"},
        {"id": 7, "parent_id": {"id": 123}},
        {"id": 7, "parent_id": True},
    ],
)
def test_rows_of_no_known_form_are_kept(row):
    assert redacted("posts", **row) == row


def test_what_is_no_object_is_kept():
    assert REDACTION.line("posts", b"[123]\n") == b"[123]\n"


def test_many_lines_are_read_one_at_a_time():
    lines = REDACTION.lines("posts", (dump_line({"id": n}) for n in range(120, 126)))
    assert [json.loads(line)["id"] for line in lines] == [120, 121, 122, 124, 125]


def test_further_md5s_can_be_told():
    more = Redaction([1]).with_md5s([MD5])
    assert more.md5s == {MD5}
    assert more.text(MD5) == WORD
