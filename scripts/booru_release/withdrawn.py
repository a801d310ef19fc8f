"""What withdrawn posts once had, kept for us alone: how else could their absence be proved?

`withdrawn.jsonl` has a line a post, written before anything of it is removed.
"""

import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from typing import Any

from .files import CHUNK, UnreadableFile, dump_line, read_json, read_lines, write_if_changed
from .posts import md5_in
from .receipts import Published, Record, read_receipt
from .redaction import Redaction
from .withdrawals import Withdrawal

logger = logging.getLogger(__name__)

RECEIPTS = ("plan", "download", "optimise", "checksum")


@dataclass(frozen=True)
class WithdrawnFile:
    """A file that was published: in which release first, and the salted hash for the feed.

    `token` is None where no file with these bytes was left to be read.
    """

    release: str
    set: str
    library: str
    sha256: str
    token: str | None


@dataclass(frozen=True)
class Withdrawn:
    """A withdrawn post: the md5s it ever had on the site, and the files that were published."""

    id: int
    date: str
    reason: str
    md5s: tuple[str, ...]
    files: tuple[WithdrawnFile, ...]


Book = dict[int, Withdrawn]


def read_book(releases: Path) -> Book:
    """What is kept of withdrawn posts, by ID.

    Raises:
        UnreadableFile: the book is damaged.
    """
    path = releases / "withdrawn.jsonl"
    try:
        rows = [json.loads(line) for line in path.read_bytes().splitlines()]
        return {row["id"]: _withdrawn(row) for row in rows}
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, KeyError) as error:
        raise UnreadableFile(path, f"is damaged ({error})") from error


def _withdrawn(row: dict[str, Any]) -> Withdrawn:
    files = tuple(WithdrawnFile(**file) for file in row["files"])
    return Withdrawn(**{**row, "md5s": tuple(row["md5s"]), "files": files})


def note_withdrawals(releases: Path, withdrawals: Sequence[Withdrawal], salt: str) -> Book:
    """Add to the book what every release and the library still have of the posts.

    Returns the entries of these withdrawals alone; others stay in the book.
    """
    ids = [withdrawal.id for withdrawal in withdrawals]
    book, md5s, published = read_book(releases), md5s_of(releases, ids), _published(releases, ids)
    noted = {}
    for withdrawal in withdrawals:
        known = book.get(withdrawal.id)
        files = {file.library: file for file in known.files} if known else {}
        for library, file in published.get(withdrawal.id, {}).items():
            if library not in files or files[library].token is None:
                token = _token(releases / "library" / library, file.sha256, salt)
                facts = (file.first_release, file.set, library, file.sha256, token)
                files[library] = WithdrawnFile(*facts)
        noted[withdrawal.id] = Withdrawn(
            **vars(withdrawal),
            md5s=tuple(sorted(md5s[withdrawal.id])),
            files=tuple(files[library] for library in sorted(files)),
        )
    _write(releases, {**book, **noted})
    return noted


def _write(releases: Path, book: Book) -> None:
    if book:
        lines = b"".join(dump_line(asdict(book[post_id])) for post_id in sorted(book))
        write_if_changed(releases / "withdrawn.jsonl", lines)


def md5s_of(releases: Path, ids: Iterable[int]) -> dict[int, set[str]]:
    """The md5s that posts ever had on the site, as the book, the receipts and the tables say."""
    found: dict[int, set[str]] = {post_id: set() for post_id in ids}
    for post_id, entry in read_book(releases).items():
        found.get(post_id, set()).update(entry.md5s)
    for file, wanted in _files_about(releases, found):
        for row in read_lines(file):
            if row["id"] in wanted:
                # A post that was looked up again had another md5 when it was planned.
                known = (md5_in(row), md5_in({"md5": row.get("instead_of")}))
                found[row["id"]].update(md5 for md5 in known if md5)
    return found


def redaction_of(releases: Path, ids: Iterable[int]) -> Redaction:
    """What takes some posts, and all that is known of them, out of metadata."""
    known = md5s_of(releases, ids)
    return Redaction(known, (md5 for md5s in known.values() for md5 in md5s))


def sha256s_of(releases: Path, ids: Iterable[int]) -> dict[str, int]:
    """The post of each file that releases published of some posts, by sha256."""
    ids = {*ids}
    found = {
        file.sha256: entry.id
        for entry in read_book(releases).values()
        for file in entry.files
        if entry.id in ids
    }
    for post_id, files in _published(releases, ids).items():
        found |= {file.sha256: post_id for file in files.values()}
    return found


def _files_about(releases: Path, ids: Iterable[int]) -> Iterator[tuple[Path, set[int]]]:
    """The receipts and tables of every release that may name some of the posts."""
    for bucket, wanted in by_bucket(releases, ids):
        name = f"{bucket}.jsonl.gz"
        for own in sorted(path.parent for path in releases.glob("*/receipts")):
            steps = [own / "receipts" / step / name for step in RECEIPTS]
            rescaled = (own / "receipts" / "rescale").glob(f"*/{name}")
            for file in (*steps, *rescaled, own / "metadata" / "posts" / name):
                if file.is_file():
                    yield file, wanted


def by_bucket(releases: Path, ids: Iterable[int]) -> Iterator[tuple[str, set[int]]]:
    """Posts by the bucket that their files lie in."""
    ids = sorted(ids)
    if ids:
        buckets = read_json(releases / "library" / "library.json")["buckets"]
        ordered = sorted(ids, key=lambda post_id: post_id % buckets)
        for number, group in groupby(ordered, key=lambda post_id: post_id % buckets):
            yield f"{number:04d}", {*group}


def _published(releases: Path, ids: Iterable[int]) -> dict[int, dict[str, Published]]:
    """The files of each post that any release published, by their place in the library."""
    found: dict[int, dict[str, Published]] = {}
    for receipt, wanted in _files_about(releases, ids):
        if receipt.parent.name == "checksum":
            for record in read_receipt(receipt, Record):
                if record.id in wanted:
                    files = {file.library: file for file in record.files}
                    found.setdefault(record.id, {}).update(files)
    return found


def _token(file: Path, digest: str, salt: str) -> str | None:
    """The salted hash of a file of the library, if it is still as it was published."""
    if file.is_file():
        plain, salted = sha256(), sha256(salt.encode())
        with file.open("rb", buffering=0) as data:
            while block := data.read(CHUNK):
                plain.update(block)
                salted.update(block)
        if plain.hexdigest() == digest:
            return salted.hexdigest()
    logger.warning("%s: is not there as it was published; the feed cannot tell of it", file)
    return None
