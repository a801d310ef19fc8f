"""The piece hashes of a torrent, from files that lie anywhere.

A piece is the unit of work: a thread opens the files that it touches and hashes them a MiB at a
time, so every byte is read once, in order, and memory stays at a MiB a thread. Sources: BEP 3
(SHA-1 of each piece, across file borders) and BEP 52 (per file a SHA-256 merkle tree over blocks
of 16 KiB).
"""

import hashlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from io import FileIO
from itertools import islice
from pathlib import Path

from .errors import ReleaseProblem
from .files import CHUNK, UnreadableFile
from .torrent_plan import Content, TorrentPlan
from .torrent_size import Version

BLOCK = 16 << 10
NO_BLOCK = bytes(32)


class ChangedContent(ReleaseProblem):
    """A file has another size than when the torrent was planned."""

    hint = "library files never change: look for what wrote to it, and plan the torrents again"

    def __init__(self, path: Path, actual: int, expected: int) -> None:
        super().__init__(f"{path}: {actual} bytes instead of {expected}")
        self.path, self.actual, self.expected = path, actual, expected


@dataclass(frozen=True)
class Slice:
    """A stretch of a file: `length` bytes from `offset`."""

    content: Content
    offset: int
    length: int


@dataclass(frozen=True)
class Piece:
    """One piece: its stretches, the zero bytes behind them, and the leaves of its v2 tree."""

    slices: tuple[Slice, ...]
    padding: int = 0
    leaves: int = 0


@dataclass(frozen=True)
class PieceHashes:
    """The SHA-1 of a piece (empty in a v2 torrent) and its merkle root (empty in a v1 torrent)."""

    v1: bytes
    v2: bytes


@dataclass(frozen=True)
class FileTree:
    """A file's merkle root, and the hashes of its pieces when it has more than one."""

    root: bytes
    layer: bytes


@dataclass(frozen=True)
class TorrentHashes:
    """The v1 hashes of a torrent, joined, and the v2 trees by path; empty files have none."""

    pieces: bytes
    trees: dict[str, FileTree]


def hash_torrent(plan: TorrentPlan, *, threads: int) -> TorrentHashes:
    """Read every file of a plan once and hash it.

    Raises:
        ChangedContent: a file has another size than planned.
        UnreadableFile: a file vanished or cannot be read.
    """
    check_sizes(plan.contents)
    if plan.version == "v1":
        hashes = list(hash_pieces(pieces_across(plan.contents, plan.piece_size), "v1", threads))
        return TorrentHashes(b"".join(piece.v1 for piece in hashes), {})
    filled = [(content, pieces_within(content, plan.piece_size)) for content in plan.contents]
    pieces = (piece for _, own in filled for piece in own)
    hashes = list(hash_pieces(pieces, plan.version, threads))
    rest = iter(hashes)
    trees = {
        content.path: file_tree([piece.v2 for piece in islice(rest, len(own))], plan.piece_size)
        for content, own in filled
        if content.size
    }
    return TorrentHashes(b"".join(piece.v1 for piece in hashes), trees)


def check_sizes(contents: Iterable[Content]) -> None:
    """Compare each file's size with the plan, before hours are spent on reading."""
    for content in contents:
        try:
            actual = content.file.stat().st_size
        except OSError as error:
            raise unreadable(content.file, error) from error
        if actual != content.size:
            raise ChangedContent(content.file, actual, content.size)


def pieces_across(contents: Iterable[Content], piece_size: int) -> Iterator[Piece]:
    """The pieces of a v1 torrent, which run over the borders of files (BEP 3)."""
    slices: list[Slice] = []
    room = piece_size
    for content in contents:
        offset = 0
        while offset < content.size:
            length = min(room, content.size - offset)
            slices.append(Slice(content, offset, length))
            offset, room = offset + length, room - length
            if room == 0:
                yield Piece(tuple(slices))
                slices, room = [], piece_size
    if slices:
        yield Piece(tuple(slices))


