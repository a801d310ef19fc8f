import hashlib
import os
import re

import pytest
from booru_release.budget import Budget
from booru_release.partial import WORTH_KEEPING, Partial, Promise
from booru_release.patience import Manners
from booru_release.site_problems import SiteDown, SiteRefuses, WrongBytes
from booru_release.transfer import Transfer
from web import Reply, file, page, refusal

LARGE = os.urandom(3 * WORTH_KEEPING)
SIZE = len(LARGE)
HALF = 2 * WORTH_KEEPING
OTHER = bytes(3 * WORTH_KEEPING)


def md5(data):
    return hashlib.md5(data).hexdigest()


class Ranges:
    """A server of one file that knows ranges, and hangs up after some bytes, once or always."""

    def __init__(self, data, *, tag='"seven"', breaks=(HALF,)):
        self.data, self.tag, self.breaks = data, tag, [*breaks]

    def __call__(self, asked):
        start = self._start(asked)
        body = self.data[start:]
        length = self.breaks.pop(0) if self.breaks else len(body)
        headers = {"ETag": self.tag} if self.tag else {}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(self.data) - 1}/{len(self.data)}"
        return Reply(206 if start else 200, body[:length], "image/png", headers, length=len(body))

    def _start(self, asked):
        unchanged = asked.headers.get("If-Range", self.tag) == self.tag
        found = re.fullmatch(r"bytes=(\d+)-", asked.headers.get("Range", ""))
        return int(found[1]) if found and unchanged else 0


@pytest.fixture
def place(tmp_path):
    return tmp_path / "incoming" / "0007" / f"7.{md5(LARGE)}.png"


@pytest.fixture
def fetch(web, tmp_path, place):
    """Fetch the large file."""

    def fetch(data=LARGE, *, size=SIZE, attempts=3):
        manners = Manners(timeout=5, attempts=attempts, retry_wait=0, throttled_wait=0)
        transfer = Transfer(web.url, Budget(tmp_path / "budget", None), manners=manners)
        transfer.fetch(f"{web.url}/7.png", place, md5=md5(data), size=size)
        return place.read_bytes()

    return fetch


@pytest.fixture
def half(place):
    """The half of the file that a killed run has left."""

    def leave(data=LARGE, tag='"seven"', size=HALF):
        place.parent.mkdir(parents=True)
        place.with_name(f".{place.name}.part").write_bytes(data[:size])
        if tag:
            place.with_name(f".{place.name}.etag").write_text(tag)

    return leave


def left(place):
    """The names beside the file's place."""
    return sorted(path.name for path in place.parent.iterdir()) if place.parent.exists() else []


def ranges(web):
    return [asked.headers.get("Range") for asked in web.asked]


REST = f"bytes={HALF}-"


def test_a_large_file_that_breaks_off_goes_on_where_it_stopped(web, fetch, place):
    web.put("/7.png", Ranges(LARGE))
    assert fetch() == LARGE
    assert ranges(web) == [None, REST]
    assert web.asked[1].headers["If-Range"] == '"seven"'
    assert left(place) == [place.name]


def test_it_may_break_off_again_and_again(web, fetch):
    web.put("/7.png", Ranges(LARGE, breaks=(HALF, 1000, 1000)))
    assert fetch(attempts=4) == LARGE
    assert ranges(web) == [None, REST, f"bytes={HALF + 1000}-", f"bytes={HALF + 2000}-"]


@pytest.mark.parametrize("tag", [None, 'W/"weak"', "bare", '"' + "x" * 300 + '"'])
def test_without_a_strong_etag_the_md5_decides_alone(web, fetch, tag):
    web.put("/7.png", Ranges(LARGE, tag=tag))
    assert fetch() == LARGE
    assert ranges(web) == [None, REST]
    assert "If-Range" not in web.asked[1].headers


def test_a_file_of_unknown_size_goes_on_too(web, fetch):
    web.put("/7.png", Ranges(LARGE))
    assert fetch(size=None) == LARGE
    assert ranges(web) == [None, REST]


def test_little_is_fetched_anew(web, fetch):
    web.put("/7.png", Ranges(LARGE, breaks=(WORTH_KEEPING - 1,)))
    assert fetch() == LARGE
    assert ranges(web) == [None, None]


def test_what_a_killed_run_has_left_is_used(web, fetch, half, place):
    half()
    web.put("/7.png", Ranges(LARGE, breaks=()))
    assert fetch() == LARGE
    assert ranges(web) == [REST]
    assert web.asked[0].headers["If-Range"] == '"seven"'
    assert left(place) == [place.name]


def test_what_came_before_the_site_went_down_waits_for_the_next_run(web, fetch, place):
    web.put("/7.png", Ranges(LARGE, breaks=(HALF,)))
    with pytest.raises(SiteDown, match=r"the answer broke off \(1 attempts\)"):
        fetch(attempts=1)
    assert left(place) == [f".{place.name}.etag", f".{place.name}.part"]
    assert fetch() == LARGE
    assert ranges(web) == [None, REST]


def test_nothing_stays_of_a_small_part(web, fetch, place):
    web.put("/7.png", Ranges(LARGE, breaks=(1000,)))
    with pytest.raises(SiteDown):
        fetch(attempts=1)
    assert left(place) == []


