"""PSNR-HVS and PSNR-HVS-M.

K. Egiazarian et al., "New full-reference quality metrics based on HVS", VPQM 2006;
N. Ponomarenko et al., "On between-coefficient contrast masking of DCT basis functions", VPQM 2007,
with the tables of its authors' psnrhvsm.m. Blocks of 8x8 samples lie side by side and do not
overlap. Written anew: of the PyPI package psnr_hvsm, by which JPEG AI reports them, the license
file is GPL-3.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from rdbench.metrics import luma
from rdbench.metrics.base import Metric
from rdbench.metrics.pointwise import decibel

if TYPE_CHECKING:
    from rdbench.sample_format import Image

Floats = NDArray[np.floating[Any]]

_SIDE: Final = 8
_SENSITIVITY: Final = np.array(
    [
        [1.608443, 2.339554, 2.573509, 1.608443, 1.072295, 0.643377, 0.504610, 0.421887],
        [2.144591, 2.144591, 1.838221, 1.354478, 0.989811, 0.443708, 0.428918, 0.467911],
        [1.838221, 1.979622, 1.608443, 1.072295, 0.643377, 0.451493, 0.372972, 0.459555],
        [1.838221, 1.513829, 1.169777, 0.887417, 0.504610, 0.295806, 0.321689, 0.415082],
        [1.429727, 1.169777, 0.695543, 0.459555, 0.378457, 0.236102, 0.249855, 0.334222],
        [1.072295, 0.735288, 0.467911, 0.402111, 0.317717, 0.247453, 0.227744, 0.279729],
        [0.525206, 0.402111, 0.329937, 0.295806, 0.249855, 0.212687, 0.214459, 0.254803],
        [0.357432, 0.279729, 0.270896, 0.262603, 0.229778, 0.257351, 0.249855, 0.259950],
    ],
    np.float32,
).ravel()
_MASKING: Final = np.array(
    [
        [0.390625, 0.826446, 1.000000, 0.390625, 0.173611, 0.062500, 0.038447, 0.026874],
        [0.694444, 0.694444, 0.510204, 0.277008, 0.147929, 0.029727, 0.027778, 0.033058],
        [0.510204, 0.591716, 0.390625, 0.173611, 0.062500, 0.030779, 0.021004, 0.031888],
        [0.510204, 0.346021, 0.206612, 0.118906, 0.038447, 0.013212, 0.015625, 0.026015],
        [0.308642, 0.206612, 0.073046, 0.031888, 0.021626, 0.008417, 0.009426, 0.016866],
        [0.173611, 0.081633, 0.033058, 0.024414, 0.015242, 0.009246, 0.007831, 0.011815],
        [0.041649, 0.024414, 0.016437, 0.013212, 0.009426, 0.006830, 0.006944, 0.009803],
        [0.019290, 0.011815, 0.011080, 0.010412, 0.007972, 0.010000, 0.009426, 0.010203],
    ],
    np.float32,
).ravel()


def _transform() -> Floats:
    """The orthonormal DCT-II of a block, as a matrix from its 64 samples to its 64 coefficients."""
    places = np.arange(_SIDE)
    cosines = np.cos(np.pi / _SIDE * np.outer(places, places + 0.5))
    cosines *= np.where(places == 0, math.sqrt(1 / _SIDE), math.sqrt(2 / _SIDE))[:, np.newaxis]
    return np.kron(cosines, cosines).T.astype(np.float32)


_DCT: Final = _transform()


class PsnrHvs(Metric):
    """``psnr_hvs_db`` and ``psnr_hvs_m_db`` against one original."""

    def __init__(self, original: Image, names: Sequence[str]) -> None:
        super().__init__(original, names)
        self._blocks = self._transformed(original)

    def score(self, decoded: Image) -> dict[str, float]:
        """The values that were asked for, of ``decoded``: uint8, shape of the original."""
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
        coefficients = flat @ _DCT
        masking = _masking(flat, coefficients) if "psnr_hvs_m_db" in self.names else None
        return _Blocks(coefficients, masking)


@dataclass(frozen=True)
class _Blocks:
    coefficients: Floats
    """(blocks, 64), row by row."""
    masking: Floats | None
    """How much the blocks mask (equation 4 and what follows it), where it is asked for."""


def _masking(samples: Floats, coefficients: Floats) -> Floats:
    energy = (coefficients * coefficients)[:, 1:] @ _MASKING[1:]
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
