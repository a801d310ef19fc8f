"""Putting a damaged stage right: from the library, by making files again, from the site."""

import hashlib
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from .configuration import Source
from .errors import ReleaseProblem
from .files import read_json, write_bytes
from .lossless import optimise
from .receipts import Downloaded, Planned, Published, Record, amended, lines_by_id
from .rescaling import Look
from .revisions import left_out
from .site import Site
from .snapshot import raw_site, write_snapshot
from .sources import open_site
from .staging import Staged, Tree, all_files, place
from .verification import NotBuilt, examine_stage, has_digest, is_link, trusted_sums
from .withdrawn import redaction_of

logger = logging.getLogger(__name__)

Remake = Callable[[], bytes]


class NotRepaired(ReleaseProblem):
    """Some files could not be made again; all others are right now."""

    def __init__(self, stage: Path, reasons: dict[str, str]) -> None:
        named = "".join(f"\n  {path}: {why}" for path, why in sorted(reasons.items()))
        super().__init__(f"{stage}: {len(reasons)} files are still not as published{named}")
        self.reasons = reasons


class OtherBytes(ReleaseProblem):
    """What can be had is not what was published."""


@dataclass(frozen=True)
class Workshop:
    """What a repair works with; `open_site` is called only when a file must be fetched."""

    tree: Tree
    open_site: Callable[[], AbstractContextManager[Site]]
    looks: dict[str, Look]
    png_level: int
    snapshot_settings: Mapping[str, Any]
    threads: int


def workshop_of(
    releases: Path,
    release: str,
    *,
    earlier: tuple[str, ...],
    source: Mapping[str, Any],
    threads: int,
) -> Workshop:
    """What a repair of a finished release needs, from the settings it was built with.

    Raises:
        NotBuilt: the release is not finished.
    """
    if not (releases / release / "release.json").is_file():
        raise NotBuilt(release)
    built = read_json(releases / release / "release.json")
    settings = built["settings"]
    looks = {key: Look.of(value) for key, value in settings.items() if key.startswith("rescale/")}
    as_of = built["last_upload"]
    return Workshop(
        tree=Tree(releases, release, earlier, built["buckets"], tuple(sorted(built["subsets"]))),
        open_site=partial(
            open_site, Source.of(source), release=release, as_of=as_of, folder=releases
        ),
        looks={look.name: look for look in looks.values()},
        png_level=settings["optimise"]["png_level"],
        snapshot_settings=settings["snapshot"],
        threads=threads,
    )


def repair_release(workshop: Workshop) -> int:
    """Put right every file that `verify` names; returns how many there were.

    Files that do not belong into the stage are moved beside it, into `extra/`.

    Raises:
        NotBuilt: the release has no stage.
        NotRepaired: names what could not be made again, and why.
    """
    tree = workshop.tree
    findings = examine_stage(tree.folder, tree.release, threads=workshop.threads)
    tasks = [*_tasks({*findings.bad, *findings.missing}, workshop)]
    # Before anything is put right, since it tells by the damaged file who else serves it.
    stages = {staged.path: [*_stages_with(staged, tree)] for staged, _ in tasks}
    reasons: dict[str, str] = {}
    for path in findings.extra:
        with _noting(path, reasons):
            _set_aside(tree.folder, path)
    for staged, remake in tasks:
        with _noting(staged.path, reasons):
            _put_right(staged, remake, stages[staged.path])
    _restore_library({*findings.library}, tree)
    if reasons:
        raise NotRepaired(tree.folder / "stage", reasons)
    logger.info("%s: %d files put right", tree.folder / "stage", len(findings.lines()))
    return len(findings.lines())


@contextmanager
def _noting(path: str, reasons: dict[str, str]) -> Iterator[None]:
    """Keep the trouble with one file from stopping the others."""
    try:
        yield
    except (ReleaseProblem, OSError) as problem:
        reasons[path] = str(problem)


def _restore_library(changed: set[str], tree: Tree) -> None:
    """Give the library back what the stage still has as it was published."""
    for staged in tree.images() if changed else ():
        file = tree.folder / "stage" / staged.path
        if staged.path in changed and has_digest(file, staged.digest):
            _replace(Staged(staged.path, file, staged.sha256), staged.source)
            logger.info("%s: put right in the library", staged.path)


