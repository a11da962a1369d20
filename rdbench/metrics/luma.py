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
_WHOLE: Final = 10000
"""The factor that makes weights of luma whole numbers."""


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


def plane(image: Image, matrix: str, full: bool = True) -> Image:
    """The luma of ``image`` as video has it, rounded to 8 bit: uint8, (height, width).

    ``image``: uint8, (height, width, 1 or 3); one channel is the luma. ``matrix``: "601" or "709"
    (Rec. ITU-R BT.601-7, 2.5.1; BT.709-6, item 3.2). ``full``: 0 to 255, else 16 to 235. Exact:
    sums of integers, each divided and rounded once, halves up.
    """
    if image.shape[2] == 1:
        sums, whole = image[:, :, 0].astype(np.float64), 1
    else:
        red, blue = (round(weight * _WHOLE) for weight in KR_KB[matrix])
        weights = np.array([[red, _WHOLE - red - blue, blue]], np.float32)
        # At most 2550000, and so exact in float32.
        sums, whole = cv2.transform(image.astype(np.float32), weights).astype(np.float64), _WHOLE
    if not full:
        sums *= 219
        whole *= 255
    sums /= whole
    sums += 0.5 if full else 16.5
    return sums.astype(np.uint8)
