"""Patient, polite HTTP: one budget, growing waits, no foreign host, no trust in a body."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlencode, urljoin, urlsplit

from . import __version__
from .budget import Budget
from .connections import Answer, Connections
from .credentials import basic, credentials, scrub_answer
from .errors import ReleaseProblem
from .partial import Partial, Promise
from .patience import Manners, TryAgain, asked_wait, logger, patiently
from .site_problems import (
    CredentialsNeeded,
    ForeignAddress,
    SiteDown,
    SiteRefuses,
    UnexpectedAnswer,
    WebPage,
    WrongBytes,
)

MOST_REDIRECTS = 5
LARGEST_ANSWER = 64 << 20
REDIRECTS = {301, 302, 303, 307, 308}
NO_SUCH_RANGE = 416

Result = TypeVar("Result")


@dataclass
class Transfer:
    """Requests to one site and its image hosts, each within a budget shared by all jobs."""

    url: str
    budget: Budget
    image_hosts: tuple[str, ...] = ()
    contact: str | None = None
    manners: Manners = field(default_factory=Manners)

    def __post_init__(self) -> None:
        self._connections = Connections(self.manners.timeout)
        self._site = urlsplit(self.url)[:2]
        self._hosts = {self._site[1], *self.image_hosts}
        about = f"; contact: {self.contact}" if self.contact else ""
        agent = f"booru-release/{__version__}{about}"
        # Headers are bytes; what a contact has beyond ASCII is sent as UTF-8.
        self._agent = {"User-Agent": agent.encode().decode("latin-1")}

    def json_body(self, url: str, query: Mapping[str, str]) -> bytes:
        """The body of a JSON answer, on one line, without credentials that it sends back.

        Raises:
            SiteDown: no answer after all attempts.
            SiteRefuses: a 4xx; CredentialsNeeded where it is 401.
            UnexpectedAnswer: the answer is no JSON.
        """

        def headers() -> dict[str, str]:
            return {"Accept-Encoding": "gzip"}

        return self._patiently(url, _asking(url, query), headers, _json_body)

    def fetch(self, url: str, into: Path, *, md5: str, size: int | None) -> None:
        """Put a file into place, if its bytes are the promised ones.

        What has come of a large file stays beside its place, and the next call goes on from it.

        Raises:
            SiteDown: no answer after all attempts.
            SiteRefuses: a 4xx.
            WrongBytes: other bytes than promised, also on asking once more past any cache.
            WebPage: a page for people in place of the file, at each attempt.
            ForeignAddress: the address is not on a configured host.
        """
        partial = Partial(into, Promise(md5, size))
        try:
            self._receive(url, url, partial)
        except WebPage:
            raise
        except WrongBytes as problem:
            logger.info("%s; asking once more", problem)
            past_caches = _asking(url, {"again": str(int(time.time()))})
            self._receive(url, past_caches, partial)

    def _receive(self, place: str, url: str, partial: Partial) -> None:
        try:
            self._patiently(place, url, partial.headers, partial.receive)
        except (SiteRefuses, WrongBytes, ForeignAddress):
            partial.forget()
            raise
        except ReleaseProblem:
            partial.forget_if_small()
            raise

    def _patiently(
        self,
        place: str,
        url: str,
        headers: Callable[[], Mapping[str, str]],
        use: Callable[[Answer], Result],
    ) -> Result:
        def ask() -> Result:
            more = headers()
            with self._answer(url, more) as answer:
                # A site may have no such range; what is there is then asked for anew.
                if "Range" not in more or answer.status != NO_SUCH_RANGE:
                    _refuse_errors(answer)
                return use(answer)

        return patiently(place, ask, manners=self.manners, budget=self.budget)

    @contextmanager
    def _answer(self, url: str, headers: Mapping[str, str]) -> Iterator[Answer]:
        """The answer at the end of all redirects, each of which takes from the budget."""
        asked = url
        for _ in range(1 + MOST_REDIRECTS):
            self._refuse_foreign(url, asked)
            with self.budget.slot():
                answer = self._connections.get(url, {**self._headers(url), **headers})
            try:
                location = answer.headers["Location"] if answer.status in REDIRECTS else None
                if location is None:
                    yield answer
                    return
            finally:
                self._connections.release(answer, url)
            url = joined(url, location)
        raise SiteDown(asked.split("?")[0], f"redirected more than {MOST_REDIRECTS} times")

    def _headers(self, url: str) -> dict[str, str]:
        known = credentials()
        # Never to an image host, nor in the open: the key is for the site alone.
        if known and urlsplit(url)[:2] == self._site:
            return {**self._agent, "Authorization": basic(*known)}
        return self._agent

    def _refuse_foreign(self, url: str, asked: str) -> None:
        scheme, host = urlsplit(url)[:2]
        if scheme in {"http", "https"} and host in self._hosts:
            return
        if url == asked:
            raise ForeignAddress(url, "is not on a configured host")
        what = f"leads to {url}, which is not on a configured host"
        raise ForeignAddress(asked.split("?")[0], what)


def joined(base: str, address: str) -> str:
    """An address of the site's, which may be relative to `base`.

    Raises:
        ForeignAddress: it makes no sense.
    """
    try:
        return urljoin(base, address)
    except ValueError as error:
        raise ForeignAddress(address, f"is no address ({error})") from error


def _asking(url: str, query: Mapping[str, str]) -> str:
    if not query:
        return url
    return f"{url}{'&' if '?' in url else '?'}{urlencode(query)}"


def _refuse_errors(answer: Answer) -> None:
    status = answer.status
    if status < 400:
        return
    if status in {401, 407}:
        raise CredentialsNeeded(answer.place, status, f"asks for credentials (HTTP {status})")
    if status == 429 or status >= 500:
        after = asked_wait(answer.headers) if status in {429, 503} else None
        raise TryAgain(f"HTTP {status}", status=status, after=after)
    # Source: Cloudflare's documentation of challenge pages.
    is_challenge = answer.headers.get("cf-mitigated") == "challenge"
    what = "asks for a proof of being human" if is_challenge else "refuses"
    raise SiteRefuses(answer.place, status, f"{what} (HTTP {status})")


def _json_body(answer: Answer) -> bytes:
    kind = answer.headers.get("Content-Type", "").split(";")[0].strip()
    if kind != "application/json":
        raise UnexpectedAnswer(answer.place, f"answers {kind or 'something'} instead of JSON")
    body = bytearray()
    for block in answer.blocks(LARGEST_ANSWER):
        body += block
        if len(body) > LARGEST_ANSWER:
            what = f"sends more than the promised {LARGEST_ANSWER} bytes"
            raise WrongBytes(answer.place, what)
    # Line ends inside JSON texts are escaped, so those that are left are only layout.
    return scrub_answer(bytes(body).replace(b"\n", b" ").replace(b"\r", b" "))
