"""Rows for images that some other program decoded: the same metrics, the same table."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rdbench.errors import RdbenchError, UnsupportedImageError, UsageError
from rdbench.images import Dataset, ImageRef, pixel_sha256, resolve
from rdbench.metrics import Reference
from rdbench.results import RunDirectory
from rdbench.runner.measure import check_decoded
from rdbench.runner.run import Outcome
from rdbench.schema import FAILED, UNSUPPORTED, Measurement, MeasurementKey, one_line


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
        raise UsageError(f"{str(decoded)!r} has a folder for each point; --point is not needed")
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


def score(
    originals: Dataset,
    points: Sequence[DecodedPoint],
    out: Path,
    *,
    codec: str,
    parameter: str,
    metrics: tuple[str, ...],
    color: str = "rgb",
    fresh: bool = False,
) -> Outcome:
    """Score decoded images into the run directory ``out``, as :func:`rdbench.runner.run` does.

    Images are cheap to score, so all are scored again each time; what ``out`` holds must be of
    the same originals, points and metrics. Errors are those of :func:`rdbench.runner.run`.
    """
    identity = {
        "codec": codec,
        "decoded": [{"point": entry.point, "folder": str(entry.decoded)} for entry in points],
        "datasets": {originals.name: [image.name for image in originals.images]},
        "metrics": list(metrics),
        "color": color,
    }
    with RunDirectory(out.absolute(), identity, fresh=fresh) as directory:
        order: dict[MeasurementKey, int] = {}
        for row in score_rows(originals, points, codec=codec, parameter=parameter, metrics=metrics):
            directory.append(row)
            order[row.key] = len(order)
        rows = directory.finish(order)
        directory.write_manifest()
    return Outcome(directory.path, rows, measured=len(rows))


def score_rows(
    originals: Dataset,
    points: Sequence[DecodedPoint],
    *,
    codec: str,
    parameter: str,
    metrics: tuple[str, ...],
) -> Iterator[Measurement]:
    """One row for each original and point, image by image.

    A decoded image is the file with the original's name and any suffix; it must have the
    original's size and channels. The stream, where a folder of them is given, is the file of the
    same name and any suffix; without it the row has no size. What is missing or unfit is a
    failed row.
    """
    base = Measurement(codec=codec, label=codec, parameter=parameter)
    for ref in originals.images:
        row = dataclasses.replace(base, dataset=ref.dataset, image=ref.name)
        original: _Original | RdbenchError
        try:
            original = _Original(ref, metrics)
            row = dataclasses.replace(row, **original.columns)
        except RdbenchError as error:
            original = error
        for entry in points:
            at_point = dataclasses.replace(row, point=entry.point)
            try:
                if isinstance(original, RdbenchError):
                    raise original
                yield dataclasses.replace(at_point, **original.compare(entry))
            except RdbenchError as error:
                status = UNSUPPORTED if isinstance(error, UnsupportedImageError) else FAILED
                yield dataclasses.replace(at_point, status=status, message=one_line(str(error)))


class _Original:
    """An original with its side of the metrics."""

    def __init__(self, ref: ImageRef, metrics: tuple[str, ...]) -> None:
        self.ref = ref
        self.pixels = ref.load()
        self.reference = Reference(self.pixels, metrics)

    @property
    def columns(self) -> dict[str, Any]:
        height, width, channels = self.pixels.shape
        return {
            "image_sha256": pixel_sha256(self.pixels),
            "height": height,
            "width": width,
            "channels": channels,
        }

    def compare(self, entry: DecodedPoint) -> dict[str, Any]:
        """The columns that a decoded image and its stream give."""
        file = _file_of(self.ref, entry.decoded, "decoded image")
        decoded = resolve(str(file), color=self.ref.color).images[0].load()
        check_decoded(decoded, self.pixels)
        scores = self.reference.score(decoded)
        columns: dict[str, Any] = {
            **scores.values,
            "decoded_sha256": pixel_sha256(decoded),
            "message": "; ".join(scores.notes),
        }
        if entry.streams is not None:
            stream = _file_of(self.ref, entry.streams, "stream").read_bytes()
            height, width, _ = self.pixels.shape
            columns.update(
                size_bytes=len(stream),
                bpp=8 * len(stream) / (width * height),
                stream_sha256=hashlib.sha256(stream).hexdigest(),
            )
        return columns


def _file_of(ref: ImageRef, folder: Path, kind: str) -> Path:
    """The one file of an image in a folder: its name, with any suffix."""
    stem = Path(ref.name).stem if Path(ref.name).suffix else ref.name
    found = (
        [
            path
            for path in sorted(folder.iterdir())
            if path.is_file() and path.name.partition(".")[0] in (ref.name, stem)
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
