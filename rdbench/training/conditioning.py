"""Coordinates in which the loss of Dumas et al. 2018 is better conditioned.

The paper trains normalizations as they are and a first layer whose samples, 16 to 235, all point
one way: steps that suit one parameter are far too long or short for another. An optimizer that
works within :func:`conditioned` sees roots of the parameters of normalizations, and biases of the
first layer as if their samples had been taken from the middle of the range. The network is the
same before and after.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import Any, Final

import torch
from torch import Tensor

from rdbench.models.dumas2018 import Dumas2018
from rdbench.models.layers import PROJECTION_FLOOR, ProjectedGDN

MIDDLE: Final = 125.5
"""Of the range of luma."""


@contextlib.contextmanager
def conditioned(network: Dumas2018) -> Iterator[None]:
    """Within it the parameters of ``network`` and their gradients are those of the coordinates."""
    first: Any = network.encoder[0]
    layers = [layer for layer in network.modules() if isinstance(layer, ProjectedGDN)]
    with torch.no_grad():
        for layer in layers:
            # Both halves of what is kept symmetric get the same step.
            layer.gamma.grad = (_gradient(layer.gamma) + _gradient(layer.gamma).T) / 2
            for parameter in (layer.beta, layer.gamma):
                parameter.sqrt_()
                _gradient(parameter).mul_(2 * parameter)
        _gradient(first.weight).sub_(MIDDLE * _gradient(first.bias)[:, None, None, None])
        first.bias += MIDDLE * first.weight.sum(dim=(1, 2, 3))
    yield
    with torch.no_grad():
        first.bias -= MIDDLE * first.weight.sum(dim=(1, 2, 3))
        for layer in layers:
            for parameter in (layer.beta, layer.gamma):
                parameter.clamp_(min=math.sqrt(PROJECTION_FLOOR)).square_()


def _gradient(parameter: Tensor) -> Tensor:
    assert parameter.grad is not None
    return parameter.grad
