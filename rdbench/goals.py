"""Points by target: values that the rate or a metric is to reach, instead of settings of a codec.

``points=bpp:0.12/0.25`` asks for the setting of a codec's rate parameter at which an image has that
rate, ``points=ssimulacra2:70`` for the one at which it has that score; it is searched for image by
image (:mod:`rdbench.runner.search`). The wanted value is called a goal here, since a codec's
``target`` is where its class is found.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any, Final

from rdbench import metrics
from rdbench.codecs.base import Axis, Codec
from rdbench.codecs.request import CodecRequest, values
from rdbench.errors import UsageError, unknown
from rdbench.metrics import MetricRecord
from rdbench.metrics.registry import is_file, is_known, names
from rdbench.schema import point_text

RATE: Final = "bpp"
"""The column of the rate, the only goal that is not a metric."""
RATE_TOLERANCE: Final = 0.02
DECIBEL_TOLERANCE: Final = 0.1
SIMILARITY_TOLERANCE: Final = 0.02
SCORE_TOLERANCE: Final = 0.005
REVISION: Final = 1
"""Revision of the search: raised when the same goal may end at another setting than before."""


@dataclass(frozen=True)
class Tolerance:
    """How far a result may be from its target."""

    amount: float
    relative: bool
    """Whether it is a share of the target; else it is in the target's unit."""

    @classmethod
    def parse(cls, told: str | float, where: str, *, of_rate: bool) -> Tolerance:
        """``0.02``, a share of a rate or an amount of a metric, or ``2%``, a share of either.

        Raises :class:`UsageError`, with ``where``, for anything else, and for a share of 1 or more
        of a rate.
        """
        text = str(told).strip()
        percent = text.endswith("%")
        try:
            amount = float(text.removesuffix("%"))
        except ValueError:
            amount = math.nan
        if isinstance(told, bool) or not 0 <= amount < math.inf:
            raise UsageError(
                f"{where}: the tolerance {told!r} is not a number of at least 0; write 2% or 0.02"
            )
        amount = amount / 100 if percent else amount
        if of_rate and amount >= 1:
            raise UsageError(
                f"{where}: the tolerance {text} is {amount:.0%} of the rate; write "
                f"{point_text(amount)}% or {point_text(amount / 100)}"
            )
        return cls(amount, percent or of_rate)

    @property
    def text(self) -> str:
        """As it is written: ``2%``, ``0.5``."""
        return f"{point_text(100 * self.amount)}%" if self.relative else point_text(self.amount)


@dataclass(frozen=True)
class Goal:
    """What the points of a curve are values of, and the parameter whose setting gives them."""

    column: str
    """:data:`RATE`, or the column of the metric."""
    axis: Axis
    """The rate parameter of the codec."""
    record: MetricRecord | None = None
    """That of the metric."""
    tolerance: Tolerance | None = None
    """The requested tolerance; None for the default of :meth:`allowed`."""

    @property
    def sign(self) -> int:
        """The factor with which its values rise with the rate."""
        return self.record.sign if self.record else 1

    def allowed(self, point: float) -> float:
        """How far a result may be from ``point``, in its unit. By default: 2 % of a rate; 0.1 dB;
        for metrics that are 1 for identical images, 2 % of the distance from 1 (0.09 dB of it); for
        others, 0.5 % of the value."""
        if self.tolerance:
            return self.tolerance.amount * (abs(point) if self.tolerance.relative else 1)
        if self.record is None:
            return RATE_TOLERANCE * point
        if self.record.unit == "dB":
            return DECIBEL_TOLERANCE
        if self.record.higher_is_better and 0 < point < 1:
            return SIMILARITY_TOLERANCE * (1 - point)
        return SCORE_TOLERANCE * abs(point)

    def deviation_text(self, point: float, reached: float) -> str:
        """How far ``reached`` is from ``point``, in words: ``+1.20 %``, ``-0.31``."""
        if self.record is None:
            return f"{100 * (reached / point - 1):+.2f} %"
        return f"{reached - point:+.3g}" + (f" {self.record.unit}" if self.record.unit else "")

    def plain(self) -> dict[str, Any]:
        """The goal as ``run.json`` has it."""
        return {"column": self.column, "tolerance": self.tolerance.text if self.tolerance else ""}

    def decides(self) -> dict[str, Any]:
        """What decides the setting that is found, besides the codec and the image: plain data."""
        axis = self.axis
        return {
            **self.plain(),
            "revision": REVISION,
            "parameter": axis.parameter,
            "ladder": list(axis.ladder),
            "range": [point_text(axis.low), point_text(axis.high)],
            "whole": axis.integer,
            **({"metric": _decides(self.record)} if self.record else {}),
        }


