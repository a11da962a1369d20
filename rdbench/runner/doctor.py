"""Which codecs work on this machine: each measures one photograph, in a worker."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rdbench import images, programs
from rdbench.codecs import registry
from rdbench.codecs.request import parse_codec
from rdbench.errors import MissingBackendError
from rdbench.experiment import CodecPlan, Task, plan_codec, refuse_namesakes
from rdbench.images import ImageRef
from rdbench.metrics import choose
from rdbench.runner import elsewhere
from rdbench.runner.executor import Executor
from rdbench.runner.kept import write_image
from rdbench.runner.rows import Job, Measured, Settings, row
from rdbench.schema import OK, Measurement

METRICS: Final = ("psnr_db",)


@dataclass(frozen=True)
class Diagnosis:
    """The findings on one codec."""

    name: str
    missing: str = ""
    """What is missing and what to install; empty if nothing is."""
    version: str = ""
    places: tuple[str, ...] = ()
    """Paths of its programs; none for a codec that is a library in Python."""
    row: Measurement | None = None
    """The measurement of the photograph, if nothing is missing."""

    @property
    def usable(self) -> bool:
        return self.row is not None and self.row.status == OK


def diagnose(names: Sequence[str], executor: Executor) -> Iterator[Diagnosis]:
    """Look up each codec, and let it code and decode one photograph (256×192) in the middle of its
    ladder. Yields missing codecs first, then the others as they finish. Raises
    :class:`rdbench.UsageError` for a name that is unknown or stands for two codecs.
    """
    found: dict[tuple[str, str], tuple[str, CodecPlan]] = {}
    for name in names:
        try:
            plan = _in_the_middle(plan_codec(parse_codec(name)))
        except MissingBackendError as error:
            yield Diagnosis(name, missing=str(error))
        else:
            refuse_namesakes([*(plan for _, plan in found.values()), plan])
            found[plan.name, plan.options_text] = (name, plan)
    with tempfile.TemporaryDirectory() as folder:
        photographs = _photographs(Path(folder))
        tasks = [
            Task(
                index,
                photographs[max(plan.codec().takes(plan.resolved())).channels],
                plan,
                point,
                0,
            )
            for index, (_, plan) in enumerate(found.values())
            for point in plan.points
        ]
        settings = Settings(
            choose(METRICS),
            shared=executor.limits.share(len(tasks)),
            timeout_s=executor.limits.timeout_s,
            memory_mb=executor.limits.memory_mb,
            programs=programs.found(),
            classes=registry.portable(plan.target for _, plan in found.values()),
            elsewhere=elsewhere.wanted((plan for _, plan in found.values()), {}),
        )
        names = tuple(record.name for record in settings.metrics)
        for answer in executor.run([Job(task, names) for task in tasks], settings):
            told = Measured({"status": answer.status, "message": answer.message})
            made = row(answer.job, answer.value or told)
            name, plan = found[made.codec, made.options]
            codec = plan.codec()
            provenance = codec.provenance(plan.resolved(), plan.settings)
            places = tuple(_paths(provenance))
            yield Diagnosis(name, version=codec.version(), places=places, row=made)


def _in_the_middle(plan: CodecPlan) -> CodecPlan:
    return dataclasses.replace(plan, points=(plan.points[len(plan.points) // 2],))


def _photographs(folder: Path) -> dict[int, ImageRef]:
    """Crops of photographs from scikit-image's wheel as files, by number of channels."""
    from skimage import data

    crops = {1: data.camera()[60:252, 90:346, None], 3: data.chelsea()[20:212, 80:336]}
    found = {}
    for channels, crop in crops.items():
        path = folder / f"photograph-{channels}.png"
        write_image(path, crop)
        found[channels] = images.resolve(str(path)).images[0]
    return found


def _paths(provenance: dict[str, Any]) -> list[str]:
    places = [program["path"] for program in provenance.get("programs", {}).values()]
    return list(dict.fromkeys(places))
