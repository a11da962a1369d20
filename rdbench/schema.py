"""The row of a measurement: its core and its scores, and their form as text. One row is codec ×
point × image × repeat. The **core** says what was measured, on what, and with what result; its
columns are the same in every file. The **scores** are one number, in its own column, for each
metric that was measured. Files are UTF-8 CSV with one header line, ``.`` decimals, and an empty
cell where a value is not available. Floats are written with the shortest digits that read back to
the same double; infinity (the PSNR of identical images) is ``inf``.
"""

from __future__ import annotations

import dataclasses
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, get_args, get_type_hints

from rdbench.errors import UsageError
from rdbench.places import inside
from rdbench.text import printable, quoted

SCHEMA_VERSION: Final = 3
"""Version of the run directory, raised when the form of ``run.json`` changes. New columns or
metrics do not raise it."""

OK: Final = "ok"
FAILED: Final = "failed"  # the codec, the image or the harness raised an error
TIMEOUT: Final = "timeout"  # stopped after the time limit
CRASHED: Final = "crashed"  # the process died
UNSUPPORTED: Final = "unsupported"  # the image is of a kind that is refused

PINNED: Final = "pinned"  # alone, pinned to a core, medians of many runs
ISOLATED: Final = "isolated"  # one worker
SHARED: Final = "shared"  # several
KEPT: Final = frozenset({"stream_file", "decoded_file"})
"""Columns that name files within the run directory."""

SAMPLES: Final = ("color", "sample_format")
"""Columns that say what the samples are."""

LARGEST_WHOLE: Final = 2**53
"""Whole numbers up to this are also exact as floats; no column has a larger one."""

KEY: Final = ("dataset", "image", "codec", "options", "point", "repeat")
"""The key of a measurement: of two rows with the same key, the later one replaces the other."""
MeasurementKey = tuple[str, str, str, str, float, int]

BY_TARGET: Final = "points"
"""The option that holds the column whose values are targets: a curve by target is distinct from the
curve over the codec's settings."""

RESERVED: Final = frozenset(
    {
        *("run", "schema_version", "definitions", "revisions"),
        *("images", "rate_is", "averaging", "description", "source", "known_issue"),
    }
)
"""Columns that tables of runs, baselines and published curves have in addition to those of a
row."""


def _column(meaning: str, unit: str = "", default: Any = None) -> Any:
    return dataclasses.field(default=default, metadata={"meaning": meaning, "unit": unit})


