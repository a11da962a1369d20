"""The compressive autoencoder of Theis et al. 2017.

L. Theis, W. Shi, A. Cunningham, F. Huszár, "Lossy image compression with compressive
autoencoders", ICLR 2017, arXiv:1703.00395. From the paper: sub-pixel convolutions, rounding with
the gradient of the identity, Gaussian scale mixtures of six components for each of 96 maps, the
bound on the rate with uniform noise, and gains of the maps. Layer sizes are those that
reimplementations agree on. Assumed: leaky ReLU with slope 0.01, and none after a residual sum;
edges replicated at each convolution, where the paper mirrors; images mapped to ±1; mixtures that
start with equal weights and standard deviations from 0.5 to 16. Not implemented: the training that
enables coefficients one after another, and the tuning of gains and mixtures alone for other rates.
Here each rate has a network of its own.
"""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor, nn

from rdbench.models.densities import LIKELIHOOD_FLOOR, Reconstruction, gaussian_likelihood
from rdbench.models.layers import lower_bound, reset_convolutions, round_ste, uniform_noise

COMPONENTS: Final = 6
"""Gaussians of each mixture."""

SCALE_BOUND: Final = 0.05
"""The smallest standard deviation of a Gaussian."""


def _convolution(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    padding = kernel // 2
    return nn.Conv2d(inputs, outputs, kernel, stride, padding, padding_mode="replicate")


def _sub_pixel(inputs: int, outputs: int) -> nn.Sequential:
    """A 3×3 convolution to ``4·outputs`` channels, which become 2×2 samples of ``outputs``."""
    return nn.Sequential(_convolution(inputs, 4 * outputs, 3), nn.PixelShuffle(2))


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            _convolution(channels, channels, 3), nn.LeakyReLU(), _convolution(channels, channels, 3)
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.branch(x)


class GaussianScaleMixture(nn.Module):
    """A mixture of six zero-mean Gaussians for each map."""

    def __init__(self, maps: int) -> None:
        super().__init__()
        start = torch.linspace(math.log(0.5), math.log(16), COMPONENTS)
        self.logits = nn.Parameter(torch.zeros(maps, COMPONENTS))
        self.log_scales = nn.Parameter(start.repeat(maps, 1))

    def _components(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """Weights and standard deviations, each (components, maps, 1, 1)."""
        weights = torch.softmax(self.logits.to(like), dim=1)
        scales = torch.exp(lower_bound(self.log_scales.to(like), math.log(SCALE_BOUND)))
        return weights.T[:, :, None, None], scales.T[:, :, None, None]

    def density(self, values: Tensor) -> Tensor:
        """The density at ``values``: (B, maps, H, W) to the same shape, in their dtype."""
        weights, scales = self._components(values)
        normal = torch.exp(-((values[:, None] / scales) ** 2) / 2) / (scales * math.sqrt(math.tau))
        return (weights * normal).sum(dim=1)

    def mass(self, values: Tensor, width: float = 1.0) -> Tensor:
        """The mass within ``width``/2 of ``values``: (B, maps, H, W) to the same shape, in their
        dtype."""
        weights, scales = self._components(values)
        return (weights * gaussian_likelihood(values[:, None], 0.0, scales, width)).sum(dim=1)


class Theis2017(nn.Module):
    """The autoencoder: images, float (B, 3, H, W) on the scale 0..255, to latents, (B, maps, H/8,
    W/8), and back. H and W are multiples of 8.

    ``maps`` is 96 in the paper, and ``width``, the channels of the residual blocks, is 128. Weights
    are drawn from ``generator``.
    """

    stride: Final = 8
    channels: Final = 3
    peak: Final = 255.0
    """The largest sample of an image."""
    margin: Final = 6
    """How far analysis and synthesis see to each side, in latents."""

    def __init__(
        self, *, maps: int = 96, width: int = 128, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            _convolution(3, width // 2, 5, 2),
            nn.LeakyReLU(),
            _convolution(width // 2, width, 5, 2),
            nn.LeakyReLU(),
            *(_Residual(width) for _ in range(3)),
            _convolution(width, maps, 5, 2),
        )
        self.decoder = nn.Sequential(
            _sub_pixel(maps, width),
            *(_Residual(width) for _ in range(3)),
            _sub_pixel(width, width // 2),
            nn.LeakyReLU(),
            _sub_pixel(width // 2, 3),
        )
        self.density = GaussianScaleMixture(maps)
        self.log_gains = nn.Parameter(torch.zeros(maps))
        reset_convolutions(self, generator)

    @property
    def _gains(self) -> Tensor:
        return torch.exp(self.log_gains)[:, None, None]

    def analysis(self, images: Tensor) -> Tensor:
        """Latents times their gains, not rounded: (B, 3, H, W) to (B, maps, H/8, W/8)."""
        return self.encoder(images / 127.5 - 1) * self._gains

    def synthesis(self, y_hat: Tensor) -> Tensor:
        """Images on the scale 0..255, not clipped: (B, maps, h, w) to (B, 3, 8·h, 8·w)."""
        return (self.decoder(y_hat / self._gains) + 1) * 127.5

    def forward(self, images: Tensor, generator: torch.Generator | None = None) -> Reconstruction:
        """The image from rounded latents. The likelihoods are the masses of these latents or, in
        training, the densities at these latents plus uniform noise from ``generator``. Densities
        may exceed 1; the mean of their −log2 is an upper bound on the rate."""
        y_hat = round_ste(self.analysis(images))
        if self.training:
            likelihood = self.density.density(y_hat + uniform_noise(y_hat, generator))
        else:
            likelihood = self.density.mass(y_hat)
        likelihoods = {"y": lower_bound(likelihood, LIKELIHOOD_FLOOR)}
        return Reconstruction(self.synthesis(y_hat), likelihoods)
