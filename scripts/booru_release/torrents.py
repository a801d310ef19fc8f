"""Torrents from files that lie elsewhere, with the same bytes for the same input.

The metainfo is put together here and only bencoded and read back by libtorrent: its own generator
wants a tree of the torrent's shape, and a new version of it may write other bytes, which would be
another torrent. Sources: BEP 3 (metainfo), BEP 12 (tiers of trackers), BEP 19 (web seeds), BEP 47
(padding files), BEP 52 (v2 and hybrid).
"""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import libtorrent

from .errors import ReleaseProblem
from .files import UnreadableFile, dump_json, read_json, write_bytes
from .torrent_hashes import FileTree, TorrentHashes, hash_torrent
from .torrent_plan import Content, Limit, TorrentPlan, TorrentTooLarge

logger = logging.getLogger(__name__)

# A bencoded dictionary; its values are bytes, numbers, lists and dictionaries.
Metainfo = dict[bytes, Any]


class UnloadableTorrent(ReleaseProblem):
    """libtorrent, with its default limits, refuses a torrent that we made; it was not written."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name}: cannot be loaded: {why}")
        self.name = name


@dataclass(frozen=True)
class TorrentFacts:
    """What a release says about one of its torrents.

    `name` is the file's name without .torrent. Of the hashes (hex), a v1 torrent lacks the second
    and a v2 torrent the first. `bytes` counts the files without padding. `supersedes` has the
    infohash of each torrent, by name, in whose place this one is issued.
    """

    name: str
    set: str
    release: str
    infohash: str | None
    infohash_v2: str | None
    magnet: str
    files: int
    bytes: int
    piece_size: int
    torrent_bytes: int
    first_bucket: int | None
    last_bucket: int | None
    supersedes: dict[str, str] = field(default_factory=dict)

    @property
    def hash(self) -> str:
        """The infohash that the torrent is known by (hex)."""
        return self.infohash or self.infohash_v2 or ""


def make_torrent(
    plan: TorrentPlan,
    folder: Path,
    *,
    root: str,
    trackers: list[str],
    web_seeds: list[str],
    created: int,
    creator: str,
    threads: int,
) -> TorrentFacts:
    """Hash the files of a plan and write `folder/<name>.torrent`, atomically.

    `root` is the folder that the torrent unpacks into, `created` a Unix time.

    Raises:
        ChangedContent: a file has another size than planned.
        TorrentTooLarge: the plan or the .torrent is over a limit.
        UnloadableTorrent: a client could not load it.
        UnreadableFile: a file vanished or cannot be read.
        UnwritableFile: the .torrent cannot be written.
    """
    check_limit(plan, "files", len(plan.contents), plan.limits.files)
    metainfo = make_metainfo(plan, root, hash_torrent(plan, threads=threads))
    metainfo |= announcement(trackers, web_seeds)
    metainfo |= {b"created by": creator.encode(), b"creation date": created}
    torrent = libtorrent.bencode(metainfo)
    check_limit(plan, "bytes", len(torrent), plan.limits.torrent_bytes)
    facts = describe(plan, torrent)
    write_bytes(folder / f"{plan.name}.torrent", torrent)
    logger.info("%s: %d files, %d bytes", plan.name, facts.files, facts.bytes)
    return facts


def check_limit(plan: TorrentPlan, limit: Limit, actual: int, allowed: int) -> None:
    """Raise TorrentTooLarge when a number is over its limit."""
    if actual > allowed:
        raise TorrentTooLarge(plan.name, limit, actual, allowed)


def make_metainfo(plan: TorrentPlan, root: str, hashes: TorrentHashes) -> Metainfo:
    """The part of a metainfo that the files decide: `info`, and in v2 the piece layers."""
    info: Metainfo = {b"name": root.encode(), b"piece length": plan.piece_size}
    if plan.version != "v2":
        padded = plan.version == "hybrid"
        files = list(file_list(plan.contents, plan.piece_size if padded else None))
        info |= {b"files": files, b"pieces": hashes.pieces}
    if plan.version == "v1":
        return {b"info": info}
    info |= {b"file tree": nested_tree(plan.contents, hashes.trees), b"meta version": 2}
    layers = {tree.root: tree.layer for tree in hashes.trees.values() if tree.layer}
    return {b"info": info, b"piece layers": layers}


def file_list(contents: Iterable[Content], align: int | None) -> Iterator[Metainfo]:
    """The v1 list of files, each followed by zeros up to `align` bytes in a hybrid torrent."""
    for content in contents:
        path = [part.encode() for part in content.path.split("/")]
        yield {b"length": content.size, b"path": path}
        if align and content.size % align:
            missing = align - content.size % align
            pad = [b".pad", str(missing).encode()]
            yield {b"attr": b"p", b"length": missing, b"path": pad}


def nested_tree(contents: Iterable[Content], trees: dict[str, FileTree]) -> Metainfo:
    """The v2 tree of folders; a file is a folder that holds only the empty name."""
    top: Metainfo = {}
    for content in contents:
        place = top
        for part in content.path.split("/"):
            place = place.setdefault(part.encode(), {})
        place[b""] = {b"length": content.size}
        if content.size:
            place[b""][b"pieces root"] = trees[content.path].root
    return top


def announcement(trackers: list[str], web_seeds: list[str]) -> Metainfo:
    """Where peers are found: each tracker a tier of its own, and folders on web servers."""
    found: Metainfo = {}
    if trackers:
        found[b"announce"] = trackers[0].encode()
        found[b"announce-list"] = [[tracker.encode()] for tracker in trackers]
    if web_seeds:
        # BEP 19: the client appends the root's name and the path, so the URL ends in a slash.
        found[b"url-list"] = [url.rstrip("/").encode() + b"/" for url in web_seeds]
    return found


def describe(plan: TorrentPlan, torrent: bytes) -> TorrentFacts:
    """The facts of a torrent as libtorrent reads it, with the limits that clients have.

    Raises:
        UnloadableTorrent: it refuses the torrent.
    """
    try:
        loaded = libtorrent.load_torrent_buffer(torrent)
    except RuntimeError as error:
        raise UnloadableTorrent(plan.name, str(error)) from error
    loaded.name = plan.name
    hashes = loaded.info_hashes
    first, last = plan.buckets or (None, None)
    return TorrentFacts(
        name=plan.name,
        set=plan.set,
        release=plan.release,
        infohash=str(hashes.v1) if hashes.has_v1() else None,
        infohash_v2=str(hashes.v2) if hashes.has_v2() else None,
        magnet=libtorrent.make_magnet_uri(loaded),
        files=len(plan.contents),
        bytes=plan.bytes,
        piece_size=plan.piece_size,
        torrent_bytes=len(torrent),
        first_bucket=first,
        last_bucket=last,
    )


def paths_in(torrent: Path) -> set[str]:
    """The paths of a .torrent's files, below its root folder.

    Raises:
        UnreadableFile: it is none.
    """
    try:
        files = libtorrent.torrent_info(str(torrent)).layout()
    except RuntimeError as error:
        raise UnreadableFile(torrent, f"cannot be loaded ({error})") from error
    names = (files.file_path(index) for index in range(files.num_files()))
    return {name.replace("\\", "/").split("/", 1)[1] for name in names}


def save_facts(path: Path, facts: Iterable[TorrentFacts]) -> None:
    """Write the facts of torrents as one JSON document, in order of name."""
    ordered = sorted(facts, key=lambda torrent: torrent.name)
    write_bytes(path, dump_json([asdict(torrent) for torrent in ordered]))


def load_facts(path: Path) -> list[TorrentFacts]:
    """The facts that save_facts wrote.

    Raises:
        UnreadableFile: the document is missing or is not a list of facts.
    """
    try:
        return [TorrentFacts(**row) for row in read_json(path)]
    except TypeError as error:
        raise UnreadableFile(path, f"is not a list of torrents ({error})") from error
