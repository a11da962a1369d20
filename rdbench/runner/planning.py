"""What a run has to do: rows that are there already, rows in a cache, and the rest in the order of
work, with an estimate of its time."""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rdbench.errors import RdbenchError, UsageError
from rdbench.experiment import CodecPlan, Experiment, Task
from rdbench.results import RunDirectory
from rdbench.runner.built import MAX_INSTANCES
from rdbench.runner.cache import Cache
from rdbench.runner.costs import Costs, earlier, in_order
from rdbench.runner.identities import Identities
from rdbench.runner.reuse import Reuse, Taken
from rdbench.runner.rows import Job
from rdbench.runner.timed import untimed
from rdbench.runner.told import plain_metrics
from rdbench.schema import MeasurementKey


@dataclass(frozen=True)
class Asked:
    """How a run is carried out."""

    timing: bool = False
    """Whether times are taken for publication."""
    cache: Cache | None = None
    cache_times: bool = False
    keeps_files: bool = False
    """Whether streams or images are kept, so that nothing is taken from the cache."""


@dataclass
class Work:
    """What a run has to do."""

    tasks: list[Task]
    identities: Identities
    again: dict[MeasurementKey, tuple[str, str]]
    """Good rows that are measured again, each with its curve and the reason."""
    todo: list[Job]
    """In the order of work."""
    reuse: Reuse | None = None
    taken: dict[MeasurementKey, Taken] = field(default_factory=dict)
    """What the cache has of it."""

    @classmethod
    def of(
        cls,
        experiment: Experiment,
        tasks: list[Task],
        directory: RunDirectory,
        asked: Asked,
        workers: int,
    ) -> Work:
        """The work of ``experiment`` that ``directory`` lacks, for this number of workers. Raises
        :class:`UsageError` if a row was made from another image, or by another program or version.
        """
        rows = directory.rows
        places = [rows.place(task.key) for task in tasks] if rows else []
        ok = rows.ok.tolist()
        if any(place is not None and ok[place] for place in places):
            check_images(directory, tasks)
        identities = Identities(experiment)
        again = identities.replaced(directory, tasks)
        if asked.timing:
            again |= untimed(directory, tasks)
        names = tuple(record.name for record in experiment.metrics)
        todo = [] if rows else [Job(task, names) for task in tasks]
        lacking = rows.lacking(names).tolist()
        for task, place in zip(tasks, places, strict=bool(rows)):
            if place is None or not ok[place] or (again and task.key in again):
                todo.append(Job(task, names))
            elif lacking[place]:
                todo.append(Job(task, names, rows[place]))
        work = cls(tasks, identities, again, todo)
        if asked.cache is not None:
            work.reuse = Reuse(
                asked.cache,
                experiment.metrics,
                identities,
                directory.path,
                times=asked.cache_times,
                timing=asked.timing,
            )
            if not asked.keeps_files:
                found = ((job.task.key, work.reuse.taken(job)) for job in todo)
                work.taken = {key: one for key, one in found if one is not None}
        if workers > 1 and len(todo) > len(work.taken):
            costs = Costs(earlier(directory.path))
            work.todo = ordered(todo, costs, workers, many_networks(experiment.codecs))
        return work


def ordered(
    jobs: Sequence[Job], costs: Costs, workers: int, models_apart: frozenset[str]
) -> list[Job]:
    """``jobs`` in the order of work for several workers: the longest first
    (:func:`rdbench.runner.costs.in_order`), each for the next free worker; jobs of one network
    together if there are many (:func:`many_networks`); the others image by image."""
    if not (costs.rows or models_apart):
        return list(jobs)
    order, long = in_order([(job.task, costs.of(job.task)) for job in jobs], workers)
    found = []
    for place in order:
        job = jobs[place]
        if place in long:
            job = dataclasses.replace(job, apart=("long", job.task.index))
        elif job.task.codec.label in models_apart:
            job = dataclasses.replace(job, apart=(job.task.codec.label, job.task.point))
        found.append(job)
    return found


