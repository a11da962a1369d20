"""Intervals for Bjøntegaard deltas by resampling the images of a dataset."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from rdbench.bd.deltas import batch
from rdbench.bd.fits import Kind
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


@functools.lru_cache(maxsize=64)
def image_weights(images: int, resamples: int, seed: int) -> Array:
    """Weights (resamples, images) of a bootstrap over ``images``: how often each was drawn, with
    replacement, divided by ``images``. The same seed draws the same images for every pair of
    curves, so that deltas of several codecs can be held against each other. Read-only."""
    drawn = np.random.default_rng(seed).multinomial(
        images, np.full(images, 1 / images), size=resamples
    )
    weights = np.asarray(drawn / images, dtype=np.float64)
    weights.flags.writeable = False
    return weights


def resampled_curves(
    rate: Array, quality: Array, *, averaging: str = "mean", resamples: int = 1000, seed: int = 0
) -> tuple[Array, Array]:
    """Mean rates and qualities (resamples, points) of bootstrap samples of ``rate`` and
    ``quality`` (images, points), per image; NaN at points whose mean over all images is not
    finite, so that they are missing from every sample."""
    finite = np.isfinite(averages(rate)) & np.isfinite(averages(quality, averaging))
    weights = image_weights(len(rate), resamples, seed)
    rates, qualities = (np.full((resamples, rate.shape[1]), math.nan) for _ in range(2))
    rates[:, finite] = averages(rate[:, finite], "mean", weights)
    qualities[:, finite] = averages(quality[:, finite], averaging, weights)
    return rates, qualities


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
    curves = [
        array
        for rate, quality in ((anchor_rate, anchor_quality), (test_rate, test_quality))
        for array in resampled_curves(
            rate, quality, averaging=averaging, resamples=resamples, seed=seed
        )
    ]
    return percentile_interval(batch(*curves, kind=kind, method=method, min_overlap=min_overlap))


def bootstrap_mean(values: Array, *, resamples: int = 1000, seed: int = 0) -> Interval:
    """Interval of the mean of ``values`` (images,), all finite."""
    if len(values) == 0:
        return Interval(math.nan, math.nan, resamples, resamples)
    return percentile_interval(image_weights(len(values), resamples, seed) @ values)


def percentile_interval(values: NDArray[np.float64]) -> Interval:
    """The interval of a bootstrap from its ``values`` (resamples,); NaN where one has none."""
    defined = values[np.isfinite(values)]
    undefined = len(values) - len(defined)
    if not len(defined) or undefined > MOST_UNDEFINED * len(values):
        return Interval(math.nan, math.nan, len(values), undefined)
    tail = (100 - LEVEL) / 2
    low, high = np.percentile(defined, [tail, 100 - tail])
    return Interval(float(low), float(high), len(values), undefined)
