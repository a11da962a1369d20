"""Batches of curves, interpolated once and then compared in any pairs.

The interpolation is what a Bjøntegaard delta spends its time on, and it belongs to one curve: a
matrix of n curves needs n of them and not n².
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from rdbench.bd.interpolants import METHODS, Array, PiecewiseCubic
from rdbench.bd.rules import Range
from rdbench.errors import unknown

Kind = Literal["rate", "quality"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
APART: Final = 10
"""Rates further apart than by this factor are of two units: no two codecs of one dataset are at
equal quality."""


@dataclass(frozen=True)
class Fit:
    """A batch (b,) of interpolated curves: log10(rate) over quality for ``kind="rate"``, quality
    over log10(rate) for ``kind="quality"``."""

    kind: Kind
    method: str
    pieces: PiecewiseCubic
    """Curves with fewer points than others have pieces of no width at their end."""
    usable: NDArray[np.bool_]
    """False where a curve has too few points or a rate that is not positive."""
    rates: Array
    """The lowest and the highest rate of each curve's points that are used, (b, 2)."""
    single: NDArray[np.bool_]
    """True for a curve of one point, of no width, which a curve that is usable
    can be compared with."""

    def take(self, rows: Sequence[int]) -> Fit:
        """The curves at ``rows``, each as often as it is named."""
        c0, c1, c2, c3 = (coefficient[rows] for coefficient in self.pieces.coefficients)
        pieces = PiecewiseCubic(self.pieces.knots[rows], (c0, c1, c2, c3))
        return dataclasses.replace(
            self,
            pieces=pieces,
            usable=self.usable[rows],
            rates=self.rates[rows],
            single=self.single[rows],
        )


@dataclass(frozen=True)
class Differences:
    """The differences of b test curves from b anchors, each (b,)."""

    kind: Kind
    mean: Array
    """Mean difference of log10(rate), or of quality, over the common interval."""
    overlap: Array
    """Length of the common interval in percent of the test curve's range; not positive where there
    is none."""
    anchor_overlap: Array
    """The same in percent of the anchor's."""
    low: Array
    high: Array
    """The ends of the common interval."""
    usable: NDArray[np.bool_]
    """False where one of the curves is not."""
    at_point: NDArray[np.bool_]
    """Where the test curve is a single point: :attr:`mean` is the difference at it."""
    at_anchor: NDArray[np.bool_]
    """The same of the anchor, which gives no delta but in the other direction."""
    monotonic: NDArray[np.bool_]
    """Whether both fits increase over the common interval, where the method must be checked."""
    rates_meet: NDArray[np.bool_]
    """False where all rates of one curve are more than :data:`APART` times those of the other."""

    def means(self, min_overlap: float = 0.0) -> Array:
        """:attr:`mean`, NaN where there is no delta, or less than ``min_overlap`` percent."""
        with np.errstate(invalid="ignore"):
            defined = self.usable & self.rates_meet & ~self.at_anchor
            defined &= (self.overlap > 0) & (self.overlap >= min_overlap)
            # What cannot be told in percent is none, either.
            defined &= np.isfinite(self.values())
        return np.where(defined, self.mean, math.nan)

    def values(self) -> Array:
        """:attr:`mean` as a delta is given: percent of rate, or the unit of the quality."""
        return in_unit(self.mean, self.kind)

    def swapped(self) -> Differences:
        """The same with anchors and test curves in each other's place, which is exact."""
        return dataclasses.replace(
            self,
            mean=-self.mean,
            overlap=self.anchor_overlap,
            anchor_overlap=self.overlap,
            at_point=self.at_anchor,
            at_anchor=self.at_point,
        )


def fit(
    rate: Array,
    quality: Array,
    *,
    kind: Kind = "rate",
    method: str = "pchip",
    single: NDArray[np.bool_] | None = None,
) -> Fit:
    """Interpolate the Pareto-optimal points of b curves, arrays (b, n) in any order.

    Points that are not finite are left out. ``single`` (b,) says which curves may be a single
    point; by default none. Raises :class:`rdbench.errors.UsageError` for an
    unknown method or kind.
    """
    if kind not in KINDS:
        raise unknown("kind of Bjøntegaard delta", kind, KINDS)
    if method not in METHODS:
        raise unknown("interpolation method", method, METHODS)
    interpolation = METHODS[method]
    positive = ~np.any(rate <= 0, axis=-1)
    finite = np.isfinite(rate) & np.isfinite(quality)
    # At the end of the order, where they are no new maximum.
    rate, quality = np.where(finite, rate, math.inf), np.where(finite, quality, -math.inf)
    order = np.lexsort((-quality, rate), axis=-1)
    rate = np.take_along_axis(rate, order, axis=-1)
    quality = np.take_along_axis(quality, order, axis=-1)
    kept = new_maxima(quality)
    count = np.sum(kept, axis=-1)
    usable = positive & (count >= interpolation.points)
    single = positive & (count == 1) & (False if single is None else single)
    used = [np.where(kept, rate, nothing) for nothing in (math.inf, -math.inf)]
    ends = np.stack([used[0].min(-1, initial=math.inf), used[1].max(-1, initial=-math.inf)], -1)
    if not (usable | single).any():
        nothing = np.full((len(rate), 2), math.nan)
        empty = nothing[:, :1]
        pieces = PiecewiseCubic(nothing, (empty, empty, empty, empty))
        return Fit(kind, method, pieces, usable, ends, single)
    found = []
    for rows, columns in _alike(kept, usable | single):
        rates, qualities = rate[np.ix_(rows, columns)], quality[np.ix_(rows, columns)]
        # Values at the edge of doubles come out as such and have no finite delta.
        with np.errstate(all="ignore"):
            axes = (qualities, np.log10(rates))
            x, y = axes if kind == "rate" else axes[::-1]
            pieces = interpolation.interpolate(x, y) if len(columns) > 1 else _point(x, y)
        found.append((rows, pieces))
    return Fit(kind, method, _together(found, len(rate)), usable, ends, single)


