"""Jobs of a run that is over: they end before the next run begins, and begin no more."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from booru_release import succession

REPOSITORY = Path(__file__).parents[2]
JOB = """
import sys, pathlib
from booru_release import succession
succession.join(pathlib.Path(sys.argv[1]))
print("at work", flush=True)
sys.stdin.read()
"""
RUN = """
import logging, sys, pathlib
from booru_release import succession
logging.basicConfig(stream=sys.stdout, format="%(message)s")
succession.begin(pathlib.Path(sys.argv[1]), logging.getLogger())
print("begun", flush=True)
"""

logger = logging.getLogger(__name__)


@pytest.fixture(autouse=True)
def own_environment(monkeypatch):
    """What a run tells its jobs is forgotten when the test ends."""
    monkeypatch.setenv(succession.VARIABLE, "")


@pytest.fixture
def start():
    """Start a process that ends with the test."""
    started = []

    def process(code, folder):
        started.append(
            subprocess.Popen(
                [sys.executable, "-c", code, str(folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                env={**os.environ, "PYTHONPATH": str(REPOSITORY / "scripts")},
            )
        )
        return started[-1]

    yield process
    for one in started:
        one.kill()
        one.communicate()


def test_the_jobs_of_a_run_work_side_by_side(start, tmp_path):
    succession.begin(tmp_path, logger)
    jobs = [start(JOB, tmp_path), start(JOB, tmp_path)]
    assert [job.stdout.readline() for job in jobs] == ["at work\n", "at work\n"]


def test_a_job_of_a_run_that_is_over_does_not_begin(start, tmp_path, monkeypatch):
    succession.begin(tmp_path, logger)
    of_the_first = os.environ[succession.VARIABLE]
    succession.begin(tmp_path, logger)
    monkeypatch.setenv(succession.VARIABLE, of_the_first)
    output, _ = start(JOB, tmp_path).communicate()
    assert "RunIsOver" in output
    assert f"{tmp_path}: this job's run is over, and the next one does its work" in output
    assert "at work" not in output


def test_the_next_run_begins_when_the_jobs_of_the_one_before_have_ended(start, tmp_path):
    succession.begin(tmp_path, logger)
    job = start(JOB, tmp_path)
    assert job.stdout.readline() == "at work\n"
    run = start(RUN, tmp_path)
    assert run.stdout.readline().startswith(f"{tmp_path}: waiting for jobs of an earlier run")
    job.communicate("")
    assert run.stdout.readline() == "begun\n"


def test_a_killed_job_holds_nobody_up(start, tmp_path):
    succession.begin(tmp_path, logger)
    job = start(JOB, tmp_path)
    assert job.stdout.readline() == "at work\n"
    job.kill()
    assert start(RUN, tmp_path).stdout.readline() == "begun\n"


def test_a_job_that_was_told_no_run_is_not_checked(start, tmp_path):
    succession.begin(tmp_path, logger)
    os.environ[succession.VARIABLE] = ""
    assert start(JOB, tmp_path).stdout.readline() == "at work\n"


def test_a_job_in_an_empty_folder_begins(start, tmp_path):
    assert start(JOB, tmp_path / "new").stdout.readline() == "at work\n"
