"""The result of a check: one verdict for each curve, with everything that led to it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from rdbench.errors import UsageError
from rdbench.metrics import MetricRecord


class Verdict(StrEnum):
    """The verdict on a curve, or on a part of it."""

    NEWLY_FAILING = "newly failing"
    """Something fails that did not fail in the baseline, or was not measured there."""
    WORSE = "worse"
    GONE = "gone"
    """The baseline has a curve, image, point or metric that the run lacks."""
    NOT_COMPARABLE = "not comparable"
    INCONCLUSIVE = "inconclusive"
    """Times are beyond the limit, but the machine or its load differs, too."""
    BETTER = "better"
    SAME = "same"
    """Within the limits; not necessarily the same bytes."""
    NEW = "new"


# The first of these that one of a curve's findings has is the verdict on the curve.
_BY_WEIGHT: Final = tuple(Verdict)
FAILURES: Final = frozenset(
    {
        *(Verdict.NEWLY_FAILING, Verdict.WORSE, Verdict.GONE),
        *(Verdict.NOT_COMPARABLE, Verdict.INCONCLUSIVE),
    }
)


@dataclass(frozen=True)
class Limits:
    """How much worse a curve may be than in the baseline. Beyond the limit it is worse; as far on
    the other side, it is better. Raises :class:`UsageError` for a limit that is negative or not
    finite.
    """

    max_bd_rate: float = 0.5
    """BD-rate in percent, in each metric; if a curve has too few points for one, the mean rate at
    equal points."""
    max_bd_psnr: float | None = None
    """Loss in dB (BD-PSNR, and the same for every metric in dB); None to check the rate only. If
    there is no BD-rate, it limits the loss of the mean quality at equal points."""
    max_slowdown: float | None = None
    """Percent by which encoding or decoding may take longer, in processor time if both sides have
    it; None to ignore times."""
    metrics: tuple[str, ...] = ()
    """Names of metrics, FILE.py:Class or FILE.toml. Empty means all metrics of the baseline, except
    those that it also has in decibels."""

    def __post_init__(self) -> None:
        for name in ("max_bd_rate", "max_bd_psnr", "max_slowdown"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < math.inf:
                raise UsageError(f"{name} is {value}; it must be a number of at least 0")


@dataclass(frozen=True)
class Finding:
    """One finding about a curve, in one line."""

    verdict: Verdict
    text: str


@dataclass(frozen=True)
class Delta:
    """The BD-rate of a curve against itself in the baseline, in one metric."""

    metric: str
    value: float = math.nan
    """Percent; NaN if there is none."""
    low: float = math.nan
    high: float = math.nan
    """Ends of the interval over images; equal to :attr:`value` if the codec is deterministic."""
    identical: bool = False
    """Whether rates and qualities equal the baseline's at all points."""


@dataclass(frozen=True)
class CurveVerdict:
    """One curve of the run or the baseline."""

    dataset: str
    title: str
    """Its label, with its options if another curve of the dataset has the same label."""
    codec: str
    options: str
    findings: tuple[Finding, ...] = ()
    """The findings that decide, except "same", the most serious first."""
    changed: str = ""
    """Bytes that changed although the codec is deterministic and has the same version. This is
    reported, but is not a failure."""
    notes: tuple[str, ...] = ()
    """Other remarks: another version, new points, earlier failures."""
    deltas: tuple[Delta, ...] = ()
    compared: int = 0
    """How many measurements (image and point) both sides have."""
    identical: int = 0
    """How many of them have the same bytes and the same decoded image, by their hashes."""

    @property
    def verdict(self) -> Verdict:
        return self.findings[0].verdict if self.findings else Verdict.SAME

    @property
    def fine(self) -> bool:
        return self.verdict not in FAILURES


@dataclass(frozen=True)
class Report:
    """The verdicts on all curves, in the order of the baseline; new ones last."""

    run: str
    baseline: str
    limits: Limits
    metrics: tuple[MetricRecord, ...]
    """What was looked at."""
    curves: tuple[CurveVerdict, ...]
    notes: tuple[str, ...] = ()
    """What holds for all curves."""

    @property
    def fine(self) -> bool:
        """Whether every curve is better, same or new."""
        return all(curve.fine for curve in self.curves)

    @property
    def regressed(self) -> bool:
        """Whether a curve is worse or newly failing, not just gone or not comparable."""
        return any(c.verdict in (Verdict.WORSE, Verdict.NEWLY_FAILING) for c in self.curves)

    @property
    def counts(self) -> dict[Verdict, int]:
        """The number of curves with each verdict, the most serious first."""
        found = [curve.verdict for curve in self.curves]
        return {verdict: found.count(verdict) for verdict in _BY_WEIGHT if verdict in found}


def by_weight(findings: list[Finding]) -> tuple[Finding, ...]:
    """Findings without repetitions, the most serious first."""
    return tuple(sorted(dict.fromkeys(findings), key=lambda one: _BY_WEIGHT.index(one.verdict)))
