"""What latents are conditioned on: Gaussians for one set of positions after another.

A context yields the Gaussians of the next latents and is then sent their quantized values, in
encoder and decoder alike. All computations are in float64 on the CPU.
"""

from __future__ import annotations

import abc
import copy
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from rdbench.models.compression.exact import ExactNetwork


@dataclass(frozen=True)
class Gaussians:
    """The distributions of some latents before they are quantized."""

    where: tuple[Any, ...]
    """Which latents: an index into (maps, height, width)."""
    means: Tensor
    """Of the shape that ``where`` selects, or a scalar."""
    scales: Tensor
    """Of the shape that ``where`` selects; not bounded from below."""


Steps = Generator[Gaussians, Tensor, Any]


class Context(abc.ABC):
    """Gaussians from side information and from known latents."""

    @abc.abstractmethod
    def steps(self, side: Tensor, beta: float) -> Steps:
        """Yield the Gaussians of all latents, in steps; the caller sends back the latents of each
        step, float64. ``side``: output of the hyper synthesis, float64, (1, channels, height,
        width)."""


class ScaleOnly(Context):
    """Scales from side information, means of 0 (Ballé et al. 2018)."""

    def steps(self, side: Tensor, beta: float) -> Steps:  # noqa: ARG002
        yield Gaussians((...,), torch.zeros((), dtype=torch.float64), side[0])


class MeanScale(Context):
    """Scales and means from side information (Minnen et al. 2018, without autoregression)."""

    def steps(self, side: Tensor, beta: float) -> Steps:  # noqa: ARG002
        scales, means = side[0].chunk(2)
        yield Gaussians((...,), means, scales)


class Autoregressive(Context):
    """A masked 5×5 convolution over known latents, then 1×1 layers with the side information
    (D. Minnen, J. Ballé, G. Toderici, NeurIPS 2018).

    A latent at row l and column k needs those up to row l − 1 and column k + 2. So all positions
    with equal k + 3·l are computed at once, with a matrix product over their windows.
    """

    def __init__(self, network: Any) -> None:
        convolution = network.context_prediction
        live = convolution.mask[0, 0].nonzero()
        taps = convolution.weight.detach().double()[:, :, live[:, 0], live[:, 1]]
        self._reach = convolution.padding[0]
        self._offsets = live - self._reach
        self._context_weight = taps.permute(2, 1, 0).flatten(0, 1).contiguous()
        self._context_bias = convolution.bias.detach().double()
        first, *rest = network.entropy_parameters
        weight = first.weight.detach().double().flatten(1)
        from_side = weight.shape[1] - convolution.out_channels
        self._side_weight = weight[:, :from_side].T.contiguous()
        self._known_weight = weight[:, from_side:].T.contiguous()
        self._bias = first.bias.detach().double()
        self._rest = pointwise(rest)

    def _conditioning(self, beta: float) -> Tensor:  # noqa: ARG002
        """What is added to the convolution's output at every position."""
        return self._context_bias

    def steps(self, side: Tensor, beta: float) -> Steps:
        _, channels, height, width = side.shape
        maps = self._context_weight.shape[0] // len(self._offsets)
        start = side.reshape(channels, -1).T @ self._side_weight + self._bias
        start += self._conditioning(beta) @ self._known_weight
        margin, span = self._reach, width + 2 * self._reach
        known = torch.zeros((height + margin) * span, maps, dtype=torch.float64)
        offsets = self._offsets[:, 0] * span + self._offsets[:, 1]
        for rows, columns in fronts(height, width):
            places = (rows + margin) * span + columns + margin
            windows = known[places[:, None] + offsets].flatten(1)
            hidden = start[rows * width + columns]
            hidden = hidden + windows @ self._context_weight @ self._known_weight
            scales, means = self._rest(hidden).T.chunk(2)
            values = yield Gaussians((slice(None), rows, columns), means, scales)
            known[places] = values.T


class VariableAutoregressive(Autoregressive):
    """The context of ``mbt2018-vbr``, which also depends on the step (F. Kamisli, F. Racapé, H.
    Choi, DCC 2024)."""

    def __init__(self, network: Any) -> None:
        super().__init__(network)
        layer = network.scale_to_context
        self._slope = layer.weight.detach().double()[:, 0]
        self._intercept = layer.bias.detach().double()

    def _conditioning(self, beta: float) -> Tensor:
        return super()._conditioning(beta) + self._slope / beta + self._intercept


