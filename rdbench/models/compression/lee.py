"""The networks of Lee et al. 2019 as coders: their context model, decoded in wavefronts.

The mean and scale of a latent depend on latents above it and to its left, up to one column to
the right in the rows above. Positions (row l, column k) with the same 2·l + k have all that they
need once those with smaller sums are known. So a picture of h × w latents takes w + 2·h − 2 steps
instead of h·w, and a step is a few matrix products. Encoder and decoder take the same steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from rdbench.models.coding import Decoder, Encoder, GaussianTables, Indices
from rdbench.models.compression import gaussian
from rdbench.models.compression.base import (
    Coded,
    Execution,
    NetworkCompressor,
    Symbols,
    expect_payloads,
    rounded,
)
from rdbench.models.compression.exact import ExactNetwork
from rdbench.models.layers import CONTEXT_PADDING, MaskedContext
from rdbench.models.lee2019 import Lee2019, bounded_scale

Z_CELL = 4
"""Latents y per z along each side."""

Visit = Callable[[Tensor, Indices], NDArray[np.int32]]
"""Takes K positions, int64 (K,), numbered row by row, and the indices of their symbols, (K, M1);
returns the symbols."""


class LeeCompressor(NetworkCompressor):
    """Lee et al. 2019 as a coder, base and hybrid, with both contexts or one. z, if there is one,
    keeps its step of 1 at any beta. The contexts and h_a take the dequantized latents, except that
    an h_a of magnitudes takes the latents before quantization.

    It differs from the authors' program. Samples are rounded, where the program truncates them,
    which costs it 0.25 of squared error. Images are padded below and to the right by repeating the
    last row and column, where the program reflects them at the top and on the left. Probabilities
    come from tables of 24 bits.
    """

    def __init__(self, name: str, network: Lee2019, identity: bytes, execution: Execution) -> None:
        super().__init__(name, network, identity, execution)
        self._maps = network.configuration.context
        self._hyperprior = network.hyperprior
        self._context = ContextModel(network)
        self._tables = GaussianTables()
        if self._hyperprior:
            self._hyper_synthesis = ExactNetwork(network.h_s, outer=Z_CELL, margin=4)
            self._z_scales = network.z_scales().detach().double().cpu()[:, None, None]
            del network.h_s

    def encode_latents(self, latents: Tensor, beta: float) -> Coded:
        symbols = {"y": rounded(latents[0] / beta)}
        y_hat = torch.from_numpy(symbols["y"]).double() * beta
        encoder = Encoder(self._tables)
        if self._hyperprior:
            seen = latents if self.network.magnitudes else y_hat.float()[None]
            z = self.network.hyper_analysis(seen.to(self.execution.device))
            symbols["z"] = rounded(z.cpu()[0])
            z_scales = self._z_scales.expand(symbols["z"].shape)
            gaussian.put(encoder, self._tables, symbols["z"], z_scales)
        c_prime, plain_scales = self._side(symbols.get("z"), symbols["y"].shape[1:])
        self._context.put(encoder, self._tables, symbols["y"][: self._maps], c_prime, beta)
        gaussian.put(encoder, self._tables, symbols["y"][self._maps :], plain_scales / beta)
        return Coded(symbols, y_hat.float()[None], (encoder.finish(),))

    def decode_latents(
        self, payloads: tuple[bytes, ...], size: tuple[int, int], beta: float
    ) -> Coded:
        (payload,) = expect_payloads(payloads, 1)
        decoder = Decoder(payload, self._tables)
        symbols = {}
        if self._hyperprior:
            z_scales = self._z_scales.expand(-1, size[0] // Z_CELL, size[1] // Z_CELL)
            symbols["z"] = gaussian.get(decoder, self._tables, z_scales)
        c_prime, plain_scales = self._side(symbols.get("z"), size)
        contextual = self._context.get(decoder, self._tables, c_prime, beta)
        plain = gaussian.get(decoder, self._tables, plain_scales / beta)
        decoder.finish()
        symbols["y"] = np.concatenate([contextual, plain])
        y_hat = torch.from_numpy(symbols["y"]).double() * beta
        return Coded(symbols, y_hat.float()[None], payloads)

    def information(self, coded: Coded, beta: float) -> dict[str, NDArray[np.float64]]:
        symbols, z_symbols = coded.symbols["y"], coded.symbols.get("z")
        with torch.inference_mode():
            c_prime, plain_scales = self._side(z_symbols, symbols.shape[1:])
            contextual = torch.from_numpy(symbols[: self._maps]).double() * beta
            mean, scale = self._context.all_parameters(contextual, c_prime)
            means = torch.cat([mean, torch.zeros_like(plain_scales)])
            scales = torch.cat([scale, plain_scales])
            found = {"y": gaussian.information(symbols, means / beta, scales / beta)}
            if z_symbols is not None:
                z_scales = self._z_scales.expand(z_symbols.shape)
                found["z"] = gaussian.information(z_symbols, 0.0, z_scales)
            return found

    def _side(self, z_symbols: Symbols | None, size: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        """c′ and σ2 from z: float64, (M1, *size) and (M2, *size); both without maps if there is no
        z."""
        if z_symbols is None:
            nothing = torch.empty(0, *size, dtype=torch.float64)
            return nothing, nothing
        output = self._hyper_synthesis(torch.from_numpy(z_symbols)[None])[0]
        return output[: self._maps], bounded_scale(output[self._maps :])


class ContextModel:
    """The network f of ``network`` in float64: for all positions of a wavefront at once or, if it
    sees no latents, for all positions.

    c′ is float64, (M1, height, width), without maps if f does not see it. The tables of a position
    are those of its Gaussians, with means and scales divided by ``beta``.
    """

    def __init__(self, network: Lee2019) -> None:
        layer = network.context
        self._maps = network.configuration.context
        self._known = layer.latents
        self._features = ExactNetwork(_Features(layer), margin=3)
        known = (layer.window.weight[:, : self._known] * layer.mask).detach().double().cpu()
        # (2·M1, M1, 4, 4) to 14 known positions by M1 latents, as the windows are gathered.
        kernel = known.permute(2, 3, 1, 0).flatten(0, 1)[:14]
        self._kernel = kernel.reshape(14 * self._known, 2 * self._maps).contiguous()
        first, second = network.estimator[1], network.estimator[3]
        self._layers = [
            (
                part.weight.detach().double().cpu()[:, :, 0, 0].T.contiguous(),
                part.bias.detach().double().cpu(),
            )
            for part in (first, second)
        ]
        self._whole = ExactNetwork(_Parameters(network), margin=3)

    def put(
        self,
        encoder: Encoder,
        tables: GaussianTables,
        symbols: Symbols,
        c_prime: Tensor,
        beta: float,
    ) -> None:
        """Add ``symbols``, (M1, height, width), to ``encoder``."""
        if not self._known:
            mean, scale = self.all_parameters(c_prime[:0], c_prime)
            gaussian.put(encoder, tables, symbols, scale / beta, mean / beta)
            return
        contextual = by_position(torch.from_numpy(symbols)).numpy()

        def visit(positions: Tensor, indices: Indices) -> NDArray[np.int32]:
            at: NDArray[np.int32] = contextual[positions.numpy()]
            encoder.put(at, indices)
            return at

        self._walk(c_prime, tables, beta, visit)

    def get(
        self, decoder: Decoder, tables: GaussianTables, c_prime: Tensor, beta: float
    ) -> Symbols:
        """The next symbols, the inverse of :meth:`put`: int32, (M1, height, width)."""
        if not self._known:
            mean, scale = self.all_parameters(c_prime[:0], c_prime)
            return gaussian.get(decoder, tables, scale / beta, mean / beta)
        return self._walk(c_prime, tables, beta, lambda _, indices: decoder.get(indices))

    def _walk(self, c_prime: Tensor, tables: GaussianTables, beta: float, visit: Visit) -> Symbols:
        """Visit all positions, and return the symbols that ``visit`` gave: int32, (M1, height,
        width)."""
        maps, (height, width) = self._maps, c_prime.shape[1:]
        features = by_position(self._features(c_prime[None])[0])
        left, right, above, _ = CONTEXT_PADDING
        row = width + left + right
        latents = torch.zeros((height + above) * row, maps, dtype=torch.float64)
        window = (torch.arange(4)[:, None] * row + torch.arange(4)).flatten()[:14]
        symbols = np.empty((height * width, maps), np.int32)
        for rows, columns in wavefronts(height, width):
            places = rows * row + columns
            gathered = latents[(places[:, None] + window).flatten()].reshape(len(rows), -1)
            positions = rows * width + columns
            hidden = features[positions].addmm_(gathered, self._kernel)
            for weight, bias in self._layers:
                hidden = torch.addmm(bias, functional.leaky_relu_(hidden), weight)
            mean, logarithm = hidden.chunk(2, dim=1)
            scale = bounded_scale(logarithm)
            found = visit(positions, tables.index((mean / beta).numpy(), (scale / beta).numpy()))
            symbols[positions.numpy()] = found
            latents[places + above * row + left] = torch.from_numpy(found).double() * beta
        return symbols.reshape(height, width, maps).transpose(2, 0, 1)

    def all_parameters(self, latents: Tensor, c_prime: Tensor) -> tuple[Tensor, Tensor]:
        """μ and σ at all positions at once, by convolutions: float64, (M1, height, width)."""
        both = self._whole(torch.cat([latents[: self._known], c_prime])[None])[0]
        return both[: self._maps], bounded_scale(both[self._maps :])


class _Features(nn.Module):
    """What c′ contributes to the first layer of f."""

    def __init__(self, layer: MaskedContext) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, c_prime: Tensor) -> Tensor:
        return self.layer.from_features(c_prime)


class _Parameters(nn.Module):
    """f as a whole, from latents and c′ in one tensor."""

    def __init__(self, network: Lee2019) -> None:
        super().__init__()
        self.context, self.estimator = network.context, network.estimator

    def forward(self, both: Tensor) -> Tensor:
        known = self.context.latents
        parameters: Tensor = self.estimator(self.context(both[:, :known], both[:, known:]))
        return parameters


def wavefronts(height: int, width: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Rows and columns of the positions of each step, int64 (K,)."""
    for step in range(width + 2 * (height - 1)):
        rows = torch.arange(max(0, (step - width + 2) // 2), min(height - 1, step // 2) + 1)
        yield rows, step - 2 * rows


def by_position(values: Tensor) -> Tensor:
    """(maps, height, width) to (height·width, maps)."""
    return values.flatten(1).T.contiguous()
