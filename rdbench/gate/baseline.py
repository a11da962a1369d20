"""A baseline: one CSV with the rows of a run, with which later runs are compared. It has the
columns of a measurement (see :mod:`rdbench.schema`) except those that differ from run to run and
say nothing about a codec. Rows are sorted, so that a diff of two versions of the file shows what
changed. Two more columns describe the file: ``schema_version``, and ``revisions`` of every metric
in the row, with the direction of external ones (``psnr_db=1;edges=3:falls``). Older baselines have
``definitions`` instead: digests of the metrics' definitions. A run directory and its
``measurements.csv`` can be read as a baseline, too.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final, Literal

from rdbench.csv_blocks import whole_records
from rdbench.curves.records import records_of
from rdbench.errors import RdbenchError, UsageError
from rdbench.files import csv_text, write_atomically
from rdbench.manifest import read_manifest, read_metrics
from rdbench.measurements import parse_rows
from rdbench.metrics import BUILT_IN, MetricRecord
from rdbench.results import measurements_path
from rdbench.schema import (
    OK,
    SCHEMA_VERSION,
    TIMINGS,
    Measurement,
    MeasurementKey,
    header,
    options_text,
    point_text,
)

REQUIRED: Final = (
    *("dataset", "image", "image_sha256", "codec", "options", "label", "point"),
    *("codec_version", "status", "size_bytes", "bpp"),
)
_MEMORY: Final = ("peak_rss_mb", "added_rss_mb", "program_rss_mb")
_TIMES: Final = TIMINGS.difference(_MEMORY) | {"host", "device"}
_OF_ONE_RUN: Final = frozenset(
    {
        *("identity", "unscored", "reused", *_MEMORY),
        *("stream_file", "decoded_file"),
    }
)
_SCHEMA: Final = "schema_version"
_REVISIONS: Final = "revisions"
_DEFINITIONS: Final = "definitions"
_FALLS: Final = "falls"
_REVISION: Final = re.compile(rf"(\d+)(:{_FALLS})?")
_FIRST_DEFINITIONS: Final = {
    "mse": "48ae917b",
    "psnr_db": "cce320d1",
    "psnr_y_db": "30038c2b",
    "ssim": "7b222077",
    "ms_ssim": "428d996f",
    "ms_ssim_db": "cc651591",
}
"""The digests that stand for revision 1 of the metrics in older baselines."""

Kind = Literal["run", "baseline"]


@dataclass(frozen=True)
class Table:
    """The rows of a run or a baseline, one per measurement."""

    where: str
    rows: tuple[Measurement, ...]
    told: Mapping[str, MetricRecord] = field(default_factory=dict)
    """The records of its metrics, if the table has them."""
    undefined: frozenset[str] = frozenset()
    """Metrics whose definition in an older baseline matches no known revision."""
    notes: tuple[str, ...] = ()
    deterministic: Mapping[str, bool] = field(default_factory=dict)
    """Whether codecs declared themselves deterministic when they were measured, if the manifest
    records it."""

    @cached_property
    def records(self) -> dict[str, MetricRecord]:
        """The records of its metrics: its own, and those known by name."""
        scores = dict.fromkeys(name for row in self.rows for name in row.scores)
        return records_of(scores, self.told)


def read_run(path: str | Path) -> Table:
    """The run to be checked: a directory or a CSV file.

    Raises :class:`UsageError` if there are no readable measurements.
    """
    return _read(Path(path), "run", "measure it with `rdbench run`")


def read_baseline(path: str | Path) -> Table:
    """The baseline: a CSV file, or a run directory.

    Raises :class:`UsageError`, with a remedy, for a file that is missing, empty or torn, lacks
    columns, has a schema that this version cannot read, or has two different rows of one
    measurement.
    """
    path = Path(path)
    if not path.exists():
        raise UsageError(f"baseline {str(path)!r} does not exist; `update` writes it")
    name_another = "name a baseline that `update` wrote, or a run directory"
    return _read(
        path, "baseline", "write it again with `update`" if is_ours(path) else name_another
    )


def is_ours(path: Path) -> bool:
    """Whether a file may be replaced by a baseline: it is one, in any state, or it is empty."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        header = file.readline(1 << 16).decode("utf-8-sig", "replace")
    return not header.strip() or _SCHEMA in header.strip().split(",")


