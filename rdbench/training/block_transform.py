"""Networks that begin as a linear block transform.

From random kernels, a training spends its first thousands of steps on what is known anyway: that
the samples of a block are similar. :func:`install` sets the kernels so that analysis is an
orthonormal transform of blocks of 16×16 pixels, synthesis its inverse without the weakest
functions, and normalizations do almost nothing. Rates and distortions are then those of a plain
transform coder, and the training continues from there.

The transform has the shape of the network. That of Dumas et al. 2018 is the DCT of 4×4 pixels,
then twice a 2×2 Haar transform of each of its maps; networks of four stages have the Haar transform
four times. Of each stage the maps are kept that have the most energy in an image whose neighboring
samples have a correlation of 0.95; those of RGB are of its sum and two differences. Maps that are
left over begin with small random kernels that nothing depends on yet.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import scipy.fft
import torch
from numpy.typing import NDArray
from torch import Tensor

from rdbench.models.dumas2018 import Dumas2018
from rdbench.models.layers import GDN, PROJECTION_FLOOR, ProjectedGDN

STEP: Final = 16.0
"""The quantization step of the coefficients for which a step of the latents of Dumas et al. 2018
stands, about that of the highest rate of the paper."""
_CORRELATION: Final = 0.95
_FIRST_GAIN: Final = 1 / 32  # keeps what is normalized small
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
    """(maps,), the variance of the colors that they are of"""


def install(network: Dumas2018) -> None:
    """Set kernels, biases and normalizations of ``network``, whose left-over kernels keep what
    they were drawn as, in part."""
    maps = len(network.steps)
    dct = scipy.fft.dct(np.eye(4), axis=0, norm="ortho")
    stages = _stages(network.channels, [(dct, maps), (_HAAR, maps), (_HAAR, maps)])
    gain = _FIRST_GAIN / math.sqrt(network.channels)
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, ProjectedGDN):
                layer.beta.fill_(1.0)
                layer.gamma.fill_(PROJECTION_FLOOR)
        if network.case != 2:
            # The means of blocks are the largest latents: what they lose by being normalized, and
            # others with them, comes back but for a few percent.
            network.decoder[0].gamma[:, 0] *= _UNDOES
            network.decoder[0].gamma[0] = network.decoder[0].gamma[:, 0]
        _set_all(network.encoder, network.decoder, stages, [gain, 1.0, 1 / (STEP * gain)])


def install_four_stages(network: Any, weight: float) -> None:
    """Set the transforms g_a and g_s of ``network``, four stages of stride 2: kernels, biases and
    normalizations.

    A step of the latents stands for that of a transform coder of the lowest bpp + ``weight``·MSE,
    the squared error on the scale 0..255.
    """
    latents, hidden = network.g_a[-1].weight.shape[:2]
    stages = _stages(network.channels, [*[(_HAAR, hidden)] * 3, (_HAAR, latents)])
    black, white = network.sample_range
    middle = (black + white) / 2
    # Of a coefficient with step s: s²/12 of squared error, a third of which counts in RGB, and
    # −log2 s bits.
    step = math.sqrt(6 * network.channels / (weight * math.log(2)))
    # Means of blocks stay within ±1 as far as there are normalizations.
    first = 1 / ((white - black) * math.sqrt(network.channels))
    gains = [first, 0.5, 0.5, 255 / (white - black) / step / (first / 4)]
    with torch.no_grad():
        for layer in (*network.g_a, *network.g_s):
            if isinstance(layer, GDN):
                layer.set_to(1.0, PROJECTION_FLOOR)
            else:
                layer.bias.zero_()
        _set_all(network.g_a, network.g_s, stages, gains)
        network.g_a[0].bias -= middle * network.g_a[0].weight.sum(dim=(1, 2, 3))
        network.g_s[-1].bias += middle


_HAAR: Final[Array] = scipy.fft.dct(np.eye(2), axis=0, norm="ortho")


def _stages(channels: int, transforms: Sequence[tuple[Array, int]]) -> list[_Stage]:
    """One stage for each transform, (side, side), with how many maps it keeps at most."""
    colors, variances = (_RGB, _RGB_VARIANCES) if channels == 3 else (np.eye(1), np.ones(1))
    point = np.ones((channels, 1, 1))
    stages = [_Stage(colors, point, point, variances)]
    for transform, maps in transforms:
        stages.append(_stage(stages[-1], transform, maps))
    return stages[1:]


def _stage(before: _Stage, transform: Array, maps: int) -> _Stage:
    """``transform``, (side, side), in both directions on each map of the stage ``before``, or on
    each of its colors, of which the ``maps`` with the most energy are kept, in their order."""
    side, size = len(transform), before.functions.shape[-1]
    planes = np.einsum("ki,lj->klij", transform, transform).reshape(-1, side, side)
    count = len(before.functions) * len(planes)
    functions = np.einsum("qab,cij->cqaibj", planes, before.functions)
    functions = functions.reshape(count, side * size, side * size)
    places = np.arange(side * size)
    covariance = _CORRELATION ** np.abs(places[:, np.newaxis] - places)
    energy = np.einsum(
        "bij,ik,jl,bkl->b", functions, covariance, covariance, functions, optimize=True
    )
    energy *= before.strengths.repeat(len(planes))
    kept = np.sort(np.argsort(-energy, kind="stable")[:maps])
    parents = kept // len(planes)
    mixtures = before.mixtures if size == 1 else np.eye(len(before.functions))
    return _Stage(
        mixtures[parents],
        planes[kept % len(planes)],
        functions[kept],
        before.strengths[parents],
    )


def _set_all(encoder: Any, decoder: Any, stages: list[_Stage], gains: Sequence[float]) -> None:
    """Give the convolutions of both transforms the kernels of ``stages``."""
    analysis, synthesis = (
        [layer for layer in transform if not isinstance(layer, (GDN, ProjectedGDN))]
        for transform in (encoder, decoder)
    )
    for down, up, stage, gain in zip(analysis, reversed(synthesis), stages, gains, strict=True):
        _set(down, stage, gain)
        _set(up, stage, 1 / gain)
    # Samples are far from 0: without its mean a kernel answers to what is in the block.
    left_over = analysis[0].weight[len(stages[0].kernels) :]
    left_over -= left_over.mean(dim=(2, 3), keepdim=True)


def _set(layer: Any, stage: _Stage, gain: float) -> None:
    """Give the maps of ``stage`` their kernels in ``layer``, times ``gain``. Those of the maps
    that are left over are made small: in analysis nothing depends on these maps yet, in synthesis
    they are 0."""
    weight: Tensor = layer.weight  # of either direction: (maps, maps nearer to the pixels, k, k)
    count, known = stage.mixtures.shape
    side = stage.kernels.shape[-1]
    # The first of the taps that lie on the block itself.
    padding = getattr(layer, "padding", None)
    before = padding[0] if padding else (weight.shape[-1] - layer.stride) // 2
    weight[count:] *= _LEFT_OVER
    weight[:count] = 0
    taps = slice(before, before + side)
    kernels = gain * np.einsum("oc,oij->ocij", stage.mixtures, stage.kernels)
    weight[:count, :known, taps, taps] = torch.from_numpy(kernels).to(weight)
