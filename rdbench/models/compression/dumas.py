"""The autoencoder of Dumas et al. 2018 as a coder."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rdbench.errors import UsageError
from rdbench.models.by_beta import ByBeta
from rdbench.models.coding import StaticTables, binary, differences, ideal_bits
from rdbench.models.coding.tables import TOTAL
from rdbench.models.compression.base import (
    Coded,
    Execution,
    NetworkCompressor,
    Symbols,
    expect_payloads,
    information,
    rounded,
)
from rdbench.models.compression.factorized import decode_maps, encode_maps
from rdbench.models.dumas2018 import Dumas2018, empirical_bits
from rdbench.models.priors import piecewise_linear_tables

LEAST: Final = 2.0**-12
"""The smallest probability of a unary bin; the arithmetic coder has 16 bits."""


@dataclass(frozen=True)
class _Models:
    """The tables and probabilities for one beta."""

    tables: StaticTables
    """one for each map"""
    plain: StaticTables
    """the same without the exception map"""
    bins: list[NDArray[np.float64]]
    """the probabilities of the unary bins of each map, if the coder is binary"""


class DumasCompressor(NetworkCompressor):
    """Dumas et al. 2018 as a coder: maps are quantized with ``beta`` times their steps δ_i and
    coded with probabilities from the densities f̃_i.

    ``coder`` "ans" codes each map with the table of its bins; "binary" is the paper's lossless
    coder (:mod:`rdbench.models.coding.binary`). Its probabilities come from the same tables and
    stay 2⁻¹² away from 0 and 1; the authors count them on an extra set and replace 0 by 0.01.

    The exception map, which the authors do not code, is a small version of the image. It is coded
    by differences of neighbors (:mod:`rdbench.models.coding.differences`) in a payload of its own.
    If that is longer, all maps are coded alike in one payload; the unary code of the exception map
    is then as long as its table.

    ``centered``: whether means are subtracted first; None for what the network's case says.
    """

    coders: ClassVar[tuple[str, ...]] = ("ans", "binary")
    means: NDArray[np.float64] | None = None
    """μ̄_i, (maps,), if the training has set them"""
    exception: int | None = None
    """the number of the exception map, from 0, if the training has set it"""

    def __init__(
        self,
        name: str,
        network: Dumas2018,
        identity: bytes,
        execution: Execution,
        *,
        coder: str = "ans",
        centered: bool | None = None,
    ) -> None:
        super().__init__(name, network, identity, execution)
        if coder not in self.coders:
            raise UsageError(f"coder {coder!r} is not one of {', '.join(self.coders)}")
        if network.channels == 1:
            self.pixel_range = (16, 235)
        self._density = network.density.cpu()
        self._steps = network.steps.detach().double().cpu()
        means = network.means.double().cpu()
        subtract = network.centered if centered is None else centered
        self._centers = means if subtract else torch.zeros_like(means)
        self._exception = int(network.exception)
        if self._exception >= 0:
            self.exception, self.means = self._exception, means.numpy()
        self._plain = np.arange(len(self._steps)) != self._exception
        self._binary = coder == "binary"
        self._models = ByBeta(self._made)

    def prepare(self, beta: float) -> _Models:
        return self._models(beta)

    def _made(self, beta: float) -> _Models:
        widths, centers = (beta * self._steps).numpy(), self._centers.numpy()
        tables = piecewise_linear_tables(self._density, widths, centers)
        plain = np.flatnonzero(self._plain)
        plain_tables = StaticTables(
            tables.lows[plain].tolist(), [tables.frequencies(int(n)) for n in plain]
        )
        differences.tables()
        bins = [
            bin_probabilities(tables, number, self._unary_length(tables, number))
            for number in range(len(tables) if self._binary else 0)
        ]
        return _Models(tables, plain_tables, bins)

    def encode_latents(self, latents: Tensor, beta: float) -> Coded:
        centered = latents[0] - self._centers[:, None, None]
        symbols = rounded(centered / (beta * self._steps[:, None, None]))
        apart = self._encode_apart(symbols, beta)
        payloads: tuple[bytes, ...]
        if apart is None:
            payloads = (self._encode_maps(symbols, beta),)
        else:
            payloads = (self._encode_maps(symbols[self._plain], beta), apart)
        return self._coded(symbols, payloads, beta)

    def decode_latents(
        self, payloads: tuple[bytes, ...], size: tuple[int, int], beta: float
    ) -> Coded:
        if len(payloads) == 1 or self._exception < 0:
            (payload,) = expect_payloads(payloads, 1)
            symbols = self._decode_maps(payload, len(self._plain), size, beta)
        else:
            maps, exception = expect_payloads(payloads, 2)
            symbols = np.empty((len(self._plain), *size), np.int32)
            symbols[self._plain] = self._decode_maps(maps, len(self._plain) - 1, size, beta)
            symbols[self._exception] = differences.decode(exception, size)
        return self._coded(symbols, payloads, beta)

    def _encode_apart(self, symbols: Symbols, beta: float) -> bytes | None:
        """The payload of the exception map by differences; None if there is no such map, or if the
        payload is not shorter than with the map's table."""
        if self._exception < 0:
            return None
        exception = symbols[self._exception]
        if np.abs(exception.astype(np.int64)).max() > differences.LARGEST:
            return None
        payload, tables = differences.encode(exception), self._models(beta).tables
        numbers = tables.index(np.full(exception.shape, self._exception))
        return payload if 8 * len(payload) < ideal_bits(exception, tables, numbers) else None

    def _encode_maps(self, symbols: Symbols, beta: float) -> bytes:
        """The payload of all maps, or of all except the exception map."""
        tables, bins = self._of_maps(len(symbols), beta)
        if self._binary:
            return binary.encode_maps(symbols, bins)
        return encode_maps(symbols, tables)

    def _decode_maps(self, data: bytes, maps: int, size: tuple[int, int], beta: float) -> Symbols:
        tables, bins = self._of_maps(maps, beta)
        if self._binary:
            return binary.decode_maps(data, (maps, *size), bins)
        return decode_maps(data, tables, size)

    def _of_maps(self, maps: int, beta: float) -> tuple[StaticTables, list[NDArray[np.float64]]]:
        """Tables and probabilities of bins of all maps, or of all except the exception map."""
        models = self._models(beta)
        bins = models.bins
        if maps == len(self._plain):
            return models.tables, bins
        return models.plain, bins[: self._exception] + bins[self._exception + 1 :]

    def information(self, coded: Coded, beta: float) -> dict[str, NDArray[np.float64]]:
        symbols = torch.from_numpy(coded.symbols["y"]).flatten(1).long()
        reach = (self._density.extent + self._centers.abs().max()) / (beta * self._steps.min())
        symbols = symbols.clamp(-math.ceil(reach) - 1, math.ceil(reach) + 1)
        low, high = int(symbols.min()), int(symbols.max())
        with torch.inference_mode():
            masses = self._density.bin_masses(beta * self._steps, self._centers, low, high)
            likelihoods = (masses / self._density.integral()[:, None]).gather(1, symbols - low)
        bits = information(likelihoods).reshape(coded.symbols["y"].shape)
        if len(coded.payloads) == 2:
            number = differences.distribution(coded.payloads[1])
            exception = coded.symbols["y"][self._exception]
            bits[self._exception] = differences.information(exception, number)
        return {"y": bits}

    def estimated_bits(self, coded: Coded, beta: float) -> float:  # noqa: ARG002
        """The rate as in the paper: the entropy of each map's own histogram in this image."""
        return empirical_bits(coded.symbols["y"])

    def _coded(self, symbols: Symbols, payloads: tuple[bytes, ...], beta: float) -> Coded:
        widths = (beta * self._steps)[:, None, None]
        latents = torch.from_numpy(symbols) * widths + self._centers[:, None, None]
        return Coded({"y": symbols}, latents.float()[None], payloads)

    def _unary_length(self, tables: StaticTables, number: int) -> int:
        if number != self._exception:
            return binary.UNARY_LENGTH
        low, size = int(tables.lows[number]), int(tables.sizes[number])
        return max(binary.UNARY_LENGTH, -low, low + size - 1)


def bin_probabilities(tables: StaticTables, number: int, length: int) -> NDArray[np.float64]:
    """P(|v| = j given |v| ≥ j) for each j below ``length``, from table ``number``: the probability
    that unary bin j is 0, at least :data:`LEAST` away from 0 and 1. Float64, (length,)."""
    values = np.abs(int(tables.lows[number]) + np.arange(int(tables.sizes[number])))
    counts = np.bincount(values, tables.frequencies(number)[:-1], minlength=length)[:length]
    at_least = TOTAL - np.concatenate([[0], np.cumsum(counts)[:-1]])
    return np.asarray(np.clip(counts / np.maximum(at_least, 1), LEAST, 1 - LEAST), np.float64)