def _point(x: Array, y: Array) -> PiecewiseCubic:
    """Single points (b, 1) as pieces of no width."""
    nothing = np.zeros_like(y)
    return PiecewiseCubic(np.repeat(x, 2, axis=-1), (y, nothing, nothing, nothing))


def differences(anchor: Fit, test: Fit, *, qualities: Range | None = None) -> Differences:
    """What each of b test curves differs by from the anchor at its place, over the range that both
    have, or over one of ``qualities``, which both must have."""
    first, last = ([fit.pieces.knots[:, end] for fit in (anchor, test)] for end in (0, -1))
    usable = (anchor.usable | anchor.single) & (test.usable | test.single)
    usable &= ~(anchor.single & test.single)
    at_point = usable & (anchor.single | test.single)
    # Rows without a common interval, or that are not usable, are sorted out by `means`.
    with np.errstate(all="ignore"):
        low, high = np.maximum(*first), np.minimum(*last)
        if qualities:
            usable &= (low <= qualities[0]) & (high >= qualities[1]) & (anchor.kind == "rate")
            low, high = (np.full_like(low, end) for end in qualities)
        mean = test.pieces.integral(low, high) - anchor.pieces.integral(low, high)
        mean /= high - low
        there = low[:, None]
        mean = np.where(at_point, (test.pieces(there) - anchor.pieces(there))[:, 0], mean)
        of_anchor, overlap = (
            np.where(at_point, np.where(low == high, 100, -1), 100 * (high - low) / (end - start))
            for start, end in zip(first, last, strict=True)
        )
        monotonic = np.ones(len(mean), dtype=bool)
        if METHODS[anchor.method].checked:
            monotonic = anchor.pieces.increases(low, high) & test.pieces.increases(low, high)
        meet = np.maximum(anchor.rates[:, 0], test.rates[:, 0]) <= APART * np.minimum(
            anchor.rates[:, 1], test.rates[:, 1]
        )
    single = at_point & test.single, at_point & anchor.single
    return Differences(
        anchor.kind, mean, overlap, of_anchor, low, high, usable, *single, monotonic, meet
    )


def in_unit(mean: Array, kind: Kind) -> Array:
    """Mean differences of log10(rate) in percent of rate; those of quality as they are."""
    if kind == "quality":
        return mean
    with np.errstate(over="ignore"):
        return np.asarray(100 * np.expm1(mean * math.log(10)))


def as_means(values: Array, kind: Kind) -> Array:
    """The inverse of :func:`in_unit`: the scale on which deltas are means, -inf for -100 %."""
    if kind == "quality":
        return values
    with np.errstate(divide="ignore"):
        return np.asarray(np.log1p(values / 100) / math.log(10))


def new_maxima(quality: Array) -> NDArray[np.bool_]:
    """Where a value is larger than all before it along the last axis."""
    before = np.maximum.accumulate(quality, axis=-1)[..., :-1]
    first = np.full((*quality.shape[:-1], min(1, quality.shape[-1])), -math.inf)
    return np.asarray(quality > np.concatenate([first, before], axis=-1))


def _alike(
    kept: NDArray[np.bool_], usable: NDArray[np.bool_]
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Usable rows that keep the same points, and these points."""
    rows = np.flatnonzero(usable)
    patterns, groups = np.unique(np.packbits(kept[rows], axis=-1), axis=0, return_inverse=True)
    for number in range(len(patterns)):
        own = rows[groups.ravel() == number]
        yield own, np.flatnonzero(kept[own[0]])


def _together(found: list[tuple[NDArray[np.intp], PiecewiseCubic]], curves: int) -> PiecewiseCubic:
    """Pieces of groups of rows as those of one batch; rows of no group are NaN."""
    if len(found) == 1 and len(found[0][0]) == curves:
        return found[0][1]
    most = max(pieces.knots.shape[-1] for _, pieces in found)
    knots = np.full((curves, most), math.nan)
    coefficients = np.zeros((4, curves, most - 1))
    for rows, pieces in found:
        count = pieces.knots.shape[-1]
        knots[rows, :count] = pieces.knots
        knots[rows, count:] = pieces.knots[:, -1:]
        coefficients[:, rows, : count - 1] = pieces.coefficients
    return PiecewiseCubic(knots, (*coefficients,))
