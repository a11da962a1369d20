"""The original and what codecs made of it, side by side, as papers compare them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from rdbench.errors import UsageError
from rdbench.plots.draw import GREY, draw, put_head, shown_notes
from rdbench.plots.figures import PLAIN, Look
from rdbench.plots.palette import RED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from rdbench.sample_format import Image

Crop = tuple[int, int, int, int]
"""Left, top, width and height in pixels."""

_TILE_IN: Final = 2.1
_LINE_IN: Final = 0.15
_GAP_IN: Final = 0.03
_MOST_COLUMNS: Final = 5


@dataclass(frozen=True)
class Tile:
    """An image, (height, width, channels), uint8, and the lines below it, the first one bold."""

    pixels: Image = field(repr=False)
    lines: tuple[str, ...]


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
    notes: tuple[str, ...] = ()
    look: Look = PLAIN

    @property
    def columns(self) -> int:
        """How many tiles stand side by side: all of them, or rows of equal length."""
        count = len(self.tiles) + (self.whole is not None)
        return math.ceil(count / math.ceil(count / _MOST_COLUMNS))


def cut(image: Image, crop: Crop | None) -> Image:
    """The part of an image that is shown. Raises :class:`UsageError` for one that leaves it."""
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
    return image[top : top + height, left : left + width]


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
    below = 0.12 + _LINE_IN * max(len(tile.lines) for tile in plot.tiles)
    notes = shown_notes(plot, wide * columns)
    under = 0.06 + 0.11 * len(notes)
    above = 0.48 if plot.title else 0.05
    size = wide * columns, above + rows * (tall + below) + under
    figure = Figure(figsize=size)
    FigureCanvasAgg(figure)
    put_head(figure, plot.title, plot.subtitle)
    for place, tile in enumerate(shown):
        row, column = divmod(place, columns)
        bottom = size[1] - above - row * (tall + below) - tall
        left = column * wide + _GAP_IN
        box = left / size[0], bottom / size[1], (wide - 2 * _GAP_IN) / size[0], tall / size[1]
        axes = figure.add_axes(box)
        if tile is None:
            assert plot.whole is not None
            _show(axes, plot.whole)
            _frame(axes, plot)
        else:
            _show(axes, tile.pixels)
            _caption(axes, tile.lines)
    for number, line in enumerate(reversed(notes)):
        figure.text(0.01, (0.05 + 0.11 * number) / size[1], line, fontsize=6.5, color=GREY)
    return figure


def _show(axes: Axes, pixels: Image) -> None:
    """An image as it is: no smoothing, each pixel a square."""
    grey = pixels.shape[2] == 1
    samples = pixels[:, :, 0] if grey else pixels
    axes.imshow(samples, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
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
        color=GREY,
    )
