"""The run directory: append rows while measuring, resume, and load."""

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

from rdbench.csv_blocks import has_record
from rdbench.errors import RdbenchError, UsageError
from rdbench.files import (
    csv_text,
    encoded,
    lock,
    sync_folder,
    write_atomically,
    write_error,
)
from rdbench.manifest import MANIFEST, decides, metrics_of, read_manifest
from rdbench.measurements import Measurements, parse_rows, parse_table
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
from rdbench.stored import Stored

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

MEASUREMENTS: Final = "measurements.csv"
SYNC_EVERY_S: Final = 5.0
"""The seconds of rows that a power failure may cost."""


def measurements_path(path: str | Path) -> Path:
    """The CSV of a run directory, or the path itself if it is a file. Raises :class:`UsageError` if
    there is none, or if a newer rdbench wrote it. Files of an older one are read as they are.
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

    Rows that were measured again replace the earlier ones. For many rows, reading by columns is
    faster and takes less memory: :func:`read_table`.
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
        UsageError: if there are no measurements.
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
    """A run directory that this process alone writes. Opening it takes the lock, drops a torn last
    row, and prepares for new rows: the request may add codecs, points, images, repeats and metrics,
    and existing rows stay. :meth:`append` writes one complete row immediately; :meth:`finish` sorts
    the table. Use it in a ``with`` statement.

    ``experiment`` is what is asked for (:meth:`rdbench.experiment.Experiment.identity`) and
    ``metrics`` the plain records of its metrics. Existing files are untouched until the first
    write. Raises :class:`UsageError` if the request contradicts them.
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
        self._rows = Stored.none()
        self._added = False
        """Whether there are rows beside those."""
        self._end = 0
        """The length of the whole records of the file."""
        self.metrics: tuple[str, ...] = ()
        """The columns of scores, in order."""
        self.changed: tuple[str, ...] = ()
        """Metrics whose definition has changed since they were measured; their scores are
        dropped."""
        self._file: int | None = None
        self._as_it_was = False
        """Whether the file has exactly the rows in memory, each once and complete."""
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
        if self._end and self._stale:
            self._rewrite(np.arange(len(self._rows)))
        self._write_manifest()  # before new rows, so that there are never rows without it
        try:
            self._file = self._opened()
            sync_folder(self.path)
            if self._end < os.fstat(self._file).st_size:
                os.ftruncate(self._file, self._end)
        except OSError as error:
            raise write_error(csv_path, error) from error
        if not self._end:
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

    @property
    def rows(self) -> Stored:
        """The rows that are here now."""
        if self._added:
            self._rows = self._stored()
            self._added = False
        return self._rows

    def _stored(self) -> Stored:
        path = self.path / MEASUREMENTS
        with path.open("rb") as stream:
            return Stored(stream, repr(str(path)))

    def _read(self, csv_path: Path, metrics: Mapping[str, Any]) -> bool:
        """Find the rows that are there; return whether the file lacks columns."""
        self.metrics = tuple(metrics)
        try:
            if not has_record(csv_path):
                return False
        except OSError as error:
            raise UsageError(f"cannot read {str(csv_path)!r}: {error.strerror}") from None
        found = self._stored()
        known = {*metrics, *self._known_metrics()}
        there = (name for name in found.columns if name in known)
        self.metrics = tuple(dict.fromkeys((*there, *metrics)))
        lacks = found.columns != header(self.metrics)
        as_asked = "metrics" in self.manifest
        self._end = found.end
        whole = found.end == csv_path.stat().st_size and found.whole and not found.replaced
        self._as_it_was = whole and as_asked
        if lacks or self.changed or not (as_asked and found.whole):
            with csv_path.open("rb") as stream:
                rows = map(self._told, parse_rows(stream, repr(str(csv_path))))
                try:
                    found = Stored.of(rows, self.metrics, self.path)
                except OSError as error:
                    raise write_error(csv_path, error) from error
            lacks = True
        self._rows = found
        return lacks

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
            return row.without_scores(self.changed)
        return row

    def append(self, row: Measurement) -> None:
        """Add one row. Raises :class:`RdbenchError` if it cannot be written."""
        self._begin()
        self._write([row.cells(self.metrics)])
        self._added, self._as_it_was = True, False

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
            "put it back, if it still exists, and run the same command again to continue"
        )

    def finish(self, order: Mapping[MeasurementKey, int]) -> Stored:
        """Rewrite the table with one row per measurement, in the order of ``order`` and then those
        that are not in it; return the rows."""
        self._begin()
        rows = self.rows
        places = (order.get(key, len(order)) for key in rows.measurements())
        sorted_ = np.argsort(np.fromiter(places, np.int64, len(rows)), kind="stable")
        self._check_place()
        if not self._as_it_was or (np.diff(sorted_) < 0).any():
            self._rewrite(sorted_)
        return self._rows

    def _rewrite(self, order: NDArray[np.intp]) -> None:
        """Write the rows in this order, and nothing else."""
        head = encoded(csv_text([header(self.metrics)]))
        path = self.path / MEASUREMENTS
        write_atomically(path, itertools.chain([head], self._rows.records(order.tolist())))
        with path.open("rb") as file:
            self._rows = self._rows.moved(file, order, len(head))
            self._end = os.fstat(file.fileno()).st_size
        self._stale, self._as_it_was = False, True
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
