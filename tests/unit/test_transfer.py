import gzip
import logging

import pytest
from booru_release import __version__, patience, transfer
from booru_release.budget import Budget
from booru_release.patience import Manners
from booru_release.site_problems import (
    AskedToWait,
    CredentialsNeeded,
    ForeignAddress,
    SiteDown,
    SiteRefuses,
    UnexpectedAnswer,
    WebPage,
    WrongBytes,
)
from booru_release.transfer import Transfer
from web import Reply, file, page, redirect, refusal, rows

PICTURE = b"\x89PNG picture"
# printf '\x89PNG picture' | md5sum
MD5 = "545f88045018675104ab45154150d9aa"
# printf 'xxxxxxxxxxxx' | md5sum
OTHER_MD5 = "f94c84fac5cb091c60bb143cb957d229"
QUICK = Manners(timeout=5, attempts=3, retry_wait=0, throttled_wait=0)


@pytest.fixture(autouse=True)
def nobody(monkeypatch):
    """No credentials of whoever runs the tests."""
    monkeypatch.delenv("BOORU_LOGIN", raising=False)
    monkeypatch.delenv("BOORU_API_KEY", raising=False)


@pytest.fixture
def logged_in(monkeypatch):
    monkeypatch.setenv("BOORU_LOGIN", "albert")
    monkeypatch.setenv("BOORU_API_KEY", "hunter2secret")


@pytest.fixture
def make_transfer(web, tmp_path):
    def make(url=web.url, per_second=None, **more):
        return Transfer(url, Budget(tmp_path / "budget", per_second), **{"manners": QUICK, **more})

    return make


@pytest.fixture
def ask(web, make_transfer):
    """Ask for /posts.json."""

    def ask(query=None, **more):
        return make_transfer(**more).json_body(f"{web.url}/posts.json", query or {})

    return ask


@pytest.fixture
def fetch(web, make_transfer, tmp_path):
    """Fetch the picture into the library."""

    def fetch(address="/7.png", *, md5=MD5, size=12, **more):
        place = tmp_path / "library" / "7.png"
        url = address if "://" in address else f"{web.url}{address}"
        make_transfer(**more).fetch(url, place, md5=md5, size=size)
        return place

    return fetch


@pytest.fixture
def pauses(monkeypatch):
    """The pauses that were made, none of which took any time."""
    made = []
    monkeypatch.setattr(patience.time, "sleep", made.append)
    return made


