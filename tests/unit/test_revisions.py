import hashlib

import pytest
from booru_release.files import UnreadableFile, dump_json, write_bytes
from booru_release.revisions import (
    Revision,
    finished_releases,
    is_behind,
    issued,
    next_revision,
    pending,
    read_revision,
    settle,
    write_revision,
)


@pytest.fixture
def finish(tmp_path):
    """Mark a release as finished; returns its folder."""

    def finish(release="2018", revision=1, previous=None, left_out=()):
        description = {"revision": revision, "last_upload": f"{release}-12-31"}
        write_bytes(
            tmp_path / release / "release.json", dump_json({**description, "previous": previous})
        )
        write_bytes(tmp_path / release / "settings" / "withdrawals.json", dump_json([*left_out]))
        return tmp_path / release

    return finish


def test_a_release_is_its_first_revision_until_it_is_issued_anew(finish):
    own = finish()
    assert (read_revision(own), issued(own)) == (Revision(1, (), {}), 1)


def test_a_revision_is_kept(finish):
    own = finish()
    revision = Revision(3, (1, 14), {"danbooru-2018-metadata": "aa" * 20})
    write_revision(own, revision)
    assert read_revision(own) == revision


def test_what_is_no_revision_is_named(tmp_path):
    write_bytes(tmp_path / "revision.json", b'{"number": 2}')
    with pytest.raises(UnreadableFile, match="is no revision"):
        read_revision(tmp_path)


def test_posts_are_pending_until_a_release_is_issued_without_them(finish):
    own = finish(left_out=[5])
    assert pending(own, [14, 5, 1]) == [1, 14]
    write_revision(own, next_revision(own, [1, 14]))
    assert pending(own, [14, 5, 1]) == [1, 14]
    finish(revision=2, left_out=[5])
    assert pending(own, [14, 5, 1]) == []


def test_a_revision_that_was_begun_is_not_counted_twice(finish):
    own = finish()
    for _ in range(2):
        write_revision(own, next_revision(own, [1]))
    assert read_revision(own).number == 2
    assert is_behind(own)
    finish(revision=2)
    assert not is_behind(own)
    assert next_revision(own, [2]) == Revision(3, (1, 2), {})


def test_a_release_that_has_nothing_of_a_post_is_settled_as_it_is(finish):
    own = finish()
    settle(own, [14])
    assert (pending(own, [14]), issued(own), is_behind(own)) == ([], 1, False)


def test_a_release_is_behind_when_the_one_before_it_was_issued_anew(finish):
    before = finish("2018")
    digest = hashlib.sha256((before / "release.json").read_bytes()).hexdigest()
    own = finish("2019", previous={"release": "2018", "sha256": digest})
    assert not is_behind(own)
    finish("2018", revision=2)
    assert is_behind(own)


def test_a_release_that_was_rebuilt_on_purpose_is_no_reason(finish):
    finish("2018")
    own = finish("2019", previous={"release": "2018", "sha256": "of another build"})
    assert not is_behind(own)


def test_finished_releases_are_named_earliest_first(finish, tmp_path):
    for release in ("2019", "2017", "2018"):
        finish(release)
    (tmp_path / "2020" / "settings").mkdir(parents=True)
    assert finished_releases(tmp_path) == ["2017", "2018", "2019"]
