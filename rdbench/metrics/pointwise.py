"""Mean squared error and PSNR, of all samples and of the planes of Y'CbCr."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from rdbench.metrics.base import Metric
from rdbench.metrics.luma import KR_KB, strips
from rdbench.metrics.samples import pair

if TYPE_CHECKING:
    from rdbench.sample_format import Image

Floats = NDArray[np.float32]

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


def ycbcr_mean_squared_errors(a: Image, b: Image, matrix: str, *, chroma: bool) -> list[float]:
    """Mean squared differences of Y, and with ``chroma`` of Cb and Cr, of two images, uint8,
    (height, width, 3).

    Y'CbCr is full range, left unrounded, with chroma for each pixel: Cb = (B - Y) / (2 - 2 KB),
    Cr = (R - Y) / (2 - 2 KR), of which the offset is gone in a difference; as in JPEG/JFIF (Rec.
    ITU-T T.871, clause 7) with ``matrix`` "601", and with the luma of BT.709 with "709".
    """
    kr, kb = KR_KB[matrix]
    totals = [0.0, 0.0, 0.0]
    for _, difference, luma in strips(a, matrix, less=b):
        totals[0] += float(cv2.norm(luma, cv2.NORM_L2SQR))
        for plane, channel in ((1, 2), (2, 0)) if chroma else ():
            primary = cv2.extractChannel(difference, channel)
            totals[plane] += float(cv2.norm(primary, luma, cv2.NORM_L2SQR))
    pixels = a.shape[0] * a.shape[1]
    scales = (1.0, 2 - 2 * kb, 2 - 2 * kr) if chroma else (1.0,)
    return [total / scale**2 / pixels for total, scale in zip(totals, scales, strict=False)]


def weighted(weight: int, planes_db: Sequence[float]) -> float:
    """The mean of the PSNR of Y, Cb and Cr in dB, with weight ``weight`` for Y."""
    return (weight * planes_db[0] + planes_db[1] + planes_db[2]) / (weight + 2)


class Pointwise(Metric):
    """``mse`` and ``psnr_db`` against one original."""

    def score(self, decoded: Image) -> dict[str, float]:
        """The values of ``decoded``: uint8, shape of the original."""
        mse = mean_squared_error(self.original, decoded)
        return {"mse": mse, "psnr_db": decibel(mse)}

    def error_map(self, name: str, decoded: Image) -> Floats:  # noqa: ARG002
        """The squared error of each pixel, mean over channels: the mean of it is the MSE."""
        errors = np.subtract(self.original, decoded, dtype=np.float32)
        return np.asarray(np.square(errors).mean(axis=2), np.float32)


class PointwiseYcbcr(Metric):
    """PSNR of Y'CbCr, plane by plane and weighted, against one original."""

    def score(self, decoded: Image) -> dict[str, float]:
        """The requested values for ``decoded``: uint8, shape of the original."""
        if decoded.shape[2] == 1:
            return {"psnr_y_db": decibel(mean_squared_error(self.original, decoded))}
        chroma = bool(_CHROMA & {*self.names})
        matrix = self.options["matrix"]
        errors = ycbcr_mean_squared_errors(self.original, decoded, matrix, chroma=chroma)
        planes = list(map(decibel, errors))
        values = dict(zip(("psnr_y_db", "psnr_u_db", "psnr_v_db"), planes, strict=False))
        if chroma:
            values["psnr_yuv_db"] = weighted(6, planes)
            values["psnr_yuv_aom_db"] = weighted(14, planes)
        return values
