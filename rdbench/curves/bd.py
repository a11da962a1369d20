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
        metrics: columns of the runs, names of known metrics, FILE.py:Class or FILE.toml;
            ``psnr_db`` by default.
        published: names of published curves, compared with those of the runs or alone.
        convention: ``"jpeg-ai"`` or ``"aom"`` (:mod:`rdbench.curves.conventions`): BD-rates with
            its metrics, points and mean over images. Arguments that contradict it are refused.
        method: ``"pchip"``, ``"akima"``, ``"cubic"``, or ``"all"`` for a row for each.
        averaging: ``"mean"`` of the images' decibels, ``"pooled"``, the decibels of the mean, or
            ``"literature"``: the mean of PSNR and the decibels of the mean MS-SSIM, which is how
            papers publish the two.
        min_overlap: the smallest overlap in percent; below it, no value is given.
        interval: the kind of the 95 % intervals over images: ``"jackknife"``
            (:mod:`rdbench.bd.estimates`; deterministic), ``"bootstrap"`` for percentiles, which are
            too narrow for few images, or ``"none"``. Fewer than 5 images have none.
        resamples: the number of bootstrap draws of the images.
        seed: the seed of the bootstrap.
        cap_db: the upper limit of scores in decibels. Without one, images whose score is infinite
            at half of the points or more are left out, and named.
        rates: the lowest and the highest rate in bit/px of the points that count, for mean curves
            and for those of single images.
        qualities: the range of quality over which BD-rates are integrated, in the unit of the one
            metric. A curve that does not cover all of it has no value.
        labels: names for the curves in the rows, as a mapping or a TOML file (see
            :func:`rdbench.plot_rd`).
        classes: whether to add rows for each class of images, against ``anchor``. A class is the
            images that share a tag; tags are those of ``tags.csv`` beside the images when they were
            measured.
        tags: a file of tags (columns ``image`` and ``tags``) to use instead, for example for
            published curves; it implies ``classes``. A warning lists images that it names and no
            curve has.

    Returns:
        A list with a row for each metric, dataset, pair, kind of delta (rate in percent, then
        quality) and method, and after them, for several datasets, their means
        (:func:`across_datasets`); rows over a class say so in ``image_class``. A row without a
        value gives the ``reason``. Flags are ``overlaps_little``, ``methods_disagree``,
        ``points_decide`` and ``at_point``: the rows of a test curve with a single point are
        differences at that point, not Bjøntegaard deltas. With a convention, there are only
        BD-rates, and no mean over datasets. ``to_frame()`` makes it a DataFrame.

    Raises:
        UsageError: for unknown or ambiguous names, invalid ranges, several metrics with one range
            of qualities, arguments that contradict the convention, nothing to compare, and classes
            if no image has a tag or a convention is given.
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
                "classes of images need an anchor (`anchor`), and cannot be combined with a "
                "convention"
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
    """Raise :class:`rdbench.errors.UsageError` for invalid ranges, and for one of qualities
    of several metrics."""
    for what, ends in (("rates", rates), ("qualities", qualities)):
        if ends and not ends[0] < ends[1]:
            low, high = ends
            raise UsageError(f"`{what}` {low:g},{high:g}: {low:g} is not below {high:g}")
    if qualities and len(records) > 1:
        raise UsageError(
            "a range of qualities (`qualities`) belongs to one metric; name it (`metrics`)"
        )


def comparisons(curves: Sequence[Curve], anchor: str, settings: Settings) -> list[Comparison]:
    """The deltas in rate and in quality of every other curve against the anchor, named as for
    :func:`find_anchor`. The rows of a dataset without it say so.
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
            raise UsageError("there is only one curve; name another run or a published curve")
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
