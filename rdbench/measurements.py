"""Measurements by columns, and reading them fast from a CSV of a million rows."""

from __future__ import annotations

import io
import itertools
import math
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from rdbench.csv_blocks import Block, blocks
from rdbench.schema import (
    COLUMNS,
    CORE,
    KEY,
    LARGEST_WHOLE,
    SAMPLES,
    Measurement,
    current_samples,
)

if TYPE_CHECKING:
    import pyarrow
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Rows = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Texts:
    """A column of texts, each kept once: the text of a row is ``values[codes[row]]``."""

    codes: NDArray[np.int32]
    values: Sequence[str]

    def __getitem__(self, row: int | np.intp) -> str:
        return self.values[int(self.codes[row])]

    def unique(self, rows: Rows) -> tuple[list[str], Rows]:
        """The texts of ``rows``, sorted, and for each of the rows the place of its text there."""
        codes, place = np.unique(self.codes[rows], return_inverse=True)
        texts = [self.values[code] for code in codes]
        order = sorted(range(len(texts)), key=texts.__getitem__)
        return [texts[code] for code in order], np.argsort(order)[place]

    def equal(self, rows: Rows, text: str) -> NDArray[np.bool_]:
        """Which of ``rows`` have this text."""
        code = self.values.index(text) if text in self.values else -1
        return np.asarray(self.codes[rows] == code)


@dataclass(frozen=True, eq=False)
class Measurements:
    """Measurements by columns: all of :data:`rdbench.schema.COLUMNS`, and one for each metric."""

    texts: Mapping[str, Texts]
    """Columns of texts, empty where not available."""
    numbers: Mapping[str, Array]
    """Columns of numbers, float64 (rows,), NaN where not available; whole numbers are exact up to
    2^53."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that have a column."""
        return tuple(name for name in self.numbers if name not in CORE)

    @classmethod
    def of(cls, rows: Iterable[Measurement], metrics: Iterable[str] = ()) -> Measurements:
        """The columns of rows that are in memory, with those of all their scores, and of
        ``metrics``."""
        rows = list(rows)
        names = dict.fromkeys([*metrics, *(name for row in rows for name in row.scores)])
        texts, numbers = {}, {}
        for column in COLUMNS:
            cells = [getattr(row, column.name) for row in rows]
            if column.type is str:
                number = _numbering()
                codes = _codes([cell or "" for cell in cells], number)
                texts[column.name] = Texts(codes, list(number))
            else:
                numbers[column.name] = np.array(cells, dtype=np.float64)
        for name in names:
            scores = [row.scores.get(name, math.nan) for row in rows]
            numbers[name] = np.array(scores, dtype=np.float64)
        return cls(texts, numbers)

    def __len__(self) -> int:
        return len(self.numbers["point"])

    def groups(self, columns: Iterable[str]) -> list[Rows]:
        """The rows that agree in ``columns``: ascending, by the group's first row."""
        if not len(self):
            return []
        group = self._grouped(columns)
        order = np.argsort(group, kind="stable")
        parts = np.split(order, np.flatnonzero(np.diff(group[order])) + 1)
        return sorted(parts, key=lambda rows: int(rows[0]))

    def latest(self) -> Measurements:
        """The last row of each measurement, at the place of its first."""
        rows = self.latest_rows()
        return self if len(rows) == len(self) else self.take(rows)

    def latest_rows(self) -> Rows:
        """The places of those rows."""
        measurement = self._grouped(KEY)
        rows = np.arange(len(self))
        first, last = (np.zeros(measurement.max(initial=-1) + 1, dtype=np.intp) for _ in range(2))
        # Of an index that stands several times, the last assignment counts.
        first[measurement[::-1]] = rows[::-1]
        last[measurement] = rows
        return last[np.argsort(first)]

    def with_color(self, asked: str) -> Measurements:
        """The same with the column ``color`` filled in, which an older rdbench did not write:
        ``asked`` is the color of the run, ``"rgb"`` or ``"luma"``."""
        column = self.texts["color"]
        color, channels = np.array(column.values)[column.codes], self.numbers["channels"]
        of_one = "luma" if asked == "luma" else "gray"
        known = np.where(channels == 1, of_one, np.where(channels == 3, "rgb", ""))
        values, codes = np.unique(np.where(color == "", known, color), return_inverse=True)
        filled = Texts(codes.astype(np.int32), values.tolist())
        return Measurements({**self.texts, "color": filled}, self.numbers)

    def _grouped(self, columns: Iterable[str]) -> NDArray[np.int64]:
        """A number for each row, from 0 without gaps, the same where rows agree in ``columns``."""
        group = np.zeros(len(self), dtype=np.int64)
        for name in columns:
            column = self.texts[name].codes if name in self.texts else self.numbers[name]
            values, value = np.unique(column, return_inverse=True)
            if len(values) > 1:
                group = np.unique(group * len(values) + value, return_inverse=True)[1]
        return group

    @classmethod
    def joined(cls, tables: Sequence[Measurements]) -> Measurements:
        """The rows of tables one after the other; metrics that a table lacks are not available
        there, and text columns that one lacks are left out."""
        texts = {}
        for column in COLUMNS:
            if column.type is str and all(column.name in table.texts for table in tables):
                number = _numbering()
                own = [table.texts[column.name] for table in tables]
                codes = [_codes(cells.values, number)[cells.codes] for cells in own]
                texts[column.name] = Texts(np.concatenate(codes), list(number))
        names = dict.fromkeys(name for table in tables for name in table.numbers)
        return cls(
            texts,
            {
                name: np.concatenate(
                    [table.numbers.get(name, np.full(len(table), np.nan)) for table in tables]
                )
                for name in names
            },
        )

    def only(self, columns: Container[str]) -> Measurements:
        """The same without other columns."""
        return Measurements(
            {name: texts for name, texts in self.texts.items() if name in columns},
            {name: numbers for name, numbers in self.numbers.items() if name in columns},
        )

    def take(self, rows: Rows) -> Measurements:
        """Some of the rows, in the order given."""
        return Measurements(
            {name: Texts(texts.codes[rows], texts.values) for name, texts in self.texts.items()},
            {name: numbers[rows] for name, numbers in self.numbers.items()},
        )


