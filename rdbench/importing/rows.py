"""Inputs and outputs of the readers of all formats."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

from rdbench.curves.records import records_of
from rdbench.errors import UsageError, unknown
from rdbench.images.dataset import SUFFIXES
from rdbench.metrics import MetricRecord, find
from rdbench.metrics.published import PUBLISHED
from rdbench.metrics.registry import FILE_HINT, is_file, names

TEXTS: Final = ("dataset", "label", "codec", "options", "parameter", "image", "description")
_RATES: Final = ("point", "bpp", "estimated_bpp")
SIZES: Final = ("size_bytes", "kbps", "pixels", "width", "height")
"""Rates in other units, and what makes bits per pixel of them."""
_TIMES: Final = ("encode_s", "decode_s")

NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?inf|nan", re.IGNORECASE)

_TOLD: Final = 20  # characters of a number in messages


@dataclass(frozen=True)
class File:
    """A file to import: its name without the folders common to all files, and its text."""

    name: str
    text: str
    delimiter: str = ""
    """Its own declaration of the separator of cells, if any."""
    comments: tuple[int, ...] = ()
    """The lines that were comments, and are empty in :attr:`text`."""
    path: Path = Path()
    point: float | None = None
    """The point of its rows, if its path gives it."""
    image: str = ""
    """The image of its rows, if its path gives it."""


@dataclass(frozen=True)
class Request:
    """Information about curves that files lack, and how to read a CSV."""

    mapping: Mapping[str, str] = field(default_factory=dict)
    """Our column to the file's column or key; a metric may be named as FILE.py:Class or FILE.toml
    as well."""
    label: str = ""
    """One label for all rows; they become one curve. With ``*``, which stands for the label in the
    file, a name for each of its curves."""
    dataset: str = ""
    color: str = "rgb"
    images: int = 0
    """Over how many images rows without an image are means."""
    rate_is: str = ""
    """A key of :data:`rdbench.curves.published.RATES`; empty for that of the format."""
    source: str = ""
    known_issue: str = ""
    delimiter: str = ""
    """Empty to detect it."""
    decimal: str = "."
    point: str = ""
    """The name pattern of folders or files that give the point, with ``{}`` for it, such as
    ``q{}``."""
    image: str = ""
    """The same for the image."""
    size: str = ""
    """Width and height of images whose rate is in bytes or kbit/s, as ``768x512``."""
    fps: float = 0
    """Frames a second that rates in kbit/s are of."""

    @cached_property
    def metrics(self) -> dict[str, MetricRecord]:
        """The metrics that a file may have: those known by name, those that others publish, and
        those of files. Raises :class:`UsageError` for a file without a metric."""
        files = [find(ours) for ours in self.mapping if is_file(ours)]
        known = {**PUBLISHED, **records_of(names())}
        return known | {record.name: record for record in files}

    @cached_property
    def columns(self) -> dict[str, str]:
        """:attr:`mapping` with metrics of files by their columns."""
        return {
            find(ours).name if is_file(ours) else ours: theirs
            for ours, theirs in self.mapping.items()
        }

    @property
    def joins(self) -> bool:
        """Whether all rows become one curve."""
        return bool(self.label) and "*" not in self.label

    @property
    def numbers(self) -> tuple[str, ...]:
        """The columns of numbers that a file can have, and that a mapping can name."""
        return (*_RATES, *SIZES, *self.metrics, *_TIMES)


@dataclass(frozen=True)
class Row:
    """A point of a curve, of one image or as a mean, as a file has it."""

    file: str
    place: str
    """Its place in the file, for messages."""
    texts: Mapping[str, str]
    """Values of :data:`TEXTS`; missing ones are unknown."""
    numbers: Mapping[str, float]
    """Values of :attr:`Request.numbers`; missing ones are not available."""
    title: str = ""
    """The text that its line begins with, where that is neither a number nor its label."""
    group: str = ""
    """The quantity that distinguishes the points of a curve if rows of images have no ``point``."""
    rate_is: str = ""
    """What the rate counts, if the format says; see :data:`rdbench.curves.published.RATES`."""
    averaging: str = "unknown"
    """How a row without an image is a mean; see :data:`rdbench.curves.published.AVERAGINGS`."""
    known_issue: str = ""
    """Known issues of the numbers of this format."""

    @property
    def where(self) -> str:
        return ", ".join(filter(None, (repr(self.file), self.place)))


@dataclass(frozen=True)
class Reading:
    """The result of a format's reader. ``unused`` are columns or keys that were not taken."""

    rows: tuple[Row, ...]
    unused: tuple[str, ...] = ()
    summaries: tuple[Row, ...] = ()
    """Summary rows that the reader left out; a note says so."""


def parse_mapping(text: str) -> dict[str, str]:
    """``bpp=rate,psnr_db=PSNR`` as a mapping of our columns to those of the file; names that
    contain commas are in double quotes. Raises :class:`UsageError` for another form, a column that
    an imported file cannot have, and names that occur twice on either side.
    """
    mapping: dict[str, str] = {}
    columns = (*TEXTS, *Request().numbers)
    for item in filter(str.strip, _items(text)):
        ours, equals, theirs = (part.strip() for part in item.partition("="))
        if not equals or not ours or not theirs:
            raise UsageError(f"`mapping` {item!r} is not of the form COLUMN=NAME, such as bpp=rate")
        if ours not in columns and not is_file(ours):
            raise unknown("column", ours, columns, hint=f"left of '=' in `mapping`; {FILE_HINT}")
        if ours in mapping:
            raise UsageError(f"`mapping` names {ours!r} twice")
        if theirs in mapping.values():
            raise UsageError(f"`mapping` takes {theirs!r} for two columns")
        mapping[ours] = theirs
    return mapping


def _items(text: str) -> list[str]:
    lexer = shlex.shlex(text, posix=True)
    lexer.whitespace, lexer.whitespace_split = ",", True
    lexer.quotes, lexer.escape, lexer.commenters = '"', "", ""
    try:
        return list(lexer)
    except ValueError:
        raise UsageError(f"`mapping` {text!r}: a quotation mark is not closed") from None


def number(text: str, column: str, where: str, decimal: str = ".") -> float:
    """A cell as a number. Raises :class:`UsageError` with ``where`` for anything else."""
    if decimal == "," and "." not in text:
        text = text.replace(",", ".")
    if NUMBER.fullmatch(text):
        return float(text) if text[-1] in "fFnN" else finite(text, f"{where}, {column}")
    if decimal == "." and NUMBER.fullmatch(text.replace(",", ".", 1)):
        raise UsageError(
            f"{where}, {column}: {text!r} has a comma; if it is the decimal sign, give "
            "`decimal=','`"
        )
    raise UsageError(f"{where}, {column}: {text!r} is not a number; leave unavailable values empty")


def finite(digits: str, where: str) -> float:
    """The number written in digits. Raises :class:`UsageError`, with ``where``, for one beyond the
    range of floating-point numbers, which would read as infinite."""
    value = float(digits)
    if math.isinf(value):
        told = digits if len(digits) <= _TOLD else f"{digits[:_TOLD]}... ({len(digits)} characters)"
        raise UsageError(f"{where}: {told} is too large for a number; is a sign or a cell lost?")
    return value


def image_name(name: str) -> str:
    """An image's name as in runs: without the suffix of its file."""
    stem, _, suffix = name.rpartition(".")
    return stem if stem and f".{suffix.lower()}" in SUFFIXES else name


def quoted(names: Iterable[str]) -> str:
    """Names of columns as :func:`parse_mapping` takes them."""
    return listed(f'"{name}"' if "," in name else name for name in names)


def listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
