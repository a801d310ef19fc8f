import json
import logging
import os
import pty
import select
import time

import pytest
from booru_release import screen
from booru_release.overview import Overview
from booru_release.screen import CLEAR, Screen, fitting, watch


class Terminal:
    """A real terminal, and what is on it."""

    def __init__(self):
        self._ours, theirs = pty.openpty()
        self.stream = os.fdopen(theirs, "w")

    def text(self):
        self.stream.flush()
        read = b""
        # What was written arrives a moment later, and in pieces.
        for _ in range(10):
            if select.select([self._ours], [], [], 0.1)[0]:
                read += os.read(self._ours, 100_000)
        return read.decode()


@pytest.fixture
def logger():
    made = logging.Logger("a run", logging.INFO)
    yield made
    for handler in made.handlers:
        handler.close()


@pytest.fixture
def terminal(logger):
    made = Terminal()
    logger.addHandler(logging.StreamHandler(made.stream))
    return made


@pytest.fixture
def pipe(logger, tmp_path):
    """What a run writes where there is no terminal."""
    stream = (tmp_path / "pipe").open("w")
    logger.addHandler(logging.StreamHandler(stream))
    yield tmp_path / "pipe"
    stream.close()


@pytest.fixture
def folder(tmp_path):
    """A release of which a walk is under way."""
    tell(tmp_path, 5)
    return tmp_path


def tell(folder, windows):
    file = folder / "2019" / "progress" / "snapshot_site" / "snapshot.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps([10, windows, 0, {}, 0]))


def seen_of(folder):
    return [Overview(folder / "2019", buckets=1, started=time.time() - 100)]


@pytest.fixture
def hurried(monkeypatch):
    for name in ("DRAW_EVERY", "SAY_FIRST", "SAY_EVERY"):
        monkeypatch.setattr(screen, name, 0.01)


def until(said):
    for _ in range(1000):
        if found := said():
            return found
        time.sleep(0.01)
    raise TimeoutError


def test_a_terminal_shows_one_line_that_is_written_over_itself(folder, logger, terminal, hurried):
    shown = Screen(seen_of(folder), logger)
    shown.start()
    text = until(terminal.text)
    shown.close()
    assert text.startswith(CLEAR + "2019: reading the site: 5 of 10 windows")
    assert "\n" not in text


def test_what_else_is_shown_has_a_row_of_its_own(folder, logger, terminal):
    shown = Screen(seen_of(folder), logger)
    logger.handlers[0].addFilter(shown)
    shown._tell()
    terminal.text()
    logger.warning("post 7: missing")
    assert terminal.text() == CLEAR + "post 7: missing\r\n"


def test_a_closed_screen_leaves_no_line(folder, logger, terminal):
    shown = Screen(seen_of(folder), logger)
    shown._tell()
    terminal.text()
    shown.close()
    shown._tell()
    assert terminal.text() == CLEAR


def test_a_pipe_gets_whole_lines(folder, logger, pipe, hurried):
    shown = Screen(seen_of(folder), logger)
    shown.start()
    text = until(pipe.read_text)
    shown.close()
    shown.join()
    assert text.startswith("2019: reading the site: 5 of 10 windows")
    assert CLEAR not in pipe.read_text()
    assert pipe.read_text().endswith("\n")


@pytest.mark.parametrize("event", ["job_info", "job_started", "job_finished", "shellcmd"])
def test_single_jobs_are_not_shown(folder, logger, pipe, event):
    logger.handlers[0].addFilter(Screen(seen_of(folder), logger))
    logger.info("rule plan_bucket: ...", extra={"event": event})
    logger.info("Select jobs to execute...")
    logger.error("Error in rule plan_bucket", extra={"event": "job_error"})
    assert pipe.read_text() == "Error in rule plan_bucket\n"


def test_how_many_jobs_are_done_is_told_and_not_shown(folder, logger, pipe):
    seen = seen_of(folder)
    logger.handlers[0].addFilter(Screen(seen, logger))
    logger.info(None, extra={"event": "progress", "done": 7, "total": 50})
    assert pipe.read_text() == ""
    assert (seen[0].jobs_done, seen[0].jobs) == (7, 50)


def test_a_line_that_cannot_be_made_does_not_end_the_others(folder, logger, pipe, hurried):
    class Broken:
        def line(self, now):
            raise ValueError

    shown = Screen([Broken()], logger)
    shown.start()
    time.sleep(0.05)
    assert shown.is_alive()
    shown.close()
    shown.join()


def test_who_asks_for_every_detail_gets_it(folder, logger, pipe):
    logger.setLevel(logging.DEBUG)
    assert watch(folder, ["2019"], 1, logger, quiet=False) is None
    logger.info("rule plan_bucket: ...", extra={"event": "job_info"})
    assert pipe.read_text() == "rule plan_bucket: ...\n"


def test_a_quiet_run_tells_neither_progress_nor_jobs(folder, logger, pipe, hurried):
    shown = watch(folder, ["2019"], 1, logger, quiet=True)
    tell(folder, 5)
    logger.info("Execute 1 jobs...", extra={"event": "job_started"})
    logger.error("Error in rule plan_bucket")
    assert not shown.is_alive()
    assert pipe.read_text() == "Error in rule plan_bucket\n"


def test_the_runs_own_log_file_keeps_single_jobs(folder, logger, tmp_path):
    logger.addHandler(logging.FileHandler(tmp_path / "snakemake.log"))
    watch(folder, ["2019"], 1, logger, quiet=False).close()
    logger.info("rule plan_bucket: ...", extra={"event": "job_info"})
    assert (tmp_path / "snakemake.log").read_text() == "rule plan_bucket: ...\n"


@pytest.mark.parametrize(
    ("width", "text"),
    [
        (80, "2019: 6 of 24 jobs, 120 posts, 2 missing, 3 s left"),
        (45, "2019: 6 of 24 jobs, 120 posts, 3 s left"),
        (30, "2019: 6 of 24 jobs, 3 s left"),
        (10, "2019: 6 o"),
    ],
)
def test_a_line_fits_the_terminal_and_keeps_the_time_that_is_left(width, text):
    assert fitting("2019: 6 of 24 jobs, 120 posts, 2 missing, 3 s left", width) == text
