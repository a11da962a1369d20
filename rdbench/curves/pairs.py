"""Many pairs of curves compared at once.

What belongs to one curve (means, resampled means, interpolations) is computed once and shared by
all pairs that have the same images.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from rdbench.bd import (
    KINDS,
    METHODS,
    BDResult,
    Differences,
    Fit,
    Kind,
    Points,
    Range,
    describe,
    differences,
    fit,
    image_weights,
    in_unit,
    left_out_weights,
    percentile_interval,
    weighted_curves,
)
from rdbench.curves import intervals
from rdbench.curves.comparison import FEWEST_IMAGES, Comparison, PointSpread, Settings
from rdbench.curves.curve import RATE, Curve, common_images, other_samples
from rdbench.curves.points import point_spreads
from rdbench.metrics import MetricRecord
from rdbench.schema import point_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

Pairs = Sequence[tuple[Curve | None, Curve]]
"""Pairs of anchor and test curve; the anchor is None if the dataset lacks it."""


def compare(
    anchor: Curve | None, test: Curve, settings: Settings, name: str = ""
) -> list[Comparison]:
    """The delta in rate and the delta in quality of ``test`` against ``anchor``, or against a
    missing anchor called ``name``."""
    return compare_pairs([(anchor, test)], settings, name=name)


def compare_pairs(
    pairs: Pairs,
    settings: Settings,
    methods: Sequence[str] = (),
    name: str = "",
) -> list[Comparison]:
    """The deltas of each (anchor, test) of ``pairs``: in rate, then in quality, each with every one
    of ``methods`` (by default that of ``settings``), in the order given. Curves are compared over
    the images that both have at all points. An anchor of None stands for one that the dataset
    lacks. Rows without a value say why.
    """
    methods = tuple(methods) or (settings.method,)
    rows: dict[int, list[Comparison]] = {}
    alike: dict[tuple[str, ...], list[int]] = {}
    for number, (anchor, test) in enumerate(pairs):
        problem = _incomparable(anchor, test, settings)
        if problem or anchor is None:
            rows[number] = [
                Comparison(
                    test.dataset,
                    anchor.title if anchor else name,
                    test.title,
                    kind,
                    _by(settings, method),
                    problem=problem,
                    anchor_curve=anchor,
                    test_curve=test,
                )
                for kind in KINDS
                for method in methods
            ]
        else:
            # Means of a publisher have no images.
            whole = anchor.mean_of or test.mean_of
            images = () if whole else common_images((anchor, test), settings.metric.name)
            alike.setdefault(images, []).append(number)
    for images, numbers in alike.items():
        here = [(anchor, test) for anchor, test in (pairs[n] for n in numbers) if anchor]
        found = _together(images, here, settings, methods)
        rows.update(zip(numbers, found, strict=True))
    return [row for number in range(len(pairs)) for row in rows[number]]


def _incomparable(anchor: Curve | None, test: Curve, settings: Settings) -> str:
    if anchor is None:
        return "this dataset has no such anchor"
    for curve in (anchor, test):
        if not curve.image_count:
            return f"{curve.title} has no image that is ok at all points"
    if other_samples(anchor, test):
        return (
            f"{anchor.title} has images with {_either(anchor.channels)} channels, {test.title} "
            f"has images with {_either(test.channels)}"
        )
    if anchor.mean_of or test.mean_of:
        if anchor.image_count != test.image_count:
            return (
                f"means over {anchor.image_count} and {test.image_count} images cannot be compared"
            )
        for curve in (anchor, test):
            if np.isnan(curve.gain(settings.metric, settings.averaging)).all():
                return _no_mean(curve, settings)
    elif not common_images((anchor, test), settings.metric.name):
        return f"the curves have no images with {settings.metric.name} in common, by their samples"
    return ""


def _no_mean(curve: Curve, settings: Settings) -> str:
    other = "mean" if settings.averaging == "pooled" else "pooled"
    metric = settings.metric
    if np.isnan(curve.gain(metric, other)).all():
        return f"{curve.title} gives no {metric.name}"
    return f"{curve.title} gives {metric.name} only with averaging {other!r}"


def _either(channels: Sequence[int]) -> str:
    return " or ".join(str(count) for count in channels)


def _by(settings: Settings, method: str) -> Settings:
    return dataclasses.replace(settings, method=method)


class _Sample:
    """One curve over the images of a group: its mean curve, and as rows of one batch those of
    single images, those of all images but one, and those of the bootstrap (images, images and
    resamples, points). More quality is better here, whatever the metric; points that do not count
    are NaN."""

    def __init__(self, curve: Curve, images: tuple[str, ...], settings: Settings) -> None:
        metric, used = settings.metric, images or None
        rule = settings.rule
        means = curve.mean(RATE, used), curve.gain(metric, settings.averaging, used)
        self.points = Points.of("curve", *means, rule)
        if not images:
            return
        rate, quality = curve.of_images(RATE, images), curve.gains(metric, images)
        averaging = metric.averaging(settings.averaging)
        rows = [rule.applied(rate, quality)]
        # With other images the same points count.
        rate = np.where(np.isfinite(self.points.rate), rate, math.nan)
        if settings.interval != "none" and len(images) >= FEWEST_IMAGES:
            weights = [left_out_weights(len(images))]
            if settings.interval == "bootstrap":
                weights.append(image_weights(len(images), settings.resamples, settings.seed))
            rows += [weighted_curves(rate, quality, own, averaging) for own in weights]
        self.rate, self.quality = (np.concatenate(part) for part in zip(*rows, strict=True))


def _together(
    images: tuple[str, ...],
    pairs: Sequence[tuple[Curve, Curve]],
    settings: Settings,
    methods: Sequence[str],
) -> list[list[Comparison]]:
    """The comparisons of each of ``pairs``, all over the same ``images``, or of means alone."""
    curves = {id(curve): curve for pair in pairs for curve in pair}
    samples = {key: _Sample(curve, images, settings) for key, curve in curves.items()}
    rows: list[list[Comparison]] = [[] for _ in pairs]
    for kind in KINDS:
        of_means = _deltas_of_means(pairs, samples, kind, settings)
        for method in methods:
            own = _by(settings, method)
            spreads = point_spreads(
                pairs,
                {key: sample.points for key, sample in samples.items()},
                [results[method].value for results in of_means],
                kind,
                own,
            )
            found: Iterable[Differences | None] = [None] * len(pairs)
            if images:
                fits = {
                    key: fit(
                        sample.rate,
                        sample.quality,
                        kind=kind,
                        method=method,
                        single=np.full(len(sample.rate), sample.points.single),
                    )
                    for key, sample in samples.items()
                }
                found = _differences(pairs, fits, settings.rule.qualities)
            for place, (pair, differing) in enumerate(zip(pairs, found, strict=True)):
                row = _row(*pair, kind, of_means[place], spreads[place], own)
                rows[place].append(
                    row if differing is None else _with_images(row, images, differing)
                )
    return rows


def _deltas_of_means(
    pairs: Sequence[tuple[Curve, Curve]],
    samples: Mapping[int, _Sample],
    kind: Kind,
    settings: Settings,
) -> list[dict[str, BDResult]]:
    """The deltas of the mean curves of each pair by every interpolation, all pairs at once."""
    points = [sample.points for sample in samples.values()]
    place = {key: number for number, key in enumerate(samples)}
    most = max(len(curve.rate) for curve in points)
    # What is missing is not finite, and not used.
    rate, quality = (np.full((len(points), most), math.nan) for _ in range(2))
    for number, curve in enumerate(points):
        rate[number, : len(curve.rate)] = curve.rate
        quality[number, : len(curve.rate)] = curve.quality
    sides = [[place[id(curve)] for curve in side] for side in zip(*pairs, strict=True)]
    found: list[dict[str, BDResult]] = [{} for _ in pairs]
    single = np.array([curve.single for curve in points])
    for method in METHODS:
        fits = fit(rate, quality, kind=kind, method=method, single=single)
        differing = differences(
            *(fits.take(side) for side in sides), qualities=settings.rule.qualities
        )
        for row, (anchor, test) in enumerate(zip(*sides, strict=True)):
            result = describe(
                points[anchor], points[test], differing, row, method, settings.min_overlap
            )
            found[row][method] = _in_own_sign(result, settings.metric)
    return found


def _in_own_sign(result: BDResult, metric: MetricRecord) -> BDResult:
    """A delta of qualities of which more is better, in the sign of the metric."""
    if metric.higher_is_better:
        return result
    if result.kind == "quality":
        return dataclasses.replace(result, value=-result.value)
    low, high = result.interval
    return dataclasses.replace(result, interval=(-high, -low))


def _differences(
    pairs: Sequence[tuple[Curve, Curve]], fits: Mapping[int, Fit], qualities: Range | None
) -> Iterator[Differences]:
    """What each pair differs by; the other direction of a pair that was done costs nothing."""
    done: dict[tuple[int, int], Differences] = {}
    for anchor, test in pairs:
        key = id(anchor), id(test)
        if key[::-1] in done:
            done[key] = done[key[::-1]].swapped()
        else:
            done[key] = differences(fits[key[0]], fits[key[1]], qualities=qualities)
        yield done[key]


def _row(
    anchor: Curve,
    test: Curve,
    kind: Kind,
    of_means: Mapping[str, BDResult],
    points: PointSpread | None,
    settings: Settings,
) -> Comparison:
    """The comparison of two mean curves, from their deltas by each interpolation."""
    result = of_means[settings.method]
    return Comparison(
        dataset=test.dataset,
        anchor=anchor.title,
        test=test.title,
        kind=kind,
        settings=settings,
        image_count=test.image_count,
        curve=result,
        points=points,
        dropped_anchor=_points(anchor, result.dropped_anchor),
        dropped_test=_points(test, result.dropped_test),
        by_method={name: other.value for name, other in of_means.items()},
        anchor_curve=anchor,
        test_curve=test,
    )


def _with_images(row: Comparison, images: tuple[str, ...], found: Differences) -> Comparison:
    """``row`` with what its images say, from what the rows of both curves' :class:`_Sample`
    differ by."""
    settings, anchor, test = row.settings, row.anchor_curve, row.test_curve
    assert anchor
    assert test
    count = len(images)
    means = found.means(settings.min_overlap)
    if found.kind == "quality":
        means = settings.metric.sign * means
    left_out, resampled = means[count : 2 * count], means[2 * count :]
    overlaps = np.where(found.usable & (found.overlap > 0), found.overlap, 0.0)[:count]
    everywhere = {*anchor.images, *test.images, *anchor.left_out, *test.left_out}
    own = dataclasses.replace(
        row,
        images=images,
        image_count=count,
        left_out=tuple(sorted(everywhere - set(images))),
        per_image=intervals.of_images(means[:count], overlaps, row.kind, settings),
    )
    if not len(left_out) or own.reason:
        return own
    estimate, interval = intervals.of_mean_curves(own.value, left_out, row.kind)
    if not len(resampled):
        return dataclasses.replace(own, interval=interval, estimate=estimate)
    values = in_unit(resampled, row.kind)
    return dataclasses.replace(
        own, interval=percentile_interval(values), estimate=estimate, resampled=values
    )


def _points(curve: Curve, places: Sequence[int]) -> tuple[str, ...]:
    return tuple(point_text(curve.points[place]) for place in places)
