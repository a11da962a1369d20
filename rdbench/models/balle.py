"""The networks of Ballé et al. 2018: a factorized prior, and a scale hyperprior.

J. Ballé, D. Minnen, S. Singh, S. J. Hwang, N. Johnston, "Variational image compression with a
scale hyperprior", ICLR 2018. Both have the same transforms: four stages of 5×5 kernels with stride
2, like CompressAI's ``FactorizedPrior`` (``bmshj2018-factorized``) and ``ScaleHyperprior``
(``bmshj2018-hyperprior``). The factorized prior comes from J. Ballé, V. Laparra, E. P. Simoncelli,
"End-to-end optimized image compression", ICLR 2017, which has a different network: three stages
(9×9 with stride 4, then twice 5×5 with stride 2) and a piecewise linear density.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

from rdbench.models.densities import (
    LIKELIHOOD_FLOOR,
    FactorizedDensity,
    Reconstruction,
    gaussian_likelihood,
)
from rdbench.models.layers import (
    GDN,
    convolution,
    lower_bound,
    reset_convolutions,
    transposed,
    uniform_noise,
)

CHANNELS: Final = {q: (128, 192) if q <= 5 else (192, 320) for q in range(1, 9)}
"""Channels of the hidden layers, N, and of the latents, M, for each quality of CompressAI."""
SCALE_BOUND: Final = 0.11
"""The smallest scale of a latent."""


def analysis_transform(hidden: int, latents: int, channels: int = 3) -> nn.Sequential:
    """(B, channels, H, W) to (B, latents, H/16, W/16): four 5×5 layers of stride 2, GDN between."""
    return nn.Sequential(
        convolution(channels, hidden),
        GDN(hidden),
        convolution(hidden, hidden),
        GDN(hidden),
        convolution(hidden, hidden),
        GDN(hidden),
        convolution(hidden, latents),
    )


def synthesis_transform(hidden: int, latents: int, channels: int = 3) -> nn.Sequential:
    """(B, latents, h, w) to (B, channels, 16·h, 16·w): the mirror of :func:`analysis_transform`."""
    return nn.Sequential(
        transposed(latents, hidden),
        GDN(hidden, inverse=True),
        transposed(hidden, hidden),
        GDN(hidden, inverse=True),
        transposed(hidden, hidden),
        GDN(hidden, inverse=True),
        transposed(hidden, channels),
    )


def hyper_analysis_transform(hidden: int, latents: int) -> nn.Sequential:
    """Latents to z: (B, latents, h, w) to (B, hidden, h/4, w/4)."""
    return nn.Sequential(
        convolution(latents, hidden, kernel=3, stride=1),
        nn.ReLU(),
        convolution(hidden, hidden),
        nn.ReLU(),
        convolution(hidden, hidden),
    )


def hyper_synthesis_transform(hidden: int, outputs: int) -> nn.Sequential:
    """(B, hidden, h, w) to (B, outputs, 4·h, 4·w); the last layer is linear."""
    return nn.Sequential(
        transposed(hidden, hidden),
        nn.ReLU(),
        transposed(hidden, hidden),
        nn.ReLU(),
        convolution(hidden, outputs, kernel=3, stride=1),
    )


class FactorizedPrior(nn.Module):
    """Transforms with GDN and a factorized density of the latents.

    Images are float, (B, channels, H, W), on the scale 0..1; H and W are multiples of 16.
    ``hidden`` and ``latents`` are N and M of :data:`CHANNELS`. Weights are drawn from
    ``generator``.
    """

    stride: Final = 16
    peak: Final = 1.0
    """The largest sample of an image."""
    sample_range: Final = (0.0, 1.0)
    """The values of black and white for g_a and g_s."""
    margin: Final = 3
    """How far analysis and synthesis see to each side, in latents."""

    def __init__(
        self,
        hidden: int,
        latents: int,
        *,
        channels: int = 3,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.channels = channels
        self.g_a = analysis_transform(hidden, latents, channels)
        self.g_s = synthesis_transform(hidden, latents, channels)
        self.density = FactorizedDensity(latents, generator=generator)
        reset_convolutions(self, generator)

    def analysis(self, images: Tensor) -> Tensor:
        """y, not rounded: (B, channels, H, W) to (B, M, H/16, W/16)."""
        return self.g_a(images)

    def synthesis(self, y_hat: Tensor) -> Tensor:
        """Images, not clipped: (B, M, h, w) to (B, channels, 16·h, 16·w)."""
        return self.g_s(y_hat)

    def forward(self, images: Tensor, generator: torch.Generator | None = None) -> Reconstruction:
        """The reconstruction of ``images``. Latents get uniform noise from ``generator`` in
        training, and are rounded otherwise."""
        y_hat, likelihoods = self.modeled(self.g_a(images), generator)
        return Reconstruction(self.g_s(y_hat), likelihoods)

    def modeled(
        self, y: Tensor, generator: torch.Generator | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The input of g_s for latents y, (B, M, h, w), and the likelihoods of :meth:`forward`."""
        y_hat = y + uniform_noise(y, generator) if self.training else self.density.round(y)
        return y_hat, {"y": self.density(y_hat)}


