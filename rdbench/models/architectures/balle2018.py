"""The scale hyperprior of J. Ballé, D. Minnen, S. Singh, S. J. Hwang, N. Johnston, ICLR 2018."""

from __future__ import annotations

from typing import Any, Final

import torch

from rdbench.models.architectures.table import ArchitectureSpec
from rdbench.models.balle import Balle2018
from rdbench.models.compression.hyperprior import HyperpriorCompressor


def _spread(network: Any, _: torch.Generator) -> None:
    network.g_a[-1].weight.mul_(60)
    network.h_a[-1].weight.mul_(20)
    network.h_s[-1].bias.fill_(1.0)
    network.density.find_medians()


SPEC: Final = ArchitectureSpec(
    "balle2018",
    Balle2018,
    HyperpriorCompressor,
    "rdbench.training.trainers.balle:Balle2018Trainer",
    _spread,
    ("balle2018",),
)
