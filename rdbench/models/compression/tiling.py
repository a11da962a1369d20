"""Transforms of pictures that are larger than the memory: in tiles, with the same result.

A convolutional network computes each output from a bounded neighborhood. A tile is computed with a
margin at least that wide. Where the picture ends, the tile ends too, so the zeros that pad them are
the same. Only the order of the sums differs, which changes the last bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor


def spans(size: int, tile: int) -> list[tuple[int, int]]:
    """Where each part starts and stops if ``size`` cells are cut into parts of at most ``tile``; 0
    means no cuts."""
    if not tile or size <= tile:
        return [(0, size)]
    return [(start, min(start + tile, size)) for start in range(0, size, tile)]


def windows(
    height: int, width: int, tile: int, margin: int
) -> Iterator[tuple[slice, slice, slice, slice]]:
    """The tiles of a grid: the rows and columns of each tile with its margin, and the rows and
    columns of the tile within those."""
    for top, bottom in spans(height, tile):
        for left, right in spans(width, tile):
            above, before = min(margin, top), min(margin, left)
            yield (
                slice(top - above, min(bottom + margin, height)),
                slice(left - before, min(right + margin, width)),
                slice(above, above + bottom - top),
                slice(before, before + right - left),
            )


def tiled(
    transform: Callable[[Tensor], Tensor],
    samples: Tensor,
    *,
    inner: int,
    outer: int,
    margin: int,
    tile: int,
) -> Tensor:
    """``transform`` of ``samples``, (1, channels, height, width), tile by tile.

    The picture is a grid of cells. Along the side of a cell, the transform takes ``inner`` samples
    and gives ``outer``: 16 and 1 for an analysis with stride 16. ``margin`` is how many cells it
    sees to each side; ``tile`` is the side of a tile in cells, or 0 for the whole at once.
    """
    height, width = samples.shape[-2] // inner, samples.shape[-1] // inner
    if not tile or (height <= tile and width <= tile):
        return transform(samples)
    result: Tensor | None = None
    for rows, columns, own_rows, own_columns in windows(height, width, tile, margin):
        part = transform(samples[..., _scaled(rows, inner), _scaled(columns, inner)])
        if result is None:
            shape = (1, part.shape[1], height * outer, width * outer)
            result = torch.empty(shape, dtype=part.dtype)
        top, left = rows.start + own_rows.start, columns.start + own_columns.start
        whole_rows = slice(top, top + own_rows.stop - own_rows.start)
        whole_columns = slice(left, left + own_columns.stop - own_columns.start)
        result[..., _scaled(whole_rows, outer), _scaled(whole_columns, outer)] = part[
            ..., _scaled(own_rows, outer), _scaled(own_columns, outer)
        ]
    assert result is not None
    return result


def _scaled(cells: slice, side: int) -> slice:
    return slice(cells.start * side, cells.stop * side)
