"""The keys ``start``, ``first`` and ``freeze`` of a configuration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rdbench.models.weights import SUFFIX
from rdbench.toml import Table
from rdbench.training.configuration import BLOCK_TRANSFORM, NEIGHBOUR, Data, Member, Start
from rdbench.training.tables import within

if TYPE_CHECKING:
    from rdbench.training.trainers.base import Trainer


def read_start(table: Table, key: str, folder: Path, trainer: type[Trainer]) -> Start:
    """What ``key`` of a configuration, in the folder ``folder``, says that networks start from."""
    if isinstance(table.values.get(key), dict):
        given = table.table(key)
        given.allow("file", "parts", "beta")
        beta = given.number("beta", 1.0)
        within(given, "beta", beta, 1e-3, 1e3)
        parts = given.texts("parts", ())
        if beta != 1 and not {"g_a", "g_s"} <= set(parts):
            raise given.error("beta", "is of the parts g_a and g_s")
        return Start(_weights(given, "file", folder), parts, beta)
    source = table.text(key, "")
    if source == BLOCK_TRANSFORM and not trainer.block_transform:
        raise table.error(key, f"{source!r} is not for {table.text('architecture')}")
    if source in ("", NEIGHBOUR, BLOCK_TRANSFORM):
        return Start(source)
    return Start(_weights(table, key, folder, f"{NEIGHBOUR!r}, {BLOCK_TRANSFORM!r} and "))


def _weights(table: Table, key: str, folder: Path, others: str = "") -> str:
    """The path of a file of weights."""
    text = table.text(key)
    path = (folder / text).absolute()
    if path.suffix != SUFFIX or not path.is_file():
        what = f"none of {others}" if others else "not "
        raise table.error(key, f"{text!r} is {what}a file of weights (*{SUFFIX})")
    return str(path)


def check_frozen(
    table: Table, trainer: type[Trainer], data: Data, start: Start, members: tuple[Member, ...]
) -> None:
    """Raise :class:`UsageError` where no entropy model can be trained on cached latents."""
    name = table.text("architecture")
    if not trainer.freezable:
        raise table.error("freeze", f"{name} has no entropy model that is trained by itself")
    if not start.source.endswith(SUFFIX):
        raise table.error("freeze", "wants transforms: start = {file = ..., parts = [...]}")
    if len(members) > 1:
        raise table.error("lambdas", "frozen transforms have one rate; name one, and a beta")
    if data.smallest_scale != 1:
        raise table.error("data.smallest_scale", "is 1 where latents are cached: freeze")
    if data.permute_colors:
        raise table.error("data.permute_colors", "is false where latents are cached: freeze")
