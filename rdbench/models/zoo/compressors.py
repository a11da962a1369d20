"""CompressAI's networks as :class:`rdbench.models.compression.base.Compressor`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rdbench.errors import CodecError
from rdbench.models.coding.portable import softplus
from rdbench.models.compression.base import (
    BAND,
    Coded,
    Compressor,
    Execution,
    Symbols,
    expect_payloads,
    information,
    rounded,
)
from rdbench.models.compression.exact import ExactNetwork
from rdbench.models.densities import gaussian_likelihood
from rdbench.models.zoo.bottleneck import Bottleneck
from rdbench.models.zoo.cdfs import (
    SCALE_BOUND,
    Cdfs,
    Decoder,
    Encoder,
    Numbers,
    gaussian_cdfs,
    scale_table,
)
from rdbench.models.zoo.contexts import Context, Gaussians, ScaleOnly
from rdbench.models.zoo.transforms import quick

Z_CELL = 4
"""Latents y per z along each side."""
_HYPER_MARGIN = 4
_LEAST_Z_STEP = 0.5


class ZooCompressor(Compressor):
    """What all have in common: g_a and g_s of a CompressAI network, with images on the scale 0..1.

    The network is taken apart, and others cannot use it afterwards. ``margin``: how many latents
    around a tile g_a and g_s see.
    """

    channels = 3

    def __init__(
        self, name: str, network: Any, identity: bytes, execution: Execution, *, margin: int
    ) -> None:
        super().__init__(name, identity, execution)
        self.margin = margin
        self._g_a = quick(network.g_a).to(execution.device)
        self._g_s = quick(network.g_s).to(execution.device)

    def _analysis(self, images: Tensor) -> Tensor:
        latents: Tensor = self._g_a(images / 255.0)
        return latents

    def _synthesis(self, latents: Tensor) -> Tensor:
        images: Tensor = self._g_s(latents) * 255.0
        return images

    def trained_beta(self, quality: int) -> float:  # noqa: ARG002
        """The factor on the network's quantization steps at ``quality``."""
        return 1.0


class FactorizedCompressor(ZooCompressor):
    """``FactorizedPrior`` and ``FactorizedPriorReLU``."""

    stride = 16

    def __init__(
        self, name: str, network: Any, identity: bytes, execution: Execution, *, margin: int
    ) -> None:
        super().__init__(name, network, identity, execution, margin=margin)
        self._bottleneck = Bottleneck(network.entropy_bottleneck)

    def prepare(self, beta: float) -> Cdfs:
        return self._bottleneck.cdfs(beta)

    def encode_latents(self, latents: Tensor, beta: float) -> Coded:
        symbols = self._bottleneck.quantized(latents[0], beta)
        return self._coded(symbols, (self._bottleneck.encode(symbols, beta),), beta)

    def decode_latents(
        self, payloads: tuple[bytes, ...], size: tuple[int, int], beta: float
    ) -> Coded:
        (payload,) = expect_payloads(payloads, 1)
        return self._coded(self._bottleneck.decode(payload, size, beta), payloads, beta)

    def _coded(self, symbols: Symbols, payloads: tuple[bytes, ...], beta: float) -> Coded:
        latents = self._bottleneck.values(symbols, beta).float()[None]
        return Coded({"y": symbols}, latents, payloads)

    def information(self, coded: Coded, beta: float) -> dict[str, NDArray[np.float64]]:
        return {"y": self._bottleneck.information(coded.symbols["y"], beta)}


