"""Comparisons as rows of text, for CSV files."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

from rdbench.bd import METHODS
from rdbench.curves.comparison import Comparison
from rdbench.tables import number_cell

_COMPLEXITY: Final = ("encode_s", "decode_s", "memory_mb", "timing", "machines")
RECORD_COLUMNS: Final = (
    "dataset",
    "anchor",
    "test",
    "metric",
    "color",
    "averaging",
    "method",
    "delta",
    "unit",
    "value",
    "low",
    "high",
    "per_image_mean",
    "per_image_low",
    "per_image_high",
    "per_image_count",
    "overlap_percent",
    "images",
    "images_left_out",
    "dropped_anchor_points",
    "dropped_test_points",
    *(f"value_{method}" for method in METHODS),
    "methods_disagree",
    "overlaps_little",
    "resamples",
    "seed",
    *(f"anchor_{name}" for name in _COMPLEXITY),
    *(f"test_{name}" for name in _COMPLEXITY),
    "reason",
)
IMAGE_COLUMNS: Final = (
    "dataset",
    "anchor",
    "test",
    "metric",
    "color",
    "method",
    "delta",
    "unit",
    "image",
    "value",
    "overlap_percent",
    "reason",
)


def records(comparisons: Iterable[Comparison]) -> list[dict[str, str]]:
    """One row of text per comparison, with the keys :data:`RECORD_COLUMNS` (``bd.csv``)."""
    return [_record(row) for row in comparisons]


def image_records(comparisons: Iterable[Comparison]) -> list[dict[str, str]]:
    """One row of text per comparison and image, with the keys :data:`IMAGE_COLUMNS`."""
    return [
        _common(row)
        | {
            "image": image,
            "value": number_cell(value),
            "overlap_percent": number_cell(overlap),
            "reason": "" if math.isfinite(value) else row.image_reason(image),
        }
        for row in comparisons
        if row.per_image
        for image, value, overlap in zip(
            row.images, row.per_image.values, row.per_image.overlaps, strict=True
        )
    ]


def _record(row: Comparison) -> dict[str, str]:
    single, settings = row.per_image, row.settings
    of_mean = single.interval if single else None
    costs = zip(("anchor", "test"), row.complexities, strict=True)
    return (
        dict.fromkeys(RECORD_COLUMNS, "")
        | _common(row)
        | {
            "averaging": settings.averaging,
            "value": number_cell(row.value),
            "low": number_cell(row.interval.low if row.interval else math.nan),
            "high": number_cell(row.interval.high if row.interval else math.nan),
            "per_image_mean": number_cell(single.mean if single else math.nan),
            "per_image_low": number_cell(of_mean.low if of_mean else math.nan),
            "per_image_high": number_cell(of_mean.high if of_mean else math.nan),
            "per_image_count": str(single.count) if single else "",
            "overlap_percent": number_cell(row.overlap),
            "images": str(row.image_count),
            "images_left_out": str(len(row.left_out)),
            "dropped_anchor_points": " ".join(row.dropped_anchor),
            "dropped_test_points": " ".join(row.dropped_test),
            **{f"value_{name}": number_cell(value) for name, value in row.by_method.items()},
            "methods_disagree": _flag(row.methods_disagree),
            "overlaps_little": _flag(row.overlaps_little),
            "resamples": str(settings.resamples),
            "seed": str(settings.seed),
            **{
                f"{whose}_{name}": _cell(getattr(cost, name))
                for whose, cost in costs
                for name in _COMPLEXITY
            },
            "reason": row.reason,
        }
    )


def _common(row: Comparison) -> dict[str, str]:
    return {
        "dataset": row.dataset,
        "anchor": row.anchor,
        "test": row.test,
        "metric": row.settings.metric.name,
        "color": row.color,
        "method": row.settings.method,
        "delta": row.kind,
        "unit": "%" if row.kind == "rate" else row.settings.metric.unit,
    }


def _cell(value: float | str | tuple[str, ...]) -> str:
    if isinstance(value, tuple):
        return " | ".join(value)
    return value if isinstance(value, str) else number_cell(value)


def _flag(value: bool) -> str:
    return "yes" if value else ""
