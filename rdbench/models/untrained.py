"""Networks with random weights whose latents spread over a few steps.

For measurements of time and memory, which do not ask how good a network is: a network as it is
initialised has latents that are nearly all 0 and cost a coder nothing. Streams of these are of 0.4
to 7 bpp, as many symbols as trained networks of high rates have, or more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import torch
from torch import nn

from rdbench.models import architectures, weights


def write(
    path: Path, architecture: str, configuration: Mapping[str, Any], *, seed: int = 1
) -> None:
    """Write a network of ``architecture`` with weights drawn from ``seed`` to ``path``; its card
    says lambda 1 and 0 steps. Raises :class:`rdbench.errors.UsageError` for an architecture or
    arguments that there are not."""
    card = weights.Card(architecture, configuration, {"lambda": 1.0, "steps": 0, "seed": seed})
    generator = torch.Generator().manual_seed(seed)
    network = architectures.build(card, generator)
    with torch.no_grad():
        _SPREAD[architecture](network, generator)
    weights.write(path, card, network.state_dict())


def _dumas2018(network: Any, generator: torch.Generator) -> None:
    # Latents of about the spread that the paper's have: most maps are nearly always 0.
    maps = network.steps.numel()
    factors = torch.logspace(-1.5, 1.2, maps)
    network.encoder[-1].weight.mul_(factors[:, None, None, None] / 8)
    network.density.cover(64.0)
    for _ in range(50):
        images = torch.rand(1, network.channels, 256, 256, generator=generator) * 255
        noise = torch.rand(1, maps, 16, 16, generator=generator) - 0.5
        network.density.step(network.noisy(network.encoder(images), noise))


def _factorized(network: Any, _: torch.Generator) -> None:
    network.g_a[-1].weight.mul_(60)
    network.density.find_medians()


def _hyperprior(network: Any, _: torch.Generator) -> None:
    network.g_a[-1].weight.mul_(60)
    network.h_a[-1].weight.mul_(20)
    network.h_s[-1].bias.fill_(1.0)
    network.density.find_medians()


def _lee2019(network: Any, _: torch.Generator) -> None:
    network.g_a[-1].weight.mul_(40)
    network.h_a[-1].weight.mul_(20)


_SPREAD: Final[Mapping[str, Callable[[nn.Module | Any, torch.Generator], None]]] = {
    "dumas2018": _dumas2018,
    "balle2017": _factorized,
    "balle2018": _hyperprior,
    "lee2019": _lee2019,
}
