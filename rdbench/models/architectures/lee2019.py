"""J. Lee, S. Cho, S.-K. Beack, ICLR 2019."""

from __future__ import annotations

from typing import Any, Final

import torch

from rdbench.models.architectures.table import ArchitectureSpec
from rdbench.models.compression.lee import LeeCompressor
from rdbench.models.lee2019 import Configuration, Contexts, Lee2019


def _network(
    *,
    discrete: bool = True,
    contexts: Contexts = "both",
    magnitudes: bool = False,
    generator: torch.Generator | None = None,
    **channels: Any,
) -> Lee2019:
    return Lee2019(
        Configuration(**channels),
        discrete=discrete,
        contexts=contexts,
        magnitudes=magnitudes,
        generator=generator,
    )


def _spread(network: Any, _: torch.Generator) -> None:
    network.g_a[-1].weight.mul_(40)
    if network.hyperprior:
        network.h_a[-1].weight.mul_(20)


SPEC: Final = ArchitectureSpec(
    "lee2019",
    _network,
    LeeCompressor,
    "rdbench.training.trainers.lee2019:Lee2019Trainer",
    _spread,
    ("lee2019-mse", "lee2019-ms-ssim"),
)
