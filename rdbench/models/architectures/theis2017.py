"""L. Theis, W. Shi, A. Cunningham, F. Huszár, ICLR 2017."""

from __future__ import annotations

from typing import Any, Final

import torch

from rdbench.models.architectures.table import ArchitectureSpec
from rdbench.models.compression.factorized import FactorizedCompressor
from rdbench.models.theis2017 import Theis2017


def _spread(network: Any, _: torch.Generator) -> None:
    network.encoder[-1].weight.mul_(60)


SPEC: Final = ArchitectureSpec(
    "theis2017",
    Theis2017,
    FactorizedCompressor,
    "rdbench.training.trainers.theis2017:Theis2017Trainer",
    _spread,
    ("theis2017",),
)
