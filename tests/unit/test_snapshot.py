import datetime
import gzip
import hashlib
import json
import multiprocessing
import resource
from contextlib import contextmanager
from functools import partial

import pytest
from booru_release import sources
from booru_release.budget import Budget
from booru_release.configuration import Source
from booru_release.files import UnreadableFile, dump_json, write_bytes
from booru_release.metadata import TABLES, read_snapshot, table_file
from booru_release.patience import Manners
from booru_release.posts import MalformedPost
from booru_release.redaction import Redaction
from booru_release.site import Site
from booru_release.site_problems import SiteDown, UnexpectedAnswer
from booru_release.snapshot import NOTHING, raw_site, snapshot_site, write_snapshot
from booru_release.transfer import Transfer
from booru_release.walk import RawSite
from web import refusal, rows
from witnesses import existing, files_in

SETTINGS = {"last_upload": "2018-12-31", "buckets": 8, "source": {"kind": "embedded"}}


@pytest.fixture(scope="module")
def release(tmp_path_factory, drawings):
    """The snapshot of 2018, and the folder of its files."""
    folder = tmp_path_factory.mktemp("release")
    (folder / "embedded").symlink_to(drawings)
    return snapshot_into(folder), folder / "2018" / "metadata"


def snapshot_into(folder):
    return snapshot_site(
        partial(sources.open_site, Source(kind="embedded"), folder=folder),
        settings=SETTINGS,
        release="2018",
        receipt=folder / "2018" / "metadata" / "snapshot.json",
    )


@pytest.fixture
def written(tmp_path):
    """Write the snapshot of posts that a walk has found, in buckets."""

    def write(*posts, buckets=2, last_upload="2018-12-31", redaction=NOTHING, **tables):
        raw = RawSite(tmp_path / "raw")
        last = max((int(post["id"]) for post in posts), default=0)
        write_bytes(raw.folder / "bound.json", dump_json({"last_id": last}))
        for table, found in {"posts": posts, **tables}.items():
            body = json.dumps(found).encode() + b"\n"
            write_bytes(raw.file(table, 1 if table == "posts" else 0), gzip.compress(body))
        return write_snapshot(
            raw, tmp_path / "to", buckets=buckets, last_upload=last_upload, redaction=redaction
        )

    return write


def post(post_id, day="2018-06-01", **more):
    return {"id": post_id, "created_at": f"{day}T12:00:00.000-04:00", **more}


def lines_of(path):
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


def ids_in(path):
    return [row["id"] for row in lines_of(path)]


# A release of the embedded booru


def test_a_snapshot_counts_posts_and_holes(release):
    snapshot, _ = release
    posts = existing("2018-12-31")
    # The history says that 145 was uploaded in the last minutes of 2018, UTC, and 146 after them.
    assert snapshot.last_id == 145
    assert snapshot.posts == len(posts)
    assert snapshot.holes == 145 - len(posts)


def test_a_snapshot_has_each_post_of_the_release_in_order(release):
    _, metadata = release
    assert ids_in(metadata / "posts.jsonl.gz") == existing("2018-12-31")


@pytest.mark.parametrize("number", range(8))
def test_a_bucket_has_its_posts_in_order(release, number):
    _, metadata = release
    posts = [row for row in lines_of(metadata / "posts.jsonl.gz") if row["id"] % 8 == number]
    assert lines_of(metadata / "posts" / f"{number:04d}.jsonl.gz") == posts


@pytest.mark.parametrize("table", TABLES)
def test_a_table_has_its_rows_in_order(release, table):
    snapshot, metadata = release
    ids = ids_in(table_file(metadata, table))
    assert ids == sorted(set(ids))
    assert len(ids) == snapshot.rows[table] > 0


def test_a_snapshot_names_the_sha256_of_every_table(release):
    snapshot, metadata = release
    assert snapshot.sha256 == {
        table: hashlib.sha256(table_file(metadata, table).read_bytes()).hexdigest()
        for table in ["posts", *TABLES]
    }


def test_a_snapshot_is_read_as_it_was_written(release):
    snapshot, metadata = release
    assert read_snapshot(metadata / "snapshot.json") == snapshot


def test_the_same_site_gives_the_same_bytes_elsewhere(release, drawings, tmp_path):
    (tmp_path / "embedded").symlink_to(drawings)
    snapshot_into(tmp_path)
    assert files_in(tmp_path / "2018" / "metadata") == files_in(release[1])


