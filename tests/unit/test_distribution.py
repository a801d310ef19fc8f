import datetime
import hashlib
from dataclasses import replace
from pathlib import Path

import libtorrent
import pytest
from booru_release.distribution import (
    Announcement,
    image_contents,
    issue_of,
    make_torrents,
    metadata_contents,
    reissued_name,
    torrent_path,
)
from booru_release.receipts import write_receipt
from booru_release.revisions import Revision, write_revision
from booru_release.torrent_plan import Content
from booru_release.torrents import load_facts
from booru_release.walk import TABLES
from making import contents, inodes, md5, published, record, write_file

pytest_plugins = ["steps_conftest"]

SETTINGS = {
    "name": "danbooru",
    "last_upload": "2019-12-31",
    "version": "v1",
    "trackers": ["udp://tracker.example:1337/announce"],
    "web_seeds": ["https://images.example/2019"],
}
ANNOUNCEMENT = Announcement.of(SETTINGS)


def resized(post_id, data, **values):
    library = f"subsets/sfw/a91/0000/{post_id}.{md5(data)}.jpg"
    path = f"512px/0000/{post_id}.jpg"
    return published(post_id, data, set="sfw", path=path, library=library, **values)


@pytest.fixture
def torrents(tmp_path):
    """Make the torrents of some contents of 2019 and return their facts."""

    def make(made, set="original", **changed):
        return make_torrents(
            iter(made),
            set=set,
            release="2019",
            announcement=replace(ANNOUNCEMENT, **changed),
            receipt=tmp_path / "2019" / "receipts" / "torrent" / f"{set}.json",
            threads=2,
        )

    return make


@pytest.fixture
def content(tmp_path):
    """A file of the library as a part of a torrent."""

    def content(path, data=b"data", bucket=0):
        file = write_file(tmp_path / "library" / md5(path.encode()), data)
        return Content(path, file, len(data), bucket)

    return content


def read_torrent(file):
    """A torrent as a client loads it, and its files: path below the folder of all, and size."""
    loaded = libtorrent.load_torrent_file(str(file))
    layout = loaded.ti.layout()
    count = range(layout.num_files())
    return loaded, [(layout.file_path(index), layout.file_size(index)) for index in count]


def test_a_file_travels_under_its_published_path():
    assert torrent_path(published(2)) == "original/0000/2.png"
    assert torrent_path(resized(2, b"")) == "512px/0000/2.jpg"


def test_a_file_that_took_anothers_place_travels_as_replaced():
    values = {"first_release": "2019", "replaces": True}
    assert torrent_path(published(2, **values)) == "replaced/2019/0000/2.png"
    assert torrent_path(resized(2, b"", **values)) == "replaced/2019/512px/0000/2.jpg"


def test_a_release_distributes_what_it_published_first(tmp_path):
    old, new = published(2, b"old"), published(4, b"new", first_release="2019")
    small = resized(4, b"small", first_release="2019")
    write_receipt(
        tmp_path / "0000.jsonl.gz", [record(2, files=(old,)), record(4, files=(new, small))]
    )
    write_receipt(tmp_path / "0001.jsonl.gz", [record(1)])
    options = {"release": "2019", "buckets": 2}
    assert list(image_contents(tmp_path, Path("library"), set="original", **options)) == [
        Content("original/0000/4.png", Path("library", new.library), 3, 0)
    ]
    assert list(image_contents(tmp_path, Path("library"), set="sfw", **options)) == [
        Content("512px/0000/4.jpg", Path("library", small.library), 5, 0)
    ]
    earlier = image_contents(tmp_path, Path("library"), set="original", release="2018", buckets=2)
    assert [made.path for made in earlier] == ["original/0000/2.png"]


def test_metadata_travel_under_the_year_that_they_are_of(tmp_path):
    for table in ("posts", *TABLES):
        write_file(tmp_path / f"{table}.jsonl.gz", b"rows")
    found = list(metadata_contents(tmp_path, "2019"))
    assert [made.path for made in found] == sorted(
        f"metadata/2019/{table}.jsonl.gz" for table in ("posts", *TABLES)
    )
    assert {made.size for made in found} == {4}


def test_a_torrent_says_what_it_holds_and_where_others_are(torrents, content, tmp_path):
    [facts] = torrents([content("original/0000/2.png"), content("original/0001/3.png", b"3", 1)])
    made, files = read_torrent(tmp_path / "2019" / "torrents" / f"{facts.name}.torrent")
    assert facts.name == "danbooru-2019-original-0000-0001"
    assert files == [("danbooru/original/0000/2.png", 4), ("danbooru/original/0001/3.png", 1)]
    assert str(made.info_hashes.v1) == facts.infohash
    assert made.trackers == SETTINGS["trackers"]
    assert made.url_seeds == ["https://images.example/2019/"]


def test_a_torrent_is_dated_at_the_end_of_the_releases_last_day():
    moment = datetime.datetime.fromtimestamp(ANNOUNCEMENT.created, datetime.UTC)
    assert moment.isoformat() == "2020-01-01T00:00:00+00:00"


def test_the_same_files_give_the_same_torrent_twice(torrents, content, tmp_path):
    made = [content(f"original/0000/{number}.png", bytes(number)) for number in (2, 4, 6)]
    first, before = torrents(made), contents(tmp_path / "2019")
    for file in (tmp_path / "2019").rglob("*.*"):
        if file.is_file():
            file.unlink()
    assert torrents(made) == first
    assert contents(tmp_path / "2019") == before


