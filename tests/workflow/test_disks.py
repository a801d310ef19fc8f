"""Disks that refuse, and losses of power: whatever was not synced may be gone, in any order.

pytest -m long -n 0 -s tests/workflow/test_disks.py --losses 100
"""

import os
import random
import re
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest
from booru_release.library import Ledger

from .conftest import REPOSITORY, Workshop, contents, tiny_config
from .killing import LAST_OUTPUT, RELEASES, Beginnings, MarkedRun
from .power import Disk, compiled
from .test_faults import released
from .test_torture import chance, files_below  # noqa: F401

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("disks")]

# Then a run comes to its end, and loses the power right after it.
LOSSES_A_FOLDER = 8
# Late enough to be past what every run does first, early enough to be reached in most steps.
LATEST_REFUSAL = {"write": 60, "open": 80, "fsync": 90, "rename": 60, "link": 12}


@pytest.fixture(scope="session")
def shim(tmp_path_factory):
    return compiled(tmp_path_factory.mktemp("shim"))


def assert_same(workshop: Workshop, finished: Workshop) -> None:
    for release in RELEASES:
        found, right = released(workshop, release), released(finished, release)
        assert found.keys() == right.keys()
        assert [path for path in found if found[path] != right[path]] == []
    for part in ("original", "subsets"):
        found = contents(workshop.releases / "library" / part)
        assert found == contents(finished.releases / "library" / part)
    assert [*files_below(workshop.releases / "library" / "incoming")] == []


DURABLE = """
from pathlib import Path
from booru_release.files import make_folder, sync_tree, write_bytes
from booru_release.library import Ledger
write_bytes(Path("new/folders/file"), b"whole")
write_bytes(Path("new/folders/file"), b"replaced")
ledger = Ledger(Path("other/ledger"))
ledger.append({"id": 1, "md5": "a"})
ledger.sync()
ledger.append({"id": 2, "md5": "b"})
gone = Ledger(Path("other/journal"))
gone.append({"id": 3, "md5": "c"})
gone.sync()
gone.forget()
Path("tree/inner").mkdir(parents=True)
Path("tree/inner/link").hardlink_to("new/folders/file")
sync_tree(Path("."))
Path("loose").mkdir()
Path("loose/file").write_bytes(b"loose")
"""


def test_what_is_synced_survives_every_loss_of_power_and_nothing_else(shim, tmp_path):
    survived = set()
    for seed in range(20):
        disk = Disk(tmp_path / f"disk-{seed}", tmp_path / f"records-{seed}", shim)
        disk.folder.mkdir()
        environment = {**os.environ, **disk.environment()}
        environment["PYTHONPATH"] = str(REPOSITORY / "scripts")
        subprocess.run(
            [sys.executable, "-c", DURABLE], cwd=disk.folder, env=environment, check=True
        )
        disk.lose_power(random.Random(seed))
        left = contents(disk.folder)
        assert left["new/folders/file"] == left["tree/inner/link"] == b"replaced"
        assert (1, "a") in Ledger(disk.folder / "other" / "ledger").rows()
        assert "other/journal" not in left
        survived.add((left.get("loose/file"), len(left["other/ledger"])))
    assert {loose for loose, _ in survived} == {None, b"", b"\0" * 5, b"loose"}
    assert len({length for _, length in survived}) == 2


@pytest.mark.parametrize("operation", LATEST_REFUSAL)
def test_a_disk_with_errors_is_named_and_the_same_command_ends_well(
    operation,
    finished,
    corpus,
    shim,
    tmp_path,
    chance,  # noqa: F811
):
    workshop = Workshop(tmp_path / "work", tiny_config(corpus))
    refusals = sorted(chance.sample(range(1, LATEST_REFUSAL[operation]), 4))
    log, count = tmp_path / "refused", tmp_path / "count"
    for number in refusals:
        log.write_text("")
        count.write_bytes(struct.pack("@l", 0))
        environment = {
            "LD_PRELOAD": str(shim),
            "DISK_FOLDER": str(workshop.folder),
            "DISK_LOG": str(log),
            "DISK_COUNT": str(count),
            "DISK_FAILS": f"{operation} {number}",
        }
        run = MarkedRun(workshop, ("release_2019", "--cores", "2"), environment)
        code = run.process.wait(170)
        run.wait_for_silence()
        refused = log.read_text().splitlines()
        print(f"{operation} {number}: {refused or 'not reached'}", flush=True)
        if not refused:
            assert code == 0, run.output()
            break
        assert code != 0, f"{refused} was overlooked"
        name = refused[0].split("/releases/")[1].removesuffix(".part").split("/.")[-1]
        assert "the disk reports errors" in run.output(), run.output()
        assert name in run.output(), run.output()
    workshop.build("release_2019", "--cores", "2")
    assert_same(workshop, finished)


