"""Legends that cover no data: inside the axes if there is room, otherwise beside them."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from rdbench.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend
    from matplotlib.lines import Line2D
    from matplotlib.transforms import Bbox

INSIDE: Final = 8
"""A legend of more entries stands beside the axes."""
CORNERS: Final = ("lower right", "upper left", "upper right", "lower left")
GAP_PT: Final = 5.0
"""Between a legend and the line through a marker, in points."""
LEAST: Final = 0.3
"""The part of a figure's width and height that its axes have at least."""


def put_legend(
    axes: Axes,
    handles: Sequence[Artist],
    titles: Sequence[str],
    *,
    first: str = CORNERS[0],
    bold: Collection[str] = (),
) -> bool:
    """Put a legend into a corner of ``axes`` where it covers nothing, ``first`` before the others,
    or else beside them; say whether it is inside.

    Nothing may be drawn into ``axes`` or change their size after this.
    """
    if len(titles) <= INSIDE:
        for corner in dict.fromkeys((first, *CORNERS)):
            legend = axes.legend(handles, titles, loc=corner)
            embolden(legend, bold)
            if corner == first:
                _lay_out(axes)
            if not _covers(axes, legend):
                return True
    legend = axes.legend(
        handles, titles, loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0
    )
    embolden(legend, bold)
    return False


def make_room(
    figure: Figure,
    legend: Legend | None = None,
    handles: Sequence[Artist] = (),
    titles: Sequence[str] = (),
    *,
    bold: Collection[str] = (),
) -> None:
    """See that the axes of a figure of given size have room: where a ``legend`` that stands beside
    them takes it, move that below them, in as many columns as fit.

    Raises :class:`UsageError` where there is no room even so.
    """
    if legend and _is_cramped(figure):
        columns = max(1, int(figure.bbox.width / legend.get_window_extent().width))
        legend.remove()
        below = figure.legend(
            handles, titles, loc="outside lower left", ncols=columns, handlelength=2
        )
        embolden(below, bold)
    if _is_cramped(figure):
        width, height = figure.get_size_inches()
        raise UsageError(
            f"a figure of {width:g},{height:g} inches has no room for its names and notes: make "
            "it larger (`size`), shorten the names (`labels`), or leave out the notes"
        )


def _is_cramped(figure: Figure) -> bool:
    """Whether what stands around the axes leaves them less than :data:`LEAST` of the figure, or
    runs into what stands around others."""
    collapsed = _lay_out(figure)
    boxes = [axes.bbox for axes in figure.axes]
    width = sum(box.width for box in boxes)
    height = min(box.height for box in boxes)
    texts = [axes.xaxis.label.get_window_extent() for axes in figure.axes]
    return bool(
        collapsed
        or width < LEAST * figure.bbox.width
        or height < LEAST * figure.bbox.height
        or any(one.overlaps(other) for one, other in itertools.pairwise(texts))
    )


def _lay_out(within: Axes | Figure) -> bool:
    """Lay the figure out; whether there was no room left for its axes at all."""
    figure = within.get_figure(root=True)
    assert figure
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        figure.draw_without_rendering()
    return any("collapsed to zero" in str(warning.message) for warning in said)


def embolden(legend: Legend, bold: Collection[str]) -> None:
    """Make the entries of highlighted curves bold."""
    for text in legend.get_texts():
        if text.get_text() in bold:
            text.set_fontweight("bold")


def _covers(axes: Axes, legend: Legend) -> bool:
    """Whether a legend within ``axes`` lies on a line, a marker, a bar or a text."""
    box = legend.get_window_extent().padded(GAP_PT / 72 * axes.figure.dpi)
    areas = (*axes.patches, *axes.collections, *axes.texts)
    return any(_crosses(line, box) for line in axes.get_lines()) or any(
        area.get_window_extent().overlaps(box) for area in areas
    )


def _crosses(line: Line2D, box: Bbox) -> bool:
    path = line.get_transform().transform_path(line.get_path())
    x, y = np.asarray(path.vertices).T
    within = (box.x0 <= x) & (x <= box.x1) & (box.y0 <= y) & (y <= box.y1)
    return bool(within.any() or path.intersects_bbox(box, filled=False))
