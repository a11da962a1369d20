"""One scale of SSIM: window means of an original and of its difference to a decoded image.

With d = y - x, the contrast-structure term of SSIM (Wang et al. 2004, eq. 13 without luminance),
cs = (2 Cov(x, y) + C2) / (Var(x) + Var(y) + C2), is

    cs = 1 - Var(d) / (2 Var(x) + C2 + 2 Cov(x, d) + Var(d)),

and the luminance term, (2 mx my + C1) / (mx^2 + my^2 + C1), is

    l = 1 - 2 md^2 / ((mx + my)^2 + md^2 + 2 C1),

where m is a window mean. Three window means are left for each decoded image (of d, d^2 and x d),
and they are of small numbers: float32 keeps the precision that the textbook form loses when it
subtracts squares of samples from each other.

The channels of an image stand on top of each other as one tall plane, which is worked on in
strips of rows; windows that span two channels are computed and left out of the sums.
"""

from __future__ import annotations

import math
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

WINDOW: Final = 11
_C1: Final = (0.01 * 255) ** 2
_C2: Final = (0.03 * 255) ** 2
_HALO: Final = WINDOW - 1
_STRIP_SAMPLES: Final = 1 << 17
_MIDDLE: Final = 128.0

# The vertical pass is a product with a banded matrix, which makes so many rows at a time: the
# fewer, the less is multiplied by zero, and BLAS is no faster with fewer than four.
_BLOCK: Final = 4


# Half of the window, as pytorch-msssim has it: rounded to float32.
_HALF: Final = (0.00102838036, 0.00759875821, 0.0360007733, 0.109360687, 0.213005528, 0.266011715)
_ROW: Final = np.array([*_HALF, *_HALF[-2::-1]], np.float32)[np.newaxis]
_SUM: Final = float(_ROW.sum(dtype=np.float64)) ** 2


def _bands(*factors: float) -> Floats:
    """For each factor the matrix that makes ``_BLOCK`` rows of window means, times the factor."""
    band = np.zeros((_BLOCK, _BLOCK + _HALO))
    for row in range(_BLOCK):
        band[row, row : row + WINDOW] = _ROW
    return np.array([factor * band for factor in factors], np.float32)[:, np.newaxis]


_MEAN: Final = _bands(1)
_MOMENTS: Final = _bands(1, 1)
# cv2 has `a += b * c` but no `a -= b * c`, hence the negative means.
_NEGATIVE_PRODUCTS: Final = _bands(-1, -2)


