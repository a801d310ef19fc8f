"""What a release must pass before it is staged: nothing failed, lost, doubled or out of place."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from .checksums import records_of_bucket
from .errors import ReleaseProblem
from .files import dump_json, write_bytes
from .inspection import FAILED, NAMED_AT_MOST, SHRINKAGE, Finding, Inspection
from .metadata import posts_of
from .posts import parse_time
from .receipts import Record
from .shrinkage import Shrinkage

ACCEPTABLE = (FAILED, SHRINKAGE)


@dataclass(frozen=True)
class Release:
    """A release whose last receipts are written: its name, and where they and its posts lie."""

    name: str
    folder: Path

    def records(self, number: int) -> list[Record]:
        """What became of each post of a bucket."""
        return [*records_of_bucket(self.folder / "receipts" / "checksum", number)]

    def years(self, number: int) -> dict[int, str]:
        """The year (UTC) in which each post of a bucket was uploaded."""
        rows = posts_of(self.folder / "metadata", f"{number:04d}")
        return {row["id"]: str(parse_time(row["created_at"], row["id"]).year) for row in rows}


class GateClosed(ReleaseProblem):
    """A release has what only a person can judge, or what must not be: it is not staged."""

    def __init__(self, release: str, closed: list[Finding]) -> None:
        found = "".join(f"\n  {finding.text()}" for finding in closed)
        super().__init__(f"release {release}: not staged, a gate is closed{found}")
        self.closed = closed
        gates = dict.fromkeys(finding.gate for finding in closed)
        self.hint = "\n  hint: ".join(_way_on(gate, release, closed) for gate in gates)


def _way_on(gate: str, release: str, closed: Iterable[Finding]) -> str:
    accept = f'releases.{release}.accept: {{{gate}: "<why>"}} in your configuration'
    if gate == SHRINKAGE:
        return f"if these posts are rightly gone, say why: {accept}"
    buckets = sorted({name for found in closed if found.gate == gate for name in found.buckets})
    names = ", ".join(buckets[:NAMED_AT_MOST]) + (", ..." if len(buckets) > NAMED_AT_MOST else "")
    receipts = f"releases/{release}/receipts"
    if gate == FAILED:
        again = f"remove {receipts}/download/<bucket>.jsonl.gz of {names} to try them again"
        return f"{again}, or say why they may be missing: {accept}"
    step = "<step>/<bucket>.jsonl.gz of each step, rescale/<subset> included,"
    return f"remove {receipts}/{step} of {names}, and run the same command again"


def judge_release(
    now: Release,
    before: Release | None = None,
    *,
    folders: Mapping[str, str],
    buckets: int,
    accept: Mapping[str, str],
    report: Path,
) -> None:
    """Hold a release against the one before and against itself; report what was accepted.

    `accept` has a reason for each gate that is to be open whatever is found; one bucket is in
    memory at a time.

    Raises:
        GateClosed: names each gate, group and the first posts; nothing is written.
    """
    found = [*findings_of(now, before, folders=folders, buckets=buckets)]
    closed = [one for one in found if one.gate not in ACCEPTABLE or not accept.get(one.gate)]
    if closed:
        raise GateClosed(now.name, closed)
    accepted = {
        gate: {"reason": accept[gate], "found": [one.what for one in found if one.gate == gate]}
        for gate in dict.fromkeys(one.gate for one in found)
    }
    values = {
        "release": now.name,
        "before": before.name if before else None,
        "found": [asdict(one) for one in found],
        "accepted": accepted,
    }
    write_bytes(report, dump_json(values))


def findings_of(
    now: Release, before: Release | None, *, folders: Mapping[str, str], buckets: int
) -> Iterator[Finding]:
    """Everything that closes a gate, unless it is accepted."""
    inspection, shrinkage = Inspection(folders, buckets), Shrinkage()
    for number in range(buckets):
        records = now.records(number)
        inspection.look_at(f"{number:04d}", records)
        if before is not None:
            _compare(number, records, now, before, shrinkage)
    _look_at_home(now, inspection)
    yield from inspection.findings()
    yield from shrinkage.findings()


def _compare(
    number: int, records: list[Record], now: Release, before: Release, shrinkage: Shrinkage
) -> None:
    years = now.years(number)
    # What one snapshot lacks of a post, the other may have.
    known = before.years(number) | years
    current = {record.id: (record, known.get(record.id, "unknown")) for record in records}
    earlier = ((line, known.get(line.id, "unknown")) for line in before.records(number))
    shrinkage.compare(f"{number:04d}", earlier, current)


def _look_at_home(now: Release, inspection: Inspection) -> None:
    """A strayed post may have a second record in its own bucket, which was looked at before."""
    for home, posts in inspection.strayed().items():
        for record in now.records(int(home)):
            if record.id in posts:
                inspection.add_double(record.id, home)
