"""SSIMULACRA 2.1.

J. Sneyers, SSIMULACRA 2, https://github.com/cloudinary/ssimulacra2, version 2.1 of April 2023: maps
of three kinds of error in XYB at six scales, their means and 4-norms, and a weighted sum of those.
Computed in the arithmetic of the original, whose rounding shows where two images are nearly equal
(:mod:`rdbench.metrics.recursive_gaussian`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from rdbench.metrics.base import Metric
from rdbench.metrics.recursive_gaussian import Blur
from rdbench.metrics.xyb import LINEAR_LIGHT, from_linear

if TYPE_CHECKING:
    from rdbench.sample_format import Image

Floats = NDArray[np.float32]

_Place = tuple[slice, slice, slice]

_LEAST_SIDE: Final = 8
_C2: Final = np.float32(0.0009)

# Of X, Y and B; of scales 1:1 to 1:32; of 1-norm and 4-norm; of SSIM, ringing and blur. Images too
# small for all scales take them from the beginning, one after the other, as in the original.
_WEIGHT_TABLE: Final = """
    0 0.0007376606707406586 0
    0 0.0007793481682867309 0
    0 0.0004371155730107379 0
    1.1041726426657346 0.00066284834129271 0.00015231632783718752
    0 0.0016406437456599754 0
    1.8422455520539298 11.441172603757666 0
    0.0007989109436015163 0.000176816438078653 0
    1.8787594979546387 10.94906990605142 0
    0.0007289346991508072 0.9677937080626833 0
    0.00014003424285435884 0.9981766977854967 0.00031949755934435053
    0.0004550992113792063 0 0
    0.0013648766163243398 0 0

    0 0 0
    7.466890328078848 0 17.445833984131262
    0.0006235601634041466 0 0
    6.683678146179332 0.00037724407979611296 1.027889937768264
    225.20515300849274 0 0
    19.213238186143016 0.0011401524586618361 0.001237755635509985
    176.39317598450694 0 0
    24.43300999870476 0.28520802612117757 0.0004485436923833408
    0 0 0
    34.77906344483772 44.835625328877896 0
    0 0 0
    0 0 0

    0 0.0008680556573291698 0
    0 0 0
    0 0.0005313191874358747 0
    0.00016533814161379112 0 0
    0 0 0
    0.0004179171803251336 0.0017290828234722833 0
    0.0020827005846636437 0 0
    8.826982764996862 23.19243343998926 0
    95.1080498811086 0.9863978034400682 0.9834382792465353
    0.0012286405048278493 171.2667255897307 0.9807858872435379
    0 0 0
    0.0005130064588990679 0 0.00010854057858411537
