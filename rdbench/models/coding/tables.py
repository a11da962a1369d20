"""Tables of integer frequencies, and how they are made from probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import constriction
import numpy as np
from numpy.typing import ArrayLike, NDArray

PRECISION: Final = 24  # constriction's; the finest probability is 2^-24
TOTAL: Final = 1 << PRECISION
MAX_ENTRIES: Final = 1 << 20
_WEIGHT_BITS: Final = 36  # weight * TOTAL < 2^60, and MAX_ENTRIES weights sum to less than 2^57
_LOW_LIMIT: Final = 1 << 31


@dataclass(frozen=True, eq=False)
class Indices:
    """The distribution of each symbol: table number ``table``, moved up by ``offset``.

    Both are int64 arrays of the shape of the symbols. A table of the values ``low, low + 1, ...``
    then gives ``low + offset, low + offset + 1, ...``.
    """

    offset: NDArray[np.int64]
    table: NDArray[np.int64]

    def __post_init__(self) -> None:
        if self.offset.shape != self.table.shape:
            raise ValueError(
                f"offsets of shape {self.offset.shape} do not fit tables of shape "
                f"{self.table.shape}; each symbol has one of each"
            )


class Tables:
    """A numbered set of distributions over the integers, each with an escape.

    ``lows[t]`` is the smallest value of table ``t``. ``frequencies[t]`` are the frequencies of
    ``lows[t]``, ``lows[t] + 1``, ... and, last, of the escape: positive integers that sum to 2^24.
    Raises :class:`ValueError` for others. The object never changes, so threads may share it.
    """

    def __init__(self, lows: Sequence[int], frequencies: Sequence[ArrayLike]) -> None:
        if len(lows) != len(frequencies) or not len(lows):
            raise ValueError(
                f"{len(lows)} lows for {len(frequencies)} tables; each table has one low, and "
                "there is at least one table"
            )
        rows = [
            _checked(number, np.asarray(row), int(low))
            for number, (low, row) in enumerate(zip(lows, frequencies, strict=True))
        ]
        self.lows: NDArray[np.int64] = np.array([int(low) for low in lows], np.int64)
        self.sizes: NDArray[np.int64] = np.array([row.size - 1 for row in rows], np.int64)
        """How many values each table has without the escape, which is also the escape's entry."""
        self._starts = np.cumsum(self.sizes + 1) - (self.sizes + 1)
        self._flat = np.concatenate(rows)
        self._flat.flags.writeable = False
        self.models: list[Any] = [
            constriction.stream.model.Categorical((row - 1).astype(np.float64), perfect=False)
            for row in rows
        ]
        """constriction's models of the tables."""

    def __len__(self) -> int:
        return len(self.sizes)

    def frequencies(self, table: int) -> NDArray[np.int64]:
        """The frequencies of one table, the escape's last: read-only, with the sum 2^24."""
        start = int(self._starts[table])
        row: NDArray[np.int64] = self._flat[start : start + int(self.sizes[table]) + 1]
        return row

    def frequency(
        self, table: NDArray[np.int64], entry: NDArray[np.integer[Any]]
    ) -> NDArray[np.int64]:
        """The frequencies of entries in their tables: arrays of one shape; entries count from 0."""
        frequencies: NDArray[np.int64] = self._flat[self._starts[table] + entry]
        return frequencies


class StaticTables(Tables):
    """Distributions that are part of a model, such as one for each channel of a prior.

    :mod:`rdbench.models.priors` makes them from weights.
    """

    def index(self, table: NDArray[np.integer[Any]]) -> Indices:
        """The indices of symbols, from the table number of each (any shape)."""
        return Indices(np.zeros(table.shape, np.int64), table.astype(np.int64))


def apportion(weights: ArrayLike) -> NDArray[np.int64]:
    """Positive integer frequencies that sum to 2^24 and are as nearly proportional as possible.

    ``weights``: one dimension, 2 to 2^20 finite numbers, none below 0 and not all 0. Each entry
    gets 1, plus its share of what remains, rounded down. The rest goes, one each, to the entries
    with the largest remainders (Hamilton's method), the first of equal ones. The weights are
    rounded to 36 bits of the largest, and the rest is integers, so the result is the same on every
    machine. Raises :class:`ValueError` for other weights.
    """
    given = np.asarray(weights, np.float64)
    if given.ndim != 1 or not 2 <= given.size <= MAX_ENTRIES:
        raise ValueError(
            f"probabilities of shape {given.shape}: a table takes one dimension with 2 to "
            f"{MAX_ENTRIES} entries, including the escape"
        )
    largest = float(given.max())
    if not (0 < largest < np.inf and float(given.min()) >= 0):
        raise ValueError("probabilities must be finite, not below 0, and not all 0")
    scaled = np.rint(given / largest * float(1 << _WEIGHT_BITS)).astype(np.int64)
    share, remainder = np.divmod(scaled * (TOTAL - given.size), int(scaled.sum()))
    rest = TOTAL - given.size - int(share.sum())
    share[np.argsort(-remainder, kind="stable")[:rest]] += 1
    return np.asarray(share + 1, np.int64)


def _checked(number: int, row: NDArray[Any], low: int) -> NDArray[np.int64]:
    where = f"table {number}"
    if row.ndim != 1 or not 2 <= row.size <= MAX_ENTRIES or row.dtype.kind not in "iu":
        raise ValueError(
            f"{where}: frequencies are 2 to {MAX_ENTRIES} integers, not {row.dtype} of shape "
            f"{row.shape}"
        )
    if not -_LOW_LIMIT <= low < _LOW_LIMIT:
        raise ValueError(f"{where}: its lowest value {low} is not an int32")
    frequencies = row.astype(np.int64)
    if int(frequencies.min()) < 1 or int(frequencies.max()) > TOTAL:
        raise ValueError(f"{where}: a frequency is not within 1 to {TOTAL}")
    if (total := int(frequencies.sum())) != TOTAL:
        raise ValueError(f"{where}: the frequencies sum to {total}, not {TOTAL}")
    return frequencies
