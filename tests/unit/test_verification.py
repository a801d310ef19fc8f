import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from booru_release.files import dump_json, read_json
from booru_release.verification import (
    BadStage,
    Findings,
    NotBuilt,
    UntrustedSums,
    examine_stage,
    verify_release,
)
from making import as_nobody, write_file

pytest_plugins = ["steps_conftest"]

IMAGE, OTHER = "original/0001/1.png", "32px/0001/1.jpg"


@pytest.fixture
def own(releases):
    """The folder of release 2018, to do harm to."""
    return releases.folder / "2018"


def found(own):
    return examine_stage(own, "2018", threads=2).lines()


def flip(file):
    """Change a byte of a file in place, as a failing disk does: every name of it has the change."""
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(bytes(data))


@pytest.mark.parametrize("release", ["2018", "2019"])
def test_a_good_stage_is_as_published(two_years, release):
    findings = verify_release(two_years.folder / release, release, threads=2)
    sums = (two_years.folder / release / "SHA256SUMS").read_text()
    assert findings.lines() == []
    assert findings.checked == sums.count("\n")


def test_a_flipped_byte_is_named_in_a_file_of_any_kind(own):
    paths = [
        "SHA256SUMS",
        "manifest.parquet",
        "metadata/posts.jsonl.gz",
        "release.json",
        "torrents.json",
        "torrents/tiny-2018-metadata.torrent",
        IMAGE,
        OTHER,
    ]
    for path in paths:
        flip(own / "stage" / path)
    # The tables are there under two names.
    both = sorted([*paths, "metadata/2018/posts.jsonl.gz"])
    assert found(own) == [f"bad: {path}" for path in both]


@pytest.mark.parametrize("size", [0, 100])
def test_a_truncated_file_is_named(own, size):
    os.truncate(own / "stage" / IMAGE, size)
    assert found(own) == [f"bad: {IMAGE}"]


def test_a_missing_file_of_any_kind_is_named(own):
    paths = ["SHA256SUMS", "accounts.json", IMAGE, "release.json"]
    for path in paths:
        (own / "stage" / path).unlink()
    assert found(own) == [f"missing: {path}" for path in paths]


def test_a_missing_folder_is_named_file_by_file(own):
    shutil.rmtree(own / "stage" / "32px")
    assert found(own) == [f"missing: 32px/000{n % 2}/{n}.jpg" for n in (2, 6, 1, 5, 7, 9)]


def test_an_extra_file_is_named_wherever_it_is(own):
    paths = [".hidden", "new/deep/file", "original/0001/2.png", "stranger.png"]
    for path in paths:
        write_file(own / "stage" / path, b"")
    assert found(own) == [f"extra: {path}" for path in paths]


def test_an_extra_symlink_is_named_and_not_followed(own):
    for number, target in enumerate(["/etc/passwd", "nowhere", "../../../stage", "1.png"]):
        (own / "stage" / "original" / "0001" / f"link{number}").symlink_to(target)
    assert found(own) == [f"extra: original/0001/link{number}" for number in range(4)]


def test_a_file_that_was_swapped_with_a_symlink_to_its_own_bytes_is_missing(own):
    file = own / "stage" / IMAGE
    shutil.move(file, own / "elsewhere")
    file.symlink_to(own / "elsewhere")
    assert found(own) == [f"missing: {IMAGE}"]


def test_a_file_that_was_swapped_with_a_folder_is_missing_and_what_is_in_it_extra(own):
    (own / "stage" / IMAGE).unlink()
    write_file(own / "stage" / IMAGE / "inside", b"")
    assert found(own) == [f"missing: {IMAGE}", f"extra: {IMAGE}/inside"]


def test_a_folder_that_was_swapped_with_a_file_is_extra_and_its_files_are_missing(own):
    shutil.rmtree(own / "stage" / "32px" / "0000")
    write_file(own / "stage" / "32px" / "0000", b"")
    assert found(own) == [
        "missing: 32px/0000/2.jpg",
        "missing: 32px/0000/6.jpg",
        "extra: 32px/0000",
    ]


