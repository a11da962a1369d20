"""How a report holds its curves against each other: the ways that its page offers, and by each what
``bd`` prints and figures show, against any anchor."""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rdbench.bd import METHODS, Range
from rdbench.curves import (
    Comparison,
    Curve,
    Settings,
    across_datasets,
    averaging_of,
    compare_pairs,
)
from rdbench.curves.bd import ALL_METHODS, prepared
from rdbench.curves.bd_tables import tables, value_cell
from rdbench.curves.classes import of_classes
from rdbench.curves.convention_rows import by_convention
from rdbench.curves.conventions import CONVENTIONS, Convention
from rdbench.curves.efforts import effort_tables
from rdbench.curves.notes import mark
from rdbench.curves.records import LITERATURE, distance_from_one
from rdbench.curves.significance import told_apart
from rdbench.errors import UsageError
from rdbench.metrics import MetricRecord
from rdbench.plots.efforts import efforts_plot
from rdbench.plots.figures import Scene, rate_saving
from rdbench.plots.styles import Member
from rdbench.plots.tradeoff import tradeoff
from rdbench.reporting.looks import looks
from rdbench.reporting.numbers import line, number

Against = dict[str, list[Comparison]]
"""Comparisons of all datasets by the title of the anchor, as ``bd`` has them."""
AGREED: Final = ""
"""In place of a metric: the one table that a convention has of all of its metrics."""
DIGITS: Final = 5
"""Significant digits of savings, which are drawn and not tabulated."""


@dataclass(frozen=True)
class Way:
    """A way of comparing, as the options of ``rdbench bd`` say it."""

    name: str
    label: str
    averaging: str = "mean"
    rates: Range | None = None
    qualities: Range | None = None
    metric: str = ""
    """The only metric that it is of; empty for all."""
    convention: Convention | None = None

    def settings(self, record: MetricRecord) -> Settings:
        """Of a metric."""
        return Settings(
            record,
            averaging_of(record, self.averaging),
            rates=self.rates,
            qualities=self.qualities,
        )

    def records(self, records: Sequence[MetricRecord]) -> list[MetricRecord]:
        """Those of ``records`` that it is of, and that it does not compare as another way does."""
        if self.averaging == LITERATURE:
            return [record for record in records if distance_from_one(record)]
        return [record for record in records if self.metric in ("", record.name)]


def ways(rates: Sequence[Range], qualities: Mapping[str, Range]) -> list[Way]:
    """The ways that a page offers, the plain one first; those without a comparison are left out
    later."""
    return [
        Way("", "all points"),
        Way(LITERATURE, "all points, dB of the mean", averaging=LITERATURE),
        *(
            Way(
                f"rates={low:g},{high:g}",
                f"points of {low:g} to {high:g} bit/px",
                rates=(low, high),
            )
            for low, high in rates
        ),
        *(
            Way(
                f"qualities={low:g},{high:g}",
                f"over {low:g} to {high:g}",
                qualities=(low, high),
                metric=metric,
            )
            for metric, (low, high) in qualities.items()
        ),
        *(
            Way(agreed.name, f"{agreed.label} convention", convention=agreed)
            for agreed in CONVENTIONS.values()
        ),
    ]


def comparisons(
    way: Way, curves: Sequence[Curve], records: Sequence[MetricRecord]
) -> Iterator[tuple[str, Against]]:
    """For each metric, or :data:`AGREED`, the comparisons of ``curves`` against each of them, as
    :func:`rdbench.bd_table` has them for ``method="all"`` and, where images have tags, ``classes``.
    """
    if way.convention:
        try:
            yield AGREED, _by_convention(way.convention, curves)
        except UsageError:  # no curve has any of its metrics
            return
        return
    for record in way.records(records):
        yield record.name, _by_metric(way.settings(record), curves)


def _by_metric(settings: Settings, curves: Sequence[Curve]) -> Against:
    pairs = prepared(_pairs(curves), settings)
    methods = tuple(METHODS)
    found = _by_anchor(compare_pairs(pairs, settings, methods))
    of_class = _by_anchor(of_classes(pairs, settings, methods))
    against: Against = {}
    for title in dict.fromkeys(curve.title for curve in curves):
        missing = _without(curves, title)
        rows = found.get(title, []) + compare_pairs(missing, settings, methods, title)
        classes = of_class.get(title, []) + of_classes(missing, settings, methods, title)
        against[title] = told_apart(rows + classes + across_datasets(rows))
    return against


def _by_convention(convention: Convention, curves: Sequence[Curve]) -> Against:
    settings = Settings(rates=convention.rates, cap_db=convention.cap_db, convention=convention)
    found = _by_anchor(by_convention(convention, prepared(_pairs(curves), settings), settings))
    against: Against = {}
    for title in dict.fromkeys(curve.title for curve in curves):
        rows = found.get(title, [])
        if missing := _without(curves, title):
            with contextlib.suppress(UsageError):  # none of these has any of its metrics
                pairs = prepared(missing, settings)
                rows = rows + by_convention(convention, pairs, settings, title)
        against[title] = told_apart(rows)
    return against


