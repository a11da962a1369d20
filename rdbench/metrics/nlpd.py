"""NLPD, the normalized Laplacian pyramid distance.

V. Laparra, J. Ballé, A. Berardino, E. P. Simoncelli, "Perceptual image quality assessment using a
normalized Laplacian pyramid", Human Vision and Electronic Imaging 2016, with the weights that its
authors fitted to photographs. Borders and interpolation are those of IQA-pytorch 0.1, by which
JPEG AI reports it: samples reflect at borders, and what was halved is interpolated linearly from
corner to corner before it is filtered.
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

_LOW_PASS: Final = np.array([0.05, 0.25, 0.4, 0.25, 0.05], np.float32)
_NEIGHBORS: Final = (  # above, left, right, below, and what is added to their weighted sum
    (0.1011, 0.1493, 0.1460, 0.1015, 0.0248),
    (0.0757, 0.1986, 0.1846, 0.0837, 0.0185),
    (0.0477, 0.2138, 0.2243, 0.0467, 0.0179),
    (0.0, 0.2503, 0.2616, 0.0, 0.0191),
    (0.0, 0.2598, 0.2552, 0.0, 0.0220),
    (0.0, 0.2215, 0.0717, 0.0, 0.2782),
)


class Nlpd(Metric):
    """``nlpd`` against one original."""

    def __init__(self, original: Image, names: Sequence[str]) -> None:
        super().__init__(original, names)
        self._bands = self._normalized(original)

    def score(self, decoded: Image) -> float:
        """NLPD of ``decoded``: uint8, shape of the original."""
        pairs = zip(self._bands, self._normalized(decoded), strict=True)
        errors = [float(cv2.norm(a, b, cv2.NORM_L2)) / a.size**0.5 for a, b in pairs]
        return float(np.mean(errors))

    def _normalized(self, image: Image) -> list[Floats]:
        """The bands of the pyramid, each sample divided by what is around it."""
        samples = luma.plane(image, self.options["matrix"]).astype(np.float32) / np.float32(255)
        bands = []
        for above, left, right, below, constant in _NEIGHBORS:
            half = np.ascontiguousarray(_low_pass(samples)[::2, ::2])
            height, width = samples.shape
            band = samples - _low_pass(_doubled(half))[:height, :width]
            around = np.array([[0, above, 0], [left, 0, right], [0, below, 0]], np.float32)
            divisor = cv2.filter2D(
                np.abs(band), cv2.CV_32F, around, delta=constant, borderType=cv2.BORDER_REFLECT_101
            )
            bands.append(band / divisor)
            samples = half
        return bands


def _low_pass(samples: Floats) -> Floats:
    found: Floats = cv2.sepFilter2D(
        samples, cv2.CV_32F, _LOW_PASS, _LOW_PASS, borderType=cv2.BORDER_REFLECT_101
    )
    return found


def _doubled(samples: Floats) -> Floats:
    """Twice the height and width, linear between samples, the corners at the corners."""
    return _doubled_down(_doubled_down(samples).T).T


def _doubled_down(samples: Floats) -> Floats:
    count = len(samples)
    places = np.arange(2 * count) * ((count - 1) / (2 * count - 1))
    first = np.minimum(places.astype(int), count - 2)
    share = (places - first).astype(np.float32)[:, np.newaxis]
    found = samples[first + 1]
    found -= samples[first]
    found *= share
    found += samples[first]
    return np.ascontiguousarray(found)
