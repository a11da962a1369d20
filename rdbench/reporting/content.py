"""What a report shows, as plain data for its page."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from rdbench.bd import METHODS
from rdbench.curves import (
    RATE,
    Comparison,
    Curve,
    Labels,
    Settings,
    compare_pairs,
    dataset_title,
    find_anchor,
    gather,
    place_title,
)
from rdbench.curves.bd_tables import tables
from rdbench.curves.published import caveats
from rdbench.curves.significance import told_apart
from rdbench.errors import UsageError
from rdbench.manifest import read_manifest
from rdbench.measurements import Measurements
from rdbench.metrics import BUILT_IN, MetricRecord
from rdbench.plots.figures import Line, Scene, member, rate_distortion, rate_saving, scene
from rdbench.plots.runs import panels
from rdbench.plots.tradeoff import tradeoff
from rdbench.reporting.looks import looks
from rdbench.results import read_table
from rdbench.schema import COLUMNS, header, point_text
from rdbench.tables import Table

DIGITS: Final = 7
"""Significant digits of numbers in charts; tables and measurements have those of the CSV."""
_MOST_CATEGORIES: Final = 0.5
"""A column with fewer different texts than this fraction of its rows is kept as their numbers."""


def content(
    runs: Sequence[str | Path], published: Sequence[str], labels: Labels, anchor: str
) -> dict[str, Any]:
    """All that a report shows of some runs, as plain data.

    Raises :class:`UsageError` where there is nothing to show.
    """
    curves = gather(runs, published, labels)
    anchors = find_anchor(curves, anchor, labels) if anchor else {}
    told = [
        _panel(stem, dataset, shown, labels, anchors.get(dataset))
        for stem, dataset, shown in panels(curves)
    ]
    titles = [panel["title"] for panel in told]
    for panel in told:
        if titles.count(panel["title"]) > 1:  # of one dataset in two geometries
            panel["title"] += f" ({panel['id']})"
    return {
        "runs": [_run(Path(run)) for run in runs],
        "panels": told,
        "metrics": {
            record.name: _metric(record, labels)
            for curve in curves
            for record in curve.records.values()
        },
        "methods": list(METHODS),
        "measurements": _measurements(runs),
    }


def _run(path: Path) -> dict[str, Any]:
    """What was run, from the manifest of a run directory; a CSV file has none."""
    told: dict[str, Any] = {"name": path.resolve().name, "file": path.is_file()}
    if path.is_file():
        return told
    manifest = read_manifest(path)
    invocations = manifest.get("invocations", [])
    return told | {
        "name": manifest.get("name") or told["name"],
        "rdbench": manifest.get("rdbench", ""),
        "python": manifest.get("python", ""),
        "packages": manifest.get("packages", {}),
        "codecs": [
            {
                "label": codec.get("label", codec.get("codec", "")),
                "codec": codec.get("codec", ""),
                "options": codec.get("options", {}),
                "parameter": codec.get("parameter", ""),
                "points": [point_text(point) for point in codec.get("points", ())],
                "versions": manifest.get("codec_versions", {}).get(codec.get("label"), []),
            }
            for codec in manifest.get("experiment", {}).get("codecs", ())
        ],
        "programs": _programs(manifest),
        "notes": manifest.get("notes", {}),
        "invocations": [
            {key: made.get(key) for key in ("started", "ended", "jobs", "host", "interrupted")}
            for made in invocations
        ],
    }


def _programs(manifest: Mapping[str, Any]) -> list[dict[str, str]]:
    """The programs of all codecs, each once."""
    kept = ("version", "path", "sha256")
    told = (own.get("programs", {}) for own in manifest.get("provenance", {}).values())
    found = {
        (name, program.get("path")): {"name": name} | {key: program.get(key, "") for key in kept}
        for programs in told
        for name, program in programs.items()
    }
    return list(found.values())


def _metric(record: MetricRecord, labels: Labels) -> dict[str, Any]:
    return {
        "label": labels.get(record.name, record.label),
        "axis": record.axis,
        "unit": record.unit,
        "higher": record.higher_is_better,
        "definition": record.definition,
        "on": record.computed_on,
    }


def _panel(
    stem: str, dataset: str, curves: Sequence[Curve], labels: Labels, anchor: Curve | None
) -> dict[str, Any]:
    cast = looks(map(member, curves))
    views = {record.name: _view(dataset, record, curves) for record in _metrics(curves)}
    titles = [curve.title for curve in curves]
    images = sorted({image for curve in curves for image in curve.images})
    first = anchor if anchor in curves else curves[0]
    plain = dataset_title(dataset)
    title = place_title(dataset, curves, len(images) or max(curve.mean_of for curve in curves))
    return {
        "id": stem,
        "title": labels.get(dataset, plain) + title.removeprefix(plain),
        "images": images,
        "curves": [_curve(curve) | cast[member(curve)] for curve in curves],
        "anchor": titles.index(first.title) if first else 0,
        "views": views,
    }


def _metrics(curves: Sequence[Curve]) -> list[MetricRecord]:
    """The metrics that a curve of the panel has, in the order of the table; of two that are of one
    quantity, as MSE and PSNR, the one in decibels."""
    there = {name: curve.records[name] for curve in curves for name in curve.records}
    own = {name: there[name] for name in there if any(name in curve.values for curve in curves)}
    linear = {record.linear_column for record in own.values() if record.linear_column in own}
    order = {name: place for place, name in enumerate(BUILT_IN)}
    kept = [record for name, record in own.items() if name not in linear]
    return sorted(kept, key=lambda record: (order.get(record.plain_name, len(order)), record.name))


def _curve(curve: Curve) -> dict[str, Any]:
    names = [RATE, *(name for name in curve.records if name in curve.values)]
    return {
        "title": curve.title,
        "dataset": curve.dataset,
        "codec": curve.codec,
        "options": curve.options,
        "parameter": curve.parameter,
        "points": [point_text(point) for point in curve.points],
        "published": curve.source == "published",
        "images": list(curve.images),
        "values": {name: _matrix(curve.values[name]) for name in names} if curve.images else {},
        "left_out": dict(curve.left_out),
        "lost_points": [point_text(point) for point in curve.lost_points],
        "caveats": list(caveats(curve)),
    }


def _view(dataset: str, record: MetricRecord, curves: Sequence[Curve]) -> dict[str, Any]:
    """All that is shown of one metric."""
    titles = [curve.title for curve in curves]
    found: Scene | None = None
    shown: dict[str, Any] = {"lines": [], "notes": [], "subtitle": "", "problem": ""}
    try:
        found = scene(curves, dataset, record)
    except UsageError as error:
        shown["problem"] = str(error)
    if found is not None:
        plot = rate_distortion(found)
        shown |= {
            "subtitle": plot.subtitle,
            "notes": list(plot.notes),
            "lines": [_line(line, titles) for line in plot.lines],
        }
    anchors = [curve for curve in curves if record.name in curve.values]
    return shown | {
        "anchors": {
            titles.index(anchor.title): _against(anchor, curves, record, found)
            for anchor in anchors
        }
    }


def _against(
    anchor: Curve, curves: Sequence[Curve], record: MetricRecord, found: Scene | None
) -> dict[str, Any]:
    """All that is shown of one metric against one anchor."""
    titles = [curve.title for curve in curves]
    pairs: list[tuple[Curve | None, Curve]] = [
        (anchor, test) for test in curves if test is not anchor
    ]
    if not pairs:
        return {"tables": {}, "deltas": [], "saving": None, "costs": None}
    rows = told_apart(compare_pairs(pairs, Settings(record), tuple(METHODS)))
    by_method = {
        method: [row for row in rows if row.settings.method == method] for method in METHODS
    }
    first = next(iter(by_method.values()))
    return {
        "tables": {
            method: [_table(table) for table in tables(own, complexity=True)]
            for method, own in by_method.items()
        },
        "deltas": [_delta(row, titles) for row in first if row.kind == "rate"],
        "saving": _saving(found, anchor, titles) if found and anchor in found.curves else None,
        "costs": _costs(first, titles),
    }


def _saving(found: Scene, anchor: Curve, titles: Sequence[str]) -> dict[str, Any]:
    figure = rate_saving(found, anchor)
    return {
        "lines": [_line(line, titles) for line in figure.lines],
        "notes": list(figure.notes),
        "axis": [figure.x_label, figure.y_label],
    }


def _delta(row: Comparison, titles: Sequence[str]) -> dict[str, Any]:
    """A BD-rate with what its images say."""
    single, interval = row.per_image, row.interval
    ends = [_number(interval.low), _number(interval.high)] if interval else None
    values = [_number(value) for value in single.values] if single else []
    return {
        "curve": titles.index(row.test),
        "value": _number(row.value),
        "interval": ends,
        "reason": row.reason,
        "images": dict(zip(row.images, values, strict=True)) if single else {},
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
                        "cost": _number(spot.cost),
                        "value": _number(spot.bd_rate),
                        "optimal": spot.optimal,
                    }
                    for spot in panel.spots
                ],
            }
            for panel in figure.panels
        ],
        "notes": list(figure.notes),
    }


def _line(line: Line, titles: Sequence[str]) -> dict[str, Any]:
    return {
        "curve": titles.index(line.title),
        "x": list(map(_number, line.x)),
        "y": list(map(_number, line.y)),
        "marks": None if line.measured is None else list(line.measured),
    }


def _table(table: Table) -> dict[str, Any]:
    return dataclasses.asdict(table)


def _measurements(runs: Sequence[str | Path]) -> dict[str, Any]:
    """The cells of all runs, column by column, as their CSV has them."""
    read = [read_table(run) for run in runs]
    names = [Path(run).resolve().name for run in runs]
    metrics = dict.fromkeys(name for table in read for name in table.metrics)
    columns = []
    if len(read) > 1:
        runs_of = [name for name, table in zip(names, read, strict=True) for _ in range(len(table))]
        columns.append(_column("run", "text", runs_of))
    kinds = {column.name: column.type for column in COLUMNS}
    for name in header(metrics):
        cells = [cell for table in read for cell in _cells(table, name)]
        if any(cells):
            kind = "text" if kinds.get(name, float) is str else "number"
            columns.append(_column(name, kind, cells))
    return {"rows": sum(map(len, read)), "columns": columns}


def _cells(table: Measurements, name: str) -> Iterator[str]:
    if name in table.texts:
        yield from (table.texts[name][row] for row in range(len(table)))
    elif name in table.numbers:
        yield from map(_cell, table.numbers[name].tolist())
    else:
        yield from [""] * len(table)


def _cell(value: float) -> str:
    if not math.isfinite(value):
        return "" if math.isnan(value) else str(value)
    return str(int(value)) if value == int(value) else repr(value)


def _column(name: str, kind: str, cells: Sequence[str]) -> dict[str, Any]:
    there = list(dict.fromkeys(cells))
    if len(there) > _MOST_CATEGORIES * len(cells):
        return {"name": name, "kind": kind, "cells": list(cells)}
    place = {text: number for number, text in enumerate(there)}
    return {"name": name, "kind": kind, "there": there, "cells": [place[text] for text in cells]}


def _matrix(values: np.ndarray) -> list[list[float | None]]:
    return [[_number(value) for value in row] for row in values.tolist()]


def _number(value: float) -> float | None:
    """A number as JSON has it; None where it is not finite."""
    return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
