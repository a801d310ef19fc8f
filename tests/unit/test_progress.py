import os
import subprocess
import sys
from pathlib import Path

import pytest
from booru_release import progress
from booru_release.progress import told, tracked

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture
def file(tmp_path):
    return tmp_path / "progress" / "download_bucket" / "0001.json"


@pytest.fixture
def hurried(monkeypatch):
    """Steps tell each change, not only one a second."""
    monkeypatch.setattr(progress, "WRITE_EVERY", 0)


def test_a_step_counts_posts_bytes_and_states(file):
    with tracked(file) as tally:
        progress.expect(3)
        progress.count("fetched", 100)
        progress.count("fetched", 50)
        progress.count("missing")
        progress.asked()
    assert (tally.expected, tally.posts, tally.bytes, tally.requests) == (3, 3, 150, 1)
    assert tally.states == {"fetched": 2, "missing": 1}


def test_a_step_that_is_done_within_a_second_writes_nothing(file):
    with tracked(file):
        progress.count("fetched")
        assert not file.parent.exists()


def test_a_longer_step_tells_how_far_it_is(file, hurried):
    with tracked(file):
        progress.expect(2)
        progress.count("fetched", 100)
        found = told(file)
    assert found is not None
    assert (found.expected, found.posts, found.bytes) == (2, 1, 100)
    assert found.states == {"fetched": 1}


def test_a_step_tells_at_most_once_a_second(file):
    with tracked(file) as tally:
        tally.written -= 1
        progress.count("fetched")
        progress.count("fetched")
        assert told(file).posts == 1
        tally.written -= 1
        progress.count("fetched")
        assert told(file).posts == 3


def test_when_a_step_ends_nothing_is_told_of_it(file, hurried):
    with pytest.raises(KeyError), tracked(file):
        progress.count("fetched")
        raise KeyError("md5")
    assert not file.exists()
    assert told(file) is None


def test_a_file_that_is_being_written_is_left_for_the_next_time(file):
    file.parent.mkdir(parents=True)
    file.write_bytes(b"[2, 1, 10")
    assert told(file) is None


def test_a_step_goes_on_where_its_progress_cannot_be_told(tmp_path, hurried):
    (tmp_path / "progress").write_bytes(b"no folder")
    with tracked(tmp_path / "progress" / "plan_bucket" / "0001.json") as tally:
        progress.count("published")
    assert tally.posts == 1


def test_what_is_counted_outside_of_a_job_is_told_to_nobody(file, hurried):
    progress.expect(1)
    progress.count("fetched")
    with tracked(file) as tally:
        pass
    assert tally.posts == 0


def test_counting_needs_no_more_than_python_itself():
    code = "import sys, booru_release.progress; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(SCRIPTS)},
    ).stdout.split()
    assert not {"logging", "socket", "requests"} & {*loaded}
