"""The last step of a release: its description, its stage, and `release.json` after both."""

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from . import __version__
from .files import disk_trouble, dump_json, read_json, sha256_of, sync_folder, write_bytes
from .revisions import read_revision
from .staging import Tree, stage_release

# What decides bytes; a test holds them against the pinned versions.
TOOLS = ("libtorrent", "mozjpeg-lossless-optimization", "pillow", "pyarrow", "pyoxipng")


def finish_release(
    tree: Tree,
    *,
    name: str,
    difference: Path | None,
    settings: Mapping[str, Any],
    accepted: Mapping[str, Any],
    output: Path,
) -> None:
    """Describe a release, put its stage in place, and mark it as finished.

    `difference` is the comparison with the release before, None for the first; `accepted` is what
    the gates found and a person accepted. Everything that is written depends on the release's
    input alone.

    Raises:
        NoLink: the stage cannot be built; the one that is served stays as it is.
    """
    draft = output.with_name("release.json.new")
    described = describe_release(tree, name, difference, settings)
    write_bytes(draft, dump_json({**described, "accepted": accepted}))
    stage_release(tree, draft)
    with disk_trouble(output):
        draft.replace(output)
        sync_folder(output.parent)


def describe_release(
    tree: Tree, name: str, difference: Path | None, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """What `release.json` says: identity, settings, counts, and the sha256 of every index."""
    figures = read_json(tree.folder / "report" / "figures.json")
    return {
        "name": name,
        "release": tree.release,
        "revision": read_revision(tree.folder).number,
        "last_upload": settings["snapshot"]["last_upload"],
        "last_id": figures["last_id"],
        "buckets": tree.buckets,
        "subsets": [*tree.subsets],
        "previous": _previous(tree),
        "settings": settings,
        "accounts": read_json(tree.folder / "accounts.json"),
        "sets": figures["sets"],
        "tags": figures["tags"],
        "changes": _changes(difference),
        "torrents": {
            torrent.name: torrent.infohash or torrent.infohash_v2
            for torrent in tree.active_torrents()
        },
        "superseded": {
            name: infohash
            for release in (*tree.earlier, tree.release)
            for name, infohash in read_revision(tree.releases / release).superseded.items()
        },
        "index": _index(tree),
        "software": {"booru-release": __version__, **{tool: version(tool) for tool in TOOLS}},
    }


def _previous(tree: Tree) -> dict[str, str] | None:
    if not tree.earlier:
        return None
    before = tree.earlier[-1]
    return {"release": before, "sha256": sha256_of(tree.releases / before / "release.json")}


def _changes(difference: Path | None) -> dict[str, Any] | None:
    if difference is None:
        return None
    return {key: value for key, value in read_json(difference).items() if key != "ids"}


def _index(tree: Tree) -> dict[str, str]:
    index = {file.path: file.digest for file in tree.tables()}
    return {"SHA256SUMS": sha256_of(tree.folder / "SHA256SUMS"), **index}
