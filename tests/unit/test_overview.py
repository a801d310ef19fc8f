import json
from dataclasses import asdict

import pytest
from booru_release.files import dump_line
from booru_release.overview import Overview, amount, duration, overviews
from booru_release.records import Job

STARTED = 1000.0


@pytest.fixture
def own(tmp_path):
    return tmp_path / "2019"


@pytest.fixture
def overview(own):
    """Of a release of four buckets, and a run that started at second 1000."""
    return Overview(own, buckets=4, started=STARTED)


def ended(own, rule, of, *, started=STARTED + 1, posts=0, size=0, ok=True, **states):
    job = Job(rule, of, ok, started, 1.0, 1.0, 1000, posts, size, states)
    file = own / "jobs" / "host.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("ab") as lines:
        lines.write(dump_line(asdict(job)))


def planned(own, bucket, posts, size, **more):
    ended(own, "plan_bucket", bucket, size=size, **{"to fetch": posts}, **more)


def running(own, rule, of, expected, posts, size=0, requests=0, **states):
    file = own / "progress" / rule / f"{of}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps([expected, posts, size, states, requests]))


def test_before_anything_is_done_there_is_nothing_to_say(overview):
    assert overview.line(STARTED + 5) is None


def test_a_walk_tells_windows_requests_and_the_time_that_is_left(own, overview):
    running(own, "snapshot_site", "snapshot", 4000, 100, requests=200)
    assert overview.line(STARTED + 50) == (
        "2019: reading the site: 100 of 4,000 windows, 4.0 requests/s, 32 min 30 s left"
    )


def test_downloads_tell_posts_bytes_rates_states_and_jobs(own, overview):
    overview.jobs_done, overview.jobs = 6, 24
    for bucket in ("0000", "0001", "0002", "0003"):
        planned(own, bucket, 100, 1_000_000)
    ended(own, "download_bucket", "0000", posts=100, size=900_000, fetched=98, missing=2)
    running(own, "download_bucket", "0001", 100, 20, 300_000, fetched=19, failed=1)
    assert overview.line(STARTED + 10) == (
        "2019: 6 of 24 jobs, fetched 120 of 400 posts (12.0/s), 1.2 MB of 4 MB (120 kB/s), "
        "1 failed, 2 missing"
    )


def test_the_time_that_is_left_is_told_from_the_share_of_jobs(own, overview):
    overview.jobs_done, overview.jobs = 5, 24
    planned(own, "0000", 100, 1000)
    overview.line(STARTED + 10)
    overview.jobs_done = 11
    running(own, "download_bucket", "0001", 100, 100)
    assert overview.line(STARTED + 70).endswith(", 1 min 0 s left")


def test_buckets_without_a_plan_are_thought_to_be_like_the_others(own, overview):
    planned(own, "0000", 100, 1000)
    planned(own, "0001", 50, 3000)
    assert "fetched 0 of about 300 posts (0.0/s), 0 B of 8 kB" in overview.line(STARTED + 10)


def test_what_a_killed_run_fetched_is_not_to_be_fetched_by_the_next(own, overview):
    for bucket in ("0000", "0001", "0002", "0003"):
        planned(own, bucket, 100, 1000, started=10.0)
    ended(own, "download_bucket", "0000", started=20.0, posts=100, size=1000, fetched=100)
    running(own, "download_bucket", "0001", 100, 60, 600, fetched=60)
    assert "fetched 60 of 300 posts" in overview.line(STARTED + 10)


def test_a_new_plan_asks_again_for_what_an_old_one_had(own, overview):
    ended(own, "download_bucket", "0000", started=20.0, posts=100, fetched=100)
    for bucket in ("0000", "0001", "0002", "0003"):
        planned(own, bucket, 100, 1000)
    assert "fetched 0 of 400 posts" in overview.line(STARTED + 10)


def test_a_job_that_failed_is_not_done(own, overview):
    for bucket in ("0000", "0001", "0002", "0003"):
        planned(own, bucket, 100, 1000)
    ended(own, "download_bucket", "0000", posts=100, ok=False, failed=100)
    assert "fetched 0 of 400 posts" in overview.line(STARTED + 10)


def test_where_nothing_is_fetched_the_busiest_step_tells(own, overview):
    overview.jobs = 24
    ended(own, "rescale_bucket", "sfw_512px/0000", posts=1200, published=1200)
    running(own, "rescale_bucket", "sfw_512px/0001", 0, 34, published=34)
    ended(own, "checksum_bucket", "0000", posts=900, published=900)
    assert overview.line(STARTED + 10) == "2019: 0 of 24 jobs, rescale_bucket: 1,234 posts"


def test_a_finished_release_that_is_verified_tells_files(own, overview):
    overview.jobs = 1
    running(own, "verify_release", "verify", 0, 1234, good=1234)
    assert overview.line(STARTED + 10) == "2019: 0 of 1 jobs, verify_release: 1,234 files"


def test_a_rate_is_that_of_the_last_minute(own, overview):
    for bucket in ("0000", "0001", "0002", "0003"):
        planned(own, bucket, 1000, 1000)
    for second in range(10, 130, 10):
        running(own, "download_bucket", "0001", 1000, 2 * second if second <= 60 else 120)
        line = overview.line(STARTED + second)
    assert "(0.0/s)" in line


def test_each_release_that_is_open_has_one(tmp_path):
    assert len(overviews(tmp_path, ["2018", "2019"], 4)) == 2


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (123_456_789, "123 MB"), (4e12, "4 TB")],
)
def test_bytes_are_read_in_powers_of_ten(size, text):
    assert amount(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59, "59 s"), (61, "1 min 1 s"), (7200, "2 h 0 min"), (90061, "1 d 1 h")],
)
def test_times_are_read_in_their_two_largest_units(seconds, text):
    assert duration(seconds) == text
