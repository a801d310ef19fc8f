"""The file of exclusions: read, checked, and made into rules that a job needs no file for.

Hash lists stay files, since they may be long; a rule names each with its SHA-256, so that a list
that changes is a rule that changes.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from .errors import ReleaseProblem
from .files import Json
from .hash_lists import UnusableList, read_hashes, sha256_of_list
from .schemas import Fault, first_fault

SCHEMA = Path(__file__).parents[2] / "config" / "exclude.schema.yaml"
FINGERPRINT = 10

Rule = dict[str, Any]


class InvalidExclusions(ReleaseProblem):
    """The file of exclusions is missing, or says what it may not."""

    def __init__(self, path: Path, what: str, hint: str | None = None) -> None:
        super().__init__(f"{path}: {what}")
        self.path, self.hint = path, hint


def read_rules(path: Path) -> list[Rule]:
    """The rules of a file, their hash lists read and found good.

    Raises:
        InvalidExclusions: names the file, the rule and the first wrong key.
        UnusableList: names a hash list and its first bad line.
    """
    values = _yaml_of(path)
    fault = first_fault(values, SCHEMA)
    if fault is not None:
        raise InvalidExclusions(path, f"{_place(fault, values)}: {fault.what}", fault.hint)
    rules: list[Rule] = values["rules"]
    _refuse_doubles(path, rules)
    return [_resolved(path, rule) for rule in rules]


def fingerprints(rules: Iterable[Rule]) -> dict[str, dict[str, str]]:
    """Each rule's reason, and a short hash of the rest: all of it that a release tells.

    A list of hashes or IDs in public would lead to what it is to keep out.
    """
    return {rule["name"]: {"why": rule["why"], "fingerprint": _fingerprint(rule)} for rule in rules}


def _fingerprint(rule: Rule) -> str:
    text = json.dumps(rule, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:FINGERPRINT]


def _yaml_of(path: Path) -> Json:
    import yaml

    try:
        return yaml.safe_load(path.read_text())
    except OSError as error:
        hint = "`exclude` in the configuration names it; null for no exclusions"
        raise InvalidExclusions(path, f"cannot be read: {error.strerror}", hint) from error
    except (yaml.YAMLError, ValueError) as error:
        what = f"is no YAML ({' '.join(str(error).split())})"
        raise InvalidExclusions(path, what) from error


def _place(fault: Fault, values: Json) -> str:
    """The rule by its name, if it has one, and the keys below it."""
    keys = list(fault.place)
    if len(keys) < 2:
        return ".".join(map(str, keys)) or "top level"
    rule = values["rules"][keys[1]]
    name = rule.get("name") if isinstance(rule, Mapping) else None
    named = name if isinstance(name, str) else f"number {int(keys[1]) + 1}"
    return ": ".join([f"rule {named}", *([".".join(map(str, keys[2:]))] if keys[2:] else [])])


def _refuse_doubles(path: Path, rules: Iterable[Rule]) -> None:
    names = Counter(rule["name"] for rule in rules)
    for name, count in names.items():
        if count > 1:
            raise InvalidExclusions(path, f"rule {name}: name: {count} rules have it")


def _resolved(path: Path, rule: Rule) -> Rule:
    plain = {**rule, "ids": _ranges(path, rule)} if "ids" in rule else dict(rule)
    if "md5" in plain:
        plain["md5"] = sorted({md5.lower() for md5 in plain["md5"]})
    for key in ("md5_files", "sha256_files"):
        if key in plain:
            plain[key] = [*_lists(path, rule, key, plain[key])]
    if "perceptual" in plain:
        files = [*_lists(path, rule, "perceptual.files", plain["perceptual"]["files"])]
        plain["perceptual"] = {**plain["perceptual"], "files": files}
    return plain


def _ranges(path: Path, rule: Rule) -> list[list[int]]:
    """The IDs as pairs of first and last."""
    found = []
    for text in map(str, rule["ids"]):
        first, _, last = text.partition("-")
        if int(last or first) < int(first):
            what = f"rule {rule['name']}: ids: {text!r} ends before it begins"
            raise InvalidExclusions(path, what)
        found.append([int(first), int(last or first)])
    return sorted(found)


def _lists(path: Path, rule: Rule, key: str, names: Iterable[str]) -> Iterator[dict[str, str]]:
    kind = key.partition("_")[0].partition(".")[0]
    for name in names:
        try:
            sha256 = sha256_of_list(path.parent / name)
            read_hashes(path.parent / name, kind, sha256=sha256)
        except UnusableList as problem:
            what = f"rule {rule['name']}: {key}: {problem.args[0]}"
            raise InvalidExclusions(path, what, problem.hint) from problem
        yield {"path": name, "sha256": sha256}
