"""How quantized coefficients become bits: binarization and contexts for the adaptive range coder. A
block begins with its *length*, the number of its levels up to the last that is not 0, in seven bits
from the highest down. For each of these levels follow

* whether it is 0, except for the last, which is not;
* its sign;
* its number of binary digits in unary: "more than one?", "more than two?", ...;
* the digits after the leading one, highest first.

Contexts: a bit of the length has those of it that came before; whether a level is 0, its number of
digits and its second digit have the level's position within the block; all signs have one context,
and so have all further digits. These two stay close to a half.

Blocks are coded in groups of 1, 1, 2, 4, ..., and then of :data:`GROUP`, and everything of one kind
is coded at once for a whole group, before the coder adapts to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from rdbench.codecs.blocks.transform import SIZE
from rdbench.errors import BitstreamError
from rdbench.models.coding.adaptive import AdaptiveCoder, Numbers

GROUP: Final = 128
MOST_DIGITS: Final = 20
"""Binary digits of a level."""

_LENGTH_BITS: Final = SIZE.bit_length()
_SIGN: Final = 1 << _LENGTH_BITS
_DIGIT: Final = _SIGN + 1
_ZERO: Final = _DIGIT + 1
_MORE: Final = _ZERO + SIZE
_SECOND: Final = _MORE + SIZE * MOST_DIGITS
CONTEXTS: Final = _SECOND + SIZE * MOST_DIGITS
"""How many contexts blocks of one kind take."""
PLACES: Final = SIZE + 1
"""Places of a block for a meter: its levels, and its length."""


def code(coder: AdaptiveCoder, levels: Numbers, kind: int, *, alike: bool = False) -> Numbers:
    """Code ``levels``, int64, (blocks, 64), and return those that are in the stream.

    A decoder is given zeros of that shape. ``kind``, from 0, says which contexts they have, and
    ``alike`` that all positions share theirs. Places for a meter are ``PLACES * block + position``,
    and that of the length is behind the levels. Raises :class:`BitstreamError` for a stream that
    no encoder makes.
    """
    found = np.zeros_like(levels)
    for start, stop in _groups(len(levels)):
        group = _Group(coder, levels[start:stop], kind * CONTEXTS, start, alike)
        found[start:stop] = group.coded()
        coder.learn()
    return found


def _groups(blocks: int) -> Iterator[tuple[int, int]]:
    start = 0
    while start < blocks:
        stop = min(start + min(max(start, 1), GROUP), blocks)
        yield start, stop
        start = stop


class _Group:
    """Some blocks, coded together."""

    def __init__(
        self, coder: AdaptiveCoder, levels: Numbers, base: int, first: int, alike: bool
    ) -> None:
        self._coder, self._levels, self._base, self._first = coder, levels, base, first
        self._positions = 0 if alike else 1

    def coded(self) -> Numbers:
        lengths = self._lengths()[:, np.newaxis]
        positions = np.arange(SIZE)
        nonzero = positions == lengths - 1
        row, column = np.nonzero(positions < lengths - 1)
        nonzero[row, column] = self._bits(
            _ZERO + self._positions * column, self._levels[row, column] != 0, row, column
        )
        found = np.zeros_like(self._levels)
        row, column = np.nonzero(nonzero)
        known = self._levels[row, column]
        negative = self._bits(np.full(len(row), _SIGN), known < 0, row, column)
        magnitudes = self._magnitudes(np.abs(known), row, column)
        found[row, column] = np.where(negative, -magnitudes, magnitudes)
        return found

    def _lengths(self) -> Numbers:
        """The number of levels of each block up to the last that is not 0."""
        ends = np.where(self._levels != 0, np.arange(1, SIZE + 1), 0)
        known = ends.max(axis=1)
        row = np.arange(len(known))
        node = np.ones_like(row)
        for place in reversed(range(_LENGTH_BITS)):
            node = 2 * node + self._bits(node, known >> place & 1, row, np.full_like(row, SIZE))
        lengths = node - (1 << _LENGTH_BITS)
        if (lengths > SIZE).any():
            raise BitstreamError("the stream is damaged: a block has more levels than samples")
        return lengths

    def _magnitudes(self, known: Numbers, row: Numbers, column: Numbers) -> Numbers:
        """The magnitudes, from 1, of the levels in these places."""
        own = self._positions * column * MOST_DIGITS
        digits = np.ones_like(known)
        alive = np.arange(len(known))
        for told in range(1, MOST_DIGITS):
            more = self._bits(
                _MORE + own[alive] + told - 1,
                known[alive] >> told != 0,
                row[alive],
                column[alive],
            )
            alive = alive[more == 1]
            if not alive.size:
                break
            digits[alive] += 1
        found = np.ones_like(known)
        for told in range(1, int(digits.max(initial=1))):
            alive = np.flatnonzero(digits > told)
            context = _SECOND + own[alive] + digits[alive] - 1 if told == 1 else _DIGIT
            bits = self._bits(
                np.broadcast_to(context, alive.shape),
                known[alive] >> (digits[alive] - told - 1) & 1,
                row[alive],
                column[alive],
            )
            found[alive] = 2 * found[alive] + bits
        return found

    def _bits(
        self, contexts: Numbers, bits: NDArray[Any], row: Numbers, column: Numbers
    ) -> Numbers:
        places = PLACES * (self._first + row) + column
        return self._coder.bits(self._base + contexts, bits, places)
