import logging
import multiprocessing

import pytest
from booru_release.errors import ReleaseProblem
from booru_release.jobs import logged


class DiskFull(ReleaseProblem):
    """A problem that a person can act on."""

    hint = "make room"


@pytest.fixture
def log(tmp_path):
    return tmp_path / "logs" / "snapshot_site" / "snapshot.log"


def end_of(work, log):
    """The status with which a job ends, and its log without the times."""
    with pytest.raises(SystemExit) as end, logged([str(log)]):
        work()
    return end.value.code, log.read_text()


def fail_with(problem):
    def work():
        raise problem

    return work


def test_what_a_step_logs_is_in_the_jobs_file(log):
    with logged([str(log)]):
        logging.getLogger("booru_release.step").info("bucket %s: %d files", "0123", 7)
        logging.getLogger("booru_release.step").debug("not worth a line")
    lines = log.read_text().splitlines()
    assert len(lines) == 2
    assert lines[1].endswith(" INFO bucket 0123: 7 files")


def test_a_job_says_when_its_step_begins(log):
    with logged([str(log)]):
        assert log.read_text().endswith(" INFO begins\n")


def test_a_job_that_goes_well_ends_well(log):
    with logged([str(log)]):
        pass
    assert log.read_text().count("\n") == 1


def test_a_problem_ends_the_job_with_its_message_and_hint(log):
    status, text = end_of(fail_with(DiskFull("disk: is full")), log)
    assert status == 1
    assert text.endswith(" ERROR disk: is full\n  hint: make room\n")
    assert "Traceback" not in text


def test_an_unexpected_error_ends_the_job_with_its_traceback(log):
    status, text = end_of(fail_with(KeyError("md5")), log)
    assert status == 1
    assert " ERROR unexpected error; please report it with this log\n" in text
    assert text.endswith("KeyError: 'md5'\n")


def test_a_job_that_is_stopped_is_not_called_an_error(log):
    with pytest.raises(KeyboardInterrupt), logged([str(log)]):
        raise KeyboardInterrupt
    assert "ERROR" not in log.read_text()


@pytest.mark.parametrize("code", [5, 13, 28, 30])
def test_a_disk_that_refuses_is_said_with_its_path(log, code):
    status, text = end_of(fail_with(OSError(code, "Refused", "/srv/7.png")), log)
    assert status == 1
    assert " ERROR /srv/7.png: cannot be written: " in text
    assert "Traceback" not in text


def test_a_broken_disk_is_told_from_a_full_one(log):
    _, text = end_of(fail_with(OSError(5, "Input/output error", "/srv/7.png")), log)
    assert "hint: the disk reports errors" in text
    _, text = end_of(fail_with(OSError(28, "No space left on device", "/srv/8.png")), log)
    assert "hint: nothing is lost: make room" in text


def test_any_text_can_be_logged(log):
    def work():
        with logged([str(log)]):
            logging.getLogger("booru_release.step").warning("post 7: %s", "名\udcff")

    # In a process of its own: pytest-xdist ends when a test's captured log has such a text.
    child = multiprocessing.get_context("fork").Process(target=work)
    child.start()
    child.join()
    assert log.read_text(encoding="utf-8").endswith(" WARNING post 7: 名\\udcff\n")


def test_another_try_adds_to_the_log(log):
    end_of(fail_with(DiskFull("first: try")), log)
    _, text = end_of(fail_with(DiskFull("second: try")), log)
    assert text.index("first: try") < text.index("second: try")


def test_after_the_job_logging_is_as_it_was_before(log):
    before = logging.getLogger().level
    with logged([str(log)]):
        pass
    assert logging.getLogger().level == before
    logging.getLogger("booru_release.step").warning("too late")
    assert "too late" not in log.read_text()
