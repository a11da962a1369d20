"""Rates in bytes and in kbit/s as bits per pixel."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Sequence
from typing import Final

from rdbench.errors import UsageError
from rdbench.importing.rows import SIZES, Request, Row
from rdbench.schema import point_text

_MOST_BPP: Final = 64  # four channels of 16 bits, uncompressed
_OTHER_UNIT: Final = re.compile(r"k(bps|bit|b/s)|bytes?(?![a-z])|(?<![a-z])size(?![a-z])", re.I)
_FORM: Final = re.compile(r"(\d+)[x×](\d+)")
_WAYS: Final = "size_bytes=COLUMN or kbps=COLUMN"


def chosen(columns: Iterable[str]) -> str:
    """The column of the rate, among those that a file has or a mapping names; empty if there is
    none. Raises :class:`UsageError` for several."""
    rates = [name for name in ("bpp", "size_bytes", "kbps") if name in columns]
    if len(rates) > 1:
        raise UsageError(f"`mapping` names {' and '.join(rates)}; only one of them can be the rate")
    return rates[0] if rates else ""


def check_unit(column: str, where: str) -> None:
    """Refuse a column for bpp whose name says another unit."""
    if _OTHER_UNIT.search(column):
        raise UsageError(
            f"{where}: {column!r} does not look like bits per pixel; map it as {_WAYS} with "
            "`mapping`, and it is converted with the size of the images"
        )


def in_bpp(rows: Sequence[Row], request: Request) -> list[Row]:
    """The rows with bpp: ``8 size_bytes / pixels``, or ``1000 kbps / (frames a second · pixels)``.

    Raises :class:`UsageError` if the size of the images or the frame rate is missing or
    superfluous, and for an impossible rate.
    """
    size = _pixels_of(request.size)
    if (size or request.fps) and rows and all("bpp" in row.numbers for row in rows):
        raise UsageError("`size` and `fps` are for rates in bytes or kbps; these are in bpp")
    return [_checked(_converted(row, size, request.fps)) for row in rows]


def _pixels_of(size: str) -> int:
    if not size:
        return 0
    if not (form := _FORM.fullmatch(size)) or not (pixels := int(form[1]) * int(form[2])):
        raise UsageError(f"`size` {size!r} is not of the form WIDTHxHEIGHT, such as 768x512")
    return pixels


def _converted(row: Row, size: int, fps: float) -> Row:
    told = row.numbers
    numbers = {name: value for name, value in told.items() if name not in SIZES}
    if "bpp" in numbers or not told.keys() & {"size_bytes", "kbps"}:
        return dataclasses.replace(row, numbers=numbers)
    name = "size_bytes" if "size_bytes" in told else "kbps"
    pixels = told.get("pixels") or told.get("width", 0) * told.get("height", 0) or size
    if not pixels > 0:
        raise UsageError(
            f"{row.where}: converting {name} to bpp needs the size of the image; name its "
            "columns with `mapping`: width=COLUMN,height=COLUMN or pixels=COLUMN, or give "
            "`size='WIDTHxHEIGHT'`"
        )
    if name == "kbps" and not fps > 0:
        raise UsageError(
            f"{row.where}: converting kbps to bpp needs the frames per second given to the "
            "encoder; give `fps`"
        )
    bits = 8 * told[name] if name == "size_bytes" else 1000 * told[name] / fps
    return dataclasses.replace(row, numbers=numbers | {"bpp": bits / pixels})


def _checked(row: Row) -> Row:
    bpp = row.numbers.get("bpp", 0)
    if _MOST_BPP < bpp < float("inf"):
        raise UsageError(
            f"{row.where}: bpp is {point_text(bpp)}, more than the uncompressed image; if the "
            f"column has another unit, map it as {_WAYS}"
        )
    return row
