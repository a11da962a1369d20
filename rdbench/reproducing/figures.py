"""The figures of a recipe as plots."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from rdbench import galleries, plots
from rdbench.curves import RATE, Complexity, Curve, place_details, place_title, published
from rdbench.errors import RdbenchError
from rdbench.plots.bars import Bars
from rdbench.plots.figures import Line, Plot
from rdbench.reproducing.cast import Cast
from rdbench.reproducing.claims import rate_gap, times
from rdbench.reproducing.recipe import FigureRecipe, Recipe
from rdbench.schema import Measurement

FORMATS: Final = ("png", "pdf")


def draw(
    recipe: Recipe, cast: Cast, out: Path, run: Path, say: Callable[[str], None]
) -> list[Path]:
    """Draw the figures of ``recipe`` into ``out``. Published curves of roles that were measured are
    drawn as well. Comparisons show the images of ``run``; ``say`` is called with the reason where
    one cannot be drawn, and an existing file is kept."""
    files: list[Path] = []
    for figure in recipe.figures:
        if figure.kind == "comparison":
            if measured := compared(figure, cast):
                files += _comparison(figure, measured, out, run, say)
            continue
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


def compared(figure: FigureRecipe, cast: Cast) -> list[str]:
    """The labels of the measured curves that a comparison shows."""
    there = dict.fromkeys(label for _, label in cast.measured)
    return [label for label in figure.codecs or there if label in there]


def shown_rows(figure: FigureRecipe, labels: Sequence[str], run: Path) -> list[Measurement]:
    """The row of each curve that a comparison shows."""
    return galleries.nearest_rows(run, figure.image, at={RATE: figure.bpp}, codecs=labels)


def comparison_name(figure: FigureRecipe, row: Measurement) -> str:
    """The stem of the file of a comparison."""
    return galleries.gallery_name(row, {RATE: figure.bpp}, crop=figure.crop)


def _comparison(
    figure: FigureRecipe, labels: Sequence[str], out: Path, run: Path, say: Callable[[str], None]
) -> list[Path]:
    name = comparison_name(figure, shown_rows(figure, labels, run)[0])
    try:
        shown = galleries.gallery(
            run, figure.image, at={RATE: figure.bpp}, codecs=labels, crop=figure.crop
        )
    except RdbenchError as error:
        there = (out / f"{name}.png").is_file()
        say(f"{name} is not drawn{', and the existing file is kept' if there else ''}: {error}")
        return [out / f"{name}.png"] if there else []
    return plots.save(shown, out, FORMATS[:1])  # a PDF would hold the whole image


def _also(dataset: str, curves: Sequence[Curve], beside: Sequence[Curve]) -> list[Curve]:
    """``curves``, and the curves of ``beside`` that are not among them."""
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
        subtitle="; ".join(("mean of real minus estimated rate", *place_details(dataset, shown))),
        x_label=parameter,
        y_label="Real minus estimated rate [bit/px]",
        lines=plots.from_the_top(lines),
        cast=tuple(map(plots.member, shown)),
        y_limits=(0.0, 1.1 * max((max(line.y) for line in lines), default=1.0)),
        free_corner="upper right",
    )


def time_bars(dataset: str, curves: Sequence[Curve]) -> Bars:
    """Times to encode and to decode of the measured curves of a dataset."""
    measured = [curve for curve in curves if curve.source == "measured"]
    images = max((curve.image_count for curve in measured), default=0)
    busy = any(
        curve.timing not in ("isolated", "pinned") or Complexity.of(curve).busy
        for curve in measured
    )
    said = ", other work ran at the same time" if busy else ""
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
