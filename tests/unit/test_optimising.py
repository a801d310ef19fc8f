from dataclasses import replace
from pathlib import Path

import pytest
from booru_release.files import UnreadableFile
from booru_release.library import Library
from booru_release.optimising import Effort, Step, optimise_bucket
from booru_release.planning import tombstone
from booru_release.receipts import (
    Change,
    Downloaded,
    Original,
    State,
    read_receipt,
    write_receipt,
)
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

PNG, JPEG, GIF = picture(10), picture(20, "jpeg"), picture(30, "gif")
ZIP = b"PK\x03\x04 frames"
CUT = picture(40)[:900]


class Bucket:
    """Bucket 0000 of a release that is being optimised."""

    def __init__(self, folder, release="2018"):
        self.folder, self.library = folder, Library(folder / "library")
        self.release, self.previous = release, None
        self.effort = Effort(png_level=1, max_pixels=10_000)
        self.receipt = folder / release / "optimise"

    def arrive(self, *lines):
        """Write a plan, and put the bytes of each line where a download leaves them."""
        receipts = self.folder / self.release
        write_receipt(receipts / "plan", [line for line, _ in lines])
        fetched = []
        for line, data in lines:
            if isinstance(data, bytes):
                place = self.library.incoming("0000", line.id, line.md5, line.file_ext)
                write_file(place, data)
                fetched.append(Downloaded(line.id, line.md5, None, None))
            elif data is not None:
                fetched.append(Downloaded(line.id, line.md5, data, "why it is not there"))
        write_receipt(receipts / "download", fetched)

    def run(self):
        receipts = self.folder / self.release
        optimise_bucket(
            receipts / "plan",
            receipts / "download",
            previous=self.previous,
            step=Step("0000", self.library, self.release, self.effort),
            receipt=self.receipt,
        )

    def optimise(self, *lines):
        self.arrive(*lines)
        self.run()
        return list(read_receipt(self.receipt, Original))

    def after(self, *before):
        """The next release, after what the one before says of its posts."""
        later = Bucket(self.folder, "2019")
        later.previous = self.folder / "before"
        write_receipt(later.previous, before)
        return later

    def originals(self):
        return contents(self.library.root / "original")

    def incoming(self):
        return contents(self.library.root / "incoming")


@pytest.fixture
def bucket(tmp_path):
    return Bucket(tmp_path)


def arriving(post_id, data, ext="png", **values):
    return planned(post_id, data, file_ext=ext, **values), data


def not_arriving(post_id, data, state, **values):
    return planned(post_id, data, **values), state


EVERYTHING = [
    arriving(2, PNG),
    arriving(4, JPEG, "jpg"),
    arriving(6, GIF, "gif"),
    arriving(8, ZIP, "zip"),
    arriving(10, CUT),
]
# Made smaller, published as served, and corrupt.
ONE_OF_EACH_END = [EVERYTHING[0], EVERYTHING[3], EVERYTHING[4]]


@pytest.mark.parametrize(
    ("data", "ext", "kind"), [(PNG, "png", "png"), (JPEG, "jpg", "jpeg"), (PNG, "jpg", "png")]
)
def test_an_image_becomes_smaller_and_its_pixels_stay(bucket, data, ext, kind):
    [line] = bucket.optimise(arriving(2, data, ext))
    [(name, published)] = bucket.originals().items()
    assert name == f"0000/2.{md5(data)}.{ext}"
    assert len(published) < len(data)
    assert line == Original(
        id=2,
        md5=md5(data),
        file_ext=ext,
        state=State.PUBLISHED,
        reason=None,
        kind=kind,
        width=40,
        height=30,
        frames=1,
        served_size=len(data),
        served_sha256=sha256(data),
        size=len(published),
        sha256=sha256(published),
        tool=line.tool,
        proof="pixels equal, 1 frame",
        first_release="2018",
        replaces=False,
    )
    assert line.tool
    assert pixels(bucket.library.root / "original" / name) == pixels_of(data, bucket.folder)


def test_files_that_are_no_jpeg_or_png_stay_as_served(bucket):
    gif, archive = bucket.optimise(arriving(6, GIF, "gif"), arriving(8, ZIP, "zip"))
    assert list(bucket.originals().values()) == [GIF, ZIP]
    assert (gif.kind, gif.width, gif.tool, gif.proof) == ("gif", 40, None, "as served")
    assert (archive.kind, archive.width, archive.proof) == ("zip", None, "as served")
    assert (archive.size, archive.sha256) == (len(ZIP), sha256(ZIP))


def test_an_image_that_cannot_be_decoded_is_corrupt_and_not_published(bucket, caplog):
    [line] = bucket.optimise(arriving(10, CUT))
    assert (line.state, line.size, line.sha256) == (State.CORRUPT, None, None)
    assert (line.served_size, line.first_release) == (len(CUT), None)
    assert warnings(caplog) == [f"post 10: corrupt: {line.reason}"]
    assert bucket.originals() == bucket.incoming() == {}


