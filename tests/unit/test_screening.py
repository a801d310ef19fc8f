from io import BytesIO

import imagehash
import pytest
from booru_release.exclusions import Exclusions, Look, Rule
from booru_release.files import dump_json, write_bytes, write_lines
from booru_release.metadata import bucket_file
from booru_release.screening import NO_SCREENING, Screening, UnseenPost, Unwanted, look_of
from making import contents, md5, picture, planned, sha256, write_file
from PIL import Image

DATA = picture(10, size=(200, 150))
LINE = planned(2, DATA)
SEEN = frozenset({sha256(DATA)})


def mirrored(data=DATA):
    """Another picture, of the same colours."""
    with Image.open(BytesIO(data)) as image:
        out = BytesIO()
        image.transpose(Image.Transpose.ROTATE_180).save(out, "PNG")
    return out.getvalue()


def again(data=DATA, *, size=(160, 120), format="JPEG", **options):
    """The same picture in another size and format."""
    with Image.open(BytesIO(data)) as image:
        out = BytesIO()
        image.convert("RGB").resize(size).save(out, format, **options)
    return out.getvalue()


def look(data):
    """The perceptual hash as ImageHash itself has it."""
    with Image.open(BytesIO(data)) as image:
        return int(str(imagehash.phash(image)), 16)


@pytest.fixture
def screening(tmp_path):
    """The screening of bucket 0000, whose posts have a tag and a rating."""
    metadata = tmp_path / "metadata"
    row = {"created_at": "2018-01-01T00:00:00Z", "tag_string": "sky", "rating": "e"}
    write_lines(bucket_file(metadata, "0000"), [{"id": 2, **row}, {"id": 4, **row}])

    def screening(*rules):
        return Screening(
            Exclusions((), rules), tmp_path / "waiting", metadata, "0000", max_pixels=10**6
        )

    return screening


@pytest.fixture
def file(tmp_path):
    return write_file(tmp_path / "2.png", DATA)


# Rules


def test_bytes_that_a_list_knows_are_kept_out(screening, file):
    assert screening(Rule("why", sha256=SEEN)).reason(LINE, file) == "why"
    assert screening(Rule("why", sha256=frozenset({"00" * 32}))).reason(LINE, file) is None


def test_hashes_that_are_known_need_no_file(screening, tmp_path):
    looked = screening(Rule("why", sha256=SEEN))
    assert looked.reason(LINE, tmp_path / "none", (sha256(DATA),)) == "why"


def test_metadata_of_the_same_rule_must_match_too(screening, file):
    for rating, why in (("e", "why"), ("g", None)):
        checks = (lambda post, rating=rating: post.rating == rating,)
        assert screening(Rule("why", checks=checks, sha256=SEEN)).reason(LINE, file) == why


def test_the_first_rule_that_matches_is_the_reason(screening, file):
    rules = [Rule(why, sha256=SEEN) for why in ("first", "second")]
    assert screening(*rules).reason(LINE, file) == "first"


def test_without_rules_of_bytes_nothing_is_opened(tmp_path):
    assert NO_SCREENING.reason(LINE, tmp_path / "none") is None
    assert not NO_SCREENING.is_needed


def test_a_post_that_the_snapshot_does_not_have_is_named(screening, file):
    with pytest.raises(UnseenPost, match="post 6: is planned and not in "):
        screening(Rule("why", sha256=SEEN)).reason(planned(6), file)


# Looks


@pytest.mark.parametrize(
    ("data", "near"),
    [
        (DATA, True),
        (again(quality=60), True),
        (again(size=(100, 75), format="WEBP", quality=70), True),
        (mirrored(), False),
        (again(format="GIF", save_all=True), True),
    ],
    ids=["itself", "smaller jpeg", "half as large", "another picture", "a gif"],
)
def test_a_picture_that_was_encoded_again_looks_the_same(screening, tmp_path, data, near):
    rule = Rule("why", look=Look((look(DATA),), distance=6))
    file = write_file(tmp_path / "2.png", data)
    assert (screening(rule).reason(LINE, file) == "why") is near


