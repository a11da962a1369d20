"""``summary.csv``: the means that make up the curves of a run."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from rdbench.curves.curve import NUMBERS, TIMES, Curve, curves_of
from rdbench.curves.naming import with_what_differs
from rdbench.files import write_atomically
from rdbench.measurements import Measurements
from rdbench.metrics import BUILT_IN, MetricRecord
from rdbench.schema import Measurement, header, one_line, point_text
from rdbench.tables import sheet

SUMMARY: Final = "summary.csv"
_TEXTS: Final = (
    "dataset",
    "color",
    "label",
    "codec",
    "options",
    "codec_version",
    "parameter",
    "point",
)

PARTIAL: Final = (*TIMES, "encode_spread", "decode_spread", "added_rss_mb")
"""Columns that may be empty for some images without a remark."""


def summary_columns(curves: Sequence[Curve]) -> list[str]:
    """The columns of a summary: numbers of the core, the metrics of the curves, and for decibels
    that can be pooled a second column (``psnr_db_of_mean_mse``)."""
    there = dict.fromkeys(name for curve in curves for name in curve.scores)
    metrics = [name for name in BUILT_IN if name in there]
    metrics += [name for name in there if name not in BUILT_IN]
    pooled = {n: _pooled(record) for curve in curves for n, record in curve.records.items()}
    numbers = [
        column
        for name in header(metrics)
        if name in NUMBERS or name in there
        for column in (name, pooled.get(name, ""))
        if column
    ]
    machines = [name for name in ("hosts", "devices") if any(getattr(c, name) for c in curves)]
    return [*_TEXTS, "images", "images_left_out", *numbers, "timing", *machines, "message"]


def _pooled(record: MetricRecord) -> str:
    """The column of a metric's decibels of the mean, empty where it has none."""
    return f"{record.name}_of_mean_{record.linear_column}" if record.linear else ""


def summary_rows(curves: Iterable[Curve]) -> list[dict[str, str]]:
    """One row of text per curve and point, with keys of :func:`summary_columns`; metrics that a
    curve lacks are missing. Numbers are means over ``images`` images; ``message`` says which images
    were left out and why, which columns are over fewer images, and which times are from several
    machines. A curve without images has one row without numbers.
    """
    return [row for curve in curves for row in _rows(curve)]


def summary_table(curves: Sequence[Curve]) -> list[list[str]]:
    """The same as rows of cells, with the header."""
    columns = summary_columns(curves)
    rows = ([row.get(column, "") for column in columns] for row in summary_rows(curves))
    return [columns, *rows]


def write_summary(run: str | Path, rows: Iterable[Measurement] | Measurements) -> Path:
    """Write ``summary.csv`` of a run directory from its measurements; returns its path."""
    from rdbench.manifest import read_metrics

    path = Path(run) / SUMMARY
    curves = with_what_differs(curves_of(rows, read_metrics(run)))
    write_atomically(path, sheet(summary_table(curves)))
    return path


def _rows(curve: Curve) -> list[dict[str, str]]:
    means = {column: curve.mean(column) for column in (*NUMBERS, *curve.scores)}
    means |= {
        name: curve.quality(record, "pooled")
        for record in curve.records.values()
        if (name := _pooled(record))
    }
    common = {
        "dataset": curve.dataset,
        "color": " | ".join(curve.colors),
        "label": curve.label,
        "codec": curve.codec,
        "options": curve.options,
        "codec_version": " | ".join(curve.versions),
        "parameter": curve.parameter,
        "images": str(curve.image_count),
        "images_left_out": str(len(curve.left_out)),
        "timing": curve.timing,
        "hosts": " | ".join(curve.hosts),
        "devices": " | ".join(curve.devices),
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
    if len(curve.machines) > 1:
        parts.append(f"times are means over several machines ({' and '.join(curve.machines)})")
    for column in (*NUMBERS, *curve.scores):
        count = curve.image_count if curve.mean_of else len(curve.images_with(column))
        if 0 < count < curve.image_count and column not in PARTIAL:
            parts.append(f"{column} is of {count} images")
    parts += [f"without {image} ({reason})" for image, reason in curve.left_out.items()]
    return one_line("; ".join(parts))


def _number(value: float) -> str:
    return "" if math.isnan(value) else repr(value)
