"""The whole embedded booru: kills at many moments, other cores, a clone as a newcomer makes it."""

import random
import shutil
import subprocess
import time

import pandas
import pytest
from embedded_booru import truth

from .conftest import REPOSITORY, Workshop, contents
from .test_faults import kill_tree, released, start

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("long")]

KILLS_A_YEAR = 6


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> Workshop:
    """Both years of the built-in booru, with nothing configured."""
    workshop = Workshop(tmp_path_factory.mktemp("undisturbed"), {})
    for release in ("2018", "2019"):
        workshop.build(f"release_{release}")
        workshop.build(f"verify_{release}")
    return workshop


def test_killed_at_many_moments_it_ends_with_the_same_bytes(undisturbed, tmp_path):
    workshop = Workshop(tmp_path / "killed", {})
    moments = random.Random(2018)
    for release in ("2018", "2019"):
        for kill in range(KILLS_A_YEAR):
            run = start(workshop, f"release_{release}", "--cores", str(1 + kill % 3))
            time.sleep(moments.uniform(2, 6))
            kill_tree(run)
        workshop.build(f"release_{release}", "--cores", "3")
        workshop.build(f"verify_{release}")
        assert released(workshop, release) == released(undisturbed, release)
    assert contents(workshop.releases / "library" / "original") == contents(
        undisturbed.releases / "library" / "original"
    )


def test_nothing_is_fetched_twice_but_what_was_in_flight(undisturbed):
    for release in ("2018", "2019"):
        asked = [path for path in undisturbed.requests(release) if path.startswith("/original/")]
        assert len(asked) == len(set(asked))


def test_the_second_year_fetches_what_the_history_says_is_new_or_replaced(undisturbed, tmp_path):
    known = truth("2018-12-31", "2019-12-31", cache=tmp_path)
    manifest = pandas.read_parquet(undisturbed.releases / "2019" / "manifest.parquet")
    fetched = {"published", "corrupt"}
    due = manifest[
        manifest["id"].isin(known["ids"]["added"] + known["ids"]["replaced"])
        & manifest["state"].isin(fetched)
    ]
    asked = [path for path in undisturbed.requests("2019") if path.startswith("/original/")]
    assert sorted(path.rsplit("/", 1)[1].split(".")[0] for path in asked) == sorted(due["md5"])
    assert len(due) >= 25


def test_the_difference_is_what_the_history_says(undisturbed, tmp_path):
    known = truth("2018-12-31", "2019-12-31", cache=tmp_path)
    found = undisturbed.json("2019/report/diff_2018_2019.json")
    assert {key: found[key] for key in known} == known


def test_a_newcomer_needs_two_commands(tmp_path):
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(REPOSITORY), str(clone)], check=True)
    for command in (
        "snakemake --cores all release_2018",
        "snakemake verify_2018",
        "pytest tests/booru",
    ):
        subprocess.run(["./bootstrap", *command.split()], cwd=clone, check=True)
    assert (clone / "releases" / "2018" / "stage" / "release.json").is_file()
    shutil.rmtree(clone)