@dataclass(frozen=True, slots=True)
class Measurement:
    """One row of ``measurements.csv``: the fields are the columns of the core, in order, and
    :attr:`scores`, whose columns follow ``estimated_bpp``."""

    dataset: str = _column("name of the dataset", default="")
    image: str = _column("name of the image within its dataset", default="")
    image_sha256: str | None = _column(
        "SHA-256 of the original's samples as measured: rows from the top, interleaved"
    )
    width: int | None = _column("width of the original", "px")
    height: int | None = _column("height of the original", "px")
    channels: int | None = _column("1 (gray or luma) or 3 (sRGB)")
    color: str = _column("what was measured: rgb, gray, or luma (BT.601, 16 to 235)", default="")
    sample_format: str = _column("channels, depth and transfer: rgb8, gray8", default="")
    codec: str = _column("name of the codec", default="")
    options: str = _column("all options of the codec, as name=value joined by ';'", default="")
    label: str = _column("name of the curve that the row belongs to", default="")
    parameter: str = _column(
        "the rate parameter of the codec (quality, qp, ratio, ...), or bpp or the metric to be "
        "reached",
        default="",
    )
    point: float = _column("value of the rate parameter, or value to be reached", default=0.0)
    setting: float | None = _column(
        "value of the rate parameter that was found for a point by target"
    )
    tries: int | None = _column("number of settings that were encoded to find it")
    tolerance: float | None = _column("allowed distance from the point, in the unit of the point")
    codec_version: str = _column("library and encoder with their versions", default="")
    identity: str = _column(
        "digest of what decides the row besides pixels, options and point; run.json has the record",
        default="",
    )
    repeat: int = _column("0 for the first measurement, 1 for its first repetition, ...", default=0)
    status: str = _column("ok, failed, timeout, crashed or unsupported", default=OK)
    message: str = _column(
        "why a row is not ok, why one of its cells is empty, or a remark on its search", default=""
    )
    unscored: str = _column("metrics without a value in this row, joined by spaces", default="")
    size_bytes: int | None = _column("length of the complete stream that the decoder needs", "byte")
    payload_bytes: int | None = _column("entropy-coded part of it, if the codec reports it", "byte")
    bpp: float | None = _column("8 * size_bytes / (width * height)", "bit/px")
    estimated_bpp: float | None = _column("the model's own estimate of its rate", "bit/px")
    encode_s: float | None = _column("wall time of encoding, image in memory to bytes", "s")
    decode_s: float | None = _column("wall time of decoding, bytes to image in memory", "s")
    encode_cpu_s: float | None = _column(
        "processor time of encoding, including all programs and servers", "s"
    )
    decode_cpu_s: float | None = _column(
        "processor time of decoding, including all programs and servers", "s"
    )
    encode_transform_s: float | None = _column(
        "part of encode_s that the transforms of a learned codec took; the rest is entropy coding",
        "s",
    )
    decode_transform_s: float | None = _column("the same for decode_s", "s")
    encode_runs: int | None = _column("number of runs whose median is the time of encoding")
    decode_runs: int | None = _column("the same for decoding")
    encode_spread: float | None = _column(
        "width of the 95 % interval of encode_s over its runs, relative to it"
    )
    decode_spread: float | None = _column("the same for decode_s")
    task_s: float | None = _column(
        "wall time of the whole measurement in its worker, including warm-up and scores", "s"
    )
    timing: str = _column(
        "pinned, for times to publish; isolated; or shared, if other work ran at the same time, or "
        "may have",
        default="",
    )
    frequency_mhz: float | None = _column(
        "clock of the pinned core, if the kernel provides it", "MHz"
    )
    load: float | None = _column(
        "load of the machine: processes running or waiting to run, over the last minute"
    )
    host: str = _column("the machine that measured it", default="")
    device: str = _column("where transforms ran: cpu, or the name of a GPU", default="")
    peak_rss_mb: float | None = _column(
        "peak resident memory of the worker in this task, including rdbench and other codecs", "MiB"
    )
    added_rss_mb: float | None = _column(
        "memory that encoding and decoding added to the worker; only isolated, first image of "
        "each size",
        "MiB",
    )
    program_rss_mb: float | None = _column(
        "peak resident memory of the codec's largest program or server, including its children",
        "MiB",
    )
    reused: str = _column(
        "for a row from a cache: the run that measured it, and when",
        default="",
    )
    stream_sha256: str | None = _column("SHA-256 of the stream")
    decoded_sha256: str | None = _column("SHA-256 of the decoded samples, like image_sha256")
    stream_file: str = _column("the kept stream, within the run directory", default="")
    decoded_file: str = _column("the kept decoded image, within the run directory", default="")
    scores: Mapping[str, float] = dataclasses.field(default_factory=dict)
    """Metric to number; a metric without a value has no key."""

    def value(self, column: str) -> Any:
        """The value of a column of the core, or of a metric; None if it is not available."""
        return getattr(self, column) if column in CORE else self.scores.get(column)

    def cells(self, metrics: Iterable[str] = ()) -> list[str]:
        """The row as text, in the order of :func:`header`."""
        cells = [_text(value) for value in _CORE_VALUES(self)]
        cells[_SCORES_AT:_SCORES_AT] = [_text(self.scores.get(name)) for name in metrics]
        return cells

    @classmethod
    def from_cells(cls, cells: Mapping[str, str], metrics: Iterable[str] = ()) -> Measurement:
        """The inverse of :meth:`cells`, from a mapping of column names to text.

        Missing columns and NaN count as not available; columns that are neither in the core nor
        among ``metrics`` are ignored. Raises :class:`UsageError` for a cell of the wrong type, and
        for a point that is NaN.
        """
        return cls.reader(list(cells), metrics)(list(cells.values()))

    @classmethod
    def reader(
        cls, columns: Sequence[str], metrics: Iterable[str] = ()
    ) -> Callable[[Sequence[str]], Measurement]:
        """The same for many rows with these columns: a function of their cells."""
        core = _places(columns, _TYPES)
        scores = _places(columns, ((name, float) for name in metrics))

        def read(cells: Sequence[str]) -> Measurement:
            values = _values(cells, core)
            for name in KEPT & values.keys():
                inside(Path("a run"), values[name], f"column {name!r}:")
            for name in SAMPLES:
                if name in values:
                    values[name] = current_samples(values[name])
            return cls(**values, scores=_values(cells, scores))

        return read

    @property
    def key(self) -> MeasurementKey:
        """The values of :data:`KEY`."""
        key: MeasurementKey = _KEY(self)
        return key

    def without_scores(self, metrics: Iterable[str]) -> Measurement:
        """As if ``metrics`` had not been measured."""
        scores = {name: score for name, score in self.scores.items() if name not in metrics}
        unscored = " ".join(name for name in self.unscored.split() if name not in metrics)
        return dataclasses.replace(self, scores=scores, unscored=unscored)

    def lacks(self, metrics: Iterable[str]) -> tuple[str, ...]:
        """The ``metrics`` that were not requested when it was measured: they have neither a value
        nor a reason for its absence."""
        told = {*self.scores, *self.unscored.split()}
        return tuple(name for name in metrics if name not in told)


