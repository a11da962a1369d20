"""``compare``: what codecs made of one image, side by side."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rdbench.curves import RATE
from rdbench.curves.records import records_of
from rdbench.errors import RdbenchError, UsageError, unknown
from rdbench.manifest import read_metrics
from rdbench.metrics import MetricRecord
from rdbench.places import named
from rdbench.plots.draw import FORMATS, save
from rdbench.plots.figures import file_name
from rdbench.plots.pictures import Crop, Gallery, Tile, cut, widest_difference
from rdbench.results import measurements_path, read_rows
from rdbench.runner import Limits, LocalPool
from rdbench.runner.kept import read_png
from rdbench.runner.pictures import original_of, pictures
from rdbench.schema import OK, Measurement, point_text

if TYPE_CHECKING:
    from rdbench.sample_format import Image

WORST: Final = "worst"
WORST_SIDE: Final = 160
"""Of the crop that is found, in pixels."""
FAR: Final = 0.1
"""Relative distance in rate from what was asked for that is said."""


def compare(
    run: str | Path,
    image: str,
    *,
    at: Mapping[str, float],
    codecs: Sequence[str] = (),
    crop: Crop | str | None = None,
    metrics: Sequence[str] = (),
    title: str | None = None,
    out: str | Path | None = None,
    formats: Sequence[str] = ("png",),
    jobs: int | None = None,
    timeout_s: float = 600.0,
) -> list[Path]:
    """Draw an image and what codecs made of it at one rate or quality; ``rdbench compare``.

    Of each codec the point is shown that is nearest to what is asked for. Its decoded image is what
    the run kept; else the kept stream is decoded, or the codec is run again, and what comes out
    must be the image that was measured, by its SHA-256.

    Args:
        run: the run directory.
        image: its name, which may begin with that of its dataset: ``kodak/kodim21``.
        at: ``{"bpp": 0.15}``, or the value of a metric.
        codecs: labels of curves, or codecs; all of the run by default.
        crop: left, top, width and height in pixels, or ``"worst"`` for the square of 160 px in
            which two of the decoded images differ most; None for the whole image.
        metrics: whose values stand below; those of the run by default.
        title: what stands above; the image and what was asked for by default, ``""`` for nothing.
        out: the folder of the figures; ``plots`` in the run directory by default.
        formats: of ``"png"``, ``"pdf"`` and ``"svg"``.
        jobs: worker processes, as :func:`rdbench.run`.
        timeout_s: the time that one decoding, or coding, may take.

    Returns:
        The paths of the files.

    Raises:
        UsageError: for names that are unknown, and where nothing was measured of an image.
        RdbenchError: where a decoded image cannot be had again.
    """
    for kind in formats:
        if kind not in FORMATS:
            raise unknown("format", kind, FORMATS)
    if len(at) != 1:
        raise UsageError("say at which rate or value of one metric to compare (`at`)")
    ((column, wanted),) = at.items()
    path = measurements_path(run).parent
    rows = _rows(path, image)
    chosen = [_nearest(own, column, wanted) for own in _by_codec(rows, codecs).values()]
    columns = _shown(metrics, chosen)
    records = records_of(columns, read_metrics(path))
    shown = [records[name] if name in records else MetricRecord(name) for name in columns]
    reference = original_of(path, chosen[0]).load()
    decoded = _decoded(path, chosen, jobs, timeout_s)
    found = _crop(crop, decoded)
    gallery = Gallery(
        name=_name(chosen[0], column, wanted) + ("_crop" if found else ""),
        title=f"{chosen[0].dataset}, {chosen[0].image}" if title is None else title,
        subtitle=f"the points nearest to {_asked(column, wanted)}",
        tiles=(
            Tile(cut(reference, found), ("original",)),
            *(
                Tile(cut(pixels, found), _lines(row, shown))
                for pixels, row in zip(decoded, chosen, strict=True)
            ),
        ),
        whole=reference if found else None,
        crop=found,
        notes=tuple(_far(chosen, wanted)) if column == RATE else (),
    )
    return save(gallery, named(out) if out is not None else path / "plots", formats)


def _rows(path: Path, image: str) -> list[Measurement]:
    """The good rows of an image."""
    good = [row for row in read_rows(path) if row.status == OK and not row.repeat]
    own = [row for row in good if image in (row.image, f"{row.dataset}/{row.image}")]
    if not own:
        raise unknown("image", image, {row.image for row in good})
    if len(datasets := {row.dataset for row in own}) > 1:
        names = " or ".join(f"{dataset}/{image}" for dataset in sorted(datasets))
        raise UsageError(f"the image {image!r} is in several datasets: say {names}")
    return own


def _by_codec(rows: Sequence[Measurement], wanted: Sequence[str]) -> dict[str, list[Measurement]]:
    """The rows of each curve that is wanted, in that order."""
    curves: dict[str, list[Measurement]] = {}
    for row in rows:
        curves.setdefault(row.label or row.codec, []).append(row)
    found: dict[str, list[Measurement]] = {}
    for name in wanted or curves:
        labels = (
            [name] if name in curves else [k for k, own in curves.items() if own[0].codec == name]
        )
        if not labels:
            raise unknown("curve", name, curves)
        found |= {label: curves[label] for label in labels}
    return found


def _value(row: Measurement, column: str) -> float | None:
    return row.bpp if column == RATE else row.scores.get(column)


def _nearest(rows: Sequence[Measurement], column: str, wanted: float) -> Measurement:
    there = [(value, row) for row in rows if (value := _value(row, column)) is not None]
    if not there:
        known = {RATE, *(name for row in rows for name in row.scores)}
        if column not in known:
            raise unknown("metric", column, known)
        raise UsageError(f"{rows[0].label!r} has no {column} of {rows[0].image!r}")
    if column != RATE:
        return min(there, key=lambda pair: abs(pair[0] - wanted))[1]
    if not wanted > 0:
        raise UsageError(f"a rate of {wanted:g} bit/px is not above 0")
    return min(there, key=lambda pair: abs(math.log(pair[0] / wanted)))[1]


def _shown(asked: Sequence[str], rows: Sequence[Measurement]) -> list[str]:
    there = list(dict.fromkeys(name for row in rows for name in row.scores))
    for name in asked:
        if name not in there:
            raise unknown("metric", name, there)
    return list(asked) or [name for name in there if name != "mse"]


def _decoded(
    path: Path, rows: Sequence[Measurement], jobs: int | None, timeout_s: float
) -> list[Image]:
    with (
        tempfile.TemporaryDirectory(prefix="rdbench-") as folder,
        LocalPool(Limits.of_machine(min(jobs or len(rows), len(rows)), timeout_s)) as pool,
    ):
        names = {row.key: Path(folder, f"{number}.png") for number, row in enumerate(rows)}
        found = pictures(path, rows, lambda row: names[row.key], executor=pool)
        for picture in found:
            if picture.reason:
                raise RdbenchError(f"{picture.row.label}: {picture.reason}")
        return [read_png(picture.path, picture.row.decoded_sha256) for picture in found]


def _crop(asked: Crop | str | None, decoded: Sequence[Image]) -> Crop | None:
    if asked == WORST:
        if len(decoded) < 2:
            raise UsageError("a crop where codecs differ most needs two of them")
        return widest_difference(decoded, WORST_SIDE, WORST_SIDE)
    if isinstance(asked, str):
        raise UsageError(f"the crop {asked!r} is not {WORST!r}, and not x, y, width, height")
    return asked


def _lines(row: Measurement, records: Sequence[MetricRecord]) -> tuple[str, ...]:
    rate = "" if row.bpp is None else f"{row.bpp:.4f} bit/px, "
    parts = [f"{record.label} {_number(row.scores.get(record.name), record)}" for record in records]
    pairs = [", ".join(parts[place : place + 2]) for place in range(0, len(parts), 2)]
    return (row.label or row.codec, f"{rate}{row.parameter} {point_text(row.point)}", *pairs)


def _number(value: float | None, record: MetricRecord) -> str:
    if value is None:
        return "-"
    return f"{value:.2f} {record.unit}" if record.unit else f"{value:.4g}"


def _asked(column: str, wanted: float) -> str:
    return f"{wanted:g} bit/px" if column == RATE else f"{column} {wanted:g}"


def _name(row: Measurement, column: str, wanted: float) -> str:
    """The stem of the figure's file: ``kodak_kodim21_bpp-0.15``."""
    return file_name(row.dataset, f"{row.image}_{column}-{wanted:g}")


def _far(rows: Sequence[Measurement], wanted: float) -> Iterator[str]:
    """What is said of rows whose rate is not what was asked for."""
    for row in rows:
        if row.bpp and abs(math.log(row.bpp / wanted)) > FAR:
            away = 100 * (row.bpp / wanted - 1)
            yield f"{row.label}: its nearest point has {row.bpp:.4f} bit/px, {away:+.0f} %"
