from email.message import Message

import pytest
from booru_release import patience
from booru_release.budget import Budget, LongPause
from booru_release.patience import Manners, TryAgain, asked_wait, patiently
from booru_release.site_problems import AskedToWait, SiteDown, WebPage

URL = "http://site/7.png"


@pytest.fixture
def pauses(monkeypatch):
    """The pauses that were made, none of which took any time."""
    made = []
    monkeypatch.setattr(patience.time, "sleep", made.append)
    return made


def headers(**values):
    message = Message()
    for name, value in values.items():
        message[name.replace("_", "-")] = value
    return message


def asking(*troubles):
    """A question that meets these troubles, one after another, and then is answered."""
    left = [*troubles]

    def ask():
        if left:
            raise left.pop(0)
        return "answer"

    return ask


def ask_patiently(tmp_path, *troubles, per_second=None, **manners):
    budget = Budget(tmp_path / "budget", per_second)
    return patiently(URL, asking(*troubles), manners=Manners(**manners), budget=budget)


@pytest.mark.parametrize(
    ("trouble", "waits"),
    [
        (TryAgain("HTTP 500", status=500), [2, 4, 8, 16, 32]),
        (TryAgain("too slow"), [2, 4, 8, 16, 32]),
        (TryAgain("HTTP 429", status=429), [60, 120, 240, 480, 600]),
        (TryAgain("HTTP 429", status=429, after=17), [17, 17, 17, 17, 32]),
        (TryAgain("HTTP 503", status=503, after=0), [2, 4, 8, 16, 32]),
        (TryAgain("HTTP 429", status=429, after=4000), [4000] * 5),
    ],
)
def test_waits_grow_and_never_undercut_what_the_site_asks_for(trouble, waits):
    assert [Manners().wait_after(trouble, attempt) for attempt in range(1, 6)] == waits


def test_a_trouble_that_passes_is_waited_out(tmp_path, pauses):
    assert ask_patiently(tmp_path, TryAgain("a"), TryAgain("b"), attempts=3) == "answer"
    assert pauses == [2, 4]


def test_a_trouble_that_stays_ends_as_it_says(tmp_path, pauses):
    with pytest.raises(SiteDown, match=r"http://site/7.png: last \(2 attempts\)"):
        ask_patiently(tmp_path, TryAgain("first"), TryAgain("last"), attempts=2)
    page = TryAgain("a page", ends_as=WebPage)
    with pytest.raises(WebPage, match=r"a page \(1 attempts\)"):
        ask_patiently(tmp_path, page, attempts=1)


def test_there_is_no_wait_after_the_last_attempt(tmp_path, pauses):
    with pytest.raises(SiteDown):
        ask_patiently(tmp_path, TryAgain("a"), attempts=1)
    assert pauses == []


@pytest.mark.parametrize(
    "trouble", [TryAgain("429", status=429), TryAgain("503", status=503, after=30)]
)
def test_a_site_that_asks_to_wait_stops_all_jobs(tmp_path, pauses, trouble):
    ask_patiently(tmp_path, trouble, per_second=5, throttled_wait=30)
    assert (tmp_path / "budget" / "pause").is_file()


def test_an_error_of_the_sites_own_stops_nobody_else(tmp_path, pauses):
    ask_patiently(tmp_path, TryAgain("500", status=500), TryAgain("too slow"), per_second=5)
    assert not (tmp_path / "budget" / "pause").exists()


def test_who_comes_while_the_site_wants_a_long_pause_is_told_for_how_long(tmp_path, pauses):
    with pytest.raises(AskedToWait, match="asks to wait 3600 s"):
        ask_patiently(tmp_path, LongPause(tmp_path, 3600))
    assert pauses == []


@pytest.mark.parametrize(
    ("values", "seconds"),
    [
        ({}, None),
        ({"Retry_After": "120"}, 120),
        ({"Retry_After": " 120 "}, 120),
        ({"Retry_After": "0"}, 0),
        ({"Retry_After": "1.5"}, None),
        ({"Retry_After": "-1"}, None),
        ({"Retry_After": "9" * 30}, patience.FOREVER),
        # The example of RFC 9110, 10.2.3, two minutes after the answer's own date.
        (
            {
                "Date": "Fri, 31 Dec 1999 23:57:59 GMT",
                "Retry_After": "Fri, 31 Dec 1999 23:59:59 GMT",
            },
            120,
        ),
        ({"Retry_After": "Fri, 31 Dec 1999 23:59:59 GMT"}, 0),
        ({"Retry_After": "Fri, 31 Dec 99999999999 23:59:59 GMT"}, None),
        ({"Date": "soon", "Retry_After": "Fri, 31 Dec 1999 23:59:59"}, 0),
    ],
)
def test_what_a_site_asks_to_wait_is_read_in_both_forms(values, seconds):
    assert asked_wait(headers(**values)) == seconds