def test_what_a_site_says_beside_what_we_read_is_kept(release):
    _, metadata = release
    first = lines_of(metadata / "posts.jsonl.gz")[0]
    assert {"tag_string_artist", "media_asset", "updated_at", "source"} <= first.keys()


# The day on which it was read


def test_the_booru_inside_is_read_when_the_last_day_has_ended(release):
    assert release[0].read_on == "2019-01-01"


def test_a_real_site_is_read_on_the_day_on_which_the_walk_began(web, tmp_path):
    @contextmanager
    def open_site(*, release, as_of):
        yield Site(Transfer(web.url, Budget(tmp_path / "budget", None)))

    def read():
        return snapshot_site(
            open_site,
            settings={**SETTINGS, "source": {"kind": "danbooru", "url": web.url}},
            release="2018",
            receipt=tmp_path / "metadata" / "snapshot.json",
        )

    def posts(asked):
        last_page = asked.query.get("page") == "a1" or "id:" in asked.query.get("tags", "")
        return rows() if last_page else rows(post(1))

    web.put("/posts.json", posts)
    for table in TABLES:
        web.put(f"/{table}.json", rows())
    days = {datetime.datetime.now(datetime.UTC).date().isoformat()}
    found = read().read_on
    assert found in days | {datetime.datetime.now(datetime.UTC).date().isoformat()}
    [bound] = (tmp_path / "metadata" / "raw").glob("*/bound.json")
    kept = json.loads(bound.read_text())
    write_bytes(bound, dump_json({**kept, "read_on": "2018-07-07"}))
    # A walk that is taken up again on another day began when it began.
    assert read().read_on == "2018-07-07"


def test_a_walk_of_an_older_version_tells_no_day(written, tmp_path):
    assert written(post(1)).read_on is None
    kept = json.loads((tmp_path / "to" / "snapshot.json").read_text())
    del kept["read_on"]
    write_bytes(tmp_path / "to" / "snapshot.json", dump_json(kept))
    assert read_snapshot(tmp_path / "to" / "snapshot.json").read_on is None


# What belongs to a release


def test_posts_after_the_last_one_in_time_are_left_out(written, tmp_path):
    snapshot = written(post(1), post(2), post(3, "2019-01-01"))
    assert (snapshot.last_id, snapshot.posts, snapshot.holes) == (2, 2, 0)
    assert ids_in(tmp_path / "to" / "posts.jsonl.gz") == [1, 2]


def test_ids_count_and_not_dates_up_to_the_last_one_in_time(written):
    snapshot = written(post(1), post(2, "2019-01-01"), post(4))
    assert (snapshot.last_id, snapshot.posts, snapshot.holes) == (4, 3, 1)


def test_days_are_of_universal_time(written):
    last = {"id": 1, "created_at": "2018-12-31T18:59:59.999-05:00"}
    next_year = {"id": 2, "created_at": "2018-12-31T19:00:00.000-05:00"}
    assert written(last, next_year).last_id == 1


def test_a_bucket_without_posts_has_an_empty_file(written, tmp_path):
    written(post(2), buckets=3)
    assert [ids_in(tmp_path / "to" / "posts" / f"000{n}.jsonl.gz") for n in range(3)] == [
        [],
        [],
        [2],
    ]


def test_an_id_that_came_as_text_is_a_number_in_the_snapshot(written, tmp_path):
    written(post("7", rating="g"))
    row = {"id": 7, "created_at": "2018-06-01T12:00:00.000-04:00", "rating": "g"}
    assert lines_of(tmp_path / "to" / "posts" / "0001.jsonl.gz") == [row]


def test_texts_of_any_kind_are_kept(written, tmp_path):
    written(post(1, source="名\ud800\u2028\n", score=-3))
    row = lines_of(tmp_path / "to" / "posts.jsonl.gz")[0]
    assert (row["source"], row["score"]) == ("名\ud800\u2028\n", -3)


def test_there_may_be_more_buckets_than_files_that_a_process_may_open(written, tmp_path):
    def limited():
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
        written(post(7), buckets=100)

    child = multiprocessing.get_context("fork").Process(target=limited)
    child.start()
    child.join()
    assert child.exitcode == 0
    assert ids_in(tmp_path / "to" / "posts" / "0007.jsonl.gz") == [7]
    assert len([*(tmp_path / "to" / "posts").iterdir()]) == 100


# What goes wrong


