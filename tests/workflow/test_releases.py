"""A first release, the next year's, and what a third call does."""

import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path

import libtorrent
import pandas
import pytest
from embedded_booru import truth

from .conftest import REPOSITORY, contents

pytestmark = pytest.mark.xdist_group("workflow")


def states(workshop, release):
    manifest = pandas.read_parquet(workshop.releases / release / "manifest.parquet")
    return dict(zip(manifest["id"], manifest["state"], strict=True))


def published_md5(workshop, release):
    manifest = pandas.read_parquet(workshop.releases / release / "manifest.parquet")
    return dict(zip(manifest["id"], manifest["md5"], strict=True))


def test_every_id_is_in_one_state(finished):
    assert states(finished, "2018") == {
        **dict.fromkeys([1, 2, 4, 6, 7, 8, 9], "published"),
        3: "deleted",
        10: "corrupt",
    }
    assert states(finished, "2019") == {
        **dict.fromkeys([1, 2, 4, 8, 9, 11, 12, 13, 14], "published"),
        3: "deleted",
        6: "withdrawn",
        7: "withdrawn",
        10: "corrupt",
    }


def test_a_reason_is_given_for_what_is_not_published(finished):
    manifest = pandas.read_parquet(finished.releases / "2019" / "manifest.parquet")
    silent = manifest["state"].isin(["published", "withdrawn"])
    assert manifest[silent]["reason"].isna().all()
    reasons = dict(manifest[~silent].set_index("id")["reason"])
    assert reasons.pop(10).startswith("image file is truncated")
    assert reasons == {3: "deleted on the site before it was ever published"}


@pytest.mark.parametrize(("release", "last_id"), [("2018", 10), ("2019", 14)])
def test_the_accounts_add_up_to_the_last_id(finished, release, last_id):
    accounts = finished.json(f"{release}/accounts.json")
    assert sum(count for count in accounts.values() if isinstance(count, int)) == last_id
    assert accounts["hole"] == 1
    assert finished.json(f"{release}/release.json")["last_id"] == last_id


def test_the_accounts_tell_new_replaced_and_unchanged_apart(finished):
    accounts = finished.json("2019/accounts.json")
    assert accounts["by_change"] == {"new": 4, "replaced": 1, "unchanged": 4}
    assert accounts["by_rating"] == {"e": 1, "g": 7, "q": 1}


def test_the_stage_has_the_names_that_users_expect(finished):
    images = {
        path
        for path in contents(finished.releases / "2019" / "stage")
        if path.startswith(("original/", "512px/", "replaced/"))
    }
    assert images == {
        *(f"original/{path}" for path in ["0001/1.png", "0000/2.jpg", "0000/4.jpg"]),
        *(f"original/{path}" for path in ["0000/8.jpg", "0001/9.png", "0001/11.zip"]),
        *(f"original/{path}" for path in ["0000/12.png", "0001/13.jpg", "0000/14.png"]),
        *(f"512px/{path}" for path in ["0001/1.jpg", "0000/4.jpg", "0000/8.jpg", "0001/9.jpg"]),
        *(f"512px/{path}" for path in ["0000/12.jpg", "0000/14.jpg"]),
        "replaced/2019/0000/4.jpg",
        "replaced/2019/512px/0000/4.jpg",
    }


def test_sha256sum_accepts_the_sums_and_they_name_every_file(finished):
    stage = finished.releases / "2019" / "stage"
    subprocess.run(
        ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=stage, check=True
    )
    named = {line.split("  ", 1)[1] for line in (stage / "SHA256SUMS").read_text().splitlines()}
    assert named == set(contents(stage)) - {"SHA256SUMS", "release.json"}


def test_images_are_linked_and_not_copied(finished):
    library = {path.stat().st_ino for path in (finished.releases / "library").rglob("*.*")}
    stage = finished.releases / "2019" / "stage"
    for folder in ("original", "512px"):
        assert {path.stat().st_ino for path in (stage / folder).rglob("*.*")} <= library


def test_subset_images_are_squares_without_metadata(finished):
    from PIL import Image

    for path in (finished.releases / "2019" / "stage" / "512px").rglob("*.jpg"):
        with Image.open(path) as image:
            assert (image.format, image.size, image.mode) == ("JPEG", (512, 512), "RGB")
            assert not image.getexif() and "icc_profile" not in image.info


def test_the_second_year_asks_for_new_and_replaced_files_alone(finished):
    asked = [path for path in finished.requests("2019") if path.startswith("/original/")]
    md5 = published_md5(finished, "2019")
    assert sorted(path.split("/")[-1].split(".")[0] for path in asked) == sorted(
        md5[post] for post in (4, 11, 12, 13, 14)
    )


