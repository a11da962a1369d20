"""What a page shows of one dataset: its curves, their looks and values, and how they compare."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rdbench.curves import (
    RATE,
    Complexity,
    Curve,
    Labels,
    Settings,
    dataset_title,
    place_title,
)
from rdbench.curves.bd_tables import cost_table
from rdbench.curves.classes import among, classes
from rdbench.curves.complexity import cost_notes
from rdbench.curves.published import caveats
from rdbench.curves.targets import is_by_target
from rdbench.errors import UsageError
from rdbench.metrics import BUILT_IN, MetricRecord
from rdbench.metrics.record import of_each_quantity
from rdbench.plots.figures import Scene, member, rate_distortion, scene
from rdbench.reporting.compared import AGREED, Against, Way, comparisons, drawn, printed
from rdbench.reporting.looks import looks
from rdbench.reporting.numbers import line, matrix
from rdbench.schema import point_text

Panel = tuple[str, str, list[Curve]]
"""The stem of its files, its dataset and its curves (:func:`rdbench.plots.runs.panels`)."""


def panel(found: Panel, labels: Labels, anchor: Curve | None) -> dict[str, Any]:
    """A panel with all but its comparisons (:func:`compare`)."""
    stem, dataset, curves = found
    cast = looks(map(member, curves))
    images = sorted({image for curve in curves for image in curve.images})
    by_class = {
        name: (own, [among(curve, own) for curve in curves])
        for name, own in classes(curves).items()
    }
    views = {}
    for record in metrics(curves):
        views[record.name] = _view(dataset, record, curves) | {
            "classes": {
                name: _view(dataset, record, shown) for name, (_, shown) in by_class.items()
            }
        }
    plain = dataset_title(dataset)
    title = place_title(dataset, curves, len(images) or max(curve.mean_of for curve in curves))
    return {
        "id": stem,
        "title": labels.get(dataset, plain) + title.removeprefix(plain),
        "images": images,
        "classes": {name: sorted(own) for name, (own, _) in by_class.items()},
        "curves": [_curve(curve) | cast[member(curve)] for curve in curves],
        "anchor": curves.index(anchor) if anchor in curves else 0,
        "costs": _costs(curves),
        "views": views,
        "compared": {},
    }


def compare(
    shown: Sequence[dict[str, Any]],
    panels: Sequence[Panel],
    curves: Sequence[Curve],
    offered: Sequence[Way],
) -> None:
    """Put into the panels that are ``shown`` how their curves compare, by every way that is
    ``offered``."""
    records = metrics(curves)
    for way in offered:
        for name, against in comparisons(way, curves, records):
            for told, (_, dataset, own) in zip(shown, panels, strict=True):
                here = told["compared"].setdefault(
                    way.name, {"label": way.label, "tables": {}, "drawn": {}}
                )
                here["tables"][name] = {
                    place: printed(against[curve.title], dataset)
                    for place, curve in enumerate(own)
                    if name == AGREED or name in curve.values
                }
                # By a convention, all of its metrics that are also shown.
                for record in records if name == AGREED else [r for r in records if r.name == name]:
                    figures = _figures(way, record, against, dataset, own)
                    if figures:
                        here["drawn"][record.name] = figures


def _figures(
    way: Way, record: MetricRecord, against: Against, dataset: str, curves: Sequence[Curve]
) -> dict[int, dict[str, Any]]:
    settings = way.settings(record)
    if way.convention and record.name not in way.convention.metrics:
        return {}
    # Savings are of mean curves, and conventions of images.
    found = None if way.convention else _scene(curves, dataset, settings)
    titles = [curve.title for curve in curves]
    return {
        place: drawn(against[anchor.title], titles, anchor, settings, found)
        for place, anchor in enumerate(curves)
        if record.name in anchor.values
    }


def _scene(curves: Sequence[Curve], dataset: str, settings: Settings) -> Scene | None:
    try:
        return scene(curves, dataset, settings.metric, settings.averaging)
    except UsageError:  # no image in common
        return None


def metrics(curves: Sequence[Curve]) -> list[MetricRecord]:
    """The metrics that a curve has, in the order of the table; of two that are of one quantity, as
    MSE and PSNR, the one in decibels."""
    there = {name: curve.records[name] for curve in curves for name in curve.records}
    own = {name: there[name] for name in there if any(name in curve.values for curve in curves)}
    order = {name: place for place, name in enumerate(BUILT_IN)}
    kept = of_each_quantity(own.values())
    return sorted(kept, key=lambda record: (order.get(record.plain_name, len(order)), record.name))


def _curve(curve: Curve) -> dict[str, Any]:
    names = [RATE, *(name for name in curve.records if name in curve.values)]
    by_target = is_by_target(curve)
    if by_target:
        names.append("setting")
    return {
        "title": curve.title,
        "dataset": curve.dataset,
        "codec": curve.codec,
        "options": curve.options,
        "parameter": curve.parameter,
        "points": [point_text(point) for point in curve.points],
        "asked": _asked(curve) if by_target else "",
        "published": curve.source == "published",
        "images": list(curve.images),
        "values": {name: matrix(curve.values[name]) for name in names} if curve.images else {},
        "left_out": dict(curve.left_out),
        "lost_points": [point_text(point) for point in curve.lost_points],
        "caveats": list(caveats(curve)),
    }


def _costs(curves: Sequence[Curve]) -> dict[str, Any]:
    """What curves cost. ``of_cells`` are the notes on what figures do not show."""
    costs = [(curve.title, Complexity.of(curve)) for curve in curves]
    table = cost_table(costs, "costs")
    said = cost_notes(costs, shown=("memory",))
    return vars(table) | {"of_cells": [note for note in table.notes if note not in said]}


def _asked(curve: Curve) -> str:
    """The unit of what points by target ask for: ``bit/px``, ``dB PSNR``."""
    if curve.parameter == RATE:
        return "bit/px"
    record = curve.records.get(curve.parameter)
    return " ".join(filter(None, (record.unit, record.label))) if record else curve.parameter


def _view(dataset: str, record: MetricRecord, curves: Sequence[Curve]) -> dict[str, Any]:
    """The mean curves of one metric."""
    try:
        found = scene(curves, dataset, record)
    except UsageError as error:
        return {"lines": [], "notes": [], "subtitle": "", "problem": str(error)}
    if found is None:
        return {"lines": [], "notes": [], "subtitle": "", "problem": ""}
    titles = [curve.title for curve in curves]
    plot = rate_distortion(found)
    return {
        "lines": [line(one, titles) for one in plot.lines],
        "notes": list(plot.notes),
        "subtitle": plot.subtitle,
        "problem": "",
    }
