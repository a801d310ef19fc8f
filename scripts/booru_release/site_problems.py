"""What can go wrong between us and a site; light, so that a job may know it and ask nothing."""

from .errors import ReleaseProblem


class SiteProblem(ReleaseProblem):
    """The site did not give what was asked for."""

    def __init__(self, url: str, what: str) -> None:
        super().__init__(f"{url}: {what}")
        self.url = url


class SiteDown(SiteProblem):
    """No answer, or only errors of its own, however often it was asked."""

    hint = "nothing is lost: run the same command again when the site answers"


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
