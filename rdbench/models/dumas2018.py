"""The autoencoder of Dumas et al. 2018, whose quantization steps are learned or set at test time.

T. Dumas, A. Roumy, C. Guillemot, "Autoencoder based image compression: can the learning be
quantization independent?", ICASSP 2018, and the code that the authors published. Choices that these
leave open: the loss of the densities has its quadratic term; steps start at 1.0; the kernels at the
bottleneck start with a standard deviation of 0.05; a negative entropy is not an error.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rdbench.models.densities import PiecewiseLinearDensity
from rdbench.models.layers import ProjectedGDN, SameConv2d, SameTransposedConv2d

STRIDE: Final = 16
"""The sides of images must be multiples of it."""
STEP_RATE: Final = 2e-8
"""The learning rate of the quantization steps, for plain gradient descent on :attr:`Loss.total`."""
STEP_RANGE: Final = (0.8, 4.0)
"""Learned quantization steps are clamped to it."""
NOISY: Final = 0.2
"""The share of y + δτ in the densities used for coding. Without it, the tails have gaps, because a
small extra set shows little of them. With it alone, bins of the trained step are smoothed twice
(:meth:`PiecewiseLinearDensity.bin_masses`), and maps that are nearly always 0 cost a fifth of the
rate of case 1 at γ = 96000."""

_WEIGHT_DECAY: Final = 5e-4
_CROP_PIXELS: Final = 256 * 256
_CASES: Final = (1, 2, 3)


@dataclass(frozen=True)
class Loss:
    """The loss of a batch and its parts; scalars, except ``entropies``."""

    total: Tensor
    """``distortion`` + γ·Σ ``entropies`` + ``decay``"""
    distortion: Tensor
    """squared error of a 256×256 crop, summed over its pixels"""
    entropies: Tensor
    """h̃_i in bits per latent, (maps,); negative where a density is far from its latents"""
    decay: Tensor
    """5e-4 · Σ ½‖W‖² over the six kernels"""

    @property
    def bits_per_pixel(self) -> Tensor:
        """Σ h̃_i, divided by the 256 pixels that share a position."""
        return self.entropies.sum() / STRIDE**2


class Dumas2018(nn.Module):
    """The autoencoder: images, float (B, channels, H, W) on the scale 0..255, to latents, (B, maps,
    H/16, W/16), and back. H and W are multiples of 16.

    ``case`` 1: normalization at the bottleneck, step 1, one network for each γ. Case 2: no
    normalization at the bottleneck, a learned step for each map, one network for all rates. Case 3:
    the network of case 1 with γ = 10000, whose step is varied at test time. One channel is luma
    (BT.601, 16 to 235) as in the paper; three are RGB, which is not in the paper. Weights are drawn
    from ``generator``. Raises :class:`ValueError` for another case or number of channels.

    After training, :meth:`observe` sets the buffers ``means``, μ̄_i, and ``exception``, the number
    of the map that is unlike the others, which is −1 until then.

    One training step is: ``y = encoder(images)``; :meth:`fit_density` with noise; :meth:`loss` with
    fresh noise; a step of Adam over :meth:`transform_parameters` and one of plain gradient descent
    over :meth:`step_parameters`; :meth:`project`.
    """

    stride: Final = STRIDE
    peak: Final = 255.0
    """The largest sample of an image."""
    margin: Final = 3
    """How far analysis and synthesis see to each side, in latents."""

    steps: Tensor
    means: Tensor
    exception: Tensor

    def __init__(
        self,
        case: int,
        *,
        maps: int = 128,
        channels: int = 1,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if case not in _CASES:
            raise ValueError(f"case {case}: the paper has the cases 1, 2 and 3")
        if channels not in (1, 3):
            raise ValueError(f"{channels} channels: images have 1 (luma) or 3 (RGB)")
        self.case = case
        self.channels = channels
        sizes = [(channels, maps, 9, 4, 0.01), (maps, maps, 5, 2, 0.02), (maps, maps, 5, 2, 0.05)]
        analysis: list[nn.Module] = []
        synthesis: list[nn.Module] = []
        for stage, (inner, outer, kernel, stride, std) in enumerate(sizes):
            analysis.append(SameConv2d(inner, outer, kernel, stride, std=std, generator=generator))
            synthesis.append(
                SameTransposedConv2d(
                    outer, inner, kernel, stride, std=std, bias=stage > 0, generator=generator
                )
            )
            if stage < 2 or case != 2:
                analysis.append(ProjectedGDN(maps, generator=generator))
                synthesis.append(ProjectedGDN(maps, inverse=True, generator=generator))
        self.encoder = nn.Sequential(*analysis)
        self.decoder = nn.Sequential(*reversed(synthesis))
        self.density = PiecewiseLinearDensity(maps)
        if case == 2:
            self.steps = nn.Parameter(torch.ones(maps))
        else:
            self.register_buffer("steps", torch.ones(maps))
        self.register_buffer("means", torch.zeros(maps))
        self.register_buffer("exception", torch.tensor(-1))

    def analysis(self, images: Tensor) -> Tensor:
        """y, not quantized: (B, channels, H, W) to (B, maps, H/16, W/16)."""
        return self.encoder(images)

    def synthesis(self, y_hat: Tensor) -> Tensor:
        """Images, not clipped: (B, maps, h, w) to (B, channels, 16·h, 16·w)."""
        return self.decoder(y_hat)

    @property
    def centered(self) -> bool:
        """Whether means are subtracted before latents are quantized: in cases 2 and 3."""
        return self.case != 1

    def transform_parameters(self) -> list[nn.Parameter]:
        """The parameters for Adam: kernels, biases and normalizations."""
        return [*self.encoder.parameters(), *self.decoder.parameters()]

    def step_parameters(self) -> list[nn.Parameter]:
        """The parameters for plain gradient descent: the quantization steps, (maps,), in case 2."""
        return [self.steps] if self.case == 2 else []

    def noisy(self, latents: Tensor, noise: Tensor) -> Tensor:
        """y + δτ (equation 4); ``noise``, τ, is uniform on ±½, with the shape of ``latents``."""
        return latents + self.steps[:, None, None] * noise

    def fit_density(self, latents: Tensor, noise: Tensor) -> None:
        """Widen the grid to what the latents can reach, then take one step of the densities.
        Raises :class:`rdbench.errors.UsageError` for latents that are not finite."""
        with torch.no_grad():
            self.density.cover(float(latents.abs().max() + self.steps.max() / 2))
            self.density.step(self.noisy(latents, noise))

    def loss(self, images: Tensor, latents: Tensor, noise: Tensor, gamma: float) -> Loss:
        """L = Σ (x − x̂)² + γ Σ_i h̃_i + 5e-4 Σ ½‖W‖² (equation 4, and the decay of the code),
        with h̃_i = −log2 δ_i − mean log2 f̃_i(y + δ_i τ).

        ``latents`` are those of ``images``; ``noise`` as for :meth:`noisy`. The squared error is
        that of a crop of 256×256, as a mean over the batch and the channels. For crops of another
        size it is scaled to that size, so γ/256 always weighs bits per pixel against the mean
        squared error.
        """
        noisy = self.noisy(latents, noise)
        error = torch.mean((images - self.decoder(noisy)) ** 2)
        distortion = _CROP_PIXELS * error
        density = torch.log2(self.density(noisy)).mean(dim=(0, 2, 3))
        entropies = -torch.log2(self.steps) - density
        kernels = [w for w in self.transform_parameters() if w.ndim == 4]
        decay = _WEIGHT_DECAY / 2 * sum((kernel**2).sum() for kernel in kernels)
        total = distortion + gamma * entropies.sum() + decay
        return Loss(total, distortion, entropies, decay)

    def project(self) -> None:
        """Bring normalizations and learned steps back into their allowed ranges. Must be called
        after each step of the optimizers."""
        for layer in self.modules():
            if isinstance(layer, ProjectedGDN):
                layer.project()
        if self.case == 2:
            with torch.no_grad():
                self.steps.clamp_(*STEP_RANGE)

    def observe(
        self, latents: Sequence[NDArray[np.float32]], generator: torch.Generator | None = None
    ) -> None:
        """Set means, exception map and densities from the latents of an extra set (section 3.1 of
        the paper's supplement): one array (maps, height, width) for each image. Densities are the
        histograms of y, mixed with those of y + δτ by :data:`NOISY`, with noise from
        ``generator``."""
        self.means.copy_(torch.from_numpy(map_means(latents)))
        self.exception.fill_(exception_map(latents))
        maps = len(self.means)
        samples = torch.from_numpy(np.concatenate([y.reshape(maps, -1) for y in latents], axis=1))
        samples = samples.to(self.means)[None, :, :, None]
        noise = torch.rand(samples.shape, generator=generator).to(samples) - 0.5
        with torch.no_grad():
            reach = float(samples.abs().max() + self.steps.max() / 2)
            self.density = PiecewiseLinearDensity(maps, extent=math.ceil(reach) + 1).to(samples)
            self.density.count(samples, self.noisy(samples, noise), NOISY)


def map_means(latents: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
    """μ̄_i, the means of the maps over an extra set: (maps,), from one array (maps, height,
    width) for each image. Images may differ in size."""
    positions = sum(image[0].size for image in latents)
    sums = sum(image.sum(axis=(1, 2), dtype=np.float64) for image in latents)
    return np.asarray(sums / positions, dtype=np.float64)


def uniformity(values: NDArray[np.float32]) -> float:
    """How far the latents of one map, any shape, are from a uniform distribution, in [0, 1] bits.

    The Jensen–Shannon divergence (base 2) between their histogram and a uniform one. Bins have unit
    width, from ⌊min⌋ to ⌈max⌉; empty ones are dropped from both. 1 if only one bin is left.
    """
    low, high = math.floor(values.min()), math.ceil(values.max())
    counts = np.histogram(values, bins=np.arange(low, max(high, low + 1) + 1))[0]
    p = counts[counts > 0] / values.size
    if p.size == 1:
        return 1.0
    q = np.full(p.size, 1 / p.size)
    middle = (p + q) / 2
    return float(((p * np.log2(p / middle)) + (q * np.log2(q / middle))).sum() / 2)


def exception_map(latents: Sequence[NDArray[np.float32]]) -> int:
    """The number, from 0, of the map whose latents over an extra set are closest to a uniform
    distribution, unlike those of the others. ``latents`` as for :func:`map_means`."""
    maps = range(len(latents[0]))
    flat = (np.concatenate([image[i].reshape(-1) for image in latents]) for i in maps)
    return int(np.argmin([uniformity(values) for values in flat]))


def empirical_bits(symbols: NDArray[np.int32]) -> float:
    """The rate in figure 5: the bits of one image's symbols, (maps, height, width), if each map
    costs the entropy of its own histogram. The histograms themselves are not counted."""
    bits = 0.0
    for values in symbols:
        counts = np.unique(values, return_counts=True)[1]
        bits -= float((counts * np.log2(counts / values.size)).sum())
    return bits
