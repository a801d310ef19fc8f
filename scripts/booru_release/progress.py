"""How far a job is: its step counts, and a small file tells whoever watches the run."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

WRITE_EVERY = 1.0
# What is counted beside states: files that a plan asks for and that came, windows of IDs.
TO_FETCH, FETCHED, READ = "to fetch", "fetched", "read"


@dataclass
class Tally:
    """What a step has done of `expected` posts: bytes of files, posts by state, requests."""

    path: Path | None = None
    expected: int = 0
    posts: int = 0
    bytes: int = 0
    states: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    written: float = field(default_factory=time.monotonic)

    def tell(self) -> None:
        """Write the figures where a watcher finds them, at most once a second."""
        now = time.monotonic()
        if self.path is not None and now >= self.written + WRITE_EVERY:
            self.written = now
            # How far a step is must not be what stops it.
            with suppress(OSError):
                self.path.parent.mkdir(parents=True, exist_ok=True)
                told = (self.expected, self.posts, self.bytes, self.states, self.requests)
                self.path.write_text(json.dumps(told))


# A process does one job; what is counted outside of one is told to nobody.
_tally = Tally()


@contextmanager
def tracked(path: Path | None) -> Iterator[Tally]:
    """Count anew while the block runs; `path` is there meanwhile, if the block takes a second."""
    global _tally
    before, _tally = _tally, Tally(path)
    try:
        yield _tally
    finally:
        _tally = before
        if path is not None:
            with suppress(OSError):
                path.unlink()


def expect(posts: int) -> None:
    """Say how many posts the step has before it, or windows, if it reads a site."""
    _tally.expected += posts
    _tally.tell()


def count(state: str, size: int = 0, posts: int = 1) -> None:
    """Say that the step is done with a post, what became of it, and the bytes of its file."""
    _tally.posts += posts
    _tally.bytes += size
    _tally.states[state] += posts
    _tally.tell()


def asked() -> None:
    """Say that the site has answered a question."""
    _tally.requests += 1
    _tally.tell()


def told(path: Path) -> Tally | None:
    """How far the job is that tells it in a file; None if it just ended."""
    try:
        expected, posts, size, states, requests = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return Tally(path, expected, posts, size, Counter(states), requests)
