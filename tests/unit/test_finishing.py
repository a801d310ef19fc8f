import re
from importlib.metadata import version
from pathlib import Path

import pytest
from booru_release.files import read_json
from booru_release.finishing import TOOLS, finish_release
from booru_release.staging import NoLink, Tree
from making import contents, killed, sha256

pytest_plugins = ["steps_conftest"]

REQUIREMENTS = Path(__file__).parents[2] / "requirements.txt"


@pytest.fixture
def description(two_years):
    return read_json(two_years.folder / "2019" / "release.json")


def test_a_release_says_what_it_is_and_what_it_holds(description):
    assert {key: description[key] for key in ("name", "release", "last_upload", "last_id")} == {
        "name": "tiny",
        "release": "2019",
        "last_upload": "2019-12-31",
        "last_id": 15,
    }
    assert (description["buckets"], description["subsets"]) == (2, ["sfw_32px"])
    assert description["accounts"]["published"] == 9
    assert description["sets"]["original"]["files"] == 9
    assert description["tags"] == {"instances": 10, "distinct": 2, "mean_per_image": 1.11}


def test_a_release_names_every_index_by_its_sha256(two_years, description):
    own = two_years.folder / "2019"
    assert description["index"] == {
        name: sha256((own / name).read_bytes())
        for name in (
            "SHA256SUMS",
            "accounts.json",
            "manifest.parquet",
            "subsets/sfw_32px.parquet",
            "torrents.json",
        )
    }


def test_a_release_names_the_one_before_it_by_its_sha256(two_years, description):
    before = (two_years.folder / "2018" / "release.json").read_bytes()
    assert description["previous"] == {"release": "2018", "sha256": sha256(before)}


def test_a_release_says_what_changed_without_naming_every_post(description):
    assert description["changes"]["replaced"] == 1
    assert description["changes"]["posts_to_fetch"] == 4
    assert "ids" not in description["changes"]


def test_the_first_release_has_nothing_before_it(two_years):
    first = read_json(two_years.folder / "2018" / "release.json")
    assert (first["previous"], first["changes"]) == (None, None)


def test_a_release_names_its_torrents_and_those_of_earlier_years(description):
    assert list(description["torrents"]) == [
        "tiny-2018-metadata",
        "tiny-2018-original-0000-0001",
        "tiny-2018-sfw_32px-0000-0001",
        "tiny-2019-metadata",
        "tiny-2019-original-0000-0001",
        "tiny-2019-sfw_32px-0000-0001",
    ]
    assert all(re.fullmatch("[0-9a-f]{40}", hash) for hash in description["torrents"].values())


def test_a_release_holds_no_time_and_no_place_of_the_machine(two_years, description):
    text = (two_years.folder / "2019" / "release.json").read_text()
    assert str(two_years.folder) not in text
    assert not re.search(r"\d\d:\d\d", text)


def test_the_tools_that_decide_bytes_are_pinned(description):
    pinned = REQUIREMENTS.read_text().lower()
    for tool in TOOLS:
        assert re.search(rf"^{tool}=={re.escape(version(tool))}\b", pinned, re.MULTILINE)
        assert description["software"][tool] == version(tool)


def test_the_same_input_gives_the_same_release_in_another_folder(two_years, tmp_path):
    other = two_years.moved(tmp_path / "other")
    other.build("2018")
    other.build("2019")
    for release in ("2018", "2019"):
        one, two = two_years.folder / release, other.folder / release
        assert contents(two / "stage") == contents(one / "stage")
        assert contents(two / "receipts") == contents(one / "receipts")
        assert contents(two / "torrents") == contents(one / "torrents")
        assert (two / "release.json").read_bytes() == (one / "release.json").read_bytes()


def test_a_release_without_a_subset_is_a_release(new_workflow):
    workflow = new_workflow(subsets={})
    workflow.build("2018")
    assert list(read_json(workflow.folder / "2018" / "release.json")["sets"]) == ["original"]
    workflow.verify("2018")


def test_the_release_is_marked_as_finished_after_its_stage_is_there(releases):
    own = releases.folder / "2019"
    before = contents(own / "stage")
    (own / "release.json").unlink()
    lost = own / "metadata" / "posts.jsonl.gz"
    lost.rename(lost.with_name("aside"))
    with pytest.raises(NoLink):
        finish(own)
    assert not (own / "release.json").exists()
    assert contents(own / "stage") == before


def finish(own):
    finish_release(
        Tree(own.parent, "2019", ("2018",), 2, ("sfw_32px",)),
        name="tiny",
        difference=own / "report" / "diff_2018_2019.json",
        settings=read_json(own / "settings" / "release.json"),
        accepted={},
        output=own / "release.json",
    )


@pytest.mark.parametrize("step", [1, 3, 40, 120])
def test_a_finish_that_is_killed_goes_on_and_ends_with_the_same_bytes(releases, step):
    own = releases.folder / "2019"
    before, description = contents(own / "stage"), (own / "release.json").read_bytes()
    (own / "release.json").unlink()
    killed(lambda: finish(own), at=step, below=releases.home)
    assert contents(own / "stage") == before
    finish(own)
    assert contents(own / "stage") == before
    assert (own / "release.json").read_bytes() == description
    assert not (own / "stage.new").exists()
    assert not (own / "release.json.new").exists()
