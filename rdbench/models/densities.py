"""Models of the distribution of latents: Gaussian, factorized (Ballé et al. 2018), piecewise
linear (Dumas et al. 2018), and the rate that they imply."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from rdbench.errors import UsageError
from rdbench.models.layers import lower_bound

LIKELIHOOD_FLOOR: Final = 1e-9
"""The smallest likelihood in training; a latent then costs at most 29.9 bits."""
DENSITY_FLOOR: Final = 1e-6
"""The smallest value of a :class:`PiecewiseLinearDensity`."""
DENSITY_RATE: Final = 0.2
"""The learning rate of a :class:`PiecewiseLinearDensity`."""


@dataclass(frozen=True)
class Reconstruction:
    """What a network makes of a batch of images."""

    images: Tensor
    """(B, channels, H, W), on the scale of the network's input, not clipped"""
    likelihoods: Mapping[str, Tensor]
    """for each kind of latents, their likelihoods, (B, maps, height, width), above 0 and, except
    for densities in training, at most 1"""

    def bits_per_pixel(self) -> Tensor:
        """The rate that the likelihoods imply, in bits per pixel, as a mean over the batch."""
        batch, _, height, width = self.images.shape
        return total_bits(self.likelihoods) / (batch * height * width)


def total_bits(likelihoods: Mapping[str, Tensor]) -> Tensor:
    """The rate that ``likelihoods`` imply, in bits, summed over all of them: a scalar."""
    return torch.stack([-torch.log2(values).sum() for values in likelihoods.values()]).sum()


def gaussian_likelihood(
    y: Tensor, mean: Tensor | float, scale: Tensor | float, width: Tensor | float = 1.0
) -> Tensor:
    """The mass of N(mean, scale²) within ``width``/2 of ``y``, in the dtype of ``y``.

    P = Φ((y − mean + width/2)/scale) − Φ((y − mean − width/2)/scale), computed in the lower tail by
    symmetry. It keeps its relative precision until it underflows, at about 13 scales in float32 and
    38 in float64. The shapes of the arguments must broadcast; ``scale`` is above 0. In training, it
    goes through ``lower_bound(…, LIKELIHOOD_FLOOR)``. J. Ballé et al., "Variational image
    compression with a scale hyperprior", ICLR 2018, equation 6; Lee et al., ICLR 2019, equation 4.
    """
    distance = torch.abs(y - mean)
    inner = torch.erfc((distance - width / 2) / scale * math.sqrt(0.5))
    outer = torch.erfc((distance + width / 2) / scale * math.sqrt(0.5))
    return (inner - outer) / 2


