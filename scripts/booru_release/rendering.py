"""Small square pictures of one form, whatever their originals are: 8-bit sRGB on a background."""

import re
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import ExifTags, Image

from .background import most_visible
from .colours import BadProfile, plain, to_srgb
from .pictures import MAX_PIXELS, is_jpeg, opened

NAMED_BACKGROUNDS = {"white": "#ffffff", "black": "#000000"}
COLOUR = re.compile(r"#[0-9a-f]{6}")

UPRIGHT = 1
# How to turn a picture upright, by its orientation. Source: Exif 2.3, tag 0x0112.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# How each format is written. Every choice that decides bytes is here, none is Pillow's default.
SAVING: dict[str, dict[str, object]] = {
    "jpeg": {"subsampling": "4:2:0", "optimize": True, "progressive": False},
    "png": {"compress_level": 6},
    "webp": {"method": 4, "lossless": False},
}

TINY = 64
EXTREME_ASPECT = 5
# Larger images are averaged down to this times what is needed before they are resized well.
REDUCING_GAP = 2.0


@dataclass(frozen=True)
class Rendering:
    """A rendered picture, the colour it lies on, and what is unusual about its original."""

    data: bytes
    background: str
    flags: tuple[str, ...]


def render(
    source: Path | bytes,
    *,
    size: int,
    background: str,
    format: str,
    quality: int,
    max_pixels: int = MAX_PIXELS,
) -> Rendering:
    """A picture's first frame in the middle of a square, never enlarged, without metadata.

    The background is a colour as #rrggbb, white, black, or auto: where the picture is transparent,
    the one it is seen best on.

    Raises:
        Undecodable: it is no picture, is damaged, or has too many pixels.
        ValueError: the background or format is unknown.
    """
    if format not in SAVING:
        raise ValueError(f"{format}: is not a format to render in")
    picture, flags = read_small(source, size, max_pixels)
    colour = choose_background(background, picture)
    canvas = Image.new("RGB", (size, size), colour)
    box = centred(picture.size, size)
    canvas.paste(picture, box, picture if picture.mode == "RGBA" else None)
    flags += flags_of_rendering(picture, canvas.crop(box))
    return Rendering(encode(canvas, format, quality), colour, flags)


def read_small(
    source: Path | bytes, size: int, max_pixels: int
) -> tuple[Image.Image, tuple[str, ...]]:
    """A picture's first frame, upright, in sRGB and small enough, and flags of its original.

    Raises:
        Undecodable: it is no picture, is damaged, or has too many pixels.
    """
    with opened(source, max_pixels=max_pixels) as image:
        flags = flags_of_original(image)
        small = shrink(image, size)
        # Some formats keep these behind their pixels, so they are read after them.
        orientation, profile = orientation_of(image), image.info.get("icc_profile")
    if orientation in TURNS:
        small = small.transpose(TURNS[orientation])
        flags += ("rotated",)
    try:
        return to_srgb(small, profile), flags + (("profile",) if profile else ())
    except BadProfile:
        return to_srgb(small, None), (*flags, "bad-profile")


def shrink(image: Image.Image, size: int) -> Image.Image:
    """Decode an image's first frame, make its pixels plain, and fit it into a square.

    Transparent images are resized with their colours weighted by alpha, as Pillow does.
    """
    width, height = fitted(image.size, size)
    # A JPEG decodes at a half, a quarter or an eighth, at no less than what is needed.
    image.draft(None, (width, height))
    image.load()
    return plain(image).resize((width, height), Image.Resampling.LANCZOS, reducing_gap=REDUCING_GAP)


def fitted(original: tuple[int, int], size: int) -> tuple[int, int]:
    """The largest size of the same shape that fits into a square, but not above the original's."""
    width, height = original
    scale = min(1.0, size / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def orientation_of(image: Image.Image) -> int:
    """Which way up an image says it is; upright if what it says cannot be read."""
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, UPRIGHT))
    except Exception:  # Pillow's reader of Exif raises anything at all on hostile bytes.
        return UPRIGHT


def choose_background(background: str, picture: Image.Image) -> str:
    """The colour to lay a picture on, as #rrggbb.

    Raises:
        ValueError: the background is no colour.
    """
    if background == "auto":
        return most_visible(picture) if picture.mode == "RGBA" else NAMED_BACKGROUNDS["white"]
    colour = NAMED_BACKGROUNDS.get(background, background.lower())
    if not COLOUR.fullmatch(colour):
        raise ValueError(f"{background}: is not a background")
    return colour


def centred(inner: tuple[int, int], size: int) -> tuple[int, int, int, int]:
    """The place of a picture in the middle of a square."""
    left, top = (size - inner[0]) // 2, (size - inner[1]) // 2
    return left, top, left + inner[0], top + inner[1]


def flags_of_original(image: Image.Image) -> tuple[str, ...]:
    """What is unusual about a picture, from its header alone."""
    short, long = sorted(image.size)
    seen = {
        "animated": getattr(image, "is_animated", False) and not is_jpeg(image),
        "tiny": long < TINY,
        "extreme-aspect": long > EXTREME_ASPECT * short,
        "cmyk": image.mode == "CMYK",
    }
    return tuple(flag for flag, is_so in seen.items() if is_so)


def flags_of_rendering(picture: Image.Image, area: Image.Image) -> tuple[str, ...]:
    """What is unusual about a small picture and the area of the canvas that it covers."""
    red, green, blue = (band.tobytes() for band in area.split())
    seen = {
        "transparent": is_see_through(picture),
        "grey": red == green == blue,
        "blank": all(len(set(channel)) == 1 for channel in (red, green, blue)),
    }
    return tuple(flag for flag, is_so in seen.items() if is_so)


def is_see_through(picture: Image.Image) -> bool:
    """Whether a pixel of a small picture is not opaque."""
    return picture.mode == "RGBA" and picture.getchannel("A").getextrema() != (255, 255)


def encode(canvas: Image.Image, format: str, quality: int) -> bytes:
    """The bytes of a picture; the same for the same picture."""
    out = BytesIO()
    canvas.save(out, format, quality=quality, **SAVING[format])
    return out.getvalue()
