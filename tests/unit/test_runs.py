import contextlib
import json
import logging
import multiprocessing
import os
import signal
import sys
from pathlib import Path

import pytest
from booru_release import progress, runs
from booru_release.configuration import complete
from booru_release.files import dump_json, write_bytes
from booru_release.records import recorded
from booru_release.runs import AlreadyRunning, announce, fail, finish, show, start, summary_of
from booru_release.screen import Screen
from booru_release.settings import settings_of

DEFAULTS = Path(__file__).parents[2] / "config" / "config.yaml"
FORK = multiprocessing.get_context("fork")
RELEASE = {
    "name": "danbooru",
    "release": "2019",
    "last_id": 1234567,
    "accounts": {
        "published": 1000000,
        "hole": 234567,
        "failed": 0,
        "by_change": {"new": 999000, "unchanged": 990, "replaced": 10},
    },
    "tags": {"instances": 30000000, "distinct": 5000, "mean_per_image": 30.0},
    "sets": {
        "original": {"files": 1000000, "bytes": 2500000, "new_files": 999010, "new_bytes": 2400000}
    },
    "accepted": {},
    "changes": {
        **{"before": "2018", "added": 100, "replaced": 10, "retagged": 7, "rerated": 3},
        **{"deleted": 2, "banned": 1, "gone": 0},
    },
}
FACTS = {
    "seconds": 12.5,
    "jobs": 5010,
    "cpu_seconds": 1234.5,
    "peak_memory_of_a_job_bytes": 125_000_000,
    "snakemake": {"cpu_seconds": 80.5, "peak_memory_bytes": 300_000_000},
    "stage": "/srv/releases/2019/stage",
}


@pytest.fixture
def log(caplog):
    caplog.set_level(logging.INFO)
    return caplog


@pytest.fixture
def started(tmp_path):
    """A run in a folder, which ends with the test."""
    start(tmp_path)
    yield tmp_path
    runs._held.pop().close()


def run_in_another_process(folder):
    """Start a run elsewhere, and leave it running."""

    def work():
        start(folder)
        ready.set()
        signal.pause()

    ready = FORK.Event()
    child = FORK.Process(target=work)
    child.start()
    assert ready.wait(10)
    return child


def end(child):
    os.kill(child.pid, signal.SIGKILL)
    child.join()


# One run at a time


def test_a_second_run_in_the_same_folder_is_refused(tmp_path):
    other = run_in_another_process(tmp_path)
    with pytest.raises(AlreadyRunning) as problem:
        start(tmp_path)
    end(other)
    assert str(problem.value) == (
        f"{tmp_path}: another run works here\n"
        "  hint: wait for it, or build into another folder with --directory"
    )
    assert problem.value.folder == tmp_path


def test_a_run_in_another_folder_is_no_trouble(tmp_path):
    other = run_in_another_process(tmp_path / "other")
    start(tmp_path / "mine")
    runs._held.pop().close()
    end(other)


def test_a_run_that_was_killed_holds_nobody_up(tmp_path):
    end(run_in_another_process(tmp_path))
    start(tmp_path)
    runs._held.pop().close()


def test_the_folder_of_a_run_is_made(tmp_path):
    start(tmp_path / "a" / "releases")
    runs._held.pop().close()
    assert (tmp_path / "a" / "releases" / "run.lock").is_file()


def test_accounts_may_be_asked_for_while_another_run_works(tmp_path):
    other = run_in_another_process(tmp_path)
    start(tmp_path, {"accounts_2019", "accounts_2018"})
    with pytest.raises(AlreadyRunning):
        start(tmp_path, {"accounts_2019", "release_2019"})
    end(other)


# What a run says before it begins


def test_a_first_run_has_nothing_to_announce(tmp_path, log):
    config = complete(DEFAULTS, {})
    announce(config, tmp_path, ["2018", "2019"], logging.getLogger())
    assert log.messages == []


