"""Settings that decide bytes, as small files that change only when their content does.

Snakemake compares times; so what a step depends on reaches it as a file of its own, and a
changed setting makes exactly the steps anew that take it as input.
"""

import hashlib
import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from .configuration import in_order
from .errors import ReleaseProblem
from .exclude_file import Rule, fingerprints, read_rules
from .files import check_writable, dump_json, read_json, write_if_changed
from .withdrawals import withdrawn_ids

logger = logging.getLogger(__name__)


class FixedBuckets(ReleaseProblem):
    """The number of buckets cannot change below a library that has files."""

    def __init__(self, library: Path, has: int, asked: int) -> None:
        super().__init__(f"{library}: holds {has} buckets; the configuration asks for {asked}")
        self.hint = f"set `buckets: {has}`, or build into another folder with --directory"


def settings_of(config: Mapping[str, Any], release: str) -> dict[str, Any]:
    """The settings of a release, by the step that depends on them.

    Hosts, budgets and contacts are left out: they change how a file is fetched, not the file. Rules
    of exclusion are named by fingerprints, since these settings are published.
    """
    chosen = config["releases"][release]
    source = config["source"]
    where = {key: source[key] for key in ("kind", "url", "corpus", "synthetic") if source.get(key)}
    return {
        "snapshot": {
            "buckets": config["buckets"],
            "last_upload": chosen["last_upload"],
            "source": where,
        },
        "plan": {
            "last_upload": chosen["last_upload"],
            "fetch_deleted": config["fetch_deleted"],
            "embargo_days": config["embargo_days"],
        },
        "exclude": fingerprints(excluding(config["exclude"])),
        "optimise": dict(config["images"]),
        "gates": {"accept": dict(chosen.get("accept", {}))},
        "torrent": {
            "name": config["name"],
            "last_upload": chosen["last_upload"],
            **config["torrents"],
        },
        **{
            f"rescale/{name}": _subset_settings(config, release, name) for name in config["subsets"]
        },
    }


@cache
def excluding(path: str | None) -> tuple[Rule, ...]:
    """The rules of a file of exclusions, read once in a run; none where there is no file.

    Raises:
        InvalidExclusions: the file, a rule, or a list that it names is not as it should be.
    """
    return () if path is None else tuple(read_rules(Path(path)))


def _subset_settings(config: Mapping[str, Any], release: str, name: str) -> dict[str, Any]:
    subset = config["subsets"][name]
    safe = config["releases"][release]["safe_ratings"]
    return {
        **subset,
        "name": name,
        "ratings": sorted(safe) if subset["safe"] else None,
        "max_pixels": config["images"]["max_pixels"],
    }


def write_settings(config: Mapping[str, Any], releases: Iterable[str], folder: Path) -> None:
    """Write `<folder>/<release>/settings/<step>.json` where the content differs.

    `release.json` among them has the settings of all steps, `exclude.json` all that its rules say.

    Raises:
        FixedBuckets: the library was made with another number of buckets.
        BadWithdrawals: the list of withdrawals has a line that is none.
    """
    check_writable(folder)
    withdrawn = withdrawn_ids(withdrawals_file(config, folder))
    library = folder / "library" / "library.json"
    if library.is_file() and read_json(library)["buckets"] != config["buckets"]:
        raise FixedBuckets(library.parent, read_json(library)["buckets"], config["buckets"])
    write_if_changed(library, dump_json({"buckets": config["buckets"]}))
    exclude = {"rules": excluding(config["exclude"])}
    for release in releases:
        steps = settings_of(config, release)
        for step, values in {**steps, "exclude": exclude, "release": steps}.items():
            write_if_changed(folder / release / "settings" / f"{step}.json", dump_json(values))
        # Apart from the others: these IDs must not be in release.json.
        write_if_changed(folder / release / "settings" / "withdrawals.json", dump_json(withdrawn))
    for release in config["releases"]:
        publishing = folder / release / "settings" / "publish.json"
        write_if_changed(publishing, dump_json(dict(config["staging"])))


def withdrawals_file(config: Mapping[str, Any], folder: Path) -> Path:
    """The list of withdrawals, counted from the folder in which `releases/` is."""
    return folder.parent / str(config.get("withdrawals", "withdrawals.jsonl"))


