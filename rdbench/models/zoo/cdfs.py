"""CompressAI's tables and coder: 16-bit counts, and rANS with an escape beyond each table.

The tables have the entries, tails and rounding of CompressAI's. Their probabilities come from
portable arithmetic in float64 (:mod:`rdbench.models.coding.portable`), not from torch in float32,
so some counts differ by one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from rdbench.errors import UsageError
from rdbench.models.coding.portable import exp, normal_cdf
from rdbench.models.zoo.library import ans, pmf_to_quantized_cdf

Symbols = NDArray[np.int32]
Numbers = NDArray[np.integer[Any]]

SCALE_BOUND: Final = float(np.float32(0.11))
"""The smallest scale of a latent, and the first for which Gaussians are tabulated."""

_LEVELS: Final = 64
_TAIL_REACH: Final = 6.1094102048693975
"""The distance from the mean, in scales, beyond which the two tails of a Gaussian hold 1e-9,
CompressAI's tail mass."""
_PRECISION: Final = 16
_BAND: Final = 1 << 20
_LIMIT: Final = 1 << 26
"""Limit of symbols: the coder does not return if twice the excess over a table has over 28 bits."""


class Cdfs:
    """Numbered distributions over the integers: ``rows[t]`` are the cumulative counts, from 0 to
    2^16, of ``offsets[t]``, ``offsets[t] + 1``, ... and, last, of the escape."""

    def __init__(self, offsets: Sequence[int], rows: Sequence[list[int]]) -> None:
        self._offsets = list(offsets)
        self._rows = list(rows)

    def __len__(self) -> int:
        return len(self._rows)

    @classmethod
    def of(cls, offsets: Sequence[int], masses: Sequence[NDArray[np.float64]]) -> Cdfs:
        """Tables from probabilities, the escape's last."""
        rows = [pmf_to_quantized_cdf(mass.tolist(), _PRECISION) for mass in masses]
        return cls(offsets, rows)

    def used(self, numbers: Numbers) -> tuple[list[int], list[list[int]], list[int], list[int]]:
        """``numbers``, flattened and renumbered, and the counts, sizes and offsets of only the
        tables in use. The coder takes these; it copies all that it is given at each call."""
        there = np.bincount(numbers.reshape(-1), minlength=len(self)) > 0
        renumbered = (np.cumsum(there) - 1)[numbers.reshape(-1)]
        chosen = np.flatnonzero(there).tolist()
        rows = [self._rows[number] for number in chosen]
        offsets = [self._offsets[number] for number in chosen]
        return renumbered.tolist(), rows, [len(row) for row in rows], offsets


class Encoder:
    """Symbols to bytes. The calls of a :class:`Decoder` must be those of its encoder."""

    def __init__(self) -> None:
        self._encoder = ans.BufferedRansEncoder()

    def put(self, symbols: Symbols, numbers: Numbers, cdfs: Cdfs) -> None:
        """Add ``symbols``, each with the distribution of its number: arrays of one shape. Raises
        :class:`UsageError` for symbols of ±2^26 or beyond."""
        if symbols.size and max(-int(symbols.min()), int(symbols.max())) >= _LIMIT:
            raise UsageError(
                "latents are beyond 26 bits, more than CompressAI's coder takes: the weights are "
                "bad, or beta is too small"
            )
        flat, flat_numbers = symbols.reshape(-1), numbers.reshape(-1)
        for part in _bands(symbols.size):
            indexes, *tables = cdfs.used(flat_numbers[part])
            self._encoder.encode_with_indexes(flat[part].tolist(), indexes, *tables)

    def finish(self) -> bytes:
        """The bytes of all symbols."""
        data: bytes = self._encoder.flush()
        return data


class Decoder:
    """The inverse of :class:`Encoder`, for a payload of ``count`` symbols in all."""

    def __init__(self, payload: bytes, count: int) -> None:
        self._decoder = ans.RansDecoder()
        # The library reads beyond the end of a payload that is too short: let it read zeros.
        self._decoder.set_stream(payload + bytes(4 * (count + len(payload)) + 64))

    def get(self, numbers: Numbers, cdfs: Cdfs) -> Symbols:
        """The next symbols: int32, of the shape of ``numbers``."""
        flat = np.empty(numbers.size, np.int32)
        flat_numbers = numbers.reshape(-1)
        for part in _bands(numbers.size):
            flat[part] = self._decoder.decode_stream(*cdfs.used(flat_numbers[part]))
        return flat.reshape(numbers.shape)


def _bands(size: int) -> Iterator[slice]:
    for start in range(0, size, _BAND):
        yield slice(start, min(start + _BAND, size))


def scale_table() -> NDArray[np.float64]:
    """CompressAI's scales of Gaussians, float32 numbers as float64: 64 from 0.11 to 256, evenly
    spaced in their logarithms (``compressai.models.get_scale_table``)."""
    low, high = (np.float32(math.log(bound)) for bound in (0.11, 256))
    steps = np.arange(_LEVELS // 2, dtype=np.float32) * ((high - low) / np.float32(_LEVELS - 1))
    logarithms = np.concatenate([low + steps, (high - steps)[::-1]])
    return exp(logarithms.astype(np.float64)).astype(np.float32).astype(np.float64)


def gaussian_cdfs(scales: NDArray[np.float64]) -> Cdfs:
    """Gaussians of mean 0 in unit bins, one for each of ``scales``, as in
    ``compressai.entropy_models.GaussianConditional.update``."""
    offsets, masses = [], []
    for scale in scales.tolist():
        reach = math.ceil(np.float32(scale) * np.float32(_TAIL_REACH))
        edges = normal_cdf((np.arange(reach + 1) - 0.5 - reach) / scale)
        half = np.diff(edges)
        middle = 2.0 * (0.5 - edges[-1:])
        offsets.append(-reach)
        masses.append(np.concatenate([half, middle, half[::-1], 2.0 * edges[:1]]))
    return Cdfs.of(offsets, masses)
