"""XPSNR of still images: PSNR in which blocks count less where the original is busy.

C. R. Helmrich, S. Bosse, H. Schwarz, D. Marpe, T. Wiegand, "A study of the extended perceptually
weighted peak signal-to-noise ratio (XPSNR) for video compression with different resolutions and
bit depths", ITU Journal: ICT Discoveries 3(1), 2020, as the filter ``xpsnr`` of FFmpeg (7.1 and
later) computes it for one frame of 8 bits. An image has a temporal activity there, too: that
against black. The filter takes the weights from its first input, so the original has to be that.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from rdbench.formats import Layout, to_planes
from rdbench.metrics.base import Metric

if TYPE_CHECKING:
    from rdbench.sample_format import Image

Floats = NDArray[np.floating[Any]]

_GRAY: Final = Layout("400", 8, "bt709", "full")
_UHD: Final = 3840 * 2160
_COARSE_FROM: Final = 2048 * 1152
"""Above so many pixels activity is that of means of 2x2."""
_SMOOTHED_TO: Final = 640 * 480
"""Up to so many pixels weights are bounded by those of the blocks beside and above."""
_PICTURE: Final = 16 * 2**7
"""The activity of a whole picture of 8 bits, by the gain of the high-pass filter."""
_LEAST_ACTIVITY: Final = 4.0
_FINE: Final = np.array([[-1, -2, -1], [-2, 12, -2], [-1, -2, -1]], np.float32)
_COARSE: Final = -np.array(
    [
        [0, 1, 1, 1, 1, 0],
        [1, 2, 3, 3, 2, 1],
        [1, 3, -12, -12, 3, 1],
        [1, 3, -12, -12, 3, 1],
        [1, 2, 3, 3, 2, 1],
        [0, 1, 1, 1, 1, 0],
    ],
    np.float32,
)


class Xpsnr(Metric):
    """``xpsnr_db`` and ``xpsnr_y_db`` against one original."""

    def __init__(self, original: Image, names: Sequence[str]) -> None:
        super().__init__(original, names)
        color = original.shape[2] == 3
        matrix = "bt" + self.options["matrix"]
        self._layout = Layout("444", 8, matrix, "limited") if color else _GRAY
        self._planes = [plane.astype(np.float32) for plane in to_planes(original, self._layout)]
        self._weights = _Weights(self._planes[0])

    def score(self, decoded: Image) -> dict[str, float]:
        """The values of ``decoded``: uint8, shape of the original."""
        planes = to_planes(decoded, self._layout)
        pairs = zip(self._planes, planes, strict=True)
        values = [self._weights.psnr(plane - original) for original, plane in pairs]
        return {"xpsnr_db": min(values), "xpsnr_y_db": values[0]}


class _Weights:
    """Blocks of an original and what an error in each of them counts; ``luma``: float32, whole
    numbers of 0 to 255."""

    def __init__(self, luma: Floats) -> None:
        height, width = luma.shape
        share = height * width / _UHD
        side = 4 * int(32 * math.sqrt(share) + 0.5)
        self._scale = 1.0
        self._rows = self._columns = np.zeros(1, np.intp)
        self._weights = np.ones((1, 1))
        if side:
            self._scale = math.sqrt(_PICTURE / math.sqrt(max(0.00001, share)))
            self._rows, self._columns = np.arange(0, height, side), np.arange(0, width, side)
            self._weights = self._of_blocks(luma)
            if height * width <= _SMOOTHED_TO:
                _bound(self._weights)

    def psnr(self, difference: Floats) -> float:
        """The weighted PSNR in dB; ``inf`` where the weighted squared error is under a half."""
        error = float(np.sum(self._sums(difference * difference) * self._weights))
        error = math.floor(error * self._scale + 0.5)
        return 10 * math.log10(difference.size * 255**2 / error) if error else math.inf

    def _sums(self, values: Floats) -> NDArray[np.float64]:
        """The sum of each block."""
        of_rows = np.add.reduceat(values, self._rows, axis=0, dtype=np.float64)
        sums: NDArray[np.float64] = np.add.reduceat(of_rows, self._columns, axis=1)
        return sums

    def _means(self, values: Floats) -> NDArray[np.float64]:
        return self._sums(values) / self._sums(np.ones_like(values))

    def _of_blocks(self, luma: Floats) -> NDArray[np.float64]:
        height, width = luma.shape
        coarse = height * width > _COARSE_FROM
        border = 2 if coarse else 1
        kernel, anchor = (_COARSE, (2, 2)) if coarse else (_FINE, (1, 1))
        passed = np.abs(cv2.filter2D(luma, cv2.CV_32F, kernel, anchor=anchor))
        if coarse:
            passed[1::2] = passed[:, 1::2] = 0
        for axis, length in enumerate(luma.shape):
            edges = np.moveaxis(passed, axis, 0)
            edges[:border] = edges[length - border :] = 0
        inside = [
            np.diff(np.clip([*starts, length], border, length - border))
            for starts, length in ((self._rows, height), (self._columns, width))
        ]
        activity = self._sums(passed)
        if coarse:
            activity[:, inside[1] <= 12] = 0  # as in the filter, which leaves narrow blocks out
        area = np.outer(*inside)
        size = np.outer(
            *(np.diff([*s, n]) for s, n in ((self._rows, height), (self._columns, width)))
        )
        activity = activity / np.maximum(area, 1) + 2 * self._sums(luma) / size
        # Blocks without a sample inside the borders keep the weight 1.
        return np.where(area > 0, 1 / np.maximum(activity, _LEAST_ACTIVITY), 1)


def _bound(weights: NDArray[np.float64]) -> None:
    """Bound each weight by the largest of those before, after and above it, block by block in
    their order, in place."""
    across = weights.shape[1]
    flat = weights.reshape(-1)
    for index in range(len(flat)):
        column = index % across
        if column == 0:
            bound = flat[index - 2] if index > 1 else 0.0
        else:
            bound = max(flat[index - 2], flat[index]) if column > 1 else flat[index]
        if index > across:
            bound = max(bound, flat[index - 1 - across])
        if index > 0:
            flat[index - 1] = min(flat[index - 1], bound)
    if len(flat) > across + 1:
        flat[-1] = min(flat[-1], max(flat[-2], flat[-1 - across]))
