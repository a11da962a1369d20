"""The Bjøntegaard delta of two curves, or of two batches of curves."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rdbench.bd.fits import Differences, Kind, differences, fit, in_unit, new_maxima
from rdbench.bd.interpolants import METHODS, Array
from rdbench.bd.rules import EVERY_POINT, PointRule
from rdbench.errors import UsageError

_FALLS: Final = "its quality falls as the rate grows; if lower is better, as for MSE, negate it"


@dataclass(frozen=True)
class BDResult:
    """A Bjøntegaard delta and what it rests on.

    ``overlap`` belongs to the axis that is integrated over: quality for ``kind="rate"``,
    log10(rate) for ``kind="quality"``.
    """

    value: float
    """Percent for ``kind="rate"`` (negative: the test curve needs fewer bits), the unit of the
    quality for ``kind="quality"`` (positive: the test curve is better), or NaN."""
    kind: Kind
    method: str
    overlap: float
    """Length of the common interval in percent of the test curve's range; 0 if the curves have no
    usable points or do not overlap, NaN at a single point."""
    interval: tuple[float, float]
    """The common interval, in quality or in log10(rate); NaN where there is none."""
    points: int = 0
    """The fewest points that the anchor or the test curve has in that interval, its ends
    included."""
    dropped_anchor: tuple[int, ...] = ()
    """Indices, in the order given, of the anchor's points that were not used: not finite, or
    not Pareto-optimal (another point has no more rate and at least as much quality)."""
    dropped_test: tuple[int, ...] = ()
    """The same of the test curve."""
    reason: str = ""
    """Why ``value`` is NaN; empty if it is not."""
    anchor_overlap: float = math.nan
    """:attr:`overlap` in percent of the anchor's range."""
    monotonic: bool = True
    """False if a fitted cubic falls somewhere in the common interval: the value is the one that
    other tools give, but no codec has such a curve."""
    at_point: bool = False
    """Whether the test curve is a single point, and the value the difference at it."""


def bd_rate(
    anchor_rate: ArrayLike,
    anchor_quality: ArrayLike,
    test_rate: ArrayLike,
    test_quality: ArrayLike,
    *,
    method: str = "pchip",
    min_overlap: float = 0.0,
) -> float:
    """Mean difference in rate at equal quality, in percent; negative is a saving.

    Args:
        anchor_rate: rates of the anchor's points, (n,), in any order and in any unit that both
            curves share.
        anchor_quality: their qualities, (n,), in dB or another unit of which more is better.
        test_rate: rates of the test curve, (m,).
        test_quality: its qualities, (m,).
        method: ``"pchip"`` (JCT-VC, JVET), ``"akima"`` or ``"cubic"`` (the fit of VCEG-M33).
        min_overlap: the smallest overlap in percent; below it, no value is given.

    Returns:
        Percent, or NaN with a :class:`RuntimeWarning` that gives the reason if the data have no
        delta; :func:`rdbench.bd.delta` gives the reason, the overlap and the points dropped.

    Raises:
        UsageError: for an unknown method, and for rates and qualities that are not
            one-dimensional and of equal length.

    Source: Bjøntegaard, "Calculation of average PSNR differences between RD-curves", ITU-T
    SG16 Q.6 VCEG-M33, 2001; piecewise cubic as in JCTVC-H1100 and JVET-T2010.
    """
    arrays = (anchor_rate, anchor_quality, test_rate, test_quality)
    return _value(delta(*arrays, kind="rate", method=method, min_overlap=min_overlap))


def bd_quality(
    anchor_rate: ArrayLike,
    anchor_quality: ArrayLike,
    test_rate: ArrayLike,
    test_quality: ArrayLike,
    *,
    method: str = "pchip",
    min_overlap: float = 0.0,
) -> float:
    """Mean difference in quality at equal rate (BD-PSNR where the quality is PSNR); positive is a
    gain.

    Args:
        anchor_rate: the anchor's curve, as in :func:`bd_rate`.
        anchor_quality: the same.
        test_rate: the other curve.
        test_quality: the same.
        method: as in :func:`bd_rate`.
        min_overlap: as in :func:`bd_rate`.

    Returns:
        The difference in the unit of the quality, or NaN, as in :func:`bd_rate`.

    Raises:
        UsageError: as :func:`bd_rate`.
    """
    arrays = (anchor_rate, anchor_quality, test_rate, test_quality)
    return _value(delta(*arrays, kind="quality", method=method, min_overlap=min_overlap))


