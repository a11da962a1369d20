"""The table of architectures: name, network and image coder, and files of weights made into coders.

A new architecture is a network, a :class:`Compressor`, and one line here.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from torch import nn

from rdbench.errors import UsageError, unknown
from rdbench.models import weights
from rdbench.models.balle import Balle2017, Balle2018
from rdbench.models.compression.base import Compressor, Execution
from rdbench.models.compression.dumas import DumasCompressor
from rdbench.models.compression.factorized import FactorizedCompressor
from rdbench.models.compression.hyperprior import HyperpriorCompressor
from rdbench.models.compression.lee import LeeCompressor
from rdbench.models.dumas2018 import Dumas2018
from rdbench.models.lee2019 import Configuration, Lee2019
from rdbench.models.theis2017 import Theis2017
from rdbench.schema import one_line


@dataclass(frozen=True)
class Architecture:
    """``network`` builds a network from the configuration of a card; ``compressor`` makes a coder
    of name, network, identity of the weights, and execution."""

    network: Callable[..., nn.Module]
    compressor: Callable[..., Compressor]


def _lee2019(*, discrete: bool = True, **arguments: Any) -> Lee2019:
    generator = arguments.pop("generator", None)
    return Lee2019(Configuration(**arguments), discrete=discrete, generator=generator)


ARCHITECTURES: Final[Mapping[str, Architecture]] = {
    "dumas2018": Architecture(Dumas2018, DumasCompressor),
    "theis2017": Architecture(Theis2017, FactorizedCompressor),
    "balle2017": Architecture(Balle2017, FactorizedCompressor),
    "balle2018": Architecture(Balle2018, HyperpriorCompressor),
    "lee2019": Architecture(_lee2019, LeeCompressor),
}


def build(card: weights.Card, generator: torch.Generator | None = None) -> nn.Module:
    """A new network of the architecture and configuration of ``card``, its weights drawn from
    ``generator``. Raises :class:`UsageError` for an architecture or argument that there is not."""
    if card.architecture not in ARCHITECTURES:
        raise unknown("architecture", card.architecture, ARCHITECTURES)
    try:
        return ARCHITECTURES[card.architecture].network(**card.configuration, generator=generator)
    except (TypeError, ValueError) as error:
        raise UsageError(f"architecture {card.architecture!r}: {one_line(str(error))}") from None


def network(path: Path) -> tuple[weights.Card, nn.Module, bytes]:
    """The network in the file ``path``, in evaluation mode, with its card and the identity of its
    weights. Raises :class:`UsageError` for a file that is no such thing."""
    card, state = weights.read(path)
    made = build(card)
    identity = weights.identity(state)
    try:
        made.load_state_dict(state)
    except RuntimeError as error:
        reason = one_line(str(error).splitlines()[-1], 160)
        raise UsageError(
            f"weights {str(path)!r} do not fit the architecture {card.architecture!r} that their "
            f"card names: {reason}"
        ) from None
    return card, made.eval(), identity


_loaded: weakref.WeakValueDictionary[tuple[Any, ...], Compressor] = weakref.WeakValueDictionary()


def load(path: Path, name: str, execution: Execution | None = None, **arguments: Any) -> Compressor:
    """The coder of the weights in ``path``, whose streams say ``name``.

    One object serves all who ask for the same while one of them keeps it. ``arguments`` go to the
    compressor. Raises :class:`UsageError` as :func:`network`.
    """
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
        kind = ARCHITECTURES[card.architecture].compressor
        found = kind(name, made, identity, execution, **arguments)
        _loaded[key] = found
    return found
