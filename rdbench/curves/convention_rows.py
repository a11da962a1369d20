"""Comparisons by a convention: its metrics, its mean of images, its mean over metrics."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from rdbench.bd import BDResult, as_means
from rdbench.curves import intervals
from rdbench.curves.comparison import FEW_POINTS, Comparison, Settings
from rdbench.curves.conventions import Convention
from rdbench.curves.curve import Curve
from rdbench.curves.notes import counted, listed
from rdbench.curves.pairs import Pairs, compare_pairs
from rdbench.curves.records import records_of, resolve
from rdbench.errors import UsageError
from rdbench.metrics import MetricRecord
from rdbench.metrics.published import PUBLISHED

MEAN: Final = "mean_of_metrics"
"""The name of a convention's mean over its metrics, used like the name of a metric."""


def check_options(convention: Convention, given: dict[str, Any]) -> None:
    """Raise :class:`UsageError` for options that were ``given`` and contradict the convention; None
    is an option that was not given."""
    own = {
        "metrics": convention.metrics,
        "method": convention.method,
        "averaging": "mean",
        "min_overlap": 0.0,
        "rates": convention.rates,
        "cap_db": convention.cap_db,
    }
    for name, value in given.items():
        if value is not None and value != own.get(name):
            said = own.get(name)
            known = said is not None and said != math.inf
            raise UsageError(
                f"`{name}` {_text(value)} contradicts the {convention.label} convention, which "
                f"sets {_text(said) if known else 'none'}; leave out `{name}` or `convention`"
            )


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(map(_text, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def with_decibels(curve: Curve) -> Curve:
    """``curve`` with SSIM of luma in decibels, as AOM reports it, if the curve has it linearly."""
    if "ssim_y" not in curve.values or "ssim_y_db" in curve.values:
        return curve
    with np.errstate(divide="ignore"):
        decibels = -10 * np.log10(1 - curve.values["ssim_y"])
    return dataclasses.replace(
        curve,
        values={**curve.values, "ssim_y_db": decibels},
        records={**curve.records, "ssim_y_db": PUBLISHED["ssim_y_db"]},
    )


def by_convention(
    convention: Convention, pairs: Pairs, settings: Settings, name: str = ""
) -> list[Comparison]:
    """The BD-rates of ``pairs`` in each metric of a convention, metric by metric, and their mean if
    the convention has one. ``settings`` are those that do not depend on the metric. Raises
    :class:`UsageError` if no curve has any of the metrics.
    """
    curves = [curve for pair in pairs for curve in pair if curve]
    known = {column for curve in curves for column in _columns(curve, convention)}
    if not known:
        raise UsageError(
            f"no curve has a metric of the {convention.label} convention: measure some of "
            f"{', '.join(convention.metrics)} (`rdbench run --metrics`, or `rdbench rescore`)"
        )
    rows: list[list[Comparison]] = []
    for metric in convention.metrics:
        record = resolve(metric, curves) if metric in known else records_of([metric])[metric]
        own = dataclasses.replace(settings, metric=record)
        found = compare_pairs(pairs, own, name=name)
        rows.append([_of_images(_told(row)) for row in found if row.kind == "rate"])
    if convention.over_metrics:
        rows.append([_over_metrics(convention, one) for one in zip(*rows, strict=True)])
    return [row for metric_rows in rows for row in metric_rows]


def _columns(curve: Curve, convention: Convention) -> list[str]:
    """The metrics of a convention that a curve has any value of."""
    return [
        name
        for name in convention.metrics
        if name in curve.values and not np.isnan(curve.values[name]).all()
    ]


def _told(row: Comparison) -> Comparison:
    """``row`` with which curve lacks the metric, or all of the convention's."""
    convention, metric = row.settings.convention, row.settings.metric
    assert convention
    for curve in (row.anchor_curve, row.test_curve):
        known = _columns(curve, convention) if curve else [metric.name]
        if metric.name not in known:
            what = metric.name if known else f"metric of the {convention.label} convention"
            assert curve
            return dataclasses.replace(row, problem=f"{curve.title} has no {what}")
    return row


def _of_images(row: Comparison) -> Comparison:
    """``row`` with the mean of its images in place of the delta of mean curves; an image without
    one leaves none."""
    single, value, reason = row.per_image, math.nan, row.problem
    if single is None:
        reason = reason or "a curve is published only as means; the convention needs images"
    else:
        pairs = zip(row.images, single.values, strict=True)
        without = [image for image, own in pairs if not math.isfinite(own)]
        if without:
            reason = (
                f"{len(without)} of {counted(len(row.images), 'image')} without a BD-rate "
                f"({listed(without)}): {row.image_reason(without[0])}"
            )
        elif not reason:
            value = single.mean
    overlap = float(np.mean(single.overlaps)) if single else math.nan
    points = row.curve.points if row.curve and not row.curve.reason else FEW_POINTS
    return dataclasses.replace(
        row,
        curve=BDResult(
            value, "rate", row.settings.method, overlap, (math.nan, math.nan), points, reason=reason
        ),
        interval=single.interval if single and not reason else None,
        estimate=single.estimate if single and not reason else None,
        resampled=None,
        points=None,
        problem="",
        by_method={},
        dropped_anchor=(),
        dropped_test=(),
    )


def _over_metrics(convention: Convention, rows: Sequence[Comparison]) -> Comparison:
    """The mean over all metrics of one pair, from its row for each of them."""
    first, count = rows[0], len(convention.metrics)
    metric = MetricRecord(MEAN, f"mean of {count} metrics")
    mean = dataclasses.replace(
        first,
        settings=dataclasses.replace(first.settings, metric=metric),
        left_out=(),
        per_image=None,
    )
    missing = [row.settings.metric.name for row in rows if row.reason]
    reason = f"the mean is over {count} metrics; {listed(missing)} is missing"
    if not missing and len({row.images for row in rows}) > 1:
        missing, reason = [MEAN], "its metrics were measured on different images"
    singles = [row.per_image for row in rows if row.per_image]
    if missing or len(singles) < len(rows):
        return _of_images(dataclasses.replace(mean, problem=reason))
    values = np.mean([single.values for single in singles], axis=0)
    overlaps = np.min([single.overlaps for single in singles], axis=0)
    of_images = intervals.of_images(as_means(values, "rate"), overlaps, "rate", first.settings)
    return _of_images(dataclasses.replace(mean, per_image=of_images))
