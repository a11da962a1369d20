"""Jobs and settings that work from another folder or on another machine: their paths are resolved
before they are sent."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rdbench import metrics, places, plugins, provenance
from rdbench.codecs import registry
from rdbench.experiment import CodecPlan
from rdbench.images import ImageRef
from rdbench.provenance import Record
from rdbench.runner.rows import Job, Settings

Curve = tuple[str, str]
"""A codec and its options, as rows have them."""


@dataclass(frozen=True)
class Brief:
    """What a worker is told first about a run."""

    token: str
    settings: Settings
    plans: Mapping[Curve, CodecPlan]
    """Each with all points that jobs have."""
    records: Mapping[Curve, tuple[Record, ...]]
    """What decides the measurements at each of the points, which must be the same there."""
    metrics: Mapping[str, Any]
    """The same of the metrics."""
    image: Path | None
    """One of the images, if the worker reads them itself."""

    @classmethod
    def of(cls, token: str, jobs: Iterable[Job], settings: Settings, *, shared: bool) -> Brief:
        """The brief of a run; ``shared`` says whether workers read the images themselves."""
        points: dict[Curve, dict[float, None]] = {}
        plans: dict[Curve, CodecPlan] = {}
        image = None
        for job in jobs:
            plan = job.task.codec
            curve = curve_of(job)
            if curve not in plans:
                plans[curve] = resolved(plan)
            points.setdefault(curve, {})[job.task.point] = None
            image = image or job.task.image.path.absolute()
        plans = {
            curve: dataclasses.replace(plan, points=tuple(points[curve]))
            for curve, plan in plans.items()
        }
        targets = {plan.target: registry.place(plan.target) for plan in plans.values()}
        return cls(
            token,
            dataclasses.replace(
                settings,
                programs={},  # which are found there
                sources={
                    (plan.target, plan.options_text): provenance.source(plan)
                    for plan in plans.values()
                },
                classes={targets.get(key, key): data for key, data in settings.classes.items()},
                out=Path(),
            ),
            plans,
            {curve: records(plan) for curve, plan in plans.items()},
            {record.name: decided_by(record) for record in settings.metrics},
            image if shared else None,
        )


def curve_of(job: Job) -> Curve:
    return job.task.codec.name, job.task.codec.options_text


def records(plan: CodecPlan) -> tuple[Record, ...]:
    """What decides the measurements of a codec at its points, here and now."""
    return tuple(provenance.identity(plan, point) for point in plan.points)


def decided_by(record: metrics.MetricRecord) -> Any:
    """What decides the scores of a metric, here and now."""
    return provenance.decisive(metrics.provenance(record))


def resolved(plan: CodecPlan) -> CodecPlan:
    """The codec with the paths in its target and its options as seen from anywhere."""
    table = plan.codec().option_table
    options = tuple(
        (name, _resolved(value, path=table[name].path) if isinstance(value, str) else value)
        for name, value in plan.options
    )
    return dataclasses.replace(plan, target=registry.place(plan.target), options=options)


def _resolved(value: str, *, path: bool) -> str:
    if not value or value.startswith((places.PREFIX, places.RUN_PREFIX)):
        return value
    if path:
        return str(Path(value).expanduser().absolute())
    file = plugins.split(value)
    return f"{file[0].absolute()}:{file[1]}" if file and file[0].is_file() else value


def sent(job: Job, plan: CodecPlan) -> Job:
    """A job with ``plan`` in place of its own, and the absolute path of its image."""
    image = dataclasses.replace(job.task.image, path=job.task.image.path.absolute())
    return _with(job, image, plan)


def moved(job: Job, path: Path) -> Job:
    """A job whose image lies at ``path``."""
    return _with(job, dataclasses.replace(job.task.image, path=path), job.task.codec)


def _with(job: Job, image: ImageRef, plan: CodecPlan) -> Job:
    return dataclasses.replace(job, task=dataclasses.replace(job.task, image=image, codec=plan))


def file_name(path: Path) -> str:
    """The name under which a worker keeps the file of an image that was sent to it."""
    return hashlib.sha256(str(path).encode()).hexdigest()[:24] + path.suffix


def kept_files(job: Job, out: Path) -> dict[str, bytes]:
    """The files that were kept for the existing row, by name within the run directory."""
    if job.there is None:
        return {}
    names = filter(None, (job.there.decoded_file, job.there.stream_file))
    return {name: (out / name).read_bytes() for name in names if (out / name).is_file()}
