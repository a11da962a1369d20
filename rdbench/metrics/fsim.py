"""FSIM, with chroma (FSIMc).

L. Zhang, L. Zhang, X. Mou, D. Zhang, "FSIM: A feature similarity index for image quality
assessment", IEEE Trans. Image Processing 20(8), 2011, doi:10.1109/TIP.2011.2109730: how alike the
phase congruency, the gradients and the chroma of two images are, weighted by phase congruency. Of
P. Kovesi's phase congruency four scales and four orientations are taken, with the parameters of
the paper's authors.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np
import scipy.fft
from numpy.typing import NDArray

from rdbench.metrics.base import Metric

if TYPE_CHECKING:
    from rdbench.sample_format import Image

Floats = NDArray[np.floating[Any]]

_ORIENTATIONS: Final = 4
_WAVELENGTHS: Final = (6, 12, 24, 48)
_BANDWIDTH: Final = 0.55
_ANGULAR_SIGMA: Final = math.pi / _ORIENTATIONS / 1.2
_CUTOFF, _SHARPNESS = 0.45, 15
_NOISE_SIGMAS, _NOISE_SCALE = 2.0, 1.7
_EPSILON: Final = np.float32(np.finfo(np.float32).eps)
_PHASE, _GRADIENT, _CHROMA, _CHROMA_POWER = 0.85, 160.0, 200.0, 0.03
_VIEWED_SIDE: Final = 256
_YIQ: Final = np.array(
    [[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]], np.float32
)


class Fsim(Metric):
    """``fsim`` against one original."""

    def __init__(self, original: Image, names: Sequence[str]) -> None:
        super().__init__(original, names)
        self._features = _features(original)

    def score(self, decoded: Image) -> float:
        """FSIM of ``decoded``: uint8, shape of the original."""
        (phase, gradient, *chroma) = self._features
        (phase_2, gradient_2, *chroma_2) = _features(decoded)
        alike = _alike(phase, phase_2, _PHASE)
        alike *= _alike(gradient, gradient_2, _GRADIENT)
        if chroma:
            hues, others = zip(chroma, chroma_2, strict=True)
            product = np.abs(_alike(*hues, _CHROMA) * _alike(*others, _CHROMA))
            alike *= cv2.pow(product, _CHROMA_POWER)
        weight = np.maximum(phase, phase_2)
        alike *= weight
        return float(alike.sum(dtype=np.float64) / weight.sum(dtype=np.float64))


def _features(image: Image) -> list[Floats]:
    """Phase congruency and gradient of luma, and of color I and Q, at the size at which the image
    is looked at."""
    height, width, channels = image.shape
    factor = max(1, round(min(height, width) / _VIEWED_SIDE))
    size = width // factor, height // factor
    samples = image[: size[1] * factor, : size[0] * factor].astype(np.float32)
    samples = cv2.resize(samples, size, interpolation=cv2.INTER_AREA)
    if channels == 1:
        luma, chroma = samples, []
    else:
        luma, *chroma = cv2.split(cv2.transform(samples, _YIQ))
    # What is beyond the borders counts as black.
    across, down = (
        cv2.Scharr(luma, cv2.CV_32F, *axis, scale=1 / 16, borderType=cv2.BORDER_CONSTANT)
        for axis in ((1, 0), (0, 1))
    )
    return [_phase_congruency(luma), _lengths(across, down), *chroma]


def _lengths(a: Floats, b: Floats) -> Floats:
    """Those of vectors. cv2.magnitude rounds otherwise with another number of threads."""
    squares = a * a
    squares += b * b
    return np.sqrt(squares, out=squares)


def _alike(a: Floats, b: Floats, constant: float) -> Floats:
    product = a * b
    product *= np.float32(2)
    product += np.float32(constant)
    squares = a * a
    squares += b * b
    squares += np.float32(constant)
    product /= squares
    return product


def _phase_congruency(luma: Floats) -> Floats:
    """From 0 to 1 for each sample. Of a flat image, whose responses are all zero, it is 1."""
    energy = np.full_like(luma, _EPSILON)
    amplitude = np.full_like(luma, _EPSILON)
    # The filters take the mean away; without it a flat image has no response at all.
    spectrum = scipy.fft.fft2(luma - luma.mean(dtype=np.float64).astype(np.float32))
    for filters, noise in _bank(*luma.shape):
        responses = scipy.fft.ifft2(spectrum * filters, overwrite_x=True)
        even, odd = responses.real.copy(), responses.imag.copy()
        amplitudes = _lengths(even, odd)
        mean_even, mean_odd = even.sum(axis=0), odd.sum(axis=0)
        length = _lengths(mean_even, mean_odd)
        length += _EPSILON
        mean_even /= length
        mean_odd /= length
        # Along the mean phase, less what is across it: amplitude (cos - |sin|) of the deviation.
        found = np.zeros_like(luma)
        for e, o in zip(even, odd, strict=True):
            found += e * mean_even
            found += o * mean_odd
            found -= np.abs(e * mean_odd - o * mean_even)
        finest = amplitudes[0].ravel()
        # The lower median of the energy, by which its mean is estimated (Rayleigh).
        middle = (finest.size - 1) // 2
        median = float(np.partition(finest, middle)[middle]) ** 2
        found -= np.float32(noise * math.sqrt(median))
        energy += np.maximum(found, 0, out=found)
        amplitude += amplitudes.sum(axis=0)
    energy /= amplitude
    return energy


@functools.lru_cache(maxsize=4)
def _bank(height: int, width: int) -> tuple[tuple[Floats, float], ...]:
    """For each orientation its filters in the frequency domain, (scales, height, width), and by
    what the root of the median energy at the finest scale is multiplied for the noise threshold."""
    return tuple(_orientations(height, width))


def _orientations(height: int, width: int) -> Iterator[tuple[Floats, float]]:
    down, across = np.meshgrid(_frequencies(height), _frequencies(width), indexing="ij")
    radius = np.hypot(down, across)
    angle = np.arctan2(-across, down)
    low_pass = 1 / (1 + (radius / _CUTOFF) ** (2 * _SHARPNESS))
    radius[0, 0] = 1
    rings = []
    for wavelength in _WAVELENGTHS:
        distance = np.log(radius * wavelength) / math.log(_BANDWIDTH)
        ring = np.exp(-(distance**2) / 2) * low_pass
        ring[0, 0] = 0
        rings.append(ring)
    for number in range(_ORIENTATIONS):
        turned = np.angle(np.exp(1j * (angle - number * math.pi / _ORIENTATIONS)))
        filters = np.stack(rings) * np.exp(-(turned**2) / (2 * _ANGULAR_SIGMA**2))
        # Sums over samples of all products of two impulse responses, one of each pair of scales.
        # Twice each square and four times each other: that is twice the square of their sum. Sums
        # of NumPy's own, as those of BLAS change with the number of its threads.
        impulses = scipy.fft.ifft2(filters.sum(axis=0)).real
        energy = 2 * radius.size * float((impulses**2).sum())
        energy /= math.log(2) * (filters[0] ** 2).sum()
        tau = math.sqrt(energy / 2)
        threshold = math.sqrt(math.pi / 2) + _NOISE_SIGMAS * math.sqrt(2 - math.pi / 2)
        yield filters.astype(np.float32), tau * threshold / _NOISE_SCALE


def _frequencies(count: int) -> Floats:
    """Those of a Fourier transform in cycles a sample; of an odd count they reach to 1/2, too."""
    if count % 2:
        return np.fft.ifftshift(np.arange(count) - (count - 1) / 2) / (count - 1)
    return np.fft.fftfreq(count)
