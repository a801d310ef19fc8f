"""The tables of a snapshot on disk, rewritten without the posts that are withdrawn."""

import json
from collections.abc import Iterator
from pathlib import Path

from .files import compressed, read_raw_lines, replace_file
from .metadata import bucket_file, read_snapshot, table_file
from .redaction import Redaction
from .snapshot import describe_tables


def redact_metadata(metadata: Path, redaction: Redaction, *, buckets: int) -> None:
    """Rewrite the tables and `posts/` that mention a withdrawn post, and `snapshot.json` last.

    Killed anywhere, it does the rest when it is called again.
    """
    snapshot = read_snapshot(metadata / "snapshot.json")
    # The table of all posts comes after the buckets: it says which of them are to be rewritten.
    for number in sorted(_touched_buckets(metadata, redaction, buckets)):
        _rewrite(bucket_file(metadata, f"{number:04d}"), "posts", redaction)
    rows = {
        table: _rewrite(table_file(metadata, table), table, redaction) for table in snapshot.rows
    }
    describe_tables(metadata, snapshot.last_id, rows, snapshot.read_on)


def mentions(file: Path, table: str, redaction: Redaction) -> Iterator[bytes]:
    """The lines of a table that a redaction would change or take out."""
    for line in read_raw_lines(file):
        if redaction.line(table, line) is not line:
            yield line


def _touched_buckets(metadata: Path, redaction: Redaction, buckets: int) -> set[int]:
    table = table_file(metadata, "posts")
    return {json.loads(line)["id"] % buckets for line in mentions(table, "posts", redaction)}


def _rewrite(file: Path, table: str, redaction: Redaction) -> int:
    """Rewrite a table if there is anything to take out; returns the rows that it has then."""
    rows, changed = 0, False
    for line in read_raw_lines(file):
        kept = redaction.line(table, line)
        changed = changed or kept is not line
        rows += kept is not None
    if changed:
        with replace_file(file) as out, compressed(out) as lines:
            lines.writelines(redaction.lines(table, read_raw_lines(file)))
    return rows
