"""Validation: held-out images coded to real streams, decoded and scored."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import torch
from torch import nn

from rdbench.metrics import BUILT_IN, Reference
from rdbench.models import architectures
from rdbench.models.compression.base import Execution
from rdbench.models.weights import identity
from rdbench.training.data import Pictures

METRICS: Final = ("psnr_db", "ms_ssim_db")


def validate(
    architecture: str,
    network: nn.Module,
    pictures: Pictures,
    limit: int,
    device: str,
    stopped: Callable[[], bool],
) -> list[dict[str, Any]]:
    """One row for each of the first ``limit`` of ``pictures``: what ``network`` makes of it, which
    the coder changes to its needs. Empty where ``stopped`` says so meanwhile."""
    compressor = architectures.find(architecture).compressor(
        architecture, network, identity(network.state_dict()), Execution(device)
    )
    records = [BUILT_IN[name] for name in METRICS]
    rows = []
    for index, ref in enumerate(pictures.refs[:limit]):
        if stopped():
            return []
        image = pictures[index]
        pixels = image.shape[0] * image.shape[1]
        start = time.perf_counter()
        stream, coded = compressor.encode(image)
        decoded = compressor.decode(stream, pixels)
        seconds = time.perf_counter() - start
        scores = Reference(image, records).score(decoded).values
        rows.append(
            {
                "image": ref.name,
                "bpp": 8 * len(stream) / pixels,
                "estimated_bpp": compressor.estimated_bits(coded, 1.0) / pixels,
                "seconds": seconds,
                **{metric: scores.get(metric, "") for metric in METRICS},
            }
        )
    return rows


def latents_of(
    network: Any, pictures: Pictures, limit: int | None = None
) -> Iterator[torch.Tensor]:
    """y of each of the first ``limit`` pictures, (1, maps, h, w), float32, by ``network`` on its
    device; sides are cut to multiples of its stride."""
    stride, device = network.stride, next(network.parameters()).device
    for index in range(len(pictures))[:limit]:
        with torch.inference_mode():
            image = pictures[index]
            height, width = (side // stride * stride for side in image.shape[:2])
            samples = torch.from_numpy(image[:height, :width].copy()).permute(2, 0, 1)[None]
            y = network.analysis(samples.to(device) * (network.peak / 255.0))
        yield y