def left_in(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


# What is sent


def test_a_request_says_who_asks_and_whom_to_write_to(web, ask):
    web.put("/posts.json", rows())
    ask({"page": "a0", "limit": "200"}, contact="me@example.org")
    assert web.asked[0].query == {"page": "a0", "limit": "200"}
    agent = f"booru-release/{__version__}; contact: me@example.org"
    assert web.asked[0].headers["User-Agent"] == agent


def test_a_contact_may_have_any_letters(web, ask):
    web.put("/posts.json", rows())
    ask(contact="名@example.org")
    agent = web.asked[0].headers["User-Agent"].encode("latin-1").decode()
    assert agent.endswith("contact: 名@example.org")


def test_without_a_contact_a_request_says_who_asks(web, ask):
    web.put("/posts.json", rows())
    ask()
    assert web.asked[0].headers["User-Agent"] == f"booru-release/{__version__}"


def test_a_guest_sends_no_credentials(web, ask):
    web.put("/posts.json", rows())
    ask()
    assert "Authorization" not in web.asked[0].headers


def test_half_of_the_credentials_is_not_sent(web, ask, monkeypatch):
    monkeypatch.setenv("BOORU_LOGIN", "albert")
    web.put("/posts.json", rows())
    ask()
    assert "Authorization" not in web.asked[0].headers


def test_credentials_come_from_the_environment(web, ask, logged_in):
    web.put("/posts.json", rows())
    ask()
    # printf albert:hunter2secret | base64
    assert web.asked[0].headers["Authorization"] == "Basic YWxiZXJ0Omh1bnRlcjJzZWNyZXQ="


def test_a_netrc_of_the_machine_is_of_no_account(web, ask, monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("default login mallory password oops\n")
    monkeypatch.setenv("NETRC", str(netrc))
    web.put("/posts.json", rows())
    ask()
    assert "Authorization" not in web.asked[0].headers


def test_a_proxy_of_the_machine_is_of_no_account(web, elsewhere, ask, monkeypatch):
    monkeypatch.setenv("http_proxy", elsewhere.url)
    web.put("/posts.json", rows())
    assert ask() == b"[]"
    assert elsewhere.asked == []


def test_credentials_never_go_to_an_image_host(web, elsewhere, fetch, logged_in):
    elsewhere.put("/7.png", file(PICTURE))
    fetch(f"{elsewhere.url}/7.png", image_hosts=(elsewhere.host,))
    assert "Authorization" not in elsewhere.asked[0].headers


def test_credentials_do_not_follow_a_redirect_to_an_image_host(web, elsewhere, fetch, logged_in):
    web.put("/7.png", redirect(f"{elsewhere.url}/7.png"))
    elsewhere.put("/7.png", file(PICTURE))
    fetch(image_hosts=(elsewhere.host,))
    assert "Authorization" in web.asked[0].headers
    assert "Authorization" not in elsewhere.asked[0].headers


def test_credentials_for_an_encrypted_site_are_never_sent_in_the_open(
    web, fetch, make_transfer, logged_in
):
    web.put("/7.png", file(PICTURE))
    fetch(f"{web.url}/7.png", url=f"https://{web.host}")
    assert "Authorization" not in web.asked[0].headers


def test_credentials_are_never_logged(web, elsewhere, ask, fetch, logged_in, caplog):
    caplog.set_level(logging.DEBUG)
    web.put("/posts.json", refusal(500), refusal(429), rows())
    web.put("/7.png", redirect(f"{elsewhere.url}/7.png"))
    web.put("/401.json", refusal(401))
    ask()
    with pytest.raises(ForeignAddress) as foreign:
        fetch()
    with pytest.raises(CredentialsNeeded) as needed:
        fetch("/401.json")
    said = f"{caplog.text} {foreign.value} {needed.value}"
    assert "HTTP 500" in said
    for secret in ("albert", "hunter2secret", "YWxiZXJ0Omh1bnRlcjJzZWNyZXQ="):
        assert secret not in said


# JSON


def test_a_json_answer_is_kept_as_it_came(web, ask):
    web.put("/posts.json", Reply(body='[{"id":7,"source":"名前"}]'.encode()))
    assert ask() == '[{"id":7,"source":"名前"}]'.encode()


def test_a_json_answer_over_several_lines_becomes_one_line(web, ask):
    web.put("/posts.json", Reply(body=b'[\r\n  {"id": 7}\n]'))
    assert ask() == b'[    {"id": 7} ]'


def test_a_compressed_json_answer_is_unpacked(web, ask):
    packed = gzip.compress(b'[{"id":7}]')
    web.put("/posts.json", Reply(body=packed, headers={"Content-Encoding": "gzip"}))
    assert ask() == b'[{"id":7}]'


def test_a_web_page_with_status_200_is_no_json(web, ask):
    web.put("/posts.json", page())
    with pytest.raises(UnexpectedAnswer) as problem:
        ask()
    assert str(problem.value) == (
        f"{web.url}/posts.json: answers text/html instead of JSON\n"
        "  hint: is source.url the address of a site with Danbooru's API?"
    )
    assert len(web.asked) == 1


def test_an_answer_without_end_is_cut_off(web, ask, monkeypatch):
    monkeypatch.setattr(transfer, "LARGEST_ANSWER", 1000)
    web.put("/posts.json", Reply(body=b" " * 1001))
    with pytest.raises(WrongBytes, match="sends more than the promised 1000 bytes"):
        ask()


def test_a_small_answer_that_unpacks_to_a_huge_one_is_cut_off(web, ask, monkeypatch):
    monkeypatch.setattr(transfer, "LARGEST_ANSWER", 1 << 20)
    packed = gzip.compress(b" " * (8 << 20))
    web.put("/posts.json", Reply(body=packed, headers={"Content-Encoding": "gzip"}))
    with pytest.raises(WrongBytes, match="sends more than the promised 1048576 bytes"):
        ask()


# Patience


@pytest.mark.parametrize("status", [429, 500, 502, 503, 599])
def test_a_passing_trouble_is_waited_out(web, ask, status):
    web.put("/posts.json", refusal(status), page(status), rows({"id": 7}))
    assert ask() == b'[{"id":7}]'
    assert len(web.asked) == 3


def test_waits_double(web, ask, pauses):
    web.put("/posts.json", refusal(500))
    with pytest.raises(SiteDown):
        ask(manners=Manners(attempts=5, retry_wait=2))
    assert pauses == [2, 4, 8, 16]


def test_no_wait_is_longer_than_ten_minutes(web, ask, pauses):
    web.put("/posts.json", refusal(500))
    with pytest.raises(SiteDown):
        ask(manners=Manners(attempts=4, retry_wait=200))
    assert pauses == [200, 400, 600]


def test_a_429_is_obeyed_for_as_long_as_it_says(web, ask, pauses):
    web.put("/posts.json", refusal(429, Retry_After="17"), rows())
    ask(manners=Manners(retry_wait=2, throttled_wait=60))
    assert pauses == [17]


def test_a_429_that_names_no_time_means_a_minute(web, ask, pauses):
    web.put("/posts.json", refusal(429), rows())
    ask(manners=Manners(retry_wait=2, throttled_wait=60))
    assert pauses == [60]


# Superscript two counts as a digit for Python's isdigit.
@pytest.mark.parametrize("after", ["soon", "-5", "²", "Fri, 99 Dec 2027 23:59:59 GMT", ""])
def test_a_429_that_names_no_number_means_a_minute(web, ask, pauses, after):
    web.put("/posts.json", refusal(429, Retry_After=after), rows())
    ask(manners=Manners(retry_wait=2, throttled_wait=60))
    assert pauses == [60]


def test_a_429_that_names_a_time_of_day_is_obeyed_until_then(web, ask, pauses):
    # Its own clock is wrong, and counts: it asks for 17 seconds.
    date, after = "Fri, 31 Dec 1999 23:59:43 GMT", "Sat, 01 Jan 2000 00:00:00 GMT"
    web.put("/posts.json", refusal(429, Date=date, Retry_After=after), rows())
    ask(manners=Manners(retry_wait=2, throttled_wait=60))
    assert pauses == [17]


def test_a_time_of_day_that_is_over_means_the_usual_wait(web, ask, pauses):
    web.put("/posts.json", refusal(429, Retry_After="Fri, 31 Dec 1999 23:59:59 GMT"), rows())
    ask(manners=Manners(retry_wait=2, throttled_wait=60))
    assert pauses == [2]


def test_waits_after_429s_that_name_no_time_grow(web, ask, pauses):
    web.put("/posts.json", refusal(429))
    with pytest.raises(SiteDown, match="HTTP 429"):
        ask(manners=Manners(attempts=5, retry_wait=2, throttled_wait=60))
    assert pauses == [60, 120, 240, 480]


def test_a_site_that_asks_for_no_time_is_not_hammered(web, ask, pauses):
    web.put("/posts.json", refusal(429, Retry_After="0"))
    with pytest.raises(SiteDown):
        ask(manners=Manners(attempts=4, retry_wait=2))
    assert pauses == [2, 4, 8]


def test_a_503_may_name_a_time_too(web, ask, pauses):
    web.put("/posts.json", refusal(503, Retry_After="17"), rows())
    ask(manners=Manners(retry_wait=2))
    assert pauses == [17]


def test_another_error_that_names_a_time_is_an_error_as_any(web, ask, pauses):
    web.put("/posts.json", refusal(500, Retry_After="17"), rows())
    ask(manners=Manners(retry_wait=2))
    assert pauses == [2]


@pytest.mark.parametrize("status", [429, 503])
def test_a_wish_for_more_than_ten_minutes_is_never_cut_short(web, ask, pauses, status):
    web.put("/posts.json", refusal(status, Retry_After="86400"), rows())
    with pytest.raises(AskedToWait) as problem:
        ask()
    assert str(problem.value) == (
        f"{web.url}/posts.json: the site asks to wait 86400 s\n"
        "  hint: nothing is lost: run the same command again after that time"
    )
    assert problem.value.seconds == 86400
    assert (len(web.asked), pauses) == (1, [])


def test_a_wish_to_wait_for_ever_is_a_long_one(web, ask):
    web.put("/posts.json", refusal(429, Retry_After="9" * 400))
    with pytest.raises(AskedToWait, match="asks to wait 1000000000 s"):
        ask()


def test_what_one_job_was_asked_to_wait_all_jobs_wait(web, ask):
    web.put("/posts.json", refusal(429, Retry_After="86400"), rows())
    web.put("/tags.json", rows())
    for _ in range(2):
        with pytest.raises(AskedToWait, match=r"asks to wait 86\d\d\d s"):
            ask(per_second=1000)
    assert len(web.asked) == 1


def test_a_site_that_is_down_is_named_with_what_to_do(web, ask):
    web.put("/posts.json", refusal(503))
    with pytest.raises(SiteDown) as problem:
        ask()
    assert str(problem.value) == (
        f"{web.url}/posts.json: HTTP 503 (3 attempts)\n"
        "  hint: nothing is lost: run the same command again when the site answers"
    )
    assert problem.value.url == f"{web.url}/posts.json"
    assert len(web.asked) == 3


def test_nobody_listening_is_a_site_that_is_down(make_transfer):
    # Port 1 is reserved, and nothing on a test machine listens there.
    with pytest.raises(SiteDown, match=r"^http://127.0.0.1:1/a.json: no answer \(3 attempts\)"):
        make_transfer("http://127.0.0.1:1").json_body("http://127.0.0.1:1/a.json", {})


def test_a_site_that_does_not_answer_in_time_is_asked_again(web, ask):
    web.put("/posts.json", rows(seconds=5), rows({"id": 7}))
    assert ask(manners=Manners(timeout=0.1, attempts=2, retry_wait=0)) == b'[{"id":7}]'


def test_a_site_that_is_too_slow_is_down(web, ask):
    web.put("/posts.json", rows(seconds=5))
    with pytest.raises(SiteDown, match=r"too slow \(2 attempts\)"):
        ask(manners=Manners(timeout=0.05, attempts=2, retry_wait=0))


def test_a_body_that_stops_coming_is_asked_for_again(web, ask):
    web.put("/posts.json", Reply(body=b'[{"id"', late=b":7}]", seconds=5), rows({"id": 7}))
    assert ask(manners=Manners(timeout=0.1, attempts=2, retry_wait=0)) == b'[{"id":7}]'


def test_a_body_that_breaks_off_is_asked_for_again(web, ask):
    web.put("/posts.json", rows({"id": 7}, length=100), rows({"id": 7}))
    assert ask() == b'[{"id":7}]'
    assert len(web.asked) == 2


def test_a_body_that_always_breaks_off_is_said_plainly(web, ask):
    web.put("/posts.json", rows({"id": 7}, length=100))
    with pytest.raises(SiteDown, match=r"/posts.json: the answer broke off \(3 attempts\)"):
        ask()


def test_an_answer_that_cannot_be_unpacked_is_asked_for_again(web, ask):
    web.put("/posts.json", rows(headers={"Content-Encoding": "gzip"}), rows({"id": 7}))
    assert ask() == b'[{"id":7}]'


def test_each_attempt_is_logged_with_its_pause(web, ask, caplog):
    caplog.set_level(logging.INFO, "booru_release")
    web.put("/posts.json", refusal(500), rows())
    ask()
    assert caplog.messages == [f"{web.url}/posts.json: HTTP 500; again in 0.0 s"]


# Refusals


@pytest.mark.parametrize("status", [400, 403, 404, 406, 410, 422])
def test_a_refusal_is_not_asked_again(web, ask, status):
    web.put("/posts.json", refusal(status))
    with pytest.raises(SiteRefuses, match=rf"/posts.json: refuses \(HTTP {status}\)") as problem:
        ask()
    assert problem.value.status == status
    assert len(web.asked) == 1


def test_a_shield_in_front_of_the_site_refuses(web, ask):
    web.put("/posts.json", page(403))
    with pytest.raises(SiteRefuses, match=r"/posts.json: refuses \(HTTP 403\)"):
        ask()


@pytest.mark.parametrize("status", [401, 407])
def test_a_site_that_wants_credentials_is_told_how_to_give_them(web, ask, status):
    web.put("/posts.json", refusal(status))
    with pytest.raises(CredentialsNeeded) as problem:
        ask({"page": "a0"})
    assert str(problem.value) == (
        f"{web.url}/posts.json: asks for credentials (HTTP {status})\n"
        "  hint: set BOORU_LOGIN and BOORU_API_KEY in the environment"
    )
    assert len(web.asked) == 1


# Redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_on_the_site_is_followed(web, ask, status):
    web.put("/posts.json", redirect("/other.json?page=a0", status))
    web.put("/other.json", rows({"id": 7}))
    assert ask({"tags": ""}) == b'[{"id":7}]'
    assert web.asked[1].query == {"page": "a0"}


def test_five_redirects_are_followed(web, ask):
    web.put("/posts.json", *[redirect("/posts.json")] * 5, rows())
    assert ask() == b"[]"


def test_a_redirect_loop_ends(web, ask):
    web.put("/posts.json", redirect("/posts.json"))
    with pytest.raises(SiteDown, match=r"/posts.json: redirected more than 5 times"):
        ask()
    assert len(web.asked) == 6


def test_a_challenge_before_a_file_is_named(web, fetch):
    shield = Reply(403, b"<p>a moment", "text/html", {"cf-mitigated": "challenge"})
    web.put("/7.png", shield)
    with pytest.raises(SiteRefuses, match=r"/7.png: asks for a proof of being human \(HTTP 403\)"):
        fetch()
    assert len(web.asked) == 1


def test_a_redirect_to_a_foreign_host_is_refused(web, elsewhere, fetch, tmp_path):
    web.put("/7.png", redirect(f"{elsewhere.url}/7.png"))
    with pytest.raises(ForeignAddress) as problem:
        fetch()
    assert str(problem.value) == (
        f"{web.url}/7.png: leads to {elsewhere.url}/7.png, which is not on a configured host\n"
        "  hint: if images really live there, add the host to source.image_hosts"
    )
    assert elsewhere.asked == []
    assert left_in(tmp_path / "library") == []


def test_the_body_of_a_redirect_is_not_read(web, ask):
    first = redirect("/other.json")
    first.length, first.late, first.seconds = 1 << 40, b"more", 5
    web.put("/posts.json", first)
    web.put("/other.json", rows())
    assert ask(manners=Manners(timeout=1, attempts=1)) == b"[]"


@pytest.mark.parametrize("address", ["http://[", "//[::1", "http://[\xff"])
def test_a_redirect_to_no_address_is_refused(web, ask, address):
    web.put("/posts.json", redirect(address))
    with pytest.raises(ForeignAddress, match="is no address"):
        ask()


# Files


def test_a_file_with_the_promised_bytes_comes_into_place(web, fetch):
    web.put("/7.png", file(PICTURE))
    assert fetch().read_bytes() == PICTURE


def test_a_file_of_unknown_size_is_held_against_its_md5(web, fetch):
    web.put("/7.png", file(PICTURE, chunked=True))
    assert fetch(size=None).read_bytes() == PICTURE


def test_an_image_host_may_send_files(elsewhere, fetch):
    elsewhere.put("/7.png", file(PICTURE))
    place = fetch(f"{elsewhere.url}/7.png", image_hosts=(elsewhere.host,))
    assert place.read_bytes() == PICTURE


def test_other_bytes_are_asked_for_once_more_past_any_cache(web, fetch):
    web.put("/7.png", file(b"x" * len(PICTURE)), file(PICTURE))
    assert fetch().read_bytes() == PICTURE
    assert [list(asked.query) for asked in web.asked] == [[], ["again"]]


def test_other_bytes_never_get_a_name(web, fetch, tmp_path):
    web.put("/7.png", file(b"x" * len(PICTURE)))
    with pytest.raises(WrongBytes, match=f"/7.png: md5 {OTHER_MD5} instead of {MD5}"):
        fetch()
    assert len(web.asked) == 2
    assert left_in(tmp_path / "library") == []


def test_a_file_that_is_too_short_never_gets_a_name(web, fetch, tmp_path):
    web.put("/7.png", file(PICTURE[:-1]))
    with pytest.raises(WrongBytes, match=r"/7.png: 11 bytes instead of 12$"):
        fetch()
    assert left_in(tmp_path / "library") == []


def test_a_file_that_is_too_long_is_cut_off(web, fetch, tmp_path):
    web.put("/7.png", file(PICTURE + b"and more"))
    with pytest.raises(WrongBytes, match=r"/7.png: sends more than the promised 12 bytes$"):
        fetch()
    assert left_in(tmp_path / "library") == []


def test_an_empty_file_never_gets_a_name(web, fetch, tmp_path):
    web.put("/7.png", file(b""))
    with pytest.raises(WrongBytes, match=r"/7.png: 0 bytes instead of 12"):
        fetch()
    assert left_in(tmp_path / "library") == []


def test_a_web_page_instead_of_a_file_never_gets_a_name(web, fetch, tmp_path):
    web.put("/7.png", page())
    with pytest.raises(WebPage, match=r"/7.png: a web page in place of the file \(3 attempts\)$"):
        fetch()
    assert len(web.asked) == 3
    assert left_in(tmp_path / "library") == []


def test_a_web_page_instead_of_a_file_is_waited_out(web, fetch):
    web.put("/7.png", page(), page(), file(PICTURE))
    assert fetch().read_bytes() == PICTURE


def test_a_web_page_of_the_very_size_of_the_file_is_one_too(web, fetch):
    web.put("/7.png", Reply(body=b"<p>12 bytes!", kind="text/html; charset=utf-8"))
    with pytest.raises(WebPage):
        fetch()


def test_a_file_that_is_called_a_web_page_is_what_its_md5_says(web, fetch):
    web.put("/7.png", Reply(body=PICTURE, kind="text/html"))
    assert fetch().read_bytes() == PICTURE


def test_a_length_that_is_not_the_promised_one_is_refused_before_the_body(web, fetch):
    # The body would take longer than this test waits for any.
    web.put("/7.png", file(b"", length=1 << 40, late=b"x", seconds=60))
    with pytest.raises(WrongBytes, match="sends more than the promised 12 bytes"):
        fetch()


def test_a_file_that_breaks_off_is_fetched_again(web, fetch):
    web.put("/7.png", file(PICTURE[:5], length=len(PICTURE)), file(PICTURE))
    assert fetch().read_bytes() == PICTURE


def test_a_file_that_always_breaks_off_never_gets_a_name(web, fetch, tmp_path):
    web.put("/7.png", file(PICTURE[:5], length=len(PICTURE)))
    with pytest.raises(SiteDown, match=r"/7.png: the answer broke off \(3 attempts\)"):
        fetch()
    assert left_in(tmp_path / "library") == []


def test_a_missing_file_is_a_404(web, fetch):
    with pytest.raises(SiteRefuses) as problem:
        fetch()
    assert problem.value.status == 404


def test_a_file_that_is_there_stays_when_the_new_one_is_wrong(web, fetch):
    web.put("/7.png", file(PICTURE), file(b"wrong"))
    place = fetch()
    with pytest.raises(WrongBytes):
        fetch()
    assert place.read_bytes() == PICTURE


@pytest.mark.parametrize(
    "address",
    [
        "http://example.org/7.png",
        "https://user@HOST@example.org/7.png",
        "http://HOST@example.org/7.png",
        "http://user:word@HOST/7.png",
        "http://HOST.example.org/7.png",
        "http://HOST\\@example.org/7.png",
        "file:///etc/passwd",
        "ftp://HOST/7.png",
        "gopher://HOST/7.png",
        "http:///7.png",
        "http://127.0.0.1/7.png",
    ],
)
def test_no_address_but_the_configured_hosts_is_asked(web, make_transfer, tmp_path, address):
    address = address.replace("HOST", web.host)
    with pytest.raises(ForeignAddress, match="is not on a configured host"):
        make_transfer().fetch(address, tmp_path / "7.png", md5=MD5, size=12)
    assert web.asked == []


@pytest.mark.parametrize(
    "path", ["/\ud800.png", "/%ff.png", "/名.png", "/a b.png", "/\x00.png", "/7.png#x"]
)
def test_a_strange_path_on_the_site_is_asked_for_and_not_there(web, fetch, path):
    with pytest.raises(SiteRefuses, match="HTTP 404"):
        fetch(path)


# The budget


def test_every_request_takes_from_the_budget_also_redirects_and_retries(web, ask, tmp_path):
    web.put("/posts.json", redirect("/a.json"))
    web.put("/a.json", refusal(500), rows())
    ask(per_second=20)
    assert web.paths == ["/posts.json", "/a.json", "/posts.json", "/a.json"]
    # Each took a slot of its own, since none is free again within a second.
    used = sorted(file.name for file in (tmp_path / "budget").glob("slot-*") if file.read_bytes())
    assert used == ["slot-0", "slot-1", "slot-2", "slot-3"]
