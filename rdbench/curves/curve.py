"""Rows -> curves: one codec's points averaged over a dataset."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from rdbench.bd import averages
from rdbench.schema import COLUMNS, OK, Measurement, one_line, point_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

RATE: Final = "bpp"
TIMES: Final = ("encode_s", "decode_s")
# What is averaged: all numbers but those that say which measurement it is.
NUMBERS: Final = tuple(
    column.name
    for column in COLUMNS
    if column.type is not str
    and column.name not in {"width", "height", "channels", "point", "repeat"}
)


@dataclass(frozen=True, eq=False)
class Curve:
    """One codec with one set of options on one dataset, from low to high mean rate.

    A curve that was published only as means over a dataset has no ``images``, one row in each
    of its ``values``, and says in ``mean_of`` over how many images the means are.
    """

    dataset: str
    label: str
    codec: str
    options: str
    parameter: str
    points: tuple[float, ...]
    """Values of the rate parameter, by increasing mean rate."""
    images: tuple[str, ...]
    """The images with an ok row at all points, by name."""
    values: Mapping[str, Array]
    """Column name to float64 (images, points); NaN where a cell is empty. Repeats are merged:
    the median of times, the first of everything else."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Images that are not used, each with the reason."""
    lost_points: tuple[float, ...] = ()
    """Points without an ok row for any image."""
    channels: tuple[int, ...] = ()
    versions: tuple[str, ...] = ()
    timing: str = ""
    """``isolated`` or ``shared`` where all times are, ``mixed`` otherwise."""
    source: Literal["measured", "published"] = "measured"
    origin: str = ""
    """Where a published curve is from."""
    known_issue: str = ""
    """What is known against a published curve."""
    mean_of: int = 0

    @property
    def title(self) -> str:
        """The label as figures and tables show it."""
        return f"{self.label} (published)" if self.source == "published" else self.label

    @property
    def image_count(self) -> int:
        return self.mean_of or len(self.images)

    def images_with(self, column: str) -> tuple[str, ...]:
        """The images that have ``column`` at all points."""
        table = self.values[column]
        return tuple(
            image for row, image in enumerate(self.images) if not np.isnan(table[row]).any()
        )

    def of_images(self, column: str, images: Sequence[str]) -> Array:
        """Values (len(images), points) of ``column`` for some of :attr:`images`, in their order."""
        place = {image: row for row, image in enumerate(self.images)}
        return self.values[column][[place[image] for image in images]]

    def mean(
        self, column: str, averaging: str = "mean", images: Sequence[str] | None = None
    ) -> Array:
        """Means (points,) of ``column`` over ``images``, or over those that have it at all points.

        ``averaging="pooled"`` turns columns in dB into the PSNR of the mean MSE and the dB of
        the mean MS-SSIM (see :func:`rdbench.bd.averages`); other columns it leaves as they are.
        NaN where no image has the column, or a published curve does not tell this average.
        """
        averaging = averaging_of(column, averaging)
        if self.mean_of and averaging == "mean":
            return np.asarray(self.values[column][0])
        if self.mean_of and column == "ms_ssim_db":
            return np.asarray(-10 * np.log10(1 - self.values["ms_ssim"][0]))
        used = () if self.mean_of else self.images_with(column) if images is None else images
        if not used:
            return np.full(len(self.points), np.nan)
        return averages(self.of_images(column, used), averaging)


def averaging_of(column: str, averaging: str) -> str:
    """The averaging that a column gets when ``averaging`` is asked for: only decibels pool."""
    return averaging if column.endswith("_db") else "mean"


def curves_of(rows: Iterable[Measurement]) -> list[Curve]:
    """The curves of measurements, in the order of their first rows.

    A curve is what shares dataset, label, codec and options. It uses the images with an ok row
    at all of its points; points at which no image has one are left out first, and named.
    """
    groups: dict[tuple[str, str, str, str], list[Measurement]] = {}
    for row in rows:
        groups.setdefault((row.dataset, row.label, row.codec, row.options), []).append(row)
    return [_curve(group) for group in groups.values()]


def load_curves(paths: Sequence[str | Path]) -> list[Curve]:
    """The curves of runs (directories or CSV files), with labels that tell them apart.

    Curves of one dataset and label are told apart by their run, or within a run by their options.
    Raises :class:`rdbench.errors.UsageError` where there are no measurements.
    """
    from rdbench.results import read_rows

    named = [
        (Path(path).resolve(), curve) for path in paths for curve in curves_of(read_rows(path))
    ]
    several: dict[tuple[str, str], list[Path]] = {}
    for run, curve in named:
        several.setdefault((curve.dataset, curve.label), []).append(run)
    curves = []
    for run, curve in named:
        runs = several[curve.dataset, curve.label]
        label = curve.label
        if runs.count(run) > 1:
            label += f" [{curve.options}]"
        if len(set(runs)) > 1:
            label += f" ({_run_name(run, runs)})"
        curves.append(dataclasses.replace(curve, label=label))
    return curves


def _run_name(run: Path, runs: Sequence[Path]) -> str:
    """The shortest end of a run's path that no other run's path has."""
    for length in range(1, len(run.parts)):
        name = run.parts[-length:]
        if not any(other != run and other.parts[-length:] == name for other in runs):
            return "/".join(name)
    return str(run)


def _curve(rows: Sequence[Measurement]) -> Curve:
    first = rows[0]
    ok: dict[tuple[str, float], list[Measurement]] = {}
    for row in sorted(rows, key=lambda row: row.repeat):
        if row.status == OK:
            ok.setdefault((row.image, row.point), []).append(row)
    all_points = sorted({row.point for row in rows})
    measured = {point for _, point in ok}
    left_out, images = {}, []
    for image in sorted({row.image for row in rows}):
        missing = [point for point in all_points if point in measured and (image, point) not in ok]
        if missing or not measured:
            left_out[image] = _reason(rows, image, missing or all_points)
        else:
            images.append(image)
    points = [point for point in all_points if point in measured] if images else []
    values = {
        column: np.array(
            [[_merged(ok[image, point], column) for point in points] for image in images],
            dtype=np.float64,
        ).reshape(len(images), len(points))
        for column in NUMBERS
    }
    order = np.argsort(values[RATE].mean(axis=0), kind="stable") if images else np.arange(0)
    used = [row for image in images for point in points for row in ok[image, point]]
    timings = {row.timing for row in used}
    return Curve(
        dataset=first.dataset,
        label=first.label or first.codec,
        codec=first.codec,
        options=first.options,
        parameter=first.parameter,
        points=tuple(points[place] for place in order),
        images=tuple(images),
        values={column: table[:, order] for column, table in values.items()},
        left_out=left_out,
        lost_points=tuple(point for point in all_points if point not in measured),
        channels=tuple(sorted({row.channels for row in used if row.channels is not None})),
        versions=tuple(sorted({row.codec_version for row in used})),
        timing="mixed" if len(timings) > 1 else "".join(timings),
    )


def _merged(repeats: Sequence[Measurement], column: str) -> float:
    values = [value for row in repeats if (value := getattr(row, column)) is not None]
    if not values:
        return float("nan")
    return float(statistics.median(values) if column in TIMES else values[0])


def _reason(rows: Sequence[Measurement], image: str, points: Sequence[float]) -> str:
    """Why an image is not used: its first row that is not ok, or that it has none."""
    for row in rows:
        if row.image == image and row.point in points:
            where = f"{row.status} at {row.parameter} {point_text(row.point)}"
            return one_line(f"{where}: {row.message}" if row.message else where, 200)
    return f"not measured at {rows[0].parameter} {', '.join(point_text(p) for p in points)}"
