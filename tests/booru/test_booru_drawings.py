"""Drawings: each is what its name says, and all are drawn once."""

import io
import multiprocessing
import re
import zipfile
from itertools import islice

import pytest
from embedded_booru.drawing_cache import drawn_folder
from embedded_booru.drawings import JPEGS, drawings
from PIL import Image, UnidentifiedImageError

BY_NAME = {drawing.name: drawing for drawing in drawings()}
NOT_IMAGES = {"ugoira", "video", "flash", "page-named-jpg"}
BROKEN = {"truncated-jpeg", "truncated-png"}


@pytest.fixture(scope="module")
def folder(cache):
    return drawn_folder(cache)


@pytest.fixture(scope="module")
def opened(folder):
    def open_drawing(name):
        image = Image.open(folder / f"{name}.{BY_NAME[name].ext}")
        image.load()
        return image

    return open_drawing


@pytest.mark.parametrize("name", sorted(BY_NAME.keys() - NOT_IMAGES - BROKEN - {"rotated-jpeg"}))
def test_a_drawing_can_be_decoded_and_has_the_size_that_the_site_says(opened, name):
    assert opened(name).size == (BY_NAME[name].width, BY_NAME[name].height)


@pytest.mark.parametrize("name", sorted(NOT_IMAGES))
def test_some_files_are_no_images(opened, name):
    with pytest.raises(UnidentifiedImageError):
        opened(name)


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_a_truncated_file_begins_well_and_cannot_be_decoded(opened, folder, name):
    Image.open(folder / f"{name}.{BY_NAME[name].ext}").close()
    with pytest.raises((OSError, SyntaxError)):
        opened(name)


@pytest.mark.parametrize("number", range(1, len(JPEGS) + 1))
def test_a_jpeg_is_of_its_kind(opened, number):
    kind, image = JPEGS[number - 1], opened(f"jpeg-{number:02d}")
    assert image.format == "JPEG"
    assert image.mode == ("L" if kind.grey else "RGB")
    assert bool(image.info.get("progressive")) is kind.progressive
    if not kind.grey:
        first = image.layer[0]
        assert first[1:3] == {0: (1, 1), 1: (2, 1), 2: (2, 2)}[kind.subsampling]


@pytest.mark.parametrize(
    ("name", "frames"),
    [("animated-gif", 8), ("animated-png", 6), ("animated-webp", 6), ("still-gif", 1)],
)
def test_an_animation_has_frames(opened, name, frames):
    image = opened(name)
    assert getattr(image, "n_frames", 1) == frames
    if BY_NAME[name].duration:
        assert sum(durations(image)) == BY_NAME[name].duration * 1000


def durations(image):
    for number in range(image.n_frames):
        image.seek(number)
        image.load()
        yield image.info["duration"]


@pytest.mark.parametrize(
    ("name", "kind", "mode"),
    [
        ("cmyk-jpeg", "JPEG", "CMYK"),
        ("deep-png", "PNG", "I;16"),
        ("palette-png", "PNG", "P"),
        ("grey-alpha-png", "PNG", "LA"),
        ("black-line-art", "PNG", "RGBA"),
        ("white-line-art", "PNG", "RGBA"),
        ("one-bit-png", "PNG", "1"),
        ("bitmap", "BMP", "RGB"),
        ("png-named-jpg", "PNG", "RGB"),
        ("still-webp", "WEBP", "RGB"),
    ],
)
def test_a_drawing_has_the_kind_and_mode_of_its_name(opened, name, kind, mode):
    assert (opened(name).format, opened(name).mode) == (kind, mode)


@pytest.mark.parametrize(("name", "colour"), [("black-line-art", 0), ("white-line-art", 255)])
def test_line_art_has_one_colour_on_nothing(opened, name, colour):
    red, green, blue, alpha = opened(name).split()
    assert red.getextrema() == green.getextrema() == blue.getextrema() == (colour, colour)
    assert alpha.getextrema() == (0, 255)


def test_the_palette_has_a_transparent_colour(opened):
    assert "transparency" in opened("palette-png").info
    assert opened("palette-png").convert("RGBA").getchannel("A").getextrema() == (0, 255)


def test_the_rotated_jpeg_lies_on_its_side(opened):
    image = opened("rotated-jpeg")
    assert image.size == (800, 500)
    assert image.getexif()[0x0112] == 6
    assert (BY_NAME["rotated-jpeg"].width, BY_NAME["rotated-jpeg"].height) == (500, 800)


def test_the_jpeg_with_a_profile_has_one(opened):
    assert opened("jpeg-with-profile").info["icc_profile"][36:40] == b"acsp"


def test_the_ugoira_holds_numbered_jpegs_that_are_not_compressed(folder):
    with zipfile.ZipFile(folder / "ugoira.zip") as archive:
        infos = archive.infolist()
        assert [info.filename for info in infos] == [f"{n:06d}.jpg" for n in range(5)]
        assert {info.compress_type for info in infos} == {zipfile.ZIP_STORED}
        assert Image.open(io.BytesIO(archive.read("000000.jpg"))).size == (240, 240)


def test_other_files_begin_as_their_kind_does(folder):
    assert (folder / "video.mp4").read_bytes()[4:12] == b"ftypisom"
    assert (folder / "flash.swf").read_bytes()[:3] == b"FWS"
    assert (folder / "page-named-jpg.jpg").read_bytes().startswith(b"<!DOCTYPE html>")


def test_the_sizes_are_mixed_and_the_whole_is_small(folder):
    sizes = [max(kind.width, kind.height) for kind in JPEGS]
    assert min(sizes) <= 120
    assert max(sizes) >= 1600
    assert sum(size > 512 for size in sizes) >= 10
    assert sum(path.stat().st_size for path in folder.iterdir()) < 6_000_000


def test_drawing_again_gives_the_same_bytes(folder):
    for name in ("jpeg-03", "animated-gif", "jpeg-with-profile", "ugoira", "deep-png"):
        assert BY_NAME[name].draw() == (folder / f"{name}.{BY_NAME[name].ext}").read_bytes()


def test_the_folder_names_the_version_of_pillow(folder):
    assert re.fullmatch(r"drawings-\d+-pillow-[\d.]+", folder.name)


def test_several_processes_that_draw_at_once_get_one_folder(tmp_path, folder, monkeypatch):
    # A few drawings are enough for a race, and the forked processes inherit the change.
    few = [(drawing, drawing.draw()) for drawing in islice(drawings(), 5)]
    monkeypatch.setattr("embedded_booru.drawings.draw_all", lambda: few)
    cache = tmp_path / "not there" / "yet"
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=drawn_folder, args=(cache,)) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert {worker.exitcode for worker in workers} == {0}
    # Nothing is left of the folders in which the others drew.
    assert [path.name for path in cache.iterdir()] == [folder.name]
    for drawing, content in few:
        assert (cache / folder.name / f"{drawing.name}.jpg").read_bytes() == content


def test_a_drawing_that_fails_leaves_nothing(tmp_path, monkeypatch):
    def fail():
        raise OSError("disk full")

    monkeypatch.setattr("embedded_booru.drawings.draw_all", fail)
    with pytest.raises(OSError, match="disk full"):
        drawn_folder(tmp_path)
    assert list(tmp_path.iterdir()) == []
