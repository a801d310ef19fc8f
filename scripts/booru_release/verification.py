"""A stage against its SHA256SUMS: every bad, missing and extra file by name."""

import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any

from . import progress
from .absence import search_for, traces
from .checksums import records_of
from .errors import ReleaseProblem
from .feed import FEED, FEED_FILES, feed_folder, verify_feed
from .files import read_json, sha256_of

logger = logging.getLogger(__name__)

# Nothing can hold its own hash: release.json has that of SHA256SUMS, which has all others.
UNLISTED = frozenset({"SHA256SUMS", "release.json"})
NAMED_AT_MOST = 1000
BATCH = 10_000
NOTHING: Mapping[str, int] = MappingProxyType({})


class NotBuilt(ReleaseProblem):
    """There is no finished release to look at."""

    def __init__(self, release: str) -> None:
        super().__init__(f"release {release}: is not built")
        self.hint = f"build it first: snakemake release_{release}"


@dataclass
class Findings:
    """What is wrong with a stage, as paths below it.

    `library` are the files of the stage whose other name, in the library, has other bytes by now:
    the stage is right, and the next release would not be. `traces` are what is left of withdrawn
    posts, each with its place and kind.
    """

    bad: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)
    library: list[str] = field(default_factory=list)
    traces: list[str] = field(default_factory=list)
    checked: int = 0

    def lines(self) -> list[str]:
        """One line a finding, in order."""
        kinds = {
            "bad": self.bad,
            "missing": self.missing,
            "extra": self.extra,
            "changed in the library": self.library,
            "withdrawn": self.traces,
        }
        return [f"{kind}: {path}" for kind, paths in kinds.items() for path in sorted(paths)]


class BadStage(ReleaseProblem):
    """A stage is not what its checksums say."""

    def __init__(self, stage: Path, release: str, findings: Findings) -> None:
        lines = findings.lines()
        more = [f"and {len(lines) - NAMED_AT_MOST} more"] if len(lines) > NAMED_AT_MOST else []
        shown = "".join(f"\n  {line}" for line in [*lines[:NAMED_AT_MOST], *more])
        super().__init__(f"{stage}: {len(lines)} files are not as published{shown}")
        self.findings = findings
        self.hint = f"snakemake repair_{release} puts right what it can"
        if findings.traces:
            self.hint = f"snakemake withdraw_{release} takes out what is withdrawn"


def verify_release(
    folder: Path, release: str, *, threads: int, withdrawn: Iterable[int] = ()
) -> Findings:
    """Read every file of a release's stage and compare it with SHA256SUMS.

    Of the posts that are `withdrawn` nothing may be left, and this is looked for everywhere.

    Raises:
        NotBuilt: the release has no stage.
        BadStage: names each bad, missing and extra file, and each trace of a withdrawn post.
    """
    ids = [*withdrawn]
    search = search_for(folder.parent, ids) if ids else None
    findings = examine_stage(
        folder, release, threads=threads, withdrawn=search.files if search else {}
    )
    findings.traces += traces(folder, search) if search else ()
    if (feed_folder(folder.parent) / FEED).is_file():
        verify_feed(feed_folder(folder.parent))
    if findings.lines():
        raise BadStage(folder / "stage", release, findings)
    logger.info("%s: %d files, all as published", folder / "stage", findings.checked)
    return findings


def examine_stage(
    folder: Path, release: str, *, threads: int, withdrawn: Mapping[str, int] = NOTHING
) -> Findings:
    """What is wrong with a release's stage, whichever it is.

    Raises:
        NotBuilt: the release has no stage.
    """
    stage = folder / "stage"
    if not stage.is_dir() or not (folder / "release.json").is_file():
        raise NotBuilt(release)
    findings = Findings()
    listed: set[str] = set()
    with ThreadPoolExecutor(threads) as pool:
        sums = trusted_sums(folder)
        while batch := [(path, digest, stage / path) for path, digest in islice(sums, BATCH)]:
            listed.update(path for path, _, _ in batch)
            for path, verdict, digest in pool.map(_check, batch):
                findings.checked += 1
                progress.count(verdict or "good")
                if verdict is not None:
                    getattr(findings, verdict).append(path)
                if digest in withdrawn:
                    findings.traces.append(f"{path}: the bytes of post {withdrawn[digest]}")
    _check_indexes(folder, findings)
    unlisted = UNLISTED | {*_feed_files(folder)}
    findings.extra += [path for path in _walk(stage) if path not in listed and path not in unlisted]
    for path in findings.extra if withdrawn else ():
        if (digest := _digest_of(stage / path)) in withdrawn:
            findings.traces.append(f"{path}: the bytes of post {withdrawn[digest]}")
    findings.library += _changed_in_library(folder)
    return findings


