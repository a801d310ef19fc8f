"""A run and its jobs: those of a run that is over do not meet those of the next.

On a cluster a killed run leaves jobs behind, waiting or at work on other hosts. Each such job, a
process that reads the Snakefile itself, holds a shared lock for its life, and knows its run by an
environment variable, which batch systems hand on. (What a run starts on its own host is kept apart
by the locks of the buckets.)
"""

import fcntl
import logging
import os
import uuid
from pathlib import Path
from typing import IO

from .errors import ReleaseProblem
from .files import write_bytes

VARIABLE = "BOORU_RELEASE_RUN"

# Open for the life of the process: the lock is gone when it is, however it ends.
_held: list[IO[str]] = []


class RunIsOver(ReleaseProblem):
    """A job was left in a queue by a run that is over, and another one has begun since."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"{folder}: this job's run is over, and the next one does its work")
        self.folder = folder


def begin(folder: Path, logger: logging.Logger) -> None:
    """Make this process the run that jobs belong to, once those of the run before have ended."""
    run = uuid.uuid4().hex
    os.environ[VARIABLE] = run
    # First the name, then the lock: what starts in between sees that its run is over.
    write_bytes(folder / "run.id", run.encode())
    with _lock_of(folder) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            logger.warning(
                f"{folder}: waiting for jobs of an earlier run; each ends with what it has at hand "
                "(or cancel it: scancel, bkill, kill)"
            )
            fcntl.flock(lock, fcntl.LOCK_EX)


def join(folder: Path) -> None:
    """Be a job of the present run until this process ends.

    Raises:
        RunIsOver: the run that made this job is over, and another has begun.
    """
    lock = _lock_of(folder)
    fcntl.flock(lock, fcntl.LOCK_SH)
    _held.append(lock)
    present = folder / "run.id"
    # An executor that hands on no variables leaves its jobs without a check.
    mine = os.environ.get(VARIABLE)
    if mine and present.is_file() and present.read_text() != mine:
        raise RunIsOver(folder)


def _lock_of(folder: Path) -> IO[str]:
    folder.mkdir(parents=True, exist_ok=True)
    # For reading and writing: NFS asks for the first to share a lock, for the second to own it.
    return (folder / "jobs.lock").open("a+")
