"""The content of a figure as plain data: computed here, drawn in :mod:`rdbench.plots.draw`."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from rdbench.bd import METHODS, delta, pareto_optimal
from rdbench.curves import (
    RATE,
    Curve,
    Settings,
    averaging_text,
    common_images,
    other_samples,
    place_details,
    place_title,
)
from rdbench.curves.published import caveats
from rdbench.errors import UsageError
from rdbench.metrics import MetricRecord
from rdbench.plots.styles import Member
from rdbench.schema import point_text

SAVING_SAMPLES = 101


@dataclass(frozen=True)
class Line:
    """One curve of a figure; ``x`` and ``y`` are finite and of equal length."""

    title: str
    codec: str
    published: bool
    x: tuple[float, ...]
    y: tuple[float, ...]
    measured: tuple[int, ...] | None = None
    """The places of measured points among samples of an interpolation; None where all are."""

    @property
    def member(self) -> Member:
        """Whose line it is."""
        return Member(self.codec, self.title, self.published)


@dataclass(frozen=True)
class Look:
    """The look of a figure chosen by the user; curves are named by their titles."""

    size: tuple[float, float] | None = None
    """Width and height in inches; None for what fits."""
    order: tuple[str, ...] = ()
    """Of the legend, or of the rows; empty for the order on paper."""
    highlighted: frozenset[str] = frozenset()
    notes: bool = True
    """Whether the notes stand below."""

    def arranged(self, titles: Sequence[str]) -> list[int]:
        """The indices of ``titles`` in the requested order; the others follow unchanged."""
        known = {title: place for place, title in enumerate(self.order)}
        return sorted(range(len(titles)), key=lambda place: known.get(titles[place], len(known)))


PLAIN: Final = Look()


@dataclass(frozen=True)
class Plot:
    """One figure: its lines, texts and axes. ``notes`` say what is not drawn, and why."""

    name: str
    """Stem of the file name."""
    title: str
    subtitle: str
    x_label: str
    y_label: str
    lines: tuple[Line, ...]
    """In the order of the legend."""
    cast: tuple[Member, ...] = ()
    """All curves of the dataset, drawn here or not, so that a curve looks the same in all its
    figures."""
    notes: tuple[str, ...] = ()
    baseline: str = ""
    """Title of a horizontal line at 0; none where empty."""
    log_x: bool = False
    x_limits: tuple[float, float] | None = None
    y_limits: tuple[float, float] | None = None
    free_corner: str = "lower right"
    """Where a legend is tried first."""
    look: Look = PLAIN


@dataclass(frozen=True)
class Scene:
    """The curves of one dataset that have a metric, on the images that they have in common."""

    dataset: str
    metric: MetricRecord
    averaging: str
    curves: tuple[Curve, ...]
    images: tuple[str, ...]
    notes: tuple[str, ...]
    cast: tuple[Member, ...] = ()
    """All curves of the dataset, whether they have the metric or not."""
    stem: str = ""
    """The stem of the files of its figures, without metric; the dataset where it is empty."""

    @property
    def title(self) -> str:
        """The dataset and what was measured of it."""
        return place_title(self.dataset, self.curves, self.image_count)

    def name(self) -> str:
        """The stem of the figures' files."""
        return file_name(self.stem or self.dataset, self.metric.name, self.averaging)

    def rate(self, curve: Curve) -> np.ndarray:
        return curve.mean(RATE, self.images)

    def quality(self, curve: Curve) -> np.ndarray:
        return curve.quality(self.metric, self.averaging, self.images)

    def gain(self, curve: Curve) -> np.ndarray:
        """The quality with the sign that makes more better."""
        return curve.gain(self.metric, self.averaging, self.images)

    @property
    def image_count(self) -> int:
        """Over how many images the measured curves are means, or all where none is measured."""
        return len(self.images) or self.curves[0].mean_of

    @property
    def subtitle(self) -> str:
        """How curves are averaged, and what the title leaves out."""
        details = place_details(self.dataset, self.curves)
        return "; ".join((averaging_text(self.metric, self.averaging), *details))


