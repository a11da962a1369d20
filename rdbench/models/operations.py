"""Operations of networks, counted by torch without computing anything.

A network is copied to torch's device "meta", where tensors have shapes but no values. This is done
before it becomes a coder, which takes it apart and computes the same in other ways.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from rdbench.network_cost import COUNTED_SIZE, NetworkCost
from rdbench.schema import one_line

_ANALYSIS: Final = ("analysis", "g_a", "encoder")
_SYNTHESIS: Final = ("synthesis", "g_s", "decoder")
_HYPER_ANALYSIS: Final = ("h_a", "hyper_encoder")
_HYPER_SYNTHESIS: Final = ("h_s", "hyper_decoder")
_FOR_EACH_LATENT: Final = ("context_prediction", "entropy_parameters", "estimator", "context")
"""Modules computed at the position of every latent, by the names that CompressAI and rdbench give
them; so are all those in ``channel_context``."""
_FOR_EACH_VALUE: Final = ("QuantABCD",)
"""Modules computed for every value of the latents."""
_ONCE: Final = ("gayn2zqstep", "scale_to_context")
"""Modules computed once per image."""
_DENSITIES: Final = ("density", "entropy_bottleneck", "gaussian_conditional")
"""Modules that make tables, once for all images."""


def count(network: nn.Module, *, channels: int = 3, stride: int = 64) -> NetworkCost:
    """The cost of ``network``, except the size of its file. Its parts are found by their names.

    The role of a part with another name is not guessed: what the part would count toward is left
    empty, and ``uncounted`` says why. The same holds for a network that cannot run without values.
    """
    parameters = sum(parameter.numel() for parameter in network.parameters())
    try:
        with torch.no_grad():
            found = _Counted(network, channels, stride)
    except Exception as error:  # networks are other people's code
        reason = one_line(f"{type(error).__name__}: {error}", 160)
        return NetworkCost(parameters=parameters, uncounted=f"cannot be counted: {reason}")
    if found.left:
        names = ", ".join(found.left[:3]) + (", ..." if len(found.left) > 3 else "")
        return NetworkCost(
            found.analysis,
            found.synthesis,
            parameters=parameters,
            uncounted=f"the role of {names} is not known",
        )
    return NetworkCost(
        found.analysis,
        found.synthesis,
        found.hyper_analysis + found.conditioning,
        found.conditioning,
        parameters,
    )


class _Counted:
    """Thousands of multiply-accumulates per pixel, by part."""

    def __init__(self, network: nn.Module, channels: int, stride: int) -> None:
        self._skeleton = _without_values(network)
        used: set[nn.Module] = set()
        for module in self._skeleton.modules():
            # A module may use the weights of its parts without calling them.
            module.register_forward_pre_hook(lambda module, _: used.update(module.modules()))
        width, height = (-(-side // stride) * stride for side in COUNTED_SIZE)
        self.analysis, y = self._run(_named(self._skeleton, _ANALYSIS), (channels, height, width))
        self.synthesis, _ = self._run(_named(self._skeleton, _SYNTHESIS), y.shape[1:])
        self.hyper_analysis = self.conditioning = 0.0
        hyper = next(filter(_has_hyper_analysis, self._skeleton.modules()), None)
        if hyper is not None:
            self.hyper_analysis, z = self._run(_named(hyper, _HYPER_ANALYSIS), y.shape[1:])
            self.conditioning, _ = self._run(_named(hyper, _HYPER_SYNTHESIS), z.shape[1:])
        for module, shapes in _conditioners(self._skeleton, y.shape[1:]):
            self.conditioning += self._run(module, *shapes)[0]
        weighted = _weighted(self._skeleton)
        self.left = [name for name, module in weighted if module not in used]

    def _run(self, call: Callable[..., Any], *shapes: Iterable[int]) -> tuple[float, Tensor]:
        """The cost and the output of a call with inputs of these shapes, each without its batch
        dimension."""
        inputs = [torch.empty(1, *shape, device="meta") for shape in shapes]
        with FlopCounterMode(display=False) as counter:
            output: Tensor = call(*inputs)
        width, height = COUNTED_SIZE
        return counter.get_total_flops() / 2 / (width * height) / 1000, output


def _without_values(network: nn.Module) -> nn.Module:
    """A copy of ``network`` in evaluation mode; its parameters and buffers have no values."""
    memo: dict[int, Any] = {}
    for tensor in (*network.parameters(), *network.buffers()):
        empty = torch.empty_like(tensor, device="meta")
        is_parameter = isinstance(tensor, nn.Parameter)
        memo[id(tensor)] = nn.Parameter(empty, requires_grad=False) if is_parameter else empty
    return copy.deepcopy(network, memo).eval()


def _weighted(network: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """The modules that have kernels or matrices, except those of densities."""
    for name, module in network.named_modules():
        if any(part in _DENSITIES for part in name.split(".")):
            continue
        if any(parameter.dim() >= 2 for parameter in module.parameters(recurse=False)):
            yield name, module


def _has_hyper_analysis(module: nn.Module) -> bool:
    return any(hasattr(module, name) for name in _HYPER_ANALYSIS)


def _named(network: Any, names: Iterable[str]) -> Callable[..., Any]:
    """The attribute of ``network`` with the first of ``names`` that it has."""
    for name in names:
        found: Callable[..., Any] | None = getattr(network, name, None)
        if found is not None:
            return found
    raise AttributeError(f"the network has none of {', '.join(names)}")


def _conditioners(
    network: nn.Module, latents: Iterable[int]
) -> Iterator[tuple[nn.Module, list[tuple[int, ...]]]]:
    """The modules besides the hyper synthesis that decide probabilities, with the shapes of their
    inputs."""
    maps, height, width = latents
    for name, module in network.named_modules():
        *above, own = name.split(".")
        if own in _ONCE or own in _FOR_EACH_VALUE:
            size = _inputs(module, "in_features")
            yield module, [(size,) if own in _ONCE else (maps * height * width, size)]
        elif own in _FOR_EACH_LATENT or above[-1:] == ["channel_context"]:
            inputs = _inputs(module, "in_channels")
            if not inputs:  # it returns its input
                continue
            known = getattr(module, "latents", 0)  # if the input has two parts
            parts = [known, inputs - known] if hasattr(module, "latents") else [inputs]
            yield module, [(part, height, width) for part in parts]


def _inputs(module: nn.Module, kind: str) -> int:
    """How many channels or features its first layer takes; 0 if it has no such layer."""
    return next((int(getattr(part, kind)) for part in module.modules() if hasattr(part, kind)), 0)
