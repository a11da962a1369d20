"""Configurations of trainings in TOML files. ``architecture`` is a name, or your own as
``FILE.py:NAME``. ``lambdas`` and ``[network]``, or ``qualities`` of the paper, define the networks;
``[data]``, ``[optimizer]`` and ``[run]`` define how they are trained, and ``[trainer]`` has options
specific to the architecture. ``start`` is ``"neighbor"``, ``"block-transform"``, a file of
weights, or ``{file, parts, beta}``; with ``freeze``, its transforms stay fixed, and their latents
are computed once. Paths are relative to the folder of the file.
"""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from rdbench import toml
from rdbench.errors import UsageError, unknown
from rdbench.models import architectures
from rdbench.models.names import FORMER
from rdbench.toml import Form, Table, read_toml
from rdbench.training.configuration import (
    NEIGHBOR,
    Configuration,
    Data,
    Member,
    Optimizer,
    Run,
    alike_networks,
)
from rdbench.training.start_table import StartForm, check_frozen, read_start

if TYPE_CHECKING:
    from rdbench.training.trainers.base import Trainer

CONFIGURATIONS: Final = Path(__file__).parent / "configurations"

_MS_SSIM_ABOVE: Final = 160


def shipped() -> dict[str, Path]:
    """The configurations that rdbench ships, and those of installed architectures, by name."""
    own = toml.shipped(CONFIGURATIONS)
    others = (path for spec in architectures.installed() for path in spec.configurations)
    return {**{Path(path).stem: Path(path) for path in others}, **own}


def description(path: Path) -> str:
    """The description in a configuration."""
    return str(read_toml(path, "configuration").values.get("description", ""))


def find(text: str) -> Path:
    """The file of a configuration that is named by path or by the name of a shipped one."""
    for former, name in FORMER.items():
        if text in (former, f"{former}-small"):
            text = text.replace(former, name)
    there = shipped()
    return there[text] if text in there else toml.find(text, CONFIGURATIONS, "configuration")


class ConfigurationForm(Form, frozen=True):
    """A configuration as a TOML file has it."""

    architecture: str
    """its name, or FILE.py:NAME of your own"""
    data: Data
    """the images, and how they are prepared"""
    optimizer: Optimizer
    """the training of each network"""
    description: str = ""
    """what it is for"""
    optimized: Literal["mse", "ms-ssim"] = "mse"
    """the distortion in the loss"""
    lambdas: tuple[float, ...] = ()
    """λ of the paper's loss for each network, above 0; either these or ``qualities``"""
    qualities: tuple[int, ...] = ()
    """the paper's numbers of networks, which give λ and the arguments of the network"""
    start: str | StartForm = ""
    """``"neighbor"`` (the network before it in the family), ``"block-transform"``, a file of
    weights, or a table; by default random weights"""
    first: str | StartForm = ""
    """with ``start = "neighbor"``: the start of the first network, and of those whose layers differ
    from the one before"""
    freeze: bool = False
    """whether the transforms stay fixed, and only the entropy model is trained, on cached
    latents"""
    half: bool = False
    """whether weights are written as float16 instead of float32"""
    network: dict[str, Any] = msgspec.field(default_factory=dict)
    """arguments of the network, such as ``channels``"""
    run: Run = Run()
    """how the training is carried out"""
    trainer: dict[str, Any] = msgspec.field(default_factory=dict)
    """options of the architecture. Only ``dumas2018`` has one: ``step_rate``, that of gradient
    descent for the quantization steps, by default the paper's 2e-8"""


