"""A site that misbehaves in every way: each post ends in its state, and nothing wrong gets in."""

import hashlib
import re
from base64 import b64encode
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from booru_release.configuration import Source
from booru_release.errors import ReleaseProblem
from booru_release.files import read_lines
from booru_release.snapshot import snapshot_site
from booru_release.sources import open_site
from embedded_booru.mischief import MISDEEDS
from pyarrow import parquet

from .conftest import Run, Workshop, contents, free_port
from .hostile import Case, Corpus, asked, at, files_asked, impatient, stray_files

pytestmark = pytest.mark.xdist_group("hostile")

BUCKETS = 4
LOGIN, KEY = "nobody-we-know", "k3y-that-opens-n0thing"
ELSEWHERE = "http://elsewhere.example/"


def do(name, times=None, **more):
    """A rule for a post's file; without a number of times, always."""
    return {"do": name, "times": times, **more}


# What passes: the post is published in the first year, as if nothing had been.
PASSING = [
    Case((do("error", 1, status=429, retry_after=1),)),
    Case((do("page", 1, status=429, retry_after=1, as_date=True),)),
    Case((do("error", 2, status=429),)),
    Case((do("error", 2, status=500),)),
    Case((do("page", 2, status=502),)),
    Case((do("page", 1, status=503, retry_after=0),)),
    Case((do("page", 1, status=520), do("reset", 1))),
    Case((do("page", 2),)),
    Case((do("challenge", 2, status=200),)),
    Case((do("reset", 2),)),
    Case((do("reset_midway", 2),)),
    Case((do("cut", 2),)),
    Case((do("wrong_length", 1, by=10),)),
    Case((do("wrong_length", 1, by=-10),)),
    Case((do("truncate", 1),)),
    Case((do("alter", 1),)),
    Case((do("placeholder", 1),)),
    Case((do("drip", 1, piece=100),)),
    Case((do("late", 1, seconds=5),)),
    Case((do("error", 1, status=206),)),
    Case((do("redirect", 1, to="/data{path}"),)),
    Case((do("redirect", 1, to="//{host}/data{path}", status=307),)),
    Case((do("redirect", 1, to="{path}", status=308),)),
    Case(told={"file_size": "1e300"}),
    Case(told={"file_size": '"12"'}),
    Case((do("cut", 1),), large=True),
    Case((do("reset_midway", 1),), large=True),
    Case((do("cut", 1), do("part_shifted")), large=True),
    Case((do("cut", 1), do("part_altered")), large=True),
    Case((do("cut", 1), do("part_ignored")), large=True),
    Case((do("cut", 1), do("part_refused")), large=True),
    Case((do("cut", 1), do("part_of_another_size")), large=True),
]
# What does not pass, and is settled: the release goes on without the file.
SETTLED = [
    Case((do("error", status=404),), "missing", "refuses (HTTP 404)"),
    Case((do("page", status=404),), "missing", "refuses (HTTP 404)"),
    Case((do("error", status=410),), "missing", "refuses (HTTP 410)"),
    Case((do("page"),), "mismatch", "a web page in place of the file (3 attempts)"),
    Case((do("alter"),), "mismatch", ": md5 "),
    Case((do("truncate"),), "mismatch", " bytes instead of "),
    Case((do("placeholder"),), "mismatch", " bytes instead of "),
    Case((do("wrong_length", by=10),), "mismatch", "sends more than the promised "),
    Case((do("wrong_length", by=-10),), "mismatch", " bytes instead of "),
    Case((do("alter"),), "mismatch", ": md5 ", large=True),
    Case((do("cut", 1), do("alter")), "mismatch", ": md5 ", large=True),
    Case((), "mismatch", "sends more than the promised 7 bytes", told={"file_size": "7"}),
    Case((), "banned", "the site hides its file", told={"md5": '"../../../../etc/passwd"'}),
    Case((), "banned", "the site gives no address for its file", told={"file_url": "null"}),
    Case((), "excluded", "its file has no type", told={"file_ext": '"../x"'}),
    Case((), "excluded", "its file has no type", told={"file_ext": None}),
    Case((), "published", later="replace"),
    Case((), "banned", "banned on the site", later="ban"),
    Case((), "missing", "the site has expunged the post", later="expunge"),
]
# What is the network's fault, or may be: the first run names it, and a later one tries again.
FAILING = [
    Case((do("error", status=500),), fails="HTTP 500 (3 attempts)"),
    Case((do("page", status=503),), fails="HTTP 503 (3 attempts)"),
    Case((do("error", status=429),), fails="HTTP 429 (3 attempts)"),
    Case((do("reset"),), fails="no answer (3 attempts)"),
    Case((do("reset_midway"),), fails="the answer broke off (3 attempts)"),
    Case((do("cut"),), fails="the answer broke off (3 attempts)"),
    Case((do("drip", piece=100),), fails="too slow (3 attempts)"),
    Case((do("late", seconds=5),), fails="too slow (3 attempts)"),
    Case((do("challenge"),), fails="asks for a proof of being human (HTTP 403)"),
    Case((do("error", status=403),), fails="refuses (HTTP 403)"),
    Case(
        (do("redirect", to=ELSEWHERE),),
        fails=f"leads to {ELSEWHERE}, which is not on a configured host",
    ),
    Case((do("redirect", to="//elsewhere.example{path}"),), fails="is not on a configured host"),
    Case((do("redirect", to=f"{ELSEWHERE}?{{authorization}}"),), fails="not on a configured host"),
    Case((do("redirect", to="{path}"),), fails="redirected more than 5 times"),
    Case((do("cut"),), fails="the answer broke off (3 attempts)", large=True),
]


