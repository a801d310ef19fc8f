import json
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path

import pytest
from booru_release.downloading import PostsFailed, download_bucket, failures
from booru_release.exclusions import Exclusions, Rule
from booru_release.files import dump_json, write_bytes, write_lines
from booru_release.library import Library
from booru_release.metadata import Snapshot, bucket_file
from booru_release.planning import plan_again
from booru_release.receipts import Change, Downloaded, State, read_receipt, write_receipt
from booru_release.screening import NO_SCREENING, Screening
from booru_release.site_problems import CredentialsNeeded
from making import (
    Booru,
    Corpus,
    booru,
    contents,
    killed,
    md5,
    never_opened,
    original,
    picture,
    planned,
    sha256,
    site_at,
    warnings,
    write_file,
)
from watchdog.events import FileSystemEventHandler
from watchdog.observers import Observer
from web import Reply, file, page, refusal

IMAGES = [picture(shade) for shade in (10, 20, 30, 40)]


@pytest.fixture
def corpus(tmp_path):
    """Posts 0010 to 0040 of one bucket, each with a picture."""
    corpus = Corpus(tmp_path / "corpus")
    for number, image in enumerate(IMAGES, 1):
        corpus.upload(number * 10, image)
    return corpus


@pytest.fixture
def site(corpus):
    with booru(corpus) as site:
        yield site


class Bucket:
    """Bucket 0000 of a release that is being downloaded."""

    def __init__(self, folder):
        self.library = Library(folder / "library")
        self.journal, self.receipt = folder / "journal.jsonl", folder / "receipt"
        self._plan, self._settings = folder / "plan", folder / "plan.json"
        self.previous = None
        settings = {"last_upload": "2018-12-31", "fetch_deleted": False, "embargo_days": 0}
        write_bytes(self._settings, dump_json(settings))
        self._snapshot = folder / "snapshot.json"
        write_bytes(self._snapshot, dump_json(vars(Snapshot(9, 9, 0, {}, {}))))
        self.screening = NO_SCREENING

    def look_by(self, *rules, version=""):
        """Look at bytes by these rules from now on, for posts of the bucket."""
        metadata = self.receipt.parent / "metadata"
        row = {"created_at": "2018-01-01T00:00:00Z", "tag_string": "sky"}
        write_lines(bucket_file(metadata, "0000"), [{"id": n, **row} for n in (10, 20, 30, 40)])
        waiting = self.receipt.parent / "waiting"
        exclusions = Exclusions((), rules, version)
        self.screening = Screening(exclusions, waiting, metadata, "0000", max_pixels=10**6)

    def download(self, lines, open_site, **more):
        write_receipt(self._plan, lines)
        self.run(open_site, **more)
        return list(read_receipt(self.receipt, Downloaded))

    def run(self, open_site, *, accept_failed=False):
        download_bucket(
            self._plan,
            "0000",
            library=self.library,
            journal=self.journal,
            open_site=open_site,
            plan_again=partial(
                plan_again,
                settings=self._settings,
                snapshot=self._snapshot,
                exclusions=self.screening.exclusions,
                previous=self.previous,
            ),
            accept_failed=accept_failed,
            receipt=self.receipt,
            screening=self.screening,
        )

    def incoming(self):
        return contents(self.library.root / "incoming" / "0000")


@pytest.fixture
def bucket(tmp_path):
    return Bucket(tmp_path / "releases")


def plan_of_all():
    return [planned(number * 10, image) for number, image in enumerate(IMAGES, 1)]


def failing(post_id, status=503):
    """A post whose address answers with an error."""
    return planned(post_id, url=f"/original/no.png?cause_error={status}")


def address(image):
    return f"/original/{md5(image)[:2]}/{md5(image)[2:4]}/{md5(image)}.png"


def arrived(post_id, image):
    return Downloaded(post_id, md5(image), None, None)


