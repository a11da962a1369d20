"""Tables for people: as text for a terminal, Markdown and LaTeX, and as CSV for a spreadsheet; and
other Markdown. Names and messages come from outside: they must not leave their cell, nor act as
markup.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from rdbench.files import csv_text
from rdbench.text import printable


@dataclass(frozen=True)
class Table:
    """A title, rows of cells, and notes."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]
    text_columns: int = 2
    """How many columns hold words; the others hold numbers."""


def terminal(table: Table) -> str:
    """A table in columns of plain text."""
    cells = [[_line(cell) for cell in row] for row in (table.header, *table.rows)]
    widths = [max(_width(row[column]) for row in cells) for column in range(len(table.header))]
    lines = []
    for row in cells:
        parts = []
        for column, (cell, width) in enumerate(zip(row, widths, strict=True)):
            gap = " " * (width - _width(cell))
            parts.append(cell + gap if column < table.text_columns else gap + cell)
        lines.append("  ".join(parts).rstrip())
    notes = (f"  {_line(note)}" for note in table.notes)
    head = [_line(table.title), ""] if table.title else []
    return "\n".join([*head, *lines, *notes])


def markdown(table: Table) -> str:
    """A table in GitHub's Markdown."""
    rows = [[escaped(cell) for cell in row] for row in table.rows]
    lines = grid([escaped(cell) for cell in table.header], rows, table.text_columns)
    notes = "\n".join(f"- {escaped(note)}" for note in table.notes)
    return "\n\n".join(filter(None, [escaped(table.title), lines, notes]))


def grid(header: Sequence[str], rows: Iterable[Sequence[str]], text_columns: int) -> str:
    """A table of cells that are Markdown already."""
    rule = ["---"] * text_columns + ["---:"] * (len(header) - text_columns)
    return "\n".join(_grid_row(row) for row in [header, rule, *rows])


def _grid_row(cells: Sequence[str]) -> str:
    return "|" + "|".join(f" {cell} " if cell else " " for cell in cells) + "|"


def code(text: str) -> str:
    """A code span of Markdown, also for a cell of a table."""
    text = printable(text)
    fence = "`" * (_longest_run(text) + 1)
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{space}{text}{space}{fence}".replace("|", "\\|")


def fenced(lines: Sequence[str]) -> str:
    """A code block of Markdown."""
    lines = [printable(line) for line in lines]
    fence = "`" * max(3, _longest_run("\n".join(lines)) + 1)
    return "\n".join([f"{fence}text", *lines, fence])


def _longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)


def latex(table: Table) -> str:
    """A table for LaTeX with the package booktabs; the title and the notes are comments. Characters
    beyond Latin letters need XeLaTeX or LuaLaTeX, and a font that has them."""
    columns = "l" * table.text_columns + "r" * (len(table.header) - table.text_columns)
    return "\n".join(
        [
            *map(comment, (table.title, *table.notes)),
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            tex_row(map(tex, table.header)),
            r"\midrule",
            *(tex_row(map(tex, row)) for row in table.rows),
            r"\bottomrule",
            r"\end{tabular}",
        ]
    )


def number_cell(value: float | None) -> str:
    """A number as a CSV cell, with all its digits; empty if it is missing or not finite."""
    return "" if value is None or not math.isfinite(value) else repr(float(value))


_FORMULA: Final = re.compile("'*[=+@\uff1d\uff0b\uff0d\uff20-]")
"""The beginning of a text that a spreadsheet would run as a formula, also in full width and after
apostrophes."""


def sheet(rows: Iterable[Sequence[str]]) -> str:
    """Rows as CSV for a spreadsheet: text that it would run as a formula gets an apostrophe in
    front, as OWASP advises ("CSV Injection"), and unprintable characters are escaped.
    :func:`from_sheet` removes the apostrophe. Tables whose rows are found again by the names in
    them, such as those of measurements, are written with :func:`rdbench.files.csv_text` alone."""
    return csv_text([[harmless(cell) for cell in row] for row in rows])


def harmless(cell: str) -> str:
    """One cell of :func:`sheet`."""
    cell = printable(cell)
    if not _FORMULA.match(cell):
        return cell
    try:
        float(cell)
    except ValueError:
        return "'" + cell
    return cell


def from_sheet(cell: str) -> str:
    """The text of a cell of :func:`sheet`."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def _line(text: str) -> str:
    return printable(" ".join(text.split()))


def _width(text: str) -> int:
    """Columns that a terminal gives to ``text``: two for wide characters, none for marks that
    stand on the one before."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


# An underscore between letters is none of emphasis, and brackets alone are none of a link.
_MD_SPECIAL: Final = re.compile(r"[\\`*<>|~&]|(?<![^\W_])_|_(?![^\W_])|(?<=\])(?=\()|(?<=\])(?=:)")


def escaped(text: str) -> str:
    """One line of literal text in Markdown."""
    return _MD_SPECIAL.sub(lambda found: "\\" + found.group(), _line(text))


_TEX_SPECIAL: Final = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "`": r"\textasciigrave{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    **{character: "\\" + character for character in "&%$#_{}"},
}
_TEX_SIGN: Final = re.compile(r"(?<![^ (])[+-](?=\d)")


def comment(text: str) -> str:
    """A comment line in LaTeX."""
    return f"% {_line(text)}"


def tex(text: str) -> str:
    """One line of literal text in LaTeX, with minus signs before digits."""
    if text == "-":
        return "--"
    escaped = "".join(_TEX_SPECIAL.get(character, character) for character in _line(text))
    return _TEX_SIGN.sub(lambda sign: f"${sign.group()}$", escaped).replace("--", "-{}-")


def tex_row(cells: Iterable[str]) -> str:
    """A row of cells that are LaTeX already."""
    row = " & ".join(cells)
    # After the line before, \\ would take a bracket for the space to leave, and a star for its own.
    return ("{}" if row.startswith(("[", "*")) else "") + row + r" \\"