@functools.lru_cache(maxsize=64)
def _decides(record: MetricRecord) -> dict[str, Any]:
    told = metrics.provenance(record)
    programs = {name: one["sha256"] for name, one in told["programs"].items()}
    return {key: told[key] for key in ("revision", "version", "source")} | {"programs": programs}


def goal_of(request: CodecRequest, codec: type[Codec], axis: Axis) -> Goal | None:
    """The goal of a request; None if its points are settings. Raises :class:`UsageError` for a
    codec without a parameter to search, an unknown metric, and an invalid tolerance.
    """
    where = f"codec {codec.name!r}"
    if not request.goal:
        if request.tolerance is not None:
            raise UsageError(
                f"{where}: a tolerance needs points by target, such as points={RATE}:0.25; leave "
                "it out, or name a target"
            )
        return None
    if request.goal == axis.parameter:
        listed = "/".join(map(str, request.points))
        raise UsageError(f"{where}: write values of its {axis.parameter} as points={listed}")
    _refuse_without_parameter(codec, axis)
    if request.goal != RATE and not (is_known(request.goal) or is_file(request.goal)):
        raise unknown("target", request.goal, {RATE, *names()})
    record = None if request.goal == RATE else metrics.find(request.goal)
    column = record.name if record else RATE
    tolerance = None
    if request.tolerance is not None:
        told = request.tolerance
        tolerance = Tolerance.parse(told, f"{where} at {column}", of_rate=record is None)
    return Goal(column, axis, record, tolerance)


def targets_of(request: CodecRequest, goal: Goal) -> tuple[float, ...]:
    """The values that a request asks for, by increasing rate. Raises :class:`UsageError` for values
    that are not numbers, and for rates that are not above 0."""
    where = f"codec {request.target!r} at {goal.column}"
    texts = [text for point in request.points for text in values(str(point), where)]
    found = []
    for text in texts:
        try:
            found.append(float(text))
        except ValueError:
            raise UsageError(f"{where}: {text!r} is not a number") from None
        if not math.isfinite(found[-1]):
            raise UsageError(f"{where}: {text!r} cannot be reached; give a finite value")
        if goal.record is None and found[-1] <= 0:
            raise UsageError(f"{where}: a rate of {text} bit/px is impossible; give one above 0")
    return tuple(sorted(found, key=lambda value: goal.sign * value))


def _refuse_without_parameter(codec: type[Codec], axis: Axis) -> None:
    where = f"codec {codec.name!r}"
    if codec.lossless:
        raise UsageError(
            f"{where} is lossless and has no rate parameter to search; leave it out, or measure "
            "it without a target"
        )
    if axis.closed or len(axis.ladder) < 2:
        sweep = codec.option_table.get("sweep")
        advice = (
            "write sweep=beta, whose steps are continuous"
            if sweep and "beta" in sweep.choices
            else "measure these, and interpolate with `rdbench match`"
        )
        known = "/".join(map(point_text, axis.ladder))
        raise UsageError(
            f"{where}: its {axis.parameter} can only be {known}, so there is nothing to search; "
            f"{advice}"
        )