@pytest.mark.parametrize("data", [b"<!DOCTYPE html><html>", b"", b"\0" * 99, ZIP])
def test_what_is_no_image_although_its_extension_says_so_is_corrupt(bucket, data):
    [line] = bucket.optimise(arriving(10, data, "jpg"))
    assert line.state is State.CORRUPT
    assert line.reason.endswith("not a picture")


def test_a_reason_says_nothing_of_the_folder_it_was_found_in(tmp_path):
    one, other = Bucket(tmp_path / "one"), Bucket(tmp_path / "other")
    assert one.optimise(*EVERYTHING) == other.optimise(*EVERYTHING)
    assert one.receipt.read_bytes() == other.receipt.read_bytes()


def test_an_image_with_too_many_pixels_is_published_as_served_with_the_reason(bucket):
    large = picture(10, size=(200, 100))
    [line] = bucket.optimise(arriving(2, large))
    assert (line.state, line.reason) == (State.PUBLISHED, "has more than 10000 pixels")
    assert (line.proof, line.tool, line.width) == ("as served", None, None)
    assert list(bucket.originals().values()) == [large]


def test_nothing_waits_in_incoming_when_a_bucket_is_done(bucket):
    lines = bucket.optimise(*EVERYTHING)
    assert [line.id for line in lines] == [2, 4, 6, 8, 10]
    assert bucket.incoming() == {}


def test_posts_without_a_file_have_no_line(bucket):
    lines = bucket.optimise(
        not_arriving(2, PNG, State.MISSING),
        not_arriving(4, JPEG, State.MISMATCH),
        (planned(6, change=Change.EXCLUDED, state=State.BANNED, md5=None), None),
        (planned(8, change=Change.GONE, state=State.WITHDRAWN, md5=None), None),
    )
    assert lines == []
    assert not (bucket.library.root / "original").exists()


def test_an_unchanged_post_keeps_its_line_and_no_file_of_it_is_needed(bucket):
    old = original(2, PNG, first_release="2017", replaces=True)
    later = bucket.after(old)
    assert later.optimise((planned(2, PNG, change=Change.UNCHANGED), None)) == [old]
    assert not (later.library.root / "original").exists()


def test_a_corrupt_post_stays_corrupt_without_a_file(bucket):
    old = original(2, CUT, state=State.CORRUPT, reason="cut short", size=None, sha256=None)
    later = bucket.after(old)
    same = planned(2, CUT, change=Change.UNCHANGED, state=State.CORRUPT, reason="cut short")
    assert later.optimise((same, None)) == [old]


def test_a_replaced_post_has_the_new_file_and_the_old_one_stays_in_the_library(bucket):
    [old] = bucket.optimise(arriving(2, PNG))
    before = inodes(bucket.library.root / "original")
    later = bucket.after(old)
    [line] = later.optimise(arriving(2, JPEG, "jpg", change=Change.REPLACED))
    assert (line.md5, line.first_release, line.replaces) == (md5(JPEG), "2019", True)
    assert before.items() < inodes(bucket.library.root / "original").items()


@pytest.mark.parametrize("state", [State.MISSING, State.MISMATCH])
def test_a_replaced_post_whose_new_file_does_not_come_keeps_its_old_one(bucket, state):
    old = original(2, PNG)
    later = bucket.after(old)
    [line] = later.optimise(not_arriving(2, JPEG, state, change=Change.REPLACED))
    assert line == replace(
        old, reason="the site's newer file is not to be had: why it is not there"
    )


def test_a_replaced_post_whose_new_file_is_corrupt_keeps_its_old_one(bucket):
    old = original(2, PNG)
    later = bucket.after(old)
    [line] = later.optimise(arriving(2, CUT, change=Change.REPLACED))
    assert (line.md5, line.state, line.first_release) == (old.md5, State.PUBLISHED, "2018")
    assert line.reason.startswith("the site's newer file is not to be had: ")
    assert line.reason != old.reason


def test_a_corrupt_file_is_known_the_next_year_without_its_bytes(bucket):
    bucket.optimise(arriving(2, CUT))
    later = Bucket(bucket.folder, "2019")
    line = planned(2, CUT)
    write_receipt(later.folder / "2019" / "plan", [line])
    write_receipt(later.folder / "2019" / "download", [Downloaded(2, line.md5, None, None)])
    later.run()
    [known] = read_receipt(later.receipt, Original)
    assert known.state is State.CORRUPT


def test_a_post_that_returns_with_its_old_file_is_replaced_and_nothing_is_made_again(bucket):
    [old] = bucket.optimise(arriving(2, PNG))
    before = inodes(bucket.library.root / "original")
    later = Bucket(bucket.folder, "2019")
    line = planned(2, PNG, change=Change.REPLACED, first_release="2018")
    write_receipt(later.folder / "2019" / "plan", [line])
    write_receipt(later.folder / "2019" / "download", [Downloaded(2, line.md5, None, None)])
    later.run()
    [returned] = read_receipt(later.receipt, Original)
    assert returned == replace(old, first_release="2019", replaces=True)
    assert inodes(bucket.library.root / "original") == before


