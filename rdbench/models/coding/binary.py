"""The lossless coder of Dumas, Roumy and Guillemot (2018): binary, with static probabilities.

The magnitude m of a value is binarized in truncated unary: m ones and a zero, or only ``length``
ones if m is ``length`` or more. In that case m − ``length`` follows in an Exp-Golomb code of order
0. The sign of a nonzero value follows in one bit, 1 for positive. The unary bins go through a
binary arithmetic coder with a probability for each map and bin; the other bits bypass it.

The arithmetic coder has 16-bit integers and the renormalizations E1, E2 and E3 (Witten, Neal and
Cleary 1987, DOI 10.1145/214762.214771). It splits an interval at a product of two doubles, rounded
down, which is the same on every machine. Each map ends with two bits (and those still due), which
fix the interval whatever follows, so maps follow one another without lengths. This needs exact
quarters: the authors' third quarter ends at 49149, not at 49151. The number of bits is still
theirs, except for one bit more or less in one map out of a hundred.

A stream is the arithmetic-coded bits of all maps, then all bypass bits, map by map and row by row,
highest bit of a byte first, with zeros to fill the last byte.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from rdbench.errors import BitstreamError
from rdbench.models.coding.golomb import MAX_BITS

UNARY_LENGTH: Final = 10
"""The usual unary length of a map."""

Probabilities = Sequence[NDArray[np.float64]] | NDArray[np.float64]

_TOP: Final = 65535
_QUARTER, _HALF, _THREE_QUARTERS = 16384, 32768, 49152
_REGISTER: Final = 16
_INT32: Final = np.iinfo(np.int32)


def encode_maps(latent: NDArray[np.integer[Any]], probabilities: Probabilities) -> bytes:
    """The stream of ``latent``: integers within int32, (maps, height, width).

    ``probabilities`` has, for each map, the probability that each unary bin is 0: float64, above 0
    and below 1. Their number is the map's unary length, which may differ between maps. Raises
    :class:`ValueError` for other arrays.
    """
    arithmetic, bypass = _encoded(latent, probabilities)
    bits = np.frombuffer((arithmetic + bypass).encode("ascii"), np.uint8) & 1
    return np.packbits(bits).tobytes()


def decode_maps(
    data: bytes, shape: tuple[int, int, int], probabilities: Probabilities
) -> NDArray[np.int32]:
    """The latent of a stream of :func:`encode_maps`: int32, of ``shape`` (maps, height, width).

    Raises :class:`BitstreamError` for a stream that is too short or too long or has a value beyond
    int32, and :class:`ValueError` for probabilities that do not fit.
    """
    rows = _rows(probabilities, shape[0])
    bits = np.unpackbits(np.frombuffer(data, np.uint8)).tobytes()
    readable = bits + bytes(_REGISTER)
    magnitude = np.empty((shape[0], shape[1] * shape[2]), np.int64)
    at = 0
    try:
        for number, row in enumerate(rows):
            magnitude[number], at = _decoded_map(readable, at, row, magnitude.shape[1])
        lengths = np.array([len(row) for row in rows])[:, np.newaxis]
        values, at = _decoded_bypass(bits, at, magnitude, magnitude == lengths)
    except IndexError:
        raise BitstreamError("the stream is truncated: it ends before its last value") from None
    if len(bits) - at not in range(8) or any(bits[at:]):
        raise BitstreamError("the stream is damaged: it does not end with its last value")
    if values.size and not _INT32.min <= values.min() <= values.max() <= _INT32.max:
        raise BitstreamError("the stream is damaged: a decoded value does not fit 32 bits")
    return values.astype(np.int32).reshape(shape)


def _encoded(latent: NDArray[np.integer[Any]], probabilities: Probabilities) -> tuple[str, str]:
    """The arithmetic-coded bits and the bypass bits, as strings of 0 and 1."""
    if latent.ndim != 3 or latent.dtype.kind not in "iu":
        raise ValueError(
            f"a latent has integers of shape (maps, height, width), but this one has "
            f"{latent.dtype} of shape {latent.shape}"
        )
    if latent.size and not _INT32.min <= latent.min() <= latent.max() <= _INT32.max:
        raise ValueError("a value is beyond 32 bits; only int32 values can be coded")
    values = latent.astype(np.int64).reshape(latent.shape[0], latent.shape[1] * latent.shape[2])
    rows = _rows(probabilities, latent.shape[0])
    arithmetic = [_encoded_map(np.abs(part), row) for part, row in zip(values, rows, strict=True)]
    bypass = [_encoded_bypass(part, len(row)) for part, row in zip(values, rows, strict=True)]
    return "".join(arithmetic), "".join(bypass)


def _rows(probabilities: Probabilities, maps: int) -> list[list[float]]:
    if len(probabilities) != maps:
        raise ValueError(
            f"{maps} maps need as many rows of probabilities, not {len(probabilities)}"
        )
    rows = [np.asarray(row, np.float64) for row in probabilities]
    for number, row in enumerate(rows):
        if row.ndim != 1 or not row.size or not ((row > 0) & (row < 1)).all():
            raise ValueError(
                f"map {number}: the probabilities of its bins must be a one-dimensional array of "
                "numbers above 0 and below 1"
            )
    return [row.tolist() for row in rows]


def _encoded_map(magnitude: NDArray[np.int64], row: list[float]) -> str:
    length = len(row)
    count = np.minimum(magnitude + 1, length)
    ends = np.cumsum(count)
    bins = np.arange(int(count.sum())) - np.repeat(ends - count, count)
    ones = bins < np.repeat(magnitude, count)
    low, high, due = 0, _TOP, 0
    out: list[str] = []
    for one, probability in zip(ones.tolist(), np.array(row)[bins].tolist(), strict=True):
        split = low + min(int(probability * (high - low)), high - low - 1)
        if one:
            low = split + 1
        else:
            high = split
        while True:
            if high < _HALF:
                out.append("0" + "1" * due)
                due = 0
            elif low >= _HALF:
                out.append("1" + "0" * due)
                due = 0
                low, high = low - _HALF, high - _HALF
            elif low >= _QUARTER and high < _THREE_QUARTERS:
                due += 1
                low, high = low - _QUARTER, high - _QUARTER
            else:
                break
            low, high = 2 * low, 2 * high + 1
    out.append("0" + "1" * (due + 1) if low < _QUARTER else "1" + "0" * (due + 1))
    return "".join(out)


def _decoded_map(
    bits: bytes, at: int, row: list[float], count: int
) -> tuple[NDArray[np.int64], int]:
    """The magnitudes of a map, capped at its unary length, and where the next map starts.

    Raises :class:`IndexError` at the end of ``bits``, which has 16 more than the stream.
    """
    low, high, code = 0, _TOP, 0
    ahead = at + _REGISTER
    for position in range(at, ahead):
        code = 2 * code + bits[position]
    magnitudes = [0] * count
    for index in range(count):
        magnitude = 0
        for probability in row:
            split = low + min(int(probability * (high - low)), high - low - 1)
            one = code > split
            if one:
                low = split + 1
                magnitude += 1
            else:
                high = split
            while True:
                if high < _HALF:
                    base = 0
                elif low >= _HALF:
                    base = _HALF
                elif low >= _QUARTER and high < _THREE_QUARTERS:
                    base = _QUARTER
                else:
                    break
                low, high = 2 * (low - base), 2 * (high - base) + 1
                code = 2 * (code - base) + bits[ahead]
                ahead += 1
            if not one:
                break
        magnitudes[index] = magnitude
    return np.array(magnitudes, np.int64), ahead - _REGISTER + 2


def _encoded_bypass(values: NDArray[np.int64], length: int) -> str:
    """The bypass bits of a map: for each nonzero value, its excess over ``length`` if it has that
    much, and its sign."""
    parts: list[str] = []
    for value in values[values != 0].tolist():
        if (rest := abs(value) - length) >= 0:
            digits = f"{rest + 1:b}"
            parts.append("1" * (len(digits) - 1) + "0" + digits[1:])
        parts.append("1" if value > 0 else "0")
    return "".join(parts)


def _decoded_bypass(
    bits: bytes, at: int, magnitude: NDArray[np.int64], long: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], int]:
    """The values, and where their bits end. ``magnitude``: their magnitudes, capped at the unary
    lengths; ``long``: which of these reach the cap. Raises :class:`IndexError` at the end of
    ``bits``."""
    values = magnitude.copy()
    flat = values.reshape(-1)
    for index in np.flatnonzero(flat).tolist():
        if long.flat[index]:
            tail = 0
            while bits[at]:
                tail, at = tail + 1, at + 1
                if tail >= MAX_BITS:
                    raise BitstreamError("the stream is damaged: a value needs more than 32 bits")
            at += 1
            rest = 1
            for position in range(at, at + tail):
                rest = 2 * rest + bits[position]
            at += tail
            flat[index] += rest - 1
        if not bits[at]:
            flat[index] = -flat[index]
        at += 1
    return values, at
