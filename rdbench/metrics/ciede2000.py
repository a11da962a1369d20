"""The mean color difference CIEDE2000.

CIE 142-2001; M. R. Luo, G. Cui, B. Rigg, "The development of the CIE 2000 colour-difference
formula", Color Research & Application 26(5), 2001, doi:10.1002/col.1049, by the equations of
G. Sharma, W. Wu, E. N. Dalal, "The CIEDE2000 color-difference formula", 30(1),
2005, doi:10.1002/col.20070, with k = 1. Samples are sRGB (IEC 61966-2-1), and L*a*b* is that of D65
and the 2 degree observer, as scikit-image's ``rgb2lab`` and ``deltaE_ciede2000`` have it.

Angles are left as directions: with the unit vectors u1 and u2 of (a', b'), their mean hue is that
of u1 + u2, and dH' = 2 sqrt(C1' C2') sin(dh' / 2) is
2 (a1' b2' - a2' b1') / (sqrt(C1' C2') |u1 + u2|).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from rdbench.metrics.base import Metric

if TYPE_CHECKING:
    from rdbench.sample_format import Image

Floats = NDArray[np.floating[Any]]

_STRIP: Final = 1 << 14
_TINY: Final = np.float32(1e-12)
_WHITE: Final = np.array([0.95047, 1.0, 1.08883])
_TO_XYZ: Final = np.array(
    [
        [0.412453, 0.357580, 0.180423],
        [0.212671, 0.715160, 0.072169],
        [0.019334, 0.119193, 0.950227],
    ]
)
_TO_WHITE: Final = (_TO_XYZ / _WHITE[:, np.newaxis]).astype(np.float32)
_SAMPLES: Final = np.arange(256) / 255
_LINEAR_LIGHT: Final = np.where(
    _SAMPLES > 0.04045, ((_SAMPLES + 0.055) / 1.055) ** 2.4, _SAMPLES / 12.92
).astype(np.float32)


class Ciede2000(Metric):
    """``ciede2000`` against one original."""

    def __init__(self, original: Image, names: Sequence[str]) -> None:
        super().__init__(original, names)
        self._colors = [lab(strip) for strip in _strips(original)]

    def score(self, decoded: Image) -> float:
        """The mean difference of ``decoded``: uint8, shape of the original."""
        total = sum(float(found.sum(dtype=np.float64)) for found in self._differences(decoded))
        return float(total / (decoded.shape[0] * decoded.shape[1]))

    def error_map(self, name: str, decoded: Image) -> NDArray[np.float32]:  # noqa: ARG002
        """The difference of each pixel; 1 is just visible. Its mean is the metric."""
        found = np.concatenate(list(self._differences(decoded)))
        return np.asarray(found, np.float32).reshape(decoded.shape[:2])

    def _differences(self, decoded: Image) -> Iterator[Floats]:
        pairs = zip(self._colors, _strips(decoded), strict=True)
        return (difference(colors, lab(strip)) for colors, strip in pairs)


def _strips(image: Image) -> list[Image]:
    pixels = image.reshape(-1, image.shape[2])
    return [pixels[start : start + _STRIP] for start in range(0, len(pixels), _STRIP)]


def lab(pixels: Image) -> Floats:
    """L*, a* and b*, float32, (3, n), of ``pixels``: uint8, (n, 3), or (n, 1) for R = G = B."""
    channels = range(3) if pixels.shape[1] == 3 else (0, 0, 0)
    light = np.stack([cv2.LUT(np.ascontiguousarray(pixels[:, c]), _LINEAR_LIGHT) for c in channels])
    ratios = _TO_WHITE @ light.reshape(3, -1)
    dark = np.float32(7.787) * ratios + np.float32(16 / 116)
    x, y, z = np.where(ratios > np.float32(0.008856), np.cbrt(ratios), dark)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def difference(first: Floats, second: Floats) -> Floats:
    """The difference of each pair of colors, float32, (n,), of L*, a* and b*, float32, (3, n)."""
    (l1, a1, b1), (l2, a2, b2) = first, second
    chroma = (_length(a1, b1) + _length(a2, b2)) / 2
    stretch = np.float32(1.5) - _saturation(chroma) / 2
    a1, a2 = a1 * stretch, a2 * stretch
    c1, c2 = _length(a1, b1), _length(a2, b2)
    chroma = (c1 + c2) / 2
    some1, some2 = np.maximum(c1, _TINY), np.maximum(c2, _TINY)
    cosine, sine = a1 / some1 + a2 / some2, b1 / some1 + b2 / some2
    length = np.maximum(_length(cosine, sine), _TINY)
    # a1' b2' - a2' b1', without the difference of two large products.
    turned = a1 * (b2 - b1) - b1 * (a2 - a1)
    hue = 2 * turned / (np.sqrt(some1 * some2) * length)
    cosine /= length
    sine /= length
    lightness = (l1 + l2) / 2 - 50
    lightness *= lightness
    in_lightness = (l2 - l1) / (1 + np.float32(0.015) * lightness / np.sqrt(20 + lightness))
    in_chroma = (c2 - c1) / (1 + np.float32(0.045) * chroma)
    in_hue = hue / (1 + np.float32(0.015) * chroma * _hue_weight(cosine, sine))
    rotation = _rotation(chroma, cosine, sine)
    total = in_lightness**2 + in_chroma**2 + in_hue**2 + rotation * in_chroma * in_hue
    return np.asarray(np.sqrt(np.maximum(total, 0)), np.float32)


def _length(a: Floats, b: Floats) -> Floats:
    return np.sqrt(a * a + b * b)


def _saturation(chroma: Floats) -> Floats:
    """sqrt(C^7 / (C^7 + 25^7))."""
    ratio = chroma / 25
    power = ratio * ratio
    power *= power * power * ratio
    return np.sqrt(power / (power + 1))


def _hue_weight(cosine: Floats, sine: Floats) -> Floats:
    """T of the mean hue h, in degrees:
    1 - 0.17 cos(h - 30) + 0.24 cos(2h) + 0.32 cos(3h + 6) - 0.20 cos(4h - 63)."""
    cosine2, sine2 = cosine**2 - sine**2, 2 * cosine * sine
    cosine3, sine3 = cosine2 * cosine - sine2 * sine, sine2 * cosine + cosine2 * sine
    cosine4, sine4 = cosine2**2 - sine2**2, 2 * cosine2 * sine2
    weight = 1 + np.float32(0.24) * cosine2
    for factor, degrees, c, s in (
        (-0.17, 30, cosine, sine),
        (0.32, -6, cosine3, sine3),
        (-0.20, 63, cosine4, sine4),
    ):
        angle = np.radians(degrees)
        weight += np.float32(factor * np.cos(angle)) * c + np.float32(factor * np.sin(angle)) * s
    return weight


def _rotation(chroma: Floats, cosine: Floats, sine: Floats) -> Floats:
    """R_T, of the blue at 275 degrees."""
    degrees = np.degrees(np.arctan2(sine, cosine)) % 360
    angle = np.exp(-(((degrees - 275) / 25) ** 2))
    return -2 * _saturation(chroma) * np.sin(np.float32(np.radians(60)) * angle)
