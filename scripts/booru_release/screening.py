"""A look at bytes before they get a name in the library, by the rules that ask for one.

A file that is to be looked at is fetched into a folder of its own, outside the library, and moves
into it only when no rule keeps it out.
"""

import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from .apart import Crashed, run_apart
from .errors import ReleaseProblem
from .exclusions import NO_EXCLUSIONS, Exclusions, Rule
from .files import read_json, sha256_of, sync_folder
from .metadata import posts_of
from .posts import Post, parse_post
from .receipts import Planned

if TYPE_CHECKING:
    from .fetching import Held

logger = logging.getLogger(__name__)

# The hash sees no transparency: so looks each picture of one colour, and each black drawing on a
# transparent ground (one in four of a collection of clip art).
BLANK = (0x0000000000000000, 0x8000000000000000)


class Unwanted(ReleaseProblem):
    """A rule keeps a file out of the library; the message is the rule's reason."""


class UnseenPost(ReleaseProblem):
    """A rule asks for the metadata of a post that the snapshot does not have."""


@dataclass(frozen=True)
class Screening:
    """The rules that look at bytes, the folder where files wait for it, and the bucket's posts.

    A picture with more than `max_pixels` is not decoded, and looks like no other.
    """

    exclusions: Exclusions
    waiting: Path
    metadata: Path
    bucket: str
    max_pixels: int
    _posts: dict[int, Post] = field(default_factory=dict, repr=False)

    @classmethod
    def of(
        cls, settings: Path, lists: Path, *, release: Path, bucket: str, max_pixels: int
    ) -> "Screening":
        """The screening of a bucket by the rules in `settings`, whose lists are below `lists`.

        `release` is the folder of the release. Raises as Rule.of.
        """
        waiting = release / "journal" / "screen" / bucket
        exclusions = Exclusions.of(read_json(settings), lists)
        return cls(exclusions, waiting, release / "metadata", bucket, max_pixels)

    @property
    def is_needed(self) -> bool:
        """Whether any rule asks for bytes."""
        return bool(self.exclusions.on_arrival)

    def reason(self, line: Planned, file: Path, sha256: tuple[str, ...] = ()) -> str | None:
        """Why a rule keeps a file out, or None; `sha256` are known ones of the same picture."""
        if not self.is_needed:
            return None
        fitting = [rule for rule in self.exclusions.on_arrival if rule.fits(self._post(line.id))]
        known = (*sha256, *self._hashes(fitting, file, sha256))
        look = cache(partial(look_of, file, self.max_pixels))
        return next((rule.reason for rule in fitting if rule.fits_bytes(known, look)), None)

    def reason_of_held(self, line: Planned, held: "Held") -> str | None:
        """Why today's rules keep out a file that came before, or None; it is not fetched again."""
        if not self.is_needed:
            return None
        place = line.place(held.bucket)
        incoming = held.library.incoming(*place)
        waits = incoming.is_file()
        row = {} if waits else held.known.get((line.id, str(line.md5)), {})
        sha256 = tuple(row[key] for key in ("served_sha256", "sha256") if row.get(key))
        why = self.reason(line, incoming if waits else held.library.original(*place), sha256)
        if why is not None:
            incoming.unlink(missing_ok=True)
        return why

    def admit(self, line: Planned, fetch: Callable[[Path], None], into: Path) -> None:
        """Fetch a file and give it its name in the library, unless a rule keeps it out.

        Raises:
            Unwanted: a rule does.
            As `fetch` does.
        """
        if not self.is_needed:
            fetch(into)
            return
        file = self.waiting / into.name
        try:
            fetch(file)
            why = self.reason(line, file)
            if why is not None:
                raise Unwanted(why)
            into.parent.mkdir(parents=True, exist_ok=True)
            file.replace(into)
            sync_folder(into.parent)
        finally:
            file.unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove what waited; what came of files that are not whole yet stays until `forget`."""
        for file in self.waiting.glob("[!.]*"):
            file.unlink()

    def forget(self) -> None:
        """Remove the folder where files waited."""
        shutil.rmtree(self.waiting, ignore_errors=True)

    def _post(self, post_id: int) -> Post:
        if not self._posts:
            posts = map(parse_post, posts_of(self.metadata, self.bucket))
            self._posts.update((post.id, post) for post in posts)
        try:
            return self._posts[post_id]
        except KeyError:
            raise UnseenPost(f"post {post_id}: is planned and not in {self.metadata}") from None

    def _hashes(self, rules: list[Rule], file: Path, known: tuple[str, ...]) -> tuple[str, ...]:
        asked = not known and any(rule.sha256 is not None for rule in rules)
        return (sha256_of(file),) if asked else ()


NO_SCREENING = Screening(NO_EXCLUSIONS, Path("nowhere"), Path("nowhere"), "0000", 0)


def look_of(file: Path, max_pixels: int) -> int | None:
    """The perceptual hash of a picture's first frame, or None where it cannot be decoded.

    It is `phash` of ImageHash: 8 by 8 bits. Decoding takes place in a process of its own. A picture
    of one colour has no look either.
    """
    # Imported here once, for all the processes that come of this one, and only if a rule asks.
    import imagehash

    from .pictures import opened

    def work() -> bytes:
        with opened(file, max_pixels=max_pixels) as image:
            return str(imagehash.phash(image)).encode()

    try:
        look = int(run_apart(str(file), work), 16)
    except Crashed as problem:
        logger.info("%s; so no rule knows its look", problem)
        return None
    return None if look in BLANK else look
