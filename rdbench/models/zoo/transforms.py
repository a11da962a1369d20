"""CompressAI's transforms, computed faster on a CPU, with the same results up to rounding.

At 768×512 on one core, for ``FactorizedPrior`` at quality 3, ``channels_last`` takes g_a from 0.58
to 0.45 s and g_s from 0.74 to 0.54 s. GDN in place, in parts that fit the cache, saves another
0.1 s each. The last layer of g_s as a convolution and a shuffle of its outputs saves 0.05 s. Wider
transposed convolutions are slower that way.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from rdbench.models.zoo.library import layers

_FEW_OUTPUTS = 8
_SAMPLES = 2048
"""Positions of GDN's input that a thread takes at once: 1 MB at 128 channels."""


def quick(transform: nn.Module) -> nn.Module:
    """``transform`` with its layers replaced by quicker ones, in place, in evaluation mode."""
    for name, layer in transform.named_children():
        if type(layer) is layers.GDN:
            setattr(transform, name, _GDN(layer))
        elif _is_narrow_upsampling(layer):
            setattr(transform, name, _SubPixelConvolution(layer))
        else:
            quick(layer)
    return transform.eval().requires_grad_(False).to(memory_format=torch.channels_last)


def _is_narrow_upsampling(layer: nn.Module) -> bool:
    return (
        type(layer) is nn.ConvTranspose2d
        and layer.out_channels <= _FEW_OUTPUTS
        and (layer.kernel_size, layer.stride, layer.padding, layer.output_padding)
        == ((5, 5), (2, 2), (2, 2), (1, 1))
    )


class _GDN(nn.Module):
    """``compressai.layers.GDN`` with its parameters resolved, for a part of the samples at a time,
    which stay in the cache from the squares to the quotient."""

    beta: Tensor
    gamma: Tensor

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.inverse = layer.inverse
        self.register_buffer("beta", layer.beta_reparam(layer.beta).detach())
        self.register_buffer("gamma", layer.gamma_reparam(layer.gamma).detach().T.contiguous())

    def forward(self, x: Tensor) -> Tensor:
        """In place: the input is the output of a convolution, which nothing else uses."""
        x = x.contiguous(memory_format=torch.channels_last)
        vectors = x.permute(0, 2, 3, 1).view(-1, len(self.beta))
        beta, gamma = self.beta.to(x.dtype), self.gamma.to(x.dtype)
        on_cpu = x.device.type == "cpu"
        for part in vectors.split(_SAMPLES * torch.get_num_threads() if on_cpu else len(vectors)):
            pool = torch.addmm(beta, part * part, gamma)
            part.mul_(pool.sqrt_() if self.inverse else pool.rsqrt_())
        return x


class _SubPixelConvolution(nn.Module):
    """A transposed 5×5 convolution with stride 2, as a 3×3 convolution with four times the outputs,
    one for each phase of the finer grid."""

    def __init__(self, layer: nn.ConvTranspose2d) -> None:
        super().__init__()
        kernel = layer.weight.detach().transpose(0, 1)
        outputs, inputs = kernel.shape[:2]
        # Output 2i + p takes input i − d through tap p + 2 + 2d, for d from −1 to 1 where there is
        # such a tap: every other tap from p on, the last first.
        padded = functional.pad(kernel, (0, 1, 0, 1))
        phases = [padded[:, :, row::2, column::2].flip(2, 3) for row in (0, 1) for column in (0, 1)]
        self.convolution = nn.Conv2d(inputs, 4 * outputs, 3, padding=1)
        self.convolution.weight = nn.Parameter(torch.stack(phases, dim=1).flatten(0, 1))
        self.convolution.bias = nn.Parameter(layer.bias.detach().repeat_interleave(4))

    def forward(self, x: Tensor) -> Tensor:
        return functional.pixel_shuffle(self.convolution(x), 2)
