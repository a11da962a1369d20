"""Bjøntegaard deltas of rate-distortion curves, and their intervals over images.

Plain arrays in, plain data out: ``bd_rate(anchor_rate, anchor_quality, test_rate, test_quality)``
is a number in percent, :func:`delta` the same with what it rests on.
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
)
from rdbench.bd.deltas import (
    KINDS,
    BDResult,
    Kind,
    batch,
    bd_quality,
    bd_rate,
    delta,
    pareto_optimal,
)
from rdbench.bd.interpolants import METHODS, PiecewiseCubic

__all__ = [
    "AVERAGINGS",
    "KINDS",
    "LEVEL",
    "METHODS",
    "Averaging",
    "BDResult",
    "Interval",
    "Kind",
    "PiecewiseCubic",
    "averages",
    "batch",
    "bd_quality",
    "bd_rate",
    "bootstrap_mean",
    "bootstrap_mean_curves",
    "delta",
    "image_weights",
    "pareto_optimal",
]