def _set_aside(folder: Path, path: str) -> None:
    target = folder / "extra" / path
    target.parent.mkdir(parents=True, exist_ok=True)
    (folder / "stage" / path).replace(target)
    logger.warning("%s: does not belong to the release; moved to %s", path, target)


def _tasks(broken: set[str], workshop: Workshop) -> Iterator[tuple[Staged, Remake]]:
    """The files to put right, each with the way to make its bytes again; originals come first."""
    tree = workshop.tree
    images = [
        (staged, partial(_remade_image, record, file, workshop))
        for record in tree.records()
        for file in record.files
        for staged in tree.places(file)
        if staged.path in broken
    ]
    yield from sorted(images, key=lambda task: task[0].source.parts[-3] != "original")
    others = broken.difference(staged.path for staged, _ in images)
    sums = {path: digest for path, digest in trusted_sums(tree.folder) if path in others}
    for staged in all_files(tree, tree.folder / "release.json") if others else ():
        if staged.path in others:
            expected = replace(staged, sha256=sums.get(staged.path))
            yield expected, partial(_remade_table, expected, workshop)


def _stages_with(staged: Staged, tree: Tree) -> Iterator[Path]:
    """This release's stage, and those of others that serve the very same file."""
    yield tree.folder / "stage"
    for stage in tree.releases.glob("*/stage"):
        if is_link(staged.source, stage / staged.path):
            yield stage


def _put_right(staged: Staged, remake: Remake, stages: Iterable[Path]) -> None:
    if not has_digest(staged.source, staged.digest):
        data = remake()
        if hashlib.sha256(data).hexdigest() != staged.digest:
            raise OtherBytes(f"{staged.source}: what was made again has other bytes")
        write_bytes(staged.source, data)
    for stage in stages:
        _replace(staged, stage / staged.path)
    logger.info("%s: put right", staged.path)


def _replace(staged: Staged, target: Path) -> None:
    # Renaming a name of a file to another of its names does nothing, and leaves both.
    if is_link(staged.source, target):
        return
    if target.is_dir() and not target.is_symlink():
        _remove_emptied(target)
    beside = target.with_name(f".{target.name}.part")
    beside.unlink(missing_ok=True)
    place(staged, beside)
    beside.replace(target)


def _remove_emptied(folder: Path) -> None:
    """Remove a folder in a file's place, whose files have been set aside."""
    for parent, _, _ in os.walk(folder, topdown=False):
        Path(parent).rmdir()


def _remade_image(record: Record, file: Published, workshop: Workshop) -> bytes:
    if file.set == "original":
        return _fetched(record, file, workshop)
    look = workshop.looks[file.set]
    original = workshop.tree.releases / "library" / record.files[0].library
    return look.render(original).data


def _fetched(record: Record, file: Published, workshop: Workshop) -> bytes:
    """A post's published bytes from the site: as served, or optimised once more."""
    tree = workshop.tree
    bucket = f"{record.id % tree.buckets:04d}"
    receipts = tree.folder / "receipts"
    plan = lines_by_id(receipts / "plan" / f"{bucket}.jsonl.gz", Planned)
    arrived = lines_by_id(receipts / "download" / f"{bucket}.jsonl.gz", Downloaded)
    planned = amended(plan[record.id], arrived.get(record.id))
    if planned.url is None or planned.md5 != record.md5:
        raise OtherBytes(f"post {record.id}: the site no longer has this file")
    assert record.md5 is not None
    with TemporaryDirectory(dir=tree.folder) as folder, workshop.open_site() as site:
        served = Path(folder) / "served"
        site.fetch(planned.url, served, md5=record.md5, size=planned.size)
        data = served.read_bytes()
    if len(data) == file.size:
        return data
    return optimise(data, png_level=workshop.png_level).data


def _remade_table(staged: Staged, workshop: Workshop) -> bytes:
    """A table of the snapshot, sorted once more from the raw answers that it was made from."""
    tree = workshop.tree
    metadata = tree.folder / "metadata"
    if staged.source.parent != metadata:
        raise OtherBytes(f"{staged.source}: is damaged, too")
    with TemporaryDirectory(dir=tree.folder) as folder:
        write_snapshot(
            raw_site(metadata, workshop.snapshot_settings),
            Path(folder),
            buckets=tree.buckets,
            last_upload=workshop.snapshot_settings["last_upload"],
            redaction=redaction_of(tree.releases, left_out(tree.folder)),
        )
        return (Path(folder) / staged.source.name).read_bytes()
