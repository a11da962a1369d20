"""The figures of a recipe as plots."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rdbench import plots
from rdbench.curves import Complexity, Curve, place_details, place_title, published
from rdbench.plots.bars import Bars
from rdbench.plots.figures import Line, Plot
from rdbench.reproducing.cast import Cast
from rdbench.reproducing.claims import rate_gap, times
from rdbench.reproducing.recipe import FigureRecipe, Recipe

FORMATS: Final = ("png", "pdf")


def draw(recipe: Recipe, cast: Cast, out: Path) -> list[Path]:
    """Draw the figures of ``recipe`` into ``out``; published curves of what was measured as well
    are drawn beside."""
    files: list[Path] = []
    for figure in recipe.figures:
        beside = [*cast.recorded.values(), *map(published, figure.published)]
        if figure.kind == "rate-distortion":
            for dataset in recipe.datasets:
                plot = _rate_distortion(figure, dataset, cast.curves(dataset), beside)
                if plot is not None:
                    files += plots.save(plot, out, FORMATS)
        elif figure.kind == "rate-gap":
            for dataset in recipe.datasets:
                plot = _rate_gap(dataset, cast.curves(dataset), beside)
                if plot.lines:
                    files += plots.save(plot, out, FORMATS)
        else:
            for dataset in recipe.datasets:
                bars = time_bars(dataset, cast.curves(dataset))
                if bars.groups:
                    files += plots.save(bars, out, FORMATS)
    return files


def _also(dataset: str, curves: Sequence[Curve], beside: Sequence[Curve]) -> list[Curve]:
    """``curves``, and those of ``beside`` that are not among them already."""
    titles = {curve.title for curve in curves}
    more = [c for c in beside if c.dataset == dataset and c.title not in titles]
    return [*curves, *more]


def _rate_distortion(
    figure: FigureRecipe, dataset: str, curves: Sequence[Curve], beside: Sequence[Curve]
) -> Plot | None:
    view = plots.scene(_also(dataset, curves, beside), dataset, figure.metric, figure.averaging)
    if view is None:
        return None
    return plots.rate_distortion(view, x_limits=figure.x_limits, y_limits=figure.y_limits)


def _rate_gap(dataset: str, curves: Sequence[Curve], beside: Sequence[Curve]) -> Plot:
    lines = []
    shown = _also(dataset, curves, beside)
    for curve in shown:
        if gap := rate_gap(curve):
            points = sorted(gap)
            lines.append(
                Line(
                    curve.title,
                    curve.codec,
                    curve.source == "published",
                    tuple(points),
                    tuple(gap[point] for point in points),
                )
            )
    parameter = next((curve.parameter for curve in shown if rate_gap(curve)), "point")
    images = max((curve.image_count for curve in shown), default=0)
    return Plot(
        name=plots.file_name(dataset, "rate_gap"),
        title=place_title(dataset, shown, images),
        subtitle="; ".join(("mean of real less estimated rate", *place_details(dataset, shown))),
        x_label=parameter,
        y_label="Real less estimated rate [bit/px]",
        lines=plots.from_the_top(lines),
        cast=tuple(map(plots.member, shown)),
        y_limits=(0.0, 1.1 * max((max(line.y) for line in lines), default=1.0)),
        free_corner="upper right",
    )


def time_bars(dataset: str, curves: Sequence[Curve]) -> Bars:
    """Times to encode and to decode of the measured curves of a dataset."""
    measured = [curve for curve in curves if curve.source == "measured"]
    images = max((curve.image_count for curve in measured), default=0)
    busy = any(curve.timing != "isolated" or Complexity.of(curve).busy for curve in measured)
    said = ", other work ran beside" if busy else ""
    machines = sorted({machine for curve in measured for machine in curve.machines})
    said += f", on {' and '.join(machines)}" if len(machines) > 1 else ""
    return Bars(
        name=plots.file_name(dataset, "times"),
        title=place_title(dataset, measured, images),
        subtitle=f"mean of the images{said}",
        y_label="Time per image [s]",
        groups=tuple(curve.title for curve in measured),
        series=(
            ("encode", tuple(times(curve)[0] for curve in measured)),
            ("decode", tuple(times(curve)[1] for curve in measured)),
        ),
    )
