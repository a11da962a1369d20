"""How far apart curves are: Bjøntegaard deltas of mean curves and of single images."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from rdbench.bd import (
    KINDS,
    METHODS,
    BDResult,
    Interval,
    Kind,
    bootstrap_mean,
    bootstrap_mean_curves,
    delta,
)
from rdbench.curves.curve import RATE, Curve, averaging_of
from rdbench.curves.published import PREFIX, published
from rdbench.errors import UsageError, unknown
from rdbench.schema import point_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

LOW_OVERLAP: Final = 75.0


@dataclass(frozen=True)
class Settings:
    """How curves are compared: the quality column, how images are averaged, the interpolation,
    the overlap in percent below which there is no value, and the bootstrap (0 for none)."""

    metric: str = "psnr_db"
    averaging: str = "mean"
    method: str = "pchip"
    min_overlap: float = 0.0
    resamples: int = 1000
    seed: int = 0


@dataclass(frozen=True)
class PerImage:
    """The mean of single images' deltas over those that have one."""

    mean: float
    values: tuple[float, ...]
    """One delta per common image, NaN where it has none."""
    interval: Interval | None

    @property
    def count(self) -> int:
        return sum(math.isfinite(value) for value in self.values)


@dataclass(frozen=True)
class Comparison:
    """One delta of one test curve against the anchor, on one dataset."""

    dataset: str
    anchor: str
    test: str
    kind: Kind
    settings: Settings
    images: tuple[str, ...] = ()
    """The images that both curves have; empty where one was published only as means."""
    image_count: int = 0
    left_out: tuple[str, ...] = ()
    """Images of the dataset that one of the curves lacks, or has no value of the metric for."""
    curve: BDResult | None = None
    """The delta of the mean curves."""
    interval: Interval | None = None
    per_image: PerImage | None = None
    dropped_anchor: tuple[str, ...] = ()
    """The anchor's points that were not used, as values of its rate parameter."""
    dropped_test: tuple[str, ...] = ()
    by_method: Mapping[str, float] = field(default_factory=dict)
    """The delta of the mean curves by every interpolation; where they disagree, the curves have
    too few points or the wrong ones."""
    problem: str = ""

    @property
    def spread(self) -> float:
        """How far the interpolations are apart, of those that have a value."""
        values = [value for value in self.by_method.values() if math.isfinite(value)]
        return max(values) - min(values) if values else math.nan

    @property
    def value(self) -> float:
        return self.curve.value if self.curve else math.nan

    @property
    def overlap(self) -> float:
        return self.curve.overlap if self.curve else math.nan

    @property
    def reason(self) -> str:
        """Why there is no value, and empty where there is one."""
        return self.problem or (self.curve.reason if self.curve else "")


def comparisons(curves: Sequence[Curve], anchor: str, settings: Settings) -> list[Comparison]:
    """The deltas in rate and in quality of every other curve against the anchor.

    ``anchor`` is the label or the codec of one curve per dataset, or ``published:NAME``. A dataset
    without it has rows that say so. Raises :class:`rdbench.errors.UsageError` for a name that no
    dataset has, with those near it, or that several curves of a dataset have.
    """
    anchors = find_anchor(curves, anchor)
    return [
        row
        for curve in curves
        if curve is not anchors.get(curve.dataset)
        for row in compare(anchors.get(curve.dataset), curve, settings, anchor)
    ]


def published_beside(name: str, curves: Sequence[Curve]) -> Curve:
    """The published curve ``name``, of a dataset that some of ``curves`` are of."""
    found = published(name)
    datasets = sorted({curve.dataset for curve in curves})
    if found.dataset not in datasets:
        raise UsageError(
            f"the published curve {name!r} is of the dataset {found.dataset!r}, the runs are of "
            f"{', '.join(datasets)}"
        )
    return found


def find_anchor(curves: Sequence[Curve], name: str) -> dict[str, Curve]:
    """The anchor of each dataset that has it; see :func:`comparisons`."""
    if name.startswith(PREFIX):
        found = published_beside(name.removeprefix(PREFIX), curves)
        return {found.dataset: found}
    anchors: dict[str, Curve] = {}
    for dataset in dict.fromkeys(curve.dataset for curve in curves):
        here = [curve for curve in curves if curve.dataset == dataset]
        found_here = [curve for curve in here if curve.label == name] or [
            curve for curve in here if curve.codec == name
        ]
        if len(found_here) > 1:
            labels = ", ".join(repr(curve.label) for curve in found_here)
            raise UsageError(
                f"the anchor {name!r} is ambiguous on {dataset!r}; name one of {labels}"
            )
        if found_here:
            anchors[dataset] = found_here[0]
    if not anchors:
        known = {curve.label for curve in curves} | {curve.codec for curve in curves}
        raise unknown("anchor", name, known, hint=f"or {PREFIX}NAME for a published curve")
    return anchors


