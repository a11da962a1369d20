"""What codecs save at equal encoding time, if some were measured at several efforts.

A codec's efforts (a speed, a preset) are curves of their own, each with a BD-rate against the
anchor and a mean encoding time: the trade-off by which encoders are compared in Wu et al., "Towards
much better SVT-AV1 quality-cycles tradeoffs for VOD applications" (SPIE 11842, 2021).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rdbench.curves.bd_tables import delta_name, digits3, groups, how
from rdbench.curves.comparison import Comparison
from rdbench.curves.complexity import Complexity, cost_notes
from rdbench.curves.curve import Curve
from rdbench.curves.notes import counted, mark
from rdbench.tables import Table


@dataclass(frozen=True)
class Effort:
    """One curve: the value of its effort option, its mean encoding time for one image, and its
    BD-rate against the anchor in percent."""

    title: str
    value: str
    """Empty if its codec was measured at one effort only."""
    encode_s: float
    bd_rate: float
    marks: str = ""
    """Why its BD-rate is doubtful (:func:`rdbench.curves.notes.mark`)."""


@dataclass(frozen=True)
class Family:
    """The efforts of one codec with all other options alike, the fastest first."""

    title: str
    codec: str
    option: str
    """Empty if there is only one effort."""
    efforts: tuple[Effort, ...]

    @property
    def front(self) -> tuple[Effort, ...]:
        """The efforts that save more than every faster one."""
        found: list[Effort] = []
        for effort in self.efforts:
            if not found or effort.bd_rate < found[-1].bd_rate:
                found.append(effort)
        return tuple(found)

    def at(self, encode_s: float) -> float:
        """The BD-rate in percent at an encoding time: linear over the logarithm of time between two
        efforts of :attr:`front`, constant beyond the slowest, and NaN below the time of the
        fastest."""
        front = self.front
        if encode_s < front[0].encode_s:
            return math.nan
        times = [math.log(effort.encode_s) for effort in front]
        return float(np.interp(math.log(encode_s), times, [effort.bd_rate for effort in front]))


@dataclass(frozen=True)
class EqualTime:
    """The families of one dataset, metric, anchor and interpolation with times from one machine."""

    rows: tuple[Comparison, ...]
    """The comparisons it is made of."""
    families: tuple[Family, ...]
    costs: Mapping[str, Complexity]
    """What each of the curves cost, by title."""
    elsewhere: tuple[str, ...]
    """Curves with times from another machine."""

    @property
    def efforts(self) -> list[tuple[Family, Effort]]:
        """All efforts, the fastest first."""
        pairs = [(family, effort) for family in self.families for effort in family.efforts]
        return sorted(pairs, key=lambda pair: pair[1].encode_s)

    def least(self, encode_s: float) -> Family:
        """The family with the lowest BD-rate at an encoding time that one of them has: the
        envelope."""
        known = [family for family in self.families if not math.isnan(family.at(encode_s))]
        return min(known, key=lambda family: family.at(encode_s))

    @property
    def notes(self) -> list[str]:
        """Its notes, beyond those on deltas."""
        said = [
            "at equal encoding time: linear over the logarithm of time between the efforts of a "
            "codec that save more than every faster one, constant beyond the slowest"
        ]
        beaten = [
            effort.title
            for family in self.families
            for effort in family.efforts
            if effort not in family.front
        ]
        if beaten:
            said.append(
                f"slower than another effort of the codec without saving more: {', '.join(beaten)}"
            )
        said += cost_notes(
            [*self.costs.items()], "encoding times are means over points and images,", shown=()
        )
        if self.elsewhere:
            said.append(
                f"left out, as their times are from another machine: {', '.join(self.elsewhere)}"
            )
        return said


def equal_times(comparisons: Iterable[Comparison]) -> list[EqualTime]:
    """BD-rates against an anchor at equal encoding time, if at least one codec was measured at
    several efforts; the anchor is at 0."""
    rates = [
        row
        for row in comparisons
        if row.kind == "rate" and not row.reason and not row.image_class and not row.datasets
    ]

    def key(row: Comparison) -> tuple[str, ...]:
        return row.dataset, row.color, row.settings.metric.name, row.anchor, row.settings.method

    return [found for rows in groups(rates, key) for found in _by_machine(rows)]


def _by_machine(rows: Sequence[Comparison]) -> Iterator[EqualTime]:
    first = rows[0]
    assert first.anchor_curve
    places: dict[tuple[str, ...], list[tuple[Curve, Complexity, Effort]]] = {}
    known = [(first.anchor_curve, first.complexities[0], 0.0, "")]
    for row in rows:
        assert row.test_curve
        known.append((row.test_curve, row.complexities[1], row.value, mark(row)))
    for curve, cost, bd_rate, marks in known:
        if cost.encode_s > 0:
            value = curve.options_by_name.get(curve.effort, "")
            effort = Effort(curve.title, value, cost.encode_s, bd_rate, marks)
            places.setdefault(cost.place, []).append((curve, cost, effort))
    for here in places.values():
        families = _families([(curve, effort) for curve, _, effort in here])
        if any(len(family.efforts) > 1 for family in families):
            costs = {curve.title: cost for curve, cost, _ in here}
            others = tuple(
                curve.title for other in places.values() if other is not here for curve, *_ in other
            )
            yield EqualTime(tuple(rows), families, costs, others)


def _families(curves: Sequence[tuple[Curve, Effort]]) -> tuple[Family, ...]:
    several: dict[tuple[str, ...], list[tuple[Curve, Effort]]] = {}
    for curve, effort in curves:
        options = curve.options_by_name
        option = curve.effort if curve.effort in options else ""
        # Without an effort each curve is a family of its own.
        rest = "" if option else curve.title
        key = (
            curve.source,
            curve.codec,
            option,
            rest,
            *(f"{name}={value}" for name, value in options.items() if name != option),
        )
        several.setdefault(key, []).append((curve, effort))
    named = [(own, _title(own)) for own in several.values()]
    titles = [title for _, title in named]
    return tuple(
        Family(
            # Where two have one name, their curves' own names tell them apart.
            title if titles.count(title) == 1 else ", ".join(curve.title for curve, _ in own),
            own[0][0].codec,
            own[0][0].effort if len(own) > 1 else "",
            tuple(sorted((effort for _, effort in own), key=lambda effort: effort.encode_s)),
        )
        for own, title in named
    )


def _title(curves: Sequence[tuple[Curve, Effort]]) -> str:
    """What a family is called: the title of its curves without their efforts."""
    if len(curves) == 1:
        return curves[0][0].title
    bare = {curve.title.replace(f" {curve.effort}={effort.value}", "") for curve, effort in curves}
    return bare.pop() if len(bare) == 1 else curves[0][0].codec


def effort_tables(comparisons: Iterable[Comparison]) -> list[Table]:
    """A table for each of :func:`equal_times`: a row for each curve, the fastest first, with the
    BD-rates of all codecs at its encoding time and the codec with the lowest."""
    return [_table(found) for found in equal_times(comparisons)]


def _table(found: EqualTime) -> Table:
    first = found.rows[0]
    several = [family for family in found.families if len(family.efforts) > 1]
    counts = [f"{f.title}: {counted(len(f.efforts), 'effort')} ({f.option})" for f in several]
    delta = f"{delta_name(first)} against {first.anchor} at equal encoding time"
    told = how([dataclasses.replace(first, interval=None)])
    return Table(
        f"{first.place}, {first.settings.metric.axis}, {delta} ({told})",
        (
            *("curve", "lowest at its time", "encode [ms]", "BD-rate [%]"),
            *(family.title for family in found.families),
        ),
        tuple(
            (
                effort.title,
                found.least(effort.encode_s).title,
                digits3(1000 * effort.encode_s),
                _percent(effort.bd_rate) + effort.marks,
                *(_percent(family.at(effort.encode_s)) for family in found.families),
            )
            for _, effort in found.efforts
        ),
        (", ".join(counts), *found.notes),
    )


def _percent(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:+z.2f}"
