"""Rules that keep posts out of whole releases, and rules that change between two calls."""

import hashlib
import json
from io import BytesIO
from pathlib import Path

import imagehash
import pandas
import pytest
import yaml
from PIL import Image

from .conftest import contents, names_below

pytestmark = pytest.mark.xdist_group("workflow")


def write_rules(workshop, *rules):
    """Make these the rules of the workshop, each given without its reason."""
    workshop.folder.mkdir(parents=True, exist_ok=True)
    path = workshop.folder / "rules.yaml"
    path.write_text(yaml.safe_dump({"rules": [{"why": "because", **rule} for rule in rules]}))
    workshop.config["exclude"] = str(path)


def write_list(workshop, name, *hashes):
    workshop.folder.mkdir(parents=True, exist_ok=True)
    (workshop.folder / name).write_text("".join(f"{one}\n" for one in hashes))


def rows(workshop, release):
    frame = pandas.read_parquet(workshop.releases / release / "manifest.parquet")
    return frame.set_index("id")


def excluded(workshop, release):
    """The reason of each post that a release excludes."""
    frame = rows(workshop, release)
    found = frame[frame["state"] == "excluded"]
    assert found["md5"].isna().all() and found["path"].isna().all()
    return {post: reason.split(":")[0] for post, reason in found["reason"].items()}


def source(corpus: Path, post: int) -> Path:
    """The file of a post that a corpus serves as it was uploaded."""
    events = map(json.loads, (corpus / "history.jsonl").read_text().splitlines())
    [md5] = [e["md5"] for e in events if (e["post"], e["event"]) == (post, "upload")]
    [file] = (corpus / "original").rglob(f"{md5}.*")
    return file


def md5_of(corpus, post):
    return source(corpus, post).stem


def sha256_of(corpus, post):
    return hashlib.sha256(source(corpus, post).read_bytes()).hexdigest()


