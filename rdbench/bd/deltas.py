"""The Bjøntegaard delta of two curves, or of two batches of curves."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rdbench.bd.interpolants import METHODS, Array, Method
from rdbench.errors import UsageError, unknown

Kind = Literal["rate", "quality"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)


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
    """Length of the common interval in percent of the union of both curves' ranges; 0 where the
    curves have no usable points or do not meet."""
    interval: tuple[float, float]
    """The common interval, in quality or in log10(rate); NaN where there is none."""
    dropped_anchor: tuple[int, ...] = ()
    """Indices, in the order given, of the anchor's points that were not used: not finite, or
    not Pareto-optimal (another point has no more rate and at least as much quality)."""
    dropped_test: tuple[int, ...] = ()
    """The same of the test curve."""
    reason: str = ""
    """Why ``value`` is NaN, and empty where it is not."""


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

    Rates and qualities (n,) per curve, in any order; n may differ. Rates in any unit that both
    curves share, qualities in dB or another unit of which more is better. ``method`` is
    ``"pchip"`` (JCT-VC, JVET), ``"akima"`` or ``"cubic"`` (the fit of VCEG-M33). NaN where the
    data have no delta; :func:`delta` gives the reason, the overlap and the points dropped.
    Raises :class:`rdbench.errors.UsageError` as :func:`delta` does.

    Source: Bjøntegaard, "Calculation of average PSNR differences between RD-curves", ITU-T
    SG16 Q.6 VCEG-M33, 2001; piecewise cubic as in JCTVC-H1100 and JVET-T2010.
    """
    arrays = (anchor_rate, anchor_quality, test_rate, test_quality)
    return delta(*arrays, kind="rate", method=method, min_overlap=min_overlap).value


def bd_quality(
    anchor_rate: ArrayLike,
    anchor_quality: ArrayLike,
    test_rate: ArrayLike,
    test_quality: ArrayLike,
    *,
    method: str = "pchip",
    min_overlap: float = 0.0,
) -> float:
    """Mean difference in quality at equal rate (BD-PSNR where the quality is PSNR), in the unit
    of the quality; positive is a gain. Everything else is as in :func:`bd_rate`."""
    arrays = (anchor_rate, anchor_quality, test_rate, test_quality)
    return delta(*arrays, kind="quality", method=method, min_overlap=min_overlap).value


def delta(
    anchor_rate: ArrayLike,
    anchor_quality: ArrayLike,
    test_rate: ArrayLike,
    test_quality: ArrayLike,
    *,
    kind: Kind = "rate",
    method: str = "pchip",
    min_overlap: float = 0.0,
) -> BDResult:
    """The Bjøntegaard delta of two curves in full; parameters as in :func:`bd_rate`.

    Unusable data never raise: the value is NaN, with a reason, for a rate that is not positive,
    fewer usable points than the method needs (2 for pchip and akima, 4 for cubic), curves that
    do not overlap or by less than ``min_overlap`` percent, and a fitted cubic that is not
    monotonic over the interval of integration.

    Raises :class:`rdbench.errors.UsageError` for an unknown method or kind, and for rates and
    qualities that are not one-dimensional and of equal length.
    """
    interpolation = _method(kind, method)
    anchor = _curve("anchor", anchor_rate, anchor_quality)
    test = _curve("test", test_rate, test_quality)
    kept = [pareto_optimal(*curve) for curve in (anchor, test)]
    dropped_anchor, dropped_test = (
        tuple(sorted(set(range(len(curve[0]))) - set(indices.tolist())))
        for curve, indices in zip((anchor, test), kept, strict=True)
    )

    def result(value: float, reason: str, overlap: float, low: float, high: float) -> BDResult:
        return BDResult(
            value, kind, method, overlap, (low, high), dropped_anchor, dropped_test, reason
        )

    reason = _unusable("anchor", anchor[0], kept[0], method) or _unusable(
        "test", test[0], kept[1], method
    )
    if reason:
        return result(math.nan, reason, 0.0, math.nan, math.nan)
    curves = [
        (rate[None, indices], quality[None, indices])
        for (rate, quality), indices in zip((anchor, test), kept, strict=True)
    ]
    values, overlaps, lows, highs, monotonic = _deltas(*curves[0], *curves[1], kind, interpolation)
    value, overlap = float(values[0]), float(overlaps[0])
    axis = "quality" if kind == "rate" else "rate"
    if not overlap > 0:
        return result(math.nan, f"the curves do not overlap in {axis}", 0.0, math.nan, math.nan)
    if overlap < min_overlap:
        reason = f"the curves overlap by {overlap:.1f} % in {axis}, less than {min_overlap:g} %"
    elif not monotonic[0]:
        reason = f"the {method} fit is not monotonic over the common interval; use pchip"
    elif not math.isfinite(value):
        reason = "the delta is beyond the range of numbers"
    return result(math.nan if reason else value, reason, overlap, float(lows[0]), float(highs[0]))


