"""What the readers of all formats take and give."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from rdbench.errors import UsageError, unknown

NUMBERS: Final = (
    *("point", "bpp", "estimated_bpp"),
    *("mse", "psnr_db", "psnr_y_db", "ssim", "ms_ssim", "ms_ssim_db"),
    *("encode_s", "decode_s"),
)
QUALITIES: Final = ("mse", "psnr_db", "psnr_y_db", "ssim", "ms_ssim", "ms_ssim_db")
TEXTS: Final = ("dataset", "label", "codec", "options", "parameter", "image", "description")
COLUMNS: Final = (*TEXTS, *NUMBERS)
"""The columns that an imported file can have, and that a mapping can name."""

NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?inf|nan", re.IGNORECASE)


@dataclass(frozen=True)
class File:
    """A file to import: its name without its folder, and its text."""

    name: str
    text: str


@dataclass(frozen=True)
class Request:
    """What files do not tell of their curves, and how a CSV is to be read."""

    mapping: Mapping[str, str] = field(default_factory=dict)
    """Our column to the file's column or key."""
    label: str = ""
    """One label for all rows; they become one curve."""
    dataset: str = ""
    color: str = "rgb"
    images: int = 0
    """Over how many images rows without an image are means."""
    rate_is: str = ""
    """A key of :data:`rdbench.curves.published.RATES`; empty for what the format tells."""
    source: str = ""
    known_issue: str = ""
    delimiter: str = ","
    decimal: str = "."


@dataclass(frozen=True)
class Row:
    """A point of a curve, of one image or as a mean, as a file has it."""

    file: str
    place: str
    """Where in the file, for messages."""
    texts: Mapping[str, str]
    """Values of :data:`TEXTS`; what is not there is not told."""
    numbers: Mapping[str, float]
    """Values of :data:`NUMBERS`; what is not there is not available."""
    group: str = ""
    """What tells the points of a curve apart where rows of images have no ``point``."""
    rate_is: str = ""
    """What the rate is, where the format tells; see :data:`rdbench.curves.published.RATES`."""
    averaging: str = "unknown"
    """How a row without an image is a mean; see :data:`rdbench.curves.published.AVERAGINGS`."""

    @property
    def where(self) -> str:
        return ", ".join(filter(None, (repr(self.file), self.place)))


@dataclass(frozen=True)
class Reading:
    """What a format's reader found. ``unused`` are columns or keys that were not taken."""

    rows: tuple[Row, ...]
    unused: tuple[str, ...] = ()


def parse_mapping(text: str) -> dict[str, str]:
    """``bpp=rate,psnr_db=PSNR`` as a mapping of our columns to those of the file.

    Raises :class:`UsageError` for another form, a column that is not one of :data:`COLUMNS`, and
    for names that occur twice on either side.
    """
    mapping: dict[str, str] = {}
    for item in filter(None, text.split(",")):
        ours, equals, theirs = (part.strip() for part in item.partition("="))
        if not equals or not ours or not theirs:
            raise UsageError(f"--map {item!r} is not of the form COLUMN=NAME, such as bpp=rate")
        if ours not in COLUMNS:
            raise unknown("column", ours, COLUMNS, hint="left of '=' in --map")
        if ours in mapping:
            raise UsageError(f"--map names {ours!r} twice")
        if theirs in mapping.values():
            raise UsageError(f"--map takes {theirs!r} for two columns")
        mapping[ours] = theirs
    return mapping


def number(text: str, column: str, where: str, decimal: str = ".") -> float:
    """A cell as a number. Raises :class:`UsageError` with ``where`` for anything else."""
    if decimal == "," and "." not in text:
        text = text.replace(",", ".")
    if NUMBER.fullmatch(text):
        return float(text)
    if decimal == "." and NUMBER.fullmatch(text.replace(",", ".", 1)):
        raise UsageError(
            f"{where}, {column}: {text!r} has a comma; if it is the decimal sign, give --decimal ,"
        )
    raise UsageError(
        f"{where}, {column}: {text!r} is not a number; leave empty what is not available"
    )


def listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
