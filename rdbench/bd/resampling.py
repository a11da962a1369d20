"""Means over images: all of them, all but one, or a bootstrap draw."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from rdbench.bd.estimates import LEVEL, Estimate
from rdbench.bd.interpolants import Array
from rdbench.errors import unknown

Averaging = Literal["mean", "pooled"]
AVERAGINGS: Final[tuple[str, ...]] = get_args(Averaging)

MOST_UNDEFINED: Final = 0.05


@dataclass(frozen=True)
class Interval:
    """An interval over images: of an :class:`rdbench.bd.Estimate`, or of a percentile bootstrap
    (Efron 1979, doi 10.1214/aos/1176344552).

    ``undefined`` of the values that it was taken from do not exist; where that is any with an
    image left out, or over 5 % of the ``resamples``, ``low`` and ``high`` are NaN.
    """

    low: float
    high: float
    resamples: int = 0
    """Of the bootstrap."""
    undefined: int = 0
    error: float = 0.0
    """How far the ends may lie from those of endlessly many resamples: two standard errors."""
    level: float = LEVEL

    @classmethod
    def of(cls, estimate: Estimate) -> Interval:
        return cls(*estimate.interval())


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
    curves, so that deltas of several codecs can be compared. Read-only."""
    drawn = np.random.default_rng(seed).multinomial(
        images, np.full(images, 1 / images), size=resamples
    )
    weights = np.asarray(drawn / images, dtype=np.float64)
    weights.flags.writeable = False
    return weights


@functools.lru_cache(maxsize=64)
def left_out_weights(images: int) -> Array:
    """Weights (images, images) that leave out one image in each row. Read-only."""
    weights = (1 - np.eye(images)) / max(images - 1, 1)
    weights.flags.writeable = False
    return weights


def weighted_curves(
    rate: Array, quality: Array, weights: Array, averaging: str = "mean"
) -> tuple[Array, Array]:
    """Mean rates and qualities (b, points) of ``rate`` and ``quality`` (images, points), per
    image, by ``weights`` (b, images); NaN at points whose mean over all images is not finite, so
    that they are missing from every curve."""
    finite = np.isfinite(averages(rate)) & np.isfinite(averages(quality, averaging))
    rates, qualities = (np.full((len(weights), rate.shape[1]), math.nan) for _ in range(2))
    rates[:, finite] = averages(rate[:, finite], "mean", weights)
    qualities[:, finite] = averages(quality[:, finite], averaging, weights)
    return rates, qualities


def percentile_interval(values: NDArray[np.float64]) -> Interval:
    """The interval of a bootstrap from its ``values`` (resamples,); NaN where one has none."""
    defined = values[np.isfinite(values)]
    undefined = len(values) - len(defined)
    if not len(defined) or undefined > MOST_UNDEFINED * len(values):
        return Interval(math.nan, math.nan, len(values), undefined)
    tail = (100 - LEVEL) / 2
    # Two standard errors of the share of values below an end.
    apart = 2 * math.sqrt(tail * (100 - tail) / len(defined))
    ends = [tail, 100 - tail]
    around = np.clip([[end - apart, end + apart] for end in ends], 0, 100)
    (low, high), spans = np.percentile(defined, ends), np.percentile(defined, around)
    error = float(np.max(np.diff(spans, axis=1))) / 2
    return Interval(float(low), float(high), len(values), undefined, error)
