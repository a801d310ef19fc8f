"""Files that appear whole or not at all, and the two formats that most of ours have."""

import ctypes
import errno
import gzip
import hashlib
import io
import json
import os
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from .errors import ReleaseProblem

AT_FDCWD = -100
RENAME_EXCHANGE = 2
CHUNK = 1 << 20
DISK_TROUBLES = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.EIO,
}

# What a JSON document holds is known only to who reads it.
Json = Any


class UnreadableFile(ReleaseProblem):
    """A file of ours is missing or is not what it should be."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path}: {why}")
        self.path = path


class UnwritableFile(ReleaseProblem):
    """The disk is full, read-only or broken, or the folder is closed to us."""

    hint = "nothing is lost: make room or open the folder, and run the same command again"

    def __init__(self, path: Path, error: OSError) -> None:
        super().__init__(f"{path}: cannot be written: {error.strerror}")
        if error.errno == errno.EIO:
            self.hint = (
                "the disk reports errors: see what the kernel says of it (dmesg), and run the "
                "same command again when it is sound"
            )
        self.path = path


def check_writable(folder: Path) -> None:
    """Refuse a folder, or the one that it would be made in, that cannot be written.

    Raises:
        UnwritableFile: it is closed to us, or on a read-only file system.
    """
    nearest = next(parent for parent in (folder, *folder.absolute().parents) if parent.is_dir())
    if not os.access(nearest, os.W_OK):
        read_only = os.statvfs(nearest).f_flag & os.ST_RDONLY
        code = errno.EROFS if read_only else errno.EACCES
        raise UnwritableFile(nearest, OSError(code, os.strerror(code)))


@contextmanager
def disk_trouble(path: Path) -> Iterator[None]:
    """Say of a disk that refuses which file it refused.

    Raises:
        UnwritableFile: it is full, read-only or broken, or the folder is closed to us.
    """
    try:
        yield
    except OSError as error:
        if error.errno in DISK_TROUBLES:
            raise UnwritableFile(path, error) from error
        raise


@contextmanager
def replace_file(path: Path) -> Iterator[IO[bytes]]:
    """Write a file beside its place and rename it, durably, when the block ends without error.

    Raises:
        UnwritableFile: the disk is full, read-only or broken, or the folder is closed to us.
    """
    beside = path.with_name(f".{path.name}.part")
    try:
        with disk_trouble(path):
            make_folder(path.parent)
            with beside.open("wb") as out:
                yield out
                out.flush()
                os.fsync(out.fileno())
            beside.replace(path)
            sync_folder(path.parent)
    finally:
        # A disk that refuses the file refuses this, too; the first trouble is the one to tell.
        with suppress(OSError):
            beside.unlink()


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, so that their names survive a loss of power."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a loss of power."""
    sync_file(folder)


def sync_file(path: Path) -> None:
    """Make the bytes of a file survive a loss of power; its name needs `sync_folder`.

    Source: fsync(2).
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Make the names in a folder, and in all below it, survive a loss of power."""
    for place, _, _ in os.walk(folder):
        sync_folder(Path(place))


def write_bytes(path: Path, content: bytes) -> None:
    """Write a whole file, atomically."""
    with replace_file(path) as out:
        out.write(content)


def write_if_changed(path: Path, content: bytes) -> bool:
    """Write a file unless it has this content already; say whether it was written."""
    if path.is_file() and path.read_bytes() == content:
        return False
    write_bytes(path, content)
    return True


def dump_json(value: object) -> bytes:
    """A JSON document for people and machines: sorted, indented, ending in a newline."""
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def dump_line(row: object) -> bytes:
    """One compact JSON line in the order of the row's own keys."""
    text = json.dumps(row, separators=(",", ":"), ensure_ascii=False)
    # A lone surrogate is legal in JSON but not in UTF-8: keep it as an escape.
    return text.encode("utf-8", "backslashreplace") + b"\n"


def read_json(path: Path) -> Json:
    """The value of a JSON document.

    Raises:
        UnreadableFile: it is missing or not JSON.
    """
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise UnreadableFile(path, "is not there") from error
    except ValueError as error:
        raise UnreadableFile(path, f"is not JSON ({error})") from error


def write_lines(path: Path, rows: Iterable[Any]) -> int:
    """Write rows as gzipped JSON lines, equal rows as equal bytes; returns their number."""
    count = 0
    with replace_file(path) as out, compressed(out) as lines:
        for row in rows:
            lines.write(dump_line(row))
            count += 1
    return count


@contextmanager
def compressed(out: IO[bytes], buffer: int = CHUNK) -> Iterator[IO[bytes]]:
    """A gzip stream into `out` that holds neither a name nor a time."""
    with (
        gzip.GzipFile(filename="", fileobj=out, mode="wb", compresslevel=6, mtime=0) as packed,
        io.BufferedWriter(packed, buffer) as lines,
    ):
        yield lines


def read_raw_lines(path: Path) -> Iterator[bytes]:
    """The lines of a gzipped file, one after another.

    Raises:
        UnreadableFile: it is missing or cut short.
    """
    try:
        with gzip.open(path, "rb") as lines:
            yield from lines
    except FileNotFoundError as error:
        raise UnreadableFile(path, "is not there") from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UnreadableFile(path, f"is damaged ({error})") from error


def read_lines(path: Path) -> Iterator[Any]:
    """The rows of a file of gzipped JSON lines, one after another.

    Raises:
        UnreadableFile: it is missing, cut short or not what it should be.
    """
    for line in read_raw_lines(path):
        try:
            yield json.loads(line)
        except ValueError as error:
            raise UnreadableFile(path, f"is damaged ({error})") from error


def sha256_of(path: Path, progress: Callable[[int], None] | None = None) -> str:
    """The SHA-256 of a file's bytes, in hex."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while block := file.read(CHUNK):
            digest.update(block)
            if progress is not None:
                progress(len(block))
    return digest.hexdigest()


def exchange(first: Path, second: Path) -> None:
    """Swap two folders so that a reader sees the one or the other, never neither.

    Source: renameat2(2), flag RENAME_EXCHANGE. File systems without it get two renames.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    arguments = (AT_FDCWD, os.fsencode(first), AT_FDCWD, os.fsencode(second), RENAME_EXCHANGE)
    if hasattr(libc, "renameat2") and libc.renameat2(*arguments) == 0:
        return
    aside = second.with_name(f".{second.name}.aside")
    second.rename(aside)
    first.rename(second)
    aside.rename(first)
