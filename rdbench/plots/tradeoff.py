"""BD-rates over what they cost: time and memory, with the Pareto front."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rdbench.curves import Comparison, Complexity, averaging_text
from rdbench.curves.complexity import MEMORY, cost_notes
from rdbench.curves.notes import listed, notes
from rdbench.plots.draw import (
    GRAY,
    canvas,
    draw,
    folded,
    log_axis,
    put_notes,
    shown_notes,
)
from rdbench.plots.figures import PLAIN, Look, file_name, member
from rdbench.plots.forest import cast_of, details_of, title_of
from rdbench.plots.legends import embolden, make_room
from rdbench.plots.styles import Member, styles

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

TIMES: Final = {"decode_s": "Decoding time", "encode_s": "Encoding time"}
NETWORKS: Final = {
    "decode_kmac_px": "Networks in decoding [kMAC/px]",
    "encode_kmac_px": "Networks in encoding [kMAC/px]",
}
COSTS: Final = (*TIMES, "memory_mb", *NETWORKS)
"""What is told by :class:`rdbench.curves.Complexity`."""


_Costly = tuple[Member, Complexity, float]
"""A curve, what it costs, and its BD-rate in percent."""


@dataclass(frozen=True)
class Spot:
    """One curve: its cost and its BD-rate in percent."""

    member: Member
    cost: float
    bd_rate: float
    optimal: bool
    """Whether no other curve of the panel is at least as good in both cost and BD-rate."""

    @property
    def title(self) -> str:
        return self.member.title


@dataclass(frozen=True)
class Panel:
    """BD-rate over one cost."""

    x_label: str
    spots: tuple[Spot, ...]


@dataclass(frozen=True)
class Tradeoff:
    """A figure of panels, one for each cost that is known of several curves and is of one kind:
    times of one machine, memory of programs, memory within the process, operations of networks."""

    name: str
    title: str
    subtitle: str
    panels: tuple[Panel, ...]
    cast: tuple[Member, ...] = ()
    notes: tuple[str, ...] = ()
    look: Look = PLAIN


def tradeoff(rows: Sequence[Comparison]) -> Tradeoff | None:
    """BD-rate over decoding time, encoding time and memory of the curves of ``rows``, of one
    dataset, metric, anchor and interpolation, and over the multiply-accumulates of networks at the
    point that has most. The anchor is at 0. None where no cost is known of two curves."""
    shown = [row for row in rows if row.kind == "rate" and not row.reason]
    if not shown:
        return None
    first = shown[0]
    settings = first.settings
    assert first.anchor_curve
    curves = [(member(first.anchor_curve), first.complexities[0], 0.0)]
    for row in shown:
        assert row.test_curve
        curves.append((member(row.test_curve), row.complexities[1], row.value))
    panels = _panels(curves)
    if not panels:
        return None
    metric = settings.metric
    bare = [who.title for who, own, _ in curves if not any(_known(own, cost) for cost in COSTS)]
    return Tradeoff(
        name=file_name(first.dataset, metric.name, settings.averaging) + "_complexity",
        title=f"{title_of(shown)}, against {first.anchor}",
        subtitle="; ".join(
            (
                averaging_text(metric, settings.averaging),
                *details_of(shown),
                *settings.stated,
                settings.method,
                "ringed: no other costs less and saves more",
            )
        ),
        panels=tuple(panels),
        cast=cast_of(rows),
        notes=(
            *cost_notes(
                [(who.title, complexity) for who, complexity, _ in curves],
                shown=("memory", *(["networks"] if _of_networks(panels) else [])),
            ),
            *([f"without times or memory: {listed(bare)}"] if bare else []),
            *_not_drawn(curves, panels),
            *notes([row for row in rows if row.kind == "rate"], marks=False),
        ),
    )


def _of_networks(panels: Sequence[Panel]) -> bool:
    return any(panel.x_label in NETWORKS.values() for panel in panels)


def _known(complexity: Complexity, cost: str) -> bool:
    value = getattr(complexity, cost)
    return math.isfinite(value) and value > 0


def _panels(curves: Sequence[_Costly]) -> list[Panel]:
    """A panel for each cost and kind that several curves have: on one front are only what can
    be compared."""
    panels = []
    for cost in COSTS:
        groups: dict[tuple[str, ...], list[_Costly]] = {}
        for curve in curves:
            if _known(curve[1], cost):
                groups.setdefault(_kind(curve[1], cost), []).append(curve)
        several = {kind: group for kind, group in groups.items() if len(group) > 1}
        for kind, group in several.items():
            if cost in TIMES:
                where = f", {' and '.join(filter(None, kind))}" if len(several) > 1 else ""
                label = f"{TIMES[cost]}{where} [s/image]"
            else:
                label = NETWORKS.get(cost) or MEMORY[kind[0]]
            panels.append(Panel(label, _spots(group, cost)))
    return panels


def _kind(complexity: Complexity, cost: str) -> tuple[str, ...]:
    if cost in TIMES:
        return complexity.place
    return (complexity.memory_is,) if cost == "memory_mb" else ()


def _not_drawn(curves: Sequence[_Costly], panels: Sequence[Panel]) -> list[str]:
    """What is said of the curves with costs of a kind that no other has."""
    drawn = {spot.title for panel in panels for spot in panel.spots}
    alone = [
        who.title
        for who, own, _ in curves
        if who.title not in drawn and any(_known(own, cost) for cost in COSTS)
    ]
    told = "not drawn, as no other has times of the same machine or memory of the same kind"
    return [f"{told}: {listed(alone)}"] if alone else []


def _spots(curves: Sequence[_Costly], cost: str) -> tuple[Spot, ...]:
    known = [
        (who, getattr(complexity, cost), bd_rate)
        for who, complexity, bd_rate in curves
        if _known(complexity, cost)
    ]
    return tuple(
        Spot(who, own, bd_rate, not _beaten(own, bd_rate, known)) for who, own, bd_rate in known
    )


def _beaten(cost: float, bd_rate: float, others: Sequence[tuple[Member, float, float]]) -> bool:
    return any(
        other <= cost and rate <= bd_rate and (other, rate) != (cost, bd_rate)
        for _, other, rate in others
    )


@draw.register(Tradeoff)
def _draw(plot: Tradeoff) -> Figure:
    entries = list(dict.fromkeys(spot.title for panel in plot.panels for spot in panel.spots))
    size = plot.look.size
    width = size[0] if size else 0.9 + 3.1 * len(plot.panels) + 0.075 * max(map(len, entries))
    lines = shown_notes(plot, width)
    height = 3.9 + 0.12 * len(lines) + 0.17 * max(0, len(entries) - 14)
    figure = canvas(width, size[1] if size else height, plot.title, plot.subtitle)
    looks = styles((*plot.cast, *(spot.member for panel in plot.panels for spot in panel.spots)))
    handles: dict[str, Line2D] = {}
    rates = [spot.bd_rate for panel in plot.panels for spot in panel.spots]
    margin = 0.08 * (max(rates) - min(rates)) or 1.0
    for place, panel in enumerate(plot.panels, 1):
        axes = figure.add_subplot(1, len(plot.panels), place)
        _front(axes, panel)
        for spot in panel.spots:
            look = looks[spot.member]
            (handles[spot.title],) = axes.plot(
                (spot.cost,),
                (spot.bd_rate,),
                linestyle="none",
                clip_on=False,
                zorder=3,
                **look.filled.marks(9 if spot.title in plot.look.highlighted else 7),
            )
        axes.axhline(0, color=GRAY, linewidth=0.8, zorder=1.5)
        low, high = _limits(panel)
        share = width / len(plot.panels)
        crowd = high / low * (3 / share) ** 3
        log_axis(axes, (1, 2, 5) if crowd < 40 else (1, 3) if crowd < 400 else (1,))
        axes.set_xlim(low, high)
        axes.set_ylim(min(rates) - margin, max(rates) + margin)
        axes.set_xlabel(folded(panel.x_label, share - 0.3))
        axes.grid(True)
        if place == 1:
            axes.set_ylabel("BD-rate [%], less is better")
        else:
            axes.tick_params(axis="y", labelleft=False)
    titles = [entries[place] for place in plot.look.arranged(entries)]
    shown = [handles[title] for title in titles]
    legend = figure.legend(shown, titles, loc="outside right upper", handlelength=1.4)
    embolden(legend, plot.look.highlighted)
    put_notes(figure, lines)
    if size:
        make_room(figure, legend, shown, titles, bold=plot.look.highlighted)
    return figure


def _front(axes: Axes, panel: Panel) -> None:
    """Rings around what is Pareto-optimal, and the steps between."""
    front = sorted((spot.cost, spot.bd_rate) for spot in panel.spots if spot.optimal)
    costs, rates = zip(*front, strict=True)
    axes.plot(costs, rates, drawstyle="steps-post", color=GRAY, linewidth=0.9, zorder=1.6)
    axes.plot(
        costs,
        rates,
        linestyle="none",
        marker="o",
        markersize=13,
        markerfacecolor="none",
        markeredgecolor=GRAY,
        markeredgewidth=0.9,
        zorder=2,
    )


def _limits(panel: Panel) -> tuple[float, float]:
    """The range of costs with a margin; never less than a decade, so that ticks are plain."""
    costs = [spot.cost for spot in panel.spots]
    ratio = max(costs) / min(costs)
    margin = max((10 / ratio) ** 0.5, 1.35, ratio**0.07)
    return min(costs) / margin, max(costs) * margin
