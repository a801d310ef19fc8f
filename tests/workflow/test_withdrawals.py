"""Posts withdrawn on request, through real Snakemake, and handed over to a real rsync daemon."""

import hashlib
import json
import random
import time

import pandas
import pytest
from searching import traces_of

from .conftest import contents
from .test_faults import kill_tree, start

pytestmark = pytest.mark.xdist_group("withdrawals")


def withdraw(workshop, *ids):
    """Put posts on the list."""
    rows = [{"id": post, "date": "2020-02-01", "reason": "the artist asked"} for post in ids]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    workshop.folder.mkdir(exist_ok=True)
    (workshop.folder / "withdrawals.jsonl").write_text(lines)


def files_of(workshop, post_id):
    """The bytes that the library has of a post, by their sha256, and by its md5 on the site."""
    found = {}
    for folder in ("original", "subsets"):
        for path in (workshop.releases / "library" / folder).rglob(f"{post_id}.*"):
            data = path.read_bytes()
            found |= {hashlib.sha256(data).hexdigest(): data, path.name.split(".")[1]: data}
    assert found
    return found


def stages(workshop):
    return {name: contents(workshop.releases / name / "stage") for name in ("2018", "2019")}


def test_a_withdrawn_post_leaves_both_years_and_the_run_says_so(both_years):
    files = files_of(both_years, 4)
    withdraw(both_years, 4)
    run = both_years.build("withdraw_2019")
    for release in ("2018", "2019"):
        warning = f"post 4 is withdrawn and release {release} still has it"
        assert f"{warning}: snakemake withdraw_{release}" in run.output
        assert f"release {release} is issued as revision 2" in run.output
    assert traces_of(both_years.releases, 4, files) == []
    run = both_years.build("verify_2018", "verify_2019")
    assert "still has it" not in run.output


def test_a_list_that_is_wrong_is_refused_with_its_line(both_years):
    (both_years.folder / "withdrawals.jsonl").write_text('{"id": 4}\n')
    run = both_years.run("withdraw_2019")
    assert run.code != 0
    assert "withdrawals.jsonl, line 1: missing key `" in run.output


@pytest.mark.long
def test_a_release_that_is_not_finished_cannot_be_withdrawn_from(workshop):
    withdraw(workshop, 4)
    run = workshop.run("withdraw_2018")
    assert run.code != 0
    assert "release 2018: is not built" in run.output


# In a pool, with notes and a child; replaced; in the subset since 2019; new in 2019; banned since.
@pytest.mark.long
def test_nothing_is_left_of_any_kind_of_post_in_these_years_nor_in_the_next(both_years):
    posts = (1, 4, 8, 12, 6)
    files = {post: files_of(both_years, post) for post in posts}
    assert all(traces_of(both_years.releases, post, files[post]) for post in posts)
    withdraw(both_years, *posts)
    both_years.build("withdraw_2018")
    both_years.config["releases"] = {
        year: {"last_upload": f"{year}-12-31", "safe_ratings": ["g"]} for year in (2018, 2019, 2020)
    }
    both_years.build("release_2020")
    both_years.build("verify_2018", "verify_2019", "verify_2020")
    for post in posts:
        assert traces_of(both_years.releases, post, files[post]) == []
    for release in ("2018", "2019", "2020"):
        frame = pandas.read_parquet(both_years.releases / release / "manifest.parquet")
        rows = frame[frame["id"].isin(posts)].dropna(axis="columns")
        assert {*rows["state"]} == {"withdrawn"}
        assert [*rows.columns] == ["id", "state"]
    assert both_years.json("2020/release.json")["revision"] == 1
    assert "metadata-r2" in " ".join(both_years.json("2020/release.json")["torrents"])


@pytest.mark.long
def test_the_next_release_waits_until_the_earlier_ones_are_without_the_post(both_years):
    files = files_of(both_years, 1)
    withdraw(both_years, 1)
    both_years.config["releases"] = {
        year: {"last_upload": f"{year}-12-31", "safe_ratings": ["g"]} for year in (2018, 2019, 2020)
    }
    run = both_years.run("release_2020")
    assert run.code != 0
    assert "snakemake withdraw_2018, then the same command again" in run.output
    assert not (both_years.releases / "2020" / "stage").exists()
    both_years.build("withdraw_2018")
    both_years.build("release_2020")
    both_years.build("verify_2020")
    assert traces_of(both_years.releases, 1, files) == []


