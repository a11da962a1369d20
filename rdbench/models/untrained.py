"""Networks with random weights whose latents spread over a few steps.

They are for measurements of time and memory, for which the quality of a network does not matter. A
network as initialized has latents that are nearly all 0 and cost a coder nothing. Streams of these
networks have 0.4 to 7 bpp: as much to code as trained networks at high rates, or more.
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
    says lambda 1 and 0 steps. Raises :class:`UsageError` for an unknown architecture or argument,
    and for an architecture without ``spread``."""
    card = weights.Card(architecture, configuration, {"lambda": 1.0, "steps": 0, "seed": seed})
    generator = torch.Generator().manual_seed(seed)
    network = architectures.build(card, generator)
    spread = architectures.find(architecture).spread
    if spread is None:
        raise UsageError(f"architecture {architecture!r}: it has no spread for its latents")
    with torch.no_grad():
        spread(network, generator)
    weights.write(path, card, network.state_dict())