def test_new_and_replaced_files_arrive_under_names_of_our_own(bucket, site):
    lines = [planned(10, IMAGES[0]), planned(20, IMAGES[1], change=Change.REPLACED)]
    assert bucket.download(lines, site.open_site) == [
        arrived(10, IMAGES[0]),
        arrived(20, IMAGES[1]),
    ]
    assert bucket.incoming() == {
        f"10.{md5(IMAGES[0])}.png": IMAGES[0],
        f"20.{md5(IMAGES[1])}.png": IMAGES[1],
    }
    assert site.images_sent() == [md5(IMAGES[0]), md5(IMAGES[1])]
    assert site.opened == 1


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [planned(10, change=Change.UNCHANGED)],
        [planned(10, change=Change.UNCHANGED, state=State.CORRUPT)],
        [planned(10, change=Change.GONE, state=State.WITHDRAWN, md5=None)],
        [planned(10, change=Change.EXCLUDED, state=State.BANNED, md5=None, url=None)],
    ],
)
def test_a_plan_without_new_files_opens_no_site(bucket, lines):
    assert bucket.download(lines, never_opened) == []
    assert not bucket.journal.exists()


def test_a_file_that_waits_to_be_optimised_is_not_fetched_again(bucket):
    write_file(bucket.library.incoming("0000", 10, md5(IMAGES[0]), "png"), IMAGES[0])
    assert bucket.download([planned(10, IMAGES[0])], never_opened) == [arrived(10, IMAGES[0])]


def test_a_file_that_the_library_has_is_not_fetched_again(bucket):
    write_file(bucket.library.original("0000", 10, md5(IMAGES[0]), "png"), IMAGES[0])
    bucket.library.ledger("0000").append(asdict(original(10, IMAGES[0])))
    assert bucket.download([planned(10, IMAGES[0])], never_opened) == [arrived(10, IMAGES[0])]


@pytest.mark.parametrize("lost", ["the file", "the line"])
def test_a_file_is_fetched_again_if_it_or_its_line_in_the_ledger_is_lost(bucket, site, lost):
    if lost == "the line":
        write_file(bucket.library.original("0000", 10, md5(IMAGES[0]), "png"), IMAGES[0])
    else:
        bucket.library.ledger("0000").append(asdict(original(10, IMAGES[0])))
    assert bucket.download([planned(10, IMAGES[0])], site.open_site) == [arrived(10, IMAGES[0])]
    assert site.images_sent() == [md5(IMAGES[0])]


def test_a_file_that_was_seen_to_be_corrupt_is_not_fetched_again(bucket):
    seen = {"id": 10, "md5": md5(IMAGES[0]), "state": "corrupt"}
    bucket.library.ledger("0000").append(seen)
    assert bucket.download([planned(10, IMAGES[0])], never_opened) == [arrived(10, IMAGES[0])]


def test_the_same_file_under_another_post_is_fetched_for_that_post(bucket, site):
    bucket.download([planned(10, IMAGES[0])], site.open_site)
    bucket.download([planned(50, IMAGES[0])], site.open_site)
    assert sorted(bucket.incoming()) == [f"{number}.{md5(IMAGES[0])}.png" for number in (10, 50)]


def test_a_file_that_the_site_lost_is_missing_and_the_others_arrive(bucket, site, corpus, caplog):
    corpus.file(IMAGES[1]).unlink()
    lines = bucket.download(plan_of_all(), site.open_site)
    assert [line.state for line in lines] == [None, State.MISSING, None, None]
    why = f"{address(IMAGES[1])}: refuses (HTTP 404)"
    assert lines[1] == Downloaded(20, md5(IMAGES[1]), State.MISSING, why)
    assert warnings(caplog) == [f"post 20: missing: {why}"]
    assert len(bucket.incoming()) == 3


def test_a_file_with_other_bytes_is_a_mismatch_after_two_requests(bucket, site, corpus):
    other = bytes([*IMAGES[1][:-1], 7])
    corpus.file(IMAGES[1]).write_bytes(other)
    [line] = bucket.download([planned(20, IMAGES[1])], site.open_site)
    why = f"{address(IMAGES[1])}: md5 {md5(other)} instead of {md5(IMAGES[1])}"
    assert line == Downloaded(20, md5(IMAGES[1]), State.MISMATCH, why)
    assert site.images_sent() == [md5(IMAGES[1])] * 2
    assert bucket.incoming() == {}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda data: data[:-1], "{shorter} bytes instead of {size}"),
        (lambda data: data + b"!", "sends more than the promised {size} bytes"),
    ],
)
def test_a_file_of_another_size_is_a_mismatch(bucket, site, corpus, change, why):
    corpus.file(IMAGES[1]).write_bytes(change(IMAGES[1]))
    [line] = bucket.download([planned(20, IMAGES[1])], site.open_site)
    size = len(IMAGES[1])
    assert line.state is State.MISMATCH
    said = why.format(shorter=size - 1, size=size)
    assert line.reason == f"{address(IMAGES[1])}: {said}"


