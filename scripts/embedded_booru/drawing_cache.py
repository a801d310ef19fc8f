"""Keep what was drawn: drawing takes a second or two, reading it back a millisecond."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from PIL import __version__ as PILLOW

from embedded_booru.corpus import file_key, tags_from
from embedded_booru.models import Asset, Json, Post

# Goes up when a drawing changes, so that a folder with the old ones is not taken for it.
VERSION = 1
TABLE = Path(__file__).parent / "tables" / "drawings.jsonl"
UNDATED = datetime(2005, 5, 24, tzinfo=UTC)


class Drawings:
    """The drawings by name, as posts that were not uploaded yet."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._posts: dict[str, Post] = {}

    def __getitem__(self, name: str) -> Post:
        """Return the drawing of that name; draw them all when none is there yet."""
        if not self._posts:
            self._posts = _read(drawn_folder(self._cache))
        return self._posts[name]


def drawn_folder(cache: Path) -> Path:
    """Return the folder with all drawings, made now if it is not there."""
    folder = cache / f"drawings-{VERSION}-pillow-{PILLOW}"
    if not folder.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            prefix=".drawing-", dir=cache, ignore_cleanup_errors=True
        ) as beside:
            _draw_into(Path(beside) / "drawn")
            _move(Path(beside) / "drawn", folder)
    return folder


def _move(drawn: Path, folder: Path) -> None:
    try:
        drawn.rename(folder)
    except OSError:
        # Another process was faster, and drew the same.
        if not folder.exists():
            raise


def _draw_into(folder: Path) -> None:
    # Only who draws pays for Pillow.
    from embedded_booru.drawings import draw_all

    folder.mkdir()
    facts = {}
    for drawing, content in draw_all():
        _write(folder / f"{drawing.name}.{drawing.ext}", content)
        facts[drawing.name] = {
            "ext": drawing.ext,
            "md5": hashlib.md5(content).hexdigest(),
            "size": len(content),
            "width": drawing.width,
            "height": drawing.height,
            "duration": drawing.duration,
        }
    _write(folder / "facts.json", json.dumps(facts, indent=1).encode())
    _sync(folder)


def _sync(folder: Path) -> None:
    """Make the names in a folder survive a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write(path: Path, content: bytes) -> None:
    """Write a file that is whole when the folder gets its name, also after a loss of power."""
    try:
        with path.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        # Neither write(2) nor fsync(2) knows the name.
        error.filename = str(path)
        raise


def _read(folder: Path) -> dict[str, Post]:
    facts = json.loads((folder / "facts.json").read_text())
    about = (json.loads(line) for line in TABLE.read_text().splitlines())
    return {line["name"]: _post(folder, line, facts[line["name"]]) for line in about}


def _post(folder: Path, about: Json, facts: Json) -> Post:
    asset = Asset(
        id=0,
        created_at=UNDATED,
        updated_at=UNDATED,
        key=file_key(facts["md5"]),
        # The site hashes the pixels of still images, and takes the md5 of all other files.
        pixel_hash=facts["md5"],
        path=folder / f"{about['name']}.{facts['ext']}",
        **facts,
    )
    return Post(
        id=0,
        created_at=UNDATED,
        updated_at=UNDATED,
        rating="g",
        tags=tags_from(about),
        asset=asset,
        source=about.get("source", ""),
    )
