"""The rows of a table on disk. Memory holds only what tells the rows apart and what decisions need,
a few hundred bytes a row."""

from __future__ import annotations

import csv
import io
import itertools
import os
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, Self, overload

import numpy as np

from rdbench.csv_blocks import blocks
from rdbench.errors import RdbenchError
from rdbench.files import csv_text, encoded
from rdbench.measurements import Measurements, Texts, table_of, whole_table
from rdbench.places import inside
from rdbench.schema import KEPT, KEY, OK, Measurement, MeasurementKey, header

if TYPE_CHECKING:
    from numpy.typing import NDArray

FACTS: Final = frozenset(
    {*KEY, "label", "status", "identity", "codec_version", "timing", "image_sha256", "unscored"}
)
"""Columns that are in memory, in addition to those of metrics."""
_BATCH: Final = 512
"""The number of rows that are read at once."""


class Stored(Sequence[Measurement]):
    """The last row of each measurement, in the order of the first rows, as they are on disk when
    this object is made. Rows that are added later are not included. Replacing or removing the file
    changes nothing. A torn last row is left out.

    ``where`` is the name of ``file`` in messages. Raises :class:`UsageError` as
    :func:`rdbench.measurements.parse_table` does.
    """

    def __init__(self, file: BinaryIO, where: str) -> None:
        self._where = where
        self._keep(file)
        self.columns: list[str] = []
        """The header of the file."""
        self.end = 0
        """The length of its whole records."""
        tables, spans = [Measurements.of(())], [np.empty((0, 2), np.int64)]
        for block in blocks(file, where) if os.fstat(file.fileno()).st_size else ():
            self.columns, self.end = list(block.header), block.start + len(block.data)
            table = table_of(block)
            for name in KEPT:
                for value in filter(None, table.texts[name].values):
                    inside(Path("a run"), value, f"{where}, column {name!r}:")
            tables.append(table.only(FACTS | {*table.metrics}))
            spans.append(block.spans())
        whole = whole_table(tables)
        self._last = whole.latest_rows()
        self.table = whole if len(self._last) == len(whole) else whole.take(self._last)
        """:data:`FACTS` and metrics of the rows."""
        found = np.concatenate(spans)
        self.whole = len(found) == len(whole)
        """Whether records are where their line ends are, as in all files that rdbench writes. If
        not, rows cannot be read from here."""
        self.replaced = len(whole) - len(self._last)
        """The number of records that later ones have replaced."""
        self._spans = found[self._last] if self.whole else found

    def _keep(self, file: BinaryIO) -> None:
        self._file = os.dup(file.fileno())
        weakref.finalize(self, os.close, self._file)

    @classmethod
    def none(cls) -> Self:
        """An empty table."""
        with Path(os.devnull).open("rb") as file:
            return cls(file, "nothing")

    @classmethod
    def of(cls, rows: Iterable[Measurement], metrics: Sequence[str], folder: Path) -> Self:
        """Store rows that arrive one by one, in an unnamed file in ``folder``. Raises
        :class:`OSError`."""
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(encoded(csv_text([header(metrics)])))
            for row in rows:
                file.write(encoded(csv_text([row.cells(metrics)])))
            file.flush()
            file.seek(0)
            return cls(file, "the table")

    def moved(self, file: BinaryIO, order: NDArray[np.intp], start: int) -> Self:
        """The same rows in another order, as they are in ``file`` from the byte ``start``."""
        found = type(self).__new__(type(self))
        vars(found).update({k: v for k, v in vars(self).items() if k not in ("_places", "ok")})
        found._keep(file)
        ends = start + np.cumsum(np.diff(self._spans[order], axis=1))
        found._spans = np.stack([np.append(start, ends)[:-1], ends], axis=1)
        found._last, found.replaced = np.arange(len(order)), 0
        found.table = self.table.take(order)
        return found

    def measurements(self) -> Iterator[MeasurementKey]:
        """The key of each row's measurement."""
        texts, numbers = self.table.texts, self.table.numbers
        return zip(
            *(map(texts[name].values.__getitem__, texts[name].codes.tolist()) for name in KEY[:4]),
            numbers["point"].tolist(),
            map(int, numbers["repeat"].tolist()),
            strict=True,
        )

    @cached_property
    def _places(self) -> dict[MeasurementKey, int]:
        return dict(zip(self.measurements(), range(len(self)), strict=True))

    def place(self, key: MeasurementKey) -> int | None:
        """The place of a measurement's row; None if it has none."""
        return self._places.get(key)

    @cached_property
    def ok(self) -> NDArray[np.bool_]:
        """Which rows have the status ok, (rows,)."""
        return self.table.texts["status"].equal(np.arange(len(self)), OK)

    def lacking(self, metrics: Iterable[str]) -> NDArray[np.bool_]:
        """Which rows lack one of ``metrics`` (:meth:`rdbench.schema.Measurement.lacks`)."""
        unscored = self.table.texts["unscored"]
        reasons = [text.split() for text in unscored.values]
        found = np.zeros(len(self), bool)
        for name in metrics:
            told = np.array([name in names for names in reasons], bool)[unscored.codes]
            scores = self.table.numbers.get(name)
            found |= ~told if scores is None else ~told & np.isnan(scores)
        return found

    def unique(self, columns: Sequence[str]) -> list[tuple[str, ...]]:
        """The distinct combinations of texts in some columns, in the order of their first rows."""
        texts = [self.table.texts[name] for name in columns]
        found = dict.fromkeys(zip(*(column.codes.tolist() for column in texts), strict=True))
        return [
            tuple(column.values[code] for column, code in zip(texts, codes, strict=True))
            for codes in found
        ]

    def images(self) -> dict[tuple[str, str], str]:
        """The SHA-256 of the samples by dataset and image, where the table has it."""
        found = self.unique(("dataset", "image", "image_sha256"))
        return {(dataset, image): sha256 for dataset, image, sha256 in found if sha256}

    def texts(self, name: str) -> Texts:
        """A column of texts that is not in memory."""
        with os.fdopen(os.dup(self._file), "rb") as file:
            file.seek(0)
            tables = [Measurements.of(())]
            found = blocks(file, self._where) if self.columns else ()
            tables += (table_of(block).only({name, "point"}) for block in found)
        return Measurements.joined(tables).take(self._last).texts[name]

    def records(self, rows: Iterable[int]) -> Iterator[bytes]:
        """The bytes of some of the rows, as they are in the file."""
        for row in rows:
            start, end = self._spans[row].tolist()
            yield os.pread(self._file, end - start, start)

    def read(self, rows: Iterable[int]) -> Iterator[Measurement]:
        """Some of the rows."""
        read = Measurement.reader(self.columns, self.table.metrics)
        wanted = iter(rows)
        while batch := list(itertools.islice(wanted, _BATCH)):
            text = b"".join(self.records(batch)).decode("utf-8")
            found = list(csv.reader(io.StringIO(text, newline="")))
            if len(found) != len(batch):
                raise RdbenchError(f"{self._where} was changed while it was in use")
            yield from map(read, found)

    def __len__(self) -> int:
        return len(self._last)

    @overload
    def __getitem__(self, place: int) -> Measurement: ...
    @overload
    def __getitem__(self, place: slice) -> list[Measurement]: ...
    def __getitem__(self, place: int | slice) -> Measurement | list[Measurement]:
        wanted = range(len(self))[place]
        if isinstance(wanted, range):
            return list(self.read(wanted))
        return next(self.read([wanted]))

    def __iter__(self) -> Iterator[Measurement]:
        return self.read(range(len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(map(Measurement.__eq__, self, other))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{len(self)} rows of {self._where}>"

    def __reduce__(self) -> tuple[type[list[Measurement]], tuple[list[Measurement]]]:
        return list, (list(self),)
