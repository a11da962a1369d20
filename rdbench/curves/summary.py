"""``summary.csv``: the means that a run's curves consist of."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from rdbench.curves.curve import NUMBERS, TIMES, Curve, curves_of
from rdbench.measurements import Measurements
from rdbench.schema import Measurement, one_line, point_text

SUMMARY: Final = "summary.csv"

_POOLED: Final = {
    "psnr_db": "psnr_db_of_mean_mse",
    "psnr_y_db": "psnr_y_db_of_mean_mse",
    "ms_ssim_db": "ms_ssim_db_of_mean_ms_ssim",
}
_TEXTS: Final = ("dataset", "label", "codec", "options", "codec_version", "parameter", "point")
SUMMARY_COLUMNS: Final = (
    *_TEXTS,
    "images",
    "images_left_out",
    *(c for number in NUMBERS for c in (number, _POOLED.get(number)) if c),
    "timing",
    "message",
)


def summary_rows(curves: Iterable[Curve]) -> list[dict[str, str]]:
    """One row of text per curve and point, with the keys :data:`SUMMARY_COLUMNS`.

    Numbers are means over ``images`` images; ``message`` says which images were left out and why,
    and which columns have fewer. A curve without any images has one row without numbers.
    """
    return [row for curve in curves for row in _rows(curve)]


def write_summary(run: str | Path, rows: Iterable[Measurement] | Measurements) -> Path:
    """Write ``summary.csv`` of a run directory from its measurements, and return its path."""
    from rdbench.results import csv_text, write_atomically

    table = summary_rows(curves_of(rows))
    cells: list[Sequence[str]] = [SUMMARY_COLUMNS]
    cells += [[row[column] for column in SUMMARY_COLUMNS] for row in table]
    path = Path(run) / SUMMARY
    write_atomically(path, csv_text(cells))
    return path


def _rows(curve: Curve) -> list[dict[str, str]]:
    means = {
        name: curve.mean(column, averaging)
        for column in NUMBERS
        for name, averaging in ((column, "mean"), (_POOLED.get(column), "pooled"))
        if name
    }
    common = dict.fromkeys(SUMMARY_COLUMNS, "") | {
        "dataset": curve.dataset,
        "label": curve.label,
        "codec": curve.codec,
        "options": curve.options,
        "codec_version": " | ".join(curve.versions),
        "parameter": curve.parameter,
        "images": str(curve.image_count),
        "images_left_out": str(len(curve.left_out)),
        "timing": curve.timing,
        "message": _message(curve),
    }
    return [
        common
        | {"point": point_text(point)}
        | {name: _number(float(mean[place])) for name, mean in means.items()}
        for place, point in enumerate(curve.points)
    ] or [common]


def _message(curve: Curve) -> str:
    parts = []
    if curve.lost_points:
        points = ", ".join(point_text(point) for point in curve.lost_points)
        parts.append(f"no image is ok at {curve.parameter} {points}")
    for column in NUMBERS:
        count = curve.image_count if curve.mean_of else len(curve.images_with(column))
        if 0 < count < curve.image_count and column not in TIMES:
            parts.append(f"{column} is of {count} images")
    parts += [f"without {image} ({reason})" for image, reason in curve.left_out.items()]
    return one_line("; ".join(parts))


def _number(value: float) -> str:
    return "" if math.isnan(value) else repr(value)
