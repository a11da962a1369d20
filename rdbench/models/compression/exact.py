"""Networks that decide probabilities: in float64 on the CPU, in tiles."""

from __future__ import annotations

import copy

from torch import Tensor, nn

from rdbench.models.compression.tiling import tiled

TILE = 64
"""Side of a tile of the output, in its samples: the buffers of a convolution stay small."""


class ExactNetwork:
    """A float64 copy of ``network``, a convolutional network whose output has ``outer`` samples
    for each sample of a side of its input, and which sees ``margin`` samples of the input."""

    def __init__(self, network: nn.Module, *, outer: int = 1, margin: int) -> None:
        self._network = copy.deepcopy(network).double().cpu().eval().requires_grad_(False)
        self._outer = outer
        self._margin = margin

    def __call__(self, values: Tensor) -> Tensor:
        """(1, channels, height, width), taken to float64, to float64 (1, channels, ...)."""
        return tiled(
            self._network,
            values.double(),
            inner=1,
            outer=self._outer,
            margin=self._margin,
            tile=TILE // self._outer,
        )
