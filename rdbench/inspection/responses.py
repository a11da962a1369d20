"""What a single latent encodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from rdbench.inspection.model import Model

if TYPE_CHECKING:
    import pandas as pd

POSITIONS: Final = ((1, 1), (6, 6))
"""Rows and columns of the latent."""
TAIL: Final = 8.0
"""How many Laplace scales from its mean a latent is set: 1 of 3000 lies farther out."""
IMAGE_SIDE: Final = 256
CROP_SIDE: Final = 64
PATTERN_LATENTS: Final = 5
"""Latents on a side of the image of a pattern."""


def responses(
    model: Model,
    maps: Sequence[int],
    means: NDArray[np.float64],
    scales: NDArray[np.float64],
) -> pd.DataFrame:
    """What the synthesis makes of one latent in either tail of its distribution, all others being
    at the mean of their map: Dumas et al. 2018, figure 4, without the quantization.

    ``means`` and ``scales``: (all maps of the model,). Of the decoded 256×256 image the 64×64
    pixels from the latent above and to the left on. Columns: ``map``; ``row`` and ``column`` of
    the latent; ``alpha``, its value; ``y`` and ``x`` of the pixel in the crop; ``luma``, or
    ``red``, ``green`` and ``blue``, 0..255.
    """
    import pandas as pd
    import torch

    compressor = model.compressor
    side = IMAGE_SIDE // compressor.cell
    names = ("luma",) if compressor.channels == 1 else ("red", "green", "blue")
    y, x = (index.ravel() for index in np.indices((CROP_SIDE, CROP_SIDE)))
    flat = torch.from_numpy(means.astype(np.float32))[None, :, None, None]
    parts = []
    for number in maps:
        for row, column in POSITIONS:
            for sign in (1, -1):
                alpha = float(means[number] + sign * TAIL * scales[number])
                latents = flat.repeat(1, 1, side, side)
                latents[0, number, row, column] = alpha
                image = compressor.synthesis(latents, IMAGE_SIDE, IMAGE_SIDE)
                top, left = (row - 1) * compressor.cell, (column - 1) * compressor.cell
                crop = image[top : top + CROP_SIDE, left : left + CROP_SIDE]
                columns: dict[str, Any] = {
                    "map": number,
                    "row": row,
                    "column": column,
                    "alpha": alpha,
                    "y": y,
                    "x": x,
                }
                samples = dict(zip(names, crop.reshape(-1, len(names)).T, strict=True))
                parts.append(pd.DataFrame({**columns, **samples}))
    return pd.concat(parts, ignore_index=True)


def patterns(
    model: Model,
    maps: Sequence[int],
    means: NDArray[np.float64],
    scales: NDArray[np.float64],
) -> list[NDArray[np.float64]]:
    """What one latent of each of ``maps`` adds to an image: half the difference of what the
    synthesis makes of it in its upper and in its lower tail, as :func:`responses` sets it.

    Of each map an array of twice the cell's side, with the cell in its middle; the mean over
    channels.
    """
    import torch

    compressor = model.compressor
    cell, middle = compressor.cell, PATTERN_LATENTS // 2
    size = PATTERN_LATENTS * cell
    start, end = middle * cell - cell // 2, middle * cell + cell + cell // 2
    flat = torch.from_numpy(means.astype(np.float32))[None, :, None, None]
    found = []
    for number in maps:
        tails = []
        for sign in (1, -1):
            latents = flat.repeat(1, 1, PATTERN_LATENTS, PATTERN_LATENTS)
            latents[0, number, middle, middle] += sign * TAIL * scales[number]
            image = compressor.synthesis(latents, size, size)
            tails.append(image[start:end, start:end].astype(np.float64).mean(axis=2))
        found.append((tails[0] - tails[1]) / 2)
    return found
