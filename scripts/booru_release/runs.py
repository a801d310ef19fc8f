"""The life of a run: one at a time, what it is about to do, and what it did."""

import fcntl
import logging
import resource
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from .configuration import previous_of
from .errors import ReleaseProblem
from .files import dump_json, read_json, write_bytes
from .revisions import finished_releases, pending
from .settings import frozen_differences, withdrawals_file
from .withdrawals import withdrawn_ids

# Targets without a product: what they found is all that they make.
SAY_WHAT_THEY_FOUND = {"verify_release", "repair_release", "withdraw_release"}
ONLY_LOOK = "accounts_"

# Open for the life of the process: the lock is gone when it is, however it ends.
_held: list[IO[str]] = []
_started: list[float] = []


class AlreadyRunning(ReleaseProblem):
    """Another run works in the same folder."""

    hint = "wait for it, or build into another folder with --directory"

    def __init__(self, folder: Path) -> None:
        super().__init__(f"{folder}: another run works here")
        self.folder = folder


def start(folder: Path, targets: Collection[str] = ()) -> bool:
    """Keep other runs off the folder until this process ends; say whether they are kept off.

    Targets that only look may be asked for while another run works there.

    Raises:
        AlreadyRunning: another run has it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if targets and all(target.startswith(ONLY_LOOK) for target in targets):
        _started.append(time.time())
        return False
    lock = (folder / "run.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise AlreadyRunning(folder) from None
    _held.append(lock)
    _started.append(time.time())
    return True


def announce(
    config: Mapping[str, Any], folder: Path, releases: Sequence[str], logger: logging.Logger
) -> None:
    """Say what a finished release no longer follows, and what an open one will fetch."""
    for sentence in (*frozen_differences(config, folder), *still_served(config, folder)):
        logger.warning(sentence)
    for release in releases:
        before = previous_of(config, release)
        report = folder / release / "report" / f"diff_{before}_{release}.json"
        if report.is_file():
            found = read_json(report)
            logger.info(
                f"release {release} fetches {found['posts_to_fetch']:,} posts, "
                f"{found['bytes_to_fetch']:,} bytes, says diff_{before}_{release}"
            )


def still_served(config: Mapping[str, Any], folder: Path) -> Iterator[str]:
    """A sentence for each withdrawn post that a finished release was issued with."""
    ids = withdrawn_ids(withdrawals_file(config, folder))
    for release in finished_releases(folder) if ids else ():
        last_id = read_json(folder / release / "release.json")["last_id"]
        for post_id in pending(folder / release, ids):
            if post_id <= last_id:
                yield (
                    f"post {post_id} is withdrawn and release {release} still has it: "
                    f"snakemake withdraw_{release}"
                )


def finish(folder: Path, releases: Sequence[str], logger: logging.Logger) -> None:
    """Show what was found, and each release that this run finished; write its `run.json`."""
    for log in sorted(folder.glob("*/logs/*_release/*.log")):
        if log.parent.name in SAY_WHAT_THEY_FOUND and _is_newer(log, _started[-1]):
            # The last line is the sum; the time and the level before it are for the log.
            logger.info(log.read_text().splitlines()[-1].split(maxsplit=3)[-1])
    for table in sorted(folder.glob("*/report/accounts.txt")):
        if _is_newer(table, _started[-1]):
            logger.info(table.read_text().rstrip())
    for release in releases:
        own = folder / release
        if _is_newer(own / "release.json", _started[-1]):
            facts = _facts(own)
            write_bytes(own / "run.json", dump_json(facts))
            logger.info("\n".join(summary_of(read_json(own / "release.json"), facts)))


def _is_newer(path: Path, moment: float) -> bool:
    return path.is_file() and path.stat().st_mtime >= moment


def _facts(own: Path) -> dict[str, Any]:
    ended = time.time()
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(_started[-1])),
        "seconds": round(ended - _started[-1], 1),
        "cpu_seconds": round(children.ru_utime + children.ru_stime, 1),
        # Kilobytes on Linux: of the largest job, not of all together.
        "peak_memory_of_a_job_bytes": children.ru_maxrss * 1024,
        "stage": str((own / "stage").resolve()),
    }


def summary_of(release: Mapping[str, Any], facts: Mapping[str, Any]) -> Iterator[str]:
    """The lines that a run ends with: what the release holds, what changed, where it is."""
    accounts, tags = release["accounts"], release["tags"]
    yield f"release {release['release']} of {release['name']}: IDs 1 to {release['last_id']:,}"
    for state, count in accounts.items():
        if isinstance(count, int) and count:
            yield f"  {state:<10} {count:>12,}"
    changes = ", ".join(f"{count:,} {change}" for change, count in accounts["by_change"].items())
    yield f"  published now: {changes}"
    for name, counts in release["sets"].items():
        yield (
            f"  {name}: {counts['files']:,} files, {counts['bytes']:,} bytes "
            f"({counts['new_files']:,} new, {counts['new_bytes']:,} bytes)"
        )
    yield (
        f"  tags: {tags['instances']:,}, {tags['distinct']:,} distinct, "
        f"{tags['mean_per_image']} an image"
    )
    for gate, accepted in release["accepted"].items():
        yield f"  accepted: {gate}: {accepted['reason']} ({'; '.join(accepted['found'])})"
    if release["changes"]:
        kinds = ("added", "replaced", "retagged", "rerated", "deleted", "banned", "gone")
        found = ", ".join(f"{release['changes'][kind]:,} {kind}" for kind in kinds)
        yield f"  since {release['changes']['before']}: {found}"
    yield f"  {facts['seconds']} s; the stage is {facts['stage']}"
