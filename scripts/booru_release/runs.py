"""The life of a run: one at a time, what it is about to do, and what it did."""

import fcntl
import logging
import resource
import shutil
import sys
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

from . import __version__
from .configuration import previous_of
from .errors import ReleaseProblem
from .files import dump_json, read_json, write_bytes
from .records import Job, Reader, by_step, peak_memory
from .revisions import finished_releases, pending
from .screen import Screen
from .settings import frozen_differences, withdrawals_file
from .withdrawals import withdrawn_ids

# Targets without a product: what they found is all that they make.
SAY_WHAT_THEY_FOUND = {"verify_release", "repair_release", "withdraw_release"}
ONLY_LOOK = "accounts_"

# Open for the life of the process: the lock is gone when it is, however it ends.
_held: list[IO[str]] = []
_started: list[float] = []
_screens: list[Screen] = []


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
    for told in folder.glob("*/progress"):
        # What jobs of a killed run told of themselves.
        shutil.rmtree(told, ignore_errors=True)
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


def show(screen: Screen | None) -> None:
    """Have a screen closed when the run ends."""
    _screens.extend([screen] if screen else [])


def fail(folder: Path, releases: Sequence[str], logger: logging.Logger) -> None:
    """Say which steps failed, and write what they did all the same."""
    for release, facts in _close(folder, releases, ok=False).items():
        failed = {rule: step["failed"] for rule, step in facts["steps"].items() if step["failed"]}
        if failed:
            named = ", ".join(f"{count:,} of {rule}" for rule, count in failed.items())
            logger.error(
                f"release {release}: {sum(failed.values()):,} of {facts['jobs']:,} jobs failed: "
                f"{named}; the logs are in {folder / release / 'logs'}"
            )


def finish(folder: Path, releases: Sequence[str], logger: logging.Logger) -> None:
    """Show what was found, and each release that this run finished; write its `run.json`."""
    written = _close(folder, releases, ok=True)
    for log in sorted(folder.glob("*/logs/*_release/*.log")):
        if log.parent.name in SAY_WHAT_THEY_FOUND and _is_newer(log, _started[-1]):
            # The last line is the sum; the time and the level before it are for the log.
            logger.info(log.read_text().splitlines()[-1].split(maxsplit=3)[-1])
    for table in sorted(folder.glob("*/report/accounts.txt")):
        if _is_newer(table, _started[-1]):
            logger.info(table.read_text().rstrip())
    for release, facts in written.items():
        own = folder / release
        if _is_newer(own / "release.json", _started[-1]):
            logger.info("\n".join(summary_of(read_json(own / "release.json"), facts)))


def _close(folder: Path, releases: Sequence[str], *, ok: bool) -> dict[str, dict[str, Any]]:
    """Write the `run.json` of each release that this run had a job of; returns them."""
    for screen in _screens:
        screen.close()
    _screens.clear()
    written = {}
    for release in releases if _held else ():
        own = folder / release
        jobs = [job for job in Reader(own).new() if job.started >= _started[-1]]
        if jobs:
            written[release] = _facts(own, jobs, ok=ok)
            write_bytes(own / "run.json", dump_json(written[release]))
    return written


def _is_newer(path: Path, moment: float) -> bool:
    return path.is_file() and path.stat().st_mtime >= moment


def _facts(own: Path, jobs: Sequence[Job], *, ok: bool) -> dict[str, Any]:
    ended, steps = time.time(), by_step(jobs)
    itself = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "ok": ok,
        "command": sys.argv[1:],
        "software": {"booru-release": __version__, "snakemake": version("snakemake")},
        "started": _moment(_started[-1]),
        "ended": _moment(ended),
        "seconds": round(ended - _started[-1], 1),
        "jobs": len(jobs),
        "cpu_seconds": round(sum(step["cpu_seconds"] for step in steps.values()), 1),
        "peak_memory_of_a_job_bytes": max(step["peak_memory_bytes"] for step in steps.values()),
        "snakemake": {
            "cpu_seconds": round(itself.ru_utime + itself.ru_stime, 1),
            "peak_memory_bytes": peak_memory(children=False),
        },
        "steps": steps,
        "stage": str((own / "stage").resolve()),
    }


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


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
    own = facts["snakemake"]
    yield (
        f"  {facts['jobs']:,} jobs, {facts['cpu_seconds']:,} CPU s, the largest "
        f"{facts['peak_memory_of_a_job_bytes'] / 1e6:,.0f} MB; Snakemake itself "
        f"{own['cpu_seconds']:,} CPU s, {own['peak_memory_bytes'] / 1e6:,.0f} MB"
    )
    yield f"  {facts['seconds']} s; the stage is {facts['stage']}"