def fronts(height: int, width: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Rows and columns of the positions with equal column + 3·row, by increasing sum."""
    for front in range(width + 3 * (height - 1)):
        first = max(0, -(-(front - width + 1) // 3))
        rows = torch.arange(first, min(front // 3, height - 1) + 1)
        yield rows, front - 3 * rows


def pointwise(layers: Iterable[nn.Module]) -> nn.Sequential:
    """1×1 convolutions and nonlinearities as a float64 network on vectors, (K, channels)."""
    made = nn.Sequential()
    for layer in layers:
        if isinstance(layer, nn.Conv2d):
            linear = nn.Linear(layer.in_channels, layer.out_channels)
            linear.weight = nn.Parameter(layer.weight.detach().flatten(1))
            linear.bias = layer.bias
            made.append(linear)
        else:
            made.append(layer)
    return copy.deepcopy(made).double().cpu().requires_grad_(False)


class Checkerboard(Context):
    """Two steps: every other position from the side information alone, then the rest, which see
    the first ones through a 5×5 convolution (D. He et al., CVPR 2021)."""

    def __init__(self, codec: Any, first_map: int = 0) -> None:
        """``codec``: a ``compressai.latent_codecs.CheckerboardLatentCodec``, of the latents from
        ``first_map`` on."""
        masked = codec.context_prediction
        convolution = nn.Conv2d(
            masked.in_channels, masked.out_channels, masked.kernel_size, padding=masked.padding
        )
        convolution.weight = nn.Parameter((masked.weight * masked.mask).detach())
        convolution.bias = masked.bias
        self._context = ExactNetwork(convolution, margin=masked.padding[0])
        self._outputs = masked.out_channels
        self._parameters = pointwise(codec.entropy_parameters)
        self._first_parity = 0 if codec.anchor_parity == "even" else 1
        self._means_first = codec.latent_codec["y"].chunks == ("means", "scales")
        self._maps = slice(first_map, first_map + masked.in_channels)

    def steps(self, side: Tensor, beta: float) -> Generator[Gaussians, Tensor, Tensor]:  # noqa: ARG002
        """As :meth:`Context.steps`; returns the latents, (1, maps, height, width)."""
        maps = self._maps.stop - self._maps.start
        known = torch.zeros(1, maps, *side.shape[-2:], dtype=torch.float64)
        seen = torch.zeros(1, self._outputs, *side.shape[-2:], dtype=torch.float64)
        height, width = side.shape[-2:]
        parity = (torch.arange(height)[:, None] + torch.arange(width)) % 2
        for step in (self._first_parity, 1 - self._first_parity):
            rows, columns = (parity == step).nonzero().T
            inputs = torch.cat([seen[0, :, rows, columns], side[0, :, rows, columns]])
            first, second = self._parameters(inputs.T).T.chunk(2)
            means, scales = (first, second) if self._means_first else (second, first)
            values = yield Gaussians((self._maps, rows, columns), means, scales)
            known[0, :, rows, columns] = values
            if step == self._first_parity:
                seen = self._context(known)
        return known


class ChannelGroups(Context):
    """Groups of maps, each in a checkerboard and conditioned on the groups before it (D. He et al.,
    "ELIC", CVPR 2022)."""

    def __init__(self, codec: Any) -> None:
        """``codec``: a ``compressai.latent_codecs.ChannelGroupsLatentCodec``."""
        self._groups = [
            Checkerboard(codec.latent_codec[f"y{number}"], first_map)
            for number, first_map in enumerate(codec.groups_acc[:-1])
        ]
        self._merge = codec.merge_y
        contexts = (codec.channel_context[f"y{number}"] for number in range(1, len(self._groups)))
        self._contexts = [
            ExactNetwork(context, margin=sum(reach(layer) for layer in context))
            for context in contexts
        ]

    def steps(self, side: Tensor, beta: float) -> Steps:
        known = [(yield from self._groups[0].steps(side, beta))]
        for context, group in zip(self._contexts, self._groups[1:], strict=True):
            conditioned = torch.cat([context(self._merge(*known)), side], dim=1)
            known.append((yield from group.steps(conditioned, beta)))


def reach(layer: nn.Module) -> int:
    """How many samples a layer of stride 1 sees to each side."""
    return int(layer.kernel_size[0]) // 2 if isinstance(layer, nn.Conv2d) else 0