def many_networks(codecs: Iterable[CodecPlan]) -> frozenset[str]:
    """The labels of learned codecs to measure point by point, all images of one point before the
    next. This is needed if a run has so many codec instances that a worker would build them again
    and again."""
    codecs = tuple(codecs)
    if sum(len(plan.settings) for plan in codecs) <= MAX_INSTANCES:
        return frozenset()
    return frozenset(plan.label for plan in codecs if plan.codec().learned)


@dataclass
class CurveForecast:
    """The work on one curve."""

    label: str
    there: int = 0
    rescored: int = 0
    """Rows that lack a metric."""
    reused: int = 0
    """Rows that the cache has."""
    measured: int = 0
    """Rows to be measured."""
    seconds: float = 0.0
    """The time for one worker, as far as known."""
    unknown: int = 0
    """The number of rows with unknown time."""


@dataclass(frozen=True)
class Forecast:
    """What a run would do, and for how long."""

    path: Path
    curves: tuple[CurveForecast, ...]
    workers: int
    earlier: int
    """The number of rows that the times are learned from."""
    notes: tuple[str, ...] = ()

    def total(self, what: str) -> float:
        """The sum of a field over the curves."""
        return float(sum(getattr(curve, what) for curve in self.curves))

    @property
    def seconds(self) -> float:
        """The time for all workers, as far as known; a lower bound."""
        return self.total("seconds") / max(self.workers, 1)


def dry_run(
    experiment: Experiment, out: Path, asked: Asked, workers: int, *, fresh: bool = False
) -> Forecast:
    """What a run into ``out`` would do, and how long this number of workers would take. Nothing is
    measured or written. Raises :class:`UsageError` as the run does."""
    out = out.absolute()
    tasks = experiment.tasks()
    with contextlib.ExitStack() as stack:
        folder = out
        if fresh or not out.exists():
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rdbench-")))
        directory = stack.enter_context(
            RunDirectory(folder, experiment.identity(), plain_metrics(experiment.metrics))
        )
        work = Work.of(experiment, tasks, directory, asked, 1)
        return _forecast(work, Costs(earlier(out), timing=asked.timing), out, workers)


def _forecast(work: Work, costs: Costs, out: Path, workers: int) -> Forecast:
    """What ``work`` consists of, and how long it will take."""
    curves: dict[str, CurveForecast] = {}
    todo = {job.task.key: job for job in work.todo}
    for task in work.tasks:
        curve = curves.setdefault(task.codec.label, CurveForecast(task.codec.label))
        job = todo.get(task.key)
        if job is None:
            curve.there += 1
        elif task.key in work.taken:
            curve.reused += 1
        elif job.there is not None:
            curve.rescored += 1
        else:
            curve.measured += 1
            seconds = costs.of(task)
            curve.seconds += seconds or 0.0
            curve.unknown += seconds is None
    return Forecast(
        out,
        tuple(curves.values()),
        min(workers, max(len(todo) - len(work.taken), 1)),
        costs.rows,
        tuple(counted(work.again.values())),
    )


def counted(reasons: Iterable[tuple[str, str]]) -> list[str]:
    """Rows that are measured again: a line for each curve and reason."""
    counts: dict[tuple[str, str], int] = {}
    for reason in reasons:
        counts[reason] = counts.get(reason, 0) + 1
    return [
        f"{label}: {count} row{'s' * (count > 1)} measured again: {reason}"
        for (label, reason), count in counts.items()
    ]


def check_images(directory: RunDirectory, tasks: list[Task]) -> None:
    """Refuse to continue with images that are not those that were measured."""
    from rdbench.images import pixel_sha256

    refs = {(task.image.dataset, task.image.name): task.image for task in tasks}
    for key, sha256 in directory.rows.images().items():
        if key not in refs:  # it is not asked for now
            continue
        try:
            found = pixel_sha256(refs[key].load())
        except RdbenchError as error:
            raise UsageError(f"image {key[1]!r} was measured before and is gone: {error}") from None
        if found != sha256:
            raise UsageError(
                f"image {key[1]!r} of {key[0]!r} is not the one that was measured into "
                f"{str(directory.path)!r}; name another folder with `out`, or use `fresh=True`"
            )
