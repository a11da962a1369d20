"""Networks that decide probabilities: in float64 on the CPU, in tiles."""

from __future__ import annotations

import copy

from torch import Tensor, nn

from rdbench.models.compression.tiling import tiled

TILE = 64
"""Side of a tile of the output, in samples; the buffers of a convolution stay small."""


class ExactNetwork:
    """A float64 copy of ``network``, a convolutional network with ``outer`` output samples per
    input sample along each side, which sees ``margin`` input samples to each side."""

    def __init__(self, network: nn.Module, *, outer: int = 1, margin: int) -> None:
        self._network = copy.deepcopy(network).double().cpu().eval().requires_grad_(False)
        self._outer = outer
        self._margin = margin

    def __call__(self, values: Tensor) -> Tensor:
        """The output for ``values``, (1, channels, height, width), which are converted to float64:
        float64, (1, outputs, outer·height, outer·width)."""
        return tiled(
            self._network,
            values.double(),
            inner=1,
            outer=self._outer,
            margin=self._margin,
            tile=TILE // self._outer,
        )
