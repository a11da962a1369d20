"""Comparisons as rows of text, for CSV files."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

from rdbench.bd import METHODS, Interval, Range
from rdbench.curves.comparison import PERCENTILES, Comparison, PerImage
from rdbench.tables import number_cell

_COMPLEXITY: Final = (
    "encode_s",
    "decode_s",
    "encode_transform_s",
    "decode_transform_s",
    "memory_mb",
    "memory_is",
    "timing",
    "machines",
    "load",
)
_NETWORKS: Final = {
    "encode_kmac_px": "encode",
    "decode_kmac_px": "decode",
    "entropy_encode_kmac_px": "entropy_encode",
    "entropy_decode_kmac_px": "entropy_decode",
    "parameters": "parameters",
    "weights_bytes": "weights_bytes",
}
"""Columns of learned codecs, the most over their points, and fields of
:class:`rdbench.curves.complexity.Networks`."""
RECORD_COLUMNS: Final = (
    "dataset",
    "anchor",
    "test",
    "metric",
    "color",
    "class",
    "averaging",
    "method",
    "convention",
    "rate_low",
    "rate_high",
    "quality_low",
    "quality_high",
    "delta",
    "unit",
    "value",
    "low",
    "high",
    "points_low",
    "points_high",
    "points_most",
    "points_most_without",
    "points_decide",
    "points_reason",
    "per_image_mean",
    "per_image_low",
    "per_image_high",
    "per_image_geometric",
    "per_image_geometric_low",
    "per_image_geometric_high",
    *(f"per_image_p{percent}" for percent in PERCENTILES),
    "per_image_extremes",
    "per_image_mean_without_extremes",
    "per_image_count",
    "overlap_percent",
    "images",
    "images_left_out",
    "dropped_anchor_points",
    "dropped_test_points",
    *(f"value_{method}" for method in METHODS),
    "methods_disagree",
    "overlaps_little",
    "at_one_point",
    "interval",
    "resamples",
    "seed",
    "cap_db",
    "p_value",
    "p_holm",
    "pairs",
    *(f"anchor_{name}" for name in (*_COMPLEXITY, *_NETWORKS)),
    *(f"test_{name}" for name in (*_COMPLEXITY, *_NETWORKS)),
    "anchor_effort",
    "test_effort",
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
    test, drawn = row.significance, settings.interval == "bootstrap"
    costs = tuple(zip(("anchor", "test"), row.complexities, strict=True))
    return (
        dict.fromkeys(RECORD_COLUMNS, "")
        | _common(row)
        | {
            "class": row.image_class,
            "averaging": settings.averaging,
            "convention": settings.convention.name if settings.convention else "",
            **_range("rate", settings.rates),
            **_range("quality", settings.qualities),
            **_ends("value", "", row.value, row.interval),
            **_points(row),
            **(_of_images(row, single) if single else {}),
            "overlap_percent": number_cell(row.overlap),
            "images": str(row.image_count),
            "images_left_out": str(len(row.left_out)),
            "dropped_anchor_points": " ".join(row.dropped_anchor),
            "dropped_test_points": " ".join(row.dropped_test),
            **{f"value_{name}": number_cell(value) for name, value in row.by_method.items()},
            "methods_disagree": _flag(row.methods_disagree),
            "overlaps_little": _flag(row.overlaps_little),
            "at_one_point": _flag(row.at_point),
            "interval": settings.interval,
            "resamples": str(settings.resamples) if drawn else "",
            "seed": str(settings.seed) if drawn else "",
            "cap_db": number_cell(settings.cap_db) if math.isfinite(settings.cap_db) else "",
            "p_value": number_cell(test.p_value if test else math.nan),
            "p_holm": number_cell(test.adjusted if test else math.nan),
            "pairs": str(test.pairs) if test else "",
            **{
                f"{whose}_{name}": _cell(getattr(cost, name))
                for whose, cost in costs
                for name in _COMPLEXITY
            },
            **{
                f"{whose}_{name}": number_cell(getattr(cost.networks, own)[1])
                for whose, cost in costs
                if cost.networks
                for name, own in _NETWORKS.items()
            },
            "anchor_effort": row.anchor_curve.effort_text if row.anchor_curve else "",
            "test_effort": row.test_curve.effort_text if row.test_curve else "",
            "reason": row.reason,
        }
    )


def _points(row: Comparison) -> dict[str, str]:
    """The cells of what the value owes to the choice of points."""
    if row.points is None:
        return {}
    return {
        "points_low": number_cell(row.points.low),
        "points_high": number_cell(row.points.high),
        "points_most": row.points.without,
        "points_most_without": number_cell(row.points.value_without),
        "points_decide": _flag(row.points_decide),
        "points_reason": row.points.reason,
    }


def _of_images(row: Comparison, single: PerImage) -> dict[str, str]:
    """The cells of what single images say."""
    percentiles = zip(PERCENTILES, single.percentiles, strict=True)
    return {
        **_ends("per_image_mean", "per_image_", single.mean, single.interval),
        **_ends(
            "per_image_geometric",
            "per_image_geometric_",
            single.geometric,
            single.geometric_interval,
        ),
        **{f"per_image_p{percent}": number_cell(value) for percent, value in percentiles},
        "per_image_extremes": " | ".join(row.images[place] for place in single.extremes),
        "per_image_mean_without_extremes": number_cell(single.mean_without_extremes),
        "per_image_count": str(single.count),
    }


def _ends(name: str, prefix: str, value: float, interval: Interval | None) -> dict[str, str]:
    """The cells of a value and its interval."""
    low, high = (interval.low, interval.high) if interval else (math.nan, math.nan)
    return {
        name: number_cell(value),
        f"{prefix}low": number_cell(low),
        f"{prefix}high": number_cell(high),
    }


def _range(name: str, ends: Range | None) -> dict[str, str]:
    low, high = ends or (math.nan, math.nan)
    return {f"{name}_low": number_cell(low), f"{name}_high": number_cell(high)}


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
