"""The network of Lee et al. 2019, with a context model of the latents.

J. Lee, S. Cho, S.-K. Beack, "Context-adaptive entropy model for end-to-end optimized image
compression", ICLR 2019, arXiv:1809.10452. Choices that the paper leaves open: f is the 4×4 layer
over both contexts and two 1×1 layers, with leaky ReLU in between; c′ is linear, and only the scales
go through exp, clamped; convolutions are padded equally on all sides; GDN is reparametrized and
starts at β = 1, γ = 0.1·I; the rate is computed over all positions, not over 32 or 16 random ones.
How training and coding differ from the paper is described there. The number of zero-mean latents is
that of the published test code: 192 at quality 6 and, for MS-SSIM, at quality 7, where the paper
has 228.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal, get_args

import torch
from torch import Tensor, nn

from rdbench.models.balle import (
    analysis_transform,
    hyper_analysis_transform,
    hyper_synthesis_transform,
    synthesis_transform,
)
from rdbench.models.densities import LIKELIHOOD_FLOOR, Reconstruction, gaussian_likelihood
from rdbench.models.layers import (
    MaskedContext,
    lower_bound,
    reset_convolutions,
    round_ste,
    uniform_noise,
)

Objective = Literal["mse", "ms_ssim"]
"""The distortion in the loss."""
Contexts = Literal["both", "bit-consuming", "bit-free"]
"""The contexts that f sees (section 3): c′ from the hyperprior, which costs the bits of z, and c″
from the latents that are already known, which costs none; or one of the two. With c′ alone, the
network has a mean and scale hyperprior; with c″ alone, it has no z."""

SCALE_RANGE: Final = (1e-2, 1e3)
"""The smallest and the largest standard deviation of a latent."""
MS_SSIM_FACTOR: Final = 3000.0
"""D = 3000 (1 − MS-SSIM) in the loss (section 2.3, footnote)."""

_LAMBDAS: Final[dict[Objective, tuple[float, ...]]] = {
    "mse": (0.5, 0.4, 0.3, 0.2, 0.12, 0.06, 0.03, 0.017, 0.01),
    "ms_ssim": (0.5, 0.4, 0.3, 0.2, 0.1, 0.05, 0.03, 0.017, 0.01),
}


@dataclass(frozen=True)
class Configuration:
    """Channels of a network; ``plain`` is 0 for a base network and above 0 for a hybrid one."""

    hidden: int
    """N, of the hidden layers and of z"""
    context: int = 192
    """M1, latents whose mean and scale come from f"""
    plain: int = 0
    """M2, latents of mean 0 whose scale comes from h_s (appendix 6.1)"""


def configuration(quality: int, objective: Objective = "mse") -> Configuration:
    """The channels at ``quality`` 1..9 (section 4.1, appendix 6.1; M2 of the test code). Raises
    :class:`ValueError` for another quality."""
    _check(quality)
    if quality <= 5:
        return Configuration(128)
    if quality <= 7:
        wider = quality == 7 and objective == "mse"
        return Configuration(320, plain=228 if wider else 192)
    return Configuration(400, plain=408)


def loss_lambda(quality: int, objective: Objective = "mse") -> float:
    """λ of the paper's loss, λ/pixels·R + (1 − λ)/1000·D (equation 6), at ``quality`` 1..9.
    Raises :class:`ValueError` for another quality."""
    _check(quality)
    return _LAMBDAS[objective][quality - 1]


def _check(quality: int) -> None:
    if quality not in range(1, 10):
        raise ValueError(f"quality {quality} is not within 1 to 9")


def bounded_scale(logarithm: Tensor) -> Tensor:
    """Standard deviations from their logarithms, any shape, clamped to :data:`SCALE_RANGE`."""
    low, high = (math.log(bound) for bound in SCALE_RANGE)
    return torch.exp(-lower_bound(-lower_bound(logarithm, low), -high))


def _likelihood(y: Tensor, mean: Tensor | float, scale: Tensor) -> Tensor:
    return lower_bound(gaussian_likelihood(y, mean, scale), LIKELIHOOD_FLOOR)


class Lee2019(nn.Module):
    """The network. Images are float, (B, 3, H, W), on the scale 0..255; H and W are multiples of
    64.

    Latents y are (B, M1 + M2, H/16, W/16), z is (B, N, H/64, W/64). ``discrete`` is the paper's way
    of training: all parts of the network take rounded latents, with the gradient of the identity,
    and noise is added for the likelihoods only. Without it, g_s, h_s and the contexts take noisy
    latents instead (appendix 6.2; h_a takes rounded ones in both cases). With ``magnitudes``, h_a
    takes |y|, not rounded, as in Ballé et al. 2018 (section 4.1 follows its structures); otherwise
    it takes ŷ with its signs. Weights are drawn from ``generator``. Raises :class:`ValueError` for
    unknown ``contexts``, and for a hybrid network or ``magnitudes`` with c″ alone, which has no
    hyperprior.
    """

    stride: Final = 64
    channels: Final = 3
    peak: Final = 255.0
    """The largest sample of an image."""
    sample_range: Final = (-1.0, 1.0)
    """The values of black and white for g_a and g_s."""
    margin: Final = 3
    """How far analysis and synthesis see to each side, in latents."""

    def __init__(
        self,
        configuration: Configuration,
        *,
        discrete: bool = True,
        contexts: Contexts = "both",
        magnitudes: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if contexts not in get_args(Contexts):
            raise ValueError(f"contexts {contexts!r} is not one of {', '.join(get_args(Contexts))}")
        if contexts == "bit-free" and configuration.plain:
            raise ValueError(
                f"contexts 'bit-free' has no hyperprior for the {configuration.plain} latents of "
                "plain; leave plain out"
            )
        if contexts == "bit-free" and magnitudes:
            raise ValueError("contexts 'bit-free' has no h_a for magnitudes; leave magnitudes out")
        self.configuration = configuration
        self.discrete = discrete
        self.magnitudes = magnitudes
        self.hyperprior = contexts != "bit-free"
        """Whether there are z, h_a and h_s."""
        hidden, context = configuration.hidden, configuration.context
        latents = context + configuration.plain
        self.g_a = analysis_transform(hidden, latents)
        self.g_s = synthesis_transform(hidden, latents)
        if self.hyperprior:
            self.h_a = hyper_analysis_transform(hidden, latents)
            self.h_s = hyper_synthesis_transform(hidden, latents)
        self.context = MaskedContext(
            0 if contexts == "bit-consuming" else context,
            0 if contexts == "bit-free" else context,
            2 * context,
        )
        self.estimator = nn.Sequential(
            nn.LeakyReLU(),
            nn.Conv2d(2 * context, 2 * context, 1),
            nn.LeakyReLU(),
            nn.Conv2d(2 * context, 2 * context, 1),
        )
        if self.hyperprior:
            self.z_scale = nn.Parameter(torch.ones(hidden))
        reset_convolutions(self, generator)

    def analysis(self, images: Tensor) -> Tensor:
        """y, not rounded: (B, 3, H, W), on the scale 0..255, to (B, M1 + M2, H/16, W/16)."""
        return self.g_a(images / 127.5 - 1)

    def synthesis(self, y_hat: Tensor) -> Tensor:
        """Images on the scale 0..255, not clipped: (B, M1 + M2, h, w) to (B, 3, 16·h, 16·w)."""
        return (self.g_s(y_hat) + 1) * 127.5

    def hyper_analysis(self, y: Tensor) -> Tensor:
        """z, not rounded, from latents, which must be rounded unless ``magnitudes`` is set:
        (B, M1 + M2, h, w) to (B, N, h/4, w/4)."""
        return self.h_a(torch.abs(y) if self.magnitudes else y)

    def hyper_synthesis(self, z_hat: Tensor) -> tuple[Tensor, Tensor]:
        """c′, (B, M1, 4·h, 4·w), and σ2, (B, M2, 4·h, 4·w), from ẑ, (B, N, h, w)."""
        output = self.h_s(z_hat)
        context = self.configuration.context
        return output[:, :context], bounded_scale(output[:, context:])

    def z_scales(self) -> Tensor:
        """The standard deviations of z, whose mean is 0: (N,)."""
        return lower_bound(self.z_scale.abs(), SCALE_RANGE[0])

    def all_parameters(self, y1: Tensor, c_prime: Tensor) -> tuple[Tensor, Tensor]:
        """μ and σ at all positions at once: (B, M1, h, w) each, from rounded or noisy latents and
        c′, both (B, M1, h, w); without a hyperprior, c′ has no maps."""
        known = y1[:, : self.context.latents]
        mean, logarithm = self.estimator(self.context(known, c_prime)).chunk(2, dim=1)
        return mean, bounded_scale(logarithm)

    def forward(self, images: Tensor, generator: torch.Generator | None = None) -> Reconstruction:
        """The reconstruction of ``images``, with the likelihoods ``y1``, ``z`` if there is a
        hyperprior, and ``y2`` in a hybrid network. They are those of latents with uniform noise
        from ``generator`` in training (equation 3), and of rounded latents otherwise."""
        y_hat, likelihoods = self.modeled(self.analysis(images), generator)
        return Reconstruction(self.synthesis(y_hat), likelihoods)

    def modeled(
        self, y: Tensor, generator: torch.Generator | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The input of g_s for latents y, (B, M1 + M2, h, w), and the likelihoods of
        :meth:`forward`."""
        y_hat = y_modeled = rounded = round_ste(y)
        if self.training:
            y_modeled = y + uniform_noise(y, generator)
            y_hat = rounded if self.discrete else y_modeled
        context = self.configuration.context
        likelihoods: dict[str, Tensor] = {}
        c_prime = plain_scale = y[:, :0]
        if self.hyperprior:
            z = self.hyper_analysis(y if self.magnitudes else rounded)
            z_hat = z_modeled = round_ste(z)
            if self.training:
                z_modeled = z + uniform_noise(z, generator)
                z_hat = z_hat if self.discrete else z_modeled
            c_prime, plain_scale = self.hyper_synthesis(z_hat)
            likelihoods["z"] = _likelihood(z_modeled, 0.0, self.z_scales()[:, None, None])
        mean, scale = self.all_parameters(y_hat[:, :context], c_prime)
        likelihoods["y1"] = _likelihood(y_modeled[:, :context], mean, scale)
        if self.configuration.plain:
            likelihoods["y2"] = _likelihood(y_modeled[:, context:], 0.0, plain_scale)
        return y_hat, likelihoods
