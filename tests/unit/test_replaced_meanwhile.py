"""From a file that changes after the snapshot to the manifest, the stage and the next year."""

import pandas
import pytest
from making import Corpus, md5, picture, tiny_history

pytest_plugins = ["steps_conftest"]

NEW = picture(200)
WHY = "the site replaced the file after its metadata was read"


@pytest.fixture
def corpus(tmp_path):
    return Corpus(tmp_path / "corpus")


@pytest.fixture
def build(corpus, new_workflow):
    """Build a release whose site changes between its plan and its downloads."""
    tiny_history(corpus)
    workflow = new_workflow(corpus)

    def build(release, change):
        workflow.snapshot(release)
        for bucket in workflow.buckets:
            workflow.plan(release, bucket)
        change(corpus)
        for bucket in workflow.buckets:
            for step in (workflow.download, workflow.optimise, workflow.rescale, workflow.checksum):
                step(release, bucket)
        workflow.conclude(release)
        workflow.verify(release)
        return workflow

    return build


def manifest(workflow, release):
    return pandas.read_parquet(workflow.folder / release / "manifest.parquet").set_index("id")


def replace_first(corpus):
    corpus.replace("2018-12-30", 1, NEW)
    corpus.file(picture(10)).unlink()


def test_the_new_file_is_in_the_manifest_and_in_the_stage(build):
    workflow = build("2018", replace_first)
    row = manifest(workflow, "2018").loc[1]
    assert (row["state"], row["md5"], row["reason"]) == ("published", md5(NEW), WHY)
    staged = workflow.folder / "2018" / "stage" / row["path"]
    [held] = (workflow.folder / "library" / "original" / "0001").glob("1.*")
    assert held.name == f"1.{md5(NEW)}.png"
    assert staged.samefile(held)
    assert staged.stat().st_size == row["size"]
    assert not [*(workflow.folder / "library" / "incoming").rglob("1.*")]


def test_the_next_year_sees_nothing_new_in_it(build):
    workflow = build("2018", replace_first)
    workflow.build("2019")
    row = manifest(workflow, "2019").loc[1]
    assert (row["state"], row["first_release"], row["md5"]) == ("published", "2018", md5(NEW))
    assert pandas.isna(row["reason"])


def test_a_repair_fetches_the_new_file(build):
    workflow = build("2018", replace_first)
    path = workflow.folder / "2018" / "stage" / manifest(workflow, "2018").loc[1, "path"]
    whole = path.read_bytes()
    path.write_bytes(b"damaged")
    workflow.repair("2018")
    assert path.read_bytes() == whole


def test_a_replacement_that_is_banned_meanwhile_takes_the_published_file_along(build):
    workflow = build("2018", lambda corpus: None)

    def ban(corpus):
        corpus.happen("2019-12-30", 2, "ban")
        corpus.file(picture(25, "jpeg"), "jpg").unlink()

    build("2019", ban)
    row = manifest(workflow, "2019").loc[2]
    assert row["state"] == "withdrawn"
    assert row[["path", "md5", "sha256"]].isna().all()
    assert not (workflow.folder / "2019" / "stage" / "original" / "0000" / "2.jpg").exists()


def test_a_replacement_that_is_taken_back_meanwhile_leaves_the_published_file(build):
    workflow = build("2018", lambda corpus: None)

    def take_back(corpus):
        corpus.replace("2019-12-30", 2, picture(20, "jpeg"), ext="jpg")
        corpus.file(picture(25, "jpeg"), "jpg").unlink()

    build("2019", take_back)
    row = manifest(workflow, "2019").loc[2]
    assert (row["state"], row["first_release"]) == ("published", "2018")
    assert row["md5"] == md5(picture(20, "jpeg"))
