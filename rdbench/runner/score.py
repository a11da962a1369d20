"""Rows for images that some other program decoded: the same metrics, the same table."""

from __future__ import annotations

import functools
import hashlib
import os
import re
import unicodedata
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rdbench import returned
from rdbench.errors import RdbenchError, UsageError
from rdbench.experiment import CodecPlan, Task
from rdbench.images import Dataset, ImageRef, pixel_sha256, resolve
from rdbench.images.dataset import STREAM_SUFFIXES, SUFFIXES
from rdbench.images.loading import imagemagick
from rdbench.metrics import MetricRecord
from rdbench.results import RunDirectory
from rdbench.runner import kept
from rdbench.runner.measure import Bench
from rdbench.runner.pool import LocalPool
from rdbench.runner.rows import Job, Settings, row
from rdbench.runner.run import Outcome, changed_metrics, found_of, plain_metrics
from rdbench.schema import NUMBER_IN_NAME

if TYPE_CHECKING:
    from rdbench.metrics import Scores
    from rdbench.sample_format import Image

_POINT: Final = re.compile(f"{NUMBER_IN_NAME}$")


@dataclass(frozen=True)
class DecodedPoint:
    """One point of the program: where its decoded images and, if kept, its streams are."""

    point: float
    decoded: Path
    streams: Path | None


def find_points(decoded: Path, streams: Path | None, point: float | None) -> list[DecodedPoint]:
    """The points of a folder of decoded images.

    Images directly in ``decoded`` are one point, ``point`` (0 if None). Otherwise each of its
    subfolders is one, named by the number that it ends with (``50``, ``q50``, ``qp-37.5``,
    ``v1.2-q50``, ``lambda1e-05``); ``streams`` then has the same subfolders. Hidden folders, and
    files that are no images, are passed over. Raises :class:`UsageError` for any other layout.
    """
    if not decoded.is_dir():
        raise UsageError(f"{str(decoded)!r} is not a folder of decoded images")
    if streams is not None and not streams.is_dir():
        raise UsageError(f"{str(streams)!r} is not a folder of streams")
    entries = [path for path in sorted(decoded.iterdir()) if not path.name.startswith(".")]
    folders = [path for path in entries if path.is_dir()]
    if any(path.is_file() and _is_image(path) for path in entries) or not folders:
        return [DecodedPoint(0.0 if point is None else point, decoded, streams)]
    if point is not None:
        raise UsageError(f"{str(decoded)!r} has a folder for each point; `point` is not needed")
    points = []
    for folder in folders:
        number = _POINT.search(folder.name)
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
    decoded: tuple[Path, ...] = ()
    """The files in the folder of decoded images that are named as the image."""
    streams: tuple[Path, ...] = ()
    """The same in the folder of streams."""


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

    A decoded image is the file that has the name of the original, its file name, or the name under
    which a run keeps it, and the suffix of an image; it must have the original's size and channels.
    The stream, where a folder of them is given, is named in the same way, with any suffix. Of
    several such files those that are no images are the stream, and count together; HEIC, AVIF and
    JPEG 2000 are no images beside one of another kind. Without a stream the row has no size.
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
    folders = {path for entry in points for path in (entry.decoded, entry.streams) if path}
    found = {folder: _files(originals.images, folder) for folder in folders}
    jobs = [
        ScoreJob(
            Task(index, ref, plan, entry.point, 0),
            names,
            entry=entry,
            decoded=tuple(_images(found[entry.decoded][ref.name])),
            streams=tuple(found[entry.streams][ref.name]) if entry.streams else (),
        )
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
        file = _decoded(ref, job)
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
            files, note = _stream(ref, job)
            stream = b"".join(path.read_bytes() for path in files)
            core.update(
                size_bytes=len(stream),
                bpp=8 * len(stream) / (core["width"] * core["height"]),
                stream_sha256=hashlib.sha256(stream).hexdigest(),
                message=note,
            )
        return self._score(job, decoded, job.metrics), False


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES


def _images(paths: Iterable[Path]) -> list[Path]:
    """Those of some files of one name that are decoded images, and no streams."""
    images = [path for path in paths if _is_image(path)]
    return [path for path in images if path.suffix.lower() not in STREAM_SUFFIXES] or images


def _files(images: Sequence[ImageRef], folder: Path) -> defaultdict[str, list[Path]]:
    """The files in a folder that are named as one of the images, by the name of the image.

    A file belongs to one image at most: that whose file name it has; else that whose name (as the
    dataset has it), file name or name in a run directory it has, but for one suffix.
    """
    names = {ref.name: ref.name for ref in images}
    originals = {_beside(ref.name, _text(ref.path.name)): ref.name for ref in images}
    slugs = {kept.image_slug(ref): ref.name for ref in images}
    found = defaultdict(list)
    for path, name in _listed(images, folder):
        stem = name.removesuffix(path.suffix)
        owners = (
            originals.get(name),
            None if _is_image(path) else names.get(name),  # a stream without any suffix
            names.get(stem),
            originals.get(stem),
            slugs.get(stem),
        )
        if owner := next(filter(None, owners), None):
            found[owner].append(path)
    return found


def _listed(images: Sequence[ImageRef], folder: Path) -> Iterator[tuple[Path, str]]:
    """The files in a folder, and in those of its subfolders that names of images speak of, each
    with its name below the folder."""
    inner = {str(PurePosixPath(ref.name).parent) for ref in images}
    for below in sorted(inner | {"."}):
        place = folder / below
        try:
            paths = sorted(place.iterdir()) if place.is_dir() else []
        except OSError as error:
            raise UsageError(f"folder {str(place)!r} cannot be listed: {error.strerror}") from None
        for path in paths:
            if path.is_file():
                yield path, _beside(f"{below}/", _text(path.name))


def _beside(name: str, other: str) -> str:
    """``other`` in the folder that ``name`` is in."""
    return str(PurePosixPath(name.rpartition("/")[0]) / other)


def _text(name: str) -> str:
    """A file name as the names of a dataset's images are written."""
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return unicodedata.normalize("NFC", text)


def _decoded(ref: ImageRef, job: ScoreJob) -> Path:
    """The one decoded image of an original."""
    assert job.entry is not None
    where = f"in {str(job.entry.decoded)!r}"
    if not job.decoded:
        raise RdbenchError(
            f"no decoded image named {ref.name!r} {where}; give it the name of the original, "
            f"{ref.path.name!r}, or {ref.name!r} and the suffix of an image"
        )
    if len(job.decoded) > 1:
        names = _names(job.decoded)
        raise RdbenchError(f"more than one decoded image for {ref.name!r} {where}: {names}")
    return job.decoded[0]


def _stream(ref: ImageRef, job: ScoreJob) -> tuple[Sequence[Path], str]:
    """The files of an image's stream, and what the row says of them where there was a choice."""
    assert job.entry is not None
    where = f"in {str(job.entry.streams)!r}"
    files = job.streams
    if not files:
        raise RdbenchError(f"no stream named {ref.name!r} {where}")
    if len(files) == 1:
        return files, ""
    parts = [path for path in files if path not in _images(files)]
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
