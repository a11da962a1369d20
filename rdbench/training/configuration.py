"""What is trained, on what and how: a TOML file as a :class:`Configuration`.

Keys that are not given have the values of the fields below. Paths in ``data`` and ``start`` are
as seen from the folder of the file.
"""

from __future__ import annotations

import dataclasses
import json
import math
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rdbench.errors import unknown
from rdbench.models.weights import SUFFIX, Card
from rdbench.toml import Table, read_toml

if TYPE_CHECKING:
    from rdbench.training.trainers import Trainer

CONFIGURATIONS: Final = Path(__file__).parent / "configurations"
NEIGHBOUR: Final = "neighbour"
"""``start`` of a family each member of which goes on from the one before it."""

_COLORS: Final = ("rgb", "luma")
_OPTIMISED: Final = ("mse", "ms-ssim")
_SCHEDULES: Final = ("cosine", "steps")
_PRECISIONS: Final = ("float32", "bfloat16")
_MS_SSIM_ABOVE: Final = 160
# What may change while a run is under way, since it does not decide what is trained.
_FREE: Final = {"data": ("memory_mib",), "run": ("device", "checkpoint_minutes")}


@dataclass(frozen=True)
class Data:
    """Where images come from, and what becomes of them."""

    train: tuple[str, ...]
    """known datasets, folders, files or globs, as :func:`rdbench.images.resolve` takes them"""
    validation: str
    color: str = "rgb"
    """rgb, or luma: BT.601, 16 to 235"""
    crop: int = 256
    """side in pixels"""
    batch: int = 8
    smallest_scale: float = 1.0
    """crops are reduced by factors drawn between this and 1, as if the images had been"""
    flips: bool = True
    """mirror half of the crops"""
    memory_mib: int = 4096
    """how much of the decoded images is kept; the others are decoded each time"""


@dataclass(frozen=True)
class Optimizer:
    """Of each network of the family."""

    steps: int
    rate: float = 1e-4
    """of Adam, at its highest"""
    schedule: str = "cosine"
    """cosine: falls to a hundredth; steps: is multiplied by ``factor`` at each of ``drops``"""
    drops: tuple[float, ...] = (0.8,)
    """fractions of the steps"""
    factor: float = 0.1
    warm_up: float = 0.01
    """fraction of the steps in which the rate rises or, for dumas2018, only the densities move"""
    clip: float = 1.0
    """largest norm of the gradient, 0 for any; dumas2018 has none"""
    step_rate: float = 0.0
    """dumas2018: of gradient descent for the quantization steps, 0 for the paper's"""
    average: float = 0.999
    """weight of the old in the moving average of the weights that is kept; 0 for no average"""


@dataclass(frozen=True)
class Run:
    """How it is carried out."""

    seed: int = 0
    device: str = "auto"
    """auto, cpu, cuda, cuda:1"""
    precision: str = "float32"
    """float32, or bfloat16: of the transforms"""
    checkpoint_minutes: float = 10.0
    validate_every: int = 5000
    """steps; 0 for at the end alone"""
    validate_images: int = 8


@dataclass(frozen=True)
class Member:
    """One network of a family."""

    name: str
    rate: float
    """λ of the paper's loss, or γ of Dumas 2018"""
    quality: int | None
    """the paper's number of it"""
    network: dict[str, Any]
    """arguments of the network"""


