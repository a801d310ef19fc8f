"""Paint pictures that look like something, by arithmetic alone."""

from __future__ import annotations

import io
import random
from typing import Any

from PIL import Image, ImageChops, ImageDraw

# A small tile of noise is repeated: flat areas alone would compress to nothing.
GRAIN_SIDE = 64


def encode(image: Image.Image, kind: str, **options: Any) -> bytes:  # noqa: ANN401
    """Return the bytes of an image file."""
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def scene(seed: int, width: int, height: int) -> Image.Image:
    """Return a picture of hills under a sky with discs in it, another for every seed."""
    dice = random.Random(seed)
    image = _sky(dice, width, height)
    pen = ImageDraw.Draw(image)
    for _ in range(6):
        x, y, radius = dice.randrange(width), dice.randrange(height), min(width, height) // 7 + 1
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), _colour(dice))
    for level in (5, 6, 7):
        pen.polygon(_hills(dice, width, height, height * level // 8), _colour(dice))
    return ImageChops.add(image, _grain(dice, width, height))


def line_art(colour: tuple[int, int, int], width: int, height: int) -> Image.Image:
    """Return rings and rays of one colour on nothing."""
    image = Image.new("RGBA", (width, height), (*colour, 0))
    pen = ImageDraw.Draw(image)
    for step in range(1, 6):
        inset_x, inset_y = width * step // 14, height * step // 14
        box = (inset_x, inset_y, width - inset_x, height - inset_y)
        pen.ellipse(box, outline=(*colour, 255), width=max(1, width // 90))
        pen.line((0, height * step // 6, width, height - height * step // 6), (*colour, 160))
    return image


def _colour(dice: random.Random) -> tuple[int, int, int]:
    return dice.randrange(40, 230), dice.randrange(40, 230), dice.randrange(40, 230)


def _sky(dice: random.Random, width: int, height: int) -> Image.Image:
    gradient = Image.linear_gradient("L").resize((width, height))
    top = Image.new("RGB", (width, height), _colour(dice))
    bottom = Image.new("RGB", (width, height), _colour(dice))
    return Image.composite(top, bottom, gradient)


def _hills(dice: random.Random, width: int, height: int, level: int) -> list[tuple[int, int]]:
    swing = max(1, height // 10)
    tops = [(width * step // 8, level - dice.randrange(swing)) for step in range(9)]
    return [(0, height), *tops, (width, height)]


def _grain(dice: random.Random, width: int, height: int) -> Image.Image:
    noise = bytes(dice.randrange(12) for _ in range(GRAIN_SIDE * GRAIN_SIDE))
    tile = Image.frombytes("L", (GRAIN_SIDE, GRAIN_SIDE), noise)
    whole = Image.new("L", (width, height))
    for x in range(0, width, GRAIN_SIDE):
        for y in range(0, height, GRAIN_SIDE):
            whole.paste(tile, (x, y))
    return Image.merge("RGB", (whole, whole, whole))
