"""Patient, polite HTTP: one budget, growing waits, no foreign host, no trust in a body."""

import hashlib
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import urljoin, urlsplit

import requests

from . import __version__
from .budget import Budget
from .files import CHUNK, replace_file
from .site_problems import (
    CredentialsNeeded,
    ForeignAddress,
    SiteDown,
    SiteRefuses,
    UnexpectedAnswer,
    WrongBytes,
)

logger = logging.getLogger(__name__)

MOST_REDIRECTS = 5
LONGEST_WAIT = 600.0
LARGEST_ANSWER = 64 << 20
LARGEST_FILE = 1 << 40

Result = TypeVar("Result")


class _TryAgain(Exception):
    """A passing trouble of the site: 429 or 5xx, or a body that broke off."""

    def __init__(self, what: str, status: int = 0, after: str | None = None) -> None:
        super().__init__(what)
        self.status, self.after = status, after


class _Session(requests.Session):
    """A session that leaves redirects to its caller; its own way reads their bodies to the end."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        """No answer leads elsewhere by itself."""


@dataclass(frozen=True)
class Manners:
    """How patiently a site is asked: seconds and numbers of attempts."""

    timeout: float = 60
    attempts: int = 5
    retry_wait: float = 2
    throttled_wait: float = 60


@dataclass
class Transfer:
    """Requests to one site and its image hosts, each within a budget shared by all jobs."""

    url: str
    budget: Budget
    image_hosts: tuple[str, ...] = ()
    contact: str | None = None
    manners: Manners = field(default_factory=Manners)

    def __post_init__(self) -> None:
        self._session = _Session()
        # No proxy or .netrc of the machine decides where requests and credentials go.
        self._session.trust_env = False
        about = f"; contact: {self.contact}" if self.contact else ""
        self._session.headers["User-Agent"] = f"booru-release/{__version__}{about}"
        self._site = urlsplit(self.url)[:2]

    def json_body(self, url: str, query: Mapping[str, str]) -> bytes:
        """The body of a JSON answer, on one line.

        Raises:
            SiteDown: no answer after all attempts.
            SiteRefuses: a 4xx; CredentialsNeeded where it is 401.
            UnexpectedAnswer: the answer is no JSON.
        """
        return self._patiently(url, query, _json_body)

    def fetch(self, url: str, into: Path, *, md5: str, size: int | None) -> None:
        """Put a file into place, if its bytes are the promised ones.

        Raises:
            SiteDown: no answer after all attempts.
            SiteRefuses: a 4xx.
            WrongBytes: other bytes than promised, also on asking once more past any cache.
            ForeignAddress: the address is not on a configured host.
        """

        def keep(answer: requests.Response) -> None:
            _keep(answer, into, md5, size)

        try:
            self._patiently(url, {}, keep)
        except WrongBytes as problem:
            logger.info("%s; asking once more", problem)
            self._patiently(url, {"again": str(int(time.time()))}, keep)

    def _patiently(
        self, url: str, query: Mapping[str, str], use: Callable[[requests.Response], Result]
    ) -> Result:
        wait = self.manners.retry_wait
        for attempt in range(1, self.manners.attempts + 1):
            try:
                with self._follow(url, query) as answer:
                    _refuse_errors(answer)
                    return use(answer)
            except (requests.RequestException, _TryAgain) as error:
                last = error
            if attempt < self.manners.attempts:
                pause = min(LONGEST_WAIT, _pause(last, wait, self.manners))
                logger.info("%s: %s; again in %.1f s", url, _plainly(last), pause)
                time.sleep(pause)
                wait *= 2
        raise SiteDown(url, f"{_plainly(last)} ({self.manners.attempts} attempts)")

    def _follow(self, url: str, query: Mapping[str, str]) -> requests.Response:
        for _ in range(1 + MOST_REDIRECTS):
            self._refuse_foreign(url)
            self.budget.wait()
            answer = self._session.get(
                url,
                params=query,
                auth=self._credentials(url),
                timeout=self.manners.timeout,
                allow_redirects=False,
                stream=True,
            )
            if not answer.is_redirect:
                return answer
            url, query = joined(url, answer.headers["location"]), {}
            answer.close()
        raise SiteDown(url, f"redirected more than {MOST_REDIRECTS} times")

    def _refuse_foreign(self, url: str) -> None:
        scheme, host = urlsplit(url)[:2]
        if scheme not in {"http", "https"} or host not in {self._site[1], *self.image_hosts}:
            raise ForeignAddress(url, "is not on a configured host")

    def _credentials(self, url: str) -> tuple[str, str] | None:
        login, key = os.environ.get("BOORU_LOGIN"), os.environ.get("BOORU_API_KEY")
        # Never to an image host, nor in the open: the key is for the site alone.
        return (login, key) if login and key and urlsplit(url)[:2] == self._site else None


def joined(base: str, address: str) -> str:
    """An address of the site's, which may be relative to `base`.

    Raises:
        ForeignAddress: it makes no sense.
    """
    try:
        return urljoin(base, address)
    except ValueError as error:
        raise ForeignAddress(address, f"is no address ({error})") from error


def _refuse_errors(answer: requests.Response) -> None:
    status = answer.status_code
    if status in {401, 407}:
        raise CredentialsNeeded(_place(answer), status, f"asks for credentials (HTTP {status})")
    if status == 429 or status >= 500:
        raise _TryAgain(f"HTTP {status}", status, answer.headers.get("Retry-After"))
    if status >= 400:
        raise SiteRefuses(_place(answer), status, f"refuses (HTTP {status})")


def _place(answer: requests.Response) -> str:
    return answer.url.split("?")[0]


def _pause(error: Exception, wait: float, manners: Manners) -> float:
    if isinstance(error, _TryAgain) and error.status == 429:
        after = error.after or ""
        return float(after) if after.isdecimal() else max(wait, manners.throttled_wait)
    return wait


def _plainly(error: Exception) -> str:
    if isinstance(error, requests.Timeout):
        return "too slow"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the answer broke off"
    return "no answer" if isinstance(error, requests.ConnectionError) else str(error)


def _json_body(answer: requests.Response) -> bytes:
    kind = answer.headers.get("Content-Type", "").split(";")[0].strip()
    if kind != "application/json":
        raise UnexpectedAnswer(_place(answer), f"answers {kind or 'something'} instead of JSON")
    body = b"".join(_blocks(answer, LARGEST_ANSWER))
    # Line ends inside JSON texts are escaped, so those that are left are only layout.
    return body.replace(b"\n", b" ").replace(b"\r", b" ")


def _blocks(answer: requests.Response, most: int) -> Iterator[bytes]:
    received = 0
    for block in answer.iter_content(CHUNK):
        received += len(block)
        if received > most:
            raise WrongBytes(_place(answer), f"sends more than the promised {most} bytes")
        yield block


def _keep(answer: requests.Response, into: Path, md5: str, size: int | None) -> None:
    digest, received = hashlib.md5(usedforsecurity=False), 0
    with replace_file(into) as out:
        for block in _blocks(answer, LARGEST_FILE if size is None else size):
            digest.update(block)
            received += len(block)
            out.write(block)
        if size is not None and received != size:
            raise WrongBytes(_place(answer), f"{received} bytes instead of {size}")
        if digest.hexdigest() != md5:
            raise WrongBytes(_place(answer), f"md5 {digest.hexdigest()} instead of {md5}")