def test_the_second_year_leaves_the_files_of_the_first_as_they_were(finished):
    before = contents(finished.folder / "library-of-2018" / "original")
    after = contents(finished.releases / "library" / "original")
    assert before.items() <= after.items()
    assert len(after) == len(before) + 5


def test_the_second_year_opens_no_image_of_the_first_but_what_a_new_rating_shows(finished):
    opened = {*map(json.loads, (finished.folder / "opened.jsonl").read_text().splitlines())}
    images = {
        path
        for path in opened
        if path.startswith(("original/", "subsets/")) and not path.endswith(".part")
    }
    first_year = set(contents(finished.folder / "library-of-2018"))
    # Post 8 became safe, so its first resized image is made of the old original.
    assert {Path(path).name.split(".")[0] for path in images & first_year} == {"8"}
    assert {Path(path).name.split(".")[0] for path in images - first_year} == {
        *("4", "8", "11", "12", "13", "14")
    }


def test_torrents_of_the_first_year_stay_and_are_in_the_second_stage(finished):
    earlier = contents(finished.releases / "2018" / "stage" / "torrents")
    later = contents(finished.releases / "2019" / "stage" / "torrents")
    assert len(earlier) == 3
    assert earlier.items() <= later.items()


def test_torrents_of_the_second_year_hold_what_is_new_and_nothing_else(finished):
    paths = set()
    for file in (finished.releases / "2019" / "torrents").glob("*.torrent"):
        storage = libtorrent.torrent_info(str(file)).layout()
        paths |= {storage.file_path(index) for index in range(storage.num_files())}
    images = {path for path in paths if "/metadata/" not in path}
    assert images == {
        "danbooru/original/0001/11.zip",
        "danbooru/original/0000/12.png",
        "danbooru/original/0001/13.jpg",
        "danbooru/original/0000/14.png",
        "danbooru/replaced/2019/0000/4.jpg",
        "danbooru/512px/0000/8.jpg",
        "danbooru/512px/0000/12.jpg",
        "danbooru/512px/0000/14.jpg",
        "danbooru/replaced/2019/512px/0000/4.jpg",
    }
    assert {path.rsplit("/", 1)[0] for path in paths - images} == {"danbooru/metadata/2019"}


def test_the_second_stage_archives_the_first_years_metadata(finished):
    earlier = contents(finished.releases / "2018" / "stage" / "metadata" / "2018")
    assert contents(finished.releases / "2019" / "stage" / "metadata" / "2018") == earlier
    assert "posts.jsonl.gz" in earlier


def test_release_json_names_each_index_and_the_release_before(finished):
    stage = finished.releases / "2019" / "stage"
    release = json.loads((stage / "release.json").read_bytes())
    for path, digest in release["index"].items():
        assert hashlib.sha256((stage / path).read_bytes()).hexdigest() == digest
    before = (finished.releases / "2018" / "release.json").read_bytes()
    assert release["previous"] == {
        "release": "2018",
        "sha256": hashlib.sha256(before).hexdigest(),
    }


def test_the_difference_is_what_the_history_says(finished, corpus, tmp_path):
    known = truth("2018-12-31", "2019-12-31", corpus=corpus, cache=tmp_path)
    found = finished.json("2019/report/diff_2018_2019.json")
    assert {key: found[key] for key in known} == known
    assert found["added"] == 4


@pytest.mark.long
def test_a_difference_needs_no_image(workshop):
    workshop.build("diff_2018_2019")
    asked = workshop.requests("2018") + workshop.requests("2019")
    assert asked and not [path for path in asked if path.startswith("/original/")]
    dry = workshop.build("-n", "release_2019")
    found = workshop.json("2019/report/diff_2018_2019.json")
    assert (
        f"fetches {found['posts_to_fetch']} posts, {found['bytes_to_fetch']:,} bytes" in dry.output
    )


@pytest.mark.long
def test_a_subset_alone_makes_no_torrent_and_no_stage_of_any_year(workshop):
    workshop.build("sfw_512px_2018")
    table = pandas.read_parquet(workshop.releases / "2018" / "subsets" / "sfw_512px.parquet")
    assert list(table["id"]) == [2, 4, 6, 1, 9]
    workshop.build("sfw_512px")
    table = pandas.read_parquet(workshop.releases / "2019" / "subsets" / "sfw_512px.parquet")
    assert list(table["id"]) == [4, 8, 12, 14, 1, 9]
    assert not [*workshop.releases.glob("*/torrents"), *workshop.releases.glob("*/stage")]


