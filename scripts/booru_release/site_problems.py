"""What can go wrong between us and a site; light, so that a job may know it and ask nothing."""

from .credentials import scrub
from .errors import ReleaseProblem


class SiteProblem(ReleaseProblem):
    """The site did not give what was asked for; what it said holds no credentials."""

    def __init__(self, url: str, what: str) -> None:
        super().__init__(scrub(f"{url}: {what}"))
        self.url = scrub(url)


class SiteDown(SiteProblem):
    """No answer, or only errors of its own, however often it was asked."""

    hint = "nothing is lost: run the same command again when the site answers"


class AskedToWait(SiteDown):
    """The site asks for a longer pause than a job sits through; until then nothing is sent."""

    def __init__(self, url: str, seconds: float) -> None:
        super().__init__(url, f"the site asks to wait {seconds:.0f} s")
        self.seconds = seconds
        self.hint = "nothing is lost: run the same command again after that time"


class SiteRefuses(SiteProblem):
    """The site says no (4xx), which asking again would not change."""

    def __init__(self, url: str, status: int, what: str) -> None:
        super().__init__(url, what)
        self.status = status


class CredentialsNeeded(SiteRefuses):
    """The site asks who we are, or does not believe it."""

    hint = "set BOORU_LOGIN and BOORU_API_KEY in the environment"


class UnexpectedAnswer(SiteProblem):
    """The answer is no JSON, or not of the shape that the API promises."""

    hint = "is source.url the address of a site with Danbooru's API?"


class ForeignAddress(SiteProblem):
    """An address leads to a host that the configuration does not name."""

    hint = "if images really live there, add the host to source.image_hosts"


class WrongBytes(SiteProblem):
    """A file arrived that is not the one that the site promised."""


class WebPage(WrongBytes):
    """A page for people came in a file's place, however often it was asked for."""
