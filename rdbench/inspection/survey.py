"""The latents of a dataset, and what they cost at several quantization steps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rdbench.images import ImageRef
from rdbench.inspection.model import Model

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Survey:
    """The results of a model on a dataset."""

    latents: list[NDArray[np.float32]]
    """of each image y, not quantized, (maps, height, width)"""
    rates: pd.DataFrame
    """a row for each image and beta: ``image``, ``beta``, ``pixels``; ``zero_maps``, the maps of y
    that are 0 all over; rates in bits per pixel: ``model_bpp`` by the model's densities,
    ``estimated_bpp`` by the paper's estimate, ``CODER_bpp`` of the coded payloads"""
    map_rates: pd.DataFrame
    """a row for each image, beta and map: ``image``, ``beta``, ``latents`` ("y" or "z"), ``map``,
    ``bpp`` by the model's densities, and ``zero``, whether the map is 0 all over"""


def survey(model: Model, images: Iterable[ImageRef], betas: Sequence[float]) -> Survey:
    """Latents and rates of ``images`` with ``betas`` times the trained steps.

    The latents of all images are kept, in 1 to 3 bytes for a sample of the images. Raises
    :class:`rdbench.errors.ImageError` for an image that cannot be read, and
    :class:`rdbench.errors.UnsupportedImageError` for one that is not of the model's channels.
    """
    import pandas as pd
    import torch

    latents, rates, map_rates = [], [], []
    for image in images:
        samples = image.load()
        pixels = samples.shape[0] * samples.shape[1]
        y = model.compressor.analysis(samples)
        latents.append(y[0].numpy())
        for beta in betas:
            key = {"image": image.name, "beta": beta}
            row: dict[str, Any] = {**key, "pixels": pixels}
            with torch.inference_mode():
                coded = {name: c.encode_latents(y, beta) for name, c in model.coders.items()}
            known = coded["ans"]
            zero = ~known.symbols["y"].any(axis=(1, 2))
            row["zero_maps"] = int(zero.sum())
            information = model.compressor.information(known, beta)
            row["model_bpp"] = sum(bits.sum() for bits in information.values()) / pixels
            row["estimated_bpp"] = model.compressor.estimated_bits(known, beta) / pixels
            for name, one in coded.items():
                row[f"{name}_bpp"] = 8 * sum(map(len, one.payloads)) / pixels
            rates.append(row)
            for kind, bits in information.items():
                columns: dict[str, Any] = {
                    **key,
                    "latents": kind,
                    "map": np.arange(len(bits)),
                    "bpp": bits.sum(axis=(1, 2)) / pixels,
                    "zero": ~known.symbols[kind].any(axis=(1, 2)),
                }
                map_rates.append(pd.DataFrame(columns))
    return Survey(latents, pd.DataFrame(rates), pd.concat(map_rates, ignore_index=True))


def costliest(map_rates: pd.DataFrame) -> list[int]:
    """All maps of y, the one that costs most at the smallest beta first; mean over images."""
    own = map_rates[(map_rates["latents"] == "y") & (map_rates["beta"] == map_rates["beta"].min())]
    means = own.groupby("map")["bpp"].mean()
    return [int(number) for number in means.sort_values(ascending=False, kind="stable").index]


def rate_map(model: Model, image: ImageRef, beta: float) -> pd.DataFrame:
    """What each position of the latents costs, summed over maps, side information included, whose
    bits are shared evenly among the positions that it serves.

    Columns: ``row`` and ``column`` of the position; ``top`` and ``left``, its first pixel, and
    ``side``, the pixels of its side; ``bits``. Positions beyond the image belong to its padding.
    """
    import pandas as pd
    import torch

    with torch.inference_mode():
        coded = model.compressor.encode_latents(model.compressor.analysis(image.load()), beta)
    information = model.compressor.information(coded, beta)
    bits = information["y"].sum(axis=0)
    if "z" in information:
        side = information["z"].sum(axis=0)
        served = bits.shape[0] // side.shape[0]
        bits = bits + np.kron(side, np.full((served, served), 1 / served**2))
    rows, columns = np.indices(bits.shape)
    cell = model.compressor.cell
    return pd.DataFrame(
        {
            "row": rows.ravel(),
            "column": columns.ravel(),
            "top": rows.ravel() * cell,
            "left": columns.ravel() * cell,
            "side": cell,
            "bits": bits.ravel(),
        }
    )