def test_a_finished_release_that_differs_from_the_configuration_is_announced(tmp_path, log):
    settings = settings_of(complete(DEFAULTS, {}), "2018")
    write_bytes(tmp_path / "2018" / "release.json", dump_json({"settings": settings}))
    config = complete(DEFAULTS, {"fetch_deleted": True})
    announce(config, tmp_path, ["2019"], logging.getLogger())
    assert [record.levelname for record in log.records] == ["WARNING"]
    assert log.messages[0].startswith("release 2018 is finished and stays as it is, although ")


def test_after_a_comparison_a_run_says_what_it_will_fetch(tmp_path, log):
    report = tmp_path / "2019" / "report" / "diff_2018_2019.json"
    write_bytes(report, dump_json({"posts_to_fetch": 1234, "bytes_to_fetch": 5678901}))
    config = complete(DEFAULTS, {})
    announce(config, tmp_path, ["2018", "2019"], logging.getLogger())
    assert log.messages == [
        "release 2019 fetches 1,234 posts, 5,678,901 bytes, says diff_2018_2019"
    ]


def test_a_withdrawn_post_that_a_finished_release_still_has_is_announced(tmp_path, log):
    folder, config = tmp_path / "releases", complete(DEFAULTS, {})
    description = {"settings": settings_of(config, "2018"), "revision": 1, "last_id": 10}
    description |= {"last_upload": "2018-12-31", "previous": None}
    write_bytes(folder / "2018" / "release.json", dump_json(description))
    rows = [{"id": post_id, "date": "2020-02-01", "reason": "asked"} for post_id in (4, 11)]
    (tmp_path / "withdrawals.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    announce(config, folder, ["2019"], logging.getLogger())
    # 11 came later than that release.
    assert log.messages == [
        "post 4 is withdrawn and release 2018 still has it: snakemake withdraw_2018"
    ]
    write_bytes(folder / "2018" / "settings" / "withdrawals.json", b"[4]")
    announce(config, folder, ["2019"], logging.getLogger())
    assert len(log.messages) == 1


# What a run says at its end


def did(own, rule, of="0001"):
    """A job that counts a post of 100 bytes, and fails if it is the torrents'."""
    with contextlib.suppress(OSError), recorded(own / "logs" / rule / f"{of}.log"):
        progress.count("published", 100)
        if rule == "make_image_torrents":
            raise OSError


def test_a_finished_release_is_summed_up_on_the_screen_and_in_run_json(started, log):
    did(started / "2019", "finish_release")
    write_bytes(started / "2019" / "release.json", dump_json(RELEASE))
    finish(started, ["2019"], logging.getLogger())
    facts = json.loads((started / "2019" / "run.json").read_text())
    assert facts["ok"] is True
    assert facts["stage"] == str(started / "2019" / "stage")
    assert facts["command"] == sys.argv[1:]
    assert {*facts["software"]} == {"booru-release", "snakemake"}
    assert 0 <= facts["seconds"] < 60
    assert facts["started"] <= facts["ended"]
    assert facts["jobs"] == facts["steps"]["finish_release"]["jobs"] == 1
    assert facts["peak_memory_of_a_job_bytes"] > 0
    assert facts["snakemake"]["peak_memory_bytes"] > 0
    written = json.loads((started / "2019" / "release.json").read_text())
    assert log.messages == ["\n".join(summary_of(written, facts))]


def test_a_release_that_is_not_finished_is_not_summed_up(started, log):
    (started / "2019").mkdir()
    finish(started, ["2019"], logging.getLogger())
    assert log.messages == []
    assert not (started / "2019" / "run.json").exists()


def test_accounts_that_were_asked_for_are_shown_whole(started, log):
    write_bytes(started / "2019" / "report" / "accounts.txt", b"accounts\npublished  9\n")
    write_bytes(started / "2018" / "report" / "accounts.txt", b"of a run before\n")
    os.utime(started / "2018" / "report" / "accounts.txt", (0, 0))
    finish(started, [], logging.getLogger())
    assert log.messages == ["accounts\npublished  9"]


def test_a_summary_says_what_was_accepted_and_why():
    accepted = {"shrinkage": {"reason": "a purge", "found": ["year 2016 loses 30", "and more"]}}
    lines = [*summary_of({**RELEASE, "accepted": accepted}, FACTS)]
    assert "  accepted: shrinkage: a purge (year 2016 loses 30; and more)" in lines


def test_a_run_that_failed_leaves_its_record_too(started, log):
    did(started / "2019", "download_bucket", "0001")
    did(started / "2019", "download_bucket", "0002")
    did(started / "2019", "make_image_torrents", "original")
    fail(started, ["2018", "2019"], logging.getLogger())
    facts = json.loads((started / "2019" / "run.json").read_text())
    assert facts["ok"] is False
    steps = facts["steps"]
    assert (steps["download_bucket"]["jobs"], steps["download_bucket"]["failed"]) == (2, 0)
    assert (steps["download_bucket"]["posts"], steps["download_bucket"]["bytes"]) == (2, 200)
    assert (steps["make_image_torrents"]["jobs"], steps["make_image_torrents"]["failed"]) == (1, 1)
    assert not (started / "2018" / "run.json").exists()
    assert log.messages == [
        "release 2019: 1 of 3 jobs failed: 1 of make_image_torrents; "
        f"the logs are in {started / '2019' / 'logs'}"
    ]


def test_what_a_run_before_did_is_not_counted_again(tmp_path):
    did(tmp_path / "2019", "download_bucket", "0001")
    start(tmp_path)
    did(tmp_path / "2019", "download_bucket", "0002")
    fail(tmp_path, ["2019"], logging.getLogger())
    runs._held.pop().close()
    assert json.loads((tmp_path / "2019" / "run.json").read_text())["jobs"] == 1


def test_what_a_killed_run_told_of_its_jobs_is_forgotten(tmp_path):
    told = tmp_path / "2019" / "progress" / "plan_bucket" / "0001.json"
    write_bytes(told, b"[1, 0, 0, {}, 0]")
    start(tmp_path, ["accounts_2019"])
    assert told.is_file()
    start(tmp_path)
    runs._held.pop().close()
    assert not told.exists()


def test_a_run_that_only_looks_takes_no_other_runs_jobs_for_its_own(tmp_path):
    start(tmp_path, ["accounts_2019"])
    did(tmp_path / "2019", "download_bucket")
    fail(tmp_path, ["2019"], logging.getLogger())
    assert not (tmp_path / "2019" / "run.json").exists()


def test_the_screen_is_closed_at_the_end_of_a_run(started):
    screen = Screen([], logging.getLogger("nobody"))
    show(screen)
    show(None)
    fail(started, [], logging.getLogger())
    screen.run()
    assert not runs._screens


def test_a_summary_says_what_a_release_holds_and_where_it_is():
    assert [*summary_of(RELEASE, FACTS)] == [
        "release 2019 of danbooru: IDs 1 to 1,234,567",
        "  published     1,000,000",
        "  hole            234,567",
        "  published now: 999,000 new, 990 unchanged, 10 replaced",
        "  original: 1,000,000 files, 2,500,000 bytes (999,010 new, 2,400,000 bytes)",
        "  tags: 30,000,000, 5,000 distinct, 30.0 an image",
        "  since 2018: 100 added, 10 replaced, 7 retagged, 3 rerated, 2 deleted, 1 banned, 0 gone",
        "  5,010 jobs, 1,234.5 CPU s, the largest 125 MB; Snakemake itself 80.5 CPU s, 300 MB",
        "  12.5 s; the stage is /srv/releases/2019/stage",
    ]


def test_the_summary_of_a_first_release_compares_with_nothing():
    lines = [*summary_of({**RELEASE, "changes": None}, FACTS)]
    assert not any("since" in line for line in lines)
