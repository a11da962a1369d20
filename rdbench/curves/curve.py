"""Rows -> curves: one codec's points averaged over a dataset."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from rdbench.bd import averages
from rdbench.curves.records import distance_from_one, records_of
from rdbench.measurements import Measurements
from rdbench.sample_format import COLOR_TEXTS
from rdbench.schema import COLUMNS, CORE, OK, Measurement, one_line, point_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rdbench.curves.told import NetworkCosts
    from rdbench.images.tags import Tags
    from rdbench.measurements import Rows
    from rdbench.metrics import MetricRecord

    Array = NDArray[np.float64]

RATE: Final = "bpp"
CURVE: Final = ("dataset", "label", "codec", "options")
"""What the rows of a curve have in common."""
TIMES: Final = (
    *("encode_s", "decode_s", "encode_cpu_s", "decode_cpu_s"),
    *("encode_transform_s", "decode_transform_s"),
)
# What is averaged of the core: all numbers but those that say which measurement it is.
NUMBERS: Final = tuple(
    column.name
    for column in COLUMNS
    if column.type is not str
    and column.name not in {"width", "height", "channels", "point", "repeat"}
)


@dataclass(frozen=True, eq=False)
class Curve:
    """One codec with one set of options on one dataset, from low to high mean rate.

    A curve that was published only as means over a dataset has no ``images``, one row in each of
    its ``values``, and gives in ``mean_of`` the number of images.
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
    """Column name, of the core or of a metric, to float64 (images, points); NaN where a cell is
    empty. Repeats are merged: the median of times, the first of everything else."""
    records: Mapping[str, MetricRecord] = field(default_factory=dict)
    """Records of the metrics that have a column, as far as they are known."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Images that are not used, each with the reason."""
    lost_points: tuple[float, ...] = ()
    """Points for which no image has an ok row."""
    channels: tuple[int, ...] = ()
    colors: tuple[str, ...] = ()
    """What was measured of its images, as far as known: rgb, gray, luma."""
    hashes: Mapping[str, str] = field(default_factory=dict)
    """The SHA-256 of the samples of its images, as far as known."""
    tags: Tags = field(default_factory=dict)
    """The tags of its images, if they have any."""
    network_costs: NetworkCosts = field(default_factory=dict)
    """The networks of a learned codec by point and number of channels, as far as known."""
    effort: str = ""
    """The option that trades the encoder's time for rate, where its codec is known to have one."""
    versions: tuple[str, ...] = ()
    timing: str = ""
    """``pinned``, ``isolated`` or ``shared`` if all times are, otherwise ``mixed``."""
    hosts: tuple[str, ...] = ()
    """The machines that measured it, as far as known."""
    devices: tuple[str, ...] = ()
    source: Literal["measured", "published"] = "measured"
    origin: str = ""
    """The source of a published curve."""
    description: str = ""
    """The publisher's remark on a published curve."""
    known_issue: str = ""
    """Known issues of a published curve."""
    rate_is: str = ""
    """What the rate of a published curve is: a key of :data:`rdbench.curves.published.RATES`; empty
    for a measured curve, whose rate counts whole files."""
    mean_of: int = 0
    row_label: str = ""
    """Its label in the rows, if :attr:`label` says more."""
    given_name: str = ""
    """Its name given by the user (``--labels``)."""

    @property
    def options_by_name(self) -> dict[str, str]:
        """Its options; a value that holds a ``;`` is cut off there."""
        parts = (part.partition("=") for part in self.options.split(";"))
        return {name: value for name, equals, value in parts if equals}

    @property
    def effort_text(self) -> str:
        """Its effort, such as ``speed=4``; empty if unknown."""
        value = self.options_by_name.get(self.effort, "")
        return f"{self.effort}={value}" if value else ""

    @property
    def title(self) -> str:
        """Its name in figures and tables: :attr:`name`, or else its label."""
        if self.given_name:
            return self.given_name
        return f"{self.label} (published)" if self.source == "published" else self.label

    @property
    def color(self) -> str:
        """What was measured of its images, gray ones aside: ``luma`` or ``rgb``; ``gray`` if all
        are gray, empty if unknown."""
        return next((color for color in COLOR_TEXTS if color in self.colors), "")

    @property
    def color_text(self) -> str:
        """The same for titles. Publishers do not say which luma they mean."""
        named = {**COLOR_TEXTS, "luma": "luma"} if self.source == "published" else COLOR_TEXTS
        return named.get(self.color, "")

    @property
    def image_count(self) -> int:
        return self.mean_of or len(self.images)

    @property
    def machines(self) -> tuple[str, ...]:
        """Where its times were taken: its hosts, with their devices if there are several."""
        if len(self.devices) < 2:
            return self.hosts or self.devices
        return (*self.hosts, *self.devices)

    @property
    def scores(self) -> tuple[str, ...]:
        """The columns of metrics."""
        return tuple(column for column in self.values if column not in CORE)

    def images_with(self, column: str) -> tuple[str, ...]:
        """The images that have ``column`` at all points, without :meth:`lossless_images`."""
        if column not in self.values:
            return ()
        lossless = self.lossless_images(column)
        whole = itertools.compress(self.images, _whole(self.values[column]))
        return tuple(image for image in whole if image not in lossless)

    def lossless_images(self, column: str) -> tuple[str, ...]:
        """The images whose ``column`` is infinite at half of the points or more, such as the PSNR
        of a flat image: they would make every mean infinite. Points at which it is infinite for all
        images do not count. At other points, an infinite mean is left as it is."""
        infinite = np.isinf(self.values[column])
        infinite = infinite[:, ~infinite.all(axis=0)]
        often = 2 * infinite.sum(axis=1) >= max(infinite.shape[1], 1)
        return tuple(itertools.compress(self.images, often))

    def capped(self, cap_db: float) -> Curve:
        """The curve with its scores in decibels limited to ``cap_db``."""
        scores = {
            name: np.minimum(self.values[name], cap_db)
            for name, record in self.records.items()
            if record.unit == "dB" and name in self.values
        }
        return dataclasses.replace(self, values={**self.values, **scores})

    def of_images(self, column: str, images: Sequence[str]) -> Array:
        """Values (len(images), points) of ``column`` for some of :attr:`images`, in their order."""
        place = {image: row for row, image in enumerate(self.images)}
        return self.values[column][[place[image] for image in images]]

    def mean(self, column: str, images: Sequence[str] | None = None) -> Array:
        """Means (points,) of ``column`` over ``images``, by default those that have it at all
        points; NaN if no image has it."""
        if self.mean_of:
            return np.asarray(self.values[column][0] if column in self.values else self._nothing)
        used = self.images_with(column) if images is None else images
        return averages(self.of_images(column, used)) if used else self._nothing

    def quality(
        self, metric: MetricRecord, averaging: str = "mean", images: Sequence[str] | None = None
    ) -> Array:
        """Means (points,) of a metric over images, as :meth:`mean`.

        For a metric in decibels, ``averaging="pooled"`` averages the underlying quantity first,
        such as the PSNR of the mean MSE (see :func:`rdbench.bd.averages`); other metrics are
        unaffected. NaN if a published curve does not give this average.
        """
        return metric.sign * self.gain(metric, averaging, images)

    def gain(
        self, metric: MetricRecord, averaging: str = "mean", images: Sequence[str] | None = None
    ) -> Array:
        """:meth:`quality` with the sign at which more is better, as deltas need it."""
        averaging = metric.averaging(averaging)
        if averaging == "mean":
            return metric.sign * self.mean(metric.name, images)
        if self.mean_of:
            linear = distance_from_one(metric)
            return np.asarray(-10 * np.log10(1 - self.mean(linear))) if linear else self._nothing
        used = self.images_with(metric.name) if images is None else images
        return averages(self.gains(metric, used), averaging) if used else self._nothing

    def gains(self, metric: MetricRecord, images: Sequence[str]) -> Array:
        """:meth:`of_images` of a metric with the sign at which more is better."""
        return metric.sign * self.of_images(metric.name, images)

    @property
    def _nothing(self) -> Array:
        return np.full(len(self.points), np.nan)


