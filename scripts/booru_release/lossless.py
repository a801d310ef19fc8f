"""Smaller files with the same pixels: encode anew, and use the result only if it is proved."""

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version

import mozjpeg_lossless_optimization as mozjpeg
import oxipng

from .apart import Crashed, run_apart
from .containers import is_jfif, jpeg_segments
from .filetypes import sniff
from .pictures import Undecodable, opened
from .proof import Unproved, is_deep_png, parts_of, prove_equal

# A job has one core; oxipng would start a thread for each of the machine's.
os.environ.setdefault("RAYON_NUM_THREADS", "1")

logger = logging.getLogger(__name__)

# Encoders hold a picture several times over, so their limit is lower than the decoders'.
MAX_PIXELS = 100_000_000
AS_SERVED = "as served"
MOZJPEG, OXIPNG = "mozjpeg-lossless-optimization", "pyoxipng"
# What may follow a picture without meaning anything.
PADDING = b"\0\t\n\r "


@dataclass(frozen=True)
class Optimised:
    """A file's bytes to publish, what made them, and how they were seen to be the same picture."""

    data: bytes
    tool: str | None
    proof: str


def optimise(data: bytes, *, png_level: int = 2, max_pixels: int = MAX_PIXELS) -> Optimised:
    """The same picture in fewer bytes if that can be proved, else the file as it was served.

    Metadata stay, and so does every file that has something behind its picture.

    Raises:
        MemoryError: the machine, rather than the file, is to blame.
    """
    try:
        return best_encoding(data, png_level, max_pixels)
    except (Crashed, Unproved, Undecodable) as error:
        logger.warning("kept as served: %s", error)
        return Optimised(data, None, AS_SERVED)


def best_encoding(data: bytes, png_level: int, max_pixels: int) -> Optimised:
    """The first encoding that is smaller and proved to be equal, else the file as it was served.

    Raises:
        Undecodable: the file is damaged or has too many pixels, or an encoder damaged it.
        Unproved: an encoder made another picture of it.
        Crashed: an encoder gave up.
    """
    failure: Unproved | Undecodable | None = None
    for encoded, tool in encodings(data, png_level, max_pixels):
        if len(encoded) >= len(data):
            break
        try:
            frames = prove_equal(data, encoded, max_pixels)
        except (Unproved, Undecodable) as error:
            failure = error
        else:
            plural = "" if frames == 1 else "s"
            return Optimised(encoded, tool, f"pixels equal, {frames} frame{plural}")
    if failure:
        raise failure
    return Optimised(data, None, AS_SERVED)


def encodings(data: bytes, png_level: int, max_pixels: int) -> Iterator[tuple[bytes, str]]:
    """Other encodings of a JPEG or PNG, and their tools, in order of preference.

    Raises:
        Undecodable: the file is damaged or has too many pixels.
        Crashed: an encoder gave up.
    """
    kind = sniff(data[:512])
    if kind not in {"jpeg", "png"}:
        return
    # Opening looks at the size, before an encoder reserves memory for it.
    with opened(data, max_pixels=max_pixels) as image:
        animated, appendix = getattr(image, "is_animated", False), has_appendix(data)
    if appendix:
        return
    if kind == "jpeg":
        yield encode_jpeg(data), f"{MOZJPEG} {version_of(MOZJPEG)}"
    elif not (animated and is_deep_png(data)):
        yield from encode_png(data, png_level)


def encode_jpeg(data: bytes) -> bytes:
    """A JPEG in progressive scans with tables of their own, and with all of its markers.

    Raises:
        Crashed: mozjpeg ends the process when it meets broken coefficients.
    """
    encoded = run_apart(MOZJPEG, lambda: mozjpeg.optimize(data, mozjpeg.COPY_MARKERS.ALL))
    if not any(is_jfif(part) for part in jpeg_segments(data)):
        # It puts a JFIF header into files that have none.
        first, second, *_ = jpeg_segments(encoded)
        if is_jfif(second):
            return encoded[: first.end] + encoded[second.end :]
    return encoded


def encode_png(data: bytes, level: int) -> Iterator[tuple[bytes, str]]:
    """A PNG with the smallest kind of pixels that holds them, then one with its own kind.

    Pillow shows only 8 of 16 bits: those keep their kind, so that they can be compared.

    Raises:
        Crashed: oxipng gave up.
    """
    tool = f"{OXIPNG} {version_of(OXIPNG)} level {level}"
    if not is_deep_png(data):
        yield run_apart(OXIPNG, lambda: run_oxipng(data, level, reduce=True)), tool
    encoded = run_apart(OXIPNG, lambda: run_oxipng(data, level, reduce=False))
    yield encoded, f"{tool} without reductions"


def run_oxipng(data: bytes, level: int, *, reduce: bool) -> bytes:
    """A PNG encoded anew with all its chunks; reductions choose a smaller kind of pixels."""
    return oxipng.optimize_from_memory(
        data,
        level=level,
        strip=oxipng.StripChunks.none(),
        bit_depth_reduction=reduce,
        color_type_reduction=reduce,
        palette_reduction=reduce,
        grayscale_reduction=reduce,
    )


def has_appendix(data: bytes) -> bool:
    """Whether more than padding follows a picture: a film, an archive, a second picture."""
    *_, last = parts_of(data)
    return bool(data[last.end :].strip(PADDING))


@cache
def version_of(package: str) -> str:
    """The installed version of a package."""
    return version(package)