@dataclass(frozen=True)
class Configuration:
    """A family of networks to train, one after the other."""

    name: str
    architecture: str
    optimised: str
    """mse or ms-ssim"""
    start: str
    """empty, ``neighbour``, or a file of weights that all start from"""
    half: bool
    """whether weights are written as float16"""
    members: tuple[Member, ...]
    data: Data
    optimizer: Optimizer
    run: Run

    def card(self, member: Member, **training: Any) -> Card:
        """The card of the weights of ``member``."""
        rate = {"lambda": member.rate, "optimised": self.optimised}
        quality = {} if member.quality is None else {"quality": member.quality}
        return Card(self.architecture, member.network, {**rate, **quality, **training})

    def text(self) -> str:
        """As TOML, every value spelt out, each member with the arguments of its network."""
        values = dataclasses.asdict(self)
        members = values.pop("members")
        lines = _lines(values)
        for member in members:
            network = member.pop("network")
            lines += ["", "[[members]]", *_lines(member), "", "[members.network]", *_lines(network)]
        return "\n".join(lines) + "\n"

    def decisive(self) -> dict[str, Any]:
        """All that decides what is trained, as :func:`decisive` has it of a file."""
        return decisive(self.text())


def decisive(text: str) -> dict[str, Any]:
    """The values of the TOML in ``text``, as :meth:`Configuration.text` makes it, less those that
    may change while a run is under way. Raises :class:`ValueError` for anything else."""
    values = tomllib.loads(text)
    for table, keys in _FREE.items():
        for key in keys:
            del values[table][key]
    return values


def shipped() -> dict[str, Path]:
    """The configurations that come with the package, by name."""
    return {path.stem: path for path in sorted(CONFIGURATIONS.glob("*.toml"))}


def description(path: Path) -> str:
    """What a configuration says of itself."""
    return read_toml(path, "configuration").text("description", "")


def find(text: str) -> Path:
    """The file of a configuration that is named by path or by the name of a shipped one."""
    path = Path(text)
    if path.suffix == ".toml" or path.is_file():
        return path
    known = shipped()
    if text not in known:
        raise unknown("configuration", text, known, hint="one of your own is named FILE.toml")
    return known[text]


def read(path: Path, *, steps: int | None = None, device: str | None = None) -> Configuration:
    """The configuration in the file ``path``; ``steps`` and ``device`` stand before what it says.

    Raises :class:`UsageError` with file, key and reason.
    """
    from rdbench.training.trainers import TRAINERS

    table = read_toml(path, "configuration")
    table.allow(
        "description",
        "architecture",
        "optimised",
        "lambdas",
        "qualities",
        "start",
        "half",
        "network",
        "data",
        "optimizer",
        "run",
    )
    table.text("description", "")
    architecture = table.choice("architecture", TRAINERS)
    trainer = TRAINERS[architecture]
    optimised = table.choice("optimised", _OPTIMISED, "mse")
    if optimised not in trainer.optimised:
        raise table.error("optimised", f"{architecture} is trained for {trainer.optimised[0]}")
    data = _data(table.table("data", required=True), path.parent)
    members = _members(table, architecture, trainer, optimised, data.color)
    _check_crop(table.table("data"), data.crop, trainer.stride, optimised)
    return Configuration(
        path.stem,
        architecture,
        optimised,
        _start(table, path.parent),
        table.truth("half", False),
        members,
        data,
        _optimizer(table.table("optimizer", required=steps is None), trainer, steps),
        _run(table.table("run"), device),
    )


def _data(table: Table, folder: Path) -> Data:
    given = _fields(table, Data)
    data = Data(
        **{
            **given,
            "train": tuple(_from_folder(spec, folder) for spec in table.texts("train")),
            "validation": _from_folder(table.text("validation"), folder),
        }
    )
    table.choice("color", _COLORS, data.color)
    if not data.train:
        raise table.error("train", "names no images")
    _within(table, "batch", data.batch, 1)
    _within(table, "smallest_scale", data.smallest_scale, 0.1, 1)
    _within(table, "memory_mib", data.memory_mib, 0)
    return data


def _check_crop(table: Table, crop: int, stride: int, optimised: str) -> None:
    if crop < stride or crop % stride:
        raise table.error("crop", f"{crop} is not a multiple of {stride}, as the network wants it")
    if optimised == "ms-ssim" and crop <= _MS_SSIM_ABOVE:
        raise table.error("crop", f"{crop} is too small for MS-SSIM, which wants over 160 pixels")


