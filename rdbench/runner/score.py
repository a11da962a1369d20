"""Rows for images that some other program decoded: the same metrics, the same table."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rdbench import returned
from rdbench.errors import RdbenchError, UsageError
from rdbench.experiment import CodecPlan, Task
from rdbench.images import Dataset, ImageRef, pixel_sha256, resolve
from rdbench.metrics import MetricRecord
from rdbench.results import RunDirectory
from rdbench.runner import kept
from rdbench.runner.measure import Bench
from rdbench.runner.pool import LocalPool
from rdbench.runner.rows import Job, Settings, row
from rdbench.runner.run import Outcome, changed_metrics, found_of, plain_metrics

if TYPE_CHECKING:
    from rdbench.metrics import Scores


@dataclass(frozen=True)
class DecodedPoint:
    """One point of the program: where its decoded images and, if kept, its streams are."""

    point: float
    decoded: Path
    streams: Path | None


def find_points(decoded: Path, streams: Path | None, point: float | None) -> list[DecodedPoint]:
    """The points of a folder of decoded images.

    Images directly in ``decoded`` are one point, ``point`` (0 if None). Otherwise each of its
    subfolders is one, named by the number that it ends with (``50``, ``q50``, ``qp-37.5``);
    ``streams`` then has the same subfolders. Raises :class:`UsageError` for any other layout.
    """
    if not decoded.is_dir():
        raise UsageError(f"{str(decoded)!r} is not a folder of decoded images")
    if streams is not None and not streams.is_dir():
        raise UsageError(f"{str(streams)!r} is not a folder of streams")
    folders = sorted(path for path in decoded.iterdir() if path.is_dir())
    if any(path.is_file() for path in decoded.iterdir()) or not folders:
        return [DecodedPoint(0.0 if point is None else point, decoded, streams)]
    if point is not None:
        raise UsageError(f"{str(decoded)!r} has a folder for each point; `point` is not needed")
    points = []
    for folder in folders:
        number = re.search(r"\d+(\.\d+)?$", folder.name)
        if number is None:
            raise UsageError(
                f"folder {str(folder)!r}: its name must end with the point's number, as in 'q50'"
            )
        points.append(
            DecodedPoint(float(number[0]), folder, streams / folder.name if streams else None)
        )
    if len({entry.point for entry in points}) < len(points):
        raise UsageError(f"two folders in {str(decoded)!r} end with the same number")
    return points


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
    pool: LocalPool,
    color: str = "rgb",
    fresh: bool = False,
) -> Outcome:
    """Score decoded images into the run directory ``out``, as :func:`rdbench.runner.run` does.

    A decoded image is the file with the original's name and any suffix, or with the name under
    which a run keeps it; it must have the original's size and channels. The stream, where a folder
    of them is given, is the file of the same name and any suffix; without it the row has no size.
    What is missing or unfit is a failed row. Images are cheap to score, so all are scored again
    each time. Errors are those of :func:`rdbench.runner.run`.
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
        ScoreJob(Task(index, ref, plan, entry.point, 0), names, entry=entry)
        for index, (ref, entry) in enumerate(cells)
    ]
    settings = Settings(
        tuple(metrics),
        shared=pool.limits.jobs > 1,
        timeout_s=pool.limits.timeout_s,
        memory_mb=pool.limits.memory_mb,
        bench=f"{__name__}:Scorer",
    )
    with RunDirectory(out.absolute(), experiment, plain_metrics(metrics), fresh=fresh) as directory:
        outcome = Outcome(directory.path, [], replaced=changed_metrics(directory))
        for answer in pool.run(jobs, settings):
            directory.append(row(answer.job, found_of(answer)))
            outcome.measured += 1
        outcome.rows = directory.finish({job.task.key: job.task.index for job in jobs})
        directory.write_manifest()
    return outcome


class Scorer(Bench):
    """Scores images that are there already."""

    def _do(self, job: Job, core: dict[str, Any]) -> tuple[Scores, bool]:
        assert isinstance(job, ScoreJob)
        assert job.entry is not None
        del core["timing"]
        ref = job.task.image
        original = self._load(ref)
        core.update(original.facts)
        file = _file_of(ref, job.entry.decoded, "decoded image")
        decoded = resolve(str(file), color=ref.color).images[0].load()
        decoded = returned.image(decoded, original.pixels)
        core["decoded_sha256"] = pixel_sha256(decoded)
        if job.entry.streams is not None:
            stream = _file_of(ref, job.entry.streams, "stream").read_bytes()
            core.update(
                size_bytes=len(stream),
                bpp=8 * len(stream) / (core["width"] * core["height"]),
                stream_sha256=hashlib.sha256(stream).hexdigest(),
            )
        return self._score(job, decoded, job.metrics), False


def _file_of(ref: ImageRef, folder: Path, kind: str) -> Path:
    """The one file of an image in a folder: its name, or that under which a run keeps it, with any
    suffix."""
    stem = Path(ref.name).stem if Path(ref.name).suffix else ref.name
    kept_as = kept.image_slug(ref)
    found = (
        [
            path
            for path in sorted(folder.iterdir())
            if path.is_file()
            and (path.name.partition(".")[0] in (ref.name, stem) or path.stem == kept_as)
        ]
        if folder.is_dir()
        else []
    )
    if not found:
        raise RdbenchError(f"no {kind} named {ref.name!r} in {str(folder)!r}")
    if len(found) > 1:
        names = ", ".join(path.name for path in found[:3])
        raise RdbenchError(f"more than one {kind} for {ref.name!r} in {str(folder)!r}: {names}")
    return found[0]
