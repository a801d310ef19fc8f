"""A booru that misbehaves on purpose: each misdeed as a visitor meets it."""

import json
import socket
import time
from email.utils import parsedate_to_datetime
from http.client import HTTPException, IncompleteRead
from itertools import pairwise
from pathlib import Path

import pytest
from embedded_booru import NotMischief, serving
from embedded_booru.mischief import MISDEEDS

POST = "/posts/5.json"


@pytest.fixture(scope="module")
def image(site):
    """The address of an image, and its bytes."""
    address = site.json(POST)["file_url"]
    return address, site.get(address).body


@pytest.fixture
def suffering(visiting):
    """A visitor of a booru that does one thing, always unless told."""

    def visit(do, path="/original/", **more):
        return visiting(mischief=[{"path": path, "do": do, **more}])

    return visit


def connected(url):
    """A bare connection."""
    return socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])))


def test_a_rule_acts_so_many_times_on_each_address(visiting, site, image):
    address, _ = image
    other = site.json("/posts/7.json")["file_url"]
    rule = {"path": "^/original/", "do": "error", "status": 503, "after": 1, "times": 2}
    with visiting(mischief=[rule]) as visitor:
        assert [visitor.get(address).status for _ in range(5)] == [200, 503, 503, 200, 200]
        assert [visitor.get(other).status for _ in range(3)] == [200, 503, 503]
        assert visitor.get(POST).status == 200


def test_rules_act_one_after_another(visiting, image):
    address, _ = image
    rules = [
        {"path": address, "do": "error", "status": 500, "times": 1},
        {"path": "[.]png", "do": "error", "status": 429, "times": 2},
        {"path": "[.]png", "do": "error", "status": 503},
    ]
    with visiting(mischief=rules) as visitor:
        assert [visitor.get(address).status for _ in range(5)] == [500, 429, 429, 503, 503]


def test_a_rule_sees_the_query(suffering):
    with suffering("error", r"/posts[.]json[?]page=a0\b", status=500) as visitor:
        assert visitor.get("/posts.json?page=a0&limit=2").status == 500
        assert visitor.get("/posts.json?page=a9&limit=2").status == 200


def test_rules_may_stand_in_a_file(visiting, tmp_path, image):
    file = tmp_path / "mischief.json"
    file.write_text(json.dumps([{"path": "", "do": "error", "status": 418}]))
    with visiting(mischief=file) as visitor:
        assert visitor.get(image[0]).status == 418


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        ([{"do": "cut"}], "mischief: rule 1: has no path"),
        ([{"path": "", "do": "cut"}, {"path": ""}], "mischief: rule 2: has no do"),
        ([{"path": "", "do": "kindness"}], "rule 1: kindness is no misdeed"),
        ([{"path": "(", "do": "cut"}], "rule 1: missing ), unterminated subpattern"),
        ([{"path": "", "do": "cut", "often": 3}], "unexpected keyword argument 'often'"),
        ([{"path": "", "do": "redirect"}], "missing 1 required keyword-only argument: 'to'"),
        ([{"path": "", "do": "redirect", "to": "{nowhere}"}], "nowhere"),
        ([{"path": "", "do": "drip", "piece": 0}], "must not be zero"),
        ([{"path": "", "do": "cut", "times": "many"}], "invalid literal for int"),
        (["cut"], "rule 1: "),
        (7, "mischief: is no list of rules"),
    ],
)
def test_a_rule_that_makes_no_sense_is_named_at_once(cache, rules, says):
    with pytest.raises(NotMischief) as problem, serving(cache=cache, mischief=rules):
        pass
    assert says in str(problem.value)


def test_a_file_that_is_no_json_is_named(cache, tmp_path):
    file = tmp_path / "mischief.json"
    file.write_text("[{")
    with (
        pytest.raises(NotMischief, match=f"{file}: is no JSON"),
        serving(cache=cache, mischief=file),
    ):
        pass


def test_the_log_tells_what_was_done(visiting, tmp_path, image):
    address, content = image
    log = tmp_path / "log"
    rules = [
        {"path": "/original/", "do": "cut", "sent": 100, "times": 1},
        {"path": "/original/", "do": "reset", "times": 1},
    ]
    with visiting(mischief=rules, log=log) as visitor:
        for _ in range(2):
            with pytest.raises((HTTPException, OSError)):
                visitor.get(address)
            visitor.close()
        visitor.get(address, Range="bytes=100-")
    cut, reset, rest = map(json.loads, log.read_text().splitlines())
    assert (cut["misdeed"], cut["cut"], cut["bytes"]) == ("cut", True, 100)
    assert (reset["misdeed"], reset["status"], reset["bytes"]) == ("reset", 0, 0)
    assert (rest["misdeed"], rest["cut"], rest["range"]) == ("", False, "bytes=100-")
    assert rest["bytes"] == len(content) - 100


