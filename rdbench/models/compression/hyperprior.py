"""Latents whose scales come from a second, smaller set of latents (Ballé et al. 2018)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rdbench.models.balle import SCALE_BOUND, Balle2018
from rdbench.models.coding import Decoder, Encoder, GaussianTables
from rdbench.models.compression import gaussian
from rdbench.models.compression.base import (
    Coded,
    Execution,
    NetworkCompressor,
    Symbols,
    expect_payloads,
    information,
    rounded,
)
from rdbench.models.compression.exact import ExactNetwork
from rdbench.models.compression.factorized import decode_maps, encode_maps
from rdbench.models.priors import factorized_tables

Z_CELL = 4
"""Latents y per z along each side."""


class HyperpriorCompressor(NetworkCompressor):
    """Ballé et al. 2018 as a coder. z, the side information, keeps its step of 1 at any beta."""

    def __init__(
        self, name: str, network: Balle2018, identity: bytes, execution: Execution
    ) -> None:
        super().__init__(name, network, identity, execution)
        self._density = network.density.cpu()
        self._medians = self._density.medians.double()[:, None, None]
        self._hyper_synthesis = ExactNetwork(network.h_s, outer=Z_CELL, margin=4)
        del network.h_s
        self._z_tables = factorized_tables(self._density)
        self._gaussians = GaussianTables()

    def encode_latents(self, latents: Tensor, beta: float) -> Coded:
        z = self.network.hyper_analysis(latents.to(self.execution.device)).cpu()
        z_symbols = rounded(z[0] - self._medians)
        symbols = rounded(latents[0] / beta)
        encoder = Encoder(self._gaussians)
        gaussian.put(encoder, self._gaussians, symbols, self._scales(z_symbols) / beta)
        return _coded(
            symbols, z_symbols, (encode_maps(z_symbols, self._z_tables), encoder.finish()), beta
        )

    def decode_latents(
        self, payloads: tuple[bytes, ...], size: tuple[int, int], beta: float
    ) -> Coded:
        z_payload, y_payload = expect_payloads(payloads, 2)
        z_size = size[0] // Z_CELL, size[1] // Z_CELL
        z_symbols = decode_maps(z_payload, self._z_tables, z_size)
        decoder = Decoder(y_payload, self._gaussians)
        symbols = gaussian.get(decoder, self._gaussians, self._scales(z_symbols) / beta)
        decoder.finish()
        return _coded(symbols, z_symbols, payloads, beta)

    def information(self, coded: Coded, beta: float) -> dict[str, NDArray[np.float64]]:
        with torch.inference_mode():
            z = torch.from_numpy(coded.symbols["z"]) + self._medians
            scales = self._scales(coded.symbols["z"]) / beta
            return {
                "y": gaussian.information(coded.symbols["y"], 0.0, scales),
                "z": information(self._density.mass(z[None])[0]),
            }

    def _scales(self, z_symbols: Symbols) -> Tensor:
        """The standard deviations of y: float64, (maps, height, width)."""
        z_hat = torch.from_numpy(z_symbols) + self._medians
        return self._hyper_synthesis(z_hat[None])[0].clamp(min=SCALE_BOUND)


def _coded(symbols: Symbols, z_symbols: Symbols, payloads: tuple[bytes, ...], beta: float) -> Coded:
    latents = (torch.from_numpy(symbols) * beta).float()[None]
    return Coded({"y": symbols, "z": z_symbols}, latents, payloads)