def test_after_losses_of_power_the_same_command_ends_with_the_same_bytes(
    finished,
    corpus,
    shim,
    tmp_path,
    request,
    chance,  # noqa: F811
):
    losses = folders = 0
    while losses < request.config.getoption("losses"):
        folders += 1
        workshop = Workshop(tmp_path / f"work-{folders}", tiny_config(corpus))
        disk = Disk(workshop.folder, tmp_path / f"records-{folders}", shim)
        ended, left = False, LOSSES_A_FOLDER
        while not ended:
            left -= 1
            ended = run_until_dark(workshop, disk, chance, kill=left > 0)
            lost = disk.lose_power(chance)
            losses += 1
            print(f"loss {losses}: {lost} operations and files lost", flush=True)
        # The power went when the run was over, so all that it promised is there.
        assert_same(workshop, finished)
        workshop.build("release_2019")
        workshop.build("verify_2018")
        workshop.build("verify_2019")
        assert_same(workshop, finished)


def run_until_dark(workshop: Workshop, disk: Disk, chance, *, kill: bool) -> bool:  # noqa: F811
    """A run that is killed at some moment after some step began; whether it ended before."""
    step, seconds = chance.choice([*LAST_OUTPUT]), chance.random() * chance.choice([0.1, 1])
    begun = Beginnings(workshop.releases)
    run = MarkedRun(workshop, ("release_2019", "--cores", "2"), disk.environment())
    while run.code is None:
        if kill and any(job.step == step for job in begun.new()):
            time.sleep(seconds)
            break
        time.sleep(0.002)
    ended = run.code
    run.kill_all()
    assert ended in (None, 0), run.output()
    return ended == 0


FILLING = """
mount -t tmpfs -o size=1m none "$FOLDER" || exit 99
for size in $SIZES; do
    mount -o remount,size=$size "$FOLDER"
    $BUILD release_2019 --cores 2 && break
    echo "full at $size"
done
echo "built at $size"
cp -a "$FOLDER" "$KEPT"
"""


def filling(finished: Workshop) -> list[int]:
    """Sizes in kB that end in different steps: the drawings come first and are most of all."""
    drawings = space(finished.releases / "embedded")
    rest = space(finished.releases) - drawings
    parts = [drawings // 2, *(drawings + rest * tenths // 10 for tenths in (2, 4, 5, 6, 7, 8))]
    return [*parts, 200_000]


def space(folder: Path) -> int:
    """What a folder takes of a disk in kB; links take it once."""
    taken = {found.st_ino: found.st_blocks for found in map(Path.stat, folder.rglob("*"))}
    return sum(taken.values()) // 2


def test_a_disk_that_fills_up_in_step_after_step_ends_with_the_same_bytes(
    finished, corpus, tmp_path
):
    workshop = Workshop(tmp_path / "work", tiny_config(corpus))
    command = workshop.command()
    configured = workshop.folder / "mine.yaml"
    outside = configured.rename(tmp_path / "mine.yaml")
    build = " ".join(command).replace(str(configured), str(outside))
    sizes = " ".join(f"{size}k" for size in filling(finished))
    kept = Workshop(tmp_path / "kept", {})
    variables = {"FOLDER": workshop.folder, "BUILD": build, "SIZES": sizes, "KEPT": kept.folder}
    # A file system of the test's own, in a mount namespace that ends with it.
    namespace = ["unshare", "--mount"] if os.getuid() == 0 else ["unshare", "--map-root-user", "-m"]
    done = subprocess.run(
        [*namespace, "sh", "-c", FILLING],
        env={**os.environ, **{name: str(value) for name, value in variables.items()}},
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    steps = set(re.findall(r"Error in rule (\w+):", output))
    print(steps, [line for line in output.splitlines() if line.startswith(("full", "built"))])
    assert output.count("full at ") >= 3
    assert len(steps) >= 3
    assert "No space left on device" in output
    assert_same(kept, finished)
