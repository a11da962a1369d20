"""The model to inspect, from a file of weights or the name of a learned codec."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rdbench.codecs import registry
from rdbench.codecs.learned import LearnedCodec
from rdbench.errors import MissingBackendError, UsageError
from rdbench.models import weights
from rdbench.models.compression.base import Compressor


@dataclass(frozen=True)
class Model:
    """A trained network, and what it says of its latents."""

    name: str
    coders: Mapping[str, Compressor]
    """The same network with each of its lossless coders; the first is "ans"."""
    means: NDArray[np.float64] | None
    """μ̄_i, (maps,), where the network was given them by its training"""
    exception: int | None
    """the map whose latents are unlike the others', counted from 0, where it was looked for"""

    @property
    def compressor(self) -> Compressor:
        return self.coders["ans"]

    @property
    def maps(self) -> int:
        """How many maps y has."""
        side, channels = self.compressor.stride, self.compressor.channels
        return int(self.compressor.analysis(np.zeros((side, side, channels), np.uint8)).shape[1])


def open_model(source: str, channels: int) -> Model:
    """The model in the file ``source``, or that of the codec ``source`` for images of ``channels``
    channels, with the weights that rdbench ships.

    Raises :class:`UsageError` for a file that is missing, damaged or of another program, and for a
    codec that is unknown or does not have exactly one such model;
    :class:`rdbench.errors.MissingBackendError` if a package is missing.
    """
    for package in ("torch", "constriction", "safetensors"):
        if importlib.util.find_spec(package) is None:
            raise MissingBackendError(
                f"inspecting weights needs {package}; pip install 'rdbench[learned]'"
            )
    from rdbench.models import architectures

    path, arguments = _located(source, channels)
    name = source if arguments is not None else path.stem
    arguments = arguments or {}
    usual = architectures.load(path, name, **arguments)
    coders = {"ans": usual}
    for coder in usual.coders[1:]:
        coders[coder] = architectures.load(path, name, coder=coder, **arguments)
    return Model(name, coders, getattr(usual, "means", None), getattr(usual, "exception", None))


def _located(source: str, channels: int) -> tuple[Path, dict[str, Any] | None]:
    """The file of weights, and the arguments of the compressor where ``source`` is a codec."""
    path = Path(source)
    if path.suffix == weights.SUFFIX or path.is_file():
        return path, None
    codec = registry.load(source)
    if not issubclass(codec, LearnedCodec):
        raise UsageError(
            f"codec {source!r} has no weights to inspect; name a learned one, or a file of "
            f"weights (*{weights.SUFFIX})"
        )
    options = codec.resolve_options({})
    codec.require(options)
    there = [
        (path, int(card.configuration.get("channels", 3)))
        for path, card in codec.available(options)
    ]
    found = [path for path, own in there if own == channels]
    if not found:
        others = "luma (`color='luma'`)" if channels == 3 else "RGB (`color='rgb'`)"
        raise UsageError(f"the weights of codec {source!r} that rdbench ships are for {others}")
    if len(found) > 1:
        listed = ", ".join(str(path) for path in found)
        raise UsageError(
            f"codec {source!r} comes with {len(found)} files of weights for images of {channels} "
            f"channels, not with one; name a file: {listed}"
        )
    arguments = codec.arguments(options)
    arguments.pop("coder", None)  # both are looked at
    return found[0], arguments
