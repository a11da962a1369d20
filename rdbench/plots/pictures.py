"""The original and its decoded versions side by side, as in papers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from rdbench.errors import UsageError
from rdbench.plots.draw import GRAY, NOTE_PT, draw, put_head, shown_notes
from rdbench.plots.figures import PLAIN, Look
from rdbench.plots.fonts import wrapped
from rdbench.plots.palette import RED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from rdbench.sample_format import Image

Pixels = TypeVar("Pixels", bound=NDArray[Any])
Crop = tuple[int, int, int, int]
"""Left, top, width and height in pixels."""

_TILE_IN: Final = 2.1
_LINE_IN: Final = 0.15
_GAP_IN: Final = 0.03
_MOST_COLUMNS: Final = 5
MAP_COLORS: Final = "magma"
PERCENTILE: Final = 99.9
"""Of errors, which the bright end of a color bar stands for."""


@dataclass(frozen=True)
class Tile:
    """An image, (height, width, channels), uint8, the lines below it, the first one bold, and its
    error map, (height, width), float32."""

    pixels: Image = field(repr=False)
    lines: tuple[str, ...]
    errors: NDArray[np.float32] | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Gallery:
    """A figure of tiles of one size; before them, where they show a crop, the whole original with
    its frame."""

    name: str
    title: str
    subtitle: str
    tiles: tuple[Tile, ...]
    whole: Image | None = field(default=None, repr=False)
    crop: Crop | None = None
    map_label: str = ""
    """What error maps show."""
    notes: tuple[str, ...] = ()
    look: Look = PLAIN

    @property
    def columns(self) -> int:
        """How many tiles stand side by side: all of them, or rows of equal length."""
        count = len(self.tiles) + (self.whole is not None)
        return math.ceil(count / math.ceil(count / _MOST_COLUMNS))


def cut(image: Pixels, crop: Crop | None) -> Pixels:
    """The part of an image or a map that is shown. Raises :class:`UsageError` for one that leaves
    it."""
    if crop is None:
        return image
    left, top, width, height = crop
    rows, columns = image.shape[:2]
    inside = left >= 0 and top >= 0 and left + width <= columns and top + height <= rows
    if not inside or width < 1 or height < 1:
        raise UsageError(
            f"the crop {left},{top},{width},{height} (x, y, width, height) is not within the image "
            f"of {columns}x{rows} px"
        )
    shown: Pixels = image[top : top + height, left : left + width]  # type: ignore[assignment]
    return shown


def widest_difference(images: Sequence[Image], width: int, height: int) -> Crop:
    """The crop of a size in which two of some decoded images of one original differ most, by their
    mean squared difference; of equal ones the first, row by row. A size that is larger than the
    images is theirs."""
    import cv2

    rows, columns = images[0].shape[:2]
    width, height = min(width, columns), min(height, rows)
    most = np.zeros((rows - height + 1, columns - width + 1))
    for number, one in enumerate(images):
        for other in images[:number]:
            squares = np.square(np.subtract(one, other, dtype=np.float64)).sum(axis=2)
            sums = cv2.integral(squares, sdepth=cv2.CV_64F)
            whole = sums[height:, width:] - sums[:-height, width:]
            whole += sums[:-height, :-width] - sums[height:, :-width]
            most = np.maximum(most, whole)
    top, left = np.unravel_index(np.argmax(most), most.shape)
    return int(left), int(top), width, height


@draw.register(Gallery)
def _draw(plot: Gallery) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = ([] if plot.whole is None else [None]) + list(plot.tiles)
    columns = min(len(shown), plot.columns)
    rows = math.ceil(len(shown) / columns)
    height, width = plot.tiles[0].pixels.shape[:2]
    wide = plot.look.size[0] / columns if plot.look.size else _TILE_IN
    tall = wide * height / width
    mapped = any(tile.errors is not None for tile in plot.tiles)
    under_it = 0.12 + _LINE_IN * max(len(tile.lines) for tile in plot.tiles)
    below = under_it + mapped * (tall + _GAP_IN)
    notes = shown_notes(plot, wide * columns)
    under = 0.06 + 0.11 * len(notes)
    above = 0.48 if plot.title else 0.05
    size = wide * columns, above + rows * (tall + below) + under
    figure = Figure(figsize=size)
    FigureCanvasAgg(figure)
    put_head(figure, plot.title, plot.subtitle)
    most = widest_error([tile.errors for tile in plot.tiles if tile.errors is not None])
    for place, tile in enumerate(shown):
        row, column = divmod(place, columns)
        bottom = size[1] - above - row * (tall + below) - tall
        left = (column * wide + _GAP_IN) / size[0]
        wide_share, tall_share = (wide - 2 * _GAP_IN) / size[0], tall / size[1]
        axes = figure.add_axes((left, bottom / size[1], wide_share, tall_share))
        if tile is None:
            assert plot.whole is not None
            _show(axes, plot.whole)
            _frame(axes, plot)
            continue
        _show(axes, tile.pixels)
        if tile.errors is not None:
            lower = (bottom - tall - _GAP_IN) / size[1]
            axes = figure.add_axes((left, lower, wide_share, tall_share))
            _show_errors(axes, tile.errors, most)
        elif mapped:
            lower = (bottom - _GAP_IN - 0.22) / size[1]
            bar = figure.add_axes((left + 0.1 * wide_share, lower, 0.8 * wide_share, 0.1 / size[1]))
            _color_bar(figure, bar, plot.map_label, most)
        _caption(axes, tile.lines)
    for number, line in enumerate(reversed(notes)):
        figure.text(0.01, (0.05 + 0.11 * number) / size[1], line, fontsize=NOTE_PT, color=GRAY)
    return figure


def widest_error(maps: Sequence[NDArray[np.float32]]) -> float:
    """The error at the bright end of the colors of some maps: all but a few pixels have less."""
    if not maps:
        return 1.0
    return float(np.nanpercentile(np.concatenate([one.ravel() for one in maps]), PERCENTILE)) or 1.0


def in_colors(errors: NDArray[np.float32], most: float) -> Image:
    """An error map as a picture, uint8, (height, width, 3): dark where nothing is wrong, and bright
    from ``most`` on; gray where the map says nothing."""
    import matplotlib as mpl

    colors = mpl.colormaps[MAP_COLORS](np.clip(errors / most, 0, 1), bytes=True)[:, :, :3]
    colors[np.isnan(errors)] = 226
    return np.ascontiguousarray(colors)


def _show_errors(axes: Axes, errors: NDArray[np.float32], most: float) -> None:
    axes.imshow(errors, cmap=MAP_COLORS, vmin=0, vmax=most, interpolation="nearest")
    axes.set_facecolor("#E2E2E2")
    _bare(axes)


def _color_bar(figure: Figure, axes: Axes, label: str, most: float) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    scale = ScalarMappable(Normalize(0, most), MAP_COLORS)
    bar = figure.colorbar(scale, cax=axes, orientation="horizontal", ticks=[0, most / 2, most])
    bar.ax.set_xticklabels([f"{value:.3g}" for value in (0, most / 2, most)])
    bar.ax.tick_params(labelsize=7, length=2, pad=1.5)
    bar.outline.set_visible(False)
    bar.set_label("\n".join(wrapped(label, 1.6, 7)), fontsize=7, labelpad=2)


def _show(axes: Axes, pixels: Image) -> None:
    """An image as it is: no smoothing, each pixel a square."""
    gray = pixels.shape[2] == 1
    samples = pixels[:, :, 0] if gray else pixels
    axes.imshow(samples, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    _bare(axes)


def _bare(axes: Axes) -> None:
    axes.set_anchor("N")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def _frame(axes: Axes, plot: Gallery) -> None:
    from matplotlib.patches import Rectangle

    assert plot.crop
    left, top, width, height = plot.crop
    axes.add_patch(
        Rectangle((left - 0.5, top - 0.5), width, height, fill=False, edgecolor=RED, linewidth=1.5)
    )
    _caption(axes, ("whole image", f"crop {width}×{height} px at {left}, {top}"))


def _caption(axes: Axes, lines: Sequence[str]) -> None:
    first, *others = lines
    axes.set_xlabel(first, fontsize=8.5, fontweight="bold", labelpad=3)
    axes.annotate(
        "\n".join(others),
        (0.5, 0),
        xycoords="axes fraction",
        xytext=(0, -14),
        textcoords="offset points",
        ha="center",
        va="top",
        fontsize=7.5,
        color=GRAY,
    )
