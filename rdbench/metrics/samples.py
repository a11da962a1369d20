"""The arrays that metrics take: 8-bit images, (height, width, channels), 1 or 3 channels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rdbench.sample_format import Image


def checked(image: NDArray[np.generic], role: str = "the image") -> Image:
    """``image`` as uint8, (height, width, channels); a plane (height, width) gets its channel.

    Raises :class:`ValueError` for another dtype, other than 1 or 3 channels, or no samples.
    """
    if image.dtype != np.uint8:
        raise ValueError(f"{role} must be uint8, it is {image.dtype}")
    if image.ndim == 2:
        image = image[:, :, np.newaxis]
    if image.ndim != 3 or image.shape[2] not in (1, 3) or image.size == 0:
        raise ValueError(
            f"{role} must be of shape (height, width, 1 or 3) and not empty, it is {image.shape}"
        )
    return np.ascontiguousarray(image, dtype=np.uint8)


def pair(a: NDArray[np.generic], b: NDArray[np.generic]) -> tuple[Image, Image]:
    """Both arrays as :func:`checked` has them. Raises :class:`ValueError` also where their
    shapes differ."""
    first, second = checked(a, "the first image"), checked(b, "the second image")
    if first.shape != second.shape:
        raise ValueError(f"images must have one shape, they are {first.shape} and {second.shape}")
    return first, second
