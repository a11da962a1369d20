"""Messages between the processes of a run: settings, jobs and results; and the one place where rows
are made of them. Nothing heavy is imported here, since the parent measures nothing."""

from __future__ import annotations

import dataclasses
import math
import platform
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from rdbench.experiment import Task
from rdbench.metrics import MetricRecord
from rdbench.network_cost import NetworkCost
from rdbench.programs import Program, ProgramSpec
from rdbench.schema import FAILED, OK, Measurement, one_line


@dataclass(frozen=True)
class Settings:
    """Settings that all measurements of a run share."""

    metrics: tuple[MetricRecord, ...]
    shared: bool
    """Whether other work runs on the machine during a measurement."""
    cores: tuple[int, ...] = ()
    """Cores that workers are pinned to, for times to publish; empty without pinning."""
    timeout_s: float = math.inf
    """Limit on the wall time of one measurement, and of each external metric."""
    memory_mb: int | None = None
    """Limit on the private memory of a worker in MiB, and on that of each program that it runs."""
    programs: Mapping[ProgramSpec, Program] = field(default_factory=dict)
    """The programs, which were looked up once for the run."""
    sources: Mapping[tuple[str, str], Mapping[str, str]] = field(default_factory=dict)
    """By target and options: files of Python, which a worker must find as the parent did."""
    classes: Mapping[str, bytes] = field(default_factory=dict)
    """By target: what :func:`rdbench.codecs.registry.portable` tells of codecs, as of classes that
    were given."""
    elsewhere: bool = False
    """Whether streams of any of the codecs are decoded in another process, too."""
    out: Path = Path()
    """The run directory."""
    keep_streams: bool = False
    keep_decoded: bool = False
    bench: str = "rdbench.runner.measure:Bench"
    """``module:Class`` of what answers jobs."""


@dataclass(frozen=True, slots=True)
class Job:
    """One task for a worker: to be measured, or only scored where its row is ``there``."""

    task: Task
    metrics: tuple[str, ...]
    """The metrics that a new row is scored by."""
    there: Measurement | None = None
    """The good row that lacks some of them. It stays, except for these, if the decoded image is the
    same."""
    encode: bool = True
    """Whether it may be encoded again if nothing kept of it can be scored."""
    apart: Hashable = None
    """The group of jobs that share a worker, if it is not the image."""
    without: Mapping[str, str] = field(default_factory=dict)
    """Metrics that are not to be tried, with the reasons."""

    @property
    def missing(self) -> tuple[str, ...]:
        """The metrics that the existing row lacks."""
        return self.there.lacks(self.metrics) if self.there else self.metrics

    @property
    def group(self) -> Hashable:
        """Jobs of one group go to one worker while they can, since it has their image in memory."""
        return self.task.image if self.apart is None else self.apart

    def limit_s(self, doing: tuple[str, ...]) -> None:
        """No limit of its own."""

    def spared(self, doing: tuple[str, ...], reason: str) -> Self:
        """The job without the metrics that ended a worker."""
        return dataclasses.replace(self, without={**self.without, **dict.fromkeys(doing, reason)})


@dataclass(frozen=True)
class Measured:
    """The result of a job: plain data, whatever the codec and the metrics returned."""

    core: Mapping[str, Any]
    """Columns of the core beyond those of :func:`base`."""
    scores: Mapping[str, float] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    """Why a metric has no score."""
    opened: Mapping[str, str] = field(default_factory=dict)
    """Paths and SHA-256 of the weights that the codec has opened."""
    rescored: bool = False
    """Whether the row stays as it was but for the scores."""
    notes: tuple[str, ...] = ()
    """What the codec did with files that its options name (:class:`rdbench.errors.FileNote`)."""
    cost: NetworkCost | None = None
    """What its networks cost."""


def stays(job: Job, found: Measured) -> bool:
    """Whether the existing row stays, except for its scores: because its image was scored, or
    because it could not be made again. No good row is lost."""
    return job.there is not None and (found.rescored or found.core.get("status") != OK)


def row(job: Job, found: Measured) -> Measurement:
    """The row of a job, made from the worker's result."""
    if job.there is not None and stays(job, found):
        if found.rescored:
            return added(job.there, found.scores, found.reasons)
        told = f"{found.core.get('status')}: {found.core.get('message')}"
        return added(job.there, {}, dict.fromkeys(job.missing, told))
    notes = [found.core.get("message", ""), *_notes(found.reasons)]
    core = {
        **base(job.task),
        "host": platform.node(),
        **found.core,
        "message": one_line("; ".join(filter(None, notes))),
        "unscored": " ".join(found.reasons),
    }
    return Measurement(**core, scores=dict(found.scores))


def added(
    there: Measurement, scores: Mapping[str, float], reasons: Mapping[str, str]
) -> Measurement:
    """A row with more scores, or with the reasons for missing ones."""
    kept = [name for name in there.unscored.split() if name not in scores and name not in reasons]
    return dataclasses.replace(
        there,
        scores={**there.scores, **scores},
        unscored=" ".join((*kept, *reasons)),
        message=one_line("; ".join(filter(None, (there.message, *_notes(reasons))))),
    )


def base(task: Task) -> dict[str, Any]:
    """The columns of a row that are known before anything is measured."""
    return {
        "dataset": task.image.dataset,
        "image": task.image.name,
        "codec": task.codec.name,
        "options": task.codec.options_text,
        "label": task.codec.label,
        "parameter": task.codec.parameter,
        "point": task.point,
        "repeat": task.repeat,
    }


def _notes(reasons: Mapping[str, str]) -> list[str]:
    """A line for each reason, with the metrics that share it."""
    shared: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        shared.setdefault(reason, []).append(name)
    return [f"{', '.join(names)}: {reason}" for reason, names in shared.items()]


def other_stream(row: Measurement, first: Measurement) -> Measurement:
    """The row of a repeat whose stream differs from the first one, though the codec declares itself
    deterministic."""
    return dataclasses.replace(
        row,
        status=FAILED,
        message=f"another stream than repeat {first.repeat}, though the codec declares itself "
        "deterministic; find the cause, or declare deterministic = False",
    )
