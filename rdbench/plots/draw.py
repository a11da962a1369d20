"""Draw a :class:`rdbench.plots.figures.Plot` with matplotlib, the same bytes every time.

Matplotlib's objects are used directly: pyplot would add half a second and global state.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rdbench.errors import RdbenchError
from rdbench.plots.figures import Line, Plot
from rdbench.plots.styles import Style, styles

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS: Final = ("png", "pdf", "svg")
DPI: Final = 300
INSIDE: Final = 8
"""A legend of more entries stands beside the axes."""
TALL: Final = 16
"""A figure with more entries grows, so that its legend fits."""

GREY: Final = "#555555"
SETTINGS: Final[dict[str, Any]] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "axes.labelsize": 10,
    "axes.linewidth": 0.8,
    "axes.edgecolor": GREY,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": "black",
    "ytick.labelcolor": "black",
    "grid.color": "#E2E2E2",
    "grid.linewidth": 0.6,
    "legend.fontsize": 8.5,
    "legend.frameon": True,
    "legend.framealpha": 0.9,
    "legend.edgecolor": "none",
    "legend.handlelength": 3.2,
    "legend.labelspacing": 0.35,
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
    "svg.hashsalt": "rdbench",
}
# Dates and versions would make equal figures unequal files.
METADATA: Final[dict[str, dict[str, None]]] = {
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "svg": {"Date": None, "Creator": None},
}


def save(plot: Plot, folder: str | Path, formats: Sequence[str] = ("png",)) -> list[Path]:
    """Draw ``plot`` into ``folder``, one file per format (png, pdf, svg), and return their paths.

    PNG has 300 dpi, PDF embeds its fonts as TrueType, SVG keeps text as text. Raises
    :class:`rdbench.errors.RdbenchError` where the folder cannot be written.
    """
    import matplotlib as mpl

    folder = Path(folder)
    paths = []
    with mpl.rc_context(SETTINGS):
        figure = draw(plot)
        for kind in formats:
            path = folder / f"{plot.name}.{kind}"
            try:
                folder.mkdir(parents=True, exist_ok=True)
                figure.savefig(path, format=kind, dpi=DPI, metadata=METADATA[kind])
            except OSError as error:
                raise RdbenchError(f"cannot write {str(path)!r}: {error.strerror}") from None
            paths.append(path)
    return paths


def draw(plot: Plot) -> Figure:
    """``plot`` as a matplotlib figure."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    entries = len(plot.lines)
    # Rate-distortion curves leave the lower right corner free, savings leave none.
    beside = entries > INSIDE or bool(plot.baseline)
    longest = max((len(line.title) for line in plot.lines), default=0)
    width = 6.5 + 0.075 * longest if beside else 6.0
    notes = [line for note in plot.notes for line in textwrap.wrap(note, int(19 * width))]
    height = 4.3 + 0.12 * len(notes) + 0.17 * max(0, entries - TALL)
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    looks = styles((*plot.cast, *((line.codec, line.title) for line in plot.lines)))
    for line in plot.lines:
        _draw_line(axes, line, looks[line.codec, line.title])
    if plot.baseline:
        axes.axhline(0, color=GREY, linewidth=1.0, zorder=1.5)
        axes.annotate(
            plot.baseline,
            (1, 0),
            xycoords=("axes fraction", "data"),
            xytext=(-2, 3),
            textcoords="offset points",
            ha="right",
            fontsize=8,
            color=GREY,
        )
    _dress(axes, plot)
    if plot.lines:
        place: dict[str, Any] = {"loc": "lower right"}
        if beside:
            place = {"loc": "upper left", "bbox_to_anchor": (1.01, 1.0), "borderaxespad": 0}
        handles = axes.get_lines()
        axes.legend(handles=[handles[row] for row in _from_the_top(plot.lines)], **place)
    if notes:
        figure.supxlabel("\n".join(notes), x=0.01, ha="left", fontsize=6.5, color=GREY)
    return figure


def _from_the_top(lines: Sequence[Line]) -> list[int]:
    """The order in which the lines lie above each other, so that the legend has it as well."""
    import numpy as np

    drawn = [line for line in lines if line.x]
    low = max((min(line.x) for line in drawn), default=0.0)
    high = min((max(line.x) for line in drawn), default=0.0)
    if low > high:
        return list(range(len(lines)))
    middle = (low + high) / 2
    heights = [float(np.interp(middle, line.x, line.y)) for line in lines]
    return sorted(range(len(lines)), key=lambda row: -heights[row])


def _draw_line(axes: Axes, line: Line, style: Style) -> None:
    bare = line.published or not line.marked
    axes.plot(
        line.x,
        line.y,
        label=line.title,
        color=style.colour,
        linestyle=style.dashes,
        linewidth=1.1 if line.published else 1.5,
        marker=style.marker,
        markevery=_SPARSE if not line.marked and not line.published else None,
        markersize=0 if line.published else 5.5,
        markerfacecolor="white" if style.hollow else style.colour,
        markeredgecolor=style.colour if style.hollow else "white",
        markeredgewidth=1.0 if style.hollow else 0.5,
        zorder=2 if bare else 3,
    )


# On a sampled line a marker now and then tells the codec in grey.
_SPARSE: Final = (5, 15)


def _dress(axes: Axes, plot: Plot) -> None:
    axes.set_xlabel(plot.x_label)
    axes.set_ylabel(plot.y_label)
    axes.grid(True)
    if plot.log_x:
        from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    if plot.x_limits:
        axes.set_xlim(*plot.x_limits)
    if plot.y_limits:
        axes.set_ylim(*plot.y_limits)
    axes.annotate(
        plot.title,
        (0, 1),
        xycoords="axes fraction",
        xytext=(0, 17),
        textcoords="offset points",
        fontsize=11,
        fontweight="bold",
    )
    axes.annotate(
        plot.subtitle,
        (0, 1),
        xycoords="axes fraction",
        xytext=(0, 5),
        textcoords="offset points",
        fontsize=8,
        color=GREY,
    )
