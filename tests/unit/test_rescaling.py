from dataclasses import replace
from io import BytesIO

import pytest
from booru_release.files import UnreadableFile
from booru_release.library import Library
from booru_release.planning import tombstone
from booru_release.receipts import (
    Change,
    Derived,
    Original,
    State,
    read_receipt,
    write_receipt,
)
from booru_release.rescaling import Look, Step, rescale_bucket
from making import (
    contents,
    inodes,
    killed,
    md5,
    original,
    picture,
    planned,
    sha256,
    warnings,
    write_file,
)
from PIL import Image

SETTINGS = {
    "name": "sfw_32px",
    "folder": "32px",
    "safe": True,
    "size": 32,
    "background": "auto",
    "format": "jpeg",
    "quality": 90,
    "ratings": ["g"],
    "max_pixels": 10_000,
}
LOOK = Look.of(SETTINGS)
ONE, TWO = picture(10), picture(20)


class Bucket:
    """Bucket 0000 of a subset of a release."""

    def __init__(self, folder, release="2018", previous=None):
        self.folder, self.library = folder, Library(folder / "library")
        self.release, self.previous = release, previous
        self.receipt = folder / release / "rescale"

    def publish(self, *lines):
        """Write what the steps before say of these posts: plan and original of each."""
        write_receipt(self.folder / self.release / "plan", [plan for plan, _ in lines])
        write_receipt(self.folder / self.release / "optimise", [line for _, line in lines])

    def run(self, **changed):
        rescale_bucket(
            self.folder / self.release / "plan",
            self.folder / self.release / "optimise",
            previous=self.previous,
            step=Step("0000", self.library, self.release, Look.of({**SETTINGS, **changed})),
            receipt=self.receipt,
        )

    def rescale(self, *lines, **changed):
        self.publish(*lines)
        self.run(**changed)
        return list(read_receipt(self.receipt, Derived))

    def after(self):
        year = str(int(self.release) + 1)
        return Bucket(self.folder, year, self.receipt)

    def keep(self, post_id, data):
        return write_file(self.library.original("0000", post_id, md5(data), "png"), data)

    def images(self):
        return contents(self.library.root / "subsets")


@pytest.fixture
def bucket(tmp_path):
    """A bucket whose library has pictures for the posts 2 and 4."""
    bucket = Bucket(tmp_path)
    bucket.keep(2, ONE)
    bucket.keep(4, TWO)
    return bucket


def post(post_id, data, rating="g", **values):
    return planned(post_id, data, rating=rating), original(post_id, data, **values)


def test_a_safe_image_becomes_small(bucket):
    [line] = bucket.rescale(post(2, ONE))
    [(path, data)] = bucket.images().items()
    assert path == f"sfw_32px/{LOOK.settings}/0000/2.{md5(ONE)}.jpg"
    assert line == Derived(
        id=2,
        md5=md5(ONE),
        settings=LOOK.settings,
        path="32px/0000/2.jpg",
        size=len(data),
        sha256=sha256(data),
        background="#ffffff",
        flags=("tiny",),
        first_release="2018",
        replaces=False,
        left=False,
    )
    with Image.open(BytesIO(data)) as image:
        assert (image.format, image.size) == ("JPEG", (32, 32))


@pytest.mark.parametrize("rating", ["s", "q", "e", "?"])
def test_an_image_that_is_not_safe_is_left_out_and_not_opened(bucket, rating):
    assert bucket.rescale(post(6, b"not there", rating)) == []
    assert bucket.images() == {}


def test_safe_is_what_the_release_says(bucket):
    lines = bucket.rescale(post(2, ONE, "s"), post(4, TWO, "q"), ratings=["g", "s"])
    assert [line.id for line in lines] == [2]


def test_a_subset_that_is_not_only_safe_takes_every_rating(bucket):
    lines = bucket.rescale(post(2, ONE, "e"), post(4, TWO, "?"), safe=False, ratings=None)
    assert [line.id for line in lines] == [2, 4]


@pytest.mark.parametrize(
    "values", [{"kind": "zip"}, {"kind": None}, {"state": State.CORRUPT, "size": None}]
)
def test_what_is_no_image_is_left_out_and_not_opened(bucket, values):
    assert bucket.rescale(post(6, b"not there", **values)) == []


