"""One training step: its loss, its optimizers, and what follows a step."""

from __future__ import annotations

import abc
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import pytorch_msssim
import torch
from torch import Tensor, nn

from rdbench.toml import Form
from rdbench.training.configuration import Optimizer
from rdbench.training.muon import Muon

Qualities = Mapping[int, tuple[float, dict[str, Any]]]
"""The paper's numbers of its networks, each with λ and the arguments of the network."""

MS_SSIM_OVER_MSE: Final = 1300.0
"""About what the two λ of one quality of CompressAI are to each other."""


@dataclass(frozen=True)
class Measured:
    """What a step found of its batch; scalars, on the device."""

    loss: Tensor
    bpp: Tensor
    """bits per pixel by the densities of the training, with noise"""
    mse: Tensor
    """on the scale 0..255, not clipped, mean over channels; NaN where no image is made"""


class Options(Form, frozen=True):
    """The keys of the table ``[trainer]`` of a configuration, of one architecture alone: those of
    most have none."""


class Trainer(abc.ABC):
    """The training of one network, and what configurations may say of it.

    ``rate`` is λ of the member; ``scratch`` says that the network starts from random weights. The
    learning rate is set from outside by :meth:`set_rate`; ``progress`` of a step is the fraction
    of the training that has gone by.
    """

    optimized: ClassVar[tuple[str, ...]] = ("mse", "ms-ssim")
    channels: ClassVar[tuple[int, ...]] = (3,)
    stride: ClassVar[int]
    """sides of crops are multiples of it"""
    options_type: ClassVar[type[Options]] = Options
    foreign_keys: ClassVar[tuple[str, ...]] = ()
    """Fields of :class:`Optimizer` that mean nothing here."""
    whole: ClassVar[tuple[str, ...]] = ()
    """Parts of the network that compute in bfloat16 to their end, beside its sequences of layers:
    :mod:`rdbench.training.precision`."""
    freezable: ClassVar[bool] = False
    """Whether ``frozen`` transforms are left alone, and a step takes latents."""
    cell: ClassVar[int]
    """pixels of a side for each of these"""

    def __init__(
        self,
        network: Any,
        rate: float,
        optimized: str,
        optimizer: Optimizer,
        *,
        scratch: bool,
        frozen: bool = False,
        options: Options | None = None,
    ) -> None:
        self.network = network
        self.options = options or self.options_type()
        self.frozen = frozen
        self.rate = rate
        self.settings = optimizer
        self.objective = optimized
        self.scratch = scratch
        parameters = self.trained_parameters()
        kernels = [p for p in parameters if p.ndim == 4] if optimizer.method == "muon" else []
        densities = self.density_parameters()
        apart = {id(parameter) for parameter in (*kernels, *densities)}
        rest = [parameter for parameter in parameters if id(parameter) not in apart]
        groups = [{"params": rest, "factor": 1.0}] if rest else []
        if densities:
            groups.append({"params": densities, "factor": optimizer.density_rate})
        self.adam = torch.optim.Adam(groups, optimizer.rate, fused=True)
        self.muon = Muon(kernels, optimizer.kernel_rate) if kernels else None
        self.learning_rate = optimizer.rate
        """of Adam, in the last step"""

    @classmethod
    def stem(cls, architecture: str, network: Mapping[str, Any]) -> str:  # noqa: ARG003
        """What files of its weights are called, with λ after it; ``network``: its arguments."""
        return architecture

    @classmethod
    def qualities(cls, optimized: str) -> Qualities:  # noqa: ARG003
        """The networks that the paper numbers."""
        return {}

    @classmethod
    def start_entropy_model(cls, network: Any, latents: Iterable[Tensor]) -> None:  # noqa: ARG003
        """Set what codes the ``latents``, (1, maps, h, w) each, of transforms that are no longer
        random."""
        return

    def trained_parameters(self) -> list[nn.Parameter]:
        """What Adam moves or, with it, Muon."""
        return list(self.network.parameters())

    def density_parameters(self) -> list[nn.Parameter]:
        """Of these, what describes static densities: their rate is ``density_rate`` times that of
        the others."""
        return list(getattr(self.network, "density", nn.Identity()).parameters())

    def optimizers(self) -> list[torch.optim.Optimizer]:
        """All that step, and whose state a checkpoint has to keep."""
        return [self.adam, self.muon] if self.muon else [self.adam]

    @property
    def still(self) -> float:
        """The fraction of the training before the learning rate begins to rise."""
        return 0.0

    def set_rate(self, rate: float, progress: float) -> None:
        """Set that of Adam, and those of densities and of Muon in proportion, for a step at
        ``progress``."""
        self.learning_rate = rate
        waits = progress < self.settings.density_delay
        for group in self.adam.param_groups:
            group["lr"] = rate if waits else group["factor"] * rate
        if self.muon:
            for group in self.muon.param_groups:
                group["lr"] = self.settings.kernel_rate * rate / self.settings.rate

    def bits_weight(self, progress: float) -> float:
        """The factor on the rate in the loss while its weight rises."""
        ramp = self.settings.bits_ramp
        return 0.01 ** (1 - progress / ramp) if self.scratch and progress < ramp else 1.0

    def descend(self, loss: Tensor) -> None:
        """One step of the optimizers along the gradient of ``loss``."""
        for optimizer in self.optimizers():
            optimizer.zero_grad()
        loss.backward()
        self.move()

    def move(self) -> None:
        """One step of the optimizers along the gradients that there are."""
        if self.settings.clip:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.clip)
        for optimizer in self.optimizers():
            optimizer.step()

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
        image, with noise from ``generator``, of the CPU. Raises :class:`ValueError` if that
        is impossible."""
        return


class BlockTransformStart(abc.ABC):
    """Of trainers whose networks can start as :mod:`rdbench.training.block_transform`."""

    @classmethod
    @abc.abstractmethod
    def start_as_block_transform(cls, network: Any, rate: float, optimized: str) -> None:
        """Set the weights of ``network``."""


class GrownStart(abc.ABC):
    """Of trainers whose entropy models can grow out of that of another architecture."""

    grows_out_of: ClassVar[Mapping[str, tuple[str, ...]]]
    """The parts that it takes, beside transforms, by architecture."""

    @classmethod
    @abc.abstractmethod
    def grow(cls, network: Any, source: Any, latents: Iterable[Tensor], beta: float = 1.0) -> None:
        """Let the entropy model of ``network`` begin as that of ``source``, which has the same
        transforms, on ``latents``, (1, maps, h, w) each, a step of which stands for ``beta`` of
        ``source``. Raises :class:`ValueError` for a network that cannot."""


class RateDistortionTrainer(Trainer):
    """bpp + λ·D: Ballé et al. and Theis et al.

    D is the mean squared error on the scale 0..255 or 1 − MS-SSIM, as in CompressAI: its λ·255²·MSE
    on the scale 0..1 is the same. MS-SSIM has no slope where a scale of it is not above 0, as at
    random weights, so that a training from these minimizes the squared error in its warm-up.
    """

    @classmethod
    def weights(cls, rate: float, optimized: str) -> tuple[float, float, float]:
        """Of bits per pixel, of the mean squared error, and of 1 − MS-SSIM, for λ = ``rate``."""
        return 1.0, rate / MS_SSIM_OVER_MSE if optimized == "ms-ssim" else rate, rate

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
