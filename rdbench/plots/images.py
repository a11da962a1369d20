"""The BD-rates of single images, curve by curve: how much images differ, and which ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rdbench.curves import Comparison
from rdbench.curves.comparison import PERCENTILES
from rdbench.curves.notes import notes
from rdbench.plots.draw import GRAY, canvas, draw, folded, head, put_notes, shown_notes
from rdbench.plots.figures import PLAIN, Look, file_name, member
from rdbench.plots.forest import cast_of, details_of, name_rows, put_beside, title_of
from rdbench.plots.legends import make_room
from rdbench.plots.styles import Member, Style, styles

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW_IN: Final = 0.72
"""Height of a row in inches."""
DOT_PT: Final = 4.0
LANES: Final = (0, 1, -1, 2, -2)
"""Places of dots beside each other, from the middle of a row."""
LANE: Final = 0.08
"""How far these are apart, in rows."""
NAME: Final[dict[str, Any]] = {
    "fontsize": 6.5,
    "color": GRAY,
    "bbox": {"facecolor": "white", "edgecolor": "none", "pad": 0.4},
}
LONGEST_NAME: Final = 20


@dataclass(frozen=True)
class ImagesRow:
    """One curve: the BD-rates of images in percent, rising, with their names."""

    member: Member
    values: tuple[float, ...]
    names: tuple[str, ...]
    percentiles: tuple[float, ...]
    """:data:`rdbench.curves.comparison.PERCENTILES`; NaN of few images."""
    named: tuple[int, ...]
    """The places of those that are named in the figure."""

    @property
    def title(self) -> str:
        return self.member.title


@dataclass(frozen=True)
class ImagesPlot:
    """The deltas of images; rows by rising median, unless another order is requested."""

    name: str
    title: str
    subtitle: str
    anchor: str
    rows: tuple[ImagesRow, ...]
    cast: tuple[Member, ...] = ()
    notes: tuple[str, ...] = ()
    look: Look = PLAIN


def images_plot(rows: Sequence[Comparison]) -> ImagesPlot | None:
    """The BD-rates of single images among ``rows``, of one dataset, metric, anchor and
    interpolation; None where no image has one."""
    of_rate = [row for row in rows if row.kind == "rate"]
    shown = [_row(row) for row in of_rate if row.per_image and row.per_image.count]
    if not shown:
        return None
    first = of_rate[0]
    settings = first.settings
    shown.sort(key=lambda row: float(np.median(row.values)))
    percentiles = any(math.isfinite(row.percentiles[0]) for row in shown)
    lowest, _, highest = PERCENTILES
    marks = f"; bars: p{lowest} to p{highest}, with the median" if percentiles else ""
    return ImagesPlot(
        name=file_name(first.dataset, settings.metric.name, settings.averaging) + "_images",
        title=title_of(of_rate),
        subtitle=f"dots: single images, those farthest from the median named{marks}",
        anchor=first.anchor,
        rows=tuple(shown),
        cast=cast_of(rows),
        notes=("; ".join((*details_of(of_rate), settings.method)), *notes(of_rate, marks=False)),
    )


def _row(row: Comparison) -> ImagesRow:
    single = row.per_image
    assert single
    assert row.test_curve
    values = np.array(single.values)
    order = np.argsort(values, kind="stable")[: single.count]  # NaN last
    places = {place: rank for rank, place in enumerate(order.tolist())}
    ends = tuple(dict.fromkeys((0, single.count - 1)))
    return ImagesRow(
        member=member(row.test_curve),
        values=tuple(values[order].tolist()),
        names=tuple(row.images[place] for place in order.tolist()),
        percentiles=single.percentiles,
        named=tuple(sorted(places[place] for place in single.extremes)) or ends,
    )


@draw.register(ImagesPlot)
def _draw(plot: ImagesPlot) -> Figure:
    rows = [plot.rows[place] for place in plot.look.arranged([row.title for row in plot.rows])]
    size = plot.look.size
    names = 0.07 * max(len(row.title) for row in rows)
    width = size[0] if size else 7.0 + names
    lines = shown_notes(plot, width)
    figure = canvas(width, size[1] if size else 1.15 + ROW_IN * len(rows) + 0.12 * len(lines))
    axes = figure.add_subplot()
    looks = styles((*plot.cast, *(row.member for row in plot.rows)))
    axes.axvline(0, color=GRAY, linewidth=1.0, zorder=1.5)
    for place, row in enumerate(rows):
        _bar(axes, place, row, looks[row.member])
        put_beside(axes, place, _text(row))
        axes.plot(row.values, [place] * len(row.values), linestyle="none")  # for the range
    axes.margins(x=0.06)
    name_rows(axes, [row.title for row in rows], plot.look)
    axes.set_ylim(len(rows) - 0.6, -0.85)
    axes.set_xlabel(
        folded(f"BD-rate of images against {plot.anchor} [%], less is better", width - names - 1)
    )
    head(axes, plot.title, plot.subtitle, width - names - 0.3)
    put_notes(figure, lines)
    if size:
        make_room(figure)
    figure.draw_without_rendering()  # the places of dots and names are measured on paper
    for place, row in enumerate(rows):
        lanes = _dots(axes, place, row, looks[row.member])
        _names(axes, place, row, lanes)
    return figure


def _bar(axes: Axes, height: float, row: ImagesRow, look: Style) -> None:
    low, median, high = row.percentiles
    if math.isnan(low):
        return
    axes.plot(
        (low, high),
        (height, height),
        color=look.color,
        alpha=0.22,
        linewidth=13,
        solid_capstyle="butt",
        zorder=1.8,
    )
    axes.plot(
        (median, median),
        (height - 0.2, height + 0.2),
        color=look.color,
        linewidth=1.6,
        solid_capstyle="butt",
        zorder=3.5,
    )


def _dots(axes: Axes, height: float, row: ImagesRow, look: Style) -> list[float]:
    """Draw the dots of a row, those that would cover each other beside each other; their
    heights."""
    apart = 1.05 * DOT_PT / 72 * axes.figure.dpi
    at = axes.transData.transform([(value, height) for value in row.values])[:, 0]
    last = dict.fromkeys(LANES, -math.inf)
    heights = []
    for x in at.tolist():
        free = [lane for lane in LANES if x - last[lane] >= apart]
        lane = free[0] if free else min(LANES, key=lambda lane: last[lane])
        last[lane] = x
        heights.append(height + LANE * lane)
    axes.plot(
        row.values,
        heights,
        linestyle="none",
        marker=look.marker,
        markersize=look.filled.size(DOT_PT),
        markerfacecolor=look.color,
        markeredgecolor="white",
        markeredgewidth=0.4,
        zorder=3,
    )
    return heights


def _names(axes: Axes, height: float, row: ImagesRow, heights: Sequence[float]) -> None:
    """Name dots above their row, without covering each other; what has no room is left out."""
    scale = axes.figure.dpi / 72
    step = (NAME["fontsize"] + 2) * scale
    top = axes.transData.transform((0, height - 0.2))[1] + 2 * scale
    room = axes.transData.transform((0, height - 0.8))[1]
    taken: list[list[tuple[float, float]]] = [[] for _ in range(max(0, int((room - top) / step)))]
    for place in row.named:
        name = row.names[place]
        if len(name) > LONGEST_NAME:
            name = f"{name[: LONGEST_NAME - 1]}…"
        x, y = axes.transData.transform((row.values[place], heights[place]))
        text = axes.text(0, 0, name, transform=None, ha="left", va="bottom", **NAME)
        wide = text.get_window_extent().width
        left = min(max(x - wide / 2, axes.bbox.x0), max(axes.bbox.x1 - wide, axes.bbox.x0))
        span = left - 3 * scale, left + wide + 3 * scale
        lane = next((n for n, spans in enumerate(taken) if not _meets(span, spans)), None)
        if lane is None:
            text.remove()
            continue
        taken[lane].append(span)
        inverse = axes.transData.inverted()
        text.set(transform=axes.transData, position=inverse.transform((left, top + lane * step)))
        foot = inverse.transform((min(max(x, left), left + wide), top + lane * step))
        dot = inverse.transform((x, y + DOT_PT / 2 * scale))
        axes.plot(*zip(dot, foot, strict=True), color=GRAY, linewidth=0.4, zorder=1.7)


def _meets(span: tuple[float, float], others: Sequence[tuple[float, float]]) -> bool:
    return any(span[0] < high and low < span[1] for low, high in others)


def _text(row: ImagesRow) -> str:
    low, median, high = row.percentiles
    if math.isnan(median):
        return f"{len(row.values)} images"
    text = f"{median:+z.1f}  ({low:+z.1f} to {high:+z.1f})"
    return text.replace("-", "\N{MINUS SIGN}")
