"""T. Dumas, A. Roumy, C. Guillemot, ICASSP 2018."""

from __future__ import annotations

from typing import Any, Final

import torch

from rdbench.models.architectures.table import ArchitectureSpec
from rdbench.models.compression.dumas import DumasCompressor
from rdbench.models.dumas2018 import Dumas2018


def _spread(network: Any, generator: torch.Generator) -> None:
    # Latents spread about as much as the paper's: most maps are nearly always 0.
    maps = network.steps.numel()
    factors = torch.logspace(-1.5, 1.2, maps)
    network.encoder[-1].weight.mul_(factors[:, None, None, None] / 8)
    network.density.cover(64.0)
    for _ in range(50):
        images = torch.rand(1, network.channels, 256, 256, generator=generator) * 255
        noise = torch.rand(1, maps, 16, 16, generator=generator) - 0.5
        network.density.step(network.noisy(network.encoder(images), noise))


SPEC: Final = ArchitectureSpec(
    "dumas2018",
    Dumas2018,
    DumasCompressor,
    "rdbench.training.trainers.dumas2018:Dumas2018Trainer",
    _spread,
    ("dumas2018-case2", "dumas2018-case1"),
)
