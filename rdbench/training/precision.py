"""The precision that networks are trained in."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import torch
from torch import Tensor, nn


def use_bfloat16(network: nn.Module, device: torch.device, whole: Collection[str] = ()) -> None:
    """Let the sequences of layers of ``network``, its transforms, compute in bfloat16, but for the
    layers from the last convolution on: with its 8 bits bfloat16 could place neither latents
    within their steps nor samples within 0..255. Parts that are named in ``whole``, which others
    follow, compute so to their end. Densities are left in float32."""
    for name, part in network.named_children():
        if name in whole:
            _use_bfloat16(part, [part.forward], [], device)
        elif isinstance(part, nn.Sequential):
            layers = list(part)
            kernels = [any(p.ndim == 4 for p in layer.parameters()) for layer in layers]
            last = max((place for place, has in enumerate(kernels) if has), default=0)
            _use_bfloat16(part, layers[:last], layers[last:], device)


def slow_in_bfloat16(device: torch.device) -> bool:
    """Whether ``device`` is a processor of x86 without AVX-512, on which bfloat16 is emulated."""
    capability: str = torch.backends.cpu.get_cpu_capability()
    return device.type == "cpu" and capability == "AVX2"


def use_float32(network: nn.Module) -> None:
    """Take back what :func:`use_bfloat16` did."""
    for transform in network.children():
        vars(transform).pop("forward", None)


def _use_bfloat16(
    part: nn.Module,
    rough: Sequence[Callable[..., Tensor]],
    exact: Sequence[Callable[..., Tensor]],
    device: torch.device,
) -> None:
    """Let ``part`` compute the layers ``rough`` in bfloat16, then ``exact`` in float32."""

    def forward(*inputs: Tensor) -> Tensor:
        with torch.autocast(device.type, torch.bfloat16):
            for layer in rough:
                inputs = (layer(*inputs),)
        x = inputs[0].float()
        for layer in exact:
            x = layer(x)
        return x

    part.forward = forward
