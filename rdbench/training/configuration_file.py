"""Configurations of trainings in TOML files.

``architecture`` is a name, or ``FILE.py:NAME`` of one's own. ``lambdas`` and ``[network]``, or
``qualities`` of the paper, say which networks are trained; ``[data]``, ``[optimizer]`` and
``[run]`` how, and ``[trainer]`` what belongs to the architecture alone. ``start`` says where from:
``"neighbour"``, ``"block-transform"``, a file of weights, or ``{file, parts, beta}`` of one; with
``freeze`` the transforms of that stay, and their latents are computed once. Paths are as seen from
the folder of the file.
"""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rdbench import toml
from rdbench.errors import UsageError, unknown
from rdbench.models import architectures
from rdbench.models.names import FORMER
from rdbench.toml import Table, read_toml
from rdbench.training.configuration import (
    NEIGHBOUR,
    Configuration,
    Data,
    Member,
    Optimizer,
    Run,
    alike_networks,
)
from rdbench.training.start_table import check_frozen, read_start
from rdbench.training.tables import fields, one_of, within

if TYPE_CHECKING:
    from rdbench.training.trainers.base import Options, Trainer

CONFIGURATIONS: Final = Path(__file__).parent / "configurations"

_COLORS: Final = ("rgb", "luma")
_OPTIMISED: Final = ("mse", "ms-ssim")
_SCHEDULES: Final = ("cosine", "steps")
_METHODS: Final = ("adam", "muon")
_PRECISIONS: Final = ("float32", "bfloat16")
_MS_SSIM_ABOVE: Final = 160


def shipped() -> dict[str, Path]:
    """The configurations that come with the package, and those of installed architectures, by
    name."""
    own = toml.shipped(CONFIGURATIONS)
    others = (path for spec in architectures.installed() for path in spec.configurations)
    return {**{Path(path).stem: Path(path) for path in others}, **own}


def description(path: Path) -> str:
    """What a configuration says of itself."""
    return read_toml(path, "configuration").text("description", "")


def find(text: str) -> Path:
    """The file of a configuration that is named by path or by the name of a shipped one."""
    for former, name in FORMER.items():
        if text in (former, f"{former}-small"):
            text = text.replace(former, name)
    there = shipped()
    return there[text] if text in there else toml.find(text, CONFIGURATIONS, "configuration")


def read(path: Path, *, steps: int | None = None, device: str | None = None) -> Configuration:
    """The configuration in the file ``path``; ``steps`` and ``device`` stand before what it says.

    Raises :class:`UsageError` with file, key and reason.
    """
    from rdbench.training import trainers

    table = read_toml(path, "configuration")
    table.allow(
        "description",
        "architecture",
        "optimised",
        "lambdas",
        "qualities",
        "start",
        "first",
        "freeze",
        "half",
        "network",
        "data",
        "optimizer",
        "run",
        "trainer",
    )
    table.text("description", "")
    architecture = _architecture(table, path.parent)
    trainer = trainers.of(architecture)
    optimised = table.choice("optimised", _OPTIMISED, "mse")
    if optimised not in trainer.optimised:
        raise table.error("optimised", f"{architecture} is trained for {trainer.optimised[0]}")
    data = _data(table.table("data", required=True), path.parent)
    _check_crop(table.table("data"), data.crop, trainer.stride, optimised)
    optimizer = _optimizer(table.table("optimizer", required=steps is None), trainer, steps)
    start, first = (read_start(table, key, path.parent, trainer) for key in ("start", "first"))
    neighbours = start.source == NEIGHBOUR
    if first.source == NEIGHBOUR or (first.source and not neighbours):
        raise table.error("first", f"is of the first network where start = {NEIGHBOUR!r}")
    for key in ("neighbour_steps", "neighbour_rate"):
        if key in table.table("optimizer").values and not neighbours:
            raise table.error(f"optimizer.{key}", f"is of networks where start = {NEIGHBOUR!r}")
    members = _members(table, architecture, trainer, optimised, data.color, neighbours)
    freeze = table.truth("freeze", False)
    if freeze:
        check_frozen(table, trainer, data, start, members)
    finish = optimizer.finish_steps
    steps_then = (steps is None and optimizer.neighbour_steps) or optimizer.steps
    return Configuration(
        path.stem,
        architecture,
        optimised,
        start,
        first,
        freeze,
        table.truth("half", False),
        tuple(
            dataclasses.replace(member, steps=steps_then + finish, speed=optimizer.neighbour_rate)
            if neighbours and number and alike_networks(members[number - 1], member)
            else dataclasses.replace(member, steps=optimizer.steps + finish)
            for number, member in enumerate(members)
        ),
        data,
        optimizer,
        _run(table.table("run"), device),
        _options(table.table("trainer"), trainer),
    )


