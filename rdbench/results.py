"""The run directory: append rows while measuring, go on with what is there, and load back."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rdbench.errors import RdbenchError, UsageError
from rdbench.files import (
    csv_text,
    encoded,
    lock,
    read_file,
    sync_folder,
    write_atomically,
    write_error,
)
from rdbench.manifest import MANIFEST, decides, metrics_of, read_manifest
from rdbench.measurements import Measurements, parse_rows, parse_table, whole_records
from rdbench.plans import contradictions, joined
from rdbench.schema import (
    COLUMNS,
    OK,
    SCHEMA_VERSION,
    Column,
    Measurement,
    MeasurementKey,
    header,
)

if TYPE_CHECKING:
    import pandas as pd

MEASUREMENTS: Final = "measurements.csv"
SYNC_EVERY_S: Final = 5.0
"""So many seconds of rows a loss of power may cost."""


def measurements_path(path: str | Path) -> Path:
    """The CSV of a run directory, or the path itself where it is a file.

    Raises :class:`UsageError` where there is none, or where a newer rdbench wrote it. What an
    older one wrote is read as it is.
    """
    path = Path(path)
    file = path / MEASUREMENTS if path.is_dir() else path
    if not file.is_file():
        raise UsageError(f"no measurements at {str(file)!r}; name a run directory or a CSV file")
    if path.is_dir() and (path / MANIFEST).exists():
        read_manifest(path)
    return file


def read_rows(path: str | Path) -> list[Measurement]:
    """The measurements of a run directory or CSV file as objects; a torn last row is left out.

    Rows that were measured again later replace the earlier ones. Many rows are read sooner, and
    into less memory, by columns: :func:`read_table`.
    """
    file = measurements_path(path)
    with file.open("rb") as stream:
        rows = parse_rows(stream, repr(str(file)))
        return list({row.key: row for row in rows}.values())


def read_table(path: str | Path) -> Measurements:
    """The same by columns."""
    file = measurements_path(path)
    with file.open("rb") as stream:
        table = parse_table(stream, repr(str(file))).latest()
    if not table.texts["color"].equal(np.arange(len(table)), "").any():
        return table
    manifest = Path(path) / MANIFEST
    asked = read_manifest(path).get("experiment", {}).get("color") if manifest.exists() else None
    return table.with_color(asked) if asked in ("rgb", "luma") else table


def load(*paths: str | Path) -> pd.DataFrame:
    """The measurements of one or several runs as a DataFrame.

    Args:
        paths: run directories or CSV files.

    Returns:
        The columns of :data:`rdbench.schema.COLUMNS` with their types (whole numbers as ``Int64``,
        which has room for "not available") and one for each metric; with several paths a first
        column ``run`` tells them apart.

    Raises:
        UsageError: where there are no measurements.
    """
    import pandas as pd

    if not paths:
        raise UsageError("load() needs at least one run directory or CSV file")
    frames = []
    for path in paths:
        table = read_table(path)
        kinds = {column.name: column for column in COLUMNS}
        frame = pd.DataFrame(
            {
                name: _series(table, kinds[name]) if name in kinds else table.numbers[name]
                for name in header(table.metrics)
            }
        )
        if len(paths) > 1:
            frame.insert(0, "run", str(path))
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def _series(table: Measurements, column: Column) -> pd.Series:
    import pandas as pd

    if column.type is str:
        texts = table.texts[column.name]
        values = np.array([text or column.default for text in texts.values], dtype=object)
        return pd.Series(values[texts.codes], dtype="str")
    numbers = pd.Series(table.numbers[column.name])
    return numbers.astype("Int64") if column.type is int else numbers


class RunDirectory:
    """A run directory that this process writes, and no other at the same time.

    Opening it takes the lock, drops a torn last row, and makes room for what comes new: a request
    may have other codecs, points, images, repeats and metrics than the directory, and what is there
    stays. :meth:`append` adds one row at once and whole; :meth:`finish` leaves the table sorted.
    Use it in a ``with`` statement.

    ``experiment`` is what is asked for (:meth:`rdbench.experiment.Experiment.identity`) and
    ``metrics`` the plain records of its metrics. Files that are there stay as they are until the
    first of them is written. Raises :class:`UsageError` where the two contradict what is there.
    """

    def __init__(
        self,
        path: Path,
        experiment: Mapping[str, Any],
        metrics: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
        *,
        fresh: bool = False,
    ) -> None:
        self.path = path
        self.rows: dict[MeasurementKey, Measurement] = {}
        self.metrics: tuple[str, ...] = ()
        """The columns of scores, in order."""
        self.changed: tuple[str, ...] = ()
        """Metrics that give other numbers than when they were measured; their scores are gone."""
        self._file: int | None = None
        self._as_it_was = False
        """Whether the file has the rows that are here, each once and whole."""
        self._synced_s = time.monotonic()
        self._lock = lock(path, "another run is writing to")
        try:
            self.resumed = self._open(json.loads(json.dumps([experiment, dict(metrics)])), fresh)
        except BaseException:
            self.close()
            raise

    def _open(self, asked: Sequence[dict[str, Any]], fresh: bool) -> bool:
        experiment, metrics = asked
        csv_path, manifest_path = self.path / MEASUREMENTS, self.path / MANIFEST
        if fresh:
            self._forget()
        resumed = manifest_path.exists()
        if resumed:
            self.manifest = read_manifest(self.path)
        elif csv_path.exists():
            raise UsageError(
                f"{str(self.path)!r} holds measurements without their {MANIFEST}; "
                "name another folder with `out`, or start over with `fresh=True`"
            )
        else:
            self.manifest = {"schema_version": SCHEMA_VERSION, "experiment": experiment}
        if resumed:
            self._grow(experiment)
        there = metrics_of(self.manifest)
        self.changed = tuple(
            name
            for name, record in metrics.items()
            if name in there and decides(there[name]) != decides(record)
        )
        self._stale = self._read(csv_path, metrics) or bool(self.changed)
        self.manifest["metrics"] = {**there, **metrics}
        self.manifest["schema_version"] = SCHEMA_VERSION
        if not resumed:
            self._begin()
        return resumed

    def _forget(self) -> None:
        """Remove the table, the manifest, and what rows say was kept of them; nothing else that
        may lie there."""
        kept: set[str] = set()
        with contextlib.suppress(UsageError, OSError):
            for row in read_rows(self.path / MEASUREMENTS):
                kept |= {row.stream_file, row.decoded_file} - {""}
        try:
            for name in (MEASUREMENTS, MANIFEST, *kept):
                (self.path / name).unlink(missing_ok=True)
        except OSError as error:
            raise write_error(self.path, error) from error
        folders = {parent for name in kept for parent in Path(name).parents} - {Path()}
        for folder in sorted(folders, reverse=True):  # what lies in others first
            with contextlib.suppress(OSError):  # not empty
                (self.path / folder).rmdir()

    def _begin(self) -> None:
        """Make the files ready for rows. What is there is left alone until then: the request may
        still be refused."""
        if self._file is not None:
            return
        csv_path = self.path / MEASUREMENTS
        if self.rows and self._stale:
            self._rewrite(list(self.rows.values()))
        self._write_manifest()  # before new rows, so that there are never rows without it
        try:
            self._file = self._opened()
            sync_folder(self.path)
            data = csv_path.read_bytes()
            if (end := whole_records(data)) < len(data):
                os.ftruncate(self._file, end)
        except OSError as error:
            raise write_error(csv_path, error) from error
        if not end:
            self._write([header(self.metrics)])

    def _grow(self, experiment: dict[str, Any]) -> None:
        """Let the manifest's experiment become what it and ``experiment`` ask for together."""
        before = self.manifest.get("experiment", {})
        if found := contradictions(before, experiment):
            raise UsageError(
                f"{str(self.path)!r} holds another experiment ({'; '.join(found[:3])}); "
                "name another folder with `out`, or start over with `fresh=True`"
            )
        self.manifest["experiment"] = joined(before, experiment)

    def _read(self, csv_path: Path, metrics: Mapping[str, Any]) -> bool:
        """Read the rows that are there; return whether the file lacks columns."""
        try:
            data = read_file(csv_path) if csv_path.exists() else b""
        except OSError as error:
            raise UsageError(f"cannot read {str(csv_path)!r}: {error.strerror}") from None
        end = whole_records(data)
        there: tuple[str, ...] = ()
        if end:
            with csv_path.open("rb") as stream:
                rows = list(parse_rows(stream, repr(str(csv_path))))
            first = data[: data.index(b"\n")].decode("utf-8-sig").strip().split(",")
            there = tuple(name for name in first if name in {*metrics, *self._known_metrics()})
            self.rows = {row.key: self._told(row) for row in rows}
            whole = end == len(data) and len(rows) == len(self.rows)
            self._as_it_was = whole and "metrics" in self.manifest
        self.metrics = tuple(dict.fromkeys((*there, *metrics)))
        return bool(end) and first != header(self.metrics)

    def _known_metrics(self) -> set[str]:
        experiment = self.manifest.get("experiment", {})
        return {*self.manifest.get("metrics", ()), *experiment.get("metrics", ()), "mse", "ms_ssim"}

    def _told(self, row: Measurement) -> Measurement:
        """A row without scores that are another number now; one of an older version with what it
        has no value of."""
        if "metrics" not in self.manifest and row.status == OK:
            asked = self.manifest["experiment"].get("metrics", ())
            without = " ".join(name for name in asked if name not in row.scores)
            return dataclasses.replace(row, unscored=without)
        if self.changed:
            return without_scores(row, self.changed)
        return row

    def append(self, row: Measurement) -> None:
        """Add one row. Raises :class:`RdbenchError` where the file system refuses it."""
        self._begin()
        self._write([row.cells(self.metrics)])
        self.rows[row.key] = row
        self._as_it_was = False

    def _write(self, rows: Iterable[Sequence[str]]) -> None:
        assert self._file is not None
        self._check_place()
        data = encoded(csv_text(rows))
        try:
            while data:
                data = data[os.write(self._file, data) :]
            self._sync(at_least_s=SYNC_EVERY_S)
        except OSError as error:
            raise write_error(self.path / MEASUREMENTS, error) from error

    def _sync(self, at_least_s: float = 0.0) -> None:
        """Have the rows on the disk, where that was so long ago. Raises :class:`OSError`."""
        if self._file is not None and (now := time.monotonic()) - self._synced_s >= at_least_s:
            self._synced_s = now
            os.fsync(self._file)

    def _check_place(self) -> None:
        """Raise :class:`RdbenchError` where the table that is open is no longer at its path."""
        if self._file is None:
            return
        try:
            if os.path.samestat(os.fstat(self._file), (self.path / MEASUREMENTS).stat()):
                return
        except OSError:
            pass
        raise RdbenchError(
            f"{str(self.path / MEASUREMENTS)!r} was moved or removed while it was being written; "
            "its rows are where it is now, if it still is: put it back and run the same command "
            "again, which goes on from there"
        )

    def good(self, key: MeasurementKey) -> Measurement | None:
        """The ok row of a measurement, where there is one."""
        row = self.rows.get(key)
        return row if row is not None and row.status == OK else None

    def done(self, key: MeasurementKey) -> bool:
        """Whether there is an ok row of this measurement."""
        return self.good(key) is not None

    def finish(self, order: Mapping[MeasurementKey, int]) -> list[Measurement]:
        """Rewrite the table, one row per measurement, in the order of ``order``, and behind it what
        that does not have; return the rows."""
        self._begin()
        there = list(self.rows.values())
        rows = sorted(there, key=lambda row: order.get(row.key, len(order)))
        self._check_place()
        if self._stale or not self._as_it_was or rows != there:
            self._rewrite(rows)
        return rows

    def _rewrite(self, rows: Iterable[Measurement]) -> None:
        # A row at a time: all of them as text are several times what they are as rows.
        lines = (csv_text([row.cells(self.metrics)]) for row in rows)
        head = csv_text([header(self.metrics)])
        write_atomically(self.path / MEASUREMENTS, itertools.chain([head], lines))
        if self._file is not None:
            os.close(self._file)
            self._file = self._opened()

    def _opened(self) -> int:
        return os.open(self.path / MEASUREMENTS, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)

    def write_manifest(self) -> None:
        """Write :attr:`manifest` to ``run.json``."""
        self._begin()
        self._write_manifest()

    def _write_manifest(self) -> None:
        self._check_place()
        text = json.dumps(self.manifest, indent=2, ensure_ascii=False)
        write_atomically(self.path / MANIFEST, text + "\n")

    def close(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):  # what was written is there, if not for sure
                self._sync()
            os.close(self._file)
            self._file = None
        os.close(self._lock)

    def __enter__(self) -> RunDirectory:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def without_scores(row: Measurement, metrics: Iterable[str]) -> Measurement:
    """A row as if ``metrics`` had not been measured."""
    scores = {name: score for name, score in row.scores.items() if name not in metrics}
    unscored = " ".join(name for name in row.unscored.split() if name not in metrics)
    return dataclasses.replace(row, scores=scores, unscored=unscored)