def read(path: Path, *, steps: int | None = None, device: str | None = None) -> Configuration:
    """The configuration in the file ``path``; ``steps`` and ``device`` override it. Raises
    :class:`UsageError` with file, key and reason.
    """
    from rdbench.training import trainers

    table = read_toml(path, "configuration")
    if steps is not None:
        given = table.table("optimizer").values
        table.values["optimizer"] = {**given, "steps": steps, "finish_steps": 0}
    if device:
        table.values["run"] = {**table.table("run").values, "device": device}
    form = table.form(ConfigurationForm)
    architecture = _architecture(table, form.architecture)
    trainer = trainers.of(architecture)
    if form.optimized not in trainer.optimized:
        raise table.error(
            "optimized", f"{architecture} can only be trained for {trainer.optimized[0]}"
        )
    data = _data(table.table("data"), form, trainer)
    optimizer = form.optimizer
    for key in trainer.foreign_keys:
        if key in table.table("optimizer").values:
            raise table.error(f"optimizer.{key}", f"unknown key {key!r} for {architecture}")
    start = read_start(table, "start", form.start, trainer)
    first = read_start(table, "first", form.first, trainer)
    neighbors = start.source == NEIGHBOR
    if first.source == NEIGHBOR or (first.source and not neighbors):
        raise table.error("first", f"is for the first network with start = {NEIGHBOR!r}")
    for key in ("neighbor_steps", "neighbor_rate"):
        if key in table.table("optimizer").values and not neighbors:
            raise table.error(f"optimizer.{key}", f"is for networks with start = {NEIGHBOR!r}")
    members = _members(table, form, architecture, trainer, neighbors)
    if form.freeze:
        check_frozen(table, trainer, data, start, members)
    finish = optimizer.finish_steps
    steps_then = (steps is None and optimizer.neighbor_steps) or optimizer.steps
    return Configuration(
        path.stem,
        architecture,
        form.optimized,
        start,
        first,
        form.freeze,
        form.half,
        tuple(
            dataclasses.replace(member, steps=steps_then + finish, speed=optimizer.neighbor_rate)
            if neighbors and number and alike_networks(members[number - 1], member)
            else dataclasses.replace(member, steps=optimizer.steps + finish)
            for number, member in enumerate(members)
        ),
        data,
        optimizer,
        form.run,
        table.table("trainer").form(trainer.options_type),
    )


def _architecture(table: Table, text: str) -> str:
    """The name of the architecture, which may be that of a file."""
    try:
        file, _, name = text.rpartition(":")
        return architectures.find(f"{table.path.parent / file}:{name}" if file else text).name
    except UsageError as error:
        raise table.error("architecture", str(error)) from None


def _data(table: Table, form: ConfigurationForm, trainer: type[Trainer]) -> Data:
    data, folder = form.data, table.path.parent
    if data.permute_colors and data.color == "luma":
        raise table.error("permute_colors", "luma has one channel")
    if not data.train:
        raise table.error("train", "names no images")
    if data.crop < trainer.stride or data.crop % trainer.stride:
        reason = f"{data.crop} is not a multiple of {trainer.stride}, which the network needs"
        raise table.error("crop", reason)
    if form.optimized == "ms-ssim" and data.crop <= _MS_SSIM_ABOVE:
        reason = (
            f"{data.crop} is too small for MS-SSIM, which needs more than {_MS_SSIM_ABOVE} pixels"
        )
        raise table.error("crop", reason)
    return msgspec.structs.replace(
        data,
        train=tuple(_from_folder(spec, folder) for spec in data.train),
        validation=_from_folder(data.validation, folder),
        latents=str((folder / data.latents).absolute()) if data.latents else "",
    )


def _members(
    table: Table,
    form: ConfigurationForm,
    architecture: str,
    trainer: type[Trainer],
    neighbors: bool,
) -> tuple[Member, ...]:
    network, color = dict(form.network), form.data.color
    channels = 1 if color == "luma" else 3
    if channels not in trainer.channels:
        raise table.error("data.color", f"{architecture} has no networks for {color}")
    if network.get("channels", channels) != channels:
        raise table.error("network.channels", f"{network['channels']} do not fit {color}")
    if len(trainer.channels) > 1:
        network["channels"] = channels
    rates, qualities = form.lambdas, form.qualities
    if bool(rates) == bool(qualities):
        raise table.error("lambdas", "give either lambdas or the paper's qualities")
    stem = trainer.stem(architecture, network)
    members = []
    papers = trainer.qualities(form.optimized)
    for rate in rates:
        if not (rate > 0 and math.isfinite(rate)):
            raise table.error("lambdas", f"{rate} is not above 0")
        members.append(Member(f"{stem}-{rate:g}", rate, None, 0, 1.0, network))
    for quality in qualities:
        if quality not in papers:
            raise table.error("qualities", str(unknown("quality", str(quality), map(str, papers))))
        rate, arguments = papers[quality]
        whole = {**arguments, **network}
        number = quality if {**whole, **arguments} == whole else None
        members.append(Member(f"{stem}-{rate:g}", rate, number, 0, 1.0, whole))
    order = [member.rate for member in members]
    if neighbors and order not in (sorted(order), sorted(order, reverse=True)):
        raise table.error(
            "lambdas" if rates else "qualities",
            "is out of order, but each network starts from the one before it; sort it",
        )
    if len({member.name for member in members}) < len(members):
        raise table.error("lambdas" if rates else "qualities", "has a value twice")
    return tuple(members)


def _from_folder(spec: str, folder: Path) -> str:
    there = folder / spec.partition(":")[0]
    return str(folder.absolute() / spec) if there.exists() or "*" in spec else spec