def _architecture(table: Table, folder: Path) -> str:
    """The name of the architecture, which may be that of a file."""
    text = table.text("architecture")
    try:
        file, _, name = text.rpartition(":")
        return architectures.find(f"{folder / file}:{name}" if file else text).name
    except UsageError as error:
        raise table.error("architecture", str(error)) from None


def _options(table: Table, trainer: type[Trainer]) -> Options:
    options = trainer.options_type(**fields(table, trainer.options_type))
    if problem := options.check():
        raise table.error(*problem)
    return options


def _data(table: Table, folder: Path) -> Data:
    given = fields(table, Data)
    latents = table.text("latents", "")
    data = Data(
        **{
            **given,
            "train": tuple(_from_folder(spec, folder) for spec in table.texts("train")),
            "validation": _from_folder(table.text("validation"), folder),
            "latents": str((folder / latents).absolute()) if latents else "",
        }
    )
    one_of(table, "color", data.color, _COLORS)
    if data.permute_colors and data.color == "luma":
        raise table.error("permute_colors", "luma has one channel")
    if not data.train:
        raise table.error("train", "names no images")
    within(table, "batch", data.batch, 1)
    within(table, "smallest_scale", data.smallest_scale, 0.1, 1)
    within(table, "memory_mib", data.memory_mib, 0)
    return data


def _check_crop(table: Table, crop: int, stride: int, optimised: str) -> None:
    if crop < stride or crop % stride:
        raise table.error("crop", f"{crop} is not a multiple of {stride}, as the network wants it")
    if optimised == "ms-ssim" and crop <= _MS_SSIM_ABOVE:
        raise table.error("crop", f"{crop} is too small for MS-SSIM, which wants over 160 pixels")


def _optimizer(table: Table, trainer: type[Trainer], steps: int | None) -> Optimizer:
    given = fields(table, Optimizer, leave_out=trainer.foreign_keys)
    if steps is not None:
        given["steps"] = steps
        given["finish_steps"] = 0
    elif "steps" not in given:
        raise table.error("steps", "is missing")
    if "drops" in table.values:
        given["drops"] = table.numbers("drops")
    optimizer = Optimizer(**given)
    one_of(table, "schedule", optimizer.schedule, _SCHEDULES)
    one_of(table, "method", optimizer.method, _METHODS)
    within(table, "steps", optimizer.steps, 1)
    within(table, "neighbour_steps", optimizer.neighbour_steps, 0)
    within(table, "neighbour_rate", optimizer.neighbour_rate, 1e-6, 1e6)
    within(table, "finish_steps", optimizer.finish_steps, 0)
    within(table, "kernel_rate", optimizer.kernel_rate, 1e-12, 1)
    within(table, "rate", optimizer.rate, 1e-12, 1)
    within(table, "density_rate", optimizer.density_rate, 1e-3, 1e3)
    within(table, "factor", optimizer.factor, 0, 1)
    within(table, "warm_up", optimizer.warm_up, 0, 1)
    within(table, "bits_ramp", optimizer.bits_ramp, 0, 1)
    within(table, "clip", optimizer.clip, 0)
    within(table, "average", optimizer.average, 0, 0.999999)
    for drop in optimizer.drops:
        within(table, "drops", drop, 0, 1)
    return optimizer


def _run(table: Table, device: str | None) -> Run:
    run = Run(**{**fields(table, Run), **({"device": device} if device else {})})
    one_of(table, "precision", run.precision, _PRECISIONS)
    within(table, "seed", run.seed, 0)
    within(table, "checkpoint_minutes", run.checkpoint_minutes, 0)
    within(table, "validate_every", run.validate_every, 0)
    within(table, "validate_images", run.validate_images, 1)
    return run


def _members(
    table: Table,
    architecture: str,
    trainer: type[Trainer],
    optimised: str,
    color: str,
    neighbours: bool,
) -> tuple[Member, ...]:
    network = dict(table.table("network").values)
    channels = 1 if color == "luma" else 3
    if channels not in trainer.channels:
        raise table.error("data.color", f"{architecture} has no networks for {color}")
    if network.get("channels", channels) != channels:
        raise table.error("network.channels", f"{network['channels']} do not go with {color}")
    if len(trainer.channels) > 1:
        network["channels"] = channels
    rates = table.numbers("lambdas", ())
    qualities = table.items("qualities", ())
    if bool(rates) == bool(qualities):
        raise table.error("lambdas", "give either lambdas or the paper's qualities")
    stem = trainer.stem(architecture, network)
    members = []
    papers = trainer.qualities(optimised)
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
    if neighbours and order not in (sorted(order), sorted(order, reverse=True)):
        raise table.error(
            "lambdas" if rates else "qualities",
            "is out of order, and each network goes on from the one before it; sort it",
        )
    if len({member.name for member in members}) < len(members):
        raise table.error("lambdas" if rates else "qualities", "has the same twice")
    return tuple(members)


def _from_folder(spec: str, folder: Path) -> str:
    there = folder / spec.partition(":")[0]
    return str(folder.absolute() / spec) if there.exists() or "*" in spec else spec
