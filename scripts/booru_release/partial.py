"""A file that is arriving: what has come of it stays when the rest does not, and is never trusted.

Source of ranges: RFC 9110, 14 and 13.1.5 (If-Range).
"""

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from .connections import Answer
from .credentials import scrub
from .files import CHUNK, disk_trouble, make_folder, sync_folder
from .patience import TryAgain
from .site_problems import WebPage, WrongBytes

# Fetching less than this once more costs less than asking for a part of it.
WORTH_KEEPING = 1 << 20
LARGEST_FILE = 1 << 40
CONTENT_RANGE = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15}|\*)")
STRONG_ETAG = re.compile(r'"[\x21\x23-\x7e]{1,200}"')
PAGES = ("text/html", "application/xhtml+xml")


@dataclass(frozen=True)
class Promise:
    """What a file has to be: its md5, and its size where the site names one."""

    md5: str
    size: int | None


class Partial:
    """The part of a file that has come, beside the place that the whole will have."""

    def __init__(self, target: Path, promise: Promise) -> None:
        self._target, self._promise = target, promise
        self._file = target.with_name(f".{target.name}.part")
        self._tag = target.with_name(f".{target.name}.etag")
        self._is_large = promise.size is None or promise.size > WORTH_KEEPING

    def size(self) -> int:
        """The bytes that are there and worth going on from; 0 to start anew."""
        size = self._file.stat().st_size if self._is_large and self._file.is_file() else 0
        too_many = self._promise.size is not None and size >= self._promise.size
        return 0 if size < WORTH_KEEPING or too_many else size

    def headers(self) -> dict[str, str]:
        """What to ask with so as to get the rest, if the file is still the same on the site."""
        size = self.size()
        if not size:
            return {}
        tag = {"If-Range": self._tag.read_text()} if self._tag.is_file() else {}
        return {"Range": f"bytes={size}-", **tag}

    def receive(self, answer: Answer) -> None:
        """Take what an answer brings, and put the file into place when it is whole and right.

        Raises:
            TryAgain: the body breaks off, is another part than asked for, or is a page for people.
            WrongBytes: the bytes are not the promised ones.
            UnwritableFile: the disk is full or read-only.
        """
        start = self._start_of(answer)
        try:
            _check_length(answer, start, self._promise)
            with disk_trouble(self._target):
                self._write(answer, start)
        except WrongBytes as problem:
            if _is_page(answer) and self._target.suffix != ".html":
                raise TryAgain("a web page in place of the file", ends_as=WebPage) from problem
            self.forget()
            raise

    def forget(self) -> None:
        """Remove what has come."""
        self._file.unlink(missing_ok=True)
        self._tag.unlink(missing_ok=True)

    def forget_if_small(self) -> None:
        """Remove what is not worth going on from."""
        if not self.size():
            self.forget()

    def _start_of(self, answer: Answer) -> int:
        """Where in the file an answer begins."""
        asked = self.size()
        if answer.status == 206 and asked and _is_rest(answer, asked, self._promise.size):
            return asked
        if answer.status in {206, 416}:
            self.forget()
            raise TryAgain("another part of the file than was asked for")
        return 0

    def _write(self, answer: Answer, start: int) -> None:
        digest, received = self._digest_of(start), start
        most = LARGEST_FILE if self._promise.size is None else self._promise.size
        if self._is_large and not start:
            self._keep_tag(answer)
        with _opened(self._file, "ab" if start else "wb") as out:
            for block in answer.blocks(most - start):
                received += len(block)
                if received > most:
                    raise WrongBytes(answer.place, f"sends more than the promised {most} bytes")
                digest.update(block)
                out.write(block)
            self._check(answer, start, received, digest.hexdigest())
            out.flush()
            os.fsync(out.fileno())
        self._file.rename(self._target)
        sync_folder(self._target.parent)
        if self._is_large:
            self._tag.unlink(missing_ok=True)

    def _digest_of(self, start: int) -> "hashlib._Hash":
        digest = hashlib.md5(usedforsecurity=False)
        if start:
            with self._file.open("rb") as part:
                while block := part.read(CHUNK):
                    digest.update(block)
        return digest

    def _keep_tag(self, answer: Answer) -> None:
        tag = answer.headers.get("ETag", "")
        self._tag.unlink(missing_ok=True)
        # What the site says is kept in a file: no credentials of ours, should it say them.
        if STRONG_ETAG.fullmatch(tag) and scrub(tag) == tag:
            make_folder(self._target.parent)
            self._tag.write_text(tag)

    def _check(self, answer: Answer, start: int, received: int, md5: str) -> None:
        size = self._promise.size
        if start and size is not None and received < size:
            raise TryAgain("only a part of the rest")
        if size is not None and received != size:
            raise WrongBytes(answer.place, f"{received} bytes instead of {size}")
        if md5 != self._promise.md5:
            raise WrongBytes(answer.place, f"md5 {md5} instead of {self._promise.md5}")


def _opened(file: Path, mode: str) -> IO[bytes]:
    try:
        return cast(IO[bytes], file.open(mode))
    except FileNotFoundError:
        # Once a folder, rather than asking before every file.
        make_folder(file.parent)
        return cast(IO[bytes], file.open(mode))


def _is_rest(answer: Answer, start: int, size: int | None) -> bool:
    found = CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", ""))
    if found is None or int(found[1]) != start or answer.is_packed:
        return False
    return found[3] == "*" or size is None or int(found[3]) == size


def _check_length(answer: Answer, start: int, promise: Promise) -> None:
    """Refuse a body by the length that it announces, before a byte of it is read."""
    length = answer.length
    if length is None or answer.is_packed or promise.size is None:
        return
    if start + length > promise.size:
        raise WrongBytes(answer.place, f"sends more than the promised {promise.size} bytes")
    if start + length < promise.size and not start:
        raise WrongBytes(answer.place, f"{length} bytes instead of {promise.size}")


def _is_page(answer: Answer) -> bool:
    kind = answer.headers.get("Content-Type", "").split(";")[0].strip().lower()
    return kind in PAGES