def common_images(curves: Iterable[Curve], column: str) -> tuple[str, ...]:
    """The images that all of the curves have with rate and ``column`` at all points, by name.
    Images of one name whose samples differ, by their SHA-256, are different images."""
    curves = list(curves)
    sets = ({*curve.images_with(name)} for curve in curves for name in (RATE, column))
    names = set.intersection(*sets)
    told = ((name, {curve.hashes.get(name, "") for curve in curves} - {""}) for name in names)
    return tuple(sorted(name for name, hashes in told if len(hashes) < 2))


def other_samples(one: Curve, other: Curve) -> bool:
    """Whether no image of the two curves can be the same: gray or luma in one, color in the other;
    or where one is published, which tells no samples, luma in one and gray in the other."""
    if one.source == other.source == "measured" or not (one.colors and other.colors):
        return bool(one.channels and other.channels and not {*one.channels} & {*other.channels})
    return not {*one.colors} & {*other.colors}


def curves_of(
    rows: Iterable[Measurement] | Measurements, metrics: Mapping[str, MetricRecord] | None = None
) -> list[Curve]:
    """The curves of measurements, in the order of their first rows. Rows of one curve share
    dataset, label, codec and options. A curve uses the images with an ok row at all of its points;
    points without an ok row for any image are left out first, and named. ``metrics``: the records
    stored with the measurements.
    """
    table = rows if isinstance(rows, Measurements) else Measurements.of(rows)
    records = records_of(table.metrics, metrics)
    return [
        dataclasses.replace(curve_of(table, group), records=records)
        for group in table.groups(CURVE)
    ]


