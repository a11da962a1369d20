"""A CSV of measurements in blocks of some thousand records. Only one block at a time is in
memory as text."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import numpy as np

from rdbench.errors import UsageError
from rdbench.files import open_file
from rdbench.schema import COLUMNS, CORE, RESERVED, Measurement

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Without these, the measurement of a row is unknown.
_NEEDED: Final = ("codec", "image", "point")
_BLOCK: Final = 1 << 22
_NUMBER: Final = re.compile(r"\s*[+-]?((\d+\.?\d*|\.\d+)(e[+-]?\d+)?|inf|nan)\s*", re.IGNORECASE)


def is_number(cell: str) -> bool:
    """Whether a cell that is not empty is a number. Infinities and NaN are numbers."""
    return _NUMBER.fullmatch(cell) is not None


def whole_records(data: bytes, quotes: int = 0) -> int:
    """Length of the leading part of CSV ``data`` that ends with a complete record.

    A record ends at a line end outside quotes. Anything after the last such end is a row that was
    being written when its process was killed. If a record began before ``data``, ``quotes`` is the
    number of its quotes there.
    """
    end = len(data)
    quotes += data.count(b'"')
    while True:
        line = data.rfind(b"\n", 0, end) + 1
        quotes -= data.count(b'"', line, end)
        if not line or quotes % 2 == 0:
            return line
        end = line - 1


def has_record(path: Path) -> bool:
    """Whether a file has a complete record; not if it does not exist."""
    try:
        with open_file(path) as file:
            read = b""
            while more := file.read(1 << 16):
                read += more
                if whole_records(read):
                    return True
    except FileNotFoundError:
        pass
    return False


@dataclass(frozen=True)
class Block:
    """Some complete records of a file."""

    where: str
    """What the file is called in messages."""
    header: Sequence[str]
    line: int
    """The number of lines before the block in the file."""
    start: int
    """The number of bytes before the block in the file."""
    data: bytes

    @cached_property
    def metrics(self) -> list[str]:
        """The columns that are metrics if their cells are numbers."""
        return [
            name
            for name in self.header
            if name not in CORE and name not in RESERVED and self.header.count(name) == 1
        ]

    @cached_property
    def numeric(self) -> list[str]:
        """The columns of :attr:`metrics` whose cells are all numbers or empty."""
        places = {name: self.header.index(name) for name in self.metrics}
        for _, cells in self._records:
            for name, place in [*places.items()]:
                if place < len(cells) and cells[place] and not is_number(cells[place]):
                    del places[name]
        return list(places)

    def rows(self) -> Iterator[Measurement]:
        """The records as measurements; an invalid one raises :class:`UsageError` with its line."""
        read = Measurement.reader(self.header, self.numeric)
        for line, cells in self._records:
            try:
                if len(cells) != len(self.header):
                    raise UsageError(f"{len(cells)} cells instead of {len(self.header)}")
                yield read(cells)
            except UsageError as error:
                raise UsageError(f"{self.where}, line {line}: {error}") from None

    def spans(self) -> NDArray[np.int64]:
        """The bytes of the file at which records begin and end, (records, 2), as
        :func:`whole_records` finds them. Empty lines are not records."""
        data = np.frombuffer(self.data, np.uint8)
        ends = np.flatnonzero(data == ord("\n")) + 1
        quotes = np.flatnonzero(data == ord('"'))
        ends = ends[np.searchsorted(quotes, ends) % 2 == 0]
        starts = np.append(0, ends)[:-1]
        short = np.flatnonzero(ends - starts <= len(b"\r\n"))
        empty = [place for place in short if not self.data[starts[place] : ends[place]].strip()]
        spans = np.stack([starts, ends], axis=1)
        return self.start + np.delete(spans, empty, axis=0)

    @cached_property
    def _records(self) -> list[tuple[int, list[str]]]:
        """The records, each with the line in which it ends."""
        text = _text(self.data, self.where, self.line)
        reader = csv.reader(io.StringIO(text, newline=""))
        try:
            return [(self.line + reader.line_num, cells) for cells in filter(None, reader)]
        except csv.Error as error:
            raise UsageError(f"{self.where}, line {self.line + reader.line_num}: {error}") from None


def blocks(file: BinaryIO, where: str) -> Iterator[Block]:
    header: Sequence[str] = ()
    line = quotes = position = 0
    pending = bytearray()  # the beginning of a record, with so many quotes
    while read := file.read(_BLOCK):
        end = whole_records(read, quotes)
        pending += read[:end] if end else read
        quotes = read.count(b'"', end) + (0 if end else quotes)
        if not end:
            continue
        data, pending = bytes(pending), bytearray(read[end:])
        position += len(data)
        if not header:
            header, data, line = _split_header(data, where)
        yield Block(where, header, line, position - len(data), data)
        line += data.count(b"\n") + data.count(b"\r") - data.count(b"\r\n")
    if not header:
        _split_header(b"", where)


def _split_header(data: bytes, where: str) -> tuple[Sequence[str], bytes, int]:
    """The names of the columns, the data after them, and the number of lines before that data."""
    data = data.removeprefix(codecs.BOM_UTF8)
    stream = io.StringIO(_text(data, where, 0), newline="")
    reader = csv.reader(stream)
    try:
        header = next(reader, [])
    except csv.Error:
        header = []
    if "rate_is" in header:
        raise UsageError(
            f"{where} holds published curves, whose rates may not count whole files; name it as "
            "published:FILE.csv"
        )
    if missing := [name for name in _NEEDED if name not in header]:
        raise UsageError(
            f"{where} is not a table of measurements: its header lacks {', '.join(missing)}; "
            "`rdbench import` converts results of other tools to a curve, which is named "
            "published:FILE.csv"
        )
    if twice := [column.name for column in COLUMNS if header.count(column.name) > 1]:
        raise UsageError(f"{where} has the column {twice[0]!r} twice; rename or remove one")
    length = len(stream.getvalue()[: stream.tell()].encode())
    return header, data[length:], reader.line_num


def _text(data: bytes, where: str, line: int) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line += data.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{where}, line {line} is not UTF-8; save the file as UTF-8") from None
