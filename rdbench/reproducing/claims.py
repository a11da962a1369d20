"""Numbers of a paper, computed from its published points and from measurements."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from rdbench.bd import Interval
from rdbench.curves import RATE, Curve, Settings, compare
from rdbench.curves.notes import doubts
from rdbench.reproducing.cast import Cast
from rdbench.reproducing.recipe import Claim, Recipe


@dataclass(frozen=True)
class Value:
    """One computed number, in percent, or in bit/px for the gap between two rates."""

    value: float = math.nan
    interval: Interval | None = None
    of_images: float = math.nan
    """The mean of the values of single images, where the curves have images."""
    overlap: float = math.nan
    """The overlap of the curves, in percent."""
    reason: str = ""
    """Why there is no value; empty if there is one."""
    measured: tuple[str, ...] = ()
    """Which of the two curves were measured."""
    doubts: Mapping[str, str] = field(default_factory=dict)
    """Why it is doubtful: marks and their meanings."""


@dataclass(frozen=True)
class Checked:
    """A claim, what its published points give, and what was measured here."""

    claim: Claim
    published: Value | None
    """None if a curve was not published."""
    measured: Value | None
    """None if none of the curves was measured."""


def check(recipe: Recipe, cast: Cast) -> Iterator[Checked]:
    """The claims of ``recipe``; a curve that was not measured is played by the published one."""
    for claim in recipe.claims:
        names = [name for name in (claim.test, claim.anchor) if name]
        recorded = [cast.player(claim.dataset, name, published=True) for name in names]
        here = [cast.player(claim.dataset, name) for name in names]
        new = tuple(name for name, a, b in zip(names, here, recorded, strict=True) if a is not b)
        yield Checked(claim, _value(claim, recorded, ()), _value(claim, here, new) if new else None)


def _value(claim: Claim, curves: Sequence[Curve | None], measured: tuple[str, ...]) -> Value | None:
    """The number of ``claim`` from its curves, test and anchor; None if one is missing or both are
    the same."""
    test, anchor = curves[0], curves[-1]
    if test is None or anchor is None or (claim.anchor and test is anchor):
        return None
    if claim.kind == "rate-gap":
        gap = rate_gap(test)
        if claim.point not in gap:
            reason = f"{test.title} lacks a real or an estimated rate at {claim.point:g}"
            return Value(reason=reason)
        return Value(gap[claim.point], measured=measured)
    if claim.kind == "time-saving":
        if len(machines := {*anchor.machines, *test.machines}) > 1:
            return Value(reason=f"timed on several machines ({', '.join(sorted(machines))})")
        return Value(time_saving(anchor, test), measured=measured)
    settings = Settings(claim.metric, claim.averaging, claim.method)
    found = compare(anchor, test, settings)[0]
    return Value(
        found.value,
        found.interval,
        found.per_image.mean if found.per_image else math.nan,
        found.overlap,
        found.reason,
        measured,
        doubts(found),
    )


def rate_gap(curve: Curve) -> dict[float, float]:
    """The mean of real minus estimated rate at each point, in bit/px, where both are known."""
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
