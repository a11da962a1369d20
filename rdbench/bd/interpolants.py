"""Piecewise cubic interpolants of strictly increasing data, many curves at once.

All arrays have the curves of a batch along their leading axes and the points of one curve along
the last. Written out here, and not taken from SciPy, because a bootstrap needs thousands of them,
each with its own abscissae; the tests compare them with SciPy's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class PiecewiseCubic:
    """Cubic pieces between ``knots`` (..., n).

    Piece k is ``sum(coefficients[j][..., k] * (x - knots[..., k]) ** j for j in range(4))``.
    """

    knots: Array
    coefficients: tuple[Array, Array, Array, Array]

    def __call__(self, x: Array) -> Array:
        """Values at ``x`` (..., m), within the range of the knots."""
        left = self.knots[..., None, 1:-1]
        # Pieces of no width at the end are none of those that are looked for.
        piece = np.sum(x[..., :, None] > left, axis=-1)
        t = x - np.take_along_axis(self.knots, piece, axis=-1)
        c0, c1, c2, c3 = (np.take_along_axis(c, piece, axis=-1) for c in self.coefficients)
        return np.asarray(c0 + t * (c1 + t * (c2 + t * c3)), dtype=np.float64)

    def integral(self, low: Array, high: Array) -> Array:
        """Definite integral from ``low`` to ``high`` (...), within the range of the knots."""
        start, stop = self._clipped(low, high)
        c0, c1, c2, c3 = self.coefficients

        def antiderivative(t: Array) -> Array:
            return t * (c0 + t * (c1 / 2 + t * (c2 / 3 + t * c3 / 4)))

        return np.asarray(np.sum(antiderivative(stop) - antiderivative(start), axis=-1))

    def increases(self, low: Array, high: Array) -> NDArray[np.bool_]:
        """Whether the slope is positive everywhere between ``low`` and ``high`` (...)."""
        start, stop = self._clipped(low, high)
        _, c1, c2, c3 = self.coefficients
        vertex = np.where(c3 == 0, start, -c2 / np.where(c3 == 0, 1, 3 * c3))
        places = (start, stop, np.clip(vertex, start, stop))
        slopes = [c1 + t * (2 * c2 + t * 3 * c3) for t in places]
        inside = stop > start
        return np.asarray(np.all((np.min(slopes, axis=0) > 0) | ~inside, axis=-1))

    def _clipped(self, low: Array, high: Array) -> tuple[Array, Array]:
        """The part of each piece that lies between ``low`` and ``high``, from the piece's knot."""
        left, right = self.knots[..., :-1], self.knots[..., 1:]
        start = np.clip(low[..., None], left, right) - left
        stop = np.clip(high[..., None], left, right) - left
        return start, stop


def pchip(x: Array, y: Array) -> PiecewiseCubic:
    """Monotone piecewise cubic Hermite interpolation (Fritsch and Butland 1984, doi
    10.1137/0905021, with the end slopes of Moler 2004), as JCT-VC and JVET use it."""
    h, m = _widths_and_slopes(x, y)
    if m.shape[-1] == 1:
        return _hermite(x, y, np.repeat(m, 2, axis=-1))
    w1, w2 = 2 * h[..., 1:] + h[..., :-1], h[..., 1:] + 2 * h[..., :-1]
    inner = (w1 + w2) / (w1 / m[..., :-1] + w2 / m[..., 1:])
    first = _end_slope(h[..., 0], h[..., 1], m[..., 0], m[..., 1])
    last = _end_slope(h[..., -1], h[..., -2], m[..., -1], m[..., -2])
    return _hermite(x, y, np.concatenate([first[..., None], inner, last[..., None]], axis=-1))


def akima(x: Array, y: Array) -> PiecewiseCubic:
    """Akima's interpolation (1970, doi 10.1145/321607.321609), unmodified. It need not be
    monotonic."""
    _, m = _widths_and_slopes(x, y)
    if m.shape[-1] == 1:
        return _hermite(x, y, np.repeat(m, 2, axis=-1))
    first, second, last, second_last = m[..., :1], m[..., 1:2], m[..., -1:], m[..., -2:-1]
    m = np.concatenate(
        [
            3 * first - 2 * second,
            2 * first - second,
            m,
            2 * last - second_last,
            3 * last - 2 * second_last,
        ],
        axis=-1,
    )
    change = np.abs(np.diff(m, axis=-1))
    before, after = change[..., :-2], change[..., 2:]
    total = before + after
    # Where both changes vanish the slope is undefined: the mean of its neighbors, as in SciPy.
    defined = total > 1e-9 * np.max(total, axis=-1, keepdims=True)
    weight = before / np.where(defined, total, 1)
    middle = m[..., 1:-2] + weight * (m[..., 2:-1] - m[..., 1:-2])
    return _hermite(x, y, np.where(defined, middle, (m[..., :-3] + m[..., 3:]) / 2))


def cubic(x: Array, y: Array) -> PiecewiseCubic:
    """Least-squares fit of one third-order polynomial (Bjøntegaard 2001, VCEG-M33); it meets
    four points exactly. It need not be monotonic."""
    ends = x[..., [0, -1]]
    span = ends[..., 1:] - ends[..., :1]
    unit = x / span - ends[..., :1] / span
    powers = unit[..., None] ** np.arange(4)
    fitted = (np.linalg.pinv(powers) @ y[..., None])[..., 0]
    scaled = fitted / span ** np.arange(4)
    return PiecewiseCubic(
        ends, (scaled[..., 0:1], scaled[..., 1:2], scaled[..., 2:3], scaled[..., 3:4])
    )


@dataclass(frozen=True)
class Method:
    """An interpolation, the fewest points that it needs, and whether what it gives must be
    checked for monotonicity because nothing else bounds it."""

    interpolate: Callable[[Array, Array], PiecewiseCubic]
    points: int
    checked: bool = False


METHODS: Final[Mapping[str, Method]] = {
    "pchip": Method(pchip, 2),
    "akima": Method(akima, 2),
    "cubic": Method(cubic, 4, checked=True),
}


def _widths_and_slopes(x: Array, y: Array) -> tuple[Array, Array]:
    h = np.diff(x, axis=-1)
    return h, np.diff(y, axis=-1) / h


def _end_slope(h0: Array, h1: Array, m0: Array, m1: Array) -> Array:
    """One-sided three-point slope. Of SciPy's two limiters only this one can act on increasing
    data."""
    return np.maximum(((2 * h0 + h1) * m0 - h0 * m1) / (h0 + h1), 0)


def _hermite(x: Array, y: Array, slopes: Array) -> PiecewiseCubic:
    h, m = _widths_and_slopes(x, y)
    left, right = slopes[..., :-1], slopes[..., 1:]
    return PiecewiseCubic(
        x,
        (y[..., :-1], left, (3 * m - 2 * left - right) / h, (left + right - 2 * m) / h**2),
    )
