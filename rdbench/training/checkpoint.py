"""Checkpoints: what a training needs to continue as if it had not been interrupted. The file before
the newest one is kept, so a kill while a checkpoint is written leaves one of the two intact. Damage
is detected by the CRC of the file's parts, which ``torch.load`` does not check.
"""

from __future__ import annotations

import io
import pickle
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from rdbench.errors import RdbenchError, UsageError
from rdbench.files import write_atomically

NAME: Final = "checkpoint.pt"
PREVIOUS: Final = "checkpoint.previous.pt"


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training after ``step`` steps."""

    member: str
    step: int
    seconds: float
    """of training so far"""
    network: dict[str, Tensor]
    average: dict[str, Tensor]
    """the moving average of the weights by name; empty if none is kept"""
    optimizers: list[dict[str, Any]]


def save(folder: Path, checkpoint: Checkpoint) -> None:
    """Make ``checkpoint`` the newest one in ``folder``. Raises :class:`RdbenchError` if it cannot
    be written."""
    buffer = io.BytesIO()
    fields = {name: getattr(checkpoint, name) for name in Checkpoint.__dataclass_fields__}
    torch.save(fields, buffer)
    path = folder / NAME
    try:
        if path.exists():
            path.replace(folder / PREVIOUS)
        write_atomically(path, buffer.getvalue())
    except OSError as error:
        raise RdbenchError(
            f"cannot write {str(path)!r}: {error.strerror}; the checkpoint before it is kept: make "
            "room, then run the same command again"
        ) from error


def load(folder: Path) -> tuple[Checkpoint | None, str]:
    """The newest intact checkpoint in ``folder``, on the CPU, or None if there is none, and a line
    about a damaged one. Raises :class:`UsageError` if all of them are damaged."""
    complaints: list[str] = []
    for path in (folder / NAME, folder / PREVIOUS):
        if path.exists():
            try:
                return _read(path), "; ".join(complaints)
            except _DAMAGE as error:
                reason = str(error).split("\n", 1)[0][:120] or type(error).__name__
                complaints.append(f"{path.name} is damaged ({reason})")
    if complaints:
        raise UsageError(
            f"checkpoints in {str(folder)!r}: {'; '.join(complaints)}; start over with `fresh=True`"
        )
    return None, ""


_DAMAGE: Final = (
    OSError,
    RuntimeError,
    EOFError,
    KeyError,
    TypeError,
    ValueError,
    pickle.UnpicklingError,
    zipfile.BadZipFile,
    zlib.error,
)


def _read(path: Path) -> Checkpoint:
    with zipfile.ZipFile(path) as archive:
        if bad := archive.testzip():
            raise zipfile.BadZipFile(f"wrong CRC of {bad}")
    return Checkpoint(**torch.load(path, map_location="cpu", weights_only=True))
