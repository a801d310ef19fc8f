"""Which files travel in which torrent, and under which path.

A path of an active torrent never changes its bytes: a file that takes another's place travels
as `replaced/<release>/…`, and a year's metadata always as `metadata/<release>/`.
"""

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .checksums import records_of
from .metadata import TABLES, table_file
from .posts import end_of_day
from .receipts import Published, Record
from .revisions import read_revision
from .torrent_plan import Content, TorrentPlan, plan_torrents
from .torrent_size import Version
from .torrents import TorrentFacts, make_torrent, save_facts

logger = logging.getLogger(__name__)

METADATA = "metadata"
CREATOR = "booru-release"
ISSUE = re.compile(r"-r(\d+)$")


@dataclass(frozen=True)
class Announcement:
    """How a release's torrents are named and announced."""

    name: str
    last_upload: str
    version: Version
    trackers: tuple[str, ...]
    web_seeds: tuple[str, ...]

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "Announcement":
        """The announcement that the torrents' settings describe."""
        lists = {key: tuple(settings[key]) for key in ("trackers", "web_seeds")}
        return cls(**{**settings, **lists})

    @property
    def created(self) -> int:
        """The pinned creation date: the end of the release's last day, in seconds since 1970."""
        return int(end_of_day(self.last_upload).timestamp())


def replaced_path(file: Published) -> str:
    """The path of a file that took another's place, for as long as torrents live."""
    return f"replaced/{file.first_release}/{file.path.removeprefix('original/')}"


def torrent_path(file: Published) -> str:
    """The path below the root of the torrent that carries a file."""
    return replaced_path(file) if file.replaces else file.path


def image_contents(
    receipts: Path, library: Path, *, release: str, set: str, buckets: int
) -> Iterator[Content]:
    """The files of a set that the release published first, by bucket and then by ID."""
    records = records_of(receipts, buckets)
    yield from contents_of(records, library, release=release, set=set, buckets=buckets)


def contents_of(
    records: Iterable[Record], library: Path, *, release: str, set: str, buckets: int
) -> Iterator[Content]:
    """The files of a set among some posts that the release published first."""
    for record in records:
        for file in record.files:
            if file.set == set and file.first_release == release:
                place = library / file.library
                yield Content(torrent_path(file), place, file.size, record.id % buckets)


def metadata_contents(metadata: Path, release: str) -> Iterator[Content]:
    """The metadata tables of the release."""
    for table in sorted(["posts", *TABLES]):
        file = table_file(metadata, table)
        yield Content(f"metadata/{release}/{file.name}", file, file.stat().st_size, None)


def make_torrents(
    contents: Iterator[Content],
    *,
    set: str,
    release: str,
    announcement: Announcement,
    receipt: Path,
    threads: int,
) -> list[TorrentFacts]:
    """Make the torrents of one set of a release; `receipt` lists them and comes last.

    They go into `torrents/` of the release's folder, in which the receipt is, too.

    Torrents of the set that an earlier attempt left and that are no longer wanted are removed.
    """
    stem = f"{announcement.name}-{release}-{set}"
    superseded = read_revision(receipt.parents[2]).superseded
    plans = [
        replace(plan, name=_unused(plan.name, superseded))
        for plan in plan_torrents(
            contents, stem=stem, set=set, release=release, version=announcement.version
        )
    ]
    folder = receipt.parents[2] / "torrents"
    _remove_others(folder, stem, {plan.name for plan in plans})
    facts = [make(plan, folder, announcement, threads=threads) for plan in plans]
    save_facts(receipt, facts)
    return facts


def make(
    plan: TorrentPlan, folder: Path, announcement: Announcement, *, threads: int
) -> TorrentFacts:
    """Make one torrent as a release announces it; what it raises is what `make_torrent` does."""
    return make_torrent(
        plan,
        folder,
        root=announcement.name,
        trackers=[*announcement.trackers],
        web_seeds=[*announcement.web_seeds],
        created=announcement.created,
        creator=CREATOR,
        threads=threads,
    )


def reissued_name(name: str, issue: int) -> str:
    """The name of a torrent that is issued for the n-th time: `danbooru-2018-metadata-r2`."""
    return f"{ISSUE.sub('', name)}-r{issue}"


def issue_of(name: str) -> int:
    """How often a torrent of this name has been issued."""
    match = ISSUE.search(name)
    return int(match[1]) if match else 1


def _unused(name: str, superseded: Mapping[str, str]) -> str:
    """A name that no torrent has had: one that was superseded must not come back."""
    while name in superseded:
        name = reissued_name(name, issue_of(name) + 1)
    return name


def _remove_others(folder: Path, stem: str, wanted: set[str]) -> None:
    for file in sorted(folder.glob(f"{stem}*.torrent")):
        ours = re.fullmatch(r"(-\d+-\d+)?(-r\d+)?", file.stem.removeprefix(stem))
        if ours and file.stem not in wanted:
            logger.info("%s: no longer part of the release", file.name)
            file.unlink()
