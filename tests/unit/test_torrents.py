import hashlib
import logging
import os
import random
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import libtorrent
import pytest
from booru_release import torrents
from booru_release.files import UnreadableFile
from booru_release.torrent_hashes import ChangedContent, TorrentHashes, file_tree, hash_torrent
from booru_release.torrent_plan import Content, TorrentTooLarge, UnsafePath, plan_torrents
from booru_release.torrent_size import Limits, piece_size_for
from booru_release.torrents import (
    UnloadableTorrent,
    announcement,
    load_facts,
    make_metainfo,
    make_torrent,
    save_facts,
)

VERSIONS = ["v1", "v2", "hybrid"]
BUCKETS = 1000
# 1 January 2019
CREATED = 1546300800
# Around the borders of blocks and pieces of 16 KiB, and two files far longer than a piece.
SIZES = [0, 1, 16383, 16384, 16385, 5, 32768, 0, 250_000, 700, 49_152, 131_073, 3, 0]


def plan(contents, *, stem="danbooru-2019-original", **settings):
    return plan_torrents(contents, stem=stem, set="original", release="2019", **settings)


def make(planned, folder, **settings):
    options = {
        "root": "danbooru",
        "trackers": ["udp://one.example:1337/announce", "https://two.example/announce"],
        "web_seeds": ["https://images.example/2019"],
        "created": CREATED,
        "creator": "booru-release 1",
        "threads": 2,
    }
    return make_torrent(planned, folder, **(options | settings))


def bdecode(data):
    """Decode bencoding (BEP 3) without the library under test."""
    value, end = bdecode_at(data, 0)
    assert end == len(data)
    return value


def bdecode_at(data, at):
    kind = data[at : at + 1]
    if kind == b"i":
        end = data.index(b"e", at)
        return int(data[at + 1 : end]), end + 1
    if kind in (b"l", b"d"):
        items, at = [], at + 1
        while data[at : at + 1] != b"e":
            item, at = bdecode_at(data, at)
            items.append(item)
        pairs = zip(items[::2], items[1::2], strict=True) if kind == b"d" else None
        return (dict(pairs) if pairs else items), at + 1
    colon = data.index(b":", at)
    end = colon + 1 + int(data[at:colon])
    return data[colon + 1 : end], end


@pytest.fixture
def library(tmp_path):
    """Files under other names than in the torrent, as the library keeps them."""

    def add(path, data, bucket=None):
        file = tmp_path / "library" / f"{hashlib.md5(path.encode() + data).hexdigest()}.bin"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(data)
        return Content(path, file, len(data), bucket)

    return add


@pytest.fixture
def contents(library):
    """Originals of two buckets whose numeric order is not the order of their names."""
    noise = random.Random(7)
    found = []
    for number, size in enumerate(SIZES):
        bucket = 123 + number % 2
        path = f"original/{bucket:04d}/{9_000 + bucket + number // 2 * BUCKETS}.png"
        found.append(library(path, noise.randbytes(size), bucket))
    return found


def simulated(count, *, size=700_000, buckets=BUCKETS):
    return [
        Content(f"original/{i % buckets:04d}/{i}.png", Path("/nowhere"), size, i % buckets)
        for i in range(1, count + 1)
    ]


# Plans


def test_no_contents_make_no_torrents():
    assert plan([]) == []


def test_files_are_in_order_of_bucket_and_then_as_given(contents):
    (only,) = plan(iter(contents))
    assert [content.path for content in only.contents] == [
        *(content.path for content in contents[::2]),
        *(content.path for content in contents[1::2]),
    ]
    assert only.contents[0].path == "original/0123/9123.png"
    assert only.contents[1].path == "original/0123/10123.png"
    assert (only.name, only.buckets) == ("danbooru-2019-original-0123-0124", (123, 124))


def test_files_without_a_bucket_get_a_torrent_of_their_own(library):
    metadata = library("metadata/2019/posts.jsonl.gz", b"posts")
    image = library("original/0001/1.png", b"image", 1)
    first, second = plan([image, metadata], stem="x")
    assert (first.name, first.contents, first.buckets) == ("x", (metadata,), None)
    assert (second.name, second.contents) == ("x-0001-0001", (image,))


@pytest.mark.long
def test_a_year_of_400_000_files_becomes_seven_torrents():
    plans = plan(simulated(400_000))
    assert [len(planned.contents) for planned in plans] == [60_000] * 6 + [40_000]