def test_an_image_with_too_many_pixels_is_left_out_with_a_warning(bucket, caplog):
    large = picture(30, size=(200, 100))
    bucket.keep(6, large)
    assert [line.id for line in bucket.rescale(post(2, ONE), post(6, large))] == [2]
    assert warnings(caplog) == ["post 6: no image in sfw_32px: has more than 10000 pixels"]


def test_an_unchanged_image_is_not_opened(bucket):
    before = bucket.rescale(post(2, ONE))
    bucket.library.original("0000", 2, md5(ONE), "png").unlink()
    [made] = (bucket.library.root / "subsets" / "sfw_32px" / LOOK.settings / "0000").iterdir()
    made.unlink()
    assert bucket.after().rescale(post(2, ONE)) == before


def test_a_post_that_is_no_longer_safe_leaves_and_stays_known(bucket):
    [before] = bucket.rescale(post(2, ONE))
    later = bucket.after()
    assert later.rescale(post(2, ONE, "q")) == [replace(before, left=True)]
    assert later.after().rescale(post(2, ONE, "q")) == [replace(before, left=True)]


def test_a_post_that_is_gone_leaves_and_stays_known(bucket):
    [before] = bucket.rescale(post(2, ONE))
    assert bucket.after().rescale() == [replace(before, left=True)]


def test_a_post_that_becomes_safe_enters_with_the_release_that_shows_it_first(bucket):
    bucket.rescale(post(2, ONE, "q", first_release="2018"))
    [line] = bucket.after().rescale(post(2, ONE, first_release="2018"))
    assert (line.first_release, line.replaces, line.left) == ("2019", False, False)


def test_a_post_that_returns_keeps_the_release_that_showed_it_first(bucket):
    [before] = bucket.rescale(post(2, ONE))
    without = bucket.after()
    without.rescale(post(2, ONE, "q"))
    images = inodes(bucket.library.root / "subsets")
    assert without.after().rescale(post(2, ONE)) == [before]
    assert inodes(bucket.library.root / "subsets") == images


def test_a_replaced_post_has_a_new_image_that_takes_the_place_of_the_old_one(bucket):
    bucket.rescale(post(2, ONE))
    old = inodes(bucket.library.root / "subsets")
    bucket.keep(2, TWO)
    [line] = bucket.after().rescale(post(2, TWO))
    assert (line.md5, line.first_release, line.replaces) == (md5(TWO), "2019", True)
    assert old.items() < inodes(bucket.library.root / "subsets").items()


def test_a_post_that_was_replaced_while_it_was_not_safe_returns_as_replaced(bucket):
    bucket.rescale(post(2, ONE))
    without = bucket.after()
    bucket.keep(2, TWO)
    without.rescale(post(2, TWO, "q"))
    [line] = without.after().rescale(post(2, TWO))
    assert (line.md5, line.first_release, line.replaces) == (md5(TWO), "2020", True)


@pytest.mark.parametrize("change", [{"quality": 40}, {"size": 24}, {"background": "black"}])
def test_another_look_makes_files_in_a_folder_of_its_own_and_leaves_the_old(bucket, change):
    bucket.rescale(post(2, ONE))
    old = inodes(bucket.library.root / "subsets")
    [line] = bucket.after().rescale(post(2, ONE), **change)
    assert line.settings != LOOK.settings
    assert (line.path, line.first_release, line.replaces) == ("32px/0000/2.jpg", "2019", True)
    now = inodes(bucket.library.root / "subsets")
    assert old.items() < now.items()
    assert len(now) == 2


def test_another_format_is_another_path_so_nothing_is_replaced(bucket):
    bucket.rescale(post(2, ONE))
    [line] = bucket.after().rescale(post(2, ONE), format="png")
    assert (line.path, line.first_release, line.replaces) == ("32px/0000/2.png", "2019", False)


def test_another_folder_is_another_path_and_makes_no_file_again(bucket):
    bucket.rescale(post(2, ONE))
    images = inodes(bucket.library.root / "subsets")
    [line] = bucket.after().rescale(post(2, ONE), folder="small")
    assert (line.path, line.first_release, line.replaces) == ("small/0000/2.jpg", "2019", False)
    assert inodes(bucket.library.root / "subsets") == images


