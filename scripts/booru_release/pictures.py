"""Opening images that nobody vouches for, and what a whole decoding tells of them."""

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from itertools import count, islice
from pathlib import Path

from PIL import Image, ImageFile, UnidentifiedImageError

from .containers import png_chunks
from .errors import ReleaseProblem
from .filetypes import IMAGE_TYPES, sniff

MAX_PIXELS = 500_000_000
MAX_FRAMES = 10_000

BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)
# What Pillow's decoders were seen to raise on hostile bytes. MemoryError is missing on purpose:
# it says as much about the machine as about the file.
DECODER_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


class Undecodable(ReleaseProblem):
    """A file is no picture, a damaged one, or one beyond the limits."""

    def __init__(self, place: str, why: str) -> None:
        super().__init__(f"{place}: {why}")
        self.place, self.why = place, why


class TooLarge(Undecodable):
    """A picture has more pixels or frames than the limit, and may be as good as any other."""


@dataclass(frozen=True)
class Picture:
    """What a picture is, seen by decoding all of it; mode and alpha are the first frame's."""

    kind: str
    width: int
    height: int
    frames: int
    mode: str
    has_alpha: bool


def examine(
    source: bytes | Path, *, max_pixels: int = MAX_PIXELS, max_frames: int = MAX_FRAMES
) -> Picture:
    """Decode every frame of a picture, one at a time, and say what it is.

    Bytes after the picture's end are tolerated.

    Raises:
        Undecodable: it is no picture, or a damaged one.
        TooLarge: it has more pixels or frames than the limit.
    """
    with opened(source, max_pixels=max_pixels) as image:
        kind = "jpeg" if is_jpeg(image) else str(image.format).lower()
        mode, has_alpha = image.mode, image.has_transparency_data
        width, height = image.size
        frames = count_frames(image, max_frames, place_of(source))
    return Picture(kind, width, height, frames, mode, has_alpha)


def count_frames(image: ImageFile.ImageFile, limit: int, place: str) -> int:
    """Decode all frames; returns their number.

    Raises:
        TooLarge: there are more than the limit.
    """
    frames = sum(1 for _ in islice(decoded_frames(image), limit + 1))
    if frames > limit:
        raise TooLarge(place, f"has more than {limit} frames")
    return frames


def is_jpeg(image: Image.Image) -> bool:
    """Whether it is a JPEG, or one with more pictures behind it, which viewers do not show."""
    return image.format in {"JPEG", "MPO"}


@contextmanager
def opened(source: bytes | Path, *, max_pixels: int = MAX_PIXELS) -> Iterator[ImageFile.ImageFile]:
    """An image opened under guards; what its decoder raises in the block becomes Undecodable.

    Raises:
        Undecodable: it is no picture, or a damaged one.
        TooLarge: it has more pixels than the limit.
    """
    data = source if isinstance(source, bytes) else source.read_bytes()
    place = place_of(source)
    kind = sniff(data[:512])
    if kind not in IMAGE_TYPES:
        raise Undecodable(place, f"is {kind or 'of an unknown type'}, not a picture")
    try:
        if kind == "png":
            verify_png(data)
        # Pillow tries the decoders it is told, whatever the file's name says.
        with guarded(max_pixels), Image.open(BytesIO(data), formats=[kind]) as image:
            repair_transparency(image, data)
            yield image
    except BOMBS as error:
        raise TooLarge(place, f"has more than {max_pixels} pixels") from error
    except UnidentifiedImageError as error:
        # Its message holds a memory address, which would differ from run to run.
        raise Undecodable(place, f"has a damaged {kind} header") from error
    except DECODER_ERRORS as error:
        raise Undecodable(place, reason_of(error)) from error


def place_of(source: bytes | Path) -> str:
    """What messages call a picture."""
    return "picture" if isinstance(source, bytes) else str(source)


def verify_png(data: bytes) -> None:
    """Look at every chunk's checksum: Pillow does not read the later ones.

    Raises:
        ValueError: the file is damaged or cut short.
    """
    for _ in png_chunks(data):
        pass


def reason_of(error: BaseException) -> str:
    """An error's message in one line of bounded length."""
    return " ".join(str(error).split())[:200] or type(error).__name__


@contextmanager
def guarded(max_pixels: int) -> Iterator[None]:
    """Refuse more pixels than the limit while the block runs, and keep Pillow's warnings quiet."""
    before = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = max_pixels
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def decoded_frames(image: ImageFile.ImageFile) -> Iterator[Image.Image]:
    """The image once for each of its frames, decoded: the same object, at another frame."""
    for index in islice(count(), 1 if is_jpeg(image) else None):
        try:
            image.seek(index)
        except EOFError:
            return
        image.load()
        yield image


def repair_transparency(image: Image.Image, data: bytes) -> None:
    """Bring a PNG's transparent colour to the scale that Pillow brings its pixels to.

    Pillow widens grey of 2 and 4 bits to 8 and narrows colours of 16 bits to 8, but compares
    the result with the colour as the file has it, and so misses it.
    """
    key = image.info.get("transparency")
    if image.format != "PNG" or key is None:
        return
    depth = data[24]
    if image.mode == "L" and depth in {2, 4}:
        image.info["transparency"] = key * 255 // (2**depth - 1)
    elif image.mode == "RGB" and depth == 16:
        # Near to right: neighbours with the same upper bytes become transparent too.
        image.info["transparency"] = tuple(value >> 8 for value in key)
