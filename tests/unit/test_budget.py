import fcntl
import math
import multiprocessing
import os
import signal
import time
from itertools import pairwise

import pytest
from booru_release.budget import Budget

FORK = multiprocessing.get_context("fork")


def most_in_a_second(moments):
    """The largest number of moments that any sliding second holds."""
    moments = sorted(moments)
    return max(sum(1 for other in moments if 0 <= other - first < 1) for first in moments)


def seconds_of(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def share_out(budget, count, *, processes):
    """Let processes send `count` requests; the moments at which they did."""

    def send():
        while tickets.acquire(block=False):
            budget.wait()
            sent.put(time.time())

    tickets, sent = FORK.Semaphore(count), FORK.Queue()
    children = [FORK.Process(target=send) for _ in range(processes)]
    for child in children:
        child.start()
    moments = [sent.get() for _ in range(count)]
    for child in children:
        child.join()
    return moments


def test_eight_processes_never_send_more_in_a_second_than_they_may(tmp_path):
    moments = share_out(Budget(tmp_path / "budget", 20), 40, processes=8)
    assert most_in_a_second(moments) <= 20
    # 39 waits of 1/19.4 s take 2.01 s; much more would waste the budget.
    assert max(moments) - min(moments) < 3


def test_requests_of_one_process_are_spread_evenly(tmp_path):
    file = tmp_path / "budget"
    budget, slots = Budget(file, 50), []
    for _ in range(6):
        budget.wait()
        slots.append(float(file.read_text()))
    # A microsecond is what a number of this size cannot say more exactly.
    assert all(later - earlier > 1 / 48.5 - 1e-6 for earlier, later in pairwise(slots))


def test_the_first_request_does_not_wait(tmp_path):
    assert seconds_of(Budget(tmp_path / "budget", 0.01).wait) < 0.5


def test_less_than_one_request_a_second_is_a_budget_too(tmp_path):
    budget = Budget(tmp_path / "budget", 0.5)
    budget.wait()
    # 1 / (0.5 * 0.97) s from now
    assert 2.0 < float((tmp_path / "budget").read_text()) - time.time() < 2.1


def test_no_budget_waits_for_nothing_and_keeps_no_file(tmp_path):
    budget = Budget(tmp_path / "budget", None)
    assert seconds_of(lambda: [budget.wait() for _ in range(1000)]) < 0.5
    assert not (tmp_path / "budget").exists()


def test_time_that_nobody_used_is_not_saved_up(tmp_path):
    (tmp_path / "budget").write_text(repr(time.time() - 1000))
    budget = Budget(tmp_path / "budget", 20)
    assert seconds_of(lambda: [budget.wait() for _ in range(3)]) > 0.1


def test_two_sites_have_a_budget_each(tmp_path):
    first, second = (Budget(tmp_path / name, 0.1) for name in ("first", "second"))
    first.wait()
    assert seconds_of(second.wait) < 0.5


def test_the_folder_is_made(tmp_path):
    Budget(tmp_path / "a" / "b" / "budget", 100).wait()
    assert (tmp_path / "a" / "b" / "budget").is_file()


def test_a_clock_that_was_set_back_does_not_stop_the_run(tmp_path):
    (tmp_path / "budget").write_text(repr(time.time() + 1000))
    assert seconds_of(Budget(tmp_path / "budget", 10).wait) < 0.5


@pytest.mark.parametrize("content", [b"", b"\x00" * 18, b"soon", b"\xff\xfe", b"nan", b"inf"])
def test_a_damaged_file_does_not_stop_the_run(tmp_path, content):
    (tmp_path / "budget").write_bytes(content)
    assert seconds_of(Budget(tmp_path / "budget", 10).wait) < 0.5
    assert math.isfinite(float((tmp_path / "budget").read_text()))


def test_a_process_killed_while_it_waits_holds_nobody_up(tmp_path):
    budget = Budget(tmp_path / "budget", 20)
    (tmp_path / "budget").write_text(repr(time.time() + 0.2))
    child = FORK.Process(target=budget.wait)
    child.start()
    time.sleep(0.1)
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    assert seconds_of(budget.wait) < 0.5


def test_a_request_waits_for_whoever_is_taking_a_slot(tmp_path):
    budget = Budget(tmp_path / "budget", 1000)
    with (tmp_path / "budget").open("a") as slots:
        fcntl.flock(slots, fcntl.LOCK_EX)
        child = FORK.Process(target=budget.wait)
        child.start()
        child.join(0.1)
        assert child.is_alive()
        # Explicitly, since the child has inherited the open file and with it the lock.
        fcntl.flock(slots, fcntl.LOCK_UN)
    child.join(5)
    assert child.exitcode == 0
