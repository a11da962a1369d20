"""One row over several datasets."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from rdbench.bd import BDResult, Interval, Kind, in_unit, percentile_interval
from rdbench.curves.comparison import Comparison, Settings


def across_datasets(rows: Sequence[Comparison]) -> list[Comparison]:
    """The mean over all datasets of ``rows`` for each pair that has a value on every one.

    Each dataset weighs the same, however many images it has, and counts with its delta of mean
    curves: the geometric mean of the rate ratios for ``kind="rate"``, so that anchor and test
    swap to the inverse, and the arithmetic mean of the differences for ``"quality"``. The interval
    resamples the images within each dataset, independently of each other: it says how sure the
    mean over these datasets is, and nothing about others. Empty for a single dataset.
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
    datasets = tuple(row.dataset for row in rows)
    value = _mean_value(np.array([[row.value] for row in rows]), first.kind)[0]
    by_method = {
        method: _mean_value(np.array([[row.by_method[method]] for row in rows]), first.kind)[0]
        for method in first.by_method
    }
    return dataclasses.replace(
        first,
        dataset=f"mean of {len(datasets)} datasets",
        datasets=datasets,
        images=(),
        image_count=sum(row.image_count for row in rows),
        left_out=(),
        curve=BDResult(
            float(value), first.kind, first.settings.method, math.nan, (math.nan, math.nan)
        ),
        interval=_interval(rows),
        per_image=None,
        dropped_anchor=(),
        dropped_test=(),
        by_method={method: float(mean) for method, mean in by_method.items()},
        anchor_curve=None,
        test_curve=None,
        resampled=None,
    )


def _mean_value(values: np.ndarray, kind: Kind) -> np.ndarray:
    """Means (b,) of deltas (datasets, b); NaN where a dataset has none."""
    if kind == "quality":
        return np.asarray(np.mean(values, axis=0))
    return in_unit(np.mean(np.log10(1 + values / 100), axis=0), kind)


def _interval(rows: Sequence[Comparison]) -> Interval | None:
    drawn = [row.resampled for row in rows if row.resampled is not None]
    if len(drawn) < len(rows):
        return None
    # Datasets with equally many images drew the same ones: their resamples are paired anew.
    rng = np.random.default_rng(rows[0].settings.seed)
    shuffled = np.array([rng.permutation(values) for values in drawn])
    return percentile_interval(_mean_value(shuffled, rows[0].kind))