class GaussianCompressor(ZooCompressor):
    """Latents y with Gaussians from side information z and a context.

    y is quantized in steps of ``beta`` from its means, z in steps of 1 (in variable-rate networks,
    in steps that depend on ``beta``). Payloads: z, y.
    """

    stride = 64

    def __init__(
        self,
        name: str,
        network: Any,
        identity: bytes,
        execution: Execution,
        *,
        margin: int,
        context: Context,
    ) -> None:
        super().__init__(name, network, identity, execution, margin=margin)
        hyper = network.latent_codec["hyper"] if hasattr(network, "latent_codec") else network
        self._context = context
        self._magnitudes = isinstance(context, ScaleOnly)
        self._h_a = hyper.h_a.eval().requires_grad_(False).to(execution.device)
        self._h_s = ExactNetwork(hyper.h_s, outer=Z_CELL, margin=_HYPER_MARGIN)
        self._bottleneck = Bottleneck(hyper.entropy_bottleneck)
        self._scales = torch.from_numpy(scale_table())
        self._cdfs = gaussian_cdfs(self._scales.numpy())
        self._maps: int = hyper.h_a[0].in_channels

    def prepare(self, beta: float) -> Cdfs:
        return self._bottleneck.cdfs(self._z_step(beta))

    def encode_latents(self, latents: Tensor, beta: float) -> Coded:
        inputs = latents.to(self.execution.device)
        z = self._h_a(inputs.abs() if self._magnitudes else inputs).cpu()
        step = self._z_step(beta)
        z_symbols = self._bottleneck.quantized(z[0], step)
        encoder = Encoder()
        y = latents[0].double()

        def encoded(gaussians: Gaussians, scales: Tensor) -> Symbols:
            symbols = rounded((y[gaussians.where] - gaussians.means) / beta)
            encoder.put(symbols, self._numbers(scales), self._cdfs)
            return symbols

        symbols, values = self._coded_in_steps(z_symbols, beta, encoded)
        payloads = (self._bottleneck.encode(z_symbols, step), encoder.finish())
        return Coded({"y": symbols, "z": z_symbols}, values, payloads)

    def decode_latents(
        self, payloads: tuple[bytes, ...], size: tuple[int, int], beta: float
    ) -> Coded:
        z_payload, y_payload = expect_payloads(payloads, 2)
        z_size = (size[0] // Z_CELL, size[1] // Z_CELL)
        z_symbols = self._bottleneck.decode(z_payload, z_size, self._z_step(beta))
        decoder = Decoder(y_payload, self._maps * size[0] * size[1])

        def decoded(_: Gaussians, scales: Tensor) -> Symbols:
            return decoder.get(self._numbers(scales), self._cdfs)

        symbols, values = self._coded_in_steps(z_symbols, beta, decoded)
        return Coded({"y": symbols, "z": z_symbols}, values, payloads)

    def information(self, coded: Coded, beta: float) -> dict[str, NDArray[np.float64]]:
        y = torch.from_numpy(coded.symbols["y"])
        bits = torch.empty(y.shape, dtype=torch.float64)

        def counted(gaussians: Gaussians, scales: Tensor) -> Symbols:
            symbols = y[gaussians.where]
            likelihood = gaussian_likelihood(symbols.double(), 0.0, scales)
            bits[gaussians.where] = torch.from_numpy(information(likelihood))
            known: Symbols = symbols.numpy()
            return known

        z = coded.symbols["z"]
        with torch.inference_mode():
            self._coded_in_steps(z, beta, counted)
        return {"y": bits.numpy(), "z": self._bottleneck.information(z, self._z_step(beta))}

    def _coded_in_steps(
        self, z_symbols: Symbols, beta: float, code: Callable[[Gaussians, Tensor], Symbols]
    ) -> tuple[Symbols, Tensor]:
        """The symbols of y, int32 (maps, height, width), and its values, float32 (1, maps, height,
        width). ``code`` takes Gaussians and their scales in steps, and returns symbols."""
        z_hat = self._bottleneck.values(z_symbols, self._z_step(beta))
        side = self._h_s(z_hat[None])
        shape = (self._maps, *side.shape[-2:])
        symbols = torch.empty(shape, dtype=torch.int32)
        latents = torch.empty((1, *shape))
        steps = self._context.steps(side, beta)
        try:
            gaussians = next(steps)
            while True:
                scales = self._unit_scales(gaussians.scales, beta)
                part = torch.from_numpy(code(gaussians, scales))
                values = self._values(part, scales, beta) + gaussians.means
                symbols[gaussians.where] = part
                latents[0][gaussians.where] = values.float()
                gaussians = steps.send(values)
        except StopIteration:
            return symbols.numpy(), latents

    def _numbers(self, scales: Tensor) -> Numbers:
        """The numbers of the tables for Gaussians of ``scales``: the first that is as wide, as in
        CompressAI's ``build_indexes``."""
        if not bool(torch.isfinite(scales).all()):
            raise CodecError("a scale of the latents is not finite: the weights are bad")
        numbers: Numbers = torch.bucketize(
            scales.contiguous(), self._scales[:-1], out_int32=True
        ).numpy()
        return numbers

    def _unit_scales(self, scales: Tensor, beta: float) -> Tensor:
        """Scales in steps of the symbols."""
        return scales.clamp(min=SCALE_BOUND) / beta

    def _values(self, symbols: Tensor, scales: Tensor, beta: float) -> Tensor:  # noqa: ARG002
        """The values of ``symbols`` relative to the means; ``scales`` are in steps."""
        return symbols * beta

    def _z_step(self, beta: float) -> float:  # noqa: ARG002
        return 1.0


class VariableCompressor(GaussianCompressor):
    """The variable-rate networks: ``beta`` is the inverse of their gain.

    F. Kamisli, F. Racapé, H. Choi, "Variable-Rate Learned Image Compression with Multi-Objective
    Optimization and Quantization-Reconstruction Offsets", DCC 2024, arXiv:2402.18930.
    """

    def __init__(
        self,
        name: str,
        network: Any,
        identity: bytes,
        execution: Execution,
        *,
        margin: int,
        context: Context,
    ) -> None:
        super().__init__(name, network, identity, execution, margin=margin, context=context)
        self._gains: list[float] = network.Gain.abs().tolist()
        self._offsets: nn.Module = network.QuantABCD.double().cpu().requires_grad_(False)
        self._z_layers: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []
        if network.vr_entbttlnck:
            self._z_layers = [
                (layer.weight.detach().double().numpy(), layer.bias.detach().double().numpy())
                for layer in network.gayn2zqstep
                if isinstance(layer, nn.Linear)
            ]

    def trained_beta(self, quality: int) -> float:
        return 1 / self._gains[quality - 1]

    def _unit_scales(self, scales: Tensor, beta: float) -> Tensor:
        return (scales / beta).clamp(min=SCALE_BOUND)

    def _values(self, symbols: Tensor, scales: Tensor, beta: float) -> Tensor:
        values = symbols.double()
        coded = symbols != 0
        gain = torch.full_like(scales[coded], 1 / beta)
        inputs = torch.stack([scales[coded], gain], dim=1)
        offsets = torch.cat([self._offsets(part)[:, 0] for part in inputs.split(BAND)])
        values[coded] -= values[coded].sign() * offsets
        return values * beta

    def _z_step(self, beta: float) -> float:
        if not self._z_layers:
            return 1.0
        # It decides tables, so sums have a fixed order.
        values = np.array([beta])
        for number, (weight, bias) in enumerate(self._z_layers):
            values = np.maximum(values, 0.0) if number else values
            values = np.add.accumulate(weight * values, axis=1)[:, -1] + bias
        return max(float(softplus(values)[0]), _LEAST_Z_STEP)