def _value(result: BDResult) -> float:
    """The value of a delta; a warning says why it is NaN."""
    if result.reason:
        warnings.warn(f"no BD-{result.kind}: {result.reason}", RuntimeWarning, stacklevel=3)
    return result.value


def delta(
    anchor_rate: ArrayLike,
    anchor_quality: ArrayLike,
    test_rate: ArrayLike,
    test_quality: ArrayLike,
    *,
    kind: Kind = "rate",
    method: str = "pchip",
    min_overlap: float = 0.0,
    rule: PointRule = EVERY_POINT,
) -> BDResult:
    """The complete Bjøntegaard delta of two curves; parameters as in :func:`bd_rate`, and the rules
    for points.

    Unusable data never raise: the value is NaN, with a reason, for a rate that is not positive,
    fewer usable points than the method needs (2 for pchip and akima, 4 for cubic), a quality that
    falls as the rate grows, rates that are more than ten times apart, as with different units, and
    curves that do not overlap or overlap by less than ``min_overlap`` percent.

    Raises :class:`rdbench.errors.UsageError` for an unknown method or kind, and for rates and
    qualities that are not one-dimensional and of equal length.
    """
    anchor = Points.of("anchor", anchor_rate, anchor_quality, rule)
    test = Points.of("test", test_rate, test_quality, rule)
    fits = [
        fit(
            points.rate[None],
            points.quality[None],
            kind=kind,
            method=method,
            single=np.array([points.single]),
        )
        for points in (anchor, test)
    ]
    found = differences(*fits, qualities=rule.qualities)
    return describe(anchor, test, found, 0, method, min_overlap)


@dataclass(frozen=True)
class Points:
    """The points (n,) of one curve, and which of them are used."""

    rate: Array
    quality: Array
    used: int
    """How many are finite and Pareto-optimal."""
    dropped: tuple[int, ...]
    """The indices of the others."""
    rule: PointRule = EVERY_POINT
    falls: bool = False
    """Whether the quality falls anywhere, and must not."""

    @classmethod
    def of(
        cls, role: str, rate: ArrayLike, quality: ArrayLike, rule: PointRule = EVERY_POINT
    ) -> Points:
        """The points that count by ``rule``; others are NaN. Raises
        :class:`rdbench.errors.UsageError`, with the ``role`` of the curve, for arrays that are not
        one-dimensional and of equal length."""
        rates, qualities = np.asarray(rate, np.float64), np.asarray(quality, np.float64)
        if rates.ndim != 1 or rates.shape != qualities.shape:
            raise UsageError(
                f"{role}: rates of shape {rates.shape} and qualities of shape {qualities.shape}; "
                "both must be one-dimensional and of equal length"
            )
        falls = rule.falls(rates, qualities)
        if not np.any(rates <= 0):  # which is told, and has no delta
            rates, qualities = rule.applied(rates, qualities)
        kept = set(pareto_optimal(rates, qualities).tolist())
        dropped = tuple(place for place in range(len(rates)) if place not in kept)
        return cls(rates, qualities, len(kept), dropped, rule, falls)

    @property
    def single(self) -> bool:
        """Whether the curve is one point, at which it may be compared with another."""
        return self.rule.one_point and self.used == len(self.rate) == 1

    def within(self, low: float, high: float, kind: Kind) -> int:
        """How many points that are used lie in an interval of quality, or of log10(rate)."""
        used = [place for place in range(len(self.rate)) if place not in self.dropped]
        with np.errstate(divide="ignore", invalid="ignore"):
            axis = self.quality[used] if kind == "rate" else np.log10(self.rate[used])
        slack = 1e-9 * max(abs(low), abs(high))  # of the logarithms at its ends
        return int(np.sum((axis >= low - slack) & (axis <= high + slack)))

    def unusable(self, role: str, method: str) -> str:
        """Why the curve has no delta by ``method``, and empty where it may have one."""
        if np.any(self.rate <= 0):
            return f"the {role} curve has a rate that is not positive"
        if self.falls:
            return f"the {role} curve has a quality that falls as the rate grows"
        needed = METHODS[method].points
        if self.used < needed and not (self.single and role == "test"):
            usable = f"{self.used} usable points of {len(self.rate)}"
            if self.rule.rates:
                usable += " at {:g} to {:g} bit/px".format(*self.rule.rates)
            reason = f"the {role} curve has {usable}, {method} needs {needed}"
            return f"{reason}; {_FALLS}" if self._falls() else reason
        return ""

    def _falls(self) -> bool:
        """Whether the quality is the lower, the higher the rate."""
        order = np.argsort(self.rate, kind="stable")
        return len(order) > 1 and bool(np.all(np.diff(self.quality[order]) < 0))

    def span(self) -> str:
        """The lowest and the highest rate that are used, for messages."""
        rates = np.delete(self.rate, self.dropped)
        return f"{rates.min():.4g} to {rates.max():.4g}"


