"""Blocks of an image, and the two orthonormal transforms of them: DCT and KLT.

A *basis* is an array of functions, (functions, samples): a block of samples is the sum of the
functions, each times its coefficient. Of an orthonormal basis B, coefficients are ``block @ B.T``.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

SIDE: Final = 8
"""Side of a block in samples."""
SIZE: Final = SIDE * SIDE
"""Samples of a block, and functions of a basis."""

Floats = NDArray[np.float64]

ZIGZAG: Final = sorted(
    np.ndindex(SIDE, SIDE),
    key=lambda place: (sum(place), place[0] if sum(place) % 2 else place[1]),
)
"""Vertical and horizontal frequency of DCT coefficients in JPEG's order (T.81, figure A.6), from
low to high."""


def to_blocks(plane: NDArray[np.generic]) -> Floats:
    """The 8×8 blocks of a plane, (height, width): float64, (blocks, 64), row by row.

    Sides that are not a multiple of 8 are extended with copies of the last row and column.
    """
    height, width = plane.shape
    padded = np.pad(plane, ((0, -height % SIDE), (0, -width % SIDE)), mode="edge")
    rows, columns = (side // SIDE for side in padded.shape)
    blocks = padded.reshape(rows, SIDE, columns, SIDE).swapaxes(1, 2)
    return blocks.reshape(-1, SIZE).astype(np.float64)


def from_blocks(blocks: NDArray[np.float64], height: int, width: int) -> Floats:
    """The inverse of :func:`to_blocks`."""
    rows, columns = -(-height // SIDE), -(-width // SIDE)
    tiled = blocks.reshape(rows, columns, SIDE, SIDE).swapaxes(1, 2)
    return tiled.reshape(rows * SIDE, columns * SIDE)[:height, :width]


def block_count(height: int, width: int) -> int:
    """How many blocks a plane has."""
    return -(-height // SIDE) * -(-width // SIDE)


def dct_matrix(length: int) -> Floats:
    """The orthonormal DCT-II of ``length`` samples, (length, length), from low to high frequency
    (Ahmed, Natarajan and Rao 1974, DOI 10.1109/T-C.1974.223784)."""
    frequency, sample = np.indices((length, length))
    angle = np.pi / length * (sample + 0.5) * frequency
    basis: Floats = np.cos(angle) * np.sqrt(2 / length)
    basis[0] = np.sqrt(1 / length)
    return basis


def dct_basis() -> Floats:
    """The DCT of 8×8 blocks, (64, 64): products of a vertical and a horizontal function, in
    zigzag order."""
    one = dct_matrix(SIDE)
    return np.stack([np.outer(one[down], one[across]).ravel() for down, across in ZIGZAG])


def klt(covariance: NDArray[np.float64]) -> Floats:
    """The Karhunen-Loève transform of signals of this covariance, (samples, samples): its
    eigenvectors, that of the largest variance first.

    No orthonormal basis packs more of the variance into its first functions, for any number of
    them, nor has a higher coding gain (Jayant and Noll 1984, chapter 12). The entry of each
    function that is largest in magnitude is positive.
    """
    basis: Floats = np.linalg.eigh(covariance)[1].T[::-1]
    largest = np.take_along_axis(basis, np.abs(basis).argmax(axis=1)[:, np.newaxis], axis=1)
    return basis * np.where(largest < 0, -1.0, 1.0)


def klt_basis(blocks: NDArray[np.float64]) -> Floats:
    """The KLT of ``blocks``, (blocks, 64), from their own covariance."""
    return klt(np.cov(blocks, rowvar=False, bias=True))


def coding_gain_db(variances: NDArray[np.float64]) -> float:
    """How much lower the error of coefficients with these variances is, at the same high rate, than
    that of samples coded one by one, in dB: the ratio of arithmetic and geometric mean (Jayant and
    Noll 1984, chapter 12). Infinite if a variance is 0."""
    with np.errstate(divide="ignore"):
        mean_log = np.log10(variances).mean()
    return float(10 * (np.log10(variances.mean()) - mean_log))
