"""Decoded images of rows as files to look at: kept ones, or ones decoded again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from rdbench import programs
from rdbench.errors import RdbenchError, UsageError
from rdbench.experiment import Task
from rdbench.images import ImageRef, pixel_sha256
from rdbench.manifest import read_manifest
from rdbench.metrics import MetricRecord
from rdbench.metrics.reference import Scores
from rdbench.runner import kept
from rdbench.runner.executor import Executor
from rdbench.runner.measure import Bench
from rdbench.runner.rescore import Plans, originals, setting_of
from rdbench.runner.rows import Job, Settings
from rdbench.runner.run import found_of
from rdbench.schema import OK, Measurement

SUFFIXES: Final = (".png", ".webp")


@dataclass(frozen=True)
class Picture:
    """An image behind a row."""

    row: Measurement
    path: Path
    """Its file."""
    reason: str = ""
    """Why there is none; empty if there is one."""
    scores: Scores = field(default_factory=Scores)
    """Those that were asked for and that the row lacks."""


@dataclass(frozen=True)
class PictureJob(Job):
    """A row whose decoded image is wanted as a file."""

    path: Path = Path()


class Painter(Bench):
    """Writes decoded images, but only those that were measured."""

    def _do(self, job: Job, core: dict[str, Any]) -> tuple[Scores, bool]:
        assert isinstance(job, PictureJob)
        assert job.there is not None
        self._load(job.task.image)
        if job.there.decoded_file or job.there.stream_file:
            decoded = self._kept(job, job.there)
        else:
            decoded = self._measure(job, core)[0]
            if pixel_sha256(decoded) != job.there.decoded_sha256:
                raise RdbenchError(
                    "nothing was kept, and coding again gives another image than was measured; "
                    "measure with `keep_decoded=True`"
                )
        kept.write_image(job.path, decoded)
        return (self._score(job, decoded, job.missing) if job.missing else Scores()), False


def pictures(
    run: Path,
    rows: Sequence[Measurement],
    place: Callable[[Measurement], Path],
    *,
    executor: Executor,
    metrics: Sequence[MetricRecord] = (),
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> list[Picture]:
    """The decoded images of ``rows`` of a run directory, in their order, each as a file at its
    ``place`` (``.png`` or ``.webp``, without a loss), with its scores by those of ``metrics`` that
    the row lacks.

    Kept images are copied. Otherwise the kept stream is decoded, or the codec is run again, in
    ``executor``; the result must be the image that was measured, by its SHA-256. Raises
    :class:`UsageError` if the manifest does not say where the originals are.
    """
    manifest = read_manifest(run)
    refs = originals(run, manifest, {(row.dataset, row.image) for row in rows})
    plans = Plans(run, manifest)
    names = tuple(record.name for record in metrics)
    jobs = [
        PictureJob(
            Task(number, refs[row.dataset, row.image], plans.of(row), setting_of(row), row.repeat),
            names,
            row,
            path=place(row),
        )
        for number, row in enumerate(rows)
    ]
    settings = Settings(
        tuple(metrics),
        shared=executor.limits.share(len(jobs)),
        timeout_s=executor.limits.timeout_s,
        memory_mb=executor.limits.memory_mb,
        programs=programs.found(),
        out=run.absolute(),
        bench=f"{__name__}:Painter",
    )
    found: dict[int, Picture] = {}
    for answer in executor.run(jobs, settings):
        job, measured = answer.job, found_of(answer)
        core = measured.core
        reason = "" if core.get("status") == OK else str(core.get("message") or core.get("status"))
        assert job.there is not None
        found[job.task.index] = Picture(
            job.there, job.path, reason, Scores(dict(measured.scores), dict(measured.reasons))
        )
        progress(len(found), len(jobs))
    return [found[number] for number in range(len(jobs)) if number in found]


def original_of(run: Path, row: Measurement) -> ImageRef:
    """The original of a row. Raises :class:`UsageError` if it is unknown, or not the one that was
    measured."""
    ref = originals(run, read_manifest(run), {(row.dataset, row.image)})[row.dataset, row.image]
    if row.image_sha256 and pixel_sha256(ref.load()) != row.image_sha256:
        raise UsageError(
            f"{str(ref.path)!r} is not the image that was measured as {row.image!r}, by its SHA-256"
        )
    return ref
