"""What a release lost: told by its accounts, refused by its gates until somebody says why."""

import fcntl

import pytest
from embedded_booru import serving

from .conftest import Workshop, contents, write_lines
from .proxy import failing

pytestmark = pytest.mark.xdist_group("workflow")

FOUR = "058313222db8867ac58c58ad4b249619"
POSTS = range(1, 26)


def line_of(output, label):
    [line] = [line for line in output.splitlines() if line.startswith(f"{label} ")]
    return line[len(label) :].split()


@pytest.fixture
def purged(tmp_path):
    """A booru that expunges 21 of its 25 posts in 2019."""
    folder = tmp_path / "purged"
    (folder / "original").mkdir(parents=True)
    uploads = [
        {"date": "2017-01-01T12:00:00Z", "post": post, "event": "upload", "rating": "g"}
        | {"drawing": f"jpeg-{post:02}"}
        for post in POSTS
    ]
    losses = [
        {"date": "2019-01-01T12:00:00Z", "post": post, "event": "expunge"} for post in POSTS[:21]
    ]
    write_lines(folder / "posts.jsonl", [])
    write_lines(folder / "history.jsonl", [*uploads, *losses])
    config = {"buckets": 2, "source": {"kind": "embedded", "corpus": str(folder)}}
    years = {
        release: {"last_upload": f"{release}-12-31", "safe_ratings": ["s"]}
        for release in ("2018", "2019")
    }
    return Workshop(tmp_path / "work", {**config, "releases": years})


@pytest.mark.long
def test_a_release_that_shrank_is_staged_only_with_a_reason(purged):
    purged.build("release_2018")
    before = contents(purged.releases / "2018")
    run = purged.run("release_2019")
    assert run.code != 0
    assert "shrinkage: extension jpg loses 21 of 25 published posts (84.00 %)" in run.output
    assert 'say why: releases.2019.accept: {shrinkage: "<why>"}' in run.output
    assert not (purged.releases / "2019" / "stage").exists()
    assert contents(purged.releases / "2018") == before

    purged.config["releases"]["2019"]["accept"] = {"shrinkage": "a purge of advertising"}
    run = purged.build("release_2019")
    assert "accepted: shrinkage: a purge of advertising (extension jpg loses" in run.output
    accepted = purged.json("2019/stage/release.json")["accepted"]
    assert accepted["shrinkage"]["reason"] == "a purge of advertising"
    assert len(accepted["shrinkage"]["found"]) == 3
    for done in ("checksum_bucket", "merge_manifest", "make_image_torrents"):
        assert f"rule {done}:" not in run.output

    staged = contents(purged.releases / "2019" / "stage")
    del purged.config["releases"]["2019"]["accept"]
    run = purged.run("release_2019", "--config", "reopen=2019")
    assert run.code != 0
    assert "release 2019: not staged, a gate is closed" in run.output
    assert contents(purged.releases / "2019" / "stage") == staged


def test_accounts_stand_beside_those_of_the_year_before(both_years):
    run = both_years.build("accounts_2019")
    assert "accounts of release 2019: 2 of 2 buckets are done" in run.output
    assert line_of(run.output, "published") == ["9", "7", "+2"]
    assert line_of(run.output, "    banned on the site") == ["1", "0", "+1"]
    assert line_of(run.output, "sum") == ["14", "10", "+4"]
    table = both_years.releases / "2019" / "report" / "accounts.txt"
    assert table.read_text() in run.output


@pytest.mark.long
def test_accounts_name_what_failed_while_a_release_is_being_built(workshop, corpus, tmp_path):
    source = {"kind": "danbooru", "contact": "tests@example.org", "requests_per_second": None}
    workshop.config["source"] = {**source, "attempts": 1, "retry_wait": 0.01}
    with (
        serving(corpus, as_of="2018-12-31", cache=tmp_path / "drawings") as url,
        failing(url) as site,
    ):
        workshop.config["source"]["url"] = site.url
        site.spoiled[FOUR] = (500, {"Content-Type": "text/html"}, b"")
        assert workshop.run("release_2018").code != 0
    with (workshop.releases / "run.lock").open("w") as lock:
        # As a run does that goes on meanwhile.
        fcntl.flock(lock, fcntl.LOCK_EX)
        run = workshop.build("accounts_2018")
        assert workshop.run("release_2018").code != 0
    assert "accounts of release 2018: 1 of 2 buckets are done" in run.output
    assert line_of(run.output, "failed") == ["1", "-", "-"]
    assert "    post 4: " in run.output
    assert line_of(run.output, "sum") == ["10", "-", "-"]


def test_a_release_that_is_not_begun_has_no_accounts(workshop):
    run = workshop.run("accounts_2018")
    assert run.code != 0
    assert "release 2018: is not begun" in run.output
    run = workshop.run("accounts_2017")
    assert "release 2017: the configuration does not know it" in run.output
