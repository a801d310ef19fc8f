import struct

import pytest
from booru_release.containers import jpeg_segments
from booru_release.pictures import TooLarge, Undecodable
from booru_release.rendering import render
from drawn import GREY, RGB, TURN_RIGHT, animation, chunk, decoded, encoded, painting, png
from PIL import Image, ImageChops, ImageCms, ImageDraw

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
LAB = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
WHITE, BLACK, RED, BLUE = (255, 255, 255), (0, 0, 0), (255, 0, 0), (0, 0, 255)


def rendered(source, **options):
    """The rendering, and its pixels without the losses of a JPEG."""
    wanted = {"size": 64, "background": "auto", "format": "png", "quality": 90, **options}
    rendering = render(source, **wanted)
    return rendering, decoded(rendering.data)


def near(pixel, expected, tolerance=2):
    return all(abs(a - b) <= tolerance for a, b in zip(pixel, expected, strict=True))


def drawing(colour, *, mode="RGBA", size=(100, 100)):
    """Lines of one colour on transparency."""
    image = Image.new("RGBA", size, (*colour, 0))
    ImageDraw.Draw(image).ellipse((10, 10, 90, 90), outline=(*colour, 255), width=9)
    return image.convert(mode)


def area_of(image, background):
    """The box of everything that is not background."""
    return ImageChops.difference(image, Image.new("RGB", image.size, background)).getbbox()


@pytest.mark.parametrize(
    ("size", "area"),
    [
        ((1600, 900), (0, 112, 512, 400)),
        ((900, 1600), (112, 0, 400, 512)),
        ((300, 200), (106, 156, 406, 356)),
        ((512, 512), (0, 0, 512, 512)),
        ((2000, 1), (0, 255, 512, 256)),
    ],
)
def test_a_picture_lies_in_the_middle_and_is_not_enlarged(size, area):
    data = encoded(Image.new("RGB", size, RED), "png")
    _, image = rendered(data, size=512)
    assert image.size == (512, 512)
    assert area_of(image, WHITE) == area
    assert image.crop(area).getcolors() == [(image.crop(area).width * image.crop(area).height, RED)]


@pytest.mark.parametrize(
    ("background", "name"),
    [("white", "#ffffff"), ("black", "#000000"), ("#12aBff", "#12abff")],
)
def test_the_background_is_as_asked(background, name):
    rendering, image = rendered(encoded(painting(64, 32), "png"), background=background)
    assert rendering.background == name
    assert "#{:02x}{:02x}{:02x}".format(*image.getpixel((0, 0))) == name


@pytest.mark.parametrize("options", [{"background": "pink"}, {"format": "gif"}])
def test_an_unknown_background_or_format_is_refused(options):
    with pytest.raises(ValueError, match=r"pink|gif"):
        rendered(encoded(painting(), "png"), **options)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK"])
def test_a_jpeg_has_three_components_at_half_colour_resolution(mode):
    data = encoded(painting(mode=mode), "jpeg" if mode == "CMYK" else "png")
    rendering, image = rendered(data, format="jpeg")
    [frame] = [part for part in jpeg_segments(rendering.data) if part.kind == b"\xc0"]
    components, first, second, third = frame.content[5], *frame.content[7:14:3]
    assert (components, first, second, third) == (3, 0x22, 0x11, 0x11)
    assert (image.mode, image.size) == ("RGB", (64, 64))


def test_a_rendering_has_no_metadata():
    data = encoded(painting(), "jpeg", exif=TURN_RIGHT, icc_profile=SRGB, comment=b"by hand")
    rendering, _ = rendered(data, format="jpeg")
    kinds = {part.kind[0] for part in jpeg_segments(rendering.data)}
    assert kinds & {*range(0xE0, 0xF0), 0xFE} == {0xE0}
    for format in ("png", "webp"):
        _, image = rendered(data, format=format)
        assert not image.getexif()
        assert "icc_profile" not in image.info


@pytest.mark.parametrize("format", ["jpeg", "png", "webp"])
def test_the_same_bytes_come_out_twice(format, tmp_path):
    path = tmp_path / "7.png"
    path.write_bytes(encoded(drawing(RED), "png"))
    first, _ = rendered(path, format=format)
    assert first == rendered(path.read_bytes(), format=format)[0]


def test_quality_is_as_given():
    data = encoded(painting(), "png")
    sizes = [len(rendered(data, format="jpeg", quality=q)[0].data) for q in (50, 75, 95)]
    assert sizes == sorted(set(sizes))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_upright(orientation):
    upright = Image.new("RGB", (32, 16), BLUE)
    upright.paste(RED, (0, 0, 8, 8))
    # How a camera stores it: the inverse of what a viewer does.
    stored = {
        1: upright,
        2: upright.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        3: upright.transpose(Image.Transpose.ROTATE_180),
        4: upright.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
        5: upright.transpose(Image.Transpose.TRANSPOSE),
        6: upright.transpose(Image.Transpose.ROTATE_90),
        7: upright.transpose(Image.Transpose.TRANSVERSE),
        8: upright.transpose(Image.Transpose.ROTATE_270),
    }[orientation]
    exif = TURN_RIGHT.replace(b"\x06", bytes([orientation]))
    rendering, image = rendered(encoded(stored, "png", exif=exif[6:]))
    assert image.crop((16, 24, 48, 40)) == upright
    assert ("rotated" in rendering.flags) == (orientation != 1)


