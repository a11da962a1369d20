"""What a report shows, as plain data for its page."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from rdbench.bd import Range
from rdbench.curves import Labels, check_ranges, find_anchor, gather
from rdbench.curves.classes import with_tags
from rdbench.curves.notes import meanings
from rdbench.curves.summary import summary_table
from rdbench.errors import unknown
from rdbench.manifest import read_manifest
from rdbench.measurements import Measurements
from rdbench.metrics import MetricRecord
from rdbench.plots.runs import panels
from rdbench.reporting.compared import ways
from rdbench.reporting.panels import compare, metrics, panel
from rdbench.results import read_table
from rdbench.schema import COLUMNS, header, point_text

_MOST_CATEGORIES: Final = 0.5
"""A column with fewer different texts than this fraction of its rows is kept as their numbers."""


def content(
    runs: Sequence[str | Path],
    published: Sequence[str],
    labels: Labels,
    anchor: str,
    rates: Sequence[Range] = (),
    qualities: Mapping[str, Range] = MappingProxyType({}),
    tags: str | Path | None = None,
) -> dict[str, Any]:
    """All that a report shows of some runs, as plain data.

    Raises :class:`UsageError` where there is nothing to show.
    """
    curves = gather(runs, published, labels)
    if tags is not None or any(curve.tags for curve in curves):
        curves = with_tags(curves, tags)
    known = {record.name: record for record in metrics(curves)}
    for ends in (*rates, *qualities.values()):
        check_ranges(ends, None)
    for name in qualities:
        if name not in known:
            raise unknown("metric", name, known)
    anchors = find_anchor(curves, anchor, labels) if anchor else {}
    found = list(panels(curves))
    shown = [panel(one, labels, anchors.get(one[1])) for one in found]
    titles = [told["title"] for told in shown]
    for told in shown:
        if titles.count(told["title"]) > 1:  # of one dataset in two geometries
            told["title"] += f" ({told['id']})"
    compare(shown, found, curves, ways(rates, qualities))
    return {
        "runs": [_run(Path(run)) for run in runs],
        "panels": shown,
        "metrics": {
            record.name: _metric(record, labels)
            for curve in curves
            for record in curve.records.values()
        },
        "marks": meanings(),
        "summary": summary_table([curve for curve in curves if curve.source == "measured"]),
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
                "versions": manifest.get("codec_versions", {}).get(codec.get("codec"), []),
            }
            for codec in manifest.get("experiment", {}).get("codecs", ())
        ],
        "programs": _programs(manifest),
        "notes": manifest.get("notes", {}),
        "load": _load(read_table(path)),
        "invocations": [
            {key: made.get(key) for key in ("started", "ended", "jobs", "host", "interrupted")}
            for made in invocations
        ],
    }


def _load(table: Measurements) -> str:
    """The load of the machine while a run measured, as far as its rows tell."""
    told = table.numbers["load"]
    told = told[~np.isnan(told)]
    if not len(told):
        return ""
    return f"{np.median(told):.1f} (median, {told.min():.1f} to {told.max():.1f})"


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
