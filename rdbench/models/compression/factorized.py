"""Latents without side information: each map has a static distribution of its own."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rdbench.models.balle import FactorizedPrior
from rdbench.models.by_beta import ByBeta
from rdbench.models.coding import Decoder, Encoder, Indices, StaticTables
from rdbench.models.compression.base import (
    Coded,
    Execution,
    NetworkCompressor,
    Symbols,
    bands,
    expect_payloads,
    information,
    rounded,
)
from rdbench.models.densities import FactorizedDensity
from rdbench.models.priors import factorized_tables, mixture_tables
from rdbench.models.theis2017 import Theis2017


class FactorizedCompressor(NetworkCompressor):
    """The factorized prior of Ballé et al. 2018, and Theis et al. 2017, as coders.

    Latents are quantized in steps of ``beta`` from their medians, or from 0 in Theis et al. 2017.
    """

    def __init__(
        self, name: str, network: FactorizedPrior | Theis2017, identity: bytes, execution: Execution
    ) -> None:
        super().__init__(name, network, identity, execution)
        self.cell = network.stride
        self._density = network.density.cpu()
        self._medians: Tensor | float = 0.0
        if isinstance(self._density, FactorizedDensity):
            self._medians = self._density.medians.double()[:, None, None]
        self._tables = ByBeta(self._tabulated)

    def prepare(self, beta: float) -> StaticTables:
        return self._tables(beta)

    def _tabulated(self, beta: float) -> StaticTables:
        if isinstance(self._density, FactorizedDensity):
            return factorized_tables(self._density, beta)
        return mixture_tables(self._density, beta)

    def encode_latents(self, latents: Tensor, beta: float) -> Coded:
        symbols = rounded((latents[0] - self._medians) / beta)
        return self._coded(symbols, (encode_maps(symbols, self._tables(beta)),), beta)

    def decode_latents(
        self, payloads: tuple[bytes, ...], size: tuple[int, int], beta: float
    ) -> Coded:
        (payload,) = expect_payloads(payloads, 1)
        return self._coded(decode_maps(payload, self._tables(beta), size), payloads, beta)

    def _coded(self, symbols: Symbols, payloads: tuple[bytes, ...], beta: float) -> Coded:
        latents = torch.from_numpy(symbols) * beta + self._medians
        return Coded({"y": symbols}, latents.float()[None], payloads)

    def information(self, coded: Coded, beta: float) -> dict[str, NDArray[np.float64]]:
        values = torch.from_numpy(coded.symbols["y"]).double() * beta + self._medians
        with torch.inference_mode():
            return {"y": information(self._density.mass(values[None], beta)[0])}


def encode_maps(symbols: Symbols, tables: StaticTables) -> bytes:
    """The payload of symbols, (maps, height, width), with one table for each map."""
    maps, height, width = symbols.shape
    encoder = Encoder(tables)
    for rows in bands(height, maps * width):
        encoder.put(symbols[:, rows], _indices(tables, rows, width))
    return encoder.finish()


def decode_maps(data: bytes, tables: StaticTables, size: tuple[int, int]) -> Symbols:
    """The inverse of :func:`encode_maps`: int32, (maps, *size)."""
    height, width = size
    decoder = Decoder(data, tables)
    parts = [
        decoder.get(_indices(tables, rows, width)) for rows in bands(height, len(tables) * width)
    ]
    decoder.finish()
    return np.concatenate(parts, axis=1)


def _indices(tables: StaticTables, rows: slice, width: int) -> Indices:
    numbers = np.arange(len(tables))[:, np.newaxis, np.newaxis]
    return tables.index(np.broadcast_to(numbers, (len(tables), rows.stop - rows.start, width)))
