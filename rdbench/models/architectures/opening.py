"""Networks and coders made from files of weights."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rdbench.errors import UsageError
from rdbench.models import weights
from rdbench.models.architectures.table import find
from rdbench.schema import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch
    from torch import Tensor, nn

    from rdbench.models.compression.base import Compressor, Execution

_MOST_LARGER: Final = 8
_ALWAYS_SAMPLES: Final = 1 << 22
"""A network may have ``_MOST_LARGER`` times the samples of its file, plus this many: buffers take
their sizes from the file."""


def build(card: weights.Card, generator: torch.Generator | None = None) -> nn.Module:
    """A new network of the architecture and configuration of ``card``, with weights drawn from
    ``generator``. Raises :class:`UsageError` for an unknown architecture, and for an unknown or
    invalid argument."""
    spec = find(card.architecture)
    try:
        return spec.network(**card.configuration, generator=generator)
    except (
        *(TypeError, ValueError, ArithmeticError, LookupError, RuntimeError),
        MemoryError,
    ) as error:
        reason = one_line(str(error).partition("\n")[0], 200) or type(error).__name__
        settings = one_line(", ".join(f"{k} = {v}" for k, v in card.configuration.items()), 160)
        what = f"architecture {card.architecture!r}" + (f" with {settings}" if settings else "")
        raise UsageError(f"{what}: {reason}") from None


def network(path: Path) -> tuple[weights.Card, nn.Module, bytes]:
    """The card, the network, in evaluation mode, and the identity of the weights in the file
    ``path``. Raises :class:`UsageError` as :func:`rdbench.models.weights.read` does, and for
    weights that do not fit their architecture."""
    card, state = weights.read(path)
    where = f"weights {str(path)!r}"
    does_not_fit = (
        f"{where} do not fit the architecture {card.architecture!r} that their card names"
    )
    try:
        reason = _misfit(card, state)
        made = None if reason else build(card)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from None
    if made is None:
        raise UsageError(f"{does_not_fit}: {reason}")
    identity = weights.identity(state)
    try:
        made.load_state_dict(state)
    except RuntimeError as error:
        reason = one_line(str(error).splitlines()[-1], 160)
        raise UsageError(f"{does_not_fit}: {reason}") from None
    return card, made.eval(), identity


def _misfit(card: weights.Card, state: Mapping[str, Tensor]) -> str:
    """What is wrong if the network that ``card`` describes is far larger than the file's; "" if it
    is not. It takes no memory: a card may describe a network of terabytes."""
    import torch

    spec = find(card.architecture)
    try:
        with torch.device("meta"):
            wanted = spec.network(**card.configuration, generator=None).state_dict()
    except Exception:  # a user's network may not work on this device
        return ""
    samples, there = (sum(one.numel() for one in of.values()) for of in (wanted, state))
    if samples <= _MOST_LARGER * there + _ALWAYS_SAMPLES:
        return ""
    return f"size mismatch: such a network has {samples:,} samples, but the file has {there:,}"


_USUAL: Final = {"channels": 3, "stride": 64}
"""What is assumed of networks that do not say."""

_loaded: weakref.WeakValueDictionary[tuple[Any, ...], Compressor] = weakref.WeakValueDictionary()


def load(path: Path, name: str, execution: Execution | None = None, **arguments: Any) -> Compressor:
    """The coder of the weights in ``path``; its streams carry the model's ``name``.

    All callers that ask for the same share one object, for as long as one of them keeps it.
    ``arguments`` go to the compressor. Raises :class:`UsageError` as :func:`network` does.
    """
    from rdbench.models.compression.base import Execution
    from rdbench.models.operations import count

    execution = execution or Execution()
    key = (
        path.resolve(),
        path.stat().st_mtime_ns if path.exists() else 0,
        name,
        execution,
        *sorted(arguments.items()),
    )
    found = _loaded.get(key)
    if found is None:
        card, made, identity = network(path)
        channels, stride = (getattr(made, key, usual) for key, usual in _USUAL.items())
        cost = count(made, channels=channels, stride=stride)
        found = find(card.architecture).compressor(name, made, identity, execution, **arguments)
        found.cost = cost
        _loaded[key] = found
    return found
