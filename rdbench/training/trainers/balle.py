"""The trainings of Ballé et al. 2018, and what all networks with their transforms share."""

from __future__ import annotations

import abc
import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

import torch
from torch import Tensor, nn

from rdbench.models.balle import CHANNELS, Balle2018, FactorizedPrior
from rdbench.models.densities import FactorizedDensity, total_bits
from rdbench.training import block_transform
from rdbench.training.trainers.base import (
    BlockTransformStart,
    Measured,
    Qualities,
    RateDistortionTrainer,
)

COMPRESSAI_LAMBDAS: Final[Mapping[str, tuple[float, ...]]] = {
    "mse": (0.0018, 0.0035, 0.0067, 0.0130, 0.0250, 0.0483, 0.0932, 0.1800),
    "ms-ssim": (2.40, 4.58, 8.73, 16.64, 31.73, 60.50, 115.37, 220.00),
}
"""λ of CompressAI's networks, qualities 1 to 8 (its documentation, "Training")."""
LEAST_SPREAD: Final = 0.3
"""The smallest standard deviation of a latent that an entropy model begins with."""
SIDE_SPREAD: Final = 2.0
"""The standard deviation of side information to begin with."""
_LOGISTIC: Final = math.sqrt(3) / math.pi  # the scale of one with standard deviation 1


class FourStageTrainer(RateDistortionTrainer, BlockTransformStart):
    """Networks with the transforms of Ballé et al. 2018.

    Where these are frozen, a step takes latents, y, and its loss is the rate alone.
    """

    freezable = True
    cell = 16

    @classmethod
    def start_as_block_transform(cls, network: Any, rate: float, optimized: str) -> None:
        bits, squares, _ = cls.weights(rate, optimized)
        block_transform.install_four_stages(network, squares / bits)

    @classmethod
    def start_entropy_model(cls, network: Any, latents: Iterable[Tensor]) -> None:
        with torch.no_grad():
            found = [y.cpu() for y in latents]
            cls.set_spread(network, _spread(found).clamp(min=LEAST_SPREAD))
            cls.set_side_information(network, found)

    def trained_parameters(self) -> list[nn.Parameter]:
        if not self.frozen:
            return super().trained_parameters()
        self.network.g_a.requires_grad_(False)
        self.network.g_s.requires_grad_(False)
        return [parameter for parameter in self.network.parameters() if parameter.requires_grad]

    def step(self, images: Tensor, generator: torch.Generator, progress: float) -> Measured:
        if not self.frozen:
            return super().step(images, generator, progress)
        self.network.train()
        batch, _, height, width = images.shape
        likelihoods = self.network.modeled(images, generator)[1]
        bpp = total_bits(likelihoods) / (batch * height * width * self.cell**2)
        self.descend(bpp)
        return Measured(bpp.detach(), bpp.detach(), torch.full_like(bpp.detach(), math.nan))

    @classmethod
    @abc.abstractmethod
    def set_spread(cls, network: Any, spread: Tensor) -> None:
        """Let the entropy model begin with these standard deviations of the latents, (maps,)."""

    @classmethod
    def set_side_information(cls, network: Any, latents: list[Tensor]) -> None:  # noqa: ARG003
        """Let the side information of ``latents`` spread over some steps: of what is always
        rounded to 0 nothing can be learned."""
        return


def spread_side_information(network: Any, latents: list[Tensor]) -> None:
    """Scale h_a so that each map of z, of ``latents``, has a mean of 0 and a standard deviation of
    :data:`SIDE_SPREAD`."""
    found = [network.hyper_analysis(y) for y in latents]
    mean = torch.cat([z[0].flatten(1) for z in found], dim=1).mean(dim=1)
    gain = SIDE_SPREAD / _spread(found).clamp(min=1e-6)
    last = network.h_a[-1]
    last.bias.copy_((last.bias - mean) * gain)
    last.weight *= gain[:, None, None, None]


def _spread(latents: list[Tensor]) -> Tensor:
    """The standard deviation of each map, (maps,)."""
    return torch.cat([y[0].flatten(1) for y in latents], dim=1).std(dim=1)


class FactorizedPriorTrainer(FourStageTrainer):
    stride = FactorizedPrior.stride
    channels = (1, 3)

    @classmethod
    def set_spread(cls, network: Any, spread: Tensor) -> None:
        network.density.spread(_LOGISTIC * spread)

    @classmethod
    def qualities(cls, optimized: str) -> Qualities:
        lambdas = COMPRESSAI_LAMBDAS[optimized]
        return {
            quality: (lambdas[quality - 1], {"hidden": hidden, "latents": latents})
            for quality, (hidden, latents) in CHANNELS.items()
        }

    @staticmethod
    def observe(
        network: Any,
        latents: Iterable[Tensor],  # noqa: ARG004
        generator: torch.Generator,  # noqa: ARG004
    ) -> None:
        density: FactorizedDensity = network.density
        density.find_medians()


class Balle2018Trainer(FactorizedPriorTrainer):
    stride = Balle2018.stride

    @classmethod
    def set_spread(cls, network: Any, spread: Tensor) -> None:
        network.h_s[-1].bias.copy_(spread)

    @classmethod
    def set_side_information(cls, network: Any, latents: list[Tensor]) -> None:
        spread_side_information(network, latents)
        network.density.spread(torch.full((len(network.density.medians),), _LOGISTIC * SIDE_SPREAD))