def write_baseline(path: str | Path, run: Table, *, times: bool) -> int:
    """Write the rows of a run as a baseline, atomically, and return their number. Times differ at
    each run, so they are kept only if ``times`` asks for them. Raises :class:`UsageError` if no row
    of the run is ok, and if the file cannot be written.
    """
    if not any(row.status == OK for row in run.rows):
        raise UsageError(f"{run.where} has no ok row, so a baseline of it would protect nothing")
    metrics = _in_order(name for row in run.rows for name in row.scores)
    left_out = _OF_ONE_RUN if times else _OF_ONE_RUN | _TIMES
    columns = header(metrics)
    kept = [place for place, column in enumerate(columns) if column not in left_out]
    revisions = {name: _revision(record) for name, record in run.records.items()}
    cells = [[*(columns[place] for place in kept), _SCHEMA, _REVISIONS]]
    for row in sorted(run.rows, key=_order):
        texts = row.cells(metrics)
        used = {name: revisions[name] for name in row.scores if name in revisions}
        cells.append([*(texts[place] for place in kept), str(SCHEMA_VERSION), options_text(used)])
    write_file(Path(path), csv_text(cells), "`baseline`")
    return len(run.rows)


def _in_order(names: Iterable[str]) -> list[str]:
    """Names of metrics, each once, those of rdbench first: however the run was asked for."""
    found = set(names)
    return [*(name for name in BUILT_IN if name in found), *sorted(found - BUILT_IN.keys())]


def _revision(record: MetricRecord) -> str:
    falls = record.name not in BUILT_IN and not record.higher_is_better
    return f"{record.revision}:{_FALLS}" if falls else str(record.revision)


