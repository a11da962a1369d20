"""BD-rates of many curves against one anchor, with their intervals: a forest plot."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rdbench.bd import LEVEL, Interval
from rdbench.curves import Comparison, Curve, averaging_text, place_details, place_title
from rdbench.curves.notes import mark, notes
from rdbench.plots.draw import (
    GRAY,
    canvas,
    draw,
    folded,
    head,
    put_notes,
    shown_notes,
)
from rdbench.plots.figures import PLAIN, Look, file_name, member
from rdbench.plots.legends import make_room
from rdbench.plots.styles import Member, Style, styles

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Estimate:
    """A BD-rate in percent with the ends of its interval, NaN where there is none."""

    value: float
    low: float = math.nan
    high: float = math.nan

    @classmethod
    def of(cls, value: float, interval: Interval | None) -> Estimate:
        return cls(value, interval.low, interval.high) if interval else cls(value)


@dataclass(frozen=True)
class ForestRow:
    """One curve: the BD-rate of its mean curve, and the mean of those of single images."""

    member: Member
    mean_curves: Estimate
    of_images: Estimate
    marks: str = ""

    @property
    def title(self) -> str:
        return self.member.title


@dataclass(frozen=True)
class Forest:
    """A forest plot; rows from the largest saving to the smallest, unless another order is
    requested."""

    name: str
    title: str
    subtitle: str
    anchor: str
    rows: tuple[ForestRow, ...]
    cast: tuple[Member, ...] = ()
    notes: tuple[str, ...] = ()
    look: Look = PLAIN


def forest(rows: Sequence[Comparison]) -> Forest | None:
    """The forest plot of the BD-rates among ``rows``, of one dataset, metric, anchor and
    interpolation; None where none has a value."""
    shown = sorted(
        (row for row in rows if row.kind == "rate" and not row.reason), key=lambda row: row.value
    )
    if not shown:
        return None
    first = shown[0]
    settings = first.settings
    metric = settings.metric
    averaged = averaging_text(metric, settings.averaging)
    hollow = "; hollow: mean of single images" if any(row.images for row in shown) else ""
    intervals = f"; lines: {LEVEL:g} % intervals" if any(row.interval for row in shown) else ""
    return Forest(
        name=file_name(first.dataset, metric.name, settings.averaging) + "_bd",
        title=title_of(shown),
        subtitle=f"filled: mean curves{hollow}{intervals}",
        anchor=first.anchor,
        rows=tuple(_row(row) for row in shown),
        cast=cast_of(rows),
        notes=(
            "; ".join((averaged, *details_of(shown), *settings.stated, settings.method)),
            *notes([row for row in rows if row.kind == "rate"]),
        ),
    )


def curves_of(rows: Sequence[Comparison]) -> list[Curve]:
    """All curves of ``rows``, drawn or not."""
    return [curve for row in rows for curve in (row.anchor_curve, row.test_curve) if curve]


def cast_of(rows: Sequence[Comparison]) -> tuple[Member, ...]:
    """The same as figures know them, each once."""
    return tuple(dict.fromkeys(map(member, curves_of(rows))))


def title_of(rows: Sequence[Comparison]) -> str:
    """The dataset of ``rows``, what was measured of it, and the metric."""
    images = max(max(len(row.images), *(c.mean_of for c in curves_of([row]))) for row in rows)
    place = place_title(rows[0].dataset, curves_of(rows), images)
    return f"{place}, {rows[0].settings.metric.label}"


def details_of(rows: Sequence[Comparison]) -> tuple[str, ...]:
    """What that title leaves out."""
    return place_details(rows[0].dataset, curves_of(rows))


def _row(row: Comparison) -> ForestRow:
    single = row.per_image
    assert row.test_curve
    return ForestRow(
        member=member(row.test_curve),
        mean_curves=Estimate.of(row.value, row.interval),
        of_images=Estimate.of(single.mean, single.interval) if single else Estimate(math.nan),
        marks=mark(row),
    )


@draw.register(Forest)
def _draw(plot: Forest) -> Figure:
    titles = [row.title for row in plot.rows]
    rows = [plot.rows[place] for place in plot.look.arranged(titles)]
    size = plot.look.size
    names = 0.07 * max(map(len, titles))
    width = size[0] if size else 6.4 + names
    lines = shown_notes(plot, width)
    figure = canvas(width, size[1] if size else 1.15 + 0.36 * len(rows) + 0.12 * len(lines))
    axes = figure.add_subplot()
    looks = styles((*plot.cast, *(row.member for row in plot.rows)))
    axes.axvline(0, color=GRAY, linewidth=1.0, zorder=1.5)
    for place, row in enumerate(rows):
        look = looks[row.member]
        both = math.isfinite(row.of_images.value)
        above = place - 0.1 if both else place
        _point(axes, above, row.mean_curves, look, filled=True)
        if both:
            _point(axes, place + 0.2, row.of_images, look, filled=False)
        put_beside(axes, place, _text(row))
    name_rows(axes, [row.title for row in rows], plot.look)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlabel(
        folded(f"BD-rate against {plot.anchor} [%], less is better", width - names - 1.0)
    )
    head(axes, plot.title, plot.subtitle, width - names - 0.3)
    put_notes(figure, lines)
    if size:
        make_room(figure)
    return figure


def put_beside(axes: Axes, height: float, text: str) -> None:
    """Write ``text`` at the right of the axes, beside a row."""
    axes.annotate(
        text,
        (1, height),
        xycoords=("axes fraction", "data"),
        xytext=(6, 0),
        textcoords="offset points",
        va="center",
        fontsize=8,
        annotation_clip=False,
    )


def name_rows(axes: Axes, titles: Sequence[str], look: Look) -> None:
    """Write the titles of rows at the left, and leave the axes nothing but a grid to read values
    at."""
    axes.set_yticks(range(len(titles)), titles)
    for label in axes.get_yticklabels():
        if label.get_text() in look.highlighted:
            label.set_fontweight("bold")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(True, axis="x")


def _point(axes: Axes, height: float, estimate: Estimate, look: Style, *, filled: bool) -> None:
    if math.isfinite(estimate.low):
        axes.plot(
            (estimate.low, estimate.high),
            (height, height),
            color=look.color,
            linewidth=1.8 if filled else 0.9,
            solid_capstyle="butt",
        )
    axes.plot(
        (estimate.value,),
        (height,),
        linestyle="none",
        marker=look.marker,
        markersize=look.filled.size(7 if filled else 5),
        markerfacecolor=look.color if filled else "white",
        markeredgecolor="white" if filled else look.color,
        markeredgewidth=0.6 if filled else 0.9,
        zorder=3,
    )


def _text(row: ForestRow) -> str:
    estimate = row.mean_curves
    text = f"{estimate.value:+z.1f}{row.marks}"
    if math.isfinite(estimate.low):
        text += f"  ({estimate.low:+z.1f}, {estimate.high:+z.1f})"
    return text.replace("-", "\N{MINUS SIGN}")
