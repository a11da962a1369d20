"""Rows of photographs that were really coded, with the hashes that a run writes beside them."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Callable, Iterable

from rdbench.gate import Limits, Report, Table, compare
from rdbench.schema import Measurement
from tests.curves.encoded import as_csv, encoded_rows, replaced

__all__ = ["PSNR", "as_csv", "changed", "hashed", "held", "measured", "of", "resized", "shifted"]

PSNR = Limits(metrics=("psnr_db",))


def _hash(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def hashed(row: Measurement) -> Measurement:
    """The row with hashes of its stream and decoded image that are others where its size or its
    quality are."""
    return dataclasses.replace(
        row,
        image_sha256=_hash(row.image),
        stream_sha256=_hash(row.image, row.codec, row.point, row.size_bytes),
        decoded_sha256=_hash(row.image, row.codec, row.point, row.scores.get("psnr_db")),
    )


@functools.cache
def measured() -> tuple[Measurement, ...]:
    """Four images; jpeg and webp at five points, jpeg2000 at four, png at one: 60 rows."""
    return tuple(hashed(row) for row in encoded_rows())


def of(*codecs: str) -> list[Measurement]:
    return [row for row in measured() if row.codec in codecs]


def changed(
    rows: Iterable[Measurement],
    change: Callable[[Measurement], dict[str, object]],
    where: Callable[[Measurement], bool] = lambda row: True,
) -> list[Measurement]:
    """The rows, some of them with some columns replaced and hashed anew."""
    return [hashed(replaced(row, **change(row))) if where(row) else row for row in rows]


def resized(factor: float) -> Callable[[Measurement], dict[str, object]]:
    """More bytes, or fewer, for the same images."""

    def change(row: Measurement) -> dict[str, object]:
        size = round(row.size_bytes * factor)
        return {"size_bytes": size, "bpp": 8 * size / (row.width * row.height)}

    return change


def shifted(psnr_db: float) -> Callable[[Measurement], dict[str, object]]:
    return lambda row: {"psnr_db": row.scores["psnr_db"] + psnr_db}


def held(
    run: Iterable[Measurement], baseline: Iterable[Measurement], limits: Limits = PSNR
) -> Report:
    return compare(Table("the run", tuple(run)), Table("the baseline", tuple(baseline)), limits)