def test_a_second_run_does_nothing(finished):
    assert "Nothing to be done" in finished.build("release_2019").output
    assert "Nothing to be done" in finished.build("-n", "release_2019").output


def test_touched_code_rebuilds_nothing(both_years, tmp_path):
    # As after a `git checkout`: the same code, and every file of it new.
    for folder in ("rules", "scripts", "config", "envs", "profiles"):
        shutil.copytree(REPOSITORY / folder, tmp_path / "clone" / folder)
    both_years.snakefile = tmp_path / "clone" / "Snakefile"
    both_years.snakefile.write_bytes((REPOSITORY / "Snakefile").read_bytes())
    for path in (tmp_path / "clone").rglob("*"):
        path.touch()
    dry = both_years.build("-n", "release_2019", "--config", "reopen=2019")
    assert "Nothing to be done" in dry.output
    dry = both_years.build("-n", "release_2019", "--config", "reopen=[2018,2019]")
    assert "Nothing to be done" in dry.output


@pytest.mark.long
def test_several_years_are_reopened_and_rebuilt_in_one_run(both_years):
    both_years.config |= {"subsets": {"sfw_512px": {"quality": 70}}, "reopen": [2018, 2019]}
    both_years.build("release_2019")
    for release in ("2018", "2019"):
        assert both_years.json(f"{release}/settings/rescale/sfw_512px.json")["quality"] == 70
        both_years.build(f"verify_{release}")
    assert "Nothing to be done" in both_years.build("release_2019").output


@pytest.mark.long
def test_a_subset_that_earlier_years_lack_starts_in_this_one(both_years):
    look = {"folder": "64px", "safe": False, "size": 64, "background": "white"}
    both_years.config["subsets"] = {"all_64px": {**look, "format": "webp", "quality": 80}}
    refused = both_years.run("all_64px_2019")
    assert refused.code != 0
    assert "release 2019: is finished, and has no subset all_64px" in refused.output
    both_years.config["reopen"] = ["2019"]
    both_years.build("release_2019")
    table = pandas.read_parquet(both_years.releases / "2019" / "subsets" / "all_64px.parquet")
    assert sorted(table["id"]) == [1, 2, 4, 8, 9, 12, 13, 14]
    assert set(table["first_release"]) == {"2019"}
    assert "releases/2019/stage:" in both_years.build("verify_2019").output


def test_a_finished_release_says_that_its_configuration_changed(both_years):
    both_years.config["subsets"] = {"sfw_512px": {"quality": 70}}
    dry = both_years.build("-n", "release_2019")
    assert "release 2019 is finished and stays as it is" in dry.output
    assert "rescale/sfw_512px.quality (90 -> 70)" in dry.output
    assert "Nothing to be done" in dry.output


@pytest.mark.long
def test_a_changed_quality_rebuilds_what_depends_on_it(both_years):
    before = contents(both_years.releases / "2019" / "stage" / "original")
    both_years.config |= {"subsets": {"sfw_512px": {"quality": 70}}, "reopen": ["2019"]}
    dry = both_years.build("-n", "release_2019")
    for rule in ("rescale_bucket", "checksum_bucket", "make_image_torrents", "finish_release"):
        assert f"rule {rule}:" in dry.output
    for rule in ("snapshot_site", "plan_bucket", "download_bucket", "optimise_bucket"):
        assert f"rule {rule}:" not in dry.output
    old = contents(both_years.releases / "library" / "subsets")
    both_years.build("release_2019")
    assert old.items() <= contents(both_years.releases / "library" / "subsets").items()
    assert contents(both_years.releases / "2019" / "stage" / "original") == before
    assert "Nothing to be done" in both_years.build("release_2019").output
    both_years.build("verify_2019")


@pytest.mark.long
def test_the_summary_says_what_was_built(workshop):
    run = workshop.build("release_2018")
    assert "release 2018 of danbooru: IDs 1 to 10" in run.output
    assert re.search(r"published +7\n", run.output)
    assert "rule plan_bucket:" not in run.output
    facts = workshop.json("2018/run.json")
    assert facts["ok"] is True
    steps = facts["steps"]
    assert {rule: step["jobs"] for rule, step in steps.items() if rule.endswith("_bucket")} == {
        **dict.fromkeys(["plan_bucket", "download_bucket", "optimise_bucket"], 2),
        **dict.fromkeys(["rescale_bucket", "checksum_bucket"], 2),
    }
    assert steps["checksum_bucket"]["posts"] == 9
    assert steps["download_bucket"]["bytes"] > 0
    assert not [*(workshop.releases / "2018" / "progress").rglob("*.json")]
    assert facts["stage"] == str(workshop.releases / "2018" / "stage")
    assert facts["seconds"] > 0
