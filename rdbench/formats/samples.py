"""Conversion of samples between rdbench's images and the files of other programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from rdbench.sample_format import Image

Plane = NDArray[np.unsignedinteger[Any]]


def to_8_bit(samples: NDArray[Any], peak: int) -> Image:
    """Unsigned ``samples`` within 0 to ``peak`` (1 to 65535) as uint8 of the same shape.

    255 v / peak, rounded to nearest (ties up) in exact integers; samples above ``peak`` become 255.
    """
    if peak == 255 and samples.dtype == np.uint8:
        return samples.copy()
    levels = np.arange(peak + 1)
    table = ((510 * levels + peak) // (2 * peak)).astype(np.uint8)
    return np.take(table, samples, mode="clip")
