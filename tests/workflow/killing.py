"""Kills in the middle of a step, with the logs of the jobs as witnesses."""

import json
import os
import random
import signal
import statistics
import subprocess
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from .conftest import Workshop

# What a step writes last: without it, a job that began has not ended.
LAST_OUTPUT = {
    "snapshot_site": "metadata/snapshot.json",
    "plan_bucket": "receipts/plan/{}.jsonl.gz",
    "diff_releases": "report/diff_{}.json",
    "download_bucket": "receipts/download/{}.jsonl.gz",
    "optimise_bucket": "receipts/optimise/{}.jsonl.gz",
    "rescale_bucket": "receipts/rescale/{}.jsonl.gz",
    "checksum_bucket": "receipts/checksum/{}.jsonl.gz",
    "judge_release": "report/gates.json",
    "merge_manifest": "report/figures.json",
    "list_subset": "subsets/{}.parquet",
    "make_image_torrents": "receipts/torrent/{}.json",
    "make_metadata_torrent": "receipts/torrent/metadata.json",
    "list_torrents": "torrents.json",
    "write_sums": "SHA256SUMS",
    "finish_release": "release.json",
}
RELEASES = ("2018", "2019")
MARK = "TORTURED_RUN"


@dataclass(frozen=True)
class Job:
    """A job of a release, known by its log."""

    release: Path
    step: str
    name: str

    @classmethod
    def of(cls, log: Path, releases: Path) -> "Job":
        release, _, step, *name = log.relative_to(releases).with_suffix("").parts
        return cls(releases / release, step, "/".join(name))

    @property
    def log(self) -> Path:
        return self.release / "logs" / self.step / f"{self.name}.log"

    @property
    def output(self) -> Path:
        return self.release / LAST_OUTPUT[self.step].format(self.name)

    @property
    def runs(self) -> bool:
        """Whether the log tells of a beginning, and no output of an end."""
        return self.has_begun and not self.output.exists()

    @property
    def has_begun(self) -> bool:
        """Whether the step began; Snakemake removes the log of the try before."""
        try:
            return " INFO begins" in self.log.read_text()
        except FileNotFoundError:
            return False

    @property
    def seconds(self) -> float:
        """How long the step took, from its beginning to its last output."""
        begun = [line for line in self.log.read_text().splitlines() if line.endswith("begins")]
        moment = datetime.strptime(begun[-1].split(" INFO ")[0], "%Y-%m-%d %H:%M:%S,%f")
        return max(0.0, self.output.stat().st_mtime - moment.timestamp())


def jobs(releases: Path) -> list[Job]:
    """Every job of the steps that has a log."""
    return [Job.of(Path(log), releases) for log, _ in written_logs(releases)]


def typical_seconds(releases: Path) -> dict[str, float]:
    """The middle time of each step in an undisturbed run."""
    times: dict[str, list[float]] = {}
    for job in jobs(releases):
        times.setdefault(job.step, []).append(job.seconds)
    return {step: statistics.median(found) for step, found in times.items()}


