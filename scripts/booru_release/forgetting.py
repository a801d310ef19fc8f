"""What the library and the journals have of a post, and how it leaves them."""

import re
from collections.abc import Container, Iterator
from pathlib import Path

from .files import write_bytes
from .library import Library, row_of


def files_of(folder: Path, bucket: str, post_id: int) -> Iterator[Path]:
    """The files of a post below a folder, at any depth, half-written ones included."""
    for pattern in (f"{post_id}.*", f".{post_id}.*"):
        for depth in ("", "*/", "*/*/", "*/*/*/"):
            yield from folder.glob(f"{depth}{bucket}/{pattern}")


def owner_of(path: str, ids: Container[int], buckets: int) -> int | None:
    """The post among some whose file would have such a path, in a stage or a torrent."""
    parts = path.split("/")
    name = parts[-1].lstrip(".").split(".")[0]
    if len(parts) < 2 or not re.fullmatch("[1-9][0-9]{0,16}", name):
        return None
    post_id = int(name)
    return post_id if post_id in ids and parts[-2] == f"{post_id % buckets:04d}" else None


def forget_unpublished(library: Library, bucket: str, post_id: int) -> None:
    """Remove the files of a post that no stage serves.

    A file that a finished release has is a link there, too, and is that release's to remove.
    """
    for file in [*files_of(library.root / "incoming", bucket, post_id)]:
        file.unlink()
    for file in [*files_of(library.root, bucket, post_id)]:
        if file.stat().st_nlink == 1:
            file.unlink()
    if not any(files_of(library.root, bucket, post_id)):
        _forget_lines(library, bucket, post_id)


def forget(library: Library, bucket: str, post_id: int) -> None:
    """Remove all that the library and the journals of every release have of a post."""
    with library.locked(bucket):
        for file in [*files_of(library.root, bucket, post_id)]:
            file.unlink()
        _forget_lines(library, bucket, post_id)


def ledgers(library: Library, bucket: str) -> Iterator[Path]:
    """The ledgers of a bucket, and the journals that unfinished downloads left."""
    name = f"{bucket}.jsonl"
    yield from library.root.glob(f"ledger/*/{name}")
    yield from library.root.glob(f"ledger/*/*/{name}")
    yield from library.root.parent.glob(f"*/journal/*/{name}")
    yield from library.root.parent.glob(f"*/journal/*/{bucket}.failed.jsonl")


def names_post(line: bytes, post_id: int) -> bool:
    """Whether a line of a ledger is about a post; one that cannot be read might be."""
    row = row_of(line)
    return row is None or row["id"] == post_id


def _forget_lines(library: Library, bucket: str, post_id: int) -> None:
    for file in [*ledgers(library, bucket)]:
        lines = file.read_bytes().splitlines(keepends=True)
        kept = [line for line in lines if not names_post(line, post_id)]
        if kept != lines:
            write_bytes(file, b"".join(kept))
