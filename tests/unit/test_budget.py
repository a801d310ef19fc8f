import fcntl
import math
import multiprocessing
import os
import signal
import time
from itertools import pairwise

import pytest
from booru_release import budget as module
from booru_release.budget import Budget, LongPause
from booru_release.connections import Connections
from web import Reply, Web

FORK = multiprocessing.get_context("fork")


def most_in_a_second(moments):
    """The largest number of moments that any sliding second holds."""
    moments = sorted(moments)
    return max(sum(1 for other in moments if 0 <= other - first < 1) for first in moments)


def seconds_of(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def ask(budget):
    """A request that is answered at once."""
    with budget.slot():
        pass


def visit(budget, url, count, *, processes):
    """Let processes send `count` requests to a server, each within the budget."""

    def send():
        connections = Connections(10)
        while tickets.acquire(block=False):
            with budget.slot():
                answer = connections.get(url, {})
            for _ in answer.blocks(100):
                pass

    tickets = FORK.Semaphore(count)
    children = [FORK.Process(target=send) for _ in range(processes)]
    for child in children:
        child.start()
    for child in children:
        child.join()
        assert child.exitcode == 0


def noted(budget, name):
    """The moment in a file of a budget, on the machine's own clock."""
    return float((budget.folder / name).read_text().split()[1])


def note(budget, name, moment, boot=None):
    """Write a file of a budget as another process would."""
    budget.folder.mkdir(parents=True, exist_ok=True)
    boot = module._boot().decode() if boot is None else boot
    (budget.folder / name).write_text(f"{boot} {moment:020.6f}\n")


@pytest.fixture
def make_budget(tmp_path):
    def make(per_second):
        return Budget(tmp_path / "budget", per_second)

    return make


def test_eight_processes_never_send_more_in_a_second_than_they_may(web, make_budget):
    web.put("/", Reply(body=b"[]"))
    visit(make_budget(10), f"{web.url}/", 35, processes=8)
    moments = [asked.moment for asked in web.asked]
    assert len(moments) == 35
    assert most_in_a_second(moments) <= 10


def test_answers_that_take_their_time_do_not_make_requests_bunch_up(web, make_budget):
    # What a busy network does: some requests arrive late, and then many come at once.
    late = iter([0.6, 0.5, 0.4, 0.3, 0.2, 0.1] * 10)
    web.put("/", lambda asked: Reply(body=b"[]", seconds=next(late)))
    visit(make_budget(5), f"{web.url}/", 16, processes=8)
    assert most_in_a_second([asked.moment for asked in web.asked]) <= 5


@pytest.mark.long
def test_a_minute_of_work_for_eight_jobs_uses_the_budget_and_never_exceeds_it(make_budget):
    with Web() as web:
        web.put("/", Reply(body=b"[]"))
        visit(make_budget(10), f"{web.url}/", 600, processes=8)
        moments = sorted(asked.moment for asked in web.asked)
    assert most_in_a_second(moments) <= 10
    assert len(moments) / (moments[-1] - moments[0]) >= 9.5


def test_requests_of_one_process_are_spread(make_budget):
    budget, moments = make_budget(20), []
    for _ in range(6):
        ask(budget)
        moments.append(noted(budget, "turn"))
    # 0.9 / 20 s
    assert all(later - earlier >= 0.045 - 1e-5 for earlier, later in pairwise(moments))


def test_the_first_request_does_not_wait(make_budget):
    assert seconds_of(lambda: ask(make_budget(0.01))) < 0.5


@pytest.mark.parametrize(
    ("per_second", "slots", "span"), [(0.5, 1, 2), (1, 1, 1), (1.9, 1, 1), (4, 4, 1), (9.5, 9, 1)]
)
def test_a_slot_is_free_again_when_the_budget_allows(make_budget, per_second, slots, span):
    budget, now = make_budget(per_second), time.monotonic()
    for number in range(slots):
        note(budget, f"slot-{number}", now - span + 0.1)
    ask(budget)
    # The slots were free 0.1 s after they were noted.
    assert noted(budget, "turn") - now >= 0.1
    assert len([*budget.folder.glob("slot-*")]) == slots


def test_no_budget_waits_for_nothing_and_keeps_no_file(make_budget):
    budget = make_budget(None)
    budget.pause(1000)
    assert seconds_of(lambda: [ask(budget) for _ in range(1000)]) < 0.5
    assert not budget.folder.exists()


def test_time_that_nobody_used_is_not_saved_up(make_budget):
    budget = make_budget(2)
    for name in ("turn", "slot-0", "slot-1"):
        note(budget, name, time.monotonic() - 1000)
    moments = []
    for _ in range(3):
        ask(budget)
        moments.append(noted(budget, "turn"))
    assert moments[2] - moments[0] >= 1


def test_two_sites_have_a_budget_each(tmp_path):
    first, second = (Budget(tmp_path / name, 0.1) for name in ("first", "second"))
    ask(first)
    assert seconds_of(lambda: ask(second)) < 0.5


def test_a_request_holds_its_slot_until_its_answer_begins(make_budget):
    budget = make_budget(2)
    with budget.slot():
        sent = noted(budget, "slot-0")
        time.sleep(0.05)
        ask(budget)
        assert noted(budget, "slot-0") == sent
    assert noted(budget, "slot-0") >= sent + 0.05
    assert noted(budget, "slot-1") > sent


def test_a_slot_that_hangs_holds_no_other_up(make_budget):
    budget = make_budget(3)
    with budget.slot():
        moments = []
        for _ in range(4):
            ask(budget)
            moments.append(noted(budget, "turn"))
    assert moments[-1] - moments[0] < 5


def test_a_request_that_fails_has_used_its_slot(make_budget):
    budget = make_budget(0.1)
    with pytest.raises(ValueError, match="broken"), budget.slot():
        raise ValueError("broken")
    assert time.monotonic() - noted(budget, "slot-0") < 1


def test_a_process_killed_in_a_request_gives_its_slot_back_and_counts(make_budget):
    budget, holds = make_budget(1), FORK.Event()

    def hang():
        with budget.slot():
            holds.set()
            time.sleep(60)

    child = FORK.Process(target=hang)
    child.start()
    assert holds.wait(5)
    sent = noted(budget, "slot-0")
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    ask(budget)
    assert noted(budget, "turn") - sent >= 1


def test_a_process_killed_while_it_waits_holds_nobody_up(make_budget):
    budget = make_budget(1)
    note(budget, "slot-0", time.monotonic() - 0.6)
    child = FORK.Process(target=ask, args=(budget,))
    child.start()
    time.sleep(0.1)
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    assert seconds_of(lambda: ask(budget)) < 1


def test_a_request_waits_for_whoever_is_looking_for_a_slot(make_budget):
    budget = make_budget(1000)
    ask(budget)
    with (budget.folder / "turn").open("r+") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        child = FORK.Process(target=ask, args=(budget,))
        child.start()
        child.join(0.1)
        assert child.is_alive()
        # Explicitly, since the child has inherited the open file and with it the lock.
        fcntl.flock(turn, fcntl.LOCK_UN)
    child.join(5)
    assert child.exitcode == 0


def test_a_clock_that_begins_anew_with_the_machine_stops_nobody(make_budget):
    budget = make_budget(0.001)
    for name in ("turn", "slot-0", "pause"):
        note(budget, name, time.monotonic() + 500, boot="another-start-of-this-machine")
    assert seconds_of(lambda: ask(budget)) < 0.5


@pytest.mark.parametrize("content", [b"", b"\x00" * 58, b"soon", b"\xff\xfe", b"x nan", b"y inf"])
def test_a_damaged_file_does_not_stop_the_run(make_budget, content):
    budget = make_budget(1)
    ask(budget)
    for name in ("turn", "slot-0", "pause"):
        (budget.folder / name).write_bytes(content)
    assert seconds_of(lambda: ask(budget)) < 0.5
    assert math.isfinite(noted(budget, "slot-0"))


# Pauses


def test_a_pause_stops_every_process(make_budget):
    budget = make_budget(1000)
    budget.pause(0.3)
    until = noted(budget, "pause")
    child = FORK.Process(target=ask, args=(budget,))
    child.start()
    child.join()
    assert noted(budget, "turn") >= until


def test_a_pause_stops_who_waits_already(make_budget):
    budget = make_budget(1)
    ask(budget)
    child = FORK.Process(target=ask, args=(budget,))
    child.start()
    time.sleep(0.1)
    budget.pause(1.3)
    until = noted(budget, "pause")
    child.join()
    assert noted(budget, "turn") >= until


def test_a_shorter_pause_does_not_end_a_longer_one(make_budget):
    budget = make_budget(1)
    budget.pause(100)
    until = noted(budget, "pause")
    budget.pause(1)
    assert noted(budget, "pause") == until


def test_a_pause_that_no_job_sits_through_is_an_error_at_once(make_budget):
    budget = make_budget(1)
    budget.pause(3600)
    with pytest.raises(
        LongPause, match=r"the site asks for a pause of 3\d\d\d more seconds"
    ) as long:
        ask(budget)
    assert 3590 < long.value.seconds <= 3600
    assert long.value.file == budget.folder / "pause"
