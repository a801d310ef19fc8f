import logging
import struct
from importlib.metadata import version

import pytest
from booru_release import lossless
from booru_release.apart import Crashed
from booru_release.containers import jpeg_segments, png_chunks
from booru_release.lossless import Optimised, optimise
from booru_release.proof import Unproved, prove_equal
from drawn import (
    GREY,
    GREY_ALPHA,
    RGB,
    RGBA,
    TURN_RIGHT,
    animation,
    chunk,
    decoded,
    encoded,
    painting,
    png,
)
from PIL import Image, ImageCms

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
MOZJPEG = f"mozjpeg-lossless-optimization {version('mozjpeg-lossless-optimization')}"
OXIPNG = f"pyoxipng {version('pyoxipng')} level 2"


def as_served(data):
    return Optimised(data, None, "as served")


def fat_png(image, **options):
    return encoded(image, "png", compress_level=1, **options)


def depth_and_colours(data):
    return data[24], data[25]


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_a_jpeg_becomes_smaller_with_equal_pixels(mode):
    data = encoded(painting(200, 150, mode), "jpeg")
    result = optimise(data)
    assert len(result.data) < len(data)
    assert (result.tool, result.proof) == (MOZJPEG, "pixels equal, 1 frame")
    assert decoded(result.data).mode == mode
    assert decoded(result.data).tobytes() == decoded(data).tobytes()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_a_png_becomes_smaller_with_equal_pixels(mode):
    data = fat_png(painting(200, 150).convert(mode))
    result = optimise(data)
    assert len(result.data) < len(data)
    assert (result.tool, result.proof) == (OXIPNG, "pixels equal, 1 frame")
    assert decoded(result.data).convert("RGBA") == decoded(data).convert("RGBA")


def test_the_same_bytes_come_out_twice():
    for data in (encoded(painting(), "jpeg"), fat_png(painting())):
        assert optimise(data) == optimise(data)


@pytest.mark.parametrize("format", ["gif", "webp", "bmp", "avif"])
def test_other_pictures_stay_as_served(format, caplog):
    data = encoded(painting(), format)
    assert optimise(data) == as_served(data)
    assert caplog.messages == []


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"<html>"])
def test_other_files_stay_as_served(data):
    assert optimise(data) == as_served(data)


def test_what_cannot_become_smaller_stays_as_served(caplog):
    for data in (encoded(painting(), "jpeg"), fat_png(painting())):
        best = optimise(data).data
        assert optimise(best) == as_served(best)
    assert caplog.messages == []


def test_a_jpeg_keeps_its_profile_orientation_and_comment():
    data = encoded(painting(), "jpeg", exif=TURN_RIGHT, icc_profile=SRGB, comment=b"by hand")
    result = optimise(data)
    kept = decoded(result.data)
    assert result.tool == MOZJPEG
    assert kept.info["icc_profile"] == SRGB
    assert kept.getexif()[0x0112] == 6
    assert kept.info["comment"] == b"by hand"


def test_a_jpeg_without_the_usual_header_gets_none():
    data = encoded(painting(), "jpeg", exif=TURN_RIGHT)
    bare = data[:2] + data[20:]
    result = optimise(bare)
    assert result.tool == MOZJPEG
    assert [part.kind[0] for part in jpeg_segments(result.data)][:2] == [0xD8, 0xE1]


def test_a_png_keeps_its_profile_orientation_and_texts():
    extra = chunk(b"tEXt", b"Author\0me") + chunk(b"pHYs", bytes(9))
    image = painting()
    data = fat_png(image, icc_profile=SRGB, exif=TURN_RIGHT[6:])
    data = data[:33] + extra + data[33:]
    result = optimise(data)
    kept = decoded(result.data)
    assert result.tool == OXIPNG
    assert kept.info["icc_profile"] == SRGB
    assert kept.getexif()[0x0112] == 6
    assert kept.info["Author"] == "me"
    assert b"pHYs" in {part.kind for part in png_chunks(result.data)}


def test_a_background_chunk_that_a_palette_would_lose_is_kept():
    image = Image.new("RGB", (64, 64), "red")
    data = fat_png(image)
    data = data[:33] + chunk(b"bKGD", struct.pack(">HHH", 1, 2, 3)) + data[33:]
    result = optimise(data)
    assert result.tool == f"{OXIPNG} without reductions"
    assert depth_and_colours(result.data) == (8, RGB)
    [kept] = [part for part in png_chunks(result.data) if part.kind == b"bKGD"]
    assert struct.unpack(">HHH", kept.content) == (1, 2, 3)


