"""How often a release was issued, and what of it was taken back since: `revision.json`.

The file is written before the work and stays after it: while its number is above the one in
`release.json`, the work is not done, and the next run takes it up without counting again.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from .files import UnreadableFile, dump_json, read_json, sha256_of, write_if_changed


@dataclass(frozen=True)
class Revision:
    """The revision of a release: its number, the posts withdrawn, the torrents superseded.

    `superseded` has the infohash (hex) of each torrent that is no longer issued, by name.
    """

    number: int = 1
    withdrawn: tuple[int, ...] = ()
    superseded: dict[str, str] = field(default_factory=dict)


def read_revision(folder: Path) -> Revision:
    """The revision of a release by its folder; the first, unless it was reissued."""
    path = folder / "revision.json"
    if not path.is_file():
        return Revision()
    try:
        values = read_json(path)
        return Revision(**{**values, "withdrawn": tuple(values["withdrawn"])})
    except (TypeError, KeyError) as error:
        raise UnreadableFile(path, f"is no revision ({error})") from error


def write_revision(folder: Path, revision: Revision) -> None:
    """Keep the revision of a release."""
    write_if_changed(folder / "revision.json", dump_json(asdict(revision)))


def settle(folder: Path, ids: Iterable[int]) -> None:
    """Note that a release has nothing of some posts: it stays as it is."""
    known = read_revision(folder)
    write_revision(folder, replace(known, withdrawn=tuple(sorted({*known.withdrawn, *ids}))))


def next_revision(folder: Path, ids: Iterable[int]) -> Revision:
    """The revision that leaves out these posts, too; one that was begun keeps its number."""
    known = read_revision(folder)
    number = max(known.number, issued(folder) + 1)
    withdrawn = tuple(sorted({*known.withdrawn, *ids}))
    return Revision(number, withdrawn, known.superseded)


def issued(folder: Path) -> int:
    """The revision that a finished release has."""
    number: int = read_json(folder / "release.json")["revision"]
    return number


def pending(folder: Path, ids: Iterable[int]) -> list[int]:
    """The withdrawn posts that a finished release was not issued without."""
    return sorted({*ids}.difference(left_out(folder)))


def left_out(folder: Path) -> Iterator[int]:
    """The posts that a finished release was issued without."""
    settings = folder / "settings" / "withdrawals.json"
    if settings.is_file():
        yield from read_json(settings)
    revision = read_revision(folder)
    if issued(folder) >= revision.number:
        yield from revision.withdrawn


def is_behind(folder: Path) -> bool:
    """Whether a release was begun anew, or follows one that was issued anew since."""
    if issued(folder) < read_revision(folder).number:
        return True
    before = read_json(folder / "release.json")["previous"]
    if before is None:
        return False
    other = folder.parent / before["release"]
    return issued(other) > 1 and sha256_of(other / "release.json") != before["sha256"]


def finished_releases(releases: Path) -> list[str]:
    """The releases of a folder that are finished, earliest first."""
    finished = releases.glob("*/release.json")
    found = [(read_json(path)["last_upload"], path.parent.name) for path in finished]
    return [release for _, release in sorted(found)]
