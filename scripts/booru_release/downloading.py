"""Fetching the new files of a bucket; nothing unverified gets a name in the library."""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from . import progress
from .errors import ReleaseProblem
from .fetching import Fetcher, Held, PlanAgain, is_wall
from .files import dump_line, write_bytes
from .library import Ledger, Library
from .receipts import (
    Downloaded,
    Planned,
    State,
    amended,
    line_of,
    read_receipt,
    write_receipt,
)
from .screening import NO_SCREENING, Screening
from .site_problems import AskedToWait

if TYPE_CHECKING:
    from .site import Site

logger = logging.getLogger(__name__)

OpenSite = Callable[[], AbstractContextManager["Site"]]

# A site that has no file for this many posts in a row has none for the rest of the bucket, too.
HOPELESS_AFTER = 3
NOT_TRIED = "not tried: no answer before"


class PostsFailed(ReleaseProblem):
    """Some posts of a bucket could not be fetched; the others are safe in the library."""

    hint = (
        "run the same command again: it tries only these; or go on without them, and say why in "
        "the configuration: releases.<release>.accept.failed"
    )

    def __init__(self, bucket: str, failed: list[Downloaded]) -> None:
        named = "".join(f"\n  post {line.id}: {line.reason}" for line in failed[:20])
        more = f"\n  and {len(failed) - 20} more" if len(failed) > 20 else ""
        super().__init__(f"bucket {bucket}: {len(failed)} posts failed{named}{more}")
        self.failed = failed


def download_bucket(
    plan: Path,
    bucket: str,
    *,
    library: Library,
    journal: Path,
    open_site: OpenSite,
    plan_again: PlanAgain,
    accept_failed: bool = False,
    screening: Screening = NO_SCREENING,
    receipt: Path,
) -> None:
    """Fetch what a plan asks for and the library lacks; go on where a killed run stopped.

    What a rule of `screening` keeps out never has a name in the library. `open_site` is called
    only when there is something to fetch. `journal` keeps the outcomes until the receipt has them,
    and `failures` of it names what is left to try. A post that the site changed meanwhile is
    planned once more by `plan_again`. With `accept_failed`, the receipt names failed posts.

    Raises:
        PostsFailed: the network failed some posts; all others are done, and no receipt is written.
        CredentialsNeeded: the site answers nobody it does not know.
    """
    wanted = [line for line in read_receipt(plan, Planned) if line.is_fetched]
    with library.locked(bucket):
        screening.clear()
        outcomes = Ledger(journal)
        held = Held(bucket, library, library.ledger(bucket).rows())
        found = _outcomes(wanted, held, outcomes, open_site, plan_again, screening)
        lines = [*_told(wanted, found)]
        failed = [line for line in lines if line.state is State.FAILED]
        if failed and not accept_failed:
            raise _noted(PostsFailed(bucket, failed), journal)
        write_receipt(receipt, lines)
        library.clear_parts(bucket)
        screening.forget()
        outcomes.forget()
        failures(journal).unlink(missing_ok=True)
    lost = sum(line.state is not None for line in lines)
    logger.info("%s: %d posts wanted, %d not to be had", bucket, len(lines), lost)


def failures(journal: Path) -> Path:
    """Beside the journal of a bucket: what failed when it was last tried, a line a post."""
    return journal.with_suffix(".failed.jsonl")


def _noted(problem: PostsFailed, journal: Path) -> PostsFailed:
    write_bytes(failures(journal), b"".join(dump_line(vars(line)) for line in problem.failed))
    return problem


def _told(wanted: list[Planned], lines: Iterator[Downloaded]) -> Iterator[Downloaded]:
    sizes = {line.id: line.size or 0 for line in wanted}
    progress.expect(len(wanted))
    for line in lines:
        size = 0 if line.state else line.size or sizes[line.id]
        progress.count(line.state or progress.FETCHED, size)
        if line.state is not None:
            logger.warning("post %d: %s: %s", line.id, line.state, line.reason)
        yield line


def _outcomes(
    wanted: list[Planned],
    held: Held,
    journal: Ledger,
    open_site: OpenSite,
    plan_again: PlanAgain,
    screening: Screening,
) -> Iterator[Downloaded]:
    settled = {outcome.key: outcome for outcome in _settled(journal, screening)}
    lacking = []
    for line in wanted:
        assert line.md5 is not None
        known = settled.get((line.id, line.md5))
        if known is not None and _still_holds(line, known, held):
            yield known
        elif held.has(line):
            why = screening.reason_of_held(line, held)
            rules = screening.exclusions.version if why else None
            yield Downloaded(line.id, line.md5, State.EXCLUDED if why else None, why, rules=rules)
        else:
            lacking.append(line)
    if lacking:
        with open_site() as site:
            fetcher = Fetcher(site, held, plan_again, screening)
            yield from _fetched(lacking, fetcher, journal)


def _settled(journal: Ledger, screening: Screening) -> Iterator[Downloaded]:
    """What is known from a run before; other rules than today's have decided nothing."""
    for row in journal.rows().values():
        outcome = line_of(row, Downloaded)
        if outcome.rules in {None, screening.exclusions.version}:
            yield outcome


def _still_holds(line: Planned, known: Downloaded, held: Held) -> bool:
    """Whether what a run before settled is so: a loss of power may have taken a file."""
    again = amended(line, known)
    return known.state is not None or not again.is_fetched or held.has(again)


def _fetched(lacking: list[Planned], fetcher: Fetcher, journal: Ledger) -> Iterator[Downloaded]:
    """What came of each post; a wall before the whole site settles nothing about any of them."""
    at_the_wall: list[Downloaded] = []
    is_hopeless = False
    for line in lacking:
        if is_hopeless:
            yield _failed(Downloaded(line.id, str(line.md5), None, f"{line.url}: {NOT_TRIED}"))
            continue
        outcome, problem = fetcher.fetch(line)
        at_the_wall.append(outcome)
        is_hopeless = isinstance(problem, AskedToWait) or (
            is_wall(problem) and len(at_the_wall) >= HOPELESS_AFTER
        )
        if is_hopeless:
            yield from map(_failed, at_the_wall)
            at_the_wall.clear()
        elif not is_wall(problem):
            yield from _settle(at_the_wall, journal)
            at_the_wall.clear()
    yield from _settle(at_the_wall, journal)


def _failed(outcome: Downloaded) -> Downloaded:
    return replace(outcome, state=State.FAILED)


def _settle(found: list[Downloaded], journal: Ledger) -> Iterator[Downloaded]:
    for outcome in found:
        arrived_as_planned = outcome.state is None and outcome.change is None
        if outcome.state is not State.FAILED and not arrived_as_planned:
            journal.append(vars(outcome))
        yield outcome
