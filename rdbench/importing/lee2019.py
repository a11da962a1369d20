"""The tables in the repository of Lee, Cho and Beack (ICLR 2019).

One file per measure: the header is ``lambda`` and the lambdas, then comes a row per image and the
row ``Average``. The files of a curve are told apart by the mapping, as in
``bpp=[MSE optimized] bpp.csv,psnr_db=[MSE optimized] PSNR.csv``. The same numbers in one table with
the columns :data:`LONG` are read as well.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Sequence
from typing import Final

from rdbench.errors import UsageError
from rdbench.importing import columns
from rdbench.importing.rows import (
    NUMBER,
    File,
    Reading,
    Request,
    Row,
    listed,
    number,
)

LONG: Final = ("curve", "quality", "lambda", "image", "bpp", "psnr_db", "ms_ssim")

_PARAMETER: Final = "lambda"
_AVERAGE: Final = "Average"
# The averages are printed with ten decimals, of images with ten decimals.
_TOLERANCE: Final = 2e-9

_Table = dict[tuple[str, float], float]


def recognises(file: File, request: Request) -> bool:
    header = _header(file)
    wide = header[0] == _PARAMETER and all(NUMBER.fullmatch(name) for name in header[1:])
    return wide or (header == LONG and not request.mapping)


def read(files: Sequence[File], request: Request) -> Reading:
    """The rows of images; the rates are sizes of files."""
    long = [_header(file) == LONG for file in files]
    if any(long) and not all(long):
        raise UsageError("import tables of one measure and tables of all measures separately")
    rows = _read_long(files, request) if all(long) else _read_wide(files, request)
    return Reading(tuple(dataclasses.replace(row, rate_is="file") for row in rows))


def _header(file: File) -> tuple[str, ...]:
    return tuple(name.strip() for name in file.text.lstrip().partition("\n")[0].split(","))


def _read_long(files: Sequence[File], request: Request) -> list[Row]:
    mapping = {"label": "curve", "point": "lambda"}
    found = columns.read(files, dataclasses.replace(request, mapping=mapping))
    return list(found.rows)


def _read_wide(files: Sequence[File], request: Request) -> list[Row]:
    by_name = {file.name: file for file in files}
    if len(by_name) < len(files):
        raise UsageError("several of the tables have one name; import them from folders of one")
    names = request.columns
    has_quality = bool(request.metrics.keys() & names.keys())
    complete = "bpp" in names and has_quality and set(names) <= set(request.numbers)
    wrong = sorted(set(names.values()) ^ set(by_name))
    if wrong or not complete:
        raise UsageError(
            "tables of Lee 2019 hold one measure each: say which with `mapping`, such as "
            f"bpp=FILE,psnr_db=FILE; the files are {listed(map(repr, by_name))}"
            + (
                f", `mapping` and they differ in {listed(map(repr, wrong))}"
                if names and wrong
                else ""
            )
        )
    tables = {column: _table(by_name[name], column) for column, name in names.items()}
    for column, table in tables.items():
        if other := sorted(f"{i} at {p:g}" for i, p in table.keys() ^ tables["bpp"].keys()):
            raise UsageError(
                f"{names[column]!r} and {names['bpp']!r} differ in {listed(other[:4])}"
            )
    return [
        Row(
            names["bpp"],
            f"{image} at lambda {point:g}",
            {"image": image, "parameter": _PARAMETER},
            {"point": point, **{column: table[image, point] for column, table in tables.items()}},
        )
        for image, point in tables["bpp"]
    ]


def _table(file: File, column: str) -> _Table:
    lines = columns.cells(file, ",")
    points = [number(cell, _PARAMETER, repr(file.name)) for cell in lines[0][1][1:]]
    rows: dict[str, list[float]] = {}
    for line, (image, *values) in lines[1:]:
        where = f"{file.name!r}, line {line}"
        if image in rows:
            raise UsageError(f"{where}: {image!r} occurs twice")
        rows[image] = [number(value, column, where) for value in values]
    averages = rows.pop(_AVERAGE, None)
    if not rows:
        raise UsageError(f"{file.name!r} has no images")
    means = map(statistics.fmean, zip(*rows.values(), strict=True))
    for point, mean, average in zip(points, means, averages or [], strict=False):
        if not math.isclose(mean, average, rel_tol=0, abs_tol=_TOLERANCE):
            raise UsageError(
                f"{file.name!r}: the row Average has {average!r} at lambda {point:g}, the mean of "
                f"the {len(rows)} images is {mean!r}; is the file whole?"
            )
    return {
        (image, point): value
        for image, values in rows.items()
        for point, value in zip(points, values, strict=True)
    }
