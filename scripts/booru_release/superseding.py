"""Torrents issued anew because a post is withdrawn; all others stay, byte for byte."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from .checksums import records_of_bucket
from .distribution import (
    METADATA,
    Announcement,
    contents_of,
    issue_of,
    make,
    metadata_contents,
    reissued_name,
)
from .forgetting import owner_of
from .revisions import read_revision, write_revision
from .staging import Tree
from .torrent_plan import Content, plan_torrents
from .torrents import TorrentFacts, load_facts, paths_in, save_facts

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Press:
    """What torrents are issued anew with: the release's tree, and how it announces them."""

    tree: Tree
    announcement: Announcement
    threads: int

    @property
    def folder(self) -> Path:
        """Where the release's own torrents are."""
        return self.tree.folder / "torrents"

    def receipt(self, set: str) -> Path:
        """The receipt that lists the torrents of a set."""
        return self.tree.folder / "receipts" / "torrent" / f"{set}.json"


def supersede_torrents(press: Press, ids: Iterable[int]) -> None:
    """Issue anew the torrents of a release that hold files of some posts, or other metadata.

    The receipts and tables must be without the posts already. Killed anywhere, it goes on.
    """
    ids = [*ids]
    for set in ("original", *press.tree.subsets):
        for facts in load_facts(press.receipt(set)):
            if _holds(press, facts, ids):
                _supersede(press, facts, [*_image_contents(press, facts)])
    for facts in load_facts(press.receipt(METADATA)):
        contents = metadata_contents(press.tree.folder / "metadata", press.tree.release)
        _supersede(press, facts, [*contents])
    _remove_others(press)


def _holds(press: Press, facts: TorrentFacts, ids: list[int]) -> bool:
    buckets = press.tree.buckets
    first, last = facts.first_bucket or 0, facts.last_bucket or 0
    near = {post_id for post_id in ids if first <= post_id % buckets <= last}
    if not near:
        return False
    paths = paths_in(press.folder / f"{facts.name}.torrent")
    return any(owner_of(path, near, buckets) for path in paths)


def _image_contents(press: Press, facts: TorrentFacts) -> Iterator[Content]:
    tree = press.tree
    assert facts.first_bucket is not None
    assert facts.last_bucket is not None
    for number in range(facts.first_bucket, facts.last_bucket + 1):
        yield from contents_of(
            records_of_bucket(tree.folder / "receipts" / "checksum", number),
            tree.releases / "library",
            release=tree.release,
            set=facts.set,
            buckets=tree.buckets,
        )


def _supersede(press: Press, old: TorrentFacts, contents: list[Content]) -> None:
    """Put new torrents into an old one's place; none where the content is the same, or nothing."""
    plans = plan_torrents(
        contents,
        stem=f"{press.announcement.name}-{old.release}-{old.set}",
        set=old.set,
        release=old.release,
        version=press.announcement.version,
    )
    fresh = []
    for plan in plans:
        named = replace(plan, name=reissued_name(plan.name, issue_of(old.name) + 1))
        facts = make(named, press.folder, press.announcement, threads=press.threads)
        fresh.append(replace(facts, supersedes={**old.supersedes, old.name: old.hash}))
    if [facts.hash for facts in fresh] == [old.hash]:
        (press.folder / f"{fresh[0].name}.torrent").unlink()
        return
    revision = read_revision(press.tree.folder)
    superseded = {**revision.superseded, old.name: old.hash}
    write_revision(press.tree.folder, replace(revision, superseded=superseded))
    others = [one for one in load_facts(press.receipt(old.set)) if one.name != old.name]
    save_facts(press.receipt(old.set), [*others, *fresh])
    logger.info("%s: superseded by %s", old.name, [facts.name for facts in fresh] or "nothing")


def _remove_others(press: Press) -> None:
    """Remove the torrents that no receipt lists: superseded, or made by a run that was killed."""
    receipts = press.receipt(METADATA).parent.glob("*.json")
    issued = {facts.name for receipt in receipts for facts in load_facts(receipt)}
    for file in press.folder.glob("*.torrent"):
        if file.stem not in issued:
            file.unlink()