def test_errors_are_in_the_words_of_the_site(suffering, image):
    with suffering("error", status=429, retry_after=7) as visitor:
        answer = visitor.get(image[0])
    assert (answer.status, answer.headers["Retry-After"]) == (429, "7")
    assert answer.json["error"] == "RateLimiter::RateLimitError"


def test_a_wait_may_be_a_date_or_missing(suffering, image):
    with suffering("page", status=503, retry_after=30, as_date=True) as visitor:
        named = parsedate_to_datetime(visitor.get(image[0]).headers["Retry-After"])
    assert abs(named.timestamp() - time.time() - 30) < 10
    with suffering("error", status=429) as visitor:
        assert "Retry-After" not in visitor.get(image[0]).headers


@pytest.mark.parametrize("status", [200, 502])
def test_a_page_is_html(suffering, image, status):
    with suffering("page", status=status) as visitor:
        answer = visitor.get(image[0])
    assert (answer.status, answer.headers["Content-Type"]) == (status, "text/html; charset=UTF-8")
    assert answer.body.startswith(b"<!DOCTYPE html>")
    assert answer.headers["Server"] == "cloudflare"


def test_a_challenge_names_itself(suffering, image):
    with suffering("challenge") as visitor:
        answer = visitor.get(image[0])
    assert (answer.status, answer.headers["cf-mitigated"]) == (403, "challenge")
    with suffering("challenge", status=200) as visitor:
        assert visitor.get(image[0]).status == 200


def test_a_placeholder_is_a_picture(suffering, image):
    with suffering("placeholder") as visitor:
        answer = visitor.get(image[0])
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.body.startswith(b"\x89PNG")
    assert answer.body != image[1]


@pytest.mark.parametrize(
    ("to", "location"),
    [
        ("https://elsewhere.example/x", "https://elsewhere.example/x"),
        ("//elsewhere.example{path}", "//elsewhere.example{path}"),
        ("/data{path}", "/data{path}"),
        ("{path}", "{path}"),
        ("//{host}/data{path}", "//{host}/data{path}"),
        ("/x?key={authorization}", "/x?key=Basic%20c2VjcmV0"),
    ],
)
def test_a_redirect_leads_where_it_is_told(suffering, image, to, location):
    with suffering("redirect", "^/original/", to=to) as visitor:
        answer = visitor.get(image[0], Authorization="Basic c2VjcmV0")
    assert answer.status == 302
    assert answer.headers["Location"] == location.format(
        path=image[0], host=visitor.url.removeprefix("http://")
    )


def test_another_day_may_come_while_one_asks(visiting, site):
    old, new = site.json("/posts/17.json?as_of=2018-12-31"), site.json("/posts/17.json")
    later = {"path": r"^/(original/|posts/\d)", "do": "as_of", "day": "2020-12-31"}
    with visiting(as_of="2018-12-31", mischief=[later]) as visitor:
        (listed,) = visitor.json("/posts.json?tags=id:17")
        assert listed["md5"] == old["md5"]
        assert visitor.get(old["file_url"]).status == 404
        assert visitor.json("/posts/17.json")["md5"] == new["md5"]
        assert visitor.get(new["file_url"]).status == 200


def test_a_connection_is_reset_before_the_answer(suffering, image):
    with suffering("reset") as visitor, pytest.raises(ConnectionResetError):
        visitor.get(image[0])


def test_a_connection_is_reset_in_the_middle_of_a_body(suffering, image):
    with suffering("reset_midway", sent=200) as visitor, pytest.raises(ConnectionResetError):
        visitor.get(image[0])


