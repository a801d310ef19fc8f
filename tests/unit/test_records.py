import json
import multiprocessing
import os
import time

import pytest
from booru_release import progress
from booru_release.records import Job, Place, Reader, by_step, cpu_seconds, peak_memory, recorded

FORK = multiprocessing.get_context("fork")


@pytest.fixture
def own(tmp_path):
    """The folder of a release."""
    return tmp_path / "releases" / "2019"


def log_of(own, rule="download_bucket", of="0001"):
    return own / "logs" / rule / f"{of}.log"


def job(rule="download_bucket", **values):
    common = {"of": "0001", "ok": True, "started": 5.0, "seconds": 2.0, "cpu_seconds": 1.0}
    return Job(**{"rule": rule, "peak_memory_bytes": 1000, **common, **values})


# Where a job belongs


def test_a_log_tells_release_rule_and_bucket(own):
    place = Place.of_log(log_of(own))
    assert place == Place(own, "download_bucket", "0001")
    assert place.progress == own / "progress" / "download_bucket" / "0001.json"


def test_a_log_tells_the_subset_too(own):
    place = Place.of_log(log_of(own, "rescale_bucket", "sfw_512px/0001"))
    assert place == Place(own, "rescale_bucket", "sfw_512px/0001")


def test_a_release_may_be_built_below_a_folder_of_logs(tmp_path):
    own = tmp_path / "logs" / "releases" / "2019"
    assert Place.of_log(log_of(own)) == Place(own, "download_bucket", "0001")


def test_a_job_without_such_a_log_leaves_no_record(tmp_path):
    assert Place.of_log(tmp_path / "job.log") is None
    with recorded(tmp_path / "job.log"):
        progress.count("published")
    assert [*tmp_path.iterdir()] == []


# What is noted of a job


def test_a_job_that_goes_well_is_noted_with_what_its_step_counted(own):
    before = time.time()
    with recorded(log_of(own)):
        progress.count("fetched", 100)
        progress.count("missing")
    (found,) = Reader(own).new()
    assert (found.rule, found.of, found.ok) == ("download_bucket", "0001", True)
    assert (found.posts, found.bytes) == (2, 100)
    assert found.states == {"fetched": 1, "missing": 1}
    assert before - 1 <= found.started <= time.time()
    assert found.peak_memory_bytes > 1_000_000
    assert found.cpu_seconds > 0


def test_a_job_that_fails_is_noted_as_failed(own):
    with pytest.raises(KeyError), recorded(log_of(own)):
        progress.count("fetched", 100)
        raise KeyError("md5")
    (found,) = Reader(own).new()
    assert not found.ok
    assert found.posts == 1


def test_a_record_that_cannot_be_written_fails_no_job(own):
    own.mkdir(parents=True)
    (own / "jobs").write_bytes(b"no folder")
    with recorded(log_of(own)):
        progress.count("fetched")
    assert [*Reader(own).new()] == []


def test_jobs_that_end_together_lose_no_line(own):
    def work(number):
        for round_ in range(50):
            with recorded(log_of(own, of=f"{number}-{round_}")):
                progress.count("fetched")

    children = [FORK.Process(target=work, args=(number,)) for number in range(4)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert len({found.of for found in Reader(own).new()}) == 200


def test_the_memory_of_a_job_is_not_that_of_what_started_it():
    large = bytearray(300_000_000)
    reading, writing = os.pipe()
    code = "from booru_release.records import peak_memory; print(peak_memory(children=False))"
    child = os.posix_spawn(
        os.sys.executable,
        [os.sys.executable, "-c", f"import sys; sys.path[:0] = {os.sys.path!r}; {code}"],
        dict(os.environ),
        file_actions=[(os.POSIX_SPAWN_DUP2, writing, 1)],
    )
    os.waitpid(child, 0)
    assert 1_000_000 < int(os.read(reading, 100)) < len(large) // 2


def test_the_processors_are_counted_for_ended_children_too():
    before = cpu_seconds()
    child = FORK.Process(target=lambda: sum(range(3_000_000)))
    child.start()
    child.join()
    assert cpu_seconds() > before
    assert peak_memory() >= peak_memory(children=False)


# Reading and summing


def test_each_line_is_read_once(own):
    reader = Reader(own)
    assert [*reader.new()] == []
    with recorded(log_of(own, of="0001")):
        pass
    assert [found.of for found in reader.new()] == ["0001"]
    with recorded(log_of(own, of="0002")):
        pass
    assert [found.of for found in reader.new()] == ["0002"]
    assert [*reader.new()] == []


def test_a_line_that_is_being_written_is_left_for_the_next_time(own):
    with recorded(log_of(own)):
        pass
    (file,) = (own / "jobs").iterdir()
    whole, reader = file.read_bytes(), Reader(own)
    file.write_bytes(whole[:20])
    assert [*reader.new()] == []
    file.write_bytes(whole)
    assert [found.of for found in reader.new()] == ["0001"]


def test_a_broken_line_hides_no_other(own):
    with recorded(log_of(own, of="0001")):
        pass
    (file,) = (own / "jobs").iterdir()
    file.write_bytes(b"\0\0\0\n" + json.dumps({"rule": "x"}).encode() + b"\n" + file.read_bytes())
    assert [found.of for found in Reader(own).new()] == ["0001"]


def test_a_step_is_the_sum_of_its_jobs_and_as_large_as_its_largest():
    jobs = [
        job(posts=3, bytes=100),
        job(posts=1, bytes=50, ok=False, peak_memory_bytes=5000),
        job("plan_bucket"),
    ]
    steps = by_step(jobs)
    assert steps["download_bucket"] == {
        "jobs": 2,
        "failed": 1,
        "seconds": 4.0,
        "cpu_seconds": 2.0,
        "posts": 4,
        "bytes": 150,
        "peak_memory_bytes": 5000,
    }
    assert steps["plan_bucket"]["jobs"] == 1
