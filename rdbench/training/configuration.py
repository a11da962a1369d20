"""What is trained, on what data and how. The fields of :class:`Data`, :class:`Optimizer` and
:class:`Run` are the keys of the tables of a configuration file, with their defaults.
"""

from __future__ import annotations

import json
import math
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from rdbench.files import parsed
from rdbench.models.weights import Card
from rdbench.toml import Form

if TYPE_CHECKING:
    from rdbench.training.trainers.base import Options

NEIGHBOR: Final = "neighbor"
"""``start`` of a family in which each member continues from the one before it."""
BLOCK_TRANSFORM: Final = "block-transform"
"""``start`` of networks that begin as :mod:`rdbench.training.block_transform`."""

FINISH_SPEED: Final = 0.1
"""The factor on the learning rates during ``finish_steps``."""

_LOWEST: Final = 0.01
Count = Annotated[int, Meta(ge=0)]
Fraction = Annotated[float, Meta(ge=0, le=1)]
Rate = Annotated[float, Meta(ge=1e-12, le=1)]

# What may change while a run is under way, since it does not decide what is trained.
_FREE: Final = {"data": ("memory_mib", "latents"), "run": ("device", "checkpoint_minutes")}


class Data(Form, frozen=True):
    """The images, and how they are prepared."""

    train: tuple[str, ...]
    """known datasets, folders, files or globs, as :func:`rdbench.images.resolve` takes them"""
    validation: str
    """the images for validation, as ``train`` takes them"""
    color: Literal["rgb", "luma"] = "rgb"
    """rgb, or luma: BT.601, 16 to 235"""
    crop: int = 256
    """side in pixels"""
    batch: Annotated[int, Meta(ge=1)] = 8
    """number of crops in a step"""
    smallest_scale: Annotated[float, Meta(ge=0.1, le=1)] = 1.0
    """crops are downscaled by factors drawn between this and 1"""
    flips: bool = True
    """mirror half of the crops"""
    vertical_flips: bool = False
    """turn half of the crops upside down"""
    transposes: bool = False
    """swap rows and columns of half of the crops"""
    permute_colors: bool = False
    """shuffle red, green and blue of each crop"""
    memory_mib: Count = 4096
    """memory for decoded images; those that do not fit are decoded each time"""
    latents: str = ""
    """the folder of the latents of frozen transforms; by default one in that of the training"""


@dataclass(frozen=True)
class Start:
    """What a network starts from."""

    source: str = ""
    """``neighbor``, ``block-transform``, or a file of weights; empty for random weights"""
    parts: tuple[str, ...] = ()
    """parts of the network in the file, such as "g_a"; empty for all of it"""
    beta: float = 1.0
    """the step of its latents, in steps of the file's"""

    def __str__(self) -> str:
        name = Path(self.source).name
        parts = f": {', '.join(self.parts)}" if self.parts else ""
        return name + parts + (f", beta {self.beta:g}" if self.beta != 1 else "")


class Optimizer(Form, frozen=True):
    """The training of each network of the family."""

    steps: Annotated[int, Meta(ge=1)]
    """number of steps of each network, without ``finish_steps``"""
    neighbor_steps: Count = 0
    """steps of a network that starts from its neighbor; 0 for as many as the first, which is also
    used if the layers differ"""
    neighbor_rate: Annotated[float, Meta(ge=1e-6, le=1e6)] = 1.0
    """the factor on the learning rates of such a network"""
    finish_steps: Count = 0
    """additional steps at the end, in float32, with a tenth of the learning rates and a new
    average: files are used in float32, but a network trained in bfloat16 has adapted to its
    systematic rounding (up to one level in the brightness of an image)"""
    method: Literal["adam", "muon"] = "adam"
    """adam, or muon: :mod:`rdbench.training.muon` for the kernels, Adam for the rest"""
    rate: Rate = 1e-4
    """the highest learning rate of Adam"""
    density_rate: Annotated[float, Meta(ge=1e-3, le=1e3)] = 1.0
    """the factor on the learning rate of Adam for the parameters of densities, which take far
    longer steps than transforms"""
    density_delay: Fraction = 0.0
    """fraction of the steps in which that factor is 1. With frozen transforms, the density of the
    still unused side information would otherwise narrow to 0 before the hyperprior learns to use
    it, and the side information would be lost"""
    kernel_rate: Rate = 5e-3
    """the highest learning rate of Muon: the size of a step relative to that of the kernel"""
    schedule: Literal["cosine", "steps"] = "cosine"
    """cosine: the learning rate falls to a hundredth; steps: it is multiplied by ``factor`` at each
    of ``drops``"""
    drops: tuple[Fraction, ...] = (0.8,)
    """fractions of the steps"""
    factor: Fraction = 0.1
    """the factor on the learning rate at each of ``drops``"""
    warm_up: Fraction = 0.01
    """fraction of the steps in which the learning rate rises"""
    bits_ramp: Fraction = 0.0
    """fraction of the steps in which the weight of the rate in the loss rises from a hundredth, so
    that a short training from random weights does not set its latents to 0 at the start"""
    clip: Annotated[float, Meta(ge=0)] = 1.0
    """largest norm of the gradient; 0 for no limit"""
    average: Annotated[float, Meta(ge=0, le=0.999999)] = 0.999
    """weight of the past in the moving average of the weights; 0 for no average"""

    def rate_at(self, progress: float, *, still: float = 0.0) -> float:
        """The learning rate of Adam after ``progress``, a fraction of the training: rising linearly
        during the warm-up, which follows a fraction ``still``, then by ``schedule``."""
        top = still + self.warm_up
        if progress < top:
            return self.rate * max(progress - still, 0.0) / self.warm_up
        if self.schedule == "steps":
            return self.rate * self.factor ** sum(progress >= drop for drop in self.drops)
        way = (progress - top) / max(1 - top, 1e-9)
        falling = (1 + math.cos(math.pi * min(max(way, 0.0), 1.0))) / 2
        return self.rate * (_LOWEST + (1 - _LOWEST) * falling)


