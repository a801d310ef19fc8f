import os
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from booru_release.repair import NotRepaired, repair_release, workshop_of
from booru_release.verification import NotBuilt, examine_stage
from making import contents, never_opened, write_file

pytest_plugins = ["steps_conftest"]

IMAGE, SMALL = "original/0001/1.png", "32px/0001/1.jpg"
REPLACED = "original/0000/2.jpg"
TABLE, YEARS_TABLE = "metadata/posts.jsonl.gz", "metadata/2018/posts.jsonl.gz"
TORRENT = "torrents/tiny-2018-original-0000-0001.torrent"
INDEXES = ("manifest.parquet", "subsets/sfw_32px.parquet", "SHA256SUMS", "release.json")
ONE_OF_EACH = (IMAGE, SMALL, TABLE, YEARS_TABLE, TORRENT, *INDEXES)


class House:
    """Two finished releases to do harm to, and to repair."""

    def __init__(self, workflow):
        self.workflow, self.folder = workflow, workflow.folder
        self.before = contents(self.folder)

    def stage(self, release="2018"):
        return self.folder / release / "stage"

    def workshop(self, release="2018", *, source=None):
        return workshop_of(
            self.folder,
            release,
            earlier=tuple(self.workflow.earlier(release)),
            source=source or self.workflow.config["source"],
            threads=2,
        )

    def repair(self, release="2018", **options):
        return repair_release(self.workshop(release, **options))

    def findings(self, release="2018"):
        return examine_stage(self.folder / release, release, threads=1).lines()

    def assert_as_before(self):
        """Every stage is right, and every image of the library is as it was."""
        assert self.findings("2018") == self.findings("2019") == []
        now = contents(self.folder)
        assert {name: data for name, data in now.items() if watched(name)} == {
            name: data for name, data in self.before.items() if watched(name)
        }


def watched(name):
    return "/logs/" not in name and "/extra/" not in name and not name.startswith("budget/")


@pytest.fixture
def house(releases):
    return House(releases)


# A site that nobody serves, and that is not asked for long.
NOWHERE = {"kind": "danbooru", "url": "http://127.0.0.1:1", "attempts": 1}


def flip(file):
    """Change a byte of a file in place, as a failing disk does: every name of it has the change."""
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(bytes(data))


def swap(file, data=b"other"):
    """Put another file into a file's place, so that its other names keep what they have."""
    file.unlink()
    file.write_bytes(data)


def test_a_good_stage_needs_nothing(house):
    assert house.repair(source=NOWHERE) == 0
    house.assert_as_before()


@pytest.mark.parametrize("harm", ["swapped", "missing", "empty", "a symlink", "a folder", "a tree"])
def test_harm_to_the_stage_alone_is_put_right_from_what_is_beside_it(house, harm):
    for path in ONE_OF_EACH:
        do_harm(house.stage() / path, harm)
    extra = len(ONE_OF_EACH) if harm == "a tree" else 0
    assert house.repair(source=NOWHERE) == len(ONE_OF_EACH) + extra
    house.assert_as_before()


def do_harm(file, harm):
    file.unlink()
    if harm == "swapped":
        file.write_bytes(b"other")
    elif harm == "empty":
        file.touch()
    elif harm == "a symlink":
        file.symlink_to("/etc/passwd")
    elif harm == "a folder":
        file.mkdir()
    elif harm == "a tree":
        write_file(file / "deep" / "inside", b"stranger")


def test_a_lost_folder_is_put_right(house):
    shutil.rmtree(house.stage() / "original")
    assert house.repair(source=NOWHERE) == 8
    house.assert_as_before()


@pytest.mark.parametrize("kind", ["file", "symlink"])
def test_a_folder_that_was_swapped_is_put_right(house, kind):
    folder = house.stage() / "32px" / "0000"
    shutil.move(folder, house.folder.parent / "aside")
    if kind == "file":
        folder.write_bytes(b"")
    else:
        folder.symlink_to(house.folder.parent / "aside")
    assert house.repair(source=NOWHERE) == 3
    house.assert_as_before()


def test_what_does_not_belong_into_the_stage_is_set_aside(house):
    write_file(house.stage() / "original" / "0001" / "stranger.png", b"somebody's")
    (house.stage() / "link").symlink_to("/etc")
    assert house.repair(source=NOWHERE) == 2
    house.assert_as_before()
    extra = house.folder / "2018" / "extra"
    assert (extra / "original" / "0001" / "stranger.png").read_bytes() == b"somebody's"
    assert (extra / "link").readlink() == Path("/etc")


def test_what_cannot_be_set_aside_does_not_keep_the_rest_from_being_repaired(house):
    write_file(house.stage() / "stranger", b"one")
    write_file(house.folder / "2018" / "extra" / "stranger" / "another", b"two")
    swap(house.stage() / IMAGE)
    with pytest.raises(NotRepaired) as problem:
        house.repair(source=NOWHERE)
    assert list(problem.value.reasons) == ["stranger"]
    assert house.findings() == ["extra: stranger"]


@pytest.mark.parametrize("harm", [flip, lambda file: os.truncate(file, 9)])
def test_damaged_originals_come_from_the_site_and_are_made_as_small_again(house, harm):
    for path in (IMAGE, "original/0000/2.jpg", "original/0001/11.zip"):
        harm(house.stage() / path)
    assert house.repair() == 3
    house.assert_as_before()


