"""The training of Dumas et al. 2018."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from typing import Annotated, Any

import torch
from msgspec import Meta
from torch import Tensor, nn

from rdbench.models.dumas2018 import STEP_RATE, Dumas2018
from rdbench.models.layers import uniform_noise
from rdbench.training import block_transform
from rdbench.training.conditioning import conditioned
from rdbench.training.trainers.base import BlockTransformStart, Measured, Options, Trainer


class Dumas2018Options(Options, frozen=True):
    step_rate: Annotated[float, Meta(gt=0)] = STEP_RATE
    """of gradient descent for the quantization steps"""


class Dumas2018Trainer(Trainer, BlockTransformStart):
    """The three groups of Dumas et al. 2018 in turn: densities f̃_i, then transforms by Adam and
    quantization steps by plain gradient descent, on the loss of equation 4.

    The squared error is that of a 256×256 crop and all is a mean over the batch
    (:meth:`rdbench.models.dumas2018.Dumas2018.loss`), so that γ, the decay of weights and the
    rates of both optimizers mean the same for other crops and batches. Before the
    warm-up the densities move alone, as in the paper's first epoch (1/800 of its training).

    Not the paper's: rates fall as a cosine where the configurations that rdbench ships leave it at
    that, not in drops; their ``step_rate`` is 1e-6, for trainings of a hundredth of the paper's
    steps, where the paper's is 2e-8; networks of case 1 start from those of their neighbor; Muon,
    which comes with :mod:`rdbench.training.conditioning`.
    """

    optimized = ("mse",)
    channels = (1, 3)
    stride = Dumas2018.stride
    options_type = Dumas2018Options
    foreign_keys = ("clip",)
    network: Dumas2018
    options: Dumas2018Options

    @classmethod
    def stem(cls, architecture: str, network: Mapping[str, Any]) -> str:
        return architecture + (f"-case{network['case']}" if "case" in network else "")

    @classmethod
    def start_as_block_transform(
        cls,
        network: Any,
        rate: float,  # noqa: ARG003
        optimized: str,  # noqa: ARG003
    ) -> None:
        block_transform.install(network)

    def __init__(self, network: Any, rate: float, *arguments: Any, **options: Any) -> None:
        super().__init__(network, rate, *arguments, **options)
        steps = network.step_parameters()
        self.descent = torch.optim.SGD(steps, self.options.step_rate) if steps else None

    @property
    def still(self) -> float:
        return self.settings.warm_up

    def trained_parameters(self) -> list[nn.Parameter]:
        return self.network.transform_parameters()

    def optimizers(self) -> list[torch.optim.Optimizer]:
        return [*super().optimizers(), *([self.descent] if self.descent else [])]

    def step(self, images: Tensor, generator: torch.Generator, progress: float) -> Measured:
        network = self.network
        moving = progress >= self.still
        with torch.set_grad_enabled(moving):
            latents = network.analysis(images)
            network.fit_density(latents, uniform_noise(latents, generator))
            gamma = self.rate * self.bits_weight(progress)
            loss = network.loss(images, latents, uniform_noise(latents, generator), gamma)
        if moving:
            self.descend(loss.total)
        mse = loss.distortion.detach() / 256**2
        return Measured(loss.total.detach(), loss.bits_per_pixel.detach(), mse)

    def move(self) -> None:
        with conditioned(self.network) if self.muon else nullcontext():
            for optimizer in self.optimizers():
                optimizer.step()
        self.network.project()

    @staticmethod
    def observe(network: Any, latents: Iterable[Tensor], generator: torch.Generator) -> None:
        network.observe([y[0].cpu().numpy() for y in latents], generator)
