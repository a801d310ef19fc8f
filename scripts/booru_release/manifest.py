"""The tables that say what a release holds: manifest, subsets, accounts."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from .errors import ReleaseProblem
from .files import replace_file
from .receipts import Derived, Record, State, read_receipt

ROWS_AT_A_TIME = 50_000

MANIFEST = pa.schema(
    [
        pa.field("id", pa.int64(), nullable=False),
        pa.field("bucket", pa.string()),
        pa.field("state", pa.string(), nullable=False),
        pa.field("reason", pa.string()),
        pa.field("file_ext", pa.string()),
        pa.field("rating", pa.string()),
        pa.field("path", pa.string()),
        pa.field("size", pa.int64()),
        pa.field("sha256", pa.string()),
        pa.field("md5", pa.string()),
        pa.field("first_release", pa.string()),
    ]
)
SUBSET = pa.schema(
    [
        pa.field("id", pa.int64(), nullable=False),
        pa.field("path", pa.string(), nullable=False),
        pa.field("size", pa.int64(), nullable=False),
        pa.field("sha256", pa.string(), nullable=False),
        pa.field("md5", pa.string(), nullable=False),
        pa.field("background", pa.string()),
        pa.field("flags", pa.list_(pa.string())),
        pa.field("first_release", pa.string()),
    ]
)


class WrongSum(ReleaseProblem):
    """Some ID is in no state, or in two."""

    def __init__(self, recorded: int, holes: int, last_id: int) -> None:
        super().__init__(
            f"accounts: {recorded} posts and {holes} holes do not add up to the last ID, {last_id}"
        )


def manifest_row(record: Record, buckets: int) -> dict[str, Any]:
    """A post's row in the manifest; a withdrawn post's says nothing but that."""
    row: dict[str, Any] = {"id": record.id, "state": record.state.value}
    if record.state is State.WITHDRAWN:
        return row
    row |= {"bucket": f"{record.id % buckets:04d}", "reason": record.reason}
    row |= {"file_ext": record.file_ext, "rating": record.rating, "md5": record.md5}
    if record.state is State.PUBLISHED:
        file = record.files[0]
        row |= {"path": file.path, "size": file.size, "sha256": file.sha256}
        row["first_release"] = file.first_release
    return row


def subset_row(derived: Derived) -> dict[str, Any]:
    """An image's row in the table of its subset."""
    return {name: getattr(derived, name) for name in SUBSET.names}


def write_table(path: Path, rows: Iterable[dict[str, Any]], schema: pa.Schema) -> None:
    """Write rows as Parquet, a group at a time, so that memory does not grow with the table."""
    groups = iter(rows)
    with replace_file(path) as out, pq.ParquetWriter(out, schema, compression="zstd") as table:
        while group := list(islice(groups, ROWS_AT_A_TIME)):
            table.write_table(pa.Table.from_pylist(group, schema=schema))


def derived_of(folder: Path, buckets: int) -> Iterator[Derived]:
    """The images that are in a subset now, by bucket and then by ID."""
    for number in range(buckets):
        for derived in read_receipt(folder / f"{number:04d}.jsonl.gz", Derived):
            if not derived.left:
                yield derived


class Accounts:
    """Counts of a release's posts by state, and of the published ones by what they are."""

    def __init__(self) -> None:
        self._states: Counter[str] = Counter({state.value: 0 for state in State})
        self._published: dict[str, Counter[str]] = {
            "by_change": Counter(),
            "by_rating": Counter(),
            "by_extension": Counter(),
        }

    def count(self, record: Record) -> None:
        """Add a post."""
        self._states[record.state.value] += 1
        if record.state is State.PUBLISHED:
            self._published["by_change"][record.change.value] += 1
            self._published["by_rating"][str(record.rating)] += 1
            self._published["by_extension"][str(record.file_ext)] += 1

    def closed(self, last_id: int, holes: int) -> dict[str, Any]:
        """The accounts as JSON values; IDs without a record are holes.

        `holes` are those of the snapshot; a withdrawn post may be one of them, and has a record.

        Raises:
            WrongSum: the states do not add up to the last ID.
        """
        recorded = self._states.total()
        without_record = last_id - recorded
        if not 0 <= holes - without_record <= self._states[State.WITHDRAWN.value]:
            raise WrongSum(recorded, holes, last_id)
        states = {**self._states, State.HOLE.value: without_record}
        published = {name: dict(sorted(part.items())) for name, part in self._published.items()}
        return {**states, **published}
