"""The table of architectures. Listing it does not import torch.

An architecture is found by its name in the table below, through the entry-point group
``rdbench.architectures`` of an installed package, or as ``path/to/file.py:NAME``: each names an
:class:`ArchitectureSpec`.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rdbench import plugins
from rdbench.errors import UsageError, unknown
from rdbench.models.names import current

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    import torch
    from torch import nn

    from rdbench.models.compression.base import Compressor

ENTRY_POINT_GROUP: Final = "rdbench.architectures"

_HERE: Final = "rdbench.models.architectures"
_BUILT_IN: Final[Mapping[str, str]] = {
    "dumas2018": f"{_HERE}.dumas2018:SPEC",
    "theis2017": f"{_HERE}.theis2017:SPEC",
    "bmshj2018-factorized": f"{_HERE}.bmshj2018_factorized:SPEC",
    "balle2018": f"{_HERE}.balle2018:SPEC",
    "lee2019": f"{_HERE}.lee2019:SPEC",
}
_from_files: Final[dict[str, ArchitectureSpec]] = {}
"""Architectures that were found in files, by name."""


@dataclass(frozen=True)
class ArchitectureSpec:
    """All that rdbench must know of an architecture to train and measure it."""

    name: str
    """in cards of weights and in streams: 1 to 32 printable ASCII characters without spaces"""
    network: Callable[..., nn.Module]
    """makes a network from the arguments in a card's configuration, with weights drawn from
    ``generator``"""
    compressor: Callable[..., Compressor]
    """makes a coder from name, network, identity of the weights, and execution"""
    trainer: str | type[Any]
    """the :class:`rdbench.training.trainers.base.Trainer`, or its ``module:Class``, so that
    measuring does not import training"""
    spread: Callable[[Any, torch.Generator], None] | None = None
    """changes a network with random weights so that its latents spread over a few steps, for
    measurements of time and memory"""
    configurations: tuple[str | Path, ...] = ()
    """of ``rdbench train``, the most usual first: names of those shipped with rdbench, or files"""


def known() -> list[str]:
    """The names of all architectures, built in, offered by installed packages or found in files."""
    return [*_BUILT_IN, *_installed(), *_from_files]


def find(name: str) -> ArchitectureSpec:
    """The architecture ``name``, or that of ``path/to/file.py:NAME``, which can be found by its own
    name from then on.

    Raises :class:`UsageError` for an unknown name, a file that does not exist, and an architecture
    with the same name as another one.
    """
    if file := plugins.split(name):
        return _from_file(*file)
    name = current(name)
    if name in _from_files:
        return _from_files[name]
    installed = _installed()
    if name in _BUILT_IN:
        target = _BUILT_IN[name]
    elif name in installed:
        target = installed[name].value
    else:
        hint = "one of your own is named FILE.py:NAME"
        raise unknown("architecture", name, known(), hint=hint)
    module, _, attribute = target.partition(":")
    return _checked(getattr(importlib.import_module(module), attribute, None), name, target)


def installed() -> list[ArchitectureSpec]:
    """The architectures of installed packages."""
    return [find(name) for name in _installed()]


@functools.cache
def _installed() -> dict[str, EntryPoint]:
    from importlib.metadata import entry_points

    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=ENTRY_POINT_GROUP):
        package = point.dist.name if point.dist else point.value
        if point.name in _BUILT_IN or point.name in found:
            other = found[point.name].value if point.name in found else _BUILT_IN[point.name]
            raise UsageError(
                f"architecture {point.name!r} of the package {package!r} ({point.value}) has the "
                f"same name as {other}; uninstall one of them"
            )
        found[point.name] = point
    return found


def _from_file(path: Path, attribute: str) -> ArchitectureSpec:
    path = path.resolve()
    module = plugins.module(path, "architecture file")
    where = f"{path}:{attribute}"
    spec = _checked(getattr(module, attribute, None), None, where)
    other = _from_files.get(spec.name)
    if spec.name in (*_BUILT_IN, *_installed()) or (other is not None and other is not spec):
        raise UsageError(
            f"architecture {spec.name!r} of {where} has the same name as another one; rename it"
        )
    _from_files[spec.name] = spec
    return spec


def _checked(found: object, name: str | None, where: str) -> ArchitectureSpec:
    if not isinstance(found, ArchitectureSpec):
        raise UsageError(f"{where} is not an ArchitectureSpec")
    if name is not None and found.name != name:
        raise UsageError(f"{where} is the architecture {found.name!r}, not {name!r}")
    return found
