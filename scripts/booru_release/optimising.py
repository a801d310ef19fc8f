"""From served bytes to published ones, a bucket at a time, with the proof between them."""

import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from . import progress
from .files import (
    UnreadableFile,
    disk_trouble,
    make_folder,
    sha256_of,
    sync_folder,
    write_bytes,
)
from .filetypes import IMAGE_EXTENSIONS, IMAGE_TYPES, sniff
from .forgetting import forget_unpublished
from .library import Library
from .receipts import (
    Change,
    Downloaded,
    Original,
    Planned,
    State,
    amended,
    line_of,
    lines_by_id,
    read_receipt,
    write_receipt,
)

if TYPE_CHECKING:
    from .pictures import Picture

logger = logging.getLogger(__name__)

HEAD = 512


@dataclass(frozen=True)
class Effort:
    """How images are optimised: the PNG level, and the pixels above which none is decoded."""

    png_level: int
    max_pixels: int


@dataclass(frozen=True)
class Step:
    """What the optimisation of one bucket works with."""

    bucket: str
    library: Library
    release: str
    effort: Effort


def optimise_bucket(
    plan: Path, downloads: Path, *, previous: Path | None, step: Step, receipt: Path
) -> None:
    """Bring a bucket's new files into the library, smaller where pixels can be proved equal.

    The receipt has a line for each post that has a file; those of unchanged posts come from
    `previous`, the receipt of the release before, and no image of theirs is touched.
    """
    arrived = lines_by_id(downloads, Downloaded)
    planned = [amended(line, arrived.get(line.id)) for line in read_receipt(plan, Planned)]
    before = lines_by_id(previous, Original)
    with step.library.locked(step.bucket):
        lines = [*_lines(planned, arrived, before, step)]
        # When incoming is gone, the ledger alone knows what became of a file.
        step.library.ledger(step.bucket).sync()
        _clear_incoming(planned, step)
        for line in planned:
            if line.is_tombstone:
                forget_unpublished(step.library, step.bucket, line.id)
        write_receipt(receipt, lines)
    new = sum(line.first_release == step.release for line in lines)
    logger.info("%s: %d files, %d new", step.bucket, len(lines), new)


def _lines(
    planned: list[Planned],
    arrived: dict[int, Downloaded],
    before: dict[int, Original],
    step: Step,
) -> Iterator[Original]:
    held = step.library.ledger(step.bucket).rows()
    progress.expect(sum(line.is_fetched for line in planned))
    for line in planned:
        if line.change is Change.UNCHANGED:
            yield _unchanged(line, before[line.id])
        elif line.is_fetched:
            download = arrived[line.id]
            known = held.get((line.id, download.md5))
            fresh = None
            if download.state is None:
                fresh = _fresh(line, line_of(known, Original) if known else None, step)
            progress.count(fresh.state if fresh else State.MISSING, (fresh and fresh.size) or 0)
            yield from _settled(line, download, fresh, before.get(line.id), step)


def _unchanged(line: Planned, old: Original) -> Original:
    # Without an address, the site's own file is not to be had: users are told why.
    return old if line.url else replace(old, reason=line.reason)


def _settled(
    line: Planned,
    download: Downloaded,
    fresh: Original | None,
    old: Original | None,
    step: Step,
) -> Iterator[Original]:
    """The file that the release has of a post: the new one, or the old where that is no good."""
    if fresh is not None and fresh.state is State.PUBLISHED:
        replaces = line.change is Change.REPLACED
        yield replace(fresh, first_release=step.release, replaces=replaces)
    elif old is not None and old.state is State.PUBLISHED:
        why = fresh.reason if fresh is not None else download.reason
        yield replace(old, reason=f"the site's newer file is not to be had: {why}")
    elif fresh is not None:
        yield fresh


def _fresh(line: Planned, known: Original | None, step: Step) -> Original:
    """The file of a post, made now unless a run before has made it."""
    place = line.place(step.bucket)
    target = step.library.original(*place)
    if known is not None and (known.state is State.CORRUPT or target.is_file()):
        return known
    incoming = step.library.incoming(*place)
    if not incoming.is_file():
        raise UnreadableFile(
            target, "is in neither the library nor incoming/; remove the bucket's download receipt"
        )
    made = _made(line, incoming, target, step.effort)
    if made.state is State.CORRUPT:
        logger.warning("post %d: %s: %s", made.id, made.state, made.reason)
    step.library.ledger(step.bucket).append(asdict(made))
    return made


def _made(line: Planned, incoming: Path, target: Path, effort: Effort) -> Original:
    # A bucket with nothing new does not pay for the means to look at images.
    from .pictures import TooLarge, Undecodable, examine

    with incoming.open("rb") as file:
        kind = sniff(file.read(HEAD))
    served = Original(
        id=line.id,
        md5=str(line.md5),
        file_ext=str(line.file_ext),
        state=State.PUBLISHED,
        reason=None,
        kind=kind,
        width=None,
        height=None,
        frames=None,
        served_size=incoming.stat().st_size,
        served_sha256=sha256_of(incoming),
        size=None,
        sha256=None,
        tool=None,
        proof=None,
    )
    if kind not in IMAGE_TYPES and line.file_ext not in IMAGE_EXTENSIONS:
        return _as_served(served, incoming, target)
    try:
        picture = examine(incoming, max_pixels=effort.max_pixels)
    except TooLarge as problem:
        return _as_served(replace(served, reason=problem.why), incoming, target)
    except Undecodable as problem:
        return replace(served, state=State.CORRUPT, reason=problem.why)
    return _optimised(_seen(served, picture), incoming, target, effort)


def _seen(line: Original, picture: "Picture") -> Original:
    return replace(line, width=picture.width, height=picture.height, frames=picture.frames)


def _optimised(line: Original, incoming: Path, target: Path, effort: Effort) -> Original:
    from .lossless import optimise

    result = optimise(incoming.read_bytes(), png_level=effort.png_level)
    if result.tool is None:
        return _as_served(line, incoming, target)
    write_bytes(target, result.data)
    return replace(
        line,
        size=len(result.data),
        sha256=sha256_of(target),
        tool=result.tool,
        proof=result.proof,
    )


def _as_served(line: Original, incoming: Path, target: Path) -> Original:
    with disk_trouble(target):
        make_folder(target.parent)
        # A second name rather than a move: incoming goes when the whole bucket is done.
        if not target.exists():
            target.hardlink_to(incoming)
        sync_folder(target.parent)
    return replace(line, size=line.served_size, sha256=line.served_sha256, proof="as served")


def _clear_incoming(planned: list[Planned], step: Step) -> None:
    waiting = [
        step.library.incoming(*line.place(step.bucket)) for line in planned if line.is_fetched
    ]
    for file in waiting:
        file.unlink(missing_ok=True)
    # Once the receipt is there, nobody comes to look for what a loss of power brought back.
    for folder in {file.parent for file in waiting if file.parent.is_dir()}:
        with disk_trouble(folder):
            sync_folder(folder)
