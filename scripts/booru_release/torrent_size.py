"""How large a .torrent becomes, known before anything is hashed, and the size of its pieces.

Sources: BEP 3 (v1), BEP 47 (padding files), BEP 52 (v2 and hybrid).
"""

from dataclasses import dataclass
from typing import Literal

Version = Literal["v1", "v2", "hybrid"]

KIB, MIB = 1 << 10, 1 << 20
SMALLEST_PIECE = 16 * KIB
# A hybrid torrent pads every file to a whole piece: larger pieces would be mostly padding.
LARGEST_PIECE: dict[Version, int] = {"v1": 16 * MIB, "v2": 16 * MIB, "hybrid": MIB}
MOST_PIECES = 2_500

# What bencoding costs a file beside its names and the digits of its length, and how often a
# torrent says these: a hybrid one twice.
V1_ENTRY = len("d6:lengthie4:pathlee")
V2_ENTRY = len("d0:d6:lengthie11:pieces root32:ee") + 32
PAD_ENTRY = len("d4:attr1:p6:lengthi1048575e4:pathl4:.pad7:1048575ee")
ENTRY: dict[Version, int] = {
    "v1": V1_ENTRY,
    "v2": V2_ENTRY,
    "hybrid": V1_ENTRY + V2_ENTRY + PAD_ENTRY,
}
TIMES_NAMED: dict[Version, int] = {"v1": 1, "v2": 1, "hybrid": 2}
LAYER_ENTRY = len("32:") + 32 + len("12345678:")
# For trackers, web seeds, the names and the keys of the outer dictionary.
HEADER = 16 * KIB


@dataclass(frozen=True)
class Limits:
    """What a torrent may have at most: files, and bytes of the .torrent itself."""

    files: int = 60_000
    torrent_bytes: int = 5_000_000


# Half of the 10 MB at which libtorrent's defaults, and so qBittorrent, refuse a .torrent.
CLIENT_LIMITS = Limits()


@dataclass(frozen=True)
class Load:
    """What a number of files weigh: their count, their bytes, and their bytes in the .torrent."""

    files: int = 0
    bytes: int = 0
    entries: int = 0

    def __add__(self, other: "Load") -> "Load":
        return Load(
            self.files + other.files, self.bytes + other.bytes, self.entries + other.entries
        )

    def torrent_bytes(self, version: Version) -> int:
        """The size of the .torrent in bytes, never too low."""
        return HEADER + self.entries + hashes_bytes(self.files, self.bytes, version)

    def fits(self, version: Version, limits: Limits) -> bool:
        """Whether one torrent can hold these files."""
        return self.files <= limits.files and self.torrent_bytes(version) <= limits.torrent_bytes


def piece_size_for(size: int, version: Version) -> int:
    """The size of a piece in bytes: the smallest power of two that makes at most 2,500 pieces.

    From 16 KiB, which BEP 52 names as the least, to 16 MiB (hybrid: 1 MiB). The rule is pinned:
    another piece size is another torrent.
    """
    piece_size = SMALLEST_PIECE
    while piece_size < LARGEST_PIECE[version] and size > piece_size * MOST_PIECES:
        piece_size *= 2
    return piece_size


def entry_bytes(path: str, size: int, version: Version) -> int:
    """Bytes that a file's names and length take in the .torrent, at most."""
    # v2 writes a folder's name once; counting it for each file is never too low.
    encoded = path.encode()
    prefixes = sum([len(str(len(part))) for part in encoded.split(b"/")])
    # Each name has a colon, and one slash fewer separates them.
    names = len(encoded) + 1 + prefixes
    return ENTRY[version] + TIMES_NAMED[version] * (names + len(str(size)))


def hashes_bytes(files: int, size: int, version: Version) -> int:
    """Bytes that the hashes of `files` files with `size` bytes take in the .torrent, at most."""
    whole = size // piece_size_for(size, version)
    if version == "v1":
        return 20 * (whole + 1)
    # Only a file larger than a piece has a layer, and there are no more of these than pieces.
    layered = min(files, whole)
    layers = 32 * (whole + layered) + LAYER_ENTRY * layered
    return layers + (20 * (whole + files) if version == "hybrid" else 0)
