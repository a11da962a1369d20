"""Layers of the networks: normalizations, "SAME" convolutions, context windows, rounding.

All tensors are floating point, (batch, channels, height, width) unless stated otherwise.
"""

from __future__ import annotations

import math
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional

PROJECTION_FLOOR: Final = 2e-5
"""The smallest parameter of a :class:`ProjectedGDN`."""

CONTEXT_PADDING: Final = (2, 1, 3, 0)
"""Zeros to the left, to the right, above and below the input of :class:`MaskedContext`."""

_WINDOW: Final = 4
_REPARAM_OFFSET: Final = 2.0**-18
_BETA_MIN: Final = 1e-6


class _LowerBound(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, bound: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.bound = bound
        return x.clamp(min=bound)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        return gradient * ((x >= ctx.bound) | (gradient < 0)), None


def lower_bound(x: Tensor, bound: float) -> Tensor:
    """max(x, ``bound``), any shape. Below the bound, the gradient still passes where a step of
    gradient descent would raise x, so values at the bound can leave it."""
    return _LowerBound.apply(x, bound)


def round_ste(x: Tensor) -> Tensor:
    """``x`` rounded half to even, any shape, with the gradient of the identity (L. Theis et al.,
    "Lossy image compression with compressive autoencoders", ICLR 2017, section 2.1)."""
    # The difference is a multiple of the last place of x and below 1, so the sum is exact.
    return x + (torch.round(x) - x).detach()


def uniform_noise(like: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Uniform noise on [−½, ½) with the shape, dtype and device of ``like``. ``generator`` must be
    on that device; without one, the noise comes from torch's default generator."""
    return torch.rand(like.shape, generator=generator, dtype=like.dtype, device=like.device) - 0.5


def reset_convolutions(module: nn.Module, generator: torch.Generator | None) -> None:
    """Redraw the weights and biases of all convolutions in ``module`` from ``generator``, with
    torch's default distribution: U(±1/√fan_in)."""
    for layer in module.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            limit = 1 / math.sqrt(layer.weight[0].numel())
            for parameter in (layer.weight, layer.bias):
                if parameter is not None:
                    nn.init.uniform_(parameter, -limit, limit, generator=generator)


def convolution(inputs: int, outputs: int, kernel: int = 5, stride: int = 2) -> nn.Conv2d:
    """A convolution with ``kernel // 2`` zeros on each side, like CompressAI's ``conv``: (B,
    inputs, H, W) to (B, outputs, ⌈H/stride⌉, ⌈W/stride⌉) for odd kernels."""
    return nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2)


class TransposedConv2d(nn.ConvTranspose2d):
    """``torch.nn.ConvTranspose2d`` with padding ``kernel // 2`` and ``stride`` output samples per
    input sample along each side: like CompressAI's ``deconv``, but faster for few outputs."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int) -> None:
        super().__init__(
            inputs, outputs, kernel, stride, padding=kernel // 2, output_padding=stride - 1
        )

    def forward(self, x: Tensor) -> Tensor:
        return upsampled(x, self.weight, self.bias, self.stride[0], self.padding[0])


def transposed(inputs: int, outputs: int, kernel: int = 5, stride: int = 2) -> nn.ConvTranspose2d:
    """The counterpart of :func:`convolution`: (B, inputs, H, W) to (B, outputs, stride·H,
    stride·W)."""
    return TransposedConv2d(inputs, outputs, kernel, stride)


def upsampled(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, before: int) -> Tensor:
    """A transposed convolution without its first ``before`` rows and columns, cropped to ``stride``
    rows and columns per input row and column; ``before`` is below half the kernel.

    ``x``: (B, inputs, H, W); ``weight``: (inputs, outputs, kernel, kernel); result: (B, outputs,
    stride·H, stride·W). If ``outputs`` is small, a convolution computes the stride² output samples
    of each input position, which are then shuffled into place: the same sums, three times as fast.
    """
    inputs, outputs, kernel = weight.shape[:3]
    height, width = (stride * side for side in x.shape[-2:])
    if outputs * stride**2 > inputs:
        full = functional.conv_transpose2d(
            x,
            weight,
            bias,
            stride=stride,
            padding=before,
            output_padding=max(0, 2 * before + stride - kernel),
        )
        return full[..., :height, :width]
    # Output stride·q + r gets input q − d through tap before + r + stride·d.
    least, most = -((before + stride - 1) // stride), (kernel - 1 - before) // stride
    taps = most - least + 1
    front = -(before + stride * least)
    padding = (front, stride * taps - front - kernel)
    phases = functional.pad(weight, padding * 2).reshape(
        inputs, outputs, taps, stride, taps, stride
    )
    kernels = phases.flip(2, 4).permute(1, 3, 5, 0, 2, 4).reshape(-1, inputs, taps, taps)
    sides = (most, -least)
    samples = functional.conv2d(
        functional.pad(x, sides * 2),
        kernels,
        None if bias is None else bias.repeat_interleave(stride**2),
    )
    return functional.pixel_shuffle(samples, stride)


def _normalize(x: Tensor, beta: Tensor, gamma: Tensor, inverse: bool) -> Tensor:
    pool = functional.conv2d(x**2, gamma[:, :, None, None], beta)
    if torch.is_grad_enabled() or pool.dtype != x.dtype:
        return x * (torch.sqrt(pool) if inverse else torch.rsqrt(pool))
    # The same, without two more tensors of the size of x.
    return (pool.sqrt_() if inverse else pool.rsqrt_()).mul_(x)


class GDN(nn.Module):
    """Generalized divisive normalization, reparametrized so that every step keeps it positive.

    out_j = x_j / √(β_j + Σ_i γ_ji x_i²); with ``inverse`` out_j = x_j · √(…). (B, channels, H, W)
    to the same shape. J. Ballé, V. Laparra, E. P. Simoncelli, "End-to-end optimized image
    compression", ICLR 2017, appendix (β and γ as squares); like ``compressai.layers.GDN``, with the
    same results for the same ``beta`` and ``gamma``. It starts at β = 1, γ = 0.1·I.
    """

    def __init__(self, channels: int, *, inverse: bool = False) -> None:
        super().__init__()
        self.inverse = inverse
        pedestal = _REPARAM_OFFSET**2
        self.beta = nn.Parameter(torch.sqrt(torch.ones(channels) + pedestal))
        self.gamma = nn.Parameter(torch.sqrt(0.1 * torch.eye(channels) + pedestal))

    def set_to(self, beta: float, gamma: float) -> None:
        """Set all β to ``beta`` and all γ to ``gamma``."""
        pedestal = _REPARAM_OFFSET**2
        with torch.no_grad():
            self.beta.fill_(math.sqrt(beta + pedestal))
            self.gamma.fill_(math.sqrt(gamma + pedestal))

    def forward(self, x: Tensor) -> Tensor:
        pedestal = _REPARAM_OFFSET**2
        beta = lower_bound(self.beta, math.sqrt(_BETA_MIN + pedestal)) ** 2 - pedestal
        gamma = lower_bound(self.gamma, _REPARAM_OFFSET) ** 2 - pedestal
        return _normalize(x, beta, gamma, self.inverse)


class ProjectedGDN(nn.Module):
    """Generalized divisive normalization whose β and γ are used as they are.

    out_j = x_j / √(β_j + Σ_i γ_ji x_i²); with ``inverse`` out_j = x_j · √(…). (B, channels, H, W)
    to the same shape. :meth:`project` must follow each step of an optimizer. β starts at 1, γ at
    the symmetric part of U(2e-5, 0.01) drawn from ``generator``: T. Dumas, A. Roumy, C. Guillemot,
    "Autoencoder based image compression: can the learning be quantization independent?", ICASSP
    2018, and the authors' code.
    """

    def __init__(
        self,
        channels: int,
        *,
        inverse: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.inverse = inverse
        self.beta = nn.Parameter(torch.ones(channels))
        drawn = torch.empty(channels, channels)
        nn.init.uniform_(drawn, PROJECTION_FLOOR, 0.01, generator=generator)
        self.gamma = nn.Parameter((drawn + drawn.T) / 2)

    def forward(self, x: Tensor) -> Tensor:
        return _normalize(x, self.beta, self.gamma, self.inverse)

    def project(self) -> None:
        """Clamp β and γ to at least 2e-5, then replace γ by its symmetric part."""
        with torch.no_grad():
            self.beta.clamp_(min=PROJECTION_FLOOR)
            self.gamma.clamp_(min=PROJECTION_FLOOR)
            self.gamma.copy_((self.gamma + self.gamma.T) / 2)


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """TensorFlow's "SAME" padding of a side of ``size``: the number of zeros before and after it;
    of an odd number, the extra zero comes after. The output has ⌈size/stride⌉ samples."""
    total = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


class SameConv2d(nn.Module):
    """Cross-correlation with TensorFlow's "SAME" zero padding.

    (B, inputs, H, W) to (B, outputs, ⌈H/stride⌉, ⌈W/stride⌉). ``weight`` is (outputs, inputs,
    kernel, kernel), drawn from N(0, std²) with ``generator``; ``bias`` starts at 0.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        stride: int,
        *,
        std: float,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.stride = stride
        self.weight = nn.Parameter(torch.empty(outputs, inputs, kernel, kernel))
        nn.init.normal_(self.weight, 0, std, generator=generator)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        kernel = self.weight.shape[-1]
        rows = same_padding(height, kernel, self.stride)
        columns = same_padding(width, kernel, self.stride)
        padded = functional.pad(x, (*columns, *rows))
        return functional.conv2d(padded, self.weight, self.bias, stride=self.stride)


class SameTransposedConv2d(nn.Module):
    """The transpose of :class:`SameConv2d` for sides that are multiples of the stride.

    (B, inputs, H, W) to (B, outputs, stride·H, stride·W): the full transposed convolution without
    the rows and columns that "SAME" padding added. ``weight`` is (inputs, outputs, kernel, kernel),
    drawn from N(0, std²) with ``generator``; ``bias``, if there is one, starts at 0. Raises
    :class:`ValueError` for a kernel smaller than the stride.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        stride: int,
        *,
        std: float,
        bias: bool = True,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if kernel < stride:
            raise ValueError(
                f"the kernel ({kernel}) must not be smaller than the stride ({stride})"
            )
        self.stride = stride
        self.weight = nn.Parameter(torch.empty(inputs, outputs, kernel, kernel))
        nn.init.normal_(self.weight, 0, std, generator=generator)
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        before = (self.weight.shape[-1] - self.stride) // 2
        return upsampled(x, self.weight, self.bias, self.stride, before)


class MaskedContext(nn.Module):
    """A 4×4 convolution over known latents and over side information, for all positions at once.

    At row l and column k, it sees rows l−3..l and columns k−2..k+1 of both inputs, with zeros
    beyond the borders. Of the latents, it takes the 14 positions that precede (l, k) in raster
    order: in the last row, the current position and the next one are masked. J. Lee, S. Cho, S.-K.
    Beack, "Context-adaptive entropy model for end-to-end optimized image compression", ICLR 2019,
    section 4.1. ``latents`` and ``features`` are the numbers of channels of the two inputs; one may
    be 0. The weight of ``window`` is (outputs, latents + features, 4, 4).
    """

    mask: Tensor

    def __init__(self, latents: int, features: int, outputs: int) -> None:
        super().__init__()
        self.latents = latents
        self.window = nn.Conv2d(latents + features, outputs, _WINDOW)
        mask = torch.ones(_WINDOW, _WINDOW)
        mask[-1, 2:] = 0
        self.register_buffer("mask", mask, persistent=False)

    @property
    def _latent_weight(self) -> Tensor:
        return self.window.weight[:, : self.latents] * self.mask

    def forward(self, latents: Tensor, features: Tensor) -> Tensor:
        """(B, latents, H, W) and (B, features, H, W) to (B, outputs, H, W)."""
        weight = torch.cat([self._latent_weight, self.window.weight[:, self.latents :]], dim=1)
        both = functional.pad(torch.cat([latents, features], dim=1), CONTEXT_PADDING)
        return functional.conv2d(both, weight, self.window.bias)

    def from_features(self, features: Tensor) -> Tensor:
        """The part of the output that depends on the features alone, including the bias: (B,
        features, H, W) to (B, outputs, H, W)."""
        bias: Tensor = self.window.bias
        if not features.shape[1]:  # from no inputs, a convolution would make no outputs either
            batch, _, height, width = features.shape
            return bias[:, None, None].expand(batch, -1, height, width)
        padded = functional.pad(features, CONTEXT_PADDING)
        return functional.conv2d(padded, self.window.weight[:, self.latents :], bias)
