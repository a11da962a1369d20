"""More metrics for a run, from what it kept. Nothing is encoded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rdbench import programs
from rdbench.codecs.request import CodecRequest
from rdbench.errors import UsageError, naming
from rdbench.experiment import CodecPlan, Task, plan_codec
from rdbench.images import Geometry, ImageRef, trims
from rdbench.manifest import MANIFEST, read_manifest
from rdbench.metrics import MetricRecord
from rdbench.plans import by_image, curve_options
from rdbench.results import RunDirectory, measurements_path
from rdbench.runner.executor import Executor
from rdbench.runner.planning import check_images
from rdbench.runner.rows import Job, Settings
from rdbench.runner.run import (
    Outcome,
    Progress,
    carry_out,
    changed_metrics,
    finish,
    stoppable,
    untested_metrics,
)
from rdbench.runner.told import plain_metrics
from rdbench.schema import OK, Measurement


@stoppable()
def rescore(
    path: Path,
    metrics: Sequence[MetricRecord],
    *,
    executor: Executor,
    progress: Progress | None = None,
) -> Outcome:
    """Score the kept images of the run directory ``path`` with ``metrics``. If only streams were
    kept, they are decoded first. Raises :class:`UsageError` as :func:`rdbench.rescore`."""
    measurements_path(path)
    path = path.absolute()
    manifest = read_manifest(path)
    experiment = {**manifest.get("experiment", {}), "metrics": [m.name for m in metrics]}
    with RunDirectory(path, experiment, plain_metrics(metrics)) as directory:
        good = [row for row in directory.rows if row.status == OK]
        kept = [row for row in good if row.decoded_file or row.stream_file]
        if not kept:
            raise UsageError(
                f"{str(path)!r} kept neither streams nor decoded images; measure it again with "
                "`keep_decoded=True`, or add the metrics with `rdbench run`, which encodes again"
            )
        names = tuple(record.name for record in metrics)
        refs = originals(path, manifest, {(row.dataset, row.image) for row in kept})
        plans = Plans(path, manifest)
        jobs = [
            Job(
                Task(
                    index, refs[row.dataset, row.image], plans.of(row), setting_of(row), row.repeat
                ),
                names,
                row,
                encode=False,
            )
            for index, row in enumerate(kept)
        ]
        check_images(directory, [job.task for job in jobs])
        todo = [job for job in jobs if job.missing]
        outcome = Outcome(
            path, [], replaced=changed_metrics(directory), notes=untested_metrics(metrics)
        )
        settings = Settings(
            tuple(metrics),
            shared=executor.limits.share(len(todo)),
            timeout_s=executor.limits.timeout_s,
            memory_mb=executor.limits.memory_mb,
            programs=programs.found(),
            out=path,
        )
        carry_out(directory, todo, settings, executor, outcome, None, progress)
        order = {key: index for index, key in enumerate(directory.rows.measurements())}
        finish(directory, outcome, order)
    return outcome


def originals(
    run: Path, manifest: dict[str, Any], wanted: set[tuple[str, str]]
) -> dict[tuple[str, str], ImageRef]:
    """The originals as they were read when the run directory ``run``, with this manifest, was
    measured. Raises :class:`UsageError` if the manifest does not say where they are."""
    experiment = manifest.get("experiment", {})
    found = {}
    geometries = {
        (dataset, name): image.get("geometry", "original")
        for dataset, images in experiment.get("datasets", {}).items()
        for name, image in by_image(images).items()
        if isinstance(image, dict)
    }
    for dataset, name in sorted(wanted):
        file = manifest.get("files", {}).get(dataset, {}).get(name)
        if file is None:
            raise UsageError(
                f"{str(run / MANIFEST)!r} does not say where the image {name!r} of {dataset!r} is"
            )
        geometry: Geometry = geometries.get((dataset, name), "original")
        color = experiment.get("color", "rgb")
        found[dataset, name] = ImageRef(dataset, name, Path(file), color, geometry, trims(dataset))
    return found


def setting_of(row: Measurement) -> float:
    """The value of the codec's parameter that made a row."""
    return row.point if row.setting is None else row.setting


class Plans:
    """The codecs of the rows of the run directory ``run``, looked up as far as there are streams to
    decode."""

    def __init__(self, run: Path, manifest: dict[str, Any]) -> None:
        self._file = run / MANIFEST
        self._targets: dict[str, str] = manifest.get("targets", {})
        self._options = {
            (codec["codec"], curve_options(codec)): codec.get("options", {})
            for codec in manifest.get("experiment", {}).get("codecs", ())
        }
        self._plans: dict[tuple[str, str, float], CodecPlan] = {}

    def definition(self, row: Measurement) -> tuple[str, dict[str, Any]]:
        """Where the class of a row's codec is found, and its options."""
        target = self._targets.get(row.codec, row.codec)
        return target, self._options.get((row.codec, row.options), {})

    def of(self, row: Measurement) -> CodecPlan:
        """The codec of a row, with its options and the setting that made it. Raises
        :class:`UsageError` with the file if what the manifest says of it is invalid here, and the
        codec is needed to decode a stream."""
        point = setting_of(row)
        key = row.codec, row.options, point
        if key not in self._plans:
            target, options = self.definition(row)
            plan = CodecPlan(
                target, row.codec, tuple(options.items()), row.parameter, (point,), row.label
            )
            if not row.decoded_file:
                with naming(repr(str(self._file))):
                    plan = plan_codec(CodecRequest(target, options, (point,), row.label))
            self._plans[key] = plan
        return self._plans[key]
