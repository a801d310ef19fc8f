"""A finished release issued anew without the posts that were withdrawn since."""

import logging
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .checksums import record_of
from .differences import diff_releases, write_difference
from .distribution import Announcement
from .errors import ReleaseProblem
from .files import read_json, read_lines, write_lines
from .finishing import finish_release
from .manifest import SUBSET, derived_of, subset_row, write_table
from .merging import merge_manifest
from .metadata import read_snapshot, table_file
from .planning import tombstone
from .redacting import mentions, redact_metadata
from .redaction import Redaction
from .revisions import next_revision, write_revision
from .staging import Tree, write_sums
from .superseding import Press, supersede_torrents
from .torrents import save_facts
from .withdrawn import by_bucket

logger = logging.getLogger(__name__)


class UnfinishedBefore(ReleaseProblem):
    """A release cannot be issued anew while one before it is being rebuilt."""

    def __init__(self, release: str, before: str) -> None:
        super().__init__(f"release {release}: follows {before}, which is not finished")
        self.hint = f"finish it first: snakemake release_{before}"


@dataclass(frozen=True)
class Issue:
    """A finished release to be issued anew, and what is to leave it; `threads` hash torrents."""

    tree: Tree
    redaction: Redaction
    threads: int

    @property
    def folder(self) -> Path:
        """The release's own folder."""
        return self.tree.folder


def tree_of(releases: Path, release: str, finished: list[str]) -> Tree:
    """The tree of a finished release, as it was built.

    Raises:
        UnfinishedBefore: the release before it is not finished.
    """
    built = read_json(releases / release / "release.json")
    before = built["previous"]
    if before is not None and before["release"] not in finished:
        raise UnfinishedBefore(release, before["release"])
    earlier = tuple(finished[: finished.index(release)])
    return Tree(releases, release, earlier, built["buckets"], tuple(sorted(built["subsets"])))


def has_trace(issue: Issue, ids: Iterable[int]) -> bool:
    """Whether a release has something of these posts: an ID of its own, or a mention."""
    last_id = read_json(issue.folder / "release.json")["last_id"]
    if any(post_id <= last_id for post_id in ids):
        return True
    metadata = issue.folder / "metadata"
    tables = read_snapshot(metadata / "snapshot.json").rows
    files = ((table_file(metadata, table), table) for table in tables)
    return any(any(mentions(file, table, issue.redaction)) for file, table in files)


def reissue_release(issue: Issue) -> int:
    """Issue a release anew; returns its revision.

    Its earlier stage is served until the new one is whole. Killed anywhere, it is called again.
    """
    tree, folder = issue.tree, issue.folder
    built = read_json(folder / "release.json")
    revision = next_revision(folder, issue.redaction.ids)
    write_revision(folder, revision)
    redact_metadata(folder / "metadata", issue.redaction, buckets=tree.buckets)
    _bury(issue, built["last_id"])
    announcement = Announcement.of(built["settings"]["torrent"])
    supersede_torrents(Press(tree, announcement, issue.threads), revision.withdrawn)
    _write_tables(tree)
    _compare_anew(tree)
    _finish(tree, built)
    logger.info("release %s: is revision %d now", tree.release, revision.number)
    return revision.number


def _bury(issue: Issue, last_id: int) -> None:
    """Leave of each withdrawn post nothing in the receipts but its tombstone."""
    receipts = issue.folder / "receipts"
    there = [post_id for post_id in issue.redaction.ids if post_id <= last_id]
    for bucket, ids in by_bucket(issue.tree.releases, there):
        stones = [tombstone(post_id) for post_id in sorted(ids)]
        records = [record_of(stone, None, None, []) for stone in stones]
        name = f"{bucket}.jsonl.gz"
        _rewrite(receipts / "plan" / name, ids, map(asdict, stones))
        _rewrite(receipts / "checksum" / name, ids, map(asdict, records))
        for step in ("download", "optimise", "rescale/*"):
            for receipt in receipts.glob(f"{step}/{name}"):
                _rewrite(receipt, ids)


def _rewrite(receipt: Path, ids: set[int], stones: Iterable[dict[str, Any]] = ()) -> None:
    kept = [row for row in read_lines(receipt) if row["id"] not in ids]
    write_lines(receipt, sorted([*kept, *stones], key=lambda row: row["id"]))


def _write_tables(tree: Tree) -> None:
    own, receipts = tree.folder, tree.folder / "receipts"
    merge_manifest(
        receipts / "checksum",
        own / "metadata",
        release=tree.release,
        buckets=tree.buckets,
        manifest=own / "manifest.parquet",
        accounts=own / "accounts.json",
        figures=own / "report" / "figures.json",
    )
    for subset in tree.subsets:
        derived = derived_of(receipts / "rescale" / subset, tree.buckets)
        write_table(own / "subsets" / f"{subset}.parquet", map(subset_row, derived), SUBSET)


def _compare_anew(tree: Tree) -> None:
    """Write every comparison with an earlier release once more, if that one is still there."""
    for report in sorted((tree.folder / "report").glob(f"diff_*_{tree.release}.json")):
        before = report.stem.split("_")[1]
        if before in tree.earlier:
            difference = diff_releases(
                tree.releases / before / "metadata",
                tree.folder / "metadata",
                names=(before, tree.release),
                ends=(_last_day(tree, before), _last_day(tree, tree.release)),
                buckets=tree.buckets,
            )
            write_difference(difference, report, report.with_suffix(".txt"))


def _last_day(tree: Tree, release: str) -> str:
    return str(read_json(tree.releases / release / "release.json")["last_upload"])


def _finish(tree: Tree, built: dict[str, Any]) -> None:
    own = tree.folder
    save_facts(own / "torrents.json", tree.active_torrents())
    write_sums(tree, own / "SHA256SUMS")
    before = tree.earlier[-1] if tree.earlier else None
    finish_release(
        tree,
        name=built["name"],
        difference=own / "report" / f"diff_{before}_{tree.release}.json" if before else None,
        settings=built["settings"],
        accepted=built["accepted"],
        output=own / "release.json",
    )
