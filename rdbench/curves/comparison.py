"""How far apart two curves are, as data: a Bjøntegaard delta, and what it rests on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, get_args

import numpy as np

from rdbench.bd import BDResult, Estimate, Interval, Kind, PointRule, Range, delta
from rdbench.curves.complexity import Complexity
from rdbench.curves.conventions import Convention
from rdbench.curves.curve import RATE, Curve
from rdbench.metrics import BUILT_IN, MetricRecord

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

LOW_OVERLAP: Final = 75.0
"""Percent; a delta over less is flagged."""
FEW_POINTS: Final = 3
"""A delta over an interval in which one of the curves has fewer is flagged."""
WIDE_SPREAD: Final = 1.0
"""Points of BD-rate; interpolations that are further apart are flagged."""


IntervalKind = Literal["jackknife", "bootstrap", "none"]
INTERVALS: Final[tuple[str, ...]] = get_args(IntervalKind)
FEWEST_IMAGES: Final = 5
"""With fewer images, there is no interval: they do not show how much images differ."""
EXTREMES: Final = 3
"""Images whose share of a mean is told: those that are farthest from the median."""
FEW_IMAGES: Final = 10
"""Intervals of fewer images cover the true value less often than they claim, and too few are left
without :data:`EXTREMES` of them."""
PERCENTILES: Final = (10, 50, 90)
LEVEL_OF_TESTS: Final = 0.05
"""Curves with a smaller adjusted p-value are told apart."""


@dataclass(frozen=True)
class Settings:
    """How curves are compared: the metric, how images are averaged, the interpolation, the
    overlap in percent below which there is no value, and the intervals: ``jackknife``
    (:mod:`rdbench.bd.estimates`), ``bootstrap`` (percentiles, of ``resamples`` from ``seed``) or
    ``none``."""

    metric: MetricRecord = BUILT_IN["psnr_db"]
    averaging: str = "mean"
    method: str = "pchip"
    min_overlap: float = 0.0
    interval: str = "jackknife"
    resamples: int = 1000
    seed: int = 0
    cap_db: float = math.inf
    """What scores in decibels count as at most, as AOM (100) and Netflix (60) cap PSNR."""
    rates: Range | None = None
    """The rates in bit/px of the points that count, each image's own where images are compared."""
    qualities: Range | None = None
    """What a BD-rate is integrated over, in the unit of the metric."""
    convention: Convention | None = None
    """The convention, if any; its numbers are means over images."""

    @property
    def rule(self) -> PointRule:
        """What is asked of points, whose quality is such that more is better."""
        sign, convention = self.metric.sign, self.convention
        ends = sorted(sign * end for end in self.qualities or ())
        return PointRule(
            self.rates,
            (ends[0], ends[1]) if ends else None,
            monotonic=convention is not None and convention.monotonic,
            saturation=convention.saturation(self.metric.name) if convention else math.inf,
            one_point=convention is None,
        )

    @property
    def stated(self) -> list[str]:
        """The convention and the ranges, in words."""
        told = []
        if self.convention:
            told.append(f"{self.convention.label} convention, mean of the images' BD-rates")
        if self.rates:
            told.append("points of {:g} to {:g} bit/px".format(*self.rates))
        if self.qualities:
            low, high = self.qualities
            told.append(f"over {low:g} to {high:g} {self.metric.unit}".rstrip())
        return told


@dataclass(frozen=True)
class Significance:
    """Whether images tell two curves apart."""

    p_value: float
    """Two-sided, of the curves being equal on images like these; NaN if unknown."""
    adjusted: float = math.nan
    """By Holm's method, for all pairs that are compared at once."""
    pairs: int = 0
    """How many these are."""

    @property
    def undecided(self) -> bool:
        return self.adjusted >= LEVEL_OF_TESTS


