"""Curves that others published, kept as CSV files in ``baselines/``."""

from __future__ import annotations

import codecs
import csv
import dataclasses
import functools
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from rdbench import places
from rdbench.csv_blocks import is_number
from rdbench.curves.curve import NUMBERS, Curve, curves_of
from rdbench.curves.records import of_identical, records_of
from rdbench.curves.targets import off_target
from rdbench.errors import UsageError, unknown
from rdbench.files import read_file
from rdbench.metrics import MetricRecord
from rdbench.schema import CORE, RESERVED, Measurement, point_text
from rdbench.tables import from_sheet

PREFIX: Final = "published:"
RATES: Final = {
    "file": "",
    "coder": "its rate counts the output of the entropy coder, without headers",
    "entropy": "its rate is an entropy; nothing was coded",
    "unknown": "its source does not say whether its rate counts whole files",
}
"""What the rate of a published curve counts (column ``rate_is``), with the note on it."""
AVERAGINGS: Final = ("none", "mean", "unknown")
"""How rows are averaged (column ``averaging``): not at all, as they are single images; each column
over the images, decibels included; or unknown."""
COLORS: Final = {"luma": 1, "rgb": 3}
"""Color planes (column ``color``) with their number of channels."""
_MEASURED_COLORS: Final = {**COLORS, "gray": 1}
"""The same for tables of runs."""

_ZIP: Final = b"PK\x03\x04"
_UTF_16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

Table = list[dict[str, str]]


def published(name: str | Path) -> Curve:
    """The published curve ``name``, or the only curve of the CSV file at this path; in a file with
    several, a curve is named ``FILE.csv:LABEL``. Raises :class:`rdbench.errors.UsageError` for an
    unknown name, with similar ones.
    """
    file, colon, label = str(name).partition(".csv:")
    if not colon and not file.endswith(".csv"):
        known = _with_rdbench()
        if file not in known:
            raise unknown("published curve", file, known, hint="or name a CSV file")
        return _curve_in(*known[file])
    path = Path(f"{file}.csv" if colon else file)
    where = repr(str(path))
    tables = _tables(utf8_text(path), where)
    if label and label not in tables:
        raise unknown("published curve", label, tables, hint=f"in {where}")
    if not label and len(tables) != 1:
        raise UsageError(
            f"{where} has {len(tables)} curves ({', '.join(sorted(tables))}); name one as "
            f"{path}:LABEL"
        )
    return _curve_in(tables[label] if label else next(iter(tables.values())), where)


def published_files() -> list[Path]:
    """The CSV files of published curves that rdbench ships. They name their source, which baselines
    of own measurements do not."""
    return [path for path in sorted(places.baselines().glob("*.csv")) if _says_source(path)]


def _says_source(path: Path) -> bool:
    with path.open(encoding="utf-8", newline="") as file:
        return "source" in next(csv.reader(file), ())


def published_curves() -> list[Curve]:
    """All published curves that rdbench ships, file by file."""
    return [_curve_in(*known) for known in _with_rdbench().values()]


def published_labels() -> list[str]:
    """The labels of all published curves that rdbench ships."""
    return sorted(_with_rdbench())


def read_published(path: Path) -> list[Curve]:
    """The curves of one CSV file; its columns are described in ``baselines/README.md``.

    Raises :class:`rdbench.errors.UsageError` as :func:`parse_published`, and for a file that
    cannot be read or is not UTF-8.
    """
    return parse_published(utf8_text(path), repr(str(path)))


def parse_published(text: str, where: str) -> list[Curve]:
    """The curves of the text of such a file, in the order of their first rows.

    Raises :class:`rdbench.errors.UsageError`, with ``where``, for missing columns, cells of the
    wrong type, several rows of one point and image, a rate that is missing or not positive, labels
    that :func:`check_label` refuses, and rows of one curve that contradict each other.
    """
    return [_curve_in(table, where) for table in _tables(text, where).values()]


def caveats(curve: Curve) -> list[str]:
    """The caveats to show with the numbers of a curve: for a published one, what its rate counts if
    not whole files, and its known issues; for one by target, how far it is from its targets. Empty
    for others."""
    said = (RATES.get(curve.rate_is, ""), curve.known_issue, off_target(curve))
    return [text for text in said if text]


def check_label(label: str) -> None:
    """Raise :class:`rdbench.errors.UsageError` for a label that cannot be named in a
    comma-separated list, or that a spreadsheet would run as a formula."""
    if not label.strip():
        raise UsageError("a curve has no label")
    if label[0] in "=+-@":
        raise UsageError(
            f"label {label!r} begins with {label[0]!r}, which spreadsheets take for a formula"
        )
    if "," in label or not label.isprintable() or label != label.strip():
        raise UsageError(
            f"label {label!r} has a comma, a control character or white space at an end, so "
            "commands cannot name it"
        )


def utf8_text(path: Path) -> str:
    """The text of a UTF-8 file, without a byte order mark. Raises
    :class:`rdbench.errors.UsageError` if it cannot be read or has another encoding.
    """
    try:
        data = read_file(path)
    except OSError as error:
        raise UsageError(f"cannot read {str(path)!r}: {error.strerror}") from None
    if data.startswith(_ZIP):
        raise UsageError(f"{str(path)!r} is a workbook or an archive; save the sheet as CSV")
    if data.startswith(_UTF_16) or b"\0" in data:
        raise UsageError(f"{str(path)!r} is UTF-16 or not text; save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError(
            f"{str(path)!r} is not UTF-8 (line {line}, byte 0x{data[error.start]:02X}); if it is "
            f"Latin-1, convert it with `iconv -f LATIN1 -t UTF-8`"
        ) from None


