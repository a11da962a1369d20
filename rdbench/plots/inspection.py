"""Figures of what a trained network has learned, from the tables of :mod:`rdbench.inspection`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rdbench.plots.draw import GRAY, dressed, show
from rdbench.plots.legends import put_legend
from rdbench.plots.palette import BLACK, COLORS, MARKERS, RED, SKY
from rdbench.schema import point_text

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from rdbench.sample_format import Image

COLUMNS: Final = 4
"""Histograms that stand in a row."""
SCALE_BINS: Final = 60
"""Of the histogram of scales, of as many maps as the paper has."""


def histograms(
    table: pd.DataFrame, fits: pd.DataFrame, maps: Sequence[int], title: str, subtitle: str
) -> Figure:
    """The histograms of ``maps``, each with its Laplace distribution: Dumas et al. 2018, figure 2.

    ``table``: columns ``map``, ``low``, ``high``, ``density``; ``fits``: ``map``, ``mean``,
    ``scale``, indexed from 0 in the order of the maps.
    """
    from matplotlib.ticker import MaxNLocator

    columns = min(COLUMNS, len(maps))
    rows = math.ceil(len(maps) / columns)
    size = (max(4.5, 2.1 * columns), 0.8 + 1.75 * rows + (1.2 if len(maps) == 1 else 0))
    with dressed(size, title, subtitle) as figure:
        axes = figure.subplots(rows, columns, squeeze=False).ravel()
        for place, number in zip(axes, maps, strict=False):
            own, fit = table[table["map"] == number], fits.loc[number]
            edges = [*own["low"], own["high"].iloc[-1]]
            place.stairs(own["density"], edges, fill=True, color=SKY, label="latents")
            if fit["scale"] > 0:
                x = np.union1d(np.linspace(edges[0], edges[-1], 501), fit["mean"])
                density = np.exp(-np.abs(x - fit["mean"]) / fit["scale"]) / (2 * fit["scale"])
                place.plot(x, density, color=RED, linewidth=1.0, label="Laplace fit")
            mean, scale = _number(fit["mean"], digits=2), _number(fit["scale"])
            place.set_title(f"map {number}: mean {mean}, scale {scale}", fontsize=7)
            place.tick_params(labelsize=7)
            place.xaxis.set_major_locator(MaxNLocator(4))
        for place in axes[len(maps) :]:
            place.remove()
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="upper right", ncols=2, handlelength=1.2)
        figure.supxlabel("y", fontsize=9)
        figure.supylabel("Density", fontsize=9)
    return figure


def scales(fits: pd.DataFrame, exception: int | None, title: str, subtitle: str) -> Figure:
    """The histogram of the maps' Laplace scales, without the ``exception`` map: Dumas et al. 2018,
    figure 3. ``fits``: columns ``map``, ``scale``."""
    from matplotlib.ticker import MaxNLocator

    shown = fits[fits["map"] != (-1 if exception is None else exception)]
    if exception is not None:
        scale = fits.loc[exception, "scale"]
        subtitle += f"; without map {exception}, the exception, of scale {scale:.1f}"
    with dressed((6.0, 3.6), title, subtitle) as figure:
        axes = figure.add_subplot()
        axes.hist(shown["scale"], max(1, min(SCALE_BINS, len(shown) // 2)), color=SKY)
        axes.set_xlabel("Laplace scale")
        axes.set_ylabel("Maps")
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(True, axis="y")
    return figure


def responses(table: pd.DataFrame, title: str, subtitle: str) -> Figure:
    """Crops of decoded images with one latent in either tail: Dumas et al. 2018, figure 4.

    A row for each map, a column for each position and sign. ``table``: columns ``map``, ``row``,
    ``column``, ``alpha``, ``y``, ``x``, and ``luma`` or ``red``, ``green`` and ``blue``.
    """
    samples = [name for name in ("luma", "red", "green", "blue") if name in table]
    maps = list(dict.fromkeys(table["map"]))
    with dressed((6.0, 0.5 + 1.6 * len(maps)), title, subtitle) as figure:
        axes = figure.subplots(len(maps), 4, squeeze=False)
        for line, number in zip(axes, maps, strict=True):
            own = table[table["map"] == number]
            crops = own.groupby(["row", "column", "alpha"], sort=False)
            for place, ((row, column, alpha), crop) in zip(line, crops, strict=True):
                side = int(crop["y"].max()) + 1
                pixels = crop[samples].to_numpy().reshape(side, side, len(samples))
                show(place, pixels)
                place.set_title(f"({row}, {column}), α = {_number(alpha)}", fontsize=7)
            line[0].set_ylabel(f"map {number}", fontsize=8)
    return figure


def map_rates(table: pd.DataFrame, title: str, subtitle: str) -> Figure:
    """What the maps of y cost, from the costliest on, and how that adds up, for each beta.

    ``table``: columns ``image``, ``beta``, ``latents``, ``map``, ``bpp``; means over images.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    own = table[table["latents"] == "y"]
    means = own.groupby(["beta", "map"])["bpp"].mean()
    with dressed((7.0, 3.6), title, subtitle) as figure:
        left, right = figure.subplots(1, 2)
        for place, beta in enumerate(dict.fromkeys(own["beta"])):
            costs = np.sort(means[beta].to_numpy())[::-1]
            count, look = np.arange(1, len(costs) + 1), _look(place)
            label = f"β = {point_text(beta)}"
            left.plot(count, costs, label=label, markevery=(0, max(1, len(costs) // 8)), **look)
            total = np.cumsum(costs)
            right.plot(count, total, markevery=(0, max(1, len(costs) // 8)), **look)
        left.set_yscale("log")
        left.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        left.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        left.yaxis.set_minor_formatter(NullFormatter())
        floor = 1e-3 * float(means.max())
        left.set_ylim(bottom=max(floor, float(means.min()) / 1.5))
        left.set_ylabel("Rate of one map [bit/px]")
        right.set_ylabel("Rate of the costliest maps [bit/px]")
        right.set_ylim(bottom=0)
        for axes in (left, right):
            axes.set_xlabel("Maps, the costliest first")
            axes.grid(True)
        figure.legend(loc="upper right", ncols=5, columnspacing=1.2)
    return figure


def zero_maps(table: pd.DataFrame, maps: int, title: str, subtitle: str) -> Figure:
    """How many of ``maps`` maps are 0 all over, against the rate: a line for each image over beta,
    and their mean. ``table``: columns ``image``, ``beta``, ``ans_bpp``, ``zero_maps``."""
    with dressed((6.0, 4.0), title, subtitle) as figure:
        axes = figure.add_subplot()
        images = axes.plot(
            table.pivot_table(index="beta", columns="image", values="ans_bpp"),
            table.pivot_table(index="beta", columns="image", values="zero_maps"),
            color=SKY,
            linewidth=0.8,
            alpha=0.8,
        )
        images[0].set_label("each image")
        means = table.groupby("beta", sort=False)[["ans_bpp", "zero_maps"]].mean()
        axes.plot(means["ans_bpp"], means["zero_maps"], label="mean", **_look(0, BLACK))
        _name_betas(axes, means.index, means["ans_bpp"], means["zero_maps"])
        axes.set_xlabel("Rate [bit/px]")
        axes.set_ylabel(f"Maps of {maps} that are 0 all over")
        axes.set_xlim(0, 1.12 * float(table["ans_bpp"].max()))
        axes.set_ylim(-0.02 * maps, maps)
        axes.grid(True)
        put_legend(axes, *axes.get_legend_handles_labels(), first="upper right")
    return figure


def rates(table: pd.DataFrame, title: str, subtitle: str) -> Figure:
    """How far real rates are from the paper's estimate, for each beta; means over images.

    ``table``: columns ``beta``, ``estimated_bpp``, ``model_bpp``, and ``CODER_bpp`` of each coder.
    """
    coders = {"ans_bpp": "stream, ANS", "binary_bpp": "stream, binary arithmetic coder"}
    means = table.groupby("beta", sort=False).mean(numeric_only=True)
    estimated = means["estimated_bpp"]
    with dressed((6.0, 4.0), title, subtitle) as figure:
        axes = figure.add_subplot()
        axes.axhline(0, color=GRAY, linewidth=1.0, zorder=1.5)
        if not np.allclose(means["model_bpp"], estimated):  # else that sum is the estimate
            above = 1000 * (means["model_bpp"] - estimated)
            axes.plot(
                estimated, above, label="densities of the model", color="#CCCCCC", linewidth=4
            )
        for place, (name, label) in enumerate(coders.items()):
            if name in means:
                above = 1000 * (means[name] - estimated)
                axes.plot(estimated, above, label=label, **_look(place))
        _name_betas(axes, means.index, estimated, 1000 * (means["ans_bpp"] - estimated))
        axes.set_xlabel("Estimated rate [bit/px]")
        axes.set_ylabel("Rate above the estimate [0.001 bit/px]")
        axes.set_xlim(0, 1.12 * float(estimated.max()))
        axes.grid(True)
        put_legend(axes, *axes.get_legend_handles_labels(), first="upper right")
    return figure


def rate_map(table: pd.DataFrame, image: Image, title: str, subtitle: str) -> Figure:
    """An image, and beside it what each position of its latents costs.

    ``table``: columns ``row``, ``column``, ``side``, ``bits``; ``image``: uint8, (height, width,
    channels). What belongs to padding is cut off.
    """
    height, width = image.shape[:2]
    side = int(table["side"].iloc[0])
    bits = table.pivot_table(index="row", columns="column", values="bits").to_numpy()
    shape = math.sqrt(width / height)
    with dressed((0.8 + 5.8 * shape, 0.6 + 2.9 / shape), title, subtitle) as figure:
        left, right = figure.subplots(1, 2)
        show(left, image)
        drawn = right.imshow(
            bits, extent=(0, bits.shape[1] * side, bits.shape[0] * side, 0), cmap="magma", vmin=0
        )
        show(right, None)
        right.set_xlim(0, width)
        right.set_ylim(height, 0)
        bar = figure.colorbar(drawn, ax=right, fraction=0.05, pad=0.02)
        bar.set_label(f"Bits for {side}×{side} pixels", fontsize=8)
        bar.ax.tick_params(labelsize=7)
        bar.outline.set_visible(False)
    return figure


def _name_betas(axes: Axes, betas: Sequence[float], x: Sequence[float], y: Sequence[float]) -> None:
    """Write beta above its point, but where it would run into the one before."""
    last = -math.inf
    for at_x, at_y, beta in sorted(zip(x, y, betas, strict=True)):
        if at_x - last < 0.07 * max(x):
            continue
        last = at_x
        axes.annotate(
            f"β = {point_text(beta)}",
            (at_x, at_y),
            xytext=(0, 8),
            textcoords="offset points",
            ha="center",
            fontsize=7,
            color=GRAY,
        )


def _number(value: float, digits: int = 3) -> str:
    """With so many digits, and a proper minus."""
    return f"{value:.{digits}g}".replace("-", "\N{MINUS SIGN}")


def _look(place: int, color: str | None = None) -> dict[str, Any]:
    return {
        "color": color or COLORS[place % len(COLORS)],
        "marker": MARKERS[place % len(MARKERS)],
        "markersize": 5.5,
        "markeredgecolor": "white",
        "markeredgewidth": 0.5,
        "linewidth": 1.5,
    }
