"""Matched pairs: cost at equal quality, and quality at equal rate, image by image. If both curves
have points by target at the value (:mod:`rdbench.goals`), these rows are compared. Otherwise the
curve of each image is interpolated: the logarithm of the rate over quality, or quality over it, by
PCHIP as for Bjøntegaard deltas, on Pareto-optimal points; the logarithm of times linearly along the
same axis. Nothing is extrapolated.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from rdbench.bd import METHODS, Interval, mean_estimate, pareto_optimal
from rdbench.curves.comparison import FEWEST_IMAGES
from rdbench.curves.curve import RATE, Curve, curve_of
from rdbench.curves.joining import load_parts
from rdbench.curves.records import resolve
from rdbench.curves.selection import Labels, find_anchor, named, read_labels
from rdbench.curves.targets import deviation_text
from rdbench.errors import UsageError
from rdbench.measurements import Measurements
from rdbench.metrics import MetricRecord

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

MEASURED: Final = "measured at target"
INTERPOLATED: Final = "interpolated"
RATIOS: Final = {RATE: "rate", "encode_s": "encode time", "decode_s": "decode time"}
"""What a ratio is taken of, test over anchor."""


@dataclass(frozen=True)
class Mean:
    """A mean over images: geometric for ratios, arithmetic for differences."""

    value: float = math.nan
    interval: Interval | None = None
    """The 95 % interval over images, for at least :data:`FEWEST_IMAGES` of them."""
    count: int = 0
    """The images that have a finite value."""


@dataclass(frozen=True)
class Match:
    """One test curve against the anchor at one value of the rate or of a metric."""

    dataset: str
    anchor: str
    test: str
    column: str
    """``bpp`` or a metric."""
    value: float
    how: str = ""
    """:data:`MEASURED` or :data:`INTERPOLATED`; empty if nothing is compared."""
    images: tuple[str, ...] = ()
    """The images on which both curves reach the value."""
    only_anchor: tuple[str, ...] = ()
    only_test: tuple[str, ...] = ()
    neither: tuple[str, ...] = ()
    ratios: Mapping[str, Mean] = field(default_factory=dict)
    """Test over anchor, by the keys of :data:`RATIOS`; the rate only at equal quality."""
    differences: Mapping[str, Mean] = field(default_factory=dict)
    """Test minus anchor, by metric, at equal rate."""
    deviation: str = ""
    """The largest deviation from the target, with its image and curve, for points by target."""
    problem: str = ""
    """Why nothing is compared."""
    record: MetricRecord | None = field(default=None, repr=False)
    """That of the metric."""
    records: Mapping[str, MetricRecord] = field(default_factory=dict, repr=False, compare=False)
    curves: tuple[Curve | None, Curve] | None = field(default=None, repr=False, compare=False)
    """Anchor and test."""


@dataclass(frozen=True, eq=False)
class _Side:
    """A curve with its rows, also those of images that lack a point."""

    curve: Curve
    table: Measurements

    def targets(self, column: str) -> set[float]:
        """The points that were to reach values of ``column``."""
        told = ~np.isnan(self.table.numbers["tolerance"])
        if self.curve.parameter != column:
            return set()
        return set(self.table.numbers["point"][told].tolist())

    @cached_property
    def images(self) -> dict[str, Curve]:
        """The curve of each image alone, of its ok points."""
        names, place = self.table.texts["image"].unique(np.arange(len(self.table)))
        alone = {n: curve_of(self.table, np.flatnonzero(place == i)) for i, n in enumerate(names)}
        return {name: curve for name, curve in alone.items() if curve.images}


@dataclass(frozen=True)
class _At:
    """What one image has at the value."""

    numbers: Mapping[str, float]
    """Rate, times and metrics by column."""
    deviation: float = math.nan


def parse_at(text: str) -> tuple[str, tuple[float, ...]]:
    """``ssimulacra2=70/80/90`` or ``bpp=0.25/0.5``: the column and the values, each once, in
    increasing order. Raises :class:`UsageError` for another form, and for what is not finite."""
    column, equals, listed = text.rpartition("=")
    if not (column and equals):
        raise UsageError(
            f"{text!r} is not of the form METRIC=A/B or bpp=A/B, such as psnr_db=32/36"
        )
    values = set()
    for part in listed.split("/"):
        try:
            value = float(part)
        except ValueError:
            raise UsageError(
                f"{text!r}: {part!r} is not a number; separate several values by '/', as in 32/36"
            ) from None
        if not math.isfinite(value) or (column == RATE and value <= 0):
            raise UsageError(f"{text!r}: {part} cannot be matched; give a finite value in range")
        values.add(value)
    return column, tuple(sorted(values))


def matches(
    runs: Sequence[str | Path],
    anchor: str,
    at: Sequence[str],
    labels: Labels | str | Path | None = None,
) -> list[Match]:
    """The rows of :func:`rdbench.match_table`."""
    if not at:
        raise UsageError(
            "give the values at which to match curves, such as psnr_db=32/36 or bpp=0.25 (`at`)"
        )
    if not runs:
        raise UsageError("there are no curves; name a run")
    names = read_labels(labels)
    sides = [_Side(named(curve, names), table) for curve, table in load_parts(runs)]
    curves = [side.curve for side in sides]
    anchors = find_anchor(curves, anchor, names)
    pairs = [
        (
            next((side for side in sides if side.curve is anchors.get(test.curve.dataset)), None),
            test,
        )
        for test in sides
        if test.curve is not anchors.get(test.curve.dataset)
    ]
    if not pairs:
        raise UsageError(f"the anchor {anchor!r} is the only curve; add a run with another one")
    found = []
    for column, values in map(parse_at, at):
        record = None if column == RATE else resolve(column, curves)
        found += [_match(*pair, anchor, record, value) for pair in pairs for value in values]
    return found


def _match(
    anchor: _Side | None, test: _Side, name: str, record: MetricRecord | None, value: float
) -> Match:
    column = record.name if record else RATE
    head = Match(
        test.curve.dataset,
        anchor.curve.title if anchor else name,
        test.curve.title,
        column,
        value,
        record=record,
        curves=(anchor.curve if anchor else None, test.curve),
    )
    if anchor is None:
        return dataclasses.replace(head, problem="this dataset has no such anchor")
    pair = anchor, test
    same = [
        image
        for image in sorted({*anchor.images} & {*test.images})
        if len({side.images[image].hashes.get(image, "") for side in pair} - {""}) < 2
    ]
    if not same:
        problem = "the curves have no images in common, by their samples"
        return dataclasses.replace(head, problem=problem)
    if record and (lacks := [s.curve.title for s in pair if column not in s.curve.scores]):
        problem = f"{' and '.join(lacks)}: {column} was not measured"
        return dataclasses.replace(head, problem=problem)
    records = {n: r for n, r in anchor.curve.records.items() if n in test.curve.records}
    by_target = all(value in side.targets(column) for side in pair)
    reached: list[dict[str, _At]] = []
    for side in pair:
        own = {
            image: _measured(side.images[image], column, value)
            if by_target
            else _interpolated(side.images[image], record, value, records)
            for image in same
        }
        reached.append({image: at for image, at in own.items() if at})
    both = [image for image in same if image in reached[0] and image in reached[1]]
    cells = [(reached[0][image].numbers, reached[1][image].numbers) for image in both]
    return dataclasses.replace(
        head,
        how=MEASURED if by_target else INTERPOLATED,
        images=tuple(both),
        only_anchor=tuple(i for i in same if i in reached[0] and i not in reached[1]),
        only_test=tuple(i for i in same if i in reached[1] and i not in reached[0]),
        neither=tuple(i for i in same if i not in reached[0] and i not in reached[1]),
        ratios={
            name: _geometric([_ratio(one[name], two[name]) for one, two in cells])
            for name in RATIOS
            if record or name != RATE
        },
        differences={}
        if record
        else {name: _mean([two[name] - one[name] for one, two in cells]) for name in records},
        deviation=_worst(pair, reached, both, value) if by_target else "",
        records=records,
    )


def _measured(curve: Curve, column: str, value: float) -> _At | None:
    """The row of an image that was to reach ``value``."""
    if value not in curve.points:
        return None
    place = curve.points.index(value)
    numbers = {name: float(cells[0, place]) for name, cells in curve.values.items()}
    return _At(numbers, numbers[column] - value)


def _interpolated(
    curve: Curve, record: MetricRecord | None, value: float, records: Mapping[str, MetricRecord]
) -> _At | None:
    """An image's curve at ``value``; None where it does not reach it."""
    rate = curve.values[RATE][0]
    if record is None:
        return _at_rate(curve, rate, value, records)
    if record.name not in curve.values:
        return None
    gain = record.sign * curve.values[record.name][0]
    kept = pareto_optimal(rate, gain)
    x, at = gain[kept], record.sign * value
    if len(kept) < METHODS["pchip"].points or not x[0] <= at <= x[-1]:
        return None
    numbers = {RATE: 10 ** _pchip(x, np.log10(rate[kept]), at)}
    return _At(numbers | _times(curve, kept, x, at))


