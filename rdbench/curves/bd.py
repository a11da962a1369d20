"""``bd_table``: from runs and published curves to Bjøntegaard deltas."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final, TypeVar

from rdbench.bd import METHODS, Range
from rdbench.curves import conventions
from rdbench.curves.across import across_datasets
from rdbench.curves.bd_text import Layout
from rdbench.curves.classes import of_classes, with_tags
from rdbench.curves.comparison import INTERVALS, Comparison, Settings
from rdbench.curves.convention_rows import by_convention, check_options, with_decibels
from rdbench.curves.curve import Curve
from rdbench.curves.pairs import Pairs, compare_pairs
from rdbench.curves.records import averaging_of, resolve_all
from rdbench.curves.selection import NO_LABELS, Labels, find_anchor, gather, read_labels
from rdbench.curves.significance import told_apart
from rdbench.curves.table import BDTable
from rdbench.errors import UsageError, unknown
from rdbench.metrics import MetricRecord

ALL_METHODS: Final = "all"

_T = TypeVar("_T", bound=str | Path)


def bd_table(
    runs: str | Path | Sequence[str | Path] = (),
    *,
    anchor: str | None = None,
    metrics: str | Sequence[str] | None = None,
    published: str | Sequence[str] = (),
    convention: str | None = None,
    method: str = "pchip",
    averaging: str = "mean",
    min_overlap: float = 0.0,
    interval: str = "jackknife",
    resamples: int = 1000,
    seed: int = 0,
    cap_db: float | None = None,
    rates: Range | None = None,
    qualities: Range | None = None,
    labels: Labels | str | Path | None = None,
    classes: bool = False,
    tags: str | Path | None = None,
) -> BDTable:
    """Bjøntegaard deltas of all curves against ``anchor``, or, without one, of every pair;
    ``rdbench bd``.

    Args:
        runs: run directories or CSV files.
        anchor: the label or the codec of one curve, or ``published:NAME``.
        metrics: columns of the runs, metrics that are known by their names, FILE.py:Class or
            FILE.toml; ``psnr_db`` by default.
        published: names of published curves, beside the runs or alone.
        convention: ``"jpeg-ai"`` or ``"aom"`` (:mod:`rdbench.curves.conventions`): BD-rates by its
            metrics, points and mean of images. It refuses what says something else.
        method: ``"pchip"``, ``"akima"``, ``"cubic"``, or ``"all"`` for a row by each.
        averaging: ``"mean"`` of the images' decibels, ``"pooled"``, the decibels of the mean, or
            ``"literature"``: the mean of PSNR, and of MS-SSIM the decibels of the mean, so that
            what papers publish of both can be compared at once.
        min_overlap: the overlap in percent under which there is no value.
        interval: of 95 % over images: ``"jackknife"`` (:mod:`rdbench.bd.estimates`; it draws
            nothing), ``"bootstrap"`` for percentiles, which are too narrow for few images, or
            ``"none"``. Fewer than 5 images have none.
        resamples: of the images, for the bootstrap.
        seed: of its draws.
        cap_db: what scores in decibels count as at most. Without one, images whose score is
            infinite at half of the points or more are left out, and named.
        rates: lowest and highest rate in bit/px of the points that count, of the mean curves and of
            each image's own.
        qualities: what BD-rates are integrated over, in the unit of the one metric. A curve that
            does not reach all of it has none.
        labels: what curves are called in the rows, as a mapping or a TOML file (see
            :func:`rdbench.plot_rd`).
        classes: whether rows for each class of images follow, against ``anchor``: those that share
            a tag, of ``tags.csv`` beside the images as they were measured.
        tags: a file of tags (columns ``image`` and ``tags``) to take instead, as for published
            curves; it means ``classes``. Images that it names and no curve has are warned of.

    Returns:
        A list with a row for each metric, dataset, pair, kind of delta (rate in percent, then
        quality) and method, and after them, for several datasets, their means
        (:func:`across_datasets`); rows over a class say so in ``image_class``. Rows without a value
        say why in ``reason``; flags are ``overlaps_little``, ``methods_disagree``,
        ``points_decide`` and ``at_point``, which a test curve of one point has: its rows are the
        differences at it, and no Bjøntegaard means. By a convention there are BD-rates alone, and
        no mean over datasets. ``to_frame()`` makes it a DataFrame.

    Raises:
        UsageError: for names that are unknown or ambiguous, ranges that are none, several metrics
            with one range of qualities, what contradicts the convention, where there is nothing to
            compare, and for classes where no image has a tag, or by a convention.
    """
    check_ranges(rates, qualities)
    if method not in (ALL_METHODS, *METHODS):
        raise unknown("interpolation method", method, (ALL_METHODS, *METHODS))
    if interval not in INTERVALS:
        raise unknown("interval", interval, INTERVALS)
    agreed = conventions.find(convention) if convention else None
    if agreed:
        given = {
            "metrics": metrics if metrics is None else tuple(_listed(metrics)),
            "averaging": averaging,
            "method": method,
            "min_overlap": min_overlap,
            "cap_db": cap_db,
            "rates": rates,
            "qualities": qualities,
        }
        check_options(agreed, given)
        rates, cap_db = agreed.rates, agreed.cap_db
    methods = tuple(METHODS) if method == ALL_METHODS else (method,)
    names = read_labels(labels)
    curves = gather(_listed(runs), _listed(published), names)
    cap_db = math.inf if cap_db is None else cap_db
    settings = Settings(
        averaging=averaging,
        method=methods[0],
        min_overlap=min_overlap,
        interval=interval,
        resamples=resamples,
        seed=seed,
        cap_db=cap_db,
        rates=rates,
        qualities=qualities,
        convention=agreed,
    )
    if classes := classes or tags is not None:
        if anchor is None or agreed:
            raise UsageError(
                "classes of images are compared against an anchor (`anchor`), and by no convention"
            )
        curves = with_tags(curves, tags)
    pairs = prepared(_pairs(curves, anchor, names), settings)
    layout: Layout = "list" if anchor else "matrix"
    if agreed:
        found = by_convention(agreed, pairs, settings, anchor or "")
        return BDTable(told_apart(found), layout)
    records = resolve_all("psnr_db" if metrics is None else metrics, curves)
    check_ranges(rates, qualities, records)
    rows: list[Comparison] = []
    for record in records:
        averaged = averaging_of(record, averaging)
        own = dataclasses.replace(settings, metric=record, averaging=averaged)
        found = compare_pairs(pairs, own, methods, anchor or "")
        by_class = of_classes(pairs, own, methods, anchor or "") if classes else []
        rows += told_apart(found + by_class + across_datasets(found))
    return BDTable(rows, layout)


def prepared(pairs: Pairs, settings: Settings) -> Pairs:
    """``pairs`` with no decibels above the cap, and by a convention with SSIM in decibels; a curve
    of several pairs stays one."""
    known: dict[int, Curve] = {}

    def of(curve: Curve) -> Curve:
        if id(curve) not in known:
            found = with_decibels(curve) if settings.convention else curve
            known[id(curve)] = found.capped(settings.cap_db)
        return known[id(curve)]

    return [(anchor and of(anchor), of(test)) for anchor, test in pairs]


def check_ranges(
    rates: Range | None, qualities: Range | None, records: Sequence[MetricRecord] = ()
) -> None:
    """Raise :class:`rdbench.errors.UsageError` for ranges that are none, and for one of qualities
    of several metrics."""
    for what, ends in (("rates", rates), ("qualities", qualities)):
        if ends and not ends[0] < ends[1]:
            low, high = ends
            raise UsageError(f"`{what}` {low:g},{high:g}: {low:g} is not below {high:g}")
    if qualities and len(records) > 1:
        raise UsageError("a range of qualities (`qualities`) is of one metric; name it (`metrics`)")


def comparisons(curves: Sequence[Curve], anchor: str, settings: Settings) -> list[Comparison]:
    """The deltas in rate and in quality of every other curve against the anchor.

    ``anchor`` is as in :func:`find_anchor`. A dataset without it has rows that say so.
    """
    return told_apart(compare_pairs(_pairs(curves, anchor), settings, name=anchor))


def _pairs(curves: Sequence[Curve], anchor: str | None, labels: Labels = NO_LABELS) -> Pairs:
    pairs: list[tuple[Curve | None, Curve]]
    if anchor is None:
        pairs = [
            (one, other)
            for one, other in itertools.permutations(curves, 2)
            if one.dataset == other.dataset
        ]
        if not pairs:
            raise UsageError("there is one curve only; name a run or a published curve beside it")
        return pairs
    anchors = find_anchor(curves, anchor, labels)
    pairs = [
        (anchors.get(curve.dataset), curve)
        for curve in curves
        if curve is not anchors.get(curve.dataset)
    ]
    if not pairs:
        raise UsageError(f"the anchor {anchor!r} is the only curve; add a run with another one")
    return pairs


def _listed(value: _T | Sequence[_T]) -> list[_T]:
    return [value] if isinstance(value, str | Path) else list(value)
