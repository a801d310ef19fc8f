"""One budget of requests for every job of a run, kept in a file under a lock."""

import fcntl
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

# Slots a little farther apart than asked leave room for a late wake-up: no second has too many.
MARGIN = 0.97
LONGEST_QUEUE = 3600.0


@dataclass(frozen=True)
class Budget:
    """Hands out moments at which a request may be sent, `per_second` of them a second.

    The file holds the next free moment as seconds since 1970. Source of the scheme: a leaky
    bucket without a burst.
    """

    file: Path
    per_second: float | None

    def wait(self) -> None:
        """Sleep until this request's turn."""
        if self.per_second is not None:
            time.sleep(max(0.0, self._slot() - time.time()))

    def _slot(self) -> float:
        assert self.per_second is not None
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("a+") as slots:
            fcntl.flock(slots, fcntl.LOCK_EX)
            now = time.time()
            slot = max(now, _next_free(slots))
            # A clock that was set back must not stop the run for good.
            slot = now if slot > now + LONGEST_QUEUE else slot
            slots.truncate(0)
            slots.write(repr(slot + 1 / (self.per_second * MARGIN)))
            slots.flush()
        return slot


def _next_free(slots: IO[str]) -> float:
    slots.seek(0)
    try:
        return float(slots.read())
    except ValueError:
        # The file is new, or what was in it was lost with the power.
        return 0.0