def test_a_damaged_file_is_put_right_in_every_release_that_serves_it(house):
    for path in (IMAGE, SMALL):
        flip(house.stage("2018") / path)
        assert house.findings("2019")
    assert house.repair("2019") == 2
    house.assert_as_before()
    assert (house.stage("2018") / IMAGE).samefile(house.stage("2019") / IMAGE)


def test_a_damaged_image_of_a_subset_is_rendered_again_without_the_site(house):
    flip(house.stage() / SMALL)
    assert house.repair(source=NOWHERE) == 1
    house.assert_as_before()


def test_a_damaged_image_and_its_damaged_original_are_both_put_right(house):
    flip(house.stage() / SMALL)
    flip(house.stage() / IMAGE)
    assert house.repair() == 2
    house.assert_as_before()


def test_a_replaced_file_is_put_right_in_both_of_its_places(house):
    flip(house.stage("2019") / REPLACED)
    assert house.findings("2019") == [
        f"bad: {REPLACED}",
        "bad: replaced/2019/0000/2.jpg",
    ]
    assert house.repair("2019") == 2
    house.assert_as_before()
    assert (house.stage("2019") / REPLACED).samefile(
        house.stage("2019") / "replaced/2019/0000/2.jpg"
    )


def test_a_damaged_table_is_sorted_again_from_what_the_site_once_said(house):
    flip(house.stage() / TABLE)
    assert house.findings() == [f"bad: {YEARS_TABLE}", f"bad: {TABLE}"]
    assert house.repair(source=NOWHERE) == 2
    house.assert_as_before()


@pytest.mark.parametrize("harm", [flip, lambda file: file.unlink()])
def test_the_library_gets_back_what_the_stage_still_has(house, harm):
    [file] = house.workflow.library.root.glob("original/0001/1.*")
    swap(file) if harm is flip else harm(file)
    assert house.repair(source=NOWHERE) == 1
    house.assert_as_before()
    assert file.samefile(house.stage() / IMAGE)


def test_what_cannot_be_had_is_named_with_the_reason_and_the_rest_is_repaired(house):
    flip(house.stage() / IMAGE)
    swap(house.stage() / "original/0000/4.png")
    (house.stage() / TORRENT).unlink()
    with pytest.raises(NotRepaired) as problem:
        house.repair(source=NOWHERE)
    assert list(problem.value.reasons) == [IMAGE]
    assert "no answer" in problem.value.reasons[IMAGE]
    assert str(problem.value).startswith(
        f"{house.stage()}: 1 files are still not as published\n  {IMAGE}: http://127.0.0.1:1/"
    )
    assert house.findings() == [f"bad: {IMAGE}"]


def test_a_file_that_is_lost_everywhere_is_named(house):
    (house.stage() / IMAGE).unlink()
    for file in house.workflow.library.root.glob("original/0001/1.*"):
        file.unlink()
    swap(house.stage() / "original/0000/4.png")
    with pytest.raises(NotRepaired) as problem:
        house.repair(source=NOWHERE)
    assert list(problem.value.reasons) == [IMAGE]
    assert house.repair() == 2
    house.assert_as_before()


def test_a_file_that_the_site_does_not_have_any_more_is_named(house, tmp_path):
    # Post 6 was banned in 2019, and this site is the one of the end of that year.
    flip(house.stage() / "original/0000/6.png")
    workshop = house.workshop("2018")
    later = replace(workshop, open_site=partial(workshop.open_site, as_of="2019-12-31"))
    with pytest.raises(NotRepaired, match=r"original/0000/6\.png: .*HTTP 404"):
        repair_release(later)


def test_indexes_that_are_changed_or_lost_beside_the_stage_too_are_named(house):
    own = house.folder / "2018"
    for name in ("accounts.json", "manifest.parquet"):
        for file in (house.stage() / name, own / name):
            file.write_bytes(b"changed")
    (house.stage() / TORRENT).write_bytes(b"changed")
    (own / TORRENT).unlink()
    swap(house.stage() / IMAGE)
    with pytest.raises(NotRepaired) as problem:
        house.repair(source=NOWHERE)
    names = ["accounts.json", "manifest.parquet", TORRENT]
    assert problem.value.reasons == {name: f"{own / name}: is damaged, too" for name in names}
    assert house.findings() == [f"bad: {name}" for name in names]


def test_a_table_of_an_earlier_year_is_repaired_by_repairing_that_year(house):
    flip(house.folder / "2018" / "metadata" / "posts.jsonl.gz")
    with pytest.raises(NotRepaired) as problem:
        house.repair("2019")
    assert list(problem.value.reasons) == [YEARS_TABLE]
    assert house.repair("2018") == 2
    house.assert_as_before()


def test_a_release_that_is_not_built_cannot_be_repaired(house):
    (house.folder / "2019" / "release.json").unlink()
    with pytest.raises(NotBuilt, match="release 2019: is not built"):
        house.workshop("2019")


def test_a_repair_leaves_nothing_beside_what_it_repaired(house):
    flip(house.stage() / IMAGE)
    house.repair()
    assert contents(house.folder).keys() == house.before.keys()


def test_no_site_is_opened_where_the_library_has_the_file(house):
    swap(house.stage() / IMAGE)
    workshop = replace(house.workshop(), open_site=never_opened)
    assert repair_release(workshop) == 1
    house.assert_as_before()