def in_turn(settled, failing):
    """The cases by ID: as many that are settled as fail, so that no bucket's site seems down."""
    rows = []
    while settled or failing:
        rows += [*settled[:BUCKETS], *failing[:BUCKETS]]
        settled, failing = settled[BUCKETS:], failing[BUCKETS:]
    return dict(enumerate(rows, 1))


CASES = in_turn(SETTLED + PASSING, FAILING)
FAILS = {post: case for post, case in CASES.items() if case.fails}


def test_every_misdeed_is_met_by_some_post_or_walk():
    met = {rule["do"] for case in CASES.values() for rule in case.rules}
    walked = {"json_wrapped", "json_deep", "json_repeated", "json_fields", "as_of"}
    assert met | walked == set(MISDEEDS)


@dataclass
class Story:
    """A hostile site's two years, what was there after each run, and the same of an honest one."""

    corpus: Corpus
    workshop: Workshop
    honest: Workshop
    logs: Path
    first: Run
    waiting: dict[str, bytes]
    staged_at_first: bool


@pytest.fixture(scope="module")
def story(tmp_path_factory) -> Story:
    folder = tmp_path_factory.mktemp("hostile")
    corpus = Corpus(folder / "corpus", CASES)
    honest = Workshop(folder / "honest", {"buckets": BUCKETS})
    honest.config["source"] = {"kind": "embedded", "corpus": str(corpus.folder)}
    honest.build("release_2019")
    port = free_port()
    workshop = Workshop(folder / "work", {"buckets": BUCKETS, "source": impatient(port)})
    workshop.folder.mkdir()

    def site(log, year="2018", mischief=()):
        day = f"{year}-12-31"
        file = folder / log
        return at(port, corpus.folder, folder / "cache", day=day, log=file, mischief=mischief)

    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("BOORU_LOGIN", LOGIN)
        environment.setenv("BOORU_API_KEY", KEY)
        with site("first.jsonl", mischief=corpus.rules(with_failing=True)):
            first = workshop.run("release_2018")
        waiting = contents(workshop.releases / "library" / "incoming")
        staged = (workshop.releases / "2018" / "stage").exists()
        with site("second.jsonl", mischief=corpus.rules(with_failing=False)):
            workshop.build("release_2018")
        with site("third.jsonl", "2019"):
            workshop.build("release_2019")
    for release in ("2018", "2019"):
        workshop.build(f"verify_{release}")
    return Story(corpus, workshop, honest, folder, first, waiting, staged)


def manifest(workshop, release):
    rows = parquet.read_table(workshop.releases / release / "manifest.parquet").to_pylist()
    return {row["id"]: row for row in rows}