def _at_rate(
    curve: Curve, rate: Array, value: float, records: Mapping[str, MetricRecord]
) -> _At | None:
    kept = np.flatnonzero(np.isfinite(rate) & (rate > 0))
    kept = kept[np.unique(rate[kept], return_index=True)[1]]
    if len(kept) < METHODS["pchip"].points or not rate[kept[0]] <= value <= rate[kept[-1]]:
        return None
    at = math.log10(value)
    numbers = dict.fromkeys(records, math.nan) | {RATE: value}
    for name, record in records.items():
        gain = record.sign * curve.values[name][0]
        best = pareto_optimal(rate, gain)
        x = np.log10(rate[best])
        if len(best) >= METHODS["pchip"].points and x[0] <= at <= x[-1]:
            numbers[name] = record.sign * _pchip(x, gain[best], at)
    return _At(numbers | _times(curve, kept, np.log10(rate[kept]), at))


def _pchip(x: Array, y: Array, at: float) -> float:
    return float(METHODS["pchip"].interpolate(x, y)(np.array([at]))[0])


def _times(curve: Curve, kept: NDArray[np.intp], x: Array, at: float) -> dict[str, float]:
    """Times at ``at``: their logarithm linear between points."""
    found = {}
    for name in ("encode_s", "decode_s"):
        times = curve.values[name][0][kept]
        known = bool(np.all(times > 0))
        found[name] = math.exp(float(np.interp(at, x, np.log(times)))) if known else math.nan
    return found