def scratch(width: int) -> Floats:
    """Work space for a :class:`Scale` of planes up to ``width`` wide."""
    rows = max(_BLOCK, _STRIP_SAMPLES // width // _BLOCK * _BLOCK)
    return np.zeros(8 * (rows + _HALO) * width, np.float32)


class Scale:
    """An original at one scale.

    ``samples``: (channels, height, width), any real dtype, 0 to 255, sides of at least 11.
    ``work``: from :func:`scratch`, for planes of this width or wider; scales may share it.
    ``rounded_window``: whether variances are those of a window whose weights sum to what
    float32 leaves of 1, as pytorch-msssim has it. Each then gains 6e-8 times the square of the
    mean: up to 0.004, beside C2 = 58.5, which is 5e-6 of a mean over an image.
    """

    def __init__(self, samples: NDArray[np.generic], work: Floats, *, rounded_window: bool) -> None:
        self.shape = samples.shape
        channels, height, width = samples.shape
        self._rows = channels * height
        self._excess = 1 - _SUM if rounded_window else 0.0
        self._x = np.zeros((self._rows + _BLOCK, width), np.float32)
        np.copyto(self.original, samples, casting="unsafe")
        self._d = np.zeros_like(self._x)
        # The rows that a strip can have in the work space, a multiple of those made at a time.
        self._most = (work.size // (8 * width) - _HALO) // _BLOCK * _BLOCK
        held = self._most + _HALO
        planes = work[: 8 * held * width].reshape(8, held, width)
        self._products, self._vertical, self._means = planes[:2], planes[2:5], planes[5:]
        self._inside = np.zeros(width, np.float32)
        self._inside[: width - _HALO] = 1
        self._twice_mean = np.empty((self._rows - _HALO, width), np.float32)
        self._spread = np.empty_like(self._twice_mean)
        for first, count in self._strips():
            self._describe(first, count)

    @property
    def original(self) -> Floats:
        """The samples of the original, (channels, height, width)."""
        return self._x[: self._rows].reshape(self.shape)

    @property
    def difference(self) -> Floats:
        """Decoded minus original, (channels, height, width), to be written before scoring."""
        return self._d[: self._rows].reshape(self.shape)

    def contrast_structure(self) -> NDArray[np.float64]:
        """The mean of cs over all windows, of each channel, for what :attr:`difference` holds."""
        loss = np.zeros(self._rows, np.float32)
        for first, count in self._strips():
            _, ratio = self._contrast_loss(first, count)
            np.matmul(ratio, self._inside, out=loss[first : first + count])
        return 1 - self._channel_means(loss)

    def similarity(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """:meth:`contrast_structure` and the mean of the whole SSIM index, of each channel."""
        contrast, luminance, both = np.zeros((3, self._rows), np.float32)
        inside = slice(self.shape[2] - _HALO)
        for first, count in self._strips():
            strip = slice(first, first + count)
            mean, ratio = self._contrast_loss(first, count)
            self._take_luminance_loss(first, mean)
            np.matmul(ratio, self._inside, out=contrast[strip])
            np.matmul(mean, self._inside, out=luminance[strip])
            np.vecdot(mean[:, inside], ratio[:, inside], out=both[strip])
        # 1 - l * cs = (1 - cs) + (1 - l) - (1 - l) * (1 - cs), and `mean` is (1 - l) / 2.
        whole = contrast + 2 * (luminance - both)
        return 1 - self._channel_means(contrast), 1 - self._channel_means(whole)

    def losses(self, *, luminance: bool) -> Floats:
        """What each window loses, (channels, height - 10, width - 10), for what :attr:`difference`
        holds: 1 less the SSIM index, or without ``luminance`` 1 - cs; from 0 to 2."""
        found = np.empty((self._rows, self.shape[2]), np.float32)
        for first, count in self._strips():
            mean, ratio = self._contrast_loss(first, count)
            if luminance:
                self._take_luminance_loss(first, mean)
                ratio += 2 * mean * (1 - ratio)
            found[first : first + count] = ratio
        return found.reshape(self.shape)[:, :-_HALO, :-_HALO]

    def _take_luminance_loss(self, first: int, mean: Floats) -> None:
        """Make (1 - l) / 2 of md of a strip, in its place."""
        count = len(mean)
        strip = slice(first, first + count)
        power = np.add(self._twice_mean[strip], mean, out=self._vertical[0, :count])
        power *= power
        mean *= mean
        power += mean
        power += np.float32(2 * _C1)
        mean /= power

    def _strips(self) -> list[tuple[int, int]]:
        rows = self._rows - _HALO
        return [(first, min(self._most, rows - first)) for first in range(0, rows, self._most)]

    def _channel_means(self, row_sums: Floats) -> NDArray[np.float64]:
        channels, height, width = self.shape
        inside = row_sums.reshape(channels, height)[:, : height - _HALO]
        total = inside.sum(axis=1, dtype=np.float64)
        return np.asarray(total / ((height - _HALO) * (width - _HALO)), np.float64)

    def _describe(self, first: int, count: int) -> None:
        """Keep 2 mx and 2 Var(x) + C2 of a strip of the original."""
        strip = slice(first, first + count)
        centered, squares = self._products[:, : count + _HALO]
        # Squares of numbers around zero lose less in float32, and a variance ignores the shift.
        np.subtract(self._x[first : first + count + _HALO], np.float32(_MIDDLE), out=centered)
        np.multiply(centered, centered, out=squares)
        self._vertical_means(_MOMENTS, self._products, 0, count, self._vertical[:2])
        mean, variance = self._horizontal_means(2, count)
        np.add(mean, np.float32(_MIDDLE), out=self._twice_mean[strip])
        self._twice_mean[strip] *= 2
        mean *= mean
        variance -= mean
        mean *= np.float32(1 - _SUM)
        variance -= mean
        if self._excess:
            np.multiply(self._twice_mean[strip], self._twice_mean[strip], out=mean)
            mean *= np.float32(self._excess / 4)
            variance += mean
        variance *= 2
        np.add(variance, np.float32(_C2), out=self._spread[strip])

    def _contrast_loss(self, first: int, count: int) -> tuple[Floats, Floats]:
        """md and 1 - cs of a strip, in work space."""
        strip = slice(first, first + count)
        needed = slice(first, first + count + _HALO)
        squares, products = self._products[:, : count + _HALO]
        np.multiply(self._d[needed], self._d[needed], out=squares)
        np.multiply(self._d[needed], self._x[needed], out=products)
        self._vertical_means(_MEAN, self._d[np.newaxis], first, count, self._vertical[:1])
        self._vertical_means(_NEGATIVE_PRODUCTS, self._products, 0, count, self._vertical[1:])
        mean, variance, spread = self._horizontal_means(3, count)
        cv2.accumulateSquare(mean, variance)  # -Var(d)
        cv2.accumulateProduct(mean, self._twice_mean[strip], spread)  # -2 Cov(x, d)
        spread += variance
        spread -= self._spread[strip]
        variance /= spread
        return mean, variance

    def _vertical_means(
        self, bands: Floats, planes: Floats, first: int, count: int, out: Floats
    ) -> None:
        """Means down the columns of ``planes``, (n, rows, width), for ``count`` rows (up to the
        next multiple of ``_BLOCK``) from ``first`` on."""
        blocks = math.ceil(count / _BLOCK)
        plane, row, sample = planes.strides
        overlapping: Floats = np.ndarray(
            (len(planes), blocks, _BLOCK + _HALO, planes.shape[2]),
            np.float32,
            planes,
            first * row,
            (plane, _BLOCK * row, row, sample),
        )
        made = out[:, : blocks * _BLOCK].reshape(len(planes), blocks, _BLOCK, -1)
        np.matmul(bands, overlapping, out=made)

    def _horizontal_means(self, planes: int, count: int) -> Floats:
        """Means along the rows of the first planes of the vertical means; the last ten columns
        are of windows that leave the plane, which reflects there."""
        for plane in range(planes):
            cv2.filter2D(
                self._vertical[plane, :count],
                cv2.CV_32F,
                _ROW,
                dst=self._means[plane, :count],
                anchor=(0, 0),
            )
        return self._means[:planes, :count]


def halved(samples: Floats, out: Floats | None = None) -> Floats:
    """Means of 2x2 samples of (channels, height, width) planes.

    Where a side is odd, a zero stands before its first sample and counts in the mean: the rule
    of ``torch.nn.functional.avg_pool2d(x, 2, padding=side % 2)``.
    """
    channels, height, width = samples.shape
    top, left = height % 2, width % 2
    size = (width + left) // 2, (height + top) // 2
    if out is None:
        out = np.empty((channels, size[1], size[0]), np.float32)
    for plane, half in zip(samples, out, strict=True):
        even = plane
        if top or left:
            even = cv2.copyMakeBorder(plane, top, 0, left, 0, cv2.BORDER_CONSTANT, value=0)
        cv2.resize(even[: 2 * size[1], : 2 * size[0]], size, half, interpolation=cv2.INTER_AREA)
    return out
