"""One training step of each architecture: its loss, its optimisers, and what follows a step.

A new architecture is a :class:`Trainer` and one line in :data:`TRAINERS`.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import pytorch_msssim
import torch
from torch import Tensor, nn

from rdbench.models.balle import CHANNELS, Balle2017, Balle2018
from rdbench.models.densities import FactorizedDensity, total_bits
from rdbench.models.dumas2018 import STEP_RATE, Dumas2018
from rdbench.models.layers import uniform_noise
from rdbench.models.lee2019 import MS_SSIM_FACTOR, Lee2019, configuration, loss_lambda
from rdbench.models.theis2017 import Theis2017
from rdbench.training import block_transform
from rdbench.training.conditioning import conditioned
from rdbench.training.configuration import Optimizer
from rdbench.training.muon import Muon

Qualities = Mapping[int, tuple[float, dict[str, Any]]]
"""The paper's numbers of its networks, each with λ and the arguments of the network."""

COMPRESSAI_LAMBDAS: Final[Mapping[str, tuple[float, ...]]] = {
    "mse": (0.0018, 0.0035, 0.0067, 0.0130, 0.0250, 0.0483, 0.0932, 0.1800),
    "ms-ssim": (2.40, 4.58, 8.73, 16.64, 31.73, 60.50, 115.37, 220.00),
}
"""λ of CompressAI's networks, qualities 1 to 8 (its documentation, "Training")."""
MS_SSIM_OVER_MSE: Final = 1300.0
"""About what the two λ of one quality of CompressAI are to each other."""

CELL: Final = 16
"""Pixels of a side for each latent of the networks of Ballé et al. and Lee et al."""
LEAST_SPREAD: Final = 0.3
"""The smallest standard deviation of a latent that an entropy model begins with."""

TRANSFORMS: Final = ("encoder", "decoder", "g_a", "g_s", "h_a", "h_s", "estimator")
"""What networks call their transforms, each a sequence of layers."""
CONTEXT: Final = "context"
"""What they call the layer that looks at known latents, and that is followed by others."""

_KEPT: Final = 0.05


@dataclass(frozen=True)
class Measured:
    """What a step found of its batch; scalars, on the device."""

    loss: Tensor
    bpp: Tensor
    """bits per pixel by the densities of the training, with noise"""
    mse: Tensor
    """on the scale 0..255, not clipped, mean over channels; NaN where no image is made"""


