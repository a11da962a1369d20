"""Operations on the samples of an image in memory: luma, geometry, hashing."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rdbench.sample_format import Image


def pixel_sha256(array: Image) -> str:
    """SHA-256 of the samples, in hexadecimal: uint8, rows from the top, channels interleaved.

    ``array`` is uint8 of any shape; a contiguous array is hashed in place. The shape is not part of
    the hash. Raises :class:`TypeError` for another dtype.
    """
    if array.dtype != "uint8":
        raise TypeError(f"samples are of dtype {array.dtype}, not uint8")
    contiguous = array.flags.c_contiguous
    return hashlib.sha256(array.data if contiguous else array.tobytes()).hexdigest()


def luma(rgb: Image) -> Image:
    """The luma plane that Dumas et al. 2018 measure: ITU-R BT.601, limited range.

    ``rgb`` is uint8, (height, width, 3); the result is uint8, (height, width, 1), within 16 to 235:
    Y = 16 + (65.481 R + 128.553 G + 24.966 B) / 255, the coefficients of Recommendation BT.601-7,
    2.5.1, computed in float64 and rounded half to even. An image with one channel is luma already
    and is returned unchanged. Raises :class:`ValueError` for another shape and :class:`TypeError`
    for another dtype.
    """
    import numpy as np

    if rgb.ndim != 3 or rgb.shape[2] not in (1, 3):
        raise ValueError(f"an image of shape {rgb.shape} is not (height, width, 1 or 3)")
    if rgb.dtype != np.uint8:
        raise TypeError(f"samples are of dtype {rgb.dtype}, not uint8")
    if rgb.shape[2] == 1:
        return rgb
    levels = np.arange(256, dtype=np.float64)
    y = (65.481 * levels)[rgb[:, :, 0]]
    y += (128.553 * levels)[rgb[:, :, 1]]
    y += (24.966 * levels)[rgb[:, :, 2]]
    y /= 255
    y += 16
    rounded: Image = np.rint(y, out=y).astype(np.uint8)
    return rounded[:, :, np.newaxis]


def dumas2018_geometry(image: Image, *, trim: bool) -> Image:
    """The orientation in which Dumas et al. 2018 measure: landscape.

    With ``trim`` the first row and the first column are dropped, as they do with BSDS300 (481×321
    becomes 480×320). Portrait images are then rotated by 90° counter-clockwise. ``image`` is
    (height, width, channels); the result is a view of it.
    """
    if trim:
        image = image[1:, 1:]
    height, width = image.shape[:2]
    return image.swapaxes(0, 1)[::-1] if height > width else image