class FactorizedDensity(nn.Module):
    """A density for each channel: the non-parametric model of Ballé et al. 2018.

    The cumulative is c = sigmoid ∘ f_K ∘ … ∘ f_1 with f_k(x) = g_k(softplus(H_k) x + b_k), g_k(x) =
    x + tanh(a_k) tanh(x), K = 5, and 3 units in between ("Variational image compression with a
    scale hyperprior", appendix 6.1), as in ``compressai.entropy_models.EntropyBottleneck``. Its
    state is ``matrices``, ``biases``, ``factors`` and ``medians``, (channels,), the points around
    which latents are rounded. Biases are drawn from ``generator``.
    """

    medians: Tensor

    def __init__(
        self,
        channels: int,
        *,
        units: tuple[int, ...] = (3, 3, 3, 3),
        initial_scale: float = 10.0,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        sizes = (1, *units, 1)
        layers = len(units) + 1
        self.matrices = nn.ParameterList()
        self.biases = nn.ParameterList()
        self.factors = nn.ParameterList()
        for k in range(layers):
            self.matrices.append(torch.empty(channels, sizes[k + 1], sizes[k]))
            bias = torch.empty(channels, sizes[k + 1], 1)
            self.biases.append(nn.init.uniform_(bias, -0.5, 0.5, generator=generator))
            if k < len(units):
                self.factors.append(torch.zeros(channels, sizes[k + 1], 1))
        self.spread(torch.full((channels,), initial_scale))
        self.register_buffer("medians", torch.zeros(channels))

    def spread(self, scales: Tensor) -> None:
        """Start as (nearly) logistic densities with these ``scales``, (channels,), above 0."""
        shares = scales.double() ** (-1 / len(self.matrices))
        with torch.no_grad():
            for matrix in self.matrices:
                start = torch.log(torch.expm1(shares / matrix.shape[1]))
                matrix.copy_(start[:, None, None].expand_as(matrix))

    def logits(self, values: Tensor) -> Tensor:
        """The logits of the cumulative: (channels, 1, n) to the same shape, in the dtype of
        ``values``, float32 or float64."""
        for k, (matrix, bias) in enumerate(zip(self.matrices, self.biases, strict=True)):
            values = functional.softplus(matrix.to(values)) @ values + bias.to(values)
            if k < len(self.factors):
                values = values + torch.tanh(self.factors[k].to(values)) * torch.tanh(values)
        return values

    def mass(self, values: Tensor, width: float = 1.0) -> Tensor:
        """The mass within ``width``/2 of ``values``: (B, channels, H, W) to the same shape, in
        their dtype, float32 or float64."""
        by_channel = values.transpose(0, 1)
        flat = by_channel.reshape(len(by_channel), 1, -1)
        lower, upper = self.logits(flat - width / 2), self.logits(flat + width / 2)
        # In the upper tail both sigmoids are near 1; on the other side they keep their digits.
        side = torch.where(lower + upper > 0, -1.0, 1.0).to(lower)
        mass = torch.abs(torch.sigmoid(side * upper) - torch.sigmoid(side * lower))
        return mass.reshape(by_channel.shape).transpose(0, 1)

    def forward(self, latents: Tensor) -> Tensor:
        """The mass within ½ of each of ``latents``, (B, channels, H, W), at least 1e-9."""
        return lower_bound(self.mass(latents), LIKELIHOOD_FLOOR)

    def round(self, latents: Tensor) -> Tensor:
        """``latents``, (B, channels, H, W), rounded to whole steps from the medians."""
        medians = self.medians[:, None, None]
        return torch.round(latents - medians) + medians

    def find_medians(self) -> None:
        """Set the medians by bisection. Must be called after training, before rounding. Raises
        :class:`ValueError` if one lies beyond ±2²⁰."""
        low = torch.full_like(self.medians, -(2.0**20), dtype=torch.float64)
        high = -low
        with torch.no_grad():
            if (self._logit(low) > 0).any() or (self._logit(high) < 0).any():
                raise ValueError("a median of the factorized density lies beyond ±2^20")
            for _ in range(64):
                middle = (low + high) / 2
                above = self._logit(middle) > 0
                low, high = torch.where(above, low, middle), torch.where(above, middle, high)
            self.medians.copy_((low + high) / 2)

    def _logit(self, values: Tensor) -> Tensor:
        return self.logits(values[:, None, None])[:, 0, 0]


class PiecewiseLinearDensity(nn.Module):
    """A density for each map, linear between the points of a grid.

    T. Dumas, A. Roumy, C. Guillemot, ICASSP 2018, section 2.2 (the functions f̃_i), with the grid
    and the learning rule of the authors' code. ``values``, (maps, 2·extent·points + 1), holds
    the densities at −extent..extent in steps of 1/points. It starts as the standard Cauchy density
    and is not a parameter: :meth:`cover`, :meth:`step` and :meth:`count` change it. It is not
    normalized.
    """

    values: Tensor

    def __init__(self, maps: int, *, extent: int = 10, points: int = 5) -> None:
        super().__init__()
        self.points = points
        grid = torch.arange(-extent * points, extent * points + 1) / points
        cauchy = 1 / (math.pi * (1 + grid**2))
        self.register_buffer("values", cauchy.repeat(maps, 1))

    @property
    def extent(self) -> int:
        """ρ: the grid reaches from −ρ to ρ."""
        return (int(self.values.shape[1]) - 1) // (2 * self.points)

    def _cells(self, latents: Tensor) -> tuple[Tensor, Tensor]:
        """The index of the grid point at or below each latent, and the fraction of the way to the
        next one, 0 to 1."""
        scaled = latents * self.points
        last = self.values.shape[1] - 2
        cell = (torch.floor(scaled.detach()).long() + self.extent * self.points).clamp(0, last)
        return cell, scaled - (cell - self.extent * self.points)

    def forward(self, latents: Tensor) -> Tensor:
        """The densities: (B, maps, H, W) to the same shape. The gradient is the slope of the
        function. Beyond the grid the density is 1e-6, the value that :meth:`cover` would set."""
        by_map = latents.transpose(0, 1).flatten(1)
        cell, way = self._cells(by_map)
        left, right = self.values.gather(1, cell), self.values.gather(1, cell + 1)
        inside = left + (right - left) * way
        density = torch.where(by_map.abs() > self.extent, DENSITY_FLOOR, inside)
        shape = latents.transpose(0, 1).shape
        return density.reshape(shape).transpose(0, 1)

    def cover(self, reach: float) -> bool:
        """Widen the grid to ρ = ⌈reach⌉ + 1 if ``reach``, max|y| + ½ max δ, is not below ρ, with
        1e-6 at the new points; return whether it was widened. Raises
        :class:`rdbench.errors.UsageError` if ``reach`` is not finite."""
        if not math.isfinite(reach):
            raise UsageError(
                f"the latents reach {reach}: the training has diverged; lower its learning rate"
            )
        if reach < self.extent:
            return False
        margin = (math.ceil(reach) + 1 - self.extent) * self.points
        self.values = functional.pad(self.values, (margin, margin), value=DENSITY_FLOOR)
        return True

    def step(self, latents: Tensor, rate: float = DENSITY_RATE) -> None:
        """Take one step of gradient descent toward the density of ``latents``, (B, maps, H, W).

        The loss is Σ_i [(1/d) Σ_l ψ_l² − (2/n) Σ_j f̃_i(y_ij)], with d points per unit and n samples
        of a map. Its gradient gives ψ ← (1 − 2·rate/d) ψ + (2·rate/n) Σ_j hat_l(y_j), a moving
        average of histograms; then ψ ← max(ψ, 1e-6). Samples beyond the grid are left out, so call
        :meth:`cover` first.
        """
        with torch.no_grad():
            share = 2 * rate / self.points
            self.values.mul_(1 - share).add_(self._histogram(latents), alpha=share)
            self.values.clamp_(min=DENSITY_FLOOR)

    def count(self, latents: Tensor, smoothed: Tensor, share: float) -> None:
        """Set the density to the histogram of ``latents``, (B, maps, H, W), mixed with that of
        ``smoothed``, of the same shape, whose share is ``share``, 0 to 1. Samples beyond the grid
        are left out."""
        both = (1 - share) * self._histogram(latents) + share * self._histogram(smoothed)
        self.values.copy_(both.clamp(min=DENSITY_FLOOR))

    def _histogram(self, latents: Tensor) -> Tensor:
        """The density of ``latents`` by interpolation between grid points: (maps, points)."""
        by_map = latents.detach().transpose(0, 1).flatten(1)
        cell, way = self._cells(by_map)
        inside = (by_map.abs() <= self.extent).to(by_map)
        hats = torch.zeros_like(self.values)
        hats.scatter_add_(1, cell, (1 - way) * inside)
        hats.scatter_add_(1, cell + 1, way * inside)
        return hats * (self.points / by_map.shape[1])

    def cumulative(self, edges: Tensor) -> Tensor:
        """The exact integral from −ρ to ``edges``, (maps, n): float64, (maps, n). The function is
        taken as 0 beyond the grid."""
        values = self.values.double()
        trapezoids = (values[:, 1:] + values[:, :-1]) / (2 * self.points)
        up_to = functional.pad(trapezoids.cumsum(1), (1, 0))
        edges = edges.double().clamp(-self.extent, self.extent)
        cell, way = self._cells(edges)
        left, right = values.gather(1, cell), values.gather(1, cell + 1)
        part = way * (left + (right - left) * way / 2) / self.points
        return up_to.gather(1, cell) + part

    def integral(self) -> Tensor:
        """The integral over the whole grid: float64, (maps,); close to 1 after fitting."""
        return self.cumulative(torch.full_like(self.values[:, :1], self.extent))[:, 0]

    def bin_masses(self, widths: Tensor, centers: Tensor, low: int, high: int) -> Tensor:
        """The integrals over bins ``low`` to ``high``: float64, (maps, high − low + 1).

        Bin s of map i lies between ``centers[i]`` + (s ± ½)·``widths[i]``; both arguments are
        (maps,), widths above 0. Divided by :meth:`integral`, the integrals are probabilities. f̃ is
        the density of y plus noise of the training step δ. So at that step δ·f̃(q) is the
        probability of the bin (equation 2 of the paper), and the integral smooths it once more; the
        wider the bins, the less this matters.
        """
        halves = torch.arange(low, high + 2, dtype=torch.float64, device=self.values.device) - 0.5
        edges = centers.double()[:, None] + halves * widths.double()[:, None]
        return self.cumulative(edges).diff(dim=1)

    def _load_from_state_dict(self, state: Any, prefix: str, *rest: Any) -> None:
        # The grid grows in training, so a state may have another size than a new module.
        saved = state.get(prefix + "values")
        if saved is not None and saved.shape[:1] == self.values.shape[:1]:
            self.values = self.values.new_empty(saved.shape)
        super()._load_from_state_dict(state, prefix, *rest)
