"""Fetching the new files of a bucket; nothing unverified gets a name in the library."""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import ReleaseProblem
from .files import dump_line, write_bytes
from .library import Ledger, Library
from .receipts import Downloaded, Planned, State, line_of, read_receipt, write_receipt
from .site_problems import CredentialsNeeded, SiteDown, SiteProblem, SiteRefuses, WrongBytes

if TYPE_CHECKING:
    from .site import Site

logger = logging.getLogger(__name__)

OpenSite = Callable[[], AbstractContextManager["Site"]]

# A site that is down for this many posts in a row is down for the rest of the bucket, too.
HOPELESS_AFTER = 3


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
    plan: Path, bucket: str, *, library: Library, journal: Path, open_site: OpenSite, receipt: Path
) -> None:
    """Fetch what a plan asks for and the library lacks; go on where a killed run stopped.

    `open_site` is called only when there is something to fetch. `journal` keeps the outcomes
    until the receipt has them, and `failures` of it names what is left to try.

    Raises:
        PostsFailed: the network failed some posts; all others are done, and no receipt is written.
        CredentialsNeeded: the site answers nobody it does not know.
    """
    wanted = [line for line in read_receipt(plan, Planned) if line.is_fetched]
    with library.locked(bucket):
        outcomes = Ledger(journal)
        lines = [*_outcomes(wanted, bucket, library, outcomes, open_site)]
        failed = [line for line in lines if line.state is State.FAILED]
        if failed:
            write_bytes(failures(journal), b"".join(dump_line(asdict(line)) for line in failed))
            raise PostsFailed(bucket, failed)
        write_receipt(receipt, lines)
        outcomes.forget()
        failures(journal).unlink(missing_ok=True)
    lost = sum(line.state is not None for line in lines)
    logger.info("%s: %d posts wanted, %d not to be had", bucket, len(lines), lost)


def failures(journal: Path) -> Path:
    """Beside the journal of a bucket: what failed when it was last tried, a line a post."""
    return journal.with_suffix(".failed.jsonl")


def _outcomes(
    wanted: list[Planned], bucket: str, library: Library, journal: Ledger, open_site: OpenSite
) -> Iterator[Downloaded]:
    settled = {key: line_of(row, Downloaded) for key, row in journal.rows().items()}
    held = library.ledger(bucket).rows()
    lacking = []
    for line in wanted:
        assert line.md5 is not None
        known = settled.get((line.id, line.md5))
        if known is not None:
            yield known
        elif _is_held(line, held.get((line.id, line.md5)), bucket, library):
            yield Downloaded(line.id, line.md5, None, None)
        else:
            lacking.append(line)
    if lacking:
        yield from _fetched(lacking, bucket, library, journal, open_site)


def _is_held(line: Planned, known: dict[str, Any] | None, bucket: str, library: Library) -> bool:
    """Whether a file came before: it waits, or the ledger knows what became of it."""
    place = line.place(bucket)
    if library.incoming(*place).is_file():
        return True
    if known is None:
        # A loss of power took the line: what is in the library is to be made again.
        return False
    return known["state"] == State.CORRUPT or library.original(*place).is_file()


def _fetched(
    lacking: list[Planned], bucket: str, library: Library, journal: Ledger, open_site: OpenSite
) -> Iterator[Downloaded]:
    unanswered = 0
    with open_site() as site:
        for line in lacking:
            problem: SiteProblem | None = SiteDown(str(line.url), "not tried: no answer before")
            if unanswered < HOPELESS_AFTER:
                problem = _fetch(line, bucket, library, site)
            unanswered = unanswered + 1 if isinstance(problem, SiteDown) else 0
            outcome = _outcome(line, problem, site)
            if outcome.state is not None:
                logger.warning("post %d: %s: %s", outcome.id, outcome.state, outcome.reason)
            if outcome.state not in {None, State.FAILED}:
                journal.append(vars(outcome))
            yield outcome


def _fetch(line: Planned, bucket: str, library: Library, site: "Site") -> SiteProblem | None:
    """Fetch a file; returns what was wrong, unless it would be wrong with every other, too."""
    assert line.md5 is not None
    assert line.url is not None
    incoming = library.incoming(*line.place(bucket))
    try:
        site.fetch(line.url, incoming, md5=line.md5, size=line.size)
    except CredentialsNeeded:
        raise
    except SiteProblem as problem:
        return problem
    return None


def _outcome(line: Planned, problem: SiteProblem | None, site: "Site") -> Downloaded:
    assert line.md5 is not None
    if problem is None:
        return Downloaded(line.id, line.md5, None, None)
    # Receipts must not tell at which port the embedded booru happened to be.
    reason = str(problem.args[0]).removeprefix(site.url)
    return Downloaded(line.id, line.md5, _state_of(problem), reason)


def _state_of(problem: SiteProblem) -> State:
    if isinstance(problem, SiteRefuses) and problem.status in {404, 410}:
        return State.MISSING
    return State.MISMATCH if isinstance(problem, WrongBytes) else State.FAILED