@pytest.mark.parametrize(("version", "torrents"), [("v1", 7), ("v2", 15), ("hybrid", 32)])
def test_ranges_of_buckets_are_within_the_limits_and_leave_no_gap(version, torrents):
    # A tenth of 400,000 files, and of the limits.
    plans = plan(simulated(40_000), version=version, limits=Limits(6_000, 500_000))
    assert all(len(planned.contents) <= 6_000 for planned in plans)
    assert sum(len(planned.contents) for planned in plans) == 40_000
    ranges = [planned.buckets for planned in plans]
    assert ranges[0][0] == 0
    assert ranges[-1][1] == BUCKETS - 1
    assert all(before[1] + 1 == after[0] for before, after in pairwise(ranges))
    assert len(plans) == torrents


@pytest.mark.parametrize("version", VERSIONS)
def test_the_same_contents_are_planned_the_same(contents, version):
    assert plan(contents, version=version) == plan(list(contents), version=version)


@pytest.mark.parametrize("size", [10, 16_384, 700_000, 40_000_000])
@pytest.mark.parametrize("version", VERSIONS)
def test_the_size_of_a_torrent_is_never_estimated_too_low_and_for_v1_closely(version, size):
    posts = simulated(4_000, size=size, buckets=100)
    first = plan(posts, version=version, limits=Limits(torrent_bytes=200_000))[0]
    metainfo = make_metainfo(first, "danbooru", fake_hashes(first))
    metainfo |= announcement(["udp://tracker.example:1337/announce"] * 20, [])
    torrent = libtorrent.bencode(metainfo)
    assert len(torrent) <= 200_000
    assert version != "v1" or len(torrent) > 180_000
    assert libtorrent.load_torrent_buffer(torrent).ti.num_files() >= len(first.contents)


