"""Checkpoints of CompressAI made into coders."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Any, Final

from torch import Tensor

from rdbench.errors import UsageError
from rdbench.models import weights
from rdbench.models.compression.base import Execution
from rdbench.models.zoo import files
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


@dataclass(frozen=True)
class _Kind:
    """How a network of CompressAI becomes a coder; ``margin``: latents around a tile that g_a and
    g_s see."""

    network: Any
    compressor: Callable[..., ZooCompressor]
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

_DERIVED: Final = ("._quantized_cdf", "._offset", "._cdf_length", ".scale_table")
"""Buffers that CompressAI computes from weights and may or may not have saved."""

_loaded: weakref.WeakValueDictionary[tuple[Any, ...], ZooCompressor] = weakref.WeakValueDictionary()


def load(path: Path, name: str, execution: Execution | None = None) -> ZooCompressor:
    """The coder of the architecture ``name`` with the weights in ``path``.

    One object serves all who ask for the same while one of them keeps it. Raises
    :class:`UsageError` for a file that is missing, damaged or of another architecture.
    """
    execution = execution or Execution()
    changed = path.stat().st_mtime_ns if path.exists() else 0
    key = (path.resolve(), changed, name, execution)
    found = _loaded.get(key)
    if found is None:
        state = weights.read_foreign(path)
        files.check_download(path)
        try:
            found = compressor(name, state, execution)
        except UsageError as error:
            raise UsageError(f"checkpoint {str(path)!r}: {error}") from None
        _loaded[key] = found
    return found


def compressor(name: str, state: Mapping[str, Tensor], execution: Execution) -> ZooCompressor:
    """The coder of the architecture ``name`` with the weights ``state``, as CompressAI's networks
    name them, also in its first releases; sizes are those of the tensors. Raises
    :class:`UsageError` for weights of another architecture."""
    files.named(name)
    kind = KINDS[name]
    # CompressAI cannot load all that it saves with these buffers filled.
    state = {
        key: value.new_empty(0) if key.endswith(_DERIVED) else value
        for key, value in rename_keys(dict(state)).items()
    }
    variable = {}
    if "vr_entbttlnck" in signature(kind.network.from_state_dict).parameters:
        variable = {"vr_entbttlnck": any(key.startswith("gayn2zqstep.") for key in state)}
    try:
        network = kind.network.from_state_dict(state, **variable).eval()
    except (KeyError, RuntimeError, ValueError, AttributeError) as error:
        reason = one_line(str(error).strip().splitlines()[-1], 160)
        raise UsageError(
            f"the weights are not of {name!r} ({reason}); say which they are of with arch="
        ) from None
    for layer in network.modules():
        if isinstance(layer, layers.MaskedConv2d):
            layer.weight.data *= layer.mask
    identity = weights.identity(network.state_dict())
    arguments: dict[str, Any] = {"margin": kind.margin}
    if kind.context:
        arguments["context"] = kind.context(network)
    return kind.compressor(name, network, identity, execution, **arguments)
