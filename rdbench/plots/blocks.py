"""Figures of an image's way through transform codecs, from :mod:`rdbench.inspection.blocks`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from rdbench.plots.draw import dressed, log_y, show
from rdbench.plots.palette import RED, SKY
from rdbench.plots.styles import Member, styles

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from rdbench.sample_format import Image

Floats = NDArray[np.float64]

SIDE: Final = 8
SHOWN: Final = 32
"""Of the coefficients, how many are kept at most where variance is left out."""
NEIGHBORHOOD: Final = 64
"""Side in pixels of what is shown around a block."""


def picture(image: Image, left: int, top: int, title: str, subtitle: str) -> Figure:
    """An image of one channel, the surroundings of one of its 8×8 blocks with all block borders,
    and the samples of the block; ``left`` and ``top`` are its first pixel."""

    height, width = image.shape[:2]
    wide = min(3.6, 2.3 * width / height)
    with dressed((wide + 5.0, 3.0), title, subtitle) as figure:
        whole, around, block = figure.subplots(1, 3, width_ratios=(wide, 2.3, 2.3))
        show(whole, image)
        start = [
            max(0, min(at - NEIGHBORHOOD // 2 + SIDE // 2, size - NEIGHBORHOOD)) // SIDE * SIDE
            for at, size in ((left, width), (top, height))
        ]
        _frame(whole, start[0], start[1], NEIGHBORHOOD)
        show(around, image)
        around.set_xlim(start[0] - 0.5, min(start[0] + NEIGHBORHOOD, width) - 0.5)
        around.set_ylim(min(start[1] + NEIGHBORHOOD, height) - 0.5, start[1] - 0.5)
        for border in range(0, max(width, height), SIDE):
            around.axvline(border - 0.5, color="white", linewidth=0.4, alpha=0.7)
            around.axhline(border - 0.5, color="white", linewidth=0.4, alpha=0.7)
        _frame(around, left, top, SIDE)
        samples = image[top : top + SIDE, left : left + SIDE, 0].astype(np.float64)
        _numbers(block, samples, "{:.0f}", cmap="gray", limits=(0, 255))
        for axes, text in (
            (whole, f"{width}×{height} px"),
            (around, "its blocks of 8×8"),
            (block, f"the block at {left}, {top}"),
        ):
            axes.set_title(text, fontsize=8)
    return figure


def bases(panels: Mapping[str, Sequence[Floats]], title: str, subtitle: str) -> Figure:
    """Functions of transforms side by side: of each, 64 arrays of one shape, row by row, each in
    gray from minus to plus its largest magnitude."""
    count = len(panels)
    with dressed((2.9 * count, 3.5), title, subtitle) as figure:
        row = figure.subplots(1, count, squeeze=False)[0]
        for axes, (name, functions) in zip(row, panels.items(), strict=True):
            axes.set_facecolor(SKY)
            axes.imshow(_mosaic(functions), cmap="gray", vmin=-1, vmax=1, interpolation="nearest")
            show(axes, None)
            axes.set_title(name, fontsize=8)
    return figure


def energy(
    positions: pd.DataFrame, gains: Mapping[str, float], title: str, subtitle: str
) -> Figure:
    """The variance of coefficients, the largest first, and how much of all variance is left out
    where only the first few are kept. ``positions``: columns ``codec``, ``variance``; ``gains``:
    coding gains in dB."""
    with dressed((8.0, 3.4), title, subtitle) as figure:
        left, right = figure.subplots(1, 2)
        for name, gain in gains.items():
            own = positions.loc[positions["codec"] == name, "variance"].to_numpy()
            own = np.sort(own)[::-1]
            count, look = np.arange(1, len(own) + 1), _look(name)
            left.plot(count, own, label=f"{name}: gain {gain:.2f} dB", markevery=6, **look)
            kept = np.cumsum(own) / own.sum()
            right.plot(count[:SHOWN], 100 * (1 - kept[:SHOWN]), markevery=3, **look)
        left.set_ylabel("Variance")
        right.set_ylabel("Variance left out [%]")
        left.set_xlabel("Coefficients, the largest variance first")
        right.set_xlabel("Coefficients that are kept")
        for axes in (left, right):
            log_y(axes)
            axes.grid(True)
        left.legend(loc="upper right")
    return figure


def way(rows: Mapping[str, Mapping[str, Floats]], title: str, subtitle: str) -> Figure:
    """A block at each stage, a row for each codec; each stage has its 64 numbers, (8, 8). Those
    of "decoded" are shown as levels of gray, the others by their magnitude."""
    stages = list(next(iter(rows.values())))
    with dressed((2.05 * len(stages), 0.7 + 2.25 * len(rows)), title, subtitle) as figure:
        grid = figure.subplots(len(rows), len(stages), squeeze=False)
        for line, (name, values) in zip(grid, rows.items(), strict=True):
            for axes, (stage, numbers) in zip(line, values.items(), strict=True):
                if stage == "decoded":
                    _numbers(axes, numbers, "{:.0f}", cmap="gray", limits=(0, 255))
                else:
                    shape = "{:.1f}" if stage.startswith("bits") else "{:.0f}"
                    limits = (0.0, 1.0)
                    shade = np.abs(numbers) / max(1e-9, float(np.abs(numbers).max()))
                    _numbers(axes, numbers, shape, shades=np.sqrt(shade), limits=limits)
                axes.set_title(stage, fontsize=8)
            line[0].set_ylabel(name, fontsize=9, fontweight="bold")
    return figure


def costs(maps: Mapping[str, Floats], positions: pd.DataFrame, title: str, subtitle: str) -> Figure:
    """What blocks cost, a map for each codec, and what the levels of each position cost.

    ``maps``: bits of blocks, (rows, columns); ``positions``: columns ``codec``, ``position``,
    ``bpp``.
    """
    rows, columns = next(iter(maps.values())).shape
    shape = min(2.0, columns / rows)
    largest = max(float(values.max()) for values in maps.values())
    wide = 1.8 * shape
    with dressed((wide * len(maps) + 3.6, 2.7), title, subtitle) as figure:
        row = figure.subplots(1, len(maps) + 1, width_ratios=[*[wide] * len(maps), 2.8])
        for axes, (name, values) in zip(row, maps.items(), strict=False):
            drawn = axes.imshow(values, cmap="magma", vmin=0, vmax=largest)
            show(axes, None)
            axes.set_title(f"{name}: bits of each block", fontsize=8)
        bar = figure.colorbar(drawn, ax=list(row[: len(maps)]), fraction=0.04, pad=0.02)
        bar.ax.tick_params(labelsize=7)
        bar.outline.set_visible(False)
        last = row[-1]
        for name in maps:
            own = positions[positions["codec"] == name]
            rate = 1000 * own["bpp"]
            last.plot(own["position"], rate, label=name, markevery=6, **_look(name))
        last.set_xlabel("Position in the order of coding")
        last.set_ylabel("Rate [0.001 bit/px]")
        last.grid(True)
        last.legend(loc="upper right")
    return figure


def _mosaic(functions: Sequence[Floats]) -> Floats:
    """Functions in rows of eight, each over its largest magnitude; nothing between them."""
    height, width = functions[0].shape
    gap = max(1, height // 8)
    side = math.ceil(math.sqrt(len(functions)))
    whole = np.full((side * (height + gap) - gap, side * (width + gap) - gap), np.nan)
    for place, function in enumerate(functions):
        row, column = divmod(place, side)
        top, left = row * (height + gap), column * (width + gap)
        largest = float(np.abs(function).max())
        whole[top : top + height, left : left + width] = function / largest if largest else 0
    return whole


def _numbers(
    axes: Axes,
    values: Floats,
    shape: str,
    *,
    shades: Floats | None = None,
    cmap: str = "Blues",
    limits: tuple[float, float],
) -> None:
    """An array as colored cells with their numbers; zeros are left empty where they are many."""
    shown = values if shades is None else shades
    axes.imshow(shown, cmap=cmap, vmin=limits[0], vmax=limits[1], interpolation="nearest")
    show(axes, None)
    dark = (limits[0] + limits[1]) / 2
    for (row, column), value in np.ndenumerate(values):
        text = shape.format(value + 0.0).replace("-", "\N{MINUS SIGN}")
        if float(shape.format(value)) == 0:
            text = "·" if shades is not None else "0"
        light = (shown[row, column] < dark) if cmap == "gray" else (shown[row, column] > 0.7)
        color = "white" if light else "black"
        axes.text(column, row, text, ha="center", va="center", fontsize=5.5, color=color)


def _frame(axes: Axes, left: int, top: int, side: int) -> None:
    from matplotlib.patches import Rectangle

    axes.add_patch(
        Rectangle((left - 0.5, top - 0.5), side, side, fill=False, edgecolor=RED, linewidth=1.5)
    )


def _look(codec: str) -> dict[str, Any]:
    """That of the codec in all figures."""
    member = Member(codec, codec)
    return {**styles([member])[member].marks(5.0), "linewidth": 1.5}