@dataclass(frozen=True)
class PerImage:
    """The mean of single images' deltas over those that have one."""

    mean: float
    """The arithmetic mean, as JVET has it: that of A over B is not the inverse of B over A."""
    values: tuple[float, ...]
    """One delta per common image; NaN if it has none."""
    interval: Interval | None = None
    overlaps: tuple[float, ...] = ()
    """Overlap of each image's curves in percent, 0 where they do not meet."""
    geometric: float = math.nan
    """That of the ratios of rates, which swaps to the inverse; of qualities :attr:`mean`."""
    geometric_interval: Interval | None = None
    estimate: Estimate | None = field(default=None, repr=False, compare=False)
    """Of :attr:`geometric`, as :attr:`Comparison.estimate`."""
    significance: Significance | None = None

    @property
    def count(self) -> int:
        return sum(math.isfinite(value) for value in self.values)

    @property
    def percentiles(self) -> tuple[float, ...]:
        """:data:`PERCENTILES` of :attr:`values`, linear between order statistics (type 7 of
        Hyndman and Fan 1996, doi 10.1080/00031305.1996.10473566; NumPy's default). NaN where fewer
        than :data:`FEWEST_IMAGES` have one. Those of percents are those of the ratios of rates, but
        for the interpolation."""
        if self.count < FEWEST_IMAGES:
            return (math.nan,) * len(PERCENTILES)
        return tuple(np.nanpercentile(self.values, PERCENTILES).tolist())

    @property
    def extremes(self) -> tuple[int, ...]:
        """The places of the :data:`EXTREMES` images whose values are farthest from their median,
        farthest first; none where fewer than :data:`FEW_IMAGES` have one."""
        if self.count < FEW_IMAGES:
            return ()
        apart = np.abs(np.array(self.values) - np.nanmedian(self.values))
        return tuple(np.argsort(-apart, kind="stable")[:EXTREMES].tolist())  # NaN last

    @property
    def mean_without_extremes(self) -> float:
        """:attr:`mean` without :attr:`extremes`; NaN where there are none."""
        if not self.extremes:
            return math.nan
        return float(np.nanmean(np.delete(self.values, self.extremes)))

    @property
    def extremes_decide(self) -> bool:
        """Whether the mean without :attr:`extremes` is outside of its own interval."""
        other, interval = self.mean_without_extremes, self.interval
        if interval is None or math.isnan(other):
            return False
        return not interval.low <= other <= interval.high


@dataclass(frozen=True)
class PointSpread:
    """How much a delta of mean curves depends on the choice of points
    (:mod:`rdbench.bd.ladders`)."""

    low: float = math.nan
    """The delta less the spread, in its unit; NaN where nothing is known."""
    high: float = math.nan
    without: str = ""
    """The inner point that the delta moves most without: the curve's title and the point."""
    value_without: float = math.nan
    """The delta without that point."""
    reason: str = ""
    """Why nothing is known; empty if something is."""

    @property
    def half(self) -> float:
        """Half the distance between :attr:`low` and :attr:`high`."""
        return (self.high - self.low) / 2


