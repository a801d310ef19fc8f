"""Releases on a real Slurm: the same bytes, whatever dies on the way."""

import subprocess
import time
from pathlib import Path

import pytest

from .conftest import REPOSITORY, Workshop, contents
from .slurm import CONTROLLER, NODE, running_cluster
from .test_faults import kill_tree, released

pytestmark = [pytest.mark.xdist_group("workflow"), pytest.mark.long]

# The profile's own figures are for real clusters; nobody should wait for them here.
QUICK = [
    "--profile",
    str(REPOSITORY / "profiles" / "slurm"),
    "--slurm-init-seconds-before-status-checks=1",
    "--seconds-between-status-checks=1",
    "--max-status-checks-per-second=1",
    "--latency-wait=5",
]


# A submission of one job, and one of three; the rest of a release takes seconds on this host.
ONE_JOB = "releases/2018/receipts/optimise/0000.jsonl.gz"
BUCKET = "releases/2018/receipts/checksum/0000.jsonl.gz"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with running_cluster(tmp_path_factory.mktemp("slurm")) as cluster:
        yield cluster


@pytest.fixture
def start(cluster, workshop):
    """Start a run whose jobs go to the cluster; it ends with the test."""
    started = []

    def start(*arguments):
        command = cluster.within(*workshop.command(*QUICK, *arguments))
        log = log_of(workshop).open("ab")
        started.append(
            subprocess.Popen(
                command, stdout=log, stderr=log, cwd=REPOSITORY, start_new_session=True
            )
        )
        return started[-1]

    yield start
    for run in started:
        if run.poll() is None:
            kill_tree(run)


def log_of(workshop: Workshop) -> Path:
    return workshop.folder.parent / "run.log"


def ended(run: subprocess.Popen, workshop: Workshop) -> str:
    """What a run said, and what its own log tells of each job, once it has ended well."""
    code = run.wait(timeout=400)
    kept = sorted((workshop.folder / ".snakemake" / "log").glob("*.log"))
    said = "".join(log.read_text() for log in [log_of(workshop), *kept])
    assert code == 0, said
    return said


def wait_for_work(workshop: Workshop, run: subprocess.Popen) -> None:
    """Wait until the node works on a bucket."""
    logs = workshop.releases / "2018" / "logs" / "optimise_bucket"
    deadline = time.monotonic() + 170
    while not list(logs.glob("*.log")):
        assert run.poll() is None and time.monotonic() < deadline, log_of(workshop).read_text()
        time.sleep(0.02)


def holds_what_was_made_here(workshop: Workshop, finished: Workshop) -> None:
    """Finish the release on this host, and compare it with one that never saw a cluster."""
    workshop.build("release_2018")
    assert released(workshop, "2018") == released(finished, "2018")
    originals = contents(workshop.releases / "library" / "original")
    assert originals == contents(finished.folder / "library-of-2018" / "original")


def test_a_release_made_on_a_cluster_has_the_bytes_of_one_made_here(start, workshop, finished):
    said = ended(start("release_2018"), workshop)
    assert "Group job" in said
    assert released(workshop, "2018") == released(finished, "2018")


def test_the_controller_dies_and_comes_back_while_jobs_work(cluster, start, workshop, finished):
    # One job alone: Slurm takes two minutes to let a submission go on with its next after that.
    run = start(ONE_JOB)
    wait_for_work(workshop, run)
    cluster.wait_until_saved()
    cluster.kill(CONTROLLER)
    cluster.start(CONTROLLER)
    ended(run, workshop)
    holds_what_was_made_here(workshop, finished)


def test_the_node_dies_with_its_jobs_and_they_are_submitted_again(
    cluster, start, workshop, finished
):
    run = start(ONE_JOB)
    wait_for_work(workshop, run)
    cluster.kill(NODE)
    cluster.start(NODE)
    assert "Trying to restart job" in ended(run, workshop)
    holds_what_was_made_here(workshop, finished)


def test_a_killed_run_is_followed_by_the_next_once_its_jobs_are_done(start, workshop, finished):
    run = start(BUCKET)
    wait_for_work(workshop, run)
    # The run and its jobs on this host; those on the node work on.
    kill_tree(run)
    assert "waiting for jobs of an earlier run" in ended(start(BUCKET), workshop)
    holds_what_was_made_here(workshop, finished)


def test_a_job_that_exceeds_its_memory_is_given_more(start, workshop):
    little = "optimise_bucket:mem_mb=60 if attempt == 1 else 2000"
    said = ended(start(ONE_JOB, "--set-resources", little), workshop)
    assert "Trying to restart job" in said
    assert "mem_mb=2000" in said