_KEY: Final = operator.attrgetter(*KEY)


@dataclass(frozen=True)
class Column:
    """One column: its name, Python type (``str``, ``int`` or ``float``), unit and meaning, and
    the value that an empty cell stands for."""

    name: str
    type: type
    unit: str
    meaning: str
    default: Any


def _columns(cls: type) -> tuple[Column, ...]:
    hints = get_type_hints(cls)
    return tuple(
        Column(
            field.name,
            next(iter(get_args(hints[field.name])), hints[field.name]),
            field.metadata["unit"],
            field.metadata["meaning"],
            field.default,
        )
        for field in dataclasses.fields(cls)
        if field.metadata
    )


COLUMNS: Final = _columns(Measurement)
"""The columns of the core."""
TIMINGS: Final = frozenset(
    {
        *("encode_s", "decode_s", "encode_cpu_s", "decode_cpu_s", "encode_transform_s"),
        *("decode_transform_s", "encode_runs", "decode_runs", "encode_spread", "decode_spread"),
        *("task_s", "timing", "frequency_mhz", "load"),
        *("peak_rss_mb", "added_rss_mb", "program_rss_mb"),
    }
)
"""Columns about the measuring itself, which differ when the same thing is measured again."""
CORE: Final = frozenset(column.name for column in COLUMNS)
_TYPES: Final = tuple((column.name, column.type) for column in COLUMNS)
_CORE_VALUES: Final = operator.attrgetter(*(column.name for column in COLUMNS))
_SCORES_AT: Final = [column.name for column in COLUMNS].index("encode_s")


def header(metrics: Iterable[str] = ()) -> list[str]:
    """The columns of a table with the scores of ``metrics``."""
    names = [column.name for column in COLUMNS]
    names[_SCORES_AT:_SCORES_AT] = metrics
    return names


_Places = tuple[tuple[int, str, type], ...]
"""Place, name and type of columns."""


def _places(columns: Sequence[str], kinds: Iterable[tuple[str, type]]) -> _Places:
    known = {name: place for place, name in enumerate(columns)}
    return tuple((known[name], name, kind) for name, kind in kinds if name in known)


def current_samples(text: str) -> str:
    """A text of the columns :data:`SAMPLES` as it is written now: an older rdbench wrote ``grey``
    and ``grey8``."""
    return "gray" + text[4:] if text.startswith("grey") else text


def _values(cells: Sequence[str], places: _Places) -> dict[str, Any]:
    """The cells that have a value, neither empty nor NaN."""
    values = {}
    for place, name, kind in places:
        if not (text := cells[place]):
            continue
        if kind is str:
            values[name] = text
            continue
        try:
            value = kind(text)
            if kind is int and abs(value) > LARGEST_WHOLE:
                raise ValueError
            if value == value:
                values[name] = value
            elif name in KEY:
                raise ValueError
        except ValueError:
            raise UsageError(
                f"column {name!r}: {quoted(text)} is not of type {kind.__name__}"
            ) from None
    return values


def _text(value: str | float | None) -> str:
    if value is None:
        return ""
    return repr(float(value)).removesuffix(".0") if isinstance(value, float) else str(value)


def options_text(options: Mapping[str, Any]) -> str:
    """Options as the ``options`` column has them: ``name=value`` sorted by name, joined by ';'.
    Unprintable characters, as in a path that is not UTF-8, are escaped."""
    return printable(";".join(f"{name}={value}" for name, value in sorted(options.items())))


def point_text(point: float) -> str:
    """A point as text: ``50`` instead of ``50.0``."""
    return f"{point:.12g}"


NUMBER_IN_NAME: Final = r"(?<!\d)(?<!\d[.,])\d+(?:\.\d+)?(?:e-\d+)?(?![.,]?\d)"
"""A complete number in the name of a file or folder; there is none in ``1.2.3`` or ``0,5``."""
_ESCAPES: Final = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-~])"
)
"""ECMA-48: control sequences, commands of the operating system, other escapes."""
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def one_line(message: str, limit: int = 500) -> str:
    """A message for a CSV cell or a terminal line: white space collapsed, terminal escape sequences
    and control characters removed, other unprintable characters escaped, length limited."""
    text = printable(_CONTROLS.sub("", " ".join(_ESCAPES.sub("", message).split())))
    return text if len(text) <= limit else text[: limit - 1] + "…"
