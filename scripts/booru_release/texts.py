"""Numbers that came as text: Snakemake reads nested values of --config as strings."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml


def typed(config: Mapping[str, Any], schema: Path) -> dict[str, Any]:
    """The configuration with texts read as YAML wherever the schema wants no text."""
    values = _typed(config, yaml.safe_load(schema.read_text()))
    assert isinstance(values, dict)
    return values


def _typed(value: object, schema: Mapping[str, Any]) -> object:
    if isinstance(value, Mapping):
        known = dict(_properties(schema))
        other = schema.get("additionalProperties")
        rest = other if isinstance(other, Mapping) else {}
        return {key: _typed(inner, known.get(key, rest)) for key, inner in value.items()}
    if isinstance(value, list):
        return [_typed(inner, schema.get("items", {})) for inner in value]
    return _read(value, schema) if isinstance(value, str) else value


def _properties(schema: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The properties of a schema and of its conditional parts; `true` says nothing of a type."""
    for part in [schema, *(branch["then"] for branch in schema.get("allOf", []))]:
        for key, inner in part.get("properties", {}).items():
            if isinstance(inner, Mapping):
                yield key, inner


def _read(text: str, schema: Mapping[str, Any]) -> object:
    types = schema.get("type", "string")
    types = [types] if isinstance(types, str) else types
    if "null" in types and text in {"null", "None", ""}:
        return None
    return text if "string" in types else yaml.safe_load(text)