def _numbering() -> defaultdict[str, int]:
    """Gives texts numbers in the order in which they are first asked for."""
    return defaultdict(itertools.count().__next__)


def _codes(texts: Sequence[str], numbering: defaultdict[str, int]) -> NDArray[np.int32]:
    return np.fromiter(map(numbering.__getitem__, texts), np.int32, len(texts))


def parse_rows(file: BinaryIO, where: str) -> Iterator[Measurement]:
    """The rows of a measurements CSV one by one; see :func:`parse_table`."""
    for block in blocks(file, where):
        yield from block.rows()


def parse_table(file: BinaryIO, where: str) -> Measurements:
    """The rows of a measurements CSV by columns; a torn last row is left out.

    Columns of the core are found by name; missing ones are not available. Every other column of
    numbers belongs to a metric, unless its name is in :data:`rdbench.schema.RESERVED`. Remaining
    columns are ignored. A byte order mark, CRLF and blank lines are accepted. Raises
    :class:`UsageError` with ``where`` and the line for anything else.
    """
    tables: list[Measurements] = [Measurements.of(())]
    tables += map(table_of, blocks(file, where))
    return whole_table(tables)


def whole_table(tables: Sequence[Measurements]) -> Measurements:
    """That of the blocks of one file, behind an empty one. A column that has a text in one of them
    is none of numbers."""
    names = set(tables[-1].metrics).intersection(*(table.metrics for table in tables[1:]))
    found = Measurements.joined(tables)
    numbers = {n: cells for n, cells in found.numbers.items() if n in CORE or n in names}
    return Measurements(found.texts, numbers)


def table_of(block: Block) -> Measurements:
    """The rows of a block by columns; errors as of :func:`parse_table`."""
    return _by_arrow(block) or Measurements.of(block.rows(), block.numeric)


def _by_arrow(block: Block) -> Measurements | None:
    """The columns of a block, or None where Arrow does not take it: then something is wrong with a
    row, or a column is of texts, and reading them one by one says so."""
    import pyarrow
    from pyarrow.csv import ConvertOptions, ParseOptions, ReadOptions, read_csv

    types = {
        str: pyarrow.dictionary(pyarrow.int32(), pyarrow.string()),
        int: pyarrow.int64(),
        float: pyarrow.float64(),
    }
    kinds = {column.name: column.type for column in COLUMNS} | dict.fromkeys(block.metrics, float)
    # Places, since the names of unknown columns may stand twice.
    places = {name: str(block.header.index(name)) for name in kinds if name in block.header}
    names = [str(place) for place in range(len(block.header))]
    try:
        cells = read_csv(
            io.BytesIO(block.data),
            ReadOptions(use_threads=False, block_size=len(block.data) + 1, column_names=names),
            ParseOptions(newlines_in_values=True),
            ConvertOptions(
                include_columns=list(places.values()),
                column_types={place: types[kinds[name]] for name, place in places.items()},
                null_values=[""],
            ),
        )
    # A signal ends Arrow's reading, and is handed on; where its handler ignores it we read on.
    except (pyarrow.ArrowInvalid, pyarrow.ArrowCancelled):
        return None
    texts, numbers = {}, {}
    for column in COLUMNS:
        found = cells[places[column.name]] if column.name in places else None
        if column.type is str:
            texts[column.name] = _texts(found, len(cells), str(column.default or ""))
        else:
            numbers[column.name] = _numbers(found, len(cells), column.default)
    for name in SAMPLES:
        number = _numbering()
        codes = _codes([current_samples(text) for text in texts[name].values], number)
        texts[name] = Texts(codes[texts[name].codes], list(number))
    for name in block.metrics:
        numbers[name] = _numbers(cells[places[name]], len(cells), None)
    whole = (numbers[column.name] for column in COLUMNS if column.type is int)
    if np.isnan(numbers["point"]).any() or any((abs(n) > LARGEST_WHOLE).any() for n in whole):
        return None
    return Measurements(texts, numbers)


# DLPack, since ``to_numpy`` and Arrow's scalars import pandas: half of the time of a command.
def _texts(cells: pyarrow.ChunkedArray | None, rows: int, empty: str) -> Texts:
    if cells is None:
        return Texts(np.zeros(rows, np.int32), [empty])
    coded = cells.combine_chunks()
    codes = np.asarray(np.from_dlpack(coded.indices), dtype=np.int32)
    return Texts(codes, [text or empty for text in coded.dictionary.to_pylist()])


def _numbers(cells: pyarrow.ChunkedArray | None, rows: int, empty: float | None) -> Array:
    from pyarrow.compute import indices_nonzero

    numbers = np.full(rows, np.nan if empty is None else empty)
    if cells is None:
        return numbers
    found = cells.combine_chunks()
    numbers[np.from_dlpack(indices_nonzero(found.is_valid()))] = np.from_dlpack(found.drop_null())
    return numbers
