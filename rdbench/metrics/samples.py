"""The arrays that functions of metrics take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rdbench.sample_format import checked

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rdbench.sample_format import Image


def pair(a: NDArray[np.generic], b: NDArray[np.generic]) -> tuple[Image, Image]:
    """Both arrays as images that are measured, uint8, (height, width, 1 or 3); a plane (height,
    width) gets its channel. Raises :class:`ValueError` for others, and where their shapes
    differ."""
    first, second = (
        checked(image[:, :, np.newaxis] if image.ndim == 2 else image, f"the {name} image")
        for image, name in ((a, "first"), (b, "second"))
    )
    if first.shape != second.shape:
        raise ValueError(
            f"images must have the same shape, but they are {first.shape} and {second.shape}"
        )
    return first, second
