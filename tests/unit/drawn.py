"""Small pictures for the tests of the image functions, made here rather than stored."""

import struct
import zlib
from io import BytesIO

from PIL import Image

GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
# Orientation 6 (turn right) in little-endian Exif: one entry, tag 0x0112, a short.
TURN_RIGHT = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"


def encoded(image, format, **options):
    out = BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def decoded(data):
    image = Image.open(BytesIO(data))
    image.load()
    return image


def chunk(kind, content=b""):
    crc = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", crc)


def png(width, height, rows, *, depth, colours, extra=b""):
    """A PNG of kinds that Pillow does not write, from the bytes of its rows."""
    header = struct.pack(">IIBBBBB", width, height, depth, colours, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows), 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + extra
        + chunk(b"IDAT", pixels)
        + chunk(b"IEND")
    )


def painting(width=96, height=64, mode="RGB"):
    """A smooth picture with some detail, so that it neither packs to nothing nor is noise."""
    red = Image.linear_gradient("L").resize((width, height))
    green = Image.radial_gradient("L").resize((width, height))
    blue = red.rotate(90).point(lambda value: value // 32 * 32)
    return Image.merge("RGB", (red, green, blue)).convert(mode)


def animation(format, durations=(40, 80, 120), **options):
    frames = [Image.new("RGBA", (16, 16), (shade, 0, 0, 255)) for shade in (10, 120, 240)]
    for place, frame in enumerate(frames):
        frame.putpixel((place, 3), (0, 255, 0, 255))
    return encoded(
        frames[0],
        format,
        save_all=True,
        append_images=frames[1:],
        duration=list(durations),
        loop=0,
        **options,
    )