def write_file(path: Path, text: str, option: str) -> None:
    """Write a file atomically, creating its folders. Raises :class:`UsageError`, with the setting
    that named it, if that is impossible.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(21, "it is a folder")
        write_atomically(path, text)
    except (OSError, RdbenchError) as error:
        cause = error.__cause__ if isinstance(error, RdbenchError) else error
        reason = cause.strerror if isinstance(cause, OSError) and cause.strerror else str(cause)
        raise UsageError(
            f"cannot write {str(path)!r}: {reason}; name another file with {option}"
        ) from error


def _order(row: Measurement) -> tuple[str, str, str, float, str, int]:
    return row.dataset, row.codec, row.options, row.point, row.image, row.repeat


def _read(path: Path, kind: Kind, way_out: str) -> Table:
    where = f"the {kind} {str(path)!r}"
    folder = path.is_dir()
    try:
        data = measurements_path(path).read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {where}: {error.strerror}") from None
    if not data.strip():
        raise UsageError(f"{where} is empty; {way_out}")
    # A run that was killed may end with a torn row. A file that was written whole must not.
    if not folder:
        data += b"" if data.endswith(b"\n") else b"\n"
        if whole_records(data) < len(data):
            raise UsageError(f"{where} ends within a row; {way_out}")
    try:
        columns, described = _described(data.decode("utf-8-sig"))
        if missing := [name for name in REQUIRED if name not in columns]:
            raise UsageError(f"{where} lacks the columns {', '.join(missing)}")
        rows = _unique(parse_rows(io.BytesIO(data), where), where, strict=not folder)
        version = _version(described[_SCHEMA] - {""}, where)
        undefined = frozenset(_undefined(described[_DEFINITIONS]))
        told = read_metrics(path) | _told(described, undefined, where)
    except (UsageError, UnicodeDecodeError, csv.Error) as error:
        said = f"{where} is not a UTF-8 table: {error}"
        raise UsageError(f"{error if isinstance(error, UsageError) else said}; {way_out}") from None
    if not rows:
        raise UsageError(f"{where} is empty: it has no measurements; {way_out}")
    notes = []
    if version < SCHEMA_VERSION:
        notes.append(f"{where} has schema {version} and was read as schema {SCHEMA_VERSION}")
    return Table(where, rows, told, undefined, tuple(notes), _deterministic(path))


def _deterministic(path: Path) -> dict[str, bool]:
    try:
        said = read_manifest(path).get("deterministic", {}) if path.is_dir() else {}
    except UsageError:  # the measurements are enough
        return {}
    return {str(codec): value is True for codec, value in dict(said).items()}


def _described(text: str) -> tuple[list[str], dict[str, set[str]]]:
    """The header, and the values of the columns that are no part of a measurement."""
    records = csv.reader(io.StringIO(text, newline=""))
    columns = next(records, [])
    found: dict[str, set[str]] = {_SCHEMA: set(), _DEFINITIONS: set(), _REVISIONS: set()}
    places = {name: columns.index(name) for name in found if name in columns}
    for cells in records if places else ():
        for name, place in places.items():
            found[name].update(cells[place : place + 1])
    return columns, found


def _version(versions: set[str], where: str) -> int:
    """The schema of a table. What an older rdbench wrote is read as it is: schema versions differ
    in columns that came new, and none of them is in a baseline."""
    known = {str(version) for version in range(1, SCHEMA_VERSION + 1)}
    if unread := sorted(versions - known):
        raise UsageError(
            f"{where} has schema {', '.join(unread)}, but this rdbench reads only up to "
            f"{SCHEMA_VERSION}; use the rdbench that wrote it"
        )
    return min(map(int, versions), default=SCHEMA_VERSION)


def _parts(texts: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The names of ``name=text;...`` and their texts."""
    for part in dict.fromkeys(part for text in sorted(texts) for part in text.split(";")):
        name, equals, value = part.rpartition("=")  # names may have options
        if equals:
            yield name, value


def _undefined(definitions: Iterable[str]) -> set[str]:
    return {name for name, digest in _parts(definitions) if _FIRST_DEFINITIONS.get(name) != digest}


def _told(
    described: Mapping[str, set[str]], undefined: frozenset[str], where: str
) -> dict[str, MetricRecord]:
    """The records of the metrics, from their revisions or from the definitions in their place."""
    first = ((name, "1") for name, _ in _parts(described[_DEFINITIONS]) if name not in undefined)
    found: dict[str, MetricRecord] = {}
    for name, revision in (*first, *_parts(described[_REVISIONS])):
        told = _REVISION.fullmatch(revision)
        if told is None:
            raise UsageError(
                f"{where} has the revision {revision!r} of {name}, which is not a number"
            )
        record = BUILT_IN.get(name) or MetricRecord(name, higher_is_better=not told[2])
        record = dataclasses.replace(record, revision=int(told[1]))
        if found.setdefault(name, record) != record:
            raise UsageError(f"{where} has rows of two revisions of {name}")
    return found


def _unique(rows: Iterable[Measurement], where: str, *, strict: bool) -> tuple[Measurement, ...]:
    """One row for each measurement. In a run directory a later row replaces an earlier one; in a
    file two rows that differ are a mistake, of merging it for instance."""
    unique: dict[MeasurementKey, Measurement] = {}
    for row in rows:
        before = unique.setdefault(row.key, row)
        if before.label != row.label:
            raise UsageError(
                f"{where} has codec {row.codec!r} with the same options twice, as "
                f"{before.label!r} and {row.label!r}; keep one of them"
            )
        if strict and before is not row and before != row:
            raise UsageError(
                f"{where} has two different rows for {row.image!r} at {row.parameter} "
                f"{point_text(row.point)} of {row.label!r}; keep one of them"
            )
        unique[row.key] = row
    return tuple(unique.values())
