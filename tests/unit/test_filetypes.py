import subprocess
import sys

import pytest
from booru_release.filetypes import EXTENSIONS, IMAGE_EXTENSIONS, sniff
from drawn import encoded, painting


@pytest.mark.parametrize("format", ["jpeg", "png", "gif", "webp", "bmp", "avif"])
def test_pictures_are_known_by_their_bytes(format):
    assert sniff(encoded(painting(), format)[:512]) == format


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41", "mp4"),
        (b"\0\0\0\x20ftypmif1\0\0\0\0mif1avifmiafMA1B", "avif"),
        (b"\x1aE\xdf\xa3\x9fB\x86\x81\x01", "webm"),
        (b"CWS\x0a", "swf"),
        (b"PK\x03\x04\x14\0", "zip"),
        (b"Rar!\x1a\x07\x01\0", "rar"),
        (b"%PDF-1.5", "pdf"),
        (b"RIFF\x10\0\0\0AVI LIST", "avi"),
        (b"RIFF\x10\0\0\0WAVEfmt ", None),
        (b"<!DOCTYPE HTML><title>404</title>", "html"),
        (b"\xef\xbb\xbf\r\n  <html lang='en'>", "html"),
        (b"", None),
        (b"just text", None),
    ],
)
def test_other_files_are_known_by_their_bytes(head, kind):
    assert sniff(head) == kind


def test_every_picture_extension_is_an_extension_of_the_site():
    assert IMAGE_EXTENSIONS < EXTENSIONS
    assert "mp4" in EXTENSIONS - IMAGE_EXTENSIONS


def test_looking_at_types_does_not_load_the_image_library():
    code = "import sys, booru_release.filetypes; print('PIL' in sys.modules)"
    path = ":".join(sys.path)
    ran = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": path}, capture_output=True, check=True
    )
    assert ran.stdout == b"False\n"
