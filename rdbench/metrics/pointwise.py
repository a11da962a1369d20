"""Mean squared error and PSNR."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from rdbench.metrics.base import Metric
from rdbench.metrics.samples import pair

if TYPE_CHECKING:
    from rdbench.sample_format import Image

_STRIP_SAMPLES = 1 << 18


def psnr(a: NDArray[np.generic], b: NDArray[np.generic]) -> float:
    """Peak signal-to-noise ratio in dB: 10 log10(255^2 / MSE) over all samples of all channels.

    ``a`` and ``b``: uint8, (height, width, 1 or 3) or (height, width), of one shape. ``inf`` for
    identical images. Raises :class:`ValueError` for other arrays.
    """
    return decibel(mean_squared_error(*pair(a, b)))


def decibel(mse: float) -> float:
    """The PSNR in dB that belongs to a mean squared error of samples with a peak of 255."""
    return 10 * math.log10(255**2 / mse) if mse else math.inf


def mean_squared_error(a: Image, b: Image) -> float:
    """Mean squared difference of two uint8 arrays of one shape; the sum is an exact integer."""
    # OpenCV may take the root and square it again; below 2^50 rounding gives the integer back.
    return round(cv2.norm(a.reshape(-1), b.reshape(-1), cv2.NORM_L2SQR)) / a.size


def luma_mean_squared_error(a: Image, b: Image) -> float:
    """Mean squared difference of the luma planes of two images, uint8, (height, width, 3).

    Luma is BT.601 full range as in JPEG/JFIF (Rec. ITU-T T.871, clause 7), left unrounded:
    Y = 0.299 R + 0.587 G + 0.114 B. It is linear, so it is taken of the differences, which are
    small integers: float32 is then exact to about 1e-7 of the result.
    """
    height, width = int(a.shape[0]), int(a.shape[1])
    rows = max(1, _STRIP_SAMPLES // (3 * width))
    total = 0.0
    for top in range(0, height, rows):
        strip = slice(top, top + rows)
        difference = np.subtract(a[strip], b[strip], dtype=np.int16).astype(np.float32)
        luma = cv2.cvtColor(difference, cv2.COLOR_RGB2GRAY)
        total += float(cv2.norm(luma, cv2.NORM_L2SQR))
    return total / (height * width)


class Pointwise(Metric):
    """``mse``, ``psnr_db`` and ``psnr_y_db`` against one original."""

    def score(self, decoded: Image) -> dict[str, float]:
        """The values that were asked for, of ``decoded``: uint8, shape of the original."""
        mse = mean_squared_error(self.original, decoded)
        values = {"mse": mse, "psnr_db": decibel(mse)}
        if "psnr_y_db" in self.names:
            color = decoded.shape[2] == 3
            luma_mse = luma_mean_squared_error(self.original, decoded) if color else mse
            values["psnr_y_db"] = decibel(luma_mse)
        return values
