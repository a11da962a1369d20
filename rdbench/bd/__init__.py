"""Bjøntegaard deltas of rate-distortion curves, and their intervals over images.

Plain arrays in, plain data out: ``bd_rate(anchor_rate, anchor_quality, test_rate, test_quality)``
is a number in percent, :func:`delta` the same with what it rests on. For many pairs of a few
curves, use :func:`fit` once for each curve, and then :func:`differences`.
"""

from __future__ import annotations

from rdbench.bd.deltas import (
    BDResult,
    Points,
    batch,
    bd_quality,
    bd_rate,
    delta,
    describe,
    pareto_optimal,
)
from rdbench.bd.estimates import (
    LEVEL,
    Estimate,
    holm,
    jackknife,
    mean_estimate,
    mean_of_estimates,
)
from rdbench.bd.fits import KINDS, Differences, Fit, Kind, as_means, differences, fit, in_unit
from rdbench.bd.interpolants import METHODS, PiecewiseCubic
from rdbench.bd.ladders import Choice, choices
from rdbench.bd.resampling import (
    AVERAGINGS,
    Averaging,
    Interval,
    averages,
    image_weights,
    left_out_weights,
    percentile_interval,
    weighted_curves,
)
from rdbench.bd.rules import EVERY_POINT, PointRule, Range

__all__ = [
    "AVERAGINGS",
    "EVERY_POINT",
    "KINDS",
    "LEVEL",
    "METHODS",
    "Averaging",
    "BDResult",
    "Choice",
    "Differences",
    "Estimate",
    "Fit",
    "Interval",
    "Kind",
    "PiecewiseCubic",
    "PointRule",
    "Points",
    "Range",
    "as_means",
    "averages",
    "batch",
    "bd_quality",
    "bd_rate",
    "choices",
    "delta",
    "describe",
    "differences",
    "fit",
    "holm",
    "image_weights",
    "in_unit",
    "jackknife",
    "left_out_weights",
    "mean_estimate",
    "mean_of_estimates",
    "pareto_optimal",
    "percentile_interval",
    "weighted_curves",
]
