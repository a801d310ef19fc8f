"""What became of each post of a release, finished or not, from what its steps have written."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .downloading import failures
from .errors import ReleaseProblem
from .exclusions import BY_RULE
from .library import Ledger
from .metadata import read_snapshot
from .receipts import Change, Downloaded, Planned, Record, State, line_of, read_receipt

# What tells reasons of a kind apart: hashes, with the folders of their first digits, and numbers
# (40x30 is two of them, and md5 is none).
HASH_OR_NUMBER = re.compile(
    r"(?:\b[0-9a-f]{2}/[0-9a-f]{2}/)?\b[0-9a-f]{32,128}\b"
    r"|(?:(?<![A-Za-z\d])|(?<=\dx))\d+(?:[.,:]\d+)*",
    re.ASCII,
)
TO_COME = "to come"


class NotBegun(ReleaseProblem):
    """There is nothing of a release to count yet."""

    def __init__(self, release: str) -> None:
        super().__init__(f"release {release}: is not begun")
        self.hint = f"begin it: snakemake release_{release}"


@dataclass
class Accounts:
    """Counts of a release's posts.

    `states` has a count by state, and TO_COME for what is not known yet; `reasons` by state and
    kind of reason; `published` by change, rating and extension. `failed` says why, by ID.
    """

    release: str
    buckets: int
    done: int = 0
    last_id: int = 0
    states: Counter[str] = field(default_factory=Counter)
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    published: Counter[tuple[str, str]] = field(default_factory=Counter)
    failed: dict[int, str] = field(default_factory=dict)

    def count(self, line: Planned | Record, state: State | None, reason: str | None) -> None:
        """Add a post; a state of None is one that is to come."""
        self.last_id = max(self.last_id, line.id)
        self.states[state.value if state else TO_COME] += 1
        if state is State.PUBLISHED:
            parts = {
                "": line.change.value,
                "rating ": str(line.rating),
                "extension ": str(line.file_ext),
            }
            self.published.update(parts.items())
        elif state is not None and reason:
            self.reasons[state.value, kind_of(reason)] += 1
        if state is State.FAILED:
            self.failed[line.id] = plain(reason or "")


def kind_of(reason: str) -> str:
    """A reason without what differs from post to post; a rule's stays, a person wrote it."""
    shown = plain(reason)
    return shown if reason.startswith(BY_RULE) else HASH_OR_NUMBER.sub("…", shown)


def plain(text: str) -> str:
    """A text that can do nothing to a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def accounts_of(folder: Path, release: str, buckets: int) -> Accounts:
    """The accounts of a release whose files lie in a folder.

    Of a bucket whose last receipt is missing, they say what its plan and its download have come to.

    Raises:
        NotBegun: it has neither a snapshot nor a receipt.
    """
    snapshot = folder / "metadata" / "snapshot.json"
    receipts = folder / "receipts"
    if not snapshot.is_file() and not receipts.is_dir():
        raise NotBegun(release)
    accounts, planned = Accounts(release, buckets), 0
    for number in range(buckets):
        bucket = f"{number:04d}"
        if _receipt(folder, "checksum", bucket).is_file():
            _count_done(accounts, folder, bucket)
        elif _receipt(folder, "plan", bucket).is_file():
            _count_begun(accounts, folder, bucket)
        else:
            continue
        planned += 1
    _count_holes(accounts, snapshot, is_planned=planned == buckets)
    return accounts


def _receipt(folder: Path, step: str, bucket: str) -> Path:
    return folder / "receipts" / step / f"{bucket}.jsonl.gz"


def _count_done(accounts: Accounts, folder: Path, bucket: str) -> None:
    accounts.done += 1
    for record in read_receipt(_receipt(folder, "checksum", bucket), Record):
        accounts.count(record, record.state, record.reason)


def _count_begun(accounts: Accounts, folder: Path, bucket: str) -> None:
    outcomes = {line.id: line for line in _outcomes(folder, bucket)}
    for line in read_receipt(_receipt(folder, "plan", bucket), Planned):
        outcome = outcomes.get(line.id)
        if line.state is not None:
            accounts.count(line, line.state, line.reason)
        elif line.change is Change.UNCHANGED:
            accounts.count(line, State.PUBLISHED, None)
        elif outcome is not None:
            accounts.count(line, outcome.state, outcome.reason)
        else:
            accounts.count(line, None, None)


def _outcomes(folder: Path, bucket: str) -> Iterator[Downloaded]:
    """What the download of a bucket has come to; what was settled later comes later."""
    receipt = _receipt(folder, "download", bucket)
    if receipt.is_file():
        yield from read_receipt(receipt, Downloaded)
        return
    journal = folder / "journal" / "download" / f"{bucket}.jsonl"
    for path in (failures(journal), journal):
        for row in Ledger(path).rows().values():
            yield line_of(row, Downloaded)


def _count_holes(accounts: Accounts, snapshot: Path, *, is_planned: bool) -> None:
    """IDs without a line are holes when every bucket has its lines; before, the snapshot knows."""
    counted = accounts.states.total()
    holes = 0
    if snapshot.is_file():
        known = read_snapshot(snapshot)
        accounts.last_id = max(accounts.last_id, known.last_id)
        holes = known.holes
    left = max(0, accounts.last_id - counted)
    accounts.states[State.HOLE.value] = left if is_planned else min(holes, left)
    accounts.states[TO_COME] += left - accounts.states[State.HOLE.value]


def parts_of(accounts: Accounts, before: Accounts | None) -> Mapping[str, list[str]]:
    """The kinds of reasons by state, most frequent first, of two releases together."""
    both = accounts.reasons + (before.reasons if before else Counter())
    kinds: dict[str, list[str]] = {}
    for (state, kind), _ in sorted(both.items(), key=lambda item: (-item[1], item[0])):
        kinds.setdefault(state, []).append(kind)
    return kinds
