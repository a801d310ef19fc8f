"""Draw the images of the pack that nobody had to draw: the same bytes every time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

from embedded_booru.awkward import AWKWARD
from embedded_booru.painting import encode, scene

Draw = Callable[[], bytes]


@dataclass(frozen=True)
class Drawing:
    """A file to be drawn, and what the site says of it."""

    name: str
    ext: str
    width: int
    height: int
    draw: Draw = field(repr=False)
    duration: float | None = None


@dataclass(frozen=True)
class JpegKind:
    """How a JPEG is drawn; `subsampling` 0 keeps every pixel's colour, 2 one in four."""

    width: int
    height: int
    quality: int = 90
    subsampling: int = 2
    progressive: bool = False
    grey: bool = False


# The sizes a booru has: thumbnails, phone and desktop pictures, panoramas, comic strips.
JPEGS = (
    JpegKind(120, 90),
    JpegKind(160, 240, quality=75),
    JpegKind(256, 256, progressive=True),
    JpegKind(333, 500, subsampling=0),
    JpegKind(400, 300, grey=True),
    JpegKind(512, 512, quality=85),
    JpegKind(480, 640, progressive=True, quality=80),
    JpegKind(640, 480, subsampling=0, quality=95),
    JpegKind(700, 394, quality=60),
    JpegKind(768, 1024, quality=80),
    JpegKind(800, 600, grey=True, progressive=True),
    JpegKind(850, 1200, quality=70),
    JpegKind(1024, 768, subsampling=1),
    JpegKind(900, 900, quality=92, progressive=True),
    JpegKind(1200, 400, quality=85),
    JpegKind(1280, 720, progressive=True, quality=88),
    JpegKind(300, 1200, subsampling=0, quality=70),
    JpegKind(1600, 1200, quality=80),
    JpegKind(1113, 787, subsampling=0, progressive=True),
    JpegKind(511, 513, quality=98),
    JpegKind(513, 511, quality=40),
    JpegKind(1080, 1350, grey=True, quality=90),
    JpegKind(200, 200, quality=100, subsampling=0),
    JpegKind(960, 1280, quality=90),
    # These five replace the file of another post.
    JpegKind(1000, 750, quality=93),
    JpegKind(620, 877, progressive=True),
    JpegKind(240, 320, subsampling=0),
    JpegKind(1440, 900, quality=75),
    JpegKind(550, 400, quality=85),
)


def draw_jpeg(seed: int, kind: JpegKind) -> bytes:
    """Draw a JPEG, another picture for every seed."""
    image = scene(seed, kind.width, kind.height)
    return encode(
        image.convert("L") if kind.grey else image,
        "JPEG",
        quality=kind.quality,
        subsampling=kind.subsampling,
        progressive=kind.progressive,
    )


def drawings() -> Iterator[Drawing]:
    """Yield everything that can be drawn."""
    for number, kind in enumerate(JPEGS, 1):
        name, draw_it = f"jpeg-{number:02d}", partial(draw_jpeg, number, kind)
        yield Drawing(name, "jpg", kind.width, kind.height, draw_it)
    for name, ext, (width, height), duration, draw in AWKWARD:
        yield Drawing(name, ext, width, height, draw, duration)


def draw_all() -> Iterator[tuple[Drawing, bytes]]:
    """Yield every drawing with its bytes."""
    for drawing in drawings():
        yield drawing, drawing.draw()
