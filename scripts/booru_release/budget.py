"""One budget of requests for every job of a run, never exceeded in any second.

A budget of n requests a second has n slots, each a file under a lock. A request holds a slot until
its answer begins, and the slot is free again a second after that. So of any n + 1 requests the
last is sent a second after the first was answered, and no clock, delay or order of arrival lets
the site see more than n of them in one second.
"""

import fcntl
import math
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO

from .errors import ReleaseProblem

# Slots are what is strict; this only keeps them from being used all at once.
PACE = 0.9
LOOK_AGAIN = 0.005
LONGEST_WAIT = 600.0
# Clocks of two processes on one machine are the same; what they read is rounded.
MARGIN = 0.001


class LongPause(ReleaseProblem):
    """The site has asked everyone to wait for longer than a job does."""

    def __init__(self, file: Path, seconds: float) -> None:
        super().__init__(f"{file}: the site asks for a pause of {seconds:.0f} more seconds")
        self.file, self.seconds = file, seconds


@dataclass(frozen=True)
class Budget:
    """Lets requests through, `per_second` of them in any second; None lets all through.

    A fraction above one request a second is rounded down, one below it is a longer distance.
    `folder` holds the slots and what the site was promised; all jobs of a run share it.
    """

    folder: Path
    per_second: float | None

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Wait for a free slot, and hold it while the block sends a request and awaits its answer.

        Raises:
            LongPause: the site asked for more patience than a job has.
        """
        if self.per_second is None:
            yield
            return
        with self._taken(self.per_second) as slot:
            try:
                yield
            finally:
                # The site may have counted it as late as now.
                _note(slot, time.monotonic())

    def pause(self, seconds: float) -> None:
        """Let no job send a request for so long; a longer pause stays as it is."""
        if self.per_second is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with _locked(self.folder / "pause") as file:
            _note(file, max(_noted(file), time.monotonic() + seconds))

    @contextmanager
    def _taken(self, per_second: float) -> Iterator[IO[bytes]]:
        """A slot that is ours, locked: the kernel frees it when we die."""
        slots = max(1, math.floor(per_second))
        span = max(1.0, slots / per_second) + MARGIN
        self.folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as ours:
            # Who has the turn looks for a slot; all others sleep until the kernel wakes one.
            with _locked(self.folder / "turn") as turn:
                while True:
                    now = time.monotonic()
                    wait = max(self._pause_left(now), _noted(turn) + PACE / per_second - now)
                    if wait <= 0 and (slot := self._free_slot(slots, now - span, ours)):
                        break
                    # Later than this slots may be in use still: their answers have not begun.
                    wait = max(wait, self._oldest(slots) + span - now)
                    time.sleep(max(wait, LOOK_AGAIN))
                _note(turn, now)
                # A process that is killed while it sends leaves this moment behind.
                _note(slot, now)
            yield slot

    def _pause_left(self, now: float) -> float:
        file = self.folder / "pause"
        if not file.is_file():
            return 0
        with file.open("rb") as pause:
            left = _noted(pause) - now
        if left > LONGEST_WAIT:
            raise LongPause(file, left)
        return left

    def _free_slot(self, slots: int, before: float, ours: ExitStack) -> IO[bytes] | None:
        """A slot that nobody holds, and whose last answer began before a moment."""
        for number in range(slots):
            with ExitStack() as candidate:
                slot = candidate.enter_context(_opened(self.folder / f"slot-{number}"))
                if _noted(slot) <= before and _lock_at_once(slot) and _noted(slot) <= before:
                    ours.enter_context(candidate.pop_all())
                    return slot
        return None

    def _oldest(self, slots: int) -> float:
        """The first moment that a slot has noted."""
        moments = []
        for number in range(slots):
            with _opened(self.folder / f"slot-{number}") as slot:
                moments.append(_noted(slot))
        return min(moments)


def _opened(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+b", buffering=0)


@contextmanager
def _locked(path: Path) -> Iterator[IO[bytes]]:
    with _opened(path) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file


def _lock_at_once(file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@cache
def _boot() -> bytes:
    """What tells one start of the machine from another: its clock begins anew with each.

    Source: proc(5), /proc/sys/kernel/random/boot_id.
    """
    return Path("/proc/sys/kernel/random/boot_id").read_bytes().strip()


def _note(file: IO[bytes], moment: float) -> None:
    # One write of always the same length, so that no reader sees a half.
    os.pwrite(file.fileno(), b"%s %020.6f\n" % (_boot(), moment), 0)


def _noted(file: IO[bytes]) -> float:
    """The moment in a file; long ago where it has none of this start of the machine."""
    boot, _, moment = os.pread(file.fileno(), 100, 0).partition(b" ")
    try:
        value = float(moment)
    except ValueError:
        return -math.inf
    return value if boot == _boot() and math.isfinite(value) else -math.inf