def test_a_folder_that_was_swapped_with_a_symlink_is_extra_and_its_files_are_missing(own):
    shutil.move(own / "stage" / "32px" / "0000", own / "elsewhere")
    (own / "stage" / "32px" / "0000").symlink_to(own / "elsewhere")
    assert found(own) == [
        "missing: 32px/0000/2.jpg",
        "missing: 32px/0000/6.jpg",
        "extra: 32px/0000",
    ]


def test_a_line_that_was_taken_out_of_the_sums_hides_nothing(own):
    sums = own / "stage" / "SHA256SUMS"
    kept = [line for line in sums.read_text().splitlines(keepends=True) if IMAGE not in line]
    sums.write_text("".join(kept))
    flip(own / "stage" / IMAGE)
    assert found(own) == ["bad: SHA256SUMS", f"bad: {IMAGE}"]


def test_sums_that_are_changed_everywhere_are_not_believed(own):
    for file in (own / "SHA256SUMS", own / "stage" / "SHA256SUMS"):
        file.write_text("")
    with pytest.raises(UntrustedSums, match=r"is not the file that release\.json names"):
        found(own)


def test_sums_that_are_lost_beside_the_stage_are_read_from_the_stage(own):
    (own / "SHA256SUMS").unlink()
    assert found(own) == []


def test_a_library_file_that_was_changed_by_hand_is_named_in_every_stage(releases):
    flip(next(releases.library.root.glob("original/0001/1.*")))
    for release in ("2018", "2019"):
        assert examine_stage(releases.folder / release, release, threads=1).bad == [IMAGE]


def test_a_file_that_cannot_be_read_is_bad_and_the_others_are_looked_at_all_the_same(own):
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        shutil.copytree(own.parent, Path(folder) / "releases")
        copy = Path(folder) / "releases" / "2018"
        (copy / "stage" / IMAGE).chmod(0)
        flip(copy / "stage" / OTHER)
        with as_nobody():
            findings = examine_stage(copy, "2018", threads=2)
    assert findings.bad == [IMAGE, OTHER]


@pytest.mark.parametrize("lost", ["stage", "release.json"])
def test_a_release_that_is_not_built_says_how_to_build_it(own, lost):
    shutil.move(own / lost, own / "aside")
    with pytest.raises(NotBuilt) as problem:
        verify_release(own, "2018", threads=1)
    assert str(problem.value) == (
        "release 2018: is not built\n  hint: build it first: snakemake release_2018"
    )


def test_a_bad_stage_says_what_is_wrong_and_what_helps(own):
    (own / "stage" / IMAGE).unlink()
    flip(own / "stage" / OTHER)
    write_file(own / "stage" / "stranger", b"")
    with pytest.raises(BadStage) as problem:
        verify_release(own, "2018", threads=2)
    assert str(problem.value) == (
        f"{own / 'stage'}: 3 files are not as published\n"
        f"  bad: {OTHER}\n"
        f"  missing: {IMAGE}\n"
        "  extra: stranger\n"
        "  hint: snakemake repair_2018 puts right what it can"
    )


def test_of_very_many_bad_files_the_first_thousand_are_named():
    problem = BadStage(Path("stage"), "2018", Findings(bad=[f"{n:05d}" for n in range(1500)]))
    assert str(problem).startswith("stage: 1500 files are not as published\n  bad: 00000\n")
    assert "  bad: 00999\n  and 500 more\n  hint: " in str(problem)


def test_release_json_of_the_stage_is_held_against_ours(own):
    changed = {**read_json(own / "stage" / "release.json"), "last_id": 1}
    (own / "stage" / "release.json").write_bytes(dump_json(changed))
    assert found(own) == ["bad: release.json"]
