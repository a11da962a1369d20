"""Runs -> curves: parts of one curve are joined, and different curves of one name get different
labels."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from rdbench.curves.curve import CURVE, RATE, Curve, curve_of
from rdbench.curves.naming import with_what_differs
from rdbench.curves.records import other_measure, records_of
from rdbench.curves.told import NetworkCosts, read_efforts, read_network_costs, read_tags
from rdbench.errors import UsageError
from rdbench.images.tags import Tags
from rdbench.manifest import read_metrics
from rdbench.measurements import Measurements
from rdbench.metrics import MetricRecord
from rdbench.results import read_table


def load_curves(paths: Sequence[str | Path]) -> list[Curve]:
    """The curves of runs (directories or CSV files), with labels that tell them apart.

    Parts of one curve in several runs (same dataset, label, codec, options, version and metrics)
    are joined if no measurement occurs twice and no gap results: other points of the same images,
    or other images at the same points. Options in which the curves of one codec differ appear in
    all their labels (:func:`rdbench.curves.naming.with_what_differs`). Curves that still share
    dataset and label are distinguished by their runs, or within a run by their options; if both
    luma and RGB of a dataset were measured, labels say which. Raises
    :class:`rdbench.errors.UsageError` if there are no measurements, or none has a rate.
    """
    return [curve for curve, _ in load_parts(paths)]


def load_parts(paths: Sequence[str | Path]) -> list[tuple[Curve, Measurements]]:
    """The same, each curve with the rows that it is made of and those that it cannot use."""
    given = {Path(path).resolve(): path for path in paths}  # a run that is named twice is one
    parts = _joined([part for run, path in given.items() for part in _parts(run, path)])
    found = with_what_differs(part.curve for part in parts)
    colors: dict[str, set[str]] = {}
    for curve in found:
        colors.setdefault(curve.dataset, set()).add(curve.color)

    def named(curve: Curve) -> str:
        told = len(colors[curve.dataset] - {""}) > 1 and curve.color
        return f"{curve.label}, {curve.color}" if told else curve.label

    several: dict[tuple[str, str], list[tuple[Path, ...]]] = {}
    for part, curve in zip(parts, found, strict=True):
        several.setdefault((curve.dataset, named(curve)), []).append(part.runs)
    curves = []
    for part, curve in zip(parts, found, strict=True):
        label = named(curve)
        namesakes = several[curve.dataset, label]
        if namesakes.count(part.runs) > 1:
            label += f" [{curve.options}]"
        if len(set(namesakes)) > 1:
            runs = [run for name in namesakes for run in name]
            label += f" ({' + '.join(_run_name(run, runs) for run in part.runs)})"
        curves.append((dataclasses.replace(curve, label=label), part.table))
    return curves


def _run_name(run: Path, runs: Sequence[Path]) -> str:
    """The shortest end of a run's path that no other run's path has."""
    for length in range(1, len(run.parts)):
        name = run.parts[-length:]
        if not any(other != run and other.parts[-length:] == name for other in runs):
            return "/".join(name)
    return str(run)


@dataclass(frozen=True, eq=False)
class _Part:
    """What some runs have of one curve."""

    runs: tuple[Path, ...]
    table: Measurements
    records: Mapping[str, MetricRecord]
    tags: Tags
    network_costs: NetworkCosts
    effort: str

    @cached_property
    def curve(self) -> Curve:
        found = curve_of(self.table, np.arange(len(self.table)))
        return dataclasses.replace(
            found,
            records=self.records,
            tags=self.tags,
            network_costs=self.network_costs,
            effort=self.effort,
        )

    @cached_property
    def measured(self) -> set[tuple[str, float, float]]:
        """Image, point and repeat of its rows."""
        numbers = self.table.numbers
        return set(zip(self._texts("image"), numbers["point"], numbers["repeat"], strict=True))

    @property
    def holes(self) -> int:
        """How many images lack how many of the points."""
        cells = {(image, point) for image, point, _ in self.measured}
        images, points = ({cell[place] for cell in cells} for place in (0, 1))
        return len(images) * len(points) - len(cells)

    @cached_property
    def hashes(self) -> dict[str, str]:
        """The SHA-256 of each image, as far as it is told."""
        pairs = zip(self._texts("image"), self._texts("image_sha256"), strict=True)
        return {image: digest for image, digest in pairs if digest}

    @cached_property
    def decided_by(self) -> tuple[set[str], ...]:
        """What its measurements rest on, as far as it is told: versions, identities, channels."""
        channels = self.table.numbers["channels"]
        texts = (set(self._texts(column)) - {""} for column in ("codec_version", "identity"))
        return *texts, set(map(str, channels[~np.isnan(channels)]))

    def _texts(self, column: str) -> Iterator[str]:
        texts = self.table.texts[column]
        return (texts.values[code] for code in texts.codes)

    def and_(self, other: _Part) -> _Part | None:
        """Both as one, or None where they are no parts of one curve."""
        if self.runs == other.runs:
            return None
        one, two = ([getattr(part.curve, name) for name in CURVE] for part in (self, other))
        if one != two or self.measured & other.measured:
            return None
        decided = zip(self.decided_by, other.decided_by, strict=True)
        images = self.hashes.keys() & other.hashes.keys()
        metrics = self.records.keys() & other.records.keys()
        if (
            any(one and two and one != two for one, two in decided)
            or any(self.hashes[image] != other.hashes[image] for image in images)
            or any(other_measure(self.records[name], other.records[name]) for name in metrics)
        ):
            return None
        both = _Part(
            (*self.runs, *other.runs),
            Measurements.joined([self.table, other.table]),
            {**other.records, **self.records},
            {**other.tags, **self.tags},
            {**other.network_costs, **self.network_costs},
            self.effort or other.effort,
        )
        return both if both.holes <= self.holes + other.holes else None


def _parts(run: Path, path: str | Path) -> Iterator[_Part]:
    """The curves of one run."""
    table = read_table(path)
    if not len(table):
        raise UsageError(f"{str(path)!r} has no rows; measure something first")
    records = records_of(table.metrics, read_metrics(path))
    tags, costs, efforts = read_tags(path), read_network_costs(path), read_efforts(path)
    parts = [
        _Part(
            (run,),
            table.take(rows),
            records,
            tags.get(table.texts["dataset"][rows[0]], {}),
            costs.get(table.texts["label"][rows[0]], {}),
            efforts.get(table.texts["codec"][rows[0]], ""),
        )
        for rows in table.groups(CURVE)
    ]
    if any(part.curve.images for part in parts) and np.isnan(table.numbers[RATE]).all():
        raise UsageError(f"{str(path)!r} has no {RATE} in any row, so it has no curves")
    yield from parts


def _joined(parts: Sequence[_Part]) -> list[_Part]:
    """The parts with those of one curve as one, at the place of the first."""
    found = list(parts)
    while match := next(_matches(found), None):
        place, other, both = match
        found[place] = both
        del found[other]
    return found


def _matches(parts: Sequence[_Part]) -> Iterator[tuple[int, int, _Part]]:
    for (place, one), (later, other) in itertools.combinations(enumerate(parts), 2):
        if both := one.and_(other):
            yield place, later, both
