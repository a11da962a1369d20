"""The keys ``start``, ``first`` and ``freeze`` of a configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from rdbench.models.weights import SUFFIX
from rdbench.toml import Form, Table
from rdbench.training.configuration import BLOCK_TRANSFORM, NEIGHBOR, Data, Member, Start

if TYPE_CHECKING:
    from rdbench.training.trainers.base import Trainer


class StartForm(Form, frozen=True):
    """``start = {file = ..., parts = [...], beta = ...}``."""

    file: str
    """a file of weights, by its path from this file"""
    parts: tuple[str, ...] = ()
    """the parts of the network that are taken from it, such as ``g_a``; by default all"""
    beta: Annotated[float, Meta(ge=1e-3, le=1e3)] = 1.0
    """the step of the latents in steps of those of the file, 0.001 to 1000; another than 1 is for
    ``g_a`` and ``g_s``"""


def read_start(table: Table, key: str, value: str | StartForm, trainer: type[Trainer]) -> Start:
    """What the ``value`` of ``key`` in the ``table`` of a configuration says that networks start
    from."""
    if isinstance(value, StartForm):
        given = table.table(key)
        if value.beta != 1 and not {"g_a", "g_s"} <= set(value.parts):
            raise given.error("beta", "is of the parts g_a and g_s")
        return Start(_weights(given, "file", value.file), value.parts, value.beta)
    from rdbench.training.trainers.base import BlockTransformStart  # and with it torch

    if value == BLOCK_TRANSFORM and not issubclass(trainer, BlockTransformStart):
        raise table.error(key, f"{value!r} is not for {table.values['architecture']}")
    if value in ("", NEIGHBOR, BLOCK_TRANSFORM):
        return Start(value)
    return Start(_weights(table, key, value, f"{NEIGHBOR!r}, {BLOCK_TRANSFORM!r} and "))


def _weights(table: Table, key: str, text: str, others: str = "") -> str:
    """The path of a file of weights."""
    path = (table.path.parent / text).absolute()
    if path.suffix != SUFFIX or not path.is_file():
        what = f"none of {others}" if others else "not "
        hint = "; no such file exists, so train that network first" * (path.suffix == SUFFIX)
        raise table.error(key, f"{text!r} is {what}a file of weights (*{SUFFIX}){hint}")
    return str(path)


def check_frozen(
    table: Table, trainer: type[Trainer], data: Data, start: Start, members: tuple[Member, ...]
) -> None:
    """Raise :class:`UsageError` where no entropy model can be trained on cached latents."""
    if not trainer.freezable:
        name = table.values["architecture"]
        raise table.error("freeze", f"{name} has no entropy model that is trained by itself")
    if not start.source.endswith(SUFFIX):
        raise table.error("freeze", "wants transforms: start = {file = ..., parts = [...]}")
    if len(members) > 1:
        raise table.error("lambdas", "frozen transforms have one rate; name one, and a beta")
    if data.smallest_scale != 1:
        raise table.error("data.smallest_scale", "is 1 where latents are cached: freeze")
    if data.permute_colors:
        raise table.error("data.permute_colors", "is false where latents are cached: freeze")
