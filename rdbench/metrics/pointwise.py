"""Mean squared error and PSNR, of all samples and of the planes of Y'CbCr."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from rdbench.metrics.base import Metric
from rdbench.metrics.luma import strips
from rdbench.metrics.samples import pair

if TYPE_CHECKING:
    from rdbench.sample_format import Image

_CB_SCALE: Final = 1.772
_CR_SCALE: Final = 1.402
_CHROMA: Final = {"psnr_u_db", "psnr_v_db", "psnr_yuv_db", "psnr_yuv_aom_db"}


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


def ycbcr_mean_squared_errors(a: Image, b: Image, *, chroma: bool) -> list[float]:
    """Mean squared differences of Y, and with ``chroma`` of Cb and Cr, of two images, uint8,
    (height, width, 3).

    Y'CbCr is BT.601 full range as in JPEG/JFIF (Rec. ITU-T T.871, clause 7), left unrounded, with
    chroma for each pixel: Cb = (B - Y) / 1.772, Cr = (R - Y) / 1.402, of which the offset is gone
    in a difference.
    """
    totals = [0.0, 0.0, 0.0]
    for _, difference, luma in strips(a, less=b):
        totals[0] += float(cv2.norm(luma, cv2.NORM_L2SQR))
        for plane, channel in ((1, 2), (2, 0)) if chroma else ():
            primary = cv2.extractChannel(difference, channel)
            totals[plane] += float(cv2.norm(primary, luma, cv2.NORM_L2SQR))
    pixels = a.shape[0] * a.shape[1]
    scales = (1.0, _CB_SCALE, _CR_SCALE) if chroma else (1.0,)
    return [total / scale**2 / pixels for total, scale in zip(totals, scales, strict=False)]


def weighted(weight: int, planes_db: Sequence[float]) -> float:
    """The mean of the PSNR of Y, Cb and Cr in dB, in which that of Y counts ``weight`` times."""
    return (weight * planes_db[0] + planes_db[1] + planes_db[2]) / (weight + 2)


class Pointwise(Metric):
    """``mse``, ``psnr_db`` and what comes of Y'CbCr against one original."""

    def score(self, decoded: Image) -> dict[str, float]:
        """The values that were asked for, of ``decoded``: uint8, shape of the original."""
        mse = mean_squared_error(self.original, decoded)
        values = {"mse": mse, "psnr_db": decibel(mse)}
        if decoded.shape[2] == 1:
            return values | {"psnr_y_db": values["psnr_db"]}
        chroma = bool(_CHROMA & {*self.names})
        if chroma or "psnr_y_db" in self.names:
            errors = ycbcr_mean_squared_errors(self.original, decoded, chroma=chroma)
            names = ("psnr_y_db", "psnr_u_db", "psnr_v_db")
            values |= zip(names, map(decibel, errors), strict=False)
        if chroma:
            planes = [values[name] for name in names]
            values["psnr_yuv_db"] = weighted(6, planes)
            values["psnr_yuv_aom_db"] = weighted(14, planes)
        return values
