"""From the rows of files to the CSV of published curves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rdbench.curves.curve import Curve
from rdbench.curves.published import (
    COLORS,
    RATES,
    check_label,
    parse_published,
    published_labels,
)
from rdbench.curves.records import distance_from_one, of_identical
from rdbench.errors import UsageError, unknown
from rdbench.importing import rates, summaries
from rdbench.importing.paths import without_folders
from rdbench.importing.rows import TEXTS, Reading, Request, Row, image_name, listed
from rdbench.schema import point_text
from rdbench.tables import sheet

_FIRST: Final = (
    *("dataset", "image", "images", "channels", "color", "label", "codec", "options", "parameter"),
)
_LAST: Final = ("rate_is", "averaging", "description", "source", "known_issue")


@dataclass(frozen=True)
class Imported:
    """Imported curves, and the CSV that holds them. ``notes`` say what was left out, and
    limitations of the curves."""

    text: str
    curves: tuple[Curve, ...]
    notes: tuple[str, ...]


def tidy(reading: Reading, request: Request) -> Imported:
    """The rows of a reading, completed by the request, as the text of a CSV file.

    Raises :class:`UsageError` as :func:`rdbench.importing.import_curves`.
    """
    _check_request(request)
    of_images, left_out = summaries.split(reading.rows)
    groups: dict[str, list[Row]] = {}
    for row in rates.in_bpp(of_images, request):
        groups.setdefault(_label(row, request), []).append(row)
    groups = {label: without_folders(rows) for label, rows in groups.items()}
    taken = sorted(set(groups) & set(published_labels()))
    if taken:
        raise UsageError(
            f"rdbench ships a published curve with the label {taken[0]!r}; use that one, or "
            + (
                "give another `label`"
                if request.label
                else "give `label='my-*'`, where * stands for the label in the file"
            )
        )
    records: list[dict[str, str]] = []
    for label, rows in groups.items():
        records += _records(label, rows, request)
    header = (*_FIRST, *request.numbers, *_LAST)
    columns = [name for name in header if any(record.get(name) for record in records)]
    text = sheet([columns, *([record.get(name, "") for name in columns] for record in records)])
    curves = parse_published(text, "what was imported")
    notes = [f"not taken: {listed(reading.unused)}"] if reading.unused else []
    notes += summaries.notes(of_images, [*reading.summaries, *left_out])
    notes += _notes([row for rows in groups.values() for row in rows], of_images, curves)
    return Imported(text, tuple(curves), tuple(notes))


def _check_request(request: Request) -> None:
    if request.color not in COLORS:
        raise unknown("color", request.color, COLORS)
    if request.rate_is and request.rate_is not in RATES:
        raise unknown("meaning of a rate", request.rate_is, RATES)
    for name in ("dataset", "source", "known_issue"):
        _check_text(getattr(request, name), name, f"`{name}`")


def _label(row: Row, request: Request) -> str:
    own = row.texts.get("label", "")
    label = request.label.replace("*", own) if request.label else own
    if not (own or request.joins):
        raise UsageError(f"{row.where} has no label for the curve; give one with `label`")
    try:
        check_label(label)
    except UsageError as error:
        raise UsageError(f"{row.where}: {error}; give another one with `label`") from None
    return label


def _records(label: str, rows: Sequence[Row], request: Request) -> list[dict[str, str]]:
    for row in rows:
        _check_row(row, request)
    metrics = request.metrics.items()
    decibels = {linear: name for name, told in metrics if (linear := distance_from_one(told))}
    for linear, name in decibels.items():
        _check_levels(label, rows, linear, name)
    of_images = _of_images(label, rows, request)
    points, parameter = _points(rows, of_images=of_images)
    common = _common(label, rows, request) | {
        "images": "" if of_images else str(request.images),
        "parameter": _one(label, rows, "parameter", parameter),
    }
    if of_images:
        common["averaging"] = "none"
    _check_twice(rows, points)
    records = []
    for row, point in zip(rows, points, strict=True):
        numbers = {**row.numbers, "point": point}
        for linear, name in decibels.items() if of_images else ():
            if linear in numbers and name not in numbers:
                numbers[name] = _decibels(numbers[linear])
        records.append(
            common
            | {"dataset": _dataset(row, request), "image": image_name(row.texts.get("image", ""))}
            | {name: repr(value).removesuffix(".0") for name, value in numbers.items()}
        )
    return records


def _common(label: str, rows: Sequence[Row], request: Request) -> dict[str, str]:
    """What all rows of a curve have in common."""
    rates = {request.rate_is or row.rate_is or "unknown" for row in rows}
    if len(rates) > 1:
        raise UsageError(
            f"the rates of {label!r} are of several kinds ({listed(sorted(rates))}); import them "
            "as separate curves"
        )
    averagings = {row.averaging for row in rows}
    return {
        "channels": str(COLORS[request.color]),
        "color": request.color,
        "label": label,
        "codec": _one(label, rows, "codec", label),
        "options": _one(label, rows, "options", ""),
        "rate_is": rates.pop(),
        "averaging": averagings.pop() if len(averagings) == 1 else "unknown",
        "description": _one(label, rows, "description", ""),
        "source": request.source or f"imported from {rows[0].file}",
        "known_issue": request.known_issue or rows[0].known_issue,
    }


def _check_row(row: Row, request: Request) -> None:
    for name in TEXTS:
        if name != "label":
            _check_text(row.texts.get(name, ""), name, row.where)
    if "bpp" not in row.numbers:
        raise UsageError(f"{row.where} has no bpp")
    if not request.metrics.keys() & row.numbers.keys():
        raise UsageError(f"{row.where} has a rate but no quality")
    for name, value in row.numbers.items():
        if not math.isfinite(value) and not of_identical(request.metrics.get(name), value):
            raise UsageError(f"{row.where}: {name} is {value}; leave out unavailable values")
    if row.numbers["bpp"] <= 0:
        raise UsageError(
            f"{row.where}: bpp is {point_text(row.numbers['bpp'])}, a rate must be positive"
        )


def _check_levels(label: str, rows: Sequence[Row], linear: str, decibels: str) -> None:
    """Refuse decibels where the metric should be linear, and the other way round."""
    for row in rows:
        if not 0 <= row.numbers.get(linear, 0) <= 1:
            raise UsageError(
                f"{row.where}: {linear} is {row.numbers[linear]:g}, which is not within 0 and 1; "
                f"if it is in decibels, map it to {decibels}"
            )
    told = [row.numbers[decibels] for row in rows if decibels in row.numbers]
    if told and max(told) <= 1:
        raise UsageError(
            f"{label!r}: no {decibels} is above 1 dB; if it is linear, map it to {linear}"
        )


def _of_images(label: str, rows: Sequence[Row], request: Request) -> bool:
    named = [row for row in rows if row.texts.get("image")]
    if named and len(named) < len(rows):
        other = next(row for row in rows if not row.texts.get("image"))
        raise UsageError(
            f"{label!r} has rows of images ({named[0].where}) and means ({other.where}); leave "
            "out one kind"
        )
    if named and request.images:
        raise UsageError(f"`images` is for means; the rows of {label!r} name their images")
    if not named and not request.images:
        raise UsageError(
            f"the rows of {label!r} name no image, so they are means: give the number of images "
            "with `images`, or name the column with `mapping`: image=COLUMN, or the names of "
            "folders or files with `image`"
        )
    return bool(named)


def _points(rows: Sequence[Row], *, of_images: bool) -> tuple[list[float], str]:
    """The points of the rows and what they are; where they are not told, they are numbered from
    0 at the lowest mean rate."""
    told = [row for row in rows if "point" in row.numbers]
    if told and len(told) < len(rows):
        other = next(row for row in rows if "point" not in row.numbers)
        raise UsageError(f"{told[0].where} has a point, but {other.where} has none")
    if told:
        return [row.numbers["point"] for row in rows], "point"
    keys = [row.group if of_images else str(place) for place, row in enumerate(rows)]
    rates: dict[str, list[float]] = {}
    for key, row in zip(keys, rows, strict=True):
        rates.setdefault(key, []).append(row.numbers["bpp"])
    order = sorted(rates, key=lambda key: math.fsum(rates[key]) / len(rates[key]))
    return [float(order.index(key)) for key in keys], "index"


def _check_twice(rows: Sequence[Row], points: Sequence[float]) -> None:
    """Refuse a second row of a point, or of means that repeat all numbers of another one."""
    seen: dict[object, Row] = {}
    for row, point in zip(rows, points, strict=True):
        image = image_name(row.texts.get("image", ""))
        for key in ((image, point), (image, *sorted(row.numbers.items()))):
            if key in seen:
                told = "point" in row.numbers
                raise UsageError(
                    f"{row.where} repeats {seen[key].where}"
                    + (
                        ""
                        if told
                        else "; if they are two points, name them with `mapping`: point=COLUMN, "
                        "or with the names of folders or files (`point`)"
                    )
                )
            seen[key] = row


def _one(label: str, rows: Sequence[Row], name: str, default: str) -> str:
    values = {row.texts.get(name, "") or default: row.where for row in rows}
    if len(values) > 1:
        told = listed(f"{value!r} in {where}" for value, where in list(values.items())[:2])
        raise UsageError(
            f"the rows of {label!r} differ in {name} ({told}); give each curve its own `label`, "
            "or name the column with `mapping`: label=COLUMN"
        )
    return next(iter(values))


def _dataset(row: Row, request: Request) -> str:
    dataset = request.dataset or row.texts.get("dataset", "")
    if not dataset:
        raise UsageError(
            f"{row.where} has no dataset; give `dataset`, with its name in the runs to compare "
            "with (`rdbench datasets` lists known ones)"
        )
    return dataset


def _check_text(text: str, name: str, where: str) -> None:
    """Refuse what a spreadsheet would run as a formula."""
    if text and text[0] in "=+-@":
        raise UsageError(
            f"{where}: {name} {text!r} begins with {text[0]!r}, which spreadsheets take for a "
            "formula; change it"
        )


def _decibels(linear: float) -> float:
    return math.inf if linear == 1 else -10 * math.log10(1 - linear)


def _notes(rows: Sequence[Row], told: Sequence[Row], curves: Sequence[Curve]) -> list[str]:
    notes = []
    if {row.texts.get("image") for row in rows} != {row.texts.get("image") for row in told}:
        notes.append("images are named without their common folders")
    if any(image_name(image) != image for row in rows if (image := row.texts.get("image", ""))):
        notes.append("images are named without .png and the like, as runs name them")
    for curve in curves:
        if len(curve.points) == 1:
            notes.append(f"{curve.label} has a single point, so it can be drawn but not compared")
        if curve.left_out:
            image, reason = next(iter(curve.left_out.items()))
            notes.append(
                f"{curve.label}: {len(curve.left_out)} images lack points and will be left out "
                f"({image}: {reason})"
            )
        if curve.rate_is == "unknown":
            notes.append(f"{curve.label}: {RATES['unknown']}; `rate_is` says it")
    return notes