def test_a_site_without_a_post_of_that_time_gives_no_snapshot(written, tmp_path):
    with pytest.raises(UnexpectedAnswer, match="no post was uploaded until 2018-12-31"):
        written(post(1, "2019-01-01"))
    assert not (tmp_path / "to").exists()


@pytest.mark.parametrize("created_at", [None, "yesterday", 7, "0001-01-01T00:00:00+10:00"])
def test_a_post_without_an_upload_time_is_named(written, created_at):
    with pytest.raises(MalformedPost, match=r"^post: 3: uploaded at "):
        written({"id": 3, "created_at": created_at})


def test_what_held_a_post_that_is_none_is_asked_for_again_and_nothing_else(written, tmp_path):
    raw = RawSite(tmp_path / "raw")
    bad, good = raw.file("posts", 1), raw.file("posts", 1001)
    write_bytes(good, gzip.compress(b"[]\n"))
    with pytest.raises(MalformedPost):
        written({"id": 3, "created_at": "yesterday"})
    assert (bad.exists(), good.exists()) == (False, True)


def test_a_damaged_answer_is_named(written, tmp_path):
    written(post(1), post(2))
    kept = tmp_path / "raw" / "posts" / "000000000001.jsonl.gz"
    kept.write_bytes(kept.read_bytes()[:-9])
    with pytest.raises(UnreadableFile, match=f"^{kept}: is damaged"):
        write_snapshot(
            RawSite(tmp_path / "raw"), tmp_path / "to", buckets=2, last_upload="2018-12-31"
        )


def test_a_snapshot_that_broke_off_is_not_described(written, tmp_path):
    with pytest.raises(MalformedPost):
        written(post(1), tags=[{"id": None}])
    assert not (tmp_path / "to" / "snapshot.json").exists()
    assert not [*(tmp_path / "to").rglob("*.part")]


def test_a_site_that_is_down_leaves_no_snapshot(web, tmp_path):
    @contextmanager
    def open_site(*, release, as_of):
        manners = Manners(attempts=1)
        yield Site(Transfer(web.url, Budget(tmp_path / "budget", None), manners=manners))

    web.put("/posts.json", refusal(503))
    receipt = tmp_path / "metadata" / "snapshot.json"
    with pytest.raises(SiteDown):
        snapshot_site(open_site, settings=SETTINGS, release="2018", receipt=receipt)
    assert files_in(tmp_path) == {}


# Where the answers are kept


@pytest.mark.parametrize(
    "change", [{"last_upload": "2018-12-30"}, {"source": {"kind": "danbooru", "url": "http://x"}}]
)
def test_answers_of_another_site_or_day_are_never_mixed(tmp_path, change):
    assert raw_site(tmp_path, SETTINGS) != raw_site(tmp_path, {**SETTINGS, **change})


def test_another_number_of_buckets_needs_no_other_answers(tmp_path):
    assert raw_site(tmp_path, SETTINGS) == raw_site(tmp_path, {**SETTINGS, "buckets": 1000})


# Posts that are withdrawn


def test_a_snapshot_leaves_out_what_is_withdrawn_and_keeps_the_answers(written, tmp_path):
    digest = "d41d8cd98f00b204e9800998ecf8427e"
    posts = [post(1, md5=digest), post(2, parent_id=1), post(3, source=f"/{digest}.png")]
    notes = [{"id": 1, "post_id": 1}, {"id": 2, "post_id": 2}]
    snapshot = written(*posts, notes=notes, redaction=Redaction([1]))
    assert (snapshot.last_id, snapshot.posts, snapshot.holes) == (3, 2, 1)
    assert snapshot.rows["notes"] == 1
    metadata = tmp_path / "to"
    for written in (
        lines_of(metadata / "posts.jsonl.gz"),
        lines_of(metadata / "posts" / "0000.jsonl.gz"),
    ):
        assert written[0]["id"] == 2
        assert written[0]["parent_id"] is None
    # The md5 that only the answers tell is redacted, too.
    assert lines_of(metadata / "posts.jsonl.gz")[1]["source"] == "/(withdrawn).png"
    assert ids_in(metadata / "posts" / "0001.jsonl.gz") == [3]
    assert digest.encode() in gzip.decompress((tmp_path / "raw" / "posts" / FIRST).read_bytes())


def test_the_last_id_stays_when_its_post_is_withdrawn(written):
    snapshot = written(post(1), post(2), redaction=Redaction([2]))
    assert (snapshot.last_id, snapshot.posts) == (2, 1)


FIRST = "000000000001.jsonl.gz"