def test_what_is_said_of_a_post_does_not_depend_on_the_port_of_the_site(bucket, corpus):
    corpus.file(IMAGES[1]).unlink()
    receipts = set()
    for _ in range(2):
        with booru(corpus) as site:
            bucket.download([planned(20, IMAGES[1])], site.open_site)
        receipts.add(bucket.receipt.read_bytes())
    assert len(receipts) == 1


def test_a_post_without_a_size_is_held_against_its_md5_alone(bucket, site):
    assert bucket.download([planned(10, IMAGES[0], size=None)], site.open_site) == [
        arrived(10, IMAGES[0])
    ]


def test_a_failed_post_is_named_and_the_others_are_kept(bucket, site):
    with pytest.raises(PostsFailed) as problem:
        bucket.download([failing(5), *plan_of_all()], site.open_site)
    assert str(problem.value) == (
        "bucket 0000: 1 posts failed\n"
        "  post 5: /original/no.png?cause_error=503: HTTP 503 (2 attempts)\n"
        "  hint: run the same command again: it tries only these; or go on without them, and say "
        "why in the configuration: releases.<release>.accept.failed"
    )
    assert [line.id for line in problem.value.failed] == [5]
    assert not bucket.receipt.exists()
    assert len(bucket.incoming()) == 4


def test_the_next_run_tries_only_what_failed(bucket, site, corpus):
    corpus.file(IMAGES[1]).unlink()
    with pytest.raises(PostsFailed):
        bucket.download([failing(5), *plan_of_all()], site.open_site)
    before = len(site.images_sent())
    lines = bucket.download([planned(5, IMAGES[0]), *plan_of_all()], site.open_site)
    assert site.images_sent()[before:] == [md5(IMAGES[0])]
    assert [line.state for line in lines] == [None, None, State.MISSING, None, None]
    assert not bucket.journal.exists()


def test_what_failed_stays_beside_the_journal_until_the_bucket_is_done(bucket, site):
    with pytest.raises(PostsFailed):
        bucket.download([failing(5), failing(6), *plan_of_all()], site.open_site)
    with pytest.raises(PostsFailed):
        bucket.download([failing(5), *plan_of_all()], site.open_site)
    [line] = failures(bucket.journal).read_text().splitlines()
    assert '"id":5' in line and '"state":"failed"' in line and "HTTP 503" in line
    bucket.download(plan_of_all(), site.open_site)
    assert not failures(bucket.journal).exists()


def test_the_journal_holds_what_the_site_said_but_no_failure(bucket, site, corpus):
    corpus.file(IMAGES[1]).unlink()
    with pytest.raises(PostsFailed):
        bucket.download([failing(5), *plan_of_all()], site.open_site)
    assert [line for line in bucket.journal.read_text().splitlines() if '"id":20' in line]
    assert '"id":5' not in bucket.journal.read_text()


def test_the_journal_says_nothing_of_a_post_that_has_another_file_by_now(bucket, site, corpus):
    corpus.file(IMAGES[1]).unlink()
    with pytest.raises(PostsFailed):
        bucket.download([failing(5), planned(20, IMAGES[1])], site.open_site)
    [line] = bucket.download([planned(20, IMAGES[2])], site.open_site)
    assert line == arrived(20, IMAGES[2])


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_site_that_is_down_for_three_posts_is_not_asked_for_the_others(bucket, site, status):
    lines = [failing(post_id, status) for post_id in range(1, 31)]
    with pytest.raises(PostsFailed) as problem:
        bucket.download(lines, site.open_site)
    reasons = [line.reason for line in problem.value.failed]
    assert reasons[:3] == [f"/original/no.png?cause_error={status}: HTTP {status} (2 attempts)"] * 3
    not_tried = f"/original/no.png?cause_error={status}: not tried: no answer before"
    assert reasons[3:] == [not_tried] * 27
    assert len(site.images_sent()) == 6
    assert "30 posts failed" in str(problem.value)
    assert str(problem.value).count("\n  post ") == 20
    assert "\n  and 10 more" in str(problem.value)