def _optimizer(table: Table, trainer: type[Trainer], steps: int | None) -> Optimizer:
    given = _fields(table, Optimizer, leave_out=trainer.foreign_keys)
    if steps is not None:
        given["steps"] = steps
    elif "steps" not in given:
        raise table.error("steps", "is missing")
    if "drops" in given:
        given["drops"] = table.numbers("drops")
    optimizer = Optimizer(**given)
    table.choice("schedule", _SCHEDULES, optimizer.schedule)
    _within(table, "steps", optimizer.steps, 1)
    _within(table, "rate", optimizer.rate, 1e-12, 1)
    _within(table, "factor", optimizer.factor, 0, 1)
    _within(table, "warm_up", optimizer.warm_up, 0, 1)
    _within(table, "clip", optimizer.clip, 0)
    _within(table, "step_rate", optimizer.step_rate, 0)
    _within(table, "average", optimizer.average, 0, 0.999999)
    for drop in optimizer.drops:
        _within(table, "drops", drop, 0, 1)
    return optimizer


def _run(table: Table, device: str | None) -> Run:
    run = Run(**{**_fields(table, Run), **({"device": device} if device else {})})
    table.choice("precision", _PRECISIONS, run.precision)
    _within(table, "seed", run.seed, 0)
    _within(table, "checkpoint_minutes", run.checkpoint_minutes, 0)
    _within(table, "validate_every", run.validate_every, 0)
    _within(table, "validate_images", run.validate_images, 1)
    return run


def _members(
    table: Table, architecture: str, trainer: type[Trainer], optimised: str, color: str
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
    members = []
    papers = trainer.qualities(optimised)
    for rate in rates:
        if not (rate > 0 and math.isfinite(rate)):
            raise table.error("lambdas", f"{rate} is not above 0")
        members.append(Member(f"{architecture}-{rate:g}", rate, None, network))
    for quality in qualities:
        if quality not in papers:
            raise table.error("qualities", str(unknown("quality", str(quality), map(str, papers))))
        rate, arguments = papers[quality]
        whole = {**arguments, **network}
        number = quality if {**whole, **arguments} == whole else None
        members.append(Member(f"{architecture}-{rate:g}", rate, number, whole))
    if len({member.name for member in members}) < len(members):
        raise table.error("lambdas" if rates else "qualities", "has the same twice")
    return tuple(members)


def _start(table: Table, folder: Path) -> str:
    start = table.text("start", "")
    if start in ("", NEIGHBOUR):
        return start
    path = (folder / start).absolute()
    if path.suffix != SUFFIX or not path.is_file():
        raise table.error(
            "start", f"{start!r} is neither {NEIGHBOUR!r} nor a file of weights (*{SUFFIX})"
        )
    return str(path)


def _fields(table: Table, kind: Any, leave_out: tuple[str, ...] = ()) -> dict[str, Any]:
    """The values in ``table`` for the fields of a dataclass, by the types of the fields."""
    fields = [field for field in dataclasses.fields(kind) if field.name not in leave_out]
    table.allow(*(field.name for field in fields))
    readers: dict[str, Callable[[str], Any]] = {
        "str": table.text,
        "int": table.whole,
        "float": table.number,
        "bool": table.truth,
    }
    return {
        field.name: readers[str(field.type)](field.name)
        for field in fields
        if field.name in table.values and str(field.type) in readers
    }


def _within(table: Table, key: str, value: float, low: float, high: float = math.inf) -> None:
    if not low <= value <= high:
        bounds = f"at least {low:g}" if high == math.inf else f"between {low:g} and {high:g}"
        raise table.error(key, f"{value:g} is not {bounds}")


def _from_folder(spec: str, folder: Path) -> str:
    there = folder / spec.partition(":")[0]
    return str(folder.absolute() / spec) if there.exists() or "*" in spec else spec


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
