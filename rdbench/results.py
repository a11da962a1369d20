"""The run directory: append rows while measuring, resume, finish, and load back."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rdbench.errors import RdbenchError, UsageError
from rdbench.measurements import Measurements, parse_rows, parse_table, whole_records
from rdbench.provenance import differences
from rdbench.schema import COLUMNS, OK, SCHEMA_VERSION, Column, Measurement, MeasurementKey

if TYPE_CHECKING:
    import pandas as pd

MEASUREMENTS: Final = "measurements.csv"
MANIFEST: Final = "run.json"
LOCK: Final = ".lock"
_SPECIAL: Final = re.compile('[,"\r\n]')
_HEADER: Final = tuple(column.name for column in COLUMNS)


def csv_text(rows: Iterable[Sequence[str]]) -> str:
    """Rows of cells as CSV (RFC 4180, but with ``\\n`` as line end).

    The standard library's writer leaves a lone carriage return unquoted, and its reader then
    takes it for a line end.
    """
    return "".join(",".join(map(_quoted, row)) + "\n" for row in rows)


def _quoted(cell: str) -> str:
    if _SPECIAL.search(cell):
        return '"' + cell.replace('"', '""') + '"'
    return cell


def write_atomically(path: Path, text: str) -> None:
    """Replace a file's content so that a reader, or a crash, sees the old or the new one whole.

    Raises :class:`RdbenchError` where the file system refuses (read-only, full).
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise _write_error(path, error) from error


def _write_error(path: Path, error: OSError) -> RdbenchError:
    return RdbenchError(
        f"cannot write {str(path)!r}: {error.strerror or error}; what was measured so far is kept: "
        "make room or name another folder with --out, then run the same command again"
    )


def measurements_path(path: str | Path) -> Path:
    """The CSV of a run directory, or the path itself where it is a file.

    Raises :class:`UsageError` where there is none, or where a newer rdbench wrote it. What an
    older one wrote is read as it is: schema versions differ in columns that came new.
    """
    path = Path(path)
    file = path / MEASUREMENTS if path.is_dir() else path
    if not file.is_file():
        raise UsageError(f"no measurements at {str(file)!r}; name a run directory or a CSV file")
    if path.is_dir() and (path / MANIFEST).exists():
        version = _manifest(path).get("schema_version")
        if isinstance(version, int) and version > SCHEMA_VERSION:
            raise UsageError(
                f"{str(path)!r} has schema version {version}, this rdbench reads up to "
                f"{SCHEMA_VERSION}; update rdbench"
            )
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
        return parse_table(stream, repr(str(file))).latest()


def load(*paths: str | Path) -> pd.DataFrame:
    """The measurements of one or several runs (directories or CSV files) as a DataFrame.

    Columns are those of :data:`rdbench.schema.COLUMNS` with their types (whole numbers as
    ``Int64``, which has room for "not available"); with several paths a first column ``run``
    tells them apart. Raises :class:`UsageError` where there are none.
    """
    import pandas as pd

    if not paths:
        raise UsageError("load() needs at least one run directory or CSV file")
    frames = []
    for path in paths:
        table = read_table(path)
        frame = pd.DataFrame({column.name: _series(table, column) for column in COLUMNS})
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


def read_manifest(path: str | Path) -> dict[str, Any]:
    """The manifest ``run.json`` of a run directory that this rdbench can go on with."""
    manifest = _manifest(path)
    if manifest.get("schema_version") != SCHEMA_VERSION:
        raise UsageError(
            f"{str(Path(path) / MANIFEST)!r} has schema version {manifest.get('schema_version')}, "
            f"this rdbench writes {SCHEMA_VERSION}; use --fresh or another --out"
        )
    return manifest


def _manifest(path: str | Path) -> dict[str, Any]:
    file = Path(path) / MANIFEST
    try:
        manifest = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read {str(file)!r}: {error.strerror}") from None
    except ValueError as error:
        raise UsageError(f"{str(file)!r} is not JSON: {error}") from None
    if not isinstance(manifest, dict):
        raise UsageError(f"{str(file)!r} is not the manifest of a run; use --fresh")
    return manifest


