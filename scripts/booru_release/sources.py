"""From a configured source to a site that answers."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from .configuration import Source
from .errors import ReleaseProblem

if TYPE_CHECKING:
    from .site import Site


class NoCorpus(ReleaseProblem):
    """The folder that the embedded booru is to serve is not one."""


@contextmanager
def open_site(source: Source, *, release: str, as_of: str, folder: Path) -> "Iterator[Site]":
    """The site that a source describes, for as long as the block runs.

    The embedded booru starts here, shows the site as of the end of the day `as_of`, and ends with
    the block. `folder` is the one of all releases; the budget and the drawings are kept there.
    """
    if source.kind == "embedded":
        with _embedded(source, release, as_of, folder) as url:
            yield _site(source, url, folder)
    else:
        assert source.url is not None
        yield _site(source, source.url, folder)


def _site(source: Source, url: str, folder: Path) -> "Site":
    # A job that has nothing to ask for does not pay for the means to ask.
    from .budget import Budget
    from .patience import Manners
    from .site import Site
    from .transfer import Transfer

    host = urlsplit(source.url or "embedded://embedded").netloc.replace(":", "_")
    # The booru inside is ours alone: nobody is to be spared.
    per_second = source.requests_per_second if source.url else None
    budget = Budget(folder / "budget" / f"{host}.slots", per_second)
    manners = Manners(source.timeout, source.attempts, source.retry_wait, source.throttled_wait)
    return Site(Transfer(url, budget, source.image_hosts, source.contact, manners))


@contextmanager
def _embedded(source: Source, release: str, as_of: str, folder: Path) -> Iterator[str]:
    # Only this source needs the server, and no other part of the client may know of it.
    import embedded_booru

    log = folder / release / "logs" / "embedded_booru.jsonl"
    log.parent.mkdir(parents=True, exist_ok=True)
    try:
        serving = embedded_booru.serving(
            Path(source.corpus) if source.corpus else None,
            as_of=as_of,
            cache=folder / "embedded",
            synthetic=source.synthetic,
            log=log,
        )
        with serving as url:
            yield url
    except embedded_booru.NotACorpus as problem:
        raise NoCorpus(f"source.corpus: {problem}") from problem