def test_damaged_exif_leaves_a_picture_as_it_lies():
    rendering, _ = rendered(encoded(painting(), "jpeg", exif=b"Exif\0\0II*\0\xff\xff\xff\xff"))
    assert rendering.flags == ()


def test_the_shades_of_16_bit_grey_are_scaled_and_not_clipped():
    rows = [struct.pack(">4H", 0, 0x4000, 0x8000, 0xFFFF)]
    _, image = rendered(png(4, 1, rows, depth=16, colours=GREY), size=4, background="black")
    assert image.crop((0, 1, 4, 2)).convert("L").tobytes() == bytes([0, 0x40, 0x80, 0xFF])


def test_the_transparent_shade_of_16_bit_grey_is_one_shade_alone():
    rows = [struct.pack(">4H", 0, 0xFFFE, 0xFFFF, 0x1000)]
    data = png(4, 1, rows, depth=16, colours=GREY, extra=chunk(b"tRNS", b"\xff\xff"))
    _, image = rendered(data, size=4, background="#0000ff")
    assert [image.getpixel((x, 1)) for x in range(4)] == [BLACK, WHITE, BLUE, (16, 16, 16)]


def test_colours_of_16_bits_and_their_transparent_one_are_read():
    rows = [struct.pack(">6H", 0xFFFF, 0, 0, 0, 0x8000, 0)]
    extra = chunk(b"tRNS", struct.pack(">3H", 0xFFFF, 0, 0))
    data = png(2, 1, rows, depth=16, colours=RGB, extra=extra)
    _, image = rendered(data, size=2, background="#0000ff")
    assert [image.getpixel((x, 0)) for x in range(2)] == [BLUE, (0, 128, 0)]


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_transparency_shows_the_background(mode):
    rendering, image = rendered(encoded(drawing(BLACK, mode=mode), "png"), background="#ff0000")
    assert image.getpixel((0, 0)) == RED
    assert near(image.getpixel((8, 32)), BLACK, tolerance=5)
    assert "transparent" in rendering.flags


@pytest.mark.parametrize("format", ["gif", "png"])
def test_a_transparent_palette_entry_shows_the_background(format):
    image = Image.new("P", (64, 64), 0)
    image.putpalette([9, 9, 9, 0, 0, 0])
    image.paste(1, (20, 20, 40, 40))
    rendering, seen = rendered(encoded(image, format, transparency=0), background="#ff0000")
    assert (seen.getpixel((0, 0)), seen.getpixel((30, 30))) == (RED, BLACK)
    assert "transparent" in rendering.flags


def test_black_and_white_of_one_bit_are_kept():
    image = Image.new("1", (64, 64), 0)
    image.paste(1, (32, 0, 64, 64))
    _, seen = rendered(encoded(image, "png"))
    assert (seen.getpixel((10, 10)), seen.getpixel((50, 10))) == (BLACK, WHITE)


def test_cmyk_becomes_rgb():
    image = Image.new("CMYK", (64, 64), (0, 255, 255, 0))
    rendering, seen = rendered(encoded(image, "jpeg", quality=100))
    assert near(seen.getpixel((32, 32)), RED, tolerance=4)
    assert rendering.flags == ("cmyk", "blank")


def test_a_profile_of_srgb_changes_nothing_to_speak_of():
    _, plain = rendered(encoded(painting(), "png"))
    rendering, image = rendered(encoded(painting(), "png", icc_profile=SRGB))
    assert rendering.flags == ("profile",)
    assert max(high for _, high in ImageChops.difference(image, plain).getextrema()) <= 2


def test_another_profile_moves_colours_to_srgb():
    # A profile that says of red what sRGB says of blue, and the reverse.
    swapped = SRGB.replace(b"rXYZ", b"temp").replace(b"bXYZ", b"rXYZ").replace(b"temp", b"bXYZ")
    _, image = rendered(encoded(Image.new("RGB", (64, 64), RED), "png", icc_profile=swapped))
    assert near(image.getpixel((32, 32)), BLUE)


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA"])
def test_a_profile_for_colours_serves_grey_and_transparency_too(mode):
    rendering, image = rendered(encoded(painting(mode=mode), "png", icc_profile=SRGB))
    assert "profile" in rendering.flags
    _, plain = rendered(encoded(painting(mode=mode), "png"))
    assert max(high for _, high in ImageChops.difference(image, plain).getextrema()) <= 2


