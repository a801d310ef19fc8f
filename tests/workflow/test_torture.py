"""Releases that are killed, over and over, in the middle of each step: nothing is lost.

pytest -m long -n 0 -s tests/workflow/test_torture.py --kills 1000 --torture-log kills.txt
"""

import math
import os
import random
import shutil
import signal
import time
from pathlib import Path

import pytest

from .conftest import Workshop, contents
from .killing import LAST_OUTPUT, RELEASES, MarkedRun, Requests, Torturer, jobs, typical_seconds
from .test_faults import released

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("torture")]

# More in one folder would mean the same step at the same bucket again and again.
KILLS_A_STEP_AND_FOLDER = 10
LEAST_KILLS_A_STEP = 3
ROUNDS_A_FOLDER = 12


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory) -> Workshop:
    """Both years of the built-in booru, built in peace."""
    workshop = Workshop(tmp_path_factory.mktemp("peace"), {"buckets": 8})
    for release in RELEASES:
        workshop.build(f"release_{release}", "--cores", "2")
    return workshop


@pytest.fixture
def chance(request) -> random.Random:
    """Moments and choices at random, the same again with --seed."""
    seed = request.config.getoption("seed")
    seed = random.randrange(1 << 32) if seed is None else seed
    print(f"--seed {seed}", flush=True)
    return random.Random(seed)


def assert_same(workshop: Workshop, undisturbed: Workshop) -> None:
    """The bytes of an undisturbed run, and nothing left behind."""
    for release in RELEASES:
        found, right = released(workshop, release), released(undisturbed, release)
        assert found.keys() == right.keys()
        assert [path for path in found if found[path] != right[path]] == []
    for part in ("original", "subsets"):
        found = contents(workshop.releases / "library" / part)
        assert found == contents(undisturbed.releases / "library" / part)
    assert [*files_below(workshop.releases / "library" / "incoming")] == []
    strays = ("*.part", "*.new", "*.aside")
    assert [path for name in strays for path in workshop.releases.rglob(name)] == []


def files_below(folder: Path):
    return (path for path in folder.rglob("*") if path.is_file())


def test_killed_in_each_step_it_ends_with_the_same_bytes(undisturbed, tmp_path, request, chance):
    kills, log = request.config.getoption("kills"), request.config.getoption("torture_log")
    typical = typical_seconds(undisturbed.releases)
    print({step: round(seconds, 3) for step, seconds in typical.items()}, flush=True)
    torturer = Torturer(chance, typical, Path(log).absolute() if log else None)
    folders = 0
    while torturer.count < kills or fewest(torturer) < LEAST_KILLS_A_STEP:
        folders += 1
        folder = Workshop(tmp_path / f"killed-{folders}", {"buckets": 8})
        killed_in_one_folder(torturer, folder, undisturbed, kills)
        shutil.rmtree(folder.folder)
    torturer.say(torturer.table())
    # A new step is tortured as well.
    logs = (undisturbed.releases / RELEASES[-1] / "logs").iterdir()
    assert {folder.name for folder in logs if folder.is_dir()} == set(typical) == set(LAST_OUTPUT)


def fewest(torturer: Torturer) -> int:
    return min(torturer.kills[step] for step in LAST_OUTPUT)


def killed_in_one_folder(
    torturer: Torturer, workshop: Workshop, undisturbed: Workshop, kills: int
) -> None:
    requests = Requests(workshop)
    # A kill strikes several jobs when several run, so that each step gets its share early.
    share = max(LEAST_KILLS_A_STEP, math.ceil((kills - torturer.count) / len(LAST_OUTPUT)))
    share = min(share, KILLS_A_STEP_AND_FOLDER)
    before = dict(torturer.kills)
    for release, part in zip(RELEASES, (0.5, 1), strict=True):
        wanted = {step: before.get(step, 0) + math.ceil(part * share) for step in LAST_OUTPUT}
        ended = False
        while not ended:
            ended = torturer.cycle(workshop, release, wanted, requests)
    make_again(torturer, workshop, requests, kills)
    torturer.say(f"finished; {sum(requests.cut_off.values())} images were in flight at a kill")
    requests.look()
    assert_same(workshop, undisturbed)
    in_peace = Requests(undisturbed)
    in_peace.look()
    assert in_peace.asked.keys() == requests.asked.keys()
    for path, count in requests.asked.items():
        assert count <= in_peace.asked[path] + requests.cut_off[path], path


def make_again(torturer: Torturer, workshop: Workshop, requests: Requests, kills: int) -> None:
    """Make the steps that were killed least anew in the last year, and kill them as well."""
    for _ in range(ROUNDS_A_FOLDER):
        least = sorted(LAST_OUTPUT, key=lambda step: torturer.kills[step])
        lacking = [step for step in least if torturer.kills[step] < LEAST_KILLS_A_STEP]
        if not lacking and torturer.count >= kills:
            return
        wanted = {step: torturer.kills[step] + 2 for step in lacking or least[:4]}
        made = [job for job in jobs(workshop.releases) if job.release.name == RELEASES[-1]]
        for output in {job.output for job in made if job.step in {*wanted, "finish_release"}}:
            output.unlink()
        while not torturer.cycle(workshop, RELEASES[-1], wanted, requests):
            pass


def test_a_run_waits_for_the_orphans_of_the_one_before(undisturbed, tmp_path):
    workshop = Workshop(tmp_path / "orphans", {"buckets": 8})
    run = MarkedRun(workshop, ("release_2018", "--cores", "2"))
    try:
        orphan = wait_for_step(workshop, "optimise_bucket", run)
        # As an out-of-memory killer does: Snakemake is gone, its jobs go on.
        run.process.kill()
        run.process.wait()
        assert [*run.alive()]
        # The job is stopped while it has its bucket, so that its successor has to wait.
        stopped = [*run.alive()]
        for process in stopped:
            os.kill(process, signal.SIGSTOP)
        assert orphan.runs
        successor = MarkedRun(workshop, ("release_2019", "--cores", "2"))
        try:
            wait_for_text(orphan.log, "waiting for the job that works on it", successor)
            for process in stopped:
                os.kill(process, signal.SIGCONT)
            assert successor.process.wait(150) == 0, successor.output()
        finally:
            stop(successor)
    finally:
        stop(run)
    assert_same(workshop, undisturbed)


def stop(run: MarkedRun) -> None:
    for process in run.alive():
        os.kill(process, signal.SIGKILL)
    run.process.wait()
    run.wait_for_silence()


def wait_for_step(workshop: Workshop, step: str, run: MarkedRun):
    deadline = time.monotonic() + 100
    while time.monotonic() < deadline and run.code is None:
        for job in jobs(workshop.releases):
            if job.step == step and job.runs:
                return job
        time.sleep(0.002)
    raise AssertionError(f"no {step} began: {run.output()}")


def wait_for_text(log: Path, text: str, run: MarkedRun) -> None:
    deadline = time.monotonic() + 100
    while not log.exists() or text not in log.read_text():
        assert time.monotonic() < deadline and run.code is None, run.output()
        time.sleep(0.01)