def _ratio(anchor: float, test: float) -> float:
    return test / anchor if anchor > 0 else math.nan


def _geometric(ratios: Sequence[float]) -> Mean:
    logs = _mean([math.log(ratio) if ratio > 0 else math.nan for ratio in ratios])
    interval = logs.interval
    if interval:
        interval = Interval(math.exp(interval.low), math.exp(interval.high))
    return Mean(math.exp(logs.value), interval, logs.count)


def _mean(values: Iterable[float]) -> Mean:
    finite = np.array([value for value in values if math.isfinite(value)])
    if not len(finite):
        return Mean()
    enough = len(finite) >= FEWEST_IMAGES
    interval = Interval.of(mean_estimate(finite)) if enough else None
    return Mean(float(np.mean(finite)), interval, len(finite))


def _worst(
    pair: Iterable[_Side],
    reached: Iterable[Mapping[str, _At]],
    images: Sequence[str],
    value: float,
) -> str:
    """The largest deviation from the target."""
    found = [
        (at[image].deviation, side.curve, image)
        for side, at in zip(pair, reached, strict=True)
        for image in images
    ]
    if not found:
        return ""
    deviation, curve, image = max(found, key=lambda entry: abs(entry[0]))
    return f"{deviation_text(curve, deviation, value)} ({curve.title}, {image})"