def test_posts_that_are_refused_one_by_one_do_not_count_as_a_site_that_is_down(bucket, site):
    lines = [failing(1), failing(2), planned(10, IMAGES[0]), failing(11), failing(12), failing(13)]
    with pytest.raises(PostsFailed) as problem:
        bucket.download(lines, site.open_site)
    assert [line.id for line in problem.value.failed] == [1, 2, 11, 12, 13]
    assert "not tried" not in str(problem.value)


def test_posts_that_are_forbidden_in_a_row_count_as_a_wall_before_the_site(bucket, site):
    lines = [*(failing(post_id, 403) for post_id in range(1, 6)), planned(10, IMAGES[0])]
    with pytest.raises(PostsFailed) as problem:
        bucket.download(lines, site.open_site)
    assert [line.id for line in problem.value.failed] == [1, 2, 3, 4, 5, 10]
    assert len(site.images_sent()) == 3


def test_a_failed_post_may_be_accepted(bucket, site, caplog):
    lines = bucket.download([failing(5), *plan_of_all()], site.open_site, accept_failed=True)
    assert [line.state for line in lines] == [State.FAILED, None, None, None, None]
    why = "/original/no.png?cause_error=503: HTTP 503 (2 attempts)"
    assert lines[0].reason == why
    assert warnings(caplog) == [f"post 5: failed: {why}"]


def at(url):
    """Open a site at an address."""

    @contextmanager
    def open_site():
        yield site_at(url)

    return open_site


def serve(web, *wanted):
    """Serve the files of these lines of a plan, each with its post."""
    for line, data in wanted:
        web.put(line.url, file(data))
        web.put(f"/posts/{line.id}.json", post(line))


def post(line, **values):
    """A post as the site describes it, with the file that a plan has."""
    row = {
        "id": line.id,
        "created_at": "2018-06-01T12:00:00Z",
        "rating": "g",
        "md5": line.md5,
        "file_ext": line.file_ext,
        "file_size": line.size,
        "file_url": line.url,
        "is_deleted": False,
        "is_banned": False,
    }
    return Reply(body=json.dumps({**row, **values}).encode())


def test_a_single_web_page_in_place_of_a_file_is_a_mismatch(web, bucket):
    lines = plan_of_all()
    serve(web, *zip(lines, IMAGES, strict=True))
    web.put(lines[1].url, page())
    found = bucket.download(lines, at(web.url))
    assert [line.state for line in found] == [None, State.MISMATCH, None, None]
    assert found[1].reason == f"{lines[1].url}: a web page in place of the file (2 attempts)"


@pytest.mark.parametrize("wall", [page(), page(403), page(503)], ids=["200", "403", "503"])
def test_a_wall_before_the_site_settles_nothing(web, bucket, wall):
    lines = plan_of_all()
    serve(web, *zip(lines, IMAGES, strict=True))
    for line in lines:
        web.put(line.url, wall)
    with pytest.raises(PostsFailed) as problem:
        bucket.download(lines, at(web.url))
    assert [line.state for line in problem.value.failed] == [State.FAILED] * 4
    assert lines[3].url not in web.paths
    assert not bucket.journal.exists()
    serve(web, *zip(lines, IMAGES, strict=True))
    assert [line.state for line in bucket.download(lines, at(web.url))] == [None] * 4


def test_a_site_that_asks_for_a_long_pause_is_asked_for_nothing_more(web, bucket):
    lines = plan_of_all()
    web.put(lines[0].url, refusal(429, Retry_After="86400"))
    with pytest.raises(PostsFailed, match="the site asks to wait 86400 s"):
        bucket.download(lines, at(web.url))
    assert web.paths == [lines[0].url]


def replaced(web, line, data, **values):
    """Let a site have another file of a post than the plan says."""
    url = f"/new/{line.id}.png"
    web.put("/original/no.png", refusal(503))
    web.put(line.url, refusal(404))
    web.put(f"/posts/{line.id}.json", post(line, md5=md5(data), file_url=url, **values))
    web.put(url, file(data))
    return url


def test_a_file_that_the_site_replaced_meanwhile_is_fetched_and_known_to_the_next_run(web, bucket):
    line = planned(10, IMAGES[0])
    url = replaced(web, line, IMAGES[1], file_size=len(IMAGES[1]))
    with pytest.raises(PostsFailed):
        bucket.download([line, failing(20)], at(web.url))
    found = bucket.download([line], never_opened)
    why = "the site replaced the file after its metadata was read"
    size = len(IMAGES[1])
    was = md5(IMAGES[0])
    assert found == [Downloaded(10, md5(IMAGES[1]), None, why, "png", size, url, Change.NEW, was)]
    assert bucket.incoming() == {f"10.{md5(IMAGES[1])}.png": IMAGES[1]}


