"""Files of weights: safetensors with a card that describes their network.

A file holds the state of a network under the names of ``torch.nn.Module.state_dict``, in float32 or
float16, and a :class:`Card` in its metadata. Reading the card does not need torch. The identity of
weights is a hash of the names, types, shapes and bytes of the tensors, so it does not depend on the
card or the kind of file. Streams carry its first 8 bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rdbench import plugins
from rdbench.errors import UsageError
from rdbench.files import parsed, write_atomically
from rdbench.models.names import current, current_card
from rdbench.schema import one_line
from rdbench.text import quoted

if TYPE_CHECKING:
    from torch import Tensor

SUFFIX: Final = ".safetensors"
SHIPPED: Final = Path(__file__).parent / "trained"
"""The folder of the weights that rdbench ships."""
IDENTITY_BYTES: Final = 8

MOST_VALUE: Final = 1e15
"""The largest magnitude of a number in a card."""
CHANNELS: Final = (1, 3)

_FORMAT: Final = "1"


@dataclass(frozen=True)
class Card:
    """What a file of weights says about itself."""

    architecture: str
    """Its name, as :func:`rdbench.models.architectures.find` takes it."""
    configuration: Mapping[str, Any]
    """The arguments of the network: channels, case, ..."""
    training: Mapping[str, Any] = field(default_factory=dict)
    """How it was trained: "lambda", which is required (γ of Dumas et al. 2018 has the same name),
    "optimized" ("mse" or "ms-ssim"), "quality" if the paper has a number for it, "steps", "data",
    "seconds", "hardware", ..."""


def write(path: Path, card: Card, state: Mapping[str, Tensor], *, half: bool = False) -> None:
    """Write ``card`` and the weights ``state`` to ``path``, all at once or not at all. ``half``
    stores float32 tensors as float16."""
    import torch
    from safetensors.torch import save

    tensors = {
        name: (tensor.half() if half and tensor.dtype == torch.float32 else tensor)
        .detach()
        .cpu()
        .contiguous()
        for name, tensor in state.items()
    }
    metadata = {
        "rdbench": _FORMAT,
        "architecture": card.architecture,
        "configuration": json.dumps(dict(card.configuration)),
        "training": json.dumps(dict(card.training)),
    }
    write_atomically(path, save(tensors, metadata))


def read_card(path: Path) -> Card:
    """The card of the file ``path``; the tensors are not read.

    Raises :class:`UsageError` for a file that is missing, damaged, or of another program."""
    from safetensors import SafetensorError, safe_open

    where = f"weights {str(path)!r}"
    if not path.is_file():
        raise UsageError(f"{where}: there is no such file")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise UsageError(f"{where}: damaged, or not safetensors ({one_line(str(error))})") from None
    if metadata.get("rdbench") != _FORMAT:
        raise UsageError(
            f"{where}: not written by `rdbench train`; a checkpoint of CompressAI is measured "
            "as codec zoo:arch=...,checkpoint=FILE"
        )
    try:
        return _card(metadata)
    except KeyError as error:
        raise UsageError(f"{where}: its card is damaged (it has no {error})") from None
    except ValueError as error:
        raise UsageError(f"{where}: its card is damaged ({one_line(str(error), 160)})") from None


def _card(metadata: Mapping[str, str]) -> Card:
    """The card in the metadata of a file. Raises :class:`KeyError` and :class:`ValueError`."""
    configuration, training = (
        _table(name, metadata[name]) for name in ("configuration", "training")
    )
    rate = training["lambda"]
    if isinstance(rate, bool) or not isinstance(rate, int | float) or rate <= 0:
        raise ValueError(f"lambda is {quoted(rate)}, not a number above 0")
    channels = configuration.get("channels", 3)
    if type(channels) is not int or channels not in CHANNELS:
        taken = " or ".join(map(str, CHANNELS))
        raise ValueError(f"channels is {quoted(channels)}, but images have {taken}")
    architecture = current(metadata["architecture"])
    if plugins.split(architecture):
        raise ValueError("its architecture is a Python file, and a card cannot run one")
    return Card(architecture, configuration, {**current_card(training), "lambda": float(rate)})


def _table(name: str, text: str) -> dict[str, Any]:
    """The table ``name`` of a card, from its JSON. Raises :class:`ValueError` if ``text`` is not a
    table, or has a number that is not finite or exceeds :data:`MOST_VALUE`."""
    table = parsed(json.loads, text)
    if not isinstance(table, dict):
        raise ValueError(f"{name} is not a table")
    waiting: list[Any] = [table]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, int | float) and not -MOST_VALUE <= value <= MOST_VALUE:
            raise ValueError(f"{name} holds {quoted(value)}, a number out of range")
    return table


def read(path: Path) -> tuple[Card, dict[str, Tensor]]:
    """The card and the tensors of the file ``path``, as stored, on the CPU.

    Raises :class:`UsageError` as :func:`read_card` does, and for values that are not finite."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    card = read_card(path)
    where = f"weights {str(path)!r}"
    try:
        state = load_file(path)
    except (SafetensorError, OSError, RuntimeError, LookupError) as error:
        raise UsageError(f"{where}: damaged ({one_line(str(error), 160)})") from None
    check_finite(state, where)
    return card, state


def check_finite(state: Mapping[str, Tensor], where: str) -> None:
    """Raise :class:`UsageError` if a tensor holds NaN or infinity, or has a type that cannot be
    checked; ``where`` names the file."""
    import torch

    for name, tensor in state.items():
        try:
            finite = not tensor.is_floating_point() or bool(torch.isfinite(tensor).all())
        except RuntimeError:  # such as packed 4-bit floats
            raise UsageError(
                f"{where}: {name!r} has the type {tensor.dtype}; save it as float32"
            ) from None
        if not finite:
            raise UsageError(
                f"{where}: {name!r} holds values that are not finite; the training diverged: use "
                "an earlier checkpoint"
            )


def identity(state: Mapping[str, Tensor]) -> bytes:
    """The first 8 bytes of the SHA-256 over the names (sorted), types, shapes and bytes of the
    tensors."""
    import torch

    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data if tensor.numel() else b"")
    return digest.digest()[:IDENTITY_BYTES]


def catalog(folder: Path) -> dict[Path, Card]:
    """The files of weights in ``folder``, sorted by name, with their cards. Raises
    :class:`UsageError` if it is not a folder, or has a file that is damaged or of another
    program."""
    if not folder.is_dir():
        what = "it is a file; name its folder" if folder.exists() else "there is no such folder"
        raise UsageError(f"checkpoints {str(folder)!r}: {what}")
    return {path: read_card(path) for path in sorted(folder.glob(f"*{SUFFIX}"))}