def fake_hashes(planned):
    """Hashes of files that nobody has, as many as a torrent of these files says."""
    noise, piece = random.Random(1), planned.piece_size
    if planned.version == "v1":
        return TorrentHashes(noise.randbytes(20 * -(-planned.bytes // piece)), {})
    own = {content.path: -(-content.size // piece) for content in planned.contents}
    trees = {
        path: file_tree([noise.randbytes(32) for _ in range(count)], piece)
        for path, count in own.items()
    }
    return TorrentHashes(noise.randbytes(20 * sum(own.values())), trees)


def test_a_bucket_with_too_many_files_is_refused_with_advice():
    with pytest.raises(TorrentTooLarge, match="more buckets") as problem:
        plan(simulated(11, buckets=1), limits=Limits(files=10))
    assert (problem.value.limit, problem.value.actual) == ("files", 11)
    assert problem.value.name == "danbooru-2019-original-0000-0000"


def test_a_bucket_that_makes_too_many_bytes_is_refused():
    with pytest.raises(TorrentTooLarge, match=r"bytes of \.torrent") as problem:
        plan(simulated(1_000, buckets=1), limits=Limits(torrent_bytes=50_000))
    assert problem.value.limit == "bytes"
    assert problem.value.actual > problem.value.allowed == 50_000


def test_files_without_a_bucket_are_refused_too_when_they_are_too_many():
    loose = [replace(content, bucket=None) for content in simulated(3)]
    with pytest.raises(TorrentTooLarge):
        plan(loose, limits=Limits(files=2))


@pytest.mark.parametrize("path", ["/etc/passwd", "a/../../b", "..", "a//b", "./a", "", "a\\..\\b"])
def test_a_path_outside_the_root_is_refused(path):
    with pytest.raises(UnsafePath) as problem:
        plan([Content(path, Path("x"), 1, 0)])
    assert problem.value.path == path


def test_two_files_with_one_path_are_refused():
    with pytest.raises(UnsafePath, match="two files"):
        plan([Content("a", Path("x"), 1, 0), Content("a", Path("y"), 1, 1)])


@pytest.mark.parametrize(
    ("size", "v1", "hybrid"),
    [
        (0, 16 << 10, 16 << 10),
        (2_500 * (16 << 10), 16 << 10, 16 << 10),
        (2_500 * (16 << 10) + 1, 32 << 10, 32 << 10),
        (42_000_000_000, 16 << 20, 1 << 20),
        (10**13, 16 << 20, 1 << 20),
    ],
)
def test_the_size_of_a_piece_is_pinned(size, v1, hybrid):
    assert piece_size_for(size, "v1") == piece_size_for(size, "v2") == v1
    assert piece_size_for(size, "hybrid") == hybrid


# Metainfo


def test_a_v1_torrent_says_what_bep_3_asks_for(contents, tmp_path):
    (planned,) = plan(contents)
    facts = make(planned, tmp_path / "torrents")
    data = (tmp_path / "torrents" / "danbooru-2019-original-0123-0124.torrent").read_bytes()
    torrent = bdecode(data)
    info = torrent[b"info"]
    assert torrent[b"created by"] == b"booru-release 1"
    assert torrent[b"creation date"] == CREATED
    assert torrent[b"announce"] == b"udp://one.example:1337/announce"
    assert torrent[b"announce-list"] == [
        [b"udp://one.example:1337/announce"],
        [b"https://two.example/announce"],
    ]
    assert torrent[b"url-list"] == [b"https://images.example/2019/"]
    assert set(info) == {b"files", b"name", b"piece length", b"pieces"}
    assert (info[b"name"], info[b"piece length"]) == (b"danbooru", 16384)
    assert [(b"/".join(file[b"path"]).decode(), file[b"length"]) for file in info[b"files"]] == [
        (content.path, content.size) for content in planned.contents
    ]
    assert facts.infohash in data_infohashes(data)
    assert facts.torrent_bytes == len(data)


def data_infohashes(data):
    """The SHA-1 and SHA-256 of the info dictionary as it stands in the file."""
    start = data.index(b"4:info") + len(b"4:info")
    _, end = bdecode_at(data, start)
    info = data[start:end]
    return hashlib.sha1(info).hexdigest(), hashlib.sha256(info).hexdigest()


def test_v1_pieces_are_the_sha1_of_the_joined_files(contents):
    (planned,) = plan(contents)
    joined = b"".join(content.file.read_bytes() for content in planned.contents)
    size = planned.piece_size
    expected = [hashlib.sha1(joined[at : at + size]).digest() for at in range(0, len(joined), size)]
    assert hash_torrent(planned, threads=2).pieces == b"".join(expected)


def tree_of(contents, folder, root="danbooru"):
    """The tree that a torrent unpacks into."""
    for content in contents:
        place = folder / root / content.path
        place.parent.mkdir(parents=True, exist_ok=True)
        os.link(content.file, place)
    return folder


# The oracle is libtorrent's own generator on a real tree of the torrent's shape.
@pytest.mark.parametrize("version", VERSIONS)
def test_the_infohash_is_that_of_libtorrents_own_generator(contents, tmp_path, version):
    (planned,) = plan(contents, version=version)
    facts = make(planned, tmp_path)
    tree = tree_of(contents, tmp_path / "tree")
    entries = [
        libtorrent.create_file_entry(f"danbooru/{content.path}", content.size)
        for content in planned.contents
    ]
    flags = {"v1": libtorrent.create_torrent.v1_only, "v2": libtorrent.create_torrent.v2_only}
    theirs = libtorrent.create_torrent(entries, planned.piece_size, flags.get(version, 0))
    libtorrent.set_piece_hashes(theirs, str(tree))
    data = libtorrent.bencode(theirs.generate())
    ours = (tmp_path / f"{planned.name}.torrent").read_bytes()
    assert bdecode(ours)[b"info"] == bdecode(data)[b"info"]
    assert bdecode(ours).get(b"piece layers") == bdecode(data).get(b"piece layers")
    sha1, sha256 = data_infohashes(data)
    assert facts.infohash == (None if version == "v2" else sha1)
    assert facts.infohash_v2 == (None if version == "v1" else sha256)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_same_input_makes_the_same_bytes(contents, tmp_path, version):
    (planned,) = plan(contents, version=version)
    first = make(planned, tmp_path / "a", threads=1)
    second = make(planned, tmp_path / "b", threads=4)
    name = f"{planned.name}.torrent"
    assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert first == second


# The vector is the info dictionary written by hand after BEP 3.
def test_a_known_torrent_keeps_its_infohash(library, tmp_path):
    (planned,) = plan([library("original/0007/7.png", b"seven", 7)])
    info = (
        b"d5:filesld6:lengthi5e4:pathl8:original4:00075:7.pngeee4:name8:danbooru"
        b"12:piece lengthi16384e6:pieces20:" + hashlib.sha1(b"seven").digest() + b"e"
    )
    assert make(planned, tmp_path).infohash == hashlib.sha1(info).hexdigest()


def test_the_infohash_does_not_depend_on_trackers_seeds_or_dates(contents, tmp_path):
    (planned,) = plan(contents, version="hybrid")
    first = make(planned, tmp_path)
    second = make(planned, tmp_path, trackers=[], web_seeds=[], created=1, creator="another")
    assert (first.infohash, first.infohash_v2) == (second.infohash, second.infohash_v2)
    assert first.magnet != second.magnet


def test_a_torrent_without_trackers_or_seeds_says_nothing_of_them(contents, tmp_path):
    (planned,) = plan(contents)
    make(planned, tmp_path, trackers=[], web_seeds=[])
    torrent = bdecode((tmp_path / f"{planned.name}.torrent").read_bytes())
    assert set(torrent) == {b"created by", b"creation date", b"info"}


def test_the_magnet_link_names_hashes_trackers_and_torrent(contents, tmp_path):
    (planned,) = plan(contents, version="hybrid")
    facts = make(planned, tmp_path)
    magnet = libtorrent.parse_magnet_uri(facts.magnet)
    assert str(magnet.info_hashes.v1) == facts.infohash
    assert str(magnet.info_hashes.v2) == facts.infohash_v2
    assert magnet.trackers == ["udp://one.example:1337/announce", "https://two.example/announce"]
    assert magnet.name == planned.name


def test_facts_survive_being_written(contents, tmp_path):
    facts = [make(planned, tmp_path) for planned in plan(contents, limits=Limits(files=7))]
    assert [torrent.name[-9:] for torrent in facts] == ["0123-0123", "0124-0124"]
    assert facts[0].files == 7
    assert facts[0].bytes == sum(SIZES[::2])
    save_facts(tmp_path / "torrents.json", reversed(facts))
    assert load_facts(tmp_path / "torrents.json") == facts


@pytest.mark.parametrize("document", ['[{"name": "x"}]', "3", "not JSON"])
def test_facts_that_are_not_facts_are_refused(tmp_path, document):
    path = tmp_path / "torrents.json"
    path.write_text(document)
    with pytest.raises(UnreadableFile) as problem:
        load_facts(path)
    assert problem.value.path == path


def test_one_line_is_logged_for_each_torrent(contents, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    (planned,) = plan(contents)
    make(planned, tmp_path)
    assert caplog.messages == [f"{planned.name}: {len(SIZES)} files, {sum(SIZES)} bytes"]


# 60,000 files of the size and with the paths that Danbooru has; only the hashes are made up.
def test_clients_load_the_largest_torrent_with_their_default_limits(tmp_path, monkeypatch):
    posts = [replace(post, path=f"replaced/2019/{post.path[9:]}") for post in simulated(60_000)]
    (planned,) = plan(posts)
    monkeypatch.setattr(torrents, "hash_torrent", lambda plan, threads: fake_hashes(plan))
    facts = make(planned, tmp_path)
    assert facts.files == 60_000
    assert facts.torrent_bytes < 5_000_000
    loaded = libtorrent.load_torrent_file(str(tmp_path / f"{planned.name}.torrent"))
    assert loaded.ti.num_files() == 60_000


# Failures


def left_in(folder):
    return list(folder.iterdir()) if folder.exists() else []


def test_a_torrent_over_the_limit_of_bytes_is_never_written(contents, tmp_path):
    (planned,) = plan(contents)
    small = replace(planned, limits=Limits(torrent_bytes=500))
    with pytest.raises(TorrentTooLarge) as problem:
        make(small, tmp_path / "out")
    assert problem.value.limit == "bytes"
    assert left_in(tmp_path / "out") == []


def test_a_torrent_over_the_limit_of_files_is_never_written(contents, tmp_path):
    (planned,) = plan(contents)
    with pytest.raises(TorrentTooLarge) as problem:
        make(replace(planned, limits=Limits(files=3)), tmp_path / "out")
    assert problem.value.limit == "files"
    assert left_in(tmp_path / "out") == []


@pytest.mark.parametrize("data", [b"", b"much longer than planned"])
@pytest.mark.parametrize("version", VERSIONS)
def test_a_file_that_changed_its_size_is_named(library, tmp_path, version, data):
    content = library("original/0001/1.png", b"as planned", 1)
    (planned,) = plan([content], version=version)
    content.file.write_bytes(data)
    with pytest.raises(ChangedContent, match=str(content.file)) as problem:
        make(planned, tmp_path / "out")
    assert (problem.value.actual, problem.value.expected) == (len(data), 10)
    assert left_in(tmp_path / "out") == []


def test_an_empty_file_that_is_empty_no_more_is_named(library, tmp_path):
    content = library("original/0001/1.png", b"", 1)
    (planned,) = plan([library("original/0000/2.png", b"x", 0), content])
    content.file.write_bytes(b"!")
    with pytest.raises(ChangedContent, match=str(content.file)):
        make(planned, tmp_path)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_file_cut_while_it_is_read_is_named(contents, tmp_path, version, monkeypatch):
    (planned,) = plan(contents, version=version)
    cut = max(contents, key=lambda content: content.size)
    monkeypatch.setattr("booru_release.torrent_hashes.check_sizes", lambda contents: None)
    os.truncate(cut.file, 100_000)
    with pytest.raises(ChangedContent, match=str(cut.file)):
        make(planned, tmp_path / "out")
    assert left_in(tmp_path / "out") == []


def test_a_file_that_vanished_is_named(contents, tmp_path):
    (planned,) = plan(contents)
    contents[3].file.unlink()
    with pytest.raises(UnreadableFile, match=f"{contents[3].file}: is not there"):
        make(planned, tmp_path / "out")
    assert left_in(tmp_path / "out") == []


def test_a_folder_in_the_place_of_a_file_is_named(library, tmp_path, monkeypatch):
    content = library("original/0001/1.png", b"image", 1)
    (planned,) = plan([content])
    monkeypatch.setattr("booru_release.torrent_hashes.check_sizes", lambda contents: None)
    content.file.unlink()
    content.file.mkdir()
    with pytest.raises(UnreadableFile, match=r"cannot be read: Is a directory"):
        make(planned, tmp_path / "out")


def test_a_torrent_that_no_client_can_load_is_not_written(library, tmp_path):
    (planned,) = plan([library("original/0001/1.png", b"", 1)])
    with pytest.raises(UnloadableTorrent) as problem:
        make(planned, tmp_path / "out")
    assert problem.value.name == planned.name
    assert left_in(tmp_path / "out") == []


# A swarm of two clients on this machine


def client():
    """A libtorrent client that talks to nobody but whom it is told to."""
    settings = dict.fromkeys(["enable_dht", "enable_lsd", "enable_upnp", "enable_natpmp"], False)
    settings |= {"listen_interfaces": "127.0.0.1:0", "allow_multiple_connections_per_ip": True}
    return libtorrent.session(settings)


def add(session, torrent, folder):
    params = libtorrent.load_torrent_file(str(torrent))
    params.save_path = str(folder)
    params.trackers, params.url_seeds = [], []
    params.flags &= ~(libtorrent.torrent_flags.auto_managed | libtorrent.torrent_flags.paused)
    return session.add_torrent(params)


def wait_until_complete(handle, seconds=15):
    end = time.monotonic() + seconds
    while not handle.status().is_seeding:
        assert time.monotonic() < end, handle.status().state
        time.sleep(0.02)


def fetch(names, torrents, folder):
    """Seed torrents from one client and let another fetch them all."""
    seeder, leecher = client(), client()
    for handle in [
        add(seeder, torrents / f"{name}.torrent", torrents / "seeded") for name in names
    ]:
        wait_until_complete(handle)
    targets = [add(leecher, torrents / f"{name}.torrent", folder) for name in names]
    for handle in targets:
        handle.connect_peer(("127.0.0.1", seeder.listen_port()))
    for handle in targets:
        wait_until_complete(handle)
    # A client that is complete may still be writing; one that has ended is not.
    del leecher


@pytest.mark.parametrize("version", VERSIONS)
def test_a_client_fetches_the_right_bytes_from_another(contents, tmp_path, version):
    (planned,) = plan(contents, version=version)
    make(planned, tmp_path)
    tree_of(contents, tmp_path / "seeded")
    fetch([planned.name], tmp_path, tmp_path / "fetched")
    for content in contents:
        fetched = tmp_path / "fetched" / "danbooru" / content.path
        assert fetched.read_bytes() == content.file.read_bytes()


def test_two_torrents_with_one_root_unpack_into_one_tree(library, contents, tmp_path):
    subset = [library("512px/0123/9123.jpg", b"small", 123)]
    everything = [*contents, *subset]
    tree_of(everything, tmp_path / "seeded")
    plans = [*plan(contents), *plan(subset, stem="danbooru-2019-512px")]
    names = [make(planned, tmp_path).name for planned in plans]
    assert len(names) == 2
    fetch(names, tmp_path, tmp_path / "fetched")
    files = (path for path in (tmp_path / "fetched").rglob("*") if path.is_file())
    assert {str(path.relative_to(tmp_path / "fetched")) for path in files} == {
        f"danbooru/{content.path}" for content in everything
    }
