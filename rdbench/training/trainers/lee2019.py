"""The training of Lee et al. 2019."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import torch
from torch import Tensor, nn

from rdbench.models.lee2019 import MS_SSIM_FACTOR, Lee2019, configuration, loss_lambda
from rdbench.training.trainers.balle import (
    SIDE_SPREAD,
    FourStageTrainer,
    spread_side_information,
)
from rdbench.training.trainers.base import Qualities

_KEPT: Final = 0.05


class Lee2019Trainer(FourStageTrainer):
    """λ·R/pixels + (1 − λ)/1000·D (equation 6), D the mean squared error or 3000·(1 − MS-SSIM).

    R is in nats, which the paper does not say and the slopes of its curves do. Not the paper's:
    hybrids have no million steps at a rate of 1e-5 before the others; members of a family go on
    from their neighbour instead of random weights; the gradient is clipped, weights are averaged,
    and transforms and f may compute in bfloat16.
    """

    stride = Lee2019.stride
    whole = ("context",)

    @classmethod
    def qualities(cls, optimised: str) -> Qualities:
        objective: Any = optimised.replace("-", "_")
        return {
            quality: (loss_lambda(quality, objective), vars(configuration(quality, objective)))
            for quality in range(1, 10)
        }

    @classmethod
    def weights(cls, rate: float, optimised: str) -> tuple[float, float, float]:  # noqa: ARG003
        distortion = (1 - rate) / 1000
        return rate * math.log(2), distortion, distortion * MS_SSIM_FACTOR

    @classmethod
    def stem(cls, architecture: str, network: Mapping[str, Any]) -> str:
        contexts = network.get("contexts", "both")
        return architecture + (f"-{contexts}" if contexts != "both" else "")

    def density_parameters(self) -> list[nn.Parameter]:
        return [self.network.z_scale] if self.network.hyperprior else []

    @classmethod
    def set_spread(cls, network: Any, spread: Tensor) -> None:
        if network.hyperprior:
            network.h_s[-1].bias.copy_(torch.log(spread))
            pass_through(network)
        else:
            start_alone(network, spread)

    @classmethod
    def set_side_information(cls, network: Any, latents: list[Tensor]) -> None:
        if not network.hyperprior:
            return
        spread_side_information(network, [torch.round(y) for y in latents])
        network.z_scale.fill_(SIDE_SPREAD)


def pass_through(network: Lee2019) -> None:
    """Let f begin as the identity of c′, which gives the logarithms of the scales, with means of 0:
    the network is then one with a scale hyperprior, out of which the context grows.

    Each value of c′ goes through the leaky ReLUs with both signs; their difference is it again.
    The kernels of the known latents keep a little of what they were drawn as.
    """
    maps, slope = network.configuration.context, network.estimator[0].negative_slope
    window, middle, last = network.context.window, network.estimator[1], network.estimator[3]
    known = network.context.latents
    both = torch.eye(maps).repeat(2, 1)
    both[maps:] *= -1
    again = (both.T / (1 + slope))[:, :, None, None]
    with torch.no_grad():
        for layer in (window, middle, last):
            layer.bias.zero_()
        window.weight[:, :known] *= _KEPT
        window.weight[:, known:] = 0
        window.weight[:, known:, -1, 2] = both
        middle.weight.copy_(torch.cat([again, -again]))
        last.weight[:maps] = 0
        last.weight[maps:] = again


def start_alone(network: Lee2019, spread: Tensor) -> None:
    """Let f, which sees no c′, begin with means of 0 and, where nothing is known, with the standard
    deviations ``spread``, (M1,); what is known moves these as f was drawn."""
    maps, last = network.configuration.context, network.estimator[3]
    with torch.no_grad():
        for layer in (network.context.window, network.estimator[1], last):
            layer.bias.zero_()
        last.weight[:maps] = 0
        last.bias[maps:] = torch.log(spread)
