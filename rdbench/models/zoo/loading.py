"""Coders made from checkpoints of CompressAI."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Any, Final, TypeVar

from torch import Tensor

from rdbench.errors import UsageError
from rdbench.models import checkpoints, weights
from rdbench.models.compression.base import Execution
from rdbench.models.operations import count
from rdbench.models.zoo import files, own, parameters
from rdbench.models.zoo.compressors import (
    FactorizedCompressor,
    GaussianCompressor,
    VariableCompressor,
    ZooCompressor,
)
from rdbench.models.zoo.contexts import (
    Autoregressive,
    ChannelGroups,
    Checkerboard,
    Context,
    MeanScale,
    ScaleOnly,
    VariableAutoregressive,
)
from rdbench.models.zoo.library import layers, models, rename_keys
from rdbench.schema import one_line

_Coder = TypeVar("_Coder")


@dataclass(frozen=True)
class _Kind:
    """How a network of CompressAI becomes a coder; ``margin``: how many latents around a tile g_a
    and g_s see."""

    network: Any
    compressor: type[ZooCompressor]
    margin: int
    context: Callable[[Any], Context] | None = None


KINDS: Final[Mapping[str, _Kind]] = {
    "bmshj2018-factorized": _Kind(models.FactorizedPrior, FactorizedCompressor, 2),
    "bmshj2018-factorized-relu": _Kind(models.FactorizedPriorReLU, FactorizedCompressor, 2),
    "bmshj2018-hyperprior": _Kind(
        models.ScaleHyperprior, GaussianCompressor, 2, lambda _: ScaleOnly()
    ),
    "mbt2018-mean": _Kind(models.MeanScaleHyperprior, GaussianCompressor, 2, lambda _: MeanScale()),
    "mbt2018": _Kind(
        models.JointAutoregressiveHierarchicalPriors, GaussianCompressor, 2, Autoregressive
    ),
    "cheng2020-anchor": _Kind(models.Cheng2020Anchor, GaussianCompressor, 7, Autoregressive),
    "cheng2020-attn": _Kind(models.Cheng2020Attention, GaussianCompressor, 11, Autoregressive),
    "bmshj2018-hyperprior-vbr": _Kind(
        models.ScaleHyperpriorVbr, VariableCompressor, 2, lambda _: ScaleOnly()
    ),
    "mbt2018-mean-vbr": _Kind(
        models.MeanScaleHyperpriorVbr, VariableCompressor, 2, lambda _: MeanScale()
    ),
    "mbt2018-vbr": _Kind(
        models.JointAutoregressiveHierarchicalPriorsVbr,
        VariableCompressor,
        2,
        VariableAutoregressive,
    ),
    "cheng2020-anchor-checkerboard": _Kind(
        models.Cheng2020AnchorCheckerboard,
        GaussianCompressor,
        7,
        lambda network: Checkerboard(network.latent_codec["y"]),
    ),
    "elic2022-official": _Kind(
        models.Elic2022Official,
        GaussianCompressor,
        9,
        lambda network: ChannelGroups(network.latent_codec["y"]),
    ),
    "elic2022-chandelier": _Kind(
        models.Elic2022Chandelier,
        GaussianCompressor,
        9,
        lambda network: ChannelGroups(network.latent_codec["y"]),
    ),
}

_loaded: weakref.WeakValueDictionary[tuple[Any, ...], Any] = weakref.WeakValueDictionary()


def load(path: Path, name: str, execution: Execution | None = None, key: str = "") -> ZooCompressor:
    """The coder of the architecture ``name`` with the weights in ``path``, which are there under
    ``key``, if it is given.

    All callers that ask for the same share one object, for as long as one of them keeps it. Raises
    :class:`UsageError` for a file that is missing, damaged or of another architecture.
    """
    execution = execution or Execution()

    def made(where: str) -> ZooCompressor:
        files.check_download(path)
        state = checkpoints.of_network(checkpoints.read(path, key), "g_a.", where)
        try:
            return compressor(name, state, execution)
        except UsageError as error:
            raise UsageError(f"{where}: {error}") from None

    return _shared(made, path, name, execution, key)


def load_own(
    path: Path, model: str, execution: Execution, key: str = "", multiple: int = 0
) -> own.OwnCompressor:
    """The coder of the user's network, ``model``: FILE.py:NAME; otherwise like :func:`load`.
    ``multiple``: as for :class:`rdbench.models.zoo.own.OwnCompressor`."""
    make = own.find(model)

    def made(where: str) -> own.OwnCompressor:
        return own.compressor(make, checkpoints.read(path, key), execution, multiple, where)

    return _shared(made, path, make, execution, key, multiple)


def _shared(made: Callable[[str], _Coder], path: Path, *asked: object) -> _Coder:
    changed = path.stat().st_mtime_ns if path.exists() else 0
    case = (path.resolve(), changed, *asked)
    found: _Coder | None = _loaded.get(case)
    if found is None:
        found = _loaded[case] = made(f"checkpoint {str(path)!r}")
    return found


def compressor(name: str, state: Mapping[str, Tensor], execution: Execution) -> ZooCompressor:
    """The coder of the architecture ``name`` with the weights ``state``, under the names of
    CompressAI's networks in any release; the tensors decide the sizes. Raises :class:`UsageError`
    for weights of another architecture."""
    files.named(name)
    kind = KINDS[name]
    state = rename_keys(dict(state))
    variable = {}
    if "vr_entbttlnck" in signature(kind.network.from_state_dict).parameters:
        variable = {"vr_entbttlnck": any(key.startswith("gayn2zqstep.") for key in state)}
    try:
        network = parameters.fitting(kind.network).from_state_dict(state, **variable).eval()
    except (
        *(LookupError, RuntimeError, ValueError, AttributeError, TypeError, ArithmeticError),
        *(AssertionError, MemoryError),
    ) as error:
        reason = one_line((str(error).strip() or type(error).__name__).splitlines()[-1], 160)
        raise UsageError(
            f"the weights are not of {name!r} ({reason}); name their architecture with arch="
        ) from None
    for layer in network.modules():
        if isinstance(layer, layers.MaskedConv2d):
            layer.weight.data *= layer.mask
    identity = weights.identity(parameters.named(network.state_dict()))
    arguments: dict[str, Any] = {"margin": kind.margin}
    if kind.context:
        arguments["context"] = kind.context(network)
    cost = count(network, stride=kind.compressor.stride)
    found = kind.compressor(name, network, identity, execution, **arguments)
    found.cost = cost
    return found
