"""Stacked bars, for times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rdbench.errors import RdbenchError
from rdbench.plots.draw import DPI, GREY, METADATA, SETTINGS


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


def save_bars(bars: Bars, folder: Path, formats: Sequence[str] = ("png",)) -> list[Path]:
    """Draw ``bars`` into ``folder``, one file per format (png, pdf, svg). Raises
    :class:`RdbenchError` where the folder cannot be written."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    paths = []
    with mpl.rc_context(SETTINGS):
        figure = Figure(figsize=(1.6 + 1.25 * len(bars.groups), 4.0), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        places = list(range(len(bars.groups)))
        below = [0.0] * len(places)
        for (name, values), colour in zip(bars.series, ("#0072B2", "#E69F00"), strict=False):
            axes.bar(places, values, 0.6, below, label=name, color=colour, zorder=2)
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
        axes.legend(loc="upper left")
        axes.set_title(bars.title, loc="left", fontsize=11, fontweight="bold", pad=17)
        axes.annotate(
            bars.subtitle,
            (0, 1),
            xycoords="axes fraction",
            xytext=(0, 5),
            textcoords="offset points",
            fontsize=8,
            color=GREY,
        )
        for kind in formats:
            path = folder / f"{bars.name}.{kind}"
            try:
                folder.mkdir(parents=True, exist_ok=True)
                figure.savefig(path, format=kind, dpi=DPI, metadata=METADATA[kind])
            except OSError as error:
                raise RdbenchError(f"cannot write {str(path)!r}: {error.strerror}") from None
            paths.append(path)
    return paths