def look_of_a_copy(file: Path) -> str:
    """The look of the picture, made smaller and encoded again."""
    with Image.open(file) as image:
        size = (max(32, image.width * 4 // 5), max(32, image.height * 4 // 5))
        out = BytesIO()
        image.convert("RGB").resize(size).save(out, "JPEG", quality=75)
    return str(imagehash.phash(Image.open(out)))


@pytest.fixture
def ruled(workshop, corpus):
    """2018 built under a rule of each kind; the names that its library has seen beside it."""
    write_list(workshop, "known.md5", md5_of(corpus, 1).upper())
    write_list(workshop, "known.sha256", sha256_of(corpus, 4))
    write_list(workshop, "looks", look_of_a_copy(source(corpus, 9)))
    write_rules(
        workshop,
        {"name": "suggestive", "ratings": ["s"]},
        {"name": "md5", "md5_files": ["known.md5"]},
        {"name": "sha256", "sha256_files": ["known.sha256"], "ids": ["1-8"]},
        {"name": "look", "perceptual": {"files": ["looks"], "distance": 6}, "ratings": ["g"]},
        {"name": "other-ids", "sha256_files": ["known.sha256"], "ids": [999]},
    )
    (workshop.releases / "library").mkdir(parents=True)
    with names_below(workshop.releases / "library") as names:
        workshop.build("release_2018")
    workshop.names = names
    return workshop


def test_rules_of_every_kind_keep_posts_out_and_their_bytes_out_of_the_library(ruled, corpus):
    assert excluded(ruled, "2018") == {
        1: "rule md5",
        4: "rule sha256",
        7: "rule suggestive",
        9: "rule look",
    }
    accounts = ruled.json("2018/accounts.json")
    assert (accounts["excluded"], accounts["published"]) == (4, 3)
    assert sum(count for count in accounts.values() if isinstance(count, int)) == 10
    for post in (1, 4, 7, 9):
        assert not [name for name in ruled.names if md5_of(corpus, post) in name]
    # Only what bytes had to tell was fetched.
    asked = "".join(ruled.requests("2018"))
    assert [md5_of(corpus, post) in asked for post in (1, 4, 7, 9)] == [False, True, False, True]
    everything = {hashlib.sha256(data).hexdigest() for data in contents(ruled.releases).values()}
    assert not everything & {sha256_of(corpus, post) for post in (1, 4, 7, 9)}
    assert contents(ruled.releases / "2018" / "journal") == {}
    told = json.dumps(ruled.json("2018/release.json"))
    assert "because" in told
    assert not [post for post in (1, 4) if md5_of(corpus, post) in told]


@pytest.mark.long
def test_under_other_rules_what_was_kept_out_comes_and_what_was_published_leaves(ruled):
    ruled.build("verify_2018")
    write_rules(ruled, {"name": "md5", "md5_files": ["known.md5"]}, {"name": "two", "ids": [2]})
    run = ruled.build("release_2019")
    assert "release 2018 is finished and stays as it is" in run.output
    assert excluded(ruled, "2019") == {1: "rule md5", 2: "rule two"}
    # The site deleted 9 meanwhile, which no release had published.
    assert rows(ruled, "2019").loc[[4, 9], "state"].to_list() == ["published", "deleted"]
    assert not (ruled.releases / "2019" / "stage" / "original" / "0000" / "2.jpg").exists()
    assert (ruled.releases / "2018" / "stage" / "original" / "0000" / "2.jpg").exists()
    ruled.build("verify_2019")


@pytest.mark.long
def test_a_list_that_grows_plans_a_reopened_release_anew_and_opens_no_old_image(both_years, corpus):
    write_list(both_years, "known.sha256", "00" * 32)
    rule = {"name": "sha256", "sha256_files": ["known.sha256"]}
    write_rules(both_years, rule)
    both_years.config["reopen"] = ["2019"]
    both_years.build("release_2019")
    assert excluded(both_years, "2019") == {}
    assert "Nothing to be done" in both_years.build("-n", "release_2019").output
    # 1 is of 2018 and unchanged; 12 is in the library since 2019.
    write_list(both_years, "known.sha256", sha256_of(corpus, 1), sha256_of(corpus, 12))
    both_years.build("release_2019")
    assert excluded(both_years, "2019") == {1: "rule sha256", 12: "rule sha256"}
    assert rows(both_years, "2018").loc[1, "state"] == "published"
    both_years.build("verify_2019")
    both_years.config["exclude"] = None
    both_years.build("release_2019")
    assert excluded(both_years, "2019") == {}
    both_years.build("verify_2019")


def test_a_wrong_rule_stops_the_run_before_it_begins(workshop):
    write_rules(workshop, {"name": "mine", "tag": ["x"]})
    run = workshop.run("release_2018")
    assert run.code != 0
    assert "rules.yaml: rule mine: unknown key `tag`" in run.output
    assert "did you mean `tags`?" in run.output
    assert not (workshop.releases / "2018").exists()


@pytest.mark.long
def test_an_embargo_is_planned_anew_and_the_site_is_not_read_again(workshop):
    workshop.config["embargo_days"] = 30
    workshop.build("release_2018")
    assert excluded_by_embargo(workshop) == {10}
    asked = len(workshop.requests("2018"))
    workshop.config |= {"embargo_days": 400, "reopen": ["2018"]}
    workshop.build("release_2018")
    # 8 and 9 were uploaded in 2018, 7 on its first day.
    assert excluded_by_embargo(workshop) == {7, 8, 9, 10}
    assert len(workshop.requests("2018")) == asked
    workshop.config |= {"embargo_days": 0, "reopen": []}
    workshop.build("release_2019")
    assert rows(workshop, "2019").loc[8, "first_release"] == "2019"


def excluded_by_embargo(workshop):
    frame = rows(workshop, "2018")
    return {
        post
        for post, reason in frame[frame["state"] == "excluded"]["reason"].items()
        if "younger than the embargo of" in reason
    }