def test_trackers_do_not_change_what_a_torrent_is(torrents, content):
    [one] = torrents([content("original/0000/2.png")])
    [other] = torrents([content("original/0000/2.png")], trackers=(), web_seeds=())
    assert one.infohash == other.infohash


def test_the_receipt_lists_the_torrents(torrents, content, tmp_path):
    facts = torrents([content("original/0000/2.png")])
    assert load_facts(tmp_path / "2019" / "receipts" / "torrent" / "original.json") == facts


def test_a_release_that_publishes_nothing_new_makes_no_torrent(torrents, tmp_path):
    assert torrents([]) == []
    assert load_facts(tmp_path / "2019" / "receipts" / "torrent" / "original.json") == []
    assert not list(tmp_path.rglob("*.torrent"))


def test_torrents_of_an_attempt_before_that_are_not_wanted_any_more_are_removed(
    torrents, content, tmp_path
):
    folder = tmp_path / "2019" / "torrents"
    torrents([content("original/0000/2.png"), content("original/0007/7.png", bucket=7)])
    torrents([content("512px/0000/2.jpg")], set="original-small")
    torrents([content("metadata/2019/posts", bucket=None)], set="metadata")
    for other in ("danbooru-2018-original-0000-0001.torrent", "danbooru-2019-originals.torrent"):
        write_file(folder / other, b"another's")
    torrents([content("original/0000/2.png")])
    assert sorted(file.name for file in folder.iterdir()) == [
        "danbooru-2018-original-0000-0001.torrent",
        "danbooru-2019-metadata.torrent",
        "danbooru-2019-original-0000-0000.torrent",
        "danbooru-2019-original-small-0000-0000.torrent",
        "danbooru-2019-originals.torrent",
    ]


def test_every_file_of_two_releases_travels_once_and_no_path_changes_its_bytes(two_years):
    paths = {}
    for release in ("2018", "2019"):
        for file in sorted((two_years.folder / release / "torrents").glob("*.torrent")):
            _, files = read_torrent(file)
            for path, size in files:
                inside = path.removeprefix("tiny/")
                assert inside not in paths
                paths[inside] = (release, size)
    images = [path for path in paths if not path.startswith("metadata/")]
    assert sorted(path for path in images if paths[path][0] == "2019") == [
        "32px/0000/14.jpg",
        "32px/0000/4.jpg",
        "32px/0001/13.jpg",
        "original/0000/14.jpg",
        "original/0001/13.png",
        "original/0001/15.png",
        "replaced/2019/0000/2.jpg",
        "replaced/2019/32px/0000/2.jpg",
    ]
    for path, (release, size) in paths.items():
        served = two_years.folder / release / "stage" / path
        assert served.stat().st_size == size


@pytest.mark.parametrize("release", ["2018", "2019"])
def test_a_client_that_has_the_stage_has_all_of_a_torrent(two_years, release, tmp_path):
    """Piece by piece, as a client checks what it seeds from its own stage."""
    (tmp_path / "tiny").symlink_to(two_years.folder / release / "stage")
    for file in (two_years.folder / release / "torrents").glob("*.torrent"):
        made, files = read_torrent(file)
        data = b"".join((tmp_path / path).read_bytes() for path, _ in files)
        size = made.ti.piece_length()
        for piece in range(made.ti.num_pieces()):
            part = data[piece * size : (piece + 1) * size]
            assert made.ti.hash_for_piece(piece) == hashlib.sha1(part).digest()


def test_a_new_release_leaves_the_torrents_of_the_one_before_alone(releases):
    before = inodes(releases.folder / "2018" / "torrents")
    releases.torrents("2019")
    assert inodes(releases.folder / "2018" / "torrents") == before


# Names of torrents that are issued once more


@pytest.mark.parametrize(
    ("name", "issue"), [("danbooru-2018-metadata", 1), ("danbooru-2018-original-0000-0099-r12", 12)]
)
def test_a_name_tells_how_often_a_torrent_was_issued(name, issue):
    assert issue_of(name) == issue
    assert reissued_name(name, issue + 1) == f"{name.removesuffix('-r12')}-r{issue + 1}"


def test_a_torrent_that_is_made_again_does_not_take_a_superseded_name(torrents, content, tmp_path):
    superseded = {
        "danbooru-2019-original-0000-0000": "aa",
        "danbooru-2019-original-0000-0000-r2": "bb",
    }
    write_revision(tmp_path / "2019", Revision(3, (1,), superseded))
    [facts] = torrents([content("original/0000/2.png")])
    assert facts.name == "danbooru-2019-original-0000-0000-r3"


def test_torrents_of_an_earlier_issue_that_are_no_longer_wanted_are_removed(
    torrents, content, tmp_path
):
    folder = tmp_path / "2019" / "torrents"
    for name in ("original-0000-0000-r2", "original-0000-0001", "original_large-0000-0000-r2"):
        write_file(folder / f"danbooru-2019-{name}.torrent", b"")
    torrents([content("original/0000/2.png")])
    assert sorted(file.name for file in folder.iterdir()) == [
        "danbooru-2019-original-0000-0000.torrent",
        "danbooru-2019-original_large-0000-0000-r2.torrent",
    ]
