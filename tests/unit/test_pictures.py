import warnings

import pytest
from booru_release.containers import jpeg_segments, png_chunks
from booru_release.errors import ReleaseProblem
from booru_release.pictures import Picture, TooLarge, Undecodable, examine, opened
from drawn import GREY, RGB, animation, chunk, encoded, painting, png
from PIL import Image


@pytest.mark.parametrize(
    ("format", "mode", "seen_as", "has_alpha"),
    [
        ("jpeg", "RGB", "RGB", False),
        ("jpeg", "L", "L", False),
        ("jpeg", "CMYK", "CMYK", False),
        ("png", "1", "1", False),
        ("png", "LA", "LA", True),
        ("png", "P", "P", False),
        ("png", "RGBA", "RGBA", True),
        ("png", "I;16", "I;16", False),
        ("gif", "P", "P", False),
        ("webp", "RGBA", "RGBA", True),
        ("bmp", "RGB", "RGB", False),
        ("avif", "RGB", "RGB", False),
    ],
)
def test_a_picture_is_what_its_bytes_say(format, mode, seen_as, has_alpha):
    image = Image.new("I;16", (96, 64)) if mode == "I;16" else painting(mode=mode)
    if has_alpha:
        image.putalpha(128)
    picture = examine(encoded(image, format))
    assert picture == Picture(format, 96, 64, 1, seen_as, has_alpha)


@pytest.mark.parametrize("format", ["gif", "png", "webp"])
def test_every_frame_of_an_animation_is_counted(format):
    assert examine(animation(format)).frames == 3


def test_a_picture_is_read_from_a_path_whatever_its_name(tmp_path):
    path = tmp_path / "7.jpg"
    path.write_bytes(encoded(painting(), "png"))
    assert examine(path).kind == "png"


def test_a_missing_file_is_not_called_damaged(tmp_path):
    with pytest.raises(FileNotFoundError):
        examine(tmp_path / "7.jpg")


@pytest.mark.parametrize("cut", [1, 2, 3, 10, 500])
@pytest.mark.parametrize("format", ["jpeg", "png"])
def test_a_truncated_picture_is_damaged(format, cut):
    with pytest.raises(Undecodable, match=r"picture: .*(ends|truncated)"):
        examine(encoded(painting(), format)[:-cut])


def test_a_truncated_progressive_jpeg_is_damaged():
    data = encoded(painting(256, 256), "jpeg", progressive=True)
    with pytest.raises(Undecodable, match="truncated"):
        examine(data[: len(data) // 2])


@pytest.mark.parametrize("format", ["gif", "webp", "bmp", "avif"])
def test_half_a_picture_is_damaged(format):
    data = encoded(painting(), format)
    with pytest.raises(Undecodable):
        examine(data[: len(data) // 2])


def test_a_wrong_checksum_in_the_pixels_is_damage():
    data = bytearray(encoded(painting(), "png"))
    # The last byte of the IDAT chunk's checksum; 12 bytes of IEND follow.
    data[-13] ^= 1
    with pytest.raises(Undecodable, match="picture: wrong CRC in its IDAT chunk"):
        examine(bytes(data))


def test_a_second_animation_frame_cut_out_of_its_file_is_damage():
    data = animation("png")
    at = data.index(b"fdAT")
    with pytest.raises(Undecodable, match="wrong CRC in its fdAT chunk"):
        examine(data[: at + 9] + bytes([data[at + 9] ^ 1]) + data[at + 10 :])


def test_a_wrong_checksum_in_a_comment_behind_the_pixels_is_not():
    comment = bytearray(chunk(b"tEXt", b"Title\0a"))
    comment[-1] ^= 1
    data = encoded(painting(), "png")
    assert examine(data[:-12] + bytes(comment) + data[-12:]).kind == "png"


@pytest.mark.parametrize("format", ["jpeg", "png", "gif"])
def test_bytes_behind_a_picture_are_tolerated(format):
    assert examine(encoded(painting(), format) + b"Rar!" * 99).frames == 1


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "is of an unknown type, not a picture"),
        (b"<html>404</html>", "is html, not a picture"),
        (b"PK\x03\x04", "is zip, not a picture"),
        (b"\xff\xd8\xff", "has a damaged jpeg header"),
        (b"GIF89a", "has a damaged gif header"),
    ],
)
def test_what_is_no_picture_says_why_in_one_line(data, why, tmp_path):
    path = tmp_path / "7.jpg"
    path.write_bytes(data)
    with pytest.raises(Undecodable) as problem:
        examine(path)
    assert str(problem.value) == f"{path}: {why}"
    assert (problem.value.place, problem.value.why) == (str(path), why)
    assert isinstance(problem.value, ReleaseProblem)


@pytest.mark.parametrize("limit", [6143, 3000])
def test_a_picture_with_too_many_pixels_is_refused(limit):
    with pytest.raises(TooLarge, match=f"has more than {limit} pixels"):
        examine(encoded(painting(96, 64), "png"), max_pixels=limit)
    assert examine(encoded(painting(96, 64), "png"), max_pixels=96 * 64).width == 96


def test_a_bomb_is_refused_before_it_is_unpacked():
    # 30,000 x 30,000 pixels in a few bytes; there are no pixels behind the header.
    bomb = png(30_000, 30_000, [], depth=8, colours=RGB)
    with pytest.raises(TooLarge, match="has more than 500000000 pixels"):
        examine(bomb)


def test_an_endless_animation_is_refused():
    with pytest.raises(TooLarge, match="has more than 2 frames"):
        examine(animation("gif"), max_frames=2)
    assert examine(animation("gif"), max_frames=3).frames == 3


def test_no_warning_of_the_decoder_leaks_and_its_limits_stay():
    limit = Image.MAX_IMAGE_PIXELS
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        examine(encoded(painting(96, 64), "gif"))
        with pytest.raises(TooLarge):
            examine(encoded(painting(96, 64), "gif"), max_pixels=4000)
    assert seen == []
    assert limit == Image.MAX_IMAGE_PIXELS


@pytest.mark.parametrize(
    ("depth", "row", "key", "alphas"),
    [
        (1, 0b0001_1011, 1, [255, 255, 255, 0]),
        (2, 0b00_01_10_11, 2, [255, 255, 0, 255]),
        (4, 0x3A, 10, [255, 0]),
    ],
)
def test_the_transparent_shade_of_shallow_grey_is_seen(depth, row, key, alphas):
    extra = chunk(b"tRNS", bytes([0, key]))
    data = png(len(alphas), 1, [bytes([row])], depth=depth, colours=GREY, extra=extra)
    with opened(data) as image:
        image.load()
        assert [*image.convert("RGBA").getchannel("A").tobytes()] == alphas


def test_parts_end_where_the_picture_ends():
    for data, parts in (
        (encoded(painting(), "png"), png_chunks),
        (encoded(painting(), "jpeg", progressive=True), jpeg_segments),
    ):
        *_, last = parts(data + b"appendix")
        assert last.end == len(data)
