"""SSIM and MS-SSIM.

Z. Wang, A. C. Bovik, H. R. Sheikh, E. P. Simoncelli, "Image quality assessment: from error
visibility to structural similarity", IEEE Trans. Image Processing 13(4), 2004,
doi:10.1109/TIP.2003.819861; Z. Wang, E. P. Simoncelli, A. C. Bovik, "Multi-scale structural
similarity for image quality assessment", Asilomar 2003, doi:10.1109/ACSSC.2003.1292216.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from rdbench.metrics.base import Metric
from rdbench.metrics.luma import strips
from rdbench.metrics.reference import Reference
from rdbench.metrics.samples import pair
from rdbench.metrics.scale import WINDOW, Floats, Scale, halved, scratch
from rdbench.metrics.table import BUILT_IN

if TYPE_CHECKING:
    from rdbench.sample_format import Image

_OF_LUMA: Final = {"ssim_y": "ssim", "ms_ssim_y": "ms_ssim", "ms_ssim_y_db": "ms_ssim_db"}
_WEIGHTS: Final = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


def ssim(a: NDArray[np.generic], b: NDArray[np.generic]) -> float:
    """SSIM (Wang et al. 2004) of two 8-bit images, mean over windows and channels; 1 is equal.

    An 11x11 Gaussian window of sigma 1.5, K1 = 0.01, K2 = 0.03, dynamic range 255, population
    covariances, only windows that lie inside the image. This is scikit-image's
    ``structural_similarity(a, b, data_range=255, gaussian_weights=True, sigma=1.5,
    use_sample_covariance=False, channel_axis=2)``.

    ``a`` and ``b``: uint8, (height, width, 1 or 3) or (height, width), of one shape, sides of at
    least 11 px. Raises :class:`ValueError` for other arrays.
    """
    return _score(a, b, "ssim")


def ms_ssim(a: NDArray[np.generic], b: NDArray[np.generic]) -> float:
    """MS-SSIM (Wang et al. 2003) of two 8-bit images, linear; 1 is equal.

    The definition of pytorch-msssim 1.0 with ``data_range=255``: SSIM's window and constants, at
    five scales that are means of 2x2 samples of the one before (where a side is odd, a zero
    stands before its first sample), exponents 0.0448, 0.2856, 0.3001, 0.2363 and 0.1333;
    negative terms count as zero; the product over scales is taken per channel and the mean over
    channels last.

    ``a`` and ``b``: uint8, (height, width, 1 or 3) or (height, width), of one shape, sides above
    160 px. Raises :class:`ValueError` for other arrays.
    """
    return _score(a, b, "ms_ssim")


def _score(a: NDArray[np.generic], b: NDArray[np.generic], name: str) -> float:
    original, decoded = pair(a, b)
    scores = Reference(original, [BUILT_IN[name]]).score(decoded)
    if scores.reasons:
        raise ValueError(scores.notes[0])
    return scores.values[name]


class Structural(Metric):
    """``ssim``, ``ms_ssim`` and ``ms_ssim_db`` against one original."""

    def __init__(self, original: Image, names: Sequence[str]) -> None:
        super().__init__(original, names)
        width = original.shape[1]
        self._ssim = "ssim" in names
        self._ms_ssim = bool({"ms_ssim", "ms_ssim_db"} & {*names})
        work = scratch(width)
        # SSIM is that of the exact window; what this moves in MS-SSIM, 0.0448 of the way, is
        # under 1e-6.
        finest = Scale(self._samples(original), work, rounded_window=False)
        self._scales = [finest]
        if self._ms_ssim:
            for _ in _WEIGHTS[1:]:
                coarser = halved(self._scales[-1].original)
                self._scales.append(Scale(coarser, work, rounded_window=True))

    def score(self, decoded: Image) -> dict[str, float]:
        """The requested values for ``decoded``: uint8, shape of the original."""
        values: dict[str, float] = {}
        self._write_differences(decoded)
        contrasts = []
        for scale in self._scales[:-1] if self._ms_ssim else ():
            if self._ssim and scale is self._scales[0]:
                contrast, whole = scale.similarity()
                values["ssim"] = float(whole.mean())
            else:
                contrast = scale.contrast_structure()
            contrasts.append(contrast)
        _, coarsest = self._scales[-1].similarity()
        if not self._ms_ssim:
            return {"ssim": float(coarsest.mean())}
        terms = np.maximum([*contrasts, coarsest], 0)
        value = float(np.prod(terms ** np.array(_WEIGHTS)[:, np.newaxis], axis=0).mean())
        values["ms_ssim"] = min(value, 1.0)
        values["ms_ssim_db"] = -10 * math.log10(1 - value) if value < 1 else math.inf
        return values

    def error_map(self, name: str, decoded: Image) -> Floats:
        """1 - SSIM of the window about each pixel, mean over channels; of MS-SSIM 1 - cs of the
        finest scale. NaN where a window would leave the image."""
        finest = self._scales[0]
        self._write_difference(decoded, finest)
        losses = finest.losses(luminance=not name.startswith("ms_")).mean(axis=0)
        return np.pad(losses, WINDOW // 2, constant_values=np.nan)

    def _write_differences(self, decoded: Image) -> None:
        self._write_difference(decoded, self._scales[0])
        for fine, coarse in zip(self._scales, self._scales[1:], strict=False):
            halved(fine.difference, coarse.difference)

    def _samples(self, original: Image) -> NDArray[np.generic]:
        """What is compared of the original: (channels, height, width)."""
        height, width, channels = original.shape
        self._planes = np.empty((channels, height, width), np.uint8)
        return self._planar(original)

    def _write_difference(self, decoded: Image, finest: Scale) -> None:
        np.copyto(finest.difference, self._planar(decoded))
        np.subtract(finest.difference, finest.original, out=finest.difference)

    def _planar(self, image: Image) -> Image:
        """``image``, (height, width, channels), as (channels, height, width)."""
        if image.shape[2] == 1:
            np.copyto(self._planes[0], image[:, :, 0])
        else:
            cv2.split(image, list(self._planes))
        return self._planes


class StructuralLuma(Structural):
    """``ssim_y``, ``ms_ssim_y`` and ``ms_ssim_y_db``: the same of luma alone, unrounded."""

    def __init__(self, original: Image, names: Sequence[str]) -> None:
        super().__init__(original, [_OF_LUMA[name] for name in names])

    def score(self, decoded: Image) -> dict[str, float]:
        """The requested values for ``decoded``: uint8, shape of the original."""
        values = super().score(decoded)
        return {name: values[plain] for name, plain in _OF_LUMA.items() if plain in values}

    def _samples(self, original: Image) -> NDArray[np.generic]:
        plane = np.empty((1, *original.shape[:2]), np.float32)
        for rows, _, luma in strips(original, self.options["matrix"]):
            plane[0, rows] = luma
        return plane

    def _write_difference(self, decoded: Image, finest: Scale) -> None:
        for rows, _, luma in strips(decoded, self.options["matrix"], less=self.original):
            finest.difference[0, rows] = luma
