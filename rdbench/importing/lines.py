"""Lines of result files that hold no results: comments, rules, and the ``sep=`` of
spreadsheets."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import Final

from rdbench.importing.rows import File, listed

_RULE: Final = re.compile(r"[\s|+:]*[-=]{3,}[\s|+:=-]*")
_SEPARATOR: Final = re.compile(r'"?sep=([^\r\n])"?[\r\n]*', re.IGNORECASE)


def without_comments(name: str, text: str) -> File:
    """The file with empty lines for those that begin with ``#`` outside quoted cells, for rules
    (``-----``, ``|---|--:|``), and for a first line ``sep=;``, whose sign becomes
    :attr:`File.delimiter`."""
    kept: list[str] = []
    comments: list[int] = []
    delimiter, quoted = "", False
    for place, line in enumerate(io.StringIO(text, newline=""), start=1):
        separator = _SEPARATOR.fullmatch(line) if place == 1 else None
        comment = line.startswith("#") and not quoted
        if separator:
            delimiter = separator[1]
        if comment:
            comments.append(place)
        if separator or comment or (not quoted and _RULE.fullmatch(line)):
            kept.append(line[len(line.rstrip("\r\n")) :])
        else:
            kept.append(line)
            quoted ^= line.count('"') % 2 == 1
    return File(name, "".join(kept), delimiter, tuple(comments))


def notes(files: Sequence[File]) -> tuple[str, ...]:
    """Notes on lines that were skipped."""
    told = listed(
        f"{file.name!r}, line {file.comments[0]}"
        + (f" and {len(file.comments) - 1} more" if file.comments[1:] else "")
        for file in files
        if file.comments
    )
    if not any(file.comments for file in files):
        return ()
    return (
        f"lines that begin with # are taken as comments ({told}); quote a cell that begins with #",
    )
