"""Subsampling of chroma and its interpolation, at the positions that its siting gives.

In both directions the kernel is Lanczos with three lobes, sinc(x) sinc(x / 3) for |x| < 3 and 0
beyond (C. E. Duchon, "Lanczos filtering in one and two dimensions", J. Applied Meteorology 18,
1979, doi:10.1175/1520-0450(1979)018<1016:LFIOAT>2.0.CO;2). x is in chroma samples in both
directions, which makes it the low-pass filter of the coarser grid. Along an axis on which chroma is
centered between luma samples, downsampling has 12 weights, and upsampling has 6, a quarter from the
nearest sample. Along an axis on which it is co-sited, downsampling has 11 weights, and upsampling
takes the sample itself or 6 weights halfway between two. At the edges the first or last row or
column is repeated.

Of box, triangle, Catmull-Rom and Lanczos, this kernel has the highest ceiling on Kodak at both
sitings and at 8 and 10 bits, 2.2 to 3.5 dB above the box (``benchmarks/chroma.md``). Its overshoot
at saturated edges is clipped.

Weights are multiples of 2^-16 that sum to 1: constant chroma is kept exactly, and interpolation of
integers is exact in float64.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from rdbench.formats.layout import Layout

Floats = NDArray[np.float64]

RESAMPLING: Final = "Lanczos of 3 lobes"
"""The filter, which decides pixels in addition to the layout: part of a measurement's identity."""

_LOBES: Final = 3
_CENTERED: Final = {"left": (True, False), "center": (True, True), "topleft": (False, False)}
"""Whether chroma lies between two rows, and between two columns."""


def _weights(distances: Sequence[float]) -> tuple[float, ...]:
    """The kernel at ``distances`` from its center, in multiples of 2^-16 whose sum is 1."""
    x = np.array(distances)
    kernel = np.sinc(x) * np.sinc(x / _LOBES)
    units = np.rint(kernel / kernel.sum() * 65536)
    largest = units == units.max()
    units[largest] += (65536 - units.sum()) / largest.sum()
    return tuple((units / 65536).tolist())


_DOWN: Final = {
    True: _weights([(step + 0.5) / 2 for step in range(-6, 6)]),
    False: _weights([step / 2 for step in range(-5, 6)]),
}
"""Weights of the samples around a chroma sample, by whether it is centered between two of them."""
_QUARTER: Final = _weights([step + 0.25 for step in range(-3, 3)])
"""Weights a quarter before a chroma sample: of the three before it, itself, and the two after."""
_HALF: Final = _weights([step + 0.5 for step in range(-3, 3)])
"""Weights halfway between two chroma samples: of the three on either side."""


def subsampled(values: Floats, layout: Layout) -> Floats:
    """``values`` on the luma grid, float64 (height, width), resampled to the chroma grid of
    ``layout``: half the rows (4:2:0) and half the columns (4:2:0, 4:2:2), rounded up."""
    for axis, (factor, centered) in enumerate(_sides(layout)):
        if factor == 2:
            values = _halved(values, axis, _DOWN[centered])
    return values


def at_luma(values: Floats, layout: Layout) -> Floats:
    """``values`` on the chroma grid of ``layout``, float64 (rows, columns), interpolated to the
    luma grid: twice the rows (4:2:0) and twice the columns (4:2:0, 4:2:2)."""
    for axis, (factor, centered) in enumerate(_sides(layout)):
        if factor == 2:
            values = _doubled(values, axis, centered=centered)
    return values


def _sides(layout: Layout) -> list[tuple[int, bool]]:
    return [*zip(layout.subsampling, _CENTERED[layout.siting], strict=True)]


def _halved(values: Floats, axis: int, weights: Sequence[float]) -> Floats:
    """Weighted means around every other line of ``axis``; the weights start 5 lines before it."""
    count = -(-values.shape[axis] // 2)
    last = 2 * (count - 1)
    lines = _extended(values, axis, 5, last + len(weights) - 5 - values.shape[axis])
    return _sum((w, _part(lines, axis, slice(i, i + last + 1, 2))) for i, w in enumerate(weights))


def _doubled(values: Floats, axis: int, *, centered: bool) -> Floats:
    """``values`` interpolated to twice as many lines of ``axis``."""
    count = values.shape[axis]
    lines = _extended(values, axis, 3, 3)
    shifted = [_part(lines, axis, slice(first, first + count)) for first in range(7)]
    if centered:
        phases = (_QUARTER, shifted[:6]), (_QUARTER[::-1], shifted[1:])
    else:
        phases = ((1.0,), shifted[3:4]), (_HALF, shifted[1:])
    shape = list(values.shape)
    shape[axis] *= 2
    doubled = np.empty(shape)
    for phase, (weights, terms) in enumerate(phases):
        _part(doubled, axis, slice(phase, None, 2))[:] = _sum(zip(weights, terms, strict=True))
    return doubled


def _extended(values: Floats, axis: int, before: int, behind: int) -> Floats:
    """``values`` with the first line of ``axis`` repeated ``before`` times, the last ``behind``."""
    sides = [(0, 0), (0, 0)]
    sides[axis] = before, behind
    return np.pad(values, sides, mode="edge")


def _part(values: Floats, axis: int, lines: slice) -> Floats:
    """Lines of ``axis``, as a view."""
    return values[lines] if axis == 0 else values[:, lines]


def _sum(terms: Iterable[tuple[float, Floats]]) -> Floats:
    """The sum of weights times arrays of one shape, each operation rounded by itself."""
    total: Floats | None = None
    for weight, values in terms:
        if total is None:
            total, product = values * weight, np.empty(values.shape)
        elif weight:
            total += np.multiply(values, weight, out=product)
    assert total is not None
    return total