@pytest.mark.long
def test_a_post_that_was_fetched_and_is_withdrawn_before_the_release_is_finished(workshop):
    workshop.build("sfw_512px_2018")
    files = files_of(workshop, 4)
    withdraw(workshop, 4)
    workshop.build("release_2018")
    workshop.build("verify_2018")
    assert traces_of(workshop.releases, 4, files) == []
    asked = [path for path in workshop.requests("2018") if path.startswith("/original/")]
    assert len(asked) == len(set(asked))
    again = workshop.build("release_2018")
    assert "Nothing to be done" in again.output


@pytest.mark.long
def test_bytes_that_were_put_back_by_hand_are_named(both_years):
    stage = both_years.releases / "2019" / "stage"
    data = (stage / "original" / "0001" / "1.png").read_bytes()
    withdraw(both_years, 1)
    both_years.build("withdraw_2019")
    (stage / "original" / "0001" / "another.png").write_bytes(data)
    run = both_years.run("verify_2019")
    assert run.code != 0
    assert "withdrawn: original/0001/another.png: the bytes of post 1" in run.output
    both_years.build("repair_2019")
    both_years.build("verify_2019")


@pytest.mark.long
def test_a_reopened_release_stays_without_the_post(both_years):
    files = files_of(both_years, 1)
    withdraw(both_years, 1)
    both_years.build("withdraw_2019")
    before = both_years.json("2019/release.json")
    both_years.build("release_2019", "--config", "reopen=2019")
    both_years.build("verify_2019")
    assert traces_of(both_years.releases, 1, files) == []
    after = both_years.json("2019/release.json")
    assert (before["revision"], after["revision"]) == (2, 2)
    assert sorted(after["torrents"].values()) == sorted(before["torrents"].values())


@pytest.mark.long
def test_a_published_release_loses_the_post_at_its_destination_too(both_years, rsync_daemon):
    both_years.config["staging"] = {"destination": f"{rsync_daemon.url}/mirror"}
    both_years.build("publish_2018")
    both_years.build("publish_2019")
    files = files_of(both_years, 4)
    mirrored = rsync_daemon.folder
    assert traces_of(mirrored, 4, files)
    withdraw(both_years, 4)
    run = both_years.build("withdraw_2019")
    assert "to hand it over, too: snakemake publish_2018 publish_2019" in run.output
    both_years.build("publish_2018", "publish_2019")
    assert traces_of(mirrored, 4, files) == []
    for release, stage in stages(both_years).items():
        assert contents(mirrored / f"danbooru{release}") == stage
        assert "withdrawals.json" in stage


@pytest.mark.long
def test_a_withdrawal_that_is_killed_at_many_moments_ends_with_the_same_bytes(
    both_years, finished, tmp_path
):
    import subprocess

    from .conftest import Workshop

    subprocess.run(["cp", "-a", str(both_years.folder), str(tmp_path / "killed")], check=True)
    killed = Workshop(tmp_path / "killed", dict(finished.config))
    withdraw(both_years, 1, 4, 12)
    both_years.build("withdraw_2019")
    (killed.releases / "keys").mkdir()
    key = both_years.releases / "keys" / "feed.pem"
    (killed.releases / "keys" / "feed.pem").write_bytes(key.read_bytes())
    withdraw(killed, 1, 4, 12)
    moments = random.Random(2018)
    log = killed.releases / "2019" / "logs" / "withdraw_release" / "withdraw.log"
    inside = 0
    for _ in range(10):
        log.unlink(missing_ok=True)
        run = start(killed, "withdraw_2019")
        while not log.exists() and run.poll() is None:
            time.sleep(0.02)
        time.sleep(moments.uniform(0, 0.6))
        inside += run.poll() is None
        kill_tree(run)
    killed.build("withdraw_2019")
    assert inside >= 3
    assert stages(killed) == stages(both_years)
    killed.build("verify_2019")