def test_an_animated_png_keeps_its_frames_and_delays():
    data = animation("png", compress_level=0)
    result = optimise(data)
    assert result.proof == "pixels equal, 3 frames"
    before, after = decoded(data), decoded(result.data)
    delays = []
    for index in range(3):
        before.seek(index)
        after.seek(index)
        assert after.convert("RGBA") == before.convert("RGBA")
        delays.append(after.info["duration"])
    assert delays == [40, 80, 120]


def test_colours_below_full_transparency_are_kept():
    image = painting().convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size).point(lambda value: value & 0xC0))
    hidden = image.getpixel((50, 3))
    assert hidden[3] == 0
    assert hidden[:3] != (0, 0, 0)
    result = optimise(fat_png(image))
    assert result.tool == OXIPNG
    assert decoded(result.data).convert("RGBA") == image


@pytest.mark.parametrize(("colours", "channels"), [(GREY, 1), (RGB, 3), (GREY_ALPHA, 2), (RGBA, 4)])
def test_16_bits_stay_16_bits(colours, channels):
    # The lower bytes differ from the upper ones, and no reader here shows them but the proof.
    rows = [
        b"".join(
            struct.pack(">H", (x * 771 + y * 257 + channel) & 0xFFFF)
            for x in range(40)
            for channel in range(channels)
        )
        for y in range(40)
    ]
    data = png(40, 40, rows, depth=16, colours=colours)
    result = optimise(data)
    assert result.tool == f"{OXIPNG} without reductions"
    assert depth_and_colours(result.data) == (16, colours)
    tampered = [bytes([*rows[0][:-1], rows[0][-1] ^ 1]), *rows[1:]]
    with pytest.raises(Unproved):
        prove_equal(data, png(40, 40, tampered, depth=16, colours=colours), 10_000)


def test_8_bits_are_no_proof_of_16():
    deep = png(8, 1, [b"\7" * 16], depth=16, colours=GREY)
    with pytest.raises(Unproved):
        prove_equal(deep, png(8, 1, [b"\7" * 8], depth=8, colours=GREY), 10_000)


def test_one_different_pixel_is_no_proof():
    image = painting()
    before = fat_png(image)
    image.putpixel((95, 63), (1, 2, 3))
    with pytest.raises(Unproved, match="the pixels differ"):
        prove_equal(before, fat_png(image), 10_000)


def test_one_different_hidden_colour_is_no_proof():
    before = fat_png(Image.new("RGBA", (4, 4), (9, 9, 9, 0)))
    with pytest.raises(Unproved, match="the pixels differ"):
        prove_equal(before, fat_png(Image.new("RGBA", (4, 4), (9, 9, 8, 0))), 10_000)


def test_another_delay_or_a_missing_frame_is_no_proof():
    before = animation("png")
    with pytest.raises(Unproved, match="the metadata differ"):
        prove_equal(before, animation("png", durations=(40, 80, 121)), 10_000)
    with pytest.raises(Unproved):
        prove_equal(before, fat_png(decoded(before)), 10_000)


@pytest.mark.parametrize("format", ["jpeg", "png"])
def test_a_file_with_something_behind_its_picture_stays_as_served(format):
    data = encoded(painting(), format, **({"compress_level": 1} if format == "png" else {}))
    assert optimise(data + b"\0\n").tool is not None
    assert optimise(data + b"Rar!") == as_served(data + b"Rar!")


@pytest.mark.parametrize("format", ["jpeg", "png"])
def test_a_damaged_picture_stays_as_served_with_a_warning(format, caplog):
    data = encoded(painting(), format)[:-9]
    assert optimise(data) == as_served(data)
    [record] = caplog.records
    assert (record.levelno, record.name) == (logging.WARNING, "booru_release.lossless")
    assert "kept as served: picture: " in record.message


def test_a_picture_too_large_for_an_encoder_stays_as_served(caplog):
    data = fat_png(painting())
    assert optimise(data, max_pixels=6000) == as_served(data)
    assert "more than 6000 pixels" in caplog.text


def test_a_jpeg_that_ends_the_encoders_process_stays_as_served(monkeypatch, caplog):
    def crash(name, work):
        raise Crashed(name, "ended with status 1")

    monkeypatch.setattr(lossless, "run_apart", crash)
    data = encoded(painting(), "jpeg")
    assert optimise(data) == as_served(data)
    assert "mozjpeg-lossless-optimization: ended with status 1" in caplog.text


def test_an_encoder_that_changes_pixels_is_not_believed(monkeypatch, caplog):
    other = fat_png(painting().rotate(180))
    monkeypatch.setattr(lossless, "run_apart", lambda name, work: other)
    data = encoded(painting(), "png", compress_level=0)
    assert optimise(data) == as_served(data)
    assert "kept as served: the pixels differ" in caplog.text