@dataclass(frozen=True)
class Comparison:
    """One delta of one test curve against the anchor, on one dataset."""

    dataset: str
    anchor: str
    test: str
    kind: Kind
    settings: Settings
    images: tuple[str, ...] = ()
    """The images that both curves have; empty if one was published only as means."""
    image_count: int = 0
    left_out: tuple[str, ...] = ()
    """Images of the dataset that one of the curves lacks, or has no finite value of the metric
    for."""
    curve: BDResult | None = None
    """The delta of the mean curves."""
    interval: Interval | None = None
    significance: Significance | None = None
    per_image: PerImage | None = None
    points: PointSpread | None = None
    dropped_anchor: tuple[str, ...] = ()
    """The anchor's points that were not used, as values of its rate parameter."""
    dropped_test: tuple[str, ...] = ()
    by_method: Mapping[str, float] = field(default_factory=dict)
    """The delta of the mean curves by every interpolation; where they disagree, the curves have
    too few points or the wrong ones."""
    problem: str = ""
    anchor_curve: Curve | None = field(default=None, repr=False, compare=False)
    test_curve: Curve | None = field(default=None, repr=False, compare=False)
    estimate: Estimate | None = field(default=None, repr=False, compare=False)
    """Of :attr:`value`: for rates of log10 of their ratio."""
    resampled: Array | None = field(default=None, repr=False, compare=False)
    """The values that a bootstrap is taken from, (resamples,); NaN where there is none."""
    datasets: tuple[str, ...] = ()
    """What the row is a mean over, where it is one over datasets; see
    :func:`rdbench.curves.across_datasets`."""
    image_class: str = ""
    """The tag that its images share, where it is over some of them; see
    :mod:`rdbench.curves.classes`."""

    @property
    def lossless(self) -> tuple[str, ...]:
        """The images of :attr:`left_out` whose quality is infinite."""
        curves = [curve for curve in (self.anchor_curve, self.test_curve) if curve]
        found = {i for curve in curves for i in curve.lossless_images(self.settings.metric.name)}
        return tuple(image for image in self.left_out if image in found)

    @property
    def color(self) -> str:
        """What was measured: ``rgb``, ``luma``, ``gray``; several where the curves differ in it,
        empty where nothing tells."""
        return " | ".join(self._told("color"))

    @property
    def place(self) -> str:
        """The dataset and what was measured of it, as titles have it."""
        return ", ".join((self.dataset, *self._told("color_text")))

    def _told(self, what: str) -> list[str]:
        curves = [curve for curve in (self.anchor_curve, self.test_curve) if curve]
        # Where one is measured it says which luma.
        curves.sort(key=lambda curve: curve.source)
        found = {curve.color: getattr(curve, what) for curve in reversed(curves) if curve.color}
        return list(found.values())

    @property
    def spread(self) -> float:
        """How far apart the interpolations that have a value are."""
        values = [value for value in self.by_method.values() if math.isfinite(value)]
        return max(values) - min(values) if values else math.nan

    @property
    def value(self) -> float:
        return self.curve.value if self.curve else math.nan

    @property
    def overlap(self) -> float:
        return self.curve.overlap if self.curve else math.nan

    @property
    def reason(self) -> str:
        """Why there is no value; empty if there is one."""
        return self.problem or (self.curve.reason if self.curve else "")

    @property
    def overlaps_little(self) -> bool:
        """Whether there is a value, and it rests on less than :data:`LOW_OVERLAP` percent of the
        test curve, or on fewer than :data:`FEW_POINTS` points of one of the two."""
        if self.reason or self.curve is None or self.datasets or self.at_point:
            return False
        little = self.overlap < LOW_OVERLAP and not self.settings.qualities
        return little or self.curve.points < FEW_POINTS

    @property
    def at_point(self) -> bool:
        """Whether its values are differences at the only point of the test curve, not Bjøntegaard
        deltas."""
        return self.curve is not None and self.curve.at_point

    @property
    def methods_disagree(self) -> bool:
        """Whether there is a BD-rate on which the interpolations differ by more than
        :data:`WIDE_SPREAD` points."""
        return self.kind == "rate" and not self.reason and self.spread > WIDE_SPREAD

    @property
    def points_decide(self) -> bool:
        """Whether there is a BD-rate whose spread over the choice of points is more than
        :data:`WIDE_SPREAD` points, and than half of its interval over images, where it has one:
        more points would say more than more images."""
        if self.kind != "rate" or self.reason or self.points is None:
            return False
        interval = self.interval
        known = interval is not None and math.isfinite(interval.low)
        of_images = (interval.high - interval.low) / 2 if known and interval else 0.0
        return self.points.half > max(WIDE_SPREAD, of_images)

    @property
    def not_monotonic(self) -> bool:
        """Whether there is a value, and it is of a fitted cubic that falls somewhere."""
        return bool(self.curve and not self.curve.monotonic and not self.reason)

    @property
    def digits(self) -> int:
        """The number of decimals of its values when printed."""
        if self.kind == "rate":
            return 2
        return 3 if self.settings.metric.unit else 4

    @property
    def undecided(self) -> bool:
        """Whether the images leave open which curve is better."""
        return self.significance is not None and self.significance.undecided

    @property
    def complexities(self) -> tuple[Complexity, Complexity]:
        """What the anchor and the test curve cost, over the images of this comparison."""
        return Complexity.of(self.anchor_curve, self.images), Complexity.of(
            self.test_curve, self.images
        )

    def image_reason(self, image: str) -> str:
        """Why one of :attr:`images` has no delta of its own; empty if it has one."""
        assert self.anchor_curve
        assert self.test_curve
        settings = self.settings
        if settings.metric.name not in self.test_curve.values:
            return "not all metrics have a value"
        arrays = [
            values[0]
            for curve in (self.anchor_curve, self.test_curve)
            for values in (curve.of_images(RATE, [image]), curve.gains(settings.metric, [image]))
        ]
        return delta(
            *arrays,
            kind=self.kind,
            method=settings.method,
            min_overlap=settings.min_overlap,
            rule=settings.rule,
        ).reason
