"""A run: an experiment carried out into a run directory, which grows with what is asked for."""

from __future__ import annotations

import dataclasses
import datetime
import os
import platform
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import rdbench
from rdbench import metrics, programs, provenance
from rdbench.codecs import registry
from rdbench.errors import RdbenchError, UsageError
from rdbench.experiment import Experiment, Task
from rdbench.host import cores, processor
from rdbench.interrupts import raising
from rdbench.metrics import MetricRecord
from rdbench.network_cost import NetworkCost
from rdbench.results import RunDirectory
from rdbench.runner import elsewhere
from rdbench.runner.executor import Answer, Executor, Limits
from rdbench.runner.identities import Identities
from rdbench.runner.rows import Job, Measured, Settings, other_stream, stays
from rdbench.runner.rows import row as row_of
from rdbench.runner.tagging import retag
from rdbench.schema import OK, Measurement, point_text

PACKAGES: Final = (
    "glymur",
    "imagecodecs",
    "numpy",
    "opencv-python-headless",
    "pillow",
    "pillow-heif",
    "scikit-image",
    "scipy",
)


@dataclass
class Outcome:
    """What a run gave."""

    path: Path
    """The run directory."""
    rows: list[Measurement]
    """All rows that it holds now."""
    measured: int = 0
    """How many of the rows were made by this run."""
    rescored: int = 0
    """How many were there, and got further metrics."""
    resumed: bool = False
    """Whether some of what was asked for was there."""
    interrupted: bool = False
    replaced: list[str] = dataclasses.field(default_factory=list)
    """What was there and was measured again since what decides it has changed: a line for each
    curve or metric and reason."""

    notes: list[str] = dataclasses.field(default_factory=list)
    """What was done with files that options name, such as parts of a checkpoint that were left out:
    a line for each curve and note. ``run.json`` keeps them."""

    unscored: list[str] = dataclasses.field(default_factory=list)
    """Of rows that were to get further metrics: which did not, and why, a line for each."""

    @property
    def failures(self) -> list[Measurement]:
        """The rows that are not ok."""
        return [row for row in self.rows if row.status != OK]


class _Stop(BaseException):
    """The run was asked to stop (SIGINT, SIGTERM)."""


