"""Releases on a real Slurm: the same bytes, whatever dies on the way."""

import subprocess
import time
from pathlib import Path

import pytest

from .conftest import REPOSITORY, Run, Workshop, contents
from .slurm import CONTROLLER, NODE, Cluster, running_cluster
from .test_faults import released

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


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with running_cluster(tmp_path_factory.mktemp("slurm")) as cluster:
        yield cluster


def start(cluster: Cluster, workshop: Workshop, *arguments: str) -> subprocess.Popen:
    """Start a run whose jobs go to the cluster."""
    workshop.folder.mkdir(parents=True, exist_ok=True)
    return subprocess.Popen(
        cluster.within(*workshop.command(*QUICK, *arguments)),
        stdout=(workshop.folder / "run.log").open("a"),
        stderr=subprocess.STDOUT,
        cwd=REPOSITORY,
    )


def end(run: subprocess.Popen, workshop: Workshop) -> Run:
    """Wait for a run's end."""
    run.wait(timeout=170)
    return Run(run.returncode, (workshop.folder / "run.log").read_text())


def build(cluster: Cluster, workshop: Workshop, *arguments: str) -> Run:
    run = end(start(cluster, workshop, *arguments), workshop)
    assert run.code == 0, run.output
    return run


def wait_for_work_on(workshop: Workshop, run: subprocess.Popen) -> None:
    """Wait until a job on the node has begun with a bucket."""
    locks = workshop.releases / "library" / "original"
    deadline = time.monotonic() + 100
    while not list(locks.rglob("*.*")):
        assert run.poll() is None, (workshop.folder / "run.log").read_text()
        assert time.monotonic() < deadline, (workshop.folder / "run.log").read_text()
        time.sleep(0.05)


def library(workshop: Workshop) -> dict[str, bytes]:
    return contents(workshop.releases / "library" / "original")


def test_a_release_made_on_a_cluster_has_the_bytes_of_one_made_here(cluster, workshop, finished):
    run = build(cluster, workshop, "release_2018")
    assert released(workshop, "2018") == released(finished, "2018")
    assert "Group job" in run.output
