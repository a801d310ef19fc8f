"""What each job did: a line at its end in the release's folder, and the sum of a run's lines.

A host appends to a file of its own, since only on one machine are appended lines kept apart.
"""

import json
import os
import resource
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .files import dump_line
from .progress import Tally, tracked


@dataclass(frozen=True)
class Job:
    """A job that ended, well or not; `of` is what it was for: a bucket, or a subset's bucket.

    Seconds are of the wall and of the processors, its own children's included; `started` is
    seconds since 1970, `peak_memory_bytes` that of its largest process. `posts`, `bytes` and
    `states` are what its step counted.
    """

    rule: str
    of: str
    ok: bool
    started: float
    seconds: float
    cpu_seconds: float
    peak_memory_bytes: int
    posts: int = 0
    bytes: int = 0
    states: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Place:
    """Where a job belongs: the folder of its release, its rule, and what it is for."""

    own: Path
    rule: str
    of: str

    @classmethod
    def of_log(cls, log: Path) -> "Place | None":
        """The place that a log `<release>/logs/<rule>/<of>.log` tells; None for another path."""
        parts = log.with_suffix("").parts
        if "logs" not in parts[:-2]:
            return None
        at = len(parts) - 1 - parts[::-1].index("logs")
        return cls(Path(*parts[:at]), parts[at + 1], "/".join(parts[at + 2 :]))

    @property
    def progress(self) -> Path:
        """The file that tells how far the job is, while it runs."""
        return self.own / "progress" / self.rule / f"{self.of}.json"


@contextmanager
def recorded(log: Path) -> Iterator[None]:
    """Count what a job's step does, and note it at the end, however the block ends."""
    place = Place.of_log(log)
    started, ok = time.time(), False
    with tracked(place.progress if place else None) as tally:
        try:
            yield
            ok = True
        finally:
            if place:
                # A disk that refuses this line has refused the step's own files, and they count.
                with suppress(OSError):
                    _append(place.own, _job(place, tally, started, ok=ok))


def _job(place: Place, tally: Tally, started: float, *, ok: bool) -> Job:
    return Job(
        rule=place.rule,
        of=place.of,
        ok=ok,
        started=started,
        seconds=round(time.time() - started, 3),
        cpu_seconds=round(cpu_seconds(), 3),
        peak_memory_bytes=peak_memory(),
        posts=tally.posts,
        bytes=tally.bytes,
        states=dict(tally.states),
    )


def _append(own: Path, job: Job) -> None:
    folder = own / "jobs"
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(
        folder / f"{os.uname().nodename}.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644
    )
    try:
        os.write(descriptor, dump_line(asdict(job)))
    finally:
        os.close(descriptor)


def cpu_seconds() -> float:
    """What this process and its ended children used of the processors."""
    both = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in both)


def peak_memory(*, children: bool = True) -> int:
    """Bytes of memory that this process had at its largest, or one of its ended children."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 if children else 0
    # getrusage counts what the parent had at the fork, too; Linux tells this program's own here.
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return max(ended, int(line.split()[1]) * 1024)
    return ended


class Reader:
    """The lines of a release's jobs, each once; called again, those that came since."""

    def __init__(self, own: Path) -> None:
        self._folder = own / "jobs"
        self._read: Counter[Path] = Counter()

    def new(self) -> Iterator[Job]:
        """The jobs that ended since the last call."""
        for file in sorted(self._folder.glob("*.jsonl")):
            with file.open("rb") as lines:
                lines.seek(self._read[file])
                content = lines.read()
            # A line that is being written is for the next call.
            whole = content[: content.rfind(b"\n") + 1]
            self._read[file] += len(whole)
            yield from _jobs_in(whole)


def _jobs_in(content: bytes) -> Iterator[Job]:
    for line in content.splitlines():
        # A loss of power may leave a line that is none.
        with suppress(ValueError, TypeError):
            yield Job(**json.loads(line))


def by_step(jobs: Iterable[Job]) -> dict[str, dict[str, Any]]:
    """What each step did, all its jobs together; the peak is that of the largest."""
    steps: dict[str, dict[str, Any]] = {}
    for job in jobs:
        sums = steps.setdefault(job.rule, dict.fromkeys(("jobs", "failed", *SUMMED, PEAK), 0))
        sums["jobs"] += 1
        sums["failed"] += not job.ok
        for name in SUMMED:
            sums[name] = round(sums[name] + getattr(job, name), 3)
        sums[PEAK] = max(sums[PEAK], job.peak_memory_bytes)
    return steps


SUMMED = ("seconds", "cpu_seconds", "posts", "bytes")
PEAK = "peak_memory_bytes"
