"""What can go wrong, with one base class."""

from __future__ import annotations

from pathlib import Path

A_CORPUS_HAS = (
    "a corpus folder has posts.jsonl (one post a line, shaped as /posts.json sends it) and "
    "original/ab/cd/<md5>.<ext>; history.jsonl, tags.jsonl, pools.jsonl and so on may be there too"
)


class BooruProblem(Exception):
    """The base of all errors of the embedded booru."""


class NotACorpus(BooruProblem):
    """A folder cannot be served."""

    def __init__(self, folder: Path, problem: str) -> None:
        super().__init__(f"{folder}: {problem} ({A_CORPUS_HAS})")
        self.folder, self.problem = folder, problem


class NotADay(BooruProblem, ValueError):
    """A text that should be a day is none."""

    def __init__(self, text: str) -> None:
        super().__init__(f"{text}: not a day such as 2018-12-31")
        self.text = text


class NotMischief(BooruProblem):
    """A list of misdeeds makes no sense."""

    def __init__(self, place: str, problem: str) -> None:
        super().__init__(f"{place}: {problem}")
        self.place, self.problem = place, problem


class Refusal(BooruProblem):
    """A request is answered with an error, named as the site's own Ruby class."""

    def __init__(self, status: int, ruby_class: str, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status, self.ruby_class, self.message = status, ruby_class, message


def not_found() -> Refusal:
    """Return the answer for a record that does not exist."""
    return Refusal(404, "ActiveRecord::RecordNotFound", "That record was not found.")


def no_such_page() -> Refusal:
    """Return the answer for a path that leads nowhere."""
    return Refusal(404, "NilClass", "Page not found")


def bad_request(message: str) -> Refusal:
    """Return the answer for parameters that make no sense."""
    return Refusal(400, "ActionController::BadRequest", message)
