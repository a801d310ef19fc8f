"""One budget of requests for every job of a run, kept in a file under a lock."""

import fcntl
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

# Requests a little farther apart than asked leave room for one that is sent late.
MARGIN = 0.97


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
        if self.per_second is None:
            return
        interval = 1 / (self.per_second * MARGIN)
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("a+") as slots:
            # Who waits holds the lock: on a busy machine one late wake-up puts all others off.
            fcntl.flock(slots, fcntl.LOCK_EX)
            # After a clock was set back, the moment in the file may be far away.
            time.sleep(max(0.0, min(interval, _next_free(slots) - time.time())))
            slots.truncate(0)
            slots.write(repr(time.time() + interval))


def _next_free(slots: IO[str]) -> float:
    slots.seek(0)
    try:
        return float(slots.read())
    except ValueError:
        # The file is new, or what was in it was lost with the power.
        return 0.0
