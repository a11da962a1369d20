"""IW-SSIM: SSIM at five scales, weighted by information content.

Z. Wang, Q. Li, "Information content weighting for perceptual image quality assessment", IEEE
Trans. Image Processing 20(5), 2011, doi:10.1109/TIP.2010.2092435, as its authors' program has it:
SSIM of the bands of a Laplacian pyramid; weights by a Gaussian scale mixture of neighborhoods of
3x3 samples and their parent in the next band; variance of the visual noise 0.4.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from rdbench.metrics import luma
from rdbench.metrics.base import Metric

if TYPE_CHECKING:
    from rdbench.sample_format import Image

Floats = NDArray[np.floating[Any]]

_EXPONENTS: Final = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333]) / 1.0001
_C1, _C2 = np.float32((0.01 * 255) ** 2), np.float32((0.03 * 255) ** 2)
_NOISE: Final = np.float32(0.4)
_EPSILON: Final = np.float32(np.finfo(np.float32).eps)
_RADIUS: Final = 5
_WINDOW: Final = np.exp(-(np.arange(-_RADIUS, _RADIUS + 1) ** 2) / (2 * 1.5**2))
_WINDOW_32: Final = (_WINDOW / _WINDOW.sum()).astype(np.float32)
_INSIDE: Final = slice(_RADIUS, -_RADIUS)
_LEAST_EIGENVALUE: Final = 1e-12
"""Of the largest; what is below is taken for zero."""


class IwSsim(Metric):
    """``iw_ssim`` against one original."""

    def __init__(self, original: Image, names: Sequence[str]) -> None:
        super().__init__(original, names)
        bands = self._bands(original)
        parents = [*bands[1:-1], None, None]
        self._sides = [
            _Side(band, parent, last=band is bands[-1])
            for band, parent in zip(bands, parents, strict=True)
        ]

    def score(self, decoded: Image) -> float:
        """IW-SSIM of ``decoded``: uint8, shape of the original."""
        pairs = zip(self._sides, self._bands(decoded), strict=True)
        terms = np.abs([side.similarity(band) for side, band in pairs])
        return float(np.prod(terms**_EXPONENTS))

    def _bands(self, image: Image) -> list[Floats]:
        """The Laplacian pyramid; its low-pass filters double the samples at each step."""
        samples = luma.plane(image, self.options["matrix"]).astype(np.float32)
        bands = []
        for _ in _EXPONENTS[1:]:
            coarse = cv2.pyrDown(samples)
            height, width = samples.shape
            bands.append(samples - cv2.pyrUp(coarse)[:height, :width])
            samples = coarse * np.float32(2)
        return [*bands, samples]


class _Side:
    """One band of the original. Only where SSIM's windows lie inside it is anything computed."""

    def __init__(self, band: Floats, parent: Floats | None, *, last: bool) -> None:
        self._band, self._last = band, last
        self._mean = _windowed(band)
        self._variance = _variance(band, _windowed, self._mean)
        if not last:
            self._near_mean = _near(band)
            self._near_variance = _variance(band, _near, self._near_mean)
            self._flat = self._near_variance < _EPSILON
            self._density, self._eigenvalues = _mixture(band, parent)

    def similarity(self, band: Floats) -> float:
        """The weighted mean of the contrast term, of the last band the mean of SSIM."""
        mean = _windowed(band)
        variance = _variance(band, _windowed, mean)
        covariance = _windowed(self._band * band)
        covariance -= self._mean * mean
        covariance *= np.float32(2)
        covariance += _C2
        variance += self._variance
        variance += _C2
        covariance /= variance
        np.minimum(covariance, 1, out=covariance)  # what is above is rounding
        if self._last:
            product = mean * self._mean
            squares = mean * mean + self._mean * self._mean
            covariance *= (2 * product + _C1) / (squares + _C1)
            np.minimum(covariance, 1, out=covariance)
            return float(covariance.mean(dtype=np.float64))
        weights = self._information(band)
        total = float(weights.sum(dtype=np.float64))
        if total == 0:
            return float(covariance.mean(dtype=np.float64))
        covariance *= weights
        return float(covariance.sum(dtype=np.float64)) / total

    def _information(self, band: Floats) -> Floats:
        """Bits that both images together tell about each sample."""
        mean = _near(band)
        rest = _variance(band, _near, mean)
        flat = rest < _EPSILON
        covariance = _near(self._band * band)
        covariance -= self._near_mean * mean
        gain = covariance / (self._near_variance + _EPSILON)
        gain[self._flat] = 0
        rest -= gain * covariance
        np.maximum(rest, 0, out=rest)
        gain[flat] = 0
        rest[flat] = 0
        rest /= _NOISE
        gain *= gain
        gain += np.float32(1)
        gain += rest
        gain *= self._density
        gain /= _NOISE
        rest += np.float32(1)
        # log2 of a product of two factors at a time, which stays below 1e30.
        bits = np.zeros_like(rest)
        for start in range(0, len(self._eigenvalues), 2):
            product = np.float32(1)
            for value in self._eigenvalues[start : start + 2]:
                product = (gain * value + rest) * product
            bits += cv2.log(product)
        bits /= np.float32(math.log(2))
        bits[bits < _EPSILON] = 0
        return bits


