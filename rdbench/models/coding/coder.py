"""The coder: symbols, each with its table, to bytes and back.

For each call of :meth:`Encoder.put`, a stream holds the entries of all symbols, sorted by the
number of the table and, within a table, in the order of the symbols. The escapes of that call
follow, in the order of the symbols: all signs, then all distances as laid out by
:mod:`rdbench.models.coding.golomb`, each bit with probability 1/2. The calls of :meth:`Decoder.get`
must be the same.

The state of the ANS coder ends the stream. The bytes are its 32-bit words, last written first,
big-endian, without leading zero bytes; a stream may be empty.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import constriction
import numpy as np
from numpy.typing import NDArray

from rdbench.errors import BitstreamError
from rdbench.models.coding import golomb
from rdbench.models.coding.tables import PRECISION, Indices, Tables

Symbols = NDArray[np.int32]

_COIN: Final = constriction.stream.model.Categorical(np.array([1.0, 1.0]), perfect=False)
_INT32: Final = np.iinfo(np.int32)


def encode(symbols: NDArray[np.integer[Any]], tables: Tables, indices: Indices) -> bytes:
    """The stream of ``symbols``: integers within int32, of the shape of ``indices``.

    Its length is within 64 bytes plus 0.1 % of :func:`ideal_bits`. Raises :class:`ValueError` as
    :meth:`Encoder.put` does.
    """
    encoder = Encoder(tables)
    encoder.put(symbols, indices)
    return encoder.finish()


def decode(data: bytes, tables: Tables, indices: Indices) -> Symbols:
    """The symbols of a stream of :func:`encode`: int32, of the shape of ``indices``.

    Raises :class:`BitstreamError` for data that are not a stream of that many symbols. Damaged data
    may be the stream of other symbols, which are then returned; :mod:`rdbench.models.container` has
    a checksum.
    """
    decoder = Decoder(data, tables)
    symbols = decoder.get(indices)
    decoder.finish()
    return symbols


class Encoder:
    """Encodes symbols in any number of calls, for models that condition on known symbols."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._parts: list[tuple[Symbols, Any]] = []

    def put(self, symbols: NDArray[np.integer[Any]], indices: Indices) -> None:
        """Add ``symbols``: integers within int32, of the shape of ``indices``.

        Raises :class:`ValueError` for other symbols, and for table indices out of range.
        """
        values = _values(symbols, indices)
        table = _numbers(self._tables, indices)
        entry, distance = _entries(values, self._tables, indices)
        order = np.argsort(table, kind="stable")
        sorted_entries = entry[order]
        for model, part in _groups(self._tables, table, order):
            self._parts.append((sorted_entries[part], model))
        escaped = distance[distance != 0]
        if escaped.size:
            bits = [(escaped > 0).astype(np.int32), *golomb.to_bits(np.abs(escaped) - 1)]
            self._parts += [(part, _COIN) for part in bits]

    def finish(self) -> bytes:
        """The stream of all symbols so far. More may follow: later streams hold these as well."""
        coder = constriction.stream.stack.AnsCoder()
        for part, model in reversed(self._parts):
            coder.encode_reverse(part, model)
        words = coder.get_compressed()
        return bytes(words[::-1].astype(">u4").tobytes()).lstrip(b"\0")


