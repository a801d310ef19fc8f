"""Turn away requests that no address of the site would answer."""

from __future__ import annotations

from embedded_booru.errors import Refusal, bad_request
from embedded_booru.messages import Request

# What the site says in earnest; visitors may ask for any of these by cause_error=429.
KNOWN_ERRORS = {
    403: ("User::PrivilegeError", "Access denied"),
    404: ("ActiveRecord::RecordNotFound", "That record was not found."),
    410: ("PaginationExtension::PaginationError", "You cannot go beyond page 1000."),
    422: ("PostQuery::TagLimitError", "You cannot search for more than 2 tags at a time."),
    429: (
        "RateLimiter::RateLimitError",
        "You're doing that too fast. Wait a minute and try again.",
    ),
    500: ("ActiveRecord::QueryCanceled", "The database timed out running your query."),
    503: (
        "ActiveRecord::ConnectionNotEstablished",
        "The database is unavailable. Try again later.",
    ),
}


def check(request: Request) -> None:
    """Raise the refusal that a request deserves, or asks for."""
    if request.method not in ("GET", "HEAD"):
        raise Refusal(403, *KNOWN_ERRORS[403])
    if request.has_body:
        kind = "ApplicationController::RequestBodyNotAllowedError"
        raise Refusal(400, kind, "Request body not allowed for GET request")
    if ("login" in request.query) != ("api_key" in request.query):
        kind = "SessionLoader::AuthenticationFailure"
        raise Refusal(401, kind, "Missing `login` or `api_key`")
    if "cause_error" in request.query:
        raise _asked_for(request.query["cause_error"], request.query.get("message"))


def _asked_for(code: str, message: str | None) -> Refusal:
    if not (code.isdecimal() and 400 <= int(code) <= 599):
        return bad_request(f"{code} is not a status from 400 to 599")
    kind, usual = KNOWN_ERRORS.get(int(code), ("StandardError", "Error"))
    return Refusal(int(code), kind, message or usual)
