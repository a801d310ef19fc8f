"""Withdrawals carried out: every finished release without the posts, and their files gone."""

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

from .errors import ReleaseProblem
from .feed import salt_of, share_feed, write_feed
from .files import read_json
from .forgetting import files_of, forget
from .library import Library
from .redaction import Redaction
from .reissuing import Issue, has_trace, reissue_release, tree_of
from .revisions import finished_releases, is_behind, pending, settle
from .verification import NotBuilt
from .withdrawals import read_withdrawals
from .withdrawn import by_bucket, note_withdrawals, read_book

logger = logging.getLogger(__name__)


class StillServed(ReleaseProblem):
    """A release cannot be put together while one before it still has a withdrawn post."""

    def __init__(self, release: str, ids: list[int]) -> None:
        named = ", ".join(map(str, ids[:20]))
        super().__init__(
            f"release {release}: was issued before these posts were withdrawn: {named}"
        )
        self.release, self.ids = release, ids
        self.hint = f"snakemake withdraw_{release}, then the same command again"


def refuse_still_served(releases: Path, release: str, earlier: Iterable[str]) -> None:
    """Refuse to take over the metadata and torrents of an earlier release with a withdrawn post.

    Raises:
        StillServed: names that release and the posts.
    """
    ids = read_json(releases / release / "settings" / "withdrawals.json")
    for before in earlier:
        finished = (releases / before / "release.json").is_file()
        if finished and (left := pending(releases / before, ids)):
            raise StillServed(before, left)


def withdraw_release(
    releases: Path, release: str, *, withdrawals: Path, threads: int
) -> dict[str, int]:
    """Issue every finished release anew that has a withdrawn post, and remove what is left of it.

    Returns the revisions that the reissued releases have now; none where nothing was to be done,
    and then no byte changes.

    Raises:
        NotBuilt: the release is not finished.
        UnfinishedBefore: a release that a finished one follows is not.
    """
    finished = finished_releases(releases)
    if release not in finished:
        raise NotBuilt(release)
    listed = read_withdrawals(withdrawals)
    if not listed:
        logger.info("%s: lists no post, so nothing is to be withdrawn", withdrawals)
        return {}
    book = note_withdrawals(releases, listed, salt_of(releases))
    write_feed(releases, read_book(releases).values())
    # The book has just gathered every md5: the receipts need not be read for them once more.
    redaction = Redaction(book, (md5 for post in book.values() for md5 in post.md5s))
    revisions = {}
    for name in finished:
        issue = Issue(tree_of(releases, name, finished), redaction, threads)
        if _is_to_be_reissued(issue):
            revisions[name] = reissue_release(issue)
    _remove_files(releases, book)
    for name in finished:
        share_feed(releases, releases / name / "stage")
    logger.info("%s", "; ".join(_summary(releases, len(listed), revisions)))
    return revisions


def _is_to_be_reissued(issue: Issue) -> bool:
    new = pending(issue.folder, issue.redaction.ids)
    if is_behind(issue.folder) or (new and has_trace(issue, new)):
        return True
    if new:
        settle(issue.folder, new)
    return False


def _remove_files(releases: Path, ids: Iterable[int]) -> None:
    """Remove the posts' files from the library, and from wherever somebody put them back."""
    for bucket, posts in by_bucket(releases, ids):
        for post_id in sorted(posts):
            forget(Library(releases / "library"), bucket, post_id)
            for folder in (*releases.glob("*/stage"), *releases.glob("*/extra")):
                for file in [*files_of(folder, bucket, post_id)]:
                    file.unlink()


def _summary(releases: Path, posts: int, revisions: dict[str, int]) -> Iterator[str]:
    if not revisions:
        yield f"nothing is left to do: no finished release has any of {posts} withdrawn posts"
    for release, number in revisions.items():
        yield f"release {release} is issued as revision {number}"
    stale = [*map(str, revisions)]
    if any(_is_published(releases / release) for release in stale):
        targets = " ".join(f"publish_{release}" for release in stale)
        yield f"to hand it over, too: snakemake {targets}"


def _is_published(folder: Path) -> bool:
    settings = folder / "settings" / "publish.json"
    return settings.is_file() and bool(read_json(settings)["destination"])
