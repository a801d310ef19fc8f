"""Asking again: which troubles pass, how long to wait for them, and when to give up."""

import datetime
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from email.utils import parsedate_to_datetime
from typing import TypeVar

from .budget import LONGEST_WAIT, Budget, LongPause
from .site_problems import AskedToWait, SiteDown, SiteProblem

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

# What is asked for beyond this is for ever, and no clock has more.
FOREVER = 1e9


class TryAgain(Exception):
    """A passing trouble of the site: an error of its own, a body that broke off, a web page.

    `after` is what the site asks to wait, in seconds; `ends_as` is what it comes to if it does
    not pass.
    """

    def __init__(
        self,
        what: str,
        *,
        status: int = 0,
        after: float | None = None,
        ends_as: type[SiteProblem] = SiteDown,
    ) -> None:
        super().__init__(what)
        self.status, self.after, self.ends_as = status, after, ends_as


@dataclass(frozen=True)
class Manners:
    """How patiently a site is asked: seconds and numbers of attempts."""

    timeout: float = 60
    attempts: int = 5
    retry_wait: float = 2
    throttled_wait: float = 60

    def wait_after(self, trouble: TryAgain, attempt: int) -> float:
        """Seconds to wait after an attempt that failed, the first of which is 1.

        They double with each attempt, up to ten minutes; what the site asks for is never cut short.
        """
        first = self.retry_wait
        if trouble.status == 429 and trouble.after is None:
            first = max(first, self.throttled_wait)
        own = min(LONGEST_WAIT, first * 2.0 ** (attempt - 1))
        return own if trouble.after is None else max(own, trouble.after)


def patiently(url: str, ask: Callable[[], Result], *, manners: Manners, budget: Budget) -> Result:
    """What `ask` returns, asked as often as manners say; the site's wish to wait binds all jobs.

    Raises:
        SiteDown: no attempt was answered; AskedToWait where the site wants more than ten minutes.
        SiteProblem: another one that the last trouble ends as, or that `ask` raises itself.
    """
    for attempt in range(1, manners.attempts + 1):
        try:
            return ask()
        except LongPause as pause:
            raise AskedToWait(url, pause.seconds) from pause
        except TryAgain as trouble:
            last = trouble
        wait = manners.wait_after(last, attempt)
        if last.status == 429 or last.after is not None:
            budget.pause(wait)
        if wait > LONGEST_WAIT:
            raise AskedToWait(url, wait) from last
        if attempt < manners.attempts:
            logger.info("%s: %s; again in %.1f s", url, last, wait)
            time.sleep(wait)
    raise last.ends_as(url, f"{last} ({manners.attempts} attempts)")


def asked_wait(headers: Message) -> float | None:
    """The seconds that an answer asks to wait, if it says so. Source: RFC 9110, 10.2.3."""
    after = headers.get("Retry-After", "").strip()
    if after.isascii() and after.isdecimal():
        return min(FOREVER, float(after[:20]))
    then = _moment(after)
    if then is None:
        return None
    # The site's own clock measures best what the site's clock has set.
    now = _moment(headers.get("Date", "")) or datetime.datetime.now(datetime.UTC)
    return min(FOREVER, max(0.0, (then - now).total_seconds()))


def _moment(text: str) -> datetime.datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)
