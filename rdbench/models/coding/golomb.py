"""Exp-Golomb codes of order 0 of many numbers at once.

If x + 1 has b bits, the code of x is b - 1 ones, a zero, and the bits of x + 1 after its leading
one, highest first. The prefixes of all numbers are laid out in rounds (first bits of all, second
bits of those that have one, ...), so a decoder can read one round at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rdbench.errors import BitstreamError

MAX_BITS: Final = 34
"""The most bits of a number plus one: enough for the distance between an int32 and a table that is
offset by an int32."""

Bits = NDArray[np.int32]


def bit_lengths(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """The number of binary digits of each number from 0 to 2^52, exactly; 0 has none."""
    return np.frexp(numbers.astype(np.float64))[1].astype(np.int64)


def code_lengths(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """The length in bits of the code of each number; numbers are at least 0."""
    return 2 * bit_lengths(numbers + 1) - 1


def to_bits(numbers: NDArray[np.int64]) -> list[Bits]:
    """The codes of ``numbers``, one dimension, 0 to 2^34 - 2: the rounds of the prefixes, then the
    remaining bits of all."""
    tails = bit_lengths(numbers + 1) - 1
    rounds: list[Bits] = []
    alive = tails
    while alive.size:
        more = alive > len(rounds)
        rounds.append(more.astype(np.int32))
        alive = alive[more]
    shifts = _shifts(tails)
    rounds.append((np.repeat(numbers + 1, tails) >> shifts & 1).astype(np.int32))
    return rounds


def from_bits(count: int, read: Callable[[int], Bits]) -> NDArray[np.int64]:
    """The inverse of :func:`to_bits` for ``count`` numbers; ``read(n)`` returns the next n bits.

    Raises :class:`BitstreamError` for a prefix that is longer than any number needs.
    """
    tails = np.zeros(count, np.int64)
    alive = np.arange(count)
    while alive.size:
        alive = alive[read(alive.size) == 1]
        tails[alive] += 1
        if alive.size and int(tails[alive[0]]) >= MAX_BITS:
            raise BitstreamError("the stream is damaged: an escape is longer than any value needs")
    bits = read(int(tails.sum())).astype(np.int64)
    ends = np.cumsum(tails)
    sums = np.concatenate([[0], np.cumsum(bits << _shifts(tails))])
    numbers: NDArray[np.int64] = (1 << tails) - 1 + sums[ends] - sums[ends - tails]
    return numbers


def _shifts(tails: NDArray[np.int64]) -> NDArray[np.int64]:
    """``n - 1, ..., 1, 0`` for each n of ``tails``."""
    return np.repeat(np.cumsum(tails), tails) - 1 - np.arange(int(tails.sum()))