def compare(
    anchor: Curve | None, test: Curve, settings: Settings, name: str = ""
) -> list[Comparison]:
    """The delta in rate and the delta in quality of ``test`` against ``anchor``."""
    title = anchor.title if anchor else name
    problem = _incomparable(anchor, test, settings)
    if problem or anchor is None:
        return [
            Comparison(test.dataset, title, test.title, kind, settings, problem=problem)
            for kind in KINDS
        ]
    compared = _compare_means if anchor.mean_of or test.mean_of else _compare_images
    return [compared(anchor, test, kind, settings) for kind in KINDS]


def common_images(anchor: Curve, test: Curve, metric: str) -> tuple[str, ...]:
    """The images that both curves have with rate and metric at all points, by name."""
    sets = [set(curve.images_with(column)) for curve in (anchor, test) for column in (RATE, metric)]
    return tuple(sorted(set.intersection(*sets)))


def _incomparable(anchor: Curve | None, test: Curve, settings: Settings) -> str:
    if anchor is None:
        return "this dataset has no such anchor"
    for curve in (anchor, test):
        if not curve.image_count:
            return f"{curve.title} has no image that is ok at all points"
    if anchor.channels and test.channels and anchor.channels != test.channels:
        return (
            f"{anchor.title} is of images with {_either(anchor.channels)} channels, "
            f"{test.title} of images with {_either(test.channels)}"
        )
    if anchor.mean_of or test.mean_of:
        if anchor.image_count != test.image_count:
            return (
                f"means over {anchor.image_count} and {test.image_count} images cannot be compared"
            )
        for curve in (anchor, test):
            if np.isnan(curve.mean(settings.metric, settings.averaging)).all():
                return _no_mean(curve, settings)
    elif not common_images(anchor, test, settings.metric):
        return f"the curves have no images with {settings.metric} in common"
    return ""


def _no_mean(curve: Curve, settings: Settings) -> str:
    other = "mean" if settings.averaging == "pooled" else "pooled"
    if np.isnan(curve.mean(settings.metric, other)).all():
        return f"{curve.title} gives no {settings.metric}"
    return f"{curve.title} gives {settings.metric} only with averaging {other!r}"


def _either(channels: Sequence[int]) -> str:
    return " or ".join(str(count) for count in channels)


def _compare_means(anchor: Curve, test: Curve, kind: Kind, settings: Settings) -> Comparison:
    means = [
        curve.mean(column, settings.averaging)
        for curve in (anchor, test)
        for column in (RATE, settings.metric)
    ]
    result = _delta(means, kind, settings)
    return Comparison(
        dataset=test.dataset,
        anchor=anchor.title,
        test=test.title,
        kind=kind,
        settings=settings,
        image_count=test.image_count,
        curve=result,
        dropped_anchor=_points(anchor, result.dropped_anchor),
        dropped_test=_points(test, result.dropped_test),
        by_method=_by_method(means, kind, settings),
    )


def _compare_images(anchor: Curve, test: Curve, kind: Kind, settings: Settings) -> Comparison:
    images = common_images(anchor, test, settings.metric)
    columns = [(curve, column) for curve in (anchor, test) for column in (RATE, settings.metric)]
    means = [curve.mean(column, settings.averaging, images) for curve, column in columns]
    tables = [curve.of_images(column, images) for curve, column in columns]
    result = _delta(means, kind, settings)
    values = np.array(
        [
            _delta([table[row] for table in tables], kind, settings).value
            for row in range(len(images))
        ]
    )
    defined = values[np.isfinite(values)]
    interval = per_image_interval = None
    if settings.resamples:
        interval = bootstrap_mean_curves(
            *tables,
            kind=kind,
            method=settings.method,
            min_overlap=settings.min_overlap,
            averaging=averaging_of(settings.metric, settings.averaging),
            resamples=settings.resamples,
            seed=settings.seed,
        )
        per_image_interval = bootstrap_mean(
            defined, resamples=settings.resamples, seed=settings.seed
        )
    everywhere = {*anchor.images, *test.images, *anchor.left_out, *test.left_out}
    return Comparison(
        dataset=test.dataset,
        anchor=anchor.title,
        test=test.title,
        kind=kind,
        settings=settings,
        images=images,
        image_count=len(images),
        left_out=tuple(sorted(everywhere - set(images))),
        curve=result,
        interval=interval,
        per_image=PerImage(
            mean=float(np.mean(defined)) if len(defined) else math.nan,
            values=tuple(values.tolist()),
            interval=per_image_interval,
        ),
        dropped_anchor=_points(anchor, result.dropped_anchor),
        dropped_test=_points(test, result.dropped_test),
        by_method=_by_method(means, kind, settings),
    )


def _delta(arrays: Sequence[Array], kind: Kind, settings: Settings) -> BDResult:
    return delta(
        *arrays,
        kind=kind,
        method=settings.method,
        min_overlap=settings.min_overlap,
    )


def _by_method(arrays: Sequence[Array], kind: Kind, settings: Settings) -> dict[str, float]:
    return {
        method: _delta(arrays, kind, dataclasses.replace(settings, method=method)).value
        for method in METHODS
    }


def _points(curve: Curve, places: Sequence[int]) -> tuple[str, ...]:
    return tuple(point_text(curve.points[place]) for place in places)