def _windowed(samples: Floats) -> Floats:
    """Means by SSIM's Gaussian window."""
    found: Floats = cv2.sepFilter2D(samples, cv2.CV_32F, _WINDOW_32, _WINDOW_32)
    return found[_INSIDE, _INSIDE]


def _near(samples: Floats) -> Floats:
    """Means of 3x3 samples, around the same samples."""
    found: Floats = cv2.boxFilter(samples, cv2.CV_32F, (3, 3))
    return found[_INSIDE, _INSIDE]


def _variance(samples: Floats, means: Callable[[Floats], Floats], mean: Floats) -> Floats:
    found = means(samples * samples)
    found -= mean * mean
    return found


def _mixture(band: Floats, parent: Floats | None) -> tuple[Floats, Floats]:
    """The squared scale of the mixture at each sample, and the eigenvalues of the covariance of
    its neighborhoods."""
    height, width = band.shape
    planes = [
        band[1 + down : height - 1 + down, 1 + across : width - 1 + across]
        for down in (-1, 0, 1)
        for across in (-1, 0, 1)
    ]
    if parent is not None:
        planes.append(_enlarged(parent)[1 : height - 1, 1 : width - 1])
    vectors = np.stack([plane.ravel() for plane in planes]).astype(np.float64)
    values, turn = np.linalg.eigh(vectors @ vectors.T / vectors.shape[1])
    total = values.sum()
    values = np.maximum(values, 0)
    values *= total / (values.sum() or 1)
    there = values > _LEAST_EIGENVALUE * values[-1]
    whitened = (turn[:, there] / np.sqrt(values[there])).T @ vectors
    density = (whitened**2).sum(axis=0).reshape(height - 2, width - 2) / len(planes)
    inside = slice(_RADIUS - 1, 1 - _RADIUS)
    return density[inside, inside].astype(np.float32), values.astype(np.float32)


def _enlarged(samples: Floats) -> Floats:
    """Twice the height and width: linear at a quarter of the distance, from which every other
    sample is taken, and extrapolated at the borders."""
    height, width = samples.shape
    fine = np.zeros((4 * height - 1, 4 * width - 1), np.float32)
    size = 4 * width - 3, 4 * height - 3
    fine[1:-1, 1:-1] = cv2.resize(samples, size, interpolation=cv2.INTER_LINEAR)
    for plane in (fine, fine.T):
        plane[0] = 2 * plane[1] - plane[2]
        plane[-1] = 2 * plane[-2] - plane[-3]
    return fine[::2, ::2]