@contextmanager
def stoppable() -> Iterator[None]:
    """The first SIGINT or SIGTERM inside ends :func:`carry_out`, or raises
    :class:`KeyboardInterrupt` where nothing is carried out; those that follow are ignored until all
    is put away."""
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
    progress: Progress | None = None,
) -> Outcome:
    """Measure what ``experiment`` asks for and ``out`` does not have yet, in ``executor``.

    What is there stays: more codecs, points, images, repeats and metrics are added to it. A row
    that lacks a metric gets it from what was kept of it, or is encoded again. Rows are written as
    they come. An interrupt (SIGINT or SIGTERM) ends the run at once; what was measured is kept and
    the outcome says so.

    Raises:
        UsageError: where ``out`` contradicts what is asked for (other images, programs or versions
            for the same curve, another label), or another run is writing to it.
        RdbenchError: where its file system refuses to be written to.
    """
    out = out.absolute()
    tasks = experiment.tasks()
    names = tuple(record.name for record in experiment.metrics)
    with RunDirectory(
        out, experiment.identity(), plain_metrics(experiment.metrics), fresh=fresh
    ) as directory:
        identities = Identities(experiment)
        if any(directory.done(task.key) for task in tasks):
            check_images(directory, tasks)
        again = identities.replaced(directory, tasks)
        jobs = [
            Job(task, names, None if task.key in again else directory.good(task.key))
            for task in tasks
        ]
        todo = [job for job in jobs if job.missing or job.there is None]
        outcome = Outcome(out, [], resumed=len(todo) < len(tasks))
        outcome.replaced = [*_counted(again.values()), *changed_metrics(directory)]
        outcome.notes = untested_metrics(experiment.metrics)
        sources = {
            (codec.target, codec.options_text): provenance.source(codec)
            for codec in experiment.codecs
        }
        settings = Settings(
            metrics=experiment.metrics,
            # There are no more workers than tasks: a single one is timed in isolation.
            shared=min(executor.limits.jobs, len(todo)) > 1,
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
        for label, _ in again.values():
            directory.manifest.get("notes", {}).pop(label, None)
        for key, told in _environment(experiment, identities).items():
            there = directory.manifest.get(key)
            directory.manifest[key] = there | told if isinstance(there, dict) else told
        outcome.notes += retag(directory.manifest, experiment.datasets)
        carry_out(directory, todo, settings, executor, outcome, identities, progress)
        if not outcome.interrupted:
            for row in _disagreements(directory):
                directory.append(row)
        finish(directory, outcome, {task.key: task.index for task in tasks})
    return outcome


def plain_metrics(records: Sequence[MetricRecord]) -> dict[str, dict[str, Any]]:
    """The records of metrics as ``run.json`` has them, with what decides their numbers."""
    return {record.name: metrics.provenance(record) for record in records}


def untested_metrics(records: Sequence[MetricRecord]) -> list[str]:
    """A line for each metric whose library is of a version that was not tested."""
    return list(filter(None, map(metrics.untested, records)))


def changed_metrics(directory: RunDirectory) -> list[str]:
    """A line for each metric that was there and is another measure now."""
    return [
        f"{name}: scored again: it has another revision, version or source than when it was"
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
) -> None:
    """Do ``jobs`` and write their rows, until all are done or the run is asked to stop."""
    invocation = _invocation(executor.limits, min(executor.limits.jobs, len(jobs)))
    directory.manifest.setdefault("invocations", []).append(invocation)
    known: dict[str, Any] = directory.manifest.setdefault("identities", {})
    known.update(identities.records() if identities else {})
    directory.write_manifest()
    try:
        for answer in executor.run(jobs, settings) if jobs else ():
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
            _note(directory, outcome, row.label, found.notes)
            _keep_cost(directory, row, found.cost)
            directory.append(row)
            if progress:
                progress(row, outcome.measured + outcome.rescored, len(jobs))
    except _Stop:
        outcome.interrupted = True
    executor.close()
    invocation.update(
        ended=_now(),
        measured=outcome.measured,
        rescored=outcome.rescored,
        interrupted=outcome.interrupted,
    )


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


def finish(directory: RunDirectory, outcome: Outcome, order: dict[Any, int]) -> None:
    """Leave the table sorted and the manifest complete."""
    known = directory.manifest.get("identities", {})
    if outcome.interrupted:
        outcome.rows = list(directory.rows.values())
    else:
        outcome.rows = directory.finish(order)
        for digest in known.keys() - {row.identity for row in outcome.rows}:
            del known[digest]
    directory.manifest.update(_observed(outcome.rows))
    directory.write_manifest()


def _disagreements(directory: RunDirectory) -> list[Measurement]:
    """The repeats whose stream is not that of the first one, of codecs that are said to be
    deterministic: as failed rows."""
    deterministic = directory.manifest["deterministic"]
    first: dict[tuple[Any, ...], Measurement] = {}
    wrong = []
    for row in sorted(directory.rows.values(), key=lambda row: row.repeat):
        if row.status == OK and deterministic.get(row.codec):
            reference = first.setdefault(row.key[:-1], row)
            if row.stream_sha256 != reference.stream_sha256:
                wrong.append(other_stream(row, reference))
    return wrong


def check_images(directory: RunDirectory, tasks: list[Task]) -> None:
    """Refuse to go on with images that are not those that were measured."""
    from rdbench.images import pixel_sha256

    refs = {(task.image.dataset, task.image.name): task.image for task in tasks}
    known = {
        (row.dataset, row.image): row.image_sha256
        for row in directory.rows.values()
        if row.image_sha256
    }
    for key, sha256 in known.items():
        if key not in refs:  # it is not asked for now
            continue
        try:
            found = pixel_sha256(refs[key].load())
        except RdbenchError as error:
            raise UsageError(f"image {key[1]!r} was measured before and is gone: {error}") from None
        if found != sha256:
            raise UsageError(
                f"image {key[1]!r} of {key[0]!r} is another one than was measured into "
                f"{str(directory.path)!r}; name another folder with `out`, or use `fresh=True`"
            )


def _counted(reasons: Iterable[tuple[str, str]]) -> list[str]:
    """What is measured again and why, a line for each curve and reason."""
    return [
        f"{label}: {count} row{'s' * (count > 1)} measured again: {reason}"
        for (label, reason), count in Counter(reasons).items()
    ]


def _invocation(limits: Limits, jobs: int) -> dict[str, Any]:
    return {
        "started": _now(),
        "ended": None,
        "jobs": jobs,
        "threads_per_job": 1,
        "timeout_s": limits.timeout_s,
        "memory_mb": limits.memory_mb,
        "program_environment": programs.SET,
        "host": {
            "name": platform.node(),
            "system": platform.platform(),
            "machine": platform.machine(),
            "processor": processor(),
            "cores": os.cpu_count(),
            "usable_cores": cores(),
        },
    }


def _environment(experiment: Experiment, identities: Identities) -> dict[str, Any]:
    """What the manifest says of programs, codecs and places."""
    return {
        "name": experiment.name,
        "rdbench": rdbench.__version__,
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in PACKAGES},
        "deterministic": {c.name: c.codec().deterministic for c in experiment.codecs},
        "efforts": {c.name: c.codec().effort() for c in experiment.codecs},
        "provenance": identities.provenance,
        "targets": {c.name: registry.place(c.target) for c in experiment.codecs},
        "sources": {dataset.name: str(dataset.source) for dataset in experiment.datasets},
        "files": {
            dataset.name: {image.name: str(image.path) for image in dataset.images}
            for dataset in experiment.datasets
        },
    }


def _observed(rows: list[Measurement]) -> dict[str, Any]:
    """What the rows tell of codecs and images."""
    images: dict[str, dict[str, str]] = {}
    versions: dict[str, list[str]] = {}
    for row in rows:
        if row.image_sha256:
            images.setdefault(row.dataset, {})[row.image] = row.image_sha256
        if row.codec_version and row.codec_version not in versions.setdefault(row.codec, []):
            versions[row.codec].append(row.codec_version)
    return {"codec_versions": versions, "image_sha256": images}


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