class Trainer(abc.ABC):
    """The training of one network.

    ``rate`` is λ of the member; ``scratch`` says that the network starts from random weights. The
    learning rate is set from outside by :meth:`set_rate`; ``progress`` of a step is the fraction
    of the training that has gone by.
    """

    optimised: ClassVar[tuple[str, ...]] = ("mse", "ms-ssim")
    channels: ClassVar[tuple[int, ...]] = (3,)
    stride: ClassVar[int]
    foreign_keys: ClassVar[tuple[str, ...]] = ("step_rate",)
    """Fields of :class:`Optimizer` that mean nothing here."""
    block_transform: ClassVar[bool] = False
    """Whether networks can start as :mod:`rdbench.training.block_transform`, by
    :meth:`start_as_block_transform`."""
    freezable: ClassVar[bool] = False
    """Whether ``frozen`` transforms are left alone, and a step takes latents."""

    def __init__(
        self,
        network: Any,
        rate: float,
        optimised: str,
        optimizer: Optimizer,
        *,
        scratch: bool,
        frozen: bool = False,
    ) -> None:
        self.network = network
        self.frozen = frozen
        self.rate = rate
        self.settings = optimizer
        self.objective = optimised
        self.scratch = scratch
        parameters = self.trained_parameters()
        kernels = [p for p in parameters if p.ndim == 4] if optimizer.method == "muon" else []
        rest = [p for p in parameters if not any(p is kernel for kernel in kernels)]
        self.adam = torch.optim.Adam(rest, optimizer.rate, fused=True)
        self.muon = Muon(kernels, optimizer.kernel_rate) if kernels else None

    @classmethod
    def qualities(cls, optimised: str) -> Qualities:  # noqa: ARG003
        """The networks that the paper numbers."""
        return {}

    @classmethod
    def start_as_block_transform(cls, network: Any, rate: float, optimised: str) -> None:
        """Set the weights of ``network``, where :attr:`block_transform` says so."""
        raise NotImplementedError

    @classmethod
    def start_entropy_model(cls, network: Any, latents: Iterable[Tensor]) -> None:  # noqa: ARG003
        """Set what codes the ``latents`` of transforms that come from elsewhere, (1, maps, h, w)
        each."""
        return

    def trained_parameters(self) -> list[nn.Parameter]:
        """What Adam moves or, with it, Muon."""
        return list(self.network.parameters())

    def optimisers(self) -> list[torch.optim.Optimizer]:
        """All that step, and whose state a checkpoint has to keep."""
        return [self.adam, self.muon] if self.muon else [self.adam]

    @property
    def still(self) -> float:
        """The fraction of the training before the learning rate begins to rise."""
        return 0.0

    @property
    def learning_rate(self) -> float:
        """Of Adam, in the last step."""
        return float(self.adam.param_groups[0]["lr"])

    def set_rate(self, rate: float) -> None:
        """Set that of Adam, and that of Muon in proportion."""
        for group in self.adam.param_groups:
            group["lr"] = rate
        if self.muon:
            for group in self.muon.param_groups:
                group["lr"] = self.settings.kernel_rate * rate / self.settings.rate

    def bits_weight(self, progress: float) -> float:
        """By what the rate in the loss is multiplied while its weight rises."""
        ramp = self.settings.bits_ramp
        return 0.01 ** (1 - progress / ramp) if self.scratch and progress < ramp else 1.0

    def descend(self, loss: Tensor) -> None:
        """One step of the optimisers along the gradient of ``loss``."""
        for optimiser in self.optimisers():
            optimiser.zero_grad()
        loss.backward()
        self.move()

    def move(self) -> None:
        """One step of the optimisers along the gradients that there are."""
        if self.settings.clip:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.clip)
        for optimiser in self.optimisers():
            optimiser.step()

    @abc.abstractmethod
    def step(self, images: Tensor, generator: torch.Generator, progress: float) -> Measured:
        """Train with ``images``, (B, channels, H, W), on the network's scale, and with noise from
        ``generator``. Raises :class:`rdbench.errors.UsageError` for latents that are not finite."""

    @staticmethod
    def observe(
        network: Any,  # noqa: ARG004
        latents: Iterable[Tensor],  # noqa: ARG004
        generator: torch.Generator,  # noqa: ARG004
    ) -> None:
        """Take what statistics the coder needs from ``latents``, one (1, maps, h, w) for each
        image, with noise from ``generator``, of the CPU. Raises :class:`ValueError` where they
        cannot be had."""
        return


class RateDistortionTrainer(Trainer):
    """bpp + λ·D: Ballé et al. and Theis et al.

    D is the mean squared error on the scale 0..255 or 1 − MS-SSIM, as in CompressAI: its λ·255²·MSE
    on the scale 0..1 is the same. MS-SSIM has no slope where a scale of it is not above 0, as at
    random weights, so that a training from these minimises the squared error in its warm-up.
    """

    @classmethod
    def weights(cls, rate: float, optimised: str) -> tuple[float, float, float]:
        """Of bits per pixel, of the mean squared error, and of 1 − MS-SSIM, for λ = ``rate``."""
        return 1.0, rate / MS_SSIM_OVER_MSE if optimised == "ms-ssim" else rate, rate

    def step(self, images: Tensor, generator: torch.Generator, progress: float) -> Measured:
        network = self.network
        network.train()
        made = network(images, generator)
        bpp = made.bits_per_pixel()
        mse = torch.mean((made.images - images) ** 2) * (255.0 / network.peak) ** 2
        rate, squares, structure = self.weights(self.rate, self.objective)
        rate *= self.bits_weight(progress)
        if self.objective == "ms-ssim" and not (self.scratch and progress < self.settings.warm_up):
            alike = pytorch_msssim.ms_ssim(made.images, images, data_range=network.peak)
            loss = rate * bpp + structure * (1 - alike)
        else:
            loss = rate * bpp + squares * mse
        self.descend(loss)
        return Measured(loss.detach(), bpp.detach(), mse.detach())


