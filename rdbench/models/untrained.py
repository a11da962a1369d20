"""Networks with random weights whose latents spread over a few steps.

For measurements of time and memory, which do not ask how good a network is: a network as it is
initialised has latents that are nearly all 0 and cost a coder nothing. Streams of these are of 0.4
to 7 bpp, as many symbols as trained networks of high rates have, or more.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from rdbench.errors import UsageError
from rdbench.models import architectures, weights


def write(
    path: Path, architecture: str, configuration: Mapping[str, Any], *, seed: int = 1
) -> None:
    """Write a network of ``architecture`` with weights drawn from ``seed`` to ``path``; its card
    says lambda 1 and 0 steps. Raises :class:`UsageError` for an unknown architecture or
    argument."""
    card = weights.Card(architecture, configuration, {"lambda": 1.0, "steps": 0, "seed": seed})
    generator = torch.Generator().manual_seed(seed)
    network = architectures.build(card, generator)
    spread = architectures.find(architecture).spread
    if spread is None:
        raise UsageError(f"architecture {architecture!r}: its latents cannot be spread")
    with torch.no_grad():
        spread(network, generator)
    weights.write(path, card, network.state_dict())