def curve_of(table: Measurements, rows: Rows) -> Curve:
    """The curve that some rows of a table are."""
    first = {name: texts[rows[0]] for name, texts in table.texts.items()}
    points, point = np.unique(table.numbers["point"][rows], return_inverse=True)
    images, image = table.texts["image"].unique(rows)
    ok = table.texts["status"].equal(rows, OK)

    done = np.zeros((len(images), len(points)), dtype=bool)
    done[image[ok], point[ok]] = True
    lost = np.logical_not(done.any(axis=0))
    missing = ~done & (~lost | lost.all())
    complete = np.logical_not(missing.any(axis=1))
    kept = ~lost & complete.any()

    at_fault = np.flatnonzero(missing[image, point])
    places, firsts = np.unique(image[at_fault], return_index=True)
    culprits = dict(zip(places.tolist(), rows[at_fault[firsts]].tolist(), strict=True))
    left_out = {
        images[place]: _reason(table, culprits[place])
        if place in culprits
        else f"not measured at {first['parameter']} {_listed(points[missing[place]])}"
        for place in np.flatnonzero(~complete).tolist()
    }

    among = ok & complete[image]
    used = rows[among]
    shape = int(complete.sum()), int(kept.sum())
    row, column = np.cumsum(complete)[image[among]] - 1, np.cumsum(kept)[point[among]] - 1
    values = _values(table, used, row * shape[1] + column, shape)
    rates = values[RATE][_whole(values[RATE])]
    order = np.argsort(rates.mean(axis=0), kind="stable") if len(rates) else np.arange(shape[1])
    timings, _ = table.texts["timing"].unique(used)
    channels = table.numbers["channels"][used]
    _, firsts = np.unique(image[among], return_index=True)
    hashes = (table.texts["image_sha256"][row] for row in used[firsts])
    return Curve(
        dataset=first["dataset"],
        label=first["label"] or first["codec"],
        codec=first["codec"],
        options=first["options"],
        parameter=first["parameter"],
        points=tuple(points[kept][order].tolist()),
        images=tuple(itertools.compress(images, complete)),
        values={column: value[:, order] for column, value in values.items()},
        left_out=left_out,
        lost_points=tuple(points[lost].tolist()),
        channels=tuple(map(int, np.unique(channels[~np.isnan(channels)]))),
        colors=_told(table, "color", used),
        hashes={
            name: digest
            for name, digest in zip(itertools.compress(images, complete), hashes, strict=True)
            if digest
        },
        versions=tuple(table.texts["codec_version"].unique(used)[0]),
        timing="mixed" if len(timings) > 1 else "".join(timings),
        hosts=_told(table, "host", used),
        devices=_told(table, "device", used),
    )


def _told(table: Measurements, column: str, rows: Rows) -> tuple[str, ...]:
    return tuple(filter(None, table.texts[column].unique(rows)[0]))


def _whole(table: Array) -> NDArray[np.bool_]:
    """Which rows have no NaN."""
    return np.logical_not(np.isnan(table).any(axis=1))


def _values(
    table: Measurements, rows: Rows, cells: Rows, shape: tuple[int, int]
) -> dict[str, Array]:
    """All of :data:`NUMBERS` and of the metrics as (images, points), repeats merged; ``cells``
    says for each row which of these it belongs to."""
    order = np.lexsort((table.numbers["repeat"][rows], cells))
    rows, cells = rows[order], cells[order]
    nth = np.arange(len(cells)) - np.searchsorted(cells, cells)
    repeats = np.full((shape[0] * shape[1], nth.max(initial=0) + 1), np.nan)
    values = {}
    for column in (*NUMBERS, *table.metrics):
        repeats[cells, nth] = table.numbers[column][rows]
        values[column] = (_median if column in TIMES else _first)(repeats).reshape(shape)
    return values


def _first(repeats: Array) -> Array:
    """The first value of each row that is not NaN."""
    place = np.isnan(repeats).argmin(axis=1)
    return np.take_along_axis(repeats, place[:, np.newaxis], axis=1)


def _median(repeats: Array) -> Array:
    """The median of each row over what is not NaN."""
    ordered = np.sort(repeats, axis=1)  # NaN last
    count = np.sum(~np.isnan(repeats), axis=1, keepdims=True)
    low = np.take_along_axis(ordered, np.maximum(count - 1, 0) // 2, axis=1)
    high = np.take_along_axis(ordered, count // 2, axis=1)
    return (low + high) / 2


def _reason(table: Measurements, row: int) -> str:
    """What a row that is not ok says."""
    status, parameter, message = (
        table.texts[name][row] for name in ("status", "parameter", "message")
    )
    where = f"{status} at {parameter} {point_text(table.numbers['point'][row])}"
    return one_line(f"{where}: {message}" if message else where, 200)


def _listed(points: Array) -> str:
    return ", ".join(map(point_text, points.tolist()))
