"""The files of synthetic posts: a few pictures, each with the ID of its post as a comment."""

from __future__ import annotations

import struct
import zlib
from functools import cached_property

# After these bytes a comment may stand: JPEG's first marker, PNG's signature and header.
JPEG_START, PNG_START = 2, 33


class SyntheticImages:
    """Files that differ from post to post and cost next to nothing to make."""

    def __init__(self, pixels: int) -> None:
        side = max(2, pixels)
        self._shapes = (
            (side, side, "jpg"),
            (side, side * 3 // 4, "jpg"),
            (side * 2 // 3, side, "jpg"),
            (side, side * 2 // 3, "jpg"),
            (side // 2, side // 2, "png"),
        )

    def shape(self, post_id: int) -> tuple[int, int, str]:
        """Return width, height and extension of a post's file."""
        return self._shapes[post_id % len(self._shapes)]

    def content(self, post_id: int) -> bytes:
        """Return the bytes of a post's file."""
        painted = self._painted[post_id % len(self._shapes)]
        text = b"synthetic post %012d" % post_id
        if self.shape(post_id)[2] == "jpg":
            comment = b"\xff\xfe" + struct.pack(">H", len(text) + 2) + text
            return painted[:JPEG_START] + comment + painted[JPEG_START:]
        return painted[:PNG_START] + _png_text(text) + painted[PNG_START:]

    @cached_property
    def _painted(self) -> list[bytes]:
        # Only who asks for a post pays for Pillow.
        from embedded_booru.painting import encode, scene

        return [
            encode(scene(900 + seed, width, height), "PNG" if ext == "png" else "JPEG")
            for seed, (width, height, ext) in enumerate(self._shapes)
        ]


def _png_text(text: bytes) -> bytes:
    content = b"tEXtComment\0" + text
    return struct.pack(">I", len(content) - 4) + content + struct.pack(">I", zlib.crc32(content))