@functools.cache
def _with_rdbench() -> dict[str, tuple[Table, str]]:
    """The rows of each curve that rdbench ships, by label, and their file for messages."""
    return {
        label: (table, repr(str(path)))
        for path in published_files()
        for label, table in _tables(utf8_text(path), repr(str(path))).items()
    }


def _tables(text: str, where: str) -> dict[str, Table]:
    """The rows of each curve, by label."""
    tables: dict[str, Table] = {}
    reader = csv.DictReader(io.StringIO(text, newline=""), restval="")
    if missing := {"dataset", "label", "point", "bpp"} - set(reader.fieldnames or ()):
        raise UsageError(
            f"{where} has no column {', '.join(sorted(missing))}; `rdbench import` converts "
            "results of other tools"
        )
    for line in reader:
        if None in line:
            raise UsageError(f"{where}, line {reader.line_num}: more cells than the header has")
        cells = {name: from_sheet(cell) for name, cell in line.items()}
        tables.setdefault(cells["label"], []).append(cells)
    if not tables:
        raise UsageError(f"{where} has no rows")
    return tables


def _curve_in(table: Table, where: str) -> Curve:
    try:
        return _curve(table)
    except (UsageError, ValueError) as error:
        raise UsageError(f"{where}: {error}") from None


def _curve(table: Table) -> Curve:
    check_label(table[0]["label"])
    metrics, records = _metrics(table)
    rows = [Measurement.from_cells(cells, metrics) for cells in table]
    first = rows[0]
    _check_rows(rows, table, records)
    told = {
        column: _told(table, column)
        for column in ("source", "description", "known_issue", "rate_is")
    }
    rate_is = _one_of("rate_is", told["rate_is"] or "unknown", RATES)
    _one_of("averaging", _told(table, "averaging") or "unknown", AVERAGINGS)
    for color, channels in {(row.color, row.channels) for row in rows if row.color}:
        if channels != _MEASURED_COLORS[_one_of("color", color, _MEASURED_COLORS)]:
            raise UsageError(f"{first.label!r} has color {color!r} and another number of channels")
    named = [row for row in rows if row.image]
    images = _told(table, "images")
    if len(named) < len(rows) and (named or not images):
        raise UsageError(
            f"the rows of {first.label!r} must either all name their image, or none; in the "
            "latter case the column 'images' gives the number of images they are means over"
        )
    return dataclasses.replace(
        curves_of(rows)[0] if named else _means(rows, images),
        records=records,
        source="published",
        origin=told["source"],
        description=told["description"],
        known_issue=told["known_issue"],
        rate_is=rate_is,
    )


def _metrics(table: Table) -> tuple[list[str], dict[str, MetricRecord]]:
    """The columns of metrics, and the records of those that are known by name; of the others a
    column is of numbers, or it is something else."""
    others = [name for name in table[0] if name not in CORE and name not in RESERVED]
    records = records_of(others)
    metrics = [
        name
        for name in others
        if name in records or all(is_number(cells[name]) for cells in table if cells[name])
    ]
    return [name for name in metrics if any(cells[name] for cells in table)], records


def _means(rows: Sequence[Measurement], images: str) -> Curve:
    if not images.isdecimal() or int(images) < 1:
        raise UsageError(f"column 'images': {images!r} is not a number of images")
    rows = sorted(rows, key=lambda row: row.bpp or 0.0)
    first = rows[0]
    return Curve(
        dataset=first.dataset,
        label=first.label,
        codec=first.codec,
        options=first.options,
        parameter=first.parameter,
        points=tuple(row.point for row in rows),
        images=(),
        values={
            column: np.array([[row.value(column) for row in rows]], dtype=np.float64)
            for column in (*NUMBERS, *dict.fromkeys(name for row in rows for name in row.scores))
        },
        channels=() if first.channels is None else (first.channels,),
        colors=tuple(sorted({row.color for row in rows} - {""})),
        mean_of=int(images),
    )


def _check_rows(
    rows: Sequence[Measurement], table: Table, records: Mapping[str, MetricRecord]
) -> None:
    label, seen = rows[0].label, set()
    for row, cells in zip(rows, table, strict=True):
        at = f"{label!r} at point {cells['point']!r}" + (f" of {row.image!r}" if row.image else "")
        if _identity(row) != _identity(rows[0]):
            raise UsageError(
                f"the rows of {label!r} differ in dataset, codec, options or parameter"
            )
        if not cells["point"] or not math.isfinite(row.point):
            raise UsageError(f"{at}: the point is not a number")
        if row.bpp is None:
            raise UsageError(f"{at} has no bpp")
        if row.bpp <= 0:
            raise UsageError(f"{at}: bpp is {point_text(row.bpp)}, a rate must be positive")
        for column in (*NUMBERS, *row.scores):
            value = row.value(column) or 0.0
            if math.isinf(value) and not of_identical(records.get(column), value):
                raise UsageError(f"{at}: {column} is {value}; leave unavailable values empty")
        if (row.image, row.point) in seen:
            raise UsageError(f"{at} has more than one row")
        seen.add((row.image, row.point))


def _identity(row: Measurement) -> tuple[str, str, str, str]:
    return row.dataset, row.codec, row.options, row.parameter


def _told(table: Table, column: str) -> str:
    """What all rows of a curve have in a column beyond those of a measurement."""
    values = {cells.get(column) or "" for cells in table}
    if len(values) > 1:
        raise UsageError(f"the rows of {table[0]['label']!r} differ in {column}")
    return values.pop()


def _one_of(column: str, value: str, known: Mapping[str, object] | Sequence[str]) -> str:
    if value not in known:
        raise unknown(f"value of column {column!r}:", value, known)
    return value
