"""A network of Dumas et al. 2018 that begins as a linear block transform.

From random kernels a training spends its first thousands of steps on what is known: that the
samples of a block are alike. :func:`install` sets the kernels so that analysis is an orthonormal
transform of blocks of 16×16 pixels, synthesis its inverse without the weakest functions, and
normalisations all but do nothing; rates and distortions are then those of a plain transform coder,
and the training goes on from there.

The transform has the shape of the network: the DCT of 4×4 pixels, then twice a 2×2 Haar transform
of each of its maps. Of each stage the maps are kept that have the most energy in an image whose
neighbouring samples have a correlation of 0.95; those of RGB are of its sum and two differences.
Maps that are left over begin with small random
kernels that nothing depends on yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import scipy.fft
import torch
from numpy.typing import NDArray
from torch import Tensor

from rdbench.models.dumas2018 import Dumas2018
from rdbench.models.layers import PROJECTION_FLOOR, ProjectedGDN

STEP: Final = 16.0
"""The quantization step of the transform's coefficients for which a step of the latents stands,
about that of the highest rate of the paper."""
_CORRELATION: Final = 0.95
_FIRST_GAIN: Final = 1 / 32  # keeps what is normalised small
_LEFT_OVER: Final = 0.3
_UNDOES: Final = 1.6

Array = NDArray[np.float64]

_RGB: Final[Array] = np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]]) / np.sqrt([[3], [2], [6]])
_RGB_VARIANCES: Final[Array] = np.array([1.0, 0.05, 0.02])


@dataclass(frozen=True)
class _Stage:
    """The maps of a stage: each is one kernel on one mixture of the maps of the stage before."""

    mixtures: Array
    """(maps, maps of the stage before), orthonormal or one of these alone"""
    kernels: Array
    """(maps, side, side), orthonormal"""
    functions: Array
    """(maps, n, n), what they are on the pixels"""
    strengths: Array
    """(maps,), the variance of the colours that they are of"""


def install(network: Dumas2018) -> None:
    """Set kernels, biases and normalisations of ``network``, whose left-over kernels keep what
    they were drawn as, in part."""
    maps = len(network.steps)
    dct = scipy.fft.dct(np.eye(4), axis=0, norm="ortho")
    haar = scipy.fft.dct(np.eye(2), axis=0, norm="ortho")
    colours, variances = (
        (_RGB, _RGB_VARIANCES) if network.channels == 3 else (np.eye(1), np.ones(1))
    )
    point = np.ones((len(colours), 1, 1))
    stages = [_Stage(colours, point, point, variances)]
    for transform in (dct, haar, haar):
        stages.append(_stage(stages[-1], transform, maps))
    first, second, third = (np.ones(len(stage.kernels)) for stage in stages[1:])
    gain = _FIRST_GAIN / np.sqrt(len(colours))
    first *= gain
    third /= STEP * gain
    analysis = [layer for layer in network.encoder if not isinstance(layer, ProjectedGDN)]
    synthesis = [layer for layer in network.decoder if not isinstance(layer, ProjectedGDN)]
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, ProjectedGDN):
                layer.beta.fill_(1.0)
                layer.gamma.fill_(PROJECTION_FLOOR)
        if network.case != 2:
            # The means of blocks are the largest latents: what they lose by being normalised, and
            # others with them, comes back but for a few percent.
            network.decoder[0].gamma[:, 0] *= _UNDOES
            network.decoder[0].gamma[0] = network.decoder[0].gamma[:, 0]
        for number, gains in enumerate((first, second, third)):
            _set(analysis[number], stages[number + 1], gains)
            _set(synthesis[-1 - number], stages[number + 1], 1 / gains)
        # Samples are far from 0: without its mean a kernel answers to what is in the block.
        left_over = analysis[0].weight[len(first) :]
        left_over -= left_over.mean(dim=(2, 3), keepdim=True)


def _stage(before: _Stage, transform: Array, maps: int) -> _Stage:
    """``transform``, (side, side), in both directions on each map of the stage ``before``, or on
    each of its colours, of which the ``maps`` with the most energy are kept, in their order."""
    side, size = len(transform), before.functions.shape[-1]
    planes = np.einsum("ki,lj->klij", transform, transform).reshape(-1, side, side)
    count = len(before.functions) * len(planes)
    functions = np.einsum("qab,cij->cqaibj", planes, before.functions)
    functions = functions.reshape(count, side * size, side * size)
    places = np.arange(side * size)
    covariance = _CORRELATION ** np.abs(places[:, np.newaxis] - places)
    energy = np.einsum("bij,ik,jl,bkl->b", functions, covariance, covariance, functions)
    energy *= before.strengths.repeat(len(planes))
    kept = np.sort(np.argsort(-energy, kind="stable")[:maps])
    parents = kept // len(planes)
    mixtures = before.mixtures if size == 1 else np.eye(len(before.functions))
    return _Stage(
        mixtures[parents], planes[kept % len(planes)], functions[kept], before.strengths[parents]
    )


def _set(layer: Any, stage: _Stage, gains: Array) -> None:
    """Give the maps of ``stage`` their kernels in ``layer``, times ``gains``. Those of the maps
    that are left over are made small: in analysis nothing depends on these maps yet, in synthesis
    they are 0."""
    weight: Tensor = layer.weight  # of either direction: (maps, maps nearer to the pixels, k, k)
    count, known = stage.mixtures.shape
    before, side = (weight.shape[-1] - layer.stride) // 2, stage.kernels.shape[-1]
    weight[count:] *= _LEFT_OVER
    weight[:count] = 0
    taps = slice(before, before + side)
    kernels = np.einsum("o,oc,oij->ocij", gains, stage.mixtures, stage.kernels)
    weight[:count, :known, taps, taps] = torch.from_numpy(kernels).to(weight)
