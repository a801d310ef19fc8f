"""The last word on each post of a bucket: its state, its files, and their hashes read from disk."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from . import progress
from .errors import ReleaseProblem
from .files import sha256_of
from .library import Library
from .receipts import (
    Change,
    Derived,
    Downloaded,
    Original,
    Planned,
    Published,
    Record,
    State,
    amended,
    lines_by_id,
    read_receipt,
    write_receipt,
)

logger = logging.getLogger(__name__)


class ChangedFile(ReleaseProblem):
    """A library file is not what the step that wrote it said."""

    hint = (
        "remove the file and the bucket's receipts of this release, and run the same command "
        "again: it is fetched anew"
    )

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(f"{path}: {what}")
        self.path = path


def checksum_bucket(
    plan: Path,
    downloads: Path,
    originals: Path,
    *,
    subsets: Mapping[str, Path],
    bucket: str,
    release: str,
    library: Library,
    receipt: Path,
) -> None:
    """Write what became of each post of a bucket, and hash what is first published now.

    `subsets` are the receipts by subset. Files of earlier releases are not opened.

    Raises:
        ChangedFile: a new file's bytes are not the ones that were written.
    """
    files = _files_by_post(originals, subsets, bucket)
    arrived = lines_by_id(downloads, Downloaded)
    known = lines_by_id(originals, Original)
    records = [
        record_of(line, arrived.get(line.id), known.get(line.id), files.get(line.id, []))
        for line in read_receipt(plan, Planned)
    ]
    fresh = [file for record in records for file in record.files if file.first_release == release]
    for file in fresh:
        _check(library.root / file.library, file)
    for record in records:
        new = sum(file.size for file in record.files if file.first_release == release)
        progress.count(record.state, new)
    write_receipt(receipt, records)
    logger.info("%s: %d posts, %d files hashed", bucket, len(records), len(fresh))


def record_of(
    planned: Planned,
    download: Downloaded | None,
    original: Original | None,
    files: Iterable[Published],
) -> Record:
    """What a release says of a post, from what its steps said."""
    planned = amended(planned, download)
    state, reason, change = planned.state, planned.reason, planned.change
    md5, file_ext, first_release = planned.md5, planned.file_ext, planned.first_release
    if original is not None:
        state, reason, md5, file_ext = (
            original.state,
            original.reason or (download.reason if download is not None else None),
            original.md5,
            original.file_ext,
        )
        first_release = original.first_release or first_release
        # The newer file is not to be had, so the one of the release before stays.
        change = change if original.md5 == planned.md5 else Change.UNCHANGED
    elif state is None:
        assert download is not None
        state, reason = download.state, download.reason
        # As in a plan: what a rule keeps out is not named by its hash.
        md5 = None if state is State.EXCLUDED else md5
    assert state is not None
    return Record(
        id=planned.id,
        state=state,
        change=change,
        reason=reason,
        rating=planned.rating,
        file_ext=file_ext,
        md5=md5,
        first_release=first_release,
        files=tuple(files) if state is State.PUBLISHED else (),
    )


def _files_by_post(
    originals: Path, subsets: Mapping[str, Path], bucket: str
) -> dict[int, list[Published]]:
    files: dict[int, list[Published]] = {}
    for original in read_receipt(originals, Original):
        if original.state is State.PUBLISHED:
            files[original.id] = [published_original(original, bucket)]
    for subset, receipt in subsets.items():
        for derived in read_receipt(receipt, Derived):
            if not derived.left:
                files[derived.id].append(published_derived(derived, subset, bucket))
    return files


def published_original(original: Original, bucket: str) -> Published:
    """A post's own file, as the stage and the library have it."""
    assert original.size is not None
    assert original.sha256 is not None
    assert original.first_release is not None
    return Published(
        set="original",
        path=f"original/{bucket}/{original.id}.{original.file_ext}",
        library=f"original/{bucket}/{original.id}.{original.md5}.{original.file_ext}",
        size=original.size,
        sha256=original.sha256,
        first_release=original.first_release,
        replaces=original.replaces,
    )


def published_derived(derived: Derived, subset: str, bucket: str) -> Published:
    """A resized image, as the stage and the library have it."""
    name = f"{derived.id}.{derived.md5}{Path(derived.path).suffix}"
    return Published(
        set=subset,
        path=derived.path,
        library=f"subsets/{subset}/{derived.settings}/{bucket}/{name}",
        size=derived.size,
        sha256=derived.sha256,
        first_release=derived.first_release,
        replaces=derived.replaces,
    )


def _check(path: Path, file: Published) -> None:
    if not path.is_file():
        raise ChangedFile(path, "is gone")
    actual = sha256_of(path)
    if actual != file.sha256:
        raise ChangedFile(path, f"sha256 {actual} instead of {file.sha256}")


def records_of(folder: Path, buckets: int) -> Iterator[Record]:
    """All records of a release, by bucket and then by ID."""
    for number in range(buckets):
        yield from records_of_bucket(folder, number)


def records_of_bucket(folder: Path, number: int) -> Iterator[Record]:
    """The records of a bucket, by ID."""
    return read_receipt(folder / f"{number:04d}.jsonl.gz", Record)
