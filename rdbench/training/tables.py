"""Dataclasses from tables of a TOML file, and the bounds of their values."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

from rdbench.errors import unknown
from rdbench.toml import Table


def fields(table: Table, kind: Any, leave_out: tuple[str, ...] = ()) -> dict[str, Any]:
    """The values in ``table`` for the fields of a dataclass, by the types of the fields."""
    known = [field for field in dataclasses.fields(kind) if field.name not in leave_out]
    table.allow(*(field.name for field in known))
    readers: dict[str, Callable[[str], Any]] = {
        "str": table.text,
        "int": table.whole,
        "float": table.number,
        "bool": table.truth,
    }
    return {
        field.name: readers[str(field.type)](field.name)
        for field in known
        if field.name in table.values and str(field.type) in readers
    }


def one_of(table: Table, key: str, value: str, choices: tuple[str, ...]) -> None:
    """Raise :class:`UsageError` for another value."""
    if value not in choices:
        raise table.error(key, str(unknown("value", value, choices)))


def within(table: Table, key: str, value: float, low: float, high: float = math.inf) -> None:
    """Raise :class:`UsageError` for a value that is not within ``low`` and ``high``."""
    if not low <= value <= high:
        bounds = f"at least {low:g}" if high == math.inf else f"between {low:g} and {high:g}"
        raise table.error(key, f"{value:g} is not {bounds}")
