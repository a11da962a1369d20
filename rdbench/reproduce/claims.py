"""What a paper says in numbers, computed from its published points and from what was measured."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from rdbench.bd import Interval
from rdbench.curves import RATE, Curve, Settings, compare
from rdbench.reproduce.cast import Cast, Players
from rdbench.reproduce.recipe import Claim, Recipe


@dataclass(frozen=True)
class Value:
    """One computed number, in percent, or bit/px for the gap between two rates."""

    value: float = math.nan
    interval: Interval | None = None
    overlap: float = math.nan
    """Of the curves, in percent."""
    reason: str = ""
    """Why there is no value, and empty where there is one."""
    measured: tuple[str, ...] = ()
    """Which of the two curves were measured."""


@dataclass(frozen=True)
class Checked:
    """A claim, what its published points give, and what was measured here."""

    claim: Claim
    published: Value | None
    """None where a curve was not published."""
    measured: Value | None
    """None where none of the curves was measured."""


def check(recipe: Recipe, cast: Cast) -> Iterator[Checked]:
    """The claims of ``recipe``; a curve that was not measured is played by the published one."""
    measured, recorded = cast.measured, cast.recorded
    here = {**recorded, **measured}
    for claim in recipe.claims:
        names = [(claim.dataset, name) for name in (claim.test, claim.anchor) if name]
        yield Checked(
            claim,
            _value(claim, recorded, ()) if all(name in recorded for name in names) else None,
            _value(claim, here, tuple(name[1] for name in names if name in measured))
            if all(name in here for name in names) and any(name in measured for name in names)
            else None,
        )


def _value(claim: Claim, players: Players, measured: tuple[str, ...]) -> Value:
    test = players[claim.dataset, claim.test]
    if claim.kind == "rate-gap":
        gap = rate_gap(test)
        if claim.point not in gap:
            return Value(reason=f"{test.title} has no two rates at {claim.point:g}")
        return Value(gap[claim.point], measured=measured)
    anchor = players[claim.dataset, claim.anchor]
    if claim.kind == "time-saving":
        return Value(time_saving(anchor, test), measured=measured)
    settings = Settings(claim.metric, claim.averaging, claim.method)
    found = compare(anchor, test, settings)[0]
    return Value(found.value, found.interval, found.overlap, found.reason, measured)


def rate_gap(curve: Curve) -> dict[float, float]:
    """The mean of real less estimated rate at each point, in bit/px, where both are known."""
    gap = curve.mean(RATE) - curve.mean("estimated_bpp")
    return {
        point: float(value)
        for point, value in zip(curve.points, gap, strict=True)
        if math.isfinite(value)
    }


def times(curve: Curve) -> tuple[float, float]:
    """The mean times of encoding and of decoding over images and points, in seconds."""
    return float(np.mean(curve.mean("encode_s"))), float(np.mean(curve.mean("decode_s")))


def time_saving(anchor: Curve, test: Curve) -> float:
    """How much less time ``test`` takes to encode and decode than ``anchor``, in percent."""
    return 100 * (1 - sum(times(test)) / sum(times(anchor)))
