"""An adaptive range coder of bits: encoder and decoder learn the probabilities of each context.

For each context, a number from 0, encoder and decoder count the zeros and ones seen so far,
starting at a half of each (Krichevsky and Trofimov 1981, DOI 10.1109/TIT.1981.1056331). The share
of ones is the probability that the next bit is a 1, and a bit of probability p costs -log2 p bits.
Bits are coded many at a time; :meth:`AdaptiveCoder.learn` updates the counts. Counts of more than
:data:`MEMORY` bits are halved, so that recent bits weigh more.

Counts are integers, and a probability is one quotient of two of them, correctly rounded, so a
stream decodes alike on every machine. constriction's range coder (Martin 1979) codes with them, in
integers. It does not detect most damage; a checksum around the stream must.
"""

from __future__ import annotations

import abc
from typing import Any, Final

import constriction
import numpy as np
from numpy.typing import NDArray

from rdbench.errors import BitstreamError

MEMORY: Final = 1024
"""The most bits that the counts of a context sum to."""

Numbers = NDArray[np.int64]

_BIT: Final = constriction.stream.model.Bernoulli(perfect=False)


class AdaptiveCoder(abc.ABC):
    """A coder of bits in ``contexts`` contexts.

    Encoder, decoder and meter are called alike, so that callers are written once: all return the
    bits in the stream, and a decoder ignores those that it is given.
    """

    def __init__(self, contexts: int) -> None:
        self._ones = np.ones(contexts, np.int64)
        self._seen = np.full(contexts, 2, np.int64)
        """In half bits, like the ones."""
        self._new: list[tuple[Numbers, Numbers]] = []

    def bits(self, contexts: Numbers, bits: NDArray[Any], places: Numbers) -> Numbers:  # noqa: ARG002
        """Code a bit, 0 or 1, in each of ``contexts``; return the bits in the stream, int64.

        ``places`` says which of the caller's values each bit belongs to, for a meter. All arrays
        have one dimension and the same length.
        """
        found = self._code(bits.astype(np.int32), self._probabilities(contexts)).astype(np.int64)
        self._new.append((contexts, found))
        return found

    def learn(self) -> None:
        """Count the bits since the last call."""
        contexts, bits = (np.concatenate(parts) for parts in zip(*self._new, strict=True))
        self._new = []
        count = len(self._seen)
        self._seen += 2 * np.bincount(contexts, minlength=count)
        self._ones += 2 * np.bincount(contexts[bits == 1], minlength=count)
        while (old := self._seen > 2 * MEMORY).any():
            ones, zeros = self._ones[old], self._seen[old] - self._ones[old]
            self._ones[old] = -(-ones // 2)  # rounded up, so that it is never 0
            self._seen[old] = -(-ones // 2) - (-zeros // 2)

    def _probabilities(self, contexts: Numbers) -> NDArray[np.float64]:
        """The probability of a 1 in each of ``contexts``."""
        return self._ones[contexts] / self._seen[contexts]

    @abc.abstractmethod
    def _code(
        self, bits: NDArray[np.int32], probabilities: NDArray[np.float64]
    ) -> NDArray[np.int32]:
        """Code ``bits``, each with the probability of a 1."""


class Encoder(AdaptiveCoder):
    """Bits to bytes."""

    def __init__(self, contexts: int) -> None:
        super().__init__(contexts)
        self._coder = constriction.stream.queue.RangeEncoder()

    def finish(self) -> bytes:
        """The bytes of all bits: 32-bit words, big-endian."""
        return bytes(self._coder.get_compressed().astype(">u4").tobytes())

    def _code(
        self, bits: NDArray[np.int32], probabilities: NDArray[np.float64]
    ) -> NDArray[np.int32]:
        self._coder.encode(bits, _BIT, probabilities)
        return bits


class Decoder(AdaptiveCoder):
    """Bytes of :class:`Encoder` to bits, with the same calls. Other bytes give other bits, or raise
    :class:`BitstreamError`."""

    def __init__(self, data: bytes, contexts: int) -> None:
        super().__init__(contexts)
        words = np.frombuffer(data[: len(data) // 4 * 4], ">u4").astype(np.uint32)
        self._coder = constriction.stream.queue.RangeDecoder(words)

    def _code(
        self,
        bits: NDArray[np.int32],  # noqa: ARG002
        probabilities: NDArray[np.float64],
    ) -> NDArray[np.int32]:
        try:
            found: NDArray[np.int32] = self._coder.decode(_BIT, probabilities)
        except AssertionError:
            raise BitstreamError("the stream is damaged: it is not range-coded") from None
        return found


class Meter(AdaptiveCoder):
    """Measures what bits cost, without coding them."""

    def __init__(self, contexts: int, places: int) -> None:
        super().__init__(contexts)
        self.costs = np.zeros(places)
        """The cost of each place so far, in bits: float64, (places,)."""

    def bits(self, contexts: Numbers, bits: NDArray[Any], places: Numbers) -> Numbers:
        ones = self._probabilities(contexts)
        costs = -np.log2(np.where(bits, ones, 1 - ones))
        self.costs += np.bincount(places, costs, len(self.costs))
        return super().bits(contexts, bits, places)

    def _code(
        self,
        bits: NDArray[np.int32],
        probabilities: NDArray[np.float64],  # noqa: ARG002
    ) -> NDArray[np.int32]:
        return bits
