"""Who asks, told by the environment alone, and kept out of everything that is written.

A hostile site may send back what it was sent: in an address, an error, a row. So messages pass
through `scrub` before they are kept, and answers through `scrub_answer`.
"""

import base64
import os
from functools import cache
from urllib.parse import quote

INSTEAD = "***"


def credentials() -> tuple[str, str] | None:
    """The login and the key of `BOORU_LOGIN` and `BOORU_API_KEY`, if there are both."""
    login, key = os.environ.get("BOORU_LOGIN"), os.environ.get("BOORU_API_KEY")
    return (login, key) if login and key else None


def basic(login: str, key: str) -> str:
    """The value of an Authorization header. Source: RFC 7617."""
    return "Basic " + _base64(f"{login}:{key}")


def scrub(text: str) -> str:
    """A text without the key, without the login, and without what headers make of them."""
    login, key = os.environ.get("BOORU_LOGIN", ""), os.environ.get("BOORU_API_KEY", "")
    for secret in (*_secrets(login, key), *_forms(login)):
        text = text.replace(secret, INSTEAD)
    return text


def scrub_answer(body: bytes) -> bytes:
    """An answer without the key; the login is scrubbed only from one that gives the key away.

    A login may be a word of the site's own, and rows that hold one are rows as they should be.
    """
    login, key = os.environ.get("BOORU_LOGIN", ""), os.environ.get("BOORU_API_KEY", "")
    if not any(secret.encode() in body for secret in _secrets(login, key)):
        return body
    for secret in (*_secrets(login, key), *_forms(login)):
        body = body.replace(secret.encode(), INSTEAD.encode())
    return body


@cache
def _secrets(login: str, key: str) -> tuple[str, ...]:
    return (*_forms(f"{login}:{key}" if key else ""), *_forms(key))


@cache
def _forms(value: str) -> tuple[str, ...]:
    """A value and what becomes of it on its way, the longest first."""
    plain = {value, _base64(value)} if value else set()
    # An address escapes some characters, and some writers of JSON escape slashes.
    escaped = {form for text in plain for form in (quote(text, safe=""), text.replace("/", r"\/"))}
    return tuple(sorted(plain | escaped, key=len, reverse=True))


def _base64(value: str) -> str:
    return base64.b64encode(value.encode("utf-8", "surrogateescape")).decode()
