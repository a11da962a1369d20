"""The training of Lee et al. 2019."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from rdbench.models.balle import Balle2018
from rdbench.models.lee2019 import MS_SSIM_FACTOR, Lee2019, configuration, loss_lambda
from rdbench.training.trainers.balle import (
    SIDE_SPREAD,
    FourStageTrainer,
    spread_side_information,
)
from rdbench.training.trainers.base import GrownStart, Qualities

_KEPT: Final = 0.05
_LEAST_SCALE: Final = 0.2
"""Below it a scale hardly changes what a latent costs, and its logarithm is not worth meeting."""
_RIDGE: Final = 1e-4


class Lee2019Trainer(FourStageTrainer, GrownStart):
    """λ·R/pixels + (1 − λ)/1000·D (equation 6), D the mean squared error or 3000·(1 − MS-SSIM).

    R is in nats, which the paper does not say and the slopes of its curves do. Not the paper's:
    hybrids have no million steps at a rate of 1e-5 before the others; members of a family start
    from their neighbor instead of random weights; the gradient is clipped, weights are averaged,
    and transforms and f may compute in bfloat16.
    """

    stride = Lee2019.stride
    whole = ("context",)
    grows_out_of = MappingProxyType({"balle2018": ("h_a", "h_s")})

    @classmethod
    def qualities(cls, optimized: str) -> Qualities:
        objective: Any = optimized.replace("-", "_")
        return {
            quality: (loss_lambda(quality, objective), vars(configuration(quality, objective)))
            for quality in range(1, 10)
        }

    @classmethod
    def weights(cls, rate: float, optimized: str) -> tuple[float, float, float]:  # noqa: ARG003
        distortion = (1 - rate) / 1000
        return rate * math.log(2), distortion, distortion * MS_SSIM_FACTOR

    @classmethod
    def stem(cls, architecture: str, network: Mapping[str, Any]) -> str:
        contexts = network.get("contexts", "both")
        variants = [contexts] * (contexts != "both") + ["magnitudes"] * bool(
            network.get("magnitudes")
        )
        return "-".join([architecture, *variants])

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
        seen = latents if network.magnitudes else [torch.round(y) for y in latents]
        spread_side_information(network, seen)
        network.z_scale.fill_(SIDE_SPREAD)

    @classmethod
    def grow(cls, network: Any, source: Any, latents: Iterable[Tensor], beta: float = 1.0) -> None:
        if not network.hyperprior or not network.magnitudes:
            raise ValueError(
                "h_a and h_s of a scale hyperprior fit networks with 'magnitudes = true' and a "
                "hyperprior"
            )
        grow_out_of_hyperprior(network, source, [y.cpu() for y in latents], beta)


def grow_out_of_hyperprior(
    network: Lee2019, source: Balle2018, latents: list[Tensor], beta: float = 1.0
) -> None:
    """Let ``network``, which sees magnitudes, begin as ``source``, whose transforms it has, as far
    as its layers can say the same of ``latents``, (1, M, h, w) each, a step of which stands for
    ``beta`` of ``source``.

    h_a is that of ``source`` exactly, less the medians of z, about which that rounds: z has a mean
    of 0 here. What they add in h_s differs between the four phases of its first layer, which has
    one bias for all; it gets their mean. The last layer of h_s gives logarithms of scales where
    that of ``source`` gives scales: a least-squares fit, in which that difference goes as well.
    f passes these on; those of the M2 latents of a hybrid network are used as they are.
    """
    medians = source.density.medians[:, None, None]
    with torch.no_grad():
        network.h_a.load_state_dict(source.h_a.state_dict())
        network.h_a[0].weight *= beta
        network.h_a[-1].bias -= medians[:, 0, 0]
        network.h_s.load_state_dict(source.h_s.state_dict())
        first = network.h_s[0]
        inside = first(medians.expand(-1, 6, 6)[None]) - first.bias[:, None, None]
        first.bias += inside[0, :, 4:-4, 4:-4].mean(dim=(1, 2))
        z = [torch.round(network.hyper_analysis(y)) for y in latents]
        power = torch.cat([values[0].flatten(1) for values in z], dim=1).square().mean(dim=1)
        network.z_scale.copy_(torch.sqrt(power + 1 / 12))
        found = [source.density.round(source.hyper_analysis(beta * y)) for y in latents]
        scales = [(source.scales(z_hat) / beta).clamp(min=_LEAST_SCALE) for z_hat in found]
        fit_last(network.h_s, z, [torch.log(scale) for scale in scales])
    pass_through(network, kept=0.0)


def fit_last(layers: nn.Sequential, inputs: list[Tensor], targets: list[Tensor]) -> None:
    """Set the last of ``layers``, a convolution of stride 1, so that they make of ``inputs``, (1,
    maps, h, w) each, what is next to ``targets`` by least squares, a little drawn to 0."""
    last = layers[-1]
    side = last.kernel_size[0]
    size = last.weight[0].numel() + 1
    square = torch.zeros(size, size, dtype=torch.float64)
    product = torch.zeros(size, len(last.weight), dtype=torch.float64)
    count = 0
    for values, target in zip(inputs, targets, strict=True):
        windows = functional.unfold(layers[:-1](values), side, padding=last.padding)[0].T
        known = torch.cat([windows, torch.ones(len(windows), 1)], dim=1)
        square += (known.T @ known).double()
        product += (known.T @ target[0].flatten(1).T).double()
        count += len(known)
    ridge = _RIDGE * count * torch.eye(size, dtype=torch.float64)
    found = torch.linalg.solve(square + ridge, product).T.float()
    last.weight.copy_(found[:, :-1].reshape(last.weight.shape))
    last.bias.copy_(found[:, -1])


def pass_through(network: Lee2019, kept: float = _KEPT) -> None:
    """Let f begin as the identity of c′, which gives the logarithms of the scales, with means of 0:
    the network is then one with a scale hyperprior, out of which the context grows.

    Each value of c′ goes through the leaky ReLUs with both signs; their difference is it again.
    The kernels of the known latents keep the fraction ``kept`` of what they were drawn as.
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
        window.weight[:, :known] *= kept
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
