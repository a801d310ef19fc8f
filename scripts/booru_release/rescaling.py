"""The resized images of a subset, a bucket at a time."""

import hashlib
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import progress
from .files import UnreadableFile, write_bytes
from .filetypes import IMAGE_TYPES
from .library import Library
from .receipts import Derived, Original, Planned, State, lines_by_id, read_receipt, write_receipt
from .settings import settings_hash

if TYPE_CHECKING:
    from .rendering import Rendering

logger = logging.getLogger(__name__)

EXTENSIONS = {"jpeg": "jpg", "png": "png", "webp": "webp"}
DECIDE_BYTES = ("size", "background", "format", "quality")


@dataclass(frozen=True)
class Look:
    """Which posts a subset takes, and how their images look; `ratings` None takes all."""

    name: str
    folder: str
    ratings: frozenset[str] | None
    size: int
    background: str
    format: str
    quality: int
    max_pixels: int
    settings: str

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Look":
        """The look that a subset's settings describe."""
        taken = {key: values[key] for key in ("name", "folder", *DECIDE_BYTES, "max_pixels")}
        ratings = None if values["ratings"] is None else frozenset(values["ratings"])
        settings = settings_hash(values, DECIDE_BYTES)
        return cls(**taken, ratings=ratings, settings=settings)

    def takes(self, planned: Planned, original: Original) -> bool:
        """Whether a post belongs to the subset and can be shown."""
        fits = self.ratings is None or planned.rating in self.ratings
        return fits and original.state is State.PUBLISHED and original.kind in IMAGE_TYPES

    def render(self, source: Path) -> "Rendering":
        """A post's image as the subset shows it.

        Raises:
            Undecodable: the image is damaged, or has too many pixels.
        """
        # A bucket with nothing new does not pay for the means to look at images.
        from .rendering import render

        return render(
            source,
            size=self.size,
            background=self.background,
            format=self.format,
            quality=self.quality,
            max_pixels=self.max_pixels,
        )


@dataclass(frozen=True)
class Step:
    """What the rescaling of one bucket works with."""

    bucket: str
    library: Library
    release: str
    look: Look


def rescale_bucket(
    plan: Path, originals: Path, *, previous: Path | None, step: Step, receipt: Path
) -> None:
    """Make the images of a subset that the release before does not have.

    The receipt has a line for each image of the subset and for each that once was in it.
    """
    planned = lines_by_id(plan, Planned)
    before = lines_by_id(previous, Derived)
    with step.library.locked(step.bucket):
        lines = {line.id: line for line in _lines(planned, originals, before, step)}
        left = [
            _left(line)
            for line in before.values()
            if line.id not in lines and not _is_withdrawn(line, planned)
        ]
        write_receipt(receipt, [*lines.values(), *left])
    new = sum(line.first_release == step.release for line in lines.values())
    logger.info("%s: %d images, %d new, %d left", step.bucket, len(lines), new, len(left))


def _lines(
    planned: dict[int, Planned], originals: Path, before: dict[int, Derived], step: Step
) -> Iterator[Derived]:
    held = step.library.derived_ledger(step.look.name, step.look.settings, step.bucket).rows()
    for original in read_receipt(originals, Original):
        if not step.look.takes(planned[original.id], original):
            continue
        old, path = before.get(original.id), path_of(original.id, step)
        same = (original.md5, step.look.settings, path)
        if old is not None and (old.md5, old.settings, old.path) == same:
            yield replace(old, left=False)
            continue
        made = _held(held, original, step) or _make(original, step)
        if made is not None:
            progress.count(original.state, made["size"])
            yield _line(made, original, old is not None and old.path == path, step)


def _held(
    held: dict[tuple[int, str], dict[str, Any]], original: Original, step: Step
) -> dict[str, Any] | None:
    """What a run before made of a post, if the file is still there."""
    return held.get((original.id, original.md5)) if _target(original, step).is_file() else None


def _target(original: Original, step: Step) -> Path:
    name = derived_name(original.id, original.md5, step.look.format)
    return step.library.derived(step.look.name, step.look.settings, step.bucket, name)


def _is_withdrawn(line: Derived, planned: dict[int, Planned]) -> bool:
    return line.id in planned and planned[line.id].is_tombstone


def _left(line: Derived) -> Derived:
    return replace(line, left=True)


def path_of(post_id: int, step: Step) -> str:
    """Where the stage has a post's image of the subset."""
    return f"{step.look.folder}/{step.bucket}/{post_id}.{EXTENSIONS[step.look.format]}"


def _make(original: Original, step: Step) -> dict[str, Any] | None:
    from .pictures import Undecodable

    look, library = step.look, step.library
    source = library.original(step.bucket, original.id, original.md5, original.file_ext)
    if not source.is_file():
        raise UnreadableFile(source, "is not there; `snakemake repair_...` fetches it")
    try:
        rendering = look.render(source)
    except Undecodable as problem:
        logger.warning("post %d: no image in %s: %s", original.id, look.name, problem.why)
        return None
    write_bytes(_target(original, step), rendering.data)
    row = {
        "id": original.id,
        "md5": original.md5,
        "size": len(rendering.data),
        "sha256": hashlib.sha256(rendering.data).hexdigest(),
        "background": rendering.background,
        "flags": list(rendering.flags),
    }
    library.derived_ledger(look.name, look.settings, step.bucket).append(row)
    return row


def derived_name(post_id: int, md5: str, file_format: str) -> str:
    """The name of a resized file in the library."""
    return f"{post_id}.{md5}.{EXTENSIONS[file_format]}"


def _line(made: dict[str, Any], original: Original, replaces: bool, step: Step) -> Derived:
    return Derived(
        id=original.id,
        md5=original.md5,
        settings=step.look.settings,
        path=path_of(original.id, step),
        size=made["size"],
        sha256=made["sha256"],
        background=made["background"],
        flags=tuple(made["flags"]),
        first_release=step.release,
        replaces=replaces,
        left=False,
    )
