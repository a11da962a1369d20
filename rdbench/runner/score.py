"""Rows for images that another program decoded: the same metrics, the same table."""

from __future__ import annotations

import functools
import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rdbench import returned
from rdbench.errors import RdbenchError
from rdbench.experiment import CodecPlan, Task
from rdbench.images import Dataset, ImageRef, pixel_sha256, resolve
from rdbench.images.loading import imagemagick
from rdbench.metrics import MetricRecord
from rdbench.results import RunDirectory
from rdbench.runner.decoded import DecodedPoint, no_images
from rdbench.runner.executor import Executor
from rdbench.runner.measure import Bench
from rdbench.runner.rows import Job, Settings, row
from rdbench.runner.run import Outcome, changed_metrics, found_of, untested_metrics
from rdbench.runner.tagging import retag
from rdbench.runner.told import plain_metrics

if TYPE_CHECKING:
    from rdbench.metrics import Scores
    from rdbench.sample_format import Image


@dataclass(frozen=True)
class ScoreJob(Job):
    """An image that another program decoded, to be scored."""

    entry: DecodedPoint | None = None


def score(
    originals: Dataset,
    points: Sequence[DecodedPoint],
    out: Path,
    *,
    codec: str,
    parameter: str,
    metrics: Sequence[MetricRecord],
    executor: Executor,
    color: str = "rgb",
    fresh: bool = False,
) -> Outcome:
    """Score decoded images into the run directory ``out``, as :func:`rdbench.runner.run` does.

    A decoded image has the name of the original, its file name, or the name under which a run keeps
    it, with the suffix of an image; or its name matches a pattern
    (:func:`rdbench.runner.decoded.find_points`). It must have the original's size and channels.
    Streams in a folder are named in the same way, with any suffix. If several files have the name,
    those that are neither images nor reports nor raw planes are the stream, and their sizes are
    added up; HEIC, AVIF and JPEG 2000 do not count as images if there is another one. Without a
    stream, the row has no size. A missing or unsuitable image gives a failed row. Scoring is cheap,
    so all images are scored again each time. Errors are those of :func:`rdbench.runner.run`.
    """
    experiment = {
        "codec": codec,
        "decoded": [{"point": entry.point, "folder": str(entry.decoded)} for entry in points],
        "datasets": {originals.name: [image.name for image in originals.images]},
        "metrics": [record.name for record in metrics],
        "color": color,
    }
    plan = CodecPlan("", codec, (), parameter, tuple(entry.point for entry in points), codec)
    names = tuple(record.name for record in metrics)
    cells = [(ref, entry) for ref in originals.images for entry in points]
    jobs = [
        ScoreJob(Task(index, ref, plan, entry.point, 0), names, entry=entry.of(ref.name))
        for index, (ref, entry) in enumerate(cells)
    ]
    settings = Settings(
        tuple(metrics),
        shared=executor.limits.share(len(jobs)),
        timeout_s=executor.limits.timeout_s,
        memory_mb=executor.limits.memory_mb,
        bench=f"{__name__}:Scorer",
    )
    with RunDirectory(out.absolute(), experiment, plain_metrics(metrics), fresh=fresh) as directory:
        outcome = Outcome(
            directory.path, [], replaced=changed_metrics(directory), notes=untested_metrics(metrics)
        )
        outcome.notes += filter(None, [originals.tags_not_there])
        outcome.notes += retag(directory.manifest, [originals])
        for answer in executor.run(jobs, settings):
            directory.append(row(answer.job, found_of(answer)))
            outcome.measured += 1
        outcome.rows = directory.finish({job.task.key: job.task.index for job in jobs})
        directory.write_manifest()
    return outcome


class Scorer(Bench):
    """Scores existing images."""

    def _do(self, job: Job, core: dict[str, Any]) -> tuple[Scores, bool]:
        assert isinstance(job, ScoreJob)
        assert job.entry is not None
        del core["timing"]
        ref = job.task.image
        original = self._load(ref)
        core.update(original.facts)
        file = _decoded(ref, job.entry)
        decoded = resolve(str(file), color=ref.color).images[0].load()
        if _turns(ref.path) and _is_unturned(decoded, original.pixels):
            raise RdbenchError(
                f"decoded image {str(file)!r} is not turned as the EXIF orientation of "
                f"{str(ref.path)!r} says; encode what "
                f"{imagemagick(ref.path.name, '{} -auto-orient')} makes of the original, or turn "
                "the decoded image"
            )
        decoded = returned.image(decoded, original.pixels)
        core["decoded_sha256"] = pixel_sha256(decoded)
        if job.entry.streams is not None:
            files, note = _stream(ref, job.entry)
            stream = b"".join(path.read_bytes() for path in files)
            core.update(
                size_bytes=len(stream),
                bpp=8 * len(stream) / (core["width"] * core["height"]),
                stream_sha256=hashlib.sha256(stream).hexdigest(),
                message=note,
            )
        return self._score(job, decoded, job.metrics), False


def _decoded(ref: ImageRef, entry: DecodedPoint) -> Path:
    """The one decoded image of an original."""
    files = entry.images.get(ref.name, ())
    where = f"in {str(entry.decoded)!r}"
    if not files:
        raise RdbenchError(
            f"no decoded image named {ref.name!r} {where}; give it the name of the original, "
            f"{ref.path.name!r}, or {ref.name!r} and the suffix of an image{entry.hint}"
        )
    if len(files) > 1:
        raise RdbenchError(f"more than one decoded image for {ref.name!r} {where}: {_names(files)}")
    return files[0]


def _stream(ref: ImageRef, entry: DecodedPoint) -> tuple[Sequence[Path], str]:
    """The files of an image's stream, and what the row says about them if there was a choice."""
    files = entry.parts.get(ref.name, ())
    where = f"in {str(entry.streams)!r}"
    if not files:
        raise RdbenchError(f"no stream named {ref.name!r} {where}")
    if len(files) == 1:
        return files, ""
    parts = no_images(files)
    if not parts:
        raise RdbenchError(f"more than one stream for {ref.name!r} {where}: {_names(files)}")
    if len(parts) == 1:
        return parts, f"the stream is {parts[0].name}, of {_names(files)}"
    return parts, f"the stream is {len(parts)} files added up: {_names(parts)}"


def _names(paths: Sequence[Path]) -> str:
    return ", ".join(path.name for path in paths[:5]) + (", ..." if len(paths) > 5 else "")


@functools.lru_cache(maxsize=1)
def _turns(path: Path) -> bool:
    """Whether the Orientation tag of an image file turns or mirrors it (EXIF 2.32, 4.6.4)."""
    import PIL.Image
    from PIL.ExifTags import Base

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with PIL.Image.open(path) as image:
                return image.getexif().get(Base.Orientation, 1) in range(2, 9)
        except PIL.Image.DecompressionBombError:
            return False


def _is_unturned(decoded: Image, original: Image) -> bool:
    """Whether a decoded image is nearer to the original turned or mirrored than as it is, or has
    its width for the height."""
    turned = [
        view[::down, ::right]
        for view in (original, original.swapaxes(0, 1))
        for down in (1, -1)
        for right in (1, -1)
    ]
    errors = [
        float(np.square(np.subtract(view, decoded, dtype=np.float32)).mean())
        if view.shape == decoded.shape
        else np.inf
        for view in turned
    ]
    return min(errors) < errors[0]
