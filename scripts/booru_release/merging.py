"""One pass over a release's buckets: the manifest, the accounts, the figures of the summary."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .checksums import records_of, records_of_bucket
from .files import dump_json, write_bytes
from .manifest import MANIFEST, Accounts, manifest_row, write_table
from .metadata import posts_of, read_snapshot
from .posts import parse_post
from .receipts import Record, State


class Figures:
    """Files and bytes by set, tags of the published posts, and the highest ID seen."""

    def __init__(self, release: str) -> None:
        self.last_id = 0
        self._release = release
        self._sets: dict[str, Counter[str]] = {}
        self._tags: set[str] = set()
        self._tag_instances = self._images = 0

    def count(self, record: Record) -> None:
        """Add a post's files."""
        self.last_id = max(self.last_id, record.id)
        for file in record.files:
            counts = self._sets.setdefault(file.set, Counter(files=0, bytes=0))
            counts.update(files=1, bytes=file.size)
            if file.first_release == self._release:
                counts.update(new_files=1, new_bytes=file.size)

    def count_tags(self, tags: tuple[str, ...]) -> None:
        """Add the tags of a published post."""
        self._images += 1
        self._tag_instances += len(set(tags))
        self._tags.update(tags)

    def values(self) -> dict[str, Any]:
        """The figures as JSON values."""
        mean = self._tag_instances / self._images if self._images else 0
        names = ("files", "bytes", "new_files", "new_bytes")
        return {
            "last_id": self.last_id,
            "sets": {
                name: {key: counts[key] for key in names}
                for name, counts in sorted(self._sets.items())
            },
            "tags": {
                "instances": self._tag_instances,
                "distinct": len(self._tags),
                "mean_per_image": round(mean, 2),
            },
        }


def merge_manifest(
    receipts: Path,
    metadata: Path,
    *,
    release: str,
    buckets: int,
    manifest: Path,
    accounts: Path,
    figures: Path,
) -> None:
    """Write the manifest, `accounts.json` and the figures of a release from its last receipts.

    Raises:
        WrongSum: an ID is in no state or in two; nothing is written.
    """
    counted, seen = Accounts(), Figures(release)
    snapshot = read_snapshot(metadata / "snapshot.json")
    sums: dict[str, Any] = {}

    def rows() -> Iterator[dict[str, Any]]:
        for record in records_of(receipts, buckets):
            counted.count(record)
            seen.count(record)
            yield manifest_row(record, buckets)
        # Here and no later: a wrong sum stops the table before it has its name.
        seen.last_id = max(snapshot.last_id, seen.last_id)
        holes = snapshot.holes + seen.last_id - snapshot.last_id
        sums.update(counted.closed(seen.last_id, holes))

    write_table(manifest, rows(), MANIFEST)
    _count_tags(receipts, metadata, buckets, seen)
    write_bytes(accounts, dump_json(sums))
    write_bytes(figures, dump_json(seen.values()))


def _count_tags(receipts: Path, metadata: Path, buckets: int, seen: Figures) -> None:
    for number in range(buckets):
        published = {
            record.id
            for record in records_of_bucket(receipts, number)
            if record.state is State.PUBLISHED
        }
        for row in posts_of(metadata, f"{number:04d}"):
            if row["id"] in published:
                seen.count_tags(parse_post(row).tags)
