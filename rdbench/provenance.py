"""What decides a measurement."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any


def differences(old: Any, new: Any, where: str = "") -> list[str]:
    """Where two plain structures differ, at most three places, each in a few words."""
    return [text for text, _ in zip(_walk(old, new, where), range(3), strict=False)]


def _walk(old: Any, new: Any, where: str) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in {**old, **new}:
            place = f"{where}.{key}" if where else str(key)
            if key not in new:
                yield f"{place} is not asked for now"
            elif key not in old:
                yield f"{place} is new"
            else:
                yield from _walk(old[key], new[key], place)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (a, b) in enumerate(zip(old, new, strict=True)):
            yield from _walk(a, b, f"{where}[{index}]")
    elif old != new:
        yield f"{where}: {_short(old)} there, {_short(new)} now"


def _short(value: Any) -> str:
    if isinstance(value, list) and len(value) > 12:
        return f"{len(value)} entries"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:79] + "…"
