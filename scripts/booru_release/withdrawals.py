"""The list of posts that are withdrawn on request: an ID, a day and a public reason a line."""

import datetime
import json
from dataclasses import dataclass
from pathlib import Path

from .errors import ReleaseProblem
from .posts import MalformedPost, id_of

KEYS = {"id", "date", "reason"}


class BadWithdrawals(ReleaseProblem):
    """A line of the list is not what it should be."""

    hint = 'a line is {"id": 123, "date": "2020-02-01", "reason": "the artist asked"}'

    def __init__(self, path: Path, line: int, what: str) -> None:
        super().__init__(f"{path}, line {line}: {what}")
        self.path, self.line = path, line


@dataclass(frozen=True)
class Withdrawal:
    """A post that is to be in no product; `reason` is public."""

    id: int
    date: str
    reason: str


def read_withdrawals(path: Path) -> list[Withdrawal]:
    """The withdrawals of a list, by ID; none where there is no list.

    Raises:
        BadWithdrawals: names the first line that is wrong.
    """
    if not path.is_file():
        return []
    found: dict[int, Withdrawal] = {}
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        if not line.strip():
            continue
        try:
            withdrawal = _withdrawal(json.loads(line))
        except (ValueError, MalformedPost) as error:
            raise BadWithdrawals(path, number, str(error)) from error
        if withdrawal.id in found:
            raise BadWithdrawals(path, number, f"post {withdrawal.id} is there already")
        found[withdrawal.id] = withdrawal
    return [found[post_id] for post_id in sorted(found)]


def withdrawn_ids(path: Path) -> list[int]:
    """The IDs of a list of withdrawals, in order."""
    return [withdrawal.id for withdrawal in read_withdrawals(path)]


def _withdrawal(row: object) -> Withdrawal:
    if not isinstance(row, dict):
        raise ValueError("is no JSON object")
    for kind, keys in {"unknown": row.keys() - KEYS, "missing": KEYS - row.keys()}.items():
        if keys:
            raise ValueError(f"{kind} key `{min(keys)}`")
    if isinstance(row["id"], str):
        raise ValueError(f"the ID is {row['id']!r}")
    for key in ("date", "reason"):
        if not isinstance(row[key], str) or not row[key].strip():
            raise ValueError(f"`{key}` is {row[key]!r}")
    day = datetime.date.fromisoformat(row["date"]).isoformat()
    return Withdrawal(id_of(row), day, row["reason"])
