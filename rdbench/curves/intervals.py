"""Intervals of deltas over the images of a comparison."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

import numpy as np

from rdbench.bd import (
    Estimate,
    Interval,
    Kind,
    as_means,
    image_weights,
    in_unit,
    jackknife,
    mean_estimate,
    percentile_interval,
)
from rdbench.curves.comparison import FEWEST_IMAGES, PerImage, Settings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


def of_mean_curves(value: float, left_out: Array, kind: Kind) -> tuple[Estimate | None, Interval]:
    """The estimate for a delta of mean curves, from the differences without each of the images
    (:class:`rdbench.bd.Differences`); none if one of these has no delta."""
    values = np.array([*as_means(np.array([value]), kind), *left_out])
    if undefined := int(np.sum(~np.isfinite(values))):
        return None, Interval(math.nan, math.nan, undefined=undefined)
    estimate = jackknife(float(values[0]), left_out)
    return estimate, in_its_unit(estimate, kind)


def of_images(means: Array, overlaps: Array, kind: Kind, settings: Settings) -> PerImage:
    """The statistics of single images, from the differences of their curves
    (:class:`rdbench.bd.Differences`)."""
    values = in_unit(means, kind)
    defined, ratios = values[np.isfinite(values)], means[np.isfinite(values)]
    found = PerImage(
        mean=float(np.mean(defined)) if len(defined) else math.nan,
        values=tuple(values.tolist()),
        overlaps=tuple(overlaps.tolist()),
        geometric=float(in_unit(np.mean(ratios, keepdims=True), kind)[0])
        if len(defined)
        else math.nan,
    )
    if settings.interval == "none" or len(defined) < FEWEST_IMAGES:
        return found
    estimate = mean_estimate(ratios)
    if settings.interval == "bootstrap":
        weights = image_weights(len(defined), settings.resamples, settings.seed)
        interval = percentile_interval(weights @ defined)
        geometric = percentile_interval(in_unit(weights @ ratios, kind))
    else:
        interval = Interval.of(mean_estimate(defined))
        geometric = in_its_unit(estimate, kind)
    return dataclasses.replace(
        found, interval=interval, geometric_interval=geometric, estimate=estimate
    )


def in_its_unit(estimate: Estimate, kind: Kind) -> Interval:
    """The interval of an estimate by :func:`rdbench.bd.as_means`, in the unit of a delta."""
    return Interval(*in_unit(np.array(estimate.interval()), kind).tolist())