def scene(
    curves: Sequence[Curve], dataset: str, metric: MetricRecord, averaging: str = "mean"
) -> Scene | None:
    """What a figure of ``dataset`` and ``metric`` can show, or None if no curve has the metric, or
    curves were measured and none of them has it. Measured curves are averaged over the images that
    all of them have, so that they can be compared. The same holds for a published curve with single
    images; otherwise its means are over all the images of its publisher.
    """
    here = [curve for curve in curves if curve.dataset == dataset]
    measured = [curve for curve in here if curve.source == "measured"]
    notes = [
        f"{curve.title}: no image is ok at all points" for curve in measured if not curve.images
    ]
    # Of a metric that was not measured there is nothing to hold published curves against.
    among = measured or [curve for curve in here if not curve.mean_of]
    leading = [curve for curve in among if _images(curve, metric)]
    if not leading:
        return None if measured else _of_means(here, dataset, metric, averaging)
    images = set(common_images(leading, metric.name))
    if not images:
        raise UsageError(
            f"the curves of {dataset!r} have no image with {metric.name} in common; plot fewer runs"
        )
    everywhere = {
        *(i for c in leading for i in c.images),
        *(i for c in leading for i in c.left_out),
    }
    if missing := sorted(everywhere - images):
        names = ", ".join(missing[:4]) + (", ..." if len(missing) > 4 else "")
        notes.append(f"without {len(missing)} images that not all curves have ({names})")
    shown = list(leading)
    for curve in here:
        if curve.source == "measured" or curve in leading:
            continue
        reason = _undrawable(curve, metric, averaging, images, leading)
        if reason:
            notes.append(f"{curve.title}: {reason}")
        else:
            shown.append(curve)
    notes += [*_other_means(shown, len(images)), *_caveats(shown)]
    cast = tuple(map(member, here))
    return Scene(
        dataset, metric, averaging, tuple(shown), tuple(sorted(images)), tuple(notes), cast
    )


def rate_distortion(
    view: Scene,
    *,
    log_rate: bool = False,
    x_limits: tuple[float, float] | None = None,
    y_limits: tuple[float, float] | None = None,
) -> Plot:
    """Quality over rate. Unless ``x_limits`` are given, the measured curves set the range, and
    published ones are clipped to it."""
    lines, notes = [], list(view.notes)
    for curve in view.curves:
        rate, quality = view.rate(curve), view.quality(curve)
        finite = np.isfinite(rate) & np.isfinite(quality)
        if not finite.all():
            points = [curve.points[place] for place in np.flatnonzero(~finite)]
            notes.append(
                f"{curve.title}: {view.metric.label} not finite at {curve.parameter} "
                f"{', '.join(point_text(point) for point in points)}, not drawn"
            )
        if finite.any():
            lines.append(_line(curve, rate[finite], quality[finite]))
    x_limits = x_limits or _rate_limits(lines, log_rate)
    return Plot(
        name=view.name(),
        title=view.title,
        subtitle=view.subtitle,
        x_label="Rate [bit/px]",
        y_label=view.metric.axis,
        lines=from_the_top(lines),
        cast=view.cast,
        notes=tuple(notes),
        log_x=log_rate,
        x_limits=x_limits,
        y_limits=y_limits or _quality_limits(lines, x_limits),
        free_corner="lower right" if view.metric.higher_is_better else "upper right",
    )


def rate_saving(view: Scene, anchor: Curve, settings: Settings | None = None) -> Plot:
    """Rate saved against ``anchor`` over quality, in percent of the anchor's rate, interpolated
    as the Bjøntegaard delta does and over the range of quality that both curves have, or that is
    asked for, with the points of the curve that lie there."""
    lines, notes, uneven = [], list(view.notes), []
    metric = view.metric
    settings = settings or Settings(metric, view.averaging)
    method, rule = settings.method, dataclasses.replace(settings.rule, one_point=False)
    anchor_rate, anchor_gain = rule.applied(view.rate(anchor), view.gain(anchor))
    for curve in view.curves:
        if curve is anchor:
            continue
        if any(c.mean_of and c.mean_of != view.image_count for c in (anchor, curve)):
            uneven.append(curve.title)
            continue
        rate, gain = rule.applied(view.rate(curve), view.gain(curve))
        result = delta(anchor_rate, anchor_gain, rate, gain, method=method, rule=rule)
        if result.reason:
            notes.append(f"{curve.title}: {result.reason}")
            continue
        x = np.linspace(*result.interval, SAVING_SAMPLES)
        kept = gain[pareto_optimal(rate, gain)]
        own = kept[(x[0] <= kept) & (kept <= x[-1])]
        x = np.union1d(x, own)
        difference = _log_rate(rate, gain, x, method) - _log_rate(
            anchor_rate, anchor_gain, x, method
        )
        line = _line(curve, metric.sign * x, 100 * (1 - 10**difference))
        places = np.flatnonzero(np.isin(x, own)).tolist()
        lines.append(dataclasses.replace(line, measured=tuple(places)))
    if uneven:
        notes.append(f"not drawn, means of other images than the anchor: {', '.join(uneven)}")
    return Plot(
        name=view.name() + "_saving",
        title=view.title,
        subtitle="; ".join((view.subtitle, *settings.stated, method)),
        x_label=view.metric.axis,
        y_label=f"Rate saving against {anchor.title} [%]",
        lines=from_the_top(lines),
        cast=view.cast,
        notes=tuple(notes),
        baseline=anchor.title,
    )


