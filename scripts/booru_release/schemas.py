"""What a file of a person's says wrong, by its schema: the place, the trouble, and a hint."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .files import Json

if TYPE_CHECKING:
    import jsonschema


@dataclass(frozen=True)
class Fault:
    """One thing that a schema does not allow; `place` are the keys that lead to it."""

    place: tuple[str | int, ...]
    what: str
    hint: str | None


def first_fault(values: object, schema: Path) -> Fault | None:
    """The first thing in some values that a schema does not allow, or None."""
    # Jobs never check files; only the start of a run does.
    import jsonschema
    import yaml

    validator = jsonschema.Draft202012Validator(yaml.safe_load(schema.read_text()))
    problems = sorted(validator.iter_errors(values), key=lambda problem: list(problem.path))
    return _explained(problems[0]) if problems else None


def _explained(problem: "jsonschema.ValidationError") -> Fault:
    place = tuple(problem.absolute_path)
    if problem.validator == "additionalProperties":
        assert isinstance(problem.instance, Mapping)
        return Fault(place, *_unknown_key(problem.schema, problem.instance))
    description = isinstance(problem.schema, Mapping) and problem.schema.get("description")
    return Fault(place, problem.message, description or None)


def _unknown_key(schema: Json, instance: Mapping[str, object]) -> tuple[str, str]:
    known = list(schema.get("properties", {}))
    unknown = next(key for key in instance if key not in known)
    near = difflib.get_close_matches(str(unknown), known, 1)
    hint = f"did you mean `{near[0]}`?" if near else f"it may have: {', '.join(sorted(known))}"
    return f"unknown key `{unknown}`", hint
