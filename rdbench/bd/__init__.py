"""Bjøntegaard deltas of rate-distortion curves, and their intervals over images.

Plain arrays in, plain data out: ``bd_rate(anchor_rate, anchor_quality, test_rate, test_quality)``
is a number in percent, :func:`delta` the same with what it rests on. Many pairs of a few curves
are done with :func:`fit`, once for each curve, and :func:`differences`.
"""

from __future__ import annotations

from rdbench.bd.bootstrap import (
    AVERAGINGS,
    LEVEL,
    Averaging,
    Interval,
    averages,
    bootstrap_mean,
    bootstrap_mean_curves,
    image_weights,
    percentile_interval,
    resampled_curves,
)
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
from rdbench.bd.fits import KINDS, Differences, Fit, Kind, differences, fit, in_unit
from rdbench.bd.interpolants import METHODS, PiecewiseCubic

__all__ = [
    "AVERAGINGS",
    "KINDS",
    "LEVEL",
    "METHODS",
    "Averaging",
    "BDResult",
    "Differences",
    "Fit",
    "Interval",
    "Kind",
    "PiecewiseCubic",
    "Points",
    "averages",
    "batch",
    "bd_quality",
    "bd_rate",
    "bootstrap_mean",
    "bootstrap_mean_curves",
    "delta",
    "describe",
    "differences",
    "fit",
    "image_weights",
    "in_unit",
    "pareto_optimal",
    "percentile_interval",
    "resampled_curves",
]
