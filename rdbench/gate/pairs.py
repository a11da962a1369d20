"""The curves of two tables, cell by cell, and their matching."""

from __future__ import annotations

import math
import statistics
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, TypeGuard

from rdbench.curves.notes import listed
from rdbench.metrics import MetricRecord
from rdbench.schema import OK, Measurement, point_text

Place = tuple[str, float]
"""Image and point."""
MOST_NAMES: Final = 4
"""How many images or cells a line names."""
# A metric of the same two images is the same on every machine but for the last digits: SSIM and
# MS-SSIM are computed in float32, and differed by up to 1.5e-6 of their value between kernels of
# BLAS and OpenCV for six kinds of processors.
SAME_IMAGES: Final = 1e-5


@dataclass(frozen=True)
class Cell:
    """One image at one point: its repeats, at least one."""

    rows: tuple[Measurement, ...]

    @cached_property
    def row(self) -> Measurement:
        """The first repeat that is ok, as everywhere, or the first if none is."""
        for row in self.rows:
            if row.status == OK:
                return row
        return self.rows[0]

    @property
    def ok(self) -> bool:
        return self.row.status == OK

    @property
    def failure(self) -> Measurement | None:
        """The first repeat that is not ok."""
        return next((row for row in self.rows if row.status != OK), None)

    @property
    def steady(self) -> bool:
        """Whether all repeats gave the same bytes."""
        streams = {row.stream_sha256 or row.size_bytes for row in self.rows if row.status == OK}
        return len(streams) <= 1

    def time_s(self, column: str, timing: str) -> float | None:
        """The median of a column of times over the repeats timed as ``timing``."""
        times = [
            value
            for row in self.rows
            if row.status == OK
            and row.timing == timing
            and (value := getattr(row, column)) is not None
            and value > 0
        ]
        return statistics.median(times) if times else None


@dataclass(frozen=True)
class Shared:
    """A cell that is ok on both sides, of the same image."""

    image: str
    point: float
    old: Cell
    new: Cell


@dataclass(frozen=True)
class MeasuredCurve:
    """The rows of one codec with one set of options on one dataset in one table."""

    cells: Mapping[Place, Cell]

    @cached_property
    def first(self) -> Measurement:
        return next(iter(self.cells.values())).row

    @property
    def key(self) -> tuple[str, str, str]:
        return self.first.dataset, self.first.codec, self.first.options

    @property
    def label(self) -> str:
        return self.first.label or self.first.codec

    @cached_property
    def versions(self) -> tuple[str, ...]:
        return tuple(sorted({c.row.codec_version for c in self.cells.values() if c.ok}))

    def places(self, cells: Collection[Place]) -> str:
        """Some of the curve's cells in words, summarizing complete images and points."""
        if len(cells) == len(self.cells):
            return "all images at all points"
        parameter = self.first.parameter or "point"
        left = dict.fromkeys(sorted(cells, key=lambda place: (place[1], place[0])))
        names: list[str] = []
        for index, kind in ((0, "image"), (1, parameter)):
            for value in dict.fromkeys(place[index] for place in left):
                whole = [place for place in self.cells if place[index] == value]
                if len(whole) > 1 and all(place in left for place in whole):
                    text = point_text(value) if isinstance(value, float) else value
                    names.append(f"{kind} {text}")
                    for place in whole:
                        del left[place]
        names += [f"{image} at {parameter} {point_text(point)}" for image, point in left]
        return listed(names, MOST_NAMES)


Pair = tuple[MeasuredCurve | None, MeasuredCurve | None]
"""The same curve in the baseline and in the run; one of them may be missing."""


def measured_curves(rows: Iterable[Measurement]) -> dict[tuple[str, str, str], MeasuredCurve]:
    """The curves of a table by dataset, codec and options, in the order of their first rows.

    Labels do not matter, so a renamed curve is still found.
    """
    curves: dict[tuple[str, str, str], dict[Place, list[Measurement]]] = {}
    for row in rows:
        cells = curves.setdefault((row.dataset, row.codec, row.options), {})
        cells.setdefault((row.image, row.point), []).append(row)
    return {
        key: MeasuredCurve(
            {
                place: Cell(tuple(sorted(repeats, key=lambda row: row.repeat)))
                for place, repeats in cells.items()
            }
        )
        for key, cells in curves.items()
    }


def pairs(old: Iterable[Measurement], new: Iterable[Measurement]) -> list[Pair]:
    """Pairs of curves of the baseline and the run, in the baseline's order, then new ones. Curves
    without a partner are matched by label, if that is unambiguous: they differ in codec or options,
    which is more useful to report than one curve gone and one new.
    """
    before, now = measured_curves(old), measured_curves(new)
    lonely_before = [curve for key, curve in before.items() if key not in now]
    lonely_now = [curve for key, curve in now.items() if key not in before]
    found: list[Pair] = []
    for key, curve in before.items():
        partner = now.get(key)
        if partner is None:
            namesake = _only_namesake(curve, lonely_now)
            if namesake is not None and _only_namesake(namesake, lonely_before) is curve:
                partner = namesake
        found.append((curve, partner))
    matched = {id(partner) for _, partner in found}
    return found + [(None, curve) for curve in lonely_now if id(curve) not in matched]


def _only_namesake(curve: MeasuredCurve, others: Sequence[MeasuredCurve]) -> MeasuredCurve | None:
    name = curve.first.dataset, curve.label
    same = [other for other in others if (other.first.dataset, other.label) == name]
    return same[0] if len(same) == 1 else None


def same_original(old: Measurement, new: Measurement) -> bool | None:
    """Whether both have the same image, by its samples and its size; None if unknown."""
    if not (old.image_sha256 and new.image_sha256):
        return None
    sizes = ((old.width, new.width), (old.height, new.height))
    return old.image_sha256 == new.image_sha256 and all(a == b for a, b in sizes if a and b)


def same_decoded(old: Measurement, new: Measurement) -> bool:
    """Whether both are known to have been decoded to the same samples."""
    return old.decoded_sha256 is not None and old.decoded_sha256 == new.decoded_sha256


def gain(row: Measurement, metric: MetricRecord) -> float | None:
    """The value of a metric with the sign at which more is better; None if there is none."""
    value = row.scores.get(metric.name)
    return None if value is None else metric.sign * value


def usable(value: float | None) -> TypeGuard[float]:
    """Whether there is a number; the PSNR of identical images is one."""
    return value is not None and value > -math.inf


def close(old: float, new: float) -> bool:
    """Whether these may be values of one metric for the same two images."""
    return math.isclose(old, new, rel_tol=SAME_IMAGES)
