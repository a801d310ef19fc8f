"""What calls cost: seconds, CPU seconds and memory, with everything that they start counted."""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]


@dataclass(frozen=True)
class Cost:
    """What a call took: seconds, CPU seconds, jobs, and bytes of its largest process."""

    seconds: float
    cpu: float
    jobs: int
    peak: int

    @property
    def a_job(self) -> float:
        """CPU seconds a job, the process that runs them all included."""
        return self.cpu / max(self.jobs, 1)

    def line(self, name: str) -> str:
        """The cost for a reader."""
        each = f"{self.a_job:.3f} CPU s a job" if self.jobs else ""
        return (
            f"{name:<28} {self.seconds:>8.1f} s {self.cpu:>8.1f} CPU s {self.jobs:>6} jobs "
            f"{self.peak / 2**20:>6.0f} MiB {each}"
        )


def measured(command: list[str], folder: Path) -> Cost:
    """Run a command in a child of its own, so that its descendants are counted apart."""
    log = folder / "snakemake.log"
    started, reading = time.monotonic(), os.pipe()
    child = os.fork()
    if child == 0:
        with log.open("wb") as out:
            code = subprocess.run(command, stdout=out, stderr=out, cwd=REPOSITORY).returncode
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        facts = [code, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024]
        os.write(reading[1], json.dumps(facts).encode())
        os._exit(0)
    os.waitpid(child, 0)
    code, cpu, peak = json.loads(os.read(reading[0], 1000))
    for descriptor in reading:
        os.close(descriptor)
    if code:
        sys.exit(log.read_text()[-5000:])
    return Cost(time.monotonic() - started, cpu, _jobs(folder), peak)


def _jobs(folder: Path) -> int:
    # The screen shows no single job: the log that Snakemake keeps does.
    logs = sorted((folder / ".snakemake" / "log").glob("*.log"))
    text = (logs[-1].read_text() if logs else "") or ""
    shown = (folder / "snakemake.log").read_text()
    ran = logs and "Complete log" in shown and logs[-1].name in shown
    return text.count("Finished jobid") if ran else 0


def snakemake(folder: Path, *arguments: str) -> list[str]:
    """A call of snakemake on this repository, with its products in a folder."""
    return [sys.executable, "-m", "snakemake", *arguments, "--directory", str(folder)]


@dataclass
class Served:
    """A booru in a process of its own: its address, and at its end the CPU seconds it took."""

    url: str
    cpu: float = 0.0


@contextmanager
def serving(arguments: list[str]) -> Iterator[Served]:
    """Serve the embedded booru while the block runs, apart from the steps that ask it."""
    booru = REPOSITORY / "scripts" / "embedded_booru"
    command = [sys.executable, str(booru), "serve", *arguments]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    served = Served(server.stdout.readline().strip())
    try:
        yield served
    finally:
        server.terminate()
        _, _, used = os.wait4(server.pid, 0)
        server.returncode = 0
        served.cpu = used.ru_utime + used.ru_stime
