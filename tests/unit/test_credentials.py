import pytest
from booru_release.credentials import basic, credentials, scrub, scrub_answer
from booru_release.site_problems import SiteDown

# printf albert:hunter2+secret | base64; printf hunter2+secret | base64; printf albert | base64
PAIR, KEY, LOGIN = "YWxiZXJ0Omh1bnRlcjIrc2VjcmV0", "aHVudGVyMitzZWNyZXQ=", "YWxiZXJ0"
FORMS = ["albert", "hunter2+secret", "hunter2%2Bsecret", PAIR, KEY, LOGIN]


@pytest.fixture(autouse=True)
def nobody(monkeypatch):
    monkeypatch.delenv("BOORU_LOGIN", raising=False)
    monkeypatch.delenv("BOORU_API_KEY", raising=False)


@pytest.fixture
def logged_in(monkeypatch):
    monkeypatch.setenv("BOORU_LOGIN", "albert")
    monkeypatch.setenv("BOORU_API_KEY", "hunter2+secret")


def test_credentials_are_both_or_none(monkeypatch):
    assert credentials() is None
    monkeypatch.setenv("BOORU_LOGIN", "albert")
    assert credentials() is None
    monkeypatch.setenv("BOORU_API_KEY", "key")
    assert credentials() == ("albert", "key")


def test_a_header_has_them_as_the_standard_says():
    # The example of RFC 7617, section 2.
    assert basic("Aladdin", "open sesame") == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="


@pytest.mark.parametrize("form", FORMS)
def test_a_text_is_scrubbed_of_every_form(logged_in, form):
    assert scrub(f"before {form} after") == "before *** after"
    assert form not in scrub(f"http://site/{form}?{form}={form}")


def test_a_problem_with_a_site_never_says_them(logged_in):
    problem = SiteDown(f"http://site/{FORMS[1]}", f"says {PAIR}")
    assert problem.args[0] == "http://site/***: says ***"
    assert problem.url == "http://site/***"


def test_a_text_of_a_guest_stays_as_it_is():
    assert scrub("albert hunter2+secret") == "albert hunter2+secret"
    assert scrub_answer(b"albert hunter2+secret") == b"albert hunter2+secret"


@pytest.mark.parametrize("form", [KEY, PAIR, "hunter2+secret", "hunter2%2Bsecret"])
def test_an_answer_that_gives_the_key_away_is_scrubbed_of_the_login_too(logged_in, form):
    body = f'[{{"id":7,"echo":"{form}","who":"albert"}}]'
    assert scrub_answer(body.encode()) == b'[{"id":7,"echo":"***","who":"***"}]'


def test_an_answer_with_a_word_that_is_a_login_is_data(logged_in):
    body = b'[{"id":7,"tag_string":"albert"}]'
    assert scrub_answer(body) == body


def test_half_of_the_credentials_is_scrubbed_as_well(monkeypatch):
    monkeypatch.setenv("BOORU_API_KEY", "hunter2+secret")
    assert scrub("a hunter2+secret and a login") == "a *** and a login"