def _pairs(curves: Sequence[Curve]) -> list[tuple[Curve | None, Curve]]:
    """Each curve with each other one of its dataset."""
    return [
        (one, other)
        for one, other in itertools.permutations(curves, 2)
        if one.dataset == other.dataset
    ]


def _without(curves: Sequence[Curve], title: str) -> list[tuple[Curve | None, Curve]]:
    """The curves of datasets in which none is called ``title``."""
    there = {curve.dataset for curve in curves if curve.title == title}
    return [(None, curve) for curve in curves if curve.dataset not in there]


def _by_anchor(rows: Sequence[Comparison]) -> Against:
    found: Against = {}
    for row in rows:
        found.setdefault(row.anchor, []).append(row)
    return found


def printed(rows: Sequence[Comparison], dataset: str) -> dict[str, list[dict[str, Any]]]:
    """The tables of a dataset, and of the mean over datasets, by interpolation; ``METHOD classes``
    for those with classes of images."""
    here = [row for row in rows if row.dataset == dataset or row.datasets]
    found: dict[str, list[dict[str, Any]]] = {}
    methods = list(dict.fromkeys(row.settings.method for row in here))
    for method in (*methods, ALL_METHODS) if len(methods) > 1 else methods:
        own = [row for row in here if method in (ALL_METHODS, row.settings.method)]
        whole = [row for row in own if not row.image_class]
        found[method] = _plain(whole)
        if len(own) > len(whole):
            found[f"{method} classes"] = _plain(own)
    return found


def _plain(rows: Sequence[Comparison]) -> list[dict[str, Any]]:
    return [vars(table) for table in tables(rows)]


def drawn(
    rows: Sequence[Comparison],
    titles: Sequence[str],
    anchor: Curve,
    settings: Settings,
    found: Scene | None,
) -> dict[str, Any]:
    """What figures show of the metric of ``settings`` against one anchor of a panel of curves
    (``titles``): the part of :func:`comparisons` that is of it, and rates saved over quality where
    there is a scene."""
    own = [
        row
        for row in rows
        if (row.dataset, row.kind, row.image_class) == (anchor.dataset, "rate", "")
        and row.settings.metric.name == settings.metric.name
        and row.test in titles
    ]
    first = [row for row in own if row.settings.method == own[0].settings.method]
    return {
        "deltas": [_delta(row, titles) for row in first],
        "saving": _saving(found, anchor, settings, titles),
        "costs": _costs(first, titles),
        "efforts": _efforts(first),
    }


def _saving(
    found: Scene | None, anchor: Curve, settings: Settings, titles: Sequence[str]
) -> dict[str, Any] | None:
    if found is None or anchor not in found.curves:
        return None
    figure = rate_saving(found, anchor, settings)
    return {
        "lines": [line(one, titles, DIGITS) for one in figure.lines],
        "notes": list(figure.notes),
        "subtitle": figure.subtitle,
        "axis": [figure.x_label, figure.y_label],
    }


def _delta(row: Comparison, titles: Sequence[str]) -> dict[str, Any]:
    """A BD-rate with what its images say."""
    single = row.per_image
    known = single is not None and single.count > 0
    return {
        "curve": titles.index(row.test),
        "value": number(row.value),
        "text": value_cell(row.value, None, row, mark(row)),
        "doubt": row.undecided,
        "reason": row.reason,
        "images": dict(zip(row.images, map(number, single.values), strict=True))
        if single and known
        else {},
        "percentiles": list(map(number, single.percentiles)) if single and known else [],
    }


def _costs(rows: Sequence[Comparison], titles: Sequence[str]) -> dict[str, Any] | None:
    figure = tradeoff(rows)
    if figure is None:
        return None
    return {
        "panels": [
            {
                "axis": panel.x_label,
                "spots": [
                    {
                        "curve": titles.index(spot.title),
                        "cost": number(spot.cost),
                        "value": number(spot.bd_rate),
                        "optimal": spot.optimal,
                    }
                    for spot in panel.spots
                    if math.isfinite(spot.cost)
                ],
            }
            for panel in figure.panels
        ],
        "subtitle": figure.subtitle,
        "notes": list(figure.notes),
    }


def _efforts(rows: Sequence[Comparison]) -> dict[str, Any] | None:
    """What codecs save at equal encoding time, where one has several efforts."""
    figure = efforts_plot(rows)
    if figure is None:
        return None
    cast = looks(Member(family.codec, family.title) for family in figure.families)
    return {
        "families": [
            {
                "title": family.title,
                "spots": [
                    {
                        "curve": effort.title,
                        "value": effort.value,
                        "cost": number(effort.encode_s, DIGITS),
                        "delta": number(effort.bd_rate, DIGITS),
                        "front": effort in family.front,
                    }
                    for effort in family.efforts
                ],
                **cast[Member(family.codec, family.title)],
            }
            for family in figure.families
        ],
        "envelope": [[number(end, DIGITS) for end in place] for place in figure.envelope],
        "subtitle": figure.subtitle,
        "notes": list(figure.notes),
        "tables": [vars(table) for table in effort_tables(rows)],
    }
