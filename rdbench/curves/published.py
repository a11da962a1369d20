"""Curves that others published, kept as CSV files in ``baselines/``."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from rdbench.curves.curve import NUMBERS, Curve, curves_of
from rdbench.errors import UsageError, unknown
from rdbench.schema import Measurement

PREFIX: Final = "published:"
_PACKAGE: Final = Path(__file__).resolve().parent.parent
# In an installed package the files lie inside it, in a clone beside it.
_FOLDERS: Final = (_PACKAGE / "_baselines", _PACKAGE.parent / "baselines")


def published(name: str | Path) -> Curve:
    """The published curve ``name``, or the one curve of the CSV file at this path.

    Of a file with several curves one is named as ``FILE.csv:LABEL``. Raises
    :class:`rdbench.errors.UsageError` for an unknown name, with those near it.
    """
    file, _, label = str(name).rpartition(":") if ".csv:" in str(name) else (str(name), "", "")
    if not file.endswith(".csv"):
        known = {curve.label: curve for path in published_files() for curve in read_published(path)}
        if str(name) not in known:
            raise unknown("published curve", str(name), known, hint="or name a CSV file")
        return known[str(name)]
    curves = {curve.label: curve for curve in read_published(Path(file))}
    if label and label not in curves:
        raise unknown("published curve", label, curves, hint=f"in {file!r}")
    if not label and len(curves) != 1:
        raise UsageError(
            f"{file!r} has {len(curves)} curves ({', '.join(sorted(curves))}); name one as "
            f"{file}:LABEL"
        )
    return curves[label] if label else next(iter(curves.values()))


def published_files() -> list[Path]:
    """The CSV files of published curves that come with rdbench."""
    folder = next((folder for folder in _FOLDERS if folder.is_dir()), None)
    return sorted(folder.glob("*.csv")) if folder else []


def read_published(path: Path) -> list[Curve]:
    """The curves of one CSV file; its columns are described in ``baselines/README.md``."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {str(path)!r}: {error}") from None
    groups: dict[str, list[dict[str, str]]] = {}
    reader = csv.DictReader(io.StringIO(text, newline=""), restval="")
    if missing := {"dataset", "label", "point", "bpp"} - set(reader.fieldnames or ()):
        raise UsageError(f"{str(path)!r} has no column {', '.join(sorted(missing))}")
    for line, cells in enumerate(reader, start=2):
        if None in cells:
            raise UsageError(f"{str(path)!r}, line {line}: more cells than the header has")
        groups.setdefault(cells["label"], []).append(cells)
    try:
        return [_published_curve(cells) for cells in groups.values()]
    except (UsageError, ValueError) as error:
        raise UsageError(f"{str(path)!r}: {error}") from None


def _published_curve(table: Sequence[Mapping[str, str]]) -> Curve:
    rows = [Measurement.from_cells(cells) for cells in table]
    first = rows[0]
    origin, known_issue = (table[0].get(column) or "" for column in ("source", "known_issue"))
    if any((row.dataset, row.codec, row.options) != _identity(first) for row in rows):
        raise UsageError(f"the rows of {first.label!r} differ in dataset, codec or options")
    if any(row.bpp is None for row in rows):
        raise UsageError(f"a row of {first.label!r} has no bpp")
    if all(row.image for row in rows):
        return dataclasses.replace(
            curves_of(rows)[0], source="published", origin=origin, known_issue=known_issue
        )
    if any(row.image for row in rows) or not table[0].get("images"):
        raise UsageError(
            f"the rows of {first.label!r} must all name their image, or none of them and "
            "say in the column 'images' over how many they are means"
        )
    rows.sort(key=lambda row: row.bpp or 0.0)
    return Curve(
        dataset=first.dataset,
        label=first.label,
        codec=first.codec,
        options=first.options,
        parameter=first.parameter,
        points=tuple(row.point for row in rows),
        images=(),
        values={
            column: np.array([[getattr(row, column) for row in rows]], dtype=np.float64)
            for column in NUMBERS
        },
        channels=() if first.channels is None else (first.channels,),
        source="published",
        origin=origin,
        known_issue=known_issue,
        mean_of=int(table[0]["images"]),
    )


def _identity(row: Measurement) -> tuple[str, str, str]:
    return row.dataset, row.codec, row.options
