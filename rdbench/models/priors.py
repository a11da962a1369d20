"""Static densities as integer tables that are identical on every machine.

A decoder recomputes the tables of a prior from its weights, for any width of the bins. They are
computed from the float32 values of the weights with the functions of
:mod:`rdbench.models.coding.portable` and with elementwise products and sums in a fixed order: no
library's exp, no BLAS, no sum whose order depends on the machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from rdbench.models.coding.portable import exp, normal_cdf, sigmoid, softplus, tanh
from rdbench.models.coding.tables import StaticTables, apportion
from rdbench.models.densities import FactorizedDensity, PiecewiseLinearDensity
from rdbench.models.theis2017 import SCALE_BOUND, GaussianScaleMixture

TAIL: Final = 2.0**-23
"""The most mass that is left to the escape at each end of a distribution."""
FARTHEST: Final = 1 << 12
"""The largest magnitude of a table's values; larger ones are left to the escape."""

Array = NDArray[np.float64]
Cumulative = Callable[[NDArray[np.int64], Array], Array]
"""Takes channels, int64 (k,), and boundaries of bins, (n,), counted in bins from the center;
returns the distribution functions of these channels there: float64, (k, n), 0 to 1."""


class FactorizedCumulative:
    """The distribution functions of the non-parametric densities of J. Ballé et al., "Variational
    image compression with a scale hyperprior", ICLR 2018, appendix 6.1, one for each channel.

    The arguments are those of the layers as trained: ``matrices``, (channels, outer, inner),
    ``biases``, (channels, outer, 1), and ``factors``, (channels, outer, 1); the last layer has no
    factors.
    """

    def __init__(
        self, matrices: Iterable[Tensor], biases: Iterable[Tensor], factors: Iterable[Tensor]
    ) -> None:
        self._matrices = [softplus(exact(matrix)) for matrix in matrices]
        self._biases = [exact(bias) for bias in biases]
        self._factors = [tanh(exact(factor)) for factor in factors]

    def __call__(self, values: Array, channels: NDArray[np.int64] | slice = slice(None)) -> Array:
        """The functions of ``channels`` at ``values``, (k, n): float64, (k, n), 0 to 1."""
        logits = values[:, np.newaxis]
        for k, (matrix, bias) in enumerate(zip(self._matrices, self._biases, strict=True)):
            logits = _product(matrix[channels], logits) + bias[channels]
            if k < len(self._factors):
                logits = logits + self._factors[k][channels] * tanh(logits)
        return sigmoid(logits[:, 0])


def factorized_tables(density: FactorizedDensity, beta: float = 1.0) -> StaticTables:
    """A table for each channel: symbol s has the mass between median + (s ± ½)·``beta``."""
    functions = FactorizedCumulative(density.matrices, density.biases, density.factors)
    medians = exact(density.medians)

    def cumulative(channels: NDArray[np.int64], halves: Array) -> Array:
        return functions(medians[channels, np.newaxis] + halves * beta, channels)

    return _tables(cumulative, len(medians))


def mixture_tables(mixture: GaussianScaleMixture, beta: float = 1.0) -> StaticTables:
    """A table for each map: symbol s has the mass between (s ± ½)·``beta``."""
    logits = exact(mixture.logits)
    shares = exp(logits - logits.max(axis=1, keepdims=True))
    shares = shares / np.add.accumulate(shares, axis=1)[:, -1:]
    scales = np.maximum(exp(exact(mixture.log_scales)), SCALE_BOUND)

    def cumulative(maps: NDArray[np.int64], halves: Array) -> Array:
        edges = halves * beta / scales[maps, :, np.newaxis]
        return _product(shares[maps, np.newaxis], normal_cdf(edges))[:, 0]

    return _tables(cumulative, len(logits))


def piecewise_linear_tables(
    density: PiecewiseLinearDensity, widths: Array, centers: Array
) -> StaticTables:
    """A table for each map: symbol s has the integral between ``centers`` + (s ± ½)·``widths``,
    both float64 (maps,), divided by that over the whole grid."""
    values = exact(density.values)
    points, extent = density.points, density.extent
    trapezoids = (values[:, 1:] + values[:, :-1]) / (2 * points)
    up_to = np.zeros_like(values)
    np.add.accumulate(trapezoids, axis=1, out=up_to[:, 1:])

    def cumulative(maps: NDArray[np.int64], halves: Array) -> Array:
        edges = centers[maps, np.newaxis] + halves * widths[maps, np.newaxis]
        scaled = np.clip((edges + extent) * points, 0, trapezoids.shape[1])
        cell = np.minimum(np.floor(scaled), trapezoids.shape[1] - 1).astype(np.int64)
        way = scaled - cell
        row = maps[:, np.newaxis]
        left, right = values[row, cell], values[row, cell + 1]
        part = way * (left + (right - left) * way / 2) / points
        below: Array = (up_to[row, cell] + part) / up_to[maps, -1:]
        return below

    return _tables(cumulative, len(values))


def _tables(cumulative: Cumulative, channels: int) -> StaticTables:
    """The tables of ``channels`` distributions, each cut where no more than :data:`TAIL` is left on
    a side, or at :data:`FARTHEST`."""
    lows = [0] * channels
    rows: list[NDArray[np.int64]] = [np.empty(0, np.int64)] * channels
    reaches = _reaches(cumulative, channels)
    for reach in np.unique(reaches):
        numbers = np.flatnonzero(reaches == reach)
        for number, below in zip(numbers, cumulative(numbers, _boundaries(reach)), strict=True):
            start, stop = _span(below)
            lows[number] = start - int(reach)
            masses = np.maximum(np.diff(below[start : stop + 1]), 0.0)
            rows[number] = apportion(np.append(masses, below[start] + (1.0 - below[stop])))
    return StaticTables(lows, rows)


def _reaches(cumulative: Cumulative, channels: int) -> NDArray[np.int64]:
    """For each channel, the number of bins on each side beyond which no more than :data:`TAIL` is
    left: the smallest such power of two, or :data:`FARTHEST`."""
    powers = 1 << np.arange(FARTHEST.bit_length())
    ends = np.asarray(powers, np.float64) + 0.5
    numbers = np.arange(channels)
    outside = np.maximum(cumulative(numbers, -ends), 1.0 - cumulative(numbers, ends))
    far = outside > TAIL
    far[:, -1] = False
    reaches: NDArray[np.int64] = powers[np.argmin(far, axis=1)]
    return reaches


def _boundaries(reach: int) -> Array:
    return np.arange(-reach, reach + 2, dtype=np.float64) - 0.5


def _span(below: Array) -> tuple[int, int]:
    """The first and the last boundary of a table, at least one bin apart."""
    bins = below.size - 1
    start = min(int(np.count_nonzero(below[1:] <= TAIL)), bins - 1)
    stop = bins - int(np.count_nonzero(1.0 - below[:-1] <= TAIL))
    return start, max(stop, start + 1)


def _product(matrices: Array, vectors: Array) -> Array:
    """(k, rows, inner) times (k, inner, n): (k, rows, n), summed in the order of ``inner``."""
    total = matrices[:, :, :1] * vectors[:, :1]
    for i in range(1, vectors.shape[1]):
        total = total + matrices[:, :, i : i + 1] * vectors[:, i : i + 1]
    return total


def exact(tensor: Tensor) -> Array:
    """``tensor`` as a float64 array of the same shape."""
    values: Array = tensor.detach().cpu().double().numpy()
    return values
