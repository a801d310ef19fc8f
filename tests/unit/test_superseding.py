import pytest
from booru_release.distribution import Announcement
from booru_release.files import read_json
from booru_release.receipts import Record, read_receipt, write_receipt
from booru_release.revisions import read_revision
from booru_release.staging import Tree
from booru_release.superseding import Press, supersede_torrents
from booru_release.torrents import load_facts, paths_in
from making import contents, inodes, write_file

pytest_plugins = ["steps_conftest"]

OLD = "tiny-2018-original-0000-0001"


@pytest.fixture
def press(releases):
    settings = read_json(releases.folder / "2018" / "settings" / "torrent.json")
    tree = Tree(releases.folder, "2018", (), 2, ("sfw_32px",))
    return Press(tree, Announcement.of(settings), 1)


def bury(press, *ids):
    """Take posts out of the receipts, as it is done before torrents are issued anew."""
    for receipt in (press.tree.folder / "receipts" / "checksum").iterdir():
        lines = [line for line in read_receipt(receipt, Record) if line.id not in ids]
        write_receipt(receipt, lines)


def names(press):
    return sorted(file.stem for file in press.folder.iterdir())


def test_a_torrent_with_a_file_of_the_post_is_issued_without_it(press):
    before = paths_in(press.folder / f"{OLD}.torrent")
    bury(press, 1)
    supersede_torrents(press, [1])
    [facts] = load_facts(press.receipt("original"))
    assert facts.name == f"{OLD}-r2"
    assert paths_in(press.folder / f"{OLD}-r2.torrent") == before - {"original/0001/1.png"}
    assert facts.files == len(before) - 1


def test_the_old_torrent_is_gone_and_named_as_superseded(press):
    [old] = load_facts(press.receipt("original"))
    bury(press, 1)
    supersede_torrents(press, [1])
    [facts] = load_facts(press.receipt("original"))
    assert facts.supersedes == {OLD: old.hash}
    assert read_revision(press.tree.folder).superseded[OLD] == old.hash
    assert OLD not in names(press)


def test_a_torrent_that_is_issued_a_third_time_names_both_before_it(press):
    for post_id in (1, 2):
        bury(press, 1, post_id)
        supersede_torrents(press, [1, post_id])
    [facts] = load_facts(press.receipt("original"))
    assert facts.name == f"{OLD}-r3"
    assert {*facts.supersedes} == {OLD, f"{OLD}-r2"}


def test_torrents_without_the_post_stay_byte_for_byte_and_are_not_hashed_again(press):
    before = contents(press.tree.folder)
    files = inodes(press.folder)
    # Never safe in 2018, so only the originals have it.
    bury(press, 4)
    supersede_torrents(press, [4])
    kept = {"tiny-2018-sfw_32px-0000-0001.torrent", "tiny-2018-metadata.torrent"}
    assert {name: inodes(press.folder)[name] for name in kept} == {n: files[n] for n in kept}
    after = contents(press.tree.folder / "torrents")
    assert all(after[name] == before[f"torrents/{name}"] for name in kept)


def test_metadata_that_changed_travels_in_a_new_torrent(press):
    write_file(press.tree.folder / "metadata" / "notes.jsonl.gz", b"other rows")
    supersede_torrents(press, [])
    [facts] = load_facts(press.receipt("metadata"))
    assert facts.name == "tiny-2018-metadata-r2"
    assert names(press) == ["tiny-2018-metadata-r2", OLD, "tiny-2018-sfw_32px-0000-0001"]


def test_a_torrent_that_would_be_empty_is_superseded_by_nothing(press):
    everybody = [line.id for bucket in press.tree.records() for line in [bucket]]
    bury(press, *everybody)
    supersede_torrents(press, everybody)
    assert load_facts(press.receipt("original")) == []
    assert OLD in read_revision(press.tree.folder).superseded
    assert names(press) == ["tiny-2018-metadata"]


def test_what_was_done_is_not_done_again(press):
    bury(press, 1)
    supersede_torrents(press, [1])
    before = contents(press.tree.folder)
    supersede_torrents(press, [1])
    assert contents(press.tree.folder) == before


def test_what_a_killed_run_left_is_removed(press):
    write_file(press.folder / "tiny-2018-metadata-r2.torrent", b"of a run that was killed")
    supersede_torrents(press, [])
    assert names(press) == ["tiny-2018-metadata", OLD, "tiny-2018-sfw_32px-0000-0001"]
