"""One post's file: from the site into the library, after a second look if it is not as promised."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import ReleaseProblem
from .library import Library
from .posts import MalformedPost, Post, parse_post
from .receipts import Downloaded, Planned, State
from .screening import Screening, Unwanted
from .site_problems import (
    CredentialsNeeded,
    SiteDown,
    SiteProblem,
    SiteRefuses,
    UnexpectedAnswer,
    WebPage,
    WrongBytes,
)

if TYPE_CHECKING:
    from .site import Site

PlanAgain = Callable[[Post], Planned]

NOT_THERE = {404, 410}
REPLACED = "the site replaced the file after its metadata was read"
MOVED = "the site moved the file after its metadata was read"


@dataclass(frozen=True)
class Held:
    """What the library has of a bucket, whichever run or release brought it."""

    bucket: str
    library: Library
    known: dict[tuple[int, str], dict[str, Any]]

    def has(self, line: Planned) -> bool:
        """Whether a file came before: it waits, or the ledger knows what became of it."""
        place = line.place(self.bucket)
        if self.library.incoming(*place).is_file():
            return True
        known = self.known.get((line.id, str(line.md5)))
        if known is None:
            # A loss of power took the line: what is in the library is to be made again.
            return False
        return known["state"] == State.CORRUPT or self.library.original(*place).is_file()


@dataclass(frozen=True)
class Fetcher:
    """Fetches files of a bucket from a site; `plan_again` plans a post that the site changed."""

    site: "Site"
    held: Held
    plan_again: PlanAgain
    screening: Screening

    def fetch(self, line: Planned) -> tuple[Downloaded, ReleaseProblem | None]:
        """What came of a post, and what was wrong with its file as it was planned.

        Raises:
            CredentialsNeeded: as it would be with every other post.
        """
        problem = self._get(line)
        if not _asks_for_a_second_look(problem):
            return self._outcome(line, problem), problem
        try:
            return self._after_a_second_look(line, problem), problem
        except CredentialsNeeded:
            raise
        except (SiteProblem, MalformedPost) as trouble:
            reason = f"{self._plainly(problem)}; and looking again: {self._plainly(trouble)}"
            return Downloaded(line.id, str(line.md5), State.FAILED, reason), problem

    def _get(self, line: Planned) -> ReleaseProblem | None:
        """Fetch a file; returns what was wrong, unless it would be wrong with every other, too."""

        def fetch(into: Path) -> None:
            self.site.fetch(str(line.url), into, md5=str(line.md5), size=line.size)

        incoming = self.held.library.incoming(*line.place(self.held.bucket))
        try:
            self.screening.admit(line, fetch, incoming)
        except CredentialsNeeded:
            raise
        except (SiteProblem, Unwanted) as problem:
            return problem
        return None

    def _after_a_second_look(self, line: Planned, problem: ReleaseProblem | None) -> Downloaded:
        try:
            post = self._look_up(line.id)
        except SiteRefuses as refusal:
            if refusal.status not in NOT_THERE:
                raise
            reason = f"{self._plainly(problem)}; the site has expunged the post"
            return Downloaded(line.id, str(line.md5), State.MISSING, reason)
        if (post.md5, post.file_ext, post.url) == (line.md5, line.file_ext, line.url):
            return self._outcome(line, problem)
        again = self.plan_again(post)
        if not again.is_fetched:
            return self._marked(_amending(line, again, again.state, again.reason))
        trouble = self._get_unless_held(again)
        why = MOVED if again.md5 == line.md5 else REPLACED
        if trouble is None:
            return _amending(line, again, None, why)
        reason = f"{why}: {self._plainly(trouble)}"
        return self._marked(_amending(line, again, _state_of(trouble), reason))

    def _get_unless_held(self, line: Planned) -> ReleaseProblem | None:
        if not self.held.has(line):
            return self._get(line)
        why = self.screening.reason_of_held(line, self.held)
        return Unwanted(why) if why else None

    def _look_up(self, post_id: int) -> Post:
        post = parse_post(self.site.post(post_id))
        if post.id != post_id:
            raise UnexpectedAnswer(f"/posts/{post_id}.json", f"answers with post {post.id}")
        return post

    def _outcome(self, line: Planned, problem: ReleaseProblem | None) -> Downloaded:
        state = None if problem is None else _state_of(problem)
        return self._marked(Downloaded(line.id, str(line.md5), state, self._plainly(problem)))

    def _marked(self, outcome: Downloaded) -> Downloaded:
        """What a rule decided holds for as long as the rules do."""
        if outcome.state is not State.EXCLUDED:
            return outcome
        return replace(outcome, rules=self.screening.exclusions.version)

    def _plainly(self, problem: Exception | None) -> str | None:
        # Receipts must not tell at which port the embedded booru happened to be.
        return None if problem is None else str(problem.args[0]).removeprefix(self.site.url)


def _amending(line: Planned, again: Planned, state: State | None, reason: str | None) -> Downloaded:
    return Downloaded(
        id=line.id,
        md5=again.md5 or str(line.md5),
        state=state,
        reason=reason,
        file_ext=again.file_ext,
        size=again.size,
        url=again.url,
        change=again.change,
        instead_of=line.md5,
    )


def _asks_for_a_second_look(problem: ReleaseProblem | None) -> bool:
    """Whether the site may have another file by now than its metadata said."""
    is_gone = isinstance(problem, SiteRefuses) and problem.status in NOT_THERE
    return is_gone or isinstance(problem, WrongBytes)


def _state_of(problem: ReleaseProblem) -> State:
    if isinstance(problem, Unwanted):
        return State.EXCLUDED
    if isinstance(problem, SiteRefuses) and problem.status in NOT_THERE:
        return State.MISSING
    return State.MISMATCH if isinstance(problem, WrongBytes) else State.FAILED


def is_wall(problem: ReleaseProblem | None) -> bool:
    """Whether a problem may be one of the whole site: it is down, or shows a page or a 403."""
    is_forbidden = isinstance(problem, SiteRefuses) and problem.status == 403
    return is_forbidden or isinstance(problem, SiteDown | WebPage)
