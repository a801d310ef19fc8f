"""A corpus with a post for each way in which a site may misbehave, and the server that does."""

import hashlib
import json
import random
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from embedded_booru import serving

from .conftest import PACK, Workshop, write_lines

LARGE_SIDE = 1000
UPLOADED, CHANGED, UPLOADED_LATER = "2018-03-01", "2019-01-15", "2019-03-01"
MONTH_AFTER = "2019-01-31"


@dataclass(frozen=True)
class Case:
    """What happens to one post, and what must become of it.

    `rules` act on the post's file unless they name a path, `told` are fields of its row. `state`
    and `says` tell how the first release ends, `fails` what its first run says of a post that it
    cannot settle. `later` happens on the site after the metadata was read. A `large` file is worth
    going on from.
    """

    rules: tuple[Mapping, ...] = ()
    state: str = "published"
    says: str = ""
    fails: str = ""
    told: Mapping[str, str | None] = field(default_factory=dict)
    later: str = ""
    large: bool = False


@dataclass
class Corpus:
    """Posts on disk: the cases, and as many more in the year after as `more` says."""

    folder: Path
    cases: Mapping[int, Case]
    more: int = 3
    md5: dict[int, str] = field(default_factory=dict)
    newer_md5: dict[int, str] = field(default_factory=dict)
    size: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._rows: list[dict] = []
        self._pictures = pictures()
        events = [*self._events()]
        write_lines(self.folder / "posts.jsonl", self._rows)
        write_lines(self.folder / "history.jsonl", sorted(events, key=lambda row: row["date"]))

    def rules(self, *, with_failing: bool) -> list[dict]:
        """The mischief of all cases, or of those that a second run finds as they were."""
        told = {str(post): case.told for post, case in self.cases.items() if case.told}
        rules = [{"path": "^/posts[.]json", "do": "json_fields", "rows": told}]
        for post, case in self.cases.items():
            if with_failing or not case.fails:
                rules += [
                    {"path": f"^/original/.*/{self.md5[post]}[.]", **rule} for rule in case.rules
                ]
            if case.later:
                files = f"/({self.md5[post]}|{self.newer_md5.get(post, 'none')})[.]"
                path = f"{files}|^/posts/{post}[.]json"
                rules.append({"path": path, "do": "as_of", "day": MONTH_AFTER})
        return rules

    def _events(self) -> Iterator[dict]:
        last = max(self.cases)
        for post, case in self.cases.items():
            self.md5[post] = self._file(large(post) if case.large else next(self._pictures))
            yield _event(UPLOADED, post, "upload", md5=self.md5[post], rating="g")
            more = {}
            if case.later == "replace":
                self.newer_md5[post] = more["md5"] = self._file(next(self._pictures))
            if case.later:
                yield _event(CHANGED, post, case.later, **more)
        for post in range(last + 1, last + 1 + self.more):
            self.md5[post] = self._file(next(self._pictures))
            yield _event(UPLOADED_LATER, post, "upload", md5=self.md5[post], rating="g")

    def _file(self, row_and_content: tuple[dict, bytes]) -> str:
        row, content = row_and_content
        md5 = hashlib.md5(content).hexdigest()
        self.size[md5] = len(content)
        about = {"id": len(self._rows) + 1, "md5": md5, "file_size": len(content), "rating": "g"}
        self._rows.append({**row, **about})
        path = self.folder / "original" / md5[:2] / md5[2:4] / f"{md5}.{row['file_ext']}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return md5


def _event(day: str, post: int, event: str, **more: str) -> dict:
    return {"date": f"{day}T12:00:00Z", "post": post, "event": event, **more}


def pictures() -> Iterator[tuple[dict, bytes]]:
    """Small pictures of the pack, none so small that it could drip away within a time-out."""
    rows = [json.loads(line) for line in (PACK / "posts.jsonl").open()]
    pngs = [row for row in rows if row["file_ext"] == "png" and row["file_size"] > 2000]
    for row in sorted(pngs, key=lambda row: row["file_size"]):
        md5 = row["md5"]
        yield row, (PACK / "original" / md5[:2] / md5[2:4] / f"{md5}.png").read_bytes()


def large(seed: int) -> tuple[dict, bytes]:
    """An uncompressed picture of 3 MB in noise. Source: the Windows bitmap format, version 3."""
    size = LARGE_SIDE * LARGE_SIDE * 3
    about = struct.pack("<IiiHHIIiiII", 40, LARGE_SIDE, LARGE_SIDE, 1, 24, 0, size, 0, 0, 0, 0)
    head = struct.pack("<2sIHHI", b"BM", 54 + size, 0, 0, 54)
    shape = {"image_width": LARGE_SIDE, "image_height": LARGE_SIDE, "file_ext": "bmp"}
    row = {"created_at": f"{UPLOADED}T12:00:00Z", "tag_string": "noise", **shape}
    return row, head + about + random.Random(seed).randbytes(size)


@contextmanager
def at(port: int, corpus: Path, cache: Path, *, day: str, log: Path, mischief=()) -> Iterator[None]:
    """Serve a corpus at a port, so that the site keeps its address from run to run."""
    with serving(corpus, as_of=day, cache=cache, log=log, port=port, mischief=mischief):
        yield


def impatient(port: int, **more) -> dict:
    """A source that waits for nothing longer than it must."""
    about = {"kind": "danbooru", "url": f"http://127.0.0.1:{port}", "contact": "tests@example.org"}
    patience = {"attempts": 3, "retry_wait": 0.01, "throttled_wait": 0.02, "timeout": 2}
    return {**about, **patience, "requests_per_second": None, **more}


def asked(log: Path) -> list[dict]:
    """The requests in a server's log."""
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def files_asked(log: Path) -> dict[str, list[dict]]:
    """The requests for files, by md5."""
    found: dict[str, list[dict]] = {}
    for line in asked(log):
        if "/original/" in line["path"]:
            found.setdefault(line["path"].rpartition("/")[2].split(".")[0], []).append(line)
    return found


def stray_files(workshop: Workshop) -> list[str]:
    """Files that wait although nothing is under way."""
    incoming = workshop.releases / "library" / "incoming"
    return [str(path) for path in incoming.rglob("*") if path.is_file()]
