"""The parts of PNG and JPEG files: enough to see damage, and what a tool has dropped."""

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

PNG_HEADER = 8
# A marker is 0xFF and a code; 0xFF00 is data, 0xFFD0 to 0xFFD7 only separate data.
JPEG_MARKER = re.compile(rb"\xff([^\x00\xd0-\xd7\xff])")
JPEG_START, JPEG_END = 0xD8, 0xD9


@dataclass(frozen=True)
class Part:
    """A chunk of a PNG or a segment of a JPEG, and where in the file it ends."""

    kind: bytes
    content: memoryview
    end: int


def png_chunks(data: bytes) -> Iterator[Part]:
    """The chunks of a PNG up to IEND; whatever follows is no part of it.

    Raises:
        ValueError: the file is cut short, or a chunk that pixels depend on has a wrong CRC.
    """
    kind, start = b"", PNG_HEADER
    while kind != b"IEND":
        if start + 8 > len(data):
            raise ValueError("ends before its IEND chunk")
        length, kind = struct.unpack_from(">I4s", data, start)
        end = start + 12 + length
        if end > len(data):
            raise ValueError(f"ends inside its {name_of(kind)} chunk")
        if makes_pixels(kind):
            verify_crc(data, start, end)
        yield Part(kind, memoryview(data)[start + 8 : end - 4], end)
        start = end


def makes_pixels(kind: bytes) -> bool:
    """Whether a chunk's content decides what is seen (an upper-case name, or an APNG frame)."""
    return kind[:1].isupper() or kind in {b"fcTL", b"fdAT"}


def verify_crc(data: bytes, start: int, end: int) -> None:
    """Compare a PNG chunk's content with its checksum.

    Raises:
        ValueError: they differ.
    """
    content = memoryview(data)[start + 4 : end - 4]
    if zlib.crc32(content) != int.from_bytes(data[end - 4 : end], "big"):
        raise ValueError(f"wrong CRC in its {name_of(bytes(content[:4]))} chunk")


def name_of(kind: bytes) -> str:
    """A chunk's name for messages; hostile bytes appear escaped."""
    return kind.decode("ascii", "backslashreplace")


def jpeg_segments(data: bytes) -> Iterator[Part]:
    """The segments of a JPEG, without its entropy-coded data, up to its end marker.

    Raises:
        ValueError: the file ends before that marker.
    """
    end = 0
    while found := JPEG_MARKER.search(data, end):
        code, start = found[1][0], found.end()
        # The start, end and temporary markers stand alone; the others say their length.
        alone = code in {0x01, JPEG_START, JPEG_END}
        end = start if alone else start + int.from_bytes(data[start : start + 2], "big")
        yield Part(found[1], memoryview(data)[start + 2 : end], end)
        if code == JPEG_END:
            return
    raise ValueError("ends before its end marker")


def is_jfif(part: Part) -> bool:
    """Whether it is the header that most JPEGs begin with, but some do without."""
    return part.kind == b"\xe0" and bytes(part.content[:5]) == b"JFIF\0"
