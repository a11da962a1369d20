"""A Gaussian blur of sigma 1.5 as libjxl computes it, down to the rounding.

The filter is the recursive one of D. Charalampidis, "Recursive implementation of the Gaussian
filter using truncated cosine functions", IEEE Trans. Signal Processing 64(14), 2016,
doi:10.1109/TSP.2016.2549985, along rows and then down columns; outside the image there are zeros.
With N = 5 and s[n] = x[n - N - 1] + x[n + N - 1], it is the sum of three oscillators k = 1, 3, 5
(eq. 35):

    y_k[n] = n_k s[n] - d_k y_k[n - 1] - y_k[n - 2],  d_k = -2 cos(pi k / 2 N).

None of them is damped, so that what a step rounds off stays to the end of the row. Where two images
are nearly equal, SSIMULACRA 2 divides this noise by 0.0009, and at 90 points it takes a third of a
point: the noise is part of the metric. It is the same here as there where libjxl has fused
multiply-add and :mod:`rdbench.metrics.fused` finds it; without, libjxl has another noise, too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from rdbench.metrics.fused import product

Floats = NDArray[np.float32]

_SIGMA: Final = 1.5
_N: Final = round(3.2795 * _SIGMA + 0.2546)
"""Half of the width (eq. 57)."""
_SPAN: Final = 2 * _N
_STRIP: Final = 4096
"""Samples that a step makes at once, in all planes: their states fit into a cache."""
_ROWS: Final = 16
"""Steps down the columns whose results are handed out together."""
_BLOCKS: Final = 4
"""Blocks of four steps along the rows that are summed together."""


def _oscillators() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """n_k and d_k (eq. 33)."""
    omega = np.array([1, 3, 5]) * np.pi / (2 * _N)
    sign = np.array([1, -1, 1])
    p = sign / np.tan(omega / 2)  # eq. 37
    r = sign * p**2 / np.sin(omega)  # eq. 44
    rho = np.exp(-0.5 * _SIGMA**2 * omega**2) / _N  # eq. 50
    crossed = np.roll(p, -1) * np.roll(r, -2) - np.roll(r, -1) * np.roll(p, -2)
    zeta = crossed / crossed[2]  # eq. 52
    beta = np.linalg.solve([p, r, zeta], [1, _N**2 - _SIGMA**2, zeta @ rho])  # eq. 53 to 56
    return -beta * np.cos(omega * (_N + 1)), -2 * np.cos(omega)


def _down_matrix() -> Floats:
    """y[n] of three oscillators of what two records hold: y[n - 2], s[n - 1], y[n - 1], s[n]."""
    gain, d = _oscillators()
    one = np.eye(3)
    return np.hstack([-one, np.zeros((3, 1)), -d * one, gain[:, np.newaxis]]).astype(np.float32)


def _along_matrices() -> list[Floats]:
    """Of steps 2, 3, 0 and 1 of four, y of three oscillators of s[n] to s[n + 3], y[n - 2] and
    y[n - 1]: eq. 35 put into itself."""
    gain, d = _oscillators()
    none, one = np.zeros_like(d), np.ones_like(d)
    previous = [none, one]  # what y[n - 2], y[n - 1], y[n] and so on owe to y[n - 1]
    for _ in range(4):
        previous.append(-d * previous[-1] - previous[-2])
    steps = []
    for step in range(4):
        inputs = [gain * previous[step + 1 - late] if late <= step else none for late in range(4)]
        rows = [np.stack(inputs, axis=1), np.diag(-previous[step + 1]), np.diag(previous[step + 2])]
        steps.append(np.hstack(rows).astype(np.float32))
    return [steps[2], steps[3], steps[0], steps[1]]


_DOWN: Final = _down_matrix()
_ALONG: Final = _along_matrices()


class Blur:
    """Blurs of planes; keeps work space for the largest so far."""

    def __init__(self) -> None:
        self._work = np.empty(0, np.float32)

    def __call__(
        self,
        planes: int,
        height: int,
        width: int,
        fill: Callable[[slice, Floats], None],
    ) -> Iterator[tuple[slice, slice, Floats]]:
        """Rows, columns, and the blurred samples there: (rows, planes, columns).

        ``fill(rows, out)`` writes the samples of all columns of these rows into ``out``, (columns,
        planes, rows).
        """
        shape = height + 2 * _SPAN, planes, width
        if self._work.size < math.prod(shape):
            self._work = np.empty(math.prod(shape), np.float32)
        half_done = self._work[: math.prod(shape)].reshape(shape)
        half_done[:_SPAN] = half_done[-_SPAN:] = 0
        inner = half_done[_SPAN:-_SPAN]
        for rows in _strips(height, planes):
            source = np.zeros((width + 2 * _SPAN, planes, rows.stop - rows.start), np.float32)
            fill(rows, source[_SPAN:-_SPAN])
            made = _along(source.reshape(len(source), -1)).reshape(width, planes, -1)
            for plane in range(planes):
                cv2.transpose(made[:, plane], inner[rows, plane])
        for columns in _strips(width, planes):
            for rows, made in _down(half_done[:, :, columns]):
                yield rows, columns, made


def _strips(length: int, planes: int) -> Iterator[slice]:
    count = max(1, round(length * planes / _STRIP))
    edges = [length * index // count for index in range(count + 1)]
    yield from map(slice, edges, edges[1:])


def _along(source: Floats) -> Floats:
    """The filter down the first axis as libjxl runs it along rows: single steps to the first
    multiple of four after N, then blocks of four, then single steps."""
    length = len(source) - 2 * _SPAN
    out = np.empty((length, source.shape[1]), np.float32)
    state = np.zeros((10, source.shape[1]), np.float32)
    records = np.empty((_BLOCKS + 1, 16, source.shape[1]), np.float32)
    made = np.empty((3, source.shape[1]), np.float32)
    pair = np.empty((_BLOCKS, 2, source.shape[1]), np.float32)

    def singly(first: int, last: int) -> None:
        for n in range(first, last):
            m = n + _N - 1
            np.add(source[m], source[m + _SPAN], out=state[0])
            product(_ALONG[2], state, made)
            state[4:7] = state[7:10]
            state[7:10] = made
            if n >= 0:
                out[n] = made[0] + (made[1] + made[2])

    start = min(8, length)
    singly(1 - _N, start)
    blocks = max(0, -(-(length - 7 - start) // 4))
    records[0, 4:10] = state[4:]
    for first in range(0, blocks, _BLOCKS):
        count = min(_BLOCKS, blocks - first)
        n = start + 4 * first
        m = n + _N - 1
        shape = count, 4, -1
        last = m + 4 * count
        np.add(
            source[m:last].reshape(shape),
            source[m + _SPAN : last + _SPAN].reshape(shape),
            out=records[:count, :4],
        )
        for block in range(count):
            for lane, matrix in enumerate(_ALONG):
                made_there = records[block + 1, 4 + 3 * lane : 7 + 3 * lane]
                product(matrix, records[block, :10], made_there)
        results = out[n : n + 4 * count].reshape(shape)
        lanes = records[1 : count + 1, 4:].reshape(count, 4, 3, -1)
        for there, steps in ((lanes[:, :2], slice(2, 4)), (lanes[:, 2:], slice(0, 2))):
            np.add(there[:, :, 1], there[:, :, 2], out=pair[:count])
            np.add(there[:, :, 0], pair[:count], out=results[:, steps])
        records[0, 4:10] = records[count, 4:10]
    state[4:] = records[0, 4:10]
    singly(start + 4 * blocks, length)
    return out


def _down(source: Floats) -> Iterator[tuple[slice, Floats]]:
    """The filter down the first axis as libjxl runs it down columns: rows and results of those
    rows, which are overwritten by the next."""
    length = len(source) - 2 * _SPAN
    records = np.zeros((_ROWS + 2, 4, source[0].size), np.float32)
    out = np.empty((_ROWS, *source.shape[1:]), np.float32)
    sums = records.reshape(_ROWS + 2, 4, *source.shape[1:])[1:, 3]
    pairs = [records[t : t + 2].reshape(8, -1) for t in range(_ROWS)]
    n = 1 - _N
    while n < length:
        count = min(_ROWS, length - n) if n >= 0 else -n
        m = n + _N - 1
        np.add(source[m : m + count], source[m + _SPAN : m + _SPAN + count], out=sums[:count])
        for step in range(count):
            product(_DOWN, pairs[step], records[step + 2, :3])
        if n >= 0:
            results = out[:count].reshape(count, -1)
            np.add(records[2 : count + 2, 1], records[2 : count + 2, 2], out=results)
            np.add(records[2 : count + 2, 0], results, out=results)
            yield slice(n, n + count), out[:count]
        records[:2] = records[count : count + 2]
        n += count