@dataclass
class MarkedRun:
    """A run of Snakemake whose processes can all be told by a mark in their environment."""

    workshop: Workshop
    arguments: tuple[str, ...]
    more: dict[str, str] = field(default_factory=dict)

    def __post_init__(self):
        self.mark = uuid.uuid4().hex
        self.log = (self.workshop.folder.parent / "tortured.log").open("wb")
        self.process = subprocess.Popen(
            self.workshop.command(*self.arguments),
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,
            env={**os.environ, **self.more, MARK: self.mark},
        )

    @property
    def code(self) -> int | None:
        return self.process.poll()

    def output(self) -> str:
        return Path(self.log.name).read_text(errors="replace")

    def kill_all(self) -> None:
        """SIGKILL for the whole tree, and proof that nothing of it is left."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.wait_for_silence()

    def wait_for_silence(self, seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while left := [*self.alive()]:
            assert time.monotonic() < deadline, f"processes {left} outlived the kill"
            time.sleep(0.002)
        self.log.close()

    def alive(self) -> Iterator[int]:
        for place in Path("/proc").glob("[0-9]*"):
            try:
                marked = f"{MARK}={self.mark}".encode() in (place / "environ").read_bytes()
                # A process that is dead and not yet fetched by its parent does nothing more.
                if marked and (place / "stat").read_text().rsplit(")", 1)[1].split()[0] != "Z":
                    yield int(place.name)
            except OSError:
                continue


@dataclass
class Beginnings:
    """Tells which jobs began since it was last asked, a millisecond after they do."""

    releases: Path
    before: dict[str, int] = field(default_factory=dict)
    all: set[Job] = field(default_factory=set)

    def __post_init__(self):
        self.before = dict(written_logs(self.releases))

    def new(self) -> list[Job]:
        found = []
        for log, moment in written_logs(self.releases):
            if moment != self.before.get(log):
                job = Job.of(Path(log), self.releases)
                if job.has_begun:
                    # What it writes later is no news.
                    self.before[log] = moment
                    found += [job] if job not in self.all else []
        self.all.update(found)
        return found

    def cut_short(self) -> list[Job]:
        """The jobs that began since the start and have not ended."""
        self.new()
        return [job for job in self.all if job.runs]


def written_logs(releases: Path) -> Iterator[tuple[str, int]]:
    """The logs of all steps, and when each was last written to; no more calls than it takes."""
    for release in RELEASES:
        for step in LAST_OUTPUT:
            yield from _written_below(f"{releases}/{release}/logs/{step}")


def _written_below(folder: str) -> Iterator[tuple[str, int]]:
    try:
        for entry in os.scandir(folder):
            if entry.name.endswith(".log"):
                yield entry.path, entry.stat().st_mtime_ns
            elif entry.is_dir():
                yield from _written_below(entry.path)
    except FileNotFoundError:
        # Snakemake removes the log of the try before.
        return


def size_of(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


@dataclass
class Requests:
    """The server's own log of images asked for, held against what arrived before each kill."""

    workshop: Workshop
    read: dict[Path, int] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    cut_off: Counter[str] = field(default_factory=Counter)

    def look(self) -> set[str]:
        """Count what was asked since the last look; returns what of it is not in the library."""
        news: set[str] = set()
        for log in self.workshop.releases.glob("*/logs/embedded_booru.jsonl"):
            with log.open("rb") as file:
                file.seek(self.read.get(log, 0))
                paths = [json.loads(line)["path"].split("?")[0] for line in file]
                self.read[log] = file.tell()
            images = [path for path in paths if path.startswith("/original/")]
            self.asked.update(images)
            news.update(images)
        held = self._held()
        return {path for path in news if path.rsplit("/", 1)[1].split(".")[0] not in held}

    def wait_for_more(self, seconds: float) -> None:
        """Wait until the server's log grows, or for some seconds."""
        logs = [self.workshop.releases / release / "logs" for release in RELEASES]
        end = time.monotonic() + seconds
        sizes = [size_of(log / "embedded_booru.jsonl") for log in logs]
        while time.monotonic() < end:
            if [size_of(log / "embedded_booru.jsonl") for log in logs] != sizes:
                return
            time.sleep(0.0005)

    def killed(self, downloads: int) -> None:
        """Note what was in flight at a kill: at most one image for each job that downloads."""
        lost = self.look()
        assert len(lost) <= downloads, f"{downloads} jobs lost {sorted(lost)}"
        self.cut_off.update(lost)

    def _held(self) -> set[str]:
        library = self.workshop.releases / "library"
        names = [*library.glob("incoming/*/*"), *library.glob("original/*/*")]
        held = {path.name.split(".")[1] for path in names if not path.name.startswith(".")}
        for ledger in library.glob("ledger/original/*"):
            # A file that is no image has a line, and no place in the library.
            rows = (line for line in ledger.read_bytes().splitlines() if b'"md5"' in line)
            held |= {json.loads(row)["md5"] for row in rows}
        for journal in self.workshop.releases.glob("*/journal/download/*"):
            held |= {json.loads(line)["md5"] for line in journal.read_bytes().splitlines()}
        return held


@dataclass
class Torturer:
    """Kills a release at random moments of the steps that were killed least."""

    random: random.Random
    typical: dict[str, float]
    log: Path | None
    kills: Counter[str] = field(default_factory=Counter)
    count: int = 0
    started: float = field(default_factory=time.monotonic)

    def say(self, text: str) -> None:
        line = f"{time.monotonic() - self.started:7.1f} s  {text}"
        print(line, flush=True)
        if self.log:
            with self.log.open("a") as out:
                print(line, file=out, flush=True)

    def cycle(self, workshop: Workshop, release: str, wanted: dict[str, int], requests) -> bool:
        """One run, killed in a step that lacks kills; whether it came to its end before that."""
        cores = str(self.random.randint(1, 3))
        begun = Beginnings(workshop.releases)
        run = MarkedRun(workshop, (f"release_{release}", "--cores", cores))
        try:
            while run.code is None:
                news = [job for job in begun.new() if self._is_wanted(job, wanted)]
                if not news:
                    time.sleep(0.0005)
                    continue
                step = min(news, key=lambda job: self.kills[job.step]).step
                if step == "download_bucket":
                    # Most of its time goes by before the first image is asked for.
                    requests.wait_for_more(self.typical[step])
                    time.sleep(0.01 * self.random.random())
                    break
                # Not to the very end: the moment is to lie inside the step.
                time.sleep(0.7 * self.random.random() * self.typical[step])
                if any(job.runs for job in news):
                    break
            ended = run.code
            run.kill_all()
        except BaseException:
            run.kill_all()
            raise
        assert ended in (None, 0), run.output()
        if ended is None:
            self._count(begun.cut_short(), requests)
        return ended == 0

    def _is_wanted(self, job: Job, wanted: dict[str, int]) -> bool:
        lacks = self.kills[job.step] < wanted.get(job.step, 0)
        # Not always the first bucket: others are to be killed half-way through a year.
        return lacks and (not job.step.endswith("_bucket") or self.random.random() < 0.5)

    def _count(self, struck: list[Job], requests: Requests) -> None:
        requests.killed(sum(job.step == "download_bucket" for job in struck))
        if struck:
            self.count += 1
            self.kills.update({job.step for job in struck})
        names = ", ".join(f"{job.release.name} {job.step} {job.name}" for job in struck)
        self.say(f"kill {self.count}: {names or 'between two steps'}")

    def table(self) -> str:
        rows = [f"  {step:<22} {self.kills[step]:>5}" for step in LAST_OUTPUT]
        return "\n".join([f"{self.count} kills inside the steps; steps struck:", *rows])