def test_a_look_is_what_imagehash_says(file):
    assert look_of(file, 10**6) == look(DATA)


def test_an_animation_looks_as_its_first_frame(tmp_path):
    frames = [Image.open(BytesIO(data)) for data in (DATA, mirrored())]
    file = tmp_path / "2.gif"
    frames[0].save(file, save_all=True, append_images=frames[1:])
    assert look_of(file, 10**6) == look(file.read_bytes())
    with Image.open(file) as image:
        image.seek(1)
        assert look_of(file, 10**6) != int(str(imagehash.phash(image)), 16)


@pytest.mark.parametrize("data", [b"", b"<html>", DATA[:300], b"PK\x03\x04 frames"])
def test_what_cannot_be_decoded_looks_like_nothing(screening, tmp_path, data):
    rule = Rule("why", look=Look((look(DATA),), distance=32))
    file = write_file(tmp_path / "2.png", data)
    assert look_of(file, 10**6) is None
    assert screening(rule).reason(LINE, file) is None


@pytest.mark.parametrize(
    ("mode", "colour"), [("RGB", "white"), ("RGB", "black"), ("RGBA", (0, 0, 0, 0))]
)
def test_a_picture_of_one_colour_looks_like_nothing(tmp_path, mode, colour):
    Image.new(mode, (40, 30), colour).save(tmp_path / "2.png")
    assert look_of(tmp_path / "2.png", 10**6) is None


def test_a_picture_beyond_the_limit_is_not_decoded(file):
    assert look_of(file, 100) is None


# Where files wait


def test_a_file_moves_into_the_library_when_no_rule_keeps_it_out(screening, tmp_path):
    into = tmp_path / "library" / "2.png"
    looked = screening(Rule("why", sha256=frozenset({"00" * 32})))
    looked.admit(LINE, lambda file: write_bytes(file, DATA), into)
    assert into.read_bytes() == DATA
    assert contents(tmp_path / "waiting") == {}


def test_a_file_that_a_rule_keeps_out_is_gone(screening, tmp_path):
    into = tmp_path / "library" / "2.png"
    looked = screening(Rule("why", sha256=SEEN))
    with pytest.raises(Unwanted, match=r"^why$"):
        looked.admit(LINE, lambda file: write_bytes(file, DATA), into)
    assert not into.parent.exists()
    assert contents(tmp_path / "waiting") == {}


def test_what_a_killed_run_has_left_is_cleared(screening, tmp_path):
    write_file(tmp_path / "waiting" / "9.png", DATA)
    write_file(tmp_path / "waiting" / ".8.png.part", DATA)
    looked = screening(Rule("why", sha256=SEEN))
    looked.clear()
    # What has come of a large file is gone on from.
    assert contents(tmp_path / "waiting") == {".8.png.part": DATA}
    looked.forget()
    assert not (tmp_path / "waiting").exists()


def test_an_inspection_comes_from_the_settings(tmp_path):
    (tmp_path / "known").write_text(f"{look(DATA):016x}\n")
    listed = [{"path": "known", "sha256": sha256((tmp_path / "known").read_bytes())}]
    rule = {"name": "a", "why": "b", "perceptual": {"files": listed, "distance": 2}}
    write_bytes(tmp_path / "exclude.json", dump_json({"rules": [rule]}))
    made = Screening.of(
        tmp_path / "exclude.json", tmp_path, release=tmp_path, bucket="0003", max_pixels=9
    )
    assert made.exclusions.on_arrival[0].look == Look((look(DATA),), 2)
    assert made.waiting == tmp_path / "journal" / "screen" / "0003"
    assert (made.metadata, made.max_pixels) == (tmp_path / "metadata", 9)
    assert md5(DATA) == LINE.md5
