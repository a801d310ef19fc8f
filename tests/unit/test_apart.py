import os
import signal

import pytest
from booru_release.apart import Crashed, run_apart


def test_work_apart_brings_its_result():
    assert run_apart("tool", lambda: b"x" * 1_000_000) == b"x" * 1_000_000


def test_an_error_apart_says_what_it_was():
    with pytest.raises(Crashed, match="tool: ZeroDivisionError: "):
        run_apart("tool", lambda: bytes(1 // 0))


def test_a_library_that_ends_its_process_does_not_end_ours():
    with pytest.raises(Crashed, match="tool: ended with status 3"):
        run_apart("tool", lambda: os._exit(3))


def test_a_library_that_is_killed_does_not_end_ours():
    with pytest.raises(Crashed, match="tool: ended with status -9"):
        run_apart("tool", lambda: os.kill(os.getpid(), signal.SIGKILL))
