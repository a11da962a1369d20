"""How far a curve is from the same curve in the baseline, and whether that is within the limits.
For a deterministic codec, there is nothing to estimate: the same images at the same points give the
same numbers, so the difference is exact and is compared with the limit. For others, images show how
certain a difference is (:mod:`rdbench.bd.estimates`), and a curve is worse only if the whole
interval is beyond the limit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import numpy as np

from rdbench.bd import as_means, batch, delta, in_unit, jackknife, left_out_weights
from rdbench.curves import LOW_OVERLAP
from rdbench.curves.notes import listed
from rdbench.gate.pairs import MOST_NAMES
from rdbench.gate.report import Delta, Finding, Limits, Verdict
from rdbench.metrics import MetricRecord
from rdbench.schema import point_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

# Sums of doubles depend on their order in the last digits; a limit that is met exactly is met.
ROUNDING: Final = 1e-9


class Point(NamedTuple):
    """Rate and one quality of a cell on both sides, with the sign at which more is better; rates
    are None if streams are unknown."""

    image: str
    point: float
    old_rate: float | None
    new_rate: float | None
    old: float
    new: float


@dataclass(frozen=True)
class _Grid:
    """Images that have the same points with finite qualities: rate and quality of both sides,
    (images, points) each."""

    images: tuple[str, ...]
    points: tuple[float, ...]
    old_rate: Array
    old: Array
    new_rate: Array
    new: Array

    @property
    def identical(self) -> bool:
        return np.array_equal(self.old, self.new) and np.array_equal(
            self.old_rate, self.new_rate, equal_nan=True
        )


class QualityJudge:
    """Judges one curve in one metric."""

    def __init__(
        self,
        metric: MetricRecord,
        parameter: str,
        limits: Limits,
        *,
        deterministic: bool,
        images: int,
    ) -> None:
        self.metric = metric
        self.parameter = parameter or "point"
        self.limits = limits
        self.deterministic = deterministic
        self.images = images
        self.findings: list[Finding] = []
        self.notes: list[str] = []

    def judge(self, points: Sequence[Point]) -> Delta:
        """The BD-rate of the mean curves; no value if everything is lossless. If images have
        different points, the points that most of them have are used. Results are in
        :attr:`findings` and :attr:`notes`."""
        grids = _grids([p for p in points if math.isfinite(p.old) and math.isfinite(p.new)])
        grids.sort(key=lambda grid: -len(grid.images))
        deltas = [self._judge_grid(grid) for grid in grids]
        self._judge_lossless([p for p in points if math.inf in (p.old, p.new)])
        return deltas[0] if deltas else Delta(self.metric.name)

    def _judge_grid(self, grid: _Grid) -> Delta:
        metric = self.metric
        if grid.identical:
            return Delta(metric.name, 0.0, 0.0, 0.0, identical=True)
        where = (
            "" if len(grid.images) == self.images else f" (of {listed(grid.images, MOST_NAMES)})"
        )
        if not self.deterministic and len(grid.images) < 2:
            self._find(
                Verdict.NOT_COMPARABLE,
                f"{metric.label}: the codec is not deterministic, and one image gives no interval"
                + where,
            )
            return Delta(metric.name)
        arrays = grid.old_rate, grid.old, grid.new_rate, grid.new
        means = [array.mean(axis=0) for array in arrays]
        result = delta(*means, kind="rate")
        low, high = self._range(arrays, "rate", result.value)
        reason = result.reason
        overlap = min(result.overlap, result.anchor_overlap)
        if overlap < LOW_OVERLAP and not reason:
            reason = f"the curves overlap by {overlap:.0f} % in quality"
        if not reason and math.isnan(low):
            reason = "without some images there is no BD-rate"
        if not reason:
            self._decide(
                f"BD-rate in {metric.label} {signed(result.value, low, high, 2, ' %')}"
                f", the limit is {self.limits.max_bd_rate:g} %{where}",
                -high,
                -low,
                self.limits.max_bd_rate,
            )
            if metric.unit == "dB" and self.limits.max_bd_psnr is not None:
                gain = delta(*means, kind="quality").value
                ends = self._range(arrays, "quality", gain)
                own = sorted(metric.sign * end for end in ends)
                self._decide(
                    f"BD-{metric.label} {signed(metric.sign * gain, own[0], own[1], 3, ' dB')}"
                    f", the limit is {self.limits.max_bd_psnr:g} dB{where}",
                    *ends,
                    self.limits.max_bd_psnr,
                )
        else:
            self.notes.append(f"no BD-rate in {metric.label} ({reason}): judged point by point")
        # Points that another one beats are not part of the delta. A point that has fallen so
        # deep must not go unseen: what the delta does not look at is looked at by itself.
        unseen = {*result.dropped_anchor, *result.dropped_test}
        slope = None
        if reason:
            unseen = set(range(len(grid.points)))
        elif unseen:
            slope = _slope(*(np.delete(m, result.dropped_anchor) for m in means[:2]))
        self._judge_points(grid, sorted(unseen), slope, where)
        return Delta(metric.name, result.value, low, high)

    def _range(
        self, arrays: tuple[Array, ...], kind: Literal["rate", "quality"], value: float
    ) -> tuple[float, float]:
        if self.deterministic or not math.isfinite(value):
            return value, value
        weights = left_out_weights(len(arrays[0]))
        values = np.array([value, *batch(*(weights @ array for array in arrays), kind=kind)])
        if not np.isfinite(values).all():
            return math.nan, math.nan
        low, high = in_unit(np.array(_ends(as_means(values, kind))), kind)
        return float(low), float(high)

    def _judge_lossless(self, points: Sequence[Point]) -> None:
        """Cells whose decoded image is the original, in the baseline or now."""
        lost = [p for p in points if p.old == math.inf and p.new != math.inf]
        if lost:
            places = listed(
                [f"{p.image} at {self.parameter} {point_text(p.point)}" for p in lost], MOST_NAMES
            )
            self._find(Verdict.WORSE, f"no longer lossless: {places}")
        gained = [p for p in points if p.new == math.inf and p.old != math.inf]
        if gained:
            self.notes.append(f"{len(gained)} measurements are lossless now")
        both = [p for p in points if p.old == p.new == math.inf]
        for point in dict.fromkeys(p.point for p in both):
            here = [p for p in both if p.point == point]
            rates = np.array([[[p.old_rate], [p.new_rate]] for p in here], np.float64)
            if not np.array_equal(rates[:, 0], rates[:, 1], equal_nan=True):
                zeros = np.zeros((len(here), 1))
                images = tuple(p.image for p in here)
                grid = _Grid(images, (point,), rates[:, 0], zeros, rates[:, 1], zeros)
                self._judge_points(grid, [0], None, "")

    def _judge_points(
        self, grid: _Grid, places: Sequence[int], slope: float | None, where: str
    ) -> None:
        """Hold points against themselves. With the ``slope`` of the curve (quality over ln(rate))
        a change of quality is turned into the rate that it is worth; without one, a point is
        worse where it has lost something and gained nothing."""
        images = len(grid.images)
        # All images, and where they must tell how sure that is, all but one.
        weights = np.full((1, images), 1 / images)
        if not self.deterministic:
            weights = np.concatenate([weights, left_out_weights(images)])
        found: dict[Verdict, list[str]] = {}
        for place in places:
            old, new = weights @ grid.old[:, place], weights @ grid.new[:, place]
            before, now = weights @ grid.old_rate[:, place], weights @ grid.new_rate[:, place]
            rate, gain = np.zeros(len(old)), new - old
            with np.errstate(divide="ignore", invalid="ignore"):  # streams may be of 0 bytes
                np.log(now / before, out=rate, where=(now != before) & np.isfinite(now + before))
            gain[np.abs(gain) <= ROUNDING * np.abs(old)] = 0
            verdict = self._at_point(rate, gain, slope)
            if verdict is not Verdict.SAME:
                mean_rate, mean_gain = 100 * math.expm1(rate[0]), float(gain[0])
                text = (
                    f"{self.parameter} {point_text(grid.points[place])}: rate {mean_rate:+z.2f} %"
                )
                if mean_gain:
                    unit = f" {self.metric.unit}" if self.metric.unit else ""
                    text += f", {self.metric.label} {self.metric.sign * mean_gain:+z.4g}{unit}"
                found.setdefault(verdict, []).append(text)
        for verdict, texts in found.items():
            also = ", and a single point cannot show which is better"
            self._find(
                verdict,
                listed(texts, 3) + (also if verdict is Verdict.NOT_COMPARABLE else "") + where,
            )

    def _at_point(self, rate: Array, gain: Array, slope: float | None) -> Verdict:
        """``rate`` is ln(new / old), ``gain`` the quality gained: first of all images, then with
        each of them left out, where these must tell how sure the first is."""
        most = self.limits.max_bd_rate
        if slope is not None:
            low, high = 100 * np.expm1(_ends(rate - gain / slope))
            return verdict_on(-high, -low, most)
        low, high = 100 * np.expm1(_ends(rate))
        in_rate = verdict_on(-high, -low, most)
        allowed = self.limits.max_bd_psnr or 0.0
        in_quality = verdict_on(*_ends(gain), allowed if self.metric.unit == "dB" else 0.0)
        if {in_rate, in_quality} == {Verdict.BETTER, Verdict.WORSE}:
            return Verdict.NOT_COMPARABLE
        return in_quality if in_rate is Verdict.SAME else in_rate

    def _decide(self, text: str, low: float, high: float, most: float) -> None:
        verdict = verdict_on(low, high, most)
        if verdict is not Verdict.SAME:
            self._find(verdict, text)

    def _find(self, verdict: Verdict, text: str) -> None:
        self.findings.append(Finding(verdict, text))


def verdict_on(low: float, high: float, most: float) -> Verdict:
    """The verdict on a gain between ``low`` and ``high``, if a loss of ``most`` is allowed."""
    if high < -most - ROUNDING:
        return Verdict.WORSE
    return Verdict.BETTER if low > most + ROUNDING else Verdict.SAME


def _ends(values: Array) -> tuple[float, float]:
    """The ends of the interval of a value, which is followed by those without each image, or by
    none where it is exact."""
    value, left_out = float(values[0]), values[1:]
    return jackknife(value, left_out).interval() if len(left_out) else (value, value)


def _grids(points: Sequence[Point]) -> list[_Grid]:
    """Images by the points that they have: one that lacks some is judged at the others."""
    tables: dict[str, dict[float, Point]] = {}
    for point in points:
        tables.setdefault(point.image, {})[point.point] = point
    groups: dict[tuple[float, ...], list[str]] = {}
    for image, table in tables.items():
        groups.setdefault(tuple(sorted(table)), []).append(image)
    columns = ("old_rate", "old", "new_rate", "new")
    return [
        _Grid(
            tuple(images),
            places,
            *(
                np.array(
                    [[getattr(tables[image][at], column) for at in places] for image in images],
                    dtype=np.float64,
                )
                for column in columns
            ),
        )
        for places, images in groups.items()
    ]


def _slope(rate: Array, quality: Array) -> float:
    """How much quality a factor of e in rate buys, over the whole curve: Pareto-optimal points,
    two or more."""
    return float(np.ptp(quality) / np.ptp(np.log(rate)))


def signed(value: float, low: float, high: float, digits: int, unit: str) -> str:
    """A difference with its interval, if it has one."""
    text = f"{value:+z.{digits}f}"
    if low != high:
        text += f" ({low:+z.{digits}f}, {high:+z.{digits}f})"
    return text + unit