def _of_means(
    here: Sequence[Curve], dataset: str, metric: MetricRecord, averaging: str
) -> Scene | None:
    """The scene of curves that were published as means and nothing else."""
    shown = [curve for curve in here if curve.mean_of]
    shown = [curve for curve in shown if not np.isnan(curve.quality(metric, averaging)).all()]
    if not shown:
        return None
    said = [*_other_means(shown, shown[0].mean_of), *_caveats(shown)]
    cast = tuple(map(member, here))
    return Scene(dataset, metric, averaging, tuple(shown), (), tuple(said), cast)


def _images(curve: Curve, metric: MetricRecord) -> set[str]:
    if curve.mean_of:
        return set()
    return {*curve.images_with(RATE)} & {*curve.images_with(metric.name)}


def _undrawable(
    curve: Curve,
    metric: MetricRecord,
    averaging: str,
    images: set[str],
    leading: Sequence[Curve],
) -> str:
    if all(other_samples(curve, other) for other in leading):
        return f"is of images with {curve.channels[0]} channels, not drawn"
    if curve.mean_of:
        if np.isnan(curve.quality(metric, averaging)).all():
            return f"gives no such average of {metric.name}, not drawn"
        return ""
    if missing := images - _images(curve, metric):
        return f"lacks {len(missing)} of the images, not drawn"
    return ""


def _other_means(curves: Sequence[Curve], images: int) -> list[str]:
    """Which published means are over another number of images than the rest of the figure."""
    others: dict[int, list[str]] = {}
    for curve in curves:
        if curve.mean_of and curve.mean_of != images:
            others.setdefault(curve.mean_of, []).append(curve.label)
    return [
        f"means of {count} images: {', '.join(labels)} (published)"
        for count, labels in others.items()
    ]


def _caveats(curves: Sequence[Curve]) -> list[str]:
    return [f"{curve.title}: {text}" for curve in curves for text in caveats(curve)]


def _log_rate(rate: np.ndarray, quality: np.ndarray, x: np.ndarray, method: str) -> np.ndarray:
    kept = pareto_optimal(rate, quality)
    return METHODS[method].interpolate(quality[kept], np.log10(rate[kept]))(x)


def member(curve: Curve) -> Member:
    """A curve as figures know it."""
    return Member(curve.codec, curve.title, curve.source == "published")


def from_the_top(lines: Sequence[Line]) -> tuple[Line, ...]:
    """``lines`` in the order in which they lie above each other: that of legends."""
    drawn = [line for line in lines if line.x]
    low = max((min(line.x) for line in drawn), default=0.0)
    high = min((max(line.x) for line in drawn), default=0.0)
    if low > high:
        return tuple(lines)
    middle = (low + high) / 2
    heights = {id(line): float(np.interp(middle, line.x, line.y)) for line in drawn}
    return tuple(sorted(lines, key=lambda line: -heights.get(id(line), -math.inf)))


def _line(curve: Curve, x: np.ndarray, y: np.ndarray) -> Line:
    codec, title, published = member(curve)
    return Line(title, codec, published, tuple(x.tolist()), tuple(y.tolist()))


def _rate_limits(lines: Sequence[Line], log_rate: bool) -> tuple[float, float] | None:
    leading = [line for line in lines if not line.published] or lines
    rates = [x for line in leading for x in line.x]
    if not rates:
        return None
    low, high = min(rates), max(rates)
    return (low / 1.15, high * 1.15) if log_rate else (0.0, high * 1.04)


def _quality_limits(
    lines: Sequence[Line], x_limits: tuple[float, float] | None
) -> tuple[float, float] | None:
    """The range of quality within ``x_limits``, with a margin."""
    if x_limits is None:
        return None
    low, high = x_limits
    seen = [y for line in lines for x, y in zip(line.x, line.y, strict=True) if low <= x <= high]
    if not seen:
        return None
    margin = 0.05 * (max(seen) - min(seen)) or 1.0
    low = math.floor(min(seen) - margin)
    return (max(low, 0) if min(seen) >= 0 else low), max(seen) + margin


def file_name(dataset: str, what: str, averaging: str = "mean") -> str:
    """The stem of a figure's file: the dataset as far as a file's name may have it, and what of
    it is shown."""
    name = re.sub(r"[^\w.-]+", "-", dataset).strip("-.") or "dataset"
    what = re.sub(r"[^\w.-]+", "-", what)
    return f"{name}_{what}" + ("_pooled" if averaging == "pooled" else "")
