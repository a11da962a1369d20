"""BD-rates over encoding time: each codec's efforts as a line, and the envelope of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rdbench.curves import Comparison, averaging_text
from rdbench.curves.efforts import EqualTime, Family, equal_times
from rdbench.curves.notes import notes
from rdbench.plots.draw import (
    GRAY,
    HEIGHT,
    HIGHLIGHT,
    SETTINGS,
    WIDTH,
    canvas,
    draw,
    log_axis,
    put_notes,
    shown_notes,
)
from rdbench.plots.figures import PLAIN, Look, file_name
from rdbench.plots.forest import details_of, title_of
from rdbench.plots.legends import make_room, put_legend
from rdbench.plots.styles import Member, Style, styles

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

SAMPLES = 400
"""Of the envelope."""


@dataclass(frozen=True)
class EffortsPlot:
    """A figure of codecs at several efforts."""

    name: str
    title: str
    subtitle: str
    families: tuple[Family, ...]
    envelope: tuple[tuple[float, float], ...]
    """Encoding times in seconds and the lowest BD-rate in percent that a codec has there."""
    notes: tuple[str, ...] = ()
    look: Look = PLAIN


def efforts_plot(rows: Sequence[Comparison]) -> EffortsPlot | None:
    """BD-rate over encoding time of the curves of ``rows``, of one dataset, metric, anchor and
    interpolation; None where no codec was measured at several efforts. If times are from several
    machines, only those of the machine with most curves are drawn."""
    several = equal_times(rows)
    if not several:
        return None
    found = max(several, key=lambda one: len(one.efforts))
    first = found.rows[0]
    settings = first.settings
    metric = settings.metric
    stated = "; ".join((*settings.stated, settings.method))
    return EffortsPlot(
        name=file_name(first.dataset, metric.name, settings.averaging) + "_efforts",
        title=f"{title_of(found.rows)}, against {first.anchor}",
        subtitle="; ".join(
            (
                averaging_text(metric, settings.averaging),
                *details_of(found.rows),
                stated,
                "gray: the lowest at each time",
            )
        ),
        families=found.families,
        envelope=_envelope(found),
        notes=(
            *found.notes,
            *notes([row for row in rows if row.kind == "rate"], marks=False),
        ),
    )


def _envelope(found: EqualTime) -> tuple[tuple[float, float], ...]:
    times = [effort.encode_s for _, effort in found.efforts]
    samples = np.union1d(np.geomspace(times[0], times[-1], SAMPLES), times)
    # The ends are those of the times, whatever rounding made of them.
    inside = [time for time in samples.tolist() if times[0] <= time <= times[-1]]
    return tuple((time, found.least(time).at(time)) for time in inside)


@draw.register(EffortsPlot)
def _draw(plot: EffortsPlot) -> Figure:
    size = plot.look.size
    lines = shown_notes(plot, size[0] if size else WIDTH)
    height = size[1] if size else HEIGHT + 0.12 * len(lines)
    figure = canvas(size[0] if size else WIDTH, height, plot.title, plot.subtitle)
    axes = figure.add_subplot()
    looks = styles(Member(family.codec, family.title) for family in plot.families)
    axes.plot(
        *zip(*plot.envelope, strict=True),
        color=SETTINGS["grid.color"],
        linewidth=9,
        solid_capstyle="round",
        zorder=1.2,
    )
    axes.axhline(0, color=GRAY, linewidth=0.8, zorder=1.1)
    handles = [
        _draw_family(
            axes,
            family,
            looks[Member(family.codec, family.title)],
            family.title in plot.look.highlighted,
        )
        for family in plot.families
    ]
    times = [effort.encode_s for family in plot.families for effort in family.efforts]
    ratio = max(times) / min(times)
    margin = max((10 / ratio) ** 0.5, 1.35)
    log_axis(axes, (1, 2, 5) if ratio * margin**2 < 400 else (1, 3) if ratio < 1e4 else (1,))
    axes.set_xlim(min(times) / margin, max(times) * margin)
    axes.margins(y=0.08)
    axes.set_xlabel("Encoding time [s/image]")
    axes.set_ylabel("BD-rate [%], less is better")
    axes.grid(True)
    titles = [family.title for family in plot.families]
    order = plot.look.arranged(titles)
    entries = [handles[place] for place in order], [titles[place] for place in order]
    put_notes(figure, lines)
    bold = plot.look.highlighted
    inside = put_legend(axes, *entries, first="upper right", bold=bold)
    if size:
        make_room(figure, None if inside else axes.get_legend(), *entries, bold=bold)
    elif not inside:
        width = WIDTH + 0.5 + 0.075 * max(map(len, titles))
        lines = shown_notes(plot, width)
        figure.set_size_inches(width, HEIGHT + 0.12 * len(lines))
        put_notes(figure, lines)
    return figure


def _draw_family(axes: Axes, family: Family, style: Style, highlighted: bool) -> Line2D:
    """The line through the efforts that count, and all of them with the values of their option."""
    front = family.front
    (line,) = axes.plot(
        [effort.encode_s for effort in front],
        [effort.bd_rate for effort in front],
        linestyle=style.dashes,
        linewidth=1.5 * (HIGHLIGHT if highlighted else 1),
        zorder=3,
        **style.marks(7 if highlighted else 5.5),
    )
    for effort in family.efforts:
        if effort not in front:
            axes.plot(
                (effort.encode_s,),
                (effort.bd_rate,),
                linestyle="none",
                marker=style.marker,
                markersize=style.size(5.5),
                markerfacecolor="white",
                markeredgecolor=style.color,
                zorder=2.9,
            )
        if effort.value:
            axes.annotate(
                effort.value,
                (effort.encode_s, effort.bd_rate),
                (5, 4),
                textcoords="offset points",
                fontsize=7,
                color=style.color,
                zorder=4,
            )
    return line