def test_a_replaced_file_that_a_loss_of_power_took_is_fetched_once_more(web, bucket):
    line = planned(10, IMAGES[0])
    replaced(web, line, IMAGES[1], file_size=len(IMAGES[1]))
    with pytest.raises(PostsFailed):
        bucket.download([line, failing(20)], at(web.url))
    bucket.library.incoming("0000", 10, md5(IMAGES[1]), "png").unlink()
    bucket.download([line], at(web.url))
    assert len(bucket.incoming()) == 1


def test_what_came_in_part_goes_when_the_bucket_is_done(web, bucket):
    line = planned(10, IMAGES[0])
    serve(web, (line, IMAGES[0]))
    write_file(bucket.library.root / "incoming" / "0000" / ".9.png.part", b"half")
    bucket.download([line], at(web.url))
    assert sorted(bucket.incoming()) == [f"10.{md5(IMAGES[0])}.png"]


def test_a_site_that_nobody_serves_fails_every_post(bucket, tmp_path):
    gone = Booru("http://127.0.0.1:1", tmp_path / "log")
    with pytest.raises(PostsFailed) as problem:
        bucket.download(plan_of_all(), gone.open_site)
    assert [line.reason for line in problem.value.failed] == [
        *[f"{address(image)}: no answer (2 attempts)" for image in IMAGES[:3]],
        f"{address(IMAGES[3])}: not tried: no answer before",
    ]


def test_a_site_that_asks_for_credentials_stops_the_bucket_and_nothing_is_lost(bucket, site):
    lines = [planned(10, IMAGES[0]), failing(15, 401), planned(20, IMAGES[1])]
    with pytest.raises(CredentialsNeeded, match="asks for credentials"):
        bucket.download(lines, site.open_site)
    assert len(bucket.incoming()) == 1
    assert not bucket.receipt.exists()


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("file:///etc/passwd", "is not on a configured host"),
        ("http://elsewhere.example/1.png", "is not on a configured host"),
        ("ftp://127.0.0.1/1.png", "is not on a configured host"),
        ("http://[", "is no address (Invalid IPv6 URL)"),
    ],
)
def test_an_address_elsewhere_is_named_and_not_followed(bucket, site, url, why):
    with pytest.raises(PostsFailed) as problem:
        bucket.download([planned(10, IMAGES[0], url=url)], site.open_site)
    assert [line.reason for line in problem.value.failed] == [f"{url}: {why}"]
    assert bucket.incoming() == {}


# Rules that look at bytes


SECOND = Rule("rule second: why", sha256=frozenset({sha256(IMAGES[1])}))


def kept_out(post_id, image, version=""):
    return Downloaded(post_id, md5(image), State.EXCLUDED, "rule second: why", rules=version)


def test_what_a_rule_keeps_out_is_excluded_and_the_others_arrive(bucket, site, caplog):
    bucket.look_by(SECOND)
    lines = bucket.download(plan_of_all(), site.open_site)
    assert lines[1] == kept_out(20, IMAGES[1])
    assert [line.state for line in lines] == [None, State.EXCLUDED, None, None]
    assert sorted(bucket.incoming().values()) == sorted([IMAGES[0], *IMAGES[2:]])
    assert warnings(caplog) == ["post 20: excluded: rule second: why"]
    assert contents(bucket.screening.waiting) == {}


def test_what_a_rule_keeps_out_never_has_a_name_in_the_library(bucket, site):
    bucket.look_by(SECOND)
    bucket.library.root.mkdir(parents=True)
    with names_below(bucket.library.root) as names:
        bucket.download(plan_of_all(), site.open_site)
    known = {image: [name for name in names if md5(image) in name] for image in IMAGES}
    assert known[IMAGES[1]] == []
    # Any other has one, and never a half of its bytes below it.
    assert [known[image] for image in (IMAGES[0], IMAGES[2])] == [
        [f"incoming/0000/{number}.{md5(image)}.png"]
        for number, image in ((10, IMAGES[0]), (30, IMAGES[2]))
    ]