class Run(Form, frozen=True):
    """How it is carried out."""

    seed: Count = 0
    """the seed of weights, crops and noise"""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1"""
    precision: Literal["float32", "bfloat16"] = "float32"
    """precision of the transforms: float32 or bfloat16"""
    checkpoint_minutes: Annotated[float, Meta(ge=0)] = 10.0
    """minutes between checkpoints, from which an interrupted training resumes"""
    validate_every: Count = 5000
    """steps between validations; 0 for only at the end"""
    validate_images: Annotated[int, Meta(ge=1)] = 8
    """number of images of the validation set; statistics for the coder are taken from all of it"""


@dataclass(frozen=True)
class Member:
    """One network of a family."""

    name: str
    rate: float
    """λ of the paper's loss, by whatever name"""
    quality: int | None
    """the paper's number of it"""
    steps: int
    """including those of finishing"""
    speed: float
    """the factor on the learning rates before finishing"""
    network: dict[str, Any]
    """arguments of the network"""


def alike_networks(one: Member, other: Member) -> bool:
    """Whether weights of one fit the other."""
    return one.network == other.network


@dataclass(frozen=True)
class Configuration:
    """A family of networks to train, one after the other."""

    name: str
    architecture: str
    optimized: str
    """mse or ms-ssim"""
    start: Start
    first: Start
    """for ``neighbor``: the start of the first network, and of those whose layers differ from the
    one before"""
    freeze: bool
    """whether the transforms stay fixed, and only the entropy model is trained"""
    half: bool
    """whether weights are written as float16"""
    members: tuple[Member, ...]
    data: Data
    optimizer: Optimizer
    run: Run
    trainer: Options
    """options specific to the architecture"""

    def card(self, member: Member, **training: Any) -> Card:
        """The card of the weights of ``member``."""
        rate = {"lambda": member.rate, "optimized": self.optimized}
        quality = {} if member.quality is None else {"quality": member.quality}
        return Card(self.architecture, member.network, {**rate, **quality, **training})

    def start_of(self, number: int) -> Start:
        """The start of the member ``number``: ``start``, or ``first`` if that would be a neighbor
        that does not exist or has other layers."""
        alike = number > 0 and alike_networks(self.members[number - 1], self.members[number])
        return self.first if self.start.source == NEIGHBOR and not alike else self.start

    def text(self) -> str:
        """As TOML with every value, each member with the arguments of its network."""
        values = msgspec.to_builtins(self)
        members = values.pop("members")
        lines = _lines(values)
        for member in members:
            network = member.pop("network")
            del member["steps"], member["speed"]  # as [optimizer] says
            lines += ["", "[[members]]", *_lines(member), "", "[members.network]", *_lines(network)]
        return "\n".join(lines) + "\n"

    def decisive(self) -> dict[str, Any]:
        """Everything that decides what is trained, as :func:`decisive` returns it for a file."""
        return decisive(self.text())


def decisive(text: str) -> dict[str, Any]:
    """The values of the TOML ``text`` of :meth:`Configuration.text`, without those that may change
    during a run. Raises :class:`ValueError` for anything else."""
    values: dict[str, Any] = parsed(tomllib.loads, text)
    for table, keys in _FREE.items():
        for key in keys:
            del values[table][key]
    return values


def _lines(values: dict[str, Any]) -> list[str]:
    """A table as lines of TOML, its own values first."""
    lines = [f"{key} = {_value(value)}" for key, value in values.items() if _plain(value)]
    for key, value in values.items():
        if isinstance(value, dict):
            lines += ["", f"[{key}]", *_lines(value)]
    return lines


def _plain(value: Any) -> bool:
    return value is not None and not isinstance(value, dict)


def _value(value: Any) -> str:
    # JSON's texts, numbers and arrays are TOML's, but for the characters that TOML wants escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
