"""Text tables as cells: CSV and TSV, Markdown, and columns separated by runs of blanks."""

from __future__ import annotations

import csv
import io
import re
import textwrap
from collections.abc import Callable, Sequence
from typing import Final

from rdbench.errors import UsageError
from rdbench.importing.rows import NUMBER, File, listed

Line = tuple[int, list[str]]
"""The number of a line and its cells."""

Split = Callable[[str], list[str]]

BLANKS: Final = " "
_SIGNS: Final = {",": "','", ";": "';'", "\t": "tab", "|": "'|'"}
_WIDE: Final = re.compile(r"(?<=\|)\s+|\s+(?=\|)|\s{2,}|\t")
"""Between the names of a header that have single blanks in them; a bar is a name of its own."""


def cells(file: File, delimiter: str, decimal: str = ".") -> list[Line]:
    """The header and the rows of a table, with their lines; cells without space around them.

    An empty ``delimiter`` is detected: the only sign with which all rows have as many cells as the
    header, or else runs of blanks. A table of only numbers has no header; its columns are named 1,
    2, ..., as are columns without a name. Raises :class:`UsageError` for rows that differ in length
    from the header, a header that names a column twice, several signs that fit, and a file without
    rows.
    """
    delimiter = delimiter or _found(file, decimal)
    table = _complete(_split(file, delimiter))
    header = table[0][1]
    if len(header) == 1:
        for sign, name in _SIGNS.items():
            if sign in header[0] and sign != delimiter:
                raise UsageError(
                    f"{file.name!r} seems to be separated by {name}, not by {delimiter!r}; give "
                    f"`delimiter={sign!r}`"
                )
    if twice := sorted({name for name in header if header.count(name) > 1}):
        raise UsageError(f"{file.name!r} has the column {listed(map(repr, twice))} twice")
    for line, row in table[1:]:
        if len(row) != len(header):
            raise UsageError(
                f"{file.name!r}, line {line}: {len(row)} cells, but the header has "
                f"{len(header)}; put # before lines that are not rows"
            )
    if len(table) == 1:
        raise UsageError(f"{file.name!r} has a header and no rows")
    return table


def _found(file: File, decimal: str) -> str:
    """What separates the cells of a file that does not say it."""
    first = next(filter(str.strip, textwrap.dedent(file.text).splitlines()))
    signs = [sign for sign in _SIGNS if sign in first and sign != decimal]
    fitting = [sign for sign in signs if _fits(file, sign)]
    if len(fitting) > 1:
        told = " or ".join(_SIGNS[sign] for sign in fitting)
        raise UsageError(f"{file.name!r} may be separated by {told}; choose with `delimiter`")
    if not fitting and _fits(file, BLANKS):
        return BLANKS
    return next(iter(fitting), max(signs, key=first.count, default=","))


def _fits(file: File, delimiter: str) -> bool:
    try:
        lengths = {len(row) for _, row in _complete(_split(file, delimiter))}
    except UsageError:
        return False
    return len(lengths) == 1 and lengths != {1}


def _split(file: File, delimiter: str) -> list[Line]:
    if delimiter == BLANKS:
        return _by_blanks(file)
    text = io.StringIO(textwrap.dedent(file.text), newline="")
    lines = map(_without_edges, text) if delimiter == "|" else text
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        return [(reader.line_num, [cell.strip() for cell in row]) for row in reader if row]
    except csv.Error as error:
        raise UsageError(f"{file.name!r}, line {reader.line_num}: {error}") from None


def _without_edges(line: str) -> str:
    """A line of Markdown without the bars at its ends."""
    line = line.strip()
    return line[1:-1] if len(line) > 1 and line[0] == line[-1] == "|" else line


def _by_blanks(file: File) -> list[Line]:
    """The table by the first way to split it that gives all rows the length of the header: names
    and cells without blanks, names with single ones, both with single ones."""
    lines = [(place, text.strip()) for place, text in enumerate(file.text.splitlines(), start=1)]
    lines = [(place, text) for place, text in lines if text]

    def split(header: Split, row: Split) -> list[Line]:
        ways = [header, *[row] * (len(lines) - 1)]
        return [(place, way(text)) for way, (place, text) in zip(ways, lines, strict=True)]

    ways = ((_at_blanks, _at_blanks), (_WIDE.split, _at_blanks), (_WIDE.split, _WIDE.split))
    tables = [split(*way) for way in ways]
    even = (table for table in tables if len({len(row) for _, row in _complete(table)}) == 1)
    return next(even, tables[0])


def _at_blanks(line: str) -> list[str]:
    return next(csv.reader([line.expandtabs(1)], delimiter=" ", skipinitialspace=True))


def _complete(table: Sequence[Line]) -> list[Line]:
    """The table with a header where it has none, with a name for each column, and without a last
    column that has neither name nor cells."""
    (first, header), *rows = table
    if all(map(NUMBER.fullmatch, header)):
        first, header, rows = first - 1, [""] * len(header), list(table)
    one_more = bool(rows) and all(len(row) == len(header) + 1 for _, row in rows)
    if rows and (one_more or not header[-1]) and not any(row[-1] for _, row in rows):
        header = header[: len(rows[0][1]) - 1]
        rows = [(line, row[:-1]) for line, row in rows]
    elif one_more and _counts([row[0] for _, row in rows]):
        header = ["", *header]
    names = [name or str(place) for place, name in enumerate(header, start=1)]
    return [(first, names), *rows]


def _counts(column: Sequence[str]) -> bool:
    """Whether a column has the numbers of its rows, from 0 or 1, which R writes without a name."""
    return any(list(column) == list(map(str, range(s, s + len(column)))) for s in (0, 1))