@pytest.mark.parametrize("change", [{"ratings": ["g", "s"]}, {"max_pixels": 5000}])
def test_what_does_not_decide_bytes_changes_no_line(bucket, change):
    before = bucket.rescale(post(2, ONE))
    assert bucket.after().rescale(post(2, ONE), **change) == before


def test_the_path_in_the_stage_follows_the_folder_and_the_format(bucket):
    [line] = bucket.rescale(post(2, ONE), folder="tiny", format="png")
    assert line.path == "tiny/0000/2.png"


def test_a_second_run_gives_the_same_bytes_and_changes_no_image(bucket):
    bucket.rescale(post(2, ONE), post(4, TWO))
    receipt, images = bucket.receipt.read_bytes(), inodes(bucket.library.root / "subsets")
    bucket.run()
    assert bucket.receipt.read_bytes() == receipt
    assert inodes(bucket.library.root / "subsets") == images


def test_a_lost_or_torn_line_of_the_ledger_costs_one_image_and_no_byte(bucket):
    bucket.rescale(post(2, ONE), post(4, TWO))
    receipt, images = bucket.receipt.read_bytes(), bucket.images()
    ledger = bucket.library.derived_ledger("sfw_32px", LOOK.settings, "0000").path
    ledger.write_bytes(ledger.read_bytes()[:-10])
    bucket.run()
    assert bucket.receipt.read_bytes() == receipt
    assert bucket.images() == images


def test_a_lost_image_is_made_again(bucket):
    bucket.rescale(post(2, ONE))
    images = bucket.images()
    [file] = (bucket.library.root / "subsets" / "sfw_32px" / LOOK.settings / "0000").iterdir()
    file.unlink()
    bucket.run()
    assert bucket.images() == images


def test_a_lost_original_is_named(bucket):
    file = bucket.library.original("0000", 2, md5(ONE), "png")
    file.unlink()
    with pytest.raises(UnreadableFile, match="is not there") as problem:
        bucket.rescale(post(2, ONE))
    assert problem.value.path == file
    assert not bucket.receipt.exists()


def test_a_bucket_without_new_images_touches_no_library(tmp_path):
    empty = Bucket(tmp_path)
    assert empty.rescale() == []
    assert not (empty.library.root / "subsets").exists()


def test_rescaling_that_is_killed_anywhere_goes_on_and_ends_with_the_same_bytes(bucket, tmp_path):
    bucket.rescale(post(2, ONE), post(4, TWO))
    deaths = 0
    while kill_and_go_on(Bucket(tmp_path / f"killed-{deaths}"), deaths + 1, bucket):
        deaths += 1
    # Two changes for each image, one of the ledger, and two for the receipt.
    assert deaths >= 8


def kill_and_go_on(bucket, at, whole):
    """Kill rescaling before its n-th change of a file, and start it again."""
    bucket.keep(2, ONE)
    bucket.keep(4, TWO)
    bucket.publish(post(2, ONE), post(4, TWO))
    died = killed(bucket.run, at=at, below=bucket.folder)
    bucket.run()
    assert bucket.receipt.read_bytes() == whole.receipt.read_bytes()
    assert bucket.images() == whole.images()
    return died


def test_a_plan_without_a_change_of_rating_decides_by_the_rating_of_today(bucket):
    [before] = bucket.rescale(post(2, ONE))
    same = planned(2, ONE, change=Change.UNCHANGED), original(2, ONE)
    assert bucket.after().rescale(same) == [before]
    assert isinstance(same[1], Original)


def test_an_image_of_a_withdrawn_post_is_not_even_remembered(bucket):
    bucket.rescale(post(2, ONE), post(4, TWO))
    later = bucket.after()
    write_receipt(later.folder / later.release / "plan", [tombstone(2), planned(4, TWO)])
    write_receipt(later.folder / later.release / "optimise", [original(4, TWO)])
    later.run()
    assert [line.id for line in read_receipt(later.receipt, Derived)] == [4]
