"""VIF in the pixel domain.

H. R. Sheikh, A. C. Bovik, "Image information and visual quality", IEEE Trans. Image Processing
15(2), 2006, doi:10.1109/TIP.2005.859378, by its authors' version for pixels: four scales, Gaussian
windows of 17, 9, 5 and 3 samples with a sigma of a fifth of that, variance of the visual noise 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from rdbench.metrics import luma
from rdbench.metrics.base import Metric

if TYPE_CHECKING:
    from rdbench.sample_format import Image

Floats = NDArray[np.floating[Any]]

_WINDOWS: Final = (17, 9, 5, 3)
_NOISE: Final = 2.0
_EPSILON: Final = 1e-8


class Vif(Metric):
    """``vif`` against one original."""

    def __init__(self, original: Image, names: Sequence[str]) -> None:
        super().__init__(original, names)
        samples = luma.plane(original, self.options["matrix"]).astype(np.float32)
        # Variances are differences of squares: the smaller those are, the less is lost. It also
        # makes those of a flat original exactly zero.
        self._center = np.float32(round(float(samples.mean())))
        self._scales = [_Scale(*scale) for scale in _scales(samples - self._center)]
        self._information = sum(scale.information for scale in self._scales)

    def score(self, decoded: Image) -> float:
        """VIF of ``decoded``: uint8, shape of the original."""
        samples = luma.plane(decoded, self.options["matrix"]).astype(np.float32) - self._center
        scales = zip(self._scales, _scales(samples), strict=True)
        kept = sum(scale.kept(plane) for scale, (plane, _) in scales)
        return (kept + _EPSILON) / (self._information + _EPSILON)


class _Scale:
    """The original at one scale."""

    def __init__(self, samples: Floats, window: Floats) -> None:
        self._samples, self._window = samples, window
        self._mean = _means(samples, window)
        variance = _means(samples * samples, window)
        variance -= self._mean * self._mean
        self._variance = np.maximum(variance, 0, out=variance)
        self._flat = variance < _EPSILON
        variance[self._flat] = 0
        self.information = _decades(variance / np.float32(_NOISE))

    def kept(self, decoded: Floats) -> float:
        """The information of the original that ``decoded`` still has."""
        mean = _means(decoded, self._window)
        covariance = _means(self._samples * decoded, self._window)
        covariance -= mean * self._mean
        rest = _means(decoded * decoded, self._window)  # its variance, and later that of its noise
        rest -= np.multiply(mean, mean, out=mean)
        np.maximum(rest, 0, out=rest)
        gain = np.divide(covariance, self._variance + np.float32(_EPSILON), out=mean)
        # No gain where one of both is flat, or where the contrast is reversed.
        gain[self._flat | (rest < _EPSILON)] = 0
        np.maximum(gain, 0, out=gain)
        covariance *= gain
        rest -= covariance
        np.maximum(rest, np.float32(_EPSILON), out=rest)
        rest += np.float32(_NOISE)
        gain *= gain
        gain *= self._variance
        gain /= rest
        return _decades(gain)


def _scales(samples: Floats) -> list[tuple[Floats, Floats]]:
    """The samples at each scale, with its window."""
    found: list[tuple[Floats, Floats]] = []
    for size in _WINDOWS:
        places = np.arange(size) - (size - 1) / 2
        window = np.exp(-(places**2) / (2 * (size / 5) ** 2))
        window = (window / window.sum()).astype(np.float32)
        if found:
            samples = np.ascontiguousarray(_means(samples, window)[::2, ::2])
        found.append((samples, window))
    return found


def _means(samples: Floats, window: Floats) -> Floats:
    """Weighted means of the windows that lie inside ``samples``."""
    inside = len(window) // 2
    found: Floats = cv2.sepFilter2D(samples, cv2.CV_32F, window, window)
    return found[inside:-inside, inside:-inside]


def _decades(ratios: Floats) -> float:
    """Sum of log10(1 + ratio)."""
    return float(cv2.log(ratios + np.float32(1)).sum(dtype=np.float64)) / float(np.log(10))