def pareto_optimal(rate: Array, quality: Array) -> NDArray[np.intp]:
    """Indices, by increasing rate, of the finite points (n,) that no other point beats; both rate
    and quality increase strictly along them. Of equal points the first stays."""
    order = np.lexsort((-quality, rate))
    order = order[np.isfinite(rate[order]) & np.isfinite(quality[order])]
    return order[_new_maxima(quality[order])]


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
    """The values of :func:`delta` for b pairs of curves: arrays (b, n) and (b, m), result (b,).

    All values must be finite. Curves from which the same points are dropped are done together.
    """
    interpolation = _method(kind, method)
    parts = []
    for rate, quality in ((anchor_rate, anchor_quality), (test_rate, test_quality)):
        order = np.lexsort((-quality, rate), axis=-1)
        rate = np.take_along_axis(rate, order, axis=-1)
        quality = np.take_along_axis(quality, order, axis=-1)
        parts.append((rate, quality, _new_maxima(quality)))
    (rate_a, quality_a, keep_a), (rate_t, quality_t, keep_t) = parts
    values = np.full(len(rate_a), math.nan)
    patterns, groups = np.unique(
        np.concatenate([keep_a, keep_t], axis=-1), axis=0, return_inverse=True
    )
    for number, pattern in enumerate(patterns):
        in_a, in_t = np.split(pattern, [keep_a.shape[-1]])
        if min(in_a.sum(), in_t.sum()) < interpolation.points:
            continue
        rows = np.flatnonzero(groups.ravel() == number)
        found, overlaps, _, _, monotonic = _deltas(
            rate_a[np.ix_(rows, in_a)],
            quality_a[np.ix_(rows, in_a)],
            rate_t[np.ix_(rows, in_t)],
            quality_t[np.ix_(rows, in_t)],
            kind,
            interpolation,
        )
        good = (overlaps > 0) & (overlaps >= min_overlap) & monotonic & np.isfinite(found)
        values[rows] = np.where(good, found, math.nan)
    values[np.any(rate_a <= 0, axis=-1) | np.any(rate_t <= 0, axis=-1)] = math.nan
    return values


def _new_maxima(quality: Array) -> NDArray[np.bool_]:
    """Where a value is larger than all before it along the last axis."""
    before = np.maximum.accumulate(quality, axis=-1)[..., :-1]
    first = np.full((*quality.shape[:-1], min(1, quality.shape[-1])), -math.inf)
    return np.asarray(quality > np.concatenate([first, before], axis=-1))


def _deltas(
    anchor_rate: Array,
    anchor_quality: Array,
    test_rate: Array,
    test_quality: Array,
    kind: Kind,
    method: Method,
) -> tuple[Array, Array, Array, Array, NDArray[np.bool_]]:
    """Values, overlaps in percent, ends of the common intervals and whether the fits are
    monotonic there, all (b,), of strictly increasing curves (b, n) and (b, m)."""
    # Rows without a common interval, or with values at the edge of doubles, come out as such and
    # are sorted out by the callers.
    with np.errstate(all="ignore"):
        if kind == "rate":
            axes, heights = (anchor_quality, test_quality), (anchor_rate, test_rate)
            heights = (np.log10(heights[0]), np.log10(heights[1]))
        else:
            axes = (np.log10(anchor_rate), np.log10(test_rate))
            heights = (anchor_quality, test_quality)
        low = np.maximum(axes[0][:, 0], axes[1][:, 0])
        high = np.minimum(axes[0][:, -1], axes[1][:, -1])
        union = np.maximum(axes[0][:, -1], axes[1][:, -1]) - np.minimum(
            axes[0][:, 0], axes[1][:, 0]
        )
        anchor, test = (method.interpolate(x, y) for x, y in zip(axes, heights, strict=True))
        mean = (test.integral(low, high) - anchor.integral(low, high)) / (high - low)
        monotonic = np.ones(len(mean), dtype=bool)
        if method.checked:
            monotonic = anchor.increases(low, high) & test.increases(low, high)
        value = 100 * np.expm1(mean * math.log(10)) if kind == "rate" else mean
        return value, 100 * (high - low) / union, low, high, monotonic


def _method(kind: str, method: str) -> Method:
    if kind not in KINDS:
        raise unknown("kind of Bjøntegaard delta", kind, KINDS)
    if method not in METHODS:
        raise unknown("interpolation method", method, METHODS)
    return METHODS[method]


def _curve(name: str, rate: ArrayLike, quality: ArrayLike) -> tuple[Array, Array]:
    rates, qualities = np.asarray(rate, dtype=np.float64), np.asarray(quality, dtype=np.float64)
    if rates.ndim != 1 or rates.shape != qualities.shape:
        raise UsageError(
            f"{name}: rates of shape {rates.shape} and qualities of shape {qualities.shape}; "
            "both must be one-dimensional and of equal length"
        )
    return rates, qualities


def _unusable(name: str, rate: Array, kept: NDArray[np.intp], method: str) -> str:
    if np.any(rate <= 0):
        return f"the {name} curve has a rate that is not positive"
    needed = METHODS[method].points
    if len(kept) < needed:
        usable = f"{len(kept)} usable points of {len(rate)}"
        return f"the {name} curve has {usable}, {method} needs {needed}"
    return ""