def _feed_files(folder: Path) -> Iterator[str]:
    """The files of the feed of withdrawals, from the first one on."""
    feed = feed_folder(folder.parent)
    yield from (name for name in FEED_FILES if (feed / FEED).is_file())


def _changed_in_library(folder: Path) -> Iterator[str]:
    """The images of the stage that the library no longer has as they were published."""
    library, stage = folder.parent / "library", folder / "stage"
    buckets = read_json(folder / "release.json")["buckets"]
    for record in records_of(folder / "receipts" / "checksum", buckets):
        for file in record.files:
            # Nearly all are links to one file, which has been read already.
            if not is_link(library / file.library, stage / file.path) and not has_digest(
                library / file.library, file.sha256
            ):
                yield file.path


def is_link(one: Path, other: Path) -> bool:
    """Whether two names are of the same file, and neither is a symbolic link to it."""
    both = (one, other)
    return all(name.is_file() and not name.is_symlink() for name in both) and one.samefile(other)


def _check(job: tuple[str, str, Path]) -> tuple[str, str | None, str]:
    """A file's path, what is wrong with it, and the sha256 that it has."""
    path, expected, file = job
    if not _is_plain(file, path):
        return path, "missing", ""
    digest = _digest_of(file)
    return path, None if digest == expected else "bad", digest


def _is_plain(file: Path, path: str) -> bool:
    """Whether a file is there, and no symbolic link in its path below the stage leads to it."""
    parts = (file, *file.parents[: path.count("/")])
    return file.is_file() and not any(part.is_symlink() for part in parts)


def has_digest(file: Path, sha256: str) -> bool:
    """Whether a file is there, can be read, and has these bytes."""
    return _digest_of(file) == sha256


def _digest_of(file: Path) -> str:
    """The sha256 of a file, empty if it is not there or cannot be read."""
    try:
        return sha256_of(file) if file.is_file() else ""
    except OSError as error:
        # A failing disk must not hide what else is wrong.
        logger.warning("%s: cannot be read: %s", file, error.strerror)
        return ""


def trusted_sums(folder: Path) -> Iterator[tuple[str, str]]:
    """The sums of the stage, or the release's own where the stage's are not the published ones.

    Raises:
        UntrustedSums: neither are.
    """
    published = read_json(folder / "release.json")["index"]["SHA256SUMS"]
    candidates = [folder / "stage" / "SHA256SUMS", folder / "SHA256SUMS"]
    sums = next((file for file in candidates if has_digest(file, published)), None)
    if sums is None:
        raise UntrustedSums(folder / "SHA256SUMS")
    with sums.open(encoding="utf-8") as lines:
        for line in lines:
            digest, _, path = line.rstrip("\n").partition("  ")
            yield path, digest


class UntrustedSums(ReleaseProblem):
    """SHA256SUMS is not the one that release.json names, so nothing can be verified by it."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path}: is not the file that release.json names, nor is the stage's")


def _check_indexes(folder: Path, findings: Findings) -> None:
    index: dict[str, Any] = read_json(folder / "release.json")["index"]
    expected = {
        "SHA256SUMS": index["SHA256SUMS"],
        "release.json": sha256_of(folder / "release.json"),
    }
    feed = feed_folder(folder.parent)
    expected |= {name: sha256_of(feed / name) for name in _feed_files(folder)}
    for path, digest in expected.items():
        _, verdict, _ = _check((path, digest, folder / "stage" / path))
        if verdict is not None:
            getattr(findings, verdict).append(path)


def _walk(stage: Path) -> Iterator[str]:
    for parent, folders, names in os.walk(stage):
        links = [name for name in folders if (Path(parent) / name).is_symlink()]
        for name in [*names, *links]:
            yield (Path(parent) / name).relative_to(stage).as_posix()
