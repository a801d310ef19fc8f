"""What the site says when it refuses, word for word."""

import pytest

ERRORS = [
    ("/posts/1.json", 404, "ActiveRecord::RecordNotFound", "That record was not found."),
    ("/posts/99999999999999.json", 404, "ActiveRecord::RecordNotFound", None),
    ("/notes/999.json", 404, "ActiveRecord::RecordNotFound", "That record was not found."),
    ("/posts.json?md5=00", 404, "ActiveRecord::RecordNotFound", "That record was not found."),
    ("/nowhere.json", 404, "NilClass", "Page not found"),
    ("/", 404, "NilClass", "Page not found"),
    ("/posts/../posts.json", 404, "NilClass", "Page not found"),
    ("/posts.exe", 404, "NilClass", "Page not found"),
    ("/original/00/00/00000000000000000000000000000000.png", 404, "NilClass", "Page not found"),
    ("/original/../../etc/passwd", 404, "NilClass", "Page not found"),
    (
        "/posts.xml",
        406,
        "ActionController::UnknownFormat",
        "xml is not a supported format for this page",
    ),
    (
        "/posts",
        406,
        "ActionController::UnknownFormat",
        "html is not a supported format for this page",
    ),
    (
        "/posts.json?page=1001",
        410,
        "PaginationExtension::PaginationError",
        "You cannot go beyond page 1000.",
    ),
    (
        "/posts.json?tags=a+b+c",
        422,
        "PostQuery::TagLimitError",
        "You cannot search for more than 2 tags at a time.",
    ),
    (
        "/posts.json?login=me",
        401,
        "SessionLoader::AuthenticationFailure",
        "Missing `login` or `api_key`",
    ),
    (
        "/posts.json?as_of=someday",
        400,
        "ActionController::BadRequest",
        "someday: not a day such as 2018-12-31",
    ),
    (
        "/posts.json?cause_error=429",
        429,
        "RateLimiter::RateLimitError",
        "You're doing that too fast. Wait a minute and try again.",
    ),
    (
        "/posts.json?cause_error=500",
        500,
        "ActiveRecord::QueryCanceled",
        "The database timed out running your query.",
    ),
    (
        "/posts.json?cause_error=503",
        503,
        "ActiveRecord::ConnectionNotEstablished",
        "The database is unavailable. Try again later.",
    ),
    ("/posts.json?cause_error=502&message=so", 502, "StandardError", "so"),
    ("/posts.json?cause_error=200", 400, "ActionController::BadRequest", None),
    ("/posts.json?cause_error=x", 400, "ActionController::BadRequest", None),
]


@pytest.mark.parametrize(("path", "status", "error", "message"), ERRORS)
def test_refusals_have_the_words_of_the_site(site, path, status, error, message):
    answer = site.get(path)
    assert answer.status == status
    assert list(answer.json) == ["success", "error", "message", "backtrace"]
    assert (answer.json["success"], answer.json["error"]) == (False, error)
    assert message in (None, answer.json["message"])
    backtrace = answer.json["backtrace"]
    assert backtrace is None or isinstance(backtrace, list)


def test_every_answer_says_that_any_page_may_read_it(site):
    for path in ("/posts.json", "/posts/1.json", "/nowhere"):
        headers = site.get(path).headers
        assert headers["Access-Control-Allow-Origin"] == "*"
        assert headers["X-Git-Hash"]
        assert headers["Content-Type"] == "application/json; charset=utf-8"


def test_a_get_with_a_body_is_refused_and_the_connection_goes_on(site):
    answer = site.get("/posts.json", body=b"limit=5")
    assert answer.status == 400
    assert answer.json["message"] == "Request body not allowed for GET request"
    assert answer.json["error"] == "ApplicationController::RequestBodyNotAllowedError"
    assert site.get("/posts.json").status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nobody_may_write(site, method):
    answer = site.get("/posts/5.json", method=method, body=b"{}")
    assert (answer.status, answer.json["message"]) == (403, "Access denied")


def test_json_can_be_asked_for_by_a_header(site):
    assert site.get("/posts", Accept="application/json").json == site.json("/posts.json")


def test_both_halves_of_a_login_are_let_in(site):
    assert site.get("/posts.json?login=me&api_key=secret").status == 200


def test_blank_search_fields_are_redirected_away(site):
    answer = site.get("/artists.json?search[name]=&limit=2&search[id]=1")
    assert answer.status == 302
    assert answer.headers["Location"] == "/artists.json?limit=2&search%5Bid%5D=1"
    assert [row["id"] for row in site.json(answer.headers["Location"])] == [1]


def test_a_head_request_gets_the_headers_alone(site):
    whole, head = site.get("/posts/5.json"), site.get("/posts/5.json", method="HEAD")
    assert head.status == 200
    assert head.body == b""
    assert head.headers["Content-Length"] == str(len(whole.body))


def test_a_fault_of_the_booru_is_an_error_in_json(make_corpus, visiting):
    class Broken:
        def at(self, day):
            raise RuntimeError("no more disk")

    from embedded_booru.application import Application
    from embedded_booru.messages import Request

    reply = Application(Broken()).respond(Request("GET", "/posts.json", {}))
    assert reply.status == 500
    assert b'"error":"RuntimeError","message":"no more disk"' in reply.body