def pieces_within(content: Content, piece_size: int) -> list[Piece]:
    """The pieces of one file of a v2 or hybrid torrent, which starts at a piece (BEP 52)."""
    pieces = []
    for offset in range(0, content.size, piece_size):
        length = min(piece_size, content.size - offset)
        # A file of one piece has a tree as wide as its own blocks need.
        width = piece_size if content.size > piece_size else length
        part = (Slice(content, offset, length),)
        pieces.append(Piece(part, piece_size - length, power_of_two(-(-width // BLOCK))))
    return pieces


def hash_pieces(pieces: Iterable[Piece], version: Version, threads: int) -> Iterator[PieceHashes]:
    """The hashes of pieces in their order; hashlib lets the threads run side by side."""
    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(partial(hash_piece, version=version), pieces)


def hash_piece(piece: Piece, *, version: Version) -> PieceHashes:
    """Read and hash one piece."""
    buffer = memoryview(bytearray(min(CHUNK, sum(part.length for part in piece.slices))))
    sha1 = hashlib.sha1(usedforsecurity=False)
    blocks: list[bytes] = []
    for part in piece.slices:
        for chunk in read_slice(part, buffer):
            if version != "v2":
                sha1.update(chunk)
            if version != "v1":
                blocks.extend(block_hashes(chunk))
    if version == "v1":
        return PieceHashes(sha1.digest(), b"")
    root = merkle_root(blocks, piece.leaves, NO_BLOCK)
    if version == "v2":
        return PieceHashes(b"", root)
    sha1.update(bytes(piece.padding))
    return PieceHashes(sha1.digest(), root)


def read_slice(part: Slice, buffer: memoryview) -> Iterator[memoryview]:
    """The bytes of a slice in full buffers, the last one shorter.

    Raises:
        ChangedContent, UnreadableFile: as hash_torrent.
    """
    try:
        with part.content.file.open("rb", buffering=0) as file:
            file.seek(part.offset)
            for start in range(0, part.length, len(buffer)):
                chunk = buffer[: part.length - start]
                if read_into(file, chunk) < len(chunk):
                    raise ChangedContent(part.content.file, file.tell(), part.content.size)
                yield chunk
    except OSError as error:
        raise unreadable(part.content.file, error) from error


def read_into(file: FileIO, chunk: memoryview) -> int:
    """Read until a chunk is full or the file ends; returns the bytes read."""
    filled = 0
    while filled < len(chunk) and (got := file.readinto(chunk[filled:])):
        filled += got
    return filled


def unreadable(path: Path, error: OSError) -> UnreadableFile:
    """The problem that an error of the operating system is for us."""
    missing = isinstance(error, FileNotFoundError)
    return UnreadableFile(path, "is not there" if missing else f"cannot be read: {error.strerror}")


def block_hashes(chunk: memoryview) -> Iterator[bytes]:
    """The SHA-256 of each 16 KiB of a chunk."""
    for start in range(0, len(chunk), BLOCK):
        yield hashlib.sha256(chunk[start : start + BLOCK]).digest()


def file_tree(roots: list[bytes], piece_size: int) -> FileTree:
    """The tree of a file from the roots of its pieces; the gaps are pieces without a block."""
    empty_piece = merkle_root([], piece_size // BLOCK, NO_BLOCK)
    root = merkle_root(roots, power_of_two(len(roots)), empty_piece)
    return FileTree(root, b"".join(roots) if len(roots) > 1 else b"")


def merkle_root(hashes: list[bytes], width: int, gap: bytes) -> bytes:
    """The root of a binary SHA-256 tree with `width` leaves, a power of two; `gap` fills it up."""
    level = hashes
    while width > 1:
        if len(level) % 2:
            level = [*level, gap]
        pairs = zip(level[::2], level[1::2], strict=True)
        level = [hashlib.sha256(left + right).digest() for left, right in pairs]
        gap = hashlib.sha256(gap + gap).digest()
        width //= 2
    return level[0] if level else gap


def power_of_two(number: int) -> int:
    """The smallest power of two that is at least `number`, which is at least 1."""
    return 1 << (number - 1).bit_length()