def test_a_second_run_gives_the_same_bytes_and_changes_no_file_of_the_library(bucket):
    bucket.optimise(*EVERYTHING)
    receipt, before = bucket.receipt.read_bytes(), inodes(bucket.library.root / "original")
    bucket.receipt.unlink()
    bucket.run()
    assert bucket.receipt.read_bytes() == receipt
    assert inodes(bucket.library.root / "original") == before


@pytest.mark.parametrize("torn", [0, 1, 50])
def test_a_torn_last_line_of_the_ledger_costs_one_image_and_no_byte(bucket, torn):
    bucket.optimise(*EVERYTHING)
    receipt, originals = bucket.receipt.read_bytes(), bucket.originals()
    tear_last_line(bucket, torn)
    bucket.arrive(*EVERYTHING)
    bucket.run()
    assert bucket.receipt.read_bytes() == receipt
    assert bucket.originals() == originals


def test_a_line_that_was_lost_after_its_bytes_were_cleared_is_named(bucket):
    bucket.optimise(arriving(2, PNG))
    tear_last_line(bucket, 50)
    with pytest.raises(UnreadableFile, match="remove the bucket's download receipt"):
        bucket.run()


def tear_last_line(bucket, kept):
    ledger = bucket.library.ledger("0000").path
    lines = ledger.read_bytes().splitlines(keepends=True)
    ledger.write_bytes(b"".join(lines[:-1]) + lines[-1][:kept])


def test_a_lost_file_of_the_library_is_named_with_what_to_do(bucket):
    bucket.optimise(arriving(2, PNG))
    [file] = (bucket.library.root / "original" / "0000").iterdir()
    file.unlink()
    with pytest.raises(UnreadableFile, match="remove the bucket's download receipt") as problem:
        bucket.run()
    assert problem.value.path == file


def test_an_optimiser_that_is_killed_anywhere_goes_on_and_ends_with_the_same_bytes(tmp_path):
    whole = Bucket(tmp_path / "whole")
    whole.optimise(*ONE_OF_EACH_END)
    deaths = 0
    while kill_and_go_on(Bucket(tmp_path / f"killed-{deaths}"), deaths + 1, whole):
        deaths += 1
    # Three or more changes for a file that is published, two for a corrupt one, two in the end.
    assert deaths >= 10


def kill_and_go_on(bucket, at, whole):
    """Kill an optimiser before its n-th change of a file, and start it again."""
    bucket.arrive(*ONE_OF_EACH_END)
    died = killed(bucket.run, at=at, below=bucket.folder)
    finished = finished_files(bucket)
    bucket.run()
    assert bucket.receipt.read_bytes() == whole.receipt.read_bytes()
    assert bucket.originals() == whole.originals()
    assert bucket.incoming() == {}
    assert finished.items() <= inodes(bucket.library.root / "original").items()
    return died


def finished_files(bucket):
    """The files of the library that the ledger vouches for, which nothing may change."""
    known = {f"0000/{number}.{digest}" for number, digest in bucket.library.ledger("0000").rows()}
    files = inodes(bucket.library.root / "original")
    return {name: file for name, file in files.items() if str(Path(name).with_suffix("")) in known}


def pixels_of(data, folder):
    return pixels(write_file(folder / "served", data))


def pixels(file):
    with Image.open(file) as image:
        return image.size, image.convert("RGBA").tobytes()


def test_files_of_a_withdrawn_post_that_nobody_published_leave_the_library(bucket):
    bucket.optimise(*ONE_OF_EACH_END)
    write_file(bucket.library.incoming("0000", 2, md5(b"newer"), "png"), b"newer")
    resized = write_file(bucket.library.derived("sfw", "a91", "0000", "2.jpg"), b"small")
    write_receipt(bucket.folder / "2018" / "plan", [tombstone(2), EVERYTHING[3][0]])
    bucket.run()
    assert [line.id for line in read_receipt(bucket.receipt, Original)] == [8]
    assert [Path(name).name.split(".")[0] for name in bucket.originals()] == ["8"]
    assert bucket.incoming() == {}
    assert not resized.exists()
    assert {post_id for post_id, _ in bucket.library.ledger("0000").rows()} == {8, 10}


def test_files_of_a_withdrawn_post_that_a_stage_serves_are_left_to_its_release(bucket, tmp_path):
    bucket.optimise(EVERYTHING[0])
    [name] = bucket.originals()
    (tmp_path / "served").hardlink_to(bucket.library.root / "original" / name)
    write_receipt(bucket.folder / "2018" / "plan", [tombstone(2)])
    bucket.run()
    assert [*bucket.originals()] == [name]
