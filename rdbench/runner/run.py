"""A run: an experiment carried out into a run directory, resumed where it was left."""

from __future__ import annotations

import dataclasses
import datetime
import os
import platform
import signal
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import rdbench
from rdbench import programs, provenance
from rdbench.errors import RdbenchError, UsageError
from rdbench.experiment import Experiment, Task
from rdbench.results import RunDirectory
from rdbench.runner.identities import Identities
from rdbench.runner.pool import Limits, LocalPool
from rdbench.runner.rows import Answer, Settings, failure, other_stream
from rdbench.schema import OK, Measurement

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
    rows: list[Measurement]
    measured: int = 0
    """How many of the rows were made by this run; the others were there."""
    resumed: bool = False
    interrupted: bool = False
    replaced: list[str] = dataclasses.field(default_factory=list)
    """What was there and was measured again since what decides it has changed: a line for each
    curve and reason."""

    @property
    def failures(self) -> list[Measurement]:
        return [row for row in self.rows if row.status != OK]


class _Stop(BaseException):
    """The run was asked to stop (SIGINT, SIGTERM)."""


Progress = Callable[[Measurement, int, int], None]
"""Called with the newest row, how many are done, and how many there will be."""


def run(
    experiment: Experiment,
    out: Path,
    *,
    pool: LocalPool,
    fresh: bool = False,
    keep_streams: bool = False,
    keep_decoded: bool = False,
    progress: Progress | None = None,
) -> Outcome:
    """Measure what ``experiment`` asks for and ``out`` does not have yet, in ``pool``.

    Rows are written as they come. An interrupt (SIGINT or SIGTERM) ends the run at once; what
    was measured is kept and the outcome says so. Raises :class:`UsageError` where ``out`` holds
    another experiment, other images, or another run is writing to it, and :class:`RdbenchError`
    where its file system refuses to be written to.
    """
    out = out.absolute()
    tasks = experiment.tasks()
    with RunDirectory(out, experiment.identity(), fresh=fresh) as directory:
        identities = Identities(experiment)
        if any(directory.done(task.key) for task in tasks):
            _check_images(directory, tasks)
        again = identities.replaced(directory, tasks)
        todo = [task for task in tasks if not directory.done(task.key) or task.key in again]
        outcome = Outcome(out, [], resumed=directory.resumed and len(todo) < len(tasks))
        outcome.replaced = _counted(again.values())
        # No more workers than there is work for; what is timed alone is said to be.
        jobs = min(pool.limits.jobs, len(todo))
        settings = Settings(
            metrics=experiment.metrics,
            shared=jobs > 1,
            timeout_s=pool.limits.timeout_s,
            memory_mb=pool.limits.memory_mb,
            programs=programs.found(),
            sources={codec.target: provenance.source(codec) for codec in experiment.codecs},
            streams=out / "streams" if keep_streams else None,
            decoded=out / "decoded" if keep_decoded else None,
        )
        invocation = _invocation(pool.limits, jobs)
        directory.manifest.setdefault("invocations", []).append(invocation)
        directory.manifest.update(_environment(experiment), provenance=identities.provenance)
        known: dict[str, Any] = directory.manifest.setdefault("identities", {})
        known.update(identities.records())
        directory.write_manifest()
        if todo:
            try:
                with _interruptible():
                    for answer in pool.run(todo, settings):
                        row, opened = (
                            (answer.row, answer.opened)
                            if isinstance(answer, Answer)
                            else (failure(*answer), {})
                        )
                        row, digest, record = identities.stamped(row, opened)
                        if digest not in known:
                            known[digest] = record
                            directory.write_manifest()  # first: no row without its record
                        directory.append(row)
                        outcome.measured += 1
                        if progress:
                            progress(row, outcome.measured, len(todo))
            except _Stop:
                outcome.interrupted = True
        pool.close()
        if outcome.interrupted:
            outcome.rows = list(directory.rows.values())
        else:
            for row in _disagreements(experiment, directory.rows.values()):
                directory.append(row)
            outcome.rows = directory.finish({task.key: task.index for task in tasks})
            for digest in known.keys() - {row.identity for row in outcome.rows}:
                del known[digest]
        invocation.update(ended=_now(), measured=outcome.measured, interrupted=outcome.interrupted)
        directory.manifest.update(_observed(outcome.rows))
        directory.write_manifest()
    return outcome


def _deterministic(experiment: Experiment) -> dict[str, bool]:
    """What each codec says of itself."""
    return {codec.name: codec.codec().deterministic for codec in experiment.codecs}


def _disagreements(experiment: Experiment, rows: Iterable[Measurement]) -> list[Measurement]:
    """The repeats whose stream is not that of the first one, of codecs that are said to be
    deterministic: as failed rows."""
    deterministic = _deterministic(experiment)
    first: dict[tuple[Any, ...], Measurement] = {}
    wrong = []
    for row in sorted(rows, key=lambda row: row.repeat):
        if row.status == OK and deterministic[row.codec]:
            reference = first.setdefault(row.key[:-1], row)
            if row.stream_sha256 != reference.stream_sha256:
                wrong.append(other_stream(row, reference))
    return wrong


def _check_images(directory: RunDirectory, tasks: list[Task]) -> None:
    """Refuse to go on with images that are not those that were measured."""
    from rdbench.images import pixel_sha256

    refs = {(task.image.dataset, task.image.name): task.image for task in tasks}
    known = {
        (row.dataset, row.image): row.image_sha256
        for row in directory.rows.values()
        if row.image_sha256
    }
    for key, sha256 in known.items():
        try:
            found = pixel_sha256(refs[key].load())
        except RdbenchError as error:
            raise UsageError(f"image {key[1]!r} was measured before and is gone: {error}") from None
        if found != sha256:
            raise UsageError(
                f"image {key[1]!r} of {key[0]!r} is another one than was measured into "
                f"{str(directory.path)!r}; name another folder with --out, or use --fresh"
            )


def _counted(reasons: Iterable[tuple[str, str]]) -> list[str]:
    """What is measured again and why, a line for each curve and reason."""
    return [
        f"{label}: {count} row{'s' * (count > 1)} measured again: {reason}"
        for (label, reason), count in Counter(reasons).items()
    ]


@contextmanager
def _interruptible() -> Iterator[None]:
    """Turn SIGINT and SIGTERM into :class:`_Stop`, once; later ones are ignored while the
    run is put away. Signals are only for the main thread."""

    def stop(*_: object) -> None:
        for name in handlers:
            signal.signal(name, signal.SIG_IGN)
        raise _Stop

    handlers: dict[signal.Signals, Any] = {}
    try:
        for name in (signal.SIGINT, signal.SIGTERM):
            handlers[name] = signal.signal(name, stop)
    except ValueError:  # not the main thread
        yield
        return
    try:
        yield
    finally:
        for name, handler in handlers.items():
            signal.signal(name, handler)


def _invocation(limits: Limits, jobs: int) -> dict[str, Any]:
    return {
        "started": _now(),
        "ended": None,
        "jobs": jobs,
        "threads_per_job": 1,
        "timeout_s": limits.timeout_s,
        "memory_mb": limits.memory_mb,
        "host": {
            "name": platform.node(),
            "system": platform.platform(),
            "machine": platform.machine(),
            "processor": processor(),
            "cores": os.cpu_count(),
        },
    }


def _environment(experiment: Experiment) -> dict[str, Any]:
    return {
        "name": experiment.name,
        "rdbench": rdbench.__version__,
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in PACKAGES},
        "deterministic": _deterministic(experiment),
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


def processor() -> str:
    """The processor's name, as far as the system tells it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor()


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
