"""Latents whose Gaussians are known for all positions at once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from rdbench.models.coding import Decoder, Encoder, GaussianTables, Indices
from rdbench.models.compression.base import Symbols, bands


def put(encoder: Encoder, tables: GaussianTables, symbols: Symbols, scales: Tensor) -> None:
    """Add symbols, (maps, height, width), of mean 0 and of ``scales``, in steps of the symbols."""
    for rows, indices in _bands(tables, scales):
        encoder.put(symbols[:, rows], indices)


def get(decoder: Decoder, tables: GaussianTables, scales: Tensor) -> Symbols:
    """The next symbols, the inverse of :func:`put`: int32, of the shape of ``scales``."""
    parts = [decoder.get(indices) for _, indices in _bands(tables, scales)]
    return np.concatenate(parts, axis=1)


def _bands(tables: GaussianTables, scales: Tensor) -> Iterator[tuple[slice, Indices]]:
    maps, height, width = scales.shape
    for rows in bands(height, maps * width):
        values: NDArray[np.float64] = scales[:, rows].numpy()
        yield rows, tables.index(np.zeros_like(values), values)
