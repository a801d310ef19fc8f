"""Files as boorus have them and programs stumble over."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable

from PIL import Image, ImageCms

from embedded_booru.painting import encode, line_art, scene

# EXIF's tag for "turn me by 90 degrees": the pixels lie on their side in the file.
ORIENTATION, TURN_RIGHT = 0x0112, 6


def _frames(seed: int, side: int, count: int) -> list[Image.Image]:
    still = scene(seed, side, side)
    return [still.rotate(360 / count * step) for step in range(count)]


def animated_gif() -> bytes:
    """Draw eight frames of 80 ms."""
    first, *others = (frame.quantize(64) for frame in _frames(101, 160, 8))
    return encode(first, "GIF", save_all=True, append_images=others, duration=80, loop=0)


def still_gif() -> bytes:
    """Draw a GIF with one frame."""
    return encode(scene(102, 320, 200).quantize(128), "GIF")


def animated_png() -> bytes:
    """Draw six frames of 120 ms."""
    first, *others = _frames(103, 128, 6)
    return encode(first, "PNG", save_all=True, append_images=others, duration=120, loop=0)


def animated_webp() -> bytes:
    """Draw six frames of 100 ms."""
    first, *others = _frames(104, 200, 6)
    return encode(first, "WEBP", save_all=True, append_images=others, duration=100, quality=80)


def still_webp() -> bytes:
    """Draw a WebP without loss."""
    return encode(scene(105, 300, 220), "WEBP", lossless=True)


def cmyk_jpeg() -> bytes:
    """Draw a JPEG in printers' colours."""
    return encode(scene(106, 640, 400).convert("CMYK"), "JPEG", quality=90)


def rotated_jpeg() -> bytes:
    """Draw a JPEG that is to be shown upright, but lies on its side."""
    exif = Image.Exif()
    exif[ORIENTATION] = TURN_RIGHT
    return encode(scene(107, 800, 500), "JPEG", quality=90, exif=exif)


def jpeg_with_profile() -> bytes:
    """Draw a JPEG with an ICC profile."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    # The profile tells when it was made (bytes 24 to 36), which would change these bytes.
    dated = profile[:24] + struct.pack(">6H", 2015, 1, 1, 0, 0, 0) + profile[36:]
    return encode(scene(108, 600, 450), "JPEG", quality=90, icc_profile=dated)


def deep_png() -> bytes:
    """Draw a PNG of 16 bits of grey a pixel."""
    width, height = 180, 120
    values = (x * 65535 // (width - 1) ^ y * 97 for y in range(height) for x in range(width))
    pixels = b"".join(struct.pack("<H", value & 0xFFFF) for value in values)
    return encode(Image.frombytes("I;16", (width, height), pixels), "PNG")


def palette_png() -> bytes:
    """Draw a PNG with a palette, of whose colours the most used one is transparent."""
    image = scene(109, 360, 270).quantize(32)
    counts = image.histogram()
    return encode(image, "PNG", transparency=counts.index(max(counts)))


def grey_alpha_png() -> bytes:
    """Draw a grey PNG that fades out."""
    grey = scene(110, 256, 320).convert("L")
    return encode(Image.merge("LA", (grey, Image.linear_gradient("L").resize(grey.size))), "PNG")


def black_line_art() -> bytes:
    """Draw black lines on nothing: invisible on black."""
    return encode(line_art((0, 0, 0), 700, 500), "PNG")


def white_line_art() -> bytes:
    """Draw white lines on nothing: invisible on white."""
    return encode(line_art((255, 255, 255), 500, 700), "PNG")


def one_bit_png() -> bytes:
    """Draw a PNG of black and white dots."""
    return encode(scene(111, 400, 560).convert("1"), "PNG")


def one_pixel_png() -> bytes:
    """Draw the smallest image there is."""
    return encode(Image.new("RGB", (1, 1), (200, 30, 90)), "PNG")


def thin_png() -> bytes:
    """Draw a picture 750 times as wide as it is high."""
    return encode(scene(112, 3000, 4), "PNG")


def large_png() -> bytes:
    """Draw a PNG that the site offers a sample of."""
    return encode(scene(113, 900, 640).quantize(200), "PNG")


def bmp_file() -> bytes:
    """Draw a bitmap, a kind the site took in its first years."""
    return encode(scene(114, 100, 80), "BMP")


def ugoira() -> bytes:
    """Draw an animation as Pixiv has them: JPEGs in an archive, not compressed."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for number, frame in enumerate(_frames(115, 240, 5)):
            info = zipfile.ZipInfo(f"{number:06d}.jpg", (2015, 1, 1, 0, 0, 0))
            archive.writestr(info, encode(frame, "JPEG", quality=85))
    return out.getvalue()


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content) + 8) + kind + content


