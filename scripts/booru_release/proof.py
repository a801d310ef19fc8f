"""Whether two encodings hold the same picture: every pixel, frame, profile and comment."""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import zip_longest

from PIL import Image, ImageFile

from .containers import Part, is_jfif, jpeg_segments, png_chunks
from .filetypes import sniff
from .pictures import decoded_frames, is_jpeg, opened

# Pixels are compared in bands of rows, so that a large picture is not copied twice over.
BAND_PIXELS = 1 << 20
# Where the depth of a PNG's samples and its colour type are.
PNG_DEPTH, PNG_COLOURS = 24, 25
GREY = 0

# An encoder writes these PNG chunks its own way; decoding compares what they mean.
PIXEL_CHUNKS = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"fdAT", b"IEND"})
# A JPEG's comments and applications' data: profiles, orientation, authors.
JPEG_EXTRAS = frozenset(bytes([code]) for code in (0xFE, *range(0xE0, 0xF0)))
# A colour profile is compared to this length; real ones end before a tenth of it.
LARGEST_PROFILE = 1 << 26
# How Pillow reads the samples of 16-bit PNGs, and how it reads the bytes which that leaves out.
LOWER_BYTES = {"RGB;16B": "RGB;16L", "RGBA;16B": "RGBA;16L", "LA;16B": "RGBA"}


class Unproved(Exception):
    """Two encodings were not seen to hold the same picture."""


def prove_equal(before: bytes, after: bytes, max_pixels: int) -> int:
    """Compare two PNGs or two JPEGs, everything that a reader can see; returns the frames.

    Raises:
        Unproved: they differ.
        Undecodable: one is damaged or has too many pixels.
    """
    if extras_of(before) != extras_of(after):
        raise Unproved("the metadata differ")
    if hides_colour_key(after) and not hides_colour_key(before):
        raise Unproved("Pillow would not see its transparency")
    with opened(before, max_pixels=max_pixels) as old, opened(after, max_pixels=max_pixels) as new:
        frames = compare_frames(old, new)
    if is_deep_png(before) or is_deep_png(after):
        compare_lower_bytes(before, after, max_pixels)
    return frames


def parts_of(data: bytes) -> Iterator[Part]:
    """The segments of a JPEG, or the chunks of a PNG."""
    return jpeg_segments(data) if sniff(data[:512]) == "jpeg" else png_chunks(data)


def extras_of(data: bytes) -> list[tuple[bytes, bytes]]:
    """What a file holds beside its pixels, in an order that means something.

    A PNG's chunks may stand in any order; the segments of a JPEG keep theirs behind its header.
    """
    parts = parts_of(data)
    if sniff(data[:512]) == "jpeg":
        extras = [part for part in parts if part.kind in JPEG_EXTRAS]
        extras.sort(key=is_jfif, reverse=True)
        return [(part.kind, bytes(part.content)) for part in extras]
    # Of 16 bits Pillow compares only 8 with the transparent colour, so that must stay as it is.
    own = PIXEL_CHUNKS - {b"tRNS"} if is_deep_png(data) else PIXEL_CHUNKS
    return sorted((part.kind, unpacked(part)) for part in parts if part.kind not in own)


def unpacked(part: Part) -> bytes:
    """A PNG chunk's content; of a colour profile, the profile alone without its free name.

    Raises:
        Unproved: a profile is damaged.
    """
    content = bytes(part.content)
    if part.kind != b"iCCP":
        return content
    _, _, packed = content.partition(b"\0")
    try:
        # A byte before it tells the method of compression, of which there is one.
        return zlib.decompressobj().decompress(packed[1:], LARGEST_PROFILE)
    except zlib.error as error:
        raise Unproved(f"its colour profile is damaged: {error}") from error


def is_deep_png(data: bytes) -> bool:
    """Whether a file is a PNG with 16 bits a sample."""
    return sniff(data[:512]) == "png" and data[PNG_DEPTH] == 16


def hides_colour_key(data: bytes) -> bool:
    """Whether it is a PNG of the kind whose transparency Pillow misses: grey, 2 or 4 bits."""
    if sniff(data[:512]) != "png" or data[PNG_COLOURS] != GREY or data[PNG_DEPTH] not in {2, 4}:
        return False
    return any(part.kind == b"tRNS" for part in png_chunks(data))


def compare_frames(old: ImageFile.ImageFile, new: ImageFile.ImageFile) -> int:
    """Decode two pictures side by side; returns the number of their frames.

    Raises:
        Unproved: they differ.
    """
    frames = 0
    for one, other in zip_longest(decoded_frames(old), decoded_frames(new)):
        if one is None or other is None:
            raise Unproved("the numbers of frames differ")
        compare_pixels(one, other)
        frames += 1
    return frames


def compare_pixels(one: Image.Image, other: Image.Image) -> None:
    """Compare two images as they are now, colours below full transparency included.

    Raises:
        Unproved: a pixel, the size or, of a JPEG, the mode differs.
    """
    if one.size != other.size or (is_jpeg(one) and one.mode != other.mode):
        raise Unproved("the sizes or modes differ")
    for band, same in zip(bands_of(one), bands_of(other), strict=True):
        if band != same:
            raise Unproved("the pixels differ")


def bands_of(image: Image.Image) -> Iterator[bytes]:
    """An image's pixels in a form that loses nothing and does not depend on palettes."""
    rows = max(1, BAND_PIXELS // image.width)
    for top in range(0, image.height, rows):
        band = image.crop((0, top, image.width, min(top + rows, image.height)))
        exact = band if band.mode in {"CMYK", "I;16"} else band.convert("RGBA")
        yield exact.tobytes()


def compare_lower_bytes(before: bytes, after: bytes, max_pixels: int) -> None:
    """Compare the half of 16-bit samples that Pillow leaves out.

    Raises:
        Unproved: they differ, or not both have 16 bits and the same channels.
    """
    if before[PNG_DEPTH : PNG_COLOURS + 1] != after[PNG_DEPTH : PNG_COLOURS + 1]:
        raise Unproved("the kinds of pixels differ")
    with lower_bytes(before, max_pixels) as old, lower_bytes(after, max_pixels) as new:
        compare_pixels(old, new)


@contextmanager
def lower_bytes(png: bytes, max_pixels: int) -> Iterator[Image.Image]:
    """A 16-bit PNG opened so that its pixels are the lower bytes of its samples.

    Pillow reads 16-bit grey whole; of the others it has a reader for little-endian samples,
    which takes the other byte.

    Raises:
        Undecodable: it is damaged or has too many pixels.
    """
    with opened(png, max_pixels=max_pixels) as image:
        image.tile = [
            tile._replace(args=LOWER_BYTES.get(str(tile.args), tile.args)) for tile in image.tile
        ]
        image.info.pop("transparency", None)
        image.load()
        yield image
