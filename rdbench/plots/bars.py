"""Stacked bars, for times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rdbench.plots.draw import canvas, draw, head
from rdbench.plots.legends import put_legend
from rdbench.plots.palette import BLUE, ORANGE

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Bars:
    """One figure: a bar for each of ``groups``, of the ``series`` stacked on each other, each a
    name and one value for each group."""

    name: str
    title: str
    subtitle: str
    y_label: str
    groups: tuple[str, ...]
    series: tuple[tuple[str, tuple[float, ...]], ...]


@draw.register(Bars)
def _draw_bars(bars: Bars) -> Figure:
    figure = canvas(1.6 + 1.25 * len(bars.groups), 4.0)
    axes = figure.add_subplot()
    places = list(range(len(bars.groups)))
    below = [0.0] * len(places)
    for (name, values), color in zip(bars.series, (BLUE, ORANGE), strict=False):
        axes.bar(places, values, 0.6, below, label=name, color=color, zorder=2)
        below = [low + value for low, value in zip(below, values, strict=True)]
    for place, total in zip(places, below, strict=True):
        axes.annotate(
            f"{total:.2f}",
            (place, total),
            xytext=(0, 3),
            textcoords="offset points",
            ha="center",
            fontsize=8,
        )
    axes.set_xticks(places, [group.replace(", ", "\n") for group in bars.groups])
    axes.set_ylabel(bars.y_label)
    axes.set_ylim(0, 1.12 * max(below))
    axes.grid(True, axis="y")
    head(axes, bars.title, bars.subtitle)
    if not put_legend(axes, *axes.get_legend_handles_labels(), first="upper left"):
        figure.set_size_inches(figure.get_figwidth() + 1.0, figure.get_figheight())
    return figure