class Balle2018(nn.Module):
    """Transforms with GDN, and zero-mean Gaussian latents whose scales come from a hyperprior.

    Images are float, (B, channels, H, W), on the scale 0..1; H and W are multiples of 64.
    ``hidden`` and ``latents`` are N and M of :data:`CHANNELS`. Weights are drawn from
    ``generator``.
    """

    stride: Final = 64
    peak: Final = 1.0
    """The largest sample of an image."""
    sample_range: Final = (0.0, 1.0)
    """The values of black and white for g_a and g_s."""
    margin: Final = 3
    """How far analysis and synthesis see to each side, in latents."""

    def __init__(
        self,
        hidden: int,
        latents: int,
        *,
        channels: int = 3,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.channels = channels
        self.g_a = analysis_transform(hidden, latents, channels)
        self.g_s = synthesis_transform(hidden, latents, channels)
        self.h_a = hyper_analysis_transform(hidden, latents)
        self.h_s = hyper_synthesis_transform(hidden, latents)
        self.density = FactorizedDensity(hidden, generator=generator)
        reset_convolutions(self, generator)

    def analysis(self, images: Tensor) -> Tensor:
        """y, not rounded: (B, channels, H, W) to (B, M, H/16, W/16)."""
        return self.g_a(images)

    def synthesis(self, y_hat: Tensor) -> Tensor:
        """Images, not clipped: (B, M, h, w) to (B, channels, 16·h, 16·w)."""
        return self.g_s(y_hat)

    def hyper_analysis(self, y: Tensor) -> Tensor:
        """z from the latents y: (B, M, h, w) to (B, N, h/4, w/4)."""
        return self.h_a(torch.abs(y))

    def scales(self, z_hat: Tensor) -> Tensor:
        """The standard deviations of the latents, at least 0.11, from ẑ: (B, N, h, w) to (B, M,
        4·h, 4·w)."""
        return lower_bound(torch.relu(self.h_s(z_hat)), SCALE_BOUND)

    def forward(self, images: Tensor, generator: torch.Generator | None = None) -> Reconstruction:
        """The reconstruction of ``images``. Latents get uniform noise from ``generator`` in
        training, and are rounded otherwise."""
        y_hat, likelihoods = self.modeled(self.g_a(images), generator)
        return Reconstruction(self.g_s(y_hat), likelihoods)

    def modeled(
        self, y: Tensor, generator: torch.Generator | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The input of g_s for latents y, (B, M, h, w), and the likelihoods of :meth:`forward`."""
        z = self.hyper_analysis(y)
        if self.training:
            z_hat, y_hat = z + uniform_noise(z, generator), y + uniform_noise(y, generator)
        else:
            z_hat, y_hat = self.density.round(z), torch.round(y)
        likelihood = gaussian_likelihood(y_hat, 0.0, self.scales(z_hat))
        return y_hat, {"y": lower_bound(likelihood, LIKELIHOOD_FLOOR), "z": self.density(z_hat)}
