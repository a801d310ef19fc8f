"""The configuration: completed by the defaults, checked against its schema, as typed values."""

import datetime
import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .errors import ReleaseProblem
from .posts import end_of_day
from .schemas import first_fault

# A file that says where images come from, or which releases there are, says all of it.
REPLACED_WHOLE = ("source", "releases")

# A subset has a target and torrents of its name: not one of these, nor one that starts so.
RESERVED = frozenset(
    {"original", "metadata", "torrent", "release", "publish", "verify", "repair", "diff", "refuse"}
    | {"snapshot", "plan", "download", "optimise", "rescale", "list", "checksum", "merge", "write"}
    | {"make", "finish", "judge", "accounts", "withdraw"}
)


class InvalidConfiguration(ReleaseProblem):
    """A key is unknown, missing, or has a value that it may not have."""

    def __init__(self, place: str, what: str, hint: str | None = None) -> None:
        super().__init__(f"configuration: {place}: {what}")
        self.place, self.hint = place, hint


@dataclass(frozen=True)
class Source:
    """Where posts and images come from; `requests_per_second` None means no budget."""

    kind: str
    corpus: str | None = None
    synthetic: int = 0
    url: str | None = None
    image_hosts: tuple[str, ...] = ()
    contact: str | None = None
    requests_per_second: float | None = 4
    connections: int = 4
    timeout: float = 60
    attempts: int = 5
    retry_wait: float = 2
    throttled_wait: float = 60

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Source":
        """The source that a configuration's `source` describes."""
        return cls(**{**values, "image_hosts": tuple(values.get("image_hosts", ()))})


@dataclass(frozen=True)
class Subset:
    """A derived set of resized images: which posts, and what their bytes depend on."""

    name: str
    folder: str
    safe: bool
    size: int
    background: str
    format: str
    quality: int


def complete(defaults: Path, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """The defaults with the overrides merged in; `source` and `releases` replace theirs whole.

    Years and dates may be unquoted, `source: embedded` is short for `{kind: embedded}`,
    `reopen: 2018` for `[2018]`, and a subset that is null is none. A relative `exclude` counts from
    the repository, the folder above the defaults'.
    """
    import yaml

    merged = yaml.safe_load(defaults.read_text())
    for key, value in overrides.items():
        merged[key] = value if key in REPLACED_WHOLE else _merged(merged.get(key), value)
    if isinstance(merged.get("source"), str):
        merged["source"] = {"kind": merged["source"]}
    reopen = [] if merged["reopen"] is None else merged["reopen"]
    merged["reopen"] = [*map(str, reopen if isinstance(reopen, list) else [reopen])]
    if isinstance(merged["subsets"], Mapping):
        merged["subsets"] = {
            name: subset for name, subset in merged["subsets"].items() if subset is not None
        }
    if isinstance(merged.get("exclude"), str):
        merged["exclude"] = str(defaults.parents[1] / merged["exclude"])
    plain = _plain(merged)
    assert isinstance(plain, dict)
    return plain


def _merged(default: object, value: object) -> object:
    if not isinstance(default, Mapping) or not isinstance(value, Mapping):
        return value
    return {
        **default,
        **{key: _merged(default.get(key), inner) for key, inner in value.items()},
    }


def _plain(value: object) -> object:
    """What YAML makes of unquoted years and dates, as the text that was written."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(inner) for inner in value]
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    return value.isoformat() if isinstance(value, datetime.date) else value


def check(config: Mapping[str, Any], schema: Path) -> None:
    """Refuse a configuration that the schema does not allow.

    Raises:
        InvalidConfiguration: names the first wrong key, and the nearest right one.
    """
    fault = first_fault(config, schema)
    if fault is not None:
        place = ".".join(map(str, fault.place)) or "top level"
        raise InvalidConfiguration(place, fault.what, fault.hint)
    for release, settings in config["releases"].items():
        _check_day(f"releases.{release}.last_upload", settings["last_upload"])
    _check_order(config["releases"])
    _check_names(config["subsets"])
    _check_folders(config["subsets"])
    _check_politeness(config["source"])


def _check_day(place: str, day: str) -> None:
    try:
        end_of_day(day)
    except (ValueError, OverflowError) as error:
        raise InvalidConfiguration(place, f"{day!r} is no day ({error})") from error


def _check_order(releases: Mapping[str, Mapping[str, Any]]) -> None:
    days: dict[str, str] = {}
    for release, settings in releases.items():
        other = days.setdefault(settings["last_upload"], release)
        if other != release:
            what = f"is the day of release {other}, too; one must follow the other"
            raise InvalidConfiguration(f"releases.{release}.last_upload", what)


def _check_names(subsets: Mapping[str, Any]) -> None:
    for name in subsets:
        if name in RESERVED or name.startswith(tuple(f"{verb}_" for verb in RESERVED)):
            hint = "targets, torrents and folders of another kind have such names"
            raise InvalidConfiguration(f"subsets.{name}", "is a reserved name", hint)


def _check_folders(subsets: Mapping[str, Mapping[str, Any]]) -> None:
    folders: dict[str, str] = {}
    for name, subset in subsets.items():
        other = folders.setdefault(subset["folder"], name)
        if other != name:
            place = f"subsets.{name}.folder"
            raise InvalidConfiguration(place, f"`{subset['folder']}` is {other}'s already")


def _check_politeness(source: Mapping[str, Any]) -> None:
    """A booru on this machine may be asked anything; any other has people behind it."""
    if source["kind"] != "danbooru" or is_loopback(source["url"]):
        return
    if not source.get("contact"):
        hint = "put a mail address or a user page there; it is sent with every request"
        what = "a site's operators must be able to reach you"
        raise InvalidConfiguration("source.contact", what, hint)
    if source.get("requests_per_second", 1) is None:
        hint = "name what its operators allow; null is for a booru on this machine"
        raise InvalidConfiguration("source.requests_per_second", "a site needs a budget", hint)


def is_loopback(url: str) -> bool:
    """Whether an address leads to this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def in_order(config: Mapping[str, Any]) -> list[str]:
    """The configured releases, earliest first."""
    releases = config["releases"]
    return sorted(releases, key=lambda release: (releases[release]["last_upload"], release))


def previous_of(config: Mapping[str, Any], release: str) -> str | None:
    """The release before this one, or None for the first."""
    releases = in_order(config)
    position = releases.index(release)
    return releases[position - 1] if position else None


def subset_of(config: Mapping[str, Any], name: str) -> Subset:
    """A subset by its name."""
    return Subset(name=name, **config["subsets"][name])


def resolved_source(config: Mapping[str, Any], base: str) -> dict[str, Any]:
    """The source, with its corpus counted from the repository's folder."""
    source = dict(config["source"])
    if source.get("corpus"):
        source["corpus"] = str(Path(base, source["corpus"]).resolve())
    return source


def publish_target(config: Mapping[str, Any], release: str) -> str:
    """Where rsync puts a release, with a slash at its end.

    Raises:
        InvalidConfiguration: no destination is configured.
    """
    destination = config["staging"]["destination"]
    if not destination:
        hint = "name a folder, `host:folder` or `rsync://host/module` there"
        raise InvalidConfiguration("staging.destination", "is not set", hint)
    return f"{destination.rstrip('/')}/{config['name']}{release}/"
