"""Images as planes of Y'CbCr, GBR or gray, and back.

E'R, E'G and E'B are the 8-bit samples divided by 255. Y'CbCr follows Rec. ITU-R BT.601-7 (clause
2.5) or BT.709-6 (items 3.2 to 3.4); the equations are those of Rec. ITU-T H.273, clause 8.3
(MatrixCoefficients 0, 1, 5 and 6, both values of VideoFullRangeFlag, any BitDepth):

    E'Y = KR E'R + (1 - KR - KB) E'G + KB E'B
    E'PB = (E'B - E'Y) / (2 (1 - KB)),  E'PR = (E'R - E'Y) / (2 (1 - KR))
    full:     Y = Round((2^n - 1) E'Y),           Cb = Round((2^n - 1) E'PB + 2^(n-1))
    limited:  Y = Round(2^(n-8) (219 E'Y + 16)),  Cb = Round(2^(n-8) (224 E'PB + 128))

all clipped to 0 to 2^n - 1. The inverse solves the same equations for the samples.

The siting of the layout says where subsampled chroma lies. Chroma is computed at full resolution,
resampled unrounded by the filters of :mod:`rdbench.formats.resampling` and rounded once. On the way
back, it is interpolated from the same positions. The loss is part of every measurement, and part of
the ceiling that :func:`round_trip` gives.

Arithmetic is in float64, element by element, each operation correctly rounded: the results are
the same on every machine. A value is rounded once in each direction, to nearest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from rdbench.formats.layout import Layout
from rdbench.formats.resampling import at_luma, subsampled
from rdbench.formats.samples import Plane, to_8_bit
from rdbench.sample_format import checked

if TYPE_CHECKING:
    from rdbench.sample_format import Image

_Floats = NDArray[np.float64]

_WEIGHTS: Final = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722)}
"""KR and KB: BT.601-7, 2.5.1; BT.709-6, item 3.2."""


def to_planes(image: Image, layout: Layout) -> list[Plane]:
    """The planes of ``image`` in ``layout``: Y'; Y', Cb, Cr; or G, B, R.

    ``image``: uint8, (height, width, 1) for chroma "400", else (height, width, 3), sRGB. The
    planes are uint8 for depth 8, else uint16, of the shapes :meth:`Layout.plane_shapes`. Raises
    :class:`ValueError` for an image of another kind.
    """
    image = checked(image)
    if image.shape[2] != layout.channels:
        raise ValueError(
            f"an image of {image.shape[2]} channels does not fit the planes of chroma "
            f"{layout.chroma}, which hold {layout.channels}"
        )
    if layout.channels == 1:
        return [_scaled(image[:, :, 0], layout.peak, 255, 0, layout)]
    red, green, blue = cv2.split(image)
    if layout.matrix == "gbr":
        gain, divisor, offset = _gbr_scale(layout)
        return [_scaled(plane, gain, divisor, offset, layout) for plane in (green, blue, red)]
    return _ycbcr(red, green, blue, layout)


def from_planes(planes: Sequence[Plane], layout: Layout) -> Image:
    """The inverse of :func:`to_planes`: uint8, (height, width, 1 or 3).

    ``planes`` as :func:`to_planes` returns them. Samples may lie outside the nominal range of the
    layout; results are clipped to 0 to 255. Raises :class:`ValueError` if the number, shapes or
    dtypes of the planes are not those of the layout.
    """
    _check_planes(planes, layout)
    if layout.channels == 1:
        return to_8_bit(planes[0], layout.peak)[:, :, np.newaxis]
    if layout.matrix != "gbr":
        luma, cb, cr = planes
        return _rgb(luma, cb, cr, layout)
    if layout.range == "full":
        green, blue, red = (to_8_bit(plane, layout.peak) for plane in planes)
    else:
        gain, divisor, offset = _gbr_scale(layout)
        levels = np.arange(layout.peak + 1) - offset
        nearest = (2 * divisor * levels + gain) // (2 * gain)
        table = nearest.clip(0, 255).astype(np.uint8)
        green, blue, red = (np.take(table, plane, mode="clip") for plane in planes)
    return _merged(red, green, blue)


def round_trip(image: Image, layout: Layout) -> Image:
    """``image`` converted to ``layout`` and back, without a codec in between.

    The quality of the result is the ceiling of every measurement with this conversion. ``image``,
    result and errors as in :func:`to_planes` and :func:`from_planes`.
    """
    return from_planes(to_planes(image, layout), layout)


def _gbr_scale(layout: Layout) -> tuple[int, int, int]:
    """Gain, divisor and offset of R, G and B samples: round(gain v / divisor) + offset."""
    if layout.range == "full":
        return layout.peak, 255, 0
    return 219 << (layout.depth - 8), 255, 16 << (layout.depth - 8)


def _scaled(samples: Image, gain: int, divisor: int, offset: int, layout: Layout) -> Plane:
    """round(gain v / divisor) + offset in exact integers, ties up."""
    if (gain, divisor, offset) == (255, 255, 0):
        return samples.copy()
    levels = np.arange(256)
    table = (2 * gain * levels + divisor) // (2 * divisor) + offset
    return np.take(table.astype(layout.dtype), samples)


def _quantization(layout: Layout) -> tuple[float, float, float, float]:
    """The gains of E'Y and of E'PB (E'PR), and their offsets, in sample steps."""
    step = 1 << (layout.depth - 8)
    if layout.range == "full":
        return layout.peak, layout.peak, 0, 128 * step
    return 219 * step, 224 * step, 16 * step, 128 * step


def _ycbcr(red: Image, green: Image, blue: Image, layout: Layout) -> list[Plane]:
    kr, kb = _WEIGHTS[layout.matrix]
    luma_gain, chroma_gain, luma_offset, chroma_offset = _quantization(layout)
    luma = np.multiply(green, 1 - kr - kb, dtype=np.float64)
    term = np.multiply(red, kr, dtype=np.float64)
    luma += term
    luma += np.multiply(blue, kb, out=term)
    planes = []
    for primary, weight in ((blue, kb), (red, kr)):
        chroma = subsampled(np.subtract(primary, luma, out=term), layout)
        gain = chroma_gain / (255 * 2 * (1 - weight))
        planes.append(_rounded(chroma, gain, chroma_offset, layout))
    return [_rounded(luma, luma_gain / 255, luma_offset, layout), *planes]


def _rounded(values: _Floats, gain: float, offset: float, layout: Layout) -> Plane:
    """Round(gain v + offset), clipped to 0 to the peak; ``values`` are overwritten."""
    values *= gain
    values += offset + 0.5
    return np.clip(values, 0, layout.peak, out=values).astype(layout.dtype)


def _rgb(luma: Plane, cb: Plane, cr: Plane, layout: Layout) -> Image:
    kr, kb = _WEIGHTS[layout.matrix]
    kg = 1 - kr - kb
    luma_gain, chroma_gain, luma_offset, chroma_offset = _quantization(layout)
    scale = 255 / chroma_gain
    base = np.subtract(luma, luma_offset, dtype=np.float64)
    base *= 255 / luma_gain
    base += 0.5
    to_blue, to_red = 2 * (1 - kb) * scale, 2 * (1 - kr) * scale
    blue_part = _full_size(cb, chroma_offset, luma.shape, layout)
    red_part = _full_size(cr, chroma_offset, luma.shape, layout)
    term = np.multiply(red_part, to_red)
    red = _clipped(np.add(term, base, out=term))
    blue = _clipped(np.add(np.multiply(blue_part, to_blue, out=term), base, out=term))
    blue_part *= kb / kg * to_blue
    red_part *= kr / kg * to_red
    base -= blue_part
    base -= red_part
    return _merged(red, _clipped(base), blue)


def _clipped(values: _Floats) -> Image:
    """The integer part, clipped to 0 to 255; ``values``, already plus ½, are overwritten."""
    return np.clip(values, 0, 255, out=values).astype(np.uint8)


def _merged(red: Image, green: Image, blue: Image) -> Image:
    image: Image = cv2.merge((red, green, blue))
    return image


def _full_size(
    plane: Plane, offset: float, shape: tuple[int, ...], layout: Layout
) -> NDArray[np.float64]:
    """Chroma minus its offset, at the positions of luma."""
    chroma = np.subtract(plane, offset, dtype=np.float64)
    return at_luma(chroma, layout)[: shape[0], : shape[1]]


def _check_planes(planes: Sequence[Plane], layout: Layout) -> None:
    shapes = [plane.shape for plane in planes]
    first = shapes[0] if shapes else ()
    if len(first) != 2 or 0 in first or shapes != layout.plane_shapes(*first):
        raise ValueError(f"planes of shapes {shapes} do not fit chroma {layout.chroma}")
    for plane in planes:
        if plane.dtype != layout.dtype:
            raise ValueError(
                f"planes of depth {layout.depth} must be {layout.dtype}, one is {plane.dtype}"
            )
