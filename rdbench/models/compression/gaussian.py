"""Latents whose Gaussians are known for all positions at once."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rdbench.models.coding import Decoder, Encoder, GaussianTables, Indices
from rdbench.models.coding.gaussian import REACH
from rdbench.models.coding.tables import PRECISION
from rdbench.models.compression.base import Symbols, bands
from rdbench.models.densities import gaussian_likelihood


def put(
    encoder: Encoder,
    tables: GaussianTables,
    symbols: Symbols,
    scales: Tensor,
    means: Tensor | None = None,
) -> None:
    """Add ``symbols``, (maps, height, width), to ``encoder``. ``scales`` and ``means`` (0 by
    default) are those of their Gaussians: in steps of the symbols, with their shape."""
    for rows, indices in _bands(tables, scales, means):
        encoder.put(symbols[:, rows], indices)


def get(
    decoder: Decoder, tables: GaussianTables, scales: Tensor, means: Tensor | None = None
) -> Symbols:
    """The next symbols, the inverse of :func:`put`: int32, of the shape of ``scales``."""
    parts = [decoder.get(indices) for _, indices in _bands(tables, scales, means)]
    return np.concatenate(parts, axis=1)


def information(symbols: Symbols, mean: Tensor | float, scale: Tensor) -> NDArray[np.float64]:
    """−log2 of the probability of ``symbols`` under Gaussians, whose means and scales (float64) are
    in steps of the symbols: bits, with the shape of ``symbols``.

    Far from its mean, an exact Gaussian would cost any number of bits. Here a symbol within 5.25
    scales of the mean, or next to it, has a probability of at least 2^-24. One farther away costs
    no more than an escape: the mass beyond, of at least 2^-24, a sign, and its distance in the
    Exp-Golomb code.
    """
    maps, height, width = symbols.shape
    found = np.empty(symbols.shape)
    for rows in bands(height, maps * width):
        means = mean[:, rows] if isinstance(mean, Tensor) else mean
        values = torch.from_numpy(symbols[:, rows]).double()
        found[:, rows] = _bits(values, means, scale[:, rows]).numpy()
    return found


def _bits(values: Tensor, mean: Tensor | float, scale: Tensor) -> Tensor:
    bits = -torch.log2(gaussian_likelihood(values, mean, scale).clamp(min=1e-300))
    reach = torch.floor(REACH * scale) + 1
    outside = torch.erfc((reach + 0.5) / scale * math.sqrt(0.5)).clamp(min=2.0**-PRECISION)
    distance = (torch.abs(values - mean).round() - reach).clamp(min=1)
    escape = -torch.log2(outside) + 1 + 2 * torch.floor(torch.log2(distance)) + 1
    beyond = torch.abs(values - mean) > reach
    return torch.minimum(bits, torch.where(beyond, escape, float(PRECISION)))


def _bands(
    tables: GaussianTables, scales: Tensor, means: Tensor | None
) -> Iterator[tuple[slice, Indices]]:
    maps, height, width = scales.shape
    for rows in bands(height, maps * width):
        values: NDArray[np.float64] = scales[:, rows].numpy()
        centers = np.zeros_like(values) if means is None else means[:, rows].numpy()
        yield rows, tables.index(centers, values)
