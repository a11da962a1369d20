"""Intervals for Bjøntegaard deltas by resampling the images of a dataset."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from rdbench.bd.deltas import Kind, batch
from rdbench.bd.interpolants import Array
from rdbench.errors import unknown

Averaging = Literal["mean", "pooled"]
AVERAGINGS: Final[tuple[str, ...]] = get_args(Averaging)

LEVEL: Final = 95.0
MOST_UNDEFINED: Final = 0.05


@dataclass(frozen=True)
class Interval:
    """A percentile bootstrap interval (Efron 1979, doi 10.1214/aos/1176344552).

    ``undefined`` resamples of ``resamples`` had no value; over 5 % of them, or without any
    resamples, ``low`` and ``high`` are NaN.
    """

    low: float
    high: float
    resamples: int
    undefined: int
    level: float = LEVEL


def averages(values: Array, averaging: str = "mean", weights: Array | None = None) -> Array:
    """Means (p,) over images of ``values`` (images, p), or weighted means (b, p).

    ``averaging="mean"`` is the mean of the images' values. ``"pooled"`` takes values in dB as
    10·log10 of a power and averages the powers of their inverses, -10·log10(mean(10^(-v/10))):
    of PSNR that gives the PSNR of the mean MSE, of MS-SSIM in dB the dB of the mean MS-SSIM.
    ``weights`` (b, images) sum to 1 along images. Infinite values stay infinite in the mean.
    Raises :class:`rdbench.errors.UsageError` for another ``averaging``.
    """
    if averaging not in AVERAGINGS:
        raise unknown("averaging", averaging, AVERAGINGS)
    if averaging == "pooled":
        powers = averages(10 ** (-values / 10), "mean", weights)
        with np.errstate(divide="ignore"):
            return np.asarray(-10 * np.log10(powers))
    if weights is None:
        return np.asarray(np.mean(values, axis=0), dtype=np.float64)
    return np.asarray(weights @ values, dtype=np.float64)


def image_weights(images: int, resamples: int, seed: int) -> Array:
    """Weights (resamples, images) of a bootstrap over ``images``: how often each was drawn, with
    replacement, divided by ``images``. The same seed draws the same images for every pair of
    curves, so that deltas of several codecs can be held against each other."""
    drawn = np.random.default_rng(seed).multinomial(
        images, np.full(images, 1 / images), size=resamples
    )
    return drawn / images


def bootstrap_mean_curves(
    anchor_rate: Array,
    anchor_quality: Array,
    test_rate: Array,
    test_quality: Array,
    *,
    kind: Kind = "rate",
    method: str = "pchip",
    min_overlap: float = 0.0,
    averaging: str = "mean",
    resamples: int = 1000,
    seed: int = 0,
) -> Interval:
    """Interval of the delta of mean curves: images are resampled (the same for both curves),
    averaged, and the delta taken.

    Arrays (images, points), per image; rows of all four belong to the same images. Points whose
    mean is not finite are left out, as :func:`rdbench.bd.delta` does.
    """
    weights = image_weights(len(anchor_rate), resamples, seed)
    curves: list[Array] = []
    for rate, quality in ((anchor_rate, anchor_quality), (test_rate, test_quality)):
        finite = np.isfinite(averages(rate)) & np.isfinite(averages(quality, averaging))
        curves.append(averages(rate[:, finite], "mean", weights))
        curves.append(averages(quality[:, finite], averaging, weights))
    values = batch(*curves, kind=kind, method=method, min_overlap=min_overlap)
    return _interval(values)


def bootstrap_mean(values: Array, *, resamples: int = 1000, seed: int = 0) -> Interval:
    """Interval of the mean of ``values`` (images,), all finite."""
    if len(values) == 0:
        return Interval(math.nan, math.nan, resamples, resamples)
    return _interval(image_weights(len(values), resamples, seed) @ values)


def _interval(values: NDArray[np.float64]) -> Interval:
    defined = values[np.isfinite(values)]
    undefined = len(values) - len(defined)
    if not len(defined) or undefined > MOST_UNDEFINED * len(values):
        return Interval(math.nan, math.nan, len(values), undefined)
    tail = (100 - LEVEL) / 2
    low, high = np.percentile(defined, [tail, 100 - tail])
    return Interval(float(low), float(high), len(values), undefined)