@pytest.mark.parametrize("profile", [b"junk", SRGB[:200], LAB])
def test_a_bad_profile_is_left_out_and_told(profile):
    rendering, image = rendered(encoded(painting(), "png", icc_profile=profile))
    _, plain = rendered(encoded(painting(), "png"))
    assert rendering.flags == ("bad-profile",)
    assert image == plain


@pytest.mark.parametrize(
    ("colour", "background"),
    [(BLACK, "#ffffff"), (WHITE, "#000000"), (BLUE, "#ffffff"), ((255, 255, 0), "#000000")],
)
def test_line_art_ends_on_the_background_it_is_seen_on(colour, background):
    rendering, image = rendered(encoded(drawing(colour), "png"))
    assert rendering.background == background
    assert near(image.getpixel((8, 32)), colour, tolerance=90)
    assert "blank" not in rendering.flags


@pytest.mark.parametrize(
    ("white_part", "background"), [(20, "#ffffff"), (50, "#808080"), (80, "#000000")]
)
def test_mixed_art_ends_where_most_of_it_is_seen(white_part, background):
    image = Image.new("RGBA", (120, 120), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (10, 10, 110, 110))
    image.paste((255, 255, 255, 255), (10, 10, 10 + white_part, 110))
    assert rendered(encoded(image, "png"))[0].background == background


def test_half_visible_pixels_count_half():
    image = Image.new("RGBA", (100, 100), (0, 0, 0, 255))
    image.paste((255, 255, 255, 100), (0, 0, 100, 60))
    assert rendered(encoded(image, "png"))[0].background == "#ffffff"


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_opaque_pictures_lie_on_white(mode):
    data = encoded(Image.new(mode, (80, 40), "white"), "png")
    assert rendered(data)[0].background == "#ffffff"


def test_what_is_transparent_everywhere_is_blank_on_white():
    rendering, image = rendered(encoded(Image.new("RGBA", (80, 40), (9, 9, 9, 0)), "png"))
    assert rendering.background == "#ffffff"
    assert rendering.flags == ("transparent", "grey", "blank")
    assert image.getcolors() == [(4096, WHITE)]


def test_a_soft_edge_has_no_dark_fringe():
    # Red that fades out, over black below full transparency: a naive resize mixes the black in.
    image = Image.new("RGBA", (300, 300), (0, 0, 0, 0))
    image.paste((255, 0, 0, 128), (100, 0, 110, 300))
    image.paste((255, 0, 0, 255), (110, 0, 200, 300))
    _, seen = rendered(encoded(image, "png"), background="white")
    assert {red for _, (red, _, _) in seen.getcolors(4096)} <= {253, 254, 255}
    greens = {green for _, (_, green, _) in seen.getcolors(4096)}
    assert any(90 < green < 170 for green in greens)


@pytest.mark.parametrize("format", ["gif", "png", "webp"])
def test_the_first_frame_of_an_animation_is_shown(format):
    data = animation(format, **({"lossless": True} if format == "webp" else {}))
    rendering, image = rendered(data, size=16)
    assert "animated" in rendering.flags
    assert near(image.getpixel((12, 12)), (10, 0, 0))
    assert near(image.getpixel((0, 3)), (0, 255, 0))


@pytest.mark.parametrize(
    ("image", "flags"),
    [
        (painting(), ()),
        (painting(63, 63), ("tiny",)),
        (painting(64, 8), ("extreme-aspect",)),
        (painting(100, 20), ()),
        (painting(mode="L"), ("grey",)),
        (Image.new("RGB", (80, 80), RED), ("blank",)),
    ],
)
def test_what_is_unusual_is_told(image, flags):
    assert rendered(encoded(image, "png"))[0].flags == flags


@pytest.mark.parametrize("size", [(1000, 1300), (1024, 1024)])
def test_a_large_jpeg_looks_like_the_same_png(size):
    image = painting(*size)
    _, fast = rendered(encoded(image, "jpeg", quality=95), size=128)
    _, exact = rendered(encoded(image, "png"), size=128)
    assert area_of(fast, WHITE) == area_of(exact, WHITE)
    differences = ImageChops.difference(fast, exact).convert("L").histogram()
    assert sum(differences[12:]) < 0.01 * 128 * 128


@pytest.mark.parametrize("format", ["jpeg", "png"])
def test_a_truncated_picture_is_refused(format, tmp_path):
    path = tmp_path / "7.jpg"
    path.write_bytes(encoded(painting(), format)[:-20])
    with pytest.raises(Undecodable, match=r"7\.jpg: "):
        rendered(path)


def test_a_bomb_is_refused():
    with pytest.raises(TooLarge):
        rendered(png(30_000, 30_000, [], depth=8, colours=RGB))
    with pytest.raises(TooLarge):
        rendered(encoded(painting(), "png"), max_pixels=1000)