def withdrawn_in(withdrawals: Path, bucket: str, buckets: int) -> frozenset[int]:
    """The posts of a bucket that are withdrawn, by the file that `write_settings` wrote."""
    return frozenset(
        post_id for post_id in read_json(withdrawals) if post_id % buckets == int(bucket)
    )


def open_releases(config: Mapping[str, Any], folder: Path) -> list[str]:
    """The releases that may be built: not finished yet, or reopened by name.

    Raises:
        UnknownRelease: a release that is to be reopened is not configured.
        MissingRelease: a finished release is not configured, and a later one would forget it.
    """
    for release in config["reopen"]:
        if release not in config["releases"]:
            raise UnknownRelease(release, config["releases"])
    _refuse_gap(config, folder)
    return [
        release
        for release in in_order(config)
        if release in config["reopen"] or not (folder / release / "release.json").is_file()
    ]


class UnknownRelease(ReleaseProblem):
    """A release is asked for that the configuration does not have."""

    def __init__(self, release: str, known: Iterable[str]) -> None:
        super().__init__(f"release {release}: the configuration does not know it")
        self.hint = f"it has {', '.join(known)}; add it under `releases` in your configuration"


class MissingRelease(ReleaseProblem):
    """A release that was finished here is not in the configuration."""

    def __init__(self, missing: str, last_upload: str, later: str) -> None:
        super().__init__(
            f"release {missing}: is finished here and not in the configuration; release {later} "
            "would be built as if it had never been"
        )
        self.hint = (
            f'add `"{missing}": {{last_upload: "{last_upload}", ...}}` to `releases`, which '
            "names every year, or build into another folder with --directory"
        )


def _refuse_gap(config: Mapping[str, Any], folder: Path) -> None:
    last = in_order(config)[-1]
    for finished in sorted(folder.glob("*/release.json")):
        if finished.parent.name not in config["releases"]:
            last_upload = read_json(finished)["last_upload"]
            if last_upload < config["releases"][last]["last_upload"]:
                raise MissingRelease(finished.parent.name, last_upload, last)


class FinishedRelease(ReleaseProblem):
    """Something is asked for that a finished release does not have."""

    def __init__(self, release: str, subset: str) -> None:
        super().__init__(f"release {release}: is finished, and has no subset {subset}")
        self.hint = f"add it to this release on purpose: --config reopen={release}"


def has_subset(folder: Path, release: str, subset: str) -> bool:
    """Whether a finished release has a subset."""
    return subset in subsets_of(folder / release / "release.json")


@cache
def subsets_of(release_json: Path) -> frozenset[str]:
    """The subsets of a finished release; read once in a run, which asks for each bucket."""
    return frozenset(read_json(release_json)["subsets"])


def frozen_differences(config: Mapping[str, Any], folder: Path) -> Iterator[str]:
    """A sentence for each finished release whose configuration has changed since it was built."""
    still_open = open_releases(config, folder)
    for release in in_order(config):
        if release in still_open:
            continue
        built = read_json(folder / release / "release.json")["settings"]
        now = settings_of(config, release)
        changed = sorted(_changed_keys(_without_gates(built), _without_gates(now)))
        if changed:
            yield (
                f"release {release} is finished and stays as it is, although the configuration "
                f"changed: {', '.join(changed)}. To rebuild it: --config reopen={release}"
            )


def _without_gates(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What a finished release has accepted changes nothing in it any more."""
    return {step: values for step, values in settings.items() if step != "gates"}


def _changed_keys(before: object, after: object, place: str = "") -> Iterator[str]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in before.keys() | after.keys():
            inner = f"{place}.{key}" if place else str(key)
            yield from _changed_keys(before.get(key), after.get(key), inner)
    elif before != after:
        yield f"{place} ({json.dumps(before)} -> {json.dumps(after)})"


def folders_of(config: Mapping[str, Any]) -> dict[str, str]:
    """The folder of the stage for each set of images."""
    subsets = {name: str(subset["folder"]) for name, subset in config["subsets"].items()}
    return {"original": "original", **subsets}


def settings_hash(values: Mapping[str, Any], keys: Iterable[str]) -> str:
    """Ten hex digits that name a set of settings, for folders."""
    text = json.dumps({key: values[key] for key in sorted(keys)}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:10]