"""
_WEIGHTS: Final = np.array(_WEIGHT_TABLE.split(), np.float64)
_SCALES: Final = 6


class Ssimulacra2(Metric):
    """``ssimulacra2`` against one original."""

    def __init__(self, original: Image, names: Sequence[str]) -> None:
        super().__init__(original, names)
        blur = Blur()
        self._pyramid = _Pyramid(*original.shape[:2])
        self._weights = _WEIGHTS[: 18 * len(self._pyramid)].reshape(3, -1, 2, 3)
        self._scales = [
            _Scale(planes, _extent(self._weights[:, scale, :, 0]), blur)
            for scale, planes in enumerate(self._pyramid.of(original))
        ]

    def score(self, decoded: Image) -> float:
        """100 where all errors are zero, less for others, without a lower end. ``decoded``: uint8,
        shape of the original."""
        pairs = zip(self._scales, self._pyramid.of(decoded), strict=True)
        errors = np.stack([side.errors(planes) for side, planes in pairs], axis=1)
        return _points(float(np.sum(self._weights * errors)))

    def error_map(self, name: str, decoded: Image) -> Floats:  # noqa: ARG002
        """What each pixel adds to the weighted sum of errors: the maps of all scales with their
        weights. A 4-norm n of a map m is shared out as m^4 / n^3, whose mean is n. The mean is the
        sum that the score is made of, where sides are multiples of 32; else samples of coarse
        scales reach beyond the image, and are cut there."""
        height, width = decoded.shape[:2]
        found = np.zeros((height, width), np.float32)
        for scale, planes in enumerate(self._pyramid.of(decoded)):
            side, weights = self._scales[scale], self._weights[:, scale]
            coarse = side.weighted(planes, weights)
            larger = coarse.repeat(1 << scale, axis=0).repeat(1 << scale, axis=1)
            found += larger[:height, :width]
        return found


def _extent(weights: NDArray[np.float64]) -> slice:
    """The planes from the first to the last that have a weight."""
    planes = np.flatnonzero(weights.any(axis=1))
    return slice(planes[0], planes[-1] + 1) if planes.size else slice(0)


def _points(error: float) -> float:
    """A weighted sum of errors on the scale of subjective scores."""
    error *= 0.9562382616834844
    error *= 2.326765642916932 - 0.020884521182843837 * error + 6.248496625763138e-05 * error**2
    return 100 - 10 * error**0.6276336467831387 if error > 0 else 100.0


class _Pyramid:
    """Work space for images of one size at all scales: linear light, and XYB."""

    def __init__(self, height: int, width: int) -> None:
        self._light: list[Floats] = []
        while len(self._light) < _SCALES:
            self._light.append(np.ones((4, height, width), np.float32))
            if min(height, width) < _LEAST_SIDE:
                break
            height, width = (height + 1) // 2, (width + 1) // 2
        self._xyb = [np.empty_like(light[1:]) for light in self._light]

    def __len__(self) -> int:
        return len(self._light)

    def of(self, image: Image) -> Iterator[Floats]:
        """XYB of ``image`` from the finest scale on, (3, height, width); overwritten by that of the
        next image."""
        for index, (light, planes) in enumerate(zip(self._light, self._xyb, strict=True)):
            for color in range(3):
                if index:
                    _halve(self._light[index - 1][1 + color], light[1 + color])
                else:
                    samples = cv2.extractChannel(image, 2 - color if image.shape[2] == 3 else 0)
                    cv2.LUT(samples, LINEAR_LIGHT, light[1 + color])
            from_linear(light.reshape(4, -1), planes.reshape(3, -1))
            yield planes


def _halve(plane: Floats, out: Floats) -> None:
    """Means of 2x2 samples; where a side is odd, the last samples count twice."""
    height, width = plane.shape
    odd = height % 2, width % 2
    if any(odd):
        plane = cv2.copyMakeBorder(plane, 0, odd[0], 0, odd[1], cv2.BORDER_REPLICATE)
    np.add(plane[::2, ::2], plane[::2, 1::2], out=out)
    out += plane[1::2, ::2]
    out += plane[1::2, 1::2]
    out *= np.float32(0.25)


class _Scale:
    """An original at one scale.

    ``planes``: XYB, (3, height, width). ``ssim``: the planes of which the SSIM map has a weight.
    """

    def __init__(self, planes: Floats, ssim: slice, blur: Blur) -> None:
        _, height, width = planes.shape
        self._blur = blur
        self._ssim = ssim
        self._ssim_planes = len(range(*ssim.indices(3)))
        self._samples = np.empty((width, self._ssim_planes, height), np.float32)
        self._mean = np.empty((height, 3, width), np.float32)
        self._edges = np.empty_like(self._mean)
        self._variance = np.empty((height, self._ssim_planes, width), np.float32)

        def fill(rows: slice, out: Floats) -> None:
            _transpose(planes[:, rows], out)
            self._samples[:, :, rows] = out[:, ssim]
            np.multiply(out[:, ssim], out[:, ssim], out=out[:, 3:])

        for rows, columns, blurred in blur(3 + self._ssim_planes, height, width, fill):
            mean, squares = blurred[:, :3], blurred[:, 3:]
            place = rows, slice(None), columns
            self._mean[place] = mean
            self._edges[place] = np.abs(planes[:, rows, columns].transpose(1, 0, 2) - mean)
            self._variance[place] = squares - mean[:, ssim] * mean[:, ssim]

    def errors(self, planes: Floats) -> NDArray[np.float64]:
        """Norms of the errors of ``planes``, XYB of a decoded image at this scale: (3, 2, 3), of
        plane, 1-norm and 4-norm, and map. Maps without a weight are zero."""
        height, _, width = self._mean.shape
        sums = np.zeros((2, 3, 3))  # of norms, maps and planes
        for _, kind, wanted, values in self._maps(planes):
            sums[:, kind, wanted] += _sums(values)
        sums /= height * width
        sums[1] **= 0.25
        return sums.transpose(2, 0, 1)

    def weighted(self, planes: Floats, weights: NDArray[np.float64]) -> Floats:
        """The maps of errors of ``planes`` with ``weights``, (3, 2, 3), as one: (height, width)."""
        height, _, width = self._mean.shape
        fourth = self.errors(planes)[:, 1]
        shares = np.divide(weights[:, 1], fourth**3, out=np.zeros((3, 3)), where=fourth > 0)
        found = np.zeros((height, width), np.float32)
        for (rows, columns), kind, wanted, values in self._maps(planes):
            for place, plane in enumerate(range(*wanted.indices(3))):
                own = values[:, place].astype(np.float64)
                found[rows, columns] += weights[plane, 0, kind] * own + shares[plane, kind] * own**4
        return found

    def _maps(self, planes: Floats) -> Iterator[tuple[tuple[slice, slice], int, slice, Floats]]:
        """The maps of errors in parts: rows and columns, which of the three, of which planes, and
        its values, (rows, planes, columns), which may be overwritten."""
        height, _, width = self._mean.shape
        count = self._ssim_planes

        def fill(rows: slice, out: Floats) -> None:
            _transpose(planes[:, rows], out)
            samples = out[:, self._ssim]
            np.multiply(samples, samples, out=out[:, 3 : 3 + count])
            np.multiply(samples, self._samples[:, :, rows], out=out[:, 3 + count :])

        for rows, columns, blurred in self._blur(3 + 2 * count, height, width, fill):
            place = rows, slice(None), columns
            part = rows, columns
            mean = blurred[:, :3]
            loss = self._structure_loss(
                place, mean[:, self._ssim], blurred[:, 3 : 3 + count], blurred[:, 3 + count :]
            )
            yield part, 0, self._ssim, loss
            change = np.subtract(planes[:, rows, columns].transpose(1, 0, 2), mean, out=mean)
            np.abs(change, out=change)
            edges = self._edges[place]
            change -= edges
            change /= edges + 1
            yield part, 1, slice(None), np.maximum(change, 0)
            np.negative(change, out=change)
            yield part, 2, slice(None), np.maximum(change, 0, out=change)

    def _structure_loss(
        self, place: _Place, mean: Floats, squares: Floats, products: Floats
    ) -> Floats:
        """1 - SSIM without the denominator of its first factor, and not below 0, of blurred samples
        of a decoded image, their squares and their products with the original's; operations are in
        the original's order."""
        means = self._mean[place][:, self._ssim]
        closeness = means - mean
        closeness *= closeness
        np.subtract(1, closeness, out=closeness)
        both = means * mean
        products -= both
        products *= 2
        products += _C2
        np.multiply(mean, mean, out=both)
        squares -= both
        squares += self._variance[place]
        squares += _C2
        closeness *= products
        closeness /= squares
        np.subtract(1, closeness, out=closeness)
        loss: Floats = np.maximum(closeness, 0, out=closeness)
        return loss


def _transpose(planes: Floats, out: Floats) -> None:
    """``planes``, (n, rows, columns), to ``out``, (columns, n or more, rows)."""
    for index, plane in enumerate(planes):
        cv2.transpose(plane, out[:, index])


def _sums(values: Floats) -> NDArray[np.float64]:
    """Sums of values and of their fourth powers, (2, planes), of (rows, planes, columns), which are
    overwritten."""
    first = np.matmul(values, np.ones(values.shape[2], np.float32))
    values *= values
    fourth = np.vecdot(values, values)
    sums: NDArray[np.float64] = np.array([first, fourth]).sum(axis=1, dtype=np.float64)
    return sums
