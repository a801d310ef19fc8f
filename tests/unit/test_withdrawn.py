import hashlib
import json

import pytest
from booru_release.files import UnreadableFile
from booru_release.withdrawals import Withdrawal
from booru_release.withdrawn import (
    by_bucket,
    md5s_of,
    note_withdrawals,
    read_book,
    redaction_of,
    sha256s_of,
)
from making import contents, md5, picture

pytest_plugins = ["steps_conftest"]

SALT = "5a17"
OLD, NEW = md5(picture(20, "jpeg")), md5(picture(25, "jpeg"))


def note(workflow, *ids):
    posts = [Withdrawal(post_id, "2020-02-01", "the artist asked") for post_id in ids]
    return note_withdrawals(workflow.folder, posts, SALT)


def test_a_post_is_noted_with_every_md5_that_it_ever_had(releases):
    noted = note(releases, 2)[2]
    assert (noted.id, noted.date, noted.reason) == (2, "2020-02-01", "the artist asked")
    assert noted.md5s == tuple(sorted([OLD, NEW]))
    assert md5s_of(releases.folder, [2, 3]) == {2: {OLD, NEW}, 3: set()}


def test_each_published_file_is_noted_with_its_plain_and_its_salted_hash(releases):
    noted = note(releases, 2)[2]
    assert sorted((file.release, file.set) for file in noted.files) == [
        *[("2018", "original"), ("2018", "sfw_32px"), ("2019", "original"), ("2019", "sfw_32px")]
    ]
    for file in noted.files:
        data = (releases.folder / "library" / file.library).read_bytes()
        assert file.sha256 == hashlib.sha256(data).hexdigest()
        assert file.token == hashlib.sha256(SALT.encode() + data).hexdigest()


def test_the_book_is_read_back_as_it_was_written(releases):
    noted = note(releases, 2, 1)
    assert read_book(releases.folder) == noted
    lines = (releases.folder / "withdrawn.jsonl").read_text().splitlines()
    assert [json.loads(line)["id"] for line in lines] == [1, 2]


def test_what_was_noted_stays_when_the_files_are_gone(releases):
    before = note(releases, 1)
    for file in releases.folder.glob("*/receipts/*/0001.jsonl.gz"):
        file.unlink()
    for file in releases.folder.glob("library/**/1.*"):
        file.unlink()
    assert note(releases, 1) == before
    assert note(releases, 2).keys() == {2}
    assert read_book(releases.folder).keys() == {1, 2}


def test_a_file_that_is_damaged_has_no_salted_hash(releases, caplog):
    [file] = releases.folder.glob("library/original/0001/1.*")
    file.write_bytes(b"damaged")
    assert [one.token is None for one in note(releases, 1)[1].files] == [True, False]
    assert "is not there as it was published" in caplog.text


def test_a_post_that_never_was_is_noted_too(releases):
    assert (note(releases, 3)[3].md5s, note(releases, 3)[3].files) == ((), ())


def test_nothing_is_written_for_nothing(releases):
    before = contents(releases.folder)
    assert note(releases) == {}
    assert contents(releases.folder) == before


def test_files_are_known_by_their_sha256_before_and_after(releases):
    before = sha256s_of(releases.folder, [2])
    assert len(before) == 4
    note(releases, 1, 2)
    assert sha256s_of(releases.folder, [2]) == before


def test_a_redaction_knows_ids_and_md5s(releases):
    redaction = redaction_of(releases.folder, [2])
    assert (redaction.ids, redaction.md5s) == ({2}, {OLD, NEW})


def test_posts_are_sorted_by_bucket(releases):
    assert [*by_bucket(releases.folder, [5, 2, 1, 4])] == [("0000", {2, 4}), ("0001", {1, 5})]
    assert [*by_bucket(releases.folder, [])] == []


def test_a_damaged_book_is_named(releases):
    (releases.folder / "withdrawn.jsonl").write_text('{"id": 1}\n')
    with pytest.raises(UnreadableFile, match=r"withdrawn\.jsonl: is damaged"):
        read_book(releases.folder)