@contextmanager
def names_below(folder):
    """The names that appear below a folder while the block runs, as the kernel tells."""
    names = set()

    class Named(FileSystemEventHandler):
        def on_any_event(self, event):
            for path in (event.src_path, event.dest_path):
                if path and not event.is_directory and Path(path).is_relative_to(folder):
                    names.add(Path(path).relative_to(folder).as_posix())

    observer = Observer()
    observer.schedule(Named(), str(folder), recursive=True)
    (folder / "incoming" / "0000").mkdir(parents=True)
    observer.start()
    yield names
    observer.stop()
    observer.join()


def test_what_a_rule_kept_out_is_not_fetched_again_by_the_next_run(bucket, site):
    bucket.look_by(SECOND, version="one")
    with pytest.raises(PostsFailed):
        bucket.download([failing(5), *plan_of_all()], site.open_site)
    before = len(site.images_sent())
    lines = bucket.download(plan_of_all(), never_opened)
    assert lines[1] == kept_out(20, IMAGES[1], "one")
    assert len(site.images_sent()) == before


def test_what_other_rules_kept_out_is_fetched_again(bucket, site):
    bucket.look_by(SECOND, version="one")
    with pytest.raises(PostsFailed):
        bucket.download([failing(5), *plan_of_all()], site.open_site)
    bucket.look_by(version="two")
    lines = bucket.download(plan_of_all(), site.open_site)
    assert lines[1] == arrived(20, IMAGES[1])


def test_a_file_that_waits_is_looked_at_by_new_rules_and_goes(bucket, site):
    bucket.download(plan_of_all(), site.open_site)
    bucket.look_by(SECOND)
    lines = bucket.download(plan_of_all(), never_opened)
    assert lines[1] == kept_out(20, IMAGES[1])
    assert IMAGES[1] not in bucket.incoming().values()


@pytest.mark.parametrize("known", ["served_sha256", "sha256"])
def test_a_file_of_the_library_is_known_by_the_ledger_and_not_opened(bucket, known):
    write_file(bucket.library.original("0000", 20, md5(IMAGES[1]), "png"), b"not opened")
    row = {**asdict(original(20, b"other")), "md5": md5(IMAGES[1]), known: sha256(IMAGES[1])}
    bucket.library.ledger("0000").append(row)
    bucket.look_by(SECOND)
    lines = bucket.download([planned(20, IMAGES[1])], never_opened)
    assert lines == [kept_out(20, IMAGES[1])]


def test_a_file_that_the_site_lost_is_missing_and_not_excluded(bucket, site, corpus):
    corpus.file(IMAGES[1]).unlink()
    bucket.look_by(SECOND)
    [line] = bucket.download([planned(20, IMAGES[1])], site.open_site)
    assert line.state is State.MISSING


@pytest.mark.parametrize("rules", [(), (SECOND,)], ids=["no rule", "a rule of bytes"])
def test_a_download_that_is_killed_anywhere_goes_on_and_ends_with_the_same_bytes(
    tmp_path, corpus, rules
):
    corpus.file(IMAGES[2]).unlink()
    with booru(corpus) as site:
        whole = Bucket(tmp_path / "whole")
        whole.look_by(*rules)
        whole.download(plan_of_all(), site.open_site)
        deaths = 0
        while kill_and_go_on(tmp_path / f"killed-{deaths}", deaths + 1, site, whole):
            deaths += 1
    # Two changes for each of three files, one for the journal, three for the receipt.
    assert deaths >= 10


def kill_and_go_on(folder, at, site, whole):
    """Kill a download before its n-th change of a file, and start it again."""
    bucket = Bucket(folder)
    bucket.look_by(*whole.screening.exclusions.on_arrival)
    write_receipt(folder / "plan", plan_of_all())
    died = killed(lambda: bucket.run(site.open_site), at=at, below=folder)
    had = {name.split(".")[1] for name in bucket.incoming() if name.endswith(".png")}
    before = len(site.images_sent())
    bucket.run(site.open_site)
    assert had.isdisjoint(site.images_sent()[before:])
    assert bucket.receipt.read_bytes() == whole.receipt.read_bytes()
    assert bucket.incoming() == whole.incoming()
    assert not bucket.journal.exists()
    assert contents(bucket.screening.waiting) == {}
    return died
