"""How much a Bjøntegaard delta depends on the choice of points: it is recomputed without each of
them.

The ends of both curves stay, and with them the interval that the delta is over. Without one inner
point the delta moves by d_i, on the scale on which deltas are means (:func:`rdbench.bd.as_means`);
``spread`` is √(Σ d_i²) over the inner points of the anchor plus the same over those of the test
curve: errors at the points of one curve even out, those of two curves that bend alike need not.

Two curves of one codec at the same points may be all but equal, as of two builds, and err alike.
There ``spread`` is at most :data:`TOGETHER` times √(Σ d_i²) of each point left out of both at once.

An estimate, and no bound. Measured on ladders that are taken from dense curves
(``benchmarks/ladders.md``), the delta of the dense curves over the same interval lies within
±``spread`` in about 95 % of ladders with evenly spaced points, and in about 90 % of ladders with
points anywhere, or of one codec. Interpolations that agree say less: the truth lies between them in
a third. Random subsets of the inner points say five to ten times as much as there is, as lines
through the ends are among them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rdbench.bd.deltas import Points
from rdbench.bd.fits import Kind, differences, fit
from rdbench.bd.interpolants import METHODS, Array
from rdbench.bd.rules import Range

TOGETHER: Final = 3
FEWEST_POINTS: Final = 4
"""With fewer, what is left is a line through the ends, which says nothing of the curve."""


@dataclass(frozen=True)
class Choice:
    """How much a delta depends on the choice of points, on the scale of means: log10 of the ratio
    of rates, or the unit of the quality, of which more is better."""

    spread: float
    """√(Σ d_i²) of the anchor plus that of the test curve, or NaN."""
    moved: float = math.nan
    """The d_i that is farthest from 0."""
    side: int = 0
    """Whose point that is without, or whom :attr:`reason` is about: 0 the anchor, 1 the test
    curve."""
    point: int = 0
    """Its index in the order given."""
    reason: str = ""
    """Why ``spread`` is NaN, of the curve of ``side``; empty where it is not."""


def choices(
    curves: Sequence[Points],
    anchors: Sequence[int],
    tests: Sequence[int],
    *,
    together: Sequence[bool] = (),
    kind: Kind = "rate",
    method: str = "pchip",
    qualities: Range | None = None,
) -> list[Choice]:
    """How much the deltas of pairs of ``curves`` depend on their points; ``anchors`` and ``tests``
    are places among them, of equal length, and ``together`` says which pairs are of one ladder
    (none by default), as far as the same points of both are used. ``qualities``: what rates are
    compared over, where that is asked for."""
    ladders = [_ladder(curve) for curve in curves]
    rows: list[range] = []  # of each curve: the whole of it, then without each inner point
    batch: list[tuple[Array, Array]] = []
    for curve, ladder in zip(curves, ladders, strict=True):
        inner = range(1, len(ladder) - 1)
        kept = [ladder, *(np.delete(ladder, place) for place in inner)]
        rows.append(range(len(batch), len(batch) + len(kept)))
        batch += [(curve.rate[own], curve.quality[own]) for own in kept]
    sides: tuple[list[int], list[int]] = [], []
    ends = [0]
    one = [
        wanted and np.array_equal(ladders[anchor], ladders[test])
        for anchor, test, wanted in zip(
            anchors, tests, together or [False] * len(anchors), strict=True
        )
    ]
    for anchor, test, both in zip(anchors, tests, one, strict=True):
        of_anchor, of_test = rows[anchor], rows[test]
        sides[0].extend([*of_anchor, *[of_anchor[0]] * (len(of_test) - 1)])
        sides[1].extend([*[of_test[0]] * len(of_anchor), *of_test[1:]])
        if both:
            sides[0].extend(of_anchor[1:])
            sides[1].extend(of_test[1:])
        ends.append(len(sides[0]))
    fits = fit(*map(_padded, zip(*batch, strict=True)), kind=kind, method=method)
    means = differences(*map(fits.take, sides), qualities=qualities).means()
    return [
        _choice(
            means[start:stop],
            [curves[place] for place in pair],
            [ladders[place] for place in pair],
            method,
        )
        for *pair, start, stop in zip(anchors, tests, ends, ends[1:], strict=False)
    ]


def _choice(
    means: Array, pair: Sequence[Points], ladders: Sequence[NDArray[np.intp]], method: str
) -> Choice:
    needed = max(FEWEST_POINTS, METHODS[method].points + 1)
    for side, points in enumerate(pair):
        if points.used < needed:
            usable = f"{points.used} usable point" + "s" * (points.used != 1)
            text = f"has {usable}, {method} needs {needed} to leave one out"
            return Choice(math.nan, side=side, reason=text)
    moved = means[1:] - means[0]
    if not np.isfinite(moved).all():
        return Choice(math.nan, reason="has points without one of which there is no delta")
    counts = np.cumsum([len(ladder) - 2 for ladder in ladders])
    of_anchor, of_test, of_both = np.split(moved, counts)
    spread = float(np.linalg.norm(of_anchor) + np.linalg.norm(of_test))
    if len(of_both):
        spread = min(spread, TOGETHER * float(np.linalg.norm(of_both)))
    side = int(np.abs(of_test).max() > np.abs(of_anchor).max())
    own = (of_anchor, of_test)[side]
    place = int(np.abs(own).argmax())
    return Choice(spread, float(own[place]), side, int(ladders[side][place + 1]))


def _ladder(points: Points) -> NDArray[np.intp]:
    """The indices of points that are used, by rising rate."""
    used = np.setdiff1d(np.arange(len(points.rate)), points.dropped)
    return np.asarray(used[np.argsort(points.rate[used], kind="stable")])


def _padded(parts: Sequence[Array]) -> Array:
    """Parts (n,) as rows of one array, NaN behind them."""
    padded = np.full((len(parts), max(map(len, parts))), math.nan)
    for row, part in zip(padded, parts, strict=True):
        row[: len(part)] = part
    return padded
