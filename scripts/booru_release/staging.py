"""The tree that is served: hard links into the library, built beside and switched by one rename."""

import logging
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .checksums import records_of
from .distribution import METADATA, replaced_path
from .errors import ReleaseProblem
from .feed import FEED, FEED_FILES, feed_folder
from .files import (
    disk_trouble,
    exchange,
    replace_file,
    sha256_of,
    sync_file,
    sync_folder,
    sync_tree,
)
from .metadata import read_snapshot, table_file
from .receipts import Published, Record
from .torrents import TorrentFacts, load_facts

logger = logging.getLogger(__name__)


class NoLink(ReleaseProblem):
    """A stage must be on the file system of the library, since it holds no copies."""

    def __init__(self, source: Path, target: Path, error: OSError) -> None:
        super().__init__(f"{target}: cannot be linked to {source}: {error.strerror}")
        self.source, self.target = source, target


@dataclass(frozen=True)
class Staged:
    """A file of the stage: its path there, its source and sha256, and whether it is a copy.

    Images and metadata are links, so they cost nothing; the small indexes are copies, so that
    whatever happens to those that are served, ours are still there to hold them against.
    """

    path: str
    source: Path
    sha256: str | None = None
    copied: bool = False

    @property
    def digest(self) -> str:
        """The sha256 of its bytes, read from the source where nobody has told it."""
        return self.sha256 or sha256_of(self.source)


@dataclass(frozen=True)
class Tree:
    """The folders that a release's stage is made from."""

    releases: Path
    release: str
    earlier: tuple[str, ...]
    buckets: int
    subsets: tuple[str, ...]

    @property
    def folder(self) -> Path:
        """The release's own folder."""
        return self.releases / self.release

    def images(self) -> Iterator[Staged]:
        """Every published image, by bucket and ID."""
        for record in self.records():
            for file in record.files:
                yield from self.places(file)

    def records(self) -> Iterator[Record]:
        """What the release says of its posts, by bucket and ID."""
        return records_of(self.folder / "receipts" / "checksum", self.buckets)

    def places(self, file: Published) -> Iterator[Staged]:
        """Where the stage has an image: twice if it took another's place in this release."""
        source = self.releases / "library" / file.library
        yield Staged(file.path, source, file.sha256)
        if file.replaces and file.first_release == self.release:
            yield Staged(replaced_path(file), source, file.sha256)

    def metadata(self) -> Iterator[Staged]:
        """This release's tables, at the top and by year, and those of the earlier years."""
        yield from _tables(self.folder / "metadata", "metadata")
        for release in (*self.earlier, self.release):
            yield from _tables(self.releases / release / "metadata", f"metadata/{release}")

    def torrents(self) -> Iterator[Staged]:
        """This release's torrents and those of earlier years, which all stay active."""
        for torrent in self.active_torrents():
            name = f"{torrent.name}.torrent"
            file = self.releases / torrent.release / "torrents" / name
            yield Staged(f"torrents/{name}", file, copied=True)

    def active_torrents(self) -> Iterator[TorrentFacts]:
        """What is known of each torrent, earliest year first."""
        for release in self.earlier:
            for receipt in sorted(self._torrent_receipts(release).glob("*.json")):
                yield from load_facts(receipt)
        for name in sorted(["original", METADATA, *self.subsets]):
            yield from load_facts(self._torrent_receipts(self.release) / f"{name}.json")

    def _torrent_receipts(self, release: str) -> Path:
        return self.releases / release / "receipts" / "torrent"

    def tables(self) -> Iterator[Staged]:
        """The release's own indexes but SHA256SUMS and release.json, which name these."""
        names = ["manifest.parquet", "accounts.json", "torrents.json"]
        for name in [*names, *(f"subsets/{subset}.parquet" for subset in self.subsets)]:
            yield Staged(name, self.folder / name, copied=True)

    def files(self) -> Iterator[Staged]:
        """Every file of the stage but SHA256SUMS and release.json."""
        yield from self.images()
        yield from self.metadata()
        yield from self.torrents()
        yield from self.tables()


def _tables(metadata: Path, folder: str) -> Iterator[Staged]:
    for table, sha256 in read_snapshot(metadata / "snapshot.json").sha256.items():
        file = table_file(metadata, table)
        yield Staged(f"{folder}/{file.name}", file, sha256)


def write_sums(tree: Tree, path: Path) -> int:
    """Write SHA256SUMS as `sha256sum --check` reads it; returns the number of files."""
    count = 0
    with replace_file(path) as out:
        for file in tree.files():
            out.write(f"{file.digest}  {file.path}\n".encode())
            count += 1
    return count


def stage_release(tree: Tree, draft: Path) -> None:
    """Build the stage beside the one that is served, and put it in its place at once.

    `draft` is the file that becomes the stage's release.json.

    Raises:
        NoLink: a file of the library is gone, or lies on another file system.
    """
    fresh, stage = tree.folder / "stage.new", tree.folder / "stage"
    shutil.rmtree(fresh, ignore_errors=True)
    count = 0
    for file in all_files(tree, draft):
        place(file, fresh / file.path)
        count += 1
    with disk_trouble(stage):
        # Also the folders of the receipts, which Snakemake made: later years need them.
        sync_tree(tree.folder)
        switch(fresh, stage)
    logger.info("%s: %d files", stage, count)


def switch(fresh: Path, stage: Path) -> None:
    """Put a stage in the place of the one that is served; a loss of power leaves either."""
    if not stage.is_dir():
        fresh.rename(stage)
        sync_folder(stage.parent)
        return
    exchange(fresh, stage)
    sync_folder(stage.parent)
    shutil.rmtree(fresh)


def all_files(tree: Tree, release_json: Path) -> Iterator[Staged]:
    """Every file of the stage: SHA256SUMS, release.json and the feed of withdrawals included."""
    yield from tree.files()
    feed = feed_folder(tree.releases)
    for name in FEED_FILES if (feed / FEED).is_file() else ():
        yield Staged(name, feed / name, copied=True)
    for path, file in {
        "SHA256SUMS": tree.folder / "SHA256SUMS",
        "release.json": release_json,
    }.items():
        yield Staged(path, file, copied=True)


def place(file: Staged, target: Path) -> None:
    """Put a file of the stage where it belongs.

    Raises:
        NoLink: its source is gone, or on another file system.
        UnwritableFile: the disk is full, read-only or broken, or the folder is closed to us.
    """
    try:
        with disk_trouble(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            if file.copied:
                shutil.copy2(file.source, target)
                sync_file(target)
            else:
                target.hardlink_to(file.source)
    except OSError as error:
        raise NoLink(file.source, target, error) from error
