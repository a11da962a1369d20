"""A run: carries an experiment out into a run directory, which may grow."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from rdbench import metrics, programs, provenance
from rdbench.codecs import registry
from rdbench.experiment import Experiment
from rdbench.interrupts import raising
from rdbench.metrics import MetricRecord
from rdbench.network_cost import NetworkCost
from rdbench.results import RunDirectory
from rdbench.runner import elsewhere
from rdbench.runner.cache import Cache
from rdbench.runner.executor import Answer, Executor
from rdbench.runner.identities import Identities
from rdbench.runner.order import Order
from rdbench.runner.planning import Asked, Forecast, Work, counted
from rdbench.runner.pool import LocalPool
from rdbench.runner.reuse import Reuse, Taken
from rdbench.runner.rows import Job, Measured, Settings, other_stream, stays
from rdbench.runner.rows import row as row_of
from rdbench.runner.tagging import retag
from rdbench.runner.timed import most_threads, timing_record, wide_intervals
from rdbench.runner.timing import cores_for
from rdbench.runner.told import environment, invocation, now, observed, plain_metrics
from rdbench.schema import OK, Measurement, MeasurementKey, point_text
from rdbench.stored import Stored


@dataclass
class Outcome:
    """The outcome of a run."""

    path: Path
    """The run directory."""
    rows: Sequence[Measurement]
    """All rows that it holds now: a list, or what reads them from its table when they are wanted,
    as they were, whatever has become of it."""
    measured: int = 0
    """How many of the rows were made by this run."""
    rescored: int = 0
    """How many existing rows got more metrics."""
    reused: int = 0
    """How many were taken from a cache."""
    resumed: bool = False
    """Whether some of the requested rows were there already."""
    interrupted: bool = False
    """Whether SIGINT, SIGTERM or SIGHUP ended it before all was measured."""
    replaced: list[str] = dataclasses.field(default_factory=list)
    """Rows that were measured again because what decides them has changed: a line for each curve or
    metric and reason."""

    notes: list[str] = dataclasses.field(default_factory=list)
    """Notes on files that options name, such as parts of a checkpoint that were left out: a line
    for each curve and note, also in ``run.json``."""

    unscored: list[str] = dataclasses.field(default_factory=list)
    """Rows that did not get the metrics they should have: a line for each, with the reason."""

    forecast: Forecast | None = None
    """What a run would do, for a ``dry_run``."""

    @property
    def done(self) -> int:
        """How many rows were written."""
        return self.measured + self.rescored + self.reused

    @property
    def failures(self) -> list[Measurement]:
        """The rows that are not ok."""
        if isinstance(self.rows, Stored):
            return list(self.rows.read(np.flatnonzero(~self.rows.ok).tolist()))
        return [row for row in self.rows if row.status != OK]


class _Stop(BaseException):
    """The run was asked to stop (SIGINT, SIGTERM)."""


@contextmanager
def stoppable() -> Iterator[None]:
    """The first SIGINT or SIGTERM inside ends :func:`carry_out`, or raises
    :class:`KeyboardInterrupt` outside of it. Later signals are ignored until everything is
    saved."""
    try:
        with raising(_Stop):
            yield
    except _Stop:
        raise KeyboardInterrupt from None


Progress = Callable[[Measurement, int, int], None]
"""Called with the newest row, how many are done, and how many there will be."""


@stoppable()
def run(
    experiment: Experiment,
    out: Path,
    *,
    executor: Executor,
    fresh: bool = False,
    keep_streams: bool = False,
    keep_decoded: bool = False,
    timing: bool = False,
    cache: Cache | None = None,
    cache_times: bool = False,
    progress: Progress | None = None,
) -> Outcome:
    """Measure what ``experiment`` asks for and ``out`` does not have yet, in ``executor``.

    Existing rows stay, and more codecs, points, images, repeats and metrics are added to them. A
    row that lacks a metric gets it from kept files, or is encoded again. Rows are written as they
    come. An interrupt (SIGINT or SIGTERM) ends the run at once; measured rows are kept, and the
    outcome says so. With ``timing``, times are taken for publication
    (:mod:`rdbench.runner.timing`), and rows with other times are measured again. Rows in ``cache``
    are not measured; with ``cache_times``, their times are reused, too. Nothing is taken from the
    cache if files are to be kept. What workers other than those of a :class:`LocalPool` measure is
    not stored in it.

    Raises:
        UsageError: if ``out`` contradicts the request (other images, programs or versions for the
            same curve, another label), or if another run is writing to it.
        RdbenchError: if ``out`` cannot be written to.
    """
    out = out.absolute()
    tasks = experiment.tasks()
    with RunDirectory(
        out, experiment.identity(), plain_metrics(experiment.metrics), fresh=fresh
    ) as directory:
        asked = Asked(timing, cache, cache_times, keep_streams or keep_decoded)
        workers = executor.limits.jobs
        work = Work.of(experiment, tasks, directory, asked, workers)
        identities, todo, taken, reuse = work.identities, work.todo, work.taken, work.reuse
        outcome = Outcome(out, [], resumed=len(todo) < len(tasks))
        outcome.replaced = [*counted(work.again.values()), *changed_metrics(directory)]
        outcome.notes = untested_metrics(experiment.metrics)
        sources = {
            (codec.target, codec.options_text): provenance.source(codec)
            for codec in experiment.codecs
        }
        settings = Settings(
            metrics=experiment.metrics,
            shared=executor.limits.share(len(todo) - len(taken)),
            cores=cores_for(most_threads(experiment.codecs)) if timing else (),
            timeout_s=executor.limits.timeout_s,
            memory_mb=executor.limits.memory_mb,
            programs=programs.found(),
            sources=sources,
            elsewhere=elsewhere.wanted(experiment.codecs, sources),
            classes=registry.portable(codec.target for codec in experiment.codecs),
            out=out,
            keep_streams=keep_streams,
            keep_decoded=keep_decoded,
        )
        for label, _ in work.again.values():
            directory.manifest.get("notes", {}).pop(label, None)
        for key, told in environment(experiment, identities).items():
            there = directory.manifest.get(key)
            directory.manifest[key] = there | told if isinstance(there, dict) else told
        outcome.notes += retag(directory.manifest, experiment.datasets)
        carry_out(directory, todo, settings, executor, outcome, identities, progress, reuse, taken)
        if reuse:
            outcome.notes += reuse.notes
        if not outcome.interrupted:
            for row in _disagreements(directory):
                directory.append(row)
        finish(directory, outcome, Order(experiment))
        if timing:
            rows = directory.rows
            placed = (rows.place(task.key) for task in tasks)
            outcome.notes += wide_intervals(rows.read(one for one in placed if one is not None))
    return outcome


def untested_metrics(records: Sequence[MetricRecord]) -> list[str]:
    """A line for each metric whose library has an untested version."""
    return list(filter(None, map(metrics.untested, records)))


def changed_metrics(directory: RunDirectory) -> list[str]:
    """A line for each metric of existing rows whose definition has changed."""
    return [
        f"{name}: scored again, since its revision, version or source has changed"
        for name in directory.changed
        if directory.rows
    ]


def carry_out(
    directory: RunDirectory,
    jobs: Sequence[Job],
    settings: Settings,
    executor: Executor,
    outcome: Outcome,
    identities: Identities | None,
    progress: Progress | None,
    reuse: Reuse | None = None,
    taken: Mapping[MeasurementKey, Taken] = MappingProxyType({}),
) -> None:
    """Do ``jobs`` and write their rows, until all are done or the run is asked to stop. Rows
    ``taken`` from a cache come first; ``reuse`` stores the others in it, if this machine's own pool
    measures them: the surroundings of other workers are unknown here."""
    todo = [job for job in jobs if job.task.key not in taken]
    carried = invocation(executor.limits, min(executor.limits.jobs, len(todo)))
    if settings.cores:
        carried["timing"] = timing_record(settings.cores)
    if reuse:
        carried["cache"] = str(reuse.folder)
    directory.manifest.setdefault("invocations", []).append(carried)
    known: dict[str, Any] = directory.manifest.setdefault("identities", {})
    known.update(identities.records() if identities else {})
    directory.write_manifest()
    try:
        for one in taken.values():
            assert identities is not None
            row, digest, record = identities.stamped(one.row, one.opened)
            if digest not in known:
                known[digest] = record
                directory.write_manifest()
            outcome.reused += 1
            _write(directory, outcome, row, one.notes, one.cost)
            if progress:
                progress(row, outcome.done, len(jobs))
        for answer in executor.run(todo, settings) if todo else ():
            job, found = answer.job, found_of(answer)
            row = row_of(job, found)
            if stays(job, found):
                outcome.rescored += 1
                if lacking := [name for name in job.missing if name not in row.scores]:
                    where = f"{row.label}, {row.image} at {point_text(row.point)}"
                    outcome.unscored.append(f"{where}: no {', '.join(lacking)}: {row.message}")
            else:
                assert identities is not None
                row, digest, record = identities.stamped(row, found.opened)
                if digest not in known:
                    known[digest] = record
                    directory.write_manifest()  # first: no row without its record
                outcome.measured += 1
            _write(directory, outcome, row, found.notes, found.cost)
            if reuse and isinstance(executor, LocalPool):
                reuse.keep(job, row, found)
            if progress:
                progress(row, outcome.done, len(jobs))
    except _Stop:
        outcome.interrupted = True
    executor.close()
    carried.update(
        ended=now(),
        measured=outcome.measured,
        rescored=outcome.rescored,
        reused=outcome.reused,
        interrupted=outcome.interrupted,
    )


def _write(
    directory: RunDirectory,
    outcome: Outcome,
    row: Measurement,
    notes: Sequence[str],
    cost: NetworkCost | None,
) -> None:
    """Write a row, with what is kept beside it."""
    _note(directory, outcome, row.label, notes)
    _keep_cost(directory, row, cost)
    directory.append(row)


def _note(directory: RunDirectory, outcome: Outcome, label: str, notes: Sequence[str]) -> None:
    """Keep what is new of the notes of a curve, and say it once."""
    kept = directory.manifest.setdefault("notes", {}).setdefault(label, []) if notes else []
    for text in notes:
        if text not in kept:
            kept.append(text)
            directory.write_manifest()
        if (line := f"{label}: {text}") not in outcome.notes:
            outcome.notes.append(line)


def _keep_cost(directory: RunDirectory, row: Measurement, cost: NetworkCost | None) -> None:
    """Keep what the networks of a curve cost at a point, for images of as many channels."""
    if cost is None:
        return
    costs = directory.manifest.setdefault("network_costs", {}).setdefault(row.label, {})
    of_point = costs.setdefault(point_text(row.point), {})
    if of_point.get(str(row.channels)) != (plain := cost.plain()):
        of_point[str(row.channels)] = plain
        directory.write_manifest()


def found_of(answer: Answer[Any]) -> Measured:
    """What the worker found, or how it ended."""
    if answer.value is None:
        return Measured({"status": answer.status, "message": answer.message})
    found: Measured = answer.value
    return found


def finish(directory: RunDirectory, outcome: Outcome, order: Mapping[MeasurementKey, int]) -> None:
    """Sort the table and complete the manifest."""
    known = directory.manifest.get("identities", {})
    rows = directory.rows if outcome.interrupted else directory.finish(order)
    outcome.rows = rows
    if not outcome.interrupted:
        for digest in known.keys() - {one for (one,) in rows.unique(("identity",))}:
            del known[digest]
    directory.manifest.update(observed(rows))
    directory.write_manifest()


def _disagreements(directory: RunDirectory) -> list[Measurement]:
    """The repeats whose streams differ from the first one, though their codecs are declared
    deterministic: as failed rows."""
    rows, deterministic = directory.rows, directory.manifest["deterministic"]
    repeats = rows.table.numbers["repeat"]
    if not repeats.any():
        return []
    codecs, streams = rows.table.texts["codec"], rows.texts("stream_sha256").codes
    keys, first, wrong = list(rows.measurements()), dict[Any, int](), []
    for place in np.argsort(repeats, kind="stable").tolist():
        if rows.ok[place] and deterministic.get(codecs[place]):
            reference = first.setdefault(keys[place][:-1], place)
            if streams[place] != streams[reference]:
                wrong.append(other_stream(rows[place], rows[reference]))
    return wrong
