"""Names of the parameters of an ``EntropyBottleneck``. CompressAI has changed them twice:
``_matrices.0`` at first, ``_matrix0`` from 1.1 on, ``matrices.0`` from 1.2.7 on; likewise biases
and factors. Variable-rate layers keep the second names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from torch import Tensor, nn

_SINGULAR: Final = {"matrices": "matrix", "biases": "bias", "factors": "factor"}
_NAME: Final = re.compile(
    r"((?:.*\.)?)(?:_(matrix|bias|factor)|_?(matrices|biases|factors)\.)(\d+)"
)
_DERIVED: Final = ("_quantized_cdf", "_offset", "_cdf_length", "scale_table")


def named(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """``state`` of any release, with the names before 1.2.7, by which weights are identified."""

    def name(key: str) -> str:
        match = _NAME.fullmatch(key)
        if match is None or f"{match[1]}quantiles" not in state:
            return key
        below, short, long, number = match.groups()
        return f"{below}_{short or _SINGULAR[long]}{number}"

    return {name(key): tensor for key, tensor in state.items()}


def fitted(state: Mapping[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """``state`` of any release, as ``network``, a new one of the installed release, can load it.
    The tables of entropy models are left as they are in ``network``: they are computed from
    weights, need not have been saved, and CompressAI cannot load all that it saves if they are
    filled."""
    fresh = network.state_dict()
    names = dict(zip(named(fresh), fresh, strict=True))
    kept = {names.get(key, key): value for key, value in named(state).items() if not _derived(key)}
    return kept | {key: value for key, value in fresh.items() if _derived(key)}


def fitting(network: type[Any]) -> type[Any]:
    """A subclass of ``network`` that loads states through :func:`fitted`."""

    class Fitting(network):
        def load_state_dict(self, state: Mapping[str, Tensor], *args: Any, **kwargs: Any) -> Any:
            return super().load_state_dict(fitted(state, self), *args, **kwargs)

    return Fitting


def _derived(key: str) -> bool:
    return key.rpartition(".")[2] in _DERIVED