class Decoder:
    """Decodes a stream of :class:`Encoder`, with the same calls.

    Raises :class:`BitstreamError` for data that begin with a zero byte, which no stream does.
    """

    def __init__(self, data: bytes, tables: Tables) -> None:
        if data[:1] == b"\0":
            raise BitstreamError("the stream is damaged: its first byte is 0")
        words = np.frombuffer(data.rjust(-(-len(data) // 4) * 4, b"\0"), ">u4")
        self._coder = constriction.stream.stack.AnsCoder(words[::-1].astype(np.uint32))
        self._tables = tables

    def get(self, indices: Indices) -> Symbols:
        """The next symbols: int32, of the shape of ``indices``.

        Memory and time depend on ``indices`` alone. Raises :class:`BitstreamError` if the data give
        a value that is not an int32, and :class:`ValueError` for table indices out of range.
        """
        table = _numbers(self._tables, indices)
        order = np.argsort(table, kind="stable")
        sorted_entries = np.empty(table.size, np.int32)
        for model, part in _groups(self._tables, table, order):
            sorted_entries[part] = self._coder.decode(model, part.stop - part.start)
        entry = np.empty(table.size, np.int64)
        entry[order] = sorted_entries
        low = self._tables.lows[table] + indices.offset.ravel()
        size = self._tables.sizes[table]
        values = low + entry
        escaped = np.flatnonzero(entry == size)
        if escaped.size:
            above = self._bits(escaped.size) == 1
            distance = golomb.from_bits(escaped.size, self._bits)
            low, size = low[escaped], size[escaped]
            values[escaped] = np.where(above, low + size + distance, low - 1 - distance)
        if values.size and not _INT32.min <= values.min() <= values.max() <= _INT32.max:
            raise BitstreamError("the stream is damaged: a decoded value does not fit 32 bits")
        return values.astype(np.int32).reshape(indices.table.shape)

    def finish(self) -> None:
        """Raise :class:`BitstreamError` unless the stream ends with the last symbol."""
        if not self._coder.is_empty():
            raise BitstreamError("the stream is damaged: it does not end with its last symbol")

    def _bits(self, count: int) -> golomb.Bits:
        bits: golomb.Bits = self._coder.decode(_COIN, count)
        return bits


def ideal_bits(symbols: NDArray[np.integer[Any]], tables: Tables, indices: Indices) -> float:
    """The sum of -log2 of the symbols' probabilities in the integer tables, plus the bits of
    escapes.

    Arguments and errors as for :func:`encode`.
    """
    values = _values(symbols, indices)
    table = _numbers(tables, indices)
    entry, distance = _entries(values, tables, indices)
    bits = PRECISION * values.size - np.log2(tables.frequency(table, entry)).sum()
    escaped = distance[distance != 0]
    return float(bits + (1 + golomb.code_lengths(np.abs(escaped) - 1)).sum())


def _values(symbols: NDArray[np.integer[Any]], indices: Indices) -> NDArray[np.int64]:
    if symbols.shape != indices.table.shape or symbols.dtype.kind not in "iu":
        raise ValueError(
            f"symbols are {symbols.dtype} of shape {symbols.shape}; they must be integers of the "
            f"shape of the indices, {indices.table.shape}"
        )
    if symbols.size and not _INT32.min <= symbols.min() <= symbols.max() <= _INT32.max:
        raise ValueError("a symbol is beyond 32 bits; only int32 values can be coded")
    return symbols.ravel().astype(np.int64)


def _numbers(tables: Tables, indices: Indices) -> NDArray[np.int64]:
    table = indices.table.ravel()
    if table.size and not 0 <= table.min() <= table.max() < len(tables):
        raise ValueError(f"a table number is not within 0 to {len(tables) - 1}")
    offset = indices.offset
    if offset.size and not -(1 << 31) <= offset.min() <= offset.max() <= 1 << 31:
        raise ValueError("an offset is beyond ±2^31")
    return table


def _entries(
    values: NDArray[np.int64], tables: Tables, indices: Indices
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """The entry of each symbol in its table and, if that is the escape, its distance from the
    table's values: 1, 2, ... above them, -1, -2, ... below them; 0 for other symbols."""
    table = indices.table.ravel()
    entry = values - indices.offset.ravel() - tables.lows[table]
    size = tables.sizes[table]
    distance = np.minimum(entry, 0) + np.maximum(entry - size + 1, 0)
    return np.where(distance == 0, entry, size).astype(np.int32), distance


def _groups(
    tables: Tables, table: NDArray[np.int64], order: NDArray[np.intp]
) -> Iterator[tuple[Any, slice]]:
    """The model of each table in use, and where its symbols are once they are in ``order``."""
    ordered = table[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=-1))
    stops = [*starts[1:].tolist(), ordered.size]
    for number, start, stop in zip(ordered[starts].tolist(), starts.tolist(), stops, strict=False):
        yield tables.models[number], slice(start, stop)
