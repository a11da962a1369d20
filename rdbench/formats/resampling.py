"""Chroma at half the rows and columns of luma, and back, where its siting says.

Both ways the kernel is Lanczos's of three lobes, sinc(x) sinc(x / 3) for |x| < 3 and 0 beyond
(C. E. Duchon, "Lanczos filtering in one and two dimensions", J. Applied Meteorology 18, 1979,
doi:10.1175/1520-0450(1979)018<1016:LFIOAT>2.0.CO;2): with x in samples of chroma, down as well as
up, which makes it the low-pass filter of the coarser grid. A side on which chroma is centered has
12 weights down, and up 6 at a quarter from the nearest sample; one on which it is co-sited has 11
down, and up the sample itself or 6 weights halfway. Beyond the edges the last row or column is
repeated.

Of box, triangle, Catmull-Rom and Lanczos it has the highest ceiling on Kodak at both sitings and at
8 and 10 bits, 2.2 to 3.5 dB above the box (``benchmarks/chroma.md``); its overshoot beside
saturated edges is clipped.

Weights are multiples of 2^-16 that add up to 1: constant chroma is kept exactly, and interpolation
of integers is exact in float64.
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
"""What decides pixels here beside a layout, for the identity of measurements."""

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
"""Of the samples around one of chroma, by whether it is centered."""
_QUARTER: Final = _weights([step + 0.25 for step in range(-3, 3)])
"""A quarter before a sample of chroma: of the three before it, itself and the two behind."""
_HALF: Final = _weights([step + 0.5 for step in range(-3, 3)])
"""Halfway between two: of three on either side."""


def subsampled(values: Floats, layout: Layout) -> Floats:
    """``values`` at the positions of luma, (height, width), at those of chroma in ``layout``: half
    the rows (4:2:0) and columns (4:2:0, 4:2:2), rounded up."""
    for axis, (factor, centered) in enumerate(_sides(layout)):
        if factor == 2:
            values = _halved(values, axis, _DOWN[centered])
    return values


def at_luma(values: Floats, layout: Layout) -> Floats:
    """The inverse of :func:`subsampled`, with an even number of rows or columns."""
    for axis, (factor, centered) in enumerate(_sides(layout)):
        if factor == 2:
            values = _doubled(values, axis, centered=centered)
    return values


def _sides(layout: Layout) -> list[tuple[int, bool]]:
    return [*zip(layout.subsampling, _CENTERED[layout.siting], strict=True)]


def _halved(values: Floats, axis: int, weights: Sequence[float]) -> Floats:
    """Weighted means around every other line of ``axis``, from 5 lines before it on."""
    count = -(-values.shape[axis] // 2)
    last = 2 * (count - 1)
    lines = _extended(values, axis, 5, last + len(weights) - 5 - values.shape[axis])
    return _sum((w, _part(lines, axis, slice(i, i + last + 1, 2))) for i, w in enumerate(weights))


def _doubled(values: Floats, axis: int, *, centered: bool) -> Floats:
    """Twice as many lines of ``axis``."""
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
    """``values`` with the first and the last line of ``axis`` repeated."""
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