@pytest.mark.long
def test_the_first_run_names_each_post_that_fails_and_stages_nothing(story):
    assert story.first.code != 0
    named = dict(re.findall(r"(?m)^ +post (\d+): (.*)$", story.first.output))
    assert {int(post) for post in named} == set(FAILS)
    assert [post for post in FAILS if FAILS[post].fails not in named[str(post)]] == []
    assert "run the same command again: it tries only these" in story.first.output
    assert "Traceback" not in story.first.output
    assert not story.staged_at_first


@pytest.mark.long
def test_what_waits_in_the_library_has_its_right_name_and_bytes(story):
    files = {Path(path): data for path, data in story.waiting.items() if "/." not in path}
    assert files
    for path, data in files.items():
        post, md5, ext = path.name.split(".")
        assert f"{int(post) % BUCKETS:04d}" == path.parent.name
        assert hashlib.md5(data).hexdigest() == md5
        truth = story.corpus.newer_md5.get(int(post), story.corpus.md5[int(post)])
        assert (md5, ext) == (truth, "bmp" if CASES[int(post)].large else "png")
        assert not FAILS.get(int(post))


@pytest.mark.long
def test_only_the_beginning_of_a_large_file_is_kept_and_by_a_hidden_name(story):
    large = {post for post, case in FAILS.items() if case.large}
    parts = [Path(path).name for path in story.waiting if "/." in path]
    assert {int(name.split(".")[1]) for name in parts} == large


@pytest.mark.long
def test_each_post_ends_in_its_state_with_a_reason(story):
    found = manifest(story.workshop, "2018")
    assert {post: found[post]["state"] for post in CASES} == {
        post: case.state for post, case in CASES.items()
    }
    reasons = {post: found[post]["reason"] or "" for post in CASES}
    assert {
        post: reasons[post] for post, case in CASES.items() if case.says not in reasons[post]
    } == {}
    assert [reason for reason in reasons.values() if "127.0.0.1" in reason] == []
    accounts = story.workshop.json("2018/accounts.json")
    assert accounts["published"] == sum(case.state == "published" for case in CASES.values())


@pytest.mark.long
def test_what_is_published_are_the_bytes_that_an_honest_site_gives(story):
    honest = contents(story.honest.releases / "library" / "original")
    ours = contents(story.workshop.releases / "library" / "original")
    assert ours.items() <= honest.items()
    # In the end it lacks only what the site replaced, banned and expunged in between.
    changed = {str(post) for post, case in CASES.items() if case.later}
    assert {Path(path).name.split(".")[0] for path in honest.keys() - ours.keys()} == changed


@pytest.mark.long
def test_nothing_is_left_behind(story):
    assert stray_files(story.workshop) == []


@pytest.mark.long
def test_the_second_run_asks_only_for_what_failed(story):
    posts = {story.corpus.md5[post] for post in FAILS}
    assert set(files_asked(story.logs / "second.jsonl")) == posts


@pytest.mark.long
def test_no_byte_of_a_large_file_is_sent_twice_where_ranges_are_honest(story):
    first, second = (files_asked(story.logs / f"{name}.jsonl") for name in ("first", "second"))
    for post, case in CASES.items():
        md5 = story.corpus.md5[post]
        if case.large and [rule["do"] for rule in case.rules] == ["cut"]:
            requests = first[md5] + second.get(md5, [])
            assert sum(line["bytes"] for line in requests) == story.corpus.size[md5]
            assert all(line["status"] == 206 for line in requests[1:])


@pytest.mark.long
def test_what_was_replaced_meanwhile_is_published_as_it_is_now(story):
    (post,) = story.corpus.newer_md5
    for release in ("2018", "2019"):
        assert manifest(story.workshop, release)[post]["md5"] == story.corpus.newer_md5[post]
    assert manifest(story.workshop, "2019")[post]["first_release"] == "2018"


@pytest.mark.long
def test_the_year_after_goes_on_right(story):
    stages = [
        one.releases / "2019" / "stage" / "original" for one in (story.workshop, story.honest)
    ]
    ours, honest = map(contents, stages)
    assert ours == honest
    found = manifest(story.workshop, "2019")
    for post, case in CASES.items():
        if case.later == "expunge":
            assert post not in found
        elif case.later == "ban":
            assert found[post]["state"] == "banned"
        else:
            since = "2018" if case.state == "published" else "2019"
            ends = found[post]["state"], found[post]["first_release"]
            assert ends == ("published", since)


