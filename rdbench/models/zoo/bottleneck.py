"""CompressAI's ``EntropyBottleneck``: latents in steps from medians, a static density for each map.

The density is that of J. Ballé et al., "Variational image compression with a scale hyperprior",
ICLR 2018, appendix 6.1, in float64 and portable arithmetic.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rdbench.models.by_beta import ByBeta
from rdbench.models.compression.base import Symbols, information, rounded
from rdbench.models.priors import FactorizedCumulative, exact
from rdbench.models.zoo import parameters
from rdbench.models.zoo.cdfs import Cdfs, Decoder, Encoder, Numbers

_LONGEST: Final = 1 << 12
"""The most entries on each side of the middle of a table; symbols beyond are coded by its escape.
"""

Array = NDArray[np.float64]


class Bottleneck:
    """An ``EntropyBottleneck`` (``layer``) whose bins may be of any width, ``step``."""

    def __init__(self, layer: Any) -> None:
        count = len(layer.filters)
        state = parameters.named(layer.state_dict())
        self.cumulative = FactorizedCumulative(
            (state[f"_matrix{k}"] for k in range(count + 1)),
            (state[f"_bias{k}"] for k in range(count + 1)),
            (state[f"_factor{k}"] for k in range(count)),
        )
        """The distribution functions of the maps at values, (maps, n)."""
        self._quantiles = exact(layer.quantiles)[:, 0]  # lower tail, median, upper tail
        self._medians = torch.from_numpy(self._quantiles[:, 1, None, None])
        self.cdfs = ByBeta(self._tabulated)
        """The tables for a step, as in ``EntropyBottleneck.update`` (step 1) and
        ``EntropyBottleneckVbr.update_variable``."""

    def quantized(self, latents: Tensor, step: float) -> Symbols:
        """The symbols of ``latents``, floating point (maps, height, width)."""
        return rounded((latents.double() - self._medians) / step)

    def values(self, symbols: Symbols, step: float) -> Tensor:
        """The values of ``symbols``, the inverse of :meth:`quantized`: float64, same shape."""
        return torch.from_numpy(symbols) * step + self._medians

    def encode(self, symbols: Symbols, step: float) -> bytes:
        """The payload of ``symbols``, (maps, height, width)."""
        encoder = Encoder()
        encoder.put(symbols, self._numbers(symbols.shape[1:]), self.cdfs(step))
        return encoder.finish()

    def decode(self, payload: bytes, size: tuple[int, int], step: float) -> Symbols:
        """The symbols in ``payload``, (maps, *size)."""
        numbers = self._numbers(size)
        return Decoder(payload, numbers.size).get(numbers, self.cdfs(step))

    def information(self, symbols: Symbols, step: float) -> Array:
        """−log2 of the density's mass in the bin of each symbol, in bits, with the shape of
        ``symbols``."""
        values = self.values(symbols, step).flatten(1).numpy()
        mass = self.cumulative(values + step / 2) - self.cumulative(values - step / 2)
        return information(torch.from_numpy(mass)).reshape(symbols.shape)

    def _tabulated(self, step: float) -> Cdfs:
        lower, median, upper = self._quantiles.T
        below = np.clip(np.ceil((median - lower) / step), 0, _LONGEST).astype(np.int64)
        above = np.clip(np.ceil((upper - median) / step), 0, _LONGEST).astype(np.int64)
        bins = np.arange(int((below + above).max()) + 2) - 0.5 - below[:, np.newaxis]
        edges = self.cumulative(median[:, np.newaxis] + bins * step)
        masses = []
        for row, count in zip(edges, (below + above + 1).tolist(), strict=True):
            # As in CompressAI: the upper tail is what lies beyond the longest table.
            tails = row[0] + (1.0 - row[-1])
            masses.append(np.append(np.maximum(np.diff(row[: count + 1]), 0.0), tails))
        return Cdfs.of((-below).tolist(), masses)

    def _numbers(self, size: tuple[int, ...]) -> Numbers:
        maps = len(self._medians)
        return np.broadcast_to(np.arange(maps, dtype=np.int32)[:, None, None], (maps, *size))
