"""Curves whose points are targets: values of the rate or of a metric for images to reach."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from rdbench.curves.curve import RATE, Curve
from rdbench.schema import point_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


def is_by_target(curve: Curve, column: str = "") -> bool:
    """Whether the points of a curve are targets (for ``column``, if given)."""
    tolerance = curve.values.get("tolerance")
    told = tolerance is not None and not np.isnan(tolerance).all()
    return told and curve.parameter in curve.values and column in ("", curve.parameter)


def deviations(curve: Curve) -> Array:
    """What each image reached minus its target (images, points)."""
    return np.asarray(curve.values[curve.parameter] - np.array(curve.points))


def deviation_text(curve: Curve, deviation: float, point: float) -> str:
    """A deviation in words: ``+1.20 %`` for a rate, ``-0.31`` for a metric."""
    if curve.parameter == RATE:
        return f"{100 * deviation / point:+.2f} %"
    record = curve.records.get(curve.parameter)
    return f"{deviation:+.3g}" + (f" {record.unit}" if record and record.unit else "")


def off_target(curve: Curve) -> str:
    """How much of a curve exceeds its tolerance; empty if nothing does, or if it has none."""
    if not is_by_target(curve):
        return ""
    found = deviations(curve)
    over = ~(np.abs(found) <= curve.values["tolerance"])
    if not over.any():
        return ""
    share = np.abs(found) / curve.values["tolerance"]
    image, place = np.unravel_index(np.argmax(np.where(over, share, -math.inf)), share.shape)
    point = curve.points[place]
    worst = deviation_text(curve, float(found[image, place]), point)
    return (
        f"{int(over.sum())} of {over.size} rows miss their {curve.parameter} by more than the "
        f"tolerance, by up to {worst} ({curve.images[image]} at {point_text(point)})"
    )
