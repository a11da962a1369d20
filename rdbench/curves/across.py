"""One row over several datasets."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from rdbench.bd import (
    BDResult,
    Estimate,
    Interval,
    Kind,
    as_means,
    in_unit,
    mean_of_estimates,
    percentile_interval,
)
from rdbench.curves.comparison import Comparison, PerImage, PointSpread, Settings
from rdbench.curves.intervals import in_its_unit


def across_datasets(rows: Sequence[Comparison]) -> list[Comparison]:
    """The mean over all datasets of ``rows`` for each pair that has a value on every dataset. Each
    dataset weighs the same, however many images it has, and counts with its delta of mean curves:
    the geometric mean of the rate ratios for ``kind="rate"``, so that anchor and test swap to the
    inverse, and the arithmetic mean of the differences for ``"quality"``. The mean of the geometric
    means of images is given with it. Intervals come from resampling the images within each dataset,
    independently: they say how certain the mean over these datasets is, and nothing about other
    datasets. Empty for a single dataset.
    """
    datasets = tuple(dict.fromkeys(row.dataset for row in rows))
    if len(datasets) < 2:
        return []
    groups: dict[tuple[str, str, Kind, Settings], dict[str, Comparison]] = {}
    for row in rows:
        if not row.reason:
            key = row.anchor, row.test, row.kind, row.settings
            groups.setdefault(key, {})[row.dataset] = row
    return [
        _mean([group[dataset] for dataset in datasets])
        for group in groups.values()
        if len(group) == len(datasets)
    ]


def _mean(rows: Sequence[Comparison]) -> Comparison:
    first = rows[0]
    kind, method = first.kind, first.settings.method
    singles = [row.per_image for row in rows if row.per_image]
    per_image = None
    if len(singles) == len(rows):
        geometric = _mean_value([single.geometric for single in singles], kind)
        estimate = _together([single.estimate for single in singles])
        interval = in_its_unit(estimate, kind) if estimate else None
        same = kind == "quality"
        per_image = PerImage(
            geometric if same else math.nan,
            (),
            interval if same else None,
            geometric=geometric,
            geometric_interval=interval,
            estimate=estimate,
        )
    estimate = _together([row.estimate for row in rows])
    return dataclasses.replace(
        first,
        dataset=f"mean of {len(rows)} datasets",
        datasets=tuple(row.dataset for row in rows),
        images=(),
        image_count=sum(row.image_count for row in rows),
        left_out=(),
        curve=BDResult(
            _mean_value([row.value for row in rows], kind),
            kind,
            method,
            math.nan,
            (math.nan, math.nan),
        ),
        interval=_bootstrap(rows) or (in_its_unit(estimate, kind) if estimate else None),
        estimate=estimate,
        points=_points(rows),
        per_image=per_image,
        dropped_anchor=(),
        dropped_test=(),
        by_method={
            name: _mean_value([row.by_method[name] for row in rows], kind)
            for name in first.by_method
        },
        anchor_curve=None,
        test_curve=None,
        resampled=None,
    )


def _points(rows: Sequence[Comparison]) -> PointSpread | None:
    """The mean of the spreads over the choice of points: datasets share their ladders, so that
    these do not even out."""
    known = [row.points for row in rows if row.points]
    if len(known) < len(rows):
        return None
    for points in known:
        if points.reason:
            return PointSpread(reason=points.reason)
    kind = rows[0].kind
    ends = as_means(np.array([(points.low, points.high) for points in known]), kind)
    spread = float(np.mean(np.diff(ends, axis=1))) / 2
    mean = float(np.mean(as_means(np.array([row.value for row in rows]), kind)))
    return PointSpread(*in_unit(np.array([mean - spread, mean + spread]), kind).tolist())


def _together(estimates: Sequence[Estimate | None]) -> Estimate | None:
    known = [estimate for estimate in estimates if estimate]
    return mean_of_estimates(known) if len(known) == len(estimates) else None


def _mean_value(values: Sequence[float], kind: Kind) -> float:
    """The mean of deltas; NaN where a dataset has none."""
    return float(_means(np.array(values)[:, None], kind)[0])


def _means(values: np.ndarray, kind: Kind) -> np.ndarray:
    """Means (b,) of deltas (datasets, b)."""
    return in_unit(np.mean(as_means(values, kind), axis=0), kind)


def _bootstrap(rows: Sequence[Comparison]) -> Interval | None:
    drawn = [row.resampled for row in rows if row.resampled is not None]
    if len(drawn) < len(rows):
        return None
    # Datasets with equally many images drew the same ones: their resamples are paired anew.
    rng = np.random.default_rng(rows[0].settings.seed)
    shuffled = np.array([rng.permutation(values) for values in drawn])
    return percentile_interval(_means(shuffled, rows[0].kind))
