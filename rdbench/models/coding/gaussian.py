"""Tables of Gaussians, and the place where means and scales become integers."""

from __future__ import annotations

import functools
import itertools
import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from rdbench.errors import CodecError
from rdbench.models.coding.portable import normal_cdf
from rdbench.models.coding.tables import Indices, Tables, apportion

OCTAVES: Final = (-5, 8)
"""The smallest scale is 1/32: with the usual bound of 0.11, symbols of a scale of 0.03 cost twice
their 0.08 bit; with 1/32 they cost 0.08 + 0.004. Smaller ones gain nothing with means of 1/32. The
largest scale is 256; latents of 8-bit images do not spread wider."""
FINE_OCTAVE: Final = -2
"""Scales are 2^(k/16) below 2^FINE_OCTAVE, and 2^(k/8) above. The nearest of the latter costs
(ln 2 / 8)²/12 nat = 0.0009 bit per symbol more than the exact scale: 0.04 % of the 2.1 bits that a
symbol of scale 1 costs. At 0.11, the bound of many networks, no 2^(k/8) is near, and a symbol of ±1
could cost 1.3 of its 18 bits more or less; a 2^(k/16) is within 0.2 %."""
FINEST_MEAN_BITS: Final = 5
"""Means are multiples of 1/32 for scales below 1/2. Above, the step doubles with the scale: 1/16
below 1, ..., 1 from 8 on. With evenly spread means, this costs 0.004 bit at a scale of 1/32, 0.001
bit at 0.11, and at most (1/8)²/24 nat = 0.0009 bit from 1/2 on."""

REACH: Final = 5.25
"""How many scales a table reaches to each side; 1.3 of 2^24 lie beyond it on each."""
_SIXTEENTHS: Final[tuple[int, ...]] = (
    *range(16 * OCTAVES[0], 16 * FINE_OCTAVE),
    *range(16 * FINE_OCTAVE, 16 * OCTAVES[1] + 1, 2),
)
"""The logarithms of the scales, in sixteenths of an octave."""
SCALES: Final = len(_SIXTEENTHS)
_MEAN_LIMIT: Final = float(1 << 31)


class GaussianTables(Tables):
    """Gaussians on a grid of means and scales, integrated over unit intervals around the integers.

    The grid has 129 scales from 1/32 to 256, in steps of 2^(1/16) below 1/4 and of 2^(1/8) above.
    For each scale, it has means that are multiples of 1/32 or of a coarser step: 2073 tables in
    all. With evenly spread means and scales, symbols cost more than with exact Gaussians by 3.9 %
    (0.003 bit) at a scale of 1/32, 0.35 % at 0.11, 0.08 % at 1/2, 0.06 % at 1 and 0.03 % at 8.
    Tables reach 5.25 scales to each side; an escape costs 22 to 24 bits, a sign, and its distance.

    The tables are made once per process.
    """

    def __init__(self) -> None:
        lows, rows = _all_rows()
        super().__init__(lows, rows)

    def index(self, mean: NDArray[np.floating[Any]], scale: NDArray[np.floating[Any]]) -> Indices:
        """The table and the offset for each mean and scale (standard deviation), of one shape.

        ``mean`` and ``scale`` are float64, or of a float type that float64 contains. Scales below
        1/32, including 0 and negative ones, are taken as 1/32, those above 256 as 256, and means
        beyond ±2^31 as ±2^31. Raises :class:`rdbench.errors.CodecError` for NaN, and
        :class:`ValueError` for shapes that differ.

        Scales are compared with constants. Means are multiplied by a power of two, which is exact,
        and rounded once, half to even. The rest is integers. So equal means and scales give equal
        indices on every machine. *Almost* equal ones usually do as well. That is not enough: a
        mean that a decoder computes with a difference of e is rounded differently with a
        probability of e over the step. For float32 results of size 1 (e about 1e-7) and steps of
        1/32, that is 3e-6 per symbol, or about once in an image of 295,000 symbols; and one such
        symbol corrupts all that follow it. The network must give the decoder the same bits as the
        encoder: the same code on the same kind of device with the same number of threads.
        """
        if mean.shape != scale.shape:
            raise ValueError(f"means of shape {mean.shape}, but scales of shape {scale.shape}")
        number = np.searchsorted(_thresholds(), scale, side="right")
        if np.isnan(mean).any() or np.isnan(scale).any():
            raise CodecError("a mean or a scale is not a number; the weights or the input are bad")
        bits = _mean_bits()[number]
        clipped = np.clip(mean.astype(np.float64), -_MEAN_LIMIT, _MEAN_LIMIT)
        step = np.rint(clipped * (1 << bits)).astype(np.int64)
        half = (1 << bits) >> 1
        offset = (step + half) >> bits
        return Indices(offset, _firsts()[number] + step - (offset << bits) + half)


def scale_of(number: int) -> float:
    """Scale ``number`` of the grid, 0 to 128, correctly rounded."""
    return _power(2 * _SIXTEENTHS[number])


def mean_bits_of(number: int) -> int:
    """The binary logarithm of the number of means per unit at scale ``number`` of the grid."""
    return min(FINEST_MEAN_BITS, max(0, 3 - _SIXTEENTHS[number] // 16))


def rows_of(number: int) -> tuple[int, list[NDArray[np.int64]]]:
    """The lowest value of the tables of scale ``number`` of the grid, and their frequencies.

    The tables are those of the means ``(i - n//2)/n`` for i from 0 to n - 1, where
    n = 2^:func:`mean_bits_of`. The frequencies are those of :func:`apportion`.
    """
    scale, means = scale_of(number), 1 << mean_bits_of(number)
    reach = math.floor(REACH * scale) + 1
    edges = np.arange(2 * reach + 2, dtype=np.float64) - (reach + 0.5)
    fractions = (np.arange(means, dtype=np.float64) - means // 2) / means
    below = normal_cdf((edges - fractions[:, np.newaxis]) / scale)
    inside = below[:, 1:] - below[:, :-1]
    outside = below[:, :1] + (1.0 - below[:, -1:])
    weights = np.maximum(np.concatenate([inside, outside], axis=1), 0.0)
    return -reach, [apportion(row) for row in weights]


def _power(exponent: int) -> float:
    """2^(exponent/32), from integer square roots, which are exact."""
    octave, rest = divmod(exponent, 32)
    root = 1 << (rest + 32 * 60)
    for _ in range(5):
        root = math.isqrt(root)
    return math.ldexp(root, octave - 60)


@functools.cache
def _all_rows() -> tuple[list[int], list[NDArray[np.int64]]]:
    lows: list[int] = []
    rows: list[NDArray[np.int64]] = []
    for number in range(SCALES):
        low, of_scale = rows_of(number)
        lows += [low] * len(of_scale)
        rows += of_scale
    return lows, rows


@functools.cache
def _thresholds() -> NDArray[np.float64]:
    """The boundaries between scales: geometric means of neighbors."""
    return np.array([_power(sum(pair)) for pair in itertools.pairwise(_SIXTEENTHS)])


@functools.cache
def _mean_bits() -> NDArray[np.int64]:
    return np.array([mean_bits_of(number) for number in range(SCALES)], np.int64)


@functools.cache
def _firsts() -> NDArray[np.int64]:
    """The number of the first table of each scale."""
    return np.asarray(np.cumsum(1 << _mean_bits()) - (1 << _mean_bits()), np.int64)