@pytest.mark.long
def test_the_year_after_asks_only_for_what_is_new_or_was_not_to_be_had(story):
    due = {
        story.corpus.md5[post]
        for post in story.corpus.md5
        if post not in CASES or (CASES[post].state != "published" and not CASES[post].later)
    }
    requests = files_asked(story.logs / "third.jsonl")
    assert set(requests) == due
    assert all(len(lines) == 1 for lines in requests.values())


@pytest.mark.long
def test_what_the_site_was_told_in_secret_stands_nowhere(story):
    encoded = b64encode(f"{LOGIN}:{KEY}".encode())
    written = {**contents(story.workshop.folder), "output": story.first.output.encode()}
    for path, data in written.items():
        assert KEY.encode() not in data, path
        assert encoded not in data, path


# Answers to the walk that end it: what it says, and the next one goes on.
BAD_LISTS = [
    (do("truncate"), "answers broken JSON"),
    (do("json_wrapped"), "answers no list of rows"),
    (do("json_deep"), "answers broken JSON"),
    (do("json_fields", rows={"*": {"id": None}}), "the ID is None"),
    (do("json_fields", rows={"4": {"id": "9" * 5000}}), "answers broken JSON"),
    (do("json_fields", rows={"4": {"id": "1e999"}}), "answers broken JSON"),
    (do("json_fields", rows={"4": {"score": "NaN"}}), "answers broken JSON"),
    (do("json_fields", rows={"4": {"id": '"../../4"'}}), "the ID is '../../4'"),
    (do("json_fields", rows={"4": {"created_at": '"soon"'}}), "post: 4: uploaded at 'soon'"),
    (do("page"), "answers text/html instead of JSON"),
    (do("challenge"), "asks for a proof of being human (HTTP 403)"),
    (do("error", status=503), "HTTP 503 (3 attempts)"),
    (do("reset"), "no answer (3 attempts)"),
    (do("cut"), "the answer broke off (3 attempts)"),
    (do("wrong_length", by=10), "the answer broke off (3 attempts)"),
    (do("wrong_length", by=-10), "answers broken JSON"),
    (do("redirect", to=ELSEWHERE), "is not on a configured host"),
    (do("drip"), "too slow (3 attempts)"),
    (do("late", seconds=5), "too slow (3 attempts)"),
]
LISTS = "^/[a-z_]+[.]json"


@pytest.fixture(scope="module")
def drawings(tmp_path_factory):
    """What the booru has drawn, kept for all tests."""
    return tmp_path_factory.mktemp("drawings")


@pytest.fixture
def small_site(corpus, drawings, tmp_path):
    """The tiny booru of 2018, always at one address, with the mischief of the moment."""
    port = free_port()

    def site(*rules, log="log.jsonl"):
        more = {"day": "2018-12-31", "log": tmp_path / log, "mischief": rules}
        return at(port, corpus, drawings, **more)

    site.source = impatient(port)
    return site


def walk(source, folder):
    """Read a site as a release does; returns the bytes of what it comes to."""
    metadata = folder / "2018" / "metadata"
    snapshot_site(
        partial(open_site, Source.of(source), folder=folder),
        settings={"last_upload": "2018-12-31", "buckets": 2, "source": {"kind": "danbooru"}},
        release="2018",
        receipt=metadata / "snapshot.json",
    )
    found = contents(metadata)
    return {path: data for path, data in found.items() if not path.startswith("raw/")}


@pytest.mark.long
@pytest.mark.parametrize(("rule", "says"), BAD_LISTS)
def test_a_list_that_is_none_is_named_and_the_next_walk_goes_on(small_site, tmp_path, rule, says):
    with small_site({"path": "^/posts[.]json", **rule}), pytest.raises(ReleaseProblem) as problem:
        walk(small_site.source, tmp_path / "work")
    assert says in str(problem.value)
    with small_site():
        assert walk(small_site.source, tmp_path / "work") == walk(
            small_site.source, tmp_path / "undisturbed"
        )


