"""Samples as they cross the border between rdbench's images and files of other programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from rdbench.sample_format import Image

Plane = NDArray[np.unsignedinteger[Any]]


def checked(image: Image) -> Image:
    """``image`` as it is, contiguous: uint8, (height, width, 1 or 3), not empty.

    Raises :class:`ValueError` for another array.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] not in (1, 3):
        raise ValueError(
            f"an image must be uint8, (height, width, 1 or 3), it is {image.dtype}, {image.shape}"
        )
    if image.size == 0:
        raise ValueError(f"an image must have samples, it is of shape {image.shape}")
    return np.ascontiguousarray(image)


def to_8_bit(samples: NDArray[Any], peak: int) -> Image:
    """Unsigned ``samples`` within 0 to ``peak`` (1 to 65535) as uint8 of the same shape.

    255 v / peak, rounded to nearest (ties up) in exact integers; samples over ``peak`` become 255.
    """
    if peak == 255 and samples.dtype == np.uint8:
        return samples.copy()
    levels = np.arange(peak + 1)
    table = ((510 * levels + peak) // (2 * peak)).astype(np.uint8)
    return np.take(table, samples, mode="clip")