class Theis2017Trainer(RateDistortionTrainer):
    stride = Theis2017.stride


class FourStageTrainer(RateDistortionTrainer):
    """Networks with the transforms of Ballé et al. 2018.

    Where these are frozen, a step takes latents, y, and its loss is the rate alone.
    """

    block_transform = True
    freezable = True

    @classmethod
    def start_as_block_transform(cls, network: Any, rate: float, optimised: str) -> None:
        bits, squares, _ = cls.weights(rate, optimised)
        spread = block_transform.install_four_stages(network, squares / bits)
        with torch.no_grad():
            cls.set_spread(network, torch.from_numpy(spread).float())

    @classmethod
    def start_entropy_model(cls, network: Any, latents: Iterable[Tensor]) -> None:
        samples = torch.cat([y[0].flatten(1).cpu() for y in latents], dim=1)
        with torch.no_grad():
            cls.set_spread(network, samples.std(dim=1))

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
        likelihoods = self.network.modelled(images, generator)[1]
        bpp = total_bits(likelihoods) / (batch * height * width * CELL**2)
        self.descend(bpp)
        return Measured(bpp.detach(), bpp.detach(), torch.full_like(bpp.detach(), math.nan))

    @classmethod
    @abc.abstractmethod
    def set_spread(cls, network: Any, spread: Tensor) -> None:
        """Let the entropy model begin with these standard deviations of the latents, (maps,)."""


class Balle2017Trainer(FourStageTrainer):
    stride = Balle2017.stride
    channels = (1, 3)

    @classmethod
    def set_spread(cls, network: Any, spread: Tensor) -> None:
        network.density.spread(spread.clamp(min=LEAST_SPREAD))

    @classmethod
    def qualities(cls, optimised: str) -> Qualities:
        lambdas = COMPRESSAI_LAMBDAS[optimised]
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


class Balle2018Trainer(Balle2017Trainer):
    stride = Balle2018.stride

    @classmethod
    def set_spread(cls, network: Any, spread: Tensor) -> None:
        network.h_s[-1].bias.copy_(spread.clamp(min=LEAST_SPREAD))


class Lee2019Trainer(FourStageTrainer):
    """λ·R/pixels + (1 − λ)/1000·D (equation 6), R in nats, D the mean squared error or
    3000·(1 − MS-SSIM)."""

    stride = Lee2019.stride

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
    def set_spread(cls, network: Any, spread: Tensor) -> None:
        network.h_s[-1].bias.copy_(torch.log(spread.clamp(min=LEAST_SPREAD)))
        pass_through(network)


def pass_through(network: Lee2019) -> None:
    """Let f begin as the identity of c′, which gives the logarithms of the scales, with means of 0:
    the network is then one with a scale hyperprior, out of which the context grows.

    Each value of c′ goes through the leaky ReLUs with both signs; their difference is it again.
    The kernels of the known latents keep a little of what they were drawn as.
    """
    maps, slope = network.configuration.context, network.estimator[0].negative_slope
    window, middle, last = network.context.window, network.estimator[1], network.estimator[3]
    both = torch.eye(maps).repeat(2, 1)
    both[maps:] *= -1
    again = (both.T / (1 + slope))[:, :, None, None]
    with torch.no_grad():
        for layer in (window, middle, last):
            layer.bias.zero_()
        window.weight[:, :maps] *= _KEPT
        window.weight[:, maps:] = 0
        window.weight[:, maps:, -1, 2] = both
        middle.weight.copy_(torch.cat([again, -again]))
        last.weight[:maps] = 0
        last.weight[maps:] = again


