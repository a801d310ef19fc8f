import json
import subprocess
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from booru_release.staging import NoLink, Staged, Tree, place, stage_release, write_sums
from making import contents, inodes, write_file

pytest_plugins = ["steps_conftest"]


def tree_of(workflow, release):
    earlier = tuple(workflow.earlier(release))
    return Tree(workflow.folder, release, earlier, 2, ("sfw_32px",))


@pytest.fixture
def tree(releases):
    """2019 of two releases, to do with as one likes."""
    return tree_of(releases, "2019")


@pytest.fixture
def served(two_years):
    """2019 of two releases, for reading."""
    return tree_of(two_years, "2019")


def test_images_and_metadata_are_links_and_no_copies(served):
    linked = [file for file in served.files() if not file.copied]
    assert len(linked) == 9 + 6 + 2 + 3 * 8
    for file in linked:
        assert (served.folder / "stage" / file.path).samefile(file.source)


def test_the_small_indexes_are_copies_so_that_harm_to_the_stage_is_none_to_ours(served):
    copied = [file for file in served.files() if file.copied]
    for file in copied:
        served_file = served.folder / "stage" / file.path
        assert served_file.read_bytes() == file.source.read_bytes()
        assert not served_file.samefile(file.source)
    assert sorted(file.path for file in copied) == [
        "accounts.json",
        "manifest.parquet",
        "subsets/sfw_32px.parquet",
        "torrents.json",
        "torrents/tiny-2018-metadata.torrent",
        "torrents/tiny-2018-original-0000-0001.torrent",
        "torrents/tiny-2018-sfw_32px-0000-0001.torrent",
        "torrents/tiny-2019-metadata.torrent",
        "torrents/tiny-2019-original-0000-0001.torrent",
        "torrents/tiny-2019-sfw_32px-0000-0001.torrent",
    ]


def test_a_replaced_file_has_two_places_in_the_year_of_its_replacement(served):
    stage = served.folder / "stage"
    assert (stage / "original/0000/2.jpg").samefile(stage / "replaced/2019/0000/2.jpg")
    assert (stage / "32px/0000/2.jpg").samefile(stage / "replaced/2019/32px/0000/2.jpg")
    before = served.releases / "2018" / "stage" / "original/0000/2.jpg"
    assert before.read_bytes() != (stage / "original/0000/2.jpg").read_bytes()


def test_a_stage_archives_the_metadata_of_earlier_years(served):
    stage = served.folder / "stage" / "metadata"
    earlier = served.releases / "2018" / "metadata" / "posts.jsonl.gz"
    assert (stage / "2018" / "posts.jsonl.gz").samefile(earlier)
    assert (stage / "2019" / "posts.jsonl.gz").samefile(stage / "posts.jsonl.gz")


def test_an_unchanged_image_is_the_same_file_in_both_stages(served):
    path = "stage/original/0001/1.png"
    assert (served.folder / path).samefile(served.releases / "2018" / path)


def test_a_withdrawn_post_is_in_no_stage_after_its_withdrawal(served):
    paths = {file.path for file in served.images()}
    assert not [path for path in paths if path.split("/")[-1].split(".")[0] in {"6", "7"}]


@pytest.mark.parametrize("release", ["2018", "2019"])
def test_sha256sum_accepts_the_stage(two_years, release):
    stage = two_years.folder / release / "stage"
    command = ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"]
    done = subprocess.run(command, cwd=stage, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_sums_name_every_file_but_two(served):
    stage = served.folder / "stage"
    listed = [line.split("  ")[1] for line in (stage / "SHA256SUMS").read_text().splitlines()]
    assert len(listed) == len(set(listed))
    assert {*listed, "SHA256SUMS", "release.json"} == contents(stage).keys()


def test_the_same_release_has_the_same_sums(tree):
    before = (tree.folder / "SHA256SUMS").read_bytes()
    assert write_sums(tree, tree.folder / "SHA256SUMS") == before.count(b"\n")
    assert (tree.folder / "SHA256SUMS").read_bytes() == before


def test_staging_again_gives_the_same_files_and_leaves_nothing_beside(tree):
    before = contents(tree.folder / "stage")
    library = inodes(tree.releases / "library")
    stage_release(tree, tree.folder / "release.json")
    assert contents(tree.folder / "stage") == before
    assert sorted(path.name for path in tree.folder.glob("*stage*")) == ["stage"]
    assert {name: inode for name, (inode, _) in library.items()} == {
        name: inode for name, (inode, _) in inodes(tree.releases / "library").items()
    }


def test_what_an_attempt_before_left_is_not_in_the_stage(tree):
    write_file(tree.folder / "stage.new" / "original" / "stranger.png", b"left")
    stage_release(tree, tree.folder / "release.json")
    assert not (tree.folder / "stage" / "original" / "stranger.png").exists()


class OneImage(Tree):
    """A release of one image, that is staged in no time."""

    def files(self):
        yield from (file for file in self.images() if file.path == "original/0001/1.png")


def test_a_reader_never_sees_half_a_release(tree):
    tree = OneImage(tree.releases, tree.release, tree.earlier, tree.buckets, tree.subsets)
    versions = [
        write_file(tree.folder / f"draft{n}", json.dumps({"n": n}).encode()) for n in (0, 1)
    ]
    stage_release(tree, versions[0])
    watching, problems, reads = threading.Event(), [], []

    def watch():
        while not watching.is_set():
            try:
                reads.append(json.loads((tree.folder / "stage" / "release.json").read_bytes())["n"])
                (tree.folder / "stage" / "original/0001/1.png").stat()
            except (OSError, ValueError) as problem:
                problems.append(problem)
            time.sleep(0.0005)

    reader = threading.Thread(target=watch)
    reader.start()
    for turn in range(200):
        stage_release(tree, versions[turn % 2])
    watching.set()
    reader.join()
    assert problems == []
    assert set(reads) == {0, 1}


def test_a_lost_file_of_the_library_is_named_and_the_served_stage_stays(tree):
    [lost, *_] = tree.images()
    lost.source.unlink()
    before = contents(tree.folder / "stage")
    with pytest.raises(NoLink) as problem:
        stage_release(tree, tree.folder / "release.json")
    assert problem.value.source == lost.source
    assert "cannot be linked to" in str(problem.value)
    assert "No such file or directory" in str(problem.value)
    assert contents(tree.folder / "stage") == before


def test_a_stage_on_another_file_system_is_refused(tmp_path):
    source = write_file(tmp_path / "1.png", b"data")
    with TemporaryDirectory(dir=memory_beside(tmp_path)) as elsewhere:
        target = Path(elsewhere) / "original" / "1.png"
        with pytest.raises(NoLink) as problem:
            place(Staged("original/1.png", source, ""), target)
    assert str(problem.value) == (
        f"{target}: cannot be linked to {source}: Invalid cross-device link"
    )


def memory_beside(folder):
    """A folder on another file system."""
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == folder.stat().st_dev:
        pytest.skip("there is only one file system here")
    return memory
