"""Networks of CompressAI that were not trained and yet spread their latents as trained ones do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import skimage.data

from rdbench.models.zoo.files import ARCHITECTURES

SIZES: dict[str, tuple[int, ...]] = {
    name: (16,) if name.startswith("cheng") else (16, 320) if name.startswith("elic") else (16, 24)
    for name in ARCHITECTURES
}
"""N and M of small networks; M of ELIC is fixed."""


def photograph(height: int = 130, width: int = 201) -> np.ndarray:
    """A crop of a photograph: uint8, (height, width, 3)."""
    return np.ascontiguousarray(skimage.data.astronaut()[:height, :width])


def small(name: str, *, seed: int = 0) -> Any:
    """A small :func:`network` of the architecture ``name``."""
    return network(name, *SIZES[name], image=photograph(), seed=seed)


def padded(image: np.ndarray, multiple: int) -> Any:
    """An image as CompressAI takes it: float32, (1, 3, H, W), 0..1, sides multiples."""
    import torch

    below, right = -image.shape[0] % multiple, -image.shape[1] % multiple
    image = np.pad(image, ((0, below), (0, right), (0, 0)), mode="edge")
    return torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255


def network(name: str, *sizes: int, image: np.ndarray, spread: float = 2.0, seed: int = 0) -> Any:
    """A network of ``sizes`` (N, M) in evaluation mode: y of ``image`` has a standard deviation of
    ``spread``, and each map's Gaussian is about as wide as the map."""
    import torch

    from rdbench.models.zoo.loading import KINDS

    torch.manual_seed(seed)
    variable = (True,) if name in ("bmshj2018-hyperprior-vbr", "mbt2018-mean-vbr") else ()
    made = KINDS[name].network(*sizes, *variable).eval()
    hyper = made.latent_codec["hyper"] if hasattr(made, "latent_codec") else made
    with torch.no_grad():
        images = padded(image, 64)
        last = [layer for layer in made.g_a if hasattr(layer, "out_channels")][-1]
        for _ in range(3):
            _multiply(last, spread / made.g_a(images).std())
        y = made.g_a(images)[0]
        if hasattr(hyper, "h_a"):
            magnitudes = y.abs() if name.startswith("bmshj2018") else y
            _multiply(hyper.h_a[-1], 2 / hyper.h_a(magnitudes[None]).std())
            for layer, maps, means_first in _last_layers(made):
                means = y[maps].mean((1, 2))
                if len(layer.bias) == len(means):  # of scales alone
                    means = torch.zeros(0)
                    scales = y[maps].square().mean((1, 2)).sqrt()
                else:
                    scales = y[maps].std((1, 2))
                layer.weight *= 0.5
                layer.bias.copy_(torch.cat((means, scales) if means_first else (scales, means)))
        if hasattr(hyper.entropy_bottleneck, "_update_quantiles"):
            hyper.entropy_bottleneck._update_quantiles()
    return made


def block_transform(image: np.ndarray, maps: int = 48) -> Any:
    """A ``FactorizedPriorReLU`` that keeps what it codes, without training: two layers rearrange
    pixels, two more take principal components of blocks of ``image``; g_s mirrors that.

    ``image``: uint8, (height, width, 3), sides multiples of 16; ``maps``: N and M, 48 or more.
    """
    import torch
    from torch.nn.functional import pad, pixel_unshuffle

    from rdbench.models.zoo.loading import KINDS

    torch.manual_seed(0)
    made = KINDS["bmshj2018-factorized-relu"].network(maps, maps).eval()
    with torch.no_grad():
        for parameter in (*made.g_a.parameters(), *made.g_s.parameters()):
            parameter.zero_()
        values = padded(image, 16)
        for number, (down, up) in enumerate(zip(made.g_a[::2], made.g_s[::-2], strict=True)):
            blocks = pixel_unshuffle(values, 2)[0].flatten(1)
            inputs, kept = len(blocks) // 4, min(len(blocks), maps - (number == 2))
            basis, mean = torch.eye(len(blocks)), torch.zeros(inputs)
            if number >= 2:
                mean = blocks.reshape(inputs, -1).mean(1)
                blocks = blocks - mean.repeat_interleave(4)[:, None]
                basis = torch.linalg.svd(blocks, full_matrices=False)[0].T[:kept]
            shift = 10.0 if number == 2 else 0.0  # beyond the reach of ReLU
            scale = 20.0 if number == 3 else 1.0  # quantization steps in a unit
            kernel = basis.reshape(kept, inputs, 2, 2)
            down.weight[:kept, :inputs, 2:4, 2:4] = kernel * scale
            down.bias[:kept] = shift - scale * basis @ mean.repeat_interleave(4)
            up.weight[:kept, :inputs, 2:4, 2:4] = kernel / scale
            up.bias[:inputs] = mean
            if number == 2:  # a constant, which takes back the shift at each place of a block
                up.weight[-1, :inputs, 2:4, 2:4] = -shift * kernel.sum(0)
            if number == 3:
                up.bias[-1] = 1
            values = pad(values, (0, 0, 0, 0, 0, down.in_channels - inputs))
            values = down(values).relu()[:, :kept]
        made.entropy_bottleneck._update_quantiles()
    return made


def _multiply(layer: Any, factor: Any) -> None:
    layer.weight *= factor
    layer.bias *= factor


def _last_layers(made: Any) -> Iterator[tuple[Any, slice, bool]]:
    """What gives scales and means: layer, maps, whether means come first."""
    everything = slice(None)
    if hasattr(made, "latent_codec"):
        codec = made.latent_codec["y"]
        if not hasattr(codec, "groups_acc"):
            yield codec.entropy_parameters[-1], everything, False
            return
        for k in range(len(codec.groups)):
            group = codec.latent_codec[f"y{k}"]
            maps = slice(codec.groups_acc[k], codec.groups_acc[k + 1])
            yield group.entropy_parameters[-1], maps, group["y"].chunks[0] == "means"
    elif hasattr(made, "entropy_parameters"):
        yield made.entropy_parameters[-1], everything, False
    else:
        yield [layer for layer in made.h_s if hasattr(layer, "weight")][-1], everything, False
