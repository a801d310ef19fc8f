"""A release's snapshot: the site's metadata, sorted by bucket and by table, and frozen."""

import datetime
import resource
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from .files import (
    CHUNK,
    compressed,
    dump_json,
    dump_line,
    replace_file,
    sha256_of,
    write_bytes,
)
from .metadata import TABLES, Row, Snapshot, bucket_file, table_file
from .posts import MalformedPost, end_of_day, md5_in, parse_post
from .redaction import Redaction
from .settings import settings_hash
from .site import Site
from .site_problems import UnexpectedAnswer
from .walk import RawSite, walk_site

OpenSite = Callable[..., AbstractContextManager[Site]]

SMALL_BUFFER = 1 << 14
NOTHING = Redaction()


def snapshot_site(
    open_site: OpenSite,
    *,
    settings: Mapping[str, Any],
    release: str,
    receipt: Path,
    redaction: Redaction = NOTHING,
) -> Snapshot:
    """Read a site for one release; go on where a killed run stopped.

    `receipt` is the snapshot's description; beside it are the tables, `posts/` by bucket, and the
    raw answers. The latter alone hold what `redaction` takes out.

    Raises:
        NoPosts: no post is as old as the release.
        SiteProblem: the site is down, refuses, or answers what it may not.
        MalformedPost: a post is none; the next run asks for it again.
    """
    metadata, last_upload = receipt.parent, settings["last_upload"]
    raw = raw_site(metadata, settings)
    with open_site(release=release, as_of=last_upload) as site:
        walk_site(site, raw, last_upload=last_upload, read_on=_today(settings["source"]))
    return write_snapshot(
        raw,
        metadata,
        buckets=settings["buckets"],
        last_upload=last_upload,
        redaction=redaction,
    )


def _today(source: Mapping[str, Any]) -> str | None:
    # The booru inside shows the end of the release's last day, whenever it is asked.
    embedded = source["kind"] == "embedded"
    return None if embedded else datetime.datetime.now(datetime.UTC).date().isoformat()


def raw_site(metadata: Path, settings: Mapping[str, Any]) -> RawSite:
    """Where the answers are kept; those of another source or day have another folder."""
    return RawSite(metadata / "raw" / settings_hash(settings, ("source", "last_upload")))


def write_snapshot(
    raw: RawSite,
    metadata: Path,
    *,
    buckets: int,
    last_upload: str,
    redaction: Redaction = NOTHING,
) -> Snapshot:
    """Sort what a walk has read into the files of a release; returns what they hold.

    Posts above the last ID that was uploaded in time are left out. `snapshot.json` comes last.
    """
    last, md5s = _bounds(raw, last_upload, redaction.ids)
    redaction = redaction.with_md5s(md5s)
    posts = _write_posts(raw, metadata, buckets, last, redaction)
    rows = {table: _write_table(raw, metadata, table, redaction) for table in TABLES}
    return describe_tables(metadata, last, {"posts": posts, **rows}, raw.read_on())


def describe_tables(
    metadata: Path, last: int, rows: dict[str, int], read_on: str | None
) -> Snapshot:
    """Write `snapshot.json`, which says what the tables hold; `rows` counts those of each."""
    digests = {table: sha256_of(table_file(metadata, table)) for table in sorted(rows)}
    posts = rows["posts"]
    snapshot = Snapshot(last, posts, last - posts, rows, digests, read_on)
    write_bytes(metadata / "snapshot.json", dump_json(vars(snapshot)))
    return snapshot


def _bounds(raw: RawSite, last_upload: str, ids: frozenset[int]) -> tuple[int, set[str]]:
    """The last ID that was uploaded in time, and the md5s of some posts."""
    end, last, md5s = end_of_day(last_upload), 0, set()
    for window, found in raw.posts():
        try:
            in_time = [
                post_id for post_id, row in found.items() if parse_post(row).created_at < end
            ]
        except MalformedPost:
            raw.forget(window)
            raise
        last = max(in_time, default=last)
        md5s |= {md5 for post_id in ids & found.keys() if (md5 := md5_in(found[post_id]))}
    if not last:
        raise UnexpectedAnswer(str(raw.folder), f"no post was uploaded until {last_upload}")
    return last, md5s


def _write_table(raw: RawSite, metadata: Path, table: str, redaction: Redaction) -> int:
    with _lines(table_file(metadata, table), CHUNK) as out:
        count = 0
        for line in redaction.lines(table, map(dump_line, raw.rows(table))):
            out.write(line)
            count += 1
    return count


def _write_posts(
    raw: RawSite, metadata: Path, buckets: int, last: int, redaction: Redaction
) -> int:
    """Write every post twice, into the table and into its bucket, reading the walk once."""
    _allow_open_files(buckets + 100)
    count = 0
    with ExitStack() as stack:
        table = stack.enter_context(_lines(table_file(metadata, "posts")))
        by_bucket = [
            stack.enter_context(_lines(bucket_file(metadata, f"{number:04d}")))
            for number in range(buckets)
        ]
        for row in _posts_until(raw, last):
            line = redaction.line("posts", dump_line(row))
            if line is not None:
                table.write(line)
                by_bucket[row["id"] % buckets].write(line)
                count += 1
    return count


def _posts_until(raw: RawSite, last: int) -> Iterator[Row]:
    for _, found in raw.posts():
        for post_id, row in found.items():
            if post_id <= last:
                yield {**row, "id": post_id}


@contextmanager
def _lines(path: Path, buffer: int = SMALL_BUFFER) -> Iterator[IO[bytes]]:
    with replace_file(path) as out, compressed(out, buffer) as lines:
        yield lines


def _allow_open_files(count: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard), hard))
