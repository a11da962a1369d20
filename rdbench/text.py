"""Making text from outside safe to show. Names of files, labels, messages of codecs and cells of
tables may hold line ends, terminal escape sequences, marks that change the direction of writing,
and bytes that are not UTF-8. Everything that is shown or written for people goes through
:func:`printable`: tables, pages and figures call it, and the command line calls it again on all its
output.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

_BYTES = range(0xDC80, 0xDD00)
"""Python's stand-ins for bytes of a file name that are not UTF-8 (PEP 383)."""


def printable(text: str, keep: str = "") -> str:
    """``text`` with every character that is not printable as an escape: control characters, line
    ends, invisible marks (``\\x1b``, ``\\n``, ``\\u202e``), and bytes that were not UTF-8
    (``\\xe9``), except those in ``keep``. The result is valid in UTF-8 and in XML, and is one line
    unless ``keep`` has a line end."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else _escape(c) for c in text)


def quoted(value: object, limit: int = 120) -> str:
    """The representation of a value in a message, shortened if it is long. Truth values are
    ``true`` and ``false``, as in TOML files, JSON and on the command line."""
    try:
        text = _written(value)
    except ValueError:  # a whole number of more digits than Python makes text of
        text = "a number of thousands of digits"
    return text if len(text) <= limit else f"{text[: limit - 2]}…{text[-1]}"


def _written(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key!r}: {_written(one)}' for key, one in value.items())}}}"
    return repr(value)


def all_printable(value: Any) -> Any:
    """Plain data (mappings, lists, tuples, sets, dataclasses, texts, others as they are) in which
    every text is :func:`printable`."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, Mapping):
        return {all_printable(key): all_printable(one) for key, one in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):  # a named one
        return type(value)(*map(all_printable, value))
    if isinstance(value, list | tuple | frozenset):
        return type(value)(map(all_printable, value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        told = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return dataclasses.replace(value, **all_printable(told))
    return value


def _escape(character: str) -> str:
    code = ord(character)
    if code in _BYTES:
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()
