"""What a person sees of a run: one line that tells how far it is, errors, and the end.

On a terminal the line is written over itself; elsewhere it comes as a plain line now and then.
"""

import logging
import shutil
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from .overview import Overview, overviews

DRAW_EVERY, SAY_FIRST, SAY_EVERY = 1.0, 10.0, 60.0
# Two paragraphs a job would scroll everything else away; the run's own log file keeps them.
TOO_MUCH = {"job_info", "job_started", "job_finished", "progress", "group_info", "shellcmd"}
TOO_MUCH_TEXT = "Select jobs to execute..."
CLEAR = "\r\033[K"


class Screen(threading.Thread):
    """The line of a run, from its start until it is closed; a filter of what else is shown."""

    def __init__(self, seen: Sequence[Overview], logger: logging.Logger) -> None:
        super().__init__(daemon=True)
        self._seen, self._logger, self._over = seen, logger, threading.Event()
        self._terminal = _terminal_of(logger)
        self._drawn, self._wait = False, SAY_FIRST
        self._lock = threading.Lock()

    def run(self) -> None:
        """Tell how far the run is, until it is closed."""
        while not self._over.wait(DRAW_EVERY if self._terminal else self._wait):
            # A line that cannot be made or shown must not end the run.
            with suppress(Exception):
                self._tell()
            self._wait = SAY_EVERY

    def close(self) -> None:
        """Show no line any more."""
        self._over.set()
        self._clear()

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep single jobs off the screen, and the line out of the way of what is shown."""
        event = getattr(record, "event", None)
        if event == "progress":
            self._count(vars(record)["done"], vars(record)["total"])
        if event in TOO_MUCH or record.msg == TOO_MUCH_TEXT:
            return False
        self._clear()
        return True

    def _count(self, done: int, jobs: int) -> None:
        for overview in self._seen:
            overview.jobs_done, overview.jobs = done, jobs

    def _tell(self) -> None:
        for overview in self._seen:
            if (line := overview.line(time.time())) is not None:
                if self._terminal:
                    self._draw(line, self._terminal)
                else:
                    self._logger.info(line)

    def _draw(self, line: str, terminal: IO[str]) -> None:
        with self._lock:
            if not self._over.is_set():
                terminal.write(CLEAR + fitting(line, shutil.get_terminal_size().columns))
                terminal.flush()
                self._drawn = True

    def _clear(self) -> None:
        with self._lock:
            if self._drawn and self._terminal:
                terminal, self._drawn = self._terminal, False
                terminal.write(CLEAR)
                terminal.flush()


def fitting(line: str, width: int) -> str:
    """A line that stays on one row of a terminal: what does not fit is left out from its end."""
    while len(line) >= width and ", " in line:
        # The time that is left is what people look for.
        head, _, left = line.rpartition(", ")
        line = f"{head.rpartition(', ')[0]}, {left}" if ", " in head else head
    return line[: width - 1]


def _terminal_of(logger: logging.Logger) -> IO[str] | None:
    for handler in logger.handlers:
        if isinstance(handler, logging.StreamHandler) and handler.stream.isatty():
            stream: IO[str] = handler.stream
            return stream
    return None


def watch(
    folder: Path, releases: Sequence[str], buckets: int, logger: logging.Logger, *, quiet: bool
) -> Screen | None:
    """Show how far a run is, unless it is to be quiet; None if each job is to be seen."""
    if logger.isEnabledFor(logging.DEBUG):
        return None
    screen = Screen(overviews(folder, [*releases], buckets), logger)
    for handler in logger.handlers:
        if not isinstance(handler, logging.FileHandler):
            handler.addFilter(screen)
    if not quiet:
        screen.start()
    return screen
