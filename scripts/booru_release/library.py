"""The library: the image files of all releases, each written once and never changed."""

import fcntl
import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from .files import disk_trouble, dump_line, make_folder, sync_file, sync_folder

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Library:
    """Where the files of a library are; paths come from IDs, md5 and known extensions alone."""

    root: Path

    def incoming(self, bucket: str, post_id: int, md5: str, file_ext: str) -> Path:
        """Where a file waits, as served, until it is optimised."""
        return self.root / "incoming" / bucket / f"{post_id}.{md5}.{file_ext}"

    def original(self, bucket: str, post_id: int, md5: str, file_ext: str) -> Path:
        """The published file of a post; `md5` is that of the bytes the site served."""
        return self.root / "original" / bucket / f"{post_id}.{md5}.{file_ext}"

    def derived(self, subset: str, settings: str, bucket: str, name: str) -> Path:
        """A resized file; `settings` names what its bytes depend on."""
        return self.root / "subsets" / subset / settings / bucket / name

    def clear_parts(self, bucket: str) -> None:
        """Remove what came of files that did not become whole."""
        for part in (self.root / "incoming" / bucket).glob(".*"):
            part.unlink(missing_ok=True)

    def ledger(self, bucket: str) -> "Ledger":
        """What is known of a bucket's files, whichever release brought them."""
        return Ledger(self.root / "ledger" / "original" / f"{bucket}.jsonl")

    def derived_ledger(self, subset: str, settings: str, bucket: str) -> "Ledger":
        """What is known of a bucket's resized files."""
        return Ledger(self.root / "ledger" / subset / settings / f"{bucket}.jsonl")

    @contextmanager
    def locked(self, bucket: str) -> Iterator[None]:
        """Keep every other job off a bucket's files, one of a killed run included.

        A process that outlived its run still writes here; its successor waits for its end.
        """
        lock = self.root / "locks" / bucket
        make_folder(lock.parent)
        with lock.open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                logger.info("bucket %s: waiting for the job that works on it", bucket)
                fcntl.flock(file, fcntl.LOCK_EX)
            yield


@dataclass(frozen=True)
class Ledger:
    """A file of JSON lines that only grows, so that whatever is killed finds what it has done."""

    path: Path

    def rows(self) -> dict[tuple[int, str], dict[str, Any]]:
        """The newest row of each post ID and md5."""
        if not self.path.is_file():
            return {}
        rows = (row_of(line) for line in self.path.read_bytes().splitlines())
        return {(row["id"], row["md5"]): row for row in rows if row is not None}

    def append(self, row: Mapping[str, Any]) -> None:
        """Add a row with one write; `sync` makes it survive a loss of power.

        Raises:
            UnwritableFile: the disk is full, read-only or broken, or the folder is closed to us.
        """
        with disk_trouble(self.path), self._opened() as out:
            # The line that a loss of power tore stays alone, unreadable, and is passed over.
            out.write((b"\n" if _torn(self.path) else b"") + dump_line(row))

    def _opened(self) -> IO[bytes]:
        make_folder(self.path.parent)
        return self.path.open("ab")

    def sync(self) -> None:
        """Make the rows survive a loss of power, before what they vouch for has no other witness.

        Raises:
            UnwritableFile: the disk reports errors.
        """
        if self.path.is_file():
            with disk_trouble(self.path):
                sync_file(self.path)
                sync_folder(self.path.parent)

    def forget(self) -> None:
        """Remove the file, for good."""
        if self.path.is_file():
            with disk_trouble(self.path):
                self.path.unlink()
                sync_folder(self.path.parent)


def row_of(line: bytes) -> dict[str, Any] | None:
    """The row of a ledger's line; None for one that a loss of power tore."""
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) and {"id", "md5"} <= row.keys() else None


def _torn(path: Path) -> bool:
    with path.open("rb") as file:
        if file.seek(0, 2) == 0:
            return False
        file.seek(-1, 2)
        return file.read(1) != b"\n"