@pytest.mark.long
def test_a_walk_goes_on_from_where_it_was_disturbed(small_site, tmp_path):
    with small_site({"path": "^/pools[.]json", **do("truncate")}), pytest.raises(ReleaseProblem):
        walk(small_site.source, tmp_path / "work")
    with small_site(log="again.jsonl"):
        walk(small_site.source, tmp_path / "work")
    again = asked(tmp_path / "again.jsonl")
    assert not [line for line in again if line["path"].startswith("/posts.json")]


@pytest.mark.long
def test_a_walk_sees_through_what_passes_and_through_rows_that_come_twice(small_site, tmp_path):
    passing = [do("error", 1, status=429), do("reset", 1), do("cut", 1), do("json_repeated")]
    with small_site(*({"path": LISTS, **rule} for rule in passing)):
        disturbed = walk({**small_site.source, "attempts": 4}, tmp_path / "work")
    with small_site():
        assert disturbed == walk(small_site.source, tmp_path / "undisturbed")


@pytest.mark.long
def test_a_release_that_cannot_read_its_site_says_why_and_goes_on_later(workshop, small_site):
    workshop.config["source"] = small_site.source
    with small_site({"path": "^/posts[.]json", **do("truncate")}):
        run = workshop.run("release_2018")
    assert run.code != 0
    assert f"{small_site.source['url']}: answers broken JSON" in run.output
    assert "hint: is source.url the address of a site with Danbooru's API?" in run.output
    assert "Traceback" not in run.output
    with small_site():
        workshop.build("release_2018")


WALLS = [
    (do("page"), "a web page in place of the file (3 attempts)"),
    (do("challenge"), "asks for a proof of being human (HTTP 403)"),
    (do("error", status=503), "HTTP 503 (3 attempts)"),
]


@pytest.mark.long
def test_a_wall_before_the_whole_site_settles_no_post(workshop, small_site):
    workshop.config["source"] = small_site.source
    for wall, says in WALLS:
        with small_site({"path": "^/original/", **wall}):
            run = workshop.run("release_2018")
        assert run.code != 0
        assert run.output.count(says) >= 3
        assert "not tried: no answer before" in run.output
    with small_site():
        workshop.build("release_2018")
    accounts = workshop.json("2018/accounts.json")
    assert (accounts["published"], accounts["mismatch"], accounts["missing"]) == (7, 0, 0)


@pytest.mark.long
def test_a_site_that_asks_to_wait_an_hour_is_left_alone(workshop, small_site, tmp_path):
    workshop.config["source"] = {**small_site.source, "requests_per_second": 100}
    hour = do("error", status=429, retry_after=3600)
    with small_site({"path": "^/original/", **hour}):
        run = workshop.run("release_2018")
    assert run.code != 0
    assert "the site asks to wait 3600 s" in run.output
    # Two jobs may have been under way when the first of them was told.
    assert sum(map(len, files_asked(tmp_path / "log.jsonl").values())) <= 2
    with small_site(log="again.jsonl"):
        again = workshop.run("release_2018")
    assert again.code != 0
    assert re.search(r"the site asks to wait 3[0-9]{3} s", again.output)
    assert asked(tmp_path / "again.jsonl") == []


def test_a_bucket_comes_through_mischief(workshop, small_site):
    workshop.config |= {"buckets": 1, "source": small_site.source}
    mischief = [
        do("error", 1, status=429),
        do("reset", 1),
        do("alter", 1, path="jpg$"),
        do("truncate", 1, path="png$"),
    ]
    receipt = "releases/2018/receipts/download/0000.jsonl.gz"
    with small_site(*({"path": "^/original/", **rule} for rule in mischief)):
        workshop.build(receipt)
    lines = [*read_lines(workshop.folder / receipt)]
    assert [line["state"] for line in lines] == [None] * len(lines)
    waiting = contents(workshop.releases / "library" / "incoming")
    assert len(waiting) == len(lines) == 8
    for path, data in waiting.items():
        assert hashlib.md5(data).hexdigest() == Path(path).name.split(".")[1]
