"""PSNR-HVS and PSNR-HVS-M.

K. Egiazarian et al., "New full-reference quality metrics based on HVS", VPQM 2006;
N. Ponomarenko et al., "On between-coefficient contrast masking of DCT basis functions", VPQM 2007,
with the tables of its authors' psnrhvsm.m. Blocks of 8x8 samples lie side by side and do not
overlap. Written anew: of the PyPI package psnr_hvsm, by which JPEG AI reports them, the license
file is GPL-3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dctn

from rdbench.metrics import luma
from rdbench.metrics.base import Metric
from rdbench.metrics.pointwise import decibel

if TYPE_CHECKING:
    from rdbench.sample_format import Image

Floats = NDArray[np.floating[Any]]

_SIDE: Final = 8
_QUANTIZERS: Final = np.array(
    [
        *(16, 11, 10, 16, 24, 40, 51, 61),
        *(12, 12, 14, 19, 26, 58, 60, 55),
        *(14, 13, 16, 24, 40, 57, 69, 56),
        *(14, 17, 22, 29, 51, 87, 80, 62),
        *(18, 22, 37, 56, 68, 109, 103, 77),
        *(24, 35, 55, 64, 81, 104, 113, 92),
        *(49, 64, 78, 87, 103, 121, 120, 101),
        *(72, 92, 95, 98, 112, 100, 103, 99),
    ]
)
"""JPEG's steps for luma (Rec. ITU-T T.81, table K.1), of which the authors' tables are made, to six
digits after the point."""
_SENSITIVITY: Final = np.round(25.73509 / _QUANTIZERS, 6).astype(np.float32)
_MASKING: Final = np.round((10 / _QUANTIZERS) ** 2, 6).astype(np.float32)


class PsnrHvs(Metric):
    """``psnr_hvs_db`` and ``psnr_hvs_m_db`` against one original."""

    def __init__(self, original: Image, names: Sequence[str]) -> None:
        super().__init__(original, names)
        self._blocks = self._transformed(original)

    def score(self, decoded: Image) -> dict[str, float]:
        """The requested values for ``decoded``: uint8, shape of the original."""
        blocks = self._transformed(decoded)
        difference = np.abs(self._blocks.coefficients - blocks.coefficients)
        values = {"psnr_hvs_db": decibel(_weighted(difference))}
        if "psnr_hvs_m_db" in self.names:
            assert self._blocks.masking is not None
            assert blocks.masking is not None
            strongest = np.maximum(self._blocks.masking, blocks.masking)
            seen = difference - np.outer(strongest, 1 / _MASKING)
            np.maximum(seen, 0, out=seen)
            seen[:, 0] = difference[:, 0]  # nothing masks the mean of a block
            values["psnr_hvs_m_db"] = decibel(_weighted(seen))
        return values

    def _transformed(self, image: Image) -> _Blocks:
        plane = luma.plane(image, self.options["matrix"])
        padding = [(0, -side % _SIDE) for side in plane.shape]
        samples = np.pad(plane, padding, "edge").astype(np.float32)
        across = samples.shape[1] // _SIDE
        blocks = samples.reshape(-1, _SIDE, across, _SIDE).swapaxes(1, 2)
        flat: Floats = blocks.reshape(-1, _SIDE * _SIDE)
        # No product of matrices: BLAS rounds it otherwise with another number of threads.
        coefficients = dctn(blocks, axes=(2, 3), norm="ortho").reshape(flat.shape)
        masking = _masking(flat, coefficients) if "psnr_hvs_m_db" in self.names else None
        return _Blocks(coefficients, masking)


@dataclass(frozen=True)
class _Blocks:
    coefficients: Floats
    """(blocks, 64), row by row."""
    masking: Floats | None
    """How much the blocks mask (equation 4 and what follows it), where it is asked for."""


def _masking(samples: Floats, coefficients: Floats) -> Floats:
    energy = np.einsum("ij,j->i", (coefficients * coefficients)[:, 1:], _MASKING[1:])
    half = _SIDE // 2
    # Sums of integers below 2^24, and so exact in float32: a flat block has no variance at all.
    parts = samples.reshape(-1, 2, half, 2, half)
    sums = parts.sum(axis=(2, 4)).astype(np.float64)
    squares = (parts * parts).sum(axis=(2, 4)).astype(np.float64)
    quarter = half * half
    spread_of_quarters = (squares - sums**2 / quarter).sum(axis=(1, 2)) * quarter / (quarter - 1)
    whole = _SIDE * _SIDE
    spread = squares.sum(axis=(1, 2)) - sums.sum(axis=(1, 2)) ** 2 / whole
    spread *= whole / (whole - 1)
    ratio = np.divide(spread_of_quarters, spread, out=np.zeros_like(spread), where=spread > 0)
    masking: Floats = np.sqrt(energy * ratio / (quarter * whole)).astype(np.float32)
    return masking


def _weighted(difference: Floats) -> float:
    """Mean of the squares of coefficients, weighted by the eye's sensitivity."""
    seen = difference * _SENSITIVITY
    seen *= seen
    return float(seen.sum(dtype=np.float64)) / seen.size
