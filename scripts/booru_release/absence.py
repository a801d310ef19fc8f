"""Proof that withdrawn posts are gone: by bytes, name, md5 and ID, wherever a release has any."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .files import read_json
from .forgetting import files_of, ledgers, owner_of
from .library import Library, row_of
from .receipts import State
from .redacting import mentions
from .redaction import Redaction
from .withdrawn import by_bucket, redaction_of, sha256s_of

if TYPE_CHECKING:
    import pyarrow as pa

SUMS = re.compile(r"([0-9a-f]{64})  (.*)")


@dataclass(frozen=True)
class Search:
    """What is looked for: posts by ID, their md5s, and by sha256 the files that were published."""

    redaction: Redaction
    files: Mapping[str, int]
    buckets: int

    def owner(self, path: str) -> int | None:
        """The withdrawn post whose file would have such a path; None if it is none of them."""
        return owner_of(path, self.redaction.ids, self.buckets)


def search_for(releases: Path, ids: Iterable[int]) -> Search:
    """What there is to look for of some posts, by all that we know of them."""
    ids = [*ids]
    buckets = read_json(releases / "library" / "library.json")["buckets"]
    return Search(redaction_of(releases, ids), sha256s_of(releases, ids), buckets)


def traces(folder: Path, search: Search) -> Iterator[str]:
    """A line for each trace of a withdrawn post: where it is, and of what kind.

    `folder` is that of a release. The bytes of its stage's files are not read once more here:
    `verify` hashes them all, and holds them against `search.files`.
    """
    if not search.redaction.ids:
        return
    stage = folder / "stage"
    yield from _by_name(stage, search)
    yield from _in_sums(stage / "SHA256SUMS", search)
    for torrent in sorted((stage / "torrents").glob("*.torrent")):
        yield from _in_torrent(torrent, search)
    yield from _in_metadata(stage, search)
    for table in sorted(stage.rglob("*.parquet")):
        yield from _in_parquet(table, table.relative_to(stage).as_posix(), search)
    for index in sorted(stage.glob("*.json")):
        yield from _in_text(index, search)
    yield from _in_library(Library(folder.parent / "library"), search)


def _by_name(stage: Path, search: Search) -> Iterator[str]:
    for parent, _, names in os.walk(stage):
        below = Path(parent).relative_to(stage).as_posix()
        for name in names:
            owner = search.owner(f"{below}/{name}")
            if owner is not None:
                yield f"{below}/{name}: a file of post {owner} by its name"


def _in_sums(sums: Path, search: Search) -> Iterator[str]:
    with sums.open(errors="replace") as lines:
        for line in lines:
            match = SUMS.match(line)
            owner = match and (search.files.get(match[1]) or search.owner(match[2]))
            if match and owner:
                yield f"SHA256SUMS: {match[2]}, a file of post {owner}"


def _in_torrent(torrent: Path, search: Search) -> Iterator[str]:
    # Most releases have nothing withdrawn, and do not pay for this.
    from .torrents import paths_in

    for path in sorted(paths_in(torrent)):
        owner = search.owner(path)
        if owner is not None:
            yield f"torrents/{torrent.name}: {path}, a file of post {owner}"


def _in_metadata(stage: Path, search: Search) -> Iterator[str]:
    seen: set[int] = set()
    for table in sorted((stage / "metadata").rglob("*.jsonl.gz")):
        # This year's tables are there twice, as links to one file.
        if table.stat().st_ino not in seen:
            seen.add(table.stat().st_ino)
            found = sum(1 for _ in mentions(table, table.name.split(".")[0], search.redaction))
            if found:
                path = table.relative_to(stage).as_posix()
                yield f"{path}: {found} rows mention a withdrawn post by ID or md5"


def _in_parquet(table: Path, path: str, search: Search) -> Iterator[str]:
    import pyarrow.parquet as pq

    for batch in pq.ParquetFile(table).iter_batches():
        for column in batch.schema.names:
            for index in _suspicious(batch.column(column), search):
                row = {name: batch.column(name)[index].as_py() for name in batch.schema.names}
                if not _is_tombstone(row):
                    yield f"{path}: the row of post {row.get('id')} has a withdrawn {column}"


def _suspicious(column: "pa.Array", search: Search) -> list[int]:
    """The places of a column in which an ID, a hash or a path of a withdrawn post is."""
    import pyarrow.compute as pc
    from pyarrow import array, types

    is_text = types.is_string(column.type) or types.is_large_string(column.type)
    if types.is_integer(column.type):
        wanted: list[int | str] = sorted(search.redaction.ids)
    elif is_text:
        wanted = sorted({*search.redaction.md5s, *search.files})
    else:
        return []
    found = pc.is_in(column, value_set=array(wanted, column.type))
    if is_text:
        named = pc.match_substring_regex(column, _paths_pattern(search))
        found = pc.or_(found, pc.fill_null(named, False))
    return [index.as_py() for index in pc.indices_nonzero(found)]


def _paths_pattern(search: Search) -> str:
    places = (f"{post_id % search.buckets:04d}/{post_id}" for post_id in search.redaction.ids)
    return rf"(?:^|/)(?:{'|'.join(sorted(places))})\."


def _is_tombstone(row: Mapping[str, Any]) -> bool:
    said = {name: value for name, value in row.items() if value is not None}
    return said == {"id": row.get("id"), "state": State.WITHDRAWN.value}


def _in_text(index: Path, search: Search) -> Iterator[str]:
    text = index.read_text(errors="replace")
    for digest in (*search.files, *search.redaction.md5s):
        if digest in text:
            yield f"{index.name}: has the hash {digest} of a withdrawn post"


def _in_library(library: Library, search: Search) -> Iterator[str]:
    for bucket, ids in by_bucket(library.root.parent, search.redaction.ids):
        for post_id in sorted(ids):
            for file in sorted(files_of(library.root, bucket, post_id)):
                yield f"library/{file.relative_to(library.root)}: a file of post {post_id}"
        for ledger in ledgers(library, bucket):
            rows = map(row_of, ledger.read_bytes().splitlines())
            for post_id in sorted({row["id"] for row in rows if row} & ids):
                yield f"{ledger.relative_to(library.root.parent)}: a line of post {post_id}"
