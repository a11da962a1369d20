"""The XYB color space of JPEG XL, as libjxl computes it, down to the rounding.

ISO/IEC 18181-1, XYB encoding: cone-like mixes of linear light, with a bias, and their cube roots.
Constants and the order of operations are libjxl's, in float32 with fused multiply-add: that of
:mod:`rdbench.metrics.fused`, and of OpenCV's ``accumulateProduct`` and ``scaleAdd`` on processors
that have it.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from rdbench.metrics.fused import product

Floats = NDArray[np.float32]

_STRIP: Final = 1 << 14
_BIAS: Final = np.float32(0.0037930732552754493)
_ROOT_OF_BIAS: Final = np.float32(np.cbrt(np.float64(_BIAS)))
_THIRD: Final = np.float32(1 / 3)
_TO_B: Final = (0.24342268924547819, 0.20476744424496821)


def _mixes() -> Floats:
    """Mixes of 1, blue, green and red; what two of the colors leave of 1 is the share of the third,
    as float32 has it."""
    blue, to_x, to_y, red, green = map(np.float32, (0.078, 0.30, 0.23, *_TO_B))
    one = np.float32(1)
    return np.array(
        [
            [_BIAS, blue, one - blue - to_x, to_x],
            [_BIAS, blue, one - blue - to_y, to_y],
            [_BIAS, one - red - green, green, red],
        ],
        np.float32,
    )


def _linear_light() -> Floats:
    """Linear light of 8-bit samples of sRGB (IEC 61966-2-1): libjxl's ratio of two polynomials,
    within 2.5e-7 of the standard's formula."""
    samples = np.arange(256, dtype=np.float32) * np.float32(1 / 255)
    above, below = (np.full(256, terms[-1], np.float32) for terms in (_ABOVE, _BELOW))
    for p, q in zip(_ABOVE[-2::-1], _BELOW[-2::-1], strict=True):
        above = (above * samples.astype(np.float64) + np.float32(p)).astype(np.float32)
        below = (below * samples.astype(np.float64) + np.float32(q)).astype(np.float32)
    dark = samples * (1 / np.float32(12.92))
    return np.where(samples > np.float32(0.04045), above / below, dark)


_ABOVE: Final = (2.200248328e-4, 1.043637593e-2, 1.624820318e-1, 7.961564959e-1, 8.210152774e-1)
_BELOW: Final = (2.631846970e-1, 1.076976492, 4.987528350e-1, -5.512498495e-2, 6.521209011e-3)
LINEAR_LIGHT: Final = _linear_light()
_MIXES: Final = _mixes()


def from_linear(light: Floats, out: Floats) -> None:
    """XYB, (3, samples), as SSIMULACRA 2 scales it: 14 X + 0.42, Y + 0.01 and B - Y + 0.55, which
    are within 0 to 1.

    ``light``: (4, samples): 1, and linear blue, green and red from 0 to 1.
    """
    for start in range(0, light.shape[1], _STRIP):
        strip = slice(start, start + _STRIP)
        columns = light[:, strip]
        mixes = np.empty((3, columns.shape[1]), np.float32)
        product(_MIXES, columns, mixes)
        x, y, b = _roots(mixes)
        difference, y_out, b_out = out[:, strip]
        np.subtract(x, y, out=difference)
        difference *= np.float32(0.5)
        difference *= np.float32(14)
        difference += np.float32(0.42)
        np.add(x, y, out=y_out)
        y_out *= np.float32(0.5)
        np.subtract(b, y_out, out=b_out)
        b_out += np.float32(0.55)
        y_out += np.float32(0.01)


def _roots(mixes: Floats) -> Floats:
    """Cube roots less that of the bias: Newton's iterations on the inverse cube root."""
    less_third = mixes * -_THIRD
    bits = mixes.view(np.int32) >> 23
    bits *= -0x002AAAAA
    bits += 0x54800000
    root = bits.view(np.float32)
    power = np.empty_like(root)
    for _ in range(3):
        np.multiply(root, root, out=power)
        power *= power
        root *= np.float32(4 / 3)
        cv2.accumulateProduct(less_third, power, root)
    np.multiply(root, root, out=power)
    power *= power
    np.negative(mixes, out=less_third)
    rest = root.copy()
    cv2.accumulateProduct(less_third, power, rest)
    cv2.scaleAdd(rest, float(_THIRD), root, root)
    root *= root
    power[:] = -_ROOT_OF_BIAS
    cv2.accumulateProduct(root, mixes, power)
    return power