def describe(
    anchor: Points, test: Points, found: Differences, row: int, method: str, min_overlap: float
) -> BDResult:
    """The delta of two curves in full, from what row ``row`` of a batch says of their fits."""
    kind = found.kind

    def result(value: float, reason: str, overlap: float, low: float, high: float) -> BDResult:
        return BDResult(
            value=value,
            kind=kind,
            method=method,
            overlap=math.nan if test.single and overlap else overlap,
            anchor_overlap=float(found.anchor_overlap[row]) if overlap else 0.0,
            interval=(low, high),
            points=min(points.within(low, high, kind) for points in (anchor, test)),
            dropped_anchor=anchor.dropped,
            dropped_test=test.dropped,
            reason=reason,
            monotonic=bool(found.monotonic[row]),
            at_point=test.single,
        )

    if reason := anchor.unusable("anchor", method) or test.unusable("test", method):
        return result(math.nan, reason, 0.0, math.nan, math.nan)
    if not found.rates_meet[row]:
        reason = (
            f"the rates do not overlap: {anchor.span()} against {test.span()}; are both in bit/px?"
        )
        return result(math.nan, reason, 0.0, math.nan, math.nan)
    value, overlap = float(found.values()[row]), float(found.overlap[row])
    axis = "quality" if kind == "rate" else "rate"
    if test.rule.qualities and (reason := _unreached(anchor, test, kind)):
        return result(math.nan, reason, 0.0, math.nan, math.nan)
    if not overlap > 0:
        reason = f"the curves do not overlap in {axis}"
        if test.single:
            reason = f"the only point of the test curve is outside the anchor's range of {axis}"
        return result(math.nan, reason, 0.0, math.nan, math.nan)
    if overlap < min_overlap:
        reason = f"the curves overlap by {overlap:.1f} % in {axis}, less than {min_overlap:g} %"
    elif not math.isfinite(value):
        reason = "the delta is beyond the range of numbers"
    ends = float(found.low[row]), float(found.high[row])
    return result(math.nan if reason else value, reason, overlap, *ends)


def _unreached(anchor: Points, test: Points, kind: Kind) -> str:
    """Why two curves are not compared over the range of qualities that was asked for."""
    assert test.rule.qualities
    if kind == "quality":
        return (
            "a range of qualities applies only to a BD-rate; use a range of rates for a BD-quality"
        )
    low, high = test.rule.qualities
    for role, points in (("anchor", anchor), ("test", test)):
        own = np.delete(points.quality, points.dropped)
        if not (own.min() <= low and high <= own.max()):
            return f"the {role} curve has no points on both sides of that range of qualities"
    return ""


def pareto_optimal(rate: Array, quality: Array) -> NDArray[np.intp]:
    """Indices, by increasing rate, of the finite points (n,) that no other point beats; both rate
    and quality increase strictly along them. Of equal points the first stays."""
    order = np.lexsort((-quality, rate))
    order = order[np.isfinite(rate[order]) & np.isfinite(quality[order])]
    return order[new_maxima(quality[order])]


def batch(
    anchor_rate: Array,
    anchor_quality: Array,
    test_rate: Array,
    test_quality: Array,
    *,
    kind: Kind = "rate",
    method: str = "pchip",
    min_overlap: float = 0.0,
) -> Array:
    """The values of :func:`delta` for b pairs of curves: arrays (b, n) and (b, m), result (b,)."""
    anchor = fit(anchor_rate, anchor_quality, kind=kind, method=method)
    test = fit(test_rate, test_quality, kind=kind, method=method)
    return in_unit(differences(anchor, test).means(min_overlap), kind)
