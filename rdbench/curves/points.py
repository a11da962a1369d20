"""How much deltas of mean curves depend on the choice of points, in their own unit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from rdbench.bd import Choice, Kind, Points, as_means, choices, in_unit
from rdbench.curves.comparison import PointSpread, Settings
from rdbench.curves.curve import Curve
from rdbench.schema import point_text


def point_spreads(
    pairs: Sequence[tuple[Curve, Curve]],
    points: Mapping[int, Points],
    values: Sequence[float],
    kind: Kind,
    settings: Settings,
) -> list[PointSpread | None]:
    """Of each (anchor, test), whose delta is one of ``values``; None if that is NaN. ``points``:
    the means of each curve by its id, with qualities of which more is better."""
    place = {key: number for number, key in enumerate(points)}
    sides = [[place[id(curve)] for curve in side] for side in zip(*pairs, strict=True)]
    together = [_one_ladder(*pair) for pair in pairs]
    found = choices(
        [*points.values()],
        sides[0],
        sides[1],
        together=together,
        kind=kind,
        method=settings.method,
        qualities=settings.rule.qualities,
    )
    sign = settings.metric.sign
    return [
        None if math.isnan(value) else _spread(pair, value, choice, kind, sign)
        for pair, value, choice in zip(pairs, values, found, strict=True)
    ]


def _spread(
    pair: tuple[Curve, Curve], value: float, choice: Choice, kind: Kind, sign: int
) -> PointSpread:
    if choice.reason:
        return PointSpread(reason=f"{pair[choice.side].title} {choice.reason}")
    mean = float(as_means(np.array([value]), kind)[0])
    moved = choice.moved * (sign if kind == "quality" else 1)
    ends = np.array([mean - choice.spread, mean + choice.spread, mean + moved])
    low, high, without = in_unit(ends, kind).tolist()
    curve = pair[choice.side]
    name = f"{curve.title}'s {curve.parameter} {point_text(curve.points[choice.point])}"
    return PointSpread(low, high, name, without)


def _one_ladder(anchor: Curve, test: Curve) -> bool:
    """Whether two curves are of one codec at the same points."""
    one, other = ((curve.codec, curve.parameter, curve.points) for curve in (anchor, test))
    return one == other
