"""How far a release is, in one line: from the records of its ended jobs and what others tell."""

import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .progress import FETCHED, TO_FETCH, Tally, told
from .records import Job, Reader

READING, PLANNING, FETCHING = "snapshot_site", "plan_bucket", "download_bucket"
CARE = {"verify_release", "repair_release"}
RATE_OVER = 60.0


@dataclass
class Rate:
    """How fast two figures grow, over the last minute."""

    seen: deque[tuple[float, int, int]] = field(default_factory=deque)

    def of(self, now: float, posts: int, size: int) -> tuple[float, float]:
        """Posts and bytes a second."""
        self.seen.append((now, posts, size))
        while now - self.seen[0][0] > RATE_OVER:
            self.seen.popleft()
        then, posts_then, size_then = self.seen[0]
        passed = max(now - then, 1e-9)
        return (posts - posts_then) / passed, (size - size_then) / passed


class Overview:
    """What a run has done of one release; `jobs_done` of `jobs` are told by whoever runs them."""

    def __init__(self, own: Path, *, buckets: int, started: float) -> None:
        self._own, self._buckets, self._started = own, buckets, started
        self._reader, self._rate = Reader(own), Rate(deque([(started, 0, 0)]))
        self._ended: dict[tuple[str, str], Job] = {}
        self._working_since: float | None = None
        self.jobs_done, self.jobs = 0, 0

    def line(self, now: float) -> str | None:
        """Where the release is at a moment; None while none of its jobs has told anything."""
        self._ended |= {(job.rule, job.of): job for job in self._reader.new() if job.ok}
        running = dict(self._running())
        if not running and not any(self._of_this_run()):
            return None
        reading = [tally for (rule, _), tally in running.items() if rule == READING]
        said = self._reading(reading[0], now) if reading else self._working(running, now)
        return f"{self._own.name}: " + ", ".join(said)

    def _running(self) -> Iterator[tuple[tuple[str, str], Tally]]:
        folder = self._own / "progress"
        for path in sorted(folder.rglob("*.json")):
            rule, *of = path.relative_to(folder).with_suffix("").parts
            if (tally := told(path)) is not None:
                yield (rule, "/".join(of)), tally

    def _of_this_run(self) -> Iterator[Job]:
        return (job for job in self._ended.values() if job.started >= self._started)

    def _reading(self, tally: Tally, now: float) -> Iterator[str]:
        windows, requests = self._rate.of(now, tally.posts, tally.requests)
        yield f"reading the site: {tally.posts:,} of {tally.expected:,} windows"
        yield f"{requests:.1f} requests/s"
        if windows:
            yield f"{duration((tally.expected - tally.posts) / windows)} left"

    def _working(self, running: dict[tuple[str, str], Tally], now: float) -> Iterator[str]:
        self._working_since = self._working_since or now
        if self.jobs:
            yield f"{self.jobs_done:,} of {self.jobs:,} jobs"
        fetched = [*_of(FETCHING, self._of_this_run(), running)]
        posts, size = self._to_fetch()
        if posts or fetched:
            yield from self._fetching(fetched, posts, size, now)
        else:
            yield from _busiest(self._of_this_run(), running)
        share = self._share(running)
        if 0 < share < 1 and now > self._working_since:
            yield f"{duration((now - self._working_since) * (1 - share) / share)} left"

    def _fetching(
        self, told: list[Job | Tally], posts: int, size: int, now: float
    ) -> Iterator[str]:
        done, have = sum(each.posts for each in told), sum(each.bytes for each in told)
        posts_a_second, bytes_a_second = self._rate.of(now, done, have)
        total = f"{self._about()}{max(posts, done):,}"
        yield f"fetched {done:,} of {total} posts ({posts_a_second:.1f}/s)"
        yield f"{amount(have)} of {amount(max(size, have))} ({amount(bytes_a_second)}/s)"
        states: Counter[str] = sum((Counter(each.states) for each in told), Counter())
        for state, count in sorted(states.items()):
            if state != FETCHED:
                yield f"{count:,} {state}"

    def _to_fetch(self) -> tuple[int, int]:
        """Posts and bytes that this run fetches; buckets without a plan are thought like others."""
        planned = {of: job for (rule, of), job in self._ended.items() if rule == PLANNING}
        if not planned:
            return 0, 0
        left = [job for of, job in planned.items() if not self._was_fetched(of, job)]
        more = 1 + (self._buckets - len(planned)) / len(planned)
        posts = sum(job.states.get(TO_FETCH, 0) for job in left)
        return round(posts * more), round(sum(job.bytes for job in left) * more)

    def _about(self) -> str:
        planned = sum(rule == PLANNING for rule, _ in self._ended)
        return "about " if planned < self._buckets else ""

    def _was_fetched(self, bucket: str, plan: Job) -> bool:
        """Whether a run before this one fetched what a bucket's plan asks for."""
        job = self._ended.get((FETCHING, bucket))
        return job is not None and plan.started <= job.started < self._started

    def _share(self, running: dict[tuple[str, str], Tally]) -> float:
        parts = (tally.posts / tally.expected for tally in running.values() if tally.expected)
        return (self.jobs_done + sum(parts)) / self.jobs if self.jobs else 0


def _of(
    rule: str, ended: Iterator[Job], running: dict[tuple[str, str], Tally]
) -> Iterator[Job | Tally]:
    yield from (job for job in ended if job.rule == rule)
    yield from (tally for (its, _), tally in running.items() if its == rule)


def _busiest(ended: Iterator[Job], running: dict[tuple[str, str], Tally]) -> Iterator[str]:
    posts: Counter[str] = Counter()
    for job in ended:
        posts[job.rule] += job.posts
    for (rule, _), tally in running.items():
        posts[rule] += tally.posts
    for rule, count in posts.most_common(1):
        yield f"{rule}: {count:,} {'files' if rule in CARE else 'posts'}"


def amount(size: float) -> str:
    """Bytes as a person reads them, in powers of ten."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 1000 or unit == "TB":
            break
        size /= 1000
    return f"{size:.0f} {unit}" if unit == "B" or size >= 100 else f"{size:.3g} {unit}"


def duration(seconds: float) -> str:
    """A time as a person reads it, in its two largest units."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    named = [(days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")]
    first = next((at for at, (count, _) in enumerate(named) if count), 3)
    return " ".join(f"{count} {unit}" for count, unit in named[first : first + 2])


def overviews(folder: Path, releases: list[str], buckets: int) -> list[Overview]:
    """One of each release that a run may build."""
    started = time.time()
    return [Overview(folder / each, buckets=buckets, started=started) for each in releases]
