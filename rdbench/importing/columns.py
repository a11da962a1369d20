"""Any CSV file with a header: columns by a mapping, or by their names where they are ours."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Final

from rdbench.errors import UsageError
from rdbench.importing.rows import (
    TEXTS,
    File,
    Reading,
    Request,
    Row,
    listed,
    number,
)

# Signs that a line was split at the wrong place.
_OTHER_DELIMITERS: Final = {";": "';'", "\t": "tab", "|": "'|'"}


def recognises(file: File, request: Request) -> bool:  # noqa: ARG001 - as all formats
    """Whatever is nothing else."""
    return True


def read(files: Sequence[File], request: Request) -> Reading:
    """The rows of CSV files.

    Columns that :attr:`Request.columns` does not name are taken where they bear the name of one
    of ours, and are named as unused otherwise. The parameter is what the file calls its points.
    """
    rows: list[Row] = []
    unused: dict[str, None] = {}
    for file in files:
        table = cells(file, _delimiter(file, request))
        header = table[0][1]
        mapping = _mapping(file.name, header, request)
        unused |= dict.fromkeys(n for n in header if n not in mapping.values())
        place = {ours: header.index(theirs) for ours, theirs in mapping.items()}
        parameter = (
            {"parameter": mapping["point"]} if mapping.get("point", "point") != "point" else {}
        )
        for line, row in table[1:]:
            where = f"{file.name!r}, line {line}"
            found = parameter | {ours: row[index] for ours, index in place.items() if row[index]}
            rows.append(
                Row(
                    file.name,
                    f"line {line}",
                    {name: found[name] for name in TEXTS if name in found},
                    {
                        name: number(found[name], name, where, request.decimal)
                        for name in request.numbers
                        if name in found
                    },
                )
            )
    labels = dict.fromkeys(row.texts["label"] for row in rows if "label" in row.texts)
    if request.joins and len(labels) > 1:
        raise UsageError(
            f"{files[0].name!r} has several curves ({listed(labels)}), which `label` "
            f"{request.label!r} would make one; leave it out, or keep their names in it, as "
            f"`label='{request.label}-*'`"
        )
    return Reading(tuple(rows), tuple(unused))


def _delimiter(file: File, request: Request) -> str:
    """That of the file where it says so; the request's is a comma where none was given."""
    if file.delimiter in ("", request.delimiter):
        return request.delimiter
    if request.delimiter != "," or file.delimiter == request.decimal:
        raise UsageError(
            f"{file.name!r} says sep={file.delimiter} in its first line, against `delimiter` "
            f"{request.delimiter!r} and `decimal` {request.decimal!r}; take out what is wrong"
        )
    return file.delimiter


def cells(file: File, delimiter: str) -> list[tuple[int, list[str]]]:
    """The header and the rows of a CSV file, with their lines; cells without space around them.

    Raises :class:`UsageError` for rows of another length than the header, a header that names a
    column twice, and a file without rows.
    """
    reader = csv.reader(io.StringIO(file.text, newline=""), delimiter=delimiter, strict=True)
    table: list[tuple[int, list[str]]] = []
    try:
        table.extend((reader.line_num, [cell.strip() for cell in row]) for row in reader if row)
    except csv.Error as error:
        raise UsageError(f"{file.name!r}, line {reader.line_num}: {error}") from None
    header = table[0][1]
    if len(header) == 1:
        for sign, name in _OTHER_DELIMITERS.items():
            if sign in header[0] and sign != delimiter:
                raise UsageError(
                    f"{file.name!r} looks separated by {name}, not {delimiter!r}; give "
                    f"`delimiter={sign!r}`"
                )
    if twice := sorted({name for name in header if header.count(name) > 1}):
        raise UsageError(f"{file.name!r} has the column {listed(map(repr, twice))} twice")
    for line, row in table[1:]:
        if len(row) != len(header):
            raise UsageError(
                f"{file.name!r}, line {line}: {len(row)} cells, the header has {len(header)}"
            )
    if len(table) == 1:
        raise UsageError(f"{file.name!r} has a header and no rows")
    return table


def _mapping(name: str, header: Sequence[str], request: Request) -> Mapping[str, str]:
    given = request.columns
    if missing := [theirs for theirs in given.values() if theirs not in header]:
        raise UsageError(
            f"{name!r} has no column {listed(map(repr, missing))}; it has {listed(header)}"
        )
    taken = set(given.values())
    own = [name for name in (*TEXTS, *request.numbers) if name in header and name not in taken]
    mapping = {**dict(zip(own, own, strict=True)), **given}
    if "bpp" not in mapping:
        raise UsageError(
            f"{name!r} does not say which column is the rate; it has {listed(header)}: name it "
            "with `mapping`: bpp=COLUMN"
        )
    if not request.metrics.keys() & mapping.keys():
        raise UsageError(
            f"{name!r} does not say which column is a quality; it has {listed(header)}: name one "
            f"with `mapping`, such as psnr_db=COLUMN ({listed(request.metrics)})"
        )
    return mapping
