"""Conditions on numbers and dates as the site writes them: 5, >=5, 5..9, 5,7,9."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any

Condition = Callable[[Any], bool]
OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
COMPARISON = re.compile(r"(>=|<=|>|<)(.*)")
NO_END = 2**62


def condition(text: str, convert: Callable[[str], Any]) -> Condition:
    """Return what tests a value; a text that makes no sense matches nothing."""
    try:
        return _condition(text, convert)
    except ValueError:
        return lambda value: False


def _condition(text: str, convert: Callable[[str], Any]) -> Condition:
    if "," in text:
        wanted = {convert(part) for part in text.split(",")}
        return lambda value: value in wanted
    if ".." in text:
        low, high = text.split("..", 1)
        return _between(low, high, convert)
    comparison = COMPARISON.fullmatch(text)
    if comparison:
        compare, limit = OPERATORS[comparison[1]], convert(comparison[2])
        return lambda value: value is not None and compare(value, limit)
    exact = convert(text)
    return lambda value: bool(value == exact)


def _between(low_text: str, high_text: str, convert: Callable[[str], Any]) -> Condition:
    low = convert(low_text) if low_text else None
    high = convert(high_text) if high_text else None
    return lambda value: (
        value is not None and (low is None or low <= value) and (high is None or value <= high)
    )


def bounds(text: str) -> tuple[int, int]:
    """Return the least and greatest whole number that a condition can be true for."""
    try:
        if "," in text:
            wanted = [int(part) for part in text.split(",")]
            return min(wanted), max(wanted)
        if ".." in text:
            low, high = text.split("..", 1)
            return int(low or 0), int(high or NO_END)
        comparison = COMPARISON.fullmatch(text)
        if not comparison:
            return int(text), int(text)
        return _one_sided(comparison[1], int(comparison[2]))
    except ValueError:
        return 1, 0


def _one_sided(sign: str, limit: int) -> tuple[int, int]:
    return {
        ">=": (limit, NO_END),
        ">": (limit + 1, NO_END),
        "<=": (0, limit),
        "<": (0, limit - 1),
    }[sign]