def video() -> bytes:
    """Make a file that begins as an MP4 does and holds no picture."""
    brands = b"isom" + struct.pack(">I", 512) + b"isomiso2avc1mp41"
    return _box(b"ftyp", brands) + _box(b"free", b"") + _box(b"mdat", bytes(range(256)) * 80)


def flash() -> bytes:
    """Make a file that begins as a Flash film does."""
    body = bytes.fromhex("700fa0000bb800001801004411000000000040000000")
    return b"FWS\x08" + struct.pack("<I", len(body) + 8) + body


def truncated_jpeg() -> bytes:
    """Draw a JPEG of which only the first half was uploaded."""
    whole = encode(scene(116, 720, 540), "JPEG", quality=88)
    return whole[: len(whole) // 2]


def truncated_png() -> bytes:
    """Draw a PNG of which only the first half was uploaded."""
    whole = encode(scene(117, 300, 300), "PNG")
    return whole[: len(whole) // 2]


def png_named_jpg() -> bytes:
    """Draw a PNG that is called a JPEG."""
    return encode(scene(118, 280, 210), "PNG")


def page_named_jpg() -> bytes:
    """Write a web page that is called a JPEG."""
    text = "<!DOCTYPE html>\n<html><head><title>404 Not Found</title></head>\n"
    return (text + "<body><h1>Not Found</h1></body></html>\n").encode()


Awkward = tuple[str, str, tuple[int, int], float | None, Callable[[], bytes]]

# Name, extension, width and height that the site says, seconds, and who draws it.
AWKWARD: tuple[Awkward, ...] = (
    ("animated-gif", "gif", (160, 160), 0.64, animated_gif),
    ("still-gif", "gif", (320, 200), None, still_gif),
    ("animated-png", "png", (128, 128), 0.72, animated_png),
    ("animated-webp", "webp", (200, 200), 0.6, animated_webp),
    ("still-webp", "webp", (300, 220), None, still_webp),
    ("cmyk-jpeg", "jpg", (640, 400), None, cmyk_jpeg),
    # The site tells the size of the image as it is shown.
    ("rotated-jpeg", "jpg", (500, 800), None, rotated_jpeg),
    ("jpeg-with-profile", "jpg", (600, 450), None, jpeg_with_profile),
    ("deep-png", "png", (180, 120), None, deep_png),
    ("palette-png", "png", (360, 270), None, palette_png),
    ("grey-alpha-png", "png", (256, 320), None, grey_alpha_png),
    ("black-line-art", "png", (700, 500), None, black_line_art),
    ("white-line-art", "png", (500, 700), None, white_line_art),
    ("one-bit-png", "png", (400, 560), None, one_bit_png),
    ("one-pixel-png", "png", (1, 1), None, one_pixel_png),
    ("thin-png", "png", (3000, 4), None, thin_png),
    ("large-png", "png", (900, 640), None, large_png),
    ("bitmap", "bmp", (100, 80), None, bmp_file),
    ("ugoira", "zip", (240, 240), 0.5, ugoira),
    ("video", "mp4", (640, 360), 3.2, video),
    ("flash", "swf", (550, 400), None, flash),
    ("truncated-jpeg", "jpg", (720, 540), None, truncated_jpeg),
    ("truncated-png", "png", (300, 300), None, truncated_png),
    ("png-named-jpg", "jpg", (280, 210), None, png_named_jpg),
    ("page-named-jpg", "jpg", (800, 600), None, page_named_jpg),
)
