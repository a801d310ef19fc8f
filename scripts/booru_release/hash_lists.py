"""Files of hashes, one a line in hex, as authorities and hotlines hand them out."""

import hashlib
import re
from pathlib import Path

from .errors import ReleaseProblem

# Hex digits of each kind of hash; the perceptual one has 64 bits.
DIGITS = {"md5": 32, "sha256": 64, "perceptual": 16}


class UnusableList(ReleaseProblem):
    """A file of hashes is missing, damaged, or another one than at the start of the run."""

    def __init__(self, path: Path, what: str, hint: str | None = None) -> None:
        super().__init__(f"{path}: {what}")
        self.path, self.hint = path, hint


def read_hashes(path: Path, kind: str, *, sha256: str | None = None) -> frozenset[str]:
    """The hashes of a list, in small letters; empty lines and those after a # say nothing.

    Raises:
        UnusableList: it cannot be read, a line is no hash, or the file has not this `sha256`.
    """
    text = _bytes_of(path)
    if sha256 is not None and hashlib.sha256(text).hexdigest() != sha256:
        hint = "run the same command again: it plans by what the list says now"
        raise UnusableList(path, "has changed since the run began", hint)
    is_hash = re.compile(rb"[0-9a-f]{%d}" % DIGITS[kind]).fullmatch
    found = set()
    for number, line in enumerate(text.lower().splitlines(), 1):
        word = line.partition(b"#")[0].strip()
        if word:
            if not is_hash(word):
                raise UnusableList(path, _no_hash(number, word, kind))
            found.add(word.decode())
    return frozenset(found)


def sha256_of_list(path: Path) -> str:
    """The SHA-256 of a list as it lies on the disk.

    Raises:
        UnusableList: it cannot be read.
    """
    return hashlib.sha256(_bytes_of(path)).hexdigest()


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnusableList(path, f"cannot be read: {error.strerror}") from error


def _no_hash(number: int, word: bytes, kind: str) -> str:
    shown = word[:80].decode(errors="backslashreplace")
    return f"line {number}: {shown!r} is no {kind} hash of {DIGITS[kind]} hex digits"