def test_a_web_page_in_the_middle_of_a_file_takes_nothing_away(web, fetch, half):
    half()
    pages, serve = [page(), page()], Ranges(LARGE, breaks=())
    web.put("/7.png", lambda asked: pages.pop() if pages else serve(asked))
    assert fetch() == LARGE
    assert ranges(web) == [REST, REST, REST]


def test_a_file_that_changed_meanwhile_comes_whole(web, fetch, half):
    half(OTHER, '"six"')
    web.put("/7.png", Ranges(LARGE, breaks=()))
    assert fetch() == LARGE
    assert ranges(web) == [REST]


def test_a_part_of_other_bytes_is_found_out_and_fetched_anew_once(web, fetch, half, place):
    half(OTHER, None)
    web.put("/7.png", Ranges(LARGE, breaks=()))
    assert fetch() == LARGE
    assert ranges(web) == [REST, None]
    assert left(place) == [place.name]


def test_bytes_that_are_wrong_from_the_start_too_leave_nothing(web, fetch, half, place):
    half()
    web.put("/7.png", Ranges(OTHER, breaks=()))
    with pytest.raises(WrongBytes, match=f"md5 {md5(OTHER)} instead of {md5(LARGE)}"):
        fetch()
    assert ranges(web) == [REST, None]
    assert left(place) == []


def test_a_server_without_ranges_sends_all_of_it(web, fetch, half):
    half()
    web.put("/7.png", file(LARGE))
    assert fetch() == LARGE


def test_a_range_that_there_is_not_is_asked_for_anew(web, fetch, half, place):
    half()
    web.put("/7.png", refusal(416), file(LARGE))
    assert fetch() == LARGE
    assert ranges(web) == [REST, None]


@pytest.mark.parametrize(
    "claimed",
    [
        None,
        "",
        "soon",
        f"bytes 0-{len(LARGE) - 1}/{len(LARGE)}",
        f"bytes {HALF + 1}-{len(LARGE) - 1}/{len(LARGE)}",
        f"bytes {HALF}-{len(LARGE) - 1}/{len(LARGE) + 1}",
        f"bytes */{len(LARGE)}",
        f"items {HALF}-{len(LARGE) - 1}/{len(LARGE)}",
        f"bytes {'9' * 400}-{'9' * 400}/{'9' * 400}",
    ],
)
def test_another_part_than_was_asked_for_is_not_taken(web, fetch, half, claimed):
    half()
    headers = {} if claimed is None else {"Content-Range": claimed}
    web.put("/7.png", Reply(206, LARGE[HALF:], "image/png", headers), file(LARGE))
    assert fetch() == LARGE
    assert ranges(web) == [REST, None]


def test_a_part_that_nobody_asked_for_is_not_taken(web, fetch):
    part = {"Content-Range": f"bytes 0-{len(LARGE) - 1}/{len(LARGE)}"}
    web.put("/7.png", Reply(206, LARGE, "image/png", part), file(LARGE))
    assert fetch() == LARGE
    assert len(web.asked) == 2


def test_a_part_of_the_rest_is_gone_on_from(web, fetch, half):
    half()
    first = {"Content-Range": f"bytes {HALF}-{HALF + 999}/{len(LARGE)}"}
    last = {"Content-Range": f"bytes {HALF + 1000}-{len(LARGE) - 1}/*"}
    web.put(
        "/7.png",
        Reply(206, LARGE[HALF : HALF + 1000], "image/png", first),
        Reply(206, LARGE[HALF + 1000 :], "image/png", last),
    )
    assert fetch() == LARGE
    assert ranges(web) == [REST, f"bytes={HALF + 1000}-"]


def test_a_rest_that_is_longer_than_the_file_is_refused_before_it_is_read(web, fetch, half):
    half()
    claimed = {"Content-Range": f"bytes {HALF}-{len(LARGE) - 1}/{len(LARGE)}"}
    web.put("/7.png", Reply(206, OTHER, "image/png", claimed), file(LARGE))
    assert fetch() == LARGE


def test_nothing_stays_of_a_file_that_the_site_has_lost(web, fetch, half, place):
    half()
    web.put("/7.png", refusal(404))
    with pytest.raises(SiteRefuses):
        fetch()
    assert left(place) == []


@pytest.mark.parametrize("size", [len(LARGE), len(LARGE) + 5])
def test_a_part_that_cannot_be_one_is_not_used(web, fetch, half, size):
    half(LARGE + OTHER, size=size)
    web.put("/7.png", file(LARGE))
    assert fetch() == LARGE
    assert ranges(web) == [None]


def test_a_tag_with_our_credentials_is_not_kept(web, fetch, place, monkeypatch):
    monkeypatch.setenv("BOORU_LOGIN", "albert")
    monkeypatch.setenv("BOORU_API_KEY", "hunter2secret")
    web.put("/7.png", Ranges(LARGE, tag='"hunter2secret"'))
    with pytest.raises(SiteDown):
        fetch(attempts=1)
    assert left(place) == [f".{place.name}.part"]


def test_a_small_file_is_never_asked_for_in_parts(place):
    place.parent.mkdir(parents=True)
    place.with_name(f".{place.name}.part").write_bytes(LARGE)
    assert Partial(place, Promise(md5(LARGE), WORTH_KEEPING)).headers() == {}