class Dumas2018Trainer(Trainer):
    """The three groups of Dumas et al. 2018 in turn: densities f̃_i, then transforms by Adam and
    quantization steps by plain gradient descent, on the loss of equation 4.

    The squared error is that of a 256×256 crop and all is a mean over the batch
    (:meth:`rdbench.models.dumas2018.Dumas2018.loss`), so that γ, the decay of weights and the
    rates of both optimisers mean the same for other crops and batches. Before the
    warm-up the densities move alone, as in the paper's first epoch (1/800 of its training). Muon,
    which the paper does not have, comes with :mod:`rdbench.training.conditioning`.
    """

    optimised = ("mse",)
    channels = (1, 3)
    stride = Dumas2018.stride
    foreign_keys = ("clip",)
    block_transform = True
    network: Dumas2018

    @classmethod
    def start_as_block_transform(
        cls,
        network: Any,
        rate: float,  # noqa: ARG003
        optimised: str,  # noqa: ARG003
    ) -> None:
        block_transform.install(network)

    def __init__(self, network: Any, rate: float, *arguments: Any, **options: Any) -> None:
        super().__init__(network, rate, *arguments, **options)
        steps = network.step_parameters()
        step_rate = self.settings.step_rate or STEP_RATE
        self.descent = torch.optim.SGD(steps, step_rate) if steps else None

    @property
    def still(self) -> float:
        return self.settings.warm_up

    def trained_parameters(self) -> list[nn.Parameter]:
        return self.network.transform_parameters()

    def optimisers(self) -> list[torch.optim.Optimizer]:
        return [*super().optimisers(), *([self.descent] if self.descent else [])]

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
            for optimiser in self.optimisers():
                optimiser.step()
        self.network.project()

    @staticmethod
    def observe(network: Any, latents: Iterable[Tensor], generator: torch.Generator) -> None:
        network.observe([y[0].cpu().numpy() for y in latents], generator)


TRAINERS: Final[Mapping[str, type[Trainer]]] = {
    "dumas2018": Dumas2018Trainer,
    "theis2017": Theis2017Trainer,
    "balle2017": Balle2017Trainer,
    "balle2018": Balle2018Trainer,
    "lee2019": Lee2019Trainer,
}


def use_bfloat16(network: nn.Module, device: torch.device) -> None:
    """Let the transforms of ``network`` compute in bfloat16, but for the layers from the last
    convolution on: with its 8 bits bfloat16 could place neither latents within their steps nor
    samples within 0..255. Densities are left in float32."""
    for name, part in network.named_children():
        if name in TRANSFORMS:
            layers = list(part)
            kernels = [any(p.ndim == 4 for p in layer.parameters()) for layer in layers]
            last = max(place for place, has in enumerate(kernels) if has)
            _use_bfloat16(part, layers[:last], layers[last:], device)
        elif name == CONTEXT:
            _use_bfloat16(part, [part.forward], [], device)


def use_float32(network: nn.Module) -> None:
    """Take back what :func:`use_bfloat16` did."""
    for transform in network.children():
        vars(transform).pop("forward", None)


def _use_bfloat16(
    part: nn.Module,
    rough: Sequence[Callable[..., Tensor]],
    exact: Sequence[Callable[..., Tensor]],
    device: torch.device,
) -> None:
    """Let ``part`` compute the layers ``rough`` in bfloat16, then ``exact`` in float32."""

    def forward(*inputs: Tensor) -> Tensor:
        with torch.autocast(device.type, torch.bfloat16):
            for layer in rough:
                inputs = (layer(*inputs),)
        x = inputs[0].float()
        for layer in exact:
            x = layer(x)
        return x

    part.forward = forward
