"""Lossless coding of an image of integers whose neighbors are similar.

Each value is predicted by the median edge detector of JPEG-LS (ITU-T T.87, clause A.4.1) from its
left, upper and upper left neighbors. Differences are coded with the best, for the image, of
:data:`DISTRIBUTIONS` two-sided geometric distributions. A stream is the number of that distribution
in one byte, followed by the differences as coded by :mod:`rdbench.models.coding.coder`.
"""

from __future__ import annotations

import functools
import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rdbench.errors import BitstreamError
from rdbench.models.coding.coder import Decoder, Encoder
from rdbench.models.coding.portable import exp
from rdbench.models.coding.tables import StaticTables, apportion

DISTRIBUTIONS: Final = 40
"""Distribution k falls to 1/e at a distance of 2^(k/4 − 2) from 0: from a quarter to 215."""
LARGEST: Final = 1 << 29
"""The largest magnitude of a value, so that differences fit 32 bits."""

_REACH: Final = 16  # of a table, in such distances; the 1.1e-7 beyond it are escapes

Values = NDArray[np.int32]


def encode(values: Values) -> bytes:
    """The stream of ``values``: int32, (height, width). Raises :class:`ValueError` for magnitudes
    above :data:`LARGEST`."""
    if values.size and np.abs(values.astype(np.int64)).max() > LARGEST:
        raise ValueError(f"a value is beyond ±{LARGEST}")
    costs = [information(values, number).sum() for number in range(DISTRIBUTIONS)]
    number = int(np.argmin(costs))
    encoder = Encoder(tables())
    encoder.put(values - predicted(values), tables().index(np.full(values.shape, number)))
    return bytes([number]) + encoder.finish()


def decode(data: bytes, size: tuple[int, int]) -> Values:
    """The values of a stream of :func:`encode`: int32, of ``size`` (height, width). Raises
    :class:`BitstreamError` for anything else."""
    numbers = np.full(size, distribution(data))
    decoder = Decoder(data[1:], tables())
    differences = decoder.get(tables().index(numbers))
    decoder.finish()
    return _restored(differences)


def distribution(data: bytes) -> int:
    """The number of the distribution in a stream. Raises :class:`BitstreamError` if it has
    none."""
    if not data or data[0] >= DISTRIBUTIONS:
        raise BitstreamError("the stream is damaged: it names no distribution of differences")
    return data[0]


def information(values: Values, number: int) -> NDArray[np.float64]:
    """−log2 of the probabilities of ``values``, (height, width), under distribution ``number``, in
    bits: float64, of the same shape. Tables, escapes and coder play no part."""
    scale = _scale(number)
    distances = np.abs(values - predicted(values))
    # r^|d| sums to (1 + r)/(1 − r) over all integers d.
    whole = math.log2((1 + math.exp(-1 / scale)) / -math.expm1(-1 / scale))
    return np.asarray(distances / (scale * math.log(2)) + whole, np.float64)


def predicted(values: Values) -> NDArray[np.int64]:
    """The prediction of each of ``values``, (height, width): the left neighbor in the first row,
    the upper neighbor in the first column, and 0 for the first value."""
    left, above, corner = (np.zeros(values.shape, np.int64) for _ in range(3))
    left[:, 1:] = values[:, :-1]
    above[1:] = values[:-1]
    corner[1:, 1:] = values[:-1, :-1]
    above[:1] = corner[:1] = left[:1]
    left[1:, :1] = corner[1:, :1] = above[1:, :1]
    low, high = np.minimum(left, above), np.maximum(left, above)
    return np.asarray(np.clip(left + above - corner, low, high), np.int64)


@functools.cache
def tables() -> StaticTables:
    """The distributions as tables, computed by portable functions alone at the first call."""
    rows = []
    for number in range(DISTRIBUTIONS):
        scale = _scale(number)
        reach = math.ceil(_REACH * scale)
        powers = exp(-np.arange(reach + 2, dtype=np.float64) / scale)
        beyond = 2 * powers[-1] / (1.0 - powers[1])
        rows.append(apportion(np.concatenate([powers[-2:0:-1], powers[:-1], [beyond]])))
    return StaticTables([-(row.size // 2 - 1) for row in rows], rows)


def _scale(number: int) -> float:
    root = math.sqrt(math.sqrt(2.0))
    octave, quarter = divmod(number, 4)
    # Roots and products are rounded alike on every machine.
    return math.ldexp((1.0, root, root * root, root * root * root)[quarter], octave - 2)


def _restored(differences: Values) -> Values:
    """The values that differ by ``differences`` from their predictions."""
    rows: list[list[int]] = []
    for row in differences.tolist():
        values: list[int] = []
        above = rows[-1] if rows else [0] * len(row)
        left = corner = above[0] if row else 0
        for up, difference in zip(above, row, strict=True):
            if not rows:
                up = corner = left
            low, high = (left, up) if left < up else (up, left)
            left = min(max(left + up - corner, low), high) + difference
            corner = up
            values.append(left)
        rows.append(values)
    restored = np.array(rows, np.int64).reshape(differences.shape)
    if restored.size and np.abs(restored).max() > LARGEST:
        raise BitstreamError("the stream is damaged: a decoded value is too large")
    return restored.astype(np.int32)
