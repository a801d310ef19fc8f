"""The accounts of a release as a table for people, with those of the release before beside it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .accounts import TO_COME, Accounts, NotBegun, accounts_of, parts_of
from .files import write_bytes
from .receipts import Change, State

WIDTH = 60
NUMBER = 14
NAMED_AT_MOST = 1000
NONE = "-"


def tell_accounts(
    releases: Path, release: str, before: str | None, *, buckets: int, output: Path
) -> str:
    """Write the table of a release, and return it; `before` is the release before, if any.

    Raises:
        NotBegun: nothing of the release is there yet.
    """
    now = accounts_of(releases / release, release, buckets)
    table = table_of(now, _before(releases, before, buckets))
    write_bytes(output, table.encode())
    return table


def _before(releases: Path, release: str | None, buckets: int) -> Accounts | None:
    """The accounts of the release before; it may not be begun, where only this one's are asked."""
    try:
        return accounts_of(releases / release, release, buckets) if release else None
    except NotBegun:
        return None


@dataclass(frozen=True)
class Row:
    """A line of the table; a reason is a line that is further in and not worth one of its own."""

    label: str
    now: int
    before: int | None

    def text(self) -> str:
        """The row in columns of fixed width."""
        label = self.label if len(self.label) <= WIDTH else self.label[: WIDTH - 1] + "…"
        before = NONE if self.before is None else f"{self.before:,}"
        change = NONE if self.before is None else signed(self.now - self.before)
        columns = f"{self.now:>{NUMBER},}{before:>{NUMBER}}{change:>{NUMBER}}"
        return f"{label:<{WIDTH}}{columns}"


def signed(number: int) -> str:
    """A number with its sign, and none for zero."""
    return f"{number:+,}" if number else "0"


def table_of(now: Accounts, before: Accounts | None) -> str:
    """The table, with a line at its end for each failed post."""
    name = before.release if before else NONE
    head = f"{'':<{WIDTH}}{now.release:>{NUMBER}}{name:>{NUMBER}}{'difference':>{NUMBER}}"
    lines = [
        f"accounts of release {now.release}: {now.done:,} of {now.buckets:,} buckets are done",
        head.rstrip(),
        *(row.text() for row in rows_of(now, before)),
        *_failed(now),
    ]
    return "\n".join(lines) + "\n"


def rows_of(now: Accounts, before: Accounts | None) -> Iterator[Row]:
    """The rows: each state with its parts below it, and the sum, which is the last ID."""
    kinds = parts_of(now, before)
    for state in State:
        yield _row(state.value, now, before)
        if state is State.PUBLISHED:
            yield from _published(now, before)
        for kind in kinds.get(state.value, []):
            earlier = before.reasons[state.value, kind] if before else None
            yield Row(f"    {kind}", now.reasons[state.value, kind], earlier)
    if now.states[TO_COME] or (before and before.states[TO_COME]):
        yield _row(TO_COME, now, before)
    yield Row("sum", now.states.total(), before.states.total() if before else None)


def _row(state: str, now: Accounts, before: Accounts | None) -> Row:
    return Row(state, now.states[state], before.states[state] if before else None)


def _published(now: Accounts, before: Accounts | None) -> Iterator[Row]:
    parts = now.published.keys() | (before.published.keys() if before else set())
    changes = [("", change.value) for change in Change if ("", change.value) in parts]
    for part in [
        *changes,
        *sorted(parts - {*changes}, key=lambda part: (part[0] != "rating ", part)),
    ]:
        earlier = before.published[part] if before else None
        yield Row(f"    {''.join(part)}", now.published[part], earlier)


def _failed(now: Accounts) -> Iterator[str]:
    named = sorted(now.failed.items())
    if named:
        yield f"{len(named):,} failed posts:"
    for post, reason in named[:NAMED_AT_MOST]:
        yield f"    post {post}: {reason}"
    if len(named) > NAMED_AT_MOST:
        yield f"    and {len(named) - NAMED_AT_MOST:,} more"
