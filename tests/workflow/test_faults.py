"""What goes wrong, what it says, and that nothing is lost."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from embedded_booru import serving

from .conftest import REPOSITORY, Workshop, contents
from .proxy import failing

pytestmark = pytest.mark.xdist_group("workflow")

FOUR = "058313222db8867ac58c58ad4b249619"
SERVER_ERROR = (500, {"Content-Type": "application/json"}, b'{"success":false}')


@pytest.fixture
def site(corpus, tmp_path):
    """The tiny booru of 2018 behind an address, as a real site is, with its faults to be set."""
    with (
        serving(corpus, as_of="2018-12-31", cache=tmp_path / "drawings") as url,
        failing(url) as booru,
    ):
        yield booru


def from_site(workshop, booru, **more):
    """Build from an address, without waiting long for anything."""
    source = {"kind": "danbooru", "url": booru.url, "contact": "tests@example.org"}
    patience = {"requests_per_second": None, "attempts": 2, "retry_wait": 0.01, "timeout": 5}
    workshop.config["source"] = {**source, **patience, **more}
    return workshop


@pytest.mark.long
def test_a_failed_post_is_named_and_nothing_is_staged_until_it_comes(workshop, site):
    from_site(workshop, site).config["releases"] = {
        2018: {"last_upload": "2018-12-31", "safe_ratings": ["g"]}
    }
    site.spoiled[FOUR] = SERVER_ERROR
    run = workshop.run("release_2018")
    assert run.code != 0
    assert "bucket 0000: 1 posts failed\n  post 4: " in run.output
    assert "run the same command again: it tries only these" in run.output
    assert not (workshop.releases / "2018" / "stage").exists()
    assert re.search(r"release 2018: 1 of \d+ jobs failed: 1 of download_bucket;", run.output)
    facts = workshop.json("2018/run.json")
    assert facts["ok"] is False
    assert facts["steps"]["download_bucket"]["failed"] == 1
    site.spoiled.clear()
    site.asked.clear()
    workshop.build("release_2018")
    assert workshop.json("2018/run.json")["ok"] is True
    assert [path.rsplit("/", 1)[1] for path in site.images_asked()] == [f"{FOUR}.png"]
    workshop.build("verify_2018")


@pytest.mark.long
def test_missing_and_wrong_files_are_states_and_the_release_goes_on(workshop, site):
    from_site(workshop, site)
    site.spoiled[FOUR] = (404, {"Content-Type": "text/html"}, b"<html>not here</html>")
    site.spoiled["b5b748ff618f863922c722bda05d95ac"] = (
        200,
        {"Content-Type": "image/png"},
        b"other",
    )
    workshop.build("release_2018")
    accounts = workshop.json("2018/accounts.json")
    assert (accounts["missing"], accounts["mismatch"], accounts["published"]) == (1, 1, 5)


@pytest.mark.long
@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (SERVER_ERROR, "HTTP 500 (2 attempts)"),
        ((200, {"Content-Type": "text/html"}, b"<html>"), "answers text/html instead of JSON"),
        ((401, {"Content-Type": "application/json"}, b"{}"), "asks for credentials (HTTP 401)"),
        ((200, {"Content-Type": "application/json"}, b"[{"), "answers broken JSON"),
        ((200, {"Content-Type": "application/json"}, b"{}"), "answers no list of rows"),
        ((302, {"Location": "http://elsewhere.example/"}, b""), "is not on a configured host"),
    ],
)
def test_a_site_that_does_not_answer_as_it_should_is_named(workshop, site, answer, says):
    site.spoiled["/posts.json"] = answer
    run = from_site(workshop, site).run("release_2018")
    assert run.code != 0
    assert says in run.output
    assert "Traceback" not in run.output


@pytest.mark.long
def test_a_site_that_is_down_is_named_and_the_walk_goes_on_later(workshop, site):
    from_site(workshop, site)
    site.spoiled["/pools.json"] = SERVER_ERROR
    assert workshop.run("diff_2018_2019").code != 0
    site.spoiled.clear()
    site.asked.clear()
    workshop.build("releases/2018/metadata/snapshot.json")
    assert not [path for path in site.asked if "/posts.json" in path]


@pytest.mark.long
def test_nobody_answers(workshop):
    class Nobody:
        url = "http://127.0.0.1:9"

    run = from_site(workshop, Nobody).run("release_2018")
    assert run.code != 0
    assert "http://127.0.0.1:9/posts.json: no answer (2 attempts)" in run.output


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"bukets": 4}, "unknown key `bukets`\n  hint: did you mean `buckets`?"),
        ({"subsets": {"sfw_512px": {"qualty": 4}}}, "did you mean `quality`?"),
        (
            {"releases": {2018: {"last_upload": "yesterday", "safe_ratings": []}}},
            "2018.last_upload",
        ),
        ({"source": {"kind": "danbooru", "url": "http://x", "requests_per_second": 1}}, "contact"),
        ({"source": {"kind": "embedded", "corpus": "/nowhere"}}, "/nowhere"),
        ({"subsets": {"original": {}}}, "subsets.original"),
        ({"reopen": ["2017"]}, "release 2017: the configuration does not know it"),
    ],
)
def test_a_wrong_configuration_is_refused_with_its_place(workshop, change, says):
    workshop.config |= change
    run = workshop.run("release_2018")
    assert run.code != 0
    assert says in run.output


@pytest.mark.parametrize("target", ["release_2020", "verify_2017", "sfw_512px_2016"])
def test_an_unknown_release_is_named_with_those_that_there_are(workshop, target):
    run = workshop.run("-n", target)
    assert run.code != 0
    assert f"release {target[-4:]}: the configuration does not know it" in run.output
    assert "it has 2018, 2019" in run.output


def test_a_finished_year_that_the_configuration_forgot_is_named(both_years):
    both_years.config["releases"] = {2020: {"last_upload": "2020-12-31", "safe_ratings": ["g"]}}
    run = both_years.run("-n", "release_2020")
    assert run.code != 0
    assert "release 2018: is finished here and not in the configuration" in run.output


def test_a_release_that_is_not_built_cannot_be_verified(workshop):
    run = workshop.run("verify_2018")
    assert run.code != 0
    assert "release 2018: is not built" in run.output


def test_unquoted_years_and_dates_are_understood(workshop):
    configured = workshop.folder.parent / "unquoted.yaml"
    configured.write_text("releases:\n  2018: {last_upload: 2018-12-31, safe_ratings: [g]}\n")
    run = workshop.build("-n", "release_2018", "--configfile", str(configured))
    assert "rule finish_release:" in run.output


def test_the_kind_of_a_source_may_stand_alone(workshop):
    workshop.config["source"] = "embedded"
    assert "rule snapshot_site:" in workshop.build("-n", "release_2018").output


@pytest.mark.long
def test_another_number_of_buckets_is_refused_for_a_library(both_years):
    both_years.config["buckets"] = 3
    run = both_years.run("-n", "release_2019")
    assert run.code != 0
    assert "holds 2 buckets; the configuration asks for 3" in run.output


@pytest.mark.long
def test_a_second_run_in_the_same_folder_is_refused(workshop, site):
    from_site(workshop, site, timeout=60)
    site.held = "/original/"
    first = start(workshop, "release_2018")
    wait_for(workshop.releases / "2018" / "metadata" / "snapshot.json", first)
    second = workshop.run("release_2018")
    assert second.code != 0
    assert "another run works here" in second.output
    site.let_go.set()
    assert first.wait(60) == 0


@pytest.mark.long
def test_damage_is_found_named_and_repaired(both_years):
    stage = both_years.releases / "2019" / "stage"
    damaged = stage / "original" / "0001" / "1.png"
    damaged.write_bytes(b"x" + damaged.read_bytes()[1:])
    (stage / "512px" / "0000" / "12.jpg").unlink()
    (stage / "original" / "stranger.png").write_bytes(b"?")
    edited = next((both_years.releases / "library" / "original" / "0001").glob("9.*"))
    edited.unlink()
    edited.write_bytes(b"by hand")
    run = both_years.run("verify_2019")
    assert run.code != 0
    for line in (
        "bad: original/0001/1.png",
        "missing: 512px/0000/12.jpg",
        "extra: original/stranger.png",
        "changed in the library: original/0001/9.png",
    ):
        assert line in run.output
    both_years.build("repair_2019")
    both_years.build("verify_2019")
    # The year before links the same library file, and was damaged with it.
    both_years.build("verify_2018")


@pytest.mark.long
def test_the_stage_is_handed_to_a_real_rsync_daemon(both_years, rsync_daemon):
    both_years.config["staging"] = {"destination": f"{rsync_daemon.url}/mirror"}
    both_years.build("publish_2018")
    both_years.build("publish_2019")
    for release in ("2018", "2019"):
        sent = contents(rsync_daemon.folder / f"danbooru{release}")
        assert sent == contents(both_years.releases / release / "stage")
    first = rsync_daemon.folder / "danbooru2018" / "original" / "0001" / "1.png"
    later = rsync_daemon.folder / "danbooru2019" / "original" / "0001" / "1.png"
    assert first.stat().st_ino == later.stat().st_ino
    assert "Nothing to be done" in both_years.build("release_2019").output


DISKS = """
mount -t tmpfs -o size=3m none "$FOLDER" || exit 99
$BUILD release_2018; echo "small disk: $?"
mount -o remount,size=200m "$FOLDER"
$BUILD release_2018; echo "large disk: $?"
mount -o remount,ro "$FOLDER"
$BUILD release_2019; echo "read-only disk: $?"
"""


@pytest.mark.long
def test_a_full_disk_and_a_read_only_one_are_named_and_nothing_is_lost(workshop, tmp_path):
    command = workshop.command()
    configured = tmp_path / "mine.yaml"
    configured.write_bytes((workshop.folder / "mine.yaml").read_bytes())
    build = " ".join(command).replace(str(workshop.folder / "mine.yaml"), str(configured))
    # A file system of the test's own, in a mount namespace that ends with it.
    namespace = ["unshare", "--mount"] if os.getuid() == 0 else ["unshare", "--map-root-user", "-m"]
    done = subprocess.run(
        [*namespace, "sh", "-c", DISKS],
        env={**os.environ, "FOLDER": str(workshop.folder), "BUILD": build},
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    assert "small disk: 1" in output
    assert "cannot be written: No space left on device" in output
    assert "make room or open the folder, and run the same command again" in output
    assert "large disk: 0" in output
    assert "read-only disk: 1" in output
    assert "releases: cannot be written: Read-only file system" in output


@pytest.mark.long
def test_publishing_needs_a_destination(both_years):
    run = both_years.run("publish_2019")
    assert run.code != 0
    assert "staging.destination: is not set" in run.output


@pytest.mark.long
def test_a_killed_run_goes_on_with_the_same_command_and_ends_with_the_same_bytes(
    workshop, finished
):
    for receipt in ("download/0000", "checksum/0001"):
        run = start(workshop, "release_2018")
        wait_for(workshop.releases / "2018" / "receipts" / f"{receipt}.jsonl.gz", run)
        kill_tree(run)
    # What is left of the first year is built on the way to the second.
    workshop.build("release_2019", "--cores", "1")
    for release in ("2018", "2019"):
        assert released(workshop, release) == released(finished, release)


def released(workshop: Workshop, release: str) -> dict[str, bytes]:
    """Every byte that a release consists of; times and places are no part of it."""
    own = contents(workshop.releases / release)
    return {
        path: data
        for path, data in own.items()
        if not path.startswith(("logs/", "jobs/", "metadata/raw/")) and path != "run.json"
    }


def start(workshop: Workshop, *arguments: str) -> subprocess.Popen[bytes]:
    """Start a run in a process group of its own."""
    log = (workshop.folder.parent / "killed.log").open("ab")
    return subprocess.Popen(
        workshop.command(*arguments), stdout=log, stderr=log, start_new_session=True
    )


def wait_for(path: Path, run: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert run.poll() is None, f"the run ended before {path} was there"
        assert time.monotonic() < deadline, f"{path} never came"
        time.sleep(0.005)


def kill_tree(run: subprocess.Popen[bytes]) -> None:
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
