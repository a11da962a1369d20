"""Luma of images, and of differences of images, in strips of rows that fit into a cache.

Luma is BT.601 full range as in JPEG/JFIF (Rec. ITU-T T.871, clause 7), or of BT.709 (Rec. ITU-R
BT.709-6, item 3.2) at full range, left unrounded: Y = KR R + (1 - KR - KB) G + KB B. It is linear:
that of a difference, whose samples are small integers, is the difference of luma, and in float32
exact to about 1e-7 of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from rdbench.sample_format import Image

Floats = NDArray[np.floating[Any]]

KR_KB: Final = {"601": (0.299, 0.114), "709": (0.2126, 0.0722)}
"""Weights of red and blue in luma, by matrix."""

_STRIP_SAMPLES: Final = 1 << 18


def strips(
    image: Image, matrix: str, less: Image | None = None
) -> Iterator[tuple[slice, Floats, Floats]]:
    """Rows, and there ``image`` (less another one of its shape) and its luma, as float32.

    Images: uint8, (height, width, 3), or (height, width, 1), whose one channel is the luma.
    ``matrix``: one of :data:`KR_KB`.
    """
    kr, kb = KR_KB[matrix]
    weights = np.array([[kr, 1 - kr - kb, kb]])
    height, width, channels = image.shape
    step = max(1, _STRIP_SAMPLES // (channels * width))
    for top in range(0, height, step):
        rows = slice(top, min(top + step, height))
        samples = image[rows].astype(np.float32)
        if less is not None:
            samples -= less[rows]
        color = channels == 3
        luma = cv2.transform(samples, weights) if color else samples[:, :, 0]
        yield rows, samples, luma
