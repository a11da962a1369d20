"""A network of Dumas et al. 2018 that begins as a linear block transform.

From random kernels a training spends its first thousands of steps on what is known: that the
samples of a block are alike. :func:`install` sets the kernels so that analysis is an orthonormal
transform of blocks of 16×16 pixels, synthesis its inverse without the weakest functions, and
normalisations all but do nothing; rates and distortions are then those of a plain transform coder,
and the training goes on from there.

The transform has the shape of the network: the DCT of 4×4 pixels, then twice a 2×2 Haar transform
of each of its maps. Of each stage the maps are kept that have the most energy in an image whose
neighbouring samples have a correlation of 0.95. Maps that are left over begin with small random
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
DC_STEP: Final = 64.0
"""That of the means of blocks where the bottleneck is normalised: smaller latents, which its
normalisation leaves as they are."""

_CORRELATION: Final = 0.95
_FIRST_GAIN: Final = 1 / 32  # keeps what is normalised small
_LEFT_OVER: Final = 0.3

Array = NDArray[np.float64]


@dataclass(frozen=True)
class _Stage:
    """The maps of a stage: each has a ``kernel`` on the map ``parents`` of the stage before."""

    parents: NDArray[np.intp]
    kernels: Array
    """(maps, side, side), orthonormal"""
    functions: Array
    """(maps, n, n), what they are on the pixels"""


def install(network: Dumas2018) -> None:
    """Set kernels, biases and normalisations of ``network``, whose left-over kernels keep what
    they were drawn as, in part. Raises :class:`ValueError` for networks of RGB."""
    if network.channels != 1:
        raise ValueError("the block transform is of luma")
    maps = len(network.steps)
    dct = scipy.fft.dct(np.eye(4), axis=0, norm="ortho")
    haar = scipy.fft.dct(np.eye(2), axis=0, norm="ortho")
    pixels = _Stage(np.zeros(1, np.intp), np.ones((1, 1, 1)), np.ones((1, 1, 1)))
    stages = [_stage(pixels, dct, maps)]
    stages += [_stage(stages[-1], haar, maps)]
    stages += [_stage(stages[-1], haar, maps)]
    gains = [np.full(len(stage.kernels), 1.0) for stage in stages]
    gains[0] *= _FIRST_GAIN
    gains[2] /= STEP * _FIRST_GAIN
    if network.case != 2:
        gains[2][0] *= STEP / DC_STEP
    analysis = [layer for layer in network.encoder if not isinstance(layer, ProjectedGDN)]
    synthesis = [layer for layer in network.decoder if not isinstance(layer, ProjectedGDN)]
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, ProjectedGDN):
                layer.beta.fill_(1.0)
                layer.gamma.fill_(PROJECTION_FLOOR)
        for there, back, stage, gain in zip(
            analysis, reversed(synthesis), stages, gains, strict=True
        ):
            _set(there, stage, gain)
            _set(back, stage, 1 / gain)
        # Samples are far from 0: without its mean a kernel answers to what is in the block.
        left_over = analysis[0].weight[len(gains[0]) :]
        left_over -= left_over.mean(dim=(2, 3), keepdim=True)


def _stage(before: _Stage, transform: Array, maps: int) -> _Stage:
    """``transform``, (side, side), in both directions on each map of the stage ``before``, of
    which the ``maps`` with the most energy are kept, in their order."""
    side, size = len(transform), before.functions.shape[-1]
    planes = np.einsum("ki,lj->klij", transform, transform).reshape(-1, side, side)
    count = len(before.functions) * len(planes)
    functions = np.einsum("qab,cij->cqaibj", planes, before.functions)
    functions = functions.reshape(count, side * size, side * size)
    places = np.arange(side * size)
    covariance = _CORRELATION ** np.abs(places[:, np.newaxis] - places)
    energy = np.einsum("bij,ik,jl,bkl->b", functions, covariance, covariance, functions)
    kept = np.sort(np.argsort(-energy, kind="stable")[:maps])
    return _Stage(kept // len(planes), planes[kept % len(planes)], functions[kept])


def _set(layer: Any, stage: _Stage, gains: Array) -> None:
    """Give the maps of ``stage`` their kernels in ``layer``, times ``gains``. Those of the maps
    that are left over are made small: in analysis nothing depends on these maps yet, in synthesis
    they are 0."""
    weight: Tensor = layer.weight  # of either direction: (maps, maps nearer to the pixels, k, k)
    side = stage.kernels.shape[-1]
    before = (weight.shape[-1] - layer.stride) // 2
    count = len(stage.kernels)
    weight[count:] *= _LEFT_OVER
    weight[:count] = 0
    taps = slice(before, before + side)
    kernels = torch.from_numpy(stage.kernels * gains[:, np.newaxis, np.newaxis])
    weight[torch.arange(count), torch.from_numpy(stage.parents), taps, taps] = kernels.to(weight)