class RunDirectory:
    """A run directory that this process writes, and no other at the same time.

    Opening it takes the lock, drops a torn last row and refuses another experiment's directory;
    :meth:`append` adds one row at once and whole; :meth:`finish` leaves the table sorted.
    Use it in a ``with`` statement.
    """

    def __init__(self, path: Path, identity: Mapping[str, Any], *, fresh: bool = False) -> None:
        self.path = path
        self._file: int | None = None
        self._lock = _locked(path)
        try:
            self.resumed = self._open(json.loads(json.dumps(identity)), fresh)
        except BaseException:
            self.close()
            raise

    def _open(self, identity: dict[str, Any], fresh: bool) -> bool:
        csv_path, manifest_path = self.path / MEASUREMENTS, self.path / MANIFEST
        self.rows: dict[MeasurementKey, Measurement] = {}
        if fresh:
            for path in (csv_path, manifest_path):
                path.unlink(missing_ok=True)
        resumed = manifest_path.exists()
        if resumed:
            self.manifest = read_manifest(self.path)
            if found := differences(self.manifest.get("experiment", {}), identity):
                raise UsageError(
                    f"{str(self.path)!r} holds another experiment ({'; '.join(found)}); "
                    "name another folder with --out, or start over with --fresh"
                )
        elif csv_path.exists():
            raise UsageError(
                f"{str(self.path)!r} holds measurements without their {MANIFEST}; "
                "name another folder with --out, or start over with --fresh"
            )
        else:
            self.manifest = {"schema_version": SCHEMA_VERSION, "experiment": identity}
            self.write_manifest()  # first, so that there are never rows without it
        try:
            self._file = os.open(csv_path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
            data = csv_path.read_bytes()
            if (end := whole_records(data)) < len(data):
                os.ftruncate(self._file, end)
        except OSError as error:
            raise _write_error(csv_path, error) from error
        if end:
            self.rows = {row.key: row for row in read_rows(csv_path)}
            if not data.startswith(csv_text([_HEADER]).encode()):  # of before a column came
                os.close(self._file)
                self._file = None
                self._rewrite(self.rows.values())
                self._file = os.open(csv_path, os.O_RDWR | os.O_APPEND)
        else:
            self._write([_HEADER])
        return resumed

    def append(self, row: Measurement) -> None:
        """Add one row. Raises :class:`RdbenchError` where the file system refuses it."""
        self._write([row.cells()])
        self.rows[row.key] = row

    def _write(self, rows: Iterable[Sequence[str]]) -> None:
        assert self._file is not None
        data = csv_text(rows).encode("utf-8")
        try:
            while data:
                data = data[os.write(self._file, data) :]
        except OSError as error:
            raise _write_error(self.path / MEASUREMENTS, error) from error

    def done(self, key: MeasurementKey) -> bool:
        """Whether there is an ok row of this measurement."""
        row = self.rows.get(key)
        return row is not None and row.status == OK

    def finish(self, order: Mapping[MeasurementKey, int]) -> list[Measurement]:
        """Rewrite the table, one row per measurement, in the order of ``order``; return it."""
        rows = sorted(self.rows.values(), key=lambda row: order[row.key])
        self._rewrite(rows)
        return rows

    def _rewrite(self, rows: Iterable[Measurement]) -> None:
        write_atomically(
            self.path / MEASUREMENTS, csv_text([_HEADER, *(row.cells() for row in rows)])
        )

    def write_manifest(self) -> None:
        """Write :attr:`manifest` to ``run.json``."""
        text = json.dumps(self.manifest, indent=2, ensure_ascii=False)
        write_atomically(self.path / MANIFEST, text + "\n")

    def close(self) -> None:
        if self._file is not None:
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


def _locked(path: Path) -> int:
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock = os.open(path / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise UsageError(
            f"cannot write to {str(path)!r}: {error.strerror}; name another folder with --out"
        ) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise UsageError(
            f"another run is writing to {str(path)!r}; wait for it, or name another folder "
            "with --out"
        ) from None
    return lock
