"""The factorized prior of J. Ballé, D. Minnen, S. Singh, S. J. Hwang, N. Johnston, ICLR 2018."""

from __future__ import annotations

from typing import Any, Final

import torch

from rdbench.models.architectures.table import ArchitectureSpec
from rdbench.models.balle import FactorizedPrior
from rdbench.models.compression.factorized import FactorizedCompressor


def _spread(network: Any, _: torch.Generator) -> None:
    network.g_a[-1].weight.mul_(60)
    network.density.find_medians()


SPEC: Final = ArchitectureSpec(
    "bmshj2018-factorized",
    FactorizedPrior,
    FactorizedCompressor,
    "rdbench.training.trainers.balle:FactorizedPriorTrainer",
    _spread,
    ("bmshj2018-factorized",),
)