def test_a_body_is_cut_at_its_half_or_where_told(suffering, image):
    address, content = image
    with suffering("cut") as visitor, pytest.raises(IncompleteRead) as half:
        visitor.get(address)
    assert half.value.partial == content[: len(content) // 2]
    with suffering("cut", sent=3) as visitor, pytest.raises(IncompleteRead) as three:
        visitor.get(address)
    assert three.value.partial == content[:3]


def test_a_length_is_too_long(suffering, image):
    address, content = image
    with suffering("wrong_length", by=10) as visitor, pytest.raises(IncompleteRead) as early:
        visitor.get(address)
    assert early.value.partial == content


def test_a_length_is_too_short_and_more_comes_after_it(suffering, image):
    address, content = image
    with suffering("wrong_length", by=-10) as visitor, connected(visitor.url) as raw:
        raw.sendall(f"GET {address} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        sent = b""
        while not sent.endswith(content):
            sent += raw.recv(1 << 16)
    assert f"Content-Length: {len(content) - 10}\r\n".encode() in sent


def test_a_body_is_truncated_in_good_order(suffering, image):
    address, content = image
    with suffering("truncate") as visitor:
        assert visitor.get(address).body == content[: len(content) // 2]


def test_one_byte_is_another(suffering, image):
    address, content = image
    with suffering("alter") as visitor:
        got = visitor.get(address).body
    assert len(got) == len(content)
    assert sum(ours != theirs for ours, theirs in zip(got, content, strict=True)) == 1


def test_an_answer_comes_late(suffering, image):
    start = time.monotonic()
    with suffering("late", seconds=0.1) as visitor:
        assert visitor.get(image[0]).body == image[1]
    assert time.monotonic() - start >= 0.1


def test_a_body_drips(suffering, image):
    address, content = image
    piece = len(content) // 4 + 1
    with suffering("drip", piece=piece, seconds=0.02) as visitor:
        assert visitor.get(address).body == content


def test_a_server_that_drips_ends_at_once(cache, image):
    rule = {"path": "/original/", "do": "drip", "seconds": 60}
    with serving(cache=cache, mischief=[rule]) as url:
        raw = connected(url)
        raw.sendall(f"GET {image[0]} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert raw.recv(10) == b"HTTP/1.1 2"
        start = time.monotonic()
    raw.close()
    assert time.monotonic() - start < 10


def test_lies_about_parts_leave_whole_answers_alone(visiting, image):
    address, content = image
    lies = [{"path": "", "do": name} for name in MISDEEDS if name.startswith("part_")]
    assert len(lies) == 5
    with visiting(mischief=lies) as visitor:
        assert visitor.get(address).body == content


@pytest.mark.parametrize(
    ("do", "status", "part", "told"),
    [
        ("part_shifted", 206, slice(99, None), "bytes 99-{last}/{size}"),
        ("part_ignored", 200, slice(None), None),
        ("part_refused", 416, slice(0, 0), "bytes */{size}"),
        ("part_of_another_size", 206, slice(100, None), "bytes 100-{last}/{longer}"),
    ],
)
def test_a_part_is_not_what_it_should_be(suffering, image, do, status, part, told):
    address, content = image
    with suffering(do) as visitor:
        answer = visitor.get(address, Range="bytes=100-")
    assert (answer.status, answer.body) == (status, content[part])
    size = len(content)
    told = told and told.format(size=size, last=size - 1, longer=size + 1)
    assert answer.headers["Content-Range"] == told


def test_a_part_has_wrong_bytes(suffering, image):
    address, content = image
    with suffering("part_altered") as visitor:
        answer = visitor.get(address, Range="bytes=100-")
    assert answer.status == 206
    assert answer.body != content[100:]
    assert len(answer.body) == len(content) - 100


QUERY = "/posts.json?page=a0&limit=3&only=id,score"


@pytest.mark.parametrize("do", ["truncate", "json_deep"])
def test_a_text_is_no_json_that_one_can_read(suffering, do):
    with suffering(do, "/posts[.]json") as visitor:
        answer = visitor.get(QUERY)
    assert answer.headers["Content-Type"].startswith("application/json")
    with pytest.raises((ValueError, RecursionError)):
        json.loads(answer.body)


def test_rows_are_in_an_object_or_there_twice(suffering, site):
    honest = site.json(QUERY)
    with suffering("json_wrapped", "/posts[.]json") as visitor:
        assert visitor.json(QUERY) == {"rows": honest}
    with suffering("json_repeated", "/posts[.]json") as visitor:
        assert visitor.json(QUERY) == honest + honest


@pytest.mark.parametrize("text", ["NaN", "1e999", "-1", "9" * 5000, '"../../x"', "[[]]"])
def test_a_field_has_any_text(suffering, text):
    with suffering("json_fields", "/posts", rows={"*": {"id": text}}) as visitor:
        assert visitor.get(QUERY).body.count(b'"id":' + text.encode()) == 3
        assert visitor.get("/posts/5.json?only=id").body == b'{"id":' + text.encode() + b"}"


def test_fields_are_wrong_in_some_rows(suffering, site):
    honest = {row["id"]: row for row in site.json(QUERY)}
    first, second, third = honest
    rows = {str(first): {"score": None}, str(second): {"score": "7", "more": "[]"}}
    with suffering("json_fields", "/posts", rows=rows) as visitor:
        found = {row["id"]: row for row in visitor.json(QUERY)}
    assert found[first] == {"id": first}
    assert found[second] == {"id": second, "score": 7, "more": []}
    assert found[third] == honest[third]


def test_the_same_requests_meet_the_same_answers(visiting, image):
    rules = [
        {"path": "/original/", "do": "alter", "times": 1},
        {"path": "/original/", "do": "truncate", "after": 1, "times": 1},
        {"path": "/original/", "do": "page"},
    ]

    def bodies():
        with visiting(mischief=rules) as visitor:
            return [visitor.get(image[0]).body for _ in range(4)]

    first = bodies()
    assert first == bodies()
    assert all(one != other for one, other in pairwise(first))


def test_each_misdeed_is_in_the_document():
    booru = Path(__file__).parents[2] / "scripts" / "embedded_booru"
    document = (booru / "README.md").read_text()
    assert [name for name in MISDEEDS if f"\n| `{name}" not in document] == []
