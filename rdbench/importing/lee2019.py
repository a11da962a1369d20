"""The tables in the repository of Lee, Cho and Beack (ICLR 2019).

One file per measure: the header is ``lambda`` and the lambdas, followed by a row per image and the
row ``Average``, which is checked and left out. The mapping assigns the files of a curve, as in
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
from rdbench.importing import columns, summaries
from rdbench.importing.cells import cells
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
# Averages are printed with ten decimals, of images with ten decimals.
_TOLERANCE: Final = 2e-9

_Table = dict[tuple[str, float], float]


def recognizes(file: File, request: Request) -> bool:
    header = _header(file)
    wide = header[0] == _PARAMETER and all(NUMBER.fullmatch(name) for name in header[1:])
    return wide or (header == LONG and not request.mapping)


def read(files: Sequence[File], request: Request) -> Reading:
    """The rows of images; the rates are sizes of files."""
    long = [_header(file) == LONG for file in files]
    if any(long) and not all(long):
        raise UsageError("import tables of one measure and tables of all measures separately")
    reading = _read_long(files, request) if all(long) else _read_wide(files, request)
    rows = tuple(dataclasses.replace(row, rate_is="file") for row in reading.rows)
    return dataclasses.replace(reading, rows=rows)


def _header(file: File) -> tuple[str, ...]:
    return tuple(name.strip() for name in file.text.lstrip().partition("\n")[0].split(","))


def _read_long(files: Sequence[File], request: Request) -> Reading:
    mapping = {"label": "curve", "point": "lambda"}
    found = columns.read(files, dataclasses.replace(request, mapping=mapping))
    return Reading(found.rows)


def _read_wide(files: Sequence[File], request: Request) -> Reading:
    by_name = {file.name: file for file in files}
    if len(by_name) < len(files):
        raise UsageError("several of the tables have one name; import each folder separately")
    names = request.columns
    has_quality = bool(request.metrics.keys() & names.keys())
    complete = "bpp" in names and has_quality and set(names) <= set(request.numbers)
    wrong = sorted(set(names.values()) ^ set(by_name))
    if wrong or not complete:
        raise UsageError(
            "tables of Lee 2019 hold one measure each: assign them with `mapping`, such as "
            f"bpp=FILE,psnr_db=FILE; the files are {listed(map(repr, by_name))}"
            + (
                f", `mapping` and they differ in {listed(map(repr, wrong))}"
                if names and wrong
                else ""
            )
        )
    left_out: list[Row] = []
    tables = {column: _table(by_name[name], column, left_out) for column, name in names.items()}
    for column, table in tables.items():
        if other := sorted(f"{i} at {p:g}" for i, p in table.keys() ^ tables["bpp"].keys()):
            raise UsageError(
                f"{names[column]!r} and {names['bpp']!r} differ in {listed(other[:4])}"
            )
    rows = tuple(
        Row(
            names["bpp"],
            f"{image} at lambda {point:g}",
            {"image": image, "parameter": _PARAMETER},
            {"point": point, **{column: table[image, point] for column, table in tables.items()}},
        )
        for image, point in tables["bpp"]
    )
    return Reading(rows, summaries=tuple(left_out))


def _table(file: File, column: str, left_out: list[Row]) -> _Table:
    """The numbers of images, after means among the rows were checked. Rows over images are added to
    ``left_out``."""
    lines = cells(file, ",")
    points = [number(cell, _PARAMETER, repr(file.name)) for cell in lines[0][1][1:]]
    rows: dict[str, list[float]] = {}
    over_images: dict[str, list[float]] = {}
    for line, (image, *values) in lines[1:]:
        where = f"{file.name!r}, line {line}"
        if image in rows or image in over_images:
            raise UsageError(f"{where}: {image!r} occurs twice")
        numbers = [number(value, column, where) for value in values]
        if summaries.is_summary(image):
            over_images[image] = numbers
            left_out.append(Row(file.name, f"line {line}", {"image": image}, {}))
        else:
            rows[image] = numbers
    if not rows:
        raise UsageError(f"{file.name!r} has no images")
    means = list(map(statistics.fmean, zip(*rows.values(), strict=True)))
    for name in filter(summaries.is_mean, over_images):
        for point, mean, average in zip(points, means, over_images[name], strict=True):
            if not math.isclose(mean, average, rel_tol=0, abs_tol=_TOLERANCE):
                raise UsageError(
                    f"{file.name!r}: the row {name} has {average!r} at lambda {point:g}, but the "
                    f"mean of the {len(rows)} images is {mean!r}; is the file complete?"
                )
    return {
        (image, point): value
        for image, values in rows.items()
        for point, value in zip(points, values, strict=True)
    }
