"""What a run's processes tell each other: the settings of its measurements, and the rows of
tasks that no worker could answer. Nothing heavy is imported here: the parent measures nothing."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rdbench.experiment import Task
from rdbench.programs import Program, ProgramSpec
from rdbench.schema import FAILED, Measurement, one_line


@dataclass(frozen=True)
class Settings:
    """What all measurements of a run have in common."""

    metrics: tuple[str, ...]
    shared: bool
    """Whether other work runs on the machine beside a measurement."""
    timeout_s: float = math.inf
    """Wall time that one measurement may take."""
    memory_mb: int | None = None
    """Cap of a worker's private memory in MiB, and of each program that it runs."""
    programs: Mapping[ProgramSpec, Program] = dataclasses.field(default_factory=dict)
    """The programs, which were looked up once for the run."""
    sources: Mapping[str, Mapping[str, str]] = dataclasses.field(default_factory=dict)
    """By target: the sources of codecs from files, which a worker must find as the parent did."""
    streams: Path | None = None
    """Folder that keeps the streams."""
    decoded: Path | None = None
    """Folder that keeps the decoded images as PNG."""


@dataclass(frozen=True)
class Answer:
    """What a worker sends back for a task."""

    row: Measurement
    opened: Mapping[str, str]
    """Paths and SHA-256 of the weights that the codec has opened."""


def base_row(task: Task) -> dict[str, Any]:
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
        "message": "",
    }


def failure(task: Task, status: str, message: str) -> Measurement:
    """The row of a task that its worker could not answer."""
    return Measurement(**{**base_row(task), "status": status, "message": one_line(message)})


def other_stream(row: Measurement, first: Measurement) -> Measurement:
    """The row of a repeat whose stream is another than the first one's, though the codec says
    that it is deterministic."""
    return dataclasses.replace(
        row,
        status=FAILED,
        message=f"another stream than that of repeat {first.repeat}, from a codec that is said "
        "to be deterministic; find out why, or declare deterministic = False",
    )
